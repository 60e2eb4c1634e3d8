"""Loyalty in the report: to which of the levels customers are loyal."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pandas as pd

from clvml import plots
from clvml.customers._split import Split
from clvml.customers._transactions import Transactions
from clvml.survey import loyalty
from clvml.workflow._findings import Figure, Finding, Table, Words
from clvml.workflow._formatting import Column
from clvml.workflow._stage import Context
from clvml.workflow.stages._satisfaction import Voices
from clvml.workflow.stages._satisfaction_cells import FEW, FILES, with_ends

LOYALTY_COLUMNS = {
    "values": Column("values", "{:,}"),
    "pairs": Column("repeat purchases", "{:,}"),
    "stay": Column("stay"),
    "chance": Column("by chance", "{:.0%}"),
    "loyalty": Column("loyalty"),
    "share_of_wallet": Column("share of wallet"),
    "wallet_by_chance": Column("share of wallet by chance", "{:.0%}"),
}
VALUE_COLUMNS = {
    "customers": Column("customers", "{:,.0f}"),
    "penetration": Column("of customers", "{:.1%}"),
    "share_of_spend": Column("of spend", "{:.1%}"),
    "share_of_wallet": Column("of its buyers' spend", "{:.0%}"),
    "pairs": Column("repeat purchases", "{:,}"),
    "stay": Column("stay", "{:.0%}"),
    "chance": Column("by chance", "{:.0%}"),
    "loyalty": Column("loyalty", "{:.2f}"),
}


def loyal_to_what(context: Context, _: Voices) -> Iterator[Finding]:
    """Retention at each level against chance, and share of wallet."""
    section, split = context.config.survey, context[Split]
    if not section.loyalty_columns:
        return
    found = loyalty(
        context[Transactions], section.loyalty_columns, collapse=split.collapse,
        until=split.observation_end, level=section.level, random_state=section.random_state,
    )  # fmt: skip
    yield Words(
        describe_loyalty(found.levels, found.differences), title="Loyal to what", printed=True, runs=()
    )
    yield Words(
        "Stay: share of a repeat purchase that is of a value bought the time before. By chance: if all bought"
        " from the baskets of the others, so that a dominant value is not taken for loyalty. Loyalty: 0 if as"
        " by chance, 1 if all stay. The wallet is what customers spend here.",
        style="note",
        runs=(),
    )
    shown = with_ends(found.levels, stay="{:.0%}", loyalty="{:.2f}", share_of_wallet="{:.0%}")
    yield Table("loyalty_levels", found.levels, display=shown, columns=LOYALTY_COLUMNS, file=FILES)
    draw = partial(plots.loyalty_levels, found.levels.head(FEW))
    yield Figure("loyalty_levels", "Loyal to what", draw, (8.5, 2.1 + 0.5 * min(len(found.levels), FEW)))
    flat = found.values.groupby(level="level", sort=False).head(5)
    flat = flat.set_axis([f"{level}: {value}" for level, value in flat.index])
    yield Table(
        "loyalty_values", found.values, display=flat, columns=VALUE_COLUMNS, file=FILES,
        folded="The five largest values of each level",
    )  # fmt: skip
    path = "satisfaction/loyalty_customers.parquet"
    yield Table("loyalty_customers", found.customers, file=path, in_report=False)


def describe_loyalty(levels: pd.DataFrame, differences: pd.DataFrame) -> str:
    """The level to which customers are most loyal, and whether that is more than chance."""
    first = levels.iloc[0]
    text = (
        f"{first['stay']:.0%} of repeat purchases stay at the same {levels.index[0]}, where chance would give"
        f" {first['chance']:.0%}: a loyalty of {first['loyalty']:.2f} ({first['loyalty_lower']:.2f} to"
        f" {first['loyalty_upper']:.2f})"
    )
    if not first["loyalty_lower"] > 0:
        return f"{text}, which is not shown to be more than chance."
    sure = [str(name) for name, row in differences.iterrows() if row["lower"] > 0]
    unsure = [str(name) for name in differences.index if name not in sure]
    parts = [f"more than to {', '.join(sure)}"] if sure else []
    parts += [f"not shown to be more than to {', '.join(unsure)}"] if unsure else []
    return f"{text}{', ' if parts else ''}{'; '.join(parts)}."
