"""The style that all figures share: colours for colour-blind readers, money, labels.

All is set on the given Axes, never in matplotlib's global settings, so that figures do not interfere with a
user's own style. The first six colours are those of Okabe and Ito (2008, "Color
Universal Design"), without the yellow, which is too faint on white; three dark ones of Paul Tol follow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from clvml.customers._time_units import TIME_UNITS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9",
)  # fmt: skip
WINE, OLIVE, INDIGO = "#882255", "#999933", "#332288"
INK, MUTED, FAINT = "#222222", "#6b6b6b", "#e6e6e6"
LINES = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)))
WIDTHS = (3.0, 1.9, 1.0)
# In marketing "recency" is the time since the last purchase, in these models the age at the last purchase.
FEATURES = {
    "probability_alive": "P(alive)",
    "clv": "CLV",
    "silence": "time since last purchase",
    "recency": "time from first to last purchase",
    "T": "time since first purchase",
}
FAMILIES = {"probabilistic": BLUE, "formula": VERMILION, "baseline": MUTED}


class Look(NamedTuple):
    """The line style of a model, the same in every figure with the models in the same order."""

    color: str
    linestyle: Any
    linewidth: float

    def line(self) -> dict[str, Any]:
        """Arguments for a line; thin ones are on top, so that coinciding lines are all visible."""
        return {**self._asdict(), "zorder": 2.9 - self.linewidth / 10}


def looks(models: Iterable[Any]) -> dict[Any, Look]:
    """Colour, style and line width of each model, by position.

    Widths repeat after three models, colours after nine, and then the style changes.
    """
    colors = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, WINE, OLIVE, INDIGO)
    return {
        model: Look(colors[i % len(colors)], LINES[i // len(colors) % len(LINES)], WIDTHS[i % len(WIDTHS)])
        for i, model in enumerate(models)
    }


def axes_for(ax: Axes | None, width: float = 7.5, height: float = 4.5) -> Axes:
    """``ax`` itself, or the Axes of a new figure of ``width`` x ``height`` inches."""
    if ax is not None:
        return ax
    from matplotlib import pyplot as plt

    return plt.subplots(figsize=(width, height), layout="constrained")[1]


def dress(ax: Axes, title: str, x: str, y: str) -> Axes:
    """Title on the left, axis labels, no box, and a faint grid behind the data."""
    ax.set_title(title, x=0.0, ha="left", fontsize=11, fontweight="bold", color=INK)
    ax.set_xlabel(x, color=INK)
    ax.set_ylabel(y, color=INK)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    ax.grid(color=FAINT, linewidth=0.8)
    ax.set_axisbelow(True)
    return ax


def number(value: float, largest: float | None = None) -> str:
    """A number with a suitable number of decimals, given the largest number beside it.

    Examples
    --------
    >>> number(1234.5), number(24.65), number(0.7266), number(3.2, largest=1500)
    ('1,234', '24.6', '0.73', '3')
    """
    if not np.isfinite(value):
        return "–"
    size = abs(value if largest is None else largest)
    return f"{value:,.{0 if size >= 100 else 1 if size >= 10 else 2}f}"


def percent(share: float) -> str:
    """A share as a percentage; a decimal only where it would otherwise round to 0 or 100 %.

    Examples
    --------
    >>> percent(0.4213), percent(0.0042), percent(0), percent(1)
    ('42 %', '0.4 %', '0 %', '100 %')
    """
    if not np.isfinite(share):
        return "–"
    extreme = 0 < share < 0.0095 or 0.9905 < share < 1
    return f"{100 * share:,.{1 if extreme else 0}f} %"


def deviation(percentage: float) -> str:
    """A deviation in percent with its sign, to a tenth below a hundred.

    Examples
    --------
    >>> deviation(-15.561), deviation(193.04)
    ('−15.6 %', '+193 %')
    """
    if not np.isfinite(percentage):
        return "–"
    return f"{percentage:+,.{1 if abs(percentage) < 99.95 else 0}f} %".replace("-", "−")


def signed(money: float) -> str:
    """Money gained or lost, with its sign.

    Examples
    --------
    >>> signed(1234.5), signed(-74.0), signed(0.0)
    ('+1,234', '−74.0', '0')
    """
    return "0" if money == 0 else f"{'+' if money > 0 else '−'}{number(abs(money))}"


def feature_label(column: str) -> str:
    """The display name of a column.

    Examples
    --------
    >>> feature_label("probability_alive"), feature_label("clv"), feature_label("monetary_value")
    ('P(alive)', 'CLV', 'monetary value')
    >>> feature_label("silence"), feature_label("recency")
    ('time since last purchase', 'time from first to last purchase')
    """
    return FEATURES.get(column, column.replace("_", " "))


def with_thousands(axis: Axis) -> None:
    """Format the ticks as ``1,000``, with decimals only if needed."""
    from matplotlib.ticker import FuncFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))


def with_percent(axis: Axis) -> None:
    """Format the ticks of an axis of shares as percentages."""
    from matplotlib.ticker import PercentFormatter

    axis.set_major_formatter(PercentFormatter(xmax=1, decimals=0, symbol=" %"))


def time_in(attrs: Mapping[Any, Any], plural: bool = True) -> str:
    """The name of the table's unit of time, or "time unit" if unknown.

    Examples
    --------
    >>> time_in({"time_unit": "W"}), time_in({"time_unit": "D"}, plural=False), time_in({})
    ('weeks', 'day', 'time units')
    """
    unit = TIME_UNITS.get(str(attrs.get("time_unit")))
    return (unit.name if unit else "time unit") + ("s" if plural else "")


class LineEnd(NamedTuple):
    """The end of a line, and its label."""

    y: float
    text: str
    color: str


def label_ends(ax: Axes, ends: Iterable[LineEnd], fontsize: float = 9) -> None:
    """Label lines at their right ends, moved apart where the labels would overlap.

    The heights are the least-squares solution that keeps the order and a distance of one
    line of text: an isotonic regression of the heights minus these distances.
    """
    from scipy.optimize import isotonic_regression

    ordered = sorted((end for end in ends if np.isfinite(end.y)), key=lambda end: end.y)
    if not ordered:
        return
    points = ax.transData.transform([(0.0, end.y) for end in ordered])
    heights = ax.transAxes.inverted().transform(points)[:, 1]
    line = 1.25 * fontsize / 72 * ax.figure.dpi / ax.get_window_extent().height
    spacing = line * np.arange(len(ordered))
    places = isotonic_regression(heights - spacing).x + spacing
    for end, place in zip(ordered, places, strict=True):
        ax.text(
            1.01, place, end.text, color=end.color, fontsize=fontsize, va="center", transform=ax.transAxes
        )
