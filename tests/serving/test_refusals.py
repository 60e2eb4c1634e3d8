"""Whatever is sent, a refusal says the rule and the place, and repeats nothing of it."""

import gzip
import json
import re
import socket
import struct
import time

import pyarrow as pa
import pytest
from serving_formats import ARROW, FEATHER, FORMATS, ONE, PARQUET, parquet, stream

from clvml.serving import Settings

SECRET = "SECRET"
JSON = "application/json"


def rows(*changes):
    """Good customers, each with a change; ``...`` removes a column."""
    changed = [{**ONE, "customer_id": f"{SECRET}-{place}", **change} for place, change in enumerate(changes)]
    return {"rows": [{k: v for k, v in row.items() if v is not ...} for row in changed]}


RULES = {
    "negative number": (rows({}, {"T": -98765.25}), 422, "bounds", 1, "T"),
    "fraction": (rows({}, {}, {"frequency": 98765.25}), 422, "bounds", 2, "frequency"),
    "implausible count": (rows({"frequency": 98765250}), 422, "bounds", 0, "frequency"),
    "text": (rows({}, {"T": SECRET}), 422, "type", 1, "T"),
    "number as text": (rows({"T": "98765.25"}), 422, "type", 0, "T"),
    "boolean": (rows({"frequency": True}), 422, "type", 0, "frequency"),
    "list": (rows({"T": [98765.25]}), 422, "type", 0, "T"),
    "null": (rows({}, {"monetary_value": None}), 422, "missing_value", 1, "monetary_value"),
    "empty id": (rows({}, {"customer_id": " "}), 422, "missing_value", 1, "customer_id"),
    "padded word": (rows({}, {"customer_id": "     null"}), 422, "missing_value", 1, "customer_id"),
    "null id": (rows({}, {"customer_id": None}), 422, "missing_value", 1, "customer_id"),
    "long id": (rows({"customer_id": SECRET * 99}), 422, "bounds", 0, "customer_id"),
    "id of another type": (rows({"customer_id": {SECRET: 1}}), 422, "type", 0, "customer_id"),
    "unknown column": (rows({SECRET: 98765.25}), 422, "unknown_column", None, None),
    "missing column": (rows({"T": ...}), 422, "missing_column", None, "T"),
    "other columns in a row": (rows({}, {"T": ...}), 422, "shape", 1, None),
    "unknown unit": (rows({"time_unit": SECRET}), 422, "category", 0, "time_unit"),
    "recency beyond T": (rows({}, {"recency": 38.765}), 422, "customers", 1, ...),
    "duplicated id": (rows({}, {"customer_id": f"{SECRET}-0"}), 422, "duplicated_id", 1, "customer_id"),
    "no rows": ({"rows": []}, 422, "shape", None, None),
    "a row that is none": ({"rows": [ONE, SECRET]}, 422, "shape", 1, None),
    "no table": ([SECRET], 422, "shape", None, None),
    "two tables": (rows({}) | {"columns": {}}, 422, "shape", None, None),
    "something else": (rows({}) | {SECRET: 1}, 422, "shape", None, None),
    "columns of unequal length": (
        {"columns": {"T": [1], "frequency": [SECRET, 2]}},
        422,
        "shape",
        None,
        None,
    ),
    "unknown parameter": (rows({}) | {"params": {SECRET: 1}}, 422, "parameter", None, None),
    "parameters": (rows({}) | {"params": [SECRET]}, 422, "shape", None, None),
    **{
        f"horizon {value!r}": (rows({}) | {"params": {"horizon": value}}, 422, "parameter", None, "horizon")
        for value in (0, -1, 98765250, True, None, SECRET, "12X", [1], {"a": 1}, "nan", "Infinity")
    },
    **{
        f"rate {value!r}": (
            *(rows({}) | {"params": {"annual_discount_rate": value}}, 422),
            *("parameter", None, "annual_discount_rate"),
        )
        for value in (12, -0.5, SECRET, None, False)
    },
}


def assert_says_nothing(answer):
    sent = (SECRET, "98765.25", "98765250", "38.765")
    for text in (answer.text, str(answer.headers)):
        assert not [value for value in sent if value in text], text


