"""Write coverage.csv: how often outcomes are within the prediction intervals of customers, groups and totals.

Simulated customers live one purchase at a time, by code of this file alone. "given" models know the true
parameters, "fitted" ones are fitted to the customers of each repetition. Real customers are those of three
holdouts.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

import clvml
from experiments import _logs
from experiments._lab import Results, Section

HERE = Path(__file__).parent
KEYS = ["data", "model", "parameters", "of", "quantity", "level"]
KINDS = {"BG/NBD": clvml.BGNBD, "MBG/NBD": clvml.MBGNBD, "Pareto/NBD": clvml.ParetoNBD}
SPEND = {"CDNOW": {"p": 6.2496, "q": 3.7442, "v": 15.4435}, "loyal": {"p": 6.0, "q": 2.5, "v": 7.5}}
HOLDOUTS = {
    "CDNOW": ("1997-09-30", "1998-06-30"),
    "Online Retail": ("2011-09-09", "2011-12-09"),
    "coffee vending": ("2024-09-30", "2024-12-31"),
}


class Config(Section):
    """Levels of coverage, and how much is simulated."""

    question: str
    levels: tuple[float, ...]
    customers: int
    repetitions: int
    repetitions_customers: int
    n_simulations: int
    calibration_weeks: float
    holdout_weeks: float
    annual_discount_rate: float


class Population(NamedTuple):
    """The model by which simulated customers live, and its parameters in weeks."""

    model: str
    name: str
    params: dict[str, float]


POPULATIONS = (
    Population("BG/NBD", "CDNOW", {"r": 0.2426, "alpha": 4.4136, "a": 0.7929, "b": 2.4259}),
    Population("BG/NBD", "loyal", {"r": 0.8, "alpha": 8.0, "a": 0.5, "b": 9.5}),
    Population("MBG/NBD", "CDNOW", {"r": 0.5248, "alpha": 6.1831, "a": 0.8914, "b": 1.6140}),
    Population("Pareto/NBD", "CDNOW", {"r": 0.5533, "alpha": 10.5777, "s": 0.6062, "beta": 11.6687}),
)


def simulate(config: Config, population: Population, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Histories at the end of calibration, and the outcomes of the holdout."""
    random, n = np.random.default_rng((seed, config.customers)), config.customers
    T = np.ceil(random.uniform(config.calibration_weeks - 12, config.calibration_weeks, n) * 7) / 7
    row, time = repeat_purchases(population, T + config.holdout_weeks, random)
    spend = SPEND[population.name]
    rate = random.gamma(spend["q"], 1 / spend["v"], n)
    amount = random.gamma(spend["p"], 1 / rate[row])
    seen = time <= T[row]
    x, spent = (np.bincount(row[seen], w, n) for w in (None, amount[seen]))
    recency = np.zeros(n)
    np.maximum.at(recency, row[seen], time[seen])
    columns = {"frequency": x.astype(float), "recency": recency, "T": T}
    customers = pd.DataFrame(columns | {"monetary_value": spent / np.maximum(x, 1)})
    customers.attrs["time_unit"] = "W"
    later, paid = row[~seen], amount[~seen]
    discounted = paid * (1 + config.annual_discount_rate) ** (-np.ceil(time[~seen] - T[later]) / 52)
    outcomes = {"purchases": np.ones(later.size), "spend": paid, "clv": discounted}
    actual = pd.DataFrame({name: np.bincount(later, w, n) for name, w in outcomes.items()})
    return customers, actual.assign(mean_spend=spend["p"] / rate)


