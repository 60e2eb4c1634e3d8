"""The part of a run that says of each customer where they stand and what to do."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from clvml.customers.transactions import Transactions
from clvml.segments.cards import segment_cards
from clvml.segments.groups import CustomerGroups
from clvml.segments.relations import relation_evidence
from clvml.workflow.results import Groups, Segments, Served


def with_treatment(
    segments: Segments,
    customers: pd.DataFrame,
    transactions: Transactions,
    served: Served,
    treatments: pd.DataFrame | None = None,
) -> Segments:
    """The segments, with class of the value matrix, stage, treatment and budget of each customer.

    A model that gives no P(alive) (a formula) leaves the segments as they are: without it there is no
    stage, and nobody knows what is at stake.
    """
    if "probability_alive" not in served.values or "total_spend" not in customers:
        return segments
    table = customers.join(served.values).join(relation_evidence(transactions, customers))
    table.attrs = dict(customers.attrs)
    model = CustomerGroups(segmenter=segments.segmenter, treatments=treatments).fit(table)
    members = segments.members.join(model.assign(table).drop(columns=["segment", "segment_name"]))
    profile = model.stages_.profile_
    worth = table["clv"].groupby(members["stage"]).mean()
    by_stage = profile.assign(clv=worth.reindex(profile.index))
    return replace(segments, members=members, groups=Groups(model, by_stage, segment_cards(members)))
