"""Save a model of each kind, and what it answers, as version 0.1 does: the folder ``0.1`` beside this file.

Run with the code of version 0.1 (commit 67404f8, to which the commit of this file adds only ``tests/golden``)
and the versions of ``constraints.txt``::

    PYTHONPATH=.:tests python tests/golden/make_0_1.py

The folder is not to be made again: what users of 0.1 have saved does not change either. For the next
release copy this file, name the release in ``RELEASE``, take the loader and the saver of the day, add the
new kinds of models, and run it with that release's code; the test reads every folder there is.

Models are fitted to CDNOW and to simulated customers, who stay out of the files. Each is saved, read
again, and asked about the few made-up customers of the CSV files, the odd ones last; the answers are
those of the model that was read.
"""

from __future__ import annotations

import json
import os
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from clvml.segments.treatments import read_treatments
from clvml.tracking.model_json import dump_model, load_model_json
from golden.questions import (
    ANSWERS,
    FOLDER,
    MODEL,
    QUESTIONS,
    names_in,
    plain,
    read_table,
    request_for,
)
from sklearn.base import BaseEstimator

import clvml
from clvml.tracking import flavor

RELEASE = "0.1"

HISTORIES = [
    # frequency, recency, T, monetary_value; weeks
    (0, 0.0, 38.857142857142854, 0.0),
    (2, 30.428571428571427, 38.857142857142854, 22.35),
    (1, 5.0, 30.0, 11.77),
    (7, 35.142857142857146, 38.0, 73.74),
    (3, 10.0, 36.0, 35.99),
    (12, 37.0, 38.5, 18.2),
    (0, 0.0, 27.0, 0.0),
    (4, 26.285714285714285, 31.0, 250.5),
    (1, 33.0, 38.0, 60.0),
    (5, 12.0, 39.0, 41.3),
    # Odd: never observed, bought today, huge, tiny, silent for long
    (0, 0.0, 0.0, 0.0),
    (4, 38.0, 38.0, 9.99),
    (0, 0.0, 5000.0, 0.0),
    (500, 360.0, 365.0, 0.01),
    (5000, 9999.5, 10000.0, 1e9),
    (1, 1e-9, 52.0, 0.0),
    (60, 10.0, 300.0, 33.0),
]

DONORS = [
    (0, 0, 6), (1, 1, 6), (1, 6, 6), (2, 5, 6), (3, 4, 6), (4, 4, 6), (5, 6, 6), (6, 6, 6), (2, 2, 4),
    # Odd
    (0, 0, 0), (1, 1, 1), (0, 0, 400), (300, 350, 400), (1, 1, 400), (1000, 1000, 1000),
]  # fmt: skip

SUBSCRIBERS = [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4), (1, 1), (0, 0), (12, 12), (3, 60), (2000, 2000)]

AS_MLFLOW = ("value-covariates", "value-annuity", "segments-kmeans-attributes", "groups-formula-value")

HISTORY_ANSWERS = (
    "columns", "time unit", "parameters", "log-likelihood", "P(alive)", "P(alive) after 4", "purchases in 26",
    "purchases of a new customer in 26", "P(no purchase in 13)", "P(two purchases in 13)",
    "P(three purchases of a new customer in 13)", "discounted purchases in 26",
    "discounted purchases in 26, at once", "discounted purchases, infinite horizon",
)  # fmt: skip
IN_WEEKS = ("purchases in 12M", "discounted purchases in 25.5, by quarters")
OPPORTUNITY_ANSWERS = (
    "columns", "time unit", "parameters", "log-likelihood", "P(alive)", "P(alive) after 4", "purchases in 5",
    "purchases of a new customer in 5", "P(one purchase in 3)", "discounted purchases in 5",
    "discounted purchases, infinite horizon",
)  # fmt: skip
FITTED = ("fit", "summary")
SPEND_ANSWERS = ("columns", "parameters", "log-likelihood", "spend")
VALUE_ANSWERS = (
    "columns",
    "time unit",
    "value",
    "factors",
    "value in 13 at 5 %",
    "factors in 6M undiscounted",
)
FORMULA_ANSWERS = ("columns", "time unit", "estimates", "factors", "factors in 13 at 5 %")
SEGMENT_ANSWERS = ("columns", "time unit", "segment", "segment names", "names", "profile")