@pytest.mark.parametrize("case", RULES)
def test_a_refusal_has_the_rule_and_the_place_and_no_value(service, case):
    body, status, rule, row, column = RULES[case]
    answer = service.post("/score", body)
    found = answer.json()
    assert (answer.status_code, found["rule"]) == (status, rule), found
    assert row is ... or found.get("row") == row
    assert column is ... or found.get("column") == column
    if found.get("row") is not None:
        assert f"row {found['row'] + 1}" in found["detail"]
    assert_says_nothing(answer)


# MLflow's server ignores further columns.
RECORDS = [
    case
    for case, (body, _, rule, *_) in RULES.items()
    if set(body) <= {"rows", "params"} and rule != "unknown_column"
]


@pytest.mark.parametrize("case", RECORDS)
def test_mlflows_records_obey_the_same_rules(service, case):
    body = RULES[case][0]
    answer = service.post(
        "/invocations", {"dataframe_records": body["rows"], "params": body.get("params", {})}
    )
    assert answer.status_code == 400
    assert answer.json()["error_code"] == "BAD_REQUEST"
    assert answer.json()["message"] == answer.json()["detail"]
    assert_says_nothing(answer)


MALFORMED = {
    "no JSON": b"SECRET",
    "empty": b"",
    "truncated": b'{"rows": [{"T": 98765.25',
    "NaN": b'{"rows": [{"T": NaN}]}',
    "Infinity": b'{"rows": [{"T": -Infinity}]}',
    "beyond a double": b'{"rows": [{"T": 1e400}]}',
    "nested deeply": b'{"rows": ' + b"[" * 100_000,
    "nested deeply and closed": b'{"rows": ' + b'{"a":' * 5000 + b"1" + b"}" * 5001,
    "half a character": b'{"rows": [{"customer_id": "\\ud800"}]}',
    "not UTF-8": '{"rows": [{"customer_id": "SECRETé"}]}'.encode("latin-1"),
    "a byte order mark": b'\xef\xbb\xbf{"rows": []}',
    "a key twice": json.dumps(rows({})).replace('"T"', '"T": 1, "T"').encode(),
    "a key twice at the top": b'{"rows": [{}], "rows": [{}], "params": {}}',
}


@pytest.mark.parametrize("case", MALFORMED)
def test_what_is_not_json_is_a_client_error(service, case):
    for path in ("/score", "/invocations"):
        answer = service.post(path, MALFORMED[case])
        assert answer.status_code == 400, answer.text
        assert answer.json()["rule"] in ("malformed", "duplicated_column")
        assert_says_nothing(answer)


def test_a_colon_in_a_text_is_no_duplicated_key(service):
    for each in ('a": b', 'x":', ":", '"', '\\": "T": 1'):
        assert service.post("/score", {"rows": [ONE | {"customer_id": each}]}).status_code == 200


TABLE = pa.table({name: [value, value] for name, value in ONE.items() if name != "customer_id"})


def with_column(name, values):
    if name in TABLE.column_names:
        return TABLE.set_column(TABLE.column_names.index(name), name, pa.array(values))
    return TABLE.append_column(name, pa.array(values))


TABLES = {
    "nested": (with_column("T", [[1.0], [2.0]]), "type"),
    "a struct": (with_column("T", [{"a": SECRET}, {"a": "b"}]), "type"),
    "dates": (with_column("T", [0, 1]).set_column(2, "T", pa.array([0, 1], pa.date32())), "type"),
    "text": (with_column("T", [SECRET, "2"]), "type"),
    "booleans": (with_column("frequency", [True, False]), "type"),
    "a gap": (with_column("T", [38.0, None]), "missing_value"),
    "not a number": (with_column("T", [38.0, float("nan")]), "bounds"),
    "infinite": (with_column("T", [38.0, float("inf")]), "bounds"),
    "negative": (with_column("T", [38.0, -98765.25]), "bounds"),
    "lists as ids": (with_column("customer_id", [[SECRET], ["b"]]), "type"),
    "bytes as ids": (with_column("customer_id", [SECRET.encode(), b"b"]), "type"),
    "long ids": (with_column("customer_id", [SECRET * 9999, "b"]), "bounds"),
    "a missing column": (TABLE.drop_columns("T"), "missing_column"),
    "no rows": (TABLE.slice(0, 0), "shape"),
}


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("case", TABLES)
def test_arrow_and_parquet_obey_the_same_rules(service, case, kind):
    table, rule = TABLES[case]
    answer = service.post("/score", FORMATS[kind][0](table), kind)
    assert (answer.status_code, answer.json()["rule"]) == (422, rule), answer.text
    if case in ("a gap", "not a number", "infinite", "negative"):
        assert (answer.json()["row"], answer.json()["column"]) == (1, "T")
    assert_says_nothing(answer)


