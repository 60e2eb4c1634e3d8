"""Write the runs of a folder to MLflow, and register their models.

Each part of a run (parameters, datasets, model, metrics, files) is written separately: one that fails marks
the run as FAILED and is named in the result, and all others are kept. Where the store itself is lost, writing
stops. A run is FINISHED when all of it is in MLflow, its registered version included; each carries a tag with
the folder's id and its place in it, by which a later attempt finds and completes it. Calls of MLflow are what
a run costs: there is one batch of metrics, and one folder of files, for each.
"""

from __future__ import annotations

import contextlib
import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from clvml.errors import ClvmlError, TrackingError
from clvml.tracking._abandoned_runs import PROCESS, RECORD, end_abandoned
from clvml.tracking._artifact_location import check_location, describe_location, location_for
from clvml.tracking._challenge import Nomination, challenge, follow
from clvml.tracking._connection import connected
from clvml.tracking._logged_models import models_of
from clvml.tracking._process import this_process
from clvml.tracking._records import RunRecord
from clvml.tracking._run_parts import PARTS, Source, WrittenRun, described_tags, metrics_of, params_of
from clvml.tracking._saved_runs import SavedRegistration, SavedRun, SavedRuns, check_names, save_runs
from clvml.tracking._saved_trials import trial_from, trials_of
from clvml.tracking._store_checks import check_store
from clvml.tracking._trial import Trial

logger = logging.getLogger("clvml")

PARENT = "mlflow.parentRunId"  # the tag by which MLflow nests runs
Say = Callable[[str], None]


