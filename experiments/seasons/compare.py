"""Write gains.csv: purchases in the holdout, predicted without and with a season estimated before it.

Real logs other than those of `experiments._logs` are in ``../logs`` beside the checkout; without them they
are skipped.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import clvml
from clvml.errors import FitError
from experiments import _logs
from experiments._lab import Results, Section

HERE = Path(__file__).parent
BESIDE = HERE.parents[2] / "logs"
MODELS = {"BG/NBD": clvml.BGNBD, "Pareto/NBD": clvml.ParetoNBD}
FILES = {
    "donations": ("donations_2005_2015.parquet", {}),
    "online grocery": ("groceryElog.parquet", {"cust": "customer_id"}),
    "retail transactions": ("retail_transactions.parquet", {}),
}


class Holdouts(Section):
    """Origins of a log, the length of their holdouts, and the models of purchases."""

    origins: tuple[dt.date, ...]
    horizon_days: int
    models: tuple[str, ...]


class Config(Section):
    """The logs, and the number of bootstrap resamples."""

    question: str
    resamples: int
    logs: dict[str, Holdouts]


def read(name: str) -> clvml.Transactions | None:
    """The purchases of a log; None if it is not here."""
    if name in _logs.WORLDS:
        return _logs.read(name)
    file, names = FILES[name]
    if not (BESIDE / file).exists():
        return None
    table = pd.read_parquet(BESIDE / file).rename(columns=names)
    return clvml.read_transactions(table.assign(date=pd.to_datetime(table["date"])))


def forecasts(log: clvml.Transactions, holdouts: Holdouts, origin: dt.date) -> Iterator[dict[str, Any]]:
    """Each model on one holdout, without and with a season."""
    end = origin + dt.timedelta(days=holdouts.horizon_days)
    split = clvml.split(log, origin, end, time_unit="W")
    known, actual = split.calibration, split.holdout["purchases"].to_numpy()
    dates = clvml.repeat_purchases_by_date(log, origin)
    for name in holdouts.models:
        plain = MODELS[name](prior="auto").fit(known)
        model = clvml.SeasonalPurchases(MODELS[name](prior="auto"))
        try:
            model.fit(known, repeat_purchases=dates)
        except FitError as error:
            yield {"model": name, "says": str(error)}
            continue
        both = [each.expected_purchases(known, split.duration).to_numpy() for each in (plain, model)]
        index = model.season_["index"]
        yield {
            "model": name,
            "season_sd": model.season_sd_,
            "highest": f"{index.idxmax()} ({index.max():.2f})",
            "log_likelihood_gain": model.log_likelihood_ - plain.log_likelihood_,
            "purchases": actual.sum(),
            "bias_pct": 100 * (both[0].sum() / actual.sum() - 1),
            "bias_pct_season": 100 * (both[1].sum() / actual.sum() - 1),
            "arrays": (actual, *both),
        }


def rmse_ratio(actual: np.ndarray, plain: np.ndarray, season: np.ndarray) -> float:
    """RMSE with the season, relative to that without."""
    return float(np.sqrt(np.mean((season - actual) ** 2) / np.mean((plain - actual) ** 2)))


def spearman_gain(actual: np.ndarray, plain: np.ndarray, season: np.ndarray) -> float:
    """Rank correlation with the season, less that without."""
    ranks = [pd.Series(each).rank() for each in (actual, plain, season)]
    return float(ranks[2].corr(ranks[0]) - ranks[1].corr(ranks[0]))


def with_interval(
    measure: Callable[..., float], arrays: tuple[np.ndarray, ...], name: str, resamples: int
) -> dict[str, float]:
    """A measure and its 95 % bootstrap interval over customers."""
    rng, n = np.random.default_rng(0), arrays[0].size
    drawn = []
    for _ in range(resamples):
        rows = rng.integers(0, n, n)
        drawn.append(measure(*(each[rows] for each in arrays)))
    lower, upper = np.quantile(drawn, [0.025, 0.975])
    return {name: measure(*arrays), f"{name}_lower": lower, f"{name}_upper": upper}


def results(config: Config) -> Results:
    """The table of gains."""
    rows = []
    for name, holdouts in config.logs.items():
        log = read(name)
        if log is None:
            continue
        for origin in holdouts.origins:
            for row in forecasts(log, holdouts, origin):
                arrays = row.pop("arrays", None)
                if arrays is not None:
                    row |= with_interval(rmse_ratio, arrays, "rmse_ratio", config.resamples)
                    row |= with_interval(spearman_gain, arrays, "spearman_gain", config.resamples)
                rows.append({"log": name, "origin": origin} | row)
    gains = pd.DataFrame(rows).set_index(["log", "origin", "model"])
    return Results({"gains": gains})
