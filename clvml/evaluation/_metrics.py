"""The family of metrics: each with its direction, its definition and where it is undefined.

``METRICS`` maps keys to metrics. Values are evaluated as money per customer, probabilities against outcomes
of 0 or 1, and prediction intervals against the outcomes that they should cover.

A prediction that ties customers is evaluated as the mean over random orders of the tied, so a constant
prediction ranks as chance does: Spearman, Kendall and Gini are 0, AUC is 1/2, lift is 1. Where all *actual*
values are equal no order is better than another: the ranking metrics are undefined (NaN).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType

import numpy as np

from clvml.evaluation import _interval_metrics as intervals
from clvml.evaluation import _losses as losses
from clvml.evaluation import _ranking as ranking
from clvml.evaluation import _reasons as reasons
from clvml.evaluation import _resampled_metrics as draws
from clvml.evaluation._alignment import FloatArray
from clvml.evaluation._calibration import decile_error, reliability_error
from clvml.evaluation._metric import Metric, Reason, always_defined
from clvml.evaluation._metric_notes import NOTES
from clvml.evaluation._resampled import Loss


def mean_metric(
    key: str,
    label: str,
    loss: Loss,
    finish: Callable[[FloatArray], FloatArray] = np.positive,
    undefined: Reason = always_defined,
    *,
    of: str = "values",
    unit: str = "money",
    formula: str,
) -> Metric:
    """A metric that is a function of the mean of a loss per customer; lower is better."""
    return Metric(
        key,
        label,
        "lower",
        of,
        unit,
        formula,
        function=partial(_mean_loss, loss, finish),
        undefined=undefined,
        resampled=partial(draws.mean_loss, loss, finish),
        loss=loss,
    )


def _mean_loss(
    loss: Loss, finish: Callable[[FloatArray], FloatArray], actual: FloatArray, predicted: FloatArray
) -> float:
    return float(finish(np.asarray(np.mean(loss(actual, predicted)))))


def _bias(actual: FloatArray, predicted: FloatArray) -> float:
    return 100 * (float(predicted.sum()) / float(actual.sum()) - 1)


def _total(actual: FloatArray, predicted: FloatArray) -> float:  # noqa: ARG001
    return float(predicted.sum())


def _top_share(share: float, actual: FloatArray, predicted: FloatArray) -> float:
    return float(ranking.concentration(actual, predicted)[ranking.n_top(len(actual), share)])


def _lift(share: float, actual: FloatArray, predicted: FloatArray) -> float:
    return _top_share(share, actual, predicted) * len(actual) / ranking.n_top(len(actual), share)


def _top_metrics(share: float) -> list[Metric]:
    name = f"{100 * share:.0f}"
    return [
        Metric(
            f"top{name}_share",
            f"share of revenue captured by the top {name} %",
            "higher",
            "values",
            "share",
            f"sum of y over the {name} % of customers with the highest f / sum of y",
            partial(_top_share, share),
            reasons.no_revenue,
            resampled=partial(draws.top_share, share),
            uses="top",
        ),
        Metric(
            f"lift{name}",
            f"lift of the top {name} %",
            "higher",
            "values",
            "",
            f"mean of y over the {name} % of customers with the highest f / mean of y",
            partial(_lift, share),
            reasons.no_revenue,
            resampled=partial(draws.lift, share),
            uses="top",
        ),
    ]


_VALUES = [
    Metric("total", "total", "target", "values", "money", "sum of f", _total, resampled=draws.total,
           loss=losses.forecast),
    Metric("bias_pct", "bias of the total", "zero", "values", "percent", "100 (sum of f / sum of y - 1)",
           _bias, reasons.no_revenue, draws.bias, losses.error),
    mean_metric("mae", "mean absolute error", losses.absolute_error, formula="mean of |f - y|"),
    mean_metric("rmse", "root mean squared error", losses.squared_error, np.sqrt,
                formula="square root of the mean of (f - y)^2"),
    mean_metric("rmsle", "root mean squared logarithmic error", losses.squared_log_error, np.sqrt,
                reasons.no_logarithm, unit="",
                formula="square root of the mean of (log(1 + f) - log(1 + y))^2; depends on the currency"),
    mean_metric("tweedie", "Tweedie deviance (power 1.5)", losses.tweedie_deviance,
                undefined=reasons.no_deviance, unit="",
                formula="mean of 4 (sqrt(y) - sqrt(f))^2 / sqrt(f); 0 for y = f = 0"),
    Metric("spearman", "Spearman rank correlation", "higher", "values", "",
           "correlation of the mid-ranks of f and y", ranking.rank_correlation, reasons.no_order,
           resampled=draws.spearman, uses="ranks"),
    Metric("kendall", "Kendall rank correlation (tau-b)", "higher", "values", "",
           "(concordant - discordant pairs) / sqrt(pairs untied in f * pairs untied in y)",
           ranking.kendall_correlation, reasons.no_order),
    Metric("gini", "normalised Gini", "higher", "values", "",
           "area between the lift curve of f and the diagonal / the same for the order by y",
           ranking.normalised_gini, reasons.no_gini, resampled=draws.gini, uses="ranks"),
    *(metric for share in ranking.TOP_SHARES for metric in _top_metrics(share)),
    Metric("calib_pct", "calibration error by decile", "lower", "values", "percent",
           "100 * sum over deciles of |sum of f - sum of y| / sum of y", decile_error, reasons.no_revenue),
]  # fmt: skip

_PROBABILITIES = [
    mean_metric("brier", "Brier score", losses.squared_probability_error, of="probabilities", unit="",
                formula="mean of (p - y)^2"),
    mean_metric("log_score", "log score", losses.surprise, undefined=reasons.impossible, of="probabilities",
                unit="", formula="mean of -log(probability given to the outcome)"),
    Metric("auc", "AUC", "higher", "probabilities", "",
           "P(p of a customer with y = 1 > p of one with y = 0), ties as halves",
           ranking.area_under_roc, reasons.one_outcome, resampled=draws.auc, uses="ranks"),
    Metric("reliability", "calibration error of probabilities", "lower", "probabilities", "share",
           "sum over deciles of |sum of p - sum of y| / n", reliability_error),
]  # fmt: skip

_INTERVALS = [
    Metric("coverage", "coverage", "target", "intervals", "share", "share of y within [lower, upper]",
           intervals.coverage),
    Metric("cover_error", "coverage less nominal coverage", "zero", "intervals", "share",
           "coverage - nominal coverage", intervals.coverage_error, intervals.no_nominal),
    Metric("width", "mean width of the intervals", "lower", "intervals", "money", "mean of upper - lower",
           intervals.width),
    Metric("winkler", "interval score", "lower", "intervals", "money",
           "mean of width + 2 / (1 - nominal coverage) * distance of y outside the interval",
           intervals.interval_score, intervals.no_nominal),
]  # fmt: skip

METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        metric.key: replace(metric, notes=NOTES[metric.key])
        for metric in (*_VALUES, *_PROBABILITIES, *_INTERVALS)
    }
)
"""Every `Metric` by its key, read-only: of values such as ``"rmse"`` and ``"gini"``, of probabilities such as
``"brier"`` and ``"auc"``, and of prediction intervals such as ``"coverage"`` and ``"winkler"``. Names,
directions, units, formulas and when to look at it are attributes of each metric."""
