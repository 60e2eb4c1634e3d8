"""How the data of the segments were prepared, and what needs the customers of a segment have in common."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd

from clvml.customers._transactions import Transactions
from clvml.segments.grouping._preparation import describe_preparation, preparation_table
from clvml.segments.grouping._tables import clip_negative
from clvml.segments.judging._needs import categories_bought, describe_needs, segment_needs
from clvml.workflow._findings import SEGMENTS, Finding, Table, Words
from clvml.workflow._formatting import Column
from clvml.workflow._stage import Context
from clvml.workflow.stages._splitting import Customers

if TYPE_CHECKING:
    from clvml.workflow.stages._segmenting import Segments

FILES = "segment_tables/{}.csv"
MOST_CATEGORIES = 50
PREPARATION_COLUMNS = {
    "skewness": Column("skewness", "{:.2f}"),
    "transformation": Column("transformation"),
    "scaling": Column("scaling"),
    "why": Column("why"),
    "skewness_after": Column("skewness after", "{:.2f}"),
    "largest": Column("largest distance (deviations)", "{:.1f}"),
}
MISSING_COLUMNS = {"missing": Column("missing", "{:,}"), "imputation": Column("imputation")}
NEEDS_COLUMNS = {
    "attribute": Column("attribute"),
    "level": Column("value"),
    "customers": Column("customers", "{:,}"),
    "share": Column("share", "{:.1%}"),
    "share_of_others": Column("share of the others", "{:.1%}"),
    "lift": Column("lift", "{:.2f}"),
    "p_corrected": Column("corrected p-value", "{:.3g}"),
}


def preparation_of(segments: Segments) -> Iterator[Finding]:
    """What was done to each feature before clustering."""
    table = preparation_table(segments.segmenter, clip_negative(segments.members))
    columns = (MISSING_COLUMNS if table["missing"].any() else {}) | PREPARATION_COLUMNS
    yield Words(describe_preparation(table), title="How the data were prepared", runs=SEGMENTS)
    yield Table(
        "preparation",
        table,
        file=FILES,
        columns=columns,
        folded="What was done to each feature, and why",
        runs=SEGMENTS,
    )


def needs_of(context: Context, segments: Segments) -> Iterator[Finding]:
    """Attribute values and categories that are more common in a segment; nothing without either."""
    members = segments.members
    attributes = context[Customers].attributes
    parts = [attributes.table, attributes.needs, categories_of(context, members.index)]
    known = pd.concat([part.reindex(members.index) for part in parts if part is not None], axis="columns")
    if known.empty or members["segment"].nunique() < 2:
        return
    needs = segment_needs(members["segment"], known, used=attributes.names)
    if needs.empty:
        return
    names = members.groupby("segment")["segment_name"].first()
    distinct = needs[needs["distinct"] & (needs["lift"] > 1)]
    made_of = needs.loc[needs["used"], "attribute"].unique()
    said = "" if needs["used"].all() else " ".join(describe_needs(needs, names).values())
    yield Words(
        "Each segment against all other customers, by Fisher's exact test with Holm's correction for"
        f" {len(needs):,} tests. {said}".strip(),
        title="What the customers of each segment have in common",
        runs=SEGMENTS,
    )
    if len(made_of):
        yield Words(
            f"The segments were made of {', '.join(made_of)}: in these they differ by construction. List"
            " attributes in needs of [segments] to compare segments by them instead.",
            style="note",
            runs=SEGMENTS,
        )
    labels = distinct["segment"].map(lambda number: f"{number} {names[number]}")
    yield Table(
        "needs",
        needs,
        file=FILES,
        columns=NEEDS_COLUMNS,
        display=distinct.set_axis(pd.Index(labels, name="segment")),
        in_report=len(distinct) > 0,
        runs=SEGMENTS,
    )


def categories_of(context: Context, customers: pd.Index) -> pd.DataFrame:
    """The most common categories bought by each customer; no columns where purchases have none."""
    transactions = context[Transactions]
    if not transactions.columns.category:
        return pd.DataFrame(index=customers)
    bought = categories_bought(transactions, customers).add_prefix("bought ")
    return bought[bought.sum().nlargest(MOST_CATEGORIES).index]
