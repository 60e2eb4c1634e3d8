"""What to do with whom: a treatment for each segment and stage, and what it may cost.

The table is one file, ``treatments.csv`` in this folder, and a user can put another in its place:

=============  ==================================================================================
``segment``    a segment's name (of the value matrix, in the file shipped), or ``*`` for any
``stage``      a stage of the lifecycle, or ``*`` for any
``treatment``  a word or two: retain, develop, cross-sell, win back, spend less
``what_to_do`` a sentence
``stake``      ``clv``, the value still expected, or ``at_risk``, the value that doubt has cost
``share``      how much of the stake may be spent, 0 to 1
=============  ==================================================================================

The first row that fits counts. **Budget rule**: ``budget = share x stake``, so that nobody is ever given
more than is at stake.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from clvml.errors import InputError
from clvml.segments.acting._value_at_risk import value_at_stake
from clvml.segments.grouping._tables import named

SHIPPED = Path(__file__).with_name("treatments.csv")
COLUMNS = ("segment", "stage", "treatment", "what_to_do", "stake", "share")
STAKES = ("clv", "at_risk")
ANY = "*"


def read_treatments(path: str | Path | None = None) -> pd.DataFrame:
    """The table of treatments from a CSV file; by default the one shipped.

    Raises
    ------
    InputError
        If there is no such file, a column is missing, or a row breaks a rule.

    Examples
    --------
    >>> read_treatments().loc[0, ["segment", "stage", "treatment"]].tolist()
    ['gold', 'decline', 'retain']
    """
    file = Path(path) if path is not None else SHIPPED
    if not file.is_file():
        raise InputError(f"there is no file {file}; a table of treatments is a CSV file with {COLUMNS}.")
    return check_treatments(pd.read_csv(file, encoding="utf-8", skipinitialspace=True), str(file))


def check_treatments(table: pd.DataFrame, source: str = "the table of treatments") -> pd.DataFrame:
    """The table itself, with ``share`` as float; InputError names the first row that breaks a rule."""
    missing = [name for name in COLUMNS if name not in table]
    if missing or table.empty:
        raise InputError(f"{source} lacks {missing[0]!r}." if missing else f"{source} has no rows.")
    table = table[list(COLUMNS)].reset_index(drop=True)
    share = pd.to_numeric(table["share"], errors="coerce")
    rules = (
        (table[["segment", "stage", "treatment"]].isna().any(axis=1), "a segment, a stage and a treatment"),
        (~table["stake"].isin(STAKES), f"a stake among {', '.join(STAKES)}"),
        (~share.between(0, 1), "a share from 0 to 1, for nobody is given more than is at stake"),
    )
    for broken, rule in rules:
        if broken.any():
            raise InputError(f"row {int(np.argmax(broken)) + 1} of {source} lacks {rule}.")
    return table.assign(share=share.astype(float))


def treat(
    segments: pd.Series,
    stages: pd.Series,
    customers: pd.DataFrame,
    treatments: pd.DataFrame | None = None,
    clv_has_doubt: bool = True,
) -> pd.DataFrame:
    """The treatment and the budget of each customer.

    Parameters
    ----------
    segments : pandas.Series
        Names of segments, as the table has them.
    stages : pandas.Series
        As from `clvml.LifecycleStages`.
    customers : pandas.DataFrame
        ``clv`` and ``probability_alive`` of the same customers.
    treatments : pandas.DataFrame, optional
        As from `read_treatments`.
    clv_has_doubt : bool, default True
        As in `clvml.segments.acting.value_at_stake`.

    Returns
    -------
    pandas.DataFrame
        On the index of ``customers``: ``treatment, what_to_do, value_at_stake, budget`` (money).

    Raises
    ------
    InputError
        If a customer lacks a segment or stage, or no row of the table fits a pair of them.
    """
    table = check_treatments(treatments) if treatments is not None else read_treatments()
    index = customers.index
    pairs = pd.DataFrame({"segment": segments.reindex(index), "stage": stages.reindex(index)})
    without = pairs.isna().any(axis=1)
    if without.any():
        raise InputError(f"customer {named(index[without])} has no segment or no stage.")
    groups = pairs.groupby(["segment", "stage"], sort=True)
    rows = np.array([_row_for(table, str(segment), str(stage)) for segment, stage in groups.size().index])
    chosen = table.iloc[rows[groups.ngroup()]].set_axis(index)
    stakes = value_at_stake(customers["clv"], customers["probability_alive"], clv_has_doubt)
    at_risk = stakes["at_risk"]
    stake = customers["clv"].where(chosen["stake"] == "clv", at_risk)
    answers = chosen[["treatment", "what_to_do"]].assign(value_at_stake=stake)
    return answers.assign(budget=chosen["share"] * stake)


def budgets(treated: pd.DataFrame) -> pd.DataFrame:
    """What is done how often, what is at stake, and what it may cost.

    Parameters
    ----------
    treated : pandas.DataFrame
        As from `treat`.

    Returns
    -------
    pandas.DataFrame
        Index ``treatment`` by falling budget, then ``(all)``; ``customers, value_at_stake, budget`` (totals)
        and ``share_of_stake``, which is never above 1 (NaN where nothing is at stake).
    """
    groups = treated.groupby("treatment")
    table = groups[["value_at_stake", "budget"]].sum()
    table.insert(0, "customers", groups.size())
    table = table.sort_values(["budget", "customers"], ascending=False, kind="stable")
    table.loc["(all)"] = table.sum()
    stake = table["value_at_stake"]
    table["share_of_stake"] = table["budget"] / stake.where(stake > 0)
    return table.astype({"customers": "int64"}).rename_axis("treatment")


def _row_for(table: pd.DataFrame, segment: str, stage: str) -> int:
    fits = table["segment"].isin([segment, ANY]) & table["stage"].isin([stage, ANY])
    if not fits.any():
        raise InputError(
            f"no row of the table of treatments fits segment {segment!r} in stage {stage!r}; add one, or a"
            " last row with * for both."
        )
    return int(np.argmax(fits))
