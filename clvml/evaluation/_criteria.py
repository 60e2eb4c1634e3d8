"""The criteria of the verdict: the skill of a model against references that are the same for every model.

=========  ==========================================================  ==========================
Criterion  Skill                                                       Reference with a skill of 0
=========  ==========================================================  ==========================
ranking    mean of Spearman, normalised Gini and the share of revenue  chance
           in the predicted top 10 % above 10 %, scaled to at most 1
totals     1 - h(b) / h(1), with the bias b of the total and           the zero baseline, b = -1
           h(b) = sqrt(b^2 + c^2) - c, c = 0.25
customers  log(RMSE of the zero baseline / RMSE)                       the zero baseline
=========  ==========================================================  ==========================

No skill depends on another model. The totals lose little by misses that chance explains and much by large
ones (h is Huber's loss, smoothed). The logarithm makes the difference between two models in `customers` free
of the reference, so that their order is the same where the zero baseline is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvml.errors import InputError

Array = NDArray[np.float64]

CRITERIA = ("ranking", "totals", "customers")
RANKINGS = ("spearman", "gini", "top10_share")
PURPOSES: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "valuation": {"ranking": 1 / 3, "totals": 1 / 3, "customers": 1 / 3},
        "budget": {"ranking": 0.15, "totals": 0.70, "customers": 0.15},
        "targeting": {"ranking": 0.70, "totals": 0.10, "customers": 0.20},
    }
)
MAX_BIAS: Mapping[str, float] = MappingProxyType({"valuation": 0.5, "budget": 0.3, "targeting": 0.5})
DEFAULT_MAX_BIAS = 0.5  # where weights are given instead of a purpose
_SMALL_BIAS = 0.25  # c: where the loss turns from quadratic to linear
_BEST_RATIO = 1e-3  # of the zero baseline's RMSE: lower counts as this


@runtime_checkable
class Draws(Protocol):
    """Point values and paired bootstrap draws, as `clvml.evaluation.MetricDraws`."""

    @property
    def scores(self) -> pd.DataFrame:
        """Index the model, columns the metrics."""
        ...

    @property
    def metrics(self) -> Any:
        """Names of the metrics, in the order of the last axis of ``draws``."""
        ...

    @property
    def draws(self) -> Array:
        """Shape (n_draws, n_models, n_metrics)."""
        ...


@dataclass(frozen=True, eq=False)
class Skills:
    """Skills of the models at one origin.

    Attributes
    ----------
    metrics : pandas.DataFrame
        Index the model; ``bias_pct, rmse`` and those of the rankings that are there.
    point : array, shape (n_models, 3)
        By criterion; NaN in a column where the criterion is undefined.
    draws : array, shape (n_draws, n_models, 3)
        The same in each resample; without draws, n_draws is 0.
    zero_rmse : float
        RMSE of the zero baseline; NaN where unknown.
    zero : str or None
        Name of a model that predicts zero for everybody.
    """

    metrics: pd.DataFrame
    point: Array
    draws: Array
    zero_rmse: float
    zero: str | None

    @property
    def models(self) -> list[str]:
        """Names of the models."""
        return [str(name) for name in self.metrics.index]


def weights_for(purpose: str | Mapping[str, float]) -> dict[str, float]:
    """The weights of the criteria, summing to 1.

    Raises
    ------
    InputError
        If the purpose or a criterion is unknown, or the weights are negative or all zero.

    Examples
    --------
    >>> weights_for({"totals": 3, "ranking": 1})
    {'ranking': 0.25, 'totals': 0.75, 'customers': 0.0}
    """
    if isinstance(purpose, str):
        if purpose not in PURPOSES:
            raise InputError(
                f"purpose is {purpose!r}; it must be one of {', '.join(PURPOSES)}, or weights of"
                f" {', '.join(CRITERIA)}."
            )
        purpose = PURPOSES[purpose]
    unknown = [name for name in purpose if name not in CRITERIA]
    if unknown:
        raise InputError(f"{unknown[0]!r} is not a criterion; they are {', '.join(CRITERIA)}.")
    weights = {name: float(purpose.get(name, 0.0)) for name in CRITERIA}
    total = sum(weights.values())
    if not np.isfinite(total) or total <= 0 or min(weights.values()) < 0:
        raise InputError(
            "the weights of the criteria must be finite, none negative and at least one positive."
        )
    return {name: weight / total for name, weight in weights.items()}


def skills(evidence: pd.DataFrame | Draws) -> Skills:
    """The skills of all models at one origin, from a table of metrics or from bootstrap draws of them.

    Parameters
    ----------
    evidence : pandas.DataFrame or MetricDraws
        A table as returned by :func:`clvml.evaluation.compare`, or `clvml.evaluation.MetricDraws`. Columns
        ``bias_pct, rmse`` and at least one of ``spearman, gini, top10_share``. The reference of ``rmse`` is
        the row that predicts a total of zero, if there is one.

    Raises
    ------
    InputError
        If a metric is absent, or missing for one model only.
    """
    table = _table(evidence if isinstance(evidence, pd.DataFrame) else evidence.scores)
    _check(table)
    table = table.drop(columns=[name for name in RANKINGS if name in table and table[name].isna().all()])
    zero = _zero_baseline(table)
    reference = float(table["rmse"].iloc[zero]) if zero is not None else float("nan")
    name = str(table.index[zero]) if zero is not None else None
    used = [str(key) for key in table]
    point = _skills({key: table[key].to_numpy(np.float64) for key in used}, np.asarray(reference))
    if isinstance(evidence, pd.DataFrame):
        return Skills(table, point, np.empty((0, *point.shape)), reference, name)
    places = {str(name): place for place, name in enumerate(evidence.metrics)}
    drawn: dict[str, Array] = {key: evidence.draws[:, :, places[key]] for key in used}
    references = drawn["rmse"][:, [zero]] if zero is not None else np.full((len(evidence.draws), 1), np.nan)
    undefined = np.isnan(point).all(axis=0)
    draws = np.where(undefined, np.nan, _skills(drawn, references))
    return Skills(table, point, draws, reference, name)


def _skills(values: Mapping[str, Array], zero_rmse: Array) -> Array:
    """Skills by criterion in the last axis."""
    found = [_ranking(values), _totals(values["bias_pct"]), _customers(values["rmse"], zero_rmse)]
    return np.stack(found, axis=-1)


def _ranking(values: Mapping[str, Array]) -> Array:
    parts = []
    for name in RANKINGS:
        if name not in values:
            continue
        skill = (values[name] - 0.1) / 0.9 if name == "top10_share" else values[name]
        # A constant prediction orders nobody: chance, where the metric is defined for others.
        chance = np.isnan(skill) & ~np.isnan(skill).all(axis=-1, keepdims=True)
        parts.append(np.where(chance, 0.0, skill))
    mean: Array = np.mean(parts, axis=0) if parts else np.full_like(values["rmse"], np.nan)
    return mean


def _totals(bias_pct: Array) -> Array:
    loss = np.hypot(bias_pct / 100, _SMALL_BIAS) - _SMALL_BIAS
    skill: Array = 1 - loss / (np.hypot(1, _SMALL_BIAS) - _SMALL_BIAS)
    return skill


def _customers(rmse: Array, zero_rmse: Array) -> Array:
    known = np.where(zero_rmse > 0, zero_rmse, 1.0)
    skill: Array = -np.log(np.maximum(rmse / known, _BEST_RATIO if np.any(zero_rmse > 0) else 1e-300))
    return skill


def _table(table: pd.DataFrame) -> pd.DataFrame:
    indexed = table.set_index("model") if "model" in table else table
    missing = [name for name in ("bias_pct", "rmse") if name not in indexed]
    if missing or not indexed.columns.intersection(list(RANKINGS)).size:
        lacking = missing[0] if missing else "spearman"
        raise InputError(f"the comparison lacks the column {lacking!r}; clvml.compare returns it.")
    if indexed.index.has_duplicates:
        raise InputError("two models of the comparison have the same name; every model needs its own.")
    if indexed.empty:
        raise InputError("there are no models to decide between; give at least one.")
    names = [name for name in ("total", "bias_pct", "rmse", *RANKINGS) if name in indexed]
    return indexed[names].astype(np.float64)


def _check(table: pd.DataFrame) -> None:
    """RMSE is always defined; the bias for all models or, where losses exceed gains, for none."""
    for name in ("rmse", "bias_pct"):
        bad = ~np.isfinite(table[name].to_numpy())
        if bad.any() and not (name == "bias_pct" and table[name].isna().all()):
            raise InputError(
                f"the comparison has a missing or infinite {name} for {table.index[int(bad.argmax())]!r}."
            )


def _zero_baseline(table: pd.DataFrame) -> int | None:
    """The place of a model that predicts zero for everybody."""
    nothing = np.isclose(table["bias_pct"], -100.0, rtol=0, atol=1e-9)
    if "total" in table:
        nothing = (nothing | table["bias_pct"].isna().to_numpy()) & (table["total"].to_numpy() == 0)
    orders = table[[name for name in ("spearman", "gini") if name in table]].fillna(0.0)
    found = np.flatnonzero(nothing & (orders == 0).all(axis=1).to_numpy())
    return int(found[0]) if len(found) else None
