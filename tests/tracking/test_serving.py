"""What ``mlflow models serve`` answers is what the estimator says, to the last bit."""

import pytest

from clvml.scoring import request_table


def answers_by_name(answers):
    return {name: [row[name] for row in answers["predictions"]] for name in answers["predictions"][0]}


@pytest.fixture(scope="module")
def some(cdnow):
    return cdnow.iloc[::40]


def test_all_customers_by_columns_get_the_estimators_numbers(ask, value_model, cdnow):
    split = request_table(value_model, cdnow).to_dict(orient="split", index=False)
    status, answers = ask({"dataframe_split": split})
    expected = value_model.predict_factors(cdnow)
    assert status == 200
    served = answers_by_name(answers)
    assert list(served) == [*expected, "customer_id"]
    assert all(served[name] == expected[name].tolist() for name in expected)
    assert served["customer_id"] == cdnow.index.tolist()


def test_horizon_and_rate_of_the_request_count(ask, value_model, some):
    records = request_table(value_model, some).to_dict(orient="records")
    params = {"horizon": 39, "annual_discount_rate": 0.05}
    status, answers = ask({"dataframe_records": records, "params": params})
    expected = value_model.predict_factors(some, horizon=39, annual_discount_rate=0.05)
    assert status == 200
    assert answers_by_name(answers)["clv"] == expected["clv"].tolist()


def test_whole_numbers_in_json_are_numbers_and_ids_may_be_anything(ask, value_model, some):
    customer = {"frequency": 2, "recency": 30, "T": 38, "monetary_value": 20}
    status, answers = ask(
        {"dataframe_records": [{"customer_id": 7, **customer}, {"customer_id": "x", **customer}]}
    )
    assert status == 200
    table = some.iloc[:1].assign(**{name: float(value) for name, value in customer.items()})
    assert answers_by_name(answers)["clv"] == [value_model.predict(table).iloc[0]] * 2
    assert answers_by_name(answers)["customer_id"] == [7, "x"]
    assert next(iter(ask({"dataframe_records": [customer]})[1]["predictions"][0])) == "clv"


BAD = {
    "negative frequency": ({"frequency": -1}, {}, "negative frequency"),
    "recency beyond T": ({"recency": 99}, {}, "recency outside [0, T]"),
    "null": ({"T": None}, {}, "missing or infinite T"),
    "missing column": ({"T": ...}, {}, "lacks the column 'T'"),
    "text": ({"T": "long"}, {}, "column 'T' has dtype object"),
    "horizon": ({}, {"horizon": 0}, "horizon"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_request_is_a_client_error_that_repeats_no_customers(ask, case):
    change, params, sentence = BAD[case]
    good = {"customer_id": "SECRET", "frequency": 2, "recency": 30, "T": 38, "monetary_value": 20}
    other = {
        "customer_id": "bad",
        **{key: value for key, value in (good | change).items() if key != "customer_id"},
    }
    rows = [{key: value for key, value in row.items() if value is not ...} for row in (good, other)]
    rows = [{key: row[key] for key in row if key in rows[1]} for row in rows]
    status, answer = ask({"dataframe_records": rows, "params": params})
    assert status == 400
    assert sentence in answer["message"]
    assert "SECRET" not in str(answer)


@pytest.mark.parametrize("body", [b"not json", b"[]", b"{}", b'{"dataframe_split": {}}'])
def test_what_is_no_request_is_a_client_error(ask, body):
    assert 400 <= ask(body)[0] < 500
