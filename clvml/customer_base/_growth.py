"""Which factor a change of revenue comes from: revenue is customers x orders per customer x order value.

With factors ``x_i`` and their product ``R`` before and after, the change is divided exactly::

    R_after - R_before  =  sum over i of  L ln(x_i after / x_i before)
    L  =  (R_after - R_before) / ln(R_after / R_before)

Source: Ang, "Decomposition analysis for policymaking in energy: which is the preferred method?" (Energy
Policy 32, 2004), the logarithmic mean Divisia index.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd


def growth_drivers(before: pd.Series, after: pd.Series) -> pd.DataFrame:
    r"""The change of revenue by its factors.

    Parameters
    ----------
    before, after : pandas.Series
        ``customers``, ``orders`` and, if there is money, ``revenue``.

    Returns
    -------
    pandas.DataFrame
        Index ``driver``: ``customers``, ``orders_per_customer``, ``average_order_value`` and their product,
        ``revenue`` (without money: the first two, and ``orders``). Columns ``before, after, change``
        (relative, NaN from 0) and ``contribution`` (in units of the product; they add up to that of the
        product; NaN where a factor is not positive).

    See Also
    --------
    clvml.customer_base.compare_periods : Two periods of purchases, with their drivers.
    clvml.plots.period_bridge : The change by what customers did, as a figure.

    Notes
    -----
    With factors :math:`x_i` and their product :math:`R` before and after, the change is divided exactly by
    the logarithmic mean:

    .. math::

        R_1 - R_0 = \sum_i L \ln\frac{x_{i1}}{x_{i0}}, \qquad L = \frac{R_1 - R_0}{\ln (R_1 / R_0)}

    References
    ----------
    Ang, B. W. (2004), Decomposition analysis for policymaking in energy: which is the preferred method?
    *Energy Policy* 32, 1131-1139.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.customer_base import growth_drivers
    >>> before = pd.Series({"customers": 10, "orders": 20, "revenue": 100.0})
    >>> after = pd.Series({"customers": 20, "orders": 20, "revenue": 100.0})
    >>> growth_drivers(before, after)["contribution"].round(2).tolist()
    [69.31, -69.31, 0.0, 0.0]
    """
    table = pd.DataFrame({"before": _factors(before), "after": _factors(after)}).rename_axis("driver")
    positive = (table > 0).all(axis=1)
    ratios = (table["after"] / table["before"].where(table["before"] > 0)).astype(np.float64)
    table["change"] = ratios - 1
    first, last = table[["before", "after"]].iloc[-1]
    logs = np.log(ratios.where(positive))
    table["contribution"] = logarithmic_mean(first, last) * logs if positive.all() else math.nan
    table.loc[table.index[-1], "contribution"] = last - first
    return table


def logarithmic_mean(first: float, last: float) -> float:
    """The logarithmic mean of two positive numbers.

    Examples
    --------
    >>> logarithmic_mean(2.0, 2.0)
    2.0
    """
    step = math.log(last / first)
    return first * math.expm1(step) / step if abs(step) > 1e-12 else first


def _factors(sums: pd.Series) -> dict[str, float]:
    customers, orders = float(sums["customers"]), float(sums["orders"])
    found = {"customers": customers, "orders_per_customer": orders / customers if customers else math.nan}
    if "revenue" not in sums:
        return {**found, "orders": orders}
    revenue = float(sums["revenue"])
    return {**found, "average_order_value": revenue / orders if orders else math.nan, "revenue": revenue}
