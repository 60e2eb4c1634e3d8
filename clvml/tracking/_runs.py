"""Write records to MLflow runs.

Each part of a record (parameters, datasets, model, metrics, tables, figures) is written separately: one
that fails marks the run as FAILED and is named in the result, and all others are kept.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from clvml.errors import ClvmlError, InputError, TrackingError
from clvml.scoring._model_file import dump_model
from clvml.scoring._signature import signature
from clvml.tracking import _registry as registry
from clvml.tracking._connection import connected, database_of
from clvml.tracking._records import DatasetRecord, RunRecord, is_image
from clvml.tracking.flavor import log_model

logger = logging.getLogger("clvml")

MAX_PARAM = 500


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
    errors : list of str
        What could not be written; empty for a complete run.
    """

    name: str
    experiment_id: str
    run_id: str
    model_uri: str | None = None
    model_id: str | None = None
    registered: registry.RegisteredVersion | None = None
    errors: list[str] = field(default_factory=list)


def write_records(
    records: Sequence[RunRecord],
    *,
    experiment: str,
    tracking_uri: str | None = None,
    on_progress: Callable[[str], None] | None = None,
) -> dict[str, WrittenRun]:
    """Write each record as a run of the experiment, and register models with a `Registration`.

    Parameters
    ----------
    records : sequence of RunRecord
        With unique names.
    experiment : str
        Created if it does not exist.
    tracking_uri : str, optional
        See :mod:`clvml.tracking`.
    on_progress : callable, optional
        Called with each record's name when it has been written.

    Returns
    -------
    dict of str to WrittenRun
        By the record's name; check ``errors``.

    Raises
    ------
    InputError
        If two records have the same name.
    TrackingError
        If the store is unavailable, before anything is written.
    """
    _check_names([record.name for record in records])
    written = {}
    with connected(tracking_uri, create=True) as uri:
        experiment_id = _experiment_id(experiment, uri)
        for record in records:
            written[record.name] = _write_run(record, experiment_id)
            if record.registration is not None:
                tags = {"run": record.name, **_summary(record), **record.registration.tags}
                _register(written[record.name], record.registration.name, tags, uri)
            if on_progress is not None:
                on_progress(record.name)
    return written


def _check_names(names: list[str]) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InputError(f"two records have the name {repeated[0]!r}; names of runs must be unique.")


def _experiment_id(name: str, uri: str) -> str:
    import mlflow

    client = mlflow.MlflowClient()
    found = client.get_experiment_by_name(name)
    if found is None:
        database = database_of(uri)
        beside = None if database is None else (database.parent / "mlruns" / _file_name(name)).as_uri()
        try:
            return str(client.create_experiment(name, artifact_location=beside))
        except mlflow.MlflowException:  # created by another process meanwhile, or a genuine failure
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    if found.lifecycle_stage != "active":
        raise TrackingError(
            f"the experiment {name!r} was deleted in MLflow: restore it there, or choose another name."
        )
    return str(found.experiment_id)


def _write_run(record: RunRecord, experiment_id: str) -> WrittenRun:
    import mlflow

    client = mlflow.MlflowClient()
    run = client.create_run(experiment_id, run_name=record.name, tags=_text(record.tags))
    written = WrittenRun(record.name, experiment_id, run.info.run_id)
    try:
        for part in (
            _write_params,
            _write_datasets,
            _write_model,
            _write_metrics,
            _write_tables,
            _write_figures,
        ):
            _attempt(part, client, record, written)
    except BaseException:
        client.set_terminated(written.run_id, status="KILLED")
        raise
    client.set_terminated(written.run_id, status="FAILED" if written.errors else "FINISHED")
    return written


def _attempt(part: Callable[..., None], client: Any, record: RunRecord, written: WrittenRun) -> None:
    try:
        part(client, record, written)
    except Exception as error:  # whatever it is, keep the rest of the run
        what = part.__name__.removeprefix("_write_")
        sentence = " ".join(str(error).split())[:400] or type(error).__name__
        written.errors.append(f"{what}: {sentence}")
        logger.error("run %r: its %s could not be written: %s", record.name, what, sentence)


def _write_params(client: Any, record: RunRecord, written: WrittenRun) -> None:
    from mlflow.entities import Param

    params = [Param(key, text[:MAX_PARAM]) for key, text in _text(record.params).items()]
    client.log_batch(written.run_id, params=params)


