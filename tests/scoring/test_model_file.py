"""A model file gives back what was fitted, bit for bit, and refuses what it cannot hold."""

import importlib
import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import clvml
from clvml.errors import InputError
from clvml.scoring import (
    _model_file,
    dump_model,
    load_model_folder,
    load_model_json,
    save_model_folder,
)


def resealed(changed: str | dict[str, Any]) -> str:
    """A changed file with the digest of its content: what the digest cannot catch."""
    document = json.loads(changed) if isinstance(changed, str) else changed
    return json.dumps(document | {"digest": _model_file.digest_of(document)})


def carried(value: Any) -> Any:
    """The value after a journey as a learnt attribute of a model."""
    model = clvml.ZeroValue(horizon=1)
    model.time_unit_, model.params_, model.cargo_ = None, {}, value
    return load_model_json(dump_model(model)).cargo_


def test_a_lifetime_value_model_predicts_the_same_to_the_last_bit(value_model, cdnow):
    text = dump_model(value_model)
    again = load_model_json(text)
    pd.testing.assert_frame_equal(
        again.predict_factors(cdnow, horizon=39),
        value_model.predict_factors(cdnow, horizon=39),
        check_exact=True,
    )
    assert again.get_params()["horizon"] == "12M"
    assert dump_model(again) == text


def test_a_segmenter_assigns_the_same_segments_and_keeps_its_profile(segmenter, customers_with_values):
    again = load_model_json(dump_model(segmenter))
    assert again.predict(customers_with_values).equals(segmenter.predict(customers_with_values))
    pd.testing.assert_frame_equal(again.profile_, segmenter.profile_, check_exact=True)


def test_a_person_finds_the_fitted_parameters_in_the_file(value_model):
    learnt = json.loads(dump_model(value_model))["model"]["learnt"]
    params = learnt["purchases_"]["$estimator"]["learnt"]["params_"]["$record"]
    assert params["class"].endswith("BGNBDParams")
    assert params["fields"]["alpha"] == value_model.purchases_.params_.alpha


PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
VALUES = st.recursive(
    PLAIN,
    lambda inner: (
        st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text() | st.integers(), inner)
    ),
    max_leaves=12,
)


def same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return (math.isnan(one) and math.isnan(other)) or (
            one == other and math.copysign(1, one) == math.copysign(1, other)
        )
    if type(one) is not type(other):
        return False
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(map(same, one.values(), other.values()))
    return bool(one == other)


@given(VALUES)
def test_any_plain_value_comes_back_as_itself_and_the_text_is_valid_json(value):
    assert same(carried(value), value)


@given(
    npst.arrays(st.sampled_from(["f8", "f4", "i8", "u1", "?", "U3", "M8[s]"]), npst.array_shapes(min_dims=0))
)
def test_any_array_comes_back_with_its_type_and_shape(array):
    again = carried(array)
    assert (again.dtype, again.shape) == (array.dtype, array.shape)
    np.testing.assert_array_equal(again, array)


def test_an_array_keeps_its_layout_because_matrix_products_depend_on_it():
    assert carried(np.asfortranarray(np.eye(3) * 1.1)).flags.f_contiguous
    assert type(carried(np.float32(0.1))) is np.float32


def test_a_table_comes_back_with_its_types_index_and_attrs():
    table = pd.DataFrame(
        {
            "x": [1.5, np.nan],
            "n": [1, 2],
            "name": ["a", None],
            "day": pd.to_datetime(["2020-01-01", None]),
            "count": pd.array([1, None], dtype="Int64"),
        },
        index=pd.Index(["u", "v"], name="segment"),
    )
    table.attrs["time_unit"] = "W"
    again = carried(table)
    pd.testing.assert_frame_equal(again, table, check_exact=True)
    assert again.attrs == {"time_unit": "W"}
    pd.testing.assert_series_equal(carried(table["day"]), table["day"])


def test_what_has_no_place_in_a_file_is_named():
    for cargo, what in (
        (print, "builtin_function"),
        (object(), "object"),
        (1j, "complex"),
        (np.array([1j]), "complex"),
    ):
        with pytest.raises(InputError, match=rf"ZeroValue\.cargo_ .*{what}"):
            carried(cargo)
    with pytest.raises(InputError, match=r"ZeroValue\.cargo_\.here\[1\]"):
        carried({"here": [1, {1, 2}]})


def test_a_class_that_is_not_clvmls_is_refused_in_both_directions(value_model):
    class Homemade(clvml.ZeroValue):
        pass

    with pytest.raises(InputError, match="not a public estimator of clvml"):
        dump_model(Homemade(horizon=1))
    text = dump_model(clvml.ZeroValue(horizon=1))
    for name in ("Popen", "Split", "Homemade"):
        with pytest.raises(InputError, match=name):
            load_model_json(resealed(text.replace("ZeroValue", name)))
    stolen = dump_model(value_model).replace("BGNBDParams", "subprocess.Popen")
    with pytest.raises(InputError, match=r"subprocess\.Popen"):
        load_model_json(resealed(stolen))


