"""The made-up survey has the truth that it states, and takes nothing from the future unless it is given."""

import numpy as np
import pandas as pd
import pytest

from clvml.errors import InputError
from clvml.survey import made_up_survey


def test_the_same_seed_makes_up_the_same_survey_and_another_does_not(cdnow):
    one, same, other = (made_up_survey(cdnow, random_state=seed) for seed in (1, 1, 2))
    for name in ("ratings", "satisfaction", "complaints"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(same, name))
        assert not getattr(one, name).equals(getattr(other, name))


def test_without_later_purchases_satisfaction_tells_nothing_beyond_behaviour(cdnow, cdnow_split):
    later = np.log1p(cdnow_split.holdout["purchases"])
    known = np.log1p(cdnow["frequency"])

    def partial(attitude):
        left = [pd.Series(y - np.polyval(np.polyfit(known, y, 1), known)) for y in (attitude, later)]
        return left[0].corr(left[1])

    blind = made_up_survey(cdnow)
    linked = made_up_survey(cdnow, later=cdnow_split.holdout["purchases"], link=0.5)
    assert abs(partial(blind.attitude)) < 3 / np.sqrt(len(cdnow))
    assert partial(linked.attitude) > 0.3
    assert (blind.truth["link"], linked.truth["link"]) == (0.0, 0.5)


def test_answers_follow_from_the_attitude_as_stated(made_up):
    feeling = made_up.attitude
    assert (abs(feeling.mean()), feeling.std()) == (pytest.approx(0, abs=0.06), pytest.approx(1, abs=0.06))
    answers = made_up.satisfaction.assign(feeling=lambda t: feeling[t["customer_id"]].to_numpy())
    slopes = {
        name: np.polyfit(answers["feeling"], answers[name], 1)[0] for name in ("satisfaction", "recommend")
    }
    for name, slope in slopes.items():  # the ends of the scales flatten them
        assert 0.8 < slope / made_up.truth[f"{name}_slope"] < 1.03
    complained = feeling.index.isin(made_up.complaints["customer_id"])
    assert feeling[complained].mean() < feeling[~complained].mean() - 0.5


def test_dates_lie_between_the_first_purchase_and_the_end_of_observation(made_up, cdnow):
    for table, column in ((made_up.satisfaction, "date"), (made_up.complaints, "opened")):
        first = cdnow["first_purchase"][table["customer_id"]].to_numpy()
        assert (table[column].to_numpy() >= first).all()
        assert (table[column] <= "1997-09-30").all()
    complaints = made_up.complaints
    assert (complaints["answered"].dropna() > complaints["opened"][complaints["answered"].notna()]).all()
    resolved = complaints[complaints["resolved"].notna()]
    assert (resolved["resolved"] > resolved["answered"]).all()
    assert 0 < complaints["resolved"].isna().mean() < 0.5
    assert complaints["complaint"].is_unique


def test_opportunists_complain_most_whatever_they_feel(made_up):
    counts = made_up.complaints["customer_id"].value_counts()
    assert counts[made_up.truth["opportunists"]].min() >= 4
    assert counts.drop(made_up.truth["opportunists"]).max() <= 3


def test_stated_importance_is_points_of_a_hundred(made_up):
    rows = made_up.ratings.drop_duplicates(["respondent", "attribute"])
    assert (rows.groupby("respondent")["importance"].sum() == 100).all()
    assert made_up.truth["stated_importance"].sum() == pytest.approx(1)
    assert made_up.truth["overall_weights"].sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("customers", "options", "message"),
    [
        (pd.DataFrame({"frequency": range(5)}), {}, "at least ten customers"),
        (pd.DataFrame({"spend": range(50)}), {}, "a column 'frequency'"),
        (pd.DataFrame({"frequency": range(50)}), {"link": 2.0}, "link is 2.0"),
        (pd.DataFrame({"frequency": range(50)}), {"later": pd.Series([1.0])}, "later lacks 49 of the 50"),
    ],
)
def test_what_makes_no_survey_is_refused(customers, options, message):
    with pytest.raises(InputError, match=message):
        made_up_survey(customers, **options)
