"""Write spend.csv and trends.csv: models of spend on holdouts, relative to Gamma-Gamma."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd
from pydantic import Field

import clvml
from clvml.diagnostics import spend_trend
from clvml.evaluation import gini, spearman
from experiments import _logs
from experiments._lab import Results, Section

ELSEWHERE = _logs.SHARED.parents[1] / "logs"
BASE = "Gamma-Gamma"
MODELS = {
    BASE: clvml.GammaGamma(),
    "Gamma-Gamma, first purchase too": clvml.GammaGamma(use_first_purchase=True),
    "Gamma-Gamma, rate effect": clvml.GammaGamma(rate_effect=True),
    "Gamma-Gamma, first purchase and rate effect": clvml.GammaGamma(
        use_first_purchase=True, rate_effect=True
    ),
    "lognormal": clvml.LognormalSpend(),
    "lognormal, first purchase too": clvml.LognormalSpend(use_first_purchase=True),
}


class Log(Section):
    """Origins and length of the holdouts of a log; ``file`` of one that is not in `experiments._logs`."""

    origins: list[dt.date]
    weeks: int
    file: str | None = None


class Config(Section):
    """Logs, and the number of resamples."""

    question: str
    logs: dict[str, Log]
    n_draws: int = Field(ge=2)
    seed: int


def transactions(name: str, log: Log) -> clvml.Transactions | None:
    """The purchases of a log; None if it is not here."""
    if log.file is None:
        return _logs.read(name) if _logs.available(name) else None
    path = ELSEWHERE / log.file
    return clvml.read_transactions(path) if path.exists() else None


def fitted(split: clvml.Split) -> dict[str, clvml.GammaGamma | clvml.LognormalSpend]:
    """Each model of spend, fitted to the calibration period."""
    return {name: model.fit(split.calibration) for name, model in MODELS.items()}


def measured(split: clvml.Split, weeks: int, config: Config) -> pd.DataFrame:
    """Metrics of each model, and gains over the first with 95 % intervals by resampling customers."""
    models, customers, holdout = fitted(split), split.calibration, split.holdout
    purchases = clvml.BGNBD(prior="auto").fit(customers).expected_purchases(customers, weeks)
    spend = pd.DataFrame({name: model.expected_spend(customers) for name, model in models.items()})
    rows = {}
    draws = list(resamples(len(customers), config))
    base = [metrics(spend[BASE], purchases, holdout, customers, rows=rows_) for rows_ in draws]
    for name, model in models.items():
        found = metrics(spend[name], purchases, holdout, customers)
        each = [metrics(spend[name], purchases, holdout, customers, rows=rows_) for rows_ in draws]
        found |= gains(each, base)
        found["log_likelihood"] = model.log_likelihood_
        rows[name] = found
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")


def resamples(n: int, config: Config) -> Iterator[np.ndarray]:
    """Positions of customers, drawn with replacement; the same for all models."""
    rng = np.random.default_rng(config.seed)
    for _ in range(config.n_draws):
        yield rng.integers(0, n, n)


def metrics(
    spend: pd.Series,
    purchases: pd.Series,
    holdout: pd.DataFrame,
    customers: pd.DataFrame,
    rows: np.ndarray | slice = slice(None),
) -> dict[str, float]:
    """Of spend per purchase of returning customers and of all buyers, and of value."""
    s, n = spend.to_numpy()[rows], holdout["purchases"].to_numpy()[rows]
    actual, bought = holdout["spend"].to_numpy()[rows], n > 0
    repeat = bought & (customers["frequency"].to_numpy()[rows] > 0)
    each = actual / np.where(bought, n, 1)
    value = s * purchases.to_numpy()[rows]
    series = partial(pd.Series, dtype=float)
    return {
        "spearman_returning": spearman(series(each[repeat]), series(s[repeat])),
        "spearman_buyers": spearman(series(each[bought]), series(s[bought])),
        "rmse_spend": float(np.sqrt(np.average((s - each)[bought] ** 2, weights=n[bought]))),
        "total_spend_pct": 100 * float((s * n)[bought].sum() / actual[bought].sum() - 1),
        "gini_value": gini(series(actual), series(value)),
        "rmse_value": float(np.sqrt(np.mean((value - actual) ** 2))),
        "total_value_pct": 100 * float(value.sum() / actual.sum() - 1),
    }


def gains(each: list[dict[str, float]], base: list[dict[str, float]]) -> dict[str, float]:
    """95 % intervals of differences of rank metrics, and of ratios of errors."""
    table, other = pd.DataFrame(each), pd.DataFrame(base)
    found = {}
    for name in ("spearman_returning", "gini_value"):
        lower, upper = np.quantile(table[name] - other[name], [0.025, 0.975])
        found |= {f"{name}_gain_lower": lower, f"{name}_gain_upper": upper}
    for name in ("rmse_spend", "rmse_value"):
        lower, upper = np.quantile(table[name] / other[name], [0.025, 0.975])
        found |= {f"{name}_ratio_lower": lower, f"{name}_ratio_upper": upper}
    return found


def trend(source: clvml.Transactions, split: clvml.Split, weeks: int) -> dict[str, float]:
    """The tested trend, and the total with and without it."""
    customers, holdout = split.calibration, split.holdout
    found = spend_trend(source, customers)
    growth = float(np.clip(found.annual_growth, -0.9, 1))
    models = {
        "without": clvml.GammaGamma(),
        "with": clvml.TrendingSpend(clvml.GammaGamma(), growth, weeks),
    }
    totals = {}
    for name, model in models.items():
        spend = model.fit(customers).expected_spend(customers)
        bought = holdout["purchases"] > 0
        predicted = float((spend * holdout["purchases"])[bought].sum())
        totals[f"total_pct_{name}"] = 100 * (predicted / float(holdout["spend"][bought].sum()) - 1)
    interval = {"annual_growth": found.annual_growth, "lower": found.lower, "upper": found.upper}
    return {**interval, "p_value": found.p_value, "years": found.years, **totals}


def results(config: Config) -> Results:
    """All logs that are here, by origin."""
    spend, trends = {}, {}
    for name, log in config.logs.items():
        source = transactions(name, log)
        for origin in log.origins if source is not None else ():
            end = pd.Timestamp(origin) + pd.Timedelta(weeks=log.weeks)
            split = clvml.split(source, origin, end.date(), time_unit="W")
            at = name, f"{origin:%Y-%m-%d}"
            spend[at], trends[at] = measured(split, log.weeks, config), trend(source, split, log.weeks)
    keys = ["log", "origin"]
    return Results({
        "spend": pd.concat(spend, names=[*keys, "model"]),
        "trends": pd.DataFrame.from_dict(trends, orient="index").rename_axis(keys),
    })  # fmt: skip
