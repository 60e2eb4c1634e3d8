"""Write totals.csv and coverage.csv: how often 90 % intervals of totals cover, over logs and origins.

Every log is backtested at rolling origins and over three horizons. Three intervals of each total are
compared: of parameters and chance only (``predict_total_interval``), conformal (the largest error seen at
holdouts that had ended), and with the model's error (``Backtest.total_calibration``), whose prior is also
chosen anew with the log left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

import clvml
from clvml.errors import InputError
from clvml.evaluation import Backtest
from experiments import _logs
from experiments._lab import Results, Section
from experiments._worlds import World, simulated

HERE = Path(__file__).parent
COVERAGE = 0.9
FAMILIES = {"BG/NBD": "probabilistic", "Pareto/NBD": "probabilistic", "repeat rate": "formula"}
REAL = (
    "CDNOW",
    "Online Retail, cancellations dropped",
    "Online Retail, cancellations netted",
    "coffee vending",
)
BROKEN = {
    "no assumption broken": World(),
    "season": World(season=0.3),
    "regular timing": World(regularity=3.0),
    "price step": World(price=1.3),
    "falling rates": World(trend=0.6),
}


class Config(Section):
    """Logs, origins and horizons as shares of a log, and the priors that are tried."""

    question: str
    horizons: tuple[float, ...]
    origins: tuple[float, ...]
    typical_errors: tuple[float, ...]
    joining_weeks: tuple[int, ...]
    """Weeks within which simulated customers are acquired."""


def worlds(config: Config) -> dict[str, World]:
    """The simulated logs, by name."""
    return {
        f"{name}, joined in {joining} weeks": world._replace(joining=joining)
        for joining in config.joining_weeks
        for name, world in BROKEN.items()
    }


def logs(config: Config) -> dict[str, Callable[[], clvml.Transactions]]:
    """All logs that are here, by name; they are read when called."""
    found = {name: partial(_logs.read, name) for name in REAL if _logs.available(name)}
    made = {name: partial(simulated, world, i) for i, (name, world) in enumerate(worlds(config).items())}
    return found | made


def models() -> dict[str, object]:
    """The contenders."""
    spend = clvml.GammaGamma()
    return {
        "BG/NBD": clvml.LifetimeValue(clvml.BGNBD(), spend, 26),
        "Pareto/NBD": clvml.LifetimeValue(clvml.ParetoNBD(), spend, 26),
        "repeat rate": clvml.RepeatRateValue(26),
    }


def totals_of(config: Config, log: str, transactions: clvml.Transactions) -> Iterator[dict]:
    """Each total of a log, with its intervals from what had been seen by then."""
    span = (transactions.last_date - transactions.first_date) / pd.Timedelta(days=7)
    first = transactions.first_date.normalize()
    dates = [first + pd.Timedelta(days=round(7 * span * share)) for share in config.origins]
    horizons = [round(span * share) for share in config.horizons]
    found = clvml.backtest(
        transactions,
        models(),
        origins=dates,
        horizon=horizons,
        families=FAMILIES,
        n_draws=2,
        progress=False,
    )
    for horizon in found.horizons:
        for origin, comparison in found.at(horizon).items():
            for model in comparison.predictions:
                key = {"log": log, "horizon": horizon / span, "origin": origin, "model": model}
                row = one_total(config, found, model, origin, horizon)
                fitted = comparison.models[model]
                if "error_lower" in row and isinstance(fitted, clvml.LifetimeValue):
                    row |= by_chance(fitted, clvml.summarize(transactions, origin))
                yield key | row


def one_total(
    config: Config, found: Backtest, model: str, origin: pd.Timestamp, horizon: float
) -> dict[str, float]:
    """Predicted and actual, and the intervals from errors at holdouts that had ended, if any had."""
    totals = found.totals.loc[(origin, horizon)]
    row = totals.loc[model, ["predicted", "actual"]].to_dict()
    try:
        typical = {f"prior_{each:g}": {"typical_error": each} for each in config.typical_errors}
        for name, options in {"error": {}, **typical}.items():
            calibration = found.total_calibration(model, horizon, before=origin, **options)
            row[f"{name}_lower"], row[f"{name}_upper"] = calibration.interval(row["predicted"], COVERAGE)
    except InputError:  # no holdout had ended
        return row
    seen = found.totals.xs(horizon, level="horizon").xs(model, level="model")
    ended = found.origins["observation_end"].xs(horizon, level="horizon").reindex(seen.index) <= origin
    largest = np.abs(np.log(seen["actual"] / seen["predicted"]))[ended].max()
    row["conformal_lower"], row["conformal_upper"] = row["predicted"] * np.exp([-largest, largest])
    return row


def by_chance(fitted: clvml.LifetimeValue, customers: pd.DataFrame) -> dict[str, float]:
    """The interval of the total that accounts for parameters and chance only."""
    table = fitted.predict_total_interval(customers, coverage=COVERAGE, n_simulations=99)
    return {f"chance_{end}": table.loc["total", f"spend_{end}"] for end in ("lower", "upper")}


def covered(totals: pd.DataFrame, name: str) -> pd.Series:
    """Whether each total is in its interval."""
    return totals["actual"].between(totals[f"{name}_lower"], totals[f"{name}_upper"])


def coverage_by_log(config: Config, totals: pd.DataFrame) -> pd.DataFrame:
    """Shares covered, and the median upper end relative to the prediction."""
    usable = totals.dropna(subset=["error_lower"])
    rows = []
    for (log, family), group in usable.groupby(["log", usable["model"].map(FAMILIES)], sort=False):
        row = {"log": log, "family": family, "totals": len(group)}
        for name in ("chance", "conformal", "error"):
            known = group.dropna(subset=[f"{name}_lower"])
            row[name] = covered(known, name).mean() if len(known) else np.nan
        row["left_out"] = left_out(config, usable, group, family)
        ratio = group["error_upper"] / group["predicted"]
        rows.append(row | {"error_upper_ratio": ratio.median()})
    return pd.DataFrame(rows)


def left_out(config: Config, usable: pd.DataFrame, group: pd.DataFrame, family: str) -> float:
    """Coverage with the smallest prior that covers the others of its kind; cuts of one log are one.

    Kinds are real and simulated logs.
    """
    if family == "formula":
        return np.nan
    log, simulated = usable["log"], usable["log"].isin(list(worlds(config)))
    alike = simulated == simulated[group.index[0]]
    others = usable[alike & (log.str[:13] != log[group.index[0]][:13]) & (usable["model"] != "repeat rate")]
    enough = [each for each in config.typical_errors if mean_coverage(others, f"prior_{each:g}") >= COVERAGE]
    return covered(group, f"prior_{min(enough, default=config.typical_errors[-1]):g}").mean()


def mean_coverage(totals: pd.DataFrame, name: str) -> float:
    """The share covered, over logs."""
    return float(covered(totals, name).groupby(totals["log"]).mean().mean())


KEYS = ["log", "horizon", "origin", "model"]


def results(config: Config) -> Results:
    """Every total, the coverage by log, and the coverage by log."""
    rows = [row for name, read in logs(config).items() for row in totals_of(config, name, read())]
    totals = pd.DataFrame(rows)
    totals["origin"] = totals["origin"].dt.strftime("%Y-%m-%d")
    return Results(
        {
            "totals": totals.set_index(KEYS),
            "coverage": coverage_by_log(config, totals).set_index(["log", "family"]),
        }
    )
