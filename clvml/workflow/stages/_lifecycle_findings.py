"""The lifecycle in the report: stages, conversion of contacts, measured volume and profit."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pandas as pd

from clvml import plots
from clvml.customers._split import Split
from clvml.customers._transactions import Transactions
from clvml.errors import InputError
from clvml.segments.grouping._contacts import Contacts, conversion, lifecycle_counts, read_contacts
from clvml.segments.grouping._volume import volume_by_age, volume_by_stage
from clvml.workflow._findings import SEGMENTS, Figure, Finding, Table, Words
from clvml.workflow._formatting import Column
from clvml.workflow._stage import Context
from clvml.workflow.stages._splitting import Customers

FILES = "segment_tables/{}.csv"
COUNT_COLUMNS = {"customers": Column("customers", "{:,}"), "share": Column("share", "{:.1%}")}
CONVERSION_COLUMNS = {
    "contacts": Column("contacts", "{:,}"),
    "converted": Column("converted", "{:,}"),
    "share": Column("share", "{:.1%}"),
    "lower": Column("lower", "{:.1%}"),
    "upper": Column("upper", "{:.1%}"),
    "median_days": Column("median days to purchase", "{:,.0f}"),
}
VOLUME_COLUMNS = {
    "customers": Column("customers", "{:,}"),
    "purchases": Column("purchases per customer", "{:,.2f}"),
    "spend": Column("spend per customer", "{:,.2f}"),
    "profit": Column("profit per customer", "{:,.2f}"),
}


def lifecycle_of(context: Context, stages: pd.Series) -> Iterator[Finding]:
    """Customers by stage, conversion of contacts where they are given, and measured volume."""
    section = context.config.segments
    contacts = contacts_of(context) if section.contacts else None
    counts = lifecycle_counts(stages, contacts, section.lifecycle)
    yield Words(
        "Contacts who have not bought are potential or interested; customers have the stage of their"
        " relationship."
        if contacts is not None
        else "Customers by the stage of their relationship; contacts in [segments] add the stages before it.",
        title="Lifecycle",
        runs=SEGMENTS,
    )
    yield Table("lifecycle_stages", counts, file=FILES, columns=COUNT_COLUMNS, runs=SEGMENTS)
    if contacts is not None:
        for note in contacts.notes:
            context.say(f"contacts: {note}")
            yield Words(f"{note}.", style="note", runs=SEGMENTS)
        steps = conversion(contacts)
        title = "Conversion of contacts, with 95 % intervals"
        yield Table("conversion", steps, file=FILES, columns=CONVERSION_COLUMNS, title=title, runs=SEGMENTS)
    yield from volume_of(context, stages)


def contacts_of(context: Context) -> Contacts:
    """The contacts that the config names, matched with all customers."""
    section = context.config.segments
    return read_contacts(
        section.contacts,
        context[Customers].table,
        context[Split].observation_end,
        customer=section.contact_id,
    )


def volume_of(context: Context, stages: pd.Series) -> Iterator[Finding]:
    """Volume and profit by stage and age."""
    config, table = context.config, context[Customers].table
    period, margin = config.segments.lifecycle_period, config.value.margin
    try:
        by_stage = volume_by_stage(context[Transactions], table, stages, period, margin)
        by_age = volume_by_age(context[Transactions], table, stages, period, margin)
    except InputError as error:
        context.say(f"no volume by stage: {error}")
        return
    yield Table("volume_by_stage", by_stage, file=FILES, columns=VOLUME_COLUMNS, runs=SEGMENTS)
    draw = partial(plots.lifecycle_volume, by_stage)
    yield Figure("lifecycle", "Volume and profit by stage", draw, (8.5, 4.6), runs=SEGMENTS)
    # Not in MLflow: an age of one customer has the amounts of a single person.
    yield Table("volume_by_age", by_age, file=FILES, in_report=False, runs=())
    if len(by_age):
        draw = partial(plots.volume_by_age, by_age)
        yield Figure("volume_by_age", "Volume and profit by age", draw, (8.5, 4.6), runs=())
