"""A file of customers is a request: it says its time unit and until when; what is questionable is said."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import clvml
from clvml.commands import app
from clvml.errors import InputError, TimeUnitError
from clvml.scoring import ModelCard, load_with_card, read_request, score
from clvml.scoring import _customer_files as customer_files
from clvml.tracking import flavor, score_batch
from clvml.tracking._connection import quiet

YESTERDAY, TOMORROW = ((dt.date.today() + dt.timedelta(days=days)).isoformat() for days in (-1, 1))


@pytest.fixture(scope="module")
def models(tmp_path_factory, value_model):
    """Folders of a model that may be used until tomorrow, and of one that might be until yesterday."""
    folder = tmp_path_factory.mktemp("models")
    with quiet():
        for name, until in {"current": TOMORROW, "past": YESTERDAY}.items():
            warranty = {"until": until, "longest_T": 38.86}
            flavor.save_model(value_model, folder / name, card=ModelCard(warranty=warranty))
    return {name: str(folder / name) for name in ("current", "past")}


@pytest.fixture(autouse=True)
def _in_small_batches(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(customer_files, "BATCH_ROWS", 100)


def without_unit(customers):
    plain = customers.drop(columns="first_purchase").copy()
    plain.attrs = {}
    return plain


@pytest.mark.parametrize("unit", ["D", "M"])
@pytest.mark.parametrize("said_by", ["attrs", "column", "parameter"])
def test_times_in_another_unit_are_converted_as_a_request_converts_them(models, cdnow, unit, said_by):
    customers = clvml.convert_time_unit(cdnow, unit)
    days = without_unit(customers)
    model, card = load_with_card(f"{models['current']}/data")
    request = read_request(model, days.reset_index(drop=True), {"time_unit": unit}, card)
    expected = score(model, request.customers).set_axis(cdnow.index)
    if said_by == "attrs":
        customers.to_parquet("customers.parquet")
    else:
        (days.assign(time_unit=unit) if said_by == "column" else days).to_parquet("customers.parquet")
    option = unit if said_by == "parameter" else None
    found = score_batch(models["current"], "customers.parquet", "scores.parquet", time_unit=option)
    pd.testing.assert_frame_equal(found.read(), expected, check_exact=True)
    np.testing.assert_allclose(expected, score(model, cdnow), rtol=1e-9)


def test_a_parameter_does_not_overrule_what_the_customers_say(models, cdnow):
    cdnow.to_parquet("weeks.parquet")
    with pytest.raises(InputError, match="time_unit is 'D', but the customers state 'W'"):
        score_batch(models["current"], "weeks.parquet", "scores.csv", time_unit="D")
    without_unit(cdnow).assign(time_unit="W").to_csv("weeks.csv")
    with pytest.raises(InputError, match=r"row 1 of weeks\.csv has a time_unit other than that of the param"):
        score_batch(models["current"], "weeks.csv", "scores.csv", time_unit="D")


@pytest.mark.parametrize(("option", "value"), [("time_unit", "d"), ("observed_until", "30.6.1998")])
def test_a_parameter_without_meaning_is_refused_as_such(models, cdnow, option, value):
    with pytest.raises(InputError, match=f"^{option} is '{value}'"):
        score_batch(models["current"], cdnow, "scores.csv", on_bad_row="skip", **{option: value})


def test_rows_that_say_no_unit_or_an_unknown_one_are_bad_rows(models, cdnow):
    days = without_unit(clvml.convert_time_unit(cdnow.iloc[:250], "D"))
    days["time_unit"], days["observed_until"] = "D", "1997-09-30"
    days.loc[days.index[120], "time_unit"] = "fortnight"
    days.loc[days.index[130], "time_unit"] = None
    days.loc[days.index[[140, 150]], "observed_until"] = ["soon", "30.9.1997"]
    days.to_csv("days.csv")
    found = score_batch(models["current"], "days.csv", "scores.csv", on_bad_row="skip")
    assert found.rejected == {
        "has an observed_until that is no date such as '1998-06-30'": 2,
        "has no time_unit; all rows need one": 1,
        "has a time_unit that is none of D, W, M, Q, Y": 1,
    }
    assert pd.read_csv(found.rejected_path)["row"].tolist() == [121, 131, 141, 151]
    assert pd.read_csv(found.rejected_path)["T"].iloc[0] == days["T"].iloc[120]  # as it was given
    with pytest.raises(
        InputError, match=r"row 121 of days\.csv has a time_unit that .*time_unit 'fortnight'"
    ):
        score_batch(models["current"], "days.csv", "stopped.csv")


def test_what_is_questionable_is_counted_over_all_batches_and_only_of_rows_that_were_scored(models, cdnow):
    customers = cdnow.copy()
    older, bad = customers.index[[5, 150, 151, 900]], customers.index[900]
    customers.loc[older, "T"] = 45.0
    customers.loc[bad, "frequency"] = -1.0
    customers.to_parquet("customers.parquet")
    found = score_batch(models["current"], "customers.parquet", "s.csv", on_bad_row="skip")
    beyond = "3 of 2356 rows have T beyond 38.86 weeks, the longest in the fit: the model extrapolates."
    assert found.warnings == (beyond,)
    past = score_batch(
        models["past"], "customers.parquet", "t.csv", on_bad_row="skip", observed_until=TOMORROW
    )
    sentence = f"customers are observed until {TOMORROW}, the model was validated until {YESTERDAY}"
    assert past.warnings[0] == beyond
    assert past.warnings[1].startswith(sentence)


def test_a_file_of_clvml_says_until_when_and_another_one_is_of_today(models, cdnow):
    assert score_batch(models["past"], cdnow, "s.csv").warnings == ()  # customers of 1997
    assert "which is past" in score_batch(models["past"], without_unit(cdnow), "t.csv").warnings[0]


def test_days_that_are_not_said_to_be_days_are_refused_with_the_way_out(models, cdnow):
    without_unit(clvml.convert_time_unit(cdnow, "D")).to_csv("days.csv")
    with pytest.raises(TimeUnitError, match=r"appear to be in days\. Say time_unit 'D'"):
        score_batch(models["current"], "days.csv", "scores.csv")


def test_times_too_short_are_refused_in_most_rows_and_questionable_in_a_part(models, cdnow):
    """A part of a file may be new customers, who buy often at first."""
    plain, months = without_unit(cdnow), without_unit(clvml.convert_time_unit(cdnow, "M"))
    months.iloc[:300].to_csv("months.csv")
    with pytest.raises(TimeUnitError, match="appear to be in months"):
        score_batch(models["current"], "months.csv", "scores.csv")
    pd.concat([months.iloc[:300], plain.iloc[300:]]).to_csv("mixed.csv")
    (sentence,) = score_batch(models["current"], "mixed.csv", "scores.csv").warnings
    assert "appear to be in months" in sentence


def test_groups_are_asked_in_their_own_unit(models, customers_with_values, cdnow):
    customers_with_values = customers_with_values.copy()
    customers_with_values.attrs = dict(cdnow.attrs)
    groups = clvml.CustomerGroups(clvml.KMeansSegments(n_segments=4)).fit(customers_with_values)
    with quiet():
        flavor.save_model(groups, "groups")
    customers = customers_with_values.drop(columns=["clv", "probability_alive"])
    clvml.convert_time_unit(customers, "D").to_parquet("days.parquet")
    customers.to_parquet("weeks.parquet")
    days, weeks = (
        score_batch(models["current"], f"{name}.parquet", f"s-{name}.parquet", segments="groups").read()
        for name in ("days", "weeks")
    )
    assert days["segment_name"].tolist() == weeks["segment_name"].tolist()
    assert days["stage"].tolist() == weeks["stage"].tolist()
    assert set(weeks) == set(days) > {"clv", "segment", "stage", "treatment"}


def test_the_command_says_each_once_on_standard_error(models, cdnow):
    without_unit(clvml.convert_time_unit(cdnow, "D")).to_csv("days.csv")
    arguments = ["score", models["past"], "days.csv", "scores.csv", "--time-unit", "D", "--overwrite"]
    said = CliRunner().invoke(app, [*arguments, "--observed-until", TOMORROW])
    assert said.exit_code == 0
    notes = [line for line in said.stderr.splitlines() if line.startswith("note: ")]
    assert len(notes) == 1
    assert f"observed until {TOMORROW}" in notes[0]
    assert "2,357 customers scored" in said.stdout
    assert CliRunner().invoke(app, [*arguments, "--quiet"]).stderr == ""
