"""Every way of scoring asks and answers alike: one contract, and it lets no nonsense in or out."""

import subprocess
import sys
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import clvml
from clvml.errors import InputError, TimeUnitError
from clvml.scoring import (
    Column,
    Parameter,
    read_request,
    request_params,
    request_table,
    response_table,
    score,
    score_batches,
    signature,
)

GOOD = {"customer_id": ["a"], "frequency": [2.0], "recency": [30.0], "T": [38.0], "monetary_value": [20.0]}


class Stub:
    """A user's own value model: all that the contract asks of one."""

    required_columns = ("frequency",)
    horizon = 1.0
    annual_discount_rate = 0.0

    def __init__(self, answer):
        self.answer = answer

    def predict_factors(self, customers):
        return pd.DataFrame({"clv": self.answer}, index=customers.index)


@pytest.fixture
def three():
    return pd.DataFrame({"frequency": [0.0, 1.0, 2.0]}, index=["x", "y", "z"])


def test_scoring_and_its_model_files_need_no_mlflow():
    code = (
        "import sys, clvml.scoring as s; [getattr(s, name) for name in s.__all__];"
        "print([m for m in ('mlflow', 'matplotlib', 'pyspark') if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_the_scores_are_the_models_own_numbers(value_model, segmenter, cdnow, customers_with_values):
    params = {"horizon": 39, "annual_discount_rate": 0.05}
    pd.testing.assert_frame_equal(
        score(value_model, cdnow, params), value_model.predict_factors(cdnow, **params), check_exact=True
    )
    segments = score(segmenter, customers_with_values)
    assert segments["segment"].equals(segmenter.predict(customers_with_values))
    assert segments["segment_name"].equals(segmenter.segment_names(customers_with_values))


def test_a_request_made_of_customers_gives_them_back_and_their_scores(value_model, cdnow):
    table = request_table(value_model, cdnow)
    assert list(table) == ["customer_id", "frequency", "recency", "T", "monetary_value"]
    request = read_request(value_model, table, {"horizon": "12M"})
    assert request.params == {"horizon": "12M"}
    scores = score(value_model, *request)
    answer = response_table(scores)
    assert list(answer)[-1] == "customer_id"
    pd.testing.assert_frame_equal(answer.set_index("customer_id"), value_model.predict_factors(cdnow))
    anonymous = read_request(value_model, table.drop(columns="customer_id"))
    assert "customer_id" not in response_table(score(value_model, *anonymous))


NUMBERS = {
    "int64": lambda column: column.astype("int64"),
    "Int64": lambda column: column.astype("Int64"),
    "UInt8": lambda column: column.astype("UInt8"),
    "Arrow": lambda column: column.astype("int64").astype(pd.ArrowDtype(pa.int64())),
    "Decimal": lambda column: column.map(lambda number: Decimal(int(number))),
    "objects": lambda column: column.map(int).astype(object),
}


@pytest.mark.parametrize("kind", NUMBERS)
def test_whole_numbers_of_any_type_are_numbers(kind, value_model, cdnow):
    whole = cdnow.head(50).assign(
        recency=lambda t: t["recency"].round(), T=lambda t: t["T"].round() + 1, monetary_value=20.0
    )
    expected = score(value_model, whole)
    asked = whole.reset_index()
    for name in ("frequency", "recency", "T", "monetary_value"):
        asked[name] = NUMBERS[kind](asked[name])
    request = read_request(value_model, asked)
    pd.testing.assert_frame_equal(score(value_model, *request), expected, check_exact=True)


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"horizont": 3}, r"did you mean 'horizon'; there are horizon, annual_discount_rate"),
        ({"horizon": None}, "horizon has no value; leave it out"),
        ({"horizon": -1}, "must be positive"),
        ({"horizon": float("inf")}, "horizon"),
        ({"horizon": True}, "horizon"),
        ({"horizon": [3]}, "horizon must be .* a number"),
        ({"annual_discount_rate": 12}, "1,200 % per year; write 12 % as 0.12"),
        ({"annual_discount_rate": -1}, "above -1"),
        ({"annual_discount_rate": float("nan")}, "above -1"),
        ({"annual_discount_rate": True}, "above -1"),
        ({"annual_discount_rate": "ten"}, "above -1"),
    ],
)
def test_absurd_parameters_are_refused_in_a_sentence(params, sentence, value_model, cdnow):
    with pytest.raises(InputError, match=sentence) as caught:
        score(value_model, cdnow, params)
    assert "\n" not in str(caught.value)


