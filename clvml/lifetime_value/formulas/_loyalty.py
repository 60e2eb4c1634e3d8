"""Components of the value of a customer relationship: loyalty effects and costs.

Payments are at the end of each period, discounted at ``r`` per period. Five gains grow with the length of the
customer relationship: repeat purchases, cross-selling, lower cost to serve, referrals and lower price
sensitivity. Each is a stream that is zero in the first period and grows linearly::

    stream[t] = growth * (t - 1)        value = sum over t = 1..n of stream[t] / (1 + r)**t

Sources: Reichheld, Sasser, "Zero defections" (Harvard Business Review 68, 1990) for the effects;
Berger, Nasr, "Customer lifetime value" (Journal of Interactive Marketing 12, 1998) for the profit.
"""

from __future__ import annotations

from numbers import Integral
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from clvml.errors import InputError
from clvml.lifetime_value.formulas._sums import (
    FloatArray,
    checked,
    checked_rate,
    geometric_sum,
    periods,
    refuse_divergence,
    steady_sum,
)

_TERMS = 10
_NEAR = 0.01


class LoyaltyEffects(NamedTuple):
    """Discounted value of each stream of income, and in total: the result of loyalty_effects.

    Attributes
    ----------
    base, cross_selling, cost_to_serve, referrals, price, repeat_purchases : ndarray or float
        Discounted value of the base income and of the growth of each stream, in currency units.
    total : ndarray or float
        Their sum.

    See Also
    --------
    clvml.lifetime_value.formulas.loyalty_effects : Makes it.

    Examples
    --------
    >>> from clvml.lifetime_value.formulas import loyalty_effects
    >>> effects = loyalty_effects(100, discount_rate=0.0, n_periods=3, cross_selling=10, referrals=5)
    >>> {name: float(value) for name, value in effects._asdict().items() if value}
    {'base': 300.0, 'cross_selling': 30.0, 'referrals': 15.0, 'total': 345.0}
    """

    base: FloatArray
    cross_selling: FloatArray
    cost_to_serve: FloatArray
    referrals: FloatArray
    price: FloatArray
    total: FloatArray
    repeat_purchases: FloatArray


def loyalty_effects(
    income: ArrayLike,
    discount_rate: ArrayLike,
    n_periods: ArrayLike,
    *,
    repeat_purchases: ArrayLike = 0.0,
    cross_selling: ArrayLike = 0.0,
    cost_to_serve: ArrayLike = 0.0,
    referrals: ArrayLike = 0.0,
    price: ArrayLike = 0.0,
) -> LoyaltyEffects:
    """The annuity of the base income, plus loyalty effects that grow with relationship duration.

    Each effect is the amount by which its stream grows from one period to the next: 0 in the
    first period, once the amount in the second, twice in the third.

    Parameters
    ----------
    income : array_like
        Base income per period.
    discount_rate : array_like
        Per period, above -1.
    n_periods : array_like
        Number of periods, above 0; may be infinite if ``discount_rate`` is above 0.
    repeat_purchases, cross_selling, cost_to_serve, referrals, price : array_like
        Growth of each stream per period, in currency units: more purchases of the same, sales of other
        products, *savings* in cost to serve and marketing, income from customers referred, and lower price
        sensitivity. Not negative.

    Returns
    -------
    LoyaltyEffects
        The value of each stream, and ``total``.

    Raises
    ------
    InputError
        If an argument is invalid, or an infinite sum diverges.

    See Also
    --------
    clvml.LoyaltyEffectsValue : The formula as a model of customers.
    clvml.lifetime_value.formulas.loyalty_streams : The payments by period, undiscounted.

    References
    ----------
    Reichheld, Sasser (1990), Zero Defections: Quality Comes to Services, Harvard Business Review 68(5).

    Examples
    --------
    100 per year for three years; cross-selling adds 10 in the second year and 20 in the third:

    >>> from clvml.lifetime_value.formulas import loyalty_effects
    >>> effects = loyalty_effects(100, 0.0, 3, cross_selling=10)
    >>> float(effects.base), float(effects.cross_selling), float(effects.total)
    (300.0, 30.0, 330.0)
    >>> print(f"{loyalty_effects(100, 0.10, 3, cross_selling=10).cross_selling:.4f}")  # 10/1.21 + 20/1.331
    23.2908
    """
    base = checked("income", income) * steady_sum(discount_rate, n_periods, "next")
    growing = growing_sum(discount_rate, n_periods)
    repeat = checked("repeat_purchases", repeat_purchases, lowest=0) * growing
    cross = checked("cross_selling", cross_selling, lowest=0) * growing
    saved = checked("cost_to_serve", cost_to_serve, lowest=0) * growing
    referred = checked("referrals", referrals, lowest=0) * growing
    dearer = checked("price", price, lowest=0) * growing
    total = base + cross + saved + referred + dearer + repeat
    return LoyaltyEffects(base, cross, saved, referred, dearer, total, repeat)


