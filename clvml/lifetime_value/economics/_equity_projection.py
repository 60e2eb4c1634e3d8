"""Customer equity of today's customers and of those to come, year by year, with an interval.

With ``A`` acquisitions per year, growing by ``g``, worth ``V`` each at their acquisition (first purchase
included) at an acquisition cost ``C``, and discounted by ``i`` per year::

    equity = present + sum over t = 1..n of  A (1 + g)**(t - 1) (V - C) / (1 + i)**t

Customers of a year are counted at its end. With ``g = i = 0`` it is ``present + n A (V - C)``.

The interval has two parts. The error of the model's values is shared by today's customers and those to come:
if today's total is 20 % too high, so is the later value of new customers (their first purchase is observed,
and their cost known). The number of acquisitions varies by itself: its variance is ``dispersion`` times its
mean, as in the past periods it is estimated from, and its level is known from ``n_counted`` acquisitions
only. Deviations of both parts are combined by their squares on either side (Zou, Donner 2008).

Sources: Gupta, Lehmann, Stuart, "Valuing Customers" (Journal of Marketing Research 41, 2004), equation 4, in
discrete time; Blattberg, Deighton, "Manage Marketing by the Customer Equity Test" (Harvard Business Review
74, 1996), for acquisition and retention as the two parts; Rust, Lemon, Zeithaml (Journal of Marketing 68,
2004); Zou, Donner, "Construction of confidence limits about effect measures" (Statistics in Medicine 27,
2008), equation 3.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from clvml.errors import InputError
from clvml.inference._arguments import check_coverage
from clvml.lifetime_value.formulas._sums import checked

PRESENT = "customers of today"
TOTAL = "total"
FASTEST_GROWTH = 1.0  # per year: acquisitions that more than double each year are a mistake or no forecast


class Acquisitions(NamedTuple):
    """Acquisitions to expect per year, with their growth and uncertainty.

    Parameters
    ----------
    per_year : float
        Customers to be won in the first year.
    growth : float, default 0
        Per year, as a fraction.
    dispersion : float, default 1
        Variance of the number in a period, per unit of its mean; 1 is Poisson.
    n_counted : float, default infinity
        Acquisitions in the past from which ``per_year`` is estimated; infinite where it is given.

    See Also
    --------
    clvml.lifetime_value.economics.expected_acquisitions : Estimates them from past periods.
    clvml.lifetime_value.economics.equity_projection : Projects customer equity with them.

    Examples
    --------
    >>> from clvml.lifetime_value.economics import Acquisitions
    >>> Acquisitions(per_year=1200.0, growth=0.05).growth
    0.05
    """

    per_year: float
    growth: float = 0.0
    dispersion: float = 1.0
    n_counted: float = math.inf


def expected_acquisitions(counts: pd.Series, periods_per_year: float, growth: float = 0.0) -> Acquisitions:
    """Acquisitions per year, estimated from those of past periods.

    Parameters
    ----------
    counts : pandas.Series
        Customers won per period, complete periods only; periods without any are zeros.
    periods_per_year : float
        Number of such periods per year: 12 for months.
    growth : float, default 0
        Per year, as a fraction.

    Returns
    -------
    Acquisitions
        The mean of the counts, and their variance per unit of the mean (at least 1).

    See Also
    --------
    clvml.lifetime_value.economics.equity_projection : Projects customer equity with them.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.lifetime_value.economics import expected_acquisitions
    >>> expected_acquisitions(pd.Series([10, 12, 8]), 12)
    Acquisitions(per_year=120.0, growth=0.0, dispersion=1.0, n_counted=30.0)
    """
    numbers = counts.to_numpy(dtype=np.float64)
    if not numbers.size:
        raise InputError("counts is empty: acquisitions need at least one complete period.")
    mean = float(numbers.mean())
    dispersion = float(numbers.var(ddof=1) / mean) if numbers.size > 1 and mean > 0 else 1.0
    return Acquisitions(mean * periods_per_year, growth, max(dispersion, 1.0), float(numbers.sum()))


def equity_projection(
    present: float,
    acquisitions: Acquisitions | float,
    new_customer_value: float,
    *,
    first_purchase: float = 0.0,
    acquisition_cost: float = 0.0,
    annual_discount_rate: float = 0.0,
    years: int = 3,
    present_interval: tuple[float, float] | None = None,
    coverage: float = 0.9,
) -> pd.DataFrame:
    """Customer equity of today's customers and of those acquired in each coming year.

    Parameters
    ----------
    present : float
        Total lifetime value of today's customers, in currency units.
    acquisitions : Acquisitions or float
        Customers to be won per year, with their growth and uncertainty.
    new_customer_value : float
        Lifetime value of a new customer after margin, first purchase included.
    first_purchase : float, default 0
        The part of it that is the first purchase, after margin.
    acquisition_cost : float, default 0
        CAC, in currency units.
    annual_discount_rate : float, default 0
        A fraction per year: 0.10 is 10 %.
    years : int, default 3
        Number of coming years in which customers are acquired.
    present_interval : pair of float, optional
        Prediction interval of ``present``; without it the interval is of acquisitions only.
    coverage : float, default 0.9
        Of the intervals.

    Returns
    -------
    pandas.DataFrame
        Index "customers of today", "year 1", ..., "total". Columns ``customers`` (won), ``value`` and
        ``cost`` (undiscounted), ``discount`` (factor), ``equity`` (``(value - cost) x discount``; the rows
        add up to the total), ``lower, upper``; ``attrs["coverage"]``.

    Raises
    ------
    InputError
        If an amount is not finite, a cost or number is negative, growth is above 100 % per year or at most
        -100 %.

    See Also
    --------
    clvml.customer_equity : Present and future in one sum, without years.
    clvml.lifetime_value.economics.expected_acquisitions : Acquisitions from past periods.
    clvml.plots.equity_projection : Draw the table.

    Examples
    --------
    >>> from clvml.lifetime_value.economics import Acquisitions, equity_projection
    >>> table = equity_projection(1000.0, Acquisitions(100, growth=0.1), 12.0, acquisition_cost=4.0,
    ...                           annual_discount_rate=0.1, years=2)
    >>> table[["customers", "equity"]].round(2)
                        customers   equity
    customers of today        NaN  1000.00
    year 1                  100.0   727.27
    year 2                  110.0   727.27
    total                   210.0  2454.55
    """
    plan = acquisitions if isinstance(acquisitions, Acquisitions) else Acquisitions(float(acquisitions))
    _check(present, plan, new_customer_value, first_purchase, acquisition_cost, annual_discount_rate, years)
    check_coverage(coverage)
    t = np.arange(1, years + 1)
    won = plan.per_year * (1 + plan.growth) ** (t - 1)
    discount = (1 + annual_discount_rate) ** -t.astype(float)
    later = new_customer_value - first_purchase
    table = pd.DataFrame(
        {
            "customers": [math.nan, *won, won.sum()],
            "value": [present, *(won * new_customer_value), present + float(won.sum() * new_customer_value)],
            "cost": [0.0, *(won * acquisition_cost), float(won.sum() * acquisition_cost)],
            "discount": [1.0, *discount, math.nan],
        },
        index=[PRESENT, *(f"year {year}" for year in t), TOTAL],
    )
    table["equity"] = (table["value"] - table["cost"]) * table["discount"]
    table.loc[TOTAL, "equity"] = table["equity"].iloc[:-1].sum()
    by_model = np.array([present, *(won * later * discount)])  # what the model's error multiplies
    net = np.abs((new_customer_value - acquisition_cost) * discount)
    chance, level = plan.dispersion * won, won**2 * _level_variance(plan)
    spread = np.array([0.0, *(net * np.sqrt(chance + level))])
    together = math.sqrt(float((net**2 * chance).sum()) + float((net * np.sqrt(level)).sum()) ** 2)
    ends = _ends(
        table["equity"].to_numpy(),
        np.append(by_model, by_model.sum()),
        np.append(spread, together),
        _relative(present, present_interval),
        coverage,
    )
    table["lower"], table["upper"] = ends
    table.attrs["coverage"] = coverage
    return table


def _level_variance(plan: Acquisitions) -> float:
    """Relative variance of the estimated level of acquisitions."""
    return plan.dispersion / plan.n_counted if plan.n_counted > 0 else 0.0


def _relative(present: float, interval: tuple[float, float] | None) -> tuple[float, float]:
    """How far below and above the model's values may be, as fractions of them."""
    if interval is None or not present > 0 or not all(map(math.isfinite, interval)):
        return 0.0, 0.0
    return max(1 - interval[0] / present, 0.0), max(interval[1] / present - 1, 0.0)


