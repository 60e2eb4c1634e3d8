"""A model file that was made up is refused in words, or it answers with finite and valid numbers."""

import copy
import json
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from golden.questions import FOLDER, MODEL, read_table
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clvml.errors import ClvmlError, InputError
from clvml.scoring import load_model_json, score
from clvml.scoring._contract import columns_of

RELEASE = FOLDER / "0.1"
FILES = sorted(RELEASE.glob(f"*{MODEL}"))
CUSTOMERS = read_table(RELEASE, "customers", "W")
TABLES = {name: read_table(RELEASE, name, None) for name in ("donors", "subscribers")}
WRONG: list[Any] = [
    *(None, True, False, "", "text", [], {}, [1.0], [[1.0]], {"a": 1.0}),
    *(-1, 0, 1, 2, 0.5, 1.5, -0.5, 7, 100, 1e308, -1e308, 5e-324, 10**30, 10**400, 2**63),
    *({"$float": "nan"}, {"$float": "inf"}, {"$float": "-inf"}, {"$float": "x"}, {"$tuple": []}),
    {"$array": {"dtype": "<f8", "shape": [0], "values": []}},
    {"$array": {"dtype": "<U999999999", "shape": [1], "values": ["a"]}},
    {"$array": {"dtype": "<f8", "shape": [10**12, 0], "values": []}},
    {"$array": {"dtype": "(9999999,)f8", "shape": [1], "values": [1.0]}},
    {"$estimator": {"class": "ZeroValue", "parameters": {"horizon": 1}, "learnt": {}}},
    {"$record": {"class": "BGNBDParams", "fields": {"r": -1.0, "alpha": 1.0, "a": 1.0, "b": 1.0}}},
    {"$dict": [[[], 1]]},
    {"$timedelta": "P99999999999D"},
    {"$frame": {"label": None, "index": {"name": None, "range": [0, 10**12, 1]}, "columns": [], "attrs": {}}},
]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all values within a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in items for place in places(item, (*path, key)))]


def changed(document: dict[str, Any], path: tuple[Any, ...], how: str, wrong: Any) -> dict[str, Any]:
    """A copy of the document with one value changed."""
    document = copy.deepcopy(document)
    holder = document
    for key in path[:-1]:
        holder = holder[key]
    key = path[-1]
    if how == "delete":
        del holder[key]
    elif how == "negate" and type(holder[key]) in (int, float):
        holder[key] = -holder[key]
    elif how == "scale" and type(holder[key]) in (int, float):
        holder[key] = holder[key] * 1e6
    elif how == "repeat" and isinstance(holder, list):
        holder.insert(key, holder[key])
    elif how == "rename" and isinstance(holder, dict):
        holder[f"{key}x"] = holder.pop(key)
    elif how == "nest":
        holder[key] = [holder[key]]
    else:
        holder[key] = wrong
    return document


DOCUMENTS = {path.name: json.loads(path.read_text()) for path in FILES}
PLACES = {
    name: [path for path in places(document) if path[:1] == ("model",) and path[1:]]
    for name, document in DOCUMENTS.items()
}
WAYS = ("delete", "negate", "scale", "repeat", "rename", "nest", "replace", "replace", "replace")


@st.composite
def made_up_files(draw: Any) -> str:
    """The text of a saved model in which one or two values are changed."""
    name = draw(st.sampled_from(sorted(DOCUMENTS)))
    document = DOCUMENTS[name]
    for _ in range(draw(st.integers(1, 2))):
        found = [path for path in places(document) if path[:1] == ("model",) and path[1:]]
        if found:
            path, how = draw(st.sampled_from(found)), draw(st.sampled_from(WAYS))
            document = changed(document, path, how, draw(st.sampled_from(WRONG)))
    return json.dumps(document)


@given(made_up_files())
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_made_up_file_is_refused_in_words_or_answers_with_possible_numbers(text):
    check_refused_or_possible(text)


