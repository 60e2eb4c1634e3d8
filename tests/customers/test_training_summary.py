"""A customer summary that lost its time unit is not taken for one in the model's unit."""

import warnings
from io import StringIO

import numpy as np
import pandas as pd
import pytest

import clvml
from clvml.customers._time_units import TIME_UNITS, stated_time_unit
from clvml.errors import InputError, TimeUnitError, TimeUnitWarning
from clvml.scoring import dump_model, load_model_json, read_request

MODELS = {
    "BG/NBD": clvml.BGNBD(),
    "MBG/NBD": clvml.MBGNBD(),
    "Pareto/NBD": clvml.ParetoNBD(),
    "value": clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), 39),
    "retention": clvml.RetentionValue(39),
    "total spend": clvml.TotalSpendValue(39),
}


def ask(model, customers):
    """The predictions of a model of purchases or of value."""
    return model.expected_purchases(customers, 39) if hasattr(model, "kernel") else model.predict(customers)


def from_csv(customers):
    """The customers after a journey through a CSV file, which has no attrs."""
    return pd.read_csv(StringIO(customers.to_csv()), index_col="customer_id")


@pytest.fixture(scope="module", params=MODELS)
def fitted(request, cdnow):
    return MODELS[request.param].fit(cdnow)


@pytest.fixture(scope="module")
def days():
    return clvml.split(clvml.load_cdnow(), "1997-09-30", time_unit="D").calibration


def test_days_that_lost_their_unit_are_refused_by_a_model_in_weeks_with_what_to_type(fitted, days, cdnow):
    lost = from_csv(days)
    with pytest.raises(
        TimeUnitError, match=r"they appear to be in days\..*attrs\['time_unit'\] = 'D'"
    ) as error:
        ask(fitted, lost)
    assert "clvml.convert_time_unit(customers, 'W')" in str(error.value)
    lost.attrs["time_unit"] = "D"
    right = ask(fitted, clvml.convert_time_unit(lost, "W"))
    np.testing.assert_allclose(right, ask(fitted, cdnow), rtol=1e-9)


def test_weeks_that_lost_their_unit_are_doubted_by_a_model_in_days(days, cdnow):
    with pytest.warns(
        TimeUnitWarning, match=r"they appear to be in weeks\..*convert_time_unit\(customers, 'D'\)"
    ):
        clvml.BGNBD().fit(days).expected_purchases(from_csv(cdnow), 273)


@pytest.mark.parametrize("theirs", TIME_UNITS)
@pytest.mark.parametrize("ours", TIME_UNITS)
def test_no_pair_of_units_is_confused_in_silence(ours, theirs, cdnow):
    """The same customers in any other unit are refused or warned of, and in the same unit neither."""
    model = clvml.BGNBD().fit(clvml.convert_time_unit(cdnow, ours))
    lost = from_csv(clvml.convert_time_unit(cdnow, theirs))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            model.probability_alive(lost)
            doubted = any(issubclass(one.category, TimeUnitWarning) for one in caught)
        except TimeUnitError:
            doubted = True
    assert doubted == (ours != theirs)


def test_customers_of_a_later_day_younger_ones_and_single_ones_are_no_reason_for_doubt(fitted):
    """The suite makes errors of warnings, so that silence is what is tested."""
    log = clvml.load_cdnow()
    for end in ("1997-01-20", "1997-02-15", "1997-04-15", "1997-12-31", "1998-06-30"):
        customers = from_csv(clvml.summarize(log, end))
        ask(fitted, customers)
        ask(fitted, customers.iloc[[0]])
    one_old_customer = from_csv(clvml.summarize(log, "1997-09-30"))
    one_old_customer.iloc[0, 2] = 400.0
    ask(fitted, one_old_customer)


def test_stating_the_unit_ends_the_doubt(fitted, days):
    in_weeks = from_csv(days)  # customers of 39 weeks times 7, which is long, but possible
    in_weeks.attrs["time_unit"] = "W"
    assert np.isfinite(ask(fitted, in_weeks)).all()
    assert np.isfinite(ask(fitted, from_csv(days).assign(time_unit="W"))).all()


