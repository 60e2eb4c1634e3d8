"""Bounded concurrency and time: a few threads that compute, a bounded queue, and a deadline.

A thread cannot be stopped. So a request that exceeds its time is answered with 504 at once, but keeps its
place until its computation ends (which ``max_rows`` bounds): otherwise clients that retry would pile up work
that nobody waits for. A request that still waits for a thread at its deadline is never computed.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from clvml.serving._refusals import Refusal
from clvml.serving._settings import Settings

_DRAINED = 4  # times max_body that are read and discarded, so that a client hears 413 rather than a reset


class Gate:
    """Admits a bounded number of requests.

    Parameters
    ----------
    settings : Settings
        Concurrency, queue, timeout and the largest body.
    """

    def __init__(self, settings: Settings):
        self._settings = settings
        self._pool = ThreadPoolExecutor(settings.concurrency, thread_name_prefix="score")
        self._lock = threading.Lock()
        self.admitted = 0

    @contextmanager
    def admit(self) -> Iterator[Place]:
        """A place for one request, until its computation ends; raises a `Refusal` (503) if there is none."""
        with self._lock:
            if self.admitted >= self._settings.concurrency + self._settings.queue:
                detail = "the service is busy: its queue is full; try again in a second."
                raise Refusal(503, "busy", detail, headers={"retry-after": "1"})
            self.admitted += 1
        place = Place(self._pool, self._settings)
        try:
            yield place
        finally:
            if place.future is None:
                self._leave()
            else:
                place.future.add_done_callback(self._leave)

    def _leave(self, _: Any = None) -> None:
        with self._lock:
            self.admitted -= 1

    def close(self) -> None:
        """Wait for no further computation."""
        self._pool.shutdown(wait=False, cancel_futures=True)


class Place:
    """One admitted request: reads its body and computes, within the time limit of each."""

    def __init__(self, pool: ThreadPoolExecutor, settings: Settings):
        self._pool, self._settings = pool, settings
        self.future: Future[Any] | None = None

    async def body(self, chunks: AsyncIterator[bytes], announced: str | None) -> bytes:
        """The whole body; raises a `Refusal` if it is too large (413) or too slow (408)."""
        most = self._settings.max_body
        too_large = Refusal(
            413, "body_limit", f"the body may have at most {most:,} bytes; split the request."
        )
        if announced is not None and announced.isdecimal() and int(announced[:20]) > _DRAINED * most:
            raise too_large
        received, kept = 0, bytearray()
        try:
            async with asyncio.timeout(self._settings.timeout):
                async for chunk in chunks:
                    received += len(chunk)
                    if received <= most:
                        kept += chunk
                    elif received > _DRAINED * most:
                        raise too_large
        except TimeoutError:
            raise Refusal(408, "slow_body", "the body did not arrive within the time limit.") from None
        if received > most:
            raise too_large
        return bytes(kept)

    async def compute(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Run in a thread; raises a `Refusal` (504) after the time limit."""
        self.future = self._pool.submit(work, *arguments)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(self.future), self._settings.timeout)
        except TimeoutError:
            limit = f"scoring took longer than {self._settings.timeout:g} seconds"
            raise Refusal(504, "time_limit", f"{limit}; send fewer rows per request.") from None
