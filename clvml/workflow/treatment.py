"""The part of a run that says of each customer where they stand and what to do."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from clvml.customers.transactions import Transactions
from clvml.segments.cards import segment_cards
from clvml.segments.lifecycle import LifecycleStages, relation_evidence
from clvml.segments.rules import ValueMatrix
from clvml.segments.treatments import treat
from clvml.workflow.results import Groups, Segments, Served


def with_treatment(
    segments: Segments, customers: pd.DataFrame, transactions: Transactions, served: Served
) -> Segments:
    """The segments, with class of the value matrix, stage, treatment and budget of each customer.

    A model that gives no P(alive) (a formula) leaves the segments as they are: without it there is no
    stage, and nobody knows what is at stake.
    """
    if "probability_alive" not in served.values or "total_spend" not in customers:
        return segments
    # Who returned more than was ever bought has no current value; rules on money take none below zero.
    table = customers.assign(total_spend=customers["total_spend"].clip(lower=0.0)).join(served.values)
    table = table.join(relation_evidence(transactions, customers))
    table.attrs = dict(customers.attrs)
    matrix, stages = ValueMatrix().fit(table), LifecycleStages().fit(table)
    evidence = stages.evidence(table)
    classes = matrix.segment_names(table).rename("value_class")
    found = pd.concat([classes, evidence[["stage", "reason"]]], axis=1)
    found = found.join(treat(classes, evidence["stage"], table))
    members = segments.members.join(found)
    worth = table["clv"].groupby(evidence["stage"]).mean()
    by_stage = stages.profile_.assign(clv=worth.reindex(stages.profile_.index))
    groups = Groups(matrix, stages, by_stage, segment_cards(members))
    return replace(segments, members=members, groups=groups)
