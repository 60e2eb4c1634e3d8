"""The customer table of dirty logs is what the documentation says: a naive computation gives the same."""

import csv
import tempfile
from decimal import Decimal
from pathlib import Path

import naive_purchases as naive
import pandas as pd
import pytest
from dirty_logs import AMOUNTS, FINE, TEXT_IDS, WHOLE_IDS, check, check_report, check_split, logs
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from clvml.customers import TransactionPolicy, read_transactions

DATA = next(
    (folder / "shared/data" for folder in Path(__file__).parents if (folder / "shared/data").is_dir()), Path()
)
COLLAPSES = ["D", "W", "M", "Q", "Y", None]
PHASES = [Phase.explicit, Phase.reuse, Phase.generate]

policies = st.builds(
    TransactionPolicy,
    returns=st.sampled_from(["drop", "net", "net_period", "keep"]),
    zero_amount=st.sampled_from(["keep", "drop"]),
    duplicates=st.sampled_from(["keep", "drop"]),
)


def read(source, policy, **options):
    """The transactions of a CSV file of the log, whose cells are quoted, so that blanks remain."""
    with tempfile.NamedTemporaryFile("w", suffix=".csv", delete=False) as file:
        source.to_csv(file, index=False, quoting=csv.QUOTE_ALL)
    return read_transactions(file.name, policy=policy, max_unreadable=1.0, **options), file.name


# A log is short enough to be read as it is: shrinking takes minutes.
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=PHASES)
@given(
    policy=policies,
    time_unit=st.sampled_from(["D", "W", "M", "Q", "Y"]),
    collapse=st.sampled_from(COLLAPSES),
    ids=st.sampled_from([TEXT_IDS, WHOLE_IDS]),
    amounts=st.sampled_from([AMOUNTS, AMOUNTS | FINE]),
    days=st.tuples(st.integers(0, 110), st.integers(1, 90)),
    data=st.data(),
)
def test_dirty_logs_give_the_table_that_the_documentation_defines(
    policy, time_unit, collapse, ids, amounts, days, data
):
    source, meaning = data.draw(logs(ids, amounts))
    transactions, path = read(source, policy)
    try:
        check(transactions, naive.Log(meaning, policy), days, time_unit, collapse)
    finally:
        Path(path).unlink()


def meaning_of(items, who, when, quantity, price):
    """What rows of receipts mean; products of whole quantities and cents are cents."""
    cents = (items[price] * 100).round().astype(int) * items[quantity]
    assert (items[price] == (items[price] * 100).round() / 100).all()
    return pd.DataFrame(
        {
            "customer": items[who].astype(object).where(items[who].notna(), None),
            "date": items[when],
            "amount": [Decimal(int(each)).scaleb(-2) for each in cents],
            "is_return": (cents < 0) | (items[quantity] < 0),
            "cells": pd.util.hash_pandas_object(items, index=False),
        }
    )


@pytest.mark.skipif(not (DATA / "online_retail").is_dir(), reason="../shared/data is not here")
@pytest.mark.parametrize(
    ("policy", "collapse"),
    [
        (TransactionPolicy(returns="net", duplicates="drop"), "D"),
        (TransactionPolicy(returns="net", zero_amount="drop"), None),
        (TransactionPolicy(returns="net_period"), "M"),
    ],
)
def test_a_year_of_real_receipts_gives_the_table_that_the_documentation_defines(policy, collapse):
    items = pd.read_parquet(DATA / "online_retail/online_retail.parquet")
    items = items[items["UnitPrice"].mul(100).round().div(100) == items["UnitPrice"]]
    who = {"customer": "CustomerID", "date": "InvoiceDate"}
    transactions = read_transactions(items, **who, quantity="Quantity", price="UnitPrice", policy=policy)
    log = naive.Log(meaning_of(items, *who.values(), "Quantity", "UnitPrice"), policy)
    check_report(transactions, log)
    check_split(transactions, log, [pd.Timestamp("2011-06-30"), pd.Timestamp("2011-11-30")], "W", collapse)
