"""What a fitted value model gives besides values: asked of the model itself, never of its class."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

import pandas as pd

from clvml.errors import InputError
from clvml.lifetime_value._protocol import SupportsProbabilityAlive, SupportsValueIntervals, ValueModel


def _gives_probability_alive(model: ValueModel, customers: pd.DataFrame) -> bool:
    if isinstance(model, SupportsProbabilityAlive):
        return True
    return "probability_alive" in model.predict_factors(customers)


def _gives_intervals(model: ValueModel, customers: pd.DataFrame) -> bool:
    if not isinstance(model, SupportsValueIntervals):
        return False
    return {"clv_lower", "clv_upper"} <= set(model.predict_interval(customers))


ABILITIES: Mapping[str, Callable[[ValueModel, pd.DataFrame], bool]] = MappingProxyType(
    {"probability_alive": _gives_probability_alive, "intervals": _gives_intervals}
)


def check_needs(needs: Iterable[str]) -> tuple[str, ...]:
    """The needs, in a tuple without repetitions.

    Raises
    ------
    InputError
        If one is unknown.

    Examples
    --------
    >>> check_needs(["intervals", "intervals"])
    ('intervals',)
    """
    names = (needs,) if isinstance(needs, str) else tuple(dict.fromkeys(needs))
    unknown = [name for name in names if name not in ABILITIES]
    if unknown:
        raise InputError(f"needs contains {unknown[0]!r}; it may contain {', '.join(map(repr, ABILITIES))}.")
    return names


def abilities_of(model: ValueModel, customers: pd.DataFrame, needs: Iterable[str]) -> frozenset[str]:
    """Which of the needs a fitted model meets, tried on the first customer.

    Parameters
    ----------
    model : ValueModel
        Fitted.
    customers : pandas.DataFrame
        Customers that it can predict.
    needs : iterable of str
        Keys of ``ABILITIES``.
    """
    return frozenset(need for need in needs if _has(need, model, customers.iloc[:1]))


def _has(need: str, model: ValueModel, customers: pd.DataFrame) -> bool:
    try:
        return ABILITIES[need](model, customers)
    except Exception:  # a user-defined model may raise anything; then it does not give it
        return False
