"""Write purchases.csv, spend.csv, value.csv and retention.csv: which model suits which data.

Every model is fitted to the calibration period and evaluated on the holdout.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

import clvml
from experiments import _logs
from experiments._lab import Results, Section

HERE = Path(__file__).parent
MODELS = (clvml.BGNBD, clvml.MBGNBD, clvml.ParetoNBD)
YEAR = 52.0
MANY = 1000  # purchases, more than anybody makes in two years


class Holdout(Section):
    """A log, and the ends of its calibration and holdout."""

    log: str
    calibration_end: dt.date
    observation_end: dt.date


class Config(Section):
    """The splits of the logs, by name, and what is simulated."""

    question: str
    fitted_renewals: int
    simulated_customers: int
    holdouts: dict[str, Holdout]


class Data(NamedTuple):
    """Histories, how many customers each row stands for, and what they bought in the holdout."""

    customers: pd.DataFrame
    weights: np.ndarray
    bought: pd.Series  # a customer
    spent: pd.Series | None  # a purchase
    horizon: float
    models: tuple[Any, ...] = MODELS


def donations() -> Data:
    """Who gave in 1995, and in which of the six years after; the five years after those held out."""
    table = pd.read_parquet(_logs.SHARED / "bgbb_donations" / "bgbb_donations.parquet")
    names = {"x": "frequency", "t.x": "recency", "n.cal": "T"}
    customers = table.rename(columns=names)[list(names.values())].astype(float)
    customers.attrs["time_unit"] = "Y"
    bought = table["x.star"] / table["custs"]
    return Data(customers, table["custs"].to_numpy(float), bought, None, 5.0, (clvml.BGBB, *MODELS))


def halves(split: clvml.Split) -> Data:
    """The two parts of a split."""
    held = split.holdout
    spent = (held["spend"] / held["purchases"]).where(held["purchases"] > 0)
    ones = np.ones(len(held))
    return Data(split.calibration, ones, held["purchases"], spent, split.duration)


def sources(config: Config) -> dict[str, Data]:
    """All data that are here, by name."""
    named = {
        name: halves(clvml.split(_logs.read(each.log), each.calibration_end, each.observation_end))
        for name, each in config.holdouts.items()
        if _logs.available(each.log)
    }
    return named | ({"donations": donations()} if _logs.SHARED.exists() else {})


def purchases(data: Data) -> pd.DataFrame:
    """Each model of purchases on one data set: its fit, its messages, its forecast."""
    x, T, weights = data.customers["frequency"], data.customers["T"], data.weights
    rows = {"own rate goes on": judged(data, (x / T.where(T > 0)).fillna(0.0) * data.horizon)}
    for kind in data.models:
        model = kind().fit(data.customers, weights=weights)
        said = " ".join(model.fit_record_.messages)
        expected = model.expected_purchases(data.customers, data.horizon)
        rows[model.title] = {"aic": model.aic_} | judged(data, expected) | {"says": said}
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")
    table.insert(0, "repeat_purchases_each", float(weights @ x) / weights.sum())
    # A probability of BG/BB and a density of times are on different scales.
    table["aic"] = (table["aic"] - table["aic"].drop("BG/BB", errors="ignore").min()).drop(
        "BG/BB", errors="ignore"
    )
    return table.rename(columns={"aic": "aic_above_best"})[::-1]


def judged(data: Data, expected: pd.Series) -> dict[str, float]:
    """Total, error and the one-time buyers, against the actual purchases."""
    weights, once = data.weights, (data.customers["frequency"] == 0).to_numpy()
    total, came = weights @ expected, weights @ data.bought
    off = float(np.sqrt(weights @ (expected - data.bought) ** 2 / weights.sum()))
    means = [weights[once] @ values[once] / weights[once].sum() for values in (expected, data.bought)]
    return {
        "expected": float(total),
        "came": float(came),
        "bias_pct": 100 * float(total / came - 1),
        "rmse": off,
        "one_time_expected": means[0],
        "one_time_came": means[1],
    }


def spend(data: Data) -> pd.DataFrame:
    """Each way to expect spend, on those who bought in the holdout: their average there."""
    model = clvml.GammaGamma().fit(data.customers)
    x, m = data.customers["frequency"], data.customers["monetary_value"]
    everyone = m[(x > 0) & (m > 0)].mean()
    ways = {
        "Gamma-Gamma": model.expected_spend(data.customers),
        "own average": m.where((x > 0) & (m > 0), everyone),
        "everyone's average": pd.Series(everyone, m.index),
    }
    came = data.spent.dropna()
    rows = {
        way: {
            "spenders": len(came),
            "mean_expected": expected[came.index].mean(),
            "mean_came": came.mean(),
            "rmse": np.sqrt(((expected - came) ** 2).mean()),
        }
        for way, expected in ways.items()
    }
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")
    table["correlation"] = model.frequency_spend_correlation_
    table["says"] = [" ".join(model.fit_record_.messages), "", ""]
    return table


def value(customers: pd.DataFrame, spent: pd.Series, horizon: float) -> pd.Series:
    """BG/NBD x Gamma-Gamma where spend may go with frequency: in total, and of the most frequent tenth."""
    model = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), horizon).fit(customers)
    predicted = model.predict(customers)
    best = customers["frequency"] >= customers["frequency"].quantile(0.9)
    return pd.Series(
        {
            "correlation": model.spend_.frequency_spend_correlation_,
            "bias_pct": 100 * (predicted.sum() / spent.sum() - 1),
            "bias_pct_of_most_frequent": 100 * (predicted[best].sum() / spent[best].sum() - 1),
            "says": " ".join(model.spend_.fit_record_.messages),
        }
    )


def values(config: Config) -> pd.DataFrame:
    """CDNOW, and simulated customers whose spend is correlated with their frequency or is not."""
    split = clvml.split(_logs.read("CDNOW"), "1997-09-30", "1998-06-30")
    rows = {"CDNOW": value(split.calibration, split.holdout["spend"], split.duration)}
    for name, power in (("simulated, spend independent", 0.0), ("simulated, spend goes with frequency", 0.5)):
        rows[name] = value(*simulated(power, config.simulated_customers, seed=1), YEAR)
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("data")


def simulated(power: float, customers: int, seed: int) -> tuple[pd.DataFrame, pd.Series]:
    """Customers of BG/NBD after a year, and what they spend in the next.

    A customer's level of spend is 30 times their rate to ``power``, or the same numbers shuffled.
    """
    random = np.random.default_rng(seed)
    rate, dropout = random.gamma(0.8, 1 / 8, customers), random.beta(0.5, 9.5, customers)
    level = 30 * (rate / rate.mean()) ** 0.5
    if power == 0:
        level = random.permutation(level)
    rows, spent = [], np.zeros(rate.size)
    for i in range(rate.size):
        times = np.cumsum(random.exponential(1 / rate[i], min(random.geometric(dropout[i]), MANY)))
        money = random.gamma(6.0, level[i] / 6, times.size)
        seen = times <= YEAR
        spent[i] = money[(times > YEAR) & (times <= 2 * YEAR)].sum()
        average = money[seen].mean() if seen.any() else 0.0
        rows.append((seen.sum(), times[seen].max(initial=0.0), YEAR, average))
    names = ["frequency", "recency", "T", "monetary_value"]
    table = pd.DataFrame(rows, pd.RangeIndex(rate.size, name="customer_id"), names, dtype=float)
    table.attrs["time_unit"] = "W"
    return table, pd.Series(spent, table.index)


def retention(fitted: int) -> Iterator[pd.DataFrame]:
    """Subscribers left after all renewals, from what was known after the first ones."""
    table = pd.read_parquet(_logs.SHARED / "sbg_retention" / "sbg_retention.parquet")
    for cohort in ("Regular", "High-end"):
        left = table[cohort].to_numpy(float)
        seen, later = left[: fitted + 1], left[fitted + 1 :]
        known = clvml.customers_from_survivors(seen)
        model = clvml.ShiftedBetaGeometric().fit(known, weights=known["customers"])
        steps = np.arange(fitted + 1, left.size)
        renewing = 1 - (seen[0] - seen[-1]) / seen[:-1].sum()
        ways = {
            model.title: left[0] * model.survival(int(steps[-1]))[steps],
            "one renewal rate for all": left[0] * renewing**steps,
        }
        yield pd.DataFrame(
            {
                "cohort": cohort,
                "renewals": np.tile(steps, 2),
                "model": np.repeat(list(ways), later.size),
                "expected": np.concatenate(list(ways.values())),
                "came": np.tile(later, 2),
            }
        ).set_index(["cohort", "model", "renewals"])


def results(config: Config) -> Results:
    """One table per question."""
    data = sources(config)
    with_spend = {name: each for name, each in data.items() if each.spent is not None}
    found = {
        "purchases": pd.concat({name: purchases(each) for name, each in data.items()}, names=["data"]),
        "spend": pd.concat({name: spend(each) for name, each in with_spend.items()}, names=["data"]),
        "value": values(config),
    }
    if _logs.SHARED.exists():
        found["retention"] = pd.concat(retention(config.fitted_renewals))
    return Results(found)
