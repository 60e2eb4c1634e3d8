"""Tests of differences of means between two columns of a survey, paired or not, for many attributes.

Respondents may have answered both columns, or one only. The difference of the two means is a sum over
respondents, linearised, and its standard error that of a sum of independent respondents::

    u_i = (a_i - mean a) / n_a  -  (b_i - mean b) / n_b,      SE**2 = n / (n - 1) * sum of u_i**2

with ``n`` the number of respondents in either column. For complete pairs this is the paired t test; for
separate groups of equal size Welch's. The t distribution has one degree of freedom less than the smaller
column has answers.

**Parity** is a claim of its own: a difference that is not significant is not therefore small. It is tested by
two one-sided tests against a margin (TOST, Schuirmann 1987). Many attributes give many chances of an error,
so that p-values are adjusted (Holm 1979, or Benjamini and Hochberg 1995), each family of tests by itself.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from clvml.errors import InputError
from clvml.survey._resamples import check_level

Correction = Literal["holm", "benjamini_hochberg", "none"]
CORRECTIONS = ("holm", "benjamini_hochberg", "none")
AHEAD, BEHIND, PARITY, UNDECIDED = "ahead", "behind", "parity", "undecided"
MARGIN = 1 / 16  # of the range of the scale: a quarter of a point from 1 to 5


def margin_of(margin: float | None, scale: tuple[float, float]) -> float:
    """The margin of parity in points; by default a sixteenth of the range of the scale.

    Raises
    ------
    InputError
        If it is not above 0 and below the range.
    """
    extent = scale[1] - scale[0]
    if margin is None:
        return MARGIN * extent
    if not 0 < margin < extent:
        raise InputError(
            f"margin is {margin!r}; it must be above 0 and below {extent:g}, in points of the scale."
        )
    return float(margin)


def mean_differences(first: pd.DataFrame, second: pd.DataFrame, margin: float, level: float) -> pd.DataFrame:
    """Differences of the column means of two tables with the same columns, with tests.

    Parameters
    ----------
    first, second : pandas.DataFrame
        By respondent; respondents in both are pairs.
    margin : float
        Of parity, in the unit of the columns.
    level : float
        Of the intervals.

    Returns
    -------
    pandas.DataFrame
        Index the columns: ``first, second`` (means), ``n_first, n_second, pairs, difference, lower, upper``,
        ``p_value`` (two-sided, of no difference) and ``p_parity`` (of a difference of at least the margin).
        NaN if fewer than two respondents answered one of them.
    """
    check_level(level)
    index = first.index.union(second.index)
    a, b = (table.reindex(index).to_numpy(dtype=float) for table in (first, second[first.columns]))
    in_a, in_b = np.isfinite(a), np.isfinite(b)
    (mean_a, n_a), (mean_b, n_b) = _mean(a, in_a), _mean(b, in_b)
    n = (in_a | in_b).sum(axis=0)
    u = np.where(in_a, (a - mean_a) / np.maximum(n_a, 1), 0) - np.where(
        in_b, (b - mean_b) / np.maximum(n_b, 1), 0
    )
    fewest = np.minimum(n_a, n_b)
    error = np.where(fewest > 1, np.sqrt(n / np.maximum(n - 1, 1) * (u**2).sum(axis=0)), np.nan)
    freedom = np.maximum(fewest - 1, 1)
    difference = mean_a - mean_b
    half = error * stats.t.ppf((1 + level) / 2, freedom)
    return pd.DataFrame(
        {
            "first": mean_a,
            "second": mean_b,
            "n_first": n_a,
            "n_second": n_b,
            "pairs": (in_a & in_b).sum(axis=0),
            "difference": difference,
            "lower": difference - half,
            "upper": difference + half,
            "p_value": 2 * _tail(np.abs(difference), error, freedom),
            "p_parity": _tail(margin - np.abs(difference), error, freedom),
        },
        index=first.columns,
    )


def with_verdicts(
    table: pd.DataFrame, correction: Correction, level: float, words: tuple[str, str] = (AHEAD, BEHIND)
) -> pd.DataFrame:
    """With adjusted p-values of all rows as one family, and a verdict for each.

    "parity" if the difference is shown to be below the margin (even if it is not zero), otherwise the first
    or second of ``words`` if it is shown not to be zero, otherwise "undecided".

    Raises
    ------
    InputError
        If the correction is unknown.
    """
    alpha = 1 - level
    different = adjusted(table["p_value"], correction)
    equivalent = adjusted(table["p_parity"], correction)
    verdict = np.select(
        [equivalent < alpha, (different < alpha) & (table["difference"] > 0), different < alpha],
        [PARITY, *words],
        default=UNDECIDED,
    )
    return table.assign(p_adjusted=different, p_parity_adjusted=equivalent, verdict=verdict)


def adjusted(p_values: pd.Series, correction: Correction = "holm") -> pd.Series:
    """P-values adjusted for their number; NaN are no tests, and stay.

    Examples
    --------
    >>> adjusted(pd.Series([0.01, 0.04, 0.03])).tolist()
    [0.03, 0.06, 0.06]
    >>> adjusted(pd.Series([0.01, 0.04, 0.03]), "benjamini_hochberg").tolist()
    [0.03, 0.04, 0.04]
    """
    if correction not in CORRECTIONS:
        raise InputError(
            f"correction is {correction!r}; it must be one of {', '.join(map(repr, CORRECTIONS))}."
        )
    known = p_values.dropna()
    if correction == "none" or known.empty:
        return p_values.astype(float)
    if correction == "benjamini_hochberg":
        found = pd.Series(stats.false_discovery_control(known), known.index)
    else:
        ordered = known.sort_values(kind="stable")
        steps = ordered * np.arange(len(ordered), 0, -1)
        found = steps.cummax().clip(upper=1.0)
    return found.reindex(p_values.index)


def _mean(values: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    counts = known.sum(axis=0)
    sums = np.where(known, values, 0.0).sum(axis=0)
    return np.divide(sums, counts, out=np.full(counts.shape, np.nan), where=counts > 0), counts


def _tail(distance: np.ndarray, error: np.ndarray, freedom: np.ndarray) -> np.ndarray:
    """One-sided p-value of a distance from zero; without any variation it is 0, 1/2 or 1."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(error > 0, distance / error, np.sign(distance) * np.inf)
    ratio = np.where((error == 0) & (distance == 0), 0.0, ratio)
    return np.where(np.isnan(error), np.nan, stats.t.sf(ratio, freedom))
