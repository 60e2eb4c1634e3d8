"""Write records to MLflow runs.

Each part of a record (parameters, datasets, model, metrics, tables, figures) is written separately: one
that fails marks the run as FAILED and is named in the result, and all others are kept. Calls of MLflow are
what a run costs: there is one batch of metrics, and one folder of tables and of figures, for each.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from clvml.errors import ClvmlError, InputError, TrackingError
from clvml.tracking._challenge import Nomination, challenge, follow
from clvml.tracking._connection import connected, database_of
from clvml.tracking._records import Registration, RunRecord
from clvml.tracking._run_parts import (
    PARTS,
    WrittenRun,
    as_text,
    described_tags,
    file_name,
    metrics_of,
    params_of,
)
from clvml.tracking._source import source_tags

logger = logging.getLogger("clvml")

PARENT = "mlflow.parentRunId"  # the tag by which MLflow nests runs


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
        With unique names. MLflow lists the latest first: the last record is at the top.
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
        writer = RunWriter(_experiment_id(experiment, uri))
        for record in records:
            written[record.name] = writer.write(record)
            if on_progress is not None:
                on_progress(record.name)
        _register_all(records, written, uri)
    return written


@dataclass(frozen=True)
class RunWriter:
    """Writes records as runs of one experiment of the connected store.

    Attributes
    ----------
    experiment_id : str
    source : mapping of str to str
        Tags of every run: where it came from.
    """

    experiment_id: str
    source: Mapping[str, str] = field(default_factory=source_tags)

    @cached_property
    def client(self) -> Any:
        """MLflow's client."""
        import mlflow

        return mlflow.MlflowClient()

    def write(self, record: RunRecord, parent_id: str | None = None) -> WrittenRun:
        """Write a record, and its children, as a new run; as a child of ``parent_id``, if given."""
        run = self._create(record, parent_id)
        written = WrittenRun(record.name, self.experiment_id, run.run_id, started=run.start_time)
        try:
            self.write_into(written, record)
        except BaseException:
            self.client.set_terminated(written.run_id, status="KILLED")
            raise
        self.client.set_terminated(written.run_id, status="FAILED" if written.errors else "FINISHED")
        return written

    def write_into(self, written: WrittenRun, record: RunRecord) -> None:
        """Write all parts of a record, and its children, to a run that exists."""
        for part in (*PARTS, self._write_children):
            _attempt(part, self.client, record, written)

    def _create(self, record: RunRecord, parent_id: str | None, started: int | None = None) -> Any:
        nested = {} if parent_id is None else {PARENT: parent_id}
        tags = as_text({**self.source, **record.tags, **nested}) | described_tags(record.description)
        made = self.client.create_run(self.experiment_id, started, run_name=record.name, tags=tags)
        return made.info

    def _write_children(self, client: Any, record: RunRecord, written: WrittenRun) -> None:
        """Children have parameters, metrics and tags only: three calls each.

        MLflow lists the latest first. They start before their parent, so that it is above them.
        """
        for place, child in enumerate(record.children):
            run_id = self._create(
                child, written.run_id, written.started - len(record.children) + place
            ).run_id
            client.log_batch(run_id, metrics=metrics_of(child, run_id), params=params_of(child))
            client.set_terminated(run_id)


def _attempt(part: Callable[..., None], client: Any, record: RunRecord, written: WrittenRun) -> None:
    try:
        part(client, record, written)
    except Exception as error:  # whatever it is, keep the rest of the run
        what = part.__name__.removeprefix("_").removeprefix("write_")
        sentence = " ".join(str(error).split())[:400] or type(error).__name__
        written.errors.append(f"{what}: {sentence}")
        logger.error("run %r: its %s could not be written: %s", record.name, what, sentence)


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
        beside = None if database is None else (database.parent / "mlruns" / file_name(name)).as_uri()
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


def _register_all(records: Sequence[RunRecord], written: Mapping[str, WrittenRun], uri: str) -> None:
    """Register the models that are to be, when all runs are complete; first those that others follow."""
    wanted = [(record, record.registration) for record in records if record.registration is not None]
    found: dict[str, Nomination | None] = {}
    for record, registration in sorted(wanted, key=lambda pair: bool(pair[1].follows)):
        found[registration.name] = _register(record, registration, written[record.name], found, uri)


def _register(
    record: RunRecord,
    registration: Registration,
    written: WrittenRun,
    before: Mapping[str, Nomination | None],
    uri: str,
) -> Nomination | None:
    if written.model_uri is None:
        written.errors.append(
            f"registration: the model of {written.name!r} has no file, so it was not registered."
        )
        logger.error("%s", written.errors[-1])
        return None
    source, name, leader = written.model_uri, registration.name, registration.follows
    tags = {"run": record.name, **_summary(record), **registration.tags}
    try:
        if leader:
            nomination = follow(source, name, tags, leader, before.get(leader), tracking_uri=uri)
        else:
            nomination = challenge(source, name, tags, registration.trial, tracking_uri=uri)
    except ClvmlError as error:
        written.errors.append(f"registration: {error}")
        logger.error("the model of %r could not be registered: %s", written.name, error)
        return None
    written.nomination = nomination
    return nomination


def _summary(record: RunRecord) -> dict[str, Any]:
    family = {"family": record.tags["family"]} if "family" in record.tags else {}
    return {**family, **{key: f"{value:.6g}" for key, value in record.metrics.items()}}
