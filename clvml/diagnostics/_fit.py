"""Goodness of fit: actual and expected distributions of frequency and of average spend.

A model may predict totals well and still have the wrong shape, such as too few one-time or too few frequent
buyers. These tables compare expected with actual numbers of customers.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from clvml.customers._summary_checks import HISTORY, check_customers, checked_columns
from clvml.errors import InputError
from clvml.lifetime_value._protocol import (
    Array,
    SupportsPurchaseProbability,
    SupportsSpendDistribution,
    require,
    title_of,
)

_COHORTS = 20
_SHOWN = 0.98  # share of the customers within the bins of spend


def fit_by_frequency(
    customers: pd.DataFrame, model: SupportsPurchaseProbability, top: int = 7
) -> pd.DataFrame:
    """Actual and expected numbers of customers with 0, 1, 2, ... repeat purchases.

    Expectations are unconditional, for customers grouped by length of observation ``T``; if there are more
    than 20 distinct ``T``, neighbouring ones are merged.

    Parameters
    ----------
    customers : pandas.DataFrame
        The customer summary, with covariates if the model has any.
    model : SupportsPurchaseProbability
        A fitted model of purchases, such as `BGNBD`.
    top : int, default 7
        Frequencies from this one on are merged.

    Returns
    -------
    pandas.DataFrame
        Index ``frequency``, text from "0" to "7+"; columns ``actual, expected``: numbers of customers.

    Raises
    ------
    InputError
        If the summary is invalid, ``top`` is below 1, or the model does not predict purchase probabilities.

    See Also
    --------
    clvml.plots.fit_by_frequency : Draw the table.
    clvml.evaluation.calibration_by_frequency : The same in a holdout.
    clvml.diagnostics.with_expected_purchases : The fit over time.

    Examples
    --------
    >>> import clvml
    >>> from clvml.diagnostics import fit_by_frequency
    >>> split = clvml.split(clvml.load_cdnow(), "1997-09-30", "1998-06-30")
    >>> fit_by_frequency(split.calibration, clvml.BGNBD().fit(split.calibration)).round().head(3)
               actual  expected
    frequency
    0          1411.0    1408.0
    1           439.0     460.0
    2           214.0     192.0
    """
    if top < 1:
        raise InputError(f"top is {top!r}; it must be at least 1.")
    instead = "give a fitted model of purchases such as clvml.BGNBD"
    require(model, SupportsPurchaseProbability, "the fit by frequency needs", instead)
    x = check_customers(customers, ["frequency"], getattr(model, "time_unit_", None))["frequency"].to_numpy()
    actual = np.bincount(np.minimum(x, top).astype(int), minlength=top + 1).astype(float)
    expected = np.zeros(top + 1)
    for age, new, number in _cohorts(customers, model):
        expected[:top] += [number @ model.purchase_probability(n, age, new) for n in range(top)]
    expected[top] = len(customers) - expected.sum()
    labels = [*map(str, range(top)), f"{top}+"]
    return pd.DataFrame({"actual": actual, "expected": expected}, pd.Index(labels, name="frequency"))


def fit_by_spend(customers: pd.DataFrame, model: SupportsSpendDistribution, bins: int = 40) -> pd.DataFrame:
    """Actual and expected distribution of average spend per customer.

    The variance of the average over ``x`` purchases decreases in ``x``: expected numbers are sums over
    customers of the distribution of the average over their number of purchases.

    Parameters
    ----------
    customers : pandas.DataFrame
        The customer summary; customers without repeat spend are excluded, as in the fit.
    model : SupportsSpendDistribution
        A fitted model of spend, such as `GammaGamma`.
    bins : int, default 40
        Approximate number of bins of equal, round width, which cover 98 % of the customers.

    Returns
    -------
    pandas.DataFrame
        Index ``monetary_value``, the midpoint of a bin; columns ``actual, expected``: numbers of
        customers. ``attrs["beyond"]`` has the numbers above the last bin, ``attrs["width"]`` the bin width.

    Raises
    ------
    InputError
        If the summary is invalid, no customer has repeat spend, ``bins`` is below 1, or the model does not
        predict the distribution of average spend.

    See Also
    --------
    clvml.plots.fit_by_spend : Draw the table.
    clvml.GammaGamma, clvml.LognormalSpend : Models of spend to compare by it.
    clvml.diagnostics.fit_by_frequency : The same for purchases.

    Examples
    --------
    >>> import clvml
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> model = clvml.GammaGamma().fit(customers)
    >>> clvml.diagnostics.fit_by_spend(customers, model, bins=5).round()
                    actual  expected
    monetary_value
    25.0             785.0     777.0
    75.0             127.0     138.0
    125.0             21.0      21.0
    """
    if bins < 1:
        raise InputError(f"bins is {bins!r}; it must be at least 1.")
    require(model, SupportsSpendDistribution, "the fit by spend needs", "give a fitted clvml.GammaGamma")
    x, m = checked_columns(customers, ("frequency", "monetary_value")).values()
    spent = (x > 0) & (m > 0)
    if not spent.any():
        raise InputError("no customer has repeat spend: there is no average spend to compare.")
    x, m = x[spent], m[spent]
    width = _round(float(np.quantile(m, _SHOWN)) / bins)
    edges = width * np.arange(np.floor(np.quantile(m, _SHOWN) / width) + 2)
    numbers, many = np.unique(x, return_counts=True)
    below = model.average_spend_cdf(numbers[:, None], edges)
    counts = {"actual": np.histogram(m, edges)[0].astype(float), "expected": many @ np.diff(below, axis=1)}
    table = pd.DataFrame(counts, pd.Index((edges[1:] + edges[:-1]) / 2, name="monetary_value"))
    table.attrs = {
        "beyond": (m.size - table.sum()).to_dict(),
        "width": width,
        "title": title_of(model),
    }
    return table


def _round(width: float) -> float:
    """Round up to 1, 2, 5, 10, ..."""
    power = 10.0 ** np.floor(np.log10(width))
    return float(power * next(step for step in (1, 2, 5, 10) if step * power >= width * (1 - 1e-9)))


def _cohorts(
    customers: pd.DataFrame, model: SupportsPurchaseProbability
) -> list[tuple[float, pd.DataFrame, Array]]:
    """Length of observation of each cohort, its distinct customers when new, and their numbers."""
    T = check_customers(customers, ["T"])["T"].to_numpy()
    new = customers[list(getattr(model, "required_columns", HISTORY))].assign(
        frequency=0.0, recency=0.0, T=0.0
    )
    cohort = np.unique(T, return_inverse=True)[1]
    if cohort.max() >= _COHORTS:
        cohort = np.argsort(np.argsort(T, kind="stable")) * _COHORTS // T.size
    found = []
    for one in range(int(cohort.max()) + 1):
        rows = np.flatnonzero(cohort == one)
        there = new.iloc[rows]
        counted = there.groupby(list(there), observed=True, dropna=False).size().reset_index(name="customers")
        counted.attrs = dict(customers.attrs)
        # The median rather than the mean: opportunities are whole numbers.
        age = float(np.sort(T[rows])[rows.size // 2])
        found.append((age, counted.drop(columns="customers"), counted["customers"].to_numpy(dtype=float)))
    return found
