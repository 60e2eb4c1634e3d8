"""A seasonal index from an aggregate series."""

import numpy as np
import pandas as pd
import pytest

import clvml

TRUE = np.array([0.9, 0.8, 0.9, 0.9, 1.0, 0.9, 0.8, 0.9, 1.0, 1.1, 1.3, 1.5])


def monthly(years, growth=0.0, start="2008-01"):
    months = pd.period_range(start, periods=12 * years, freq="M")
    days = months.days_in_month.to_numpy()
    time = np.arange(months.size) / 12
    return pd.Series(1000 * days * TRUE[months.month - 1] * (1 + growth) ** time, months)


def in_ratio(index, months=range(1, 13)):
    found = index.loc[list(months)].to_numpy()
    return found / found.mean()


@pytest.mark.parametrize("growth", [0.0, 0.3, -0.2])
def test_a_season_on_a_growing_business_is_found(growth):
    index = clvml.seasonal_index(monthly(4, growth))
    np.testing.assert_allclose(in_ratio(index), TRUE / TRUE.mean(), rtol=2e-3)
    assert index.attrs["annual_growth"] == pytest.approx(growth, abs=1e-3)


def test_an_index_is_1_on_average_over_a_year():
    index = clvml.seasonal_index(monthly(3))
    days = np.array([31, 28.25, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
    assert index @ days / days.sum() == pytest.approx(1.0, abs=1e-12)


def test_daily_weekly_and_monthly_series_tell_the_same_season():
    days = pd.date_range("2008-01-01", "2011-12-31")
    daily = pd.Series(TRUE[days.month - 1], days)
    weekly = daily.resample("W-SUN", label="left", closed="right").sum().iloc[1:-1]
    weekly.index += pd.Timedelta(days=1)
    by_month = clvml.seasonal_index(monthly(4))
    np.testing.assert_allclose(clvml.seasonal_index(daily), by_month, rtol=1e-6)
    np.testing.assert_allclose(clvml.seasonal_index(weekly), by_month, rtol=0.02)


def test_by_week_christmas_is_in_the_last_weeks():
    days = pd.date_range("2008-01-01", "2011-12-31")
    daily = pd.Series(np.where((days.month == 12) & (days.day < 25), 3.0, 1.0), days)
    index = clvml.seasonal_index(daily, "week")
    assert len(index) == 52
    assert index.loc[49:51].min() / index.loc[10] == pytest.approx(3, rel=0.1)


@pytest.mark.parametrize("months", [6, 12])
def test_a_year_cannot_tell_a_season_from_a_trend(months):
    with pytest.raises(clvml.InputError, match="a year or less a yearly season cannot be estimated"):
        clvml.seasonal_index(monthly(2).iloc[:months])


def test_a_month_without_sales_leaves_a_positive_index():
    series = monthly(3)
    series[series.index.month == 8] = 0.0
    assert 0 < clvml.seasonal_index(series).loc[8] < 1e-3


@pytest.mark.parametrize(
    ("series", "words"),
    [
        (pd.Series([1.0, 2.0]), "by date"),
        (monthly(3).drop(pd.Period("2009-05", "M")), "without gaps"),
        (monthly(3).mul(-1), "not negative"),
        (monthly(3).mul(0), "not all zero"),
        (
            pd.Series([1.0, 2.0, 3.0], pd.period_range("2008", periods=3, freq="Y")),
            "daily, weekly or monthly",
        ),
    ],
)
def test_an_unusable_series_is_refused_in_words(series, words):
    with pytest.raises(clvml.InputError, match=words):
        clvml.seasonal_index(series)


def test_an_unknown_season_is_refused():
    with pytest.raises(clvml.InputError, match="'month' or 'week'"):
        clvml.seasonal_index(monthly(3), "weekday")
