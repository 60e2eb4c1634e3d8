"""Prometheus metrics of the service; labels are from fixed vocabularies, never from a request."""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

from clvml.serving._refusals import RULES

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The metrics of one service, in a registry of their own."""

    def __init__(self) -> None:
        own = self.registry = CollectorRegistry()
        ProcessCollector(registry=own)
        PlatformCollector(registry=own)
        self.requests = Counter(
            "clvml_requests", "Requests by route and status.", ["route", "status"], registry=own
        )
        self.seconds = Histogram(
            "clvml_request_seconds",
            "Time from the first byte to the answer.",
            ["route"],
            buckets=_SECONDS,
            registry=own,
        )
        self.scoring = Histogram(
            "clvml_scoring_seconds", "Time of the model itself.", buckets=_SECONDS, registry=own
        )
        self.rows = Counter("clvml_rows_scored", "Customers scored.", registry=own)
        self.in_flight = Gauge("clvml_requests_in_flight", "Requests being answered.", registry=own)
        self.refusals = Counter("clvml_refusals", "Refused requests by rule.", ["rule"], registry=own)
        self.reloads = Counter(
            "clvml_reloads", "New versions and looks at the registry that failed.", ["result"], registry=own
        )
        self.model = Gauge(
            "clvml_model_info", "The served model.", ["name", "version", "alias", "segments"], registry=own
        )
        self.loaded = Gauge(
            "clvml_model_loaded_timestamp_seconds", "When the served version was loaded.", registry=own
        )
        for rule in RULES:
            self.refusals.labels(rule)
        for result in ("loaded", "refused", "unreachable"):
            self.reloads.labels(result)

    def text(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)
