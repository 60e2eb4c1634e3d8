"""The writer of the output folder: each finding becomes a file as soon as it is found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pandas as pd

from clvml.errors import InputError
from clvml.tracking._connection import quiet
from clvml.tracking.flavor import save_model
from clvml.workflow._config import Config
from clvml.workflow._findings import Figure, Finding, Metrics, Model, Table
from clvml.workflow._output_folder import OutputFolder

METRICS = "metrics.csv"
REPORT = "report.html"


class FolderWriter:
    """Writes findings into the output folder.

    Parameters
    ----------
    config : Config
        Saved as ``config.toml``.
    say : callable
        Called with a line about what cannot be saved, and why.
    """

    def __init__(self, config: Config, say: Callable[[str], None]) -> None:
        self.folder = OutputFolder(config.folder)
        self._config = config
        self._say = say
        self._paths = {METRICS, REPORT}
        self._metrics: dict[tuple[str, str], float] = {}

    @contextmanager
    def keeping(self) -> Iterator[None]:
        """Add to any error where the results computed before it are kept."""
        try:
            yield
        except BaseException as error:
            self.folder.keep_unfinished()
            if self.folder.now is not None:
                error.add_note(f"What was computed before that is kept in {self.folder.now}.")
            raise

    def add(self, finding: Finding) -> Finding | None:
        """Write the finding's file, if it has one.

        Returns
        -------
        Finding or None
            As saved: a model that cannot be serialised is kept without a folder; a figure that does not
            apply to the data is dropped.
        """
        if self.folder.now is None:
            self.folder.text("config.toml", self._config.to_toml())
        if isinstance(finding, Table):
            self._write_table(finding)
        elif isinstance(finding, Metrics):
            self._write_metrics(finding)
        elif isinstance(finding, Model):
            return self._write_model(finding)
        elif isinstance(finding, Figure):
            return self._write_figure(finding)
        return finding

    def report(self, page: str) -> None:
        """Write the report."""
        self.folder.text(REPORT, page)

    def _claim(self, path: str) -> None:
        """Refuse two findings with the same path, which is an error of the stage that yields the second."""
        if path in self._paths:
            raise ValueError(f"two findings have the path {path}; give the second another name.")
        self._paths.add(path)

    def _write_table(self, table: Table) -> None:
        if table.path is not None:
            self._claim(table.path)
            write = self.folder.parquet if table.path.endswith(".parquet") else self.folder.csv
            write(table.path, table.data)

    def _write_metrics(self, metrics: Metrics) -> None:
        for run in metrics.runs:
            self._metrics |= {(run, name): value for name, value in metrics.values.items()}
        index = pd.MultiIndex.from_tuples(self._metrics, names=["run", "metric"])
        self.folder.csv(METRICS, pd.DataFrame({"value": list(self._metrics.values())}, index))

    def _write_model(self, model: Model) -> Model:
        """The model as a folder of readable JSON that ``clvml score`` and ``mlflow models serve`` accept."""
        if model.folder is None:
            return model
        import mlflow  # noqa: F401 - its import sets log levels, so it must precede `quiet`

        try:
            with quiet():
                self.folder.place(
                    model.folder,
                    lambda path: save_model(
                        model.model, path, input_example=model.customers, card=model.card
                    ),
                )
        except InputError as error:
            self._say(f"{model.folder!r} was not saved and cannot be registered: {error}")
            return replace(model, folder=None, register_as=None)
        return model

    def _write_figure(self, figure: Figure) -> Figure | None:
        if figure.path is None:
            return figure
        self._claim(figure.path)
        try:
            self.folder.place(figure.path, figure.save)
        except InputError as error:  # the figure does not apply to these data
            self._say(f"no figure {figure.title!r}: {error}")
            return None
        return figure
