"""Configs: files and options are one mechanism, and mistakes are named."""

import dataclasses
import datetime as dt
import typing

import pytest

from clvml.customers._policy import TransactionPolicy
from clvml.errors import InputError
from clvml.workflow._config import TABLES, load_config
from clvml.workflow.stages._reading import PolicySection, read


def test_an_empty_file_is_the_cdnow_comparison(tmp_path):
    (tmp_path / "config.toml").write_text("")
    config = load_config(tmp_path / "config.toml")
    assert config == load_config()
    assert (config.data.source, config.split.calibration_end) == ("cdnow", dt.date(1997, 9, 30))


def test_an_option_and_a_key_give_the_same_config(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text('[data]\nsource = "sales.csv"\n[split]\ntime_unit = "M"\ncalibration_end = 2020-01-31\n')
    options = {
        "data.source": str(tmp_path / "sales.csv"),
        "split.time_unit": "M",
        "split.calibration_end": "2020-01-31",
        "value.horizon": None,
    }
    assert load_config(path) == load_config(overrides=options)


def test_an_option_wins_over_the_file(tmp_path):
    (tmp_path / "config.toml").write_text('[split]\ntime_unit = "M"\n')
    assert load_config(tmp_path / "config.toml", {"split.time_unit": "D"}).split.time_unit == "D"


def test_a_written_config_reads_back_the_same(tmp_path):
    config = load_config(
        overrides={
            "data.source": 'sa\'les "1".csv',
            "data.policy": {"returns": "net"},
            "value.horizon": "39",
            "comparison.weights": {"ranking": 1.0, "totals": 2.0},
            "comparison.needs": ["intervals"],
        }
    )
    (tmp_path / "config.toml").write_text(config.to_toml())
    assert load_config(tmp_path / "config.toml") == config


def test_a_path_in_a_file_is_relative_to_the_file(tmp_path):
    (tmp_path / "config.toml").write_text('[data]\nsource = "../sales.csv"\n')
    assert load_config(tmp_path / "config.toml").data.source == str(tmp_path.parent / "sales.csv")


def test_the_policy_of_a_config_is_the_policy_of_transactions():
    hints = typing.get_type_hints(TransactionPolicy)
    for field in dataclasses.fields(TransactionPolicy):
        section = PolicySection.model_fields[field.name]
        assert (section.annotation, section.default) == (hints[field.name], field.default)
    assert len(PolicySection.model_fields) == len(hints)


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        (
            "[split]\ntime_unt = 'W'",
            r"\[split\] has no key 'time_unt'; did you mean 'time_unit'\? Its keys are",
        ),
        ("[spilt]\ntime_unit = 'W'", r"the config has no key 'spilt'; did you mean 'split'\?"),
        ("[data.policy]\nreturn = 'net'", r"\[data.policy\] has no key 'return'; did you mean 'returns'\?"),
        ("[split]\ntime_unit = 'H'", r"\[split\] time_unit is 'H': should be 'D', 'W', 'M', 'Q' or 'Y'\."),
        ("[split]\ncalibration_end = '30.9.1997'", r"write a day as year-month-day, such as 1997-09-30\."),
        ("[value]\nhorizon = '-3'", r"\[value\] horizon is '-3': write a number followed by D, W, M, Q or Y"),
        ("[value]\nannual_discount_rate = -0.1", r"should be greater than or equal to 0\."),
        (
            "[models]\ncontenders = ['bgbd']",
            r"\[models\] contenders is 'bgbd': write an id \(bgnbd_g",
        ),
        (
            "[models]\ncontenders = [{model = 'historic'}]",
            r"\[models.contenders\] model is 'historic': write .*'mypackage.mymodule:MyModel'\.$",
        ),
        (
            "[models]\ncontenders = ['historic', {model = 'a:B', titel = 'B'}]",
            r"\[models.contenders\] has no key 'titel'; did you mean 'title'\?",
        ),
        ("[data]\ncustomer = 'id'", r"'cdnow' is built in and does not use it"),
        ("[data]\nsource = 's.csv'\nprice = 'p'", r"needs quantity and price together"),
        ("[experiment]\nname = '../x'", r"it names a folder\."),
        ("[split]\ncalibration_end = 2020-01-01\nobservation_end = 2020-01-01", r"leaves no holdout"),
        ("[comparison]\npurpose = 'profit'", r"purpose is 'profit': it must be one of valuation, budget,"),
        ("[comparison]\nweights = {rmse = 1}", r"'rmse' is not a criterion; they are ranking, totals, cust"),
        ("[comparison]\nneeds = ['love']", r"needs contains 'love'; it may contain 'probability_alive'"),
        ("[comparison]\nmax_seconds = 0", r"\[comparison\] max_seconds is 0: should be greater than 0"),
        ("[split", r"is not valid TOML"),
    ],
)
def test_a_mistake_is_one_sentence_that_names_the_key(tmp_path, toml, sentence):
    (tmp_path / "config.toml").write_text(toml)
    with pytest.raises(InputError, match=sentence) as caught:
        load_config(tmp_path / "config.toml")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="there is no config file"):
        load_config(tmp_path / "config.toml")


def test_options_of_reading_reach_the_transactions(tmp_path):
    path = tmp_path / "weeks.csv"
    path.write_text("customer_id;date;amount\n1;6;1.250\n1;15;2.500\nx;y;1.000\n")
    options = {
        "source": str(path),
        "date_unit": "W",
        "date_origin": "2015-12-28",
        "decimal": ",",
        "max_unreadable": 0.5,
    }
    config = load_config(overrides={f"data.{name}": value for name, value in options.items()})
    found = read(config.data).to_pandas()
    assert found["amount"].tolist() == [1250.0, 2500.0]
    assert found["date"].dt.strftime("%Y-%m-%d").tolist() == ["2016-02-08", "2016-04-11"]


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("data.decimal", ";", r"\[data\] decimal is ';'"),
        ("data.max_unreadable", 5, r"\[data\] max_unreadable is 5"),
        (
            "value.annual_discount_rate",
            10,
            "discount_rate is 10: that is 1,000 % per year; write 10 % as 0.1",
        ),
    ],
)
def test_options_of_reading_and_rates_are_checked_in_the_config(key, value, said):
    with pytest.raises(InputError, match=said):
        load_config(overrides={"data.source": "x.csv", key: value})


def test_standard_input_is_no_path():
    assert load_config(overrides={"data.source": "-"}).data.source == "-"


@pytest.mark.parametrize(("section", "key"), TABLES)
def test_every_key_that_names_a_file_is_relative_to_the_config_and_not_to_the_current_folder(
    section, key, tmp_path
):
    (tmp_path / "clvml.toml").write_text(f'[{section}]\n{key} = "table.csv"\n')
    assert getattr(load_config(tmp_path / "clvml.toml"), section).model_dump()[key] == str(
        tmp_path / "table.csv"
    )
    given = load_config(overrides={f"{section}.{key}": "table.csv"})
    assert getattr(given, section).model_dump()[key] == "table.csv"
