"""Figures of the customer base: the value matrix, transitions, and the card of a segment."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from clvml.errors import InputError
from clvml.plots._style import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    axes_for,
    dress,
    number,
    percent,
    signed,
)
from clvml.plots._table_checks import check_numeric, check_table
from clvml.segments.grouping._matrix import NUMERALS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CLASSES = {"gold": ORANGE, "iron": BLUE, "platinum": GREEN, "lead": MUTED}
PLACES = {"gold": (1, 1), "platinum": (0, 1), "iron": (1, 0), "lead": (0, 0)}
ADVICE = {"gold": "protect first", "iron": "develop", "platinum": "keep", "lead": "spend less"}


def value_matrix(profile: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """The four classes of the value matrix, I to IV: number of customers, and share of potential value.

    Current value is drawn upwards and potential (future) value to the right.

    Parameters
    ----------
    profile : pandas.DataFrame
        ``ValueMatrix.profile_``: columns ``name, customers, share_of_customers, share_of_value``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        Four quarters, one per class.

    Raises
    ------
    InputError
        If the table is empty, lacks a column, or names other classes.

    See Also
    --------
    clvml.ValueMatrix : Its ``profile_`` is the table.

    Examples
    --------
    >>> import clvml
    >>> from clvml import plots
    >>> transactions = clvml.load_cdnow()
    >>> split = clvml.split(transactions, "1997-09-30", "1998-06-30", time_unit="W")
    >>> model = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), "39W")
    >>> factors = model.fit(split.calibration).predict_factors(split.calibration)
    >>> customers = split.calibration.join(factors[["clv", "probability_alive"]])
    >>> ax = plots.value_matrix(clvml.ValueMatrix().fit(customers).profile_)
    """
    columns = ["name", "customers", "share_of_customers", "share_of_value"]
    check_table(profile, columns, "value_matrix")
    unknown = sorted(set(profile["name"]) - set(PLACES))
    if unknown:
        raise InputError(f"value_matrix draws {', '.join(PLACES)}; the table names {unknown[0]!r}.")
    ax = axes_for(ax, width=7.0, height=5.2)
    rows = profile[columns].itertuples(index=False, name=None)
    for name, customers, of_customers, of_value in rows:
        x, y = PLACES[name]
        color = CLASSES[name]
        ax.fill_between([x, x + 1], y, y + 1, color=color, alpha=0.12 + 0.4 * _finite(of_value))
        middle: dict[str, Any] = {"ha": "center", "va": "center", "color": INK}
        ax.text(
            x + 0.5,
            y + 0.75,
            f"{NUMERALS[name]} {name}: {ADVICE[name]}",
            fontsize=12,
            fontweight="bold",
            **middle,
        )
        ax.text(x + 0.5, y + 0.47, f"{percent(of_value)} of potential value", fontsize=11, **middle)
        size = f"{customers:,} customers ({percent(of_customers)})"
        ax.text(x + 0.5, y + 0.25, size, fontsize=10, **middle)
    ax.set_xlim(0, 2)
    ax.set_ylim(0, 2)
    dress(ax, "Current and potential value", "potential (future) value", "current value")
    ax.grid(visible=False)
    ax.set_xticks([0.5, 1.5], ["low", "high"])
    ax.set_yticks([0.5, 1.5], ["low", "high"])
    ax.tick_params(length=0)
    return ax


def segment_transitions(
    customers: pd.DataFrame, moves: pd.DataFrame | None = None, *, ax: Axes | None = None
) -> Axes:
    """Transitions between two dates: share of each row, number of customers, and value gained.

    Parameters
    ----------
    customers : pandas.DataFrame
        ``SegmentTransitions.customers``: counts, rows the segment before, columns the segment after.
    moves : pandas.DataFrame, optional
        ``SegmentTransitions.moves``: adds the value that each transition gained or lost.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        A matrix, coloured by the share of each row.

    Raises
    ------
    InputError
        If the table is empty or not numeric.

    See Also
    --------
    clvml.segments.judging.segment_transitions : Makes both tables.

    Examples
    --------
    >>> import clvml
    >>> from clvml import plots
    >>> from clvml.segments import judging
    >>> transactions = clvml.load_cdnow()
    >>> split = clvml.split(transactions, "1997-09-30", "1998-06-30", time_unit="W")
    >>> model = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), "39W")
    >>> factors = model.fit(split.calibration).predict_factors(split.calibration)
    >>> customers = split.calibration.join(factors[["clv", "probability_alive"]])
    >>> kmeans = clvml.KMeansSegments(n_segments=4).fit(customers)
    >>> later = clvml.summarize(transactions, "1998-06-30", time_unit="W")
    >>> later = later.join(model.predict_factors(later)[["clv", "probability_alive"]])
    >>> moved = judging.segment_transitions(
    ...     kmeans.segment_names(customers), kmeans.segment_names(later),
    ...     customers["clv"], later["clv"], kmeans.names_,
    ... )
    >>> ax = plots.segment_transitions(moved.customers, moved.moves)
    """
    check_table(customers, [], "segment_transitions")
    check_numeric(customers, list(customers), "segment_transitions")
    counts = customers.to_numpy(dtype=float)
    totals = counts.sum(axis=1, keepdims=True)
    part = np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)
    ax = axes_for(ax, width=3.2 + 1.2 * counts.shape[1], height=1.8 + 0.7 * counts.shape[0])
    ax.imshow(part, cmap="Blues", vmin=0, vmax=1.15, aspect="auto")
    gained = {} if moves is None else moves["gained"].to_dict()
    for (row, column), share in np.ndenumerate(part):
        cell = f"{percent(share)}\n{counts[row, column]:,.0f}" if counts[row, column] else "–"
        move = (customers.index[row], customers.columns[column])
        if move in gained:
            cell += f"\n{signed(gained[move])}"
        ax.text(
            column, row, cell, ha="center", va="center", fontsize=9, color="white" if share > 0.6 else INK
        )
    with_value = "" if moves is None else ", with value gained or lost"
    dress(ax, f"Transitions between two dates{with_value}", "after", "before")
    ax.grid(visible=False)
    ax.set_xticks(range(counts.shape[1]), [textwrap.fill(str(name), 16) for name in customers.columns])
    before = zip(customers.index, totals[:, 0], strict=True)
    names = [f"{textwrap.fill(str(name), 22)}\n({int(total):,})" for name, total in before]
    ax.set_yticks(range(counts.shape[0]), names)
    ax.tick_params(length=0)
    return ax


def segment_card(card: pd.Series, *, ax: Axes | None = None) -> Axes:
    """One segment on a card: size, value, prediction interval of its total and treatment.

    Parameters
    ----------
    card : pandas.Series
        A row of `clvml.segments.acting.segment_cards`; a column ``plan`` is shown where there is one.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        A card of text: it has no axes.

    Raises
    ------
    InputError
        If an entry is missing.

    See Also
    --------
    clvml.segments.acting.segment_cards : Makes the table.
    clvml.CustomerGroups : Assigns segments and treatments.

    Examples
    --------
    >>> import clvml
    >>> from clvml import plots
    >>> from clvml.segments.acting import segment_cards
    >>> transactions = clvml.load_cdnow()
    >>> split = clvml.split(transactions, "1997-09-30", "1998-06-30", time_unit="W")
    >>> model = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), "39W")
    >>> factors = model.fit(split.calibration).predict_factors(split.calibration)
    >>> customers = split.calibration.join(factors[["clv", "probability_alive"]])
    >>> kmeans = clvml.KMeansSegments(n_segments=4).fit(customers)
    >>> members = clvml.CustomerGroups(segmenter=kmeans).fit(customers).assign(customers)
    >>> total = model.predict_total_interval(customers, members["segment"], random_state=1)
    >>> total = total.rename(columns={"clv_lower": "lower", "clv_upper": "upper"})
    >>> cards = segment_cards(members.join(customers), total[["lower", "upper"]])
    >>> ax = plots.segment_card(cards.loc[1])
    """
    if not isinstance(card, pd.Series):
        raise InputError(f"segment_card draws a row of segment_cards, not {type(card).__name__}.")
    check_table(card.to_frame().T, CARD_NEEDS, "segment_card")
    blocks = describe_card(card)
    ax = axes_for(ax, width=6.5, height=6.2 if "Plan" in blocks else 4.2)
    ax.set_axis_off()
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1)
    title = f"{card.name} {card['name']}"
    ax.set_title(title, x=0.0, ha="left", fontsize=14, fontweight="bold", color=INK)
    ax.plot([0, 1], [0.99, 0.99], color=BLUE, linewidth=3)
    texts = {heading: _wrapped(text) for heading, text in blocks.items()}
    lines = [text.count("\n") + 1 for text in texts.values()]
    step = 0.96 / (sum(lines) + len(lines)) if "Plan" in blocks else 0.0
    top = 0.93
    for place, (heading, wrapped) in enumerate(texts.items()):
        top = top if step else 0.93 - 0.245 * place
        ax.text(0, top, heading, fontsize=10, fontweight="bold", color=BLUE, va="top")
        ax.text(0.31, top, wrapped, fontsize=10, color=INK, va="top", linespacing=1.35)
        top -= step * (lines[place] + 1)
    return ax


CARD_NEEDS = (
    *("name", "customers", "share_of_customers", "share_of_value", "mean_value", "total_value"),
    *("total_lower", "total_upper", "coverage", "probability_alive", "stage", "stage_share", "treatment"),
    *("what_to_do", "treatment_share", "value_at_risk", "budget"),
)


def describe_card(card: pd.Series) -> dict[str, str]:
    """The blocks of a card as text."""
    plural = "" if card.get("frequency") == 1 else "s"
    bought = f", typically with {card['frequency']:,g} repeat purchase{plural}" if "frequency" in card else ""
    interval = (
        f"{percent(card['coverage'])} prediction interval of their total value:"
        f" {number(card['total_lower'])} to {number(card['total_upper'])}."
        if np.isfinite(card["total_lower"])
        else "The model of value provides no prediction interval of their total."
    )
    plan = {"Plan": str(card["plan"])} if isinstance(card.get("plan"), str) and card["plan"] else {}
    return {
        "Customers": f"{card['customers']:,} customers, {percent(card['share_of_customers'])} of all{bought};"
        f" most often in stage {card['stage']} ({percent(card['stage_share'])}).",
        "Value": f"{number(card['mean_value'])} per customer, {number(card['total_value'])} in total:"
        f" {percent(card['share_of_value'])} of all value.",
        "Uncertainty": f"{interval} Mean P(alive) {number(card['probability_alive'])}.",
        "Treatment": f"Mostly {card['treatment']} ({percent(card['treatment_share'])} of them):"
        f" {card['what_to_do']}. Budget of all treatments: at most {number(card['budget'])}, for"
        f" {number(card['value_at_risk'])} of value at risk.",
        **plan,
    }


def _wrapped(text: str) -> str:
    return textwrap.fill(text.replace(" %", "\u00a0%"), 50).replace("\u00a0", " ")


def _finite(share: float) -> float:
    return float(share) if np.isfinite(share) else 0.0
