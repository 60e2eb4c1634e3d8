"""Stores of a team: two trainings at once land whole, on SQLite, PostgreSQL and a server with login."""

import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import mlflow
import pytest
from postgresql import PASSWORD, free_port, running

import clvml
from clvml.errors import TrackingError
from clvml.tracking import load
from clvml.tracking._connection import connected
from clvml.tracking._records import Registration, RunRecord
from clvml.tracking._runs import ask_store, upload
from clvml.tracking._saved_runs import save_runs

N_RUNS = 2
UPLOAD = (
    "import sys, pathlib\n"
    "from clvml.tracking._runs import upload\n"
    "from clvml.tracking._saved_runs import read_runs\n"
    "root = pathlib.Path(sys.argv[1])\n"
    "written = upload(read_runs(root / 'runs.json'), root, tracking_uri=sys.argv[2])\n"
    "print([error for run in written.values() for error in run.errors])\n"
)


@pytest.fixture(autouse=True)
def _without_settings(monkeypatch):
    for name in [name for name in os.environ if name.startswith(("MLFLOW_", "PG"))]:
        monkeypatch.delenv(name)


@pytest.fixture
def two(tmp_path, cdnow):
    """Two trainings, saved, that register a model of the same name in the same experiment."""
    folders = [tmp_path / name for name in ("north", "south")]
    for horizon, folder in zip((26, 39), folders, strict=True):
        model = clvml.RepeatRateValue(horizon=horizon).fit(cdnow)
        records = [
            RunRecord(
                f"{folder.name} {number}",
                metrics={"mae": float(number)},
                model=model if number == 0 else None,
                registration=Registration("clv") if number == 0 else None,
                children=[RunRecord("origin", metrics={"mae": 1.0})],
            )
            for number in range(N_RUNS)
        ]
        save_runs(records, folder, experiment="q", artifacts=str(tmp_path / "artifacts"))
    return folders


def check_that_both_land(folders, uri, environments=({}, {})):
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", UPLOAD, str(folder), uri],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=folder,
            env={**os.environ, **environment},
        )
        for folder, environment in zip(folders, environments, strict=True)
    ]
    said = [process.communicate(timeout=300) for process in processes]
    assert [(out.strip(), process.returncode) for (out, _), process in zip(said, processes, strict=True)] == [
        ("[]", 0)
    ] * 2, said
    with connected(uri):
        client = mlflow.MlflowClient()
        runs = client.search_runs([client.get_experiment_by_name("q").experiment_id])
        versions = client.search_model_versions("name = 'clv'")
        champion = client.get_model_version_by_alias("clv", "champion")
        status = {version.tags["status"] for version in versions}
    assert len(runs) == 2 * 2 * N_RUNS
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert {int(version.version) for version in versions} == {1, 2}
    assert champion.tags["status"] == "champion"
    assert status == {"champion", "not promoted"}
    horizons = {load(f"models:/clv/{number}", tracking_uri=uri).horizon for number in (1, 2)}
    assert horizons == {26, 39}


def test_two_at_once_on_sqlite_which_neither_has_made_yet(two, tmp_path):
    check_that_both_land(two, f"sqlite:///{tmp_path / 'mlflow.db'}")
    assert list((tmp_path / "artifacts" / "q").rglob("model.json"))


@pytest.fixture(scope="module")
def postgres():
    with running() as server:
        yield server


def test_two_at_once_on_postgresql_which_neither_has_used_yet(two, postgres, tmp_path):
    check_that_both_land(two, postgres.create("both"))
    assert list((tmp_path / "artifacts" / "q").rglob("model.json"))
    assert not (two[0] / "mlruns").exists()


def test_with_postgresql_it_is_said_where_the_artifacts_are(postgres, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    uri = postgres.create("where")
    said = ask_store("new", uri)
    assert f"are in {tmp_path / 'mlruns' / 'new'} of this machine" in said
    assert "set [tracking] artifacts" in said
    wanted = str(tmp_path / "shared")
    assert ask_store("new", uri, wanted) == f"artifacts (models, tables, figures) are in {wanted}/new"
    assert ask_store("new", uri, "s3://bucket/x").endswith("are in s3://bucket/x/new")
    upload(save_runs([], tmp_path / "none", experiment="new", artifacts=wanted), tmp_path, tracking_uri=uri)
    assert "is for new experiments" in ask_store("new", uri, "s3://bucket/x")


def test_the_password_of_postgresql_can_be_in_the_environment_and_a_wrong_one_is_refused(
    postgres, monkeypatch
):
    uri = postgres.create("password")
    without = f"postgresql+psycopg://clv@127.0.0.1:{postgres.port}/password"
    with pytest.raises(TrackingError, match="does not accept a connection") as caught:
        ask_store("q", uri.replace("s3cret", "wrong1"))
    assert "wrong1" not in str(caught.value)
    with pytest.raises(TrackingError, match="PGPASSWORD"):
        ask_store("q", without)
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    assert "artifacts" in ask_store("q", without)


def test_an_error_of_the_database_shows_no_password_also_in_its_traceback(postgres, monkeypatch):
    import traceback

    uri = postgres.create("traceback")

    def fail(*_, **__):
        raise mlflow.MlflowException(f"could not connect to {uri} with {PASSWORD}")

    monkeypatch.setattr(mlflow.MlflowClient, "get_experiment_by_name", fail)
    with pytest.raises(TrackingError) as caught:
        ask_store("q", uri)
    shown = "".join(traceback.format_exception(caught.value))
    assert PASSWORD not in shown
    assert "s3cret" not in shown
    assert "postgresql+psycopg://127.0.0.1" in shown


@pytest.fixture(scope="module")
def login_server(tmp_path_factory):
    """The address of an MLflow server with login, whose administrator is admin."""
    pytest.importorskip("flask_wtf", reason="mlflow[auth] is not installed")
    folder, port, password = tmp_path_factory.mktemp("login"), free_port(), secrets.token_urlsafe(12)
    (folder / "auth.ini").write_text(
        "[mlflow]\ndefault_permission = EDIT\ndatabase_uri = sqlite:///auth.db\n"
        f"admin_username = admin\nadmin_password = {password}\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
    )
    command = [sys.executable, "-m", "mlflow", "server", "--app-name", "basic-auth", "--workers", "1"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--backend-store-uri", "sqlite:///mlflow.db"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")},
        "MLFLOW_AUTH_CONFIG_PATH": str(folder / "auth.ini"),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_hex(16),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        _wait_until_up(server, port, folder / "log")
        yield f"http://127.0.0.1:{port}", password
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait(20)


def _wait_until_up(server, port, log):
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2).close()
        except OSError:
            time.sleep(0.3)
        else:
            return
    pytest.fail(f"mlflow server did not come up:\n{log.read_text()[-3000:]}")


def test_two_at_once_on_a_server_with_login(two, login_server, monkeypatch):
    uri, password = login_server
    with pytest.raises(TrackingError, match="MLFLOW_TRACKING_USERNAME"):
        ask_store("q", uri)
    login = {"MLFLOW_TRACKING_USERNAME": "admin", "MLFLOW_TRACKING_PASSWORD": password}
    for name, value in login.items():
        monkeypatch.setenv(name, value)
    for folder in two:  # the server decides where the artifacts are
        saved = folder / "runs.json"
        text = saved.read_text()
        assert '"artifacts": "' in text
        lines = [line for line in text.splitlines() if '"artifacts": "' not in line]
        saved.write_text("\n".join(lines))
    check_that_both_land(two, uri, (login, login))
