"""Write totals.csv and coverage.csv: how often 90 % intervals of totals cover, over logs and origins.

    python experiments/total_intervals/compare.py

Every log is backtested at rolling origins and over three horizons. Three intervals of each total are
compared: of parameters and chance only (``predict_total_interval``), conformal (the largest error seen at
holdouts that had ended), and with the model's error (``Backtest.total_calibration``), whose prior is also
chosen anew with the log left out. Real logs are CDNOW's, and those in ../shared/data where it is present;
where not, their rows stay.
"""

from __future__ import annotations

import os

os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

import clvml
from clvml.errors import FitWarning, InputError
from clvml.evaluation import Backtest
from clvml.files import written_whole

HERE = Path(__file__).parent
SHARED = HERE.parents[2] / "shared" / "data"
COVERAGE = 0.9
HORIZONS = (0.1, 0.2, 0.4)  # shares of the log
STEP = 0.1
TYPICAL = (0.15, 0.2, 0.25, 0.3, 0.4)
WEEKS, CUSTOMERS = 104, 800
FAMILIES = {"BG/NBD": "probabilistic", "Pareto/NBD": "probabilistic", "repeat rate": "formula"}


class World(NamedTuple):
    """What differs from a Pareto/NBD with independent spend, if anything; and until when people join."""

    name: str
    joining: float
    season: float = 0.0
    trend: float = 0.0
    regularity: float = 1.0
    price: float = 1.0


WORLDS = tuple(
    World(f"{name}, joined in {joining} weeks", joining, **broken)
    for joining in (20, 100)
    for name, broken in (
        ("no assumption broken", {}),
        ("season", {"season": 0.3}),
        ("regular timing", {"regularity": 3.0}),
        ("price step", {"price": 1.3}),
        ("falling rates", {"trend": 0.6}),
    )
)


def simulated(world: World, seed: int) -> clvml.Transactions:
    """Customers who live one purchase at a time."""
    random = np.random.default_rng(seed)
    rows = [pd.DataFrame(_life(world, random)).assign(customer_id=number) for number in range(CUSTOMERS)]
    log = pd.concat(rows, ignore_index=True)
    log["date"] = pd.Timestamp("2020-01-06") + pd.to_timedelta(np.floor(7 * log.pop("week")), "D")
    return clvml.read_transactions(log)


def _life(world: World, random: np.random.Generator) -> dict[str, np.ndarray]:
    """Weeks and amounts of one customer's purchases; the first is never thinned."""
    start, rate = random.uniform(0, world.joining), random.gamma(0.8, 1 / 6)
    end = min(start + random.exponential(1 / random.gamma(0.7, 1 / 14)), WEEKS)
    busiest = (1 + world.season) * (1 + world.trend)
    shape = world.regularity
    gaps = random.gamma(shape, 1 / (shape * rate * busiest), int(2 * WEEKS * rate * busiest) + 40)
    week = start + np.r_[0, np.cumsum(gaps)]
    level = 1 + world.season * np.sin(2 * np.pi * week / 52)
    level *= 1 + world.trend * (1 - 2 * week / WEEKS)
    stays = (random.random(week.size) < level / busiest) & (week < end)
    stays[0] = True
    week = week[stays]
    amount = 15 * random.gamma(3.7, 1 / 2.7) * random.gamma(6, 1 / 6, week.size) + 0.01
    return {"week": week, "amount": np.where(week > 0.7 * WEEKS, world.price, 1.0) * amount}


def online_retail(returns: str) -> clvml.Transactions:
    """Without cancellations, or with them netted."""
    policy = clvml.TransactionPolicy(returns=returns, duplicates="drop", zero_amount="drop")
    names = {"customer": "CustomerID", "date": "InvoiceDate", "quantity": "Quantity", "price": "UnitPrice"}
    source = SHARED / "online_retail" / "online_retail.parquet"
    return clvml.read_transactions(source, policy=policy, **names)


def coffee_vending() -> clvml.Transactions:
    """Cards at a vending machine."""
    source = SHARED / "coffee_vending" / "coffee_vending.parquet"
    return clvml.read_transactions(source, customer="card", date="date", amount="money")


def logs() -> dict[str, Callable[[], clvml.Transactions]]:
    """All logs that are here, by name; they are read when called."""
    found: dict[str, Callable[[], clvml.Transactions]] = {"CDNOW": clvml.load_cdnow}
    if SHARED.exists():
        found |= {
            "Online Retail": lambda: online_retail("drop"),
            "Online Retail, net of cancellations": lambda: online_retail("net"),
            "coffee vending": coffee_vending,
        }
    return found | {w.name: lambda w=w, seed=seed: simulated(w, seed) for seed, w in enumerate(WORLDS)}


def models() -> dict[str, object]:
    """The contenders."""
    spend = clvml.GammaGamma()
    return {
        "BG/NBD": clvml.LifetimeValue(clvml.BGNBD(), spend, 26),
        "Pareto/NBD": clvml.LifetimeValue(clvml.ParetoNBD(), spend, 26),
        "repeat rate": clvml.RepeatRateValue(26),
    }


