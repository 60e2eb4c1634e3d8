"""The value at risk of each customer, and an early warning of valuable customers who may be lost."""

from __future__ import annotations

import numpy as np
import pandas as pd

from clvml.customers._summary_checks import check_customers
from clvml.errors import InputError
from clvml.segments.grouping._relationship_course import LAPSED
from clvml.segments.grouping._tables import clip_negative


def value_at_risk(
    clv: pd.Series, probability_alive: pd.Series, clv_includes_p_alive: bool = True
) -> pd.DataFrame:
    """The value of each customer if still active, and the part of it that may be lost already.

    Parameters
    ----------
    clv, probability_alive : pandas.Series
        Lifetime value (money) and P(alive) of the same customers.
    clv_includes_p_alive : bool, default True
        Whether P(alive) is a factor of ``clv``, as in a model of purchases; a formula assumes that every
        customer is alive.

    Returns
    -------
    pandas.DataFrame
        Money per customer: ``value_if_active``, which is ``clv / P(alive)``, or ``clv`` itself where P(alive)
        is no factor of it; and ``at_risk = value_if_active * (1 - P(alive))``. Both are 0 where ``clv`` is
        not positive.

    See Also
    --------
    clvml.segments.acting.early_warning : Who should be looked at first.
    clvml.segments.acting.treat : Budgets from the value at risk.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.segments.acting import value_at_risk
    >>> value_at_risk(pd.Series([60.0, 0.0]), pd.Series([0.6, 0.0])).round(2).to_numpy().tolist()
    [[100.0, 40.0], [0.0, 0.0]]
    """
    if not probability_alive.index.equals(clv.index):
        probability_alive = probability_alive.reindex(clv.index)
    values = clv.to_numpy(dtype=float), probability_alive.to_numpy(dtype=float)
    active, at_risk = active_and_at_risk(*values, clv_includes_p_alive)
    return pd.DataFrame({"value_if_active": active, "at_risk": at_risk}, index=clv.index)


def active_and_at_risk(
    clv: np.ndarray, alive: np.ndarray, clv_includes_p_alive: bool
) -> tuple[np.ndarray, np.ndarray]:
    """The columns of `value_at_risk` as arrays."""
    if not clv_includes_p_alive:
        active = np.maximum(clv, 0.0)
        return active, active * (1 - alive)
    counts = (alive > 0) & (clv > 0)
    active = np.divide(clv, alive, out=np.zeros_like(clv), where=counts)
    return active, np.maximum(active - clv, 0.0)


def early_warning(
    customers: pd.DataFrame,
    stages: pd.Series,
    top_share: float = 0.2,
    alive_below: float = 0.8,
    clv_includes_p_alive: bool = True,
) -> pd.DataFrame:
    """Valuable customers who may soon be lost, the largest value at risk first.

    A customer is listed who has not lapsed, whose value if active is in the top ``top_share`` (ties
    included), and who is in decline or has P(alive) below ``alive_below``.

    Parameters
    ----------
    customers : pandas.DataFrame
        ``clv`` and ``probability_alive``.
    stages : pandas.Series
        As from `LifecycleStages`, for the same customers.
    top_share : float
        Share of the customers, above 0 and at most 1.
    alive_below : float
        P(alive) below which a customer is listed in any stage except lapsed.
    clv_includes_p_alive : bool, default True
        As in `value_at_risk`.

    Returns
    -------
    pandas.DataFrame
        ``stage, probability_alive, clv, value_if_active, at_risk``, by falling ``at_risk``.

    Raises
    ------
    InputError
        If a column is missing or breaks its rule, or ``top_share`` is out of range.

    See Also
    --------
    clvml.segments.acting.value_at_risk : The value of each customer that may be lost.
    clvml.LifecycleStages : The stages that it takes.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.segments.acting import early_warning
    >>> customers = pd.DataFrame(
    ...     {"clv": [90.0, 60.0, 5.0], "probability_alive": [0.95, 0.5, 0.4]}, index=list("abc")
    ... )
    >>> stages = pd.Series(["stability", "decline", "exploration"], index=list("abc"))
    >>> early_warning(customers, stages, top_share=0.5)[["stage", "value_if_active", "at_risk"]]
         stage  value_if_active  at_risk
    b  decline            120.0     60.0
    """
    table = check_customers(clip_negative(customers, ("clv",)), ("clv", "probability_alive"))
    if not 0 < top_share <= 1:
        raise InputError(f"top_share is {top_share!r}; it must be above 0 and at most 1.")
    value = value_at_risk(table["clv"], table["probability_alive"], clv_includes_p_alive)
    ordered = np.sort(value["value_if_active"])[::-1]
    least = ordered[max(int(np.ceil(round(top_share * len(ordered), 9))) - 1, 0)]
    stage = stages.reindex(table.index)
    valuable = (value["value_if_active"] >= least * (1 - 1e-9)) & (value["value_if_active"] > 0)
    listed = valuable & (stage != LAPSED)
    listed &= (stage == "decline") | (table["probability_alive"] < alive_below)
    found = pd.concat([stage.rename("stage"), table[["probability_alive", "clv"]], value], axis=1)[listed]
    order = found.assign(customer=found.index).sort_values(
        ["at_risk", "customer"], ascending=[False, True], kind="stable"
    )
    return order.drop(columns="customer")
