"""Write scores.csv and coefficients.csv: models with and without covariates on the same customers.

    python experiments/covariates/compare.py

Covariates are known on the day of the first purchase: what it cost (its logarithm), and in Online Retail
whether the customer lives abroad. Simulated customers buy and leave as BG/NBD says, with an effect of both
that is known: those who came by a flyer have three times the odds of leaving after a purchase.

Each model is judged twice: by the purchases of the holdout, and on strangers: fitted to one half of the
customers, it predicts what the other half buys in the 13 weeks after the first purchase, from nothing but
their covariates.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

import clvml
from clvml.errors import FitWarning
from clvml.files import written_whole

HERE = Path(__file__).parent
RETAIL = HERE.parents[2] / "shared" / "data" / "online_retail" / "online_retail.parquet"
CUSTOMERS, AHEAD = 4000, 13.0
MODELS = {"BG/NBD": clvml.BGNBD, "Pareto/NBD": clvml.ParetoNBD}


class Data(NamedTuple):
    """Sales, their split, and what was known of each customer on the first day."""

    sales: clvml.Transactions
    split: clvml.Split
    known: pd.DataFrame


def cdnow() -> Data:
    """The split of the papers."""
    sales = clvml.load_cdnow()
    split = clvml.split(sales, "1997-09-30", "1998-06-30", time_unit="W")
    return Data(sales, split, first_baskets(sales, split))


def online_retail() -> Data:
    """As in experiments/online_retail; 90 % of the customers live in the United Kingdom."""
    policy = clvml.TransactionPolicy(returns="net_period", duplicates="drop", zero_amount="drop")
    names = {"customer": "CustomerID", "date": "InvoiceDate", "quantity": "Quantity", "price": "UnitPrice"}
    sales = clvml.read_transactions(RETAIL, policy=policy, **names)
    split = clvml.split(sales, "2011-09-09", "2011-12-09", time_unit="W")
    country = pd.read_parquet(RETAIL, columns=["CustomerID", "Country"]).dropna()
    country = country.groupby("CustomerID")["Country"].first().reindex(split.calibration.index)
    return Data(sales, split, first_baskets(sales, split).assign(abroad=country != "United Kingdom"))


def simulated() -> Data:
    """First purchase within 26 weeks, fitted after 52, held out for 52 more; the effects are known."""
    random = np.random.default_rng(0)
    basket, flyer = random.normal(3.4, 0.7, CUSTOMERS), random.random(CUSTOMERS) < 0.3
    rate = random.gamma(0.5, 1 / 6.0, CUSTOMERS) * np.exp(0.5 * (basket - 3.4))
    leave = random.beta(0.5 * np.where(flyer, 3.0, 1.0), 2.5)
    rows = [
        (i, time, amount)
        for i in range(CUSTOMERS)
        for time, amount in purchases(rate[i], leave[i], np.exp(basket[i]), random)
    ]
    table = pd.DataFrame(rows, columns=["customer", "week", "amount"])
    table["date"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(table["week"] * 7, unit="D")
    sales = clvml.read_transactions(table, customer="customer", date="date", amount="amount")
    split = clvml.split(sales, "2024-12-29", "2025-12-28", time_unit="W")
    known = first_baskets(sales, split)
    return Data(sales, split, known.assign(channel=np.where(flyer[known.index], "flyer", "shop")))


def purchases(
    rate: float, leave: float, first: float, random: np.random.Generator
) -> list[tuple[float, float]]:
    """Times and amounts of one customer's purchases until the end or until they leave."""
    made = [(random.uniform(0, 26), first)]
    while True:
        then = made[-1][0] + random.exponential(1 / rate)
        if then > 104:
            return made
        made.append((then, first))
        if random.random() < leave:
            return made


def first_baskets(sales: clvml.Transactions, split: clvml.Split) -> pd.DataFrame:
    """The logarithm of what each customer spent on the first day, less what they returned on it."""
    since = weeks_since_first(sales, split)
    first = since[since["week"] < 1 / 7].groupby("customer_id")["amount"].sum()
    return pd.DataFrame({"log_first_basket": np.log1p(first.reindex(split.calibration.index).clip(lower=0))})


def weeks_since_first(sales: clvml.Transactions, split: clvml.Split) -> pd.DataFrame:
    """The purchases of the customers of the split, in weeks after the day of the first."""
    rows = sales.to_pandas()
    rows = rows[rows["customer_id"].isin(split.calibration.index)]
    first = rows["customer_id"].map(split.calibration["first_purchase"]).dt.normalize()
    return rows.assign(week=(rows["date"].dt.normalize() - first).dt.days / 7)


def scores(name: str, data: Data) -> tuple[pd.DataFrame, pd.DataFrame]:
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
        for said, covariates in given.items():
            model = kind(covariates=covariates).fit(customers)
            rows[name, title, said] = row(model, data, customers) | strangers(model, data, customers)
            if said == "both sides":
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


def strangers(model: clvml.BGNBD | clvml.ParetoNBD, data: Data, customers: pd.DataFrame) -> dict[str, float]:
    """Purchases in the first 13 weeks of customers whom the fit has not seen, from covariates alone."""
    seen = np.random.default_rng(1).random(len(customers)) < 0.5
    half = type(model)(covariates=model.covariates).fit(customers[seen])
    others = customers[~seen & (customers["T"] >= AHEAD)]
    since = weeks_since_first(data.sales, data.split)
    days = since[(since["week"] > 0) & (since["week"] <= AHEAD)].drop_duplicates(["customer_id", "week"])
    actual = days.groupby("customer_id").size().reindex(others.index, fill_value=0).astype(float)
    found = clvml.score(
        actual, half.expected_purchases(others.assign(frequency=0.0, recency=0.0, T=0.0), AHEAD)
    )
    return {f"strangers_{metric}": found[metric] for metric in ("bias_pct", "rmse", "spearman")}


def write(path: Path, table: pd.DataFrame, digits: str = "%.6g") -> None:
    """Write a table; rows of data that are absent today stay as they were."""
    if path.exists():
        before = pd.read_csv(path, index_col=list(table.index.names))
        absent = ~before.index.get_level_values("data").isin(table.index.get_level_values("data"))
        table = pd.concat([table, before[absent]])
    with written_whole(path) as unfinished:
        table.to_csv(unfinished, float_format=digits)


def main() -> None:
    """All data sets, two tables."""
    warnings.simplefilter("ignore", FitWarning)  # that they doubt their own fit is in the README
    sources: dict[str, Callable[[], Data]] = {"CDNOW": cdnow, "simulated": simulated}
    if RETAIL.exists():
        sources["Online Retail"] = online_retail
    tables, coefficients = zip(*(scores(name, make()) for name, make in sources.items()), strict=True)
    write(HERE / "scores.csv", pd.concat(tables))
    write(HERE / "coefficients.csv", pd.concat(coefficients), "%.4g")


if __name__ == "__main__":
    main()