@pytest.mark.parametrize("kind", [ARROW, FEATHER])
def test_a_column_that_is_given_twice_is_refused(service, kind):
    twice = pa.Table.from_arrays([*TABLE.columns, TABLE["T"]], [*TABLE.column_names, "T"])
    answer = service.post("/score", FORMATS[kind][0](twice), kind)
    assert (answer.status_code, answer.json()["rule"]) == (400, "duplicated_column")


@pytest.mark.parametrize("kind", FORMATS)
def test_damaged_binary_tables_are_client_errors_and_the_service_lives(service, kind):
    good = FORMATS[kind][0](TABLE)
    for damaged in (b"", b"SECRET", good[:-9], good[: len(good) // 2], good[5:], b"\xff" * 64, good[::-1]):
        assert service.post("/score", damaged, kind).status_code in (400, 422)
    for place in range(0, len(good), 7):
        flipped = good[:place] + bytes([good[place] ^ 0x5A]) + good[place + 1 :]
        answer = service.post("/score", flipped, kind, headers={"accept": JSON})
        assert answer.status_code in (200, 400, 413, 422), answer.text
    assert service.get("/ready").status_code == 200


@pytest.mark.parametrize(
    ("path", "kind", "status"),
    [
        ("/score", "text/plain", 415),
        ("/score", "text/csv", 415),
        ("/score", "", 415),
        ("/score", "SECRET", 415),
        ("/score", "application/json; charset=latin-1", 415),
        ("/score", "application/json; charset=UTF-8", 200),
        ("/score", "Application/JSON", 200),
        ("/invocations", PARQUET, 415),
    ],
)
def test_other_content_types_are_refused(service, path, kind, status):
    answer = service.post(path, json.dumps(rows({})).encode(), kind)
    assert answer.status_code == status
    if status == 415:
        assert_says_nothing(answer)


def test_compressed_bodies_are_refused_unread(service):
    bomb = gzip.compress(b" " * 10_000_000)
    answer = service.post("/score", bomb, headers={"content-encoding": "gzip"})
    assert (answer.status_code, answer.json()["rule"]) == (415, "content_type")


def test_an_answer_that_nobody_accepts_is_refused(service):
    for accept in ("text/html", "application/json;q=0", "image/*, text/*", "SECRET"):
        answer = service.post("/score", rows({}), headers={"accept": accept})
        assert (answer.status_code, answer.json()["rule"]) == (406, "accept")
        assert_says_nothing(answer)
    assert service.post("/score", rows({}), headers={"accept": "application/*"}).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("get", "/score", 405), ("post", "/SECRET", 404), ("get", "/score/SECRET", 404)],
)
def test_other_paths_and_methods_are_json_too(service, method, path, status):
    answer = getattr(service, method)(path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, JSON)
    assert_says_nothing(answer)
    if status == 405:
        assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize(
    "query",
    [
        "SECRET=1",
        "horizon=1&horizon=2",
        "horizon=SECRET",
        "horizon=",
        "annual_discount_rate=1_0",
        "horizon=1%00",
    ],
)
def test_parameters_in_the_address_are_strict(service, query):
    answer = service.post(f"/score?{query}", rows({}))
    assert (answer.status_code, answer.json()["rule"]) == (422, "parameter")
    assert_says_nothing(answer)


def test_a_parameter_in_both_places_is_refused(service):
    answer = service.post("/score?horizon=1", rows({}) | {"params": {"horizon": 1}})
    assert answer.json()["rule"] == "parameter"


