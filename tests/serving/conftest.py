"""A service in a thread, on a real socket: what is tested is what a client sees."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import requests

import clvml
from clvml.scoring import save_model_folder
from clvml.serving import Settings
from clvml.serving._app import create_app
from clvml.serving._following import Following, Source
from clvml.serving._metrics import Metrics
from clvml.serving._server import server_of


class Service:
    """A running service and a client of it."""

    def __init__(self, port: int, following: Following):
        self.port, self.following, self.address = port, following, f"http://127.0.0.1:{port}"
        self._session = requests.Session()

    def get(self, path: str, **options: Any) -> requests.Response:
        return self._session.get(self.address + path, timeout=30, **options)

    def post(
        self, path: str, body: Any = None, kind: str = "application/json", **options: Any
    ) -> requests.Response:
        headers = {"content-type": kind, **options.pop("headers", {})}
        content = {"data": body} if isinstance(body, bytes) else {"json": body}
        return self._session.post(self.address + path, headers=headers, timeout=30, **content, **options)

    def close(self) -> None:
        self._session.close()


@contextmanager
def running(
    folder: Path | str, settings: Settings | None = None, segments: Path | str | None = None
) -> Iterator[Service]:
    """A service of a model folder until the end of the block."""
    limits, metrics = (settings or Settings())._replace(drain=0), Metrics()
    following = Following(Source(str(folder)), None if segments is None else Source(str(segments)), metrics)
    with _listening(following, metrics, limits) as service:
        yield service


@contextmanager
def _listening(following: Following, metrics: Metrics, limits: Settings) -> Iterator[Service]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = server_of(create_app(following, metrics, limits), limits, "127.0.0.1", 0)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        deadline = time.monotonic() + 30
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.005)
        service = Service(listener.getsockname()[1], following)
        try:
            yield service
        finally:
            service.close()
            server.should_exit = True
            thread.join(30)


def saved(model: Any, folder: Path) -> Path:
    """A model folder as `load` reads it."""
    save_model_folder(model, folder / "data")
    return folder


@pytest.fixture(scope="session")
def model_folder(value_model: clvml.LifetimeValue, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(value_model, tmp_path_factory.mktemp("value"))


@pytest.fixture(scope="session")
def groups(customers_with_values: pd.DataFrame) -> clvml.CustomerGroups:
    return clvml.CustomerGroups().fit(customers_with_values)


@pytest.fixture(scope="session")
def groups_folder(groups: clvml.CustomerGroups, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(groups, tmp_path_factory.mktemp("groups"))


@pytest.fixture(scope="session")
def service(model_folder: Path) -> Iterator[Service]:
    with running(model_folder) as found:
        yield found


@pytest.fixture(scope="session")
def start() -> Callable[..., Any]:
    """`running`, for tests that need settings of their own."""
    return running
