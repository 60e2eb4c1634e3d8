"""A horizon is a length of time, however it is written, and several may be asked for at once."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import clvml
from clvml.customers._time_units import TIME_UNITS, horizon_in
from clvml.errors import InputError
from clvml.scoring import dump_model, load_model_json, signature

UNITS = st.sampled_from(list(TIME_UNITS))
COUNTS = st.integers(1, 5000)


@given(COUNTS)
def test_days_and_weeks_have_a_fixed_length(n):
    assert horizon_in(f"{7 * n}D", "W") == n
    assert horizon_in(f"{n}W", "D") == 7 * n
    assert horizon_in(f"{n}D", "W") * 7 == pytest.approx(n, rel=1e-15)


@given(COUNTS, UNITS)
def test_a_timedelta_is_its_days_in_every_unit_and_of_every_type(days, unit):
    types = (pd.Timedelta(days=days), dt.timedelta(days=days), np.timedelta64(days, "D"))
    assert {horizon_in(one, unit) for one in types} == {horizon_in(f"{days}D", unit)}


@given(COUNTS, UNITS)
def test_months_quarters_and_years_are_shares_of_the_same_year(n, unit):
    assert horizon_in(f"{12 * n}M", unit) == horizon_in(f"{4 * n}Q", unit) == horizon_in(f"{n}Y", unit)
    assert horizon_in(f"{n}Y", unit) == n * TIME_UNITS[unit].per_year


@pytest.mark.parametrize("unit", TIME_UNITS)
def test_a_planned_year_differs_from_the_calendars_by_a_third_of_a_percent_at_most(unit):
    assert horizon_in("12M", unit) * TIME_UNITS[unit].days == pytest.approx(365.25, rel=0.00343)


def test_what_a_year_holds_by_unit_is_what_the_documentation_says():
    log, found = clvml.load_cdnow(), {}
    for unit in "DWM":
        customers = clvml.summarize(log, "1997-09-30", time_unit=unit)
        found[unit] = round(clvml.BGNBD().fit(customers).expected_purchases(customers, "12M").sum())
    assert found == {"D": 2094, "W": 2089, "M": 2095}


@pytest.mark.parametrize("unit", "DW")
def test_a_timedelta_gives_the_same_purchases_in_days_and_weeks(unit, cdnow):
    customers = clvml.convert_time_unit(cdnow, unit)
    total = clvml.BGNBD().fit(customers).expected_purchases(customers, pd.Timedelta(days=273)).sum()
    assert total == pytest.approx(clvml.BGNBD().fit(cdnow).expected_purchases(cdnow, 39).sum(), rel=1e-5)


@pytest.mark.parametrize("bad", [pd.Timedelta(0), pd.Timedelta(days=-3), pd.NaT, np.timedelta64("NaT")])
def test_a_length_that_is_none_is_refused(bad):
    with pytest.raises(InputError, match="horizon is"):
        horizon_in(bad, "W")


def test_a_timedelta_needs_a_model_with_a_unit():
    with pytest.raises(InputError, match="the model has no time unit"):
        horizon_in(pd.Timedelta(days=3), None)


def test_a_model_with_a_timedelta_is_saved_described_and_scored(value_model, cdnow):
    model = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), dt.timedelta(weeks=39), 0.1).fit(cdnow)
    again = load_model_json(dump_model(model))
    assert again.horizon == pd.Timedelta(weeks=39)
    assert signature(again).parameters[0].default == 39
    pd.testing.assert_series_equal(again.predict(cdnow), value_model.predict(cdnow, 39))


SEVERAL = [[4, 13, 39], (4.0, "13W", pd.Timedelta(weeks=39)), np.array([4, 13, 39]), pd.Index([4, 13, 39])]


@pytest.mark.parametrize("horizons", SEVERAL, ids=["list", "mixed", "array", "index"])
@pytest.mark.parametrize("ask", ["expected_purchases", "predict", "formula"])
def test_several_horizons_are_the_columns_of_one_table(ask, horizons, value_model, cdnow):
    formula = clvml.RetentionValue(39, 0.1).fit(cdnow)
    models = {"expected_purchases": value_model.purchases_, "predict": value_model, "formula": formula}
    predict = getattr(models[ask], "predict" if ask == "formula" else ask)
    table = predict(cdnow, horizons)
    assert table.columns.tolist() == list(horizons)
    assert table.columns.name == "horizon"
    for label, weeks in zip(table, [4, 13, 39], strict=True):
        np.testing.assert_array_equal(table[label], predict(cdnow, weeks))
    assert table.index.equals(cdnow.index)


def test_several_horizons_of_a_new_customer_are_a_series(value_model):
    found = value_model.purchases_.expected_purchases_new_customer([4, 39])
    assert found.index.tolist() == [4, 39]
    assert found[39] == value_model.purchases_.expected_purchases_new_customer(39)


@pytest.mark.parametrize("bad", [[], [4, 4], [4, -1], ["4W", "soon"]])
def test_impossible_lists_of_horizons_are_refused(bad, value_model, cdnow):
    with pytest.raises(InputError, match="horizon is"):
        value_model.predict(cdnow, bad)
