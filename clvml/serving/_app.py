"""The service as an ASGI application: routes, and what they ask of a model.

====================  ==============================================================================
``POST /score``       scores of customers: rows or columns in JSON, Arrow, Parquet
``POST /invocations`` the same for clients of MLflow
``GET /model``        what is served: version, signature, card (a page for browsers)
``GET /docs``         how to call it, for people; ``/openapi.json`` for machines
``GET /live``         the process answers;  ``GET /ready``: and takes requests
``GET /metrics``      Prometheus
``GET /ping, /health, /version``  as MLflow's server
====================  ==============================================================================
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from email.message import Message
from importlib.metadata import version as installed
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from clvml.serving._answers import JSON, WRITERS, chosen, columns_of_answer, dumps, in_json, rows_of
from clvml.serving._arrow import FILE, PARQUET, STREAM, read_file, read_parquet, read_stream
from clvml.serving._following import Following
from clvml.serving._gate import Gate
from clvml.serving._guard import Guard, error_response
from clvml.serving._json import read_csv, read_invocation, read_json
from clvml.serving._metrics import Metrics
from clvml.serving._openapi import openapi
from clvml.serving._pages import docs_page, model_page
from clvml.serving._parameters import from_query
from clvml.serving._refusals import Refusal, invalid
from clvml.serving._served import Scored, Served
from clvml.serving._settings import Settings
from clvml.serving._summary import summary_of
from clvml.serving._tables import Asked

CSV = "text/csv"
Read = Callable[..., Asked]
SCORE_READERS: dict[str, Read] = {
    JSON: read_json,
    STREAM: read_stream,
    FILE: read_file,
    PARQUET: read_parquet,
}
MLFLOW_READERS: dict[str, Read] = {JSON: read_invocation, CSV: read_csv}


def create_app(following: Following, metrics: Metrics, settings: Settings) -> FastAPI:
    """The service.

    Parameters
    ----------
    following : Following
        The served model.
    metrics : Metrics
        Those that ``following`` counts in.
    settings : Settings
        Limits and token.
    """
    gate = Gate(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        following.follow(settings.poll)
        yield
        following.stop()
        gate.close()

    app = FastAPI(
        title="clvml",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
    )
    app.state.draining = False
    app.add_middleware(Guard, metrics=metrics, settings=settings, state=app.state)
    app.add_exception_handler(Refusal, _refused(metrics))
    app.add_exception_handler(HTTPException, _refused(metrics))
    desk = Desk(following, gate, metrics, settings)
    app.post("/score")(desk.score)
    app.post("/invocations")(desk.invocations)
    _add_probes(app, following)
    _add_pages(app, following, metrics, settings)
    return app


class Desk:
    """Answers requests for scores."""

    def __init__(self, following: Following, gate: Gate, metrics: Metrics, settings: Settings):
        self._following, self._gate, self._metrics, self._settings = following, gate, metrics, settings

    async def score(self, request: Request) -> Response:
        """Score customers."""
        read = _reader(request, SCORE_READERS)
        usual = JSON if read is read_json else _content_type(request)
        kind = chosen(request.headers.get("accept"), usual)
        query = from_query(request.query_params.multi_items())

        def write(served: Served, orient: str, columns: Mapping[str, Any], warnings: Sequence[str]) -> bytes:
            if kind != JSON:
                return WRITERS[kind](columns)
            version = served.version
            about = {"model": version.name, "version": version.number, "warnings": warnings}
            return in_json(columns, orient, about)

        return await self._answer(request, read, query, kind, write)

    async def invocations(self, request: Request) -> Response:
        """Score customers, asked and answered as by MLflow's server."""
        read = _reader(request, MLFLOW_READERS)
        kind = chosen(request.headers.get("accept"), JSON, (JSON,))
        if request.query_params:
            raise invalid("parameter", "/invocations takes parameters in the body, as params.")

        def write(_: Served, __: str, columns: Mapping[str, Any], warnings: Sequence[str]) -> bytes:
            return dumps({"predictions": rows_of(columns)} | ({"warnings": warnings} if warnings else {}))

        return await self._answer(request, read, {}, kind, write)

    async def _answer(
        self, request: Request, read: Read, query: Mapping[str, Any], kind: str, write: Callable[..., bytes]
    ) -> Response:
        with self._gate.admit() as place:
            body = await place.body(request.stream(), request.headers.get("content-length"))
            served = self._following.served
            content, scored = await place.compute(self._work, served, body, read, query, write)
        request.scope["clvml.rows"] = len(scored.scores)
        headers = {"clvml-model-version": served.version.number or "folder"}
        if scored.warnings:
            headers["clvml-warnings"] = json.dumps(scored.warnings)  # in ASCII, for tables in binary
        return Response(content, media_type=kind, headers=headers)

    def _work(
        self, served: Served, body: bytes, read: Read, query: Mapping[str, Any], write: Callable[..., bytes]
    ) -> tuple[bytes, Scored]:
        """All that costs CPU time, in one thread."""
        asked = read(body, served.fields, self._settings.max_rows)
        if set(asked.params) & set(query):
            raise invalid("parameter", "a parameter is given twice: in the body and in the address.")
        started = time.perf_counter()
        scored = served.score(asked._replace(params={**asked.params, **query}))
        self._metrics.scoring.observe(time.perf_counter() - started)
        self._metrics.rows.inc(len(scored.scores))
        columns = columns_of_answer(scored.scores, asked.ids)
        return write(served, asked.orient, columns, scored.warnings), scored


