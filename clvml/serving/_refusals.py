"""Refused requests: a status, a rule and one sentence, never a value of the request.

The JSON of a refusal is ``{"detail": sentence, "rule": name}``, with ``row`` (from 0) and ``column`` where
one row or column broke the rule; the sentence counts rows from 1. Rules are a fixed vocabulary, so that
metrics can count them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clvml.errors import InputError, TimeUnitError

RULES = {
    "malformed": "the body cannot be parsed",
    "shape": "the body is well-formed, but not a table of customers",
    "unknown_column": "a column that the model does not know",
    "missing_column": "a required column is missing",
    "duplicated_column": "a column or key is given twice",
    "duplicated_id": "a customer_id is given twice",
    "type": "a value has another type",
    "bounds": "a value is out of bounds",
    "missing_value": "a value is missing",
    "category": "a category that the model does not know",
    "customers": "the customers break a rule of the model",
    "time_unit": "the times appear to be in another unit",
    "parameter": "a parameter is unknown or invalid",
    "body_limit": "the body is larger than --max-body",
    "row_limit": "there are more rows than --max-rows",
    "content_type": "the body is of an unsupported type",
    "accept": "no supported type is accepted",
    "token": "the bearer token is missing or wrong",
    "slow_body": "the body did not arrive in time",
    "busy": "the queue is full",
    "time_limit": "scoring took longer than --timeout",
    "not_found": "there is no such path",
    "method": "the path has no such method",
    "internal": "an error of the service",
}


class Refusal(Exception):
    """A request that is answered with an error.

    Parameters
    ----------
    status : int
        The HTTP status.
    rule : str
        One of `RULES`.
    detail : str
        A sentence without any value of the request.
    row : int, optional
        The first row that breaks the rule, from 0.
    column : str, optional
        The column that breaks it; a name that the service knows, not one from the request.
    headers : mapping, optional
        Further headers of the answer.
    """

    def __init__(
        self,
        status: int,
        rule: str,
        detail: str,
        *,
        row: int | None = None,
        column: str | None = None,
        headers: Mapping[str, str] | None = None,
    ):
        super().__init__(detail)
        self.status, self.rule, self.detail = status, rule, detail
        self.row, self.column, self.headers = row, column, dict(headers or {})

    def as_json(self) -> dict[str, Any]:
        """The JSON of the answer."""
        place = {"row": self.row, "column": self.column}
        return {"detail": self.detail, "rule": self.rule} | {k: v for k, v in place.items() if v is not None}


def invalid(rule: str, detail: str, row: int | None = None, column: str | None = None) -> Refusal:
    """A 422: the request can be read, and breaks a rule."""
    place = "" if row is None else f"row {row + 1}: "
    return Refusal(422, rule, place + detail, row=row, column=column)


def malformed(detail: str) -> Refusal:
    """A 400: the request cannot be read."""
    return Refusal(400, "malformed", detail)


def refusal_of(error: InputError) -> Refusal:
    """The refusal of customers who break a rule of clvml."""
    rule = "time_unit" if isinstance(error, TimeUnitError) else "customers"
    return Refusal(422, rule, str(error), row=error.row, column=error.column)
