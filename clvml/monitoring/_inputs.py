"""Have inputs moved? New customers against those acquired in the period of the same length before.

Both are summarised at the end of their period, so that they have the same ages: the frequencies of customers
of one month and of one year differ without any change. The population stability index (PSI) compares
distributions over the deciles of the earlier customers: below 0.1 is usually called stable, above 0.25 a
major shift. What the PSI of two samples of one population is on average was subtracted from it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from clvml.customers._summary import summarize
from clvml.monitoring._period import FEWEST, Period
from clvml.monitoring._statements import Statement, in_percent, number, relative

PSI_MATTERS = 0.25
MEAN_MATTERS = 0.20
_BINS = 10
_DRAWS = 200
_LEVELS = (0.05, 0.95)
COLUMNS = ("frequency", "recency", "T", "monetary_value", "first_order")
WORDS = {
    "frequency": "repeat purchases of new customers",
    "recency": "time from first to last purchase of new customers",
    "T": "time since first purchase of new customers",
    "monetary_value": "spend per repeat purchase of new customers",
    "first_order": "first order of new customers",
}
_ADVICE = (
    "customers of another kind are being acquired: look at channels, campaigns and prices, and train a"
    " challenger before scoring them"
)
_ADVICE_T = (
    "customers are acquired earlier or later within the period than before: read their frequencies with it"
)


def cohorts_to_compare(period: Period) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    """Customers acquired in the period before the end of the model's data, and since; and why not, if so."""
    start = pd.Timestamp(period.split.calibration_end)
    length = pd.Timestamp(period.split.observation_end) - start
    before = summarize(period.transactions, start, period.time_unit, period.split.collapse)
    before = before[before["first_purchase"] >= start - length + pd.Timedelta(days=1)]
    extra = period.split.calibration.columns.difference(before.columns, sort=False)
    before, since = before.join(period.split.calibration[extra]), period.newcomers
    for what, found in (("acquired since", since), ("acquired in as long a time before", before)):
        if len(found) < FEWEST:
            return before, since, f"only {len(found)} customers were {what}, fewer than {FEWEST}"
    return before, since, ""


def input_table(before: pd.DataFrame, since: pd.DataFrame, random_state: int = 0) -> pd.DataFrame:
    """Each column of the two groups of customers, compared.

    Returns
    -------
    pandas.DataFrame
        Index ``column``; ``kind`` ("number" or "category"), ``n_before, n_since, mean_before, mean_since,
        mean_lower, mean_upper`` (90 % interval of the mean since, if nothing changed), ``mean_p``, ``psi,
        psi_lower, psi_upper`` (90 % bootstrap interval), ``psi_p`` (chi-squared over the bins), and
        ``wasserstein`` (distance, in standard deviations of the earlier customers).
    """
    rng = np.random.default_rng(random_state)
    before, since = _with_first_order(before), _with_first_order(since)
    rows = {}
    for column in before.columns.intersection(since.columns, sort=False):
        old, new = before[column].dropna(), since[column].dropna()
        if column == "monetary_value":
            old, new = old[before["frequency"] > 0], new[since["frequency"] > 0]
        if column in ("first_purchase", "total_spend") or min(len(old), len(new)) < FEWEST:
            continue
        is_number = pd.api.types.is_numeric_dtype(old) and not pd.api.types.is_bool_dtype(old)
        rows[column] = _numbers(old, new, rng) if is_number else _categories(old, new, rng)
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("column")


def input_statements(table: pd.DataFrame) -> Iterator[Statement]:
    """Two statements per number, on its mean and its distribution, and one per category."""
    for column, *_ in table.itertuples():
        row = {"column": column, **table.loc[column].to_dict()}
        name = WORDS.get(row["column"], f"{row['column']} of new customers")
        advice = _ADVICE_T if column == "T" else _ADVICE
        if row["kind"] == "number":
            yield _mean_statement(name, row, advice)
        yield _distribution_statement(name, row, advice)


def _mean_statement(name: str, row: dict[str, Any], advice: str) -> Statement:
    effect = relative(row["mean_since"], row["mean_before"])
    sentence = (
        f"mean {name}: {number(row['mean_since'])}, before {number(row['mean_before'])} (if nothing changed"
        f" {number(row['mean_lower'])} to {number(row['mean_upper'])}), {in_percent(effect)}"
    )
    return Statement(
        "inputs", f"mean {name}", row["mean_before"], row["mean_lower"], row["mean_upper"],
        row["mean_since"], effect, MEAN_MATTERS, row["mean_p"], sentence, advice,
    )  # fmt: skip


