"""Runs as files of a folder, from which they are written to MLflow, at once or later.

``runs.json`` has all that MLflow is to know, as plain data; models, tables and figures are files beside it,
or elsewhere in the root folder (that of a run's output, where figures and the model to serve already are).
There is no other way into MLflow: a live run writes its folder first.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import math
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from clvml.errors import InputError
from clvml.tracking._connection import quiet
from clvml.tracking._record_files import file_name, save_drawn, save_table
from clvml.tracking._records import DatasetRecord, RunRecord, is_image
from clvml.tracking._saved_trials import SavedTrial, saved_trial
from clvml.tracking._source import source_tags
from clvml.tracking.flavor import save_model

logger = logging.getLogger("clvml")

RUNS = "runs.json"
FORMAT = 1
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)  # the disk: no part can be saved


class _Plain(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class SavedModel(_Plain):
    """A model: its class, and its folder in the root; None where no file can hold it."""

    type: str
    folder: str | None = None


class SavedDataset(_Plain):
    """A dataset as MLflow describes it, with its tags."""

    described: dict[str, Any]
    tags: dict[str, str] = {}


class SavedRegistration(_Plain):
    """The registered model, the tags of the version, the model that it follows, and what judges it."""

    name: str
    tags: dict[str, str] = {}
    follows: str = ""
    trial: SavedTrial | None = None


class SavedRun(_Plain):
    """A `RunRecord` as plain data.

    Attributes
    ----------
    steps : dict of str to list of (int, float)
        Values by step.
    files : dict of str to str
        Paths in the root folder by the path of the artifact, such as ``"tables/deciles.csv"``.
    displayed : list of str
        Artifacts that MLflow displays as tables.
    errors : list of str
        What could not be saved.
    """

    name: str
    tags: dict[str, str] = {}
    params: dict[str, str] = {}
    metrics: dict[str, float] = {}
    steps: dict[str, list[tuple[int, float]]] = {}
    files: dict[str, str] = {}
    displayed: list[str] = []
    datasets: list[SavedDataset] = []
    model: SavedModel | None = None
    registration: SavedRegistration | None = None
    children: list[SavedRun] = []
    description: str = ""
    errors: list[str] = []

    @field_validator("files")
    @classmethod
    def _is_inside(cls, files: dict[str, str]) -> dict[str, str]:
        if any(Path(path).is_absolute() or ".." in Path(path).parts for path in [*files, *files.values()]):
            raise ValueError("a path leads out of the folder")
        return files

    @property
    def paths(self) -> list[str]:
        """Files and folders in the root that it needs."""
        model = [self.model.folder] if self.model is not None and self.model.folder is not None else []
        return [*self.files.values(), *model]


class SavedRuns(_Plain):
    """All runs of a folder.

    Attributes
    ----------
    id : str
        By which MLflow's runs are found again.
    experiment : str
        Name in MLflow.
    store : str
        Tracking URI, without a password; empty if unknown.
    artifacts : str or None
        Location of the artifacts of an experiment that does not exist yet; None for the store's default.
    source : dict of str to str
        Tags of every run: where it came from.
    written_at : int
        In milliseconds; the time of the metrics, so that writing them twice is writing them once.
    """

    id: str
    experiment: str
    store: str = ""
    artifacts: str | None = None
    source: dict[str, str] = {}
    written_at: int = 0
    runs: list[SavedRun] = []
    format: int = FORMAT


def save_runs(
    records: Sequence[RunRecord],
    folder: Path,
    *,
    experiment: str,
    root: Path | None = None,
    store: str = "",
    artifacts: str | None = None,
    customers: str | None = None,
    on_progress: Callable[[str], None] | None = None,
) -> SavedRuns:
    """Write records to a folder: ``runs.json``, models, tables and figures.

    Parameters
    ----------
    records : sequence of RunRecord
        With unique names; the last is at the top of MLflow's list.
    folder : Path
        Made if it does not exist.
    experiment, store, artifacts : str
        See `SavedRuns`.
    root : Path, optional
        The folder to which paths are relative; images and models already in it are not copied. Default:
        ``folder``.
    customers : str, optional
        The file in the root with the customers of trials (see `SavedTrial`), by which a challenger can be
        judged later too; None if there is none.
    on_progress : callable, optional
        Called with each record's name before it is saved.

    Raises
    ------
    InputError
        If two records have the same name.
    """
    check_names([record.name for record in records])
    folder = folder.resolve()
    saver = _Saver(folder, folder if root is None else root.resolve())
    runs = []
    with quiet():
        for record in records:
            if on_progress is not None:
                on_progress(record.name)
            runs.append(saver.saved(record))
    if customers is not None:
        runs = [
            _judged_later(run, record, customers, saver) for run, record in zip(runs, records, strict=True)
        ]
    saved = SavedRuns(
        id=secrets.token_hex(8),
        experiment=experiment,
        store=store,
        artifacts=artifacts,
        source=source_tags(),
        written_at=int(time.time() * 1000),
        runs=runs,
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RUNS).write_text(saved.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return saved


def read_runs(path: Path) -> SavedRuns:
    """Read ``runs.json``.

    Raises
    ------
    InputError
        If it is damaged, or of a newer version of clvml.
    """
    try:
        saved = SavedRuns.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is damaged: {' '.join(str(error).split())[:200]}.") from None
    if saved.format > FORMAT:
        raise InputError(
            f"{path} was written by a newer version of clvml: install that version or a later one."
        )
    return saved


@dataclass
class _Saver:
    """Saves the parts of records: each by itself, so that one that fails costs no other."""

    folder: Path
    root: Path
    taken: set[str] = field(default_factory=set)
    models: dict[int, str] = field(default_factory=dict)

    def saved(self, record: RunRecord) -> SavedRun:
        files: dict[str, str] = {}
        displayed: list[str] = []
        errors: list[str] = []
        datasets: list[SavedDataset] = []
        models: list[SavedModel] = []
        parts: dict[str, Callable[[], object]] = {
            "datasets": lambda: datasets.extend(map(_dataset, record.datasets)),
            "model": lambda: models.extend(self._model(record)),
            "tables": lambda: self._tables(record, files, displayed),
            "figures": lambda: self._figures(record, files),
        }
        for what, save in parts.items():
            try:
                save()
            except Exception as error:  # whatever it is, keep the rest of the run
                if getattr(error, "errno", None) in _FULL:
                    raise
                sentence = " ".join(str(error).split())[:400] or type(error).__name__
                errors.append(f"{what}: {sentence}")
                logger.error("run %r: its %s could not be saved: %s", record.name, what, sentence)
        if models and models[0].folder is not None:
            self.models[id(record.model)] = models[0].folder
        return SavedRun(
            **plain_parts(record),
            files=files,
            displayed=displayed,
            datasets=datasets,
            model=models[0] if models else None,
            registration=_registration(record),
            children=[SavedRun(**plain_parts(child)) for child in record.children],
            errors=errors,
        )

    def _model(self, record: RunRecord) -> list[SavedModel]:
        """The model with its folder; without one if it values known customers only."""
        if record.model is None:
            return []
        kind = type(record.model).__name__
        if record.model_folder is not None:
            return [SavedModel(type=kind, folder=self._inside(record.model_folder))]
        folder = self.folder / "models" / self._free(file_name(record.name))
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            save_model(record.model, folder, input_example=record.input_example, card=record.card)
        except InputError as error:  # its file would have the customers' ids
            logger.info("run %r: %s It is listed in MLflow without a file.", record.name, error)
            return [SavedModel(type=kind)]
        return [SavedModel(type=kind, folder=self._inside(folder))]

    def _tables(self, record: RunRecord, files: dict[str, str], displayed: list[str]) -> None:
        for name, table in record.tables.items():
            with tempfile.TemporaryDirectory(dir=self._made()) as folder:
                shown = save_table(Path(folder) / file_name(name), table)
                displayed.append(f"tables/{shown}")
                files |= {f"tables/{path.name}": self._keep(path) for path in sorted(Path(folder).iterdir())}

    def _figures(self, record: RunRecord, files: dict[str, str]) -> None:
        for name, figure in record.figures.items():
            if is_image(figure):
                files[f"figures/{Path(figure).name}"] = self._inside(Path(figure))
                continue
            with tempfile.TemporaryDirectory(dir=self._made()) as folder:
                path = Path(folder) / f"{file_name(name)}.png"
                save_drawn(path, figure() if callable(figure) else figure)
                files[f"figures/{path.name}"] = self._keep(path)

    def _inside(self, path: Path) -> str:
        """The path in the root; an image from elsewhere is copied."""
        path = path.resolve()
        if not path.is_relative_to(self.root):
            return self._keep(Path(shutil.copy(path, self._made())))
        return path.relative_to(self.root).as_posix()

    def _keep(self, path: Path) -> str:
        """Move a file among the others, where those of the same content are one."""
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        kept = self._made() / f"{path.stem}-{digest}{path.suffix}"
        path.replace(kept)
        return self._inside(kept)

    def _made(self) -> Path:
        files = self.folder / "files"
        files.mkdir(parents=True, exist_ok=True)
        return files

    def _free(self, name: str) -> str:
        """The name, or with a number where another record has it."""
        names = (name, *(f"{name}_{number}" for number in range(2, len(self.taken) + 3)))
        free = next(each for each in names if each not in self.taken)
        self.taken.add(free)
        return free


def plain_parts(record: RunRecord) -> dict[str, Any]:
    """What needs no file: text, and finite numbers."""
    return {
        "name": record.name,
        "tags": as_text(record.tags),
        "params": as_text(record.params),
        "metrics": {key: float(value) for key, value in record.metrics.items() if math.isfinite(value)},
        "steps": {
            key: [(int(str(step)), float(value)) for step, value in series.items() if math.isfinite(value)]
            for key, series in record.steps.items()
        },
        "description": record.description,
    }


def as_text(values: Any) -> dict[str, str]:
    """Parameters and tags as text, floats with all digits."""
    return {
        str(key): repr(value) if isinstance(value, float) else str(value) for key, value in values.items()
    }


def check_names(names: list[str]) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InputError(f"two records have the name {repeated[0]!r}; names of runs must be unique.")


def _dataset(dataset: DatasetRecord) -> SavedDataset:
    tags = {"mlflow.data.context": dataset.context, **as_text(dataset.facts)}
    return SavedDataset(described=dataset.described, tags=tags)


def _judged_later(run: SavedRun, record: RunRecord, customers: str, saver: _Saver) -> SavedRun:
    """The run with the evidence for its challenger."""
    trial = None if record.registration is None else record.registration.trial
    if trial is None or run.registration is None:
        return run
    found = saved_trial(trial, customers, saver.models)
    return run.model_copy(update={"registration": run.registration.model_copy(update={"trial": found})})


def _registration(record: RunRecord) -> SavedRegistration | None:
    """The registration, with the family and the metrics among the tags of the version."""
    if record.registration is None:
        return None
    family = {"family": record.tags["family"]} if "family" in record.tags else {}
    metrics = {key: f"{value:.6g}" for key, value in record.metrics.items()}
    tags = {"run": record.name, **family, **metrics, **record.registration.tags}
    own = record.registration
    return SavedRegistration(name=own.name, tags=as_text(tags), follows=own.follows)
