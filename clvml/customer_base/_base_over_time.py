"""Lens 5: the whole base. Revenue of each period by customers, orders per customer and order value."""

from __future__ import annotations

import numpy as np
import pandas as pd

from clvml.customer_base._cohort_table import ratio


def base_over_time(table: pd.DataFrame) -> pd.DataFrame:
    """Lens 5 of the customer-base audit: all cohorts and periods together.

    Parameters
    ----------
    table : pandas.DataFrame
        From `cohort_table`.

    Returns
    -------
    pandas.DataFrame
        Index ``period`` (its first day), every period. Columns ``acquired`` (customers since the first
        period), ``customers`` (who bought), ``new_customers`` (of them, acquired in the period), ``orders``,
        ``orders_per_customer`` (who bought), ``average_order_value``, ``revenue`` (their product times
        ``customers``), ``new_revenue`` (of new customers), ``share_new`` (of it in the revenue; in the
        orders, for purchases without money) and ``complete``.

    See Also
    --------
    clvml.customer_base.cohort_table : The table that it takes.
    clvml.customer_base.growth_drivers : The change between two periods by its factors.
    clvml.plots.base_over_time : As a figure.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.customer_base import base_over_time, cohort_table
    >>> sales = pd.DataFrame({"customer_id": ["a", "a", "b"], "amount": [10.0, 30.0, 20.0],
    ...                       "date": ["2024-01-03", "2024-02-05", "2024-02-20"]})
    >>> base = base_over_time(cohort_table(sales, observation_end="2024-02-29"))
    >>> base[["customers", "orders_per_customer", "revenue", "share_new"]]
                customers  orders_per_customer  revenue  share_new
    period
    2024-01-01          1                  1.0     10.0        1.0
    2024-02-01          2                  1.0     50.0        0.4
    """
    names = [name for name in ("customers", "orders", "revenue") if name in table]
    value = names[-1]
    new = table.xs(0, level="age").set_index("period")
    whole = table.groupby("period")[names].sum()
    every = pd.DatetimeIndex(sorted(table["period"].unique()), name="period")
    whole, new = whole.reindex(every), new[names].reindex(every, fill_value=0)
    found = pd.DataFrame({"acquired": new["customers"].cumsum(), "customers": whole["customers"]})
    found["new_customers"] = new["customers"]
    found["orders"] = whole["orders"]
    found["orders_per_customer"] = ratio(whole["orders"], whole["customers"])
    if value == "revenue":
        found["average_order_value"] = ratio(whole["revenue"], whole["orders"])
        found["revenue"], found["new_revenue"] = whole["revenue"], new["revenue"]
    found["share_new"] = ratio(new[value], whole[value])
    found["complete"] = np.asarray(table.groupby("period")["complete"].first().reindex(every), dtype=bool)
    found.attrs["period"] = table.attrs.get("period")
    return found
