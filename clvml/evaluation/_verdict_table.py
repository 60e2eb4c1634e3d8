"""The table of a verdict: scores, differences to the leader with their intervals, and each model's status."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

from clvml.evaluation._criteria import CRITERIA, Array
from clvml.evaluation._evidence import Evidence, ordered, scores
from clvml.evaluation._verdict_text import NEGLIGIBLE

_SHOWN = ("bias_pct", "abs_bias_pct", "rmse", "spearman")


def verdict_table(
    found: Evidence,
    weights: Mapping[str, float],
    contenders: Collection[str],
    failures: Mapping[str, list[str]],
    level: float,
) -> pd.DataFrame:
    """One row per model, by score; columns as in `clvml.evaluation.Verdict`.

    Parameters
    ----------
    found : Evidence
    weights : mapping of str to float
        Of the criteria.
    contenders : collection of str
        The eligible models.
    failures : mapping of str to list of str
        By model, the reasons for which it may not lead.
    level : float
        Coverage of the intervals.
    """
    point, drawn = scores(found, weights)
    by_score = ordered(found, point)
    may_lead = [name for name in by_score if name in contenders and not failures[name]]
    lower, upper = _interval(drawn, level)
    criteria = dict(zip(CRITERIA, found.point.mean(axis=0).T, strict=True))
    columns = {"score": point, "lower": lower, "upper": upper, **criteria}
    table = pd.DataFrame(columns, index=found.names)
    leader = found.names.index(may_lead[0]) if may_lead else None
    table = table.join(_behind(point, drawn, leader, level).set_axis(found.names))
    table["p_best"] = _p_best(drawn, [found.names.index(name) for name in may_lead])
    close = (table["behind"] < NEGLIGIBLE) | (table["behind_lower"] <= 0)
    table["within_noise"] = close & table.index.isin(may_lead)
    table = table.join(found.metrics[[name for name in _SHOWN if name in found.metrics]])
    table = table.loc[by_score].rename_axis("model")
    table.insert(
        len(table.columns), "status", [_status(name, may_lead, contenders, table) for name in by_score]
    )
    return table


def _behind(point: Array, drawn: Array, leader: int | None, level: float) -> pd.DataFrame:
    """Difference of each score to the leader's, with its interval over paired resamples."""
    if leader is None:
        return pd.DataFrame({"behind": point * np.nan, "behind_lower": np.nan, "behind_upper": np.nan})
    lower, upper = _interval(drawn[:, [leader]] - drawn, level)
    return pd.DataFrame(
        {"behind": point[leader] - point, "behind_lower": lower, "behind_upper": upper},
    )


def _interval(draws: Array, level: float) -> tuple[Array, Array]:
    """Quantiles by model over the draws in which all scores are defined; NaN without draws."""
    usable = draws[np.isfinite(draws).all(axis=1)]
    if not len(usable):
        return np.full(draws.shape[1], np.nan), np.full(draws.shape[1], np.nan)
    lower, upper = np.quantile(usable, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return lower, upper


def _p_best(drawn: Array, allowed: list[int]) -> Array:
    """Share of draws in which no other has a higher score: copies of a model do not lower it."""
    found = np.full(drawn.shape[1], np.nan)
    usable = drawn[np.isfinite(drawn).all(axis=1)]
    if allowed and len(usable):
        top = usable[:, allowed].max(axis=1, keepdims=True)
        found[allowed] = np.isclose(usable[:, allowed], top, rtol=0, atol=1e-12).mean(axis=0)
    return found


def _status(name: str, may_lead: list[str], contenders: Collection[str], table: pd.DataFrame) -> str:
    if name not in contenders:
        return "not eligible"
    if name not in may_lead:
        return "excluded"
    if name == may_lead[0]:
        return "leader"
    return "within noise" if table.at[name, "within_noise"] else "behind"
