"""A process that dies while it writes to MLflow: nothing half-registered, another attempt completes it."""

import multiprocessing
import os
import shutil
import signal
from pathlib import Path

import mlflow
import pandas as pd
import pytest
import sqlalchemy.event

import clvml
from clvml.tracking import _abandoned_runs, load
from clvml.tracking._abandoned_runs import RECORD
from clvml.tracking._connection import connected
from clvml.tracking._process import this_process
from clvml.tracking._records import DatasetRecord, Registration, RunRecord, parameters_of
from clvml.tracking._runs import upload
from clvml.tracking._saved_runs import save_runs

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a forked process")
FORK = multiprocessing.get_context("fork") if hasattr(os, "fork") else None
STEPS = 400  # more than there are


class Homemade(clvml.RepeatRateValue):
    """A model that no file can hold."""


@pytest.fixture(scope="module")
def saved(tmp_path_factory, cdnow):
    """A folder of two runs: one to register, with children, tables and an image; one without a file."""
    root = tmp_path_factory.mktemp("saved")
    model = clvml.RepeatRateValue(horizon=39).fit(cdnow)
    (root / "figure.png").write_bytes(b"an image")
    table = pd.DataFrame({"predicted": [90.5, 20.25]}, index=pd.Index([1, 2], name="decile"))
    origins = [RunRecord(f"origin {n}", params={"origin": n}, metrics={"mae": float(n)}) for n in range(2)]
    records = [
        RunRecord("homemade", model=Homemade(horizon=39).fit(cdnow), metrics={"mae": 99.0}),
        RunRecord(
            "repeat rate",
            tags={"family": "formula"},
            params=parameters_of(model),
            metrics={"mae": 43.31},
            steps={"decile_pred": table["predicted"]},
            tables={"deciles": table},
            figures={"figure": root / "figure.png"},
            datasets=[DatasetRecord("cdnow", cdnow.head(50), "holdout")],
            model=model,
            input_example=cdnow,
            registration=Registration("clv", {"why": "it leads"}),
            children=origins,
            description="the leader",
        ),
    ]
    return save_runs(records, root / "tracking", experiment="q", root=root), root


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """A store with an experiment and nothing in it, to be copied: to make one takes seconds."""
    folder = tmp_path_factory.mktemp("empty")
    with connected(f"sqlite:///{folder / 'mlflow.db'}", create=True):
        pass
    return folder / "mlflow.db"


def new_store(empty, folder):
    folder.mkdir()
    shutil.copy(empty, folder)
    return f"sqlite:///{folder / 'mlflow.db'}"


def die_at(number, saved, uri):
    """Write the runs; kill this process at the n-th change of the database or copy of a file."""
    left = [number]

    def step(*_):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    copy = shutil.copy2
    shutil.copy2 = lambda *given, **options: (step(), copy(*given, **options))[1]
    sqlalchemy.event.listen(sqlalchemy.Engine, "commit", step)
    runs, root = saved
    upload(runs, root, tracking_uri=uri)


def killed_at(number, saved, uri):
    """Whether it was killed before it was done."""
    process = FORK.Process(target=die_at, args=(number, saved, uri))
    process.start()
    process.join(120)
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


def state_of(uri):
    """All that is in the store, without ids and times."""
    with connected(uri):
        client = mlflow.MlflowClient()
        found = client.get_experiment_by_name("q")
        if found is None:
            return {}
        runs = client.search_runs([found.experiment_id], max_results=1000)
        models = client.search_logged_models([found.experiment_id])
        versions = client.search_model_versions("name = 'clv'")
        aliases = client.get_registered_model("clv").aliases if versions else {}
        names = {run.info.run_id: run.data.tags[RECORD] for run in runs}
        files = {
            names[run.info.run_id]: sorted(
                path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
            )
            for run in runs
            for folder in [Path(run.info.artifact_uri.removeprefix("file://"))]
        }
        return {
            "runs": sorted(
                (
                    names[run.info.run_id],
                    run.info.run_name,
                    run.info.status,
                    sorted(run.data.params.items()),
                    sorted(
                        (key, point.step, point.value)
                        for key in run.data.metrics
                        for point in client.get_metric_history(run.info.run_id, key)
                    ),
                    sorted(key for key in run.data.tags if key != "mlflow.parentRunId"),
                    names.get(run.data.tags.get("mlflow.parentRunId")),
                    len(run.inputs.dataset_inputs),
                    len(run.outputs.model_outputs),
                )
                for run in runs
            ),
            "models": sorted(
                (names[m.source_run_id], m.name, str(m.status), len(m.metrics or [])) for m in models
            ),
            "versions": [(int(v.version), sorted(v.tags), names[v.run_id]) for v in versions],
            "aliases": dict(aliases),
            "files": files,
        }


