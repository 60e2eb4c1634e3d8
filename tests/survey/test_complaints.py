"""Complaints: open ones are censored, repeat complainers marked, and what is late is listed."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from clvml.errors import InputError
from clvml.survey import (
    complainers,
    complaint_checklist,
    complaint_rate,
    complaint_times,
    read_complaints,
)
from clvml.survey.satisfaction._complaints import step_times, survival_curve

END = "2024-01-31"


def opened(*days, who=None, **columns):
    dates = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.array(days), unit="D")
    return pd.DataFrame({"customer_id": who or range(1, len(days) + 1), "opened": dates}).assign(**columns)


def day(*numbers):
    return [None if n is None else pd.Timestamp("2024-01-01") + pd.Timedelta(days=n) for n in numbers]


def base(n=10, frequency=1):
    return pd.DataFrame({"frequency": frequency}, index=pd.RangeIndex(1, n + 1, name="customer_id"))


def test_times_and_rates_are_counted_by_hand():
    complaints = read_complaints(
        opened(0, 0, 0, 0, answered=day(1, 1, 3, 5), resolved=day(2, 10, 6, None)), observation_end=END
    )
    times = complaint_times(complaints)
    assert times.loc["answered", ["done", "open", "median", "share_within"]].tolist() == [4, 0, 1, 0.5]
    assert times.loc["resolved", ["done", "open", "median", "late"]].tolist() == [3, 1, 6, 2]
    row = complaint_rate(complaints, base()).loc["all"]
    assert row[["customers", "complainers", "rate", "repeat"]].tolist() == [10, 4, 0.4, 0]


def test_the_median_is_that_of_kaplan_and_meier_and_not_of_those_that_are_done():
    complaints = read_complaints(opened(*range(9), resolved=day(1, 3, 6, *[None] * 6)), observation_end=END)
    assert np.isnan(complaint_times(complaints).loc["resolved", "median"])  # a third is done
    assert complaint_times(complaints).loc["resolved", "done"] == 3


def test_the_curve_and_its_band_are_scipys():
    rng = np.random.default_rng(2)
    times = pd.DataFrame({"days": rng.integers(0, 12, 80).astype(float), "done": rng.random(80) < 0.7})
    times.loc[0, ["days", "done"]] = [15.0, False]  # else the curve ends at zero, where scipy warns
    curve = survival_curve(times)
    sample = stats.CensoredData.right_censored(times["days"], ~times["done"])
    known = stats.ecdf(sample).sf
    band = known.confidence_interval(method="log-log")
    np.testing.assert_allclose(curve["open"], known.probabilities)
    np.testing.assert_allclose(curve["lower"], band.low.probabilities, rtol=1e-6)
    np.testing.assert_allclose(curve["upper"], band.high.probabilities, rtol=1e-6)


def test_the_interval_of_the_median_covers_it_though_many_are_still_open():
    rng, covered = np.random.default_rng(5), 0
    for _ in range(100):
        start = rng.uniform(0, 30, 40)
        needed = rng.exponential(8, 40)
        frame = opened(
            *start, resolved=pd.Timestamp("2024-01-01") + pd.to_timedelta(start + needed, unit="D")
        )
        row = complaint_times(read_complaints(frame, observation_end=END)).loc["resolved"]
        upper = np.inf if np.isnan(row["median_upper"]) else row["median_upper"]
        covered += row["median_lower"] <= 8 * np.log(2) <= upper
    assert 0.9 <= covered / 100 <= 1


def test_a_resolution_is_an_answer():
    complaints = read_complaints(opened(0, answered=[None], resolved=day(3)), observation_end=END)
    assert step_times(complaints, "answered").to_numpy().tolist() == [[3.0, True]]


def test_what_cannot_be_is_counted_and_not_taken_as_a_time():
    frame = opened(5, 6, 7, 40, answered=day(2, 8, 45, None), resolved=[None] * 4)
    complaints = read_complaints(frame, observation_end=END)
    assert complaints.report["opened after the end of observation"] == 1
    assert "1 complaints were answered before they were opened: their times are left out" in complaints.notes
    assert any("after the end of observation: open until then" in note for note in complaints.notes)
    assert complaint_times(complaints).loc["answered", ["complaints", "done", "open"]].tolist() == [2, 1, 1]
    assert complaint_rate(complaints, base()).loc["all", "complaints"] == 3


def test_an_identical_row_counts_once_and_a_contradiction_is_refused():
    frame = opened(1, 1, who=[1, 1], complaint=[7, 7], resolved=day(3, 3))
    assert read_complaints(frame).report["duplicates"] == 1
    with pytest.raises(InputError, match=r"1 complaints of .* have the id of another row that differs"):
        read_complaints(frame.assign(resolved=day(3, 4)))


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (opened(1).drop(columns="opened"), "no column 'opened'"),
        (opened(1).assign(opened="soon"), "no date in column 'opened'"),
        (opened(1).assign(customer_id=None), "no complaint of .* can be used"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused(frame, message):
    with pytest.raises(InputError, match=message):
        read_complaints(frame, observation_end=END)


def test_marks_follow_the_rule_and_say_what_chance_would_mark():
    frame = opened(*range(11), who=[1] * 5 + [2] * 4 + [3, 3])
    purchases = base(200).assign(frequency=[0] + [19] + [0] * 198)
    found = complainers(read_complaints(frame), purchases)
    assert found["complaints"].to_dict() == {1: 5, 2: 4, 3: 2}
    assert found["repeat"].all()
    assert found["opportunist"].to_dict() == {1: True, 2: False, 3: False}  # customer 2 bought 20 times
    assert found.attrs["by_chance"] < 0.01
    without = complainers(read_complaints(frame), purchases.drop(columns="frequency"))
    assert without["opportunist"].to_dict() == {1: True, 2: True, 3: False}


def test_chance_marks_as_many_as_a_simulation():
    rng, n = np.random.default_rng(0), 60
    purchases = base(30).assign(frequency=1)
    drawn = rng.multinomial(n, np.full(30, 1 / 30), 4000)
    rows = np.repeat(np.arange(1, 31), rng.multinomial(n, np.full(30, 1 / 30)))
    found = complainers(read_complaints(opened(*range(n), who=list(rows))), purchases)
    assert found.attrs["by_chance"] == pytest.approx((drawn >= 4).sum(axis=1).mean(), rel=0.05)


def test_the_made_up_opportunists_are_found(made_up, cdnow):
    found = complainers(read_complaints(made_up.complaints, observation_end="1997-09-30"), cdnow)
    marked = found.index[found["opportunist"]]
    assert set(marked) <= set(made_up.truth["opportunists"])
    assert len(marked) >= 0.8 * len(made_up.truth["opportunists"])


def test_the_checklist_says_what_is_late_the_most_valuable_first():
    frame = opened(0, 20, 29, 28, answered=day(1, None, None, 29), resolved=[None] * 4, topic="price")
    values = pd.Series([5.0, 50.0, 500.0, 5.0], index=[1, 2, 3, 4])
    found = complaint_checklist(read_complaints(frame, observation_end=END), values=values)
    assert found["customer_id"].tolist() == [2, 1, 3, 4]
    assert found["late"].tolist() == ["answer", "resolution", "", ""]
    assert found["days_late"].tolist() == [9.0, 24.0, 0.0, 0.0]


def test_unknown_customers_are_counted_and_nobody_known_is_an_error():
    complaints = read_complaints(opened(1, 2, who=[1, 99]))
    assert complaints.unknown(base().index) == 1
    assert len(complainers(complaints, base())) == 1
    with pytest.raises(InputError, match="none of the 2 customer ids"):
        complainers(complaints, base().set_axis(list("abcdefghij")))
