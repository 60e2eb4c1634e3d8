"""What is served, as plain JSON values: the answer of ``GET /model``."""

from __future__ import annotations

from typing import Any

from clvml.serving._following import Following
from clvml.serving._openapi import schema_of, words_of_output
from clvml.serving._served import Served, Version


def summary_of(following: Following) -> dict[str, Any]:
    """The served version, its signature and its card."""
    served = following.served
    return {
        **_of_version(served.version),
        "loaded_at": served.loaded_at.isoformat(timespec="seconds"),
        "notice": following.notice or None,
        "segments": None if served.segments_version is None else _of_version(served.segments_version),
        "signature": _signature(served),
        "card": served.card.as_dict(),
    }


def _of_version(version: Version) -> dict[str, Any]:
    return {
        "model": version.name,
        "version": version.number or None,
        "alias": version.alias or None,
        "tags": dict(version.tags),
    }


def _signature(served: Served) -> dict[str, Any]:
    return {
        "inputs": [
            {"name": field.name, "required": field.required, "schema": schema_of(field)}
            for field in served.fields
        ],
        "outputs": [
            {"name": c.name, "kind": c.kind, "description": words_of_output(c.name)} for c in served.outputs
        ],
        "parameters": {parameter.name: parameter.default for parameter in served.parameters},
        "time_unit": getattr(served.model, "time_unit_", None),
    }
