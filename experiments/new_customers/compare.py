"""Write arrivals.csv: models of new customers against means, at the first order and before it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

import clvml
from experiments import _logs
from experiments._lab import Results, Section

ELSEWHERE = _logs.SHARED.parents[1] / "logs"
FIRST_YEAR = ELSEWHERE / "online_retail_2009_2010_items.parquet"
DONATIONS = ELSEWHERE / "donations_2005_2015.parquet"
COLUMNS = ["customer_id", "date", "amount"]
METRICS = ["bias_pct", "rmse", "spearman", "gini"]
LARGE_COUNTRIES = ["United Kingdom", "Germany", "France"]


class Log(Section):
    """Origins and horizon of a log."""

    origins: list[dt.date]
    weeks: int


class Attributes(Section):
    """Names of attributes at the first order, and before it."""

    at: list[str]
    before: list[str]


class Config(Section):
    """Logs, attributes and the seed of resamples."""

    question: str
    attributes: Attributes
    logs: dict[str, Log]
    seed: int


class Shop(NamedTuple):
    """Purchases, and the attributes of each customer."""

    sales: pd.DataFrame
    attributes: pd.DataFrame


def online_retail() -> pd.DataFrame | None:
    """Items of the second year."""
    path = _logs.SHARED / "online_retail" / "online_retail.parquet"
    return pd.read_parquet(path).rename(columns={"CustomerID": "customer_id"}) if path.exists() else None


def two_years() -> pd.DataFrame | None:
    """Items of both years."""
    second = online_retail()
    if second is None or not FIRST_YEAR.exists():
        return None
    names = {"Customer ID": "customer_id", "Price": "UnitPrice", "Invoice": "InvoiceNo"}
    first = pd.read_parquet(FIRST_YEAR).rename(columns=names)
    return pd.concat([first[first["InvoiceDate"] < second["InvoiceDate"].min()], second])


def retailer(items: pd.DataFrame | None) -> Shop | None:
    """Purchases by invoice; the country, and the number of items in the first basket (logarithm)."""
    if items is None:
        return None
    items = items.dropna(subset="customer_id").query("Quantity > 0 and UnitPrice > 0").drop_duplicates()
    items = items.assign(
        amount=items["Quantity"] * items["UnitPrice"], customer_id=items["customer_id"].astype(int)
    )
    invoices = items.groupby(["customer_id", "InvoiceNo"], as_index=False).agg(
        date=("InvoiceDate", "min"),
        amount=("amount", "sum"),
        lines=("amount", "size"),
        country=("Country", "first"),
    )
    first = invoices.sort_values("date").groupby("customer_id").first()
    country = first["country"].where(first["country"].isin(LARGE_COUNTRIES), "other")
    known = pd.DataFrame({"country": country, "basket": np.log(first["lines"])})
    return Shop(invoices[COLUMNS], known)


def donors() -> Shop | None:
    """A charity, of whose donors the quarter of the first donation is known."""
    if not DONATIONS.exists():
        return None
    sales = pd.read_parquet(DONATIONS)
    first = pd.to_datetime(sales["date"]).groupby(sales["customer_id"]).min()
    return Shop(sales, pd.DataFrame({"quarter": "Q" + first.dt.quarter.astype(str)}))


def simulated(seed: int = 7, n_customers: int = 4000) -> Shop:
    """A shop whose countries differ: in one customers buy at twice the rate and half the price."""
    rng = np.random.default_rng(seed)
    abroad = rng.random(n_customers) < 0.4
    rates = rng.gamma(1.0, 1 / 60, n_customers) * np.where(abroad, 2.0, 1.0)
    mean = 150 / rng.gamma(6.0, 1.0, n_customers) * np.where(abroad, 0.5, 1.0)
    leaves = rng.beta(0.8, 2.5, n_customers)
    rows = []
    for k, day in enumerate(rng.uniform(0, 720, n_customers)):
        while day < 730:
            rows.append(
                (k, pd.Timestamp("2023-01-01") + pd.Timedelta(days=int(day)), mean[k] * rng.gamma(6.0) / 6)
            )
            day = day + rng.exponential(1 / rates[k]) if rng.random() > leaves[k] else 730
    return Shop(
        pd.DataFrame(rows, columns=COLUMNS), pd.DataFrame({"country": np.where(abroad, "abroad", "home")})
    )


SHOPS: dict[str, Callable[[], Shop | None]] = {
    "Online Retail": lambda: retailer(online_retail()),
    "Online Retail, two years": lambda: retailer(two_years()),
    "donations": donors,
    "simulated": simulated,
}


def with_derived(shop: Shop, log: Log) -> pd.DataFrame:
    """The attributes, and the amount of the first order in fifths of those before the origins."""
    sales = shop.sales.assign(date=pd.to_datetime(shop.sales["date"]).dt.normalize())
    day = sales.groupby("customer_id")["date"].min()
    on_day = sales["date"] == sales["customer_id"].map(day)
    first = sales[on_day].groupby("customer_id")["amount"].sum()
    edges = first[day <= pd.Timestamp(log.origins[0])].quantile([0.2, 0.4, 0.6, 0.8]).unique()
    fifth = np.searchsorted(edges, first)
    derived = pd.DataFrame({"first amount": "fifth " + pd.Series(fifth + 1, first.index).astype(str)})
    return shop.attributes.join(derived)


def compared(shop: Shop, log: Log, config: Config) -> Iterator[pd.DataFrame]:
    """Both moments, at all origins."""
    attributes = with_derived(shop, log)
    for moment, names in (("first order", config.attributes.at), ("before", config.attributes.before)):
        at, here = moment == "first order", [name for name in names if name in attributes]
        models = {"model, attributes": clvml.NewCustomerValue(log.weeks, here, at)}
        if at:
            models = {"model, first amount alone": clvml.NewCustomerValue(log.weeks)} | models
        found = clvml.new_customer_backtest(
            shop.sales, models, log.origins, log.weeks, attributes, group="first amount" if at else here[0],
            metrics=METRICS, intervals=True, random_state=config.seed,
        )  # fmt: skip
        yield pd.concat({moment: found.drop(columns="family")}, names=["moment"])


def results(config: Config) -> Results:
    """All logs that are here, by moment and origin."""
    tables = {}
    for name, log in config.logs.items():
        shop = SHOPS[name]()
        if shop is not None:
            tables[name] = pd.concat(compared(shop, log, config))
    return Results({"arrivals": pd.concat(tables, names=["log"])})
