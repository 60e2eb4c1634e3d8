"""Figures of a comparison or a backtest for its MLflow run."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd

from clvml import plots
from clvml.evaluation._calibration import calibration_by_decile
from clvml.evaluation._ranking import lift_curve
from clvml.tracking._comparison_records import ComparisonRecords

SHOWN = 4  # models in figures with a line for each


def comparison_figures(records: ComparisonRecords) -> dict[str, Callable[[], Any]]:
    """Functions that draw, by name; those that do not apply to the data are absent."""
    found, table = records.latest, records.table().dropna(axis="columns", how="all")
    shown = found.predictions[records.names[:SHOWN]].rename(columns=records.titles)
    ties = ~found.draws.differences()["different"].unstack("metric").rename(index=records.titles)
    drawn: dict[str, Callable[[], Any]] = {
        "comparison": partial(plots.comparison, table, ties=ties),
        "predicted_against_actual": partial(plots.predicted_against_actual, shown, found.actual),
        "calibration_by_decile": partial(
            plots.calibration_by_decile,
            {str(title): calibration_by_decile(found.actual, shown[title]) for title in shown},
        ),
    }
    if "bias_pct" in table:
        drawn["bias"] = partial(plots.bias_by_model, table)
        drawn["lift"] = partial(plots.lift_curve, lift_curve(found.actual, shown))
    if records.backtest is not None and len(records.backtest.at()) > 1:
        totals = pd.DataFrame(records.backtest.totals.xs(records.backtest.horizons[0], level="horizon"))
        totals = totals[totals.index.isin(records.names[:SHOWN], level="model")]
        drawn["bias_by_origin"] = partial(
            plots.bias_by_origin, totals.rename(index=records.titles, level="model")
        )
    return drawn
