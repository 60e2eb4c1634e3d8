"""What ``mlflow models serve`` answers is what the estimator says, to the last bit."""

import io

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


def test_another_time_unit_is_converted_by_a_parameter_or_a_column(ask, value_model, some):
    days = request_table(value_model, some)
    days[["recency", "T"]] = (days[["recency", "T"]] * 7).round()
    expected = value_model.predict(some).tolist()
    split = days.to_dict(orient="split", index=False)
    status, answers = ask({"dataframe_split": split, "params": {"time_unit": "D"}})
    assert status == 200
    assert answers_by_name(answers)["clv"] == expected
    records = days.assign(time_unit="D").to_dict(orient="records")
    assert answers_by_name(ask({"dataframe_records": records})[1])["clv"] == expected
    status, answer = ask({"dataframe_split": split})
    assert (status, "they appear to be in days" in answer["message"]) == (400, True)
    assert ask({"dataframe_split": split, "params": {"time_unit": "hours"}})[0] == 400
    assert ask({"dataframe_split": split, "params": {"time_unit": None}})[0] == 400


def test_a_questionable_request_is_answered_with_a_warning_in_its_last_column(ask):
    good = {"customer_id": "a", "frequency": 2, "recency": 30, "T": 38, "monetary_value": 20}
    plain = ask({"dataframe_records": [good]})[1]["predictions"][0]
    assert "warning" not in plain
    (answer,) = ask({"dataframe_records": [good | {"T": 60}]})[1]["predictions"]
    assert list(answer) == [*plain, "warning"]
    assert answer["warning"].startswith("1 of 1 rows have T beyond 38.86 weeks, the longest in the fit")


def test_parquet_keeps_ids_of_any_type_and_csv_which_cannot_is_refused_without_its_rows(
    ask, value_model, some
):
    table = request_table(value_model, some).assign(
        customer_id=lambda t: t["customer_id"].astype(str).str.zfill(9)
    )
    buffer = io.BytesIO()
    table.to_parquet(buffer)
    status, answers = ask(buffer.getvalue(), "application/vnd.apache.parquet")
    assert status == 200
    assert answers_by_name(answers)["customer_id"] == table["customer_id"].tolist()
    assert answers_by_name(answers)["clv"] == value_model.predict(some).tolist()
    secret = table.assign(customer_id="SECRET")
    status, answer = ask(secret.to_csv(index=False).encode(), "text/csv")
    assert status == 400
    assert "SECRET" not in str(answer)


@pytest.mark.parametrize("rate", [12, -1, "ten", True, None, [0.1]])
def test_an_absurd_parameter_is_a_client_error(ask, some, value_model, rate):
    records = request_table(value_model, some.head(1)).to_dict(orient="records")
    assert ask({"dataframe_records": records, "params": {"annual_discount_rate": rate}})[0] == 400
