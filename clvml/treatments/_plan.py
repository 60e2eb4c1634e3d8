"""The plan of treatments with budgets by measured response in place of a guessed share."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from clvml.segments.acting._treatments import ANY, check_treatments, read_treatments
from clvml.treatments._assignment import ALL


def measured_treatments(
    estimates: pd.DataFrame,
    treatments: pd.DataFrame | None = None,
    *,
    names: Mapping[str, str] | None = None,
    kinds: Mapping[str, str] | None = None,
    min_probability: float = 0.5,
    min_probability_new: float = 0.9,
) -> pd.DataFrame:
    """A table of treatments for `CustomerGroups` whose budgets follow from the measured response.

    A measured treatment that is expected to pay in a segment has its cost as the budget of each customer (at
    most the value, or the value at risk); one that is not has none. Everything else keeps its share.

    Parameters
    ----------
    estimates : pandas.DataFrame
        As from `shrink_segments`: index ``segment, treatment``, segments named as in the table of treatments
        (``"(all)"`` for every segment).
    treatments : pandas.DataFrame, optional
        As from `clvml.segments.acting.read_treatments`; by default the one included in clvml.
    names : mapping of str to str, optional
        By measured treatment the one of the table that it is, such as ``{"letter": "win back"}``. Default:
        the same name. The best measured treatment that the table lacks becomes the segment's treatment in
        every stage, if it pays with ``min_probability_new``.
    kinds : mapping of str to str, optional
        Kind of incentive of measured treatments.
    min_probability : float, default 0.5
        As in `allocate_budget`.
    min_probability_new : float, default 0.9
        Probability with which a treatment must pay to take the place of those of the table.

    Returns
    -------
    pandas.DataFrame
        With a column ``cost``: the most that is spent on a customer; 0 for no such limit.

    See Also
    --------
    clvml.treatments.shrink_segments : The table that it takes.
    clvml.segments.acting.read_treatments : The table of treatments.
    clvml.CustomerGroups : What they are for: a treatment and a budget per customer.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.treatments import measured_treatments
    >>> index = pd.MultiIndex.from_tuples([("gold", "retain")], names=["segment", "treatment"])
    >>> found = pd.DataFrame({"cost": 4.0, "expected": 2.5, "p_pays": 0.9}, index)
    >>> measured_treatments(found).loc[0, ["treatment", "share", "cost"]].to_dict()
    {'treatment': 'retain', 'share': 1.0, 'cost': 4.0}
    """
    table = read_treatments() if treatments is None else check_treatments(treatments)
    table = table.assign(cost=table.get("cost", 0.0))
    same = dict(names or {})
    pays = (estimates["expected"] > 0) & (estimates["p_pays"] >= min_probability)
    first = []
    for segment, part in estimates.groupby(level="segment", sort=True):
        place = ANY if str(segment) == ALL else str(segment)
        own = part.assign(pays=pays.loc[part.index]).droplevel("segment")
        known = {name: same.get(str(name), str(name)) for name in own.index}
        for name, row in own.iterrows():
            rows = (table["treatment"] == known[name]) & ((table["segment"] == place) | (place == ANY))
            table.loc[rows, ["share", "cost"]] = [float(row["pays"]), row["cost"] if row["pays"] else 0.0]
        new = own[
            own["pays"]
            & (own["p_pays"] >= min_probability_new)
            & ~own.index.map(known).isin(table["treatment"])
        ]
        if len(new) and (place == ANY or (table["segment"] == place).any()):
            first.append(_row(place, new.sort_values("expected").iloc[-1], kinds or {}))
    table = pd.concat([pd.DataFrame(first), table], ignore_index=True) if first else table
    return check_treatments(table)


def _row(place: str, best: pd.Series, kinds: Mapping[str, str]) -> dict[str, object]:
    name = str(best.name)
    return {
        "segment": place,
        "stage": ANY,
        "treatment": name,
        "what_to_do": f"{name}: measured, {best['expected']:,.2f} of profit per customer",
        "budget_base": "clv",
        "share": 1.0,
        "kind": kinds.get(name, "none"),
        "cost": float(best["cost"]),
    }
