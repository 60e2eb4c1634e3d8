"""Comparisons and backtests in MLflow from a notebook: within a run, without one, and by themselves."""

import json
import subprocess
from typing import Any, NamedTuple

import mlflow
import pytest

import clvml
from clvml.errors import InputError, TrackingError
from clvml.evaluation._observers import unannounced
from clvml.tracking._comparison_records import MAX_KEY, ComparisonRecords
from clvml.tracking._connection import quiet

FAMILIES = {"BG/NBD": "probabilistic", "historic": "formula", "repeat rate": "formula", "zero": "baseline"}
METRICS = {"total", "bias_pct", "mae", "rmse", "spearman", "gini", "top10_share"}


def models(prior=None):
    purchases = clvml.BGNBD(prior=prior)
    return {
        "BG/NBD": clvml.LifetimeValue(purchases, clvml.GammaGamma(), horizon=26),
        "historic": clvml.HistoricValue(horizon=26),
        "repeat rate": clvml.RepeatRateValue(horizon=26),
        "zero": clvml.ZeroValue(horizon=26),
    }


@pytest.fixture(scope="module")
def backtest():
    return clvml.backtest(
        clvml.load_cdnow(), models(), origins=2, horizon=26, families=FAMILIES, n_draws=200, progress=False
    )


@pytest.fixture(scope="module")
def split():
    return clvml.split(clvml.load_cdnow(), "1997-09-30", "1998-06-30")


class Notebook(NamedTuple):
    """MLflow as in a notebook: a store of its own and a current experiment."""

    client: Any
    experiment: str

    def runs(self) -> list[Any]:
        """All runs in the order of MLflow's UI: the latest first."""
        return list(self.client.search_runs([self.experiment], max_results=1000))

    def children(self, run_id: str | None) -> list[Any]:
        """The children of a run, or the runs at the top level."""
        return [run for run in self.runs() if run.data.tags.get("mlflow.parentRunId") == run_id]


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with quiet():
        mlflow.set_tracking_uri(uri)
        experiment = mlflow.set_experiment("notebook").experiment_id
        yield Notebook(mlflow.MlflowClient(), experiment)
        mlflow.set_tracking_uri(None)
    clvml.autolog(disable=True)


def test_the_active_run_gets_the_verdict_and_the_models_are_its_children(notebook, backtest):
    with mlflow.start_run(run_name="mine") as active:
        mlflow.set_tag("mlflow.note.content", "My notes.")
        mlflow.log_param("purpose", "my own")
        ids = clvml.log_comparison(backtest, data="cdnow")
        assert mlflow.active_run().info.run_id == active.info.run_id
    run = notebook.client.get_run(active.info.run_id)
    assert run.info.status == "FINISHED"
    said = run.data.tags["mlflow.note.content"]
    assert said.startswith(
        f"My notes.\n\n**{backtest.verdict.sentences[0]}** {backtest.verdict.sentences[1]}"
    )
    assert backtest.verdict.rule in said
    assert "| BG/NBD | probabilistic |" in said
    assert run.data.tags["champion"] == "BG/NBD"
    assert run.data.params["purpose"] == "my own"
    assert run.data.params["origins"] == "2"
    assert run.data.metrics["rmse"] == backtest.latest.table.loc["BG/NBD", "rmse"]
    assert [child.info.run_name for child in notebook.children(active.info.run_id)] == [
        *backtest.verdict.ranked,
        "zero",
    ]
    assert [child.info.run_id for child in notebook.children(active.info.run_id)] == list(ids.values())
    tables = {item["path"] for item in json.loads(run.data.tags["mlflow.loggedArtifacts"])}
    assert {"tables/comparison.json", "tables/verdict.json", "tables/backtest_totals.json"} <= tables
    shown = notebook.client.load_table(notebook.experiment, "tables/comparison.json", [run.info.run_id])
    assert shown["rmse"].tolist() == pytest.approx(backtest.latest.table["rmse"].tolist())
    assert len(notebook.client.list_artifacts(run.info.run_id, "figures")) == 6


