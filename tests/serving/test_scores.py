"""The service answers with the model's own numbers, in every format, row by row."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from serving_formats import ARROW, FORMATS, ONE, stream

from clvml.lifetime_value import OUTLOOK, customer_outlook
from clvml.scoring import request_table


@pytest.fixture(scope="module")
def expected(value_model, cdnow):
    return value_model.predict_factors(cdnow)


def by_columns(frame):
    return {str(name): column.tolist() for name, column in frame.items()}


def test_rows_and_columns_in_json_get_the_models_numbers_to_the_last_bit(
    service, value_model, cdnow, expected
):
    table = request_table(value_model, cdnow)
    rows = service.post("/score", {"rows": table.to_dict("records")}).json()["rows"]
    columns = service.post("/score", {"columns": by_columns(table)}).json()["columns"]
    assert list(columns) == list(rows[0]) == [*expected, "customer_id"]
    for name in expected:
        assert columns[name] == [row[name] for row in rows] == expected[name].tolist()
    assert columns["customer_id"] == [row["customer_id"] for row in rows] == cdnow.index.tolist()


@pytest.mark.parametrize("kind", FORMATS)
def test_a_binary_table_is_answered_in_its_own_format(service, value_model, cdnow, expected, kind):
    write, read = FORMATS[kind]
    table = pa.Table.from_pandas(request_table(value_model, cdnow).assign(unused=1), preserve_index=False)
    answer = service.post("/score", write(table), kind)
    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
    scores = read(answer.content).to_pandas()
    assert scores.pop("customer_id").tolist() == cdnow.index.tolist()
    pd.testing.assert_frame_equal(scores, expected.reset_index(drop=True), check_exact=True)


@pytest.mark.parametrize("kind", FORMATS)
def test_accept_chooses_the_format_of_the_answer(service, kind):
    answer = service.post(
        "/score", {"rows": [ONE]}, headers={"accept": f"text/html, {kind};q=0.9, */*;q=0.1"}
    )
    assert answer.headers["content-type"] == kind
    assert FORMATS[kind][1](answer.content)["customer_id"].to_pylist() == ["00017"]
    write, _ = FORMATS[kind]
    answer = service.post(
        "/score",
        write(pa.table({k: [v] for k, v in ONE.items()})),
        kind,
        headers={"accept": "application/json"},
    )
    assert answer.json()["columns"]["customer_id"] == ["00017"]


NUMBERS = {
    "int8": lambda values: pa.array(map(int, values), pa.int8()),
    "decimal": lambda values: pa.array(map(int, values)).cast(pa.decimal128(30, 2)),
    "float32": lambda values: pa.array(map(float, values), pa.float32()),
    "dictionary": lambda values: pa.array(map(int, values), pa.int64()).dictionary_encode(),
}


@pytest.mark.parametrize("kind", NUMBERS)
def test_numbers_of_any_arrow_type_are_numbers(service, kind):
    plain = service.post("/score", {"rows": [ONE, ONE | {"customer_id": "b"}]}).json()["rows"]
    columns = {name: NUMBERS[kind]([ONE[name]] * 2) for name in ONE if name != "customer_id"}
    answer = service.post("/score", stream(pa.table(columns)), ARROW, headers={"accept": "application/json"})
    assert answer.json()["columns"]["clv"] == [row["clv"] for row in plain]


def test_ids_may_be_text_of_any_script_or_whole_numbers_and_come_back_as_they_were(service):
    ids = ["007", "7", 7, -(2**63), "Zoë", "客戶", "a,b", '"', "e\u0301", "NA", "🛒"]
    rows = [ONE | {"customer_id": each} for each in ids]
    answer = service.post("/score", {"rows": rows}).json()["rows"]
    assert [row["customer_id"] for row in answer] == ids
    without = {name: value for name, value in ONE.items() if name != "customer_id"}
    assert "customer_id" not in service.post("/score", {"rows": [without, without]}).json()["rows"][0]


def test_parameters_of_the_body_and_of_the_address_count(service, value_model, cdnow):
    columns = by_columns(request_table(value_model, cdnow.iloc[::50]))
    params = {"horizon": "24M", "annual_discount_rate": 0.05}
    expected = value_model.predict_factors(cdnow.iloc[::50], **params)["clv"].tolist()
    for answer in (
        service.post("/score", {"columns": columns, "params": params}),
        service.post("/score", {"columns": columns}, params=params),
        service.post(
            "/score",
            {"columns": columns, "params": {"horizon": "24M"}},
            params={"annual_discount_rate": "0.05"},
        ),
    ):
        assert answer.json()["columns"]["clv"] == expected


def test_times_in_days_are_converted_to_the_models_weeks(service):
    days = ONE | {"recency": 30 * 7, "T": 38 * 7, "time_unit": "D"}
    weeks, converted = (
        service.post("/score", {"rows": [row]}).json()["rows"][0]["clv"] for row in (ONE, days)
    )
    assert converted == weeks


SPLIT = {"columns": list(ONE), "data": [list(ONE.values())], "index": [5]}
SHAPES = {
    "dataframe_split": SPLIT,
    "dataframe_records": [ONE | {"unused": None}],
    "inputs": {name: [value] for name, value in ONE.items()},
    "instances": [ONE],
}


@pytest.mark.parametrize("shape", SHAPES)
def test_clients_of_mlflow_are_answered_as_by_its_server(service, value_model, shape):
    answer = service.post("/invocations", {shape: SHAPES[shape], "params": {"horizon": 39}})
    (row,) = answer.json()["predictions"]
    customer = pd.DataFrame([ONE]).set_index("customer_id").astype(float)
    assert row.pop("customer_id") == "00017"
    assert row == value_model.predict_factors(customer, horizon=39).iloc[0].to_dict()


def test_csv_keeps_the_zeros_of_ids(service):
    body = "customer_id,frequency,recency,T,monetary_value\n00017,2,30,38,20\nNA,0,0,38,0\n"
    rows = service.post("/invocations", body.encode(), "text/csv; charset=utf-8").json()["predictions"]
    assert [row["customer_id"] for row in rows] == ["00017", "NA"]
    assert rows[0] == service.post("/score", {"rows": [ONE]}).json()["rows"][0]


def test_segments_are_added_to_the_values(start, model_folder, groups_folder, value_model, groups, cdnow):
    expected = groups.assign(cdnow.join(value_model.predict_factors(cdnow)))
    with start(model_folder, segments=groups_folder) as both:
        columns = by_columns(cdnow[["frequency", "recency", "T", "monetary_value", "total_spend"]])
        answer = both.post("/score", {"columns": columns, "params": {"horizon": "1M"}}).json()["columns"]
        for name in expected:
            assert answer[name] == expected[name].tolist(), name
        clv = value_model.predict_factors(cdnow, horizon="1M")["clv"].tolist()
        assert answer["clv"] == clv  # at the horizon of the request; segments at the model's own
        one = ONE | {"total_spend": 60}
        (row,) = both.post("/invocations", {"inputs": [one]}).json()["predictions"]
        assert {"clv", "segment", "stage", "treatment"} <= set(row)


def test_the_examples_of_a_service_with_segments_are_answered(start, model_folder, groups_folder):
    """What the segments cannot do without is required, and so in the examples of ``/docs``."""
    with start(model_folder, segments=groups_folder) as both:
        schemas = both.get("/openapi.json").json()["components"]["schemas"]
        assert "total_spend" in schemas["Customer"]["required"]
        answer = both.post("/score", schemas["Rows"]["example"])
        assert (answer.status_code, len(answer.json()["rows"])) == (200, 3)


def test_segments_alone_are_served_too(start, groups_folder, groups, customers_with_values):
    table = request_table(groups, customers_with_values)
    with start(groups_folder) as alone:
        answer = alone.post("/score", {"columns": by_columns(table)}).json()["columns"]
        assert answer["segment"] == groups.assign(customers_with_values)["segment"].tolist()
        refused = alone.post("/score", {"columns": by_columns(table), "params": {"horizon": 1}})
        assert (refused.status_code, refused.json()["rule"]) == (422, "parameter")


def test_no_number_is_missing_or_infinite(service):
    hard = {"frequency": 1_000_000, "recency": 1e-300, "T": 1e300, "monetary_value": 1.7e308}
    answer = service.post("/score", {"rows": [hard]})
    if answer.status_code == 200:
        assert np.isfinite(list(answer.json()["rows"][0].values())).all()
    else:
        assert answer.status_code == 422


def test_details_are_added_where_asked_with_total_spend_of_the_request(service, value_model, cdnow):
    table = request_table(value_model, cdnow.head(50)).assign(
        total_spend=cdnow["total_spend"].to_numpy()[:50]
    )
    params = {"details": True, "observed_until": "1997-09-30"}
    answer = service.post("/score", {"columns": by_columns(table), "params": params}).json()["columns"]
    found = customer_outlook(value_model, cdnow.head(50), observed_until="1997-09-30")
    plain = service.post("/score", {"columns": by_columns(table)}).json()["columns"]
    assert list(answer) == [*list(plain)[:-1], *OUTLOOK, "customer_id"]
    for name in OUTLOOK:
        expected = [None if value != value else value for value in found[name].tolist()]
        assert answer[name] == expected, name
    assert None in answer["next_purchase_in"]
    one = service.post("/score?details=true", {"rows": [ONE]}).json()["rows"][0]
    assert "reasons" in one
    assert not {"historic_value", "next_purchase_date"} & set(one)  # neither total spend nor a date is known
    for wrong in ("yes", 1, None):
        refused = service.post("/score", {"rows": [ONE], "params": {"details": wrong}})
        assert (refused.status_code, refused.json()["column"]) == (422, "details")
