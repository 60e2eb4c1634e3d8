"""Where origins are placed: enough history before the first, a whole horizon after the last."""

import itertools

import pandas as pd
import pytest

import clvml
from clvml.errors import InputError

HISTORIC = {"historic": clvml.HistoricValue(13)}
FIRST, LAST = pd.Timestamp("1997-01-01"), pd.Timestamp("1998-06-30")


def origins(origins=None, horizon=13, **options):
    found = clvml.backtest(clvml.load_cdnow(), HISTORIC, origins=origins, horizon=horizon, **options)
    return sorted({origin for origin, _ in found.comparisons})


@pytest.mark.parametrize("horizon", [13, 26, 35])
@pytest.mark.parametrize("number", [1, 2, 5])
def test_a_number_of_origins_is_spread_over_what_the_data_carry(number, horizon):
    placed = origins(number, horizon)
    assert len(placed) == number
    assert placed[-1] == LAST - pd.Timedelta(days=7 * horizon)
    assert placed[0] >= FIRST + pd.Timedelta(days=7 * horizon) - pd.Timedelta(days=1)
    gaps = pd.Series(placed).diff().dropna().dt.days
    assert gaps.empty or gaps.max() - gaps.min() <= 1


def test_a_step_runs_back_from_the_latest_origin():
    placed = origins("13W", 26)
    assert placed[-1] == LAST - pd.Timedelta(days=182)
    assert {(b - a).days for a, b in itertools.pairwise(placed)} == {91}
    assert placed == origins(pd.Timedelta(days=91), 26)
    assert placed[0] - pd.Timedelta(days=91) < FIRST + pd.Timedelta(days=182)  # no room for one more


def test_by_default_origins_are_at_least_half_a_horizon_apart_and_at_most_five():
    assert len(origins(None, 13)) == 5
    placed = origins(None, 26)
    gaps = pd.Series(placed).diff().dropna().dt.days
    assert len(placed) == 3
    assert gaps.min() >= 26 * 7 / 2 - 1


def test_where_the_data_are_short_half_a_horizon_of_history_is_enough():
    assert origins(2, 50) == [FIRST + pd.Timedelta(days=175), LAST - pd.Timedelta(days=350)]


def test_enough_customers_have_bought_again_before_the_earliest_origin_placed():
    few, many = (origins(5, 4, min_repeat_buyers=number)[0] for number in (30, 500))
    sales = clvml.load_cdnow().to_pandas().drop_duplicates(["customer_id", "date"])
    second = sales.sort_values("date").groupby("customer_id")["date"].nth(1).sort_values()
    assert many == second.iloc[499]
    assert few < many


def test_several_horizons_share_origins_placed_for_the_longest():
    found = clvml.backtest(clvml.load_cdnow(), HISTORIC, origins=2, horizon=["3M", "6M"])
    dates = sorted({origin for origin, _ in found.comparisons})
    assert dates[-1] == LAST - pd.Timedelta(days=182)
    assert set(found.comparisons) == {(date, horizon) for date in dates for horizon in (13.0, 26.0)}


def test_dates_may_come_in_any_order_and_twice():
    steps = []
    dates = ["1997-12-31", "1997-09-30", "1997-12-31"]
    assert origins(dates, progress=steps.append) == list(pd.to_datetime(["1997-09-30", "1997-12-31"]))
    assert [step[7:17] for step in steps] == ["1997-09-30", "1997-12-31"]
    assert origins(pd.DatetimeIndex(["1997-09-30"])) == origins("1997-09-30")


def test_monthly_sums_are_split_between_months():
    days = clvml.load_cdnow().to_pandas()
    days["date"] = days["date"].dt.to_period("M").dt.start_time
    found = clvml.backtest(days, {"historic": clvml.HistoricValue(3)}, origins=3, horizon="3M", time_unit="M")
    dates = [origin for origin, _ in found.comparisons]
    assert all(date == date.to_period("M").start_time for date in dates)
    assert max(dates) == pd.Timestamp("1998-03-01")
    assert (found.origins["duration"].round() == 3).all()


REFUSED = {
    0: "whole number of at least 1",
    2.5: "whole number of at least 1",
    True: "whole number of at least 1",
    "soon": "origin is 'soon'; give a date",
    "0D": "horizon is '0D'",
}


@pytest.mark.parametrize("bad", REFUSED)
def test_other_origins_are_refused(bad):
    with pytest.raises(InputError, match=REFUSED[bad]):
        origins(bad)


def test_no_origins_and_no_horizons_are_refused():
    with pytest.raises(InputError, match="there are no origins"):
        origins([])
    with pytest.raises(InputError, match="there is no horizon"):
        origins(1, [])


@pytest.mark.parametrize("bad", [-1, True, float("inf"), float("nan")])
def test_a_minimum_of_repeat_buyers_is_a_number_of_customers(bad):
    with pytest.raises(InputError, match="min_repeat_buyers is"):
        origins(1, min_repeat_buyers=bad)


@pytest.mark.parametrize("horizon", ["2Y", 70])
def test_a_horizon_that_the_data_do_not_carry_is_an_error_with_the_way_out(horizon):
    with pytest.raises(InputError, match=r"carry no origin for a horizon of .*Choose a shorter horizon"):
        origins(None, horizon)