def _distribution_statement(name: str, row: dict[str, Any], advice: str) -> Statement:
    sentence = (
        f"distribution of {name}: population stability index {row['psi']:.2f} ({row['psi_lower']:.2f} to"
        f" {row['psi_upper']:.2f}; above {PSI_MATTERS} is a major shift)"
    )
    return Statement(
        "inputs", f"distribution of {name}", 0.0, 0.0, PSI_MATTERS, max(row["psi"], 0.0), row["psi"],
        PSI_MATTERS, row["psi_p"], sentence, advice,
    )  # fmt: skip


def _with_first_order(customers: pd.DataFrame) -> pd.DataFrame:
    if not {"total_spend", "monetary_value"} <= set(customers):
        return customers
    repeat = customers["frequency"] * customers["monetary_value"]
    return customers.assign(first_order=customers["total_spend"] - repeat)


def _numbers(old: pd.Series, new: pd.Series, rng: np.random.Generator) -> dict[str, object]:
    x, y = old.to_numpy(dtype=float), new.to_numpy(dtype=float)
    error = math.sqrt(x.var(ddof=1) / x.size + y.var(ddof=1) / y.size)
    half = float(stats.norm.ppf(_LEVELS[1])) * error
    p_value = float(stats.ttest_ind(x, y, equal_var=False).pvalue) if error > 0 else math.nan
    edges = np.unique(np.quantile(x, np.linspace(0, 1, _BINS + 1)[1:-1]))
    counts = [np.bincount(np.searchsorted(edges, each), minlength=edges.size + 1) for each in (x, y)]
    deviation = float(x.std(ddof=1))
    distance = float(stats.wasserstein_distance(x, y)) / deviation if deviation > 0 else math.nan
    means = {"mean_before": x.mean(), "mean_since": y.mean()}
    means |= {"mean_lower": x.mean() - half, "mean_upper": x.mean() + half, "mean_p": p_value}
    sizes = {"kind": "number", "n_before": x.size, "n_since": y.size}
    return sizes | means | _stability(counts[0], counts[1], rng) | {"wasserstein": distance}


def _categories(old: pd.Series, new: pd.Series, rng: np.random.Generator) -> dict[str, object]:
    codes, names = pd.factorize(pd.concat([old.astype(str), new.astype(str)]), sort=True)
    counts = [np.bincount(each, minlength=len(names)) for each in (codes[: len(old)], codes[len(old) :])]
    none = dict.fromkeys(["mean_before", "mean_since", "mean_lower", "mean_upper", "mean_p"], math.nan)
    sizes = {"kind": "category", "n_before": len(old), "n_since": len(new)}
    return sizes | none | _stability(counts[0], counts[1], rng) | {"wasserstein": math.nan}


def _stability(old: np.ndarray, new: np.ndarray, rng: np.random.Generator) -> dict[str, float]:
    """PSI without its bias, its bootstrap interval, and the p-value of equal distributions."""
    n, m = int(old.sum()), int(new.sum())
    resampled = zip(rng.multinomial(n, old / n, _DRAWS), rng.multinomial(m, new / m, _DRAWS), strict=True)
    draws = [stability_index(a, b) for a, b in resampled]
    found, bias = stability_index(old, new), (old.size - 1) * (1 / n + 1 / m)
    ends = np.quantile(draws, _LEVELS) - 2 * bias  # a resample adds the bias again
    met = (old + new) > 0
    p_value = float(stats.chi2_contingency([old[met], new[met]]).pvalue) if met.sum() > 1 else math.nan
    lower, upper = np.maximum(ends, 0.0).tolist()
    return {"psi": max(found - bias, 0.0), "psi_lower": lower, "psi_upper": upper, "psi_p": p_value}


def stability_index(old: np.ndarray, new: np.ndarray) -> float:
    """Population stability index of two tables of counts over the same bins, with half a count added.

    Examples
    --------
    >>> stability_index(np.array([50, 50]), np.array([50, 50]))
    0.0
    >>> round(stability_index(np.array([5000, 5000]), np.array([8000, 2000])), 2)
    0.42
    """
    p, q = ((each + 0.5) / (each + 0.5).sum() for each in (old, new))
    return float(((q - p) * np.log(q / p)).sum())
