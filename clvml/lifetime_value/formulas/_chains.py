"""Lifetime value by Markov chains: brand switching, and a margin per state.

``M[i, j]`` is the transition probability from state ``i`` to state ``j`` within a period; each row
sums to 1, and ``M[i, i]`` is the retention of brand ``i``. Periods count from ``t = 0``, today::

    share[t + 1] = share[t] @ M
    value[j]     = sum over t of wallet[t] * share[t, j] * margin[j] / (1 + r)**t
    markov_chain = sum over t of M**t @ R / (1 + r)**t = (I - M / (1 + r))**-1 @ R

Sources: Rust, Lemon, Zeithaml, "Return on Marketing" (Journal of Marketing 68, 2004); Pfeifer, Carraway,
"Modeling customer relationships as Markov chains" (Journal of Interactive Marketing 14, 2000).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from clvml.errors import InputError
from clvml.lifetime_value.formulas._sums import FloatArray, checked, checked_rate

_TOLERANCE = 1e-9


class BrandSwitching(NamedTuple):
    """Shares and value by brand under brand switching: the result of brand_switching.

    Attributes
    ----------
    shares : pandas.DataFrame
        Share of the wallet, one row per period from 0, one column per brand.
    value : pandas.DataFrame
        Discounted value in currency units, likewise.
    total : pandas.Series
        Value by brand, all periods together.

    See Also
    --------
    clvml.lifetime_value.formulas.brand_switching : Makes it.

    Examples
    --------
    Half of the buyers of A switch to B in the second period, and nobody switches back:

    >>> import pandas as pd
    >>> from clvml.lifetime_value.formulas import brand_switching
    >>> brands = ["A", "B"]
    >>> switching = pd.DataFrame([[0.5, 0.5], [0.0, 1.0]], index=brands, columns=brands)
    >>> found = brand_switching([100, 100], [1.0, 0.0], switching, margin=0.5, discount_rate=0.0)
    >>> found.value
               A     B
    period
    0       50.0   0.0
    1       25.0  25.0
    >>> found.total.to_dict()
    {'A': 75.0, 'B': 25.0}
    """

    shares: pd.DataFrame
    value: pd.DataFrame
    total: pd.Series


def brand_switching(
    wallet: ArrayLike,
    shares: ArrayLike | pd.Series,
    transitions: ArrayLike | pd.DataFrame,
    margin: ArrayLike | pd.Series,
    discount_rate: float,
) -> BrandSwitching:
    """Value of a customer (or a market) to each brand under brand switching.

    Parameters
    ----------
    wallet : array_like, shape (n_periods,)
        Spend on all brands in each period, the current one first; not negative.
    shares : array_like or pandas.Series, shape (n_brands,)
        Share of each brand today, in [0, 1], summing to 1; for one customer the probability that the
        purchase of today is of this brand. A Series is matched to the brands by name.
    transitions : array_like or pandas.DataFrame, shape (n_brands, n_brands)
        Switching probabilities. A DataFrame names the brands, in its columns and its index.
    margin : array_like or pandas.Series
        Profit per unit of spend; one number, or one per brand.
    discount_rate : float
        Per period, above -1.

    Returns
    -------
    BrandSwitching
        ``shares`` and ``value`` by period and brand, and ``total`` by brand.

    Raises
    ------
    InputError
        If an argument is invalid, or a Series or DataFrame names an unknown brand.

    See Also
    --------
    clvml.BrandSwitchingValue : The switching probabilities estimated from purchases.
    clvml.lifetime_value.formulas.markov_chain : The value of any states.

    References
    ----------
    Rust, Lemon, Zeithaml (2004), Return on Marketing: Using Customer Equity to Focus Marketing Strategy,
    Journal of Marketing 68(1).

    Examples
    --------
    Of the buyers of A 80 % are retained, of those of B 90 %; 100 per period, two periods, margin 1:

    >>> import numpy as np
    >>> import pandas as pd
    >>> from clvml.lifetime_value.formulas import brand_switching
    >>> brands = ["A", "B"]
    >>> M = pd.DataFrame([[0.8, 0.2], [0.1, 0.9]], index=brands, columns=brands)
    >>> found = brand_switching([100, 100], pd.Series({"A": 1.0, "B": 0.0}), M, 1.0, 0.0)
    >>> found.shares.round(12).to_dict("list")
    {'A': [1.0, 0.8], 'B': [0.0, 0.2]}
    >>> found.total.round(9).to_dict()
    {'A': 180.0, 'B': 20.0}

    Without switching (identity matrix) it is the annuity due:

    >>> print(f"{brand_switching([100] * 3, [0.6, 0.4], np.eye(2), 0.5, 0.10).total[0]:.4f}")
    82.0661
    """
    matrix = transition_matrix(transitions)
    brands = transitions.columns if isinstance(transitions, pd.DataFrame) else pd.RangeIndex(len(matrix))
    money = _wallet(wallet)
    kept = checked("margin", _by_brand("margin", margin, brands))
    if kept.shape not in ((), (len(brands),)):
        raise InputError(f"margin has shape {kept.shape}; it must be one number, or one per brand.")
    r = _one_rate(discount_rate)
    now = _shares(_by_brand("shares", shares, brands), len(brands))
    path = np.empty((len(money), len(brands)))
    for period in range(len(money)):
        path[period] = now
        now = now @ matrix
    discount = (1 + r) ** -np.arange(len(money), dtype=np.float64)
    value = (money * discount)[:, None] * path * kept
    index = pd.RangeIndex(len(money), name="period")
    worth = pd.DataFrame(value, index, brands)
    return BrandSwitching(pd.DataFrame(path, index, brands), worth, worth.sum(skipna=False).rename("value"))


def markov_chain(
    transitions: ArrayLike | pd.DataFrame,
    margins: ArrayLike,
    discount_rate: float,
    n_periods: int | None = None,
) -> FloatArray:
    """The value of a customer in each state of a Markov chain, ``(I - M / (1 + r))**-1 @ R``.

    The margin of the current state is paid now, at ``t = 0``.

    Parameters
    ----------
    transitions : array_like or pandas.DataFrame, shape (n_states, n_states)
        Transition probabilities from the row's state to the column's within a period.
    margins : array_like, shape (n_states,)
        Margin per period in each state; negative for a cost.
    discount_rate : float
        Per period, above -1.
    n_periods : int, optional
        Number of margins counted; None for an infinite sum.

    Returns
    -------
    numpy.ndarray, shape (n_states,)
        In currency units.

    Raises
    ------
    InputError
        If an argument is invalid, or an infinite sum diverges: at a discount rate of
        zero it converges only if all customers are absorbed in states without margin.

    See Also
    --------
    clvml.MigrationValue : A chain over the time since last purchase, estimated from customers.
    clvml.lifetime_value.formulas.retention : Two states, in closed form.
    clvml.lifetime_value.formulas.transition_matrix : Validates the probabilities.

    References
    ----------
    Pfeifer, Carraway (2000), Modeling Customer Relationships as Markov Chains, Journal of Interactive
    Marketing 14(2).

    Examples
    --------
    A customer is retained with probability 0.8 and has a margin of 100 per period, zero after churn. It is
    the retention formula:

    >>> from clvml.lifetime_value.formulas import markov_chain
    >>> markov_chain([[0.8, 0.2], [0, 1]], [100, 0], 0.10).round(4).tolist()
    [366.6667, 0.0]
    >>> markov_chain([[0.8, 0.2], [0, 1]], [100, 0], 0.0).round(4).tolist()
    [500.0, 0.0]
    """
    matrix = transition_matrix(transitions)
    money = checked("margins", margins)
    if money.shape != (len(matrix),):
        raise InputError(f"margins has shape {money.shape}; it must be {len(matrix)} numbers, one per state.")
    r = _one_rate(discount_rate)
    if np.isnan(money).any() or np.isnan(r):
        raise InputError("margins and discount_rate must not be missing: every state depends on all of them.")
    if n_periods is not None:
        return _finite_chain(matrix, money, r, whole_periods(n_periods))
    alive = _can_reach(matrix, money != 0)
    inner = matrix[np.ix_(alive, alive)] / (1 + r)
    _refuse_divergence_chain(inner, r)
    value = np.zeros(len(money))
    value[alive] = np.linalg.solve(np.eye(len(inner)) - inner, money[alive])
    return value


def transition_matrix(transitions: Any) -> FloatArray:
    """Validate a transition matrix: square, in [0, 1], rows summing to 1, one set of names.

    Parameters
    ----------
    transitions : array_like or pandas.DataFrame, shape (n_states, n_states)
        Probabilities from the row's state to the column's. A DataFrame's rows are put in the order of its
        columns.

    Returns
    -------
    ndarray, shape (n_states, n_states)
        The probabilities.

    Raises
    ------
    InputError
        If the matrix is not square, an entry is missing or negative, a row does not sum to 1, or rows and
        columns have different names.

    See Also
    --------
    clvml.lifetime_value.formulas.markov_chain, clvml.lifetime_value.formulas.brand_switching : Use it.

    Examples
    --------
    >>> from clvml.lifetime_value.formulas import transition_matrix
    >>> transition_matrix([[0.8, 0.2], [0, 1]]).tolist()
    [[0.8, 0.2], [0.0, 1.0]]
    """
    if isinstance(transitions, pd.DataFrame) and set(transitions.index) != set(transitions.columns):
        unknown = sorted(set(transitions.index) ^ set(transitions.columns), key=str)
        raise InputError(
            f"transitions names {unknown[0]!r} only in rows or only in columns; name the same brands in both."
        )
    if isinstance(transitions, pd.DataFrame):
        transitions = transitions.loc[transitions.columns]
    matrix = checked("transitions", transitions)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size:
        raise InputError(f"transitions has shape {matrix.shape}; it must be square.")
    if np.isnan(matrix).any():
        raise InputError("transitions has missing entries; every entry must be a probability.")
    if (matrix < 0).any():
        row, column = np.argwhere(matrix < 0)[0]
        raise InputError(
            f"transitions[{row}, {column}] is {matrix[row, column]:g}; probabilities must not be negative."
        )
    sums = matrix.sum(axis=1)
    off = np.abs(sums - 1) > _TOLERANCE
    if off.any():
        row = int(np.argmax(off))
        raise InputError(f"transitions row {row} sums to {sums[row]:g}; each row must sum to 1.")
    return matrix


def whole_periods(n_periods: Any) -> int:
    """Validate a number of periods: an integer above 0."""
    number = checked("n_periods", n_periods, above=0)
    if number.ndim or not float(number).is_integer():
        raise InputError(f"n_periods is {n_periods!r}; it must be one whole number of periods.")
    return int(number)


def _one_rate(discount_rate: Any) -> float:
    rate = checked_rate(discount_rate)
    if rate.ndim:
        raise InputError(f"discount_rate has shape {rate.shape}; it must be one number for all states.")
    return float(rate)


def _wallet(wallet: ArrayLike) -> FloatArray:
    money = checked("wallet", wallet, lowest=0)
    if money.ndim != 1 or not money.size:
        raise InputError(f"wallet has shape {money.shape}; it must be one amount per period.")
    return money


def _by_brand(name: str, values: Any, brands: pd.Index) -> Any:
    """A Series in the order of the brands; other types unchanged."""
    if not isinstance(values, pd.Series):
        return values
    unknown = [brand for brand in values.index if brand not in brands]
    missing = [brand for brand in brands if brand not in values.index]
    if unknown or missing:
        what = f"the unknown brand {unknown[0]!r}" if unknown else f"no value for the brand {missing[0]!r}"
        known = ", ".join(repr(brand) for brand in brands)
        raise InputError(f"{name} has {what}; the brands of transitions are {known}.")
    return values.loc[brands]


def _shares(shares: Any, n_brands: int) -> FloatArray:
    now = checked("shares", shares, lowest=0, highest=1)
    if now.shape != (n_brands,):
        raise InputError(f"shares has shape {now.shape}; it must be one share for each of {n_brands} brands.")
    if not abs(now.sum() - 1) <= _TOLERANCE:
        raise InputError(f"shares sums to {now.sum():g}; the shares of all brands must sum to 1.")
    return now


def _finite_chain(matrix: FloatArray, money: FloatArray, r: float, n_periods: int) -> FloatArray:
    value = np.zeros(len(money))
    for _ in range(n_periods):
        value = money + matrix @ value / (1 + r)
    return value


def _can_reach(matrix: FloatArray, target: np.ndarray) -> np.ndarray:
    """The states from which a target can be reached; the value of the others is 0."""
    reached = target.copy()
    for _ in range(len(matrix)):
        reached = reached | ((matrix > 0) @ reached)
    return reached


def _refuse_divergence_chain(inner: FloatArray, r: float) -> None:
    radius = float(np.abs(np.linalg.eigvals(inner)).max()) if inner.size else 0.0
    if radius >= 1 - 1e-12:
        raise InputError(
            f"discount_rate is {r:g}: the infinite sum diverges, because customers stay"
            " forever in states with a margin; give n_periods, a rate above 0, or an absorbing churn state."
        )
