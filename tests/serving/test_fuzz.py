"""Requests invented from the OpenAPI document: never a 5xx, never nonsense with a 200, never an echo.

The document is fuzzed by schemathesis, with valid and with broken requests. Many more of them:
``CLVML_FUZZED=500 pytest -n0 tests/serving/test_fuzz.py``.
"""

import json
import math
import os

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks as openapi

MODES = list(schemathesis.GenerationMode)
PATHS = ["/score", "/invocations"]
EXAMPLES = int(os.environ.get("CLVML_FUZZED", "40"))
fuzzed = hypothesis.settings(
    max_examples=EXAMPLES,
    phases=[hypothesis.Phase.generate],
    suppress_health_check=list(HealthCheck),
    database=None,
)
# A row may break what JSON Schema cannot say (recency beyond T), and so be refused.
CHECKS = [
    not_a_server_error,
    openapi.status_code_conformance,
    openapi.content_type_conformance,
    openapi.response_schema_conformance,
    openapi.response_headers_conformance,
]


@pytest.fixture(scope="module")
def document(service):
    return schemathesis.openapi.from_dict(service.get("/openapi.json").json())


def numbers(value):
    """All numbers of a JSON value; a null among them is no number."""
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from numbers(each)
    elif value is None or isinstance(value, int | float):
        yield math.nan if value is None else value


def rows_in(body):
    """The customers of a JSON request that was accepted."""
    for name in ("rows", "dataframe_records"):
        if name in body:
            return len(body[name])
    if "dataframe_split" in body:
        return len(body["dataframe_split"]["data"])
    table = next(body[name] for name in ("columns", "inputs", "instances") if name in body)
    if isinstance(table, list):
        return len(table)
    column = next(iter(table.values()))
    return len(column) if isinstance(column, list) else 1


def rows_out(answer):
    table = next(answer[name] for name in ("rows", "columns", "predictions") if name in answer)
    return len(table) if isinstance(table, list) else len(next(iter(table.values())))


def texts(value):
    """The texts and numbers of a request that are long enough not to be in a sentence by chance."""
    if isinstance(value, dict | list):
        each = [*value.keys(), *value.values()] if isinstance(value, dict) else value
        for part in each:
            yield from texts(part)
    elif isinstance(value, str | int | float) and not isinstance(value, bool) and len(str(value)) > 5:
        yield str(value)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("path", PATHS)
def test_no_invented_request_breaks_the_service(service, document, path, mode):
    words = service.get("/openapi.json").text + service.get("/docs").text
    requests = document[path]["POST"].as_strategy(generation_mode=mode)

    @fuzzed
    @hypothesis.given(requests)
    def ask(case):
        response = case.call(base_url=service.address, timeout=30)
        case.validate_response(response, checks=CHECKS)
        body = response.request.body if isinstance(response.request.body, bytes) else b""
        if response.status_code == 200 and "json" in response.headers["content-type"]:
            assert all(map(math.isfinite, numbers(response.json())))
            if case.media_type == "application/json":
                assert rows_out(response.json()) == rows_in(json.loads(body))
        if response.status_code >= 400 and case.media_type == "application/json" and body:
            sent = [text for text in texts(case.body) if text not in words]
            assert not [text for text in sent if text in response.text]

    ask()


histories = st.fixed_dictionaries(
    {
        "frequency": st.integers(0, 10**6),
        "share": st.floats(0, 1),
        "T": st.floats(0, 10**7),
        "monetary_value": st.floats(0, 1e15),
    }
)
lengths = st.one_of(st.floats(0, 10**7, exclude_min=True), st.sampled_from(["1D", "12M", "99Y"]))


@hypothesis.settings(fuzzed, max_examples=2 * EXAMPLES)
@hypothesis.given(st.lists(histories, min_size=1, max_size=8), lengths, st.floats(0, 1))
def test_any_possible_history_gets_a_number_or_a_sentence(service, customers, horizon, rate):
    rows = []
    for place, customer in enumerate(customers):
        share, bought = customer.pop("share"), customer["frequency"] > 0
        rows.append(customer | {"customer_id": place, "recency": customer["T"] * share * bought})
    params = {"horizon": horizon, "annual_discount_rate": rate}
    answer = service.post("/score", {"rows": rows, "params": params})
    assert answer.status_code in (200, 422)
    if answer.status_code == 200:
        scores = answer.json()["rows"]
        assert [row["customer_id"] for row in scores] == list(range(len(rows)))
        assert all(value >= 0 and math.isfinite(value) for row in scores for value in row.values())
        assert all(row["probability_alive"] <= 1 for row in scores)
