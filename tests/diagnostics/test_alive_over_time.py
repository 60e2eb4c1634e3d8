"""P(alive) along one history."""

import numpy as np
import pandas as pd
import pytest

import clvml
from clvml.diagnostics._alive_over_time import probability_alive_over_time
from clvml.errors import InputError

BGNBD = clvml.BGNBD.from_params(r=0.243, alpha=4.414, a=0.793, b=2.426, time_unit="W")
PARETO = clvml.ParetoNBD.from_params(r=0.553, alpha=10.578, s=0.606, beta=11.669, time_unit="W")
BGBB = clvml.BGBB.from_params(alpha=1.204, beta=0.750, gamma=0.657, delta=2.783)
DATES = ["1997-01-05", "1997-02-14", "1997-02-14", "1997-07-20"]


@pytest.mark.parametrize("model", [BGNBD, PARETO])
def test_it_falls_in_silence_and_a_purchase_lifts_it_after_a_silence(model):
    table = probability_alive_over_time(model, [0, 2, 5, 30], 39, ahead=20)
    change = table["probability_alive"].diff()
    assert (change[~table["purchase"]].dropna() <= 1e-12).all()
    back = table["purchase"] & (table["time"] == 30)
    assert change[back].item() > 0.1
    assert table["probability_alive"].between(0, 1).all()


def test_pareto_nbd_is_sure_of_a_customer_who_just_bought():
    table = probability_alive_over_time(PARETO, [0, 2, 5, 30], 39)
    assert table.loc[table["purchase"], "probability_alive"].tolist() == pytest.approx([1.0] * 4)


@pytest.mark.parametrize("customer", [1, 2, 6, 88])
def test_today_it_is_what_the_model_says_of_the_summary(customer, cdnow):
    """The purchases of the customer, by date, and the row that clvml made of them."""
    sales = clvml.load_cdnow().to_pandas().query(f"customer_id == {customer}")["date"]
    table = probability_alive_over_time(BGNBD, sales[sales <= "1997-09-30"], "1997-09-30", ahead=26)
    row = cdnow.loc[[customer]]
    today = table[table["time"] == table.attrs["today"]]
    assert today["time"].item() == pytest.approx(row["T"].item())
    assert today["probability_alive"].item() == pytest.approx(BGNBD.probability_alive(row).item())
    last = table.iloc[-1]
    assert last["probability_alive"] == pytest.approx(BGNBD.probability_alive(row, after=26).item())
    assert last["date"] == pd.Timestamp("1997-09-30") + pd.Timedelta(weeks=26)
    assert table["purchase"].sum() == row["frequency"].item() + 1
    assert table.loc[table["purchase"], "date"].tolist() == sorted(sales[sales <= "1997-09-30"].unique())


def test_it_is_what_was_known_then_and_no_purchase_to_come_changes_it():
    whole = probability_alive_over_time(BGNBD, [0, 2, 5, 30], 39, step=1)
    then = probability_alive_over_time(BGNBD, [0, 2], 4, step=1)
    pd.testing.assert_frame_equal(whole[whole["time"] <= 4], then)


def test_dates_and_times_say_the_same():
    dates = probability_alive_over_time(BGNBD, DATES, "1997-09-30")
    times = probability_alive_over_time(BGNBD, [0, 40 / 7, 196 / 7], 268 / 7)
    pd.testing.assert_frame_equal(dates.drop(columns="date"), times)


def test_opportunities_go_one_by_one():
    table = probability_alive_over_time(BGBB, [0, 1, 2, 4], 6, ahead=3)
    assert table["time"].tolist() == list(range(10))
    assert table.loc[table["time"] == 6, "probability_alive"].item() == pytest.approx(
        BGBB.probability_alive(pd.DataFrame({"frequency": [3.0], "recency": [4.0], "T": [6.0]})).item()
    )
    assert table.loc[table["time"].isin([1, 2, 4]), "probability_alive"].tolist() == pytest.approx([1.0] * 3)


def test_a_customer_s_covariates_move_it(cdnow):
    loud = np.random.default_rng(0).integers(0, 2, len(cdnow)).astype(float)
    model = clvml.ParetoNBD(covariates=("loud",)).fit(cdnow.assign(loud=loud))
    table = probability_alive_over_time(model, [0, 2], 20, covariates={"loud": 1.0})
    row = pd.DataFrame({"frequency": [1.0], "recency": [2.0], "T": [20.0], "loud": [1.0]})
    assert table["probability_alive"].iloc[-1] == pytest.approx(model.probability_alive(row).item())


def test_a_customer_of_today_and_a_long_history_are_short_tables():
    assert len(probability_alive_over_time(BGNBD, ["1997-01-05"], "1997-01-05")) == 1
    assert len(probability_alive_over_time(BGNBD, [0.0, 1.0], 1e6)) < 500


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], 5), "purchases is empty"),
        (([0, 5, 2], 9), "sort them"),
        (([1, 5], 9), "increasing times from 0"),
        (([0, np.nan], 9), "increasing times from 0"),
        (([0, 5], 4), "before the last purchase"),
        (([0, 5], "1997-09-30"), "give it as a time"),
        ((["yesterday"], "1997-09-30"), "must be all dates or all times"),
        ((["1997-01-01", None], "1997-09-30"), "a date is missing"),
        (([0, 5], 9, -1.0), "ahead is -1.0"),
        (([0, 5], 9, 1.0, 0.0), "step is 0.0"),
    ],
)
def test_what_is_out_of_its_place_is_named(arguments, message):
    with pytest.raises(InputError, match=message):
        probability_alive_over_time(BGNBD, *arguments)


def test_dates_need_a_unit_of_time():
    with pytest.raises(InputError, match="has no time unit"):
        probability_alive_over_time(BGBB, DATES, "1997-09-30")