def test_origins_are_children_of_the_models_with_their_own_metrics(notebook, backtest):
    with mlflow.start_run():
        ids = clvml.log_comparison(backtest)
    for name, run_id in ids.items():
        below = notebook.children(run_id)
        dates = [origin for origin, _ in sorted(backtest.comparisons, reverse=True)]
        assert [child.info.run_name for child in below] == [f"{d:%Y-%m-%d}, 26 weeks: {name}" for d in dates]
        for child, origin in zip(below, dates, strict=True):
            table = backtest.comparisons[origin, 26.0].table
            assert child.data.metrics["gini"] == table.loc[name, "gini"]
            assert child.data.params["origin"] == f"{origin:%Y-%m-%d}"
            assert child.info.status == "FINISHED"


def test_without_an_active_run_the_champion_is_the_first_of_the_list_with_everything(notebook, backtest):
    clvml.log_comparison(backtest.latest)
    first, *others = notebook.children(None)
    assert first.info.run_id == notebook.runs()[0].info.run_id
    assert first.info.run_name == backtest.latest.champion
    assert "BG/NBD leads" in first.data.tags["mlflow.note.content"]
    assert (
        "May not lead: its RMSE"
        in {r.info.run_name: r for r in others}["historic"].data.tags["mlflow.note.content"]
    )
    assert len(notebook.client.list_artifacts(first.info.run_id, "figures")) == 5
    clvml.log_comparison(backtest)  # a second time: the new runs are first, the champion before them
    assert len(notebook.children(None)) == 8
    newest = notebook.runs()[0]
    assert (newest.info.run_name, newest.info.run_id != first.info.run_id) == ("BG/NBD", True)


def test_metrics_are_short_with_their_intervals_beside_them(backtest):
    records = ComparisonRecords(backtest)
    table = backtest.latest.draws.table()
    for name in records.names:
        metrics = records.contender(name).metrics
        assert max(map(len, metrics)) <= MAX_KEY
        assert set(metrics) >= METRICS
        assert metrics["rmse_lo"] == table.loc[name, "rmse_lower"]
        assert metrics["rmse_hi"] == table.loc[name, "rmse_upper"]
        assert metrics["top10_hi"] == table.loc[name, "top10_share_upper"]
        assert metrics["rmse_lo"] <= metrics["rmse"] <= metrics["rmse_hi"]
        assert metrics["score_lo"] - 1e-9 <= metrics["score"] <= metrics["score_hi"] + 1e-9


def test_a_dataset_has_a_digest_and_the_counts_of_the_policy(notebook):
    rows = clvml.load_cdnow().to_pandas()
    rows.loc[rows.index[0], "amount"] = -5.0
    parts = clvml.split(clvml.read_transactions(rows), "1997-09-30", "1998-06-30")
    found = clvml.compare_models(models(), parts, families=FAMILIES, n_draws=50)
    ids = clvml.log_comparison(found, data="cdnow")
    for run_id in ids.values():
        used = {each.dataset.name: each for each in notebook.client.get_run(run_id).inputs.dataset_inputs}
        assert set(used) == {"cdnow_calibration", "cdnow_holdout"}
        tags = {tag.key: tag.value for tag in used["cdnow_holdout"].tags}
        assert tags["set_aside_returns"] == "1"
        assert tags["rows_read"] == str(len(rows))
    digests = {each.dataset.digest for each in used.values()}
    clvml.log_comparison(clvml.compare_models(models(), parts, families=FAMILIES, n_draws=50), data="again")
    again = notebook.client.get_run(notebook.runs()[0].info.run_id).inputs.dataset_inputs
    assert {each.dataset.digest for each in again} == digests


