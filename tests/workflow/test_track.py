"""A run whose MLflow store is away is complete in its folder, and 'clvml track' writes it to MLflow later."""

import json
import os
import shutil
import socket
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from command_line import command_line_in

from clvml.errors import InputError, TrackingError
from clvml.tracking import _runs, resolve
from clvml.tracking._connection import connected
from clvml.workflow import load_config, run, track

pytestmark = pytest.mark.filterwarnings("ignore::clvml.errors.FitWarning")  # of so few customers
SECRET = "s3cretQp4ss"
CONTENDERS = '["repeat_rate", "historic", "last_period"]'
VARYING = {"clvml_record", "clvml_process", "mlflow.parentRunId", "mlflow.source.name", "mlflow.user"}
VARYING |= {"source", "experiment", "mlflow.source.git.commit", "git_changed"}


@pytest.fixture(scope="module")
def few(purchases, tmp_path_factory):
    """A folder with the purchases of some hundred customers, and a config."""
    folder = tmp_path_factory.mktemp("few")
    table = purchases[purchases["customer_id"] % 8 == 0]
    table = table.assign(customer_id="person-" + table["customer_id"].astype(str))
    table.to_csv(folder / "sales.csv", index=False)
    text = f'[experiment]\nname = "few"\n[data]\nsource = "sales.csv"\n[models]\ncontenders = {CONTENDERS}\n'
    (folder / "clvml.toml").write_text(text)
    return folder


@pytest.fixture(scope="module")
def away(few):
    """The folder and the result of a run whose database is not there."""
    pytest.importorskip("psycopg")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    uri = f"postgresql+psycopg://clv:{SECRET}@127.0.0.1:{port}/mlflow"
    with command_line_in(few) as clvml:
        result = clvml("run", "clvml.toml", "--output", "out", "--tracking-uri", uri)
    return few / "out", result


@pytest.fixture
def folder(away, tmp_path):
    """A copy of its folder."""
    return shutil.copytree(away[0], tmp_path / "out")


@pytest.fixture
def uri(tmp_path):
    return f"sqlite:///{tmp_path / 'mlflow.db'}"


def state_of(uri, experiment="few"):
    """What MLflow shows of an experiment, without ids, times and places."""
    with connected(uri):
        client = mlflow.MlflowClient()
        found = client.get_experiment_by_name(experiment)
        runs = client.search_runs([found.experiment_id], max_results=1000)
        names = {entry.info.run_id: entry.info.run_name for entry in runs}
        shown = [
            {
                "name": entry.info.run_name,
                "status": entry.info.status,
                "params": entry.data.params,
                "metrics": {
                    key: [(point.step, point.value) for point in client.get_metric_history(run_id, key)]
                    for key in entry.data.metrics
                },
                "tags": {k: v for k, v in entry.data.tags.items() if k not in VARYING},
                "parent": names.get(entry.data.tags.get("mlflow.parentRunId")),
                "datasets": sorted(each.dataset.digest for each in entry.inputs.dataset_inputs),
                "models": len(entry.outputs.model_outputs),
                "files": sorted(
                    path.relative_to(place).as_posix()
                    for place in [Path(entry.info.artifact_uri.removeprefix("file://"))]
                    for path in place.rglob("*.*")
                ),
            }
            for entry in runs
            for run_id in [entry.info.run_id]
        ]
        versions = [
            (model.name, [(int(v.version), v.tags["status"]) for v in model.latest_versions], model.aliases)
            for model in client.search_registered_models()
        ]
    return shown, versions


def test_the_run_goes_on_says_so_twice_and_ends_with_status_3(away):
    _, result = away
    assert result.exit_code == 3
    assert result.stdout.index("MLflow cannot be used") < result.stdout.index("Reading transactions")
    assert "'clvml track out' writes it to MLflow" in result.stdout
    assert result.stderr.startswith(
        "clvml: the results are complete in out, but not in MLflow: the database at"
    )
    assert result.stderr.endswith("clvml track out\n")


def test_no_password_is_in_the_output_or_in_any_file(away):
    folder, result = away
    assert SECRET not in result.stdout + result.stderr
    for path in filter(Path.is_file, folder.parent.rglob("*")):
        assert SECRET.encode() not in path.read_bytes(), path
    config = (folder / "config.toml").read_text()
    assert 'uri = "postgresql+psycopg://clv@127.0.0.1' in config
    assert "PGPASSWORD" in config


def test_no_customer_is_in_the_records_for_mlflow(away):
    folder, _ = away
    assert b"person-" in (folder / "segments.csv").read_bytes()
    for path in filter(Path.is_file, (folder / "tracking").rglob("*")):
        assert b"person-" not in path.read_bytes(), path
    assert not list((folder / "tracking").rglob("*.pkl"))


