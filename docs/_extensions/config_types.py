"""Types and limits of config keys in plain words."""

import datetime as dt
import types
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types

from clvml.evaluation._abilities import ABILITIES
from clvml.evaluation._criteria import CRITERIA, PURPOSES
from clvml.lifetime_value.economics._scorecard import FIGURES, FURTHER_FIGURES
from clvml.survey._ratings import BENEFITS, COSTS
from clvml.workflow._config import toml_value
from clvml.workflow._section import Section

# One value, and several of them.
WORDS: dict[Any, tuple[str, str]] = {
    str: ("text", "texts"),
    int: ("whole number", "whole numbers"),
    float: ("number", "numbers"),
    bool: ("true or false", "true or false"),
    dt.date: ("day, as year-month-day", "days"),
    Any: ("value", "values"),
}
COUNTED = {2: "two"}
PATTERNS = {r"^[^/:]*$": "without / and :"}
LIMITS: dict[type, tuple[str, str]] = {
    annotated_types.Ge: ("ge", "at least {}"),
    annotated_types.Gt: ("gt", "above {}"),
    annotated_types.Le: ("le", "at most {}"),
    annotated_types.Lt: ("lt", "below {}"),
    annotated_types.MaxLen: ("max_length", "at most {} characters"),
    annotated_types.MinLen: ("min_length", "at least {} item"),
}


def type_in_words(annotation: Any) -> str:
    """The type of a key.

    Raises
    ------
    TypeError
        If there are no words for it.

    Examples
    --------
    >>> type_in_words(tuple[float, ...] | None), type_in_words(int | Literal["auto"])
    ('list of numbers', 'whole number or "auto"')
    """
    return _words(annotation, 0)


def _words(annotation: Any, several: int) -> str:
    if annotation in WORDS:
        return WORDS[annotation][several]
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return ("table", "tables")[several]
    describe = _COMPOSED.get(get_origin(annotation))
    if describe is None:
        raise TypeError(f"there are no words for the type {annotation}: see docs/_extensions/config_types.py")
    return describe(get_args(annotation), several)


def _union(parts: Sequence[Any], several: int) -> str:
    if {bool, int, float, str} <= {*parts}:
        return WORDS[Any][several]
    return either([_words(part, several) for part in parts if part is not type(None)])


def _choice(values: Sequence[Any], several: int) -> str:
    return either([toml_value(value) for value in values])


def _list(parts: Sequence[Any], several: int) -> str:
    items = _words(parts[0], 1)
    return f"list of {items}" if parts[-1] is ... else f"list of {COUNTED[len(parts)]} {items}"


def _table(parts: Sequence[Any], several: int) -> str:
    return f"table of {_words(parts[1], 1)} by name"


_COMPOSED: dict[Any, Callable[[Sequence[Any], int], str]] = {
    Union: _union,
    types.UnionType: _union,
    Literal: _choice,
    tuple: _list,
    dict: _table,
    Annotated: lambda parts, several: _words(parts[0], several),
}


def either(words: Sequence[str]) -> str:
    """A list of words that ends with "or"."""
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def limits_in_words(metadata: Sequence[Any]) -> str:
    """The limits of a key; empty if there are none.

    Raises
    ------
    TypeError
        If there are no words for one of them.
    """
    return " and ".join(_limit(each) for each in metadata)


def _limit(limit: Any) -> str:
    if type(limit) in LIMITS:
        attribute, words = LIMITS[type(limit)]
        return words.format(f"{getattr(limit, attribute):,}")
    pattern = getattr(limit, "pattern", None)
    if pattern in PATTERNS:
        return PATTERNS[pattern]
    raise TypeError(f"there are no words for the limit {limit}: see docs/_extensions/config_types.py")


# What validators allow beyond the type, by key.
ALLOWED: dict[str, str] = {
    "experiment.name": "letters, digits, ``_``, ``-``, ``.`` and blanks: it names a folder",
    "value.annual_discount_rate": "at most 1",
    "value.horizon": "above 0; a number with D, W, M, Q or Y, such as 52W, or a number of time units",
    "comparison.purpose": either([*PURPOSES]),
    "comparison.weights": f"of {', '.join(CRITERIA)}; none negative, not all zero",
    "comparison.incumbent": "the id of one of the contenders",
    "comparison.needs": ", ".join(ABILITIES),
    "economics.acquisition_cost": "at least 0",
    "economics.targets": f"of {', '.join([*FIGURES, *FURTHER_FIGURES])}",
    "survey.kinds": f"a benefit ({', '.join(BENEFITS)}) or a cost ({', '.join(COSTS)})",
}
