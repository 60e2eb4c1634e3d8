"""Records become runs: models and metrics side by side, failures marked, nothing lost."""

import os
import subprocess
import sys

import mlflow
import pytest
from matplotlib import pyplot

import clvml
from clvml.errors import InputError, TrackingError
from clvml.tracking import flavor
from clvml.tracking._connection import connected
from clvml.tracking._records import RunRecord, parameters_of
from clvml.tracking._runs import write_records

CHAMPION = "BG/NBD x Gamma-Gamma"


@pytest.fixture(scope="module")
def client(store):
    with connected(store.uri):
        yield mlflow.MlflowClient()


def test_each_record_is_a_finished_run_at_the_top_level(client, store):
    found = client.search_runs([store.written[CHAMPION].experiment_id])
    assert {run.info.run_name for run in found} == {CHAMPION, "repeat rate", "homemade"}
    assert {run.info.status for run in found} == {"FINISHED"}
    assert not any("mlflow.parentRunId" in run.data.tags for run in found)
    assert not any(run.errors for run in store.written.values())


def test_a_run_says_what_was_recorded(client, store, value_model):
    run = client.get_run(store.written[CHAMPION].run_id)
    assert run.data.tags["family"] == "probabilistic"
    assert run.data.params["purchases.alpha"] == repr(float(value_model.purchases_.params_.alpha))
    assert run.data.params["horizon"] == "12M"
    assert run.data.metrics["mae"] == 30.41
    assert "rmse" not in run.data.metrics  # not a number
    assert [(p.step, p.value) for p in client.get_metric_history(run.info.run_id, "decile_pred")] == [
        (1, 90.5),
        (2, 20.25),
    ]
    by_context = {
        {tag.key: tag.value for tag in used.tags}["mlflow.data.context"]: used
        for used in run.inputs.dataset_inputs
    }
    assert set(by_context) == {"calibration", "holdout"}
    assert {tag.key: tag.value for tag in by_context["calibration"].tags}["rows_read"] == "6919"
    assert by_context["holdout"].dataset.name == "cdnow_holdout"


def test_tables_and_figures_lie_beside_the_database_and_figures_are_closed(client, store):
    run_id = store.written[CHAMPION].run_id
    names = {item.path for folder in ("tables", "figures") for item in client.list_artifacts(run_id, folder)}
    assert names == {"tables/deciles.csv", "tables/deciles.json", "figures/a_figure.png"}
    assert list(store.folder.glob("mlruns/q/**/deciles.csv"))
    shown = client.load_table(store.written[CHAMPION].experiment_id, "tables/deciles.json", [run_id])
    assert shown["predicted"].tolist() == [90.5, 20.25]
    assert not pyplot.get_fignums()


def test_both_families_stand_in_one_list_of_models_with_their_metrics(client, store):
    models = client.search_logged_models([store.written[CHAMPION].experiment_id])
    mae = {model.model_type: {m.key: m.value for m in model.metrics}["mae"] for model in models}
    assert mae == {"LifetimeValue": 30.41, "RepeatRateValue": 43.31, "Homemade": 99.0}
    assert {m.dataset_name for model in models for m in model.metrics if m.key == "mae"} == {"cdnow_holdout"}


def test_a_formula_comes_back_from_its_run_and_a_homemade_model_has_no_file(store, cdnow):
    with connected(store.uri):
        formula = flavor.load_model(store.written["repeat rate"].model_uri)
    assert formula.predict(cdnow).equals(clvml.RepeatRateValue(horizon=39).fit(cdnow).predict(cdnow))
    assert store.written["homemade"].model_uri is None


def test_what_fails_marks_the_run_and_costs_nothing_else(store, caplog):
    def no_figure():
        raise RuntimeError("the pen is dry")

    bad = RunRecord("bad", metrics={"mae": 1.0}, figures={"f": no_figure}, tags={"family": "formula"})
    good = RunRecord("good", metrics={"mae": 2.0})
    written = write_records([bad, good], experiment="failures", tracking_uri=store.uri)
    assert written["bad"].errors == ["figures: the pen is dry"]
    assert "the pen is dry" in caplog.text
    with connected(store.uri):
        runs = {name: mlflow.get_run(run.run_id) for name, run in written.items()}
    assert {name: run.info.status for name, run in runs.items()} == {"bad": "FAILED", "good": "FINISHED"}
    assert runs["bad"].data.metrics == {"mae": 1.0}


def test_an_interrupted_run_is_marked_and_the_interruption_goes_on(store, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(mlflow.MlflowClient, "log_batch", stop)
    with pytest.raises(KeyboardInterrupt):
        write_records([RunRecord("cut")], experiment="cut", tracking_uri=store.uri)
    with connected(store.uri):
        assert mlflow.search_runs(experiment_names=["cut"])["status"].tolist() == ["KILLED"]


def test_two_records_of_one_name_are_refused_before_anything_is_written(tmp_path):
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    with pytest.raises(InputError, match="two records have the name 'a'"):
        write_records([RunRecord("a"), RunRecord("a")], experiment="q", tracking_uri=uri)
    assert not list(tmp_path.iterdir())


def test_the_users_mlflow_settings_and_output_stay_as_they_were(store, capfd, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    mlflow.set_tracking_uri("sqlite:///elsewhere.db")
    try:
        write_records([RunRecord("quiet")], experiment="quiet", tracking_uri=store.uri)
        assert mlflow.get_tracking_uri() == "sqlite:///elsewhere.db"
    finally:
        mlflow.set_tracking_uri(None)
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err == ""


def test_two_processes_may_make_the_store_at_the_same_time(tmp_path):
    code = (
        "from clvml.tracking._runs import write_records; from clvml.tracking._records import RunRecord;"
        "import sys; write_records([RunRecord(sys.argv[1])], experiment='q')"
    )
    environment = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, name],
            cwd=tmp_path,
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in ("one", "two")
    ]
    complaints = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], complaints
    with connected(f"sqlite:///{tmp_path / 'mlflow.db'}"):
        assert set(mlflow.search_runs(experiment_names=["q"])["tags.mlflow.runName"]) == {"one", "two"}


def test_the_parameters_of_a_nested_model_have_dotted_names(value_model):
    named = parameters_of(value_model)
    assert named["model"] == "LifetimeValue"
    assert named["purchases.model"] == "BGNBD"
    assert named["spend.v"] == value_model.spend_.params_.v
    assert named["annual_discount_rate"] == 0.10


def test_a_server_that_is_away_is_one_sentence_at_once(monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "5")
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_TIMEOUT", raising=False)
    with pytest.raises(
        TrackingError, match=r"^no MLflow server responds at http://127\.0\.0\.1:9 \([^\n]*$"
    ) as caught:
        write_records([RunRecord("a")], experiment="q", tracking_uri="http://me:secret@127.0.0.1:9")
    assert "secret" not in str(caught.value)
    assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "5"
