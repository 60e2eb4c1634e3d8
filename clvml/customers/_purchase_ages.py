"""Purchases of a summary's customers by age, the time since the customer's first purchase."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from clvml.customers._ends import end_of_summary
from clvml.customers._time_units import time_unit_of
from clvml.customers._transactions import Transactions, as_transactions


def query_purchase_ages(
    transactions: Transactions | Any,
    customers: pd.DataFrame,
    query: str,
    by_customer: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Run a query on the purchases behind a customer summary, first purchases included.

    Parameters
    ----------
    transactions : Transactions or frame
        The source of the summary; purchases after its end and of other customers are ignored.
    customers : pandas.DataFrame
        The summary, with ``T``, ``first_purchase`` and the ``attrs`` set by `summarize` and `split`.
    query : str
        Reads ``ages (position, age, spend, T)`` and the columns of ``by_customer``: ``position`` of the
        customer in the summary, ``age`` and ``T`` in its time unit, ``spend`` an exact decimal.
    by_customer : mapping of str to array, optional
        Further columns, in the order of the customers.

    Returns
    -------
    pandas.DataFrame
        The result of the query.

    Raises
    ------
    InputError
        If the summary lacks a column or its time unit.
    """
    end, collapse = end_of_summary(customers)
    source = as_transactions(transactions)
    table = pd.DataFrame(
        {
            "customer_id": customers.index,
            "position": np.arange(len(customers)),
            "first_purchase": pd.to_datetime(customers["first_purchase"].to_numpy()),
            "T": customers["T"].to_numpy(dtype=np.float64),
            **{name: np.asarray(values, dtype=np.float64) for name, values in (by_customer or {}).items()},
        }
    )
    unit = time_unit_of(customers.attrs["time_unit"]).days * 86_400e6
    now, first = map(source.engine.microseconds, ("period", "CAST(first_purchase AS TIMESTAMP)"))
    ages = (
        f"SELECT customers.*, spend, ({now} - {first}) / CAST({unit} AS DOUBLE) AS age"
        " FROM purchases JOIN customers USING (customer_id) WHERE period >= first_purchase"
    )
    purchases = source.purchases(collapse, end.stop)
    return purchases.frame(f", ages AS ({ages}) {query}", customers=table)
