"""Fitted models, one store that holds them, and a real server of the champion on loopback."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest

import clvml
from clvml.tracking._records import DatasetRecord, Registration, RunRecord, parameters_of
from clvml.tracking._run_parts import WrittenRun
from clvml.tracking._runs import write_records

STARTS_WITHIN = 120.0


@pytest.fixture(scope="session", autouse=True)
def _mlflow_imported() -> None:
    """MLflow warns about its own type hints while it is imported; our tests treat warnings as errors."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow.pyfunc  # noqa: F401


class Store(NamedTuple):
    """An SQLite store with written runs."""

    uri: str
    folder: Path
    written: dict[str, WrittenRun]


@pytest.fixture(scope="session")
def store(
    tmp_path_factory: pytest.TempPathFactory,
    cdnow: pd.DataFrame,
    cdnow_split: clvml.Split,
    value_model: clvml.LifetimeValue,
) -> Store:
    """A comparison of a probabilistic model, a formula and a model that no file can hold."""
    folder = tmp_path_factory.mktemp("store")
    formula = clvml.RepeatRateValue(horizon=39).fit(cdnow)
    datasets = [
        DatasetRecord("cdnow_calibration", cdnow, "calibration", facts={"rows_read": 6919}),
        DatasetRecord("cdnow_holdout", cdnow_split.holdout, "holdout"),
    ]
    deciles = pd.Series([90.5, 20.25], index=pd.Index([1, 2], name="decile"))
    records = [
        RunRecord(
            name,
            tags={"family": family, "data": "cdnow"},
            params=parameters_of(model),
            metrics={"mae": mae, "rmse": float("nan")},
            steps={"decile_pred": deciles},
            tables={"deciles": deciles.to_frame("predicted")},
            figures={"a figure": _figure},
            datasets=datasets,
            model=model,
            input_example=cdnow,
            registration=Registration("clv") if name == "BG/NBD x Gamma-Gamma" else None,
        )
        for name, family, model, mae in (
            ("BG/NBD x Gamma-Gamma", "probabilistic", value_model, 30.41),
            ("repeat rate", "formula", formula, 43.31),
            ("homemade", "formula", Homemade(horizon=39), 99.0),
        )
    ]
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    written = write_records(records, experiment="q", tracking_uri=uri)
    return Store(uri, folder, written)


class Homemade(clvml.RepeatRateValue):
    """A contender of the user's own, which clvml cannot name in a file."""


def _figure() -> Any:
    from matplotlib import pyplot

    return pyplot.figure().add_subplot()


Answer = tuple[int, Any]


@pytest.fixture(scope="session")
def ask(store: Store) -> Iterator[Callable[..., Answer]]:
    """Post a request to ``mlflow models serve -m models:/clv@champion``; gives status and JSON."""
    port = _free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", "models:/clv@champion"]
    command += ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]
    environment = {
        **os.environ,
        "MLFLOW_TRACKING_URI": store.uri,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    with (store.folder / "server.log").open("w") as log:
        server = subprocess.Popen(
            command, cwd=store.folder, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        _wait_until_up(server, port, store.folder / "server.log")
        yield partial(_post, port)
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait(20)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_up(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=2).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    pytest.fail(f"mlflow models serve did not come up:\n{log.read_text()[-3000:]}")


def _post(port: int, request: Any, kind: str = "application/json") -> Answer:
    body = request if isinstance(request, bytes) else json.dumps(request).encode()
    address = f"http://127.0.0.1:{port}/invocations"
    posted = urllib.request.Request(address, body, {"Content-Type": kind})
    try:
        with urllib.request.urlopen(posted, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())
