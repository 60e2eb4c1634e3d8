"""The OpenAPI document of the service, from the columns, bounds and parameters of the served model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clvml.customers._ids import CUSTOMER_ID
from clvml.customers._time_units import time_unit_of
from clvml.scoring._signature import Column
from clvml.serving._answers import JSON, OFFERED
from clvml.serving._arrow import FILE, PARQUET, STREAM
from clvml.serving._fields import LONGEST_ID, Field
from clvml.serving._guard import FREE
from clvml.serving._openapi_readable import READABLE
from clvml.serving._parameters import PARAMETERS
from clvml.serving._refusals import RULES
from clvml.serving._served import Served
from clvml.serving._settings import Settings

Schema = dict[str, Any]
BINARY = (STREAM, FILE, PARQUET)
_TYPES = {"number": "number", "integer": "integer", "boolean": "boolean", "text": "string"}
_KINDS = {
    "text": {"type": "string"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
}
_ERRORS = {
    400: "The body cannot be read.",
    401: "The bearer token is missing or wrong.",
    406: "No supported type is accepted.",
    408: "The body did not arrive in time.",
    413: "The body is too large, or has too many rows.",
    415: "The body is of an unsupported type.",
    422: "A row, a column or a parameter breaks a rule: row (from 0) and column say which.",
    500: "An unexpected error of the service.",
    503: "The queue is full: try again after the seconds in Retry-After.",
    504: "Scoring took too long.",
}
_WARNINGS = {
    "type": "array",
    "items": {"type": "string"},
    "description": "Sentences about the request as a whole, such as customers unlike those of the fit.",
}
_MAY_BE_NULL = ("next_purchase_in", "next_purchase_date")
_WORDS = {
    "clv": "Lifetime value over the horizon, discounted.",
    "expected_purchases": "Expected number of purchases over the horizon.",
    "expected_spend": "Expected spend per purchase.",
    "probability_alive": "Probability that the customer is still active.",
    "discounted_purchases": "Expected purchases, each discounted to today.",
    "segment": "Number of the segment, from 1, the most valuable.",
    "segment_name": "Name of the segment.",
    "value_class": "Class by current and predicted value: gold, platinum, iron or lead.",
    "stage": "Stage of the relationship, such as maturity or decline.",
    "reason": "Why the customer is in this stage.",
    "treatment": "The treatment of the plan for this segment and stage.",
    "what_to_do": "That treatment in words.",
    "value_at_risk": "Base of the budget, in money: the value still expected, or already at risk.",
    "budget": "The most that the treatment should cost for this customer, in money.",
    "buys_within_30_days": "Probability of a purchase within 30 days.",
    "buys_within_90_days": "Probability of a purchase within 90 days.",
    "next_purchase_in": "Time by which the probability of a purchase reaches one half; null if never.",
    "next_purchase_date": "The day of that, as an ISO date; null if no purchase is expected.",
    "historic_value": "Margin on the spend so far, the first purchase included.",
    "total_value": "Historic value and lifetime value.",
    "reasons": "What moves the value most, compared with the typical customer.",
    CUSTOMER_ID: "As in the request, if it was given.",
}


def openapi(served: Served, settings: Settings) -> Schema:
    """The document, in OpenAPI 3.1."""
    secured = settings.token is not None
    schemas = _schemas(served, settings)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"Scores of {served.version.name}",
            "version": served.version.number or "0",
            "description": _about(served, settings),
        },
        "paths": _paths(served, secured),
        "components": {
            "schemas": schemas,
            **({"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}} if secured else {}),
        },
        **({"security": [{"token": []}]} if secured else {}),
    }


def schema_of(field: Field) -> Schema:
    """The JSON Schema of one value of a column."""
    about = {"description": field.description}
    if field.kind == "category":
        return {"enum": list(field.levels), **about}
    if field.kind == "id":
        text = {"type": "string", "minLength": 1, "maxLength": LONGEST_ID}
        return {"anyOf": [text, {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1}], **about}
    if field.kind != "number":
        return {**_KINDS[field.kind], **about}
    kind = "integer" if field.whole else "number"
    return {"type": kind, "minimum": int(field.minimum), "maximum": int(field.maximum), **about}


def words_of_output(name: str) -> str:
    """What a column of the answer means."""
    return _WORDS.get(name, f"{name.replace('_', ' ').capitalize()}.")


def _schemas(served: Served, settings: Settings) -> Schema:
    fields, most = served.fields, settings.max_rows
    row = {field.name: schema_of(field) for field in fields}
    required = [field.name for field in fields if field.required]
    lists = {name: _list(schema, most) for name, schema in row.items()}
    customer = _object(row, required, example=served.examples[0])
    params = _object(_parameters(served), [])
    return {
        "Customer": customer,
        "Columns": {
            **_object(lists, required, example=columns_of(served.examples)),
            "description": "A list per column, all of the same length.",
        },
        "Parameters": params,
        "Rows": _request("rows", _list(_ref("Customer"), most), served.examples),
        "ColumnsOfCustomers": _request("columns", _ref("Columns"), columns_of(served.examples)),
        "Scores": _object(
            {c.name: _output(c) for c in (*served.outputs, *served.details)},
            [c.name for c in served.outputs[:-1]],
        ),
        "RowsOfScores": _answer("rows", {"type": "array", "items": _ref("Scores")}),
        "ColumnsOfScores": _answer(
            "columns",
            _object(
                {c.name: {"type": "array", "items": _output(c)} for c in (*served.outputs, *served.details)},
                [],
            ),
        ),
        "Error": {
            "type": "object",
            "required": ["detail", "rule"],
            "properties": {
                "detail": {"type": "string", "description": "A sentence; it counts rows from 1."},
                "rule": {"enum": list(RULES)},
                "row": {"type": "integer", "minimum": 0, "description": "The first such row, from 0."},
                "column": {"type": "string", "description": "The column concerned."},
                "error_code": {"type": "string", "description": "Of /invocations only."},
                "message": {"type": "string", "description": "Of /invocations only."},
            },
            "additionalProperties": False,
        },
        **_mlflow_schemas(row, required, most, served),
    }


def _mlflow_schemas(row: Schema, required: Sequence[str], most: int, served: Served) -> Schema:
    record = {"type": "object", "properties": row, "required": list(required)}
    records = _list(record, most)
    names = list(served.examples[0])
    split = {
        "type": "object",
        "required": ["columns", "data"],
        "properties": {
            "columns": {"type": "array", "items": {"type": "string"}, "minItems": 1},
            "data": {"type": "array", "items": {"type": "array"}, "minItems": 1, "maxItems": most},
            "index": {"type": "array"},
        },
        "additionalProperties": False,
        "example": {"columns": names, "data": [list(r.values()) for r in served.examples]},
    }
    shapes = {"dataframe_split": split, "dataframe_records": records, "inputs": records, "instances": records}
    return {
        "Invocation": {"oneOf": [_request(name, schema) for name, schema in shapes.items()]},
        "Predictions": _object(
            {
                "predictions": {
                    "type": "array",
                    "items": _ref("Scores"),
                    "description": "An object of scores per customer, in the order of the request.",
                },
                "warnings": _WARNINGS,
            },
            ["predictions"],
        ),
    }


def _paths(served: Served, secured: bool) -> Schema:
    query = [
        {"name": name, "in": "query", "required": False, "schema": schema}
        for name, schema in _parameters(served).items()
    ]
    binary = {"schema": {"type": "string", "format": "binary"}}
    scored = {"oneOf": [_ref("RowsOfScores"), _ref("ColumnsOfScores")]}
    score_body = {JSON: {"schema": {"oneOf": [_ref("Rows"), _ref("ColumnsOfCustomers")]}}}
    paths: Schema = {
        "/score": {
            "post": _operation(
                "Score customers",
                "Rows or columns in JSON, or a table in Arrow or Parquet, whose other columns are ignored."
                " The answer keeps the customers' order, and the form of the request unless Accept asks for"
                " another.",
                {JSON: {"schema": scored}, **dict.fromkeys(BINARY, binary)},
                {**score_body, **dict.fromkeys(BINARY, binary)},
                query,
            )
        },
        "/invocations": {
            "post": _operation(
                "Score customers, for clients of MLflow",
                "As `mlflow models serve`; columns that the model does not know are ignored.",
                {JSON: {"schema": _ref("Predictions")}},
                {JSON: {"schema": _ref("Invocation")}, "text/csv": {"schema": {"type": "string"}}},
            )
        },
    }
    invocations = paths["/invocations"]["post"]["responses"]
    invocations["400"]["description"] = f"{_ERRORS[400]} {invocations.pop('422')['description']}"
    for path, page in READABLE.items():
        described = _operation(page.title, page.words, page.answers)
        kept = page.statuses | (set() if path in FREE else {"401"})
        described["responses"] = {k: v for k, v in described["responses"].items() if k in kept} | page.refused
        if path in FREE:
            described["security"] = []
        paths[path] = {"get": described}
    return paths if secured else _without("401", paths)


def _operation(
    title: str, words: str, answers: Schema, body: Schema | None = None, parameters: Sequence[Schema] = ()
) -> Schema:
    error = {"content": {JSON: {"schema": _ref("Error")}}}
    responses = {"200": {"description": "The answer.", "content": answers}}
    responses |= {str(status): {"description": text, **error} for status, text in _ERRORS.items()}
    described: Schema = {"summary": title, "description": words, "responses": responses}
    if parameters:
        described["parameters"] = list(parameters)
    if body is not None:
        described["requestBody"] = {"required": True, "content": body}
    return described


def _without(status: str, paths: Schema) -> Schema:
    for path in paths.values():
        for operation in path.values():
            operation["responses"].pop(status, None)
    return paths


def _parameters(served: Served) -> Schema:
    """The schema of each parameter."""
    defaults = {p.name: f" Default: the model's own, {p.default:g}." for p in served.parameters}
    return {
        name: {**PARAMETERS[name].schema, "description": PARAMETERS[name].sentence + defaults.get(name, "")}
        for name in (*defaults, *served.switches, *served.statements)
    }


def _request(name: str, content: Schema, example: Any = None) -> Schema:
    described = _object({name: content, "params": _ref("Parameters")}, [name])
    return described if example is None else {**described, "example": {name: example}}


def _answer(name: str, content: Schema) -> Schema:
    about = {
        "model": {"type": "string", "description": "The registered model."},
        "version": {"type": "string", "description": "Its version that gave these scores."},
        "warnings": _WARNINGS,
    }
    return _object({name: content, **about}, [name, *about])


def _output(column: Column) -> Schema:
    kind: Any = _TYPES.get(column.kind)
    if kind and column.name in _MAY_BE_NULL:
        kind = [kind, "null"]
    return {**({"type": kind} if kind else {}), "description": words_of_output(column.name)}


def _object(properties: Schema, required: Sequence[str], **more: Any) -> Schema:
    rest = {"required": list(required)} if required else {}
    return {"type": "object", "properties": properties, "additionalProperties": False, **rest, **more}


def _list(items: Schema, most: int) -> Schema:
    return {"type": "array", "items": items, "minItems": 1, "maxItems": most}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def columns_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Rows as columns."""
    return {name: [row[name] for row in rows] for name in rows[0]}


def _about(served: Served, settings: Settings) -> str:
    unit = getattr(served.model, "time_unit_", None)
    times = "" if unit is None else f" Times are in {time_unit_of(unit).name}s."
    limits = f" At most {settings.max_rows:,} rows and {settings.max_body / 2**20:,.0f} MiB per request."
    kinds = ", ".join(OFFERED)
    return (
        f"Lifetime values or segments of customers by {served.version.title}.{times}{limits} Types: {kinds}."
    )