def totals_of(log: str, transactions: clvml.Transactions) -> Iterator[dict]:
    """Each total of a log, with its intervals from what had been seen by then."""
    span = (transactions.last_date - transactions.first_date) / pd.Timedelta(days=7)
    first = transactions.first_date.normalize()
    dates = [first + pd.Timedelta(days=round(7 * span * share)) for share in np.arange(0.2, 0.91, STEP)]
    horizons = [round(span * share) for share in HORIZONS]
    found = clvml.backtest(
        transactions, models(), origins=dates, horizon=horizons, families=FAMILIES, n_draws=2
    )
    for horizon in found.horizons:
        for origin, comparison in found.at(horizon).items():
            for model in comparison.predictions:
                key = {"log": log, "horizon": horizon / span, "origin": origin, "model": model}
                yield key | one_total(found, comparison.models[model], model, origin, horizon)


def one_total(
    found: Backtest, fitted: object, model: str, origin: pd.Timestamp, horizon: float
) -> dict[str, float]:
    """Predicted and actual, and the ends of the intervals that can be had."""
    totals = found.totals.loc[(origin, horizon)]
    row = totals.loc[model, ["predicted", "actual"]].to_dict()
    try:
        typical = {f"prior_{each:g}": {"typical_error": each} for each in TYPICAL}
        for name, options in {"error": {}, **typical}.items():
            calibration = found.total_calibration(model, horizon, before=origin, **options)
            row[f"{name}_lower"], row[f"{name}_upper"] = calibration.interval(row["predicted"], COVERAGE)
    except InputError:  # no holdout had ended
        return row
    seen = found.totals.xs(horizon, level="horizon").xs(model, level="model")
    ended = found.origins["observation_end"].xs(horizon, level="horizon").reindex(seen.index) <= origin
    largest = np.abs(np.log(seen["actual"] / seen["predicted"]))[ended].max()
    row["conformal_lower"], row["conformal_upper"] = row["predicted"] * np.exp([-largest, largest])
    if isinstance(fitted, clvml.LifetimeValue):
        customers = clvml.summarize(TRANSACTIONS[0], origin)
        table = fitted.predict_total_interval(customers, coverage=COVERAGE, n_simulations=99)
        row["chance_lower"], row["chance_upper"] = table.loc["total", ["spend_lower", "spend_upper"]]
    return row


TRANSACTIONS: list[clvml.Transactions] = []  # those of the log at hand


def covered(totals: pd.DataFrame, name: str) -> pd.Series:
    """Whether each total is in its interval."""
    return totals["actual"].between(totals[f"{name}_lower"], totals[f"{name}_upper"])


def coverage_by_log(totals: pd.DataFrame) -> pd.DataFrame:
    """Shares covered, and the median upper end relative to the prediction."""
    usable = totals.dropna(subset=["error_lower"])
    rows = []
    for (log, family), group in usable.groupby(["log", usable["model"].map(FAMILIES)], sort=False):
        row = {"log": log, "family": family, "totals": len(group)}
        for name in ("chance", "conformal", "error"):
            known = group.dropna(subset=[f"{name}_lower"])
            row[name] = covered(known, name).mean() if len(known) else np.nan
        row["left_out"] = left_out(usable, group, family)
        ratio = group["error_upper"] / group["predicted"]
        rows.append(row | {"error_upper_ratio": ratio.median()})
    return pd.DataFrame(rows)


def left_out(usable: pd.DataFrame, group: pd.DataFrame, family: str) -> float:
    """Coverage with the smallest prior that covers the others of its kind; cuts of one log are one.

    Kinds are real and simulated logs.
    """
    if family == "formula":
        return np.nan
    log, simulated = usable["log"], usable["log"].isin([world.name for world in WORLDS])
    alike = simulated == simulated[group.index[0]]
    others = usable[alike & (log.str[:13] != log[group.index[0]][:13]) & (usable["model"] != "repeat rate")]
    enough = [each for each in TYPICAL if mean_coverage(others, f"prior_{each:g}") >= COVERAGE]
    return covered(group, f"prior_{min(enough, default=TYPICAL[-1]):g}").mean()


def mean_coverage(totals: pd.DataFrame, name: str) -> float:
    """The share covered, over logs."""
    return float(covered(totals, name).groupby(totals["log"]).mean().mean())


def renewed(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """Write the table; rows of logs that are not here today stay."""
    path = HERE / name
    if path.exists():
        before = pd.read_csv(path)
        table = pd.concat([before[~before["log"].isin(table["log"])], table])
    with written_whole(path) as unfinished:
        table.to_csv(unfinished, index=False, float_format="%.6g")
    return table


def main() -> None:
    """All logs."""
    warnings.simplefilter("ignore", FitWarning)
    for name, read in logs().items():
        TRANSACTIONS[:] = [read()]
        renewed("totals.csv", pd.DataFrame(totals_of(name, TRANSACTIONS[0])))
    renewed("coverage.csv", coverage_by_log(pd.read_csv(HERE / "totals.csv")))


if __name__ == "__main__":
    main()
