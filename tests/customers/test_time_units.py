"""A unit of time is a meaning: days to measure, a year's count to plan."""

import pandas as pd
import pytest

from clvml.customers._summary import summarize
from clvml.customers._time_units import TIME_UNITS, convert_time_unit, horizon_in, time_unit_of
from clvml.errors import InputError

SALES = pd.DataFrame(
    {"customer_id": [1, 1, 2], "date": ["1997-01-01", "1997-03-12", "1997-04-01"], "amount": [5.0, 7.0, 2.0]}
)


@pytest.mark.parametrize("unit", TIME_UNITS)
def test_a_converted_summary_is_the_one_made_in_that_unit(unit):
    weeks = summarize(SALES, time_unit="W")
    converted = convert_time_unit(weeks, unit)
    pd.testing.assert_frame_equal(converted, summarize(SALES, time_unit=unit))
    assert converted.attrs["time_unit"] == unit
    assert weeks.attrs["time_unit"] == "W"


def test_a_year_is_a_year_in_every_unit():
    for unit in TIME_UNITS.values():
        assert horizon_in("1Y", unit.code) == unit.per_year
        assert horizon_in(f"{unit.per_year}{unit.code}", "Y") == 1


@pytest.mark.parametrize(
    "horizon", ["soon", "12", "12 months", "-3M", 0, -1, float("nan"), float("inf"), None, "0W"]
)
def test_a_horizon_that_is_none_is_refused(horizon):
    with pytest.raises(InputError, match="horizon is"):
        horizon_in(horizon, "W")


def test_a_horizon_with_a_unit_needs_a_model_with_one():
    assert horizon_in(39, None) == 39
    with pytest.raises(InputError, match="the model has no time unit"):
        horizon_in("12M", None)


def test_an_unknown_unit_is_refused_with_the_choice():
    for unit in ("week", "w", "", None, 7):
        with pytest.raises(InputError, match="must be one of 'D'"):
            time_unit_of(unit)


def test_a_summary_that_does_not_say_its_unit_is_not_converted():
    with pytest.raises(InputError, match="has no time unit"):
        convert_time_unit(summarize(SALES).copy().rename_axis("id").set_axis([7, 8]).pipe(_unnamed), "D")


def _unnamed(customers):
    customers.attrs.clear()
    return customers


@pytest.mark.parametrize("horizon", [True, 0, -1, "100000000Y", 1e8, "soon", None, float("nan")])
def test_a_horizon_is_positive_and_within_reason(horizon):
    with pytest.raises(InputError, match="horizon is"):
        horizon_in(horizon, "W")
