"""Transitions between segments and stages from the end of calibration to the end of observation.

Both dates use one segmentation and one model, the served ones, so that only the customers change.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import pandas as pd
from sklearn.base import clone

from clvml import plots
from clvml.customers._split import Split
from clvml.errors import InputError
from clvml.segments.acting._customer_groups import CustomerGroups
from clvml.segments.grouping._relationship_course import relationship_evidence
from clvml.segments.grouping._tables import clip_negative
from clvml.segments.judging._movement import SegmentTransitions, segment_transitions
from clvml.segments.judging._quality import agreement
from clvml.workflow._findings import SEGMENTS, Figure, Finding, Metrics, Table, Words
from clvml.workflow._formatting import format_value
from clvml.workflow._stage import Context, Stage
from clvml.workflow.stages._segmenting import FILES, SECTION, Segments
from clvml.workflow.stages._serving import Served
from clvml.workflow.stages._splitting import Customers, joined, purchases_of


@dataclass(frozen=True, eq=False)
class Moves:
    """Transitions between the end of calibration and the end of observation.

    Attributes
    ----------
    segments, stages : SegmentTransitions
        By segment ("1 Champions") and by stage.
    stability : dict of str to float
        ``stayed`` (share of the customers in the same segment), ``agreement`` (adjusted Rand index of the
        two dates) and ``refit_agreement`` (of the customers at the second date: segments fitted at the first
        date against those of the second).
    """

    segments: SegmentTransitions
    stages: SegmentTransitions
    stability: dict[str, float]


def find(context: Context) -> Iterator[Finding]:
    """The transitions; nothing without stages."""
    segments = context.get(Segments)
    if segments is None or segments.groups is None:
        return
    moves = moves_since(context, segments.members, segments.groups)
    context.put(moves)
    yield Words(describe_moves(moves), title="Transitions", runs=SEGMENTS)
    gained = {"gained": float(moves.segments.left["gained"].sum())}
    yield Metrics(moves.stability | gained, in_report=False, runs=SEGMENTS)
    for kind, found in (("segment", moves.segments), ("stage", moves.stages)):
        name = f"{kind}_moves"
        yield Table(name, found.moves, file=FILES, in_report=False, runs=SEGMENTS)
        rows, columns = found.customers.shape
        draw = partial(plots.segment_transitions, found.customers, found.moves)
        size = (3.4 + 1.5 * columns, 1.8 + 0.75 * rows)
        yield Figure(name, f"Transitions between {kind}s", draw, size, runs=SEGMENTS)


def moves_since(context: Context, after: pd.DataFrame, model: CustomerGroups) -> Moves:
    """Segments and stages of the calibration customers at the end of calibration and of observation."""
    parts = context[Split]
    evidence = relationship_evidence(purchases_of(context), parts.calibration)
    values = context[Served].model.predict_factors(parts.calibration)
    table = joined(parts.calibration, context[Customers].attributes.table, evidence, values)
    before = joined(model.assign(table), table[["clv"]])
    order = [f"{number} {name}" for number, name in enumerate(model.names_, start=1)]
    by_segment = segment_transitions(labels(before), labels(after), before["clv"], after["clv"], order)
    stages = list(model.stages_.names_)
    return Moves(
        segments=by_segment,
        stages=segment_transitions(before["stage"], after["stage"], before["clv"], after["clv"], stages),
        stability={
            "stayed": by_segment.stayed,
            "agreement": agreement(before["segment"], after["segment"]),
            "refit_agreement": refit_agreement(model, table, after),
        },
    )


def labels(members: pd.DataFrame) -> pd.Series:
    """Number and name of each member's segment."""
    return members["segment"].astype(str) + " " + members["segment_name"]


def refit_agreement(model: CustomerGroups, before: pd.DataFrame, after: pd.DataFrame) -> float:
    """Agreement on the second date's customers of segmentations fitted at the two dates."""
    again = clone(model.segmenter_).set_params(n_segments=len(model.names_))
    try:
        again.fit(clip_negative(model.with_alive(before)))
        return agreement(again.predict(clip_negative(after)), after["segment"])
    except InputError:  # fewer distinct customers at the first date than segments at the second
        return float("nan")


def describe_moves(moves: Moves) -> str:
    """The share that stayed, the stability of the segments, and the value gained or lost by transitions."""
    stayed, same, refit = (moves.stability[name] for name in ("stayed", "agreement", "refit_agreement"))
    text = (
        f"{stayed:.0%} of the customers are in the same segment as at the end of calibration"
        f" (adjusted Rand index {format_value(same, '{:.2f}')}). Agreement of the current segments with"
        f" segments fitted at the end of calibration: adjusted Rand index {format_value(refit, '{:.2f}')}."
    )
    left = moves.segments.left
    if left.empty:
        return f"{text} No customer changed segment."
    lowest, highest = (describe_move(left.index[place], left.iloc[place]) for place in (0, -1))
    gained = moves.segments.moves["gained"].sum()
    return (
        f"{text} Change in value of customers who changed segment: {left['gained'].sum():+,.0f}, of all"
        f" customers: {gained:+,.0f}. Lowest and highest change: {lowest}; {highest}."
    )


def describe_move(move: tuple[str, str], row: pd.Series) -> str:
    """The value gained or lost by one transition."""
    return f"{row['gained']:+,.0f} for {row['customers']:,.0f} customers from {move[0]} to {move[1]}"


STAGE = Stage("Computing transitions between segments", find, SECTION)
