"""The logs of purchases that experiments use, by name: CDNOW, other real ones, and simulated ones.

Real logs other than CDNOW are in ``../shared/data`` beside the checkout; without it they are skipped.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import clvml
from experiments._worlds import World, simulated

SHARED = Path(__file__).parents[2] / "shared" / "data"


def online_retail(returns: str = "net_period") -> clvml.Transactions:
    """The purchases of a British gift wholesaler, whose cancellations are dropped or netted."""
    policy = clvml.TransactionPolicy(returns=returns, duplicates="drop", zero_amount="drop")
    names = {"customer": "CustomerID", "date": "InvoiceDate", "quantity": "Quantity", "price": "UnitPrice"}
    return clvml.read_transactions(SHARED / "online_retail" / "online_retail.parquet", policy=policy, **names)


def coffee_vending() -> clvml.Transactions:
    """Cards at a vending machine."""
    source = SHARED / "coffee_vending" / "coffee_vending.parquet"
    return clvml.read_transactions(source, customer="card", date="date", amount="money")


REAL: dict[str, Callable[[], clvml.Transactions]] = {
    "CDNOW": clvml.load_cdnow,
    "CDNOW, all customers": partial(clvml.load_cdnow, "master"),
    "Online Retail": online_retail,
    "Online Retail, cancellations dropped": partial(online_retail, "drop"),
    "Online Retail, cancellations netted": partial(online_retail, "net"),
    "coffee vending": coffee_vending,
}
BUILT_IN = ("CDNOW", "CDNOW, all customers")
WORLDS = {
    "no assumption broken": World(customers=3000),
    "regular timing": World(customers=3000, regularity=3.0),
    "spend correlated with rate": World(customers=3000, correlation=0.5),
    "price step": World(customers=3000, price=1.3),
    "season": World(customers=3000, season=0.3),
    "falling rates": World(customers=3000, trend=0.6),
    "low dropout": World(customers=3000, dropout=140.0),
    "high dropout": World(customers=3000, dropout=3.0),
    "300 customers": World(customers=300),
}
SEED = 20


def available(name: str) -> bool:
    """Whether a log is here.

    Raises
    ------
    KeyError
        If there is no log of that name.
    """
    if name not in REAL and name not in WORLDS:
        raise KeyError(f"there is no log {name!r}; the logs are {', '.join([*REAL, *WORLDS])}.")
    return name in BUILT_IN or name in WORLDS or SHARED.exists()


@cache
def read(name: str) -> clvml.Transactions:
    """The purchases of a log."""
    return REAL[name]() if name in REAL else simulated(WORLDS[name], SEED)
