"""Runs in MLflow: what a reader of its UI finds, from two data sets and three runs in one store."""

from pathlib import Path
from typing import Any, NamedTuple

import mlflow
import pandas as pd
import pytest

from clvml.tracking import resolve
from clvml.tracking._connection import connected
from clvml.workflow._config import load_config
from clvml.workflow._run import run
from clvml.workflow.stages._comparing import Comparison

PARENT = "mlflow.parentRunId"
CONTENDERS = ["bgnbd_gamma_gamma", "repeat_rate", "historic", "last_period"]


class Logged(NamedTuple):
    """A store, its folder, and the results of the runs in it."""

    client: Any
    uri: str
    folder: Path
    results: dict[str, Any]

    def runs(self, experiment: str, role: str | None = None) -> list[Any]:
        """The runs of an experiment in the order of MLflow's UI: the latest first."""
        found = self.client.get_experiment_by_name(experiment)
        every = self.client.search_runs([found.experiment_id], max_results=1000)
        return [entry for entry in every if role in (None, entry.data.tags.get("role"))]


def with_ids(purchases, mask):
    table = purchases[mask(purchases["customer_id"])]
    return table.assign(customer_id="person-" + table["customer_id"].astype(str))


@pytest.fixture(scope="module")
def logged(purchases, tmp_path_factory):
    """The north twice, then the south with its customers, in one store."""
    folder = tmp_path_factory.mktemp("store")
    with_ids(purchases, lambda ids: ids % 3 != 0).to_csv(folder / "north.csv", index=False)
    with_ids(purchases, lambda ids: ids % 3 != 1).to_csv(folder / "south.csv", index=False)
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    results = {}
    for name, region, asked in (
        ("first", "north", False),
        ("second", "north", False),
        ("south", "south", True),
    ):
        overrides = {
            "data.source": str(folder / f"{region}.csv"),
            "models.contenders": CONTENDERS,
            "tracking.uri": uri,
            "tracking.log_customers": asked,
            "output.folder": str(folder / name),
        }
        results[name] = run(load_config(overrides=overrides))
    return Logged(mlflow.MlflowClient(uri, uri), uri, folder, results)


def bytes_of(folder):
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_registered_models_are_named_for_their_experiment(logged):
    names = {model.name for model in logged.client.search_registered_models()}
    assert names == {f"{r}_holdout{part}" for r in ("north", "south") for part in ("", "-segments")}
    assert resolve("models:/south_holdout@champion", tracking_uri=logged.uri).version == 1


def test_the_second_training_on_the_same_data_is_a_challenger_that_ties_and_its_segments_follow(logged):
    for part in ("", "-segments"):
        champion = resolve(f"models:/north_holdout{part}@champion", tracking_uri=logged.uri)
        challenger = resolve(f"models:/north_holdout{part}@challenger", tracking_uri=logged.uri)
        assert (champion.version, challenger.version) == (1, 2)
        assert challenger.tags["status"] == "not promoted"
    assert champion.tags["model_version"] == "north_holdout/1"
    why = resolve("models:/north_holdout/2", tracking_uri=logged.uri).tags["why"]
    assert why.startswith("judged against version 1 (the same specification): a tie: their scores are equal")


def test_the_champion_is_the_first_of_the_list_with_the_verdict_and_the_served_model_is_below_it(logged):
    for experiment, name in (("north_holdout", "second"), ("south_holdout", "south")):
        comparison = logged.results[name][Comparison]
        first, second, *_ = logged.runs(experiment)
        top = [entry for entry in logged.runs(experiment) if PARENT not in entry.data.tags]
        assert top[0].info.run_id == first.info.run_id
        assert first.info.run_name == comparison.champion
        assert first.data.tags["mlflow.note.content"].startswith(f"**{comparison.verdict.sentences[0]}**")
        assert top[1].info.run_name == f"to serve: {comparison.champion}"
        compared = [entry.info.run_name for entry in top if entry.data.tags["role"] == "compared"]
        titles = comparison.titles
        ranked = [titles[key] for key in comparison.result.verdict.ranked]
        assert compared[: len(ranked)] == ranked
        assert second.data.tags[PARENT] == first.info.run_id  # its latest origin


def test_a_second_run_in_the_store_is_above_the_first_and_complete_again(logged):
    runs = [entry for entry in logged.runs("north_holdout") if PARENT not in entry.data.tags]
    half = len(runs) // 2
    assert [entry.info.run_name for entry in runs[:half]] == [entry.info.run_name for entry in runs[half:]]
    for newer, older in zip(runs[:half], runs[half:], strict=True):
        assert newer.data.metrics.keys() == older.data.metrics.keys()
        if newer.data.tags["role"] == "compared":
            assert newer.data.metrics["rmse"] == older.data.metrics["rmse"]
            digests = [{d.dataset.digest for d in entry.inputs.dataset_inputs} for entry in (newer, older)]
            assert digests[0] == digests[1]


def test_the_origins_of_the_backtest_are_below_the_models(logged):
    comparison = logged.results["south"][Comparison]
    runs = logged.runs("south_holdout")
    for entry in runs:
        if entry.data.tags.get("role") != "compared":
            continue
        name = entry.data.tags["contender"]
        below = [other for other in runs if other.data.tags.get(PARENT) == entry.info.run_id]
        tested = {
            origin: each.table.loc[name, "rmse"]
            for (origin, _), each in comparison.backtest.comparisons.items()
            if name in each.models
        }
        assert len(tested) > 1
        assert {other.data.params["origin"]: other.data.metrics["rmse"] for other in below} == {
            f"{origin:%Y-%m-%d}": rmse for origin, rmse in tested.items()
        }


def test_no_customer_is_in_mlflow_unless_the_user_asks(logged):
    stored = logged.folder / "mlruns"
    assert b"person-" not in bytes_of(stored / "north_holdout")
    assert b"person-" not in (logged.folder / "mlflow.db").read_bytes()
    for tables in ("predictions", "segments", "customers", "early_warning"):
        assert len(list((stored / "south_holdout").rglob(f"tables/{tables}.*"))) >= 1
        assert not list((stored / "north_holdout").rglob(f"tables/{tables}.*"))
    figure = "figures/prediction_intervals_of_best.png"
    assert len(list((stored / "south_holdout").rglob(figure))) == 1
    assert not list((stored / "north_holdout").rglob(figure))


def test_every_run_is_complete_also_of_a_model_that_cannot_be_served_to_others(logged):
    for experiment in ("north_holdout", "south_holdout"):
        assert {entry.info.status for entry in logged.runs(experiment)} == {"FINISHED"}
    for entry in logged.runs("north_holdout", "compared"):
        (made,) = entry.outputs.model_outputs
        stored = list((logged.folder / "mlruns").rglob(f"{made.model_id}/artifacts/data/model.json"))
        assert len(stored) == (entry.info.run_name != "last period repeated")


@pytest.mark.parametrize(("region", "latest"), [("north", "second"), ("south", "south")])
def test_the_example_of_a_registered_model_is_nobody_of_its_data_set(logged, region, latest):
    with connected(logged.uri):
        folder = mlflow.artifacts.download_artifacts(f"models:/{region}_holdout@champion")
    example = mlflow.models.Model.load(folder).load_input_example(folder)
    assert example["customer_id"].str.startswith("example-").all()
    customers = pd.read_parquet(logged.folder / latest / "customers.parquet")
    columns = [name for name in example if name in customers]
    real = set(customers[columns].itertuples(index=False, name=None))
    assert not real & set(example[columns].itertuples(index=False, name=None))
