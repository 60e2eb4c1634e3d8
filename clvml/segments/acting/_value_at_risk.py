"""What is at stake with each customer, and the early warning of the valuable at risk."""

from __future__ import annotations

import numpy as np
import pandas as pd

from clvml.customers._summary_checks import check_customers
from clvml.errors import InputError


def value_at_stake(clv: pd.Series, probability_alive: pd.Series, clv_has_doubt: bool = True) -> pd.DataFrame:
    """What can be lost and what may be lost already, per customer, in money.

    Parameters
    ----------
    clv, probability_alive : pandas.Series
        Of the same customers.
    clv_has_doubt : bool, default True
        Whether P(alive) is a factor of ``clv``, as in a model of purchases; a formula takes customers
        to be alive.

    Returns
    -------
    pandas.DataFrame
        ``value_if_active``: ``clv / P(alive)``, the value if the customer were known to be alive, or ``clv``
        itself where it has no doubt in it; ``at_risk``: the part of it that the doubt costs. Both are 0 where
        the customer is worth nothing.

    Examples
    --------
    >>> value_at_stake(pd.Series([60.0, 0.0]), pd.Series([0.6, 0.0])).round(2).to_numpy().tolist()
    [[100.0, 40.0], [0.0, 0.0]]
    """
    if not clv_has_doubt:
        active = clv.clip(lower=0.0)
        return pd.DataFrame({"value_if_active": active, "at_risk": active * (1 - probability_alive)})
    active = (clv / probability_alive.where(probability_alive > 0)).where(clv > 0, 0.0).fillna(0.0)
    return pd.DataFrame({"value_if_active": active, "at_risk": (active - clv).clip(lower=0.0)})


def early_warning(
    customers: pd.DataFrame,
    stages: pd.Series,
    top_share: float = 0.2,
    doubt_below: float = 0.8,
    clv_has_doubt: bool = True,
) -> pd.DataFrame:
    """Valuable customers who are about to be lost, the most value at stake first.

    Warned of is who is not a former customer; whose value if active is among the best ``top_share``
    (all of those equal to the last one); and who is in decline or has P(alive) below ``doubt_below``.

    Parameters
    ----------
    customers : pandas.DataFrame
        ``clv`` and ``probability_alive``.
    stages : pandas.Series
        As from `LifecycleStages`, for the same customers.
    clv_has_doubt : bool, default True
        As in `value_at_stake`.

    Returns
    -------
    pandas.DataFrame
        ``stage, probability_alive, clv, value_if_active, at_risk``, by falling ``at_risk``.
    """
    table = check_customers(customers, ("clv", "probability_alive"))
    if not 0 < top_share <= 1:
        raise InputError(f"top_share is {top_share!r}; it must be above 0 and at most 1.")
    stake = value_at_stake(table["clv"], table["probability_alive"], clv_has_doubt)
    ordered = np.sort(stake["value_if_active"])[::-1]
    least = ordered[max(int(np.ceil(round(top_share * len(ordered), 9))) - 1, 0)]
    stage = stages.reindex(table.index)
    valuable = (stake["value_if_active"] >= least * (1 - 1e-9)) & (stake["value_if_active"] > 0)
    warned = valuable & (stage != "former")
    warned &= (stage == "decline") | (table["probability_alive"] < doubt_below)
    found = pd.concat([stage.rename("stage"), table[["probability_alive", "clv"]], stake], axis=1)[warned]
    order = found.assign(customer=found.index).sort_values(
        ["at_risk", "customer"], ascending=[False, True], kind="stable"
    )
    return order.drop(columns="customer")