def _ends(
    equity: np.ndarray, by_model: np.ndarray, spread: np.ndarray, errors: tuple[float, float], coverage: float
) -> tuple[np.ndarray, np.ndarray]:
    quantile = float(stats.norm.ppf((1 + coverage) / 2))
    below, above = (np.hypot(error * by_model, quantile * spread) for error in errors)
    return equity - below, equity + above


def _check(
    present: float, plan: Acquisitions, value: float, first: float, cost: float, rate: float, years: int
) -> None:
    for name, number in (("present", present), ("new_customer_value", value), ("first_purchase", first)):
        checked(name, number)
        if not math.isfinite(number):
            raise InputError(f"{name} is {number!r}; it must be finite.")
    checked("acquisitions per year", plan.per_year, lowest=0)
    checked("acquisition_cost", cost, lowest=0)
    checked("annual_discount_rate", rate, lowest=0)
    if not -1 < plan.growth <= FASTEST_GROWTH:
        raise InputError(
            f"growth is {plan.growth:g} per year ({plan.growth:+.0%}); it must be above -1 and at most 1:"
            " acquisitions that more than double every year cannot be extrapolated. Give a fraction: 0.1 is"
            " 10 %."
        )
    if not (isinstance(years, int) and 1 <= years <= 100):
        raise InputError(f"years is {years!r}; it must be a whole number from 1 to 100.")
