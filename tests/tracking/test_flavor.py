"""A saved model is an MLflow model without pickle, and refuses bad customers in one sentence."""

import re
import subprocess
import sys

import mlflow
import pandas as pd
import pyarrow as pa
import pytest
from mlflow.exceptions import MlflowException

import clvml
from clvml.errors import InputError, TrackingError
from clvml.lifetime_value import OUTLOOK, customer_outlook
from clvml.scoring import ModelCard, request_table, save_model_folder
from clvml.tracking import flavor, load_model_with_card
from clvml.tracking._connection import quiet


@pytest.fixture(scope="module")
def saved(tmp_path_factory, value_model, segmenter, cdnow, customers_with_values):
    folder = tmp_path_factory.mktemp("models")
    with quiet():
        flavor.save_model(value_model, folder / "value", input_example=cdnow, metadata={"question": "cdnow"})
        flavor.save_model(segmenter, folder / "segments", input_example=customers_with_values)
        flavor.save_model(clvml.ZeroValue(horizon=39).fit(cdnow), folder / "zero")
    return folder


@pytest.fixture(scope="module")
def pyfunc(saved):
    return mlflow.pyfunc.load_model(str(saved / "value"))


def test_the_folder_holds_two_flavours_readable_json_and_pinned_requirements(saved):
    described = mlflow.models.Model.load(str(saved / "value"))
    assert set(described.flavors) == {"clvml", "python_function"}
    assert described.flavors["python_function"]["loader_module"] == "clvml.tracking.flavor"
    assert described.metadata == {"question": "cdnow"}
    required = (saved / "value" / "requirements.txt").read_text()
    assert all(f"{name}==" in required for name in ("pandas", "numpy", "scipy", "scikit-learn"))
    assert not [path for path in saved.rglob("*") if path.suffix in (".pkl", ".pickle", ".joblib")]


def test_the_signature_puts_money_first_and_takes_the_models_own_horizon_and_rate(saved):
    signature = mlflow.models.Model.load(str(saved / "value")).signature
    assert signature.inputs.input_names()[0] == "customer_id"
    types = [str(kind) for kind in signature.outputs.input_types()]
    assert signature.outputs.input_names()[0] == "clv"
    assert types[:-1] == ["DataType.double"] * (len(types) - 1)
    assert {p.name: p.default for p in signature.params.params} == {
        "details": False,
        "horizon": 52.0,
        "annual_discount_rate": 0.10,
        "observed_until": "",
        "time_unit": "",
    }


def test_pyfunc_gives_the_estimators_numbers(pyfunc, value_model, cdnow):
    request = cdnow.reset_index()[["customer_id", "frequency", "recency", "T", "monetary_value"]]
    answers = pyfunc.predict(request, params={"horizon": 39})
    expected = value_model.predict_factors(cdnow, horizon=39)
    pd.testing.assert_frame_equal(answers.set_index("customer_id"), expected, check_exact=True)
    assert list(answers)[-1] == "customer_id"
    assert "customer_id" not in pyfunc.predict(request.drop(columns="customer_id"))


def test_a_segmenter_is_served_with_numbers_and_names(saved, segmenter, customers_with_values):
    request = request_table(segmenter, customers_with_values)
    answers = mlflow.pyfunc.load_model(str(saved / "segments")).predict(request)
    assert list(answers) == ["segment", "segment_name", "customer_id"]
    assert (answers["segment"].to_numpy() == segmenter.predict(customers_with_values)).all()
    assert set(answers["segment_name"]) == set(segmenter.names_)


def test_a_model_that_reads_no_column_answers_all_the_same(saved, cdnow):
    model = flavor.load_model(saved / "zero")
    served = mlflow.pyfunc.load_model(str(saved / "zero"))
    assert (served.predict(request_table(model, cdnow))["clv"] == 0).all()


