"""Regularity of purchase times: whether purchases are as random as the models assume.

BG/NBD, MBG/NBD and Pareto/NBD assume that a customer buys at random (Poisson), so that the time between
purchases is exponential. If customers buy more regularly, by habit or on a schedule, that time is closer to a
gamma distribution with a shape ``k`` above 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from clvml.customers._purchase_ages import query_purchase_ages
from clvml.customers._transactions import Transactions
from clvml.errors import InputError

_SHARES_SQL = """
    SELECT (max(age) FILTER (WHERE number = 2) - min(age)) / (max(age) - min(age)) AS share
    FROM (SELECT position, age, row_number() OVER (PARTITION BY position ORDER BY age) AS number FROM ages)
    WHERE number <= 3 GROUP BY position HAVING count(*) = 3 ORDER BY position
"""

_GAPS_SQL = """
    SELECT position, coalesce(sum(CASE WHEN gap > 0 THEN ln(gap) END), 0) AS litt
    FROM (SELECT position, age - lag(age) OVER (PARTITION BY position ORDER BY age) AS gap FROM ages)
    GROUP BY position ORDER BY position
"""


@dataclass(frozen=True)
class PurchaseRegularity:
    """Shape ``k`` of the time between purchases, with its uncertainty.

    Attributes
    ----------
    k : float
        1 for purchases at random, 2 for Erlang-2, infinite for a fixed interval; below 1 they are clustered.
    lower, upper : float
        95 % confidence interval.
    n_customers : int
        Customers with at least three purchases, from which it is estimated.

    See Also
    --------
    clvml.diagnostics.purchase_regularity : Makes it.
    clvml.BGCNBD, clvml.MBGCNBD : Models of regular purchases.

    Examples
    --------
    >>> from clvml.diagnostics import PurchaseRegularity
    >>> print(PurchaseRegularity(k=1.9, lower=1.6, upper=2.3, n_customers=400))
    k = 1.90, 95 % confidence interval 1.60 to 2.30, from 400 customers with three or more purchases
    """

    k: float
    lower: float
    upper: float
    n_customers: int

    @property
    def is_regular(self) -> bool:
        """Whether purchases are more regular than random ones, beyond sampling error."""
        return self.lower > 1

    def __str__(self) -> str:
        text = f"k = {self.k:.2f}, 95 % confidence interval {self.lower:.2f} to {self.upper:.2f}"
        return f"{text}, from {self.n_customers:,} customers with three or more purchases"


def purchase_regularity(transactions: Transactions | Any, customers: pd.DataFrame) -> PurchaseRegularity:
    """The Wheat-Morrison statistic of regularity, from two successive times between purchases per customer.

    With ``t1, t2`` the times between the first three purchases, ``t1 / (t1 + t2)`` is ``Beta(k, k)`` if they
    are gamma with shape ``k``, whatever the customer's rate, and independent of ``t1 + t2``: neither
    heterogeneity nor the end of observation biases it. Its variance is ``1 / (8 k + 4)``.

    Parameters
    ----------
    transactions : Transactions or frame
        The source of the summary.
    customers : DataFrame
        The customer summary from `clvml.summarize` or `clvml.split`; purchases after its end are ignored.

    Returns
    -------
    PurchaseRegularity
        ``k`` with its confidence interval; prints as a sentence.

    Raises
    ------
    InputError
        If fewer than two customers have three purchases, or the summary lacks a column or its time unit.

    See Also
    --------
    clvml.BGCNBD, clvml.MBGCNBD : Models of regular purchases.
    clvml.diagnostics.log_intertransaction_times : The column from which they choose ``k``.

    Notes
    -----
    Purchases within one period (day) are one purchase, so that customers who buy nearly every period look
    more regular than they are.

    References
    ----------
    Wheat, Morrison (1990), Estimating Purchase Regularity with Two Interpurchase Times, Journal of Marketing
    Research 27(1).

    Examples
    --------
    CDNOW's customers buy about as irregularly as at random:

    >>> import clvml
    >>> from clvml.diagnostics import purchase_regularity
    >>> transactions = clvml.load_cdnow()
    >>> print(purchase_regularity(transactions, clvml.summarize(transactions)))
    k = 0.91, 95 % confidence interval 0.82 to 1.00, from 736 customers with three or more purchases
    """
    shares = query_purchase_ages(transactions, customers, _SHARES_SQL)["share"].to_numpy(dtype=float)
    if shares.size < 2:
        raise InputError(
            f"{shares.size} of {len(customers)} customers have three purchases; regularity needs at least two"
            " such customers: use a longer history."
        )
    squares = (shares - 0.5) ** 2
    variance, error = float(squares.mean()), float(squares.std(ddof=1) / np.sqrt(squares.size))
    if variance == 0:
        return PurchaseRegularity(np.inf, np.inf, np.inf, shares.size)
    reach = np.exp(norm.ppf(0.975) * error / variance)  # of the variance, on the logarithmic scale
    k, lower, upper = (_shape(variance * factor) for factor in (1.0, reach, 1 / reach))
    return PurchaseRegularity(k, lower, upper, shares.size)


def log_intertransaction_times(transactions: Transactions | Any, customers: pd.DataFrame) -> pd.Series:
    """The sum of the logarithms of each customer's times between purchases, of which `MBGCNBD` chooses ``k``.

    Parameters
    ----------
    transactions : Transactions or frame
        The source of the summary.
    customers : DataFrame
        The customer summary from `clvml.summarize` or `clvml.split`; purchases after its end are ignored.

    Returns
    -------
    Series
        ``litt``, on the customers' index, of times in the summary's time unit; 0 for customers without repeat
        purchases. Times of zero do not count.

    Raises
    ------
    InputError
        If the summary lacks a column or its time unit.

    See Also
    --------
    clvml.BGCNBD, clvml.MBGCNBD : Models that use the column ``litt``.
    clvml.diagnostics.purchase_regularity : A test of regularity without a model.

    Examples
    --------
    >>> import clvml
    >>> from clvml.diagnostics import log_intertransaction_times
    >>> transactions = clvml.load_cdnow()
    >>> customers = clvml.summarize(transactions)
    >>> customers["litt"] = log_intertransaction_times(transactions, customers)
    >>> clvml.MBGCNBD().fit(customers).k_
    1
    """
    found = query_purchase_ages(transactions, customers, _GAPS_SQL)
    values = np.zeros(len(customers))
    values[found["position"].to_numpy(dtype=np.int64)] = found["litt"].to_numpy(dtype=float)
    return pd.Series(values, customers.index, name="litt")


def _shape(variance: float) -> float:
    """``k`` of a symmetric beta distribution with this variance; at least 0."""
    return max((1 / (4 * variance) - 1) / 2, 0.0)