def test_a_sweep_reads_as_one(notebook, split):
    for prior in (None, "weak"):
        with mlflow.start_run(run_name=f"prior {prior}"):
            clvml.log_comparison(clvml.compare_models(models(prior), split, families=FAMILIES, n_draws=50))
    swept = {run.info.run_name: run for run in notebook.children(None)}
    assert swept["prior weak"].data.params["purchases.prior"] == "weak"
    assert swept["prior None"].data.params["purchases.prior"] == "None"
    assert swept["prior weak"].data.metrics["rmse"] != swept["prior None"].data.metrics["rmse"]


def test_customers_and_models_are_logged_only_where_asked(notebook, backtest):
    clvml.log_comparison(backtest.latest)
    champion = notebook.runs()[0]
    assert champion.outputs is None or not champion.outputs.model_outputs
    assert not list(notebook.client.list_artifacts(champion.info.run_id, "tables/predictions.parquet"))
    clvml.log_comparison(backtest.latest, log_models=True, log_customers=True)
    champion = notebook.runs()[0]
    table = notebook.client.load_table(
        notebook.experiment, "tables/predictions.parquet", [champion.info.run_id]
    )
    assert len(table) == len(backtest.latest.actual)
    (logged,) = champion.outputs.model_outputs
    loaded = clvml.tracking.load(f"models:/{logged.model_id}")
    assert loaded.predict(backtest.latest.split.calibration).equals(
        backtest.latest.models["BG/NBD"].predict(backtest.latest.split.calibration)
    )


def test_autolog_logs_each_comparison_and_each_backtest_once(notebook, split):
    clvml.autolog()
    found = clvml.compare_models(models(), split, families=FAMILIES, n_draws=50)
    assert [run.info.run_name for run in notebook.children(None)] == [*found.verdict.ranked, "zero"]
    with mlflow.start_run() as active:
        clvml.backtest(clvml.load_cdnow(), models(), origins=2, horizon=26, n_draws=50, progress=False)
    assert len(notebook.children(active.info.run_id)) == 4
    n_runs = len(notebook.runs())
    with unannounced():
        clvml.compare_models(models(), split, families=FAMILIES, n_draws=50)
    clvml.autolog(disable=True)
    clvml.compare_models(models(), split, families=FAMILIES, n_draws=50)
    assert len(notebook.runs()) == n_runs


def test_autolog_never_costs_the_comparison(monkeypatch, split, caplog):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    clvml.autolog()
    try:
        found = clvml.compare_models(models(), split, families=FAMILIES, n_draws=50)
    finally:
        clvml.autolog(disable=True)
    assert found.champion == "BG/NBD"
    assert "the comparison was not logged: no MLflow server responds" in caplog.text
    with pytest.raises(TrackingError, match="no MLflow server responds"):
        clvml.log_comparison(found)


def test_anything_else_is_refused_in_a_sentence(backtest):
    with pytest.raises(InputError, match=r"was given DataFrame; give what clvml\.compare_models or"):
        clvml.log_comparison(backtest.latest.table)


def test_a_run_names_the_commit_of_the_folder_and_whether_it_was_changed(notebook, backtest, tmp_path):
    def git(*arguments):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
        return subprocess.run(
            ["git", *identity, *arguments], check=True, capture_output=True, text=True
        ).stdout

    git("init", "-q")
    (tmp_path / "question.md").write_text("which?")
    git("add", "question.md")
    git("commit", "-qm", "Ask")
    clvml.log_comparison(backtest.latest)
    (tmp_path / "question.md").write_text("how many?")
    clvml.log_comparison(backtest.latest)
    second, first = (run for run in notebook.children(None) if run.info.run_name == "BG/NBD")
    assert {run.data.tags["mlflow.source.git.commit"] for run in (first, second)} == {
        git("rev-parse", "HEAD").strip()
    }
    assert [run.data.tags["git_changed"] for run in (first, second)] == ["no", "yes"]
