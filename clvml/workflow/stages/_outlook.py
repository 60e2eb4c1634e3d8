"""What comes next for each customer: the columns of ``customers.parquet`` beside their history."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from clvml.customers._split import Split
from clvml.lifetime_value._customer_outlook import DAYS, customer_outlook
from clvml.lifetime_value._protocol import ValueModel
from clvml.workflow._findings import Finding, Table, Words
from clvml.workflow._formatting import Column, format_money
from clvml.workflow._stage import Context

_PREDICTED = ("clv", "probability_alive")
_SHOWN = 5
_COLUMNS = {
    **{f"buys_within_{days}_days": Column(f"buys within {days} days", "{:.0%}") for days in DAYS},
    "next_purchase_date": Column("next purchase"),
    "historic_value": Column("value so far", "{:,.2f}"),
    "clv": Column("expected value", "{:,.2f}"),
    "total_value": Column("total", "{:,.2f}"),
    "reasons": Column("reasons"),
}


def outlook_of(
    model: ValueModel, customers: pd.DataFrame, values: pd.DataFrame, observed_until: pd.Timestamp
) -> pd.DataFrame:
    """Value, P(alive) and the outlook of each customer, without columns that the customers have."""
    predicted = values[[name for name in _PREDICTED if name in values]]
    found = customer_outlook(model, customers, factors=values, observed_until=observed_until.date())
    table = predicted.join(found)
    return table[table.columns.difference(customers.columns, sort=False)]


def findings(
    context: Context, model: ValueModel, customers: pd.DataFrame, values: pd.DataFrame
) -> Iterator[Finding]:
    """``customers.parquet``, and in the report the most valuable customers with what comes next."""
    found = outlook_of(model, customers, values, pd.Timestamp(context[Split].observation_end))
    table = customers.join(found)
    table.attrs = dict(customers.attrs)
    yield Table("customers", table, file="customers.parquet", in_report=False)
    if not set(found) & set(_COLUMNS):
        return
    yield Words(
        f"{describe(found, context.config.value.currency)} customers.parquet has these columns for every"
        " customer.",
        title="What comes next",
        runs=(),
    )
    shown = found.nlargest(_SHOWN, "clv") if "clv" in found else found.head(_SHOWN)
    yield Table(
        "outlook",
        shown,
        display=shown.fillna({"next_purchase_date": "not expected"}),
        columns={name: column for name, column in _COLUMNS.items() if name in shown},
        title=f"The {len(shown)} customers with the highest expected value",
        file=None,
        runs=(),
    )


def describe(found: pd.DataFrame, currency: str) -> str:
    """How many customers buy soon, for how many no purchase is expected, and historic and total value."""
    sentences = []
    within = [days for days in DAYS if f"buys_within_{days}_days" in found]
    if within:
        numbers = " and ".join(
            f"{found[f'buys_within_{days}_days'].sum():,.0f} within {days} days" for days in within
        )
        sentences.append(f"Of {len(found):,} customers {numbers} are expected to buy.")
    if "next_purchase_in" in found:
        none = int(found["next_purchase_in"].isna().sum())
        sentences.append(
            "The next purchase is expected by the date at which its probability reaches one half; for"
            f" {none:,} customers it never does, and none is expected."
        )
    if {"historic_value", "total_value", "clv"} <= set(found):
        parts = (found[name].sum() for name in ("historic_value", "clv", "total_value"))
        historic, expected, total = (format_money(part, currency) for part in parts)
        sentences.append(f"Value so far {historic} and expected {expected} make {total} in total.")
    if "reasons" in found:
        sentences.append("Reasons compare a customer with the typical one, of median history.")
    return " ".join(sentences)