def test_a_file_holds_short_names_and_no_path_of_a_module(value_model, segmenter):
    for model in (value_model, segmenter):
        assert "clvml." not in dump_model(model)


def test_the_dotted_paths_of_the_first_format_are_read(value_model, cdnow):
    text = dump_model(value_model)
    for name in _model_file._RECORDS:
        text = text.replace(f'"class": "{name}"', f'"class": "clvml.distributions.old.{name}"')
    old = text.replace('"clvml_model": 3', '"clvml_model": 1')
    assert old.count("clvml.distributions.old") >= 4
    again = load_model_json(old)
    pd.testing.assert_series_equal(again.predict(cdnow), value_model.predict(cdnow), check_exact=True)


def test_each_record_of_a_file_is_where_the_table_says():
    for path in _model_file._RECORDS.values():
        module, _, name = path.rpartition(".")
        assert isinstance(getattr(importlib.import_module(module), name), type)


def test_what_was_renamed_is_read_under_its_name_of_today(monkeypatch, value_model):
    """A parameter, a learnt attribute and a field of a record of an older release."""
    text = dump_model(value_model)
    document = json.loads(text)
    parameters, learnt = document["model"]["parameters"], document["model"]["learnt"]
    fields = learnt["purchases_"]["$estimator"]["learnt"]["params_"]["$record"]["fields"]
    parameters["rate"] = parameters.pop("annual_discount_rate")
    learnt["unit_"], fields["q"] = learnt.pop("time_unit_"), fields.pop("r")
    old = resealed(document)
    with pytest.raises(InputError, match="no parameter 'rate'"):
        load_model_json(old)
    renamed = {"rate": "annual_discount_rate", "unit_": "time_unit_"}
    monkeypatch.setattr(_model_file, "_RENAMED", {"LifetimeValue": renamed, "BGNBDParams": {"q": "r"}})
    again = load_model_json(old)
    assert again.annual_discount_rate == value_model.annual_discount_rate
    assert again.time_unit_ == "W"
    assert again.purchases_.params_ == value_model.purchases_.params_


def test_a_parameter_that_an_older_release_did_not_have_is_read_as_what_that_release_did(monkeypatch):
    model = clvml.ZeroValue(horizon=1, margin=0.5)
    document = json.loads(dump_model(model))
    del document["model"]["parameters"]["margin"]
    monkeypatch.setattr(_model_file, "_ABSENT", {"ZeroValue": {"margin": 0.25}})
    assert load_model_json(resealed(document)).margin == 0.25
    assert load_model_json(dump_model(model)).margin == 0.5


def test_a_newer_format_says_what_to_install():
    document = json.loads(dump_model(clvml.ZeroValue(horizon=1))) | {
        "clvml_model": 99,
        "clvml_version": "9.1",
    }
    with pytest.raises(InputError, match=r"format 99, written by clvml 9\.1.*install clvml 9\.1"):
        load_model_json(json.dumps(document))


def test_a_damaged_or_missing_file_is_one_sentence(tmp_path):
    text = dump_model(clvml.ZeroValue(horizon=1))
    for damaged in (
        text[:-20],
        "[]",
        "{}",
        resealed(text.replace('"learnt"', '"lost"')),
        resealed(text.replace('"margin"', '"margins"')),
    ):
        with pytest.raises(InputError, match=r"^[^\n]*(damaged|not a clvml model|no parameter)[^\n]*$"):
            load_model_json(damaged)
    with pytest.raises(InputError, match="there is no model at"):
        load_model_folder(tmp_path)
    save_model_folder(clvml.ZeroValue(horizon=3), tmp_path / "new")
    assert load_model_folder(tmp_path / "new").horizon == 3


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace('"margin": 1.0', '"margin": 2.0'),
        lambda text: text.replace('"n_customers": 2357', '"n_customers": 2358'),
        lambda text: text.replace('"digest": "sha256:', '"digest": "sha256:0'),
        lambda text: text.replace('"digest"', '"digested"'),
        lambda text: text.replace('"clvml_version": "0', '"clvml_version": "1'),
    ],
)
def test_a_file_that_was_changed_is_refused_whatever_was_changed(value_model, change):
    text = dump_model(value_model)
    assert change(text) != text
    with pytest.raises(InputError, match=r"changed after it was saved.*Restore the original, or save"):
        load_model_json(change(text))


def test_white_space_and_the_order_of_keys_do_not_change_a_file(value_model):
    document = json.loads(dump_model(value_model))
    other = json.dumps(dict(reversed(document.items())), indent=7)
    assert dump_model(load_model_json(other)) == dump_model(value_model)


@pytest.mark.parametrize("factors", [{"dropout": 2.0}, {"income": 0.5}])
def test_a_scenario_is_refused_rather_than_saved_as_the_fitted_model(value_model, factors):
    with pytest.raises(InputError, match=r"in a scenario, .* call with_factors after loading"):
        dump_model(value_model.with_factors(factors))
    assert dump_model(value_model.with_factors(dict.fromkeys(factors, 1.0))) == dump_model(value_model)
