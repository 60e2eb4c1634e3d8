"""What there is to say about a run, as plain data: no MLflow here, so a test can read it.

One :class:`RunRecord` is one compared model. Metric keys are short, because MLflow's table clips its
headers at twelve characters; whatever is the same in every run of an experiment belongs in the tags.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

METRICS = ("total", "bias_pct", "mae", "rmse", "spearman", "gini", "top10_share")


@dataclass(frozen=True)
class DatasetRecord:
    """A table that a run used.

    Attributes
    ----------
    name : str
        Such as ``"cdnow_sample_holdout"``.
    frame : pandas.DataFrame
        The table; MLflow keeps its schema, size and digest, not its rows.
    context : str
        ``"calibration"`` or ``"holdout"``.
    source : str, optional
        Where it came from: a path or a URL.
    facts : dict
        Kept as tags of the dataset: how many rows the transaction policy set aside, for example.
    """

    name: str
    frame: pd.DataFrame
    context: str
    source: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RunRecord:
    """Everything to keep about one compared model.

    Attributes
    ----------
    name : str
        The run's name: the model's display name.
    tags : dict
        Constants of the comparison, and the model's family.
    params : dict
        Constructor arguments and fitted parameters (see :func:`parameters_of`).
    metrics : dict of str to float
        Short keys, such as those of :data:`METRICS`; missing values are left out.
    steps : dict of str to pandas.Series
        A metric's values by whole-number step: a decile, a week.
    tables : dict of str to pandas.DataFrame
        Kept as CSV and as a table that MLflow shows.
    figures : dict
        By name: a matplotlib Figure or Axes, a function without arguments that draws one, or the path
        of an image.
    datasets : sequence of DatasetRecord
        The metrics are linked to the one whose context is "holdout".
    model : estimator, optional
        Logged as a model, which the metrics are linked to; one that has no place in a file gets an
        entry without a file.
    input_example : pandas.DataFrame, optional
        Customers, for the model's example request.
    """

    name: str
    tags: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    steps: Mapping[str, pd.Series] = field(default_factory=dict)
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    figures: Mapping[str, Any] = field(default_factory=dict)
    datasets: Sequence[DatasetRecord] = ()
    model: Any = None
    input_example: pd.DataFrame | None = None


def comparison_records(
    table: pd.DataFrame,
    models: Mapping[str, Any],
    *,
    constants: Mapping[str, Any] | None = None,
    datasets: Sequence[DatasetRecord] = (),
    deciles: Mapping[str, pd.DataFrame] | None = None,
    tables: Mapping[str, Mapping[str, pd.DataFrame]] | None = None,
    figures: Mapping[str, Mapping[str, Any]] | None = None,
    input_example: pd.DataFrame | None = None,
) -> list[RunRecord]:
    """One record for each row of a comparison table.

    Parameters
    ----------
    table : pandas.DataFrame
        As :func:`clvml.compare` gives it: index model, column family, then the metrics.
    models : dict
        The fitted models by the table's names.
    constants : dict, optional
        The same for every run: kept as tags.
    datasets : sequence of DatasetRecord, optional
        What all of them used.
    deciles : dict, optional
        By model, the table of :func:`clvml.evaluation.calibration_by_decile`; kept as a table and,
        by step, as the metrics ``decile_pred`` and ``decile_act``.
    tables, figures : dict of dict, optional
        By model, then by name.
    input_example : pandas.DataFrame, optional
        Customers.
    """
    records = []
    for name, row in table.iterrows():
        key, decile = str(name), (deciles or {}).get(str(name))
        records.append(
            RunRecord(
                name=key,
                tags={**(constants or {}), "family": row.get("family", "")},
                params=parameters_of(models[key]) if key in models else {},
                metrics={metric: float(row[metric]) for metric in METRICS if metric in row},
                steps=_by_step(decile),
                tables={"comparison": table, **_decile_table(decile), **(tables or {}).get(key, {})},
                figures=(figures or {}).get(key, {}),
                datasets=datasets,
                model=models.get(key),
                input_example=input_example,
            )
        )
    return records


def parameters_of(model: Any, prefix: str = "") -> dict[str, Any]:
    """Constructor arguments and fitted parameters by dotted names, such as ``purchases.alpha``.

    Parameters
    ----------
    model : estimator
        Nested estimators are followed, the fitted ones (``purchases_``) before those given.
    prefix : str
        Put before every name.
    """
    found: dict[str, Any] = {f"{prefix}model": type(model).__name__}
    for name, value in model.get_params(deep=False).items():
        nested = getattr(model, f"{name}_", value)
        if hasattr(nested, "get_params"):
            found |= parameters_of(nested, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    fitted = getattr(model, "params_", {})
    fitted = fitted._asdict() if hasattr(fitted, "_asdict") else fitted
    return found | {f"{prefix}{name}": value for name, value in fitted.items()}


def is_image(figure: Any) -> bool:
    """Whether a figure of a record is the path of an image rather than something to draw."""
    return isinstance(figure, str | Path)


def _by_step(decile: pd.DataFrame | None) -> dict[str, pd.Series]:
    if decile is None:
        return {}
    return {"decile_pred": decile["predicted"], "decile_act": decile["actual"]}


def _decile_table(decile: pd.DataFrame | None) -> dict[str, pd.DataFrame]:
    return {} if decile is None else {"deciles": decile}