def test_the_estimator_loads_where_mlflow_may_run_no_model_code(saved, value_model):
    code = (
        "import sys; from clvml.tracking.flavor import load_model;"
        "print(repr(load_model(sys.argv[1]).purchases_.params_), 'mlflow.pyfunc' in sys.modules)"
    )
    environment = {"MLFLOW_ALLOW_MODEL_CODE_EXECUTION": "false", "PATH": ""}
    said = subprocess.check_output([sys.executable, "-c", code, saved / "value"], text=True, env=environment)
    assert said.strip() == f"{value_model.purchases_.params_!r} False"


@pytest.mark.parametrize("dtype", ["int64", "int32", "Int64", pd.ArrowDtype(pa.int64())], ids=str)
def test_whole_numbers_are_numbers_to_pyfunc(pyfunc, value_model, dtype):
    """Spark's bigint comes as int64 or, with gaps, as Int64."""
    whole = pd.DataFrame({"frequency": [2, 0], "recency": [30, 0], "T": [38, 20], "monetary_value": [25, 0]})
    answers = pyfunc.predict(whole.astype(dtype).assign(customer_id=["a", "b"]))
    expected = value_model.predict_factors(whole.astype(float))
    pd.testing.assert_frame_equal(answers.drop(columns="customer_id"), expected, check_exact=True)


def test_a_request_with_text_for_a_number_is_refused_without_repeating_its_rows(pyfunc):
    table = pd.DataFrame(GOOD | {"customer_id": ["SECRET"], "T": ["long"]})
    with pytest.raises(MlflowException, match=r"column 'T' has dtype .* not numeric") as caught:
        pyfunc.predict(table)
    assert "SECRET" not in str(caught.value)


GOOD = {"customer_id": ["a"], "frequency": [2.0], "recency": [30.0], "T": [38.0], "monetary_value": [20.0]}


@pytest.mark.parametrize(
    ("change", "params", "sentence"),
    [
        ({"frequency": [-2.0]}, {}, "have a negative frequency; the first is row 1"),
        ({"recency": [39.0]}, {}, r"recency outside \[0, T\]"),
        ({"T": [float("nan")]}, {}, "missing or infinite T"),
        ({"T": [float("inf")]}, {}, "missing or infinite T"),
        ({"frequency": [1.5]}, {}, "not a whole number"),
        ({"monetary_value": None}, {}, "lacks the column 'monetary_value'"),
        ({"customer_id": [None]}, {}, "no customer_id"),
        ({}, {"horizon": -1.0}, "must be positive"),
        ({}, {"horizon": float("nan")}, "must be positive"),
        ({}, {"annual_discount_rate": -2.0}, "annual"),
    ],
)
def test_a_bad_request_is_one_sentence_with_the_code_of_a_client_error(pyfunc, change, params, sentence):
    columns = {name: values for name, values in (GOOD | change).items() if values is not None}
    with pytest.raises(MlflowException, match=sentence) as caught:
        pyfunc.predict(pd.DataFrame(columns), params=params)
    assert caught.value.get_http_status_code() == 400
    assert "\n" not in caught.value.message


def test_nothing_of_the_users_frame_is_changed(pyfunc):
    request = pd.DataFrame(GOOD)
    before = request.copy()
    pyfunc.predict(request)
    pd.testing.assert_frame_equal(request, before)


def test_a_model_of_another_library_is_sent_elsewhere(tmp_path):
    (tmp_path / "MLmodel").write_text("flavors: {}\n")
    with pytest.raises(TrackingError, match=r"not saved by clvml.*mlflow\.pyfunc"):
        flavor.load_model(tmp_path)


def test_a_request_in_days_is_converted_where_it_says_so_and_refused_where_it_does_not(pyfunc, cdnow):
    weeks = cdnow.iloc[:50].reset_index()[["customer_id", "frequency", "recency", "T", "monetary_value"]]
    days = weeks.assign(recency=7 * weeks["recency"], T=7 * weeks["T"])
    right = pyfunc.predict(weeks)
    stated = pyfunc.predict(days.assign(time_unit="D"))
    pd.testing.assert_frame_equal(stated, right, rtol=1e-12)
    pd.testing.assert_frame_equal(pyfunc.predict(weeks.assign(time_unit="W")), right, check_exact=True)
    with pytest.raises(MlflowException, match="they appear to be in days") as error:
        pyfunc.predict(days)
    assert error.value.get_http_status_code() == 400
    with pytest.raises(MlflowException, match="time_unit must be one of D, W, M, Q, Y; the first is row 1"):
        pyfunc.predict(days.assign(time_unit="fortnight"))


