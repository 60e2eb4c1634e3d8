"""Write groups.csv and simulated.csv: one model, separate models and partial pooling of groups."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field

import clvml
from clvml.errors import FitError
from experiments import _logs
from experiments._lab import Results, Section

ELSEWHERE = _logs.SHARED.parents[1] / "logs"
COHORTS = {"CDNOW, all customers": "W", "Online Retail": "M", "donations": "Y"}
TYPICAL = {"r": 0.8, "alpha": 8.0, "a": 0.8, "b": 2.5}
KINDS: dict[str, Callable[[], Any]] = {"BG/NBD": clvml.BGNBD, "Gamma-Gamma": clvml.GammaGamma}


class Grouping(Section):
    """A log, its groups and its holdout; ``file`` of a log that is not in `experiments._logs`."""

    log: str
    group: str
    origin: dt.date
    weeks: int
    file: str | None = None


class Simulated(Section):
    """Sizes of the groups, and standard deviations of the logarithms of their parameters."""

    sizes: list[int]
    log_sds: list[float]
    populations: int
    weeks: int


class Config(Section):
    """Groupings of real customers, and simulated ones."""

    question: str
    groupings: list[Grouping]
    simulated: Simulated
    n_draws: int = Field(ge=2)
    seed: int


def transactions(grouping: Grouping) -> clvml.Transactions | None:
    """The purchases of a log; None if it is not here."""
    if grouping.file is None:
        return _logs.read(grouping.log) if _logs.available(grouping.log) else None
    path = ELSEWHERE / grouping.file
    return clvml.read_transactions(path) if path.exists() else None


def with_group(customers: pd.DataFrame, grouping: Grouping) -> pd.DataFrame:
    """The customers with their group: the period of the first purchase, or the country."""
    if grouping.group == "cohort":
        period = customers["first_purchase"].dt.to_period(COHORTS.get(grouping.log, "W"))
        return customers.assign(cohort=period.astype(str))
    source = pd.read_parquet(_logs.SHARED / "online_retail" / "online_retail.parquet")
    source = source.dropna(subset="CustomerID").assign(id=lambda rows: rows["CustomerID"].astype(int))
    country = source.groupby("id")["Country"].first()
    return customers.assign(country=country.reindex(customers.index.astype(float).astype(int)).to_numpy())


def separate(kind: str, customers: pd.DataFrame, group: str, ask: Callable[[Any, pd.DataFrame], Any]) -> Any:
    """The forecasts of a model of each group, and of one model of all where a group has none."""
    whole = ask(KINDS[kind]("weak").fit(customers), customers).copy()
    for _, part in customers.groupby(group):
        try:
            found = ask(KINDS[kind]("weak").fit(part), part)
        except FitError:
            continue
        if np.isfinite(found).all():
            whole.loc[part.index] = found
    return whole


def measured(grouping: Grouping, split: clvml.Split, config: Config) -> pd.DataFrame:
    """Errors of totals by group and of customers, with intervals by resampling groups."""
    customers, weeks = with_group(split.calibration, grouping), grouping.weeks
    buyers = split.holdout["purchases"] > 0
    asks = {
        "BG/NBD": lambda model, part: model.expected_purchases(part, weeks),
        "Gamma-Gamma": lambda model, part: model.expected_spend(part),
    }
    tables = {}
    for kind, model in KINDS.items():
        pooled = clvml.PartialPooling(model("weak"), grouping.group).fit(customers)
        forecasts = {
            "one model": asks[kind](pooled.pooled_, customers),
            "separate models": separate(kind, customers, grouping.group, asks[kind]),
            "partial pooling": asks[kind](pooled, customers),
        }
        if kind == "BG/NBD":
            actual = split.holdout["purchases"]
        else:
            actual = split.holdout["spend"][buyers]
            forecasts = {
                name: (each * split.holdout["purchases"])[buyers] for name, each in forecasts.items()
            }
        groups = customers.loc[actual.index, grouping.group]
        table = pd.DataFrame({name: errors(each, actual, groups) for name, each in forecasts.items()}).T
        test = pooled.likelihood_ratio_test_
        table["p_one_model"] = np.nan if test is None else test.p_value
        table["groups"] = len(pooled.models_)
        lower, upper = gain(forecasts, actual, groups, config)
        table.loc["partial pooling", ["gain_lower", "gain_upper"]] = lower, upper
        tables[kind] = table
    return pd.concat(tables, names=["model", "pooling"])


def errors(forecast: pd.Series, actual: pd.Series, groups: pd.Series) -> dict[str, float]:
    """Mean absolute error of the groups' totals, in percent of all; RMSE of customers; the total."""
    off = (forecast - actual).groupby(groups).sum()
    return {
        "mae_of_groups_pct": 100 * float(off.abs().sum() / actual.sum()),
        "rmse": float(np.sqrt(((forecast - actual) ** 2).mean())),
        "total_pct": 100 * float(forecast.sum() / actual.sum() - 1),
    }


