"""Customer equity: the total lifetime value of present and future customers.

The equity of present customers is the sum of their lifetime values, in total or by group (segment,
cohort, country). Future customers add ``expected acquisitions x (value of a new customer - cost)``.

Source: Rust, Lemon, Zeithaml, "Return on Marketing" (Journal of Marketing 68, 2004); Gupta, Lehmann,
"Customers as assets" (Journal of Interactive Marketing 17, 2003).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from clvml.errors import InputError


class CustomerEquity(NamedTuple):
    """Customer equity of present customers, of future ones, and in total.

    Attributes
    ----------
    present : float
        Sum of the lifetime values of present customers, in currency units.
    future : float
        Value less acquisition cost of the customers expected to be acquired.
    total : float
        Their sum.

    See Also
    --------
    clvml.customer_equity : Makes it.

    Examples
    --------
    >>> import clvml
    >>> import pandas as pd
    >>> values = pd.Series([30.0, 70.0])
    >>> equity = clvml.customer_equity(values, expected_acquisitions=10, value_of_new_customer=12)
    >>> equity.present, equity.future, equity.total
    (100.0, 120.0, 220.0)
    """

    present: float
    future: float
    total: float


def customer_equity(
    values: pd.Series,
    *,
    expected_acquisitions: float = 0.0,
    value_of_new_customer: float = 0.0,
    acquisition_cost: float = 0.0,
) -> CustomerEquity:
    """The lifetime value of all customers, present and future.

    Parameters
    ----------
    values : pandas.Series
        Lifetime value per present customer, in currency units.
    expected_acquisitions : float, default 0
        Number of customers expected to be acquired over the period in question.
    value_of_new_customer : float, default 0
        Lifetime value of a new customer, including the first purchase.
    acquisition_cost : float, default 0
        Customer acquisition cost (CAC).

    Returns
    -------
    CustomerEquity
        ``present``, ``future`` and ``total``, in currency units.

    Raises
    ------
    InputError
        If a value is missing or infinite, or acquisitions or cost are negative.

    See Also
    --------
    clvml.new_customer_value : The value of a new customer.
    clvml.equity_by_group : Present customers by cohort, channel or segment.
    clvml.lifetime_value.economics.equity_projection : Year by year, with intervals.

    References
    ----------
    Blattberg, Deighton (1996), Manage Marketing by the Customer Equity Test, Harvard Business Review 74(4).

    Examples
    --------
    >>> import clvml
    >>> import pandas as pd
    >>> clvml.customer_equity(
    ...     pd.Series([30.0, 70.0]), expected_acquisitions=10, value_of_new_customer=12, acquisition_cost=4
    ... )
    CustomerEquity(present=100.0, future=80.0, total=180.0)
    """
    _check_values(values)
    _check_amount("expected_acquisitions", expected_acquisitions, lowest=0.0)
    _check_amount("value_of_new_customer", value_of_new_customer, lowest=-np.inf)
    _check_amount("acquisition_cost", acquisition_cost, lowest=0.0)
    present = float(values.sum())
    future = float(expected_acquisitions * (value_of_new_customer - acquisition_cost))
    return CustomerEquity(present, future, present + future)


def equity_by_group(values: pd.Series, groups: pd.Series) -> pd.DataFrame:
    """The lifetime value of the present customers by group.

    Parameters
    ----------
    values : pandas.Series
        Lifetime value per customer.
    groups : pandas.Series
        The group of each customer; its index must contain every customer of ``values``.

    Returns
    -------
    pandas.DataFrame
        Index: the group, sorted. Columns: ``customers, total, mean, share_of_customers,
        share_of_value``; the last is 0 if the total of all groups is 0.

    Raises
    ------
    InputError
        If a value is missing or infinite, or a customer has no group.

    See Also
    --------
    clvml.cohorts : Groups by first purchase.
    clvml.customer_equity : All customers, present and future.
    clvml.plots.segment_worth : Draw the value of segments.

    Examples
    --------
    >>> import clvml
    >>> import pandas as pd
    >>> values = pd.Series([30.0, 10.0, 60.0], index=["a", "b", "c"])
    >>> clvml.equity_by_group(values, pd.Series(["new", "old", "new"], index=["a", "b", "c"], name="cohort"))
            customers  total  mean  share_of_customers  share_of_value
    cohort
    new             2   90.0  45.0            0.666667             0.9
    old             1   10.0  10.0            0.333333             0.1
    """
    _check_values(values)
    group = groups.reindex(values.index)
    if group.isna().any():
        raise InputError(
            f"{group.isna().sum()} of {len(values)} customers have no group; the first is"
            f" {values.index[int(np.argmax(group.isna()))]!r}: assign a group to every customer of values."
        )
    table = values.groupby(group, observed=True).agg(customers="size", total="sum", mean="mean")
    total = table["total"].sum()
    return table.assign(
        share_of_customers=table["customers"] / len(values),
        share_of_value=table["total"] / total if total else 0.0,
    )


def _check_values(values: pd.Series) -> None:
    if not isinstance(values, pd.Series):
        raise InputError(
            f"values must be a pandas Series of lifetime values by customer, not {type(values).__name__}."
        )
    bad = ~np.isfinite(values.to_numpy(dtype=np.float64, na_value=np.nan))
    if bad.any():
        raise InputError(
            f"{bad.sum()} of {len(values)} lifetime values are missing or infinite; the first is that of"
            f" {values.index[int(np.argmax(bad))]!r}."
        )


def _check_amount(name: str, value: float, lowest: float) -> None:
    if not lowest <= value < np.inf or value == -np.inf:
        rule = "finite" if lowest < 0 else "finite and not negative"
        raise InputError(f"{name} is {value!r}; it must be {rule}.")
