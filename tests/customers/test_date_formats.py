"""A wrong date format stops, and the message has the right one."""

import logging

import pandas as pd
import pytest

from clvml.customers._transactions import read_transactions
from clvml.errors import InputError

YEAR = pd.date_range("2019-01-01", "2019-12-31")


def read(dates, **options):
    table = pd.DataFrame({"customer_id": range(len(dates)), "date": list(dates), "amount": 1.0})
    return read_transactions(table, **options)


@pytest.mark.parametrize(
    ("form", "options"),
    [
        ("%d/%m/%Y", {}),
        ("%d.%m.%y", {}),
        ("%m/%d/%Y %H:%M", {"date_format": "%Y/%m/%d"}),
        ("%B %d, %Y", {}),
        ("%d-%b-%Y", {"date_format": "%d/%m/%Y"}),
        ("%Y-%m-%d", {"date_format": "%d/%m/%Y"}),
    ],
)
def test_the_format_that_the_message_names_reads_all_dates(form, options):
    dates = YEAR.strftime(form)
    with pytest.raises(InputError) as caught:
        read(dates, **options)
    assert f"give date_format={form!r}" in str(caught.value)
    assert len(read(dates, date_format=form)) == len(YEAR)
    assert read(dates, date_format=form).to_pandas()["date"].dt.date.tolist() == YEAR.date.tolist()


def test_a_format_with_day_and_month_exchanged_stops_whatever_share_it_loses():
    dates = ["01/02/2020"] * 1000 + ["13/02/2020"]
    with pytest.raises(InputError, match=r"'%m/%d/%Y' reads 1,000 dates and '%d/%m/%Y' reads 1,001"):
        read(dates, date_format="%m/%d/%Y", max_unreadable=1)
    assert len(read(dates, date_format="%d/%m/%Y")) == 1001


def test_a_tenth_of_unreadable_dates_is_counted_and_more_is_an_error():
    few, many = ["2020-01-05"] * 90 + ["05.01.20"] * 10, ["2020-01-05"] * 80 + ["15.01.20"] * 20
    assert read(few).report["set_aside"]["bad_date"] == 10
    with pytest.raises(InputError, match=r"20 of 100 dates .*20%.*date_format=\['%Y-%m-%d', '%d.%m.%y'\]"):
        read(many)
    assert len(read(many, date_format=["%Y-%m-%d", "%d.%m.%y"])) == 100
    assert len(read(many, max_unreadable=0.3)) == 80


def test_missing_dates_are_not_unreadable():
    assert read(["2020-01-05"] * 5 + [None] * 20).report["set_aside"]["bad_date"] == 20


def test_two_formats_that_differ_in_the_order_of_day_and_month_are_refused_where_dates_fit_both():
    both = ["%m/%d/%Y", "%d/%m/%Y"]
    with pytest.raises(InputError, match=r"1 dates, such as '01/02/2020', fit '%m/%d/%Y' and '%d/%m/%Y'"):
        read(["01/02/2020", "13/02/2020"], date_format=both)
    assert read(["01/02/2020", "02/13/2020"], date_format=both).last_date == pd.Timestamp("2020-02-13")


def test_dates_without_a_day_above_twelve_are_said_to_read_either_way(caplog):
    dates = [day.strftime("%d/%m/%Y") for day in YEAR if day.day <= 12]
    with caplog.at_level(logging.WARNING, logger="clvml"):
        read(dates, date_format="%m/%d/%Y")
    assert "no day of date is above 12: '%d/%m/%Y' reads it too" in caplog.text
    caplog.clear()
    read(YEAR.strftime("%d/%m/%Y"), date_format="%d/%m/%Y")
    assert caplog.text == ""


def test_a_year_of_two_digits_is_never_the_first_century():
    with pytest.raises(InputError, match=r"date_format='%d.%m.%y'"):
        read(["31.12.19", "30.11.19"], date_format="%d.%m.%Y")


def test_serial_numbers_of_a_spreadsheet_are_dates_with_times():
    found = read([43831, 43832.75], date_format="excel").to_pandas()["date"]
    assert found.tolist() == [pd.Timestamp("2020-01-01"), pd.Timestamp("2020-01-02 18:00")]
    with pytest.raises(InputError, match="date_format='excel'"):
        read(["43831", "43832"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"date_format": ["excel", "%d/%m/%Y"]}, "cannot be combined"),
        ({"date_format": "%Y", "date_unit": "D", "date_origin": "2020-01-01"}, "both given"),
    ],
)
def test_options_of_dates_that_exclude_each_other_are_refused(options, said):
    with pytest.raises(InputError, match=said):
        read(["2020-01-01"], **options)


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        *(("2020-01-31 10:05 PM", 22), ("2020-01-31 10:05 am", 10), ("2020/1/31 9:05pm", 21)),
        *(("2020-01-31 12:05 AM", 0), ("2020-01-31 12:05:06 p.m.", 12), ("2020-01-31T01:05 P. M.", 13)),
        *(("2020-01-31 10:05", 10), ("2020-01-31 22:05 UTC", 22)),
    ],
)
def test_a_time_of_twelve_hours_is_read_with_its_half_of_the_day(text, hour):
    frame = pd.DataFrame({"customer_id": [1], "date": [text], "amount": [1.0]})
    assert read_transactions(frame).to_pandas()["date"][0].floor("h") == pd.Timestamp(2020, 1, 31, hour)


@pytest.mark.parametrize("text", ["2020-01-31 13:05 PM", "2020-01-31 PM", "2020-01-31 0:05 AM"])
def test_an_impossible_time_of_twelve_hours_is_unreadable(text):
    frame = pd.DataFrame({"customer_id": [1, 2], "date": [text, "2020-01-31"], "amount": [1.0, 1.0]})
    assert read_transactions(frame).report.loc["bad_date", "set_aside"] == 1
