"""The writer of MLflow runs: one run per model, with all findings that belong to it.

They are written to the output folder first, and from there to MLflow: by the run itself, or later by
``clvml track`` where the store was away.

The compared models, the model to serve and the segments are top-level runs of one experiment, so that
all models are in one list.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from clvml._secrets import without_password
from clvml.errors import TrackingError
from clvml.tracking._challenge import Nomination
from clvml.tracking._connection import store_uri
from clvml.tracking._markdown import markdown_table
from clvml.tracking._records import Registration, RunRecord, parameters_of
from clvml.tracking._run_parts import WrittenRun
from clvml.tracking._runs import upload
from clvml.tracking._saved_runs import SavedRuns, save_runs
from clvml.tracking._trial import Trial
from clvml.workflow._console import Progress
from clvml.workflow._findings import (
    SERVED,
    Dataset,
    Figure,
    Finding,
    Metrics,
    Model,
    Steps,
    Table,
    Tags,
    Words,
    names_customers,
)
from clvml.workflow._section import TrackingSection

F = TypeVar("F", bound=Finding)


PREDICTIONS = "predictions.parquet"
FOLDER = "tracking"  # in the output folder: the runs as they are, or will be, in MLflow


def save(
    section: TrackingSection, found: Iterable[Finding], root: Path, folder: Path, progress: Progress
) -> SavedRuns:
    """Write the runs to a folder, from which `track` writes them to MLflow.

    Parameters
    ----------
    section : TrackingSection
    found : iterable of Finding
    root : Path
        The output folder as it is being built, with figures and models.
    folder : Path
        In it.
    progress : Progress
    """
    return save_runs(
        records_of(list(found), root, log_customers=section.log_customers),
        folder,
        experiment=section.experiment,
        root=root,
        store=without_password(store_uri(section.uri)),
        artifacts=section.artifacts or None,
        customers=PREDICTIONS if (root / PREDICTIONS).exists() else None,
        on_progress=progress.update,
    )


def track(
    runs: SavedRuns,
    folder: Path,
    uri: str | None,
    progress: Progress,
    trials: Mapping[str, Trial] | None = None,
) -> dict[str, WrittenRun]:
    """Write all runs of an output folder to MLflow and register the models that are to be.

    Raises
    ------
    TrackingError
        If the store is unavailable, or part of a run could not be written (the rest is).
    """
    written = upload(
        runs, folder, tracking_uri=uri, on_progress=progress.update, say=progress.say, trials=trials
    )
    _say_written(runs.experiment, written, progress, uri)
    return written


def trials(found: Iterable[Finding]) -> dict[str, Trial]:
    """The evidence for the challengers, by the names of their runs."""
    return {model.name: model.trial for model in _only(Model, found) if model.trial is not None}


def records_of(found: Sequence[Finding], folder: Path, *, log_customers: bool = False) -> list[RunRecord]:
    """One record per model; MLflow lists the last one first: the champion, then the model to serve.

    Parameters
    ----------
    found : sequence of Finding
    folder : Path
        The output folder, where the figures are.
    log_customers : bool
        Whether to include tables and figures that name customers by id.
    """
    models = sorted(_only(Model, found), key=_place, reverse=True)
    if not log_customers:
        found = [finding for finding in found if not names_customers(finding)]
    return [
        _record(model, [finding for finding in found if finding.belongs_to(model.key)], folder)
        for model in models
    ]


def _place(model: Model) -> float:
    """The place in MLflow's list: the champion, the model to serve, the other contenders, all others."""
    if model.record is not None:
        return float(model.record.tags["rank"])
    return 1.5 if model.key == SERVED[0] else math.inf


def _record(model: Model, findings: Sequence[Finding], folder: Path) -> RunRecord:
    base = model.record or RunRecord(model.name, params=model.params or parameters_of(model.model))
    tags = _merged(tags.values for tags in _only(Tags, findings) if not tags.of_version)
    drawn = {
        figure.name: figure.drawn if figure.path is None else folder / figure.path
        for figure in _only(Figure, findings)
    }
    return replace(
        base,
        tags={"role": model.key.partition("/")[0], **tags, **base.tags},
        metrics={**base.metrics, **_merged(metrics.values for metrics in _only(Metrics, findings))},
        steps={**base.steps, **_merged(steps.values for steps in _only(Steps, findings))},
        tables={**base.tables, **{table.name: table.data for table in _only(Table, findings)}},
        figures={**base.figures, **drawn},
        datasets=[dataset.record for dataset in _only(Dataset, findings)],
        model=model.model,
        model_folder=None if model.folder is None else folder / model.folder,
        card=model.card or base.card,
        input_example=None if model.register_as is None else model.customers,
        registration=_registration(model, findings),
        description="\n\n".join(filter(None, [base.description, *map(_markdown, findings)])),
    )


def _registration(model: Model, findings: Sequence[Finding]) -> Registration | None:
    if model.register_as is None:
        return None
    tags = _merged(tags.values for tags in _only(Tags, findings) if tags.of_version)
    return Registration(model.register_as, tags, model.trial, model.follows)


def _markdown(finding: Finding) -> str:
    if isinstance(finding, Words):
        title = f"### {finding.title}\n\n" if finding.title else ""
        return title + (f"**{finding.lead}** " if finding.lead else "") + finding.text
    if isinstance(finding, Table) and finding.printed:
        return (f"### {finding.title}\n\n" if finding.title else "") + markdown_table(finding.formatted())
    return ""


def _only(kind: type[F], findings: Iterable[Finding]) -> list[F]:
    return [finding for finding in findings if isinstance(finding, kind)]


def _merged(mappings: Iterable[Any]) -> dict[str, Any]:
    return {key: value for mapping in mappings for key, value in mapping.items()}


def _say_written(
    experiment: str, written: dict[str, WrittenRun], progress: Progress, uri: str | None
) -> None:
    """Report what was written to MLflow; raise if something is missing."""
    there = sum(run.was_there for run in written.values())
    before = "" if not there else " (all of them already)" if there == len(written) else f" ({there} already)"
    progress.say(f"{len(written)} runs in the experiment {experiment!r}{before}")
    for nomination in nominations_of(written):
        progress.say(f"{nomination.sentence}.")
        if nomination.can_be_promoted:
            progress.say(f"to promote it by hand: {promotion_command(nomination, uri)}")
    errors = [f"{name}: {error}" for name, run in written.items() for error in run.errors]
    if errors:
        raise TrackingError(
            f"{len(errors)} parts of the MLflow runs could not be written; the first: {errors[0]}"
        )


def nominations_of(written: Mapping[str, WrittenRun]) -> list[Nomination]:
    """What became of the models to register: first those that others follow."""
    found = [run.nomination for run in written.values() if run.nomination is not None]
    return sorted(found, key=lambda nomination: bool(nomination.follows))


def promotion_command(nomination: Nomination, uri: str | None) -> str:
    """The command that makes a registered version the champion."""
    version = nomination.version
    assert version is not None
    store = store_uri(uri)
    where = "" if store == store_uri(None) else f" --tracking-uri {shlex.quote(without_password(store))}"
    return f"clvml promote {shlex.quote(version.name)} {version.version}{where}"
