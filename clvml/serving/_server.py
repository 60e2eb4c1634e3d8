"""The service as a process: uvicorn, signals and the log.

One process with a few threads: the metrics and the version are then those of the whole service. Where one
process is not enough, start more of them, each on its own port, behind a load balancer.
"""

from __future__ import annotations

import logging
import signal
import threading
from types import FrameType

import uvicorn

from clvml.serving._app import create_app
from clvml.serving._following import Following, Source
from clvml.serving._metrics import Metrics
from clvml.serving._settings import Settings

_KEEP_ALIVE = 75  # seconds: longer than the pools of usual clients and proxies keep a connection


class Server(uvicorn.Server):
    """Uvicorn that is drained on SIGTERM before it stops: ``/ready`` says 503, requests are still answered.

    Parameters
    ----------
    config : uvicorn.Config
        With an application that has ``state.draining``.
    drain : float
        Seconds.
    """

    def __init__(self, config: uvicorn.Config, drain: float):
        super().__init__(config)
        self._drain = drain

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Drain on the first SIGTERM; stop on any other signal, or a second one."""
        state = self.config.app.state  # type: ignore[union-attr]
        if sig != signal.SIGTERM or state.draining:
            super().handle_exit(sig, frame)
            return
        state.draining = True
        timer = threading.Timer(self._drain, setattr, (self, "should_exit", True))
        timer.daemon = True
        timer.start()


def serve(
    model: str,
    *,
    segments: str | None = None,
    tracking_uri: str | None = None,
    host: str = "127.0.0.1",
    port: int = 8000,
    settings: Settings | None = None,
) -> None:
    """Serve a model over HTTP until the process is told to stop.

    Parameters
    ----------
    model : str
        A model URI, such as ``models:/NAME@champion``, whose alias is followed, or a model folder.
    segments : str, optional
        Segments (URI or folder) whose columns are added to the scores of a lifetime-value model.
    tracking_uri : str, optional
        The MLflow store. Default: ``MLFLOW_TRACKING_URI``, or ``mlflow.db`` in the current folder.
    host : str, default "127.0.0.1"
        Where to listen; the default is this machine only.
    port : int, default 8000
        Where to listen.
    settings : Settings, optional
        Limits and token.

    Raises
    ------
    TrackingError
        If there is no such model.
    InputError
        If a setting is impossible, or the segments cannot be added to this model.

    See Also
    --------
    clvml.serving.Settings : Limits and token.
    clvml.scoring.score : Scores without a service.
    clvml.tracking.promote : The service follows the alias.

    Examples
    --------
    ``clvml serve`` in Python: it returns when the process is stopped.

    >>> from clvml.serving import Settings, serve
    >>> serve("models:/shop@champion", port=8080, settings=Settings(max_rows=1_000))  # doctest: +SKIP
    """
    limits = (settings or Settings()).checked()
    metrics = Metrics()
    following = Following(
        Source(model, tracking_uri), None if segments is None else Source(segments, tracking_uri), metrics
    )
    server_of(create_app(following, metrics, limits), limits, host, port).run()


def server_of(app: object, settings: Settings, host: str, port: int) -> Server:
    """A server of the application, not yet started."""
    logging.getLogger("uvicorn.access").disabled = True  # it has the address with its parameters
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]
        host=host,
        port=port,
        access_log=False,
        server_header=False,
        log_config=None,
        lifespan="on",
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=int(settings.timeout) + 1,
    )
    return Server(config, settings.drain)


def log_to_stderr(access: bool = True) -> None:
    """Log to standard error, one line per event."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    for name in ("clvml.serving", "uvicorn"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(logging.INFO)
    logging.getLogger("clvml.serving.access").setLevel(logging.INFO if access else logging.WARNING)
