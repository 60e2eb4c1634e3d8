"""A connection leaves the process as it found it, whether it succeeds, fails, or its block fails."""

import logging
import os
import socket
import subprocess
import sys
import warnings

import mlflow
import pytest

from clvml.errors import TrackingError
from clvml.tracking._connection import DEFAULTS, QUIET, check_store, connected, environment, shown, store_uri


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(autouse=True)
def _somewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in (*DEFAULTS, *QUIET, "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)


FAILING = {
    "no server": "http://127.0.0.1:{port}",
    "no folder": "sqlite:///nowhere/mlflow.db",
    "no database": "sqlite:///absent.db",
}


@pytest.mark.parametrize("case", FAILING)
def test_a_failed_connection_leaves_the_environment_as_it_was(case):
    before = dict(os.environ)
    with pytest.raises(TrackingError), connected(FAILING[case].format(port=free_port())):
        pytest.fail("there is nothing to connect to")
    assert dict(os.environ) == before


@pytest.mark.parametrize("pointed_at", [None, "sqlite:///others.db"])
def test_a_connection_puts_environment_settings_loggers_and_warnings_back(pointed_at, monkeypatch):
    if pointed_at is not None:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", pointed_at)
    state = lambda: (  # noqa: E731
        dict(os.environ), mlflow.get_tracking_uri(), mlflow.is_tracking_uri_set(),
        [logging.getLogger(name).level for name in ("mlflow", "alembic")], list(warnings.filters),
    )  # fmt: skip
    before = state()
    with connected("sqlite:///new.db", create=True) as uri:
        assert mlflow.get_tracking_uri() == uri == f"sqlite:///{os.getcwd()}/new.db"
        assert os.environ.items() >= (DEFAULTS | QUIET).items()
    assert state() == before


def test_a_block_that_fails_leaves_the_environment_as_it_was():
    before = dict(os.environ)
    with pytest.raises(ZeroDivisionError), connected("sqlite:///new.db", create=True):
        raise ZeroDivisionError
    with pytest.raises(TrackingError, match=r"^MLflow at sqlite.* refused: "), connected("sqlite:///new.db"):
        mlflow.MlflowClient().get_run("nothing")
    assert dict(os.environ) == before


def test_what_the_user_said_counts_more_than_the_defaults(monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "7")
    with connected("sqlite:///new.db", create=True):
        assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "7"
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "7"


def test_the_first_connection_of_a_process_leaves_its_environment_as_it_was():
    """MLflow is imported inside the connection: that too may set nothing."""
    code = (
        "import os; before = dict(os.environ)\n"
        "from clvml.tracking._connection import connected\n"
        "with connected('sqlite:///new.db', create=True): pass\n"
        "after = dict(os.environ); print({k for k in before | after if before.get(k) != after.get(k)})"
    )
    said = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=True)
    assert said.stdout.strip() == "set()"


def test_variables_are_put_back_or_removed_whoever_set_them(monkeypatch):
    monkeypatch.setenv("CLVML_THERE", "old")
    monkeypatch.setenv("CLVML_LOST", "old")
    before = dict(os.environ)
    with environment({"CLVML_THERE": "new", "CLVML_ABSENT": "new"}):
        assert os.environ["CLVML_THERE"] == os.environ["CLVML_ABSENT"] == "new"
        os.environ["CLVML_LEAKED"] = "by somebody else"
        del os.environ["CLVML_LOST"]
    assert dict(os.environ) == before


def test_no_password_is_shown():
    assert shown("http://me:secret@host:5000/x") == "http://host:5000/x"
    with pytest.raises(TrackingError) as caught:
        check_store(f"http://me:secret@127.0.0.1:{free_port()}")
    assert "secret" not in str(caught.value)


def test_without_a_uri_the_store_is_the_one_mlflow_was_pointed_at_or_that_of_the_folder(monkeypatch):
    assert store_uri() == f"sqlite:///{os.getcwd()}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://host:5000")
    assert store_uri() == "http://host:5000"