def test_a_saved_model_remembers_what_it_was_fitted_to_and_one_of_clvml_0_1_does_without(fitted, days, cdnow):
    again = load_model_json(dump_model(fitted))
    assert again.training_summary_ == fitted.training_summary_
    assert again.training_summary_["T"]["maximum"] == cdnow["T"].max()
    assert again.training_summary_["T"]["median"] == cdnow["T"].median()
    with pytest.raises(TimeUnitError):
        ask(again, from_csv(days))


def test_a_given_model_and_a_model_of_another_release_have_seen_nothing(days):
    given = clvml.BGNBD.from_params(r=0.243, alpha=4.414, a=0.793, b=2.426, time_unit="W")
    assert given.training_summary_ is None
    assert given.expected_purchases(from_csv(days), 39).sum() > 0


def test_a_model_without_a_unit_doubts_too(days, cdnow):
    model = clvml.BGNBD().fit(from_csv(cdnow))
    assert model.time_unit_ is None
    with pytest.raises(TimeUnitError, match="convert recency and T to the unit of the fit"):
        model.expected_purchases(from_csv(days), 39)


class TestTheColumn:
    """A constant column ``time_unit`` says what attrs say, and survives a file."""

    def test_a_model_fitted_from_a_csv_file_knows_its_unit(self, cdnow):
        model = clvml.BGNBD().fit(from_csv(cdnow.assign(time_unit="W")))
        assert model.time_unit_ == "W"
        assert model.expected_purchases(cdnow, "39W").sum() == model.expected_purchases(cdnow, 39).sum()

    def test_another_unit_is_refused_and_converted_on_request(self, fitted, days, cdnow):
        stated = from_csv(days.assign(time_unit="D"))
        with pytest.raises(TimeUnitError, match=r"clvml.convert_time_unit\(customers, 'W'\)"):
            ask(fitted, stated)
        converted = clvml.convert_time_unit(stated, "W")
        assert set(converted["time_unit"]) == {"W"}
        np.testing.assert_allclose(ask(fitted, converted), ask(fitted, cdnow), rtol=1e-9)

    @pytest.mark.parametrize(
        ("codes", "said"),
        [(["W", "D"], "'W' and 'D'"), (["w", "w"], "time_unit is 'w'"), (["D", "D"], "says 'D', but")],
    )
    def test_a_contradiction_is_refused(self, codes, said, cdnow):
        with pytest.raises(InputError, match=said):
            clvml.BGNBD().fit(cdnow.iloc[:2].assign(time_unit=codes))

    def test_empty_cells_state_nothing(self, cdnow):
        assert stated_time_unit(from_csv(cdnow).assign(time_unit=None)) is None
        assert stated_time_unit(cdnow.assign(time_unit=np.nan)) == "W"


class TestRequests:
    def test_each_row_may_say_its_unit_and_is_converted(self, value_model, cdnow):
        weeks, table = cdnow.iloc[:2].reset_index(), cdnow.iloc[:2].reset_index()
        table.loc[0, ["recency", "T"]] *= 7
        table["time_unit"] = ["D", "W"]
        found, right = read_request(value_model, table).customers, read_request(value_model, weeks).customers
        np.testing.assert_allclose(found[["recency", "T"]], right[["recency", "T"]], rtol=1e-12)
        assert "time_unit" not in found
        assert found.attrs["time_unit"] == "W"

    @pytest.mark.parametrize(
        ("codes", "said"),
        [(["D", None], "1 of 2 rows have no time_unit"), (["d", "D"], "time_unit must be one of")],
    )
    def test_an_unknown_or_missing_unit_is_refused(self, codes, said, value_model, cdnow):
        with pytest.raises(InputError, match=said):
            read_request(value_model, cdnow.iloc[:2].reset_index().assign(time_unit=codes))

    def test_days_are_not_answered_as_weeks(self, value_model, days):
        with pytest.raises(TimeUnitError, match="they appear to be in days"):
            read_request(value_model, from_csv(days).iloc[[0]].reset_index())


def test_histories_that_a_diagnostic_makes_up_for_a_model_are_not_doubted(cdnow):
    """A heavy buyer in the first weeks, and an age far beyond the fit, are asked for by the user."""
    for model in (clvml.BGNBD().fit(cdnow), clvml.BGNBD().fit(from_csv(cdnow))):
        early = clvml.diagnostics.probability_alive_over_time(model, [0, 1, 2, 3, 4, 5], 9)
        assert early["probability_alive"].between(0, 1).all()
        assert clvml.diagnostics.frequency_recency_matrix(model, 400).notna().any(axis=None)
