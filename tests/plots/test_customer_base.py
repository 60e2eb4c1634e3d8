import numpy as np
import pandas as pd
import pytest

from clvml import plots
from clvml.errors import InputError

MATRIX = pd.DataFrame(
    {
        "name": ["gold", "iron", "platinum", "lead"],
        "customers": [10, 5, 5, 80],
        "share_of_customers": [0.1, 0.05, 0.05, 0.8],
        "share_of_value": [0.7, 0.1, 0.05, 0.15],
    },
    index=pd.Index([1, 2, 3, 4], name="segment"),
)
STAGES = pd.DataFrame(
    {"customers": [10, 20, 5, 15, 50], "share_of_customers": [0.1, 0.2, 0.05, 0.15, 0.5], "clv": 25.0},
    index=pd.Index(["exploration", "build-up", "stability", "decline", "former"], name="stage"),
)
MOVES = pd.DataFrame([[6, 4], [0, 0], [10, 90]], index=["gold", "iron", "lead"], columns=["gold", "lead"])
CARD = pd.Series(
    {
        "name": "Champions",
        "customers": 200,
        "share_of_customers": 0.08,
        "share_of_value": 0.53,
        "frequency": 5.0,
        "mean_value": 159.0,
        "value_low": 140.0,
        "value_high": 178.0,
        "total_value": 32_001.0,
        "probability_alive": 0.76,
        "stage": "stability",
        "stage_share": 0.4,
        "treatment": "retain",
        "what_to_do": "Thank them",
        "treatment_share": 0.99,
        "value_at_stake": 31_000.0,
        "budget": 3_051.0,
    },
    name=1,
)
SELECTION = pd.DataFrame(
    {
        "silhouette": [0.5, 0.7, 0.6],
        "inertia": [9.0, 4.0, 3.0],
        "chosen": [False, True, False],
        "stability": [1.0, 0.9, np.nan],
        "elbow": [False, True, False],
    },
    index=pd.Index([2, 3, 4], name="n_segments"),
)
FIGURES = {
    "value_matrix": MATRIX,
    "lifecycle_curve": STAGES,
    "migration": MOVES,
    "segment_card": CARD,
    "segment_choice": SELECTION,
}


def words(ax):
    return " ".join(text.get_text() for text in ax.texts).replace("\n", " ")


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_returns_the_axes_it_was_given_and_leaves_its_table_alone(name):
    from matplotlib import pyplot as plt

    before = FIGURES[name].copy()
    ax = plt.subplots()[1]
    assert getattr(plots, name)(FIGURES[name], ax=ax) is ax
    assert before.equals(FIGURES[name])


@pytest.mark.parametrize("name", [name for name in FIGURES if name != "segment_card"])
def test_an_empty_table_is_refused(name):
    with pytest.raises(InputError, match="empty"):
        getattr(plots, name)(FIGURES[name].iloc[:0])


def test_each_class_stands_in_its_quarter():
    ax = plots.value_matrix(MATRIX)
    places = {text.get_text(): text.get_position() for text in ax.texts}
    assert places["gold: everything"] == (1.5, 1.75)
    assert places["platinum: keep"] == (1.5, 0.75)
    assert "70 % of the value to come" in places
    with pytest.raises(InputError, match="'zinc'"):
        plots.value_matrix(MATRIX.replace("iron", "zinc"))


def test_every_stage_is_counted():
    told = words(plots.lifecycle_curve(STAGES))
    assert "50 (50 %) 25.0 each" in told
    with pytest.raises(InputError, match="'decline' is missing"):
        plots.lifecycle_curve(STAGES.drop("decline"))


def test_moves_are_shares_of_each_row():
    ax = plots.migration(MOVES)
    assert ax.images[0].get_array().tolist() == [[0.6, 0.4], [0.0, 0.0], [0.1, 0.9]]
    assert "60 % 6" in words(ax)


def test_a_card_answers_four_questions():
    told = words(plots.segment_card(CARD))
    for part in ("5 repeat purchases", "53 % of all value", "between 140 and 178", "Retain", "3,051"):
        assert part in told
    with pytest.raises(InputError, match="'budget'"):
        plots.segment_card(CARD.drop("budget"))


def test_the_choice_names_the_number_and_marks_the_elbow():
    ax = plots.segment_choice(SELECTION)
    assert "Why 3 segments" in ax.get_title()
    assert "elbow" in words(ax)
    assert len(ax.get_legend().get_texts()) == 3