def test_parameters_that_make_sense_pass_up_to_the_border(value_model):
    assert request_params(value_model, {"annual_discount_rate": 1}) == {"annual_discount_rate": 1.0}
    assert request_params(value_model, {"horizon": " 39 "}) == {"horizon": 39.0}
    assert request_params(value_model, {"horizon": "3M"}) == {"horizon": "3M"}
    assert request_params(value_model, {}) == {}


def test_a_segmentation_takes_no_parameters(segmenter, customers_with_values):
    with pytest.raises(InputError, match=r"KMeansSegments takes neither.*leave out horizon"):
        score(segmenter, customers_with_values, {"horizon": 3})


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"customer_id": [None]}, "1 of 1 rows have no customer_id; the first is row 1"),
        ({"T": None}, "lacks the column 'T'; it needs frequency, recency, T, monetary_value"),
        ({"frequency": [1e15]}, r"frequency above 1,000,000; the first is row 1"),
        ({"frequency": ["many"]}, "column 'frequency' has dtype .* not numeric"),
        ({"frequency": [-1.0]}, "negative frequency"),
    ],
)
def test_absurd_customers_are_refused_in_a_sentence(change, sentence, value_model):
    table = pd.DataFrame({k: v for k, v in (GOOD | change).items() if v is not None})
    with pytest.raises(InputError, match=sentence):
        score(value_model, *read_request(value_model, table))


def test_a_million_purchases_are_many_but_a_number(three):
    three.loc["x", "frequency"] = 1_000_000
    assert score(Stub(1.0), three)["clv"].tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_no_score_is_missing_or_infinite(bad, three):
    with pytest.raises(
        InputError, match=r"Stub predicts no finite value for 1 of 3 customers: .*; the first is row 2"
    ):
        score(Stub([1.0, bad, 2.0]), three)


def test_scores_of_other_customers_are_refused(three):
    class Shuffled(Stub):
        def predict_factors(self, customers):
            return super().predict_factors(customers)[::-1]

    with pytest.raises(InputError, match="Shuffled returned predictions for other customers"):
        score(Shuffled([1.0, 2.0, 3.0]), three)


def test_customers_in_another_unit_of_time_are_refused_whatever_the_model_checks_itself(three):
    class InWeeks(Stub):
        time_unit_ = "W"

    for unit in ("W", None):
        three.attrs["time_unit"] = unit
        score(InWeeks(1.0), three)
    three.attrs["time_unit"] = "D"
    with pytest.raises(TimeUnitError, match="convert_time_unit"):
        score(InWeeks(1.0), three)


def test_reading_a_request_changes_nothing_of_the_callers(value_model):
    table, params = pd.DataFrame(GOOD), {"horizon": "39"}
    before = table.copy()
    read_request(value_model, table, params)
    pd.testing.assert_frame_equal(table, before)
    assert params == {"horizon": "39"}


def test_the_signature_says_what_goes_in_and_out_as_plain_data(value_model, segmenter):
    found = signature(value_model)
    assert found.inputs[0] == Column("customer_id", "any", required=False)
    assert [c.kind for c in found.inputs[1:-2]] == ["number"] * 5
    assert (found.inputs[5].name, found.inputs[5].required) == ("total_spend", False)
    assert found.inputs[-2] == Column("observed_until", "any", required=False)
    assert found.statements == ("observed_until", "time_unit")
    assert found.inputs[-1] == Column("time_unit", "text", required=False)
    assert found.outputs[0] == Column("clv", "number")
    assert found.outputs[-1].name == "customer_id"
    assert found.parameters == (Parameter("horizon", 52.0), Parameter("annual_discount_rate", 0.1))
    groups = signature(segmenter)
    assert [(c.name, c.kind) for c in groups.outputs[:2]] == [
        ("segment", "integer"),
        ("segment_name", "text"),
    ]
    assert groups.parameters == ()


def test_a_value_over_an_infinite_horizon_has_no_horizon_to_choose(cdnow):
    model = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), horizon=None, annual_discount_rate=0.1)
    assert [p.name for p in signature(model.fit(cdnow)).parameters] == ["annual_discount_rate"]


def test_batches_give_the_scores_of_the_whole_and_groups_see_the_models_own_values(
    value_model, segmenter, cdnow
):
    parts = [cdnow.iloc[:1000], cdnow.iloc[1000:]]
    params = {"horizon": 13}
    found = pd.concat(score_batches(value_model, parts, params, segmenter))
    expected = value_model.predict_factors(cdnow, horizon=13)
    pd.testing.assert_frame_equal(found[list(expected)], expected, check_exact=True)
    own = cdnow.join(value_model.predict_factors(cdnow))
    assert found["segment"].equals(segmenter.predict(own))
