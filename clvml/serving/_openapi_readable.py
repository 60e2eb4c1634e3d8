"""What the service says of itself: the paths that are read with GET, as parts of the OpenAPI document."""

from __future__ import annotations

from typing import Any, NamedTuple

from clvml.serving._answers import JSON

Schema = dict[str, Any]


class Readable(NamedTuple):
    """A path that is read with GET.

    Attributes
    ----------
    title, words : str
        What it is, and what else is to be said.
    answers : dict
        The media types of its answer, each with its schema.
    statuses : set of str
        The statuses of its answers, besides 401 where there is a token.
    refused : dict
        Answers that are not errors of the usual shape, by status.
    """

    title: str
    answers: Schema
    words: str = ""
    statuses: frozenset[str] = frozenset({"200", "500"})
    refused: Schema = {}  # noqa: RUF012 - never changed


def _object(properties: Schema, required: tuple[str, ...]) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def _text(description: str, *, null: bool = False) -> Schema:
    return {"type": ["string", "null"] if null else "string", "description": description}


_TEXT = {"text/plain": {"schema": {"type": "string"}}}
_LIVE = _object({"status": {"enum": ["live"], "description": "The process answers."}}, ("status",))
_READY = _object(
    {
        "status": {"enum": ["ready"], "description": "It takes requests."},
        "model": _text("The registered model, or the name of the folder."),
        "version": _text("Its version; empty for a folder."),
        "notice": _text("Why a newer version is not served, if that is so."),
    },
    ("status", "model", "version"),
)
_STOPPING = _object({"status": {"enum": ["stopping"], "description": "It will stop."}}, ("status",))
_MODEL = _object(
    {
        "model": _text("The registered model, or the name of the folder."),
        "version": _text("Its version; null for a folder.", null=True),
        "alias": _text("The alias that is followed; null if none is.", null=True),
        "tags": {"type": "object", "description": "Tags of the registered version."},
        "loaded_at": {"format": "date-time", **_text("When this version was loaded, ISO 8601 in UTC.")},
        "notice": _text("Why a newer version is not served, if that is so.", null=True),
        "segments": {
            "type": ["object", "null"],
            "description": "Model, version, alias and tags of the segments that are added, or null.",
        },
        "signature": {
            "type": "object",
            "description": "The columns of requests (inputs) and answers (outputs), the parameters with their"
            " defaults, and the time unit.",
        },
        "card": {
            "type": "object",
            "description": "What is known of the model: data, parameters, scores on the holdout.",
        },
    },
    ("model", "version", "alias", "tags", "loaded_at", "notice", "segments", "signature", "card"),
)

READABLE: dict[str, Readable] = {
    "/model": Readable(
        "The served model: version, signature, card",
        {JSON: {"schema": _MODEL}, "text/html": {"schema": {"type": "string"}}},
        "JSON, or a page for browsers.",
        frozenset({"200", "406", "500"}),
    ),
    "/live": Readable("Whether the process answers", {JSON: {"schema": _LIVE}}),
    "/ready": Readable(
        "Whether it takes requests",
        {JSON: {"schema": _READY}},
        "A load balancer sends requests while the status is 200.",
        refused={
            "503": {
                "description": "The service was told to stop, and still answers what is sent to it.",
                "content": {JSON: {"schema": _STOPPING}},
            }
        },
    ),
    "/metrics": Readable("Metrics for Prometheus", _TEXT),
    "/ping": Readable("Whether the process answers, for clients of MLflow", _TEXT),
    "/health": Readable("The same as /ping, as MLflow's server has both", _TEXT),
    "/version": Readable("MLflow's version, for its clients", _TEXT),
}
