"""Write coverage.csv and totals.csv: how often what came lay within the intervals.

    python experiments/intervals/compare.py [processes]

Simulated customers live one purchase at a time, by code of this file alone: first purchase within twelve
weeks, fitted after 39 weeks, held out for 39 more. ``given`` models know the true parameters, ``fitted``
ones are fitted to each repetition's customers. Real customers are CDNOW's, and those in ../shared/data
where it is present; where not, their rows stay as they were.
"""

from __future__ import annotations

import os
import sys

os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

import clvml
from clvml.errors import FitWarning
from clvml.files import written_whole
from clvml.lifetime_value import bounds, rank_of_bounds

HERE = Path(__file__).parent
SHARED = HERE.parents[2] / "shared" / "data"
LEVELS = (0.5, 0.8, 0.9, 0.95)
FITTED, HELD_OUT, RATE, SIMULATIONS = 39.0, 39.0, 0.10, 199
KEYS = ["data", "model", "customers", "parameters", "of", "quantity", "coverage"]
SPEND = {"CDNOW": (6.2496, 3.7442, 15.4435), "loyal": (6.0, 2.5, 7.5), "fickle": (6.0, 2.5, 7.5)}
MODELS = {"BG/NBD": clvml.BGNBD, "MBG/NBD": clvml.MBGNBD, "Pareto/NBD": clvml.ParetoNBD}


class World(NamedTuple):
    """By which model customers live, its parameters by name, and what is repeated how often.

    For each number of customers: repetitions, and those of them in which each customer is looked at.
    """

    model: str
    name: str
    params: dict[str, float]
    sizes: dict[int, tuple[int, int]]


ALL_SIZES = {500: (100, 3), 2357: (100, 1), 20_000: (30, 1)}
SMALL = {500: (100, 3)}
SLOW_SIZES = {500: (100, 1), 2357: (30, 1), 20_000: (10, 1)}  # a draw of Pareto/NBD parameters takes longer
SLOW_SMALL = {500: (50, 1)}
WORLDS = (
    World("BG/NBD", "CDNOW", {"r": 0.2426, "alpha": 4.4136, "a": 0.7929, "b": 2.4259}, ALL_SIZES),
    World("BG/NBD", "loyal", {"r": 0.8, "alpha": 8.0, "a": 0.5, "b": 9.5}, SMALL),
    World("BG/NBD", "fickle", {"r": 0.8, "alpha": 8.0, "a": 1.5, "b": 2.5}, SMALL),
    World("MBG/NBD", "CDNOW", {"r": 0.5248, "alpha": 6.1831, "a": 0.8914, "b": 1.6140}, ALL_SIZES),
    World("MBG/NBD", "loyal", {"r": 0.8, "alpha": 8.0, "a": 0.5, "b": 9.5}, SMALL),
    World("Pareto/NBD", "CDNOW", {"r": 0.5533, "alpha": 10.5777, "s": 0.6062, "beta": 11.6687}, SLOW_SIZES),
    World("Pareto/NBD", "loyal", {"r": 0.8, "alpha": 8.0, "s": 0.6, "beta": 60.0}, SLOW_SMALL),
)