def write_records(
    records: Sequence[RunRecord],
    *,
    experiment: str,
    tracking_uri: str | None = None,
    on_progress: Say | None = None,
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
        If the store is unavailable, before anything is written, or lost meanwhile.
    """
    check_names([record.name for record in records])
    with connected(tracking_uri, create=True) as uri, tempfile.TemporaryDirectory() as folder:
        source = Source(save_runs(records, Path(folder), experiment=experiment), Path(folder))
        return _written(source, uri, on_progress, trials=trials_of(records))


def upload(
    runs: SavedRuns,
    root: Path,
    *,
    tracking_uri: str | None = None,
    on_progress: Say | None = None,
    say: Say | None = None,
    trials: Mapping[str, Trial] | None = None,
) -> dict[str, WrittenRun]:
    """Write saved runs to MLflow; what an earlier attempt wrote is completed, never repeated.

    Parameters
    ----------
    runs : SavedRuns
        From `clvml.tracking._saved_runs`.
    root : Path
        The folder to which their paths are relative.
    tracking_uri, on_progress
        As in `write_records`.
    say : callable, optional
        Called with a sentence about runs of processes that have ended.
    trials : mapping of str to Trial, optional
        The evidence for challengers by the names of their runs. Default: as far as the folder has it.

    Raises
    ------
    TrackingError
        If the store is unavailable, before anything is written, or lost meanwhile.
    """
    with connected(tracking_uri, create=True) as uri:
        return _written(Source(runs, root), uri, on_progress, say, trials)


def _written(
    source: Source,
    uri: str,
    on_progress: Say | None,
    say: Say | None = None,
    trials: Mapping[str, Trial] | None = None,
) -> dict[str, WrittenRun]:
    runs, written = source.runs, {}
    experiment = experiment_of(runs.experiment, uri, runs.artifacts)
    writer = RunWriter(experiment, source)
    for sentence in end_abandoned(writer.client, experiment, runs.id):
        (say or logger.info)(sentence)
    for place, run in enumerate(runs.runs):
        written[run.name] = writer.write(run, str(place))
        if on_progress is not None:
            on_progress(run.name)
    _register_all(writer, written, trials or {})
    return written


@dataclass(frozen=True)
class RunWriter:
    """Writes saved runs as runs of one experiment of the connected store.

    Attributes
    ----------
    experiment_id : str
    source : Source
        The folder that they are in.
    """

    experiment_id: str
    source: Source

    @cached_property
    def client(self) -> Any:
        """MLflow's client."""
        import mlflow

        return mlflow.MlflowClient()

    @cached_property
    def _there(self) -> Mapping[str, Any]:
        """The runs that earlier attempts wrote, by the tag."""
        asked = f"tags.{RECORD} LIKE '{self.source.runs.id}/%'"
        found = self.client.search_runs([self.experiment_id], asked, max_results=5000)
        return {run.data.tags[RECORD]: run.info for run in found}

    def write(self, run: SavedRun, place: str, parent_id: str | None = None) -> WrittenRun:
        """Write a run, and its children, unless it is there; as a child of ``parent_id``, if given."""
        written = self._begin(run, place, parent_id)
        if not written.was_there:
            with self.kept(written):
                self.write_into(written, run, place)
            written.errors[:0] = run.errors
            if run.registration is None:
                self.finish(written)
        return written

    @contextlib.contextmanager
    def kept(self, written: WrittenRun) -> Iterator[None]:
        """Mark the run as KILLED if the block is interrupted; where the store is lost, nothing can be."""
        try:
            yield
        except TrackingError:
            raise
        except BaseException:
            with contextlib.suppress(Exception):
                self.client.set_terminated(written.run_id, status="KILLED")
            raise

    def finish(self, written: WrittenRun) -> None:
        """All of the run is in MLflow; or what is not is known."""
        self.client.set_terminated(written.run_id, status="FAILED" if written.errors else "FINISHED")

    def write_into(self, written: WrittenRun, run: SavedRun, place: str) -> None:
        """Write all parts of a run, and its children, to an MLflow run that exists."""
        for part in PARTS:
            _attempt(part, self.client, run, written, self.source)
        _attempt(self._write_children, place, run, written)

    def _begin(self, run: SavedRun, place: str, parent_id: str | None) -> WrittenRun:
        """The MLflow run to write to: that of an earlier attempt, or a new one."""
        there = self._there.get(f"{self.source.runs.id}/{place}")
        info = there or self._create(run, place, parent_id)
        written = WrittenRun(run.name, self.experiment_id, info.run_id, started=info.start_time)
        if there is not None:
            written.is_resumed, written.was_there = True, there.status == "FINISHED"
            if not written.was_there:
                self.client.set_tag(info.run_id, PROCESS, this_process())
                self.client.update_run(info.run_id, status="RUNNING")
        return written

    def _create(self, run: SavedRun, place: str, parent_id: str | None, started: int | None = None) -> Any:
        own = {RECORD: f"{self.source.runs.id}/{place}", PROCESS: this_process()}
        nested = {} if parent_id is None else {PARENT: parent_id}
        tags = {**self.source.runs.source, **run.tags, **own, **nested, **described_tags(run.description)}
        return self.client.create_run(self.experiment_id, started, run_name=run.name, tags=tags).info

    def _write_children(self, place: str, run: SavedRun, written: WrittenRun) -> None:
        """Children have parameters, metrics and tags only: three calls each.

        MLflow lists the latest first. They start before their parent, so that it is above them.
        """
        for number, child in enumerate(run.children):
            own = f"{place}.{number}"
            there = self._there.get(f"{self.source.runs.id}/{own}")
            if there is not None and there.status == "FINISHED":
                continue
            started = written.started - len(run.children) + number
            run_id = (there or self._create(child, own, written.run_id, started)).run_id
            metrics = metrics_of(child, run_id, self.source.runs.written_at)
            self.client.log_batch(run_id, metrics=metrics, params=params_of(child))
            self.client.set_terminated(run_id)


def ask_store(experiment: str, tracking_uri: str | None = None, artifacts: str | None = None) -> str:
    """Ask the store whether it can take the runs of an experiment, before the work for them.

    Returns
    -------
    str
        A sentence on where their artifacts are, if that may surprise; otherwise empty.

    Raises
    ------
    TrackingError
        If it does not answer or cannot be written, or the experiment was deleted.
    """
    with connected(tracking_uri, create=True) as uri:
        found = _active_experiment(experiment)
        location = location_for(experiment, uri, artifacts) if found is None else found.artifact_location
        check_location(location or "")
        return describe_location(location or "", uri, artifacts, is_new=found is None)


def experiment_of(name: str, uri: str, artifacts: str | None = None) -> str:
    """The id of the experiment of this name, which is created if it does not exist."""
    import mlflow

    client = mlflow.MlflowClient()
    found = _active_experiment(name)
    if found is None:
        try:
            return str(client.create_experiment(name, location_for(name, uri, artifacts)))
        except mlflow.MlflowException:  # created by another process meanwhile, or a genuine failure
            found = _active_experiment(name)
            if found is None:
                raise
    return str(found.experiment_id)


def _active_experiment(name: str) -> Any:
    """The experiment of this name; None if there is none."""
    import mlflow

    found = mlflow.MlflowClient().get_experiment_by_name(name)
    if found is not None and found.lifecycle_stage != "active":
        raise TrackingError(
            f"the experiment {name!r} was deleted in MLflow: restore it there, or choose another name."
        )
    return found


def _attempt(part: Callable[..., None], first: Any, run: SavedRun, written: WrittenRun, *more: Any) -> None:
    try:
        part(first, run, written, *more)
    except Exception as error:  # whatever it is, keep the rest of the run
        what = part.__name__.removeprefix("_").removeprefix("write_")
        sentence = " ".join(str(error).split())[:400] or type(error).__name__
        _check_still_there(error)
        written.errors.append(f"{what}: {sentence}")
        logger.error("run %r: its %s could not be written: %s", run.name, what, sentence)


def _check_still_there(error: Exception) -> None:
    """Stop where the store is lost, rather than wait for it at every further call."""
    import mlflow

    try:
        check_store(mlflow.get_tracking_uri(), create=True)
    except TrackingError as lost:
        raise lost from error


def _register_all(writer: RunWriter, written: Mapping[str, WrittenRun], trials: Mapping[str, Trial]) -> None:
    """Register the models that are to be, when all runs are complete; first those that others follow.

    Their runs are finished when they are registered.
    """
    wanted = [(run, run.registration) for run in writer.source.runs.runs if run.registration is not None]
    found: dict[str, Nomination | None] = {}
    for run, registration in sorted(wanted, key=lambda pair: bool(pair[1].follows)):
        own, name = written[run.name], registration.name
        if own.was_there and not _is_followed(name, wanted, written):
            continue
        with writer.kept(own):
            trial = trials.get(run.name) or trial_from(registration.trial, writer.source.root)
            found[name] = _register(own, registration, trial, found)
        if not own.was_there:
            writer.finish(own)


def _register(
    written: WrittenRun,
    registration: SavedRegistration,
    trial: Trial | None,
    before: Mapping[str, Nomination | None],
) -> Nomination | None:
    if written.was_there:
        written.model_uri = _model_of(written)
    if written.model_uri is None:
        written.errors.append(
            f"registration: the model of {written.name!r} has no file, so it was not registered."
        )
        logger.error("%s", written.errors[-1])
        return None
    source, name, leader = written.model_uri, registration.name, registration.follows
    tags, resume = registration.tags, written.is_resumed
    try:
        if leader:
            nomination = follow(source, name, tags, leader, before.get(leader), resume=resume)
        else:
            nomination = challenge(source, name, tags, trial, resume=resume)
    except ClvmlError as error:
        written.errors.append(f"registration: {error}")
        _check_still_there(error)
        logger.error("the model of %r could not be registered: %s", written.name, error)
        return None
    written.nomination = nomination
    return nomination


def _model_of(written: WrittenRun) -> str | None:
    """The URI of the model that an earlier attempt logged."""
    import mlflow

    found = models_of(mlflow.MlflowClient(), written.experiment_id, written.run_id)
    return next((f"models:/{model.model_id}" for model in found if str(model.status) == "READY"), None)


def _is_followed(
    name: str, wanted: Sequence[tuple[SavedRun, SavedRegistration]], written: Mapping[str, WrittenRun]
) -> bool:
    """Whether a registration that is not complete yet needs to know what became of this one."""
    return any(each.follows == name and not written[run.name].was_there for run, each in wanted)
