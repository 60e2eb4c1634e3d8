"""Log an experiment to MLflow: its backtests as `clvml.log_comparison` does, its tables as artifacts."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlflow

import clvml

if TYPE_CHECKING:
    from experiments._lab import Results, Section


def log_results(name: str, config: Section, found: Results) -> None:
    """An MLflow experiment with a run for each backtest, and above them one with all tables.

    Parameters
    ----------
    name : str
        Of the experiment.
    config : Section
        Its keys are the parameters of the run.
    found : Results
        The backtests are logged by the code that logs those of ``clvml run``.
    """
    mlflow.set_experiment(name)
    question = str(config.model_dump()["question"])
    for log, backtest in found.backtests.items():
        with mlflow.start_run(run_name=log, description=question):
            clvml.log_comparison(backtest, data=log)
    with mlflow.start_run(run_name=name, description=question), tempfile.TemporaryDirectory() as folder:
        mlflow.log_params(parameters(config.model_dump(exclude={"question"})))
        for table, frame in found.tables.items():
            path = Path(folder) / f"{table}.csv"
            frame.to_csv(path)
            mlflow.log_artifact(str(path), "tables")


def parameters(values: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """The keys of a config with their sections, such as ``logs.CDNOW.horizon``, as text."""
    found = {}
    for key, value in values.items():
        key = f"{prefix}{key}"
        if isinstance(value, dict):
            found |= parameters(value, f"{key}.")
        elif value is not None:
            found[key.replace(",", "")] = str(value)[:500]
    return found
