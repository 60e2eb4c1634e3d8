"""Columns of a request as a table of customers: the one check that all formats go through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from clvml.customers._ids import CUSTOMER_ID
from clvml.serving._fields import Field, check_ids, check_levels, check_numbers, check_types
from clvml.serving._refusals import Refusal, invalid

Columns = Mapping[str, Any]


class Asked(NamedTuple):
    """A request that was read.

    Attributes
    ----------
    columns : dict
        Numbers as arrays, anything else as lists; ``customer_id`` among them if it was given.
    params : dict
        As given.
    ids : sequence or None
        The ids as they were given, for the answer.
    orient : {"rows", "columns"}
        The shape of the request, and so of an answer in JSON.
    """

    columns: dict[str, Any]
    params: dict[str, Any]
    ids: Sequence[Any] | None
    orient: str = "columns"


def check_names(names: Sequence[str], fields: Sequence[Field], *, strict: bool = True) -> list[Field]:
    """The fields of the given columns; raises a `Refusal` if one is missing or, if strict, unknown."""
    known = {field.name: field for field in fields}
    missing = [field.name for field in fields if field.required and field.name not in names]
    if missing:
        raise invalid(
            "missing_column", f"the column {missing[0]!r} is missing; {_takes(fields)}.", None, missing[0]
        )
    if strict and (unknown := sum(name not in known for name in names)):
        raise invalid("unknown_column", f"{unknown} of {len(names)} columns are unknown; {_takes(fields)}.")
    return [field for field in fields if field.name in names]


def check_rows(rows: int, most: int) -> None:
    """Refuse an empty table, and one with too many rows."""
    if rows > most:
        raise Refusal(413, "row_limit", f"a request may have at most {most:,} rows; split it.")
    if rows < 1:
        raise invalid("shape", "there are no rows; give at least one customer.")


def typed(fields: Sequence[Field], columns: Columns) -> dict[str, Any]:
    """Columns of Python values or arrays with the fields' types; raises a `Refusal`."""
    return {field.name: _typed(field, columns[field.name]) for field in fields}


def _typed(field: Field, values: Any) -> Any:
    if field.kind == "number":
        if not isinstance(values, np.ndarray):
            check_types(field, values)
            values = np.array(values, dtype=float)
        return check_numbers(field, values)
    if not isinstance(values, list):
        return values  # ids in Arrow, which were checked there
    check_types(field, values)
    if field.kind == "category":
        check_levels(field, values)
    if field.name == CUSTOMER_ID:
        check_ids(field, values)
    return values


def _takes(fields: Sequence[Field]) -> str:
    required = ", ".join(field.name for field in fields if field.required)
    optional = ", ".join(field.name for field in fields if not field.required)
    return f"the model takes {required}" + (f", and optionally {optional}" if optional else "")
