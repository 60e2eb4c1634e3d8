"""Write purchases.csv, spend.csv, value.csv and retention.csv: which model does what on which data.

    python experiments/which_model/compare.py

Every model sees the calibration only and is held against what came after. Data that are not built in are
read from ../shared/data; where it is absent, their rows stay as they were.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

import clvml
from clvml.errors import FitWarning
from clvml.files import written_whole

HERE = Path(__file__).parent
SHARED = HERE.parents[2] / "shared" / "data"
MODELS = (clvml.BGNBD, clvml.MBGNBD, clvml.ParetoNBD)
FITTED_RENEWALS = 7
YEAR = 52.0
MANY = 1000  # purchases, more than anybody makes in two years


class Data(NamedTuple):
    """Histories, how many customers each row stands for, and what they bought in the holdout."""

    customers: pd.DataFrame
    weights: np.ndarray
    bought: pd.Series  # a customer
    spent: pd.Series | None  # a purchase
    horizon: float
    models: tuple[Any, ...] = MODELS


def cdnow(calibration_end: str = "1997-09-30", observation_end: str = "1998-06-30") -> Data:
    """By default the split of the papers."""
    return halves(clvml.split(clvml.load_cdnow(), calibration_end, observation_end))


def online_retail() -> Data:
    """A wholesaler's; as in experiments/online_retail."""
    policy = clvml.TransactionPolicy(returns="net_period", duplicates="drop", zero_amount="drop")
    names = {"customer": "CustomerID", "date": "InvoiceDate", "quantity": "Quantity", "price": "UnitPrice"}
    source = SHARED / "online_retail" / "online_retail.parquet"
    return halves(
        clvml.split(clvml.read_transactions(source, policy=policy, **names), "2011-09-09", "2011-12-09")
    )


def coffee_vending(calibration_end: str = "2024-09-30", observation_end: str = "2024-12-31") -> Data:
    """Cards at a vending machine."""
    source = SHARED / "coffee_vending" / "coffee_vending.parquet"
    sales = clvml.read_transactions(source, customer="card", date="date", amount="money")
    return halves(clvml.split(sales, calibration_end, observation_end))


def coffee_after_a_break() -> Data:
    """The same later: in February and March 2025 hardly any known card is seen, while sales go on."""
    return coffee_vending("2024-11-30", "2025-03-23")


def donations() -> Data:
    """Who gave in 1995, and in which of the six years after; the five years after those held out."""
    table = pd.read_parquet(SHARED / "bgbb_donations" / "bgbb_donations.parquet")
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


def sources() -> dict[str, Data]:
    """All data at hand, by name."""
    named = {"CDNOW": cdnow(), "CDNOW, first quarter": cdnow("1997-03-31", "1997-12-29")}
    shared = {
        "Online Retail": online_retail,
        "coffee vending": coffee_vending,
        "coffee vending, after a break": coffee_after_a_break,
        "donations": donations,
    }
    for name, read in shared.items():
        if SHARED.exists():
            named[name] = read()
    return named


def purchases(data: Data) -> pd.DataFrame:
    """Each model of purchases on one data set: how it fits, what it says, what it is worth later."""
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
    """Total, error and the one-time buyers, against what came."""
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
    """Each way to expect spend, on those who bought in the holdout, and on their later average."""
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


def values() -> pd.DataFrame:
    """CDNOW, and simulated customers whose spend goes with their frequency or does not."""
    split = clvml.split(clvml.load_cdnow(), "1997-09-30", "1998-06-30")
    rows = {"CDNOW": value(split.calibration, split.holdout["spend"], split.duration)}
    for name, power in (("simulated, spend independent", 0.0), ("simulated, spend goes with frequency", 0.5)):
        rows[name] = value(*simulated(power, seed=1), YEAR)
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("data")


def simulated(power: float, seed: int) -> tuple[pd.DataFrame, pd.Series]:
    """10,000 customers of BG/NBD after a year, and what they spend in the next.

    A customer's level of spend is 30 times their rate to ``power``, or the same numbers shuffled.
    """
    random = np.random.default_rng(seed)
    rate, leave = random.gamma(0.8, 1 / 8, 10_000), random.beta(0.5, 9.5, 10_000)
    level = 30 * (rate / rate.mean()) ** 0.5
    if power == 0:
        level = random.permutation(level)
    rows, spent = [], np.zeros(rate.size)
    for i in range(rate.size):
        times = np.cumsum(random.exponential(1 / rate[i], min(random.geometric(leave[i]), MANY)))
        money = random.gamma(6.0, level[i] / 6, times.size)
        seen = times <= YEAR
        spent[i] = money[(times > YEAR) & (times <= 2 * YEAR)].sum()
        average = money[seen].mean() if seen.any() else 0.0
        rows.append((seen.sum(), times[seen].max(initial=0.0), YEAR, average))
    names = ["frequency", "recency", "T", "monetary_value"]
    customers = pd.DataFrame(rows, pd.RangeIndex(rate.size, name="customer_id"), names, dtype=float)
    customers.attrs["time_unit"] = "W"
    return customers, pd.Series(spent, customers.index)


def retention() -> Iterator[pd.DataFrame]:
    """Subscribers left after 12 renewals, from what was known after 7."""
    table = pd.read_parquet(SHARED / "sbg_retention" / "sbg_retention.parquet")
    for cohort in ("Regular", "High-end"):
        left = table[cohort].to_numpy(float)
        seen, later = left[: FITTED_RENEWALS + 1], left[FITTED_RENEWALS + 1 :]
        known = clvml.customers_from_survivors(seen)
        model = clvml.ShiftedBetaGeometric().fit(known, weights=known["customers"])
        steps = np.arange(FITTED_RENEWALS + 1, left.size)
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


def write(name: str, table: pd.DataFrame) -> None:
    """Write a table; rows of data that are absent stay as they were."""
    path, keys = HERE / f"{name}.csv", list(table.index.names)
    if path.exists():
        before = pd.read_csv(path).set_index(keys)
        table = pd.concat([table, before[~before.index.isin(table.index)]])
    with written_whole(path) as unfinished:
        table.to_csv(unfinished, float_format="%.5g")


def main() -> None:
    """All data sets, one table a question."""
    warnings.simplefilter("ignore", FitWarning)  # what a fit doubts of itself is in the column `says`
    data = sources()
    write("purchases", pd.concat({name: purchases(one) for name, one in data.items()}, names=["data"]))
    write("spend", pd.concat({n: spend(d) for n, d in data.items() if d.spent is not None}, names=["data"]))
    write("value", values())
    if SHARED.exists():
        write("retention", pd.concat(retention()))


if __name__ == "__main__":
    main()