def gain(
    forecasts: dict[str, pd.Series], actual: pd.Series, groups: pd.Series, config: Config
) -> tuple[float, float]:
    """95 % interval of the mean absolute error of partial pooling less that of one model, by groups."""
    off = {name: (each - actual).groupby(groups).sum().abs() for name, each in forecasts.items()}
    less = (off["partial pooling"] - off["one model"]).to_numpy()
    sizes = actual.groupby(groups).sum().to_numpy()
    rng = np.random.default_rng(config.seed)
    rows = rng.integers(0, less.size, (config.n_draws, less.size))
    drawn = 100 * less[rows].sum(axis=1) / np.maximum(sizes[rows].sum(axis=1), 1e-9)
    lower, upper = np.quantile(drawn, [0.025, 0.975])
    return float(lower), float(upper)


def simulated(config: Config) -> pd.DataFrame:
    """Root mean square error of the logarithm of a new customer's purchases in a year, by group."""
    rows = []
    for log_sd in config.simulated.log_sds:
        for population in range(config.simulated.populations):
            rows += list(population_errors(config, log_sd, population))
    table = pd.DataFrame(rows)
    table["size"] = np.where(table["size"] < 100, "below 100", "100 and more")
    squares = table.groupby(["log_sd", "size"]).mean()
    return np.sqrt(squares)


def population_errors(config: Config, log_sd: float, population: int) -> Iterator[dict[str, Any]]:
    """Squared errors of each group of one population."""
    rng = np.random.default_rng((config.seed, population))
    sizes = config.simulated.sizes * 2
    frames, truth = [], {}
    for number, size in enumerate(sizes):
        faster, leakier = np.exp(log_sd * rng.standard_normal(2))
        params = TYPICAL | {"alpha": TYPICAL["alpha"] / faster, "a": TYPICAL["a"] * leakier}
        truth[f"g{number:02d}"] = model = clvml.BGNBD.from_params(**params, time_unit="W")
        frames.append(
            model.simulate(np.full(size, float(config.simulated.weeks)), rng).assign(group=f"g{number:02d}")
        )
    customers = pd.concat(frames, ignore_index=True)
    customers.attrs["time_unit"] = "W"
    pooled = clvml.PartialPooling(clvml.BGNBD(), "group").fit(customers)
    for (name, model), size in zip(truth.items(), sizes, strict=True):
        right = np.log(model.expected_purchases_new_customer(52))
        alone = clvml.BGNBD("weak").fit(customers[customers["group"] == name])
        forecasts = {
            "one model": pooled.pooled_.expected_purchases_new_customer(52),
            "separate models": alone.expected_purchases_new_customer(52),
            "partial pooling": pooled.expected_purchases_new_customer(52, name),
        }
        squares = {kind: (np.log(forecast) - right) ** 2 for kind, forecast in forecasts.items()}
        yield {"log_sd": log_sd, "size": size, **squares}


def results(config: Config) -> Results:
    """All logs that are here, and the simulation."""
    found = {}
    for grouping in config.groupings:
        source = transactions(grouping)
        if source is None:
            continue
        end = pd.Timestamp(grouping.origin) + pd.Timedelta(weeks=grouping.weeks)
        split = clvml.split(source, grouping.origin, end.date(), time_unit="W")
        found[grouping.log, grouping.group] = measured(grouping, split, config)
    tables = pd.concat(found, names=["log", "group"])
    return Results({"groups": tables, "simulated": simulated(config)})
