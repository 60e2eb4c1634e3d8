"""``clvml serve`` as a process: a registered champion, a promotion and SIGTERM, and no request is lost."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings

import pytest
import requests
from serving_formats import ONE

import clvml

CLIENTS = 8
TOKEN = "correct-horse-battery-staple"
HEADERS = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def registry(tmp_path_factory, cdnow):
    """A store with two versions of a model; the first is the champion."""
    folder = tmp_path_factory.mktemp("registry")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow warns while it is imported
        import mlflow.pyfunc
    from clvml.tracking import flavor, register
    from clvml.tracking._connection import connected

    uri = f"sqlite:///{folder / 'mlflow.db'}"
    with connected(uri, create=True):
        import mlflow

        mlflow.set_experiment(
            experiment_id=mlflow.create_experiment("serving", (folder / "artifacts").as_uri())
        )
        with mlflow.start_run():
            logged = flavor.log_model(clvml.RepeatRateValue(horizon=39).fit(cdnow), "model")
    for alias in ("champion", "challenger"):
        register(logged, "clv", alias, tracking_uri=uri)
    return uri


@pytest.fixture
def process(registry, tmp_path):
    """A running service; its port, its process and its log."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "clvml", "serve", "models:/clv@champion", "--tracking-uri", registry]
    command += ["--port", str(port), "--poll", "0.2", "--drain", "1.5"]
    log = tmp_path / "log"
    with log.open("w") as file:
        server = subprocess.Popen(
            command, stderr=file, stdout=file, cwd=tmp_path, env={**os.environ, "CLVML_TOKEN": TOKEN}
        )
    try:
        _wait_until(lambda: server.poll() is not None or _status(port, "/ready") == 200)
        assert server.poll() is None, log.read_text()
        yield port, server, log
    finally:
        server.kill()
        server.wait(20)


def _status(port, path):
    try:
        return requests.get(f"http://127.0.0.1:{port}{path}", timeout=5).status_code
    except requests.ConnectionError:
        return None


def _wait_until(holds, seconds=60):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


class Client(threading.Thread):
    """Asks until the service says that it closes the connection, as a load balancer does."""

    def __init__(self, port):
        super().__init__()
        self.url, self.answers, self.lost = f"http://127.0.0.1:{port}/score", [], []

    def run(self):
        with requests.Session() as session:
            while not self.answers or "connection" not in self.answers[-1].headers:
                try:
                    self.answers.append(self.ask(session))
                except requests.ConnectionError as error:
                    self.lost.append(str(error))
                    return

    def ask(self, session):
        return session.post(self.url, json={"rows": [ONE]}, headers=HEADERS, timeout=30)


def test_a_promotion_and_a_stop_lose_no_request(registry, process):
    from clvml.tracking import promote

    port, server, log = process
    clients = [Client(port) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    promote("clv", 2, tracking_uri=registry)
    _wait_until(lambda: requests.get(f"http://127.0.0.1:{port}/ready", timeout=5).json()["version"] == "2")
    time.sleep(0.2)
    server.send_signal(signal.SIGTERM)
    _wait_until(lambda: _status(port, "/ready") == 503, 5)
    assert server.wait(30) == 0
    for client in clients:
        client.join(30)
    answers = [answer for client in clients for answer in client.answers]
    assert [client.lost for client in clients] == [[]] * CLIENTS
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.json()["version"] for answer in answers} == {"1", "2"}
    text = log.read_text()
    assert "serving clv version 1" in text
    assert "serving clv version 2" in text
    assert "Traceback" not in text
    assert TOKEN not in text
