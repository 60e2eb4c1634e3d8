"""Discount rates are fractions per period: 0.10 is 10 %.

A percentage given as a number, 10 for 10 %, would discount away almost all of the future without any error.
Such rates are refused in one place, for models, formulas, the configuration, the command line and requests.

**Annual rates** must not exceed 1, that is 100 % per year: 1.5 is far more likely 1.5 % than 150 %. Where
nominal rates are higher (hyperinflation), discount real money at a real rate.

**Rates per period** of the textbook formulas, whose period may be of any length, must not exceed 5; above 1
a warning is logged.
"""

from __future__ import annotations

import logging
import math
from typing import Any

import numpy as np

from clvml.errors import InputError

HIGHEST_ANNUAL_RATE = 1.0
HIGHEST_PERIOD_RATE = 5.0

log = logging.getLogger("clvml")


def check_period_rate(name: str, rate: Any, period: str = "period") -> None:
    """Refuse discount rates per period that appear to be percentages; NaN is ignored.

    Raises
    ------
    InputError
        If a rate is above 5, that is 500 % per period. Above 1 a warning is logged.

    Examples
    --------
    >>> check_period_rate("discount_rate", [0.1, 1.0, float("nan")])
    >>> check_period_rate("discount_rate", 12)
    Traceback (most recent call last):
    clvml.errors.InputError: discount_rate is 12; that is 1,200 % per period; write 12 % as 0.12 (rates
    above 5 are refused).
    """
    highest = float(np.nanmax(rate, initial=0.0))
    if highest > HIGHEST_PERIOD_RATE:
        raise InputError(_both_readings(name, highest, period, HIGHEST_PERIOD_RATE))
    if highest > 1:
        log.warning("%s is %g, that is %.10g %% per %s", name, highest, 100 * highest, period)


def annual_rate_in(value: Any) -> float:
    """A validated annual discount rate, given as a number or as text of one.

    Raises
    ------
    InputError
        If it is not a number, negative, infinite, or above 1 (100 % per year).

    Examples
    --------
    >>> annual_rate_in("0.1")
    0.1
    """
    try:
        rate = math.nan if isinstance(value, bool | np.bool_) else float(value)
    except (TypeError, ValueError):
        rate = math.nan
    if not -1 < rate < math.inf:
        raise InputError(
            f"annual_discount_rate is {value!r}; it must be finite and above -1, a fraction per year: write"
            " 10 % as 0.1."
        )
    if rate < 0:
        raise InputError(
            f"annual_discount_rate is {value!r}; it must not be negative: 0 means no"
            " discounting, 0.1 is 10 % per year."
        )
    if rate > HIGHEST_ANNUAL_RATE:
        raise InputError(_both_readings("annual_discount_rate", rate, "year", HIGHEST_ANNUAL_RATE))
    return rate


def _both_readings(name: str, rate: float, period: str, highest: float) -> str:
    return (
        f"{name} is {rate:g}; that is {100 * rate:,.10g} % per {period}; write {rate:g} % as"
        f" {rate / 100:g} (rates above {highest:g} are refused)."
    )
