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
        order = ["attributes.start_time DESC"]
        every = self.client.search_runs([found.experiment_id], order_by=order, max_results=1000)
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
    assert resolve("models:/north_holdout@champion", tracking_uri=logged.uri).version == 2
    assert resolve("models:/south_holdout@champion", tracking_uri=logged.uri).version == 1


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
        stored = list((logged.folder / "mlruns").rglob(f"{made.model_id}/artifacts/MLmodel"))
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
