"""Compare models with and without covariates on the same customers.

Covariates are known on the day of the first purchase: what it cost (its logarithm), and in Online Retail
whether the customer lives abroad. Simulated customers live by BG/NBD with known effects of both: those
acquired by a flyer have three times the odds of dropout after a purchase.

Each model is evaluated on the purchases of the holdout, and on new customers: fitted to one half of the
customers, it predicts what the other half buys in the 13 weeks after the first purchase, from their
covariates alone. A backtest compares lifetime values with and without covariates.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

import clvml
from experiments import _logs
from experiments._lab import Results, Section, tables

HERE = Path(__file__).parent
MODELS = {"BG/NBD": clvml.BGNBD, "Pareto/NBD": clvml.ParetoNBD}
WEEKS = 104  # of the simulated log


class Config(Section):
    """How many customers are simulated, and the time in which new customers are observed."""

    question: str
    customers: int
    new_customer_weeks: float
    origins: int


class Data(NamedTuple):
    """Transactions, their split, and what was known of each customer on the first day."""

    transactions: clvml.Transactions
    split: clvml.Split
    known: pd.DataFrame


def cdnow() -> Data:
    """The split of the papers."""
    log = _logs.read("CDNOW")
    split = clvml.split(log, "1997-09-30", "1998-06-30", time_unit="W")
    return Data(log, split, first_baskets(log, split))


def online_retail() -> Data:
    """90 % of the customers live in the United Kingdom."""
    log = _logs.read("Online Retail")
    split = clvml.split(log, "2011-09-09", "2011-12-09", time_unit="W")
    source = _logs.SHARED / "online_retail" / "online_retail.parquet"
    country = pd.read_parquet(source, columns=["CustomerID", "Country"]).dropna()
    country = country.groupby("CustomerID")["Country"].first().reindex(split.calibration.index)
    return Data(log, split, first_baskets(log, split).assign(abroad=country != "United Kingdom"))


def simulated(customers: int) -> Data:
    """First purchase within 26 weeks, calibration until week 52, holdout of 52; the effects are known."""
    random = np.random.default_rng(0)
    basket, flyer = random.normal(3.4, 0.7, customers), random.random(customers) < 0.3
    rate = random.gamma(0.5, 1 / 6.0, customers) * np.exp(0.5 * (basket - 3.4))
    dropout = random.beta(0.5 * np.where(flyer, 3.0, 1.0), 2.5)
    rows = [
        (i, time, amount)
        for i in range(customers)
        for time, amount in purchases(rate[i], dropout[i], np.exp(basket[i]), random)
    ]
    table = pd.DataFrame(rows, columns=["customer", "week", "amount"])
    table["date"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(table["week"] * 7, unit="D")
    log = clvml.read_transactions(table, customer="customer", date="date", amount="amount")
    split = clvml.split(log, "2024-12-29", "2025-12-28", time_unit="W")
    known = first_baskets(log, split)
    return Data(log, split, known.assign(channel=np.where(flyer[known.index], "flyer", "shop")))


def purchases(
    rate: float, dropout: float, first: float, random: np.random.Generator
) -> list[tuple[float, float]]:
    """Times and amounts of one customer's purchases until the end or until dropout."""
    made = [(random.uniform(0, 26), first)]
    while True:
        time = made[-1][0] + random.exponential(1 / rate)
        if time > WEEKS:
            return made
        made.append((time, first))
        if random.random() < dropout:
            return made


def first_baskets(log: clvml.Transactions, split: clvml.Split) -> pd.DataFrame:
    """The logarithm of what each customer spent on the first day, net of returns on it."""
    since = weeks_since_first(log, split)
    first = since[since["week"] < 1 / 7].groupby("customer_id")["amount"].sum()
    return pd.DataFrame({"log_first_basket": np.log1p(first.reindex(split.calibration.index).clip(lower=0))})


def weeks_since_first(log: clvml.Transactions, split: clvml.Split) -> pd.DataFrame:
    """The purchases of the customers of the split, in weeks after the day of the first."""
    rows = log.to_pandas()
    rows = rows[rows["customer_id"].isin(split.calibration.index)]
    first = rows["customer_id"].map(split.calibration["first_purchase"]).dt.normalize()
    return rows.assign(week=(rows["date"].dt.normalize() - first).dt.days / 7)


