"""A treatment for each segment and lifecycle stage, and its budget.

The default table is ``treatments.csv`` in this folder; users can supply their own:

===============  ==================================================================================
``segment``      a segment's name (of the value matrix, in the default table), or ``*`` for any
``stage``        a stage of the lifecycle, or ``*`` for any
``treatment``    a word or two: retain, develop, cross-sell (other products), upsell (an upgrade, an
                 addition, more of the same), win back, spend less
``what_to_do``   a sentence
``budget_base``  ``clv``, the value still expected, or ``at_risk``, the value that may be lost already
``share``        the share of the base that may be spent, 0 to 1
``kind``         optional: the kind of incentive, ``financial``, ``social``, ``structural`` or ``none``
``cost``         optional: the most that may be spent on a customer, such as the cost of a treatment whose
                 response was measured (`clvml.treatments.measured_treatments`); 0 for no such limit
===============  ==================================================================================

The first matching row applies. **Budget rule**: ``budget = share x base``, and at most ``cost``, so
that no budget exceeds the value at risk. Tables of clvml 0.1 (with a column ``stake`` and the stage
``former``) are read as well.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from clvml.errors import InputError
from clvml.segments.acting._value_at_risk import active_and_at_risk
from clvml.segments.grouping._tables import named

SHIPPED = Path(__file__).with_name("treatments.csv")
COLUMNS = ("segment", "stage", "treatment", "what_to_do", "budget_base", "share")
OPTIONAL = ("kind", "cost")
BUDGET_BASES = ("clv", "at_risk")
KINDS = ("financial", "social", "structural", "none")
ANY = "*"


def read_treatments(path: str | Path | None = None) -> pd.DataFrame:
    """The table of treatments from a CSV file; by default the one included in clvml.

    Parameters
    ----------
    path : str or Path, optional
        CSV file with the columns ``segment, stage, treatment, what_to_do, share`` and optionally ``kind``.
        Default: the table included in clvml.

    Returns
    -------
    pandas.DataFrame
        The validated table, one row per rule.

    Raises
    ------
    InputError
        If there is no such file, a column is missing, or a row breaks a rule.

    See Also
    --------
    clvml.segments.acting.treat : A treatment and a budget per customer.
    clvml.treatments.measured_treatments : Budgets by measured response.

    Examples
    --------
    >>> from clvml.segments.acting import read_treatments
    >>> read_treatments().loc[0, ["segment", "stage", "treatment"]].tolist()
    ['gold', 'decline', 'retain']
    """
    file = Path(path) if path is not None else SHIPPED
    if not file.is_file():
        raise InputError(
            f"there is no file {file}; a table of treatments is a CSV file with the columns"
            f" {', '.join(COLUMNS)}."
        )
    return check_treatments(pd.read_csv(file, encoding="utf-8", skipinitialspace=True), str(file))


def check_treatments(table: pd.DataFrame, source: str = "the table of treatments") -> pd.DataFrame:
    """The validated table with current columns and stages, and ``share`` as float.

    Raises
    ------
    InputError
        Naming the column that is missing, or the first row that breaks a rule.
    """
    table = _today(table)
    missing = [name for name in COLUMNS if name not in table]
    if missing or table.empty:
        raise InputError(f"{source} lacks {missing[0]!r}." if missing else f"{source} has no rows.")
    table = table[[*COLUMNS, *(name for name in OPTIONAL if name in table)]].reset_index(drop=True)
    share = pd.to_numeric(table["share"], errors="coerce")
    if "kind" in table:
        table["kind"] = table["kind"].fillna("none")
    cost = pd.to_numeric(table["cost"].fillna(0.0) if "cost" in table else share * 0, errors="coerce")
    kinds = table["kind"] if "kind" in table else pd.Series("none", table.index)
    rules = (
        (table[["segment", "stage", "treatment"]].isna().any(axis=1), "a segment, a stage and a treatment"),
        (~table["budget_base"].isin(BUDGET_BASES), f"a budget_base among {', '.join(BUDGET_BASES)}"),
        (~share.between(0, 1), "a share from 0 to 1: no budget may exceed the value at risk"),
        (~kinds.isin(KINDS), f"a kind among {', '.join(KINDS)}"),
        (~cost.between(0, np.inf, inclusive="left"), "a cost of 0 or more"),
    )
    for broken, rule in rules:
        if broken.any():
            raise InputError(f"row {int(np.argmax(broken)) + 1} of {source} lacks {rule}.")
    table = table.assign(share=share.astype(float))
    return table.assign(cost=cost.astype(float)) if "cost" in table else table


def treat(
    segments: pd.Series,
    stages: pd.Series,
    customers: pd.DataFrame,
    treatments: pd.DataFrame | None = None,
    clv_includes_p_alive: bool = True,
) -> pd.DataFrame:
    """The treatment and the budget of each customer.

    Parameters
    ----------
    segments : pandas.Series
        Names of segments, as in the table.
    stages : pandas.Series
        As from `clvml.LifecycleStages`.
    customers : pandas.DataFrame
        ``clv`` and ``probability_alive`` of the same customers.
    treatments : pandas.DataFrame, optional
        As from `read_treatments`.
    clv_includes_p_alive : bool, default True
        As in `clvml.segments.acting.value_at_risk`.

    Returns
    -------
    pandas.DataFrame
        On the index of ``customers``: ``treatment, what_to_do``, ``value_at_risk`` (the budget base, money)
        and ``budget`` (money).

    Raises
    ------
    InputError
        If a customer lacks a segment or stage, or no row of the table matches them.

    See Also
    --------
    clvml.CustomerGroups : Segment, stage and treatment in one estimator.
    clvml.segments.acting.budgets : Totals by treatment.
    clvml.segments.acting.read_treatments : The table of treatments.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.segments.acting import treat
    >>> customers = pd.DataFrame({"clv": [100.0, 5.0], "probability_alive": [0.5, 0.9]})
    >>> found = treat(pd.Series(["gold", "lead"]), pd.Series(["decline", "exploration"]), customers)
    >>> found.loc[0, ["treatment", "value_at_risk", "budget"]].to_dict()
    {'treatment': 'retain', 'value_at_risk': 100.0, 'budget': 20.0}
    """
    table = check_treatments(treatments) if treatments is not None else read_treatments()
    return treat_by(table, segments, stages, customers, clv_includes_p_alive)


def treat_by(
    table: pd.DataFrame,
    segments: pd.Series,
    stages: pd.Series,
    customers: pd.DataFrame,
    clv_includes_p_alive: bool,
) -> pd.DataFrame:
    """As `treat`, by a table that was checked, if by clvml 0.1."""
    table, index = _today(table), customers.index
    pair = [each if each.index is index else each.reindex(index) for each in (segments, stages)]
    without = pair[0].isna().to_numpy() | pair[1].isna().to_numpy()
    if without.any():
        raise InputError(f"customer {named(index[without])} has no segment or no stage.")
    rows = _rows_for(table, *(each.to_numpy(dtype=object) for each in pair))
    chosen = {name: table[name].array.take(rows) for name in ("treatment", "what_to_do")}
    clv, alive = (customers[name].to_numpy(dtype=float) for name in ("clv", "probability_alive"))
    _, at_risk = active_and_at_risk(clv, alive, clv_includes_p_alive)
    by_clv = (table["budget_base"] == "clv").to_numpy(dtype=bool)[rows]
    base = np.where(by_clv, clv, at_risk)
    budget = table["share"].to_numpy(dtype=float)[rows] * base
    if "cost" in table:
        cost = table["cost"].to_numpy(dtype=float)[rows]
        budget = np.where((cost == 0) | (budget < cost), budget, cost)
    return pd.DataFrame(chosen | {"value_at_risk": base, "budget": budget}, index=index)


def incentive_kinds(treated: pd.DataFrame, treatments: pd.DataFrame) -> pd.Series:
    """The kind of incentive of each customer's treatment; ``"none"`` where the table names none.

    Parameters
    ----------
    treated : pandas.DataFrame
        ``treatment, what_to_do``, as from `treat`.
    treatments : pandas.DataFrame
        As from `read_treatments`.

    Returns
    -------
    pandas.Series
        Text on the index of ``treated``.

    See Also
    --------
    clvml.segments.acting.treat : The treatments that it takes.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.segments.acting import incentive_kinds, read_treatments, treat
    >>> customers = pd.DataFrame({"clv": [100.0, 5.0], "probability_alive": [0.5, 0.9]})
    >>> treated = treat(pd.Series(["gold", "lead"]), pd.Series(["decline", "exploration"]), customers)
    >>> incentive_kinds(treated, read_treatments()).tolist()
    ['structural', 'social']
    """
    if "kind" not in treatments:
        return pd.Series("none", treated.index, name="kind")
    rows = treatments.drop_duplicates(["treatment", "what_to_do"])[["treatment", "what_to_do", "kind"]]
    found = treated[["treatment", "what_to_do"]].merge(rows, how="left", on=["treatment", "what_to_do"])
    return found["kind"].fillna("none").set_axis(treated.index)


def budgets(treated: pd.DataFrame) -> pd.DataFrame:
    """Customers, value at risk and budget of each treatment.

    Parameters
    ----------
    treated : pandas.DataFrame
        As from `treat`.

    Returns
    -------
    pandas.DataFrame
        Index ``treatment`` by falling budget, then ``(all)``; ``customers, value_at_risk, budget`` (totals)
        and ``share_of_value_at_risk``, which is never above 1 (NaN where no value is at risk).

    See Also
    --------
    clvml.segments.acting.treat : The treatments that it takes.
    clvml.treatments.allocate_budget : Budgets by measured response.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.segments.acting import budgets, treat
    >>> customers = pd.DataFrame({"clv": [100.0, 5.0], "probability_alive": [0.5, 0.9]})
    >>> treated = treat(pd.Series(["gold", "lead"]), pd.Series(["decline", "exploration"]), customers)
    >>> budgets(treated).loc["(all)", ["customers", "value_at_risk"]].round(2).tolist()
    [2.0, 105.0]
    """
    groups = treated.groupby("treatment")
    table = groups[["value_at_risk", "budget"]].sum()
    table.insert(0, "customers", groups.size())
    table = table.sort_values(["budget", "customers"], ascending=False, kind="stable")
    table.loc["(all)"] = table.sum()
    at_risk = table["value_at_risk"]
    table["share_of_value_at_risk"] = table["budget"] / at_risk.where(at_risk > 0)
    return table.astype({"customers": "int64"}).rename_axis("treatment")


def _today(table: pd.DataFrame) -> pd.DataFrame:
    """A table of clvml 0.1 with current column and stage names."""
    if "budget_base" in table or "stake" not in table:
        return table
    table = table.rename(columns={"stake": "budget_base"})
    return table.assign(stage=table["stage"].replace("former", "lapsed")) if "stage" in table else table


def _rows_for(table: pd.DataFrame, segments: np.ndarray, stages: np.ndarray) -> np.ndarray:
    """The row of the table of each customer."""
    segment, segment_names = pd.factorize(segments, sort=True)
    stage, stage_names = pd.factorize(stages, sort=True)
    pair = segment * len(stage_names) + stage
    row_of = np.zeros(len(segment_names) * len(stage_names), dtype=np.int64)
    given = table["segment"].to_numpy(dtype=object), table["stage"].to_numpy(dtype=object)
    for place in np.unique(pair):
        name, stage_name = segment_names[place // len(stage_names)], stage_names[place % len(stage_names)]
        row_of[place] = _row_for(*given, str(name), str(stage_name))
    return row_of[pair]


def _row_for(segments: np.ndarray, stages: np.ndarray, segment: str, stage: str) -> int:
    fits = ((segments == segment) | (segments == ANY)) & ((stages == stage) | (stages == ANY))
    if not fits.any():
        raise InputError(
            f"no row of the table of treatments matches segment {segment!r} in stage {stage!r}; add one, or a"
            " last row with * for both."
        )
    return int(np.argmax(fits))
