"""Ask an ASGI application in this process: no socket, no server."""

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

Message = dict[str, Any]


class Answer(NamedTuple):
    """What the application has answered."""

    status: int
    headers: dict[str, str]
    body: bytes


def ask(
    app: Any, method: str, address: str, headers: Mapping[str, str] | None = None, body: bytes = b""
) -> Answer:
    """The answer to one request."""
    sent: list[Message] = []
    incoming = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return incoming.pop(0) if incoming else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(app(_scope(method, address, headers or {}), receive, send))
    start = next(message for message in sent if message["type"] == "http.response.start")
    content = b"".join(message.get("body", b"") for message in sent)
    return Answer(start["status"], {k.decode(): v.decode() for k, v in start["headers"]}, content)


def _scope(method: str, address: str, headers: Mapping[str, str]) -> Message:
    parts = urlsplit(address)
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": parts.path,
        "raw_path": parts.path.encode(),
        "root_path": "",
        "query_string": parts.query.encode(),
        "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()],
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 50_000),
    }
