"""Log comparisons and backtests to MLflow from a notebook or a script: by a call, or each by itself."""

from __future__ import annotations

import json
import logging
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from clvml.errors import ClvmlError, InputError, TrackingError
from clvml.evaluation._backtest_result import Backtest
from clvml.evaluation._model_comparison import ModelComparison
from clvml.evaluation._observers import observe, stop_observing
from clvml.tracking._comparison_figures import comparison_figures
from clvml.tracking._comparison_records import ComparisonRecords
from clvml.tracking._connection import connected
from clvml.tracking._datasets import datasets_of
from clvml.tracking._records import RunRecord
from clvml.tracking._run_parts import DESCRIPTION, LOGGED_TABLES, Source, WrittenRun, described_tags
from clvml.tracking._runs import RunWriter
from clvml.tracking._saved_runs import SavedRun, save_runs

logger = logging.getLogger("clvml")

AUTOLOG = "mlflow"  # the name of the observer


def log_comparison(
    found: ModelComparison | Backtest,
    *,
    data: str = "customers",
    log_models: bool = False,
    log_customers: bool = False,
) -> dict[str, str]:
    """Log a comparison or a backtest to MLflow: the verdict, and a run for every model.

    Within ``with mlflow.start_run():`` the active run gets the verdict as its description, the champion's
    metrics and hyper-parameters (so that runs of a sweep can be compared), tables, figures and datasets, and
    the models are its children. Without an active run the models are runs of MLflow's current experiment,
    and the champion's has all of this. Metrics have short keys with their intervals beside them (``rmse,
    rmse_lo, rmse_hi``). The origins of a backtest are children of the models. The champion is the first in
    the list of MLflow's UI.

    Parameters
    ----------
    found : ModelComparison or Backtest
        From `clvml.compare_models` or `clvml.backtest`.
    data : str, default "customers"
        Name of the data in MLflow, for its datasets ``<data>_calibration`` and ``<data>_holdout``: MLflow
        keeps their digest, size and schema, not their rows.
    log_models : bool, default False
        Whether to log the fitted models too (as JSON, without customers).
    log_customers : bool, default False
        Whether to log each customer's predictions and actual value, with the customers' ids.

    Returns
    -------
    dict of str to str
        The ids of the models' runs by name.

    Raises
    ------
    InputError
        If ``found`` is neither.
    TrackingError
        If the store is unavailable, or part of a run could not be written (the rest is).

    See Also
    --------
    clvml.autolog : Log every comparison without a call.
    clvml.compare_models, clvml.backtest : Make what is logged.
    clvml.tracking.register : Register the champion.

    Examples
    --------
    >>> import clvml, mlflow  # doctest: +SKIP
    >>> split = clvml.split(clvml.load_cdnow(), "1997-09-30", "1998-06-30")  # doctest: +SKIP
    >>> models = {"repeat rate": clvml.RepeatRateValue(39), "zero": clvml.ZeroValue(39)}  # doctest: +SKIP
    >>> with mlflow.start_run(run_name="CDNOW"):  # doctest: +SKIP
    ...     runs = clvml.log_comparison(clvml.compare_models(models, split), data="cdnow")
    >>> sorted(runs)  # doctest: +SKIP
    ['repeat rate', 'zero']
    """
    if not isinstance(found, ModelComparison | Backtest):
        raise InputError(
            f"log_comparison was given {type(found).__name__}; give what clvml.compare_models or"
            " clvml.backtest returned."
        )
    records = ComparisonRecords(found)
    datasets = [] if records.latest.split is None else datasets_of(records.latest.split, data)
    contenders = [
        replace(
            records.contender(name),
            datasets=datasets,
            model=records.latest.models[name] if log_models else None,
        )
        for name in records.names
    ]
    whole = replace(records.whole(), datasets=datasets, figures=comparison_figures(records))
    if log_customers:
        table = records.latest.predictions.assign(actual=records.latest.actual)
        whole = replace(whole, tables={**whole.tables, "predictions": table.rename_axis("customer_id")})
    with connected(create=True):
        written = _write(whole, contenders)
    errors = [f"{run.name}: {error}" for run in written for error in run.errors]
    if errors:
        raise TrackingError(
            f"{len(errors)} parts of the MLflow runs could not be written; the first: {errors[0]}"
        )
    return {run.name: run.run_id for run in reversed(written[-len(contenders) :])}