def loyalty_streams(
    income: float,
    n_periods: int,
    *,
    repeat_purchases: float = 0.0,
    cross_selling: float = 0.0,
    cost_to_serve: float = 0.0,
    referrals: float = 0.0,
    price: float = 0.0,
) -> pd.DataFrame:
    """The payments of each stream by period, undiscounted: what `loyalty_effects` discounts and sums.

    Parameters
    ----------
    income : float
        Base income per period, in currency units.
    n_periods : int
        Number of periods.
    repeat_purchases, cross_selling, cost_to_serve, referrals, price : float, default 0
        Growth of each stream per period, in currency units; not negative.

    Returns
    -------
    pandas.DataFrame
        Index ``period``, from 1; ``base``, the five effects (zero in the first period) and ``total``.

    Raises
    ------
    InputError
        If an argument is invalid.

    See Also
    --------
    clvml.lifetime_value.formulas.loyalty_effects : Their discounted sums.
    clvml.plots.step_effects : Draw effects step by step.

    Examples
    --------
    >>> from clvml.lifetime_value.formulas import loyalty_streams
    >>> loyalty_streams(100, 3, repeat_purchases=20, referrals=5)[["base", "repeat_purchases", "referrals"]]
             base  repeat_purchases  referrals
    period
    1       100.0               0.0        0.0
    2       100.0              20.0        5.0
    3       100.0              40.0       10.0
    """
    if isinstance(n_periods, bool) or not isinstance(n_periods, Integral) or n_periods < 1:
        raise InputError(f"n_periods is {n_periods!r}; it must be a whole number from 1 up.")
    growth = {
        "repeat_purchases": repeat_purchases,
        "cross_selling": cross_selling,
        "cost_to_serve": cost_to_serve,
        "referrals": referrals,
        "price": price,
    }
    period = pd.RangeIndex(1, int(n_periods) + 1, name="period")
    table = pd.DataFrame({"base": float(checked("income", income))}, index=period)
    for name, amount in growth.items():
        table[name] = float(checked(name, amount, lowest=0)) * (period.to_numpy() - 1.0)
    return table.assign(total=table.sum(axis="columns"))


