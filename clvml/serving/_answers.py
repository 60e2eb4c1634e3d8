"""Scores as bodies of answers, and the choice of a format by the ``Accept`` header."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import orjson
import pandas as pd

from clvml.customers._ids import CUSTOMER_ID
from clvml.serving._arrow import FILE, PARQUET, STREAM, write_file, write_parquet, write_stream
from clvml.serving._refusals import Refusal

JSON = "application/json"
WRITERS: dict[str, Callable[[Mapping[str, Any]], bytes]] = {
    STREAM: write_stream,
    FILE: write_file,
    PARQUET: write_parquet,
}
OFFERED = (JSON, *WRITERS)


def columns_of_answer(scores: pd.DataFrame, ids: Sequence[Any] | None) -> dict[str, Any]:
    """The columns of an answer: arrays of numbers, lists of anything else; last the ids, as given."""
    columns = {str(name): _plain(scores[name]) for name in scores}
    return columns if ids is None else {**columns, CUSTOMER_ID: ids}


def in_json(columns: Mapping[str, Any], orient: str, rest: Mapping[str, Any]) -> bytes:
    """``{"rows": [...]}`` or ``{"columns": {...}}``, and what else is to be said."""
    return dumps({orient: rows_of(columns) if orient == "rows" else _listed(columns), **rest})


def rows_of(columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One object per row."""
    names = list(columns)
    lists = [c.tolist() if isinstance(c, np.ndarray) else c for c in _listed(columns).values()]
    return [dict(zip(names, row, strict=False)) for row in zip(*lists, strict=True)]


def _listed(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Ids that were read from Arrow as a list."""
    return {name: c.to_pylist() if hasattr(c, "to_pylist") else c for name, c in columns.items()}


def dumps(content: Any) -> bytes:
    """JSON in UTF-8; arrays are lists."""
    return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)


def chosen(accept: str | None, usual: str, offered: Sequence[str] = OFFERED) -> str:
    """The offered type that the client prefers; raises a `Refusal` (406) if it accepts none.

    Examples
    --------
    >>> chosen(None, JSON), chosen("text/html, */*;q=0.1", JSON), chosen(f"{JSON};q=0.5, {PARQUET}", JSON)
    ('application/json', 'application/json', 'application/vnd.apache.parquet')
    """
    if accept is None or not accept.strip():
        return usual
    weights = _weights(accept)
    best = max([usual, *offered], key=lambda kind: _weight(kind, weights))  # of equals the usual one
    if _weight(best, weights) <= 0:
        raise Refusal(406, "accept", f"the answer can be {', '.join(offered)}.")
    return best


def _weights(accept: str) -> dict[str, float]:
    weights = {}
    for part in accept.lower().split(","):
        kind, *options = (text.strip() for text in part.split(";"))
        weights[kind] = min((_quality(option) for option in options if option.startswith("q=")), default=1.0)
    return weights


def _quality(option: str) -> float:
    try:
        return float(option[2:])
    except ValueError:
        return 0.0


def _weight(kind: str, weights: Mapping[str, float]) -> float:
    """By the most specific pattern that matches."""
    patterns = (kind, f"{kind.partition('/')[0]}/*", "*/*")
    return next((weights[pattern] for pattern in patterns if pattern in weights), 0.0)


def _plain(column: pd.Series) -> Any:
    if column.dtype.kind in "fiub":
        return np.ascontiguousarray(column.to_numpy())
    return [None if value is pd.NA or value != value else value for value in column.tolist()]
