"""The page of metrics, from ``METRICS``, with a worked example that is run when the page is made."""

import contextlib
import io
import math
from collections.abc import Iterator

from summaries import definitions, heading

from clvml.evaluation import METRICS
from clvml.evaluation._metric import Metric
from clvml.evaluation._table_metrics import DEFAULT_METRICS

DEFAULTS = ", ".join(f"``{key}``" for key in DEFAULT_METRICS)
INTRODUCTION = f"""\
Every metric compares what was predicted with what happened, customer by customer:
``METRICS["rmse"](actual, predicted)``. Tables such as those of :func:`clvml.compare` and
:func:`clvml.score` have these unless others are asked for: {DEFAULTS}.
How models are ranked by several of them: :doc:`/guide/comparison`.

In the formulas y is the actual value of a customer and f the predicted one, in money over the holdout; p is a
probability and n the number of customers. Ranges are for amounts that are not negative. Where a metric is
undefined it is NaN, and ``METRICS["gini"].why_undefined(actual, predicted)`` says why.
"""
GROUPS = {
    "values": ("Values", "Of money, or of any other number per customer, such as purchases."),
    "probabilities": (
        "Probabilities",
        "Against outcomes of 0 and 1, such as whether a customer bought again.",
    ),
    "intervals": (
        "Prediction intervals",
        "Of a table with ``lower`` and ``upper``, as from ``predict_interval``, against the outcomes.",
    ),
}
DIRECTIONS = {
    "lower": "Lower is better",
    "higher": "Higher is better",
    "zero": "Closer to zero is better",
    "target": "No direction of its own",
}
UNITS = {
    "money": "in the unit of the values",
    "share": "a share: 0.5 is 50 %",
    "percent": "in percent",
    "": "without a unit",
}
EXAMPLE = """\
import pandas as pd
import clvml
from clvml.evaluation import METRICS
ids = ["Ann", "Bob", "Cem", "Dee", "Eva"]
actual = pd.Series([0.0, 0.0, 20.0, 30.0, 150.0], ids)
predicted = pd.Series([5.0, 5.0, 10.0, 60.0, 100.0], ids)
{key: round(value, 3) for key, value in clvml.score(actual, predicted).items()}
METRICS["calib_pct"](actual, predicted)
zero = pd.Series(0.0, ids)
{key: METRICS[key](actual, zero) for key in ("bias_pct", "mae", "spearman", "lift20")}
METRICS["tweedie"].why_undefined(actual, zero)
bought = (actual > 0).astype(float)
probability = pd.Series([0.1, 0.2, 0.2, 0.7, 0.9], ids)
{key: round(METRICS[key](bought, probability), 3) for key in ("brier", "log_score", "auc")}
intervals = pd.DataFrame({"lower": 0.0, "upper": 2 * predicted})
intervals.attrs["coverage"] = 0.8
{key: round(METRICS[key](actual, intervals), 3) for key in ("coverage", "cover_error", "width", "winkler")}
"""
ON_THE_EXAMPLE = """\
Five customers: what they spent in the holdout, what a model predicted, and what predicting zero for everyone
gives. The total is right within 10 %, but errors of opposite sign have cancelled: ``calib_pct`` shows them.
All five intervals from zero to twice the prediction contain the outcome, more than the nominal 80 %; five
customers are too few to call them too wide.
"""


def metrics_page() -> str:
    """The source of the page."""
    parts = [heading("Metrics", "=") + INTRODUCTION]
    for of, (title, text) in GROUPS.items():
        parts += [heading(title) + text + "\n", *map(entry, (m for m in METRICS.values() if m.of == of))]
    parts += [heading("A worked example"), ON_THE_EXAMPLE, "\n", session(EXAMPLE)]
    return "".join(parts)


def entry(metric: Metric) -> str:
    """The section of a metric."""
    if metric.notes is None:
        raise ValueError(f"the metric {metric.key} has no notes: see clvml/evaluation/_metric_notes.py")
    formula = f".. math::\n\n   {metric.notes.latex}\n\n"
    label = metric.label[0].upper() + metric.label[1:]
    return f"{heading(metric.key, '~')}{label}.\n\n{formula}{definitions(dict(facts(metric)))}"


def facts(metric: Metric) -> Iterator[tuple[str, str]]:
    """The terms of a metric's list, each with a text."""
    assert metric.notes is not None
    yield "Direction and unit", f"{DIRECTIONS[metric.better]}; {UNITS[metric.unit]}; {range_of(metric)}."
    yield "Use", metric.notes.use
    yield "Zeros and ties", metric.notes.edges
    if metric.can_be_resampled:
        yield "Noise", "Its standard error and interval: :func:`clvml.evaluation.bootstrap_metrics`."
    if metric.notes.source:
        yield "Source", metric.notes.source


def range_of(metric: Metric) -> str:
    """The range of the values in words."""
    assert metric.notes is not None
    low, high = metric.notes.low, metric.notes.high
    return f"at least {low:g}" if math.isinf(high) else f"from {low:g} to {high:g}"


def session(source: str) -> str:
    """A session of the lines, with the output of each that has one."""
    names: dict[str, object] = {}
    written = []
    for line in source.splitlines():
        with contextlib.redirect_stdout(io.StringIO()) as shown:
            exec(compile(line + "\n", "<example>", "single"), names)
        written += [f">>> {line}", *shown.getvalue().splitlines()]
    return ".. code-block:: pycon\n\n" + "".join(f"   {line}\n" for line in written)