def lives(world: World, n: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Customers as seen when they are fitted, and what they went on to do."""
    random = np.random.default_rng((seed, n))
    T = np.ceil(random.uniform(FITTED - 12, FITTED, n) * 7) / 7
    row, time = purchases(world, T + HELD_OUT, random)
    p, q, v = SPEND[world.name]
    level = random.gamma(q, 1 / v, n)
    amount = random.gamma(p, 1 / level[row])
    seen = time <= T[row]
    x, spent = (np.bincount(row[seen], w, n) for w in (None, amount[seen]))
    recency = np.zeros(n)
    np.maximum.at(recency, row[seen], time[seen])
    columns = {"frequency": x.astype(float), "recency": recency, "T": T}
    customers = pd.DataFrame(columns | {"monetary_value": spent / np.maximum(x, 1)})
    customers.attrs["time_unit"] = "W"
    later, paid = row[~seen], amount[~seen]
    worth = paid * (1 + RATE) ** (-np.ceil(time[~seen] - T[later]) / 52)
    came = {"purchases": np.ones(later.size), "spend": paid, "clv": worth}
    truth = pd.DataFrame({name: np.bincount(later, w, n) for name, w in came.items()})
    return customers, truth.assign(mean_spend=p / level)


def purchases(world: World, end: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Whose repeat purchases, and when after the first, one at a time until ``end`` or they leave."""
    r, alpha, first, second = world.params.values()
    n = end.size
    rate, clock, rows, times = random.gamma(r, 1 / alpha, n), np.zeros(n), [], []
    leaves, here = np.zeros(n), np.flatnonzero(rate > 0)
    if world.model == "Pareto/NBD":
        end = np.minimum(end, random.exponential(1 / random.gamma(first, 1 / second, n)))
    else:
        leaves = random.beta(first, second, n)
    if world.model == "MBG/NBD":
        here = here[random.random(here.size) >= leaves[here]]
    while here.size:
        clock[here] += random.exponential(1 / rate[here])
        here = here[clock[here] <= end[here]]
        rows.append(here)
        times.append(clock[here])
        here = here[random.random(here.size) >= leaves[here]]
    return np.concatenate(rows), np.concatenate(times)


def model_of(world: World, customers: pd.DataFrame, parameters: str) -> clvml.LifetimeValue:
    """The model that the customers live by, fitted or given."""
    kind, (p, q, v) = MODELS[world.model], SPEND[world.name]
    value = clvml.LifetimeValue(kind(), clvml.GammaGamma(), HELD_OUT, RATE)
    if parameters == "fitted":
        return value.fit(customers)
    value.purchases_ = kind.from_params(**world.params, time_unit="W")
    value.spend_ = clvml.GammaGamma.from_params(p=p, q=q, v=v)
    value.time_unit_ = "W"
    return value


def of_each(value: clvml.LifetimeValue, customers: pd.DataFrame, truth: pd.DataFrame) -> Iterator[dict]:
    """Each customer's own range."""
    for level in LEVELS:
        ranges = value.predict_interval(customers, level)
        mean = value.spend_.predict_interval(customers, level).add_prefix("mean_spend_")
        ranges = ranges.join(mean)
        for name in truth:
            low, high = ranges[f"{name}_lower"], ranges[f"{name}_upper"]
            yield counted("customer", name, level, truth[name], low, high)


def of_groups(
    value: clvml.LifetimeValue, customers: pd.DataFrame, truth: pd.DataFrame, seed: int
) -> Iterator[dict]:
    """Groups of customers by the number of their purchases, and all."""
    group = customers["frequency"].clip(upper=3).to_numpy()
    member = np.vstack([group == number for number in range(4)] + [group >= 0]).astype(float)
    names = ("purchases", "spend", "clv")
    sums = np.zeros((3, 5, SIMULATIONS))
    # As predict_total_interval, but all levels at once.
    for rows, *drawn in value._simulated(customers, None, None, SIMULATIONS, seed, together=True):
        sums += np.stack([member[:, rows] @ simulated for simulated in drawn])
    for name, simulated in zip(names, sums, strict=True):
        if name not in truth:
            continue
        came = member @ truth[name].to_numpy()
        for level in LEVELS:
            low, high = bounds(simulated, rank_of_bounds(SIMULATIONS, level))
            yield counted("group", name, level, came[:4], low[:4], high[:4])
            yield counted("total", name, level, came[4:], low[4:], high[4:])


def counted(of: str, quantity: str, level: float, came: Any, low: Any, high: Any) -> dict:
    """How many there are, and how many of them lie within and above."""
    within, above = ((low <= came) & (came <= high)), came > high
    where = {"of": of, "quantity": quantity, "coverage": level}
    return where | {"cases": len(came), "inside": within.sum(), "above": above.sum()}


def repetition(task: tuple[World, int, int]) -> pd.DataFrame:
    """One set of simulated customers, by given and by fitted parameters."""
    warnings.simplefilter("ignore", FitWarning)
    world, n, seed = task
    customers, truth = lives(world, n, seed)
    rows = []
    for parameters in ("given", "fitted"):
        value = model_of(world, customers, parameters)
        found = list(of_each(value, customers, truth)) if seed < world.sizes[n][1] else []
        found += of_groups(value, customers, truth, seed)
        rows += [{"parameters": parameters} | row for row in found]
    return pd.DataFrame(rows).assign(data=f"simulated, {world.name}", model=world.model, customers=n)


def cdnow() -> clvml.Split:
    """The split of the papers."""
    return clvml.split(clvml.load_cdnow(), "1997-09-30", "1998-06-30")


def online_retail() -> clvml.Split:
    """As in experiments/online_retail."""
    policy = clvml.TransactionPolicy(returns="net_period", duplicates="drop", zero_amount="drop")
    names = {"customer": "CustomerID", "date": "InvoiceDate", "quantity": "Quantity", "price": "UnitPrice"}
    source = SHARED / "online_retail" / "online_retail.parquet"
    return clvml.split(clvml.read_transactions(source, policy=policy, **names), "2011-09-09", "2011-12-09")


def coffee_vending() -> clvml.Split:
    """Cards at a vending machine; as in experiments/which_model."""
    source = SHARED / "coffee_vending" / "coffee_vending.parquet"
    sales = clvml.read_transactions(source, customer="card", date="date", amount="money")
    return clvml.split(sales, "2024-09-30", "2024-12-31")


def real(name: str, split: clvml.Split) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Coverage on one real holdout, and the ranges of its groups and its total."""
    warnings.simplefilter("ignore", FitWarning)  # what they say is in the README
    customers, truth = split.calibration, split.holdout[["purchases", "spend"]]
    rows, totals = [], []
    for model, kind in MODELS.items():
        value = clvml.LifetimeValue(kind(), clvml.GammaGamma(), split.duration).fit(customers)
        found = list(of_each_real(value, customers, truth))
        found += of_groups(value, customers, truth, seed=0)
        rows.append(pd.DataFrame(found).assign(data=name, model=model, parameters="fitted"))
        totals.append(ranges_of_groups(value, customers, truth).assign(data=name, model=model))
    return pd.concat(rows).assign(customers=len(customers)), pd.concat(totals)


def of_each_real(value: clvml.LifetimeValue, customers: pd.DataFrame, truth: pd.DataFrame) -> Iterator[dict]:
    """Each customer's own range, all together and by the number of their purchases."""
    group = customers["frequency"].clip(upper=3)
    for level in LEVELS:
        ranges = value.predict_interval(customers, level)
        for name in truth:
            low, high = ranges[f"{name}_lower"], ranges[f"{name}_upper"]
            yield counted("customer", name, level, truth[name], low, high)
            for number in range(4):
                at = (group == number).to_numpy()
                label = f"customer with {number}{'+' * (number == 3)} purchases"
                yield counted(label, name, level, truth[name][at], low[at], high[at])


def ranges_of_groups(
    value: clvml.LifetimeValue, customers: pd.DataFrame, truth: pd.DataFrame
) -> pd.DataFrame:
    """What was said of groups and total at 90 %, and what came."""
    group = customers["frequency"].clip(upper=3).astype(int).rename("group")
    said = value.predict_total_interval(customers, group, 0.9)
    came = truth.groupby(group).sum()
    came.loc["total"] = came.sum()
    parts = [
        said[[name, f"{name}_lower", f"{name}_upper"]].set_axis(["expected", "lower", "upper"], axis=1)
        .assign(quantity=name, actual=came[name].to_numpy(), customers=said["customers"])
        for name in truth
    ]  # fmt: skip
    return pd.concat(parts).reset_index()


def shares(table: pd.DataFrame) -> pd.DataFrame:
    """Counts summed over repetitions, as shares."""
    summed = table.groupby(KEYS, sort=False)[["cases", "inside", "above"]].sum()
    for column in ("inside", "above"):
        summed[column] /= summed["cases"]
    return summed


def renewed(name: str, table: pd.DataFrame) -> None:
    """Write the table; rows of data that are not here today stay."""
    path = HERE / name
    if path.exists():
        before = pd.read_csv(path)
        source = [column for column in ("data", "model") if column in table]
        new = pd.MultiIndex.from_frame(table[source])
        table = pd.concat([before[~pd.MultiIndex.from_frame(before[source]).isin(new)], table])
    with written_whole(path) as unfinished:
        table.to_csv(unfinished, index=False, float_format="%.6g")


def main() -> None:
    """Real holdouts first, then simulated ones."""
    splits = {"CDNOW": cdnow}
    if SHARED.exists():
        splits |= {"Online Retail": online_retail, "coffee vending": coffee_vending}
    found = [real(name, read()) for name, read in splits.items()]
    renewed("totals.csv", pd.concat([totals for _, totals in found]))
    renewed("coverage.csv", shares(pd.concat([rows for rows, _ in found])).reset_index())
    with ProcessPoolExecutor(int(sys.argv[1]) if len(sys.argv) > 1 else 1) as pool:
        for world in WORLDS:
            tasks = [(world, n, seed) for n, (times, _) in world.sizes.items() for seed in range(times)]
            rows = pd.concat(pool.map(repetition, tasks))
            renewed("coverage.csv", shares(rows).reset_index())


if __name__ == "__main__":
    main()
