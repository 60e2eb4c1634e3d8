"""Figures of segments, lifecycle stages and segment cards."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from clvml import plots
from clvml.segments.acting._customer_groups import CustomerGroups
from clvml.segments.grouping._components import two_components
from clvml.segments.grouping._prototype_segments import PrototypeSegments
from clvml.segments.grouping._tables import clip_negative
from clvml.workflow._findings import SEGMENTS, Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def profile_figures(
    segmenter: PrototypeSegments, members: pd.DataFrame, worth: pd.DataFrame, selection: pd.DataFrame
) -> Iterator[Figure]:
    """Profiles of the segments, their value, and the choice of their number."""
    profile = segmenter.profile_
    tall = 1.8 + 0.6 * len(profile)
    for name, title, draw, size in (
        ("segment_profile", "Segments", partial(plots.segment_profile, profile), (11, tall)),
        ("segment_lines", "Segments by feature", partial(lines, segmenter, members), (9, 4.6)),
        ("segment_scatter", "Segments in two components", partial(scatter, segmenter, members), (7.4, 5.4)),
        ("segment_value", "Segments by value", partial(plots.segment_value, profile), (9, tall + 0.6)),
        (
            "segment_worth",
            "Mean value per customer, with 95 % intervals",
            partial(plots.segment_worth, worth),
            (9, tall),
        ),
        ("segment_choice", "Number of segments", partial(plots.segment_choice, selection), (8, 5)),
    ):
        if name != "segment_choice" or len(selection) > 1:
            yield Figure(name, title, draw, size, runs=SEGMENTS)


def group_figures(model: CustomerGroups, shapes: pd.DataFrame, cards: pd.DataFrame) -> Iterator[Figure]:
    """Value classes, ended relationships, and a card for each segment."""
    draw_matrix = partial(plots.value_matrix, model.matrix_.profile_)
    yield Figure("value_matrix", "Current against potential value", draw_matrix, (7, 5.2), runs=SEGMENTS)
    if shapes["customers"].sum():
        draw_shapes = partial(plots.relationship_shapes, shapes)
        title = "Shapes of ended relationships"
        yield Figure("relationship_shapes", title, draw_shapes, (8.5, 4.4), runs=SEGMENTS)
    for number, card in cards.iterrows():
        draw_card, title = partial(plots.segment_card, card), f"Segment {number}: {card['name']}"
        size = (7, 6.2 if card.get("plan") else 4.2)
        yield Figure(f"segment_card_{number}", title, draw_card, size, runs=SEGMENTS)


def lines(segmenter: PrototypeSegments, members: pd.DataFrame, ax: Axes) -> Axes:
    """Parallel coordinates of the segments' centres."""
    names = [f"{number} {name}" for number, name in enumerate(segmenter.names_, start=1)]
    points = segmenter.transform(clip_negative(members))
    centers = points.groupby(members["segment"].to_numpy()).mean()
    return plots.segment_lines(centers.set_axis(names), ax=ax)


def scatter(segmenter: PrototypeSegments, members: pd.DataFrame, ax: Axes) -> Axes:
    """A sample of the members in two components."""
    names = members["segment"].astype(str) + " " + members["segment_name"]
    return plots.segment_scatter(two_components(segmenter.transform(clip_negative(members)), names), ax=ax)
