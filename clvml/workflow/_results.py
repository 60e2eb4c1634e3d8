"""The results of a run: values computed by its stages, by type; tables, figures and metrics, by name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pandas as pd

from clvml.customers._split import Split
from clvml.customers._transactions import Transactions
from clvml.evaluation._model_comparison import ModelComparison
from clvml.workflow._config import Config
from clvml.workflow._findings import Figure, Found, Metrics, Table
from clvml.workflow._stage import Context
from clvml.workflow.stages._comparing import Comparison
from clvml.workflow.stages._segmenting import Segments
from clvml.workflow.stages._serving import Served
from clvml.workflow.stages._splitting import Customers

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Results:
    """The results of a run.

    Attributes
    ----------
    folder : Path
        Where the files are.
    found : tuple of Found
        All findings, with the section of the report that each is in.
    untracked : str
        Why the results are not in MLflow and the command that writes them there; empty if they are, or are
        not to be.

    See Also
    --------
    clvml.workflow.run : Makes them.
    clvml.workflow.track : Writes them to MLflow later.
    clvml.evaluation.ModelComparison : ``comparison``.

    Examples
    --------
    >>> from clvml.workflow import load_config, run
    >>> keys = {"data.source": "march.csv", "experiment.name": "shop"}
    >>> contenders = {"models.contenders": ["bgnbd_gamma_gamma", "repeat_rate"], "backtest.origins": 1}
    >>> results = run(load_config(overrides=keys | contenders))  # doctest: +SKIP
    >>> results.comparison.champion  # doctest: +SKIP
    'bgnbd_gamma_gamma'
    >>> value = results.tables["total_value"]  # doctest: +SKIP
    >>> value[["clv", "clv_lower", "clv_upper"]].round(-3).astype(int)  # doctest: +SKIP
             clv  clv_lower  clv_upper
    group
    total  38000      19000      78000
    >>> list(results.metrics)  # doctest: +SKIP
    ['served', 'segments']
    >>> len(results.customers), sorted(results.figures)[-1]  # doctest: +SKIP
    (1178, 'Who came, stayed and lapsed')
    """

    folder: Path
    found: tuple[Found, ...]
    _context: Context
    untracked: str = ""

    def __getitem__(self, kind: type[T]) -> T:
        """The value of this type computed by a stage; `LookupError` if there is none."""
        return self._context[kind]

    def __repr__(self) -> str:
        return f"Results({self._context[Comparison].verdict.sentences[0]} See {self.folder})"

    @property
    def config(self) -> Config:
        """The configuration."""
        return self._context.config

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Tables by name; of tables with one per contender, the last."""
        return {item.name: item.data for _, item in self.found if isinstance(item, Table)}

    @property
    def figures(self) -> dict[str, Path]:
        """Files of the figures in the folder, by title."""
        figures = [item for _, item in self.found if isinstance(item, Figure)]
        return {figure.title: self.folder / figure.path for figure in figures if figure.path is not None}

    @property
    def metrics(self) -> dict[str, dict[str, float]]:
        """By run ("served", "segments", "compared/<id>"), then by name."""
        metrics: dict[str, dict[str, float]] = {}
        for _, item in self.found:
            if isinstance(item, Metrics):
                for run in item.runs:
                    metrics.setdefault(run, {}).update(item.values)
        return metrics

    @property
    def transactions(self) -> Transactions:
        """The purchases, with the report of rows set aside."""
        return self[Transactions]

    @property
    def split(self) -> Split:
        """Calibration and holdout."""
        return self[Split]

    @property
    def customers(self) -> pd.DataFrame:
        """The summary of all customers until the end of observation."""
        return self[Customers].table

    @property
    def comparison(self) -> ModelComparison:
        """The contenders evaluated on the holdout, by id."""
        return self[Comparison].result

    @property
    def served(self) -> Served:
        """The model to serve, and its values of the customers."""
        return self[Served]

    @property
    def segments(self) -> Segments | None:
        """The segments; None if the customers do not differ enough."""
        return self._context.get(Segments)