def _add_probes(app: FastAPI, following: Following) -> None:
    async def live() -> Response:
        return _json({"status": "live"})

    async def ready() -> Response:
        if app.state.draining:
            return _json({"status": "stopping"}, 503, {"retry-after": "1"})
        notice = {"notice": following.notice} if following.notice else {}
        version = following.served.version
        return _json({"status": "ready", "model": version.name, "version": version.number, **notice})

    async def ping() -> Response:
        return Response("\n", media_type="text/plain")

    async def version() -> Response:
        return Response(installed("mlflow"), media_type="text/plain")

    app.get("/live")(live)
    app.get("/ready")(ready)
    for path in ("/ping", "/health"):
        app.get(path)(ping)
    app.get("/version")(version)


def _add_pages(app: FastAPI, following: Following, metrics: Metrics, settings: Settings) -> None:
    async def schema() -> Response:
        return _json(openapi(following.served, settings))

    async def docs() -> Response:
        return _page(docs_page(following.served, settings))

    async def model(request: Request) -> Response:
        kind = chosen(request.headers.get("accept"), JSON, (JSON, "text/html"))
        summary = summary_of(following)
        return _json(summary) if kind == JSON else _page(model_page(summary, following.served))

    async def prometheus() -> Response:
        return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    app.get("/openapi.json")(schema)
    app.get("/")(docs)
    app.get("/docs")(docs)
    app.get("/model")(model)
    app.get("/metrics")(prometheus)


def _reader(request: Request, readers: Mapping[str, Read]) -> Read:
    """The reader of the content type; raises a `Refusal` (415) if there is none."""
    if request.headers.get("content-encoding", "identity").strip().lower() not in ("identity", ""):
        raise Refusal(415, "content_type", "send the body without a content encoding.")
    kind = _content_type(request)
    if kind not in readers:
        raise Refusal(415, "content_type", f"the body must be {' or '.join(readers)}.")
    return readers[kind]


def _content_type(request: Request) -> str:
    """The content type without parameters; a charset other than UTF-8 makes it an unknown one."""
    header = Message()
    header["content-type"] = request.headers.get("content-type", "")
    charset = str(header.get_param("charset", "utf-8")).lower()
    given = header.get_content_type() if request.headers.get("content-type") else ""
    return given if charset in ("utf-8", "utf8", "us-ascii") else ""


def _refused(metrics: Metrics) -> Any:
    async def answer(request: Request, error: Exception) -> Response:
        refusal = error if isinstance(error, Refusal) else _of_http(error)
        metrics.refusals.labels(refusal.rule).inc()
        return error_response(refusal, mlflow=request.url.path == "/invocations")

    return answer


def _of_http(error: Any) -> Refusal:
    if error.status_code == 405:
        return Refusal(405, "method", "this path has no such method.", headers=error.headers)
    return Refusal(404, "not_found", "there is no such path; /docs lists them.")


def _json(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(dumps(content), status, headers, JSON)


def _page(html: str) -> Response:
    policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
    return Response(html, media_type="text/html", headers={"content-security-policy": policy})
