"""Discounted sums and argument validation, common to the formulas.

All sums are geometric sums, ``(1 - (1 - d)**n) / d``, computed from ``d`` without loss of precision at zero
or tiny rates.
"""

from __future__ import annotations

import logging
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clvml.customers._discount_rate import check_period_rate
from clvml.errors import InputError

FloatArray = NDArray[np.float64]
First = Literal["now", "next"]

logger = logging.getLogger("clvml")


def steady_sum(discount_rate: ArrayLike, n_periods: ArrayLike, first: First) -> FloatArray:
    r = checked_rate(discount_rate)
    n = periods(n_periods)
    loss = r / (1 + r)
    refuse_divergence(loss, n, {"discount_rate": r}, "discount_rate > 0")
    return geometric_sum(loss, n, first)


def geometric_sum(loss: FloatArray, n: FloatArray, first: First) -> FloatArray:
    """The sum of ``(1 - loss)**t`` over ``n`` terms, from ``t = 0`` ("now") or ``t = 1`` ("next")."""
    if first not in ("now", "next"):
        raise InputError(f"first is {first!r}; it must be 'now' or 'next', the time of the first payment.")
    loss, n = np.broadcast_arrays(loss, n)
    divisor = np.where(loss == 0, 1.0, loss)
    # log1p(-1) = -inf is intended: with no retention only the first term counts.
    with np.errstate(divide="ignore"):
        total = np.where(loss == 0, n, -np.expm1(n * np.log1p(-divisor)) / divisor)
    return (total if first == "now" else total * (1 - loss))[()]


def refuse_divergence(loss: FloatArray, n: FloatArray, rates: dict[str, FloatArray], rule: str) -> None:
    infinite = np.isinf(n) & (loss <= 0)
    if not infinite.any():
        return
    values = " and ".join(
        f"{name} is {np.broadcast_to(rate, infinite.shape)[infinite][0]:g}" for name, rate in rates.items()
    )
    raise InputError(
        f"{values}: the infinite sum diverges, it needs {rule}; give a finite n_periods or another rate."
    )


def periods(value: ArrayLike) -> FloatArray:
    return checked("n_periods", value, above=0, highest=np.inf)


def checked_rate(discount_rate: ArrayLike) -> FloatArray:
    """Discount rates per period, above -1 and at most 5 (500 %)."""
    rate = checked("discount_rate", discount_rate, above=-1)
    check_period_rate("discount_rate", rate)
    return rate


def checked(
    name: str, value: ArrayLike, lowest: float = -np.inf, highest: float | None = None, above: float = -np.inf
) -> FloatArray:
    """Validate an argument; return it as float64. ``highest=None`` means any finite number."""
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{name} is {value!r}; it must be a number or an array of numbers.") from None
    missing = np.isnan(array)
    if missing.any():
        logger.warning(
            "%d of %d values of %s are missing; so are their results", missing.sum(), array.size, name
        )
    finite = np.isfinite(array) if highest is None else array <= highest
    bad = ~(missing | (finite & (array >= lowest) & (array > above)))
    if bad.any():
        raise InputError(f"{name} is {array[bad].flat[0]:g}; it must be {_rule(lowest, highest, above)}.")
    return array


def _rule(lowest: float, highest: float | None, above: float) -> str:
    if highest is not None and np.isfinite(highest):
        excluded = f"above {above:g} and at most {highest:g}"
        return excluded if above > -np.inf else f"between {lowest:g} and {highest:g}"
    finite = "" if highest else "finite"
    if above > -np.inf:
        return f"{finite} and above {above:g}".removeprefix(" and ")
    if lowest > -np.inf:
        return f"{finite} and at least {lowest:g}".removeprefix(" and ")
    return finite