def autolog(
    *,
    disable: bool = False,
    data: str = "customers",
    log_models: bool = False,
    log_customers: bool = False,
) -> None:
    """Log every comparison and backtest to MLflow from now on, as `log_comparison` does.

    A comparison that cannot be logged is returned all the same, with a warning in the log. A backtest is
    logged as a whole, and not for each origin again, and `clvml.workflow.run` logs by itself.

    Parameters
    ----------
    disable : bool, default False
        Stop it.
    data : str, default "customers"
        As in `log_comparison`.
    log_models : bool, default False
        As in `log_comparison`.
    log_customers : bool, default False
        As in `log_comparison`.

    See Also
    --------
    clvml.log_comparison : Log one comparison.
    clvml.compare_models, clvml.backtest : Are logged.

    Examples
    --------
    >>> import clvml
    >>> clvml.autolog()
    >>> clvml.autolog(disable=True)
    """
    if disable:
        stop_observing(AUTOLOG)
        return

    def log(found: Any) -> None:
        try:
            log_comparison(found, data=data, log_models=log_models, log_customers=log_customers)
        except ClvmlError as error:
            logger.warning("autolog: the comparison was not logged: %s", error)

    observe(AUTOLOG, log)


def _write(whole: RunRecord, contenders: list[RunRecord]) -> list[WrittenRun]:
    """The runs in the order of writing: the champion, which MLflow lists first, last."""
    import mlflow

    active = mlflow.active_run()
    first = contenders[0]
    everything = replace(
        first,
        tables={**whole.tables, **first.tables},
        figures=whole.figures,
        description=whole.description,
    )
    records = [*contenders[:0:-1], everything] if active is None else [whole, *reversed(contenders)]
    with tempfile.TemporaryDirectory() as folder:
        source = Source(save_runs(records, Path(folder), experiment=""), Path(folder))
        if active is None:
            writer, run_id = RunWriter(_current_experiment(), source), None
        else:
            writer, run_id = RunWriter(active.info.experiment_id, source), active.info.run_id
        runs = list(enumerate(source.runs.runs))
        parent = [] if run_id is None else [_write_into_active(writer, run_id, runs.pop(0)[1])]
        return parent + [writer.write(run, str(place), parent_id=run_id) for place, run in runs]


def _write_into_active(writer: RunWriter, run_id: str, run: SavedRun) -> WrittenRun:
    """Add to a run of the user's, whose parameters and description are kept."""
    from mlflow.entities import RunTag

    before = writer.client.get_run(run_id).data
    written = WrittenRun(run.name, writer.experiment_id, run_id, errors=list(run.errors))
    written.tables = json.loads(before.tags.get(LOGGED_TABLES, "[]"))
    description = "\n\n".join(filter(None, [before.tags.get(DESCRIPTION), run.description]))
    tags = {**writer.source.runs.source, **run.tags, **described_tags(description)}
    own = {key: text for key, text in tags.items() if not key.startswith("mlflow.") or key == DESCRIPTION}
    writer.client.log_batch(run_id, tags=[RunTag(key, text) for key, text in own.items()])
    new = {key: value for key, value in run.params.items() if key not in before.params}
    writer.write_into(written, run.model_copy(update={"params": new}), "0")
    return written


def _current_experiment() -> str:
    """The id of MLflow's current experiment, which has no public name without a run."""
    from mlflow.tracking.fluent import _get_experiment_id

    return str(_get_experiment_id())