def check_refused_or_possible(text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model = load_model_json(text)
        except InputError as error:
            assert_one_sentence(error)
            return
        try:
            answers = answers_of(model)
        except ClvmlError as error:
            assert_one_sentence(error)
            return
    for name, values in answers.items():
        check_possible(name, values)


def assert_one_sentence(error: ClvmlError) -> None:
    assert "\n" not in str(error)


def answers_of(model: Any) -> dict[str, pd.Series]:
    """What a model says of customers, in all columns."""
    if not hasattr(model, "required_columns") or not [key for key in vars(model) if key.endswith("_")]:
        return {}
    customers = customers_for(model)
    if customers is None:
        return {}
    if hasattr(model, "predict_factors") or hasattr(model, "segment_names") or hasattr(model, "assign"):
        scores = score(model, customers)
        return {str(name): scores[name] for name in scores}
    asked = {
        "expected_purchases": lambda: model.expected_purchases(customers, 10.0),
        "probability_alive": lambda: model.probability_alive(customers),
        "expected_spend": lambda: model.expected_spend(customers),
    }
    return {name: ask() for name, ask in asked.items() if hasattr(model, name)}


def customers_for(model: Any) -> pd.DataFrame | None:
    needed = list(columns_of(model))
    for table in (CUSTOMERS, *TABLES.values()):
        if all(name in table for name in needed):
            chosen = table.assign(clv=20.0, probability_alive=0.5) if table is CUSTOMERS else table
            chosen.attrs = dict(table.attrs)
            return chosen
    return None


def check_possible(name: str, values: pd.Series) -> None:
    assert name == "what_to_do" or not values.isna().any(), name
    if pd.api.types.is_numeric_dtype(values):
        assert np.isfinite(values.to_numpy(dtype=float)).all(), name
    if name == "probability_alive":
        assert values.between(0, 1).all()


def with_parameter(name: str, *keys: str, value: Any) -> str:
    """A saved model with the parameter at these keys changed."""
    document = copy.deepcopy(DOCUMENTS[f"{name}{MODEL}"])
    holder = document["model"]
    for key in keys[:-1]:
        holder = holder[key]
    assert keys[-1] in holder
    holder[keys[-1]] = value
    return json.dumps(document)


PARAMS = ("learnt", "params_", "$record", "fields")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (with_parameter("bgnbd", *PARAMS, "r", value=-1.0), "parameter r is -1.0; it must be a positive"),
        (with_parameter("bgnbd", *PARAMS, "alpha", value=0), "parameter alpha is 0; it must be a positive"),
        (with_parameter("pareto-nbd", *PARAMS, "s", value={"$float": "nan"}), "parameter s is nan"),
        (
            with_parameter("gamma-gamma", *PARAMS, "q", value="2"),
            r"q is '2', which is not what GammaGammaParams learns",
        ),
        (
            with_parameter("bgnbd", "learnt", "covariance_", "$array", "shape", value=[2, 8]),
            r"covariance has shape \(2, 8\); it must be square",
        ),
        (
            with_parameter("value-retention", "learnt", "params_", "retention_rate", value=1.2),
            "retention_rate is 1.2; it must be between 0 and 1",
        ),
        (
            with_parameter("segments-kmeans", "learnt", "names_", value={"$tuple": ["one"]}),
            "centers_ must be",
        ),
        (
            with_parameter("value-bgnbd", "learnt", "time_unit_", value="fortnight"),
            "time_unit_ is 'fortnight'",
        ),
    ],
)
def test_an_impossible_model_is_refused_by_the_rule_that_it_breaks(text, sentence):
    with pytest.raises(InputError, match=sentence):
        load_model_json(text)


def test_a_negative_variance_and_a_correlation_beyond_one_are_refused():
    for place, value, rule in (((0, 0), -1.0, "variance is -1"), ((0, 1), 99.0, "correlations from -1 to 1")):
        document = copy.deepcopy(DOCUMENTS[f"bgnbd{MODEL}"])
        values = document["model"]["learnt"]["covariance_"]["$array"]["values"]
        values[place[0]][place[1]] = values[place[1]][place[0]] = value
        with pytest.raises(InputError, match=rule):
            load_model_json(json.dumps(document))


def test_a_missing_attribute_is_refused_by_its_name():
    document = copy.deepcopy(DOCUMENTS[f"value-bgnbd{MODEL}"])
    del document["model"]["learnt"]["spend_"]
    with pytest.raises(InputError, match="spend_"):
        load_model_json(json.dumps(document))


@pytest.mark.parametrize("depth", [2_000, 200_000])
def test_deep_nesting_is_refused_rather_than_exhausting_the_stack(depth):
    nested = "[" * depth + "]" * depth
    for text in (
        nested,
        f'{{"clvml_model": 2, "model": {nested}}}',
        f'{{"clvml_model": 3, "model": {nested}}}',
    ):
        with pytest.raises(InputError):
            load_model_json(text)


@pytest.mark.parametrize("text", ['{"clvml_model": 2, "model": NaN}', '{"clvml_model": 1' + "0" * 5000 + "}"])
def test_what_is_no_json_is_refused(text):
    with pytest.raises(InputError):
        load_model_json(text)
