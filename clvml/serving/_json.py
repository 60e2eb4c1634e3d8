"""Requests in JSON: rows or columns of ``/score``, and the four shapes of MLflow's ``/invocations``."""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections.abc import Sequence
from operator import itemgetter
from typing import Any

import orjson
import pandas as pd

from clvml.customers._ids import CUSTOMER_ID
from clvml.serving._fields import Field
from clvml.serving._refusals import Refusal, invalid, malformed
from clvml.serving._tables import Asked, check_names, check_rows, typed

SHAPES = ("rows", "columns")
MLFLOW_SHAPES = ("dataframe_split", "dataframe_records", "inputs", "instances")
_MISSING = ([""], ["", "NA", "NaN", "nan", "null", "None"])  # cells of text and of numbers
_KEY = re.compile(rb'"\s*:')


def read_json(body: bytes, fields: Sequence[Field], most: int) -> Asked:
    """``{"rows": [{...}]}`` or ``{"columns": {name: [...]}}``, with ``params`` beside."""
    given = parse(body)
    orient = _shape(given, SHAPES)
    content = given[orient]
    columns = _columns_of_rows(content, most) if orient == "rows" else _lists(content, "columns")
    return _asked(given, columns, fields, most, orient)


def read_invocation(body: bytes, fields: Sequence[Field], most: int) -> Asked:
    """The JSON of ``mlflow models serve``; columns that the model does not know are ignored, as there."""
    given = parse(body)
    shape = _shape(given, MLFLOW_SHAPES)
    columns = _columns_of_split(given[shape]) if shape == "dataframe_split" else _columns(given, shape, most)
    return _asked(given, columns, fields, most, "rows", strict=False)


def read_csv(body: bytes, fields: Sequence[Field], most: int) -> Asked:
    """A CSV file with a header; ids are text."""
    text = [field.name for field in fields if field.kind != "number"]
    try:
        table = pd.read_csv(
            io.BytesIO(body),
            dtype=dict.fromkeys(text, object),
            keep_default_na=False,
            na_values={field.name: _MISSING[field.kind == "number"] for field in fields},
            nrows=most + 1,
            index_col=False,
        )
    except (ValueError, OverflowError, pd.errors.ParserError):
        raise malformed("the body is not a CSV table in UTF-8 with a header.") from None
    kept = check_names(list(map(str, table)), fields, strict=False)
    check_rows(len(table), most)
    columns = {field.name: _cells(field, table[field.name]) for field in kept}
    return Asked(typed(kept, columns), {}, columns.get(CUSTOMER_ID), "rows")


def parse(body: bytes) -> dict[str, Any]:
    """A JSON object without duplicated keys; raises a `Refusal`."""
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise malformed(
            f"the body is not valid JSON (RFC 8259, UTF-8): see character {error.pos + 1}."
        ) from None
    if not isinstance(given, dict):
        raise invalid("shape", "the body must be a JSON object.")
    # Parsers keep the last of two equal keys. Each key has a colon, so if there are no more colons than keys,
    # none is duplicated; otherwise (a colon in a text) slower ways look closely.
    keys = _count_keys(given)
    if body.count(b":") > keys and sum(1 for _ in _KEY.finditer(body)) > keys:
        json.loads(body, object_pairs_hook=_without_duplicates)
    return given


def _count_keys(value: Any) -> int:
    """The number of keys of objects within objects and lists of objects, to the depth of a request."""
    if isinstance(value, dict):
        return len(value) + sum(map(_count_keys, value.values()))
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return sum(len(item) for item in value if isinstance(item, dict))
    return 0


def _without_duplicates(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) < len(pairs):
        raise Refusal(400, "duplicated_column", "a key is given twice in one JSON object.")


def _shape(given: dict[str, Any], shapes: Sequence[str]) -> str:
    found = [shape for shape in shapes if shape in given]
    if len(found) != 1 or set(given) - {*found, "params"}:
        names = ", ".join(shapes)
        raise invalid("shape", f"the body must have one of {names}, and optionally params; nothing else.")
    return found[0]


def _asked(
    given: dict[str, Any],
    columns: dict[str, Any],
    fields: Sequence[Field],
    most: int,
    orient: str,
    strict: bool = True,
) -> Asked:
    params = given.get("params", {})
    if not isinstance(params, dict):
        raise invalid("shape", "params must be a JSON object.")
    kept = check_names(list(columns), fields, strict=strict)
    check_rows(len(columns[kept[0].name]), most)
    return Asked(typed(kept, columns), params, columns.get(CUSTOMER_ID), orient)


def _columns_of_rows(rows: Any, most: int) -> dict[str, list[Any]]:
    if not isinstance(rows, list):
        raise invalid("shape", "the rows must be a list of JSON objects.")
    check_rows(len(rows), most)
    if set(map(type, rows)) != {dict}:
        place = next(place for place, row in enumerate(rows) if not isinstance(row, dict))
        raise invalid("shape", "it must be a JSON object.", place)
    names = list(rows[0])
    if set(map(len, rows)) == {len(names)} and names:
        with contextlib.suppress(KeyError):
            return {name: list(map(itemgetter(name), rows)) for name in names}
    place = next((place for place, row in enumerate(rows) if row.keys() != rows[0].keys()), 0)
    raise invalid("shape", "its columns are not those of the first row.", place)


def _lists(columns: Any, title: str) -> dict[str, list[Any]]:
    if not isinstance(columns, dict) or not columns or not all(isinstance(c, list) for c in columns.values()):
        raise invalid("shape", f"{title} must be a JSON object with a list for each column.")
    if len({len(column) for column in columns.values()}) > 1:
        raise invalid("shape", "all columns must have the same number of rows.")
    return columns


def _columns(given: dict[str, Any], shape: str, most: int) -> dict[str, list[Any]]:
    """The columns of records, or of ``inputs`` and ``instances``, which may be either."""
    content = given[shape]
    if shape != "dataframe_records" and isinstance(content, dict):
        one = {name: value if isinstance(value, list) else [value] for name, value in content.items()}
        return _lists(one, shape)
    return _columns_of_rows(content, most)


def _columns_of_split(split: Any) -> dict[str, list[Any]]:
    """``{"columns": [...], "data": [[...]]}``; an ``index`` is ignored."""
    rule = "dataframe_split must have columns (a list of names) and data (a list of rows of the same length)."
    if not isinstance(split, dict) or set(split) - {"columns", "data", "index"}:
        raise invalid("shape", rule)
    names, data = split.get("columns"), split.get("data")
    if not isinstance(names, list) or not isinstance(data, list) or set(map(type, names)) != {str}:
        raise invalid("shape", rule)
    if len(set(names)) < len(names):
        raise Refusal(400, "duplicated_column", "a column is given twice.")
    for place, row in enumerate(data):
        if not isinstance(row, list) or len(row) != len(names):
            raise invalid("shape", rule, place)
    return {name: [row[place] for row in data] for place, name in enumerate(names)}


def _cells(field: Field, column: pd.Series) -> list[Any]:
    """The cells of a CSV column as Python values; an empty one is None."""
    levels = (True, False) if field.kind == "boolean" else field.levels
    known = {str(level): level for level in levels}
    return [None if cell != cell else known.get(cell, cell) for cell in column.tolist()]
