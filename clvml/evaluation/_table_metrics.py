"""Which metrics a table has, and what may be asked of predictions."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from clvml.errors import InputError
from clvml.evaluation._metric import Metric
from clvml.evaluation._metrics import METRICS

DEFAULT_METRICS = ("total", "bias_pct", "mae", "rmse", "spearman", "gini", "top10_share")


def check_metrics(keys: Iterable[str], of: str | None = None, *, to_resample: bool = False) -> list[Metric]:
    """The metrics by key, in the order given; InputError if one is unknown or not for this use."""
    names = [keys] if isinstance(keys, str) else list(dict.fromkeys(keys))
    unknown = [name for name in names if name not in METRICS]
    if unknown or not names:
        raise InputError(
            f"{unknown[0]!r} is not a metric; those are: {', '.join(METRICS)}."
            if unknown
            else "no metric is given; name at least one."
        )
    chosen = [METRICS[name] for name in names]
    for metric in chosen:
        if of is not None and metric.of != of:
            raise InputError(
                f"{metric.key} is a metric of {metric.of}, not of {of}; use METRICS[{metric.key!r}]."
            )
        if to_resample and not metric.can_be_resampled:
            able = ", ".join(key for key, other in METRICS.items() if other.can_be_resampled)
            raise InputError(f"{metric.key} has no bootstrap; those that have: {able}.")
    return chosen


def check_predictions(predictions: pd.DataFrame) -> None:
    """Raise InputError unless there is one column per model, at least one, with unique names."""
    if not isinstance(predictions, pd.DataFrame) or not len(predictions.columns):
        raise InputError("predictions must be a pandas DataFrame with one column per model, at least one.")
    if predictions.columns.has_duplicates:
        raise InputError("two columns of predictions have the same name; model names must be unique.")
