"""The figures of a run that show who the customers are, where they stand and who moved."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from clvml import plots
from clvml.segments.grouping._components import two_components
from clvml.workflow._figures import Figure
from clvml.workflow._results import Groups, Moves, Segments, Served

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def segment_figures(served: Served, segments: Segments | None, moves: Moves | None) -> Iterator[Figure]:
    """Who holds the value to come, in which segments, what to do with them, and who moved."""
    clv = served.values["clv"]
    yield Figure("value_distribution", "Who holds the value", partial(plots.value_distribution, clv))
    if segments is None:
        return
    yield from profile_figures(segments)
    if segments.groups is not None:
        yield from group_figures(segments.groups)
    if moves is not None:
        yield from move_figures(moves)


def profile_figures(segments: Segments) -> Iterator[Figure]:
    """What sets the segments apart, what they are worth, and why there are so many."""
    profile, selection = segments.profile, segments.segmenter.selection_
    tall = 1.8 + 0.6 * len(profile)
    yield Figure("segment_profile", "Segments", partial(plots.segment_profile, profile), (11, tall))
    yield Figure("segment_lines", "Segments along their features", partial(lines, segments), (9, 4.6))
    yield Figure("segment_scatter", "Segments in two components", partial(scatter, segments), (7.4, 5.4))
    draw_value = partial(plots.segment_value, profile)
    yield Figure("segment_value", "Segments by value", draw_value, (9, tall + 0.6))
    draw_worth = partial(plots.segment_worth, segments.worth)
    yield Figure("segment_worth", "Value of a customer, and how sure", draw_worth, (9, tall))
    if len(selection) > 1:
        draw_choice = partial(plots.segment_choice, selection)
        yield Figure("segment_choice", "Number of segments", draw_choice, (8, 5))


def group_figures(groups: Groups) -> Iterator[Figure]:
    """Classes, stages, finished relations, and a card for each segment."""
    draw_matrix = partial(plots.value_matrix, groups.model.matrix_.profile_)
    yield Figure("value_matrix", "Current against potential value", draw_matrix, (7, 5.2))
    draw_stages = partial(plots.lifecycle_curve, groups.by_stage)
    yield Figure("lifecycle", "Where customers stand", draw_stages, (8.5, 4.6))
    if groups.shapes["customers"].sum():
        draw_shapes = partial(plots.relationship_shapes, groups.shapes)
        yield Figure("relationship_shapes", "How finished relations went", draw_shapes, (8.5, 4.4))
    for number, card in groups.cards.iterrows():
        draw_card = partial(plots.segment_card, card)
        yield Figure(f"segment_card_{number}", f"Segment {number}: {card['name']}", draw_card, (7, 4.2))


def move_figures(moves: Moves) -> Iterator[Figure]:
    """Who went where since the end of calibration, and what it was worth."""
    for name, title, found in (
        ("segment_moves", "Who moved between segments", moves.segments),
        ("stage_moves", "Who moved between stages", moves.stages),
    ):
        rows, columns = found.customers.shape
        draw = partial(plots.segment_transitions, found.customers, found.moves)
        yield Figure(name, title, draw, (3.4 + 1.5 * columns, 1.8 + 0.75 * rows))


def lines(segments: Segments, ax: Axes) -> Axes:
    """Parallel coordinates of the segments' centres."""
    segmenter = segments.segmenter
    names = [f"{number} {name}" for number, name in enumerate(segmenter.names_, start=1)]
    points = segmenter.transform(segments.members)
    centers = points.groupby(segments.members["segment"].to_numpy()).mean()
    return plots.segment_lines(centers.set_axis(names), ax=ax)


def scatter(segments: Segments, ax: Axes) -> Axes:
    """A sample of the members in two components."""
    members = segments.members
    names = members["segment"].astype(str) + " " + members["segment_name"]
    return plots.segment_scatter(two_components(segments.segmenter.transform(members), names), ax=ax)
