"""The parts of an MLflow run: parameters, datasets, the model, metrics, tables, figures."""

from __future__ import annotations

import json
import logging
import math
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from clvml.customers._ids import CUSTOMER_ID
from clvml.errors import InputError
from clvml.tracking._records import RunRecord, is_image
from clvml.tracking.flavor import log_model

if TYPE_CHECKING:
    from mlflow.entities import Metric, Param

    from clvml.tracking._registry import RegisteredVersion

logger = logging.getLogger("clvml")

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
    registered : RegisteredVersion or None
        If its model was registered.
    started : int
        In milliseconds.
    tables : list of dict
        The tables that MLflow displays.
    errors : list of str
        What could not be written; empty for a complete run.
    """

    name: str
    experiment_id: str
    run_id: str
    model_uri: str | None = None
    model_id: str | None = None
    registered: RegisteredVersion | None = None
    started: int = 0
    tables: list[dict[str, str]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def write_params(client: Any, record: RunRecord, written: WrittenRun) -> None:
    """All parameters in one call."""
    client.log_batch(written.run_id, params=params_of(record))


def params_of(record: RunRecord) -> list[Param]:
    """The parameters as MLflow's, cut to its length."""
    from mlflow.entities import Param

    return [Param(key, text[:MAX_PARAM]) for key, text in as_text(record.params).items()]


def write_datasets(client: Any, record: RunRecord, written: WrittenRun) -> None:
    """The datasets with their digests and facts, in one call."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    inputs = []
    for dataset in record.datasets:
        tags = {"mlflow.data.context": dataset.context, **as_text(dataset.facts)}
        described = Dataset.from_dictionary(dataset.described)
        inputs.append(DatasetInput(described, [InputTag(key, text) for key, text in tags.items()]))
    if inputs:
        client.log_inputs(written.run_id, datasets=inputs)


def write_model(client: Any, record: RunRecord, written: WrittenRun) -> None:
    """The model with its files; without a file if it cannot be saved, or values known customers only."""
    if record.model is None:
        return
    name = file_name(record.name)
    try:
        info = log_model(
            record.model, name, input_example=record.input_example, run_id=written.run_id, card=record.card
        )
    except InputError as error:  # it values known customers only, and its file would have their ids
        logger.info("run %r: %s It is listed in MLflow without a file.", record.name, error)
        written.model_id = _listed(client, name, record, written)
    else:
        written.model_uri, written.model_id = info.model_uri, info.model_id


def _listed(client: Any, name: str, record: RunRecord, written: WrittenRun) -> str:
    """The id of an entry for the model, without a file."""
    import mlflow
    from mlflow.entities import LoggedModelOutput

    entry = mlflow.create_external_model(
        name=name,
        source_run_id=written.run_id,
        params=as_text(record.params),
        model_type=type(record.model).__name__,
        experiment_id=written.experiment_id,
    )
    client.log_outputs(written.run_id, [LoggedModelOutput(entry.model_id, step=0)])
    return str(entry.model_id)


def write_metrics(client: Any, record: RunRecord, written: WrittenRun) -> None:
    """All metrics and their values by step in one call."""
    found = metrics_of(record, written.run_id, written.model_id)
    if found:
        client.log_batch(written.run_id, metrics=found)


def metrics_of(record: RunRecord, run_id: str, model_id: str | None = None) -> list[Metric]:
    """The finite metrics as MLflow's: linked to the model and the holdout, and those by step."""
    from mlflow.entities import Metric

    holdout = next((data.described for data in record.datasets if data.context == "holdout"), {})
    link = {"dataset_name": holdout.get("name"), "dataset_digest": holdout.get("digest")}
    link |= {"model_id": model_id, "run_id": run_id}
    now = int(time.time() * 1000)
    points = [(key, 0, value, link) for key, value in record.metrics.items()]
    points += [
        (key, int(str(step)), value, {"run_id": run_id})
        for key, series in record.steps.items()
        for step, value in series.items()
    ]
    return [
        Metric(key, float(value), now, step, **linked)
        for key, step, value, linked in points
        if math.isfinite(value)
    ]


def write_tables(client: Any, record: RunRecord, written: WrittenRun) -> None:
    """All tables in one folder: as CSV, and as JSON that MLflow displays; of customers as Parquet."""
    if not record.tables:
        return
    with tempfile.TemporaryDirectory() as folder:
        for name, table in record.tables.items():
            path = _save_table(Path(folder) / file_name(name), table)
            shown = {"path": f"tables/{path.name}", "type": "table"}
            if shown not in written.tables:
                written.tables.append(shown)
        client.log_artifacts(written.run_id, folder, "tables")
    client.set_tag(written.run_id, LOGGED_TABLES, json.dumps(written.tables))


def _save_table(path: Path, table: pd.DataFrame) -> Path:
    """Save it, and return the file that MLflow displays: the index as columns, names as text."""
    plain = table.reset_index().rename(columns=str)
    if CUSTOMER_ID in plain:
        shown = path.with_name(f"{path.name}.parquet")
        plain.to_parquet(shown, index=False)
        return shown
    table.to_csv(path.with_name(f"{path.name}.csv"))
    shown = path.with_name(f"{path.name}.json")
    plain.to_json(shown, orient="split", index=False, date_format="iso")
    return shown


def write_figures(client: Any, record: RunRecord, written: WrittenRun) -> None:
    """All figures in one folder: images that exist, and those to draw."""
    if not record.figures:
        return
    with tempfile.TemporaryDirectory() as folder:
        for name, figure in record.figures.items():
            if is_image(figure):
                shutil.copy(figure, folder)
            else:
                _save_drawn(Path(folder) / f"{file_name(name)}.png", figure() if callable(figure) else figure)
        client.log_artifacts(written.run_id, folder, "figures")


def _save_drawn(path: Path, drawn: Any) -> None:
    from matplotlib import pyplot

    figure = getattr(drawn, "figure", None) or drawn
    figure.savefig(path)
    pyplot.close(figure)


def described_tags(description: str) -> dict[str, str]:
    """The tag of a description, cut to MLflow's length; none if it is empty."""
    return {DESCRIPTION: description[:MAX_DESCRIPTION]} if description else {}


def as_text(values: Mapping[str, Any]) -> dict[str, str]:
    """Parameters and tags as text, floats with all digits."""
    return {
        str(key): repr(value) if isinstance(value, float) else str(value) for key, value in values.items()
    }


def file_name(name: str) -> str:
    """A name as that of a file.

    Examples
    --------
    >>> file_name("BG/NBD x Gamma-Gamma")
    'bg_nbd_x_gamma-gamma'
    """
    kept = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name.lower())
    return "_".join(part for part in kept.split("_") if part) or "unnamed"


PARTS = (write_params, write_datasets, write_model, write_metrics, write_tables, write_figures)
