"""The figures of a run: each is a table that exists anyway, and the function that draws it.

Figures with a line a model show the contenders that a reader compares, at most `SHOWN` of them: the
champion first, then those that rank customers otherwise, by RMSE. Bars and lanes show all.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from clvml import plots
from clvml.customers._split import Split
from clvml.diagnostics._expected_over_time import with_expected_purchases
from clvml.diagnostics._fit import fit_by_frequency, fit_by_spend
from clvml.diagnostics._frequency_recency import frequency_recency_matrix
from clvml.evaluation._calibration import calibration_by_decile, calibration_by_frequency
from clvml.evaluation._ranking import lift_curve
from clvml.lifetime_value._projection import LifetimeValue
from clvml.models._gamma_gamma import GammaGamma
from clvml.models._history_model import HistoryModel
from clvml.workflow._results import Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

SHOWN = 4
BEST = 10  # customers whose ranges are shown
OFTEN = 4  # repeat purchases, from which on customers are one group


class Figure(NamedTuple):
    """A figure to draw: its file name, what it shows, how to draw it, width and height in inches."""

    name: str
    title: str
    draw: Callable[..., Axes]
    size: tuple[float, float] = (8.0, 4.8)

    def drawn(self) -> Canvas:
        """The figure, drawn; pyplot and its global state stay out of it."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure as Canvas
        from matplotlib.layout_engine import ConstrainedLayoutEngine

        layout = ConstrainedLayoutEngine()
        canvas = Canvas(figsize=self.size, dpi=110, layout=layout)
        FigureCanvasAgg(canvas)
        self.draw(ax=canvas.subplots())
        layout.execute(canvas)  # else saving would draw twice, the first time only to place the Axes
        canvas.set_layout_engine(None)
        return canvas

    def save(self, path: Path) -> None:
        """Draw into a PNG file."""
        self.drawn().savefig(path, format="png")


def comparison_figures(comparison: Comparison, split: Split) -> Iterator[Figure]:
    """What the comparison looks like: total, ranking, calibration."""
    shown, table, actual = models_shown(comparison), comparison.table, split.holdout["spend"]
    tall = 1.8 + 0.45 * len(table)
    yield Figure("comparison", "Every model by every metric", partial(plots.comparison, table), (11, tall))
    yield Figure("bias", "How far each total is off", partial(plots.bias_by_model, table), (9, tall * 0.85))
    lift = lift_curve(actual, comparison.predictions[shown])
    yield Figure("lift", "Who brings the revenue", partial(plots.lift_curve, lift), (7.4, 5.4))
    yield Figure(
        "predicted_against_actual",
        "Predicted and actual value",
        partial(plots.predicted_against_actual, actual, comparison.predictions[shown]),
        (7.4, 5.8),
    )
    deciles = {name: calibration_by_decile(actual, comparison.predictions[name]) for name in shown}
    yield Figure(
        "calibration_by_decile",
        "Value by decile of the prediction",
        partial(plots.calibration_by_decile, deciles),
        (9, 5),
    )


def purchase_figures(model: HistoryModel, split: Split, over_time: pd.DataFrame) -> Iterator[Figure]:
    """What the model of purchases, fitted on the calibration period, says and whether it came true."""
    customers, duration = split.calibration, split.duration
    expected = model.expected_purchases(customers, duration)
    by_frequency = calibration_by_frequency(customers, split.holdout, expected)
    by_frequency = by_frequency.rename(columns={"predicted": model.title})
    tracking = with_expected_purchases(over_time, model, split)
    age = float(customers["T"].max())
    busiest = int(np.clip(customers["frequency"].max(), 2, 20))
    alive = frequency_recency_matrix(model, age, max_frequency=busiest)
    ahead = frequency_recency_matrix(
        model, age, "expected_purchases", horizon=duration, max_frequency=busiest
    )
    yield Figure("cumulative_purchases", "Purchases over time", partial(plots.cumulative_purchases, tracking))
    yield Figure("purchases_per_period", "The same by period", partial(plots.purchases_per_period, tracking))
    draw_frequency = partial(plots.calibration_by_frequency, by_frequency)
    yield Figure("calibration_by_frequency", "Purchases by frequency", draw_frequency)
    fit = fit_by_frequency(customers, model).rename(columns={"expected": model.title})
    yield Figure("fit_by_frequency", "How often they bought", partial(plots.fit_by_frequency, fit))
    matrix = plots.frequency_recency_matrix
    yield Figure("probability_alive", "P(alive) by history", partial(matrix, alive), (7, 5.2))
    yield Figure("expected_purchases", "Purchases to come by history", partial(matrix, ahead), (7, 5.2))


def value_figures(value: LifetimeValue, split: Split) -> Iterator[Figure]:
    """What customers spend, and how far off their spend in the holdout could be and was."""
    customers, came = split.calibration, split.holdout["spend"]
    if not isinstance(value.spend_, GammaGamma):
        return
    fit = fit_by_spend(customers, value.spend_)
    yield Figure("fit_by_spend", "What they spent on average", partial(plots.fit_by_spend, fit))
    # A copy has forgotten the customers of its fit and draws by Laplace's approximation: seconds faster.
    value = copy.deepcopy(value)
    groups = customers["frequency"].clip(upper=OFTEN).map("{:.0f}".format).replace(f"{OFTEN}", f"{OFTEN}+")
    totals = value.predict_total_interval(customers, groups).rename_axis("repeat purchases")
    came_by_group = pd.concat([came.groupby(groups).sum(), pd.Series({"total": came.sum()})])
    draw_totals = partial(plots.ranges, totals, "spend", came_by_group)
    yield Figure("ranges_by_frequency", "What groups might spend (90 %), and did", draw_totals, (8.5, 4.4))
    best = value.predict(customers).nlargest(BEST).index
    each = value.predict_total_interval(customers.loc[best], best.to_series()).loc[best]
    draw_best = partial(plots.ranges, each.rename_axis("customer"), "spend", came)
    yield Figure(
        "ranges_of_best", "What the best customers might spend (90 %), and did", draw_best, (8.5, 5.4)
    )


def models_shown(comparison: Comparison) -> list[str]:
    """The models for figures with a line each: the champion, then the others by RMSE.

    No baselines, and one of those that rank the customers alike: their lines would hide each other.
    """
    table = comparison.table[comparison.table["family"] != "baseline"].sort_values("rmse", kind="stable")
    champion = comparison.champion.name
    ordered = table.loc[[champion, *table.index.drop(champion)]]
    ranking = ordered[["spearman", "gini", "top10_share"]].round(3)
    return [str(name) for name in ordered.index[~ranking.duplicated()]][:SHOWN]


def purchase_model(model: object) -> HistoryModel | None:
    """The fitted model of purchases inside a lifetime-value model, if there is one."""
    fitted = model.purchases_ if isinstance(model, LifetimeValue) else None
    return fitted if isinstance(fitted, HistoryModel) else None


def purchases_shown(comparison: Comparison) -> str | None:
    """The model whose purchases the figures show: the champion, or else the first that has any."""
    for name in (comparison.champion.name, *comparison.models):
        if purchase_model(comparison.models.get(name)) is not None:
            return name
    return None