def profit_contribution(
    acquisition_cost: ArrayLike,
    first_purchase: ArrayLike,
    first_purchase_cost: ArrayLike,
    income: ArrayLike,
    service_cost: ArrayLike,
    discount_rate: ArrayLike,
    n_periods: ArrayLike,
    income_growth: ArrayLike = 0.0,
) -> FloatArray:
    """Lifetime profit: ``-A + (first purchase - its cost) + (income - service cost) * annuity``.

    Acquisition and first purchase are at time 0, income and service cost at the end of each period.

    Parameters
    ----------
    acquisition_cost : array_like
        Customer acquisition cost, ``A``, in currency units; not negative.
    first_purchase, first_purchase_cost : array_like
        Spend of the first purchase and its direct cost; the cost is not negative.
    income, service_cost : array_like
        Per period (say, a year): income, and direct cost of serving the customer, not negative.
    discount_rate : array_like
        Per period, above -1.
    n_periods : array_like
        Periods as a customer after the first purchase, above 0, or infinite if the sum converges.
    income_growth : array_like, default 0
        Growth of income per period as a fraction, above -1: the first period's is ``income``.

    Returns
    -------
    ndarray or float
        In currency units, of the shape to which the arguments broadcast.

    Raises
    ------
    InputError
        If an argument is invalid, or an infinite sum diverges.

    See Also
    --------
    clvml.ProfitContributionValue : The formula as a model of customers.
    clvml.customer_profitability : Profit to date from transactions and costs.

    References
    ----------
    Berger, Nasr (1998), Customer Lifetime Value: Marketing Models and Applications, Journal of Interactive
    Marketing 12(1).

    Examples
    --------
    Acquired for 50; a first purchase of 80 that cost 30; then 120 per year less 20, two years at 10 %:

    >>> from clvml.lifetime_value.formulas import profit_contribution
    >>> print(f"{profit_contribution(50, 80, 30, 120, 20, 0.10, 2):.2f}")
    173.55
    >>> print(f"{profit_contribution(50, 80, 30, 120, 20, 0.10, 2, income_growth=0.10):.2f}")  # 120, 132
    183.47
    """
    start = (
        checked("first_purchase", first_purchase)
        - checked("first_purchase_cost", first_purchase_cost, lowest=0)
        - checked("acquisition_cost", acquisition_cost, lowest=0)
    )
    income_sum = checked("income", income) * grown_sum(discount_rate, n_periods, income_growth)
    cost = checked("service_cost", service_cost, lowest=0)
    # Without a cost no sum is needed, which might diverge.
    paid = cost * steady_sum(discount_rate, n_periods, "next") if np.any(cost != 0) else 0.0
    return np.asarray(start + income_sum - paid)[()]


def grown_sum(discount_rate: ArrayLike, n_periods: ArrayLike, growth: ArrayLike) -> FloatArray:
    """``sum over t = 1..n of (1 + g)**(t - 1) / (1 + r)**t``."""
    r = checked_rate(discount_rate)
    g = checked("income_growth", growth, above=-1)
    n = periods(n_periods)
    loss = (r - g) / (1 + r)
    refuse_divergence(loss, n, {"income_growth": g, "discount_rate": r}, "income_growth < discount_rate")
    return geometric_sum(loss, n, "now") / (1 + r)


def growing_sum(discount_rate: ArrayLike, n_periods: ArrayLike) -> FloatArray:
    """``sum over t = 1..n of (t - 1) / (1 + r)**t``: ``(annuity(1, r, n) - n * (1 + r)**-n) / r``."""
    r, n = np.broadcast_arrays(checked_rate(discount_rate), periods(n_periods))
    annuities = np.asarray(steady_sum(r, n, "next"))
    infinite = np.isinf(n)
    end = np.where(infinite, 0.0, n)
    near = ~infinite & (np.abs(r) * end < _NEAR)
    divisor = np.where(near, 1.0, r)
    closed = (annuities - end * np.exp(-end * np.log1p(r))) / divisor
    value = np.where(near, _growing_series(np.where(near, r, 0.0), end), closed)
    return np.where(n <= 1, 0.0, value)[()]


def _growing_series(r: FloatArray, n: FloatArray) -> FloatArray:
    """`growing_sum` as a series, ``sum over k of (-r)**k * (k + 1) * binomial(n + k, k + 2)``."""
    # The closed form suffers from cancellation at tiny rates; the series does not.
    binomial = n * (n - 1) / 2
    total = binomial.copy()
    power = np.ones_like(total)
    for k in range(1, _TERMS):
        binomial = binomial * (n + k) / (k + 2)
        power = power * -r
        total = total + power * (k + 1) * binomial
    return total
