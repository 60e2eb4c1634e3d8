"""Where a window ends: a date keeps its day, a period that was not seen to its end does not count."""

import datetime as dt
import logging

import numpy as np
import pandas as pd
import pytest

from clvml.customers import read_transactions, split, summarize
from clvml.customers._ends import end_of_summary
from clvml.customers._split import purchases_over_time
from clvml.lifetime_value.economics import value_over_time


def daily(first, last, customer_id=1):
    dates = pd.date_range(first, last)
    return pd.DataFrame({"customer_id": customer_id, "date": dates, "amount": 1.0})


@pytest.mark.parametrize(
    "end",
    [
        "2024-03-31",
        "2024-03-31T00:00:00-05:00",
        dt.date(2024, 3, 31),
        dt.datetime(2024, 3, 31, tzinfo=dt.UTC),
        np.datetime64("2024-03-31"),
        20240331,
        pd.Timestamp("2024-03-31", tz="America/New_York"),
        pd.Timestamp("2024-03-31", tz="Asia/Tokyo"),
    ],
)
def test_a_date_given_as_an_end_keeps_its_day_whatever_its_type(end):
    sales = daily("2024-01-01", "2024-06-30")
    assert summarize(sales, end, "D").loc[1, "frequency"] == 90
    assert split(sales, end, "2024-06-30", "D").holdout.loc[1, "purchases"] == 91


def test_the_last_day_of_zoned_purchases_is_inside_when_it_is_the_end():
    zoned = daily("2024-01-01 20:30", "2024-01-10 20:30")
    zoned["date"] = zoned["date"].dt.tz_localize("America/New_York")
    assert summarize(zoned, zoned["date"].max().normalize(), "D").loc[1, "frequency"] == 9


@pytest.mark.parametrize(
    ("collapse", "whole"), [("W", "2024-06-09"), ("M", "2024-05-31"), ("Q", "2024-03-31")]
)
def test_a_last_period_that_the_data_do_not_fill_is_left_out_and_said_so(caplog, collapse, whole):
    sales = daily("2023-11-06", "2024-06-12")  # a Wednesday
    with caplog.at_level(logging.WARNING, "clvml"):
        parts = split(sales, "2023-12-31", collapse=collapse, time_unit="D")
    assert parts.observation_end == pd.Timestamp(whole)
    days = (pd.Timestamp(whole) - pd.Timestamp("2023-12-31")).days
    assert abs(parts.duration - days) <= 2  # that much may the last periods differ in length
    assert f"observation ends with the last complete one, on {whole}" in caplog.text
    later = (pd.Timestamp("2024-06-12") - pd.Timestamp(whole)).days
    assert parts.counts["rows_after_observation_end"] == later
    assert parts.money["after_observation_end"] == later
    filled = split(sales, "2023-12-31", whole, collapse=collapse, time_unit="D")
    pd.testing.assert_frame_equal(filled.holdout, parts.holdout)


def test_a_month_is_whole_when_the_user_says_that_it_was_observed():
    sales = daily("2024-01-01", "2024-03-28")
    assert summarize(sales, "2024-03-31", collapse="M").loc[1, "frequency"] == 2
    assert summarize(sales, collapse="M").loc[1, "frequency"] == 1


def test_sums_by_quarter_are_noticed_and_the_split_falls_between_quarters(caplog):
    quarters = pd.period_range("2016Q1", "2018Q4", freq="Q").start_time
    rows = [(who, day, 5.0) for who in range(12) for day in quarters[who % 8 :: 3]]
    sales = pd.DataFrame(rows, columns=["customer_id", "date", "amount"])
    with caplog.at_level(logging.WARNING, "clvml"):
        transactions = read_transactions(sales)
    assert transactions.period_of_dates == "Q"
    assert "all dates are the first day of a quarter" in caplog.text
    parts = split(transactions, "2017-10-02", time_unit="D")
    assert parts.collapse == "Q"
    in_quarters = {0.0, *((quarters[7] - quarters[:7]) / pd.Timedelta(days=1))}
    assert set(parts.calibration["T"]) <= in_quarters
    assert parts.duration == (quarters[-1] - quarters[7]) / pd.Timedelta(days=1)
    assert purchases_over_time(transactions, parts)["actual"].iloc[-1] == len(rows) - 12
    assert summarize(transactions, "2017-10-02", collapse="Y").attrs["collapse"] == "Y"


def test_three_purchases_on_mondays_are_no_sums_by_week():
    sales = daily("2024-01-01", "2024-01-22").iloc[::7]
    assert read_transactions(sales).period_of_dates is None


def test_quarters_are_a_unit_and_a_period():
    sales = daily("2023-01-01", "2024-12-31")
    customers = summarize(sales, collapse="Q", time_unit="Q")
    assert customers.loc[1, "frequency"] == 7
    assert customers.loc[1, "T"] == pytest.approx(7, abs=0.02)
    assert len(value_over_time(sales, period="Q")) == 8


@pytest.mark.parametrize("collapse", ["D", "W", "M", None])
def test_a_summary_knows_its_end_and_one_without_attrs_is_understood_by_days(collapse):
    sales = daily("2024-01-01", "2024-06-30")
    customers = summarize(sales, "2024-05-12", collapse=collapse)
    end, known = end_of_summary(customers)
    assert (end.asked, known) == (pd.Timestamp("2024-05-12"), collapse)
    if collapse == "D":
        customers.attrs = {"time_unit": "W"}
        assert end_of_summary(customers)[0] == end
