"""What the notes of a metric claim, its range and what it does with zeros and ties, is so."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clvml.evaluation import METRICS
from clvml.evaluation._metric_notes import NOTES

ALWAYS = [key for key, notes in NOTES.items() if "Always defined." in notes.edges]
UNDEFINED = [key for key, notes in NOTES.items() if "ndefined" in notes.edges]
AMOUNTS = st.floats(0, 1e6, allow_subnormal=False) | st.just(0.0)
PAIRS = st.lists(st.tuples(AMOUNTS, AMOUNTS, st.booleans(), st.floats(0, 1)), min_size=1, max_size=30)


def given_to(metric, rows):
    """Actual values and predictions of the kind that the metric is of."""
    actual, predicted, outcome, share = (pd.Series(column) for column in zip(*rows, strict=True))
    if metric.of == "probabilities":
        return outcome.astype(float), share
    if metric.of == "values":
        return actual, predicted
    intervals = pd.DataFrame({"lower": predicted * share, "upper": predicted})
    intervals.attrs["coverage"] = 0.8
    return actual, intervals


def test_every_metric_has_notes_and_every_note_a_metric():
    assert set(NOTES) == set(METRICS)
    assert all(METRICS[key].notes is notes for key, notes in NOTES.items())
    assert all(
        notes.latex and notes.use.endswith(".") and notes.edges.endswith(".") for notes in NOTES.values()
    )


@pytest.mark.parametrize("key", METRICS)
@given(rows=PAIRS)
def test_values_are_in_the_range(key, rows):
    metric, notes = METRICS[key], NOTES[key]
    value = metric(*given_to(metric, rows))
    room = 1e-9 * (1 + abs(value))
    assert math.isnan(value) or notes.low - room <= value <= notes.high + room


@pytest.mark.parametrize("key", ALWAYS)
@given(rows=PAIRS)
def test_what_is_always_defined_is_a_number(key, rows):
    assert math.isfinite(METRICS[key](*given_to(METRICS[key], rows)))


CONSTANT = pd.Series([5.0, 5.0, 5.0])
ZERO = pd.Series([0.0, 0.0, 0.0])
SPENT = pd.Series([0.0, 10.0, 20.0])
WITHOUT_LEVEL = pd.DataFrame({"lower": ZERO, "upper": SPENT})
WHERE = {
    **dict.fromkeys(UNDEFINED, (ZERO, SPENT)),
    **dict.fromkeys(("spearman", "kendall", "gini"), (CONSTANT, SPENT)),
    **dict.fromkeys(("cover_error", "winkler"), (SPENT, WITHOUT_LEVEL)),
    "rmsle": (pd.Series([-1.0, 0.0, 2.0]), SPENT),
    "tweedie": (SPENT, ZERO),
    "log_score": (pd.Series([1.0, 0.0, 0.0]), pd.Series([0.0, 0.5, 0.5])),
    "auc": (ZERO, pd.Series([0.1, 0.5, 0.5])),
}


@pytest.mark.parametrize("key", UNDEFINED)
def test_a_metric_is_undefined_where_its_notes_say_so(key):
    assert math.isnan(METRICS[key](*WHERE[key]))
    assert METRICS[key].why_undefined(*WHERE[key])


def test_metrics_are_those_that_are_always_defined_and_those_that_are_not():
    assert set(ALWAYS) | set(UNDEFINED) | {"coverage"} == set(METRICS)


@pytest.mark.parametrize(
    ("key", "value"),
    [("bias_pct", -100), ("spearman", 0), ("kendall", 0), ("gini", 0), ("lift20", 1), ("top20_share", 1 / 3)],
)
def test_predicting_zero_for_everyone_has_the_values_in_the_notes(key, value):
    assert METRICS[key](SPENT, ZERO) == pytest.approx(value)


def test_a_constant_probability_has_an_auc_of_one_half():
    assert METRICS["auc"](pd.Series([0.0, 1.0, 1.0]), CONSTANT / 10) == 0.5


def test_the_median_minimises_the_mae_and_the_mean_the_rmse():
    actual = pd.Series([0.0, 0.0, 0.0, 10.0, 90.0])
    levels = np.linspace(0, 60, 601)
    best = {
        key: levels[np.argmin([METRICS[key](actual, pd.Series([level] * 5)) for level in levels])]
        for key in ("mae", "rmse")
    }
    assert best == {"mae": pytest.approx(0), "rmse": pytest.approx(20)}
