"""Customers in calibration and holdout, and all of them until the end of observation.

Their summaries are joined with the evidence of the course of their relationship, and with the
attributes that the config names.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Literal, NamedTuple, Self

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from clvml.customers._ends import end_of
from clvml.customers._notices import data_notices
from clvml.customers._split import Split, split
from clvml.customers._summary import summarize
from clvml.customers._transactions import Transactions
from clvml.customers.engines._logins import is_url
from clvml.segments.grouping._relationship_course import relationship_evidence
from clvml.tracking._datasets import datasets_of, policy_counts, split_tags
from clvml.tracking._records import DatasetRecord
from clvml.workflow._findings import ALL, COMPARED, SEGMENTS, SERVED, Dataset, Finding, Table, Tags, Words
from clvml.workflow._formatting import format_duration
from clvml.workflow._section import Section
from clvml.workflow._stage import Context, Stage
from clvml.workflow.stages._attribute_files import Attributes, read_attributes
from clvml.workflow.stages._reading import outcome_of

TimeUnitCode = Literal["D", "W", "M", "Q", "Y"]


class SplitSection(Section):
    """The ends of calibration and observation (both days included), and the time unit.

    By default observation ends with the last purchase and the holdout is the last third of the time;
    CDNOW has the dates of the literature.
    """

    calibration_end: dt.date | None = None
    """Last day of the calibration period. Default: the last third of the time is held out."""
    observation_end: dt.date | None = None
    """Last day of the holdout period. Default: the last day of the data."""
    time_unit: TimeUnitCode = "W"
    """Time unit of the models: D, W, M, Q or Y."""
    collapse: Literal["D", "W", "M", "Q", "Y", "none"] = "D"
    """Purchases of one customer within this period are one purchase; "none": every row is one."""
    max_customers: int = Field(default=50_000, ge=1_000)
    """Customers on whom models are compared: a random sample of so many, where there are more. The model to
    serve is fitted to all customers and predicts all."""

    @model_validator(mode="after")
    def _leaves_a_holdout(self) -> Self:
        start, end = self.calibration_end, self.observation_end
        if start and end and start >= end:
            raise ValueError(
                f"leaves no holdout: calibration_end {start} must be earlier than observation_end {end}"
            )
        return self


class Customers(NamedTuple):
    """All customers until the end of observation.

    Attributes
    ----------
    table : pandas.DataFrame
        Their summary, the evidence of their relationship's course, and their attributes.
    attributes : Attributes
        From the config's table of attributes.
    """

    table: pd.DataFrame
    attributes: Attributes


def _dataset_source(context: Context) -> str:
    """The source as MLflow takes it: it looks up URLs, and knows none of a database."""
    source = context.config.data.shown
    return context[Transactions].source if is_url(source) else source


def find(context: Context) -> Iterator[Finding]:
    """The split, all customers, and the tags common to all runs of this comparison."""
    parts = divide(context)
    customer_base = all_customers(context, parts)
    config = context.config
    found = format_split(parts, outcome_of(context))
    context.say(found)
    yield Words(f"{config.data.shown}: {found}.", runs=())
    if sample := context.get(Sample):
        yield Words(sample.sentence, style="note", runs=())
        yield Tags({"sampled_customers": sample.size, "customers_of_the_source": sample.of}, runs=ALL)
    yield from notices_of(context, parts)
    yield Tags(split_tags(parts) | {"question": config.experiment.question}, runs=ALL)
    name, source, facts = (
        config.experiment.name,
        _dataset_source(context),
        policy_counts(context[Transactions]),
    )
    for record in datasets_of(parts, name, source):
        yield Dataset(record, runs=COMPARED)
    facts = {"observation_end": f"{parts.observation_end:%Y-%m-%d}", **facts}
    observation = DatasetRecord(f"{name}_observation", customer_base.table, "observation", source, facts)
    yield Dataset(observation, runs=(*SERVED, *SEGMENTS))
    yield Tags(
        {
            "dataset": name,
            "customers": len(customer_base.table),
            "fitted_until": f"{parts.observation_end:%Y-%m-%d}",
            "experiment": config.tracking.experiment,
        },
        of_version=True,
        runs=ALL,
    )


def notices_of(context: Context, parts: Split) -> Iterator[Finding]:
    """What is unusual about the data and the split, and what it does to the numbers."""
    notices = data_notices(context[Transactions], parts)
    for notice in notices:
        context.say(f"notice: {notice.sentence}")
        title = "Notices" if notice == notices[0] else ""
        yield Words(f"{notice.effect}.", title=title, lead=f"{notice.sentence}:")
    if notices:
        table = pd.DataFrame(notices).set_index("key")
        yield Table("data_notices", table, file="data_notices.csv", in_report=False)


class Sample(NamedTuple):
    """The customers on whom models are compared, where there are too many.

    Attributes
    ----------
    size : int
        Of the sample.
    of : int
        All customers of the source.
    """

    size: int
    of: int

    @property
    def sentence(self) -> str:
        """What is computed on the sample, and how to change it."""
        return (
            f"Models are compared, and segments evaluated, on a random sample of {self.size:,} of {self.of:,}"
            " customers (split.max_customers), each with all purchases: totals of the comparison are those of"
            " the sample. The model to serve, segments and cohorts are of all customers."
        )


def compared(context: Context) -> Transactions:
    """The purchases of the customers on whom models are compared: all, or a random sample of them."""
    transactions, most = context[Transactions], context.config.split.max_customers
    ids = transactions.engine.frame("SELECT DISTINCT customer_id FROM used ORDER BY customer_id")
    if len(ids) <= most:
        return transactions
    drawn = np.sort(np.random.default_rng(0).choice(len(ids), most, replace=False))
    sample = Sample(most, len(ids))
    context.put(sample)
    context.say(sample.sentence)
    return transactions.of_customers(pd.Index(ids["customer_id"].iloc[drawn]))


def divide(context: Context) -> Split:
    """Calibration and holdout of the customers on whom models are compared, stored in the context."""
    section, transactions = context.config.split, compared(context)
    collapse = None if section.collapse == "none" else section.collapse
    observation_end = section.observation_end or transactions.last_date.date()
    materialize_purchases(context[Transactions], observation_end, collapse, context.resources)
    parts = split(transactions, section.calibration_end, observation_end, section.time_unit, collapse)
    context.put(parts)
    return parts


def materialize_purchases(
    transactions: Transactions, observation_end: dt.date, collapse: str | None, resources: ExitStack
) -> None:
    """Aggregate the rows to purchases once, for the queries of all stages."""
    collapse = transactions.effective_collapse(collapse)
    stop = end_of(observation_end, collapse, "observation_end").stop
    resources.enter_context(transactions.purchases(collapse, stop).materialized())


def purchases_of(context: Context) -> Transactions:
    """The purchases of the customers of the split."""
    return context[Split].transactions or context[Transactions]


def all_customers(context: Context, parts: Split) -> Customers:
    """All customers until the end of observation, stored in the context."""
    transactions = context[Transactions]
    customers = summarize(transactions, parts.observation_end, parts.time_unit, parts.collapse)
    customers = joined(customers, relationship_evidence(transactions, customers))
    attributes = read_attributes(context.config, customers.index, context.say)
    customer_base = Customers(joined(customers, attributes.table), attributes)
    context.put(customer_base)
    return customer_base


def joined(customers: pd.DataFrame, *tables: pd.DataFrame) -> pd.DataFrame:
    """The tables joined by index, without duplicated columns, with the time unit kept."""
    result = customers
    for table in tables:
        result = result.join(table[table.columns.difference(result.columns, sort=False)])
    result.attrs = {key: value for table in (customers, *tables) for key, value in table.attrs.items()}
    return result


def format_split(parts: Split, outcome: str = "revenue") -> str:
    """The number of customers, the periods, and the spend or the purchases in the holdout."""
    spend, purchases = parts.holdout["spend"].sum(), parts.holdout["purchases"].sum()
    total = f"for {spend:,.2f}" if outcome == "revenue" else f"{purchases:,.0f} purchases in all"
    buyers = int((parts.holdout["purchases"] > 0).sum())
    return (
        f"{len(parts.calibration):,} customers until {pd.Timestamp(parts.calibration_end):%Y-%m-%d};"
        f" holdout of {format_duration(parts.duration, parts.time_unit)} until"
        f" {pd.Timestamp(parts.observation_end):%Y-%m-%d}: {buyers:,} of them bought again,"
        f" {total}"
    )


STAGE = Stage("Splitting customers into calibration and holdout", find, "Data")
