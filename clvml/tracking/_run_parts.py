"""The parts of an MLflow run: parameters, datasets, the model, metrics, tables and figures.

Writing a part twice is writing it once, so that an interrupted run can be completed.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clvml.tracking._logged_models import link_model, log_model_folder, models_of
from clvml.tracking._record_files import file_name
from clvml.tracking._saved_runs import SavedRun, SavedRuns

if TYPE_CHECKING:
    from mlflow.entities import Metric, Param

    from clvml.tracking._challenge import Nomination
    from clvml.tracking._registry import RegisteredVersion

MAX_PARAM = 500
DESCRIPTION = "mlflow.note.content"  # MLflow's page of a run shows this tag as Markdown
MAX_DESCRIPTION = 5000  # MLflow refuses longer tags
LOGGED_TABLES = "mlflow.loggedArtifacts"  # the tag by which MLflow finds the tables that it displays


@dataclass
class WrittenRun:
    """The MLflow run of a record.

    Attributes
    ----------
    name : str
        Of the record.
    experiment_id, run_id : str
        In MLflow.
    model_uri, model_id : str or None
        Of the logged model; an entry without a file has an id but no URI.
    nomination : Nomination or None
        What became of its model in the registry, if it was to be registered.
    started : int
        In milliseconds.
    tables : list of dict
        The tables that MLflow displays.
    errors : list of str
        What could not be written; empty for a complete run.
    is_resumed : bool
        Whether an earlier attempt wrote a part of it.
    was_there : bool
        Whether an earlier attempt wrote all of it.
    """

    name: str
    experiment_id: str
    run_id: str
    model_uri: str | None = None
    model_id: str | None = None
    nomination: Nomination | None = None
    started: int = 0
    tables: list[dict[str, str]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    is_resumed: bool = False
    was_there: bool = False

    @property
    def registered(self) -> RegisteredVersion | None:
        """The version, if its model was registered."""
        return None if self.nomination is None else self.nomination.version


@dataclass(frozen=True)
class Source:
    """The folder that runs are written from.

    Attributes
    ----------
    runs : SavedRuns
    root : Path
        To which its paths are relative.
    """

    runs: SavedRuns
    root: Path


def write_params(client: Any, run: SavedRun, written: WrittenRun, _: Source) -> None:
    """All parameters in one call."""
    client.log_batch(written.run_id, params=params_of(run))


def params_of(run: SavedRun) -> list[Param]:
    """The parameters as MLflow's, cut to its length."""
    from mlflow.entities import Param

    return [Param(key, text[:MAX_PARAM]) for key, text in run.params.items()]


def write_datasets(client: Any, run: SavedRun, written: WrittenRun, _: Source) -> None:
    """The datasets with their digests and facts, in one call."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    inputs = [
        DatasetInput(
            Dataset.from_dictionary(dataset.described),
            [InputTag(key, text) for key, text in dataset.tags.items()],
        )
        for dataset in run.datasets
    ]
    if inputs:
        client.log_inputs(written.run_id, datasets=inputs)


def write_model(client: Any, run: SavedRun, written: WrittenRun, source: Source) -> None:
    """The model with its files; without a file if it has none."""
    if run.model is None:
        return
    name = file_name(run.name)
    if run.model.folder is None:
        written.model_id = _listed(client, name, run, written)
        return
    folder = source.root / run.model.folder
    described = {"name": name, "model_type": run.model.type}
    info = log_model_folder(folder, written.run_id, resume=written.is_resumed, **described)
    written.model_uri, written.model_id = info.model_uri, info.model_id


def _listed(client: Any, name: str, run: SavedRun, written: WrittenRun) -> str:
    """The id of an entry for the model, without a file."""
    import mlflow

    known = models_of(client, written.experiment_id, written.run_id) if written.is_resumed else []
    entry = next((model for model in known if model.name == name), None)
    if entry is None:
        entry = mlflow.create_external_model(
            name=name,
            source_run_id=written.run_id,
            params=dict(run.params),
            model_type=run.model.type if run.model is not None else None,
            experiment_id=written.experiment_id,
        )
    elif str(entry.status) != "READY":
        client.finalize_logged_model(entry.model_id, "READY")
    link_model(client, client.get_run(written.run_id), entry.model_id)
    return str(entry.model_id)


def write_metrics(client: Any, run: SavedRun, written: WrittenRun, source: Source) -> None:
    """All metrics and their values by step in one call."""
    found = metrics_of(run, written.run_id, source.runs.written_at, written.model_id)
    if found:
        client.log_batch(written.run_id, metrics=found)


def metrics_of(run: SavedRun, run_id: str, when: int, model_id: str | None = None) -> list[Metric]:
    """The metrics as MLflow's: linked to the model and the holdout, and those by step."""
    from mlflow.entities import Metric

    contexts = {data.tags.get("mlflow.data.context"): data.described for data in run.datasets}
    holdout = contexts.get("holdout", {})
    link = {"dataset_name": holdout.get("name"), "dataset_digest": holdout.get("digest")}
    link |= {"model_id": model_id, "run_id": run_id}
    found = [Metric(key, value, when, 0, **link) for key, value in run.metrics.items()]
    steps = [(key, step, value) for key, points in run.steps.items() for step, value in points]
    return found + [Metric(key, value, when, step, run_id=run_id) for key, step, value in steps]


def write_files(client: Any, run: SavedRun, written: WrittenRun, source: Source) -> None:
    """All tables and figures in one folder, and which of them MLflow displays."""
    if not run.files:
        return
    with tempfile.TemporaryDirectory() as folder:
        for artifact, path in run.files.items():
            place = Path(folder) / artifact
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source.root / path, place)
        client.log_artifacts(written.run_id, folder)
    shown = [{"path": path, "type": "table"} for path in run.displayed]
    written.tables += [each for each in shown if each not in written.tables]
    if written.tables:
        client.set_tag(written.run_id, LOGGED_TABLES, json.dumps(written.tables))


def described_tags(description: str) -> Mapping[str, str]:
    """The tag of a description, cut to MLflow's length; none if it is empty."""
    return {DESCRIPTION: description[:MAX_DESCRIPTION]} if description else {}


PARTS = (write_params, write_datasets, write_model, write_metrics, write_files)
