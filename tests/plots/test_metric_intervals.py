"""Forest plots of differences, where ties look like ties, and reliability diagrams."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from clvml import plots
from clvml.errors import InputError
from clvml.evaluation import bootstrap_metrics, reliability_table
from clvml.plots._style import BLUE, MUTED


@pytest.fixture(scope="module")
def differences():
    random = np.random.default_rng(0)
    actual = pd.Series(random.gamma(1, 50, 300))
    good = actual + random.normal(0, 20, 300)
    predictions = pd.DataFrame({"bad": 9.0, "good": good, "near": actual + random.normal(0, 20, 300)})
    return bootstrap_metrics(actual, predictions, ["rmse", "gini"], 200).differences()


def dots(ax):
    """The colour and place of each dot, from the top."""
    return [(to_hex(dot.get_color()), dot.get_xdata()[0]) for dot in ax.lines if dot.get_marker() == "o"]


@pytest.mark.parametrize("metric", ["rmse", "gini"])
def test_the_best_is_on_top_and_models_within_noise_share_its_colour(differences, metric):
    ax = plots.metric_differences(differences, metric=metric)
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert set(names[:2]) == {"good", "near"}
    assert names[2] == "bad"
    assert [color for color, _ in dots(ax)] == [BLUE.lower(), BLUE.lower(), MUTED]
    assert dots(ax)[0][1] == 0
    for place, name in enumerate(names):
        drawn = ax.collections[place].get_segments()[0]
        assert drawn[:, 0] == pytest.approx(
            differences.loc[(name, metric), ["lower", "upper"]].to_numpy(float)
        )


def test_it_says_to_what_how_sure_and_which_side_is_better(differences):
    ax = plots.metric_differences(differences)
    assert ax.get_title() == "Root mean squared error: difference to the best"
    assert ax.get_xlabel().startswith("← better")
    assert "90 % interval" in ax.get_xlabel()
    assert plots.metric_differences(differences, metric="gini").get_xlabel().startswith("← worse")


def test_a_model_whose_metric_is_undefined_is_named_without_a_mark(differences):
    table = differences.copy()
    table.loc[("bad", "rmse"), ["difference", "lower", "upper"]] = np.nan
    ax = plots.metric_differences(table)
    assert len(dots(ax)) == 2
    assert "undefined" in [text.get_text() for text in ax.texts]
    assert [label.get_text() for label in ax.get_yticklabels()][-1] == "bad"


def test_a_metric_that_is_not_in_the_table_is_named(differences):
    with pytest.raises(InputError, match="'mae' is not among the metrics of the table: rmse, gini"):
        plots.metric_differences(differences, metric="mae")
    with pytest.raises(InputError, match="with the index model, metric"):
        plots.metric_differences(differences.xs("rmse", level="metric"))


def test_the_reliability_diagram_shows_each_model_s_deciles_against_the_diagonal():
    random = np.random.default_rng(1)
    probability = pd.Series(random.beta(1, 1, 500))
    outcome = (probability > random.random(500)).astype(float)
    table = reliability_table(outcome, probability)
    ax = plots.reliability({"BG/NBD": table, "squared": reliability_table(outcome, probability**2)})
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["reliable", "BG/NBD", "squared"]
    drawn = next(line for line in ax.lines if line.get_label() == "BG/NBD")
    assert np.sort(drawn.get_ydata()) == pytest.approx(np.sort(table["actual"]))
    assert len(ax.collections[0].get_segments()) == 10
    with pytest.raises(InputError, match="got no model"):
        plots.reliability({})
