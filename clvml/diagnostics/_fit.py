"""Does a fitted model give back the data it was fitted to? How often customers bought, what they spent.

A fit may forecast totals well and still have the wrong shape: too few who never came back, too few who
came often. These tables set the number of customers that the model expects beside those there were.
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
_SHOWN = 0.98  # share of the customers that the bins of spend hold


def fit_by_frequency(
    customers: pd.DataFrame, model: SupportsPurchaseProbability, top: int = 7
) -> pd.DataFrame:
    """How many customers made 0, 1, 2, ... repeat purchases, and how many the model expects.

    Customers are taken by cohorts of those first seen at the same time, each as a new customer over as long
    as they were observed. Of more than 20 different ``T``, neighbours make a cohort.

    Parameters
    ----------
    customers : pandas.DataFrame
        The customer summary, with covariates if the model has any.
    model : SupportsPurchaseProbability
        A fitted model of purchases, such as `BGNBD`.
    top : int
        From this frequency on, customers are counted together.

    Returns
    -------
    pandas.DataFrame
        Index ``frequency``, text from "0" to "7+"; columns ``actual, expected``: customers.

    Raises
    ------
    InputError
        If the summary breaks a rule, ``top`` is below 1, or the model gives no probabilities of numbers.

    Examples
    --------
    >>> import clvml
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
    """How many customers spent how much on average, and how many the model expects.

    The average over ``x`` purchases varies the less the larger ``x``: what is expected is the sum over the
    customers of the distribution of the average over as many purchases as they made.

    Parameters
    ----------
    customers : pandas.DataFrame
        The customer summary; those without repeat spend are set aside, as in the fit.
    model : SupportsSpendDistribution
        A fitted model of spend, such as `GammaGamma`.
    bins : int
        About so many of equal, round width, over 98 % of the customers.

    Returns
    -------
    pandas.DataFrame
        Index ``monetary_value``, the middle of a bin; columns ``actual, expected``: customers.
        ``attrs["beyond"]`` says how many of both have more than the last bin holds, ``attrs["width"]`` that
        of a bin.

    Raises
    ------
    InputError
        If the summary breaks a rule, nobody spent on a repeat purchase, ``bins`` is below 1, or the model
        does not give the distribution of average spend.
    """
    if bins < 1:
        raise InputError(f"bins is {bins!r}; it must be at least 1.")
    require(model, SupportsSpendDistribution, "the fit by spend needs", "give a fitted clvml.GammaGamma")
    x, m = checked_columns(customers, ("frequency", "monetary_value")).values()
    spent = (x > 0) & (m > 0)
    if not spent.any():
        raise InputError("no customer spent on a repeat purchase: there is no average spend to look at.")
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
    """The next larger of 1, 2, 5, 10, ..."""
    power = 10.0 ** np.floor(np.log10(width))
    return float(power * next(step for step in (1, 2, 5, 10) if step * power >= width * (1 - 1e-9)))


def _cohorts(
    customers: pd.DataFrame, model: SupportsPurchaseProbability
) -> list[tuple[float, pd.DataFrame, Array]]:
    """How long each cohort was observed, who they were when new, each different one once, and how many."""
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
        # One of theirs rather than their mean: opportunities come in whole numbers.
        age = float(np.sort(T[rows])[rows.size // 2])
        found.append((age, counted.drop(columns="customers"), counted["customers"].to_numpy(dtype=float)))
    return found