def repeat_purchases(
    population: Population, end: np.ndarray, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Customer and time (after the first purchase) of each repeat purchase until ``end`` or dropout."""
    r, alpha, first, second = population.params.values()
    n = end.size
    rate, clock, rows, times = random.gamma(r, 1 / alpha, n), np.zeros(n), [], []
    dropout, active = np.zeros(n), np.flatnonzero(rate > 0)
    if population.model == "Pareto/NBD":
        end = np.minimum(end, random.exponential(1 / random.gamma(first, 1 / second, n)))
    else:
        dropout = random.beta(first, second, n)
    if population.model == "MBG/NBD":
        active = active[random.random(active.size) >= dropout[active]]
    while active.size:
        clock[active] += random.exponential(1 / rate[active])
        active = active[clock[active] <= end[active]]
        rows.append(active)
        times.append(clock[active])
        active = active[random.random(active.size) >= dropout[active]]
    return np.concatenate(rows), np.concatenate(times)


def value_model(
    config: Config, population: Population, customers: pd.DataFrame, parameters: str
) -> clvml.LifetimeValue:
    """The model by which the customers live, fitted or given."""
    kind = KINDS[population.model]
    value = clvml.LifetimeValue(kind(), clvml.GammaGamma(), config.holdout_weeks, config.annual_discount_rate)
    if parameters == "fitted":
        return value.fit(customers)
    value.purchases_ = kind.from_params(**population.params, time_unit="W")
    value.spend_ = clvml.GammaGamma.from_params(**SPEND[population.name])
    value.time_unit_ = "W"
    return value


def frequency_group(customers: pd.DataFrame) -> pd.Series:
    """0, 1, 2 or 3 and more repeat purchases."""
    return customers["frequency"].clip(upper=3).astype(int).rename("group")


def of_customers(
    config: Config,
    value: clvml.LifetimeValue,
    customers: pd.DataFrame,
    actual: pd.DataFrame,
    by_frequency: bool = False,
) -> Iterator[dict]:
    """Coverage of the interval of each customer, of all and by the number of their purchases."""
    group = frequency_group(customers)
    for level in config.levels:
        intervals = value.predict_interval(customers, level)
        mean = value.spend_.predict_interval(customers, level).add_prefix("mean_spend_")
        intervals = intervals.join(mean)
        for name in actual:
            lower, upper = intervals[f"{name}_lower"], intervals[f"{name}_upper"]
            yield counts("customer", name, level, actual[name], lower, upper)
            for number in range(4 * by_frequency):
                at = group == number
                label = f"customer with {number}{'+' * (number == 3)} purchases"
                yield counts(label, name, level, actual[name][at], lower[at], upper[at])


def of_totals(
    config: Config, value: clvml.LifetimeValue, customers: pd.DataFrame, actual: pd.DataFrame, seed: int
) -> Iterator[dict]:
    """Coverage of intervals of groups by the number of purchases, and of the total."""
    group = frequency_group(customers)
    outcomes = actual.groupby(group).sum()
    outcomes.loc["total"] = actual.sum()
    for level in config.levels:
        table = value.predict_total_interval(
            customers, group, level, n_simulations=config.n_simulations, random_state=seed
        )
        for name in actual.columns.intersection(["purchases", "spend", "clv"]):
            rows = outcomes[name].reindex(table.index), table[f"{name}_lower"], table[f"{name}_upper"]
            yield counts("group", name, level, *(each.iloc[:-1] for each in rows))
            yield counts("total", name, level, *(each.iloc[-1:] for each in rows))


def counts(of: str, quantity: str, level: float, actual: Any, lower: Any, upper: Any) -> dict:
    """How many there are, and how many of them are within and above."""
    within, above = (lower <= actual) & (actual <= upper), actual > upper
    key = {"of": of, "quantity": quantity, "level": level}
    return key | {"cases": len(actual), "within": within.sum(), "above": above.sum()}


def repetition(config: Config, population: Population, seed: int) -> Iterator[dict]:
    """One set of simulated customers, with given and with fitted parameters."""
    customers, actual = simulate(config, population, seed)
    for parameters in ("given", "fitted"):
        value = value_model(config, population, customers, parameters)
        rows = list(of_totals(config, value, customers, actual, seed))
        if seed < config.repetitions_customers:
            rows += of_customers(config, value, customers, actual)
        key = {"data": f"simulated, {population.name}", "model": population.model, "parameters": parameters}
        yield from (key | row for row in rows)


def real(config: Config, name: str) -> Iterator[dict]:
    """Coverage on one real holdout."""
    split = clvml.split(_logs.read(name), *HOLDOUTS[name])
    customers, actual = split.calibration, split.holdout[["purchases", "spend"]]
    for model, kind in KINDS.items():
        value = clvml.LifetimeValue(kind(), clvml.GammaGamma(), split.duration).fit(customers)
        key = {"data": name, "model": model, "parameters": "fitted"}
        yield from (key | row for row in of_totals(config, value, customers, actual, 0))
        yield from (key | row for row in of_customers(config, value, customers, actual, by_frequency=True))


def results(config: Config) -> Results:
    """Shares within and above the intervals."""
    rows = [row for name in HOLDOUTS if _logs.available(name) for row in real(config, name)]
    for population in POPULATIONS:
        for seed in range(config.repetitions):
            rows += repetition(config, population, seed)
    summed = pd.DataFrame(rows).groupby(KEYS, sort=False)[["cases", "within", "above"]].sum()
    return Results(
        {"coverage": summed.assign(**{c: summed[c] / summed["cases"] for c in ("within", "above")})}
    )