def test_limits_of_rows_and_bytes_are_kept(start, model_folder):
    with start(model_folder, Settings(max_rows=3, max_body=4000)) as small:
        assert small.post("/score", rows({}, {}, {})).status_code == 200
        for body, kind in (
            (json.dumps(rows({}, {}, {}, {})).encode(), JSON),
            *((FORMATS[k][0](pa.concat_tables([TABLE] * 2)), k) for k in FORMATS),
        ):
            answer = small.post("/score", body, kind)
            assert (answer.status_code, answer.json()["rule"]) == (413, "row_limit"), kind
        csv = b"frequency,recency,T,monetary_value\n" + b"0,0,1,0\n" * 4
        assert small.post("/invocations", csv, "text/csv").status_code == 413
        answer = small.post("/score", b" " * 4001)
        assert (answer.status_code, answer.json()["rule"]) == (413, "body_limit")
        assert small.post("/score", b" " * 4000).status_code == 400


def talk(port, *parts, pause=0.0):
    """Send bytes on a socket and return all that is answered."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        for part in parts:
            connection.sendall(part)
            time.sleep(pause)
        received = b""
        while b"\r\n\r\n" not in received or b"}" not in received:
            chunk = connection.recv(65536)
            if not chunk:
                break
            received += chunk
    return received.decode()


def test_a_chunked_body_is_counted_as_it_comes(start, model_folder):
    head = b"POST /score HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    head += b"transfer-encoding: chunked\r\n\r\n"
    with start(model_folder, Settings(max_body=1000)) as small:
        chunk = b"400\r\n" + b" " * 0x400 + b"\r\n"
        assert talk(small.port, head, chunk, chunk, b"0\r\n\r\n").startswith("HTTP/1.1 413")
        endless = talk(small.port, head, *[chunk] * 4)  # without an end
        assert endless.startswith("HTTP/1.1 413")
        assert "connection: close" in endless
        announced = head.replace(b"transfer-encoding: chunked", b"content-length: 99999999999")
        assert talk(small.port, announced).startswith("HTTP/1.1 413")


def test_a_slow_client_is_cut_off_and_disturbs_nobody(start, model_folder):
    head = b"POST /score HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n"
    with start(model_folder, Settings(timeout=0.5, queue=2)) as quick:
        slow = socket.create_connection(("127.0.0.1", quick.port), timeout=20)
        slow.sendall(head + b"{")
        assert quick.post("/score", rows({})).status_code == 200
        assert slow.recv(65536).startswith(b"HTTP/1.1 408")
        slow.close()


def test_headers_are_neither_echoed_nor_split(service):
    for header in (
        b"x-a: SECRET\r\n",
        b"accept: SECRET\r\n",
        b"content-type: a\x01SECRET\r\n",
        b"authorization: SECRET\r\n",
    ):
        answer = talk(
            service.port,
            b"POST /SECRET%0d%0aset-cookie:a=b HTTP/1.1\r\nhost: SECRET\r\n"
            + header
            + b"content-length: 0\r\n\r\n",
        )
        assert re.match(r"HTTP/1\.1 4\d\d", answer)
        assert SECRET not in answer
        assert "set-cookie" not in answer


def test_what_is_no_http_is_refused(service):
    answer = talk(service.port, struct.pack(">4I", 1, 2, 3, 4) + b"SECRET\r\n\r\n")
    assert SECRET not in answer
    assert service.get("/live").status_code == 200


def test_a_parquet_file_that_would_fill_the_memory_is_refused(service):
    """A megabyte of text that a dictionary repeats in each of 50,000 rows."""
    n = 50_000
    ids = pa.DictionaryArray.from_arrays(pa.array([0] * n, pa.int32()), pa.array(["x" * 1_000_000]))
    table = pa.table({"customer_id": ids, **{name: [ONE[name]] * n for name in TABLE.column_names}})
    for kind, body in ((PARQUET, parquet(table)), (ARROW, stream(table))):
        answer = service.post("/score", body, kind)
        assert (answer.status_code, answer.json()["column"]) == (422, "customer_id")
