"""The trend of value of each segment, in words, and its plan."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd

from clvml.customers._transactions import Transactions
from clvml.errors import InputError
from clvml.lifetime_value.economics._trend import value_over_time
from clvml.lifetime_value.economics._trend_words import TREND_MEASURES, trend_words
from clvml.workflow._findings import SEGMENTS, Finding, Table, Words
from clvml.workflow._formatting import Column
from clvml.workflow._stage import Context
from clvml.workflow.stages._serving import Served
from clvml.workflow.stages._splitting import Customers

if TYPE_CHECKING:
    from clvml.workflow.stages._segmenting import Segments

FILES = "segment_tables/{}.csv"
TREND_COLUMNS = {
    "past": Column("past", "{:,.2f}"),
    "was": Column("level"),
    "now": Column("now", "{:,.2f}"),
    "is": Column("change"),
    "change_pct": Column("change %", "{:+.0f}"),
    "expected": Column("expected", "{:,.2f}"),
    "will": Column("expectation"),
}


def trend_of(context: Context, segments: Segments) -> pd.DataFrame | None:
    """The trend of each segment in words, by its number; None where it cannot be computed."""
    config, members = context.config, segments.members
    attributes = context[Customers].attributes.table
    collapse = config.split.collapse
    try:
        table = value_over_time(
            context[Transactions],
            members["segment"],
            config.segments.trend_period,
            context[Served].model,
            None if collapse == "none" else collapse,
            covariates=attributes if len(attributes.columns) else None,
            observation_end=config.split.observation_end,
        )
        return trend_words(table)
    except InputError as error:
        context.say(f"no trend of the segments: {error}")
        return None


def trend_findings(trend: pd.DataFrame, cards: pd.DataFrame, period: str) -> Iterator[Finding]:
    """The table of trends."""
    names = cards["name"].to_dict()
    numbers, measures = (trend.index.get_level_values(level) for level in (0, 1))
    labels = [
        f"{number} {names.get(number, '')}: {TREND_MEASURES[str(measure)]}"
        for number, measure in zip(numbers, measures, strict=True)
    ]
    word = {"D": "day", "W": "week", "M": "month", "Q": "quarter", "Y": "year"}[period]
    yield Words(
        f"Each measure per {word}: the past is the three complete {word}s before the last complete one, which"
        f" is now; expected is the model's prediction for the {word} after. The level compares the past with"
        " that of all customers. Segments are those of today: customers who became inactive had bought more"
        " before by construction.",
        title="Trend of value by segment",
        runs=SEGMENTS,
    )
    yield Table(
        "segment_trend",
        trend.reset_index(),
        file=FILES,
        columns=TREND_COLUMNS,
        display=trend.set_axis(pd.Index(labels, name="segment")),
        runs=SEGMENTS,
    )