def test_what_is_written_later_is_what_the_run_would_have_written(few, folder, uri, tmp_path):
    live = f"sqlite:///{tmp_path / 'live' / 'mlflow.db'}"
    (tmp_path / "live").mkdir()
    overrides = {"tracking.uri": live, "output.folder": str(tmp_path / "live" / "out")}
    assert run(load_config(few / "clvml.toml", overrides)).untracked == ""
    written = track(folder, tracking_uri=uri)
    assert not any(each.errors for each in written.values())
    later, now = state_of(uri), state_of(live)
    assert later == now
    assert len(later[0]) > 10
    assert {each["status"] for each in later[0]} == {"FINISHED"}
    assert resolve("models:/few@champion", tracking_uri=uri).version == 1
    # again: it is there already
    assert all(each.was_there for each in track(folder, tracking_uri=uri).values())
    assert state_of(uri) == later


def test_a_challenger_is_judged_later_too(folder, uri, tmp_path):
    """The same run in two folders is two runs, the second of which ties with the first."""
    second = shutil.copytree(folder, tmp_path / "second")
    saved = second / "tracking" / "runs.json"
    saved.write_text(saved.read_text().replace(json.loads(saved.read_text())["id"], "0123456789abcdef"))
    renew_manifest(second)
    track(folder, tracking_uri=uri)
    served = next(run for run in track(second, tracking_uri=uri).values() if run.name.startswith("to serve"))
    assert served.registered.version == 2
    assert resolve("models:/few@champion", tracking_uri=uri).version == 1
    assert "judged against version 1 (the same specification)" in served.registered.tags["why"]


def renew_manifest(folder):
    """As if clvml had written the folder so."""
    from clvml.workflow._manifest import Manifest, digest

    manifest = Manifest.read(folder)
    manifest.files = {name: digest(folder / name) for name in manifest.files}
    manifest.save()


def spoil(folder, how):
    if how == "changed":
        (folder / "metrics.csv").write_text("mine")
    elif how == "removed":
        shutil.rmtree(folder / "model")
    elif how == "unfinished":
        manifest = json.loads((folder / "clvml-manifest.json").read_text())
        (folder / "clvml-manifest.json").write_text(json.dumps({**manifest, "complete": False}))
    elif how == "untracked":
        shutil.rmtree(folder / "tracking")
        manifest = json.loads((folder / "clvml-manifest.json").read_text())
        files = {k: v for k, v in manifest["files"].items() if not k.startswith("tracking/")}
        (folder / "clvml-manifest.json").write_text(json.dumps({**manifest, "files": files}))
    elif how == "foreign":
        shutil.rmtree(folder)
        folder.mkdir()
        (folder / "runs.json").write_text("{}")
    elif how == "outside":
        saved = folder / "tracking" / "runs.json"
        saved.write_text(saved.read_text().replace('"figures/bias.png"', '"../../secret.png"'))
        renew_manifest(folder)


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ("changed", r"was changed after the run \(metrics.csv\)"),
        ("removed", r"was changed after the run \(model/"),
        ("unfinished", "did not complete: run it again"),
        ("untracked", "without --no-tracking"),
        ("foreign", "is not the output folder of a run"),
        ("outside", "leads out of the folder"),
    ],
)
def test_a_folder_that_is_no_runs_or_was_edited_is_refused(folder, uri, tmp_path, how, sentence):
    spoil(folder, how)
    with pytest.raises(InputError, match=sentence):
        track(folder, tracking_uri=uri)
    assert not (tmp_path / "mlflow.db").exists()


def test_a_store_lost_in_the_middle_stops_the_writing_at_once_and_the_next_attempt_completes_it(
    folder, uri, monkeypatch
):
    calls = []

    def lost(*_, **__):
        calls.append(1)
        raise mlflow.MlflowException("connection reset")

    def away(*_, **__):
        raise TrackingError("no MLflow server responds.")

    with monkeypatch.context() as patch:
        patch.setattr(mlflow.MlflowClient, "log_artifacts", lost)
        patch.setattr(_runs, "check_store", away)
        with pytest.raises(TrackingError, match="no MLflow server responds"):
            track(folder, tracking_uri=uri)
    assert len(calls) == 1
    written = track(folder, tracking_uri=uri)
    assert not any(each.errors for each in written.values())
    assert {each["status"] for each in state_of(uri)[0]} == {"FINISHED"}
    assert len(state_of(uri)[0]) == len({(each["name"], each["parent"]) for each in state_of(uri)[0]})


@pytest.mark.skipif(os.name != "posix", reason="needs fcntl")
def test_one_process_at_a_time_writes_a_folder(folder, uri):
    import fcntl

    with (folder / "tracking" / "runs.json").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(TrackingError, match="another process is writing"):
            track(folder, tracking_uri=uri)


def test_the_folder_is_enough_also_where_it_cannot_be_written_and_is_not_changed(folder, uri):
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    track(folder, tracking_uri=uri)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)


def test_tables_that_name_customers_are_recorded_where_the_user_asks(few, uri, tmp_path):
    overrides = {"tracking.uri": uri, "tracking.log_customers": True, "output.folder": str(tmp_path / "out")}
    run(load_config(few / "clvml.toml", overrides))
    saved = json.loads((tmp_path / "out" / "tracking" / "runs.json").read_text())
    tables = {table for each in saved["runs"] for table in each["files"]}
    assert "tables/predictions.parquet" in tables
    (kept,) = (tmp_path / "out" / "tracking" / "files").glob("predictions-*.parquet")
    assert pd.read_parquet(kept)["customer_id"].str.startswith("person-").all()
