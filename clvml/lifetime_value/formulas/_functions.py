"""Lifetime value by formula: the classical formulas of textbooks and practice, as pure functions.

All arguments of a function refer to the same period (a year, a month, ...)::

    r     discount rate per period, as a fraction        n     number of periods
    m     margin per period                              rho   retention rate per period

Arguments are numbers or arrays and broadcast; results are float64. ``n`` need not be an integer: the
closed forms are used as they are. Missing values (NaN) propagate, and are logged;
any other invalid value raises :class:`~clvml.errors.InputError`.

All discounted sums with a constant payment are one geometric sum with ``d = 1 - rho / (1 + r)``
(:mod:`~clvml.lifetime_value.formulas`). The formulas with components (loyalty effects, profit contribution)
are in ``_loyalty.py``, those with a transition matrix (brand switching, Markov chains) in ``_chains.py``;
all are exported here.

Sources: Blattberg, Kim, Neslin, "Database Marketing" (2008), chapters 5 and 6, for the retention
formulas; Gupta, Lehmann, "Customers as assets" (Journal of Interactive Marketing 17, 2003) for the
infinite sum; any textbook of finance for the annuity.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from clvml.lifetime_value.formulas._chains import BrandSwitching, brand_switching, markov_chain
from clvml.lifetime_value.formulas._loyalty import (
    LoyaltyEffects,
    loyalty_effects,
    loyalty_streams,
    profit_contribution,
)
from clvml.lifetime_value.formulas._sums import (
    First,
    FloatArray,
    checked,
    checked_rate,
    geometric_sum,
    periods,
    refuse_divergence,
    steady_sum,
)

__all__ = [
    "BrandSwitching",
    "First",
    "FloatArray",
    "LoyaltyEffects",
    "annuity",
    "brand_switching",
    "historic",
    "loyalty_effects",
    "loyalty_streams",
    "markov_chain",
    "profit_contribution",
    "repeat_purchase",
    "retention",
    "rule_of_thumb",
]


def annuity(income: ArrayLike, discount_rate: ArrayLike, n_periods: ArrayLike) -> FloatArray:
    """Present value of a constant income, ``I * (1 - (1 + r)**-n) / r`` (ordinary annuity).

    The first income is at the end of the first period. At ``r = 0`` it is ``n * I``.

    Parameters
    ----------
    income : array_like
        Income per period, in currency units.
    discount_rate : array_like
        Per period, as a fraction, above -1.
    n_periods : array_like
        Number of periods, above 0; may be infinite if ``discount_rate`` is above 0.

    Returns
    -------
    ndarray or float
        In currency units, of the shape to which the arguments broadcast.

    Raises
    ------
    InputError
        If an argument is invalid, or an infinite sum diverges.

    See Also
    --------
    clvml.AnnuityValue : The formula as a model of customers.
    clvml.lifetime_value.formulas.retention : With a retention rate instead of an end.
    clvml.lifetime_value.formulas.repeat_purchase : Of purchases per period.
    clvml.what_if, clvml.tornado : What its inputs do to it.

    Examples
    --------
    An income of 100 twice per month for 20 years, at 8 % per year:

    >>> import numpy as np
    >>> from clvml.lifetime_value.formulas import annuity
    >>> print(f"{annuity(2400, 0.08, 20):.2f}")
    23563.55
    >>> annuity(2400, [0.0, 0.08], [20, np.inf]).tolist()
    [48000.0, 30000.0]
    """
    return checked("income", income) * steady_sum(discount_rate, n_periods, "next")


def retention(
    margin: ArrayLike,
    retention_rate: ArrayLike,
    discount_rate: ArrayLike,
    n_periods: ArrayLike | None = None,
    first: First = "now",
) -> FloatArray:
    """Present value of a margin with a constant retention rate, ``sum m * rho**t / (1 + r)**t``.

    Over an infinite horizon it is ``m * (1 + r) / (1 + r - rho)`` if the first margin is now, and
    ``m * rho / (1 + r - rho)`` if it is after one period.

    Parameters
    ----------
    margin : array_like
        Margin per period of an active customer, in currency units.
    retention_rate : array_like
        Probability of being retained for another period, in [0, 1].
    discount_rate : array_like
        Per period, as a fraction, above -1.
    n_periods : array_like, optional
        Number of margins counted, above 0; None (or infinite) for an infinite sum.
    first : {"now", "next"}
        Whether the first margin is now (``t = 0, ..., n - 1``), or after one period, subject to retention
        (``t = 1, ..., n``).

    Returns
    -------
    ndarray or float
        In currency units, of the shape to which the arguments broadcast.

    Raises
    ------
    InputError
        If an argument is invalid, or an infinite sum diverges
        (``rho >= 1 + r``).

    See Also
    --------
    clvml.RetentionValue : The formula as a model of customers.
    clvml.lifetime_value.formulas.estimate_retention_rate : The retention rate of customers.
    clvml.lifetime_value.formulas.markov_chain : With more states than retained and lost.
    clvml.what_if, clvml.tornado : What its inputs do to it.

    References
    ----------
    Blattberg, Kim, Neslin (2008), Database Marketing, chapter 5;
    Gupta, Lehmann (2003), Customers as Assets, Journal of Interactive Marketing 17(1), for the infinite sum.

    Examples
    --------
    A margin of 100 per year, a retention rate of 80 %, at 10 % per year:

    >>> from clvml.lifetime_value.formulas import annuity, retention
    >>> print(f"{retention(100, 0.8, 0.10):.2f} {retention(100, 0.8, 0.10, first='next'):.2f}")
    366.67 266.67
    >>> print(f"{retention(100, 0.8, 0.10, n_periods=3):.2f}")
    225.62

    With a retention rate of 1 it is the annuity:

    >>> float(retention(2400, 1, 0.08, 20, first="next") - annuity(2400, 0.08, 20))
    0.0
    """
    money = checked("margin", margin)
    rho = checked("retention_rate", retention_rate, lowest=0, highest=1)
    r = checked_rate(discount_rate)
    n = periods(np.inf if n_periods is None else n_periods)
    # r + (1 - rho), not 1 + r - rho, which would lose the digits of a tiny rate.
    loss = (r + (1 - rho)) / (1 + r)
    refuse_divergence(
        loss, n, {"retention_rate": rho, "discount_rate": r}, "retention_rate < 1 + discount_rate"
    )
    return money * geometric_sum(loss, n, first)


def repeat_purchase(
    profit: ArrayLike,
    purchases_per_period: ArrayLike,
    discount_rate: ArrayLike,
    n_periods: ArrayLike,
    first: First = "now",
) -> FloatArray:
    """Present value of regular purchases over ``n`` periods.

    Parameters
    ----------
    profit : array_like
        Amount per purchase, in currency units.
    purchases_per_period : array_like
        Not negative.
    discount_rate : array_like
        Per period, as a fraction, above -1.
    n_periods : array_like
        Above 0.
    first : {"now", "next"}, default "now"
        Whether a period's purchases are paid at its beginning or at its end.

    Returns
    -------
    ndarray or float
        In currency units, of the shape to which the arguments broadcast.

    Raises
    ------
    InputError
        If an argument is invalid.

    See Also
    --------
    clvml.RepeatRateValue : The formula as a model of customers.
    clvml.lifetime_value.formulas.annuity : Income per period.

    Examples
    --------
    100 per purchase, twice per month, for 20 years, at 8 % per year; each year's purchases at its
    beginning, at its end, or without discounting:

    >>> from clvml.lifetime_value.formulas import repeat_purchase
    >>> print(f"{repeat_purchase(100, 2 * 12, 0.08, 20):.2f}")
    25448.64
    >>> print(f"{repeat_purchase(100, 2 * 12, 0.08, 20, first='next'):.2f}")
    23563.55
    >>> print(f"{repeat_purchase(100, 2 * 12, 0.0, 20):.2f}")
    48000.00
    """
    money = checked("profit", profit) * checked("purchases_per_period", purchases_per_period, lowest=0)
    return money * steady_sum(discount_rate, n_periods, first)


def rule_of_thumb(
    average_purchase: ArrayLike,
    purchases_per_period: ArrayLike,
    lifetime: ArrayLike,
    retention_rate: ArrayLike,
) -> FloatArray:
    """The rule of thumb: average purchase x purchases per period x lifetime x retention rate.

    Textbooks call it "total customer value", which is also the term for the benefits of an offer that
    delivered value is about (`clvml.survey`). It is not discounted.

    Parameters
    ----------
    average_purchase : array_like
        Amount per purchase, in currency units.
    purchases_per_period : array_like
        Not negative.
    lifetime : array_like
        Average length of the customer relationship in periods, not negative.
    retention_rate : array_like
        Probability of being retained for another period, in [0, 1]. With a lifetime of
        ``1 / (1 - retention_rate)`` the rule is the retention formula over an infinite horizon at ``r = 0``,
        with the first margin after one period.

    Returns
    -------
    ndarray or float
        In currency units, of the shape to which the arguments broadcast.

    Raises
    ------
    InputError
        If an argument is invalid.

    See Also
    --------
    clvml.RuleOfThumbValue : The formula as a model of customers.
    clvml.lifetime_value.formulas.retention : With discounting.

    Examples
    --------
    >>> from clvml.lifetime_value.formulas import retention, rule_of_thumb
    >>> print(f"{rule_of_thumb(100, 24, 5, 0.8):.2f}, {retention(2400, 0.8, 0, first='next'):.2f}")
    9600.00, 9600.00
    """
    value = (
        checked("average_purchase", average_purchase)
        * checked("purchases_per_period", purchases_per_period, lowest=0)
        * checked("lifetime", lifetime, lowest=0)
        * checked("retention_rate", retention_rate, lowest=0, highest=1)
    )
    return value[()]


def historic(spend: ArrayLike, cost: ArrayLike = 0.0) -> FloatArray:
    """Historical value: past spend of the customer, less past cost.

    Parameters
    ----------
    spend : array_like
        Past spend of the customer, in currency units.
    cost : array_like, default 0
        Past cost of the customer, not negative.

    Returns
    -------
    ndarray or float
        In currency units, of the shape to which the arguments broadcast; negative where cost exceeds spend.

    Raises
    ------
    InputError
        If an argument is invalid.

    See Also
    --------
    clvml.HistoricValue : Past spend as a forecast.
    clvml.customer_profitability : Profit to date from transactions and costs.

    Examples
    --------
    >>> from clvml.lifetime_value.formulas import historic
    >>> historic([120.0, 30.0], cost=50).tolist()
    [70.0, -20.0]
    """
    return (checked("spend", spend) - checked("cost", cost, lowest=0))[()]
