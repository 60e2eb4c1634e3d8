"""One price per purchase, for purchases without amounts."""

from __future__ import annotations

import math
import numbers

from clvml.errors import InputError


def check_price(price: object) -> float:
    """A price as a float.

    Raises
    ------
    InputError
        If it is not a positive, finite number.
    """
    if not isinstance(price, numbers.Real) or isinstance(price, bool) or not 0 < float(price) < math.inf:
        raise InputError(f"price is {price!r}; it must be a positive, finite number.")
    return float(price)
