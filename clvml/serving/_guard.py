"""What surrounds each request: the token, metrics, the access log, and the last resort for an error.

The log has the method, the route (never the path as it was sent, which may name a customer), the status, the
time and the number of rows; of an unexpected error its type and place in the code, never its message.
"""

from __future__ import annotations

import hmac
import logging
import time
import traceback
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clvml.serving._answers import JSON, dumps
from clvml.serving._metrics import Metrics
from clvml.serving._refusals import Refusal
from clvml.serving._settings import Settings

log = logging.getLogger("clvml.serving.access")

FREE = ("/live", "/ready", "/ping", "/health")  # of the token: probes of an orchestrator have none
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class Guard:
    """ASGI middleware around the whole service."""

    def __init__(self, app: ASGIApp, metrics: Metrics, settings: Settings, state: Any):
        self._app, self._metrics, self._state = app, metrics, state
        self._expected = None if settings.token is None else f"Bearer {settings.token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._complete(MutableHeaders(scope=message), status)
            await send(message)

        self._metrics.in_flight.inc()
        try:
            await self._answer(scope, receive, sending, lambda: status)
        finally:
            self._metrics.in_flight.dec()
            self._note(scope, status, time.perf_counter() - started)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, status: Any) -> None:
        if not self._is_allowed(scope):
            self._metrics.refusals.labels("token").inc()
            detail = "send the bearer token of the service: Authorization: Bearer <token>."
            refusal = Refusal(401, "token", detail, headers={"www-authenticate": "Bearer"})
            await error_response(refusal)(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        except ClientDisconnect:
            return
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            log.error("%s in %s, line %s", type(error).__name__, place.filename, place.lineno)
            if not status():
                self._metrics.refusals.labels("internal").inc()
                detail = "an unexpected error of the service; its log has the place."
                await error_response(Refusal(500, "internal", detail))(scope, receive, send)

    def _is_allowed(self, scope: Scope) -> bool:
        if self._expected is None or scope["path"] in FREE:
            return True
        given = Headers(scope=scope).get("authorization", "").encode("latin-1")
        scheme, _, token = given.partition(b" ")
        return hmac.compare_digest(scheme.capitalize() + b" " + token.strip(), self._expected)

    def _complete(self, headers: MutableHeaders, status: int) -> None:
        headers["cache-control"] = "no-store"
        headers["x-content-type-options"] = "nosniff"
        if self._state.draining or status in (401, 408, 413):
            headers["connection"] = "close"

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "unknown")
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        self._metrics.requests.labels(route, status or "disconnected").inc()
        self._metrics.seconds.labels(route).observe(seconds)
        rows = scope.get("clvml.rows")
        log.info(
            "%s %s %s %.1f ms%s",
            method,
            route,
            status or "disconnected",
            seconds * 1e3,
            "" if rows is None else f" {rows} rows",
        )


def error_response(refusal: Refusal, mlflow: bool = False) -> Response:
    """The answer to a refused request; for clients of MLflow a 400 with its two keys as well."""
    content = refusal.as_json()
    status = refusal.status
    if mlflow:
        status = 400 if status == 422 else status
        code = {400: "BAD_REQUEST", 500: "INTERNAL_ERROR"}.get(status, refusal.rule.upper())
        content = {"error_code": code, "message": refusal.detail, **content}
    return Response(dumps(content), status, refusal.headers, JSON)