def scores(config: Config, name: str, data: Data) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The comparison table of one data set, and the coefficients of all covariates."""
    customers = data.split.calibration.join(data.known)
    columns = list(data.known)
    given = {
        "none": (),
        "both sides": columns,
        "purchases": {"purchases": columns},
        "dropout": {"dropout": columns},
    }
    rows, coefficients = {}, {}
    for title, kind in MODELS.items():
        for side, covariates in given.items():
            model = kind(covariates=covariates).fit(customers)
            new = new_customers(model, data, customers, config.new_customer_weeks)
            rows[name, title, side] = row(model, data, customers) | new
            if side == "both sides":
                coefficients[name, title] = model.coefficients_
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis(["data", "model", "covariates"])
    return table, pd.concat(coefficients, names=["data", "model"])


def row(model: clvml.BGNBD | clvml.ParetoNBD, data: Data, customers: pd.DataFrame) -> dict[str, float]:
    """The fit, the test against the model without, and the purchases of the holdout."""
    test, actual = model.likelihood_ratio_test_, data.split.holdout["purchases"]
    return {
        "log_likelihood": model.log_likelihood_,
        "statistic": test.statistic if test else 0.0,
        "freedom": test.degrees_of_freedom if test else 0,
        "p_value": test.p_value if test else 1.0,
        "actual": actual.sum(),
        **clvml.score(actual, model.expected_purchases(customers, data.split.duration)),
    }


def new_customers(
    model: clvml.BGNBD | clvml.ParetoNBD, data: Data, customers: pd.DataFrame, weeks: float
) -> dict[str, float]:
    """Purchases of customers left out of the fit in their first weeks, from covariates alone."""
    seen = np.random.default_rng(1).random(len(customers)) < 0.5
    half = type(model)(covariates=model.covariates).fit(customers[seen])
    others = customers[~seen & (customers["T"] >= weeks)]
    since = weeks_since_first(data.transactions, data.split)
    days = since[(since["week"] > 0) & (since["week"] <= weeks)].drop_duplicates(["customer_id", "week"])
    actual = days.groupby("customer_id").size().reindex(others.index, fill_value=0).astype(float)
    found = clvml.score(
        actual, half.expected_purchases(others.assign(frequency=0.0, recency=0.0, T=0.0), weeks)
    )
    return {f"new_{metric}": found[metric] for metric in ("bias_pct", "rmse", "spearman")}


class WithAttributes:
    """A value model whose customers get their attributes by id, so that it can be backtested."""

    def __init__(self, purchases: clvml.BGNBD | clvml.ParetoNBD, attributes: pd.DataFrame) -> None:
        self.purchases, self.attributes = purchases, attributes
        self.horizon, self.annual_discount_rate, self.margin = 26.0, 0.0, 1.0

    def fit(self, customers: pd.DataFrame) -> WithAttributes:
        """Fit to customers and their attributes."""
        terms = self.horizon, self.annual_discount_rate, self.margin
        self.value_ = clvml.LifetimeValue(self.purchases, clvml.GammaGamma(), *terms)
        self.value_.fit(customers.join(self.attributes))
        return self

    def predict(self, customers: pd.DataFrame) -> pd.Series:
        """The value of each customer."""
        return self.value_.predict(customers.join(self.attributes))

    def predict_factors(self, customers: pd.DataFrame) -> pd.DataFrame:
        """The factors of the value."""
        return self.value_.predict_factors(customers.join(self.attributes))


def backtest(config: Config, data: Data) -> clvml.Backtest:
    """Each model of purchases with and without covariates, on customers whose first day is known."""
    rows = data.transactions.to_pandas()
    known = data.known.dropna()
    rows = rows[rows["customer_id"].isin(known.index)]
    contenders = {
        f"{title}{name}": WithAttributes(kind(covariates=covariates), known)
        for title, kind in MODELS.items()
        for name, covariates in (("", ()), (" with covariates", list(known)))
    }
    return clvml.backtest(
        rows[["customer_id", "date", "amount"]],
        contenders,
        families=dict.fromkeys(contenders, "probabilistic"),
        origins=config.origins,
        horizon=data.split.duration / 2,
        progress=False,
    )


def sources(config: Config) -> dict[str, Data]:
    """All data that are here, by name."""
    made: dict[str, Callable[[], Data]] = {"CDNOW": cdnow, "simulated": lambda: simulated(config.customers)}
    if _logs.available("Online Retail"):
        made["Online Retail"] = online_retail
    return {name: read() for name, read in made.items()}


def results(config: Config) -> Results:
    """Scores of purchases, coefficients, and the verdicts of the backtests."""
    data = sources(config)
    found = [scores(config, name, each) for name, each in data.items()]
    backtests = {name: backtest(config, each) for name, each in data.items()}
    values = tables(backtests, by_origin=False)
    named = {
        "scores": pd.concat([table for table, _ in found]),
        "coefficients": pd.concat([table for _, table in found]),
        "values": values["scores"],
        "verdicts": values["verdicts"],
    }
    return Results(named, backtests)
