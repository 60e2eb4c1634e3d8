"""A store that cannot be used is refused within seconds, by a sentence with the way out."""

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import mlflow
import pytest

from clvml.errors import TrackingError
from clvml.tracking import _store_checks
from clvml.tracking._connection import connected
from clvml.tracking._runs import ask_store

SECONDS = 15.0


@pytest.fixture(autouse=True)
def _somewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("MLFLOW_", "PG"))]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """An empty store, to be copied."""
    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    with connected(f"sqlite:///{path}", create=True):
        pass
    return path


@pytest.fixture
def database(made, tmp_path):
    return shutil.copy(made, tmp_path / "mlflow.db")


def refusal(uri):
    """The sentence of the refusal, which comes within seconds."""
    started = time.monotonic()
    with pytest.raises(TrackingError) as caught:
        ask_store("q", uri)
    assert time.monotonic() - started < SECONDS
    assert "s3cret" not in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def silent_port():
    """A server that accepts connections and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(5)
        yield server.getsockname()[1]


@pytest.fixture
def closed_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize(
    "uri", ["http://me:s3cret@127.0.0.1:{}", "postgresql+psycopg://clv:s3cret@127.0.0.1:{}/x"]
)
def test_a_server_that_never_answers_or_is_not_there_is_refused_within_seconds(uri, silent_port, closed_port):
    if uri.startswith("postgresql"):
        pytest.importorskip("psycopg")
    for port in (silent_port, closed_port):
        assert f"127.0.0.1:{port}" in refusal(uri.format(port))


def test_a_name_server_that_hangs_costs_no_more_than_a_server_that_does(monkeypatch):
    monkeypatch.setattr(_store_checks, "PROBE_SECONDS", 0.2)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(30))
    assert "no answer within 0.2 s" in refusal("http://mlflow.example.org")


def test_a_driver_that_is_not_installed_is_named_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert "pip install 'psycopg[binary]'" in refusal("postgresql+psycopg://clv:s3cret@127.0.0.1/x")


@pytest.mark.parametrize(("status", "way_out"), [(401, "MLFLOW_TRACKING_PASSWORD"), (403, "administrator")])
def test_a_server_that_wants_a_login_says_which_variables_to_set(status, way_out):
    class Refuse(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/health" else status)
            self.end_headers()

        do_POST = do_GET

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Refuse) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        assert way_out in refusal(f"http://me:s3cret@127.0.0.1:{server.server_port}")
        server.shutdown()
        thread.join()


def test_a_database_that_another_program_locks_is_refused_within_seconds(database):
    other = sqlite3.connect(database, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        assert "database is locked): another program is writing to it" in refusal(f"sqlite:///{database}")
    finally:
        other.close()


def test_a_database_of_another_program_is_not_touched(tmp_path):
    foreign = tmp_path / "shop.db"
    with sqlite3.connect(foreign) as shop:
        shop.execute("CREATE TABLE orders (id)")
    shop.close()
    before = foreign.read_bytes()
    assert "is not an MLflow database" in refusal(f"sqlite:///{foreign}")
    (tmp_path / "notes.db").write_text("my notes, which are long enough to be no empty file" * 40)
    assert "is not an SQLite database" in refusal(f"sqlite:///{tmp_path / 'notes.db'}")
    assert foreign.read_bytes() == before


def test_a_full_disk_is_told_before_the_work(database, monkeypatch):
    usage = shutil.disk_usage(".")
    monkeypatch.setattr(_store_checks.shutil, "disk_usage", lambda _: usage._replace(free=1_000_000))
    assert "is full (1 MB are free)" in refusal(f"sqlite:///{database}")


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="needs another user")
def test_a_read_only_database_is_refused_with_the_way_out(database):
    """As another user, since root may write anything."""
    code = (
        "import os, sys\n"
        "from clvml.tracking._store_checks import check_store\n"
        "from clvml.errors import TrackingError\n"
        "os.setuid(65534)\n"
        "for uri in sys.argv[1:]:\n"
        "    try: check_store(uri, create=True)\n"
        "    except TrackingError as error: print(error)\n"
    )
    with tempfile.TemporaryDirectory() as folder:  # pytest's folders are closed to others
        os.chmod(folder, 0o755)
        os.chmod(shutil.copy(database, folder), 0o644)
        uris = [f"sqlite:///{Path(folder) / name}" for name in (database.name, "new.db")]
        said = subprocess.check_output([sys.executable, "-c", code, *uris], text=True)
    existing, new = said.splitlines()
    assert "make the file and its folder writable" in existing
    assert "its folder is not writable" in new


def test_a_deleted_experiment_is_refused_before_the_work(database):
    uri = f"sqlite:///{database}"
    with connected(uri):
        client = mlflow.MlflowClient()
        client.delete_experiment(client.create_experiment("q"))
    assert "was deleted in MLflow" in refusal(uri)


def test_a_store_that_can_be_used_is_no_news(database):
    assert ask_store("q", f"sqlite:///{database}") == ""
    assert ask_store("q", "sqlite:///new.db") == ""


def test_a_process_killed_while_it_creates_the_store_leaves_none(tmp_path):
    code = (
        "import os, signal, sqlalchemy.event\n"
        "left = [6]\n"
        "def step(*_):\n"
        "    left[0] -= 1\n"
        "    if not left[0]: os.kill(os.getpid(), signal.SIGKILL)\n"
        "sqlalchemy.event.listen(sqlalchemy.Engine, 'commit', step)\n"
        "from clvml.tracking._connection import connected\n"
        "with connected('sqlite:///mlflow.db', create=True): pass\n"
    )
    killed = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, check=False)
    assert killed.returncode == -9
    assert not (tmp_path / "mlflow.db").exists()
    assert list(tmp_path.glob(".mlflow.db.*.part"))
    with connected("sqlite:///mlflow.db", create=True):
        assert mlflow.MlflowClient().search_experiments()
    assert not list(tmp_path.glob(".mlflow.db.*"))