class Kind(NamedTuple):
    """A fitted model, the table it is asked about, and the questions; ``seeded`` ones draw random numbers."""

    name: str
    model: Any
    table: str
    questions: tuple[str, ...]
    seeded: tuple[str, ...] = ()


def main() -> None:
    folder = FOLDER / RELEASE
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    write_tables(folder)
    for kind in kinds():
        text = dump_model(kind.model)
        model = load_model_json(text)
        answers = answers_of(folder, kind, model)
        if kind.name in AS_MLFLOW:
            answers["served"] = save_to_mlflow(folder, kind, model)
        else:
            (folder / f"{kind.name}{MODEL}").write_text(text, encoding="utf-8")
        write_answers(folder / f"{kind.name}{ANSWERS}", kind.table, model, answers)
    write_names(folder)


def answers_of(folder: Path, kind: Kind, model: Any) -> dict[str, dict[str, Any]]:
    table = read_table(folder, kind.table, getattr(model, "time_unit_", None))
    return {
        group: {name: plain(QUESTIONS[name](model, table), table) for name in names}
        for group, names in (("answers", kind.questions), ("seeded", kind.seeded))
        if names
    }


def write_answers(path: Path, table: str, model: Any, groups: dict[str, dict[str, Any]]) -> None:
    """What the model answers, a question a line."""
    time_unit = getattr(model, "time_unit_", None)
    lines = [f'"table": {json.dumps(table)}', f'"time_unit": {json.dumps(time_unit)}']
    for group, answers in groups.items():
        rows = [f"  {json.dumps(name)}: {json.dumps(answer)}" for name, answer in answers.items()]
        lines.append(f'"{group}": {{\n' + ",\n".join(rows) + "\n}")
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def save_to_mlflow(folder: Path, kind: Kind, model: Any) -> dict[str, Any]:
    """The model as an MLflow model, and what MLflow's pyfunc answers."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    table = read_table(folder, kind.table, model.time_unit_)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow
    flavor.save_model(model, folder / kind.name, input_example=table.head(2))
    request = request_for(folder / kind.name, table)
    served = mlflow.pyfunc.load_model(str(folder / kind.name)).predict(request)
    return {"as asked of a server": plain(served, request)}


def write_names(folder: Path) -> None:
    """The classes in the saved files, every public estimator among them, and what each has there."""
    found = names_in(folder)
    public = [getattr(clvml, name) for name in clvml.__all__]
    kinds = {kind.__name__ for kind in public if isinstance(kind, type) and issubclass(kind, BaseEstimator)}
    assert kinds == {name for name in found if "." not in name}
    lines = [f"  {json.dumps(name)}: {json.dumps(names)}" for name, names in found.items()]
    (folder / "names.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


# Tables that the models are asked about.


def write_tables(folder: Path) -> None:
    customers().to_csv(folder / "customers.csv")
    donors = pd.DataFrame(DONORS, columns=["frequency", "recency", "T"]).astype(float)
    donors["monetary_value"] = np.where(donors["frequency"] > 0, 20.0 + 3.7 * np.arange(len(donors)), 0.0)
    subscribers = pd.DataFrame(SUBSCRIBERS, columns=["recency", "T"]).astype(float)
    for name, table in (("donors", donors), ("subscribers", subscribers)):
        table.rename_axis("customer_id").to_csv(folder / f"{name}.csv")
    purchases().to_csv(folder / "purchases.csv", index=False)


def customers() -> pd.DataFrame:
    """Histories with everything else that a model reads of a customer."""
    table = pd.DataFrame(HISTORIES, columns=["frequency", "recency", "T", "monetary_value"]).astype(float)
    table.index = pd.Index([f"c{i:02d}" for i in range(1, len(table) + 1)], name="customer_id")
    n, place = len(table), np.arange(len(table))
    table["total_spend"] = (table["frequency"] * table["monetary_value"] + 19.5 + place).round(2)
    table["clv"] = np.array([9.5, 40.1, 3.3, 300.0, 2.5, 120.0, 8.0, 410.7, 30.0, 1.2, 55.0, 60.0, 0.0, 3.0,
                             1e9, 0.4, 0.001])  # fmt: skip
    table["probability_alive"] = np.array([1, 0.73, 0.5, 0.95, 0.2, 0.98, 1, 0.9, 0.85, 0.05, 1, 0.999, 1,
                                           0.997, 1.0, 0.3, 1e-30])  # fmt: skip
    half = np.floor(table["frequency"] / 2)
    table["earlier_purchases"] = np.where(place % 3 == 0, half, np.floor(table["frequency"] / 4))
    table["later_purchases"] = table["frequency"] - table["earlier_purchases"]
    table["earlier_spend"] = table["earlier_purchases"] * table["monetary_value"]
    table["later_spend"] = table["later_purchases"] * table["monetary_value"] * np.where(place % 4, 1.0, 0.3)
    table["channel"] = np.resize(["shop", "web", "shop", "app"], n)
    table["zone"] = np.resize([1, 2, 3], n)
    table["member"] = place % 2 == 1
    table["basket"] = 15.0 + (place * 7.3) % 60
    table["age"] = np.where(place % 5 == 2, np.nan, 20.0 + (place * 11) % 50)
    table["country"] = np.resize(["NL", "DE", "FR", None, "XX"], n)
    table["annual_service_cost"] = 2.0 + place % 4
    table["annual_cross_selling"] = 0.01 * (place % 6)
    return table


def purchases() -> pd.DataFrame:
    """Purchases of three brands by eight customers in 2024, one of them once."""
    rng = np.random.default_rng(10)
    days = [np.sort(rng.choice(364, size, replace=False)) for size in (1, 2, 3, 5, 8, 9, 4, 6)]
    rows = [
        (f"b{i}", pd.Timestamp("2024-01-01") + pd.Timedelta(days=int(day)))
        for i, own in enumerate(days, start=1)
        for day in own
    ]
    table = pd.DataFrame(rows, columns=["customer_id", "date"]).astype({"date": "str"})
    table["amount"] = rng.gamma(2.0, 12.0, len(table)).round(2)
    table["brand"] = rng.choice(["Aurora", "Borealis", "Corona"], len(table), p=[0.5, 0.3, 0.2])
    return table


# Customers that the models are fitted to.


def cdnow() -> pd.DataFrame:
    """CDNOW's calibration in weeks, with covariates, attributes and costs that mean nothing."""
    table = clvml.split(clvml.load_cdnow(), "1997-09-30", "1998-06-30", time_unit="W").calibration
    rng, n = np.random.default_rng(1), len(table)
    table["channel"] = rng.choice(["shop", "web", "app"], n, p=[0.5, 0.3, 0.2])
    table["zone"] = rng.choice([1, 2, 3], n)
    table["member"] = rng.random(n) < 0.4
    table["basket"] = rng.gamma(4.0, 10.0, n)
    table["age"] = np.where(rng.random(n) < 0.1, np.nan, rng.normal(45, 12, n))
    table["country"] = rng.choice(np.array(["NL", "DE", "FR", None], dtype=object), n)
    table["annual_service_cost"] = rng.choice([1.0, 3.0, 5.0], n)
    table["annual_cross_selling"] = rng.choice([0.0, 0.02, 0.05], n)
    return table


