"""The four parts of a customer's value: historic + predicted - discount - marketing cost."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from clvml.lifetime_value._protocol import ValueModel
from clvml.lifetime_value.economics._profitability import by_customer
from clvml.lifetime_value.formulas._sums import checked

PARTS = ("historic", "predicted", "discount", "marketing_cost")


def value_parts(
    model: ValueModel,
    customers: pd.DataFrame,
    *,
    margin: float | None = None,
    marketing_cost: float | pd.Series = 0.0,
    values: pd.Series | None = None,
) -> pd.DataFrame:
    """Historic and predicted value of each customer, less discount and marketing cost.

    Parameters
    ----------
    model : ValueModel
        Fitted.
    customers : pandas.DataFrame, shape (n_customers, ...)
        The customer summary, with ``total_spend``.
    margin : float, optional
        Profit per unit of past spend. Default: the model's.
    marketing_cost : float or pandas.Series, default 0
        What attracting, selling to and serving the customer has cost, in currency units; not negative.
    values : pandas.Series, optional
        ``model.predict(customers)``, if already computed.

    Returns
    -------
    pandas.DataFrame
        By customer: ``historic`` (margin on past spend), ``predicted`` (undiscounted), ``discount`` and
        ``marketing_cost`` (both as negative numbers) and ``total``, their sum.

    Raises
    ------
    InputError
        If a cost is negative or lacks a customer.

    See Also
    --------
    clvml.customer_profitability : Profit to date, with costs by kind.
    clvml.lifetime_value.customer_outlook : What to say about each customer.
    clvml.plots.value_parts : Draw the parts.

    Examples
    --------
    >>> import clvml
    >>> from clvml.lifetime_value.economics import value_parts
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> model = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), "12M", 0.1, margin=0.3).fit(customers)
    >>> value_parts(model, customers.loc[[1, 6]], marketing_cost=2.0).round(2)
                 historic  predicted  discount  marketing_cost   total
    customer_id
    1               22.21      11.53     -0.51            -2.0   31.23
    6              165.65      90.04     -3.88            -2.0  249.81
    """
    share = model.margin if margin is None else float(checked("margin", margin, lowest=0))
    discounted = model.predict(customers) if values is None else values.reindex(customers.index)
    predicted = discounted if not model.annual_discount_rate else _undiscounted(model, customers)
    table = pd.DataFrame(
        {
            "historic": share * customers["total_spend"].astype(np.float64),
            "predicted": predicted,
            "discount": discounted - predicted,
            "marketing_cost": 0.0 - by_customer("marketing_cost", marketing_cost, customers.index),
        }
    )
    return table.assign(total=table.sum(axis=1))


def _undiscounted(model: Any, customers: pd.DataFrame) -> pd.Series:
    return model.predict(customers, None, 0.0)
