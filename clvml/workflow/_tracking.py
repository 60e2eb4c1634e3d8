"""The MLflow store of a run: asked before the work, written to after it, or later from the output folder."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from clvml._secrets import without_password
from clvml.errors import InputError, TrackingError
from clvml.tracking._connection import store_uri
from clvml.tracking._run_parts import WrittenRun
from clvml.tracking._runs import ask_store
from clvml.tracking._saved_runs import RUNS, SavedRuns, read_runs
from clvml.tracking._trial import Trial
from clvml.workflow import _mlflow_records as records
from clvml.workflow._console import Progress, Silent
from clvml.workflow._findings import Finding
from clvml.workflow._manifest import MANIFEST, Manifest
from clvml.workflow._output_folder import OutputFolder
from clvml.workflow._section import TrackingSection

TITLE = "Writing MLflow runs and registering the models"


class Tracking:
    """The tracking of one run.

    Parameters
    ----------
    section : TrackingSection
    progress : Progress

    Attributes
    ----------
    failed : str
        Why the run is not in MLflow, or not all of it; empty if it is, or is not to be.
    refused : bool
        Whether the registry refused the model, as its purchases are not those of the champion.
    """

    def __init__(self, section: TrackingSection, progress: Progress) -> None:
        self.section = section
        self.failed = ""
        self.refused = False
        self._progress = progress
        self._runs: SavedRuns | None = None
        self._trials: dict[str, Trial] = {}

    def ask(self, folder: Path) -> None:
        """Ask the store whether it can take the run; where it cannot, say so and how it goes on."""
        if not self.section.enabled:
            return
        try:
            said = ask_store(self.section.experiment, self.section.uri, self.section.artifacts or None)
        except TrackingError as error:
            self.failed = str(error)
            said = (
                f"MLflow cannot be used: {error} The run goes on without it; afterwards '{command(folder)}'"
                " writes it to MLflow."
            )
        if said:
            self._progress.say(said)

    def save(self, findings: Sequence[Finding], output: OutputFolder) -> None:
        """Write the runs to the output folder."""
        root = output.now
        if self.section.enabled and root is not None:
            output.place(records.FOLDER, lambda path: self._save(findings, root, path))

    def _save(self, findings: Sequence[Finding], root: Path, path: Path) -> None:
        self._runs = records.save(self.section, findings, root, path, self._progress)
        self._trials = records.trials(findings)

    def write(self, folder: Path) -> None:
        """Write the runs from the output folder to MLflow, if the store can be used."""
        if self._runs is None or self.failed:
            return
        try:
            with self._progress.stage(TITLE):
                written = records.track(self._runs, folder, self.section.uri, self._progress, self._trials)
            self.refused = any(found.version is None for found in records.nominations_of(written))
        except TrackingError as error:
            self.failed = str(error)

    def describe_failure(self, folder: Path) -> str:
        """What is missing in MLflow and the command that adds it."""
        if not self.failed:
            return ""
        reason = self.failed.rstrip(".")
        return (
            f"the results are complete in {folder}, but not in MLflow: {reason}. When that is corrected:"
            f" {command(folder)}"
        )


def command(folder: Path) -> str:
    """The command that writes an output folder to MLflow."""
    return f"clvml track {shlex.quote(str(folder))}"


def track(
    folder: str | Path, *, tracking_uri: str | None = None, progress: Progress | None = None
) -> dict[str, WrittenRun]:
    """Write the output folder of a run to MLflow: its runs, with their models, and the registered models.

    What is there already is not written again, and an interrupted attempt is completed, so that it can be
    repeated at any time. Nothing but the folder is needed, and it is not changed.

    Parameters
    ----------
    folder : str or Path
        Of a `clvml.workflow.run` whose store was away.
    tracking_uri : str, optional
        Default: the store of the run.
    progress : Progress, optional
        Receives messages; silent by default.

    Returns
    -------
    dict of str to WrittenRun
        By the run's name.

    Raises
    ------
    InputError
        If it is not the folder of a run, was changed afterwards, or has no runs for MLflow.
    TrackingError
        If the store is unavailable, or part of a run could not be written (the rest is).

    See Also
    --------
    clvml.workflow.run : Writes the folder.
    clvml.log_comparison : Logs a comparison that was made without a run.

    Examples
    --------
    The store did not respond during the run; now it does:

    >>> from clvml.workflow import track
    >>> runs = track("clvml-output/shop")  # doctest: +SKIP
    >>> sorted(runs)  # doctest: +SKIP
    ['BG/NBD x Gamma-Gamma', 'repeat rate x average order value', 'segments',
     'to serve: BG/NBD x Gamma-Gamma', 'zero baseline']
    """
    folder, progress = Path(folder), progress or Silent()
    runs = runs_of(folder)
    with _alone(folder / records.FOLDER / RUNS), progress.stage(TITLE):
        uri = tracking_uri or _store_of(runs)
        if said := ask_store(runs.experiment, uri, runs.artifacts):
            progress.say(said)
        return records.track(runs, folder, uri, progress)


def runs_of(folder: Path) -> SavedRuns:
    """The runs of an unchanged output folder.

    Raises
    ------
    InputError
        If it is not the folder of a run, was changed afterwards, or has no runs for MLflow.
    """
    manifest = Manifest.read(folder)
    if manifest is None:
        raise InputError(
            f"{folder} is not the output folder of a run: it has no readable {MANIFEST}; give the folder that"
            " 'clvml run' names at its end."
        )
    if not manifest.complete:
        raise InputError(f"the run that wrote {folder} did not complete: run it again.")
    if f"{records.FOLDER}/{RUNS}" not in manifest.files:
        raise InputError(
            f"{folder} has no runs for MLflow, because the run was made without tracking: run it again"
            " without --no-tracking."
        )
    altered = [*manifest.changed(), *(name for name in manifest.files if not (folder / name).exists())]
    if altered:
        raise InputError(
            f"{folder} was changed after the run ({', '.join(altered[:3])}): MLflow would have other results"
            " than the run's. Restore it, or run again."
        )
    return read_runs(folder / records.FOLDER / RUNS)


def _store_of(runs: SavedRuns) -> str | None:
    """The store of the run; with its password, if MLflow's settings have it."""
    default = store_uri(None)
    return default if not runs.store or without_password(default) == runs.store else runs.store


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    """Let one process at a time write a folder to MLflow, by a lock that ends with the process."""
    if sys.platform == "win32":
        yield
        return
    import fcntl

    with file.open("rb") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TrackingError(
                f"another process is writing {file.parent.parent} to MLflow: wait until it is done."
            ) from None
        except OSError:  # a file system without locks
            pass
        yield
