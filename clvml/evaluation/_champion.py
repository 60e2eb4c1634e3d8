"""The choice of the champion by one explicit rule.

A rule on the mean absolute error alone could choose the zero baseline, one on the rank
correlation alone a formula whose total is far too high. So models are ranked by four criteria
of different kinds, and the best mean rank wins.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd

from clvml.errors import InputError
from clvml.evaluation._ranking import levels

CRITERIA = ("bias_pct", "rmse", "spearman", "top10_share")
RELATIVE = ("bias_pct", "top10_share")  # to the total, and so undefined where losses exceed gains
RULE = (
    "The champion has the lowest mean rank over four criteria (the size of the bias, RMSE, Spearman"
    " rank correlation, share of revenue in the predicted top 10 %) among the eligible models; ties go to"
    " the lower RMSE, then to the first name."
)


class Champion(NamedTuple):
    """The model chosen, the rule, and each eligible model's ranks by criterion.

    ``ranks`` has the index ``model``, best first, and the columns ``bias_pct, rmse, spearman,
    top10_share, mean_rank``; 1 is the best rank, and equal values share their mean rank. ``bias_pct`` and
    ``top10_share`` are absent where they are undefined (NaN for every model): losses exceed gains.
    """

    name: str
    rule: str
    ranks: pd.DataFrame


def choose_champion(table: pd.DataFrame, eligible: Iterable[str] | None = None) -> Champion:
    """The champion of a comparison.

    Parameters
    ----------
    table : pandas.DataFrame
        As returned by :func:`clvml.evaluation.compare`.
    eligible : iterable of str, optional
        The models that may win; by default all except the family "baseline".

    Returns
    -------
    Champion
        ``name, rule, ranks``.

    Raises
    ------
    InputError
        If no model is eligible, one is not in the table or is duplicated, or a criterion is missing.

    Examples
    --------
    >>> table = pd.DataFrame(
    ...     {"bias_pct": [-15.0, 60.0], "rmse": [72.0, 200.0], "spearman": [0.43, 0.48], "top10_share": 0.5},
    ...     index=["BG/NBD", "formula"],
    ... )
    >>> choose_champion(table, eligible=["BG/NBD", "formula"]).name
    'BG/NBD'
    """
    criteria = _criteria(table, _eligible(table, eligible))
    undefined = [name for name in CRITERIA if criteria[name].isna().all()]
    # Lower is better throughout: the bias is taken in absolute value, rank metrics are negated.
    badness = criteria.assign(
        bias_pct=criteria["bias_pct"].abs(),
        spearman=-criteria["spearman"],
        top10_share=-criteria["top10_share"],
    )
    defined = badness.drop(columns=undefined)
    ranks = defined.apply(lambda column: levels(column.to_numpy())).rank(method="average")
    ranks["mean_rank"] = ranks.mean(axis="columns")
    order = sorted(
        ranks.index, key=lambda name: (ranks.at[name, "mean_rank"], badness.at[name, "rmse"], name)
    )
    ranks = ranks.loc[order].rename_axis("model")
    return Champion(str(order[0]), RULE + _not_counted(undefined), ranks)


def _not_counted(undefined: list[str]) -> str:
    return f" Not counted, because undefined on this holdout: {', '.join(undefined)}." if undefined else ""


def _eligible(table: pd.DataFrame, eligible: Iterable[str] | None) -> list[str]:
    if table.index.has_duplicates:
        raise InputError("two models of the comparison have the same name; every model needs its own.")
    if eligible is not None:
        names = list(dict.fromkeys(eligible))
    elif "family" in table:
        names = list(table.index[table["family"] != "baseline"])
    else:
        names = list(table.index)
    unknown = [name for name in names if name not in table.index]
    if unknown:
        raise InputError(f"{unknown[0]!r} is eligible, but not in the comparison: {list(table.index)}.")
    if not names:
        raise InputError("no model is eligible: baselines never win, so compare at least one other model.")
    return names


def _criteria(table: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    missing = [name for name in CRITERIA if name not in table]
    if missing:
        raise InputError(f"the comparison lacks the column {missing[0]!r}; clvml.compare returns it.")
    criteria = table.loc[names, list(CRITERIA)].astype(np.float64)
    undefined = [name for name in RELATIVE if criteria[name].isna().all()]
    bad = ~np.isfinite(criteria.drop(columns=undefined).to_numpy()).all(axis=1)
    if bad.any():
        raise InputError(f"the comparison has a missing or infinite value for {criteria.index[bad][0]!r}.")
    return criteria