def test_the_input_example_is_invented_and_a_valid_request(saved, cdnow, value_model):
    folder = saved / "value"
    example = mlflow.models.Model.load(str(folder)).load_input_example(str(folder))
    assert example["customer_id"].tolist() == [f"example-{number}" for number in range(1, 6)]
    rows = example.drop(columns="customer_id").itertuples(index=False, name=None)
    columns = list(example.drop(columns="customer_id"))
    assert not set(rows) & set(cdnow[columns].itertuples(index=False, name=None))
    answers = mlflow.pyfunc.load_model(str(folder)).predict(example)
    assert answers["clv"].tolist() == value_model.predict(example.set_index("customer_id")).tolist()


class TestTheCard:
    """The served model compares requests with what it knows of itself."""

    @pytest.fixture
    def served(self, value_model, tmp_path):
        card = ModelCard(warranty={"until": "1998-06-30", "longest_T": 45.0})
        with quiet():
            flavor.save_model(value_model, tmp_path / "model", card=card)
        return lambda: mlflow.pyfunc.load_model(str(tmp_path / "model"))

    def test_past_its_warranty_the_answer_says_so_if_the_request_has_a_date(self, served):
        request, model = pd.DataFrame(GOOD), served()
        assert "warning" not in model.predict(request)
        assert "warning" not in model.predict(request, params={"observed_until": "1998-06-30"})
        expected = "customers are observed until 1999-01-01, the model was validated until 1998-06-30"
        for answers in (
            model.predict(request, params={"observed_until": "1999-01-01"}),
            model.predict(request.assign(observed_until=pd.Timestamp("1999-01-01"))),
        ):
            assert answers["warning"].iloc[0].startswith(expected)
            assert list(answers)[-2:] == ["customer_id", "warning"]

    def test_that_the_warranty_is_past_is_logged_once_when_the_model_is_loaded(self, served, caplog):
        model = served()
        assert [record.message for record in caplog.records if "validated" in record.message] == [
            "the model was validated until 1998-06-30, which is past: fit it to recent data."
        ]
        model.predict(pd.DataFrame(GOOD))
        assert sum("validated" in record.message for record in caplog.records) == 1

    def test_the_longest_T_is_the_cards(self, served):
        assert "warning" not in served().predict(pd.DataFrame(GOOD | {"T": [45.0]}))
        warned = served().predict(pd.DataFrame(GOOD | {"T": [46.0]}))["warning"].iloc[0]
        assert warned.startswith("1 of 1 rows have T beyond 45 weeks")


def test_pyfunc_adds_details_where_asked(pyfunc, value_model, cdnow):
    table = request_table(value_model, cdnow.head(20)).assign(
        total_spend=cdnow["total_spend"].to_numpy()[:20]
    )
    asked = {"details": True, "observed_until": "1997-09-30"}
    found = pyfunc.predict(table, params=asked).set_index("customer_id")
    expected = customer_outlook(value_model, cdnow.head(20), observed_until="1997-09-30")
    pd.testing.assert_frame_equal(found[list(OUTLOOK)], expected, check_dtype=False, check_index_type=False)
    assert not set(OUTLOOK) & set(pyfunc.predict(table))


def test_a_folder_of_json_alone_loads_as_an_mlflow_model_does(tmp_path, value_model):
    """From `save_model_folder` or `clvml run`: both are model folders to `load` and to the shell."""
    save_model_folder(value_model, tmp_path / "plain", ModelCard(dataset="shop"))
    model, card = load_model_with_card(tmp_path / "plain")
    assert model.get_params().keys() == value_model.get_params().keys()
    assert card.dataset == "shop"


def test_a_folder_without_a_model_is_named_in_the_error(tmp_path):
    with pytest.raises(InputError, match=re.escape(str(tmp_path))):
        load_model_with_card(tmp_path)
