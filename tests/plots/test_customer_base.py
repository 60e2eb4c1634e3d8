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
    index=pd.Index(["exploration", "build-up", "stability", "decline", "lapsed"], name="stage"),
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
        "total_value": 32_001.0,
        "total_lower": 27_500.0,
        "total_upper": 36_250.0,
        "coverage": 0.9,
        "probability_alive": 0.76,
        "stage": "stability",
        "stage_share": 0.4,
        "treatment": "retain",
        "what_to_do": "Thank them",
        "treatment_share": 0.99,
        "value_at_risk": 31_000.0,
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
SHAPES = pd.DataFrame(
    {
        "customers": [90, 6, 4, 0],
        "share_of_customers": [0.9, 0.06, 0.04, 0.0],
        "lasted": [0.0, 8.0, 20.0, np.nan],
        "spent": [30.0, 100.0, 300.0, np.nan],
    },
    index=["broken off early", "broken off midway", "left early", "long-lasting"],
)
CENTERS = pd.DataFrame(
    {"frequency": [2.0, 0.1, -0.5], "clv": [2.5, 0.0, -0.6], "probability_alive": [1.0, 0.9, -0.7]},
    index=["1 Champions", "2 Steady", "3 Silent"],
)
PLACES = pd.DataFrame(
    {
        "first": [2.0, 2.2, -1.0, -1.1],
        "second": [0.0, 0.1, 0.5, 0.4],
        "segment": ["1 best", "1 best", "2", "2"],
    }
)
WORTH = pd.DataFrame(
    {"name": ["best", "rest", "one"], "mean": [200.0, 40.0, 5.0], "lower": [180.0, 38.0, np.nan]}
    | {"upper": [225.0, 41.0, np.nan]},
    index=pd.Index([1, 2, 3], name="segment"),
)
FIGURES = {
    "relationship_shapes": SHAPES,
    "segment_lines": CENTERS,
    "segment_scatter": PLACES,
    "segment_worth": WORTH,
    "value_matrix": MATRIX,
    "lifecycle_curve": STAGES,
    "segment_transitions": MOVES,
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
    assert places["IV gold: protect first"] == (1.5, 1.75)
    assert places["III platinum: keep"] == (0.5, 1.75)  # high current value, low potential
    assert places["II iron: develop"] == (1.5, 0.75)
    assert places["I lead: spend less"] == (0.5, 0.75)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("potential (future) value", "current value")
    assert "70 % of potential value" in places
    with pytest.raises(InputError, match="'zinc'"):
        plots.value_matrix(MATRIX.replace("iron", "zinc"))


def test_every_stage_is_counted():
    told = words(plots.lifecycle_curve(STAGES))
    assert "50 (50 %) 25.0 per customer" in told
    with pytest.raises(InputError, match="'decline' is missing"):
        plots.lifecycle_curve(STAGES.drop("decline"))


def test_moves_are_shares_of_each_row():
    ax = plots.segment_transitions(MOVES)
    assert ax.images[0].get_array().tolist() == [[0.6, 0.4], [0.0, 0.0], [0.1, 0.9]]
    assert "60 % 6" in words(ax)


def test_a_move_shows_what_was_gained_or_lost():
    moves = pd.DataFrame(
        {"gained": [-74.0, 1234.0]}, index=pd.MultiIndex.from_tuples([("gold", "lead"), ("lead", "gold")])
    )
    told = words(plots.segment_transitions(MOVES, moves))
    assert "40 % 4 −74.0" in told
    assert "10 % 10 +1,234" in told


def test_shapes_are_counted_and_their_duration_and_spend_written():
    told = words(plots.relationship_shapes(SHAPES))
    assert "90 customers (90 %) lasting 0 time units, 30.0 per customer" in told
    assert "0 customers (0 %)" in told
    with pytest.raises(InputError, match="none has ended"):
        plots.relationship_shapes(SHAPES.assign(customers=0))
    with pytest.raises(InputError, match="'left early' is missing"):
        plots.relationship_shapes(SHAPES.drop("left early"))


def test_a_line_runs_through_the_centre_of_its_segment_and_ends_with_its_name():
    ax = plots.segment_lines(CENTERS)
    drawn = [line.get_ydata().tolist() for line in ax.lines if len(line.get_ydata()) == 3]
    assert drawn == CENTERS.to_numpy().tolist()
    assert [label.get_text() for label in ax.get_xticklabels()] == ["frequency", "CLV", "P(alive)"]
    assert all(name in words(ax) for name in CENTERS.index)
    with pytest.raises(InputError, match="two features"):
        plots.segment_lines(CENTERS[["clv"]])


def test_a_scatter_names_each_segment_at_its_middle():
    ax = plots.segment_scatter(PLACES)
    assert {text.get_text(): text.xy for text in ax.texts}["1 best"] == pytest.approx((2.1, 0.05))
    assert [len(drawn.get_offsets()) for drawn in ax.collections] == [2, 2]


def test_worth_is_told_with_its_interval_where_there_is_one():
    told = words(plots.segment_worth(WORTH))
    assert "200 (180 to 225)" in told
    assert told.endswith("5.00")


def test_a_card_gives_size_value_prediction_interval_and_treatment():
    told = words(plots.segment_card(CARD))
    for part in (
        "for 31,000 of value at risk",
        "5 repeat purchases",
        "53 % of all value",
        "90 % prediction interval of their total value: 27,500 to 36,250",
        "Mostly retain",
        "3,051",
    ):
        assert part in told
    with pytest.raises(InputError, match="'budget'"):
        plots.segment_card(CARD.drop("budget"))
    without = CARD.copy()
    without[["total_lower", "total_upper"]] = np.nan
    assert "provides no prediction interval" in words(plots.segment_card(without))


def test_the_choice_draws_the_value_in_the_holdout_where_it_is_known():
    known = SELECTION.assign(holdout_gini=[0.4, 0.6, 0.61], holdout_explained=[0.1, 0.2, 0.2])
    ax = plots.segment_choice(known)
    drawn = {line.get_label(): list(line.get_ydata()) for line in ax.get_lines()}
    assert drawn["Gini of value in the holdout"] == [0.4, 0.6, 0.61]
    assert drawn["explained variance of ranks in the holdout"] == [0.1, 0.2, 0.2]


def test_the_choice_names_the_number_and_marks_the_elbow():
    ax = plots.segment_choice(SELECTION)
    assert "Choice of 3 segments" in ax.get_title()
    assert "elbow" in words(ax)
    assert len(ax.get_legend().get_texts()) == 3
    explained = SELECTION.copy()
    explained.attrs["why"] = "3 segments: the most whose silhouette is good"
    assert "the most whose silhouette" in plots.segment_choice(explained).get_xlabel()
