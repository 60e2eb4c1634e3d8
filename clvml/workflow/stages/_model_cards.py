"""What a run knows of the models that it saves, for their cards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from clvml.customers._fingerprint import fingerprint
from clvml.customers._split import Split
from clvml.customers._transactions import Transactions
from clvml.scoring._card import ModelCard
from clvml.tracking._comparison_cards import comparison_card, totals_of, window_card
from clvml.workflow._stage import Context
from clvml.workflow.stages._comparing import Comparison
from clvml.workflow.stages._splitting import Customers

if TYPE_CHECKING:
    from clvml.workflow.stages._serving import Served


class SourceMonths(NamedTuple):
    """The fingerprint of the purchases (see `clvml.customers.fingerprint`)."""

    fingerprint: dict[str, Any]


def data_card(context: Context) -> ModelCard:
    """The data of a model that was fitted to all customers until the end of observation."""
    parts, customers, config = context[Split], context[Customers].table, context.config
    window = window_card(customers, pd.Timestamp(parts.observation_end), parts)
    source, currency = source_of(context), config.value.currency
    known = ModelCard(dataset=config.experiment.name, fingerprint=source, currency=currency)
    return window.with_evidence(known)


def source_of(context: Context) -> dict[str, Any]:
    """The fingerprint of the purchases; they are read for it once."""
    found = context.get(SourceMonths)
    if found is None:
        found = SourceMonths(fingerprint(context[Transactions]))
        context.put(found)
    return found.fingerprint


def value_card(context: Context, served: Served) -> ModelCard:
    """The model to serve: its data, how it was judged, and what its customers are predicted to do next."""
    comparison = context[Comparison]
    name, found = comparison.result.champion, comparison.backtest
    judged = comparison_card(found.latest, name, served.title, found)
    totals = totals_of(found, name, served.model, context[Customers].table)
    own = ModelCard(verdict=" ".join(comparison.verdict.sentences), totals=totals)
    return judged.with_evidence(data_card(context)).with_evidence(own)


def segments_card(context: Context, names: Sequence[str]) -> ModelCard:
    """The segments: their data and what they are called, the most valuable first."""
    listed = f"{len(names)} segments, the most valuable first: {', '.join(names)}."
    return data_card(context).with_evidence(ModelCard(title="customer segments", verdict=listed))