def check_that_versions_are_whole(uri):
    with connected(uri):
        for version in mlflow.MlflowClient().search_model_versions("name = 'clv'"):
            assert load(f"models:/clv/{version.version}", tracking_uri=uri).horizon == 39


@pytest.fixture(scope="module")
def whole(saved, empty, tmp_path_factory):
    """The state after an attempt that nothing interrupts, and the number of its steps."""
    uri = new_store(empty, tmp_path_factory.mktemp("whole") / "store")
    upload(*saved, tracking_uri=uri)
    return state_of(uri)


def test_a_second_attempt_after_a_whole_one_changes_nothing(saved, empty, whole, tmp_path):
    uri = new_store(empty, tmp_path / "store")
    upload(*saved, tracking_uri=uri)
    written = upload(*saved, tracking_uri=uri)
    assert all(run.was_there for run in written.values())
    assert state_of(uri) == whole
    assert len(whole["runs"]) == 4
    assert {run[2] for run in whole["runs"]} == {"FINISHED"}
    assert len(whole["versions"]) == 1


def test_killed_at_any_step_leaves_whole_versions_only_and_the_next_attempt_completes_it(
    saved, empty, whole, tmp_path
):
    number, stages = 1, set()
    while number < STEPS:
        uri = new_store(empty, tmp_path / str(number))
        if not killed_at(number, saved, uri):
            break
        check_that_versions_are_whole(uri)
        before = state_of(uri)
        stages.add(str(before))
        written = upload(*saved, tracking_uri=uri)
        assert [error for run in written.values() for error in run.errors] == []
        assert state_of(uri) == whole, f"killed at step {number}, which left {before}"
        number += 7
    assert 20 < number < STEPS
    assert len(stages) >= 8  # it was killed in different states


def test_runs_of_a_killed_process_are_ended_by_the_next_run_which_says_so(saved, empty, tmp_path):
    uri, said = new_store(empty, tmp_path / "store"), []
    assert killed_at(30, saved, uri)
    assert "RUNNING" in {run[2] for run in state_of(uri)["runs"]}
    other = save_runs([RunRecord("other")], tmp_path / "other", experiment="q")
    upload(other, tmp_path / "other", tracking_uri=uri, say=said.append)
    assert "RUNNING" not in {run[2] for run in state_of(uri)["runs"]}
    assert "PENDING" not in {model[2] for model in state_of(uri)["models"]}
    (sentence,) = said
    assert sentence.startswith("ended in MLflow: 1 run of a process that had stopped in the middle (")


def test_runs_of_living_processes_and_of_others_are_left_alone(empty, tmp_path):
    uri = new_store(empty, tmp_path / "store")
    runs = save_runs([RunRecord("new")], tmp_path / "new", experiment="q")
    with connected(uri):
        client = mlflow.MlflowClient()
        experiment = client.create_experiment("q")
        here = _abandoned_runs.PROCESS
        tags = {
            "of nobody we know": {},
            "alive": {RECORD: "a/0", here: this_process()},
            "elsewhere": {RECORD: "b/0", here: "another-host 1 abc"},
        }
        for name, own in tags.items():
            client.create_run(experiment, run_name=name, tags=own)
        old = {RECORD: "c/0", here: "another-host 1 abc"}
        client.create_run(experiment, start_time=1_700_000_000_000, run_name="old", tags=old)
    upload(runs, tmp_path / "new", tracking_uri=uri)
    with connected(uri):
        found = {run.info.run_name: run.info.status for run in client.search_runs([experiment])}
    assert found == {**dict.fromkeys(tags, "RUNNING"), "old": "KILLED", "new": "FINISHED"}