def simulated(model: Any, n: int = 400, T: float = 40.0) -> pd.DataFrame:
    """Customers of this model, first seen over half of ``T``."""
    return model.simulate(np.floor(np.linspace(T / 2, T, n)), 3)


def weighted(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    """The same customers, each 20 times: so many that intervals take the parameters as known."""
    return table, pd.Series(20.0, table.index)


# The models.


def kinds() -> Iterator[Kind]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", clvml.FitWarning)
        base = cdnow()
        yield from purchase_models(base)
        yield from opportunity_models()
        yield from spend_models(base)
        yield from formulas(base)
        yield from values(base)
        yield from segments(base)


def purchase_models(base: pd.DataFrame) -> Iterator[Kind]:
    interval, seeded = ("interval of purchases in 26",), ("draws of parameters", "simulated purchases")
    both = (*seeded, *interval)
    # Not the draws at a boundary: along flat directions they depend on the machine from the tenth digit on.
    at_boundary = ("simulated purchases", *interval)
    staying = {
        clvml.BGNBD: clvml.BGNBD.from_params(r=1.0, alpha=6.0, a=1e-6, b=10.0, time_unit="W"),
        clvml.MBGNBD: clvml.MBGNBD.from_params(r=1.0, alpha=6.0, a=1e-6, b=10.0, time_unit="W"),
        clvml.ParetoNBD: clvml.ParetoNBD.from_params(r=1.0, alpha=6.0, s=1e-6, beta=10.0, time_unit="W"),
    }
    given = {
        clvml.BGNBD: {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426},
        clvml.MBGNBD: {"r": 0.525, "alpha": 6.183, "a": 0.891, "b": 1.614},
        clvml.ParetoNBD: {"r": 0.553, "alpha": 10.578, "s": 0.606, "beta": 11.669},
    }
    leaving = {clvml.BGNBD: "a", clvml.MBGNBD: "a", clvml.ParetoNBD: "s"}
    undiscounted = ("parameters", "time unit", "P(alive)", "purchases in 26", "purchases, infinite horizon")
    covariates = {"purchases": ["basket", "channel"], "dropout": ("member", "zone")}
    base = base.assign(zone=base["zone"].astype("category"))
    for model, short in ((clvml.BGNBD, "bgnbd"), (clvml.MBGNBD, "mbgnbd"), (clvml.ParetoNBD, "pareto-nbd")):
        fitted = (*HISTORY_ANSWERS, *IN_WEEKS, *FITTED)
        brief = (*FITTED, "P(alive)", "log-likelihood", "discounted purchases in 26")
        yield Kind(short, model().fit(base), "customers", fitted, both)
        yield Kind(f"{short}-weak-prior", model("weak").fit(base.head(60)), "customers", brief, both)
        table, weights = weighted(base)
        yield Kind(
            f"{short}-weights", model().fit(table, weights=weights), "customers", (*brief, *interval), seeded
        )
        boundary = model().fit(simulated(staying[model], 60))
        assert boundary.fit_record_.at_boundary, short
        yield Kind(f"{short}-boundary", boundary, "customers", brief, at_boundary)
        yield Kind(
            f"{short}-given", model.from_params(**given[model], time_unit="W"), "customers",
            (*HISTORY_ANSWERS, "summary", *interval), ("simulated purchases",),
        )  # fmt: skip
        unitless = model.from_params(**{**given[model], leaving[model]: 2.5})
        yield Kind(f"{short}-no-time-unit", unitless, "customers", undiscounted)
        with_covariates = model(covariates=covariates).fit(base)
        yield Kind(
            f"{short}-covariates", with_covariates, "customers",
            ("columns", "purchases in 26", "P(two purchases in 13)", *brief, "covariates"), both,
        )  # fmt: skip
        one_side = model("weak", covariates={"purchases": ["channel", "basket"]}).fit(base.head(150))
        yield Kind(f"{short}-covariates-weak-prior", one_side, "customers", (*brief, "covariates"), both)


def opportunity_models() -> Iterator[Kind]:
    interval, seeded = ("interval of purchases in 5",), ("draws of parameters", "simulated purchases")
    both, at_boundary = (*seeded, *interval), ("simulated purchases", *interval)
    donors = clvml.BGBB.from_params(alpha=1.204, beta=0.750, gamma=0.657, delta=2.783, time_unit="Y")
    staying = clvml.BGBB.from_params(alpha=1.2, beta=0.8, gamma=1e-6, delta=10.0, time_unit="Y")
    fitted, brief = (*OPPORTUNITY_ANSWERS, *FITTED), (*FITTED, "P(alive)", "log-likelihood", "purchases in 5")
    table = simulated(donors, 1200, 6)
    yield Kind("bgbb", clvml.BGBB().fit(table), "donors", fitted, both)
    yield Kind("bgbb-weak-prior", clvml.BGBB("weak").fit(table.head(60)), "donors", brief, both)
    weights = pd.Series(20.0, table.index)
    yield Kind(
        "bgbb-weights", clvml.BGBB().fit(table, weights=weights), "donors", (*brief, *interval), seeded
    )
    boundary = clvml.BGBB().fit(simulated(staying, 400, 10))
    assert boundary.fit_record_.at_boundary
    yield Kind("bgbb-boundary", boundary, "donors", brief, at_boundary)
    yield Kind("bgbb-given", donors, "donors", (*OPPORTUNITY_ANSWERS, *interval), ("simulated purchases",))

    regular = clvml.customers_from_survivors([1000, 631, 468, 382, 326, 289, 262, 241])
    alike = clvml.customers_from_survivors([4000, 3000, 2250, 1687.5, 1265.625, 949.21875])
    regular.attrs["time_unit"] = alike.attrs["time_unit"] = "M"
    model = clvml.ShiftedBetaGeometric
    subscribers = (*(question for question in fitted if question != "P(one purchase in 3)"), "survival")
    brief = (*brief, "survival")
    yield Kind(
        "shifted-beta-geometric", model().fit(regular, weights=regular["customers"]), "subscribers",
        subscribers, both,
    )  # fmt: skip
    few = model("weak").fit(regular, weights=regular["customers"] / 50)
    yield Kind("shifted-beta-geometric-weak-prior", few, "subscribers", brief, both)
    boundary = model().fit(alike, weights=alike["customers"])
    assert boundary.fit_record_.at_boundary
    # Not its summary: in 0.1 the upper bounds overflow there, with a warning.
    asked = tuple(question for question in brief if question != "summary")
    yield Kind("shifted-beta-geometric-boundary", boundary, "subscribers", asked, at_boundary)
    given = model.from_params(alpha=0.704, beta=1.182, time_unit="M")
    yield Kind(
        "shifted-beta-geometric-given", given, "subscribers", (*OPPORTUNITY_ANSWERS, "survival", *interval),
        ("simulated purchases",),
    )  # fmt: skip


def spend_models(base: pd.DataFrame) -> Iterator[Kind]:
    interval, seeded = ("interval of spend",), ("draws of parameters", "simulated spend")
    both, fitted = (*seeded, *interval), (*SPEND_ANSWERS, *FITTED)
    yield Kind("gamma-gamma", clvml.GammaGamma().fit(base), "customers", fitted, both)
    few = clvml.GammaGamma("weak").fit(base.head(60))
    yield Kind("gamma-gamma-weak-prior", few, "customers", fitted, both)
    table, weights = weighted(base)
    many = clvml.GammaGamma().fit(table, weights=weights)
    yield Kind("gamma-gamma-weights", many, "customers", (*fitted, *interval), seeded)
    given = clvml.GammaGamma.from_params(p=6.25, q=3.74, v=15.44)
    yield Kind("gamma-gamma-given", given, "customers", (*SPEND_ANSWERS, *interval), ("simulated spend",))
    rng, x = np.random.default_rng(5), np.resize([1.0, 2.0, 3.0, 5.0], 300)
    alike = pd.DataFrame({"frequency": x, "monetary_value": rng.gamma(5.0 * x) * 8.0 / x})
    boundary = clvml.GammaGamma().fit(alike)
    assert boundary.fit_record_.at_boundary
    yield Kind("gamma-gamma-boundary", boundary, "customers", fitted, ("simulated spend", *interval))


def formulas(base: pd.DataFrame) -> Iterator[Kind]:
    answers, priced = FORMULA_ANSWERS, (*FORMULA_ANSWERS, "factors of value")
    terms: dict[str, Any] = {"horizon": "12M", "annual_discount_rate": 0.1, "margin": 0.4}
    plain_ones = {
        "repeat-rate": clvml.RepeatRateValue,
        "total-spend": clvml.TotalSpendValue,
        "historic": clvml.HistoricValue,
        "annuity": clvml.AnnuityValue,
        "retention": clvml.RetentionValue,
        "total-customer": clvml.TotalCustomerValue,
    }
    for name, model in plain_ones.items():
        yield Kind(f"value-{name}", model(**terms).fit(base), "customers", priced)
    yield Kind("value-zero", clvml.ZeroValue(horizon=39).fit(base), "customers", answers)
    unitless = base.copy()
    unitless.attrs.clear()
    given = clvml.RetentionValue(horizon=26.5, retention_rate=0.97).fit(unitless)
    unitless_ones = tuple(question for question in priced if question != "factors in 13 at 5 %")
    yield Kind("value-retention-given", given, "customers", unitless_ones)
    new = ("value of a new customer",)
    contribution = clvml.ProfitContributionValue(
        **terms, acquisition_cost=12.0, first_purchase_cost=3.0, annual_income_growth=0.03,
        annual_service_cost="annual_service_cost",
    )  # fmt: skip
    yield Kind("value-profit-contribution-column", contribution.fit(base), "customers", (*priced, *new))
    contribution = clvml.ProfitContributionValue(52, 0.08, retention_rate=0.98, annual_service_cost=2.5)
    yield Kind("value-profit-contribution", contribution.fit(base), "customers", (*answers, *new))
    loyalty = clvml.LoyaltyEffectsValue(
        **terms, retention_rate=0.99, cross_selling=0.05, cost_to_serve=0.02, referrals=0.03, price=0.01
    )
    yield Kind("value-loyalty-effects", loyalty.fit(base), "customers", priced)
    loyalty = clvml.LoyaltyEffectsValue(**terms, cross_selling="annual_cross_selling", referrals=0.01)
    yield Kind("value-loyalty-effects-column", loyalty.fit(base), "customers", answers)
    chain = ("period", "transitions")
    yield Kind("value-migration", clvml.MigrationValue(**terms).fit(base), "customers", (*priced, *chain))
    migration = clvml.MigrationValue(26, 0.1, n_states=5, period=6).fit(base, clvml.load_cdnow())
    yield Kind("value-migration-transactions", migration, "customers", (*answers, *chain))
    switching = clvml.BrandSwitchingValue("18M", "Aurora", annual_discount_rate=0.1, margin=0.3)
    yield Kind(
        "value-brand-switching", switching.fit(purchases()), "purchases",
        ("time unit", "period", "transitions between brands", "factors", "factors by 2024-06-30"),
    )  # fmt: skip


def values(base: pd.DataFrame) -> Iterator[Kind]:
    parts = ("parameters of purchases", "parameters of spend")
    finite, seeded = (*VALUE_ANSWERS, *parts), ("interval of value", "interval of totals by channel")
    endless = tuple(question for question in finite if question != "time unit")
    money = clvml.GammaGamma()

    model = clvml.LifetimeValue(clvml.BGNBD(), money, "12M", annual_discount_rate=0.1, margin=0.3).fit(base)
    yield Kind("value-bgnbd", model, "customers", (*finite, "factors of value"), seeded)
    model = clvml.LifetimeValue(clvml.BGNBD(), money, horizon=39).fit(base)
    yield Kind("value-bgnbd-undiscounted", model, "customers", finite, seeded)
    model = clvml.LifetimeValue(clvml.ParetoNBD(), money, None, annual_discount_rate=0.15).fit(base)
    yield Kind("value-pareto-nbd-infinite-horizon", model, "customers", endless, seeded)
    model = clvml.LifetimeValue(clvml.MBGNBD("weak"), clvml.GammaGamma("weak"), "24M", 0.1, period="1M")
    yield Kind("value-mbgnbd-monthly", model.fit(base.head(200)), "customers", finite, seeded)
    purchases = clvml.BGNBD(covariates={"purchases": ["basket", "channel"], "dropout": ["member"]})
    model = clvml.LifetimeValue(purchases, money, "12M", 0.1, margin=0.5, period=0).fit(base)
    yield Kind("value-covariates", model, "customers", (*finite, "reference"), seeded)
    purchases = clvml.ParetoNBD(covariates=("channel", "member"))
    model = clvml.LifetimeValue(purchases, money, None, 0.2).fit(base)
    yield Kind("value-covariates-infinite-horizon", model, "customers", (*endless, "reference"), seeded)
    donors = simulated(
        clvml.BGBB.from_params(alpha=1.2, beta=0.75, gamma=0.66, delta=2.8, time_unit="Y"), 900, 6
    )
    donors["monetary_value"] = clvml.GammaGamma.from_params(p=6.0, q=4.0, v=15.0).simulate(
        donors["frequency"], 4
    )
    model = clvml.LifetimeValue(clvml.BGBB(), money, 5, annual_discount_rate=0.1).fit(donors)
    yield Kind("value-bgbb", model, "donors", ("columns", "value", "factors", *parts), seeded[:1])
    model = clvml.LifetimeValue(
        clvml.BGNBD.from_params(r=0.243, alpha=4.414, a=0.793, b=2.426, time_unit="W"),
        clvml.GammaGamma.from_params(p=6.25, q=3.74, v=15.44), 39, 0.1,
    )  # fmt: skip
    model.purchases_, model.spend_, model.time_unit_ = model.purchases, model.spend, "W"
    yield Kind("value-given", model, "customers", finite, ("interval of value", "interval of total"))
    model = clvml.LifetimesValue("6M", annual_discount_rate=0.1, margin=0.3).fit(base)
    yield Kind("value-lifetimes", model, "customers", ("columns", "time unit", "factors"))


def segments(base: pd.DataFrame) -> Iterator[Kind]:
    value = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), "12M", 0.1).fit(base)
    valued = base.join(value.predict_factors(base)[["clv", "probability_alive"]])
    valued.attrs = dict(base.attrs)
    kmeans = (*SEGMENT_ANSWERS, "points", "centers", "selection", "features", "left out", "missing")
    yield Kind("segments-kmeans", clvml.KMeansSegments().fit(valued), "customers", kmeans)
    model = clvml.KMeansSegments(
        4, features=("silence", "frequency", "monetary_value"), value="total_spend",
        attributes=("age", "country", "member"),
    )  # fmt: skip
    yield Kind("segments-kmeans-attributes", model.fit(valued), "customers", kmeans)
    model = clvml.KMeansSegments(3).fit(valued[["monetary_value", "frequency"]].to_numpy())
    arrays = ("segment of an array", "points of an array", "names", "profile", "centers", "features")
    yield Kind("segments-kmeans-array", model, "customers", arrays)
    scored = (*SEGMENT_ANSWERS, "cuts", "scores")
    yield Kind("segments-rfm", clvml.RFMScores().fit(valued), "customers", scored)
    cuts = {"recency": (4, 8, 16, 32), "monetary": (10, 50, 200, 1000)}
    yield Kind("segments-rfm-cuts", clvml.RFMScores("clv", cuts).fit(valued), "customers", scored)
    cut = (*SEGMENT_ANSWERS, "cuts")
    yield Kind("segments-abc", clvml.ABCClasses().fit(valued), "customers", cut)
    yield Kind("segments-tiers", clvml.ValueTiers().fit(valued), "customers", cut)
    model = clvml.ValueTiers("total_spend", thresholds=(200, 40))
    yield Kind("segments-tiers-thresholds", model.fit(valued), "customers", cut)
    matrix = (*SEGMENT_ANSWERS, "thresholds")
    yield Kind("segments-matrix", clvml.ValueMatrix().fit(valued), "customers", matrix)
    model = clvml.ValueMatrix("monetary_value", "clv", thresholds="median").fit(valued)
    yield Kind("segments-matrix-median", model, "customers", matrix)
    model = clvml.ValueMatrix(thresholds=(100.0, 50)).fit(valued)
    yield Kind("segments-matrix-given", model, "customers", matrix)
    stages = ("columns", "time unit", "stage", "evidence", "names", "profile", "typical gap")
    yield Kind("segments-lifecycle", clvml.LifecycleStages().fit(valued), "customers", stages)
    strict = clvml.LifecycleStages(0.1, 0.4, silent_after=2.0, few=3, established=6, trend=0.2)
    yield Kind("segments-lifecycle-strict", strict.fit(valued), "customers", stages)

    grouped = ("columns", "time unit", "names", "segment", "groups")
    yield Kind("groups", clvml.CustomerGroups().fit(valued), "customers", grouped)
    formula = base.assign(clv=clvml.RetentionValue("12M", 0.1).fit(base).predict(base))
    model = clvml.CustomerGroups(
        clvml.KMeansSegments(3, features=("frequency", "clv")), purchases=clvml.BGNBD()
    )
    yield Kind("groups-formula-value", model.fit(formula), "customers", (*grouped, "groups without P(alive)"))
    treatments = read_treatments().assign(share=0.25)
    model = clvml.CustomerGroups(
        clvml.ValueTiers(), clvml.ValueMatrix(thresholds="median"), strict, treatments
    )
    yield Kind("groups-rules", model.fit(valued), "customers", grouped)


if __name__ == "__main__":
    main()
