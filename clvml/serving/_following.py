"""Which version is served: loaded once from a folder, or following an alias in the registry.

The registry is asked in a thread of its own. A version that it newly names is loaded and tried beside the
served one, which is then replaced by one assignment. A version that cannot be loaded is refused: the served
one stays, and ``/ready``, the metrics and the log say so.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any, NamedTuple

from clvml.errors import ClvmlError
from clvml.scoring._card import ModelCard
from clvml.serving._metrics import Metrics
from clvml.serving._served import Served, Version
from clvml.tracking._registry import load_model_with_card, resolve

log = logging.getLogger("clvml.serving")


class Source(NamedTuple):
    """Where a model comes from.

    Attributes
    ----------
    uri : str
        A model URI or the path of a model folder.
    tracking_uri : str or None
        The store of the registry.
    """

    uri: str
    tracking_uri: str | None = None

    @property
    def moves(self) -> bool:
        """Whether its version may change: only an alias moves."""
        return self.uri.startswith("models:/") and "@" in self.uri

    def version(self) -> Version:
        """The version that it names now.

        Raises
        ------
        TrackingError
            If the registry does not respond, or has no such model.
        """
        if not self.uri.startswith("models:/") or not ("@" in self.uri or self.uri.count("/") > 1):
            return Version(self.uri, Path(self.uri).name)
        found = resolve(self.uri, tracking_uri=self.tracking_uri)
        alias = self.uri.rpartition("@")[2] if self.moves else ""
        return Version(found.uri, found.name, str(found.version), alias, found.tags)

    def load(self, version: Version) -> tuple[Any, ModelCard]:
        """The estimator of a version, and its card."""
        return load_model_with_card(version.uri, tracking_uri=self.tracking_uri)


class Following:
    """The served version of a model, and of its segments, kept up to date.

    Parameters
    ----------
    model : Source
        The model.
    segments : Source, optional
        Segments to add to the scores.
    metrics : Metrics
        Counts what is loaded and refused.
    """

    def __init__(self, model: Source, segments: Source | None, metrics: Metrics):
        self._model, self._segments, self._metrics = model, segments, metrics
        self.notice = ""  # why the newest version is not served, for /ready
        self._stopped = threading.Event()
        self.served = self._loaded(self._versions())
        self._announce()

    @property
    def moves(self) -> bool:
        """Whether there is an alias to follow."""
        return self._model.moves or (self._segments is not None and self._segments.moves)

    def look(self) -> None:
        """Ask the registry once, and replace the served version if it names another one."""
        try:
            versions = self._versions()
        except Exception as error:
            why = "the registry does not respond; the loaded version is still served"
            self._fail("unreachable", why, error)
            return
        uris = tuple(version.uri for version in versions)
        if uris == self._uris(self.served):
            self.notice = ""
            return
        title = " and ".join(version.title for version in versions)
        try:
            served = self._loaded(versions)
        except Exception as error:
            why = f"{title} cannot be loaded; {self.served.version.title} is still served"
            self._fail("refused", why, error)
            return
        self.served, self.notice = served, ""
        self._metrics.reloads.labels("loaded").inc()
        self._announce()

    def follow(self, seconds: float) -> None:
        """Look every so many seconds, in a thread of its own, until `stop`."""
        if self.moves:
            threading.Thread(target=self._follow, args=(seconds,), name="follow-alias", daemon=True).start()

    def stop(self) -> None:
        """Look no longer."""
        self._stopped.set()

    def _follow(self, seconds: float) -> None:
        while not self._stopped.wait(seconds):
            self.look()

    def _versions(self) -> tuple[Version, ...]:
        return tuple(source.version() for source in (self._model, self._segments) if source is not None)

    def _loaded(self, versions: tuple[Version, ...]) -> Served:
        model, *more = versions
        segments = more[0] if more else None
        served = Served(
            *self._model.load(model),
            model,
            None if segments is None or self._segments is None else self._segments.load(segments)[0],
            segments,
        )
        served.check()
        return served

    @staticmethod
    def _uris(served: Served) -> tuple[str, ...]:
        return tuple(v.uri for v in (served.version, served.segments_version) if v is not None)

    def _announce(self) -> None:
        served, segments = self.served, self.served.segments_version
        self._metrics.model.clear()
        self._metrics.model.labels(
            served.version.name,
            served.version.number,
            served.version.alias,
            segments.title if segments else "",
        ).set(1)
        self._metrics.loaded.set(served.loaded_at.timestamp())
        log.info("serving %s", " with ".join(v.title for v in (served.version, segments) if v is not None))

    def _fail(self, result: str, sentence: str, error: Exception) -> None:
        reason = f": {error}" if isinstance(error, ClvmlError) else f" ({type(error).__name__})"
        if self.notice != sentence:
            log.warning("%s%s", sentence, reason)
        self.notice = sentence
        self._metrics.reloads.labels(result).inc()