def _write_datasets(client: Any, record: RunRecord, written: WrittenRun) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    inputs = []
    for dataset in record.datasets:
        tags = {"mlflow.data.context": dataset.context, **_text(dataset.facts)}
        described = _mlflow_dataset(dataset).to_dict()
        inputs.append(
            DatasetInput(
                Dataset.from_dictionary(described), [InputTag(key, text) for key, text in tags.items()]
            )
        )
    if inputs:
        client.log_inputs(written.run_id, datasets=inputs)


def _mlflow_dataset(dataset: DatasetRecord) -> Any:
    import mlflow

    frame = dataset.frame.reset_index()
    return mlflow.data.from_pandas(frame, source=dataset.source, name=dataset.name)


def _write_model(client: Any, record: RunRecord, written: WrittenRun) -> None:  # noqa: ARG001
    if record.model is None:
        return
    import mlflow

    name = _file_name(record.name)
    try:
        dump_model(record.model)
        signature(record.model)  # fails for a model that predicts nothing for a customer it does not know
    except InputError as error:
        logger.info("run %r: %s It is listed in MLflow without a file.", record.name, error)
        entry = mlflow.create_external_model(
            name=name,
            source_run_id=written.run_id,
            params=_text(record.params),
            model_type=type(record.model).__name__,
            experiment_id=written.experiment_id,
        )
        written.model_id = entry.model_id
        return
    info = log_model(
        record.model,
        name,
        input_example=record.input_example,
        run_id=written.run_id,
    )
    written.model_uri, written.model_id = info.model_uri, info.model_id


def _write_metrics(client: Any, record: RunRecord, written: WrittenRun) -> None:
    import mlflow

    values = {key: float(value) for key, value in record.metrics.items() if math.isfinite(value)}
    holdout = next((data for data in record.datasets if data.context == "holdout"), None)
    if values:
        mlflow.log_metrics(
            values,
            run_id=written.run_id,
            model_id=written.model_id,
            dataset=None if holdout is None else _mlflow_dataset(holdout),
        )
    steps = [point for key, series in record.steps.items() for point in _points(key, series, written)]
    if steps:
        client.log_batch(written.run_id, metrics=steps)


def _points(key: str, series: pd.Series, written: WrittenRun) -> list[Any]:
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    return [
        Metric(key, float(value), now, int(str(step)), run_id=written.run_id)
        for step, value in series.items()
        if math.isfinite(value)
    ]


def _write_tables(client: Any, record: RunRecord, written: WrittenRun) -> None:
    for name, table in record.tables.items():
        client.log_text(written.run_id, table.to_csv(), f"tables/{_file_name(name)}.csv")
        client.log_table(written.run_id, _plain(table), f"tables/{_file_name(name)}.json")


def _write_figures(client: Any, record: RunRecord, written: WrittenRun) -> None:
    for name, figure in record.figures.items():
        if is_image(figure):
            client.log_artifact(written.run_id, str(figure), "figures")
        else:
            _write_drawn(client, written.run_id, figure() if callable(figure) else figure, name)


def _write_drawn(client: Any, run_id: str, drawn: Any, name: str) -> None:
    from matplotlib import pyplot

    figure = getattr(drawn, "figure", None) or drawn
    client.log_figure(run_id, figure, f"figures/{_file_name(name)}.png")
    pyplot.close(figure)


def _register(written: WrittenRun, name: str, tags: dict[str, Any], uri: str) -> None:
    if written.model_uri is None:
        written.errors.append(
            f"registration: the model of {written.name!r} has no file, so it was not registered."
        )
        logger.error("%s", written.errors[-1])
        return
    try:
        written.registered = registry.register(written.model_uri, name, "champion", tags, tracking_uri=uri)
    except ClvmlError as error:
        written.errors.append(f"registration: {error}")
        logger.error("the model of %r could not be registered: %s", written.name, error)


def _summary(record: RunRecord) -> dict[str, Any]:
    family = {"family": record.tags["family"]} if "family" in record.tags else {}
    return {**family, **{key: f"{value:.6g}" for key, value in record.metrics.items()}}


def _text(values: Any) -> dict[str, str]:
    return {
        str(key): repr(value) if isinstance(value, float) else str(value) for key, value in values.items()
    }


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    """The index as a column and text as objects, which is what MLflow's table writer expects."""
    return table.reset_index().rename(columns=str)


def _file_name(name: str) -> str:
    kept = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name.lower())
    return "_".join(part for part in kept.split("_") if part) or "unnamed"
