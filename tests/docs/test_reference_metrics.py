"""The page of metrics: every metric is on it, and its example gives what is shown."""

import doctest
import textwrap
from dataclasses import replace

import pytest
import reference_metrics

from clvml.evaluation import METRICS

pytest.importorskip("latex2mathml", reason="the extra docs is not installed")

from mathml import mathml


@pytest.mark.parametrize("key", METRICS)
def test_a_metric_has_a_section_with_a_formula_that_can_be_shown(key):
    metric = METRICS[key]
    assert f"\n{key}\n~" in reference_metrics.metrics_page()
    assert mathml(metric.notes.latex, "block").count("<mi>") > 1
    assert {"Direction and unit", "Use", "Zeros and ties"} <= dict(reference_metrics.facts(metric)).keys()


def test_the_words_for_directions_units_and_kinds_are_all_used():
    for words, of in (("DIRECTIONS", "better"), ("UNITS", "unit"), ("GROUPS", "of")):
        assert set(getattr(reference_metrics, words)) == {getattr(m, of) for m in METRICS.values()}


def test_the_example_on_the_page_gives_what_is_shown():
    page = reference_metrics.metrics_page()
    text = textwrap.dedent(page.partition("code-block:: pycon\n")[2])
    test = doctest.DocTestParser().get_doctest(text, {}, "metrics", "metrics.rst", 0)
    assert len(test.examples) > 10
    written: list[str] = []
    doctest.DocTestRunner().run(test, out=written.append)
    assert written == []


def test_a_metric_without_notes_stops_the_build_and_says_which():
    with pytest.raises(ValueError, match="the metric rmse has no notes"):
        reference_metrics.entry(replace(METRICS["rmse"], notes=None))
