"""Whether a value has the type that a class states for an attribute, by its annotations."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, ClassVar, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

from clvml.errors import InputError

_KINDS = {np.float64: "f", np.int64: "iu", np.bool_: "b"}


@cache
def stated_types(kind: type) -> dict[str, Any]:
    """The annotations of a class and its bases, without those of the class itself (`ClassVar`)."""
    found = get_type_hints(kind)
    return {name: hint for name, hint in found.items() if get_origin(hint) is not ClassVar}


def check_types(kind: type, values: Mapping[str, Any], where: str) -> None:
    """Refuse values that are not of the types that a class states for them; others are not checked.

    Raises
    ------
    InputError
        Naming the first one.
    """
    stated = stated_types(kind)
    for name, value in values.items():
        if name in stated and not conforms(value, stated[name]):
            raise InputError(
                f"{where}.{name} is {_briefly(value)}, which is not what {kind.__name__} learns."
            )


def conforms(value: Any, hint: Any) -> bool:
    """Whether a value is of a type; numbers of numpy are numbers, and integers are floats.

    Examples
    --------
    >>> conforms(1, float), conforms(True, float), conforms(("a", 1), tuple[str, ...])
    (True, False, False)
    """
    origin, args = get_origin(hint), get_args(hint)
    if hint is Any or isinstance(hint, TypeVar):
        return True
    if origin in (Union, types.UnionType):
        return any(conforms(value, each) for each in args)
    if origin is Literal:
        return isinstance(value, str | int | bool) and value in args
    if origin is np.ndarray:
        return isinstance(value, np.ndarray) and value.dtype.kind in _kinds(args)
    if origin is tuple:
        return isinstance(value, tuple) and _all_conform(value, args)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return isinstance(value, Mapping) and all(
            conforms(key, args[0]) and conforms(item, args[1]) for key, item in value.items()
        )
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return isinstance(value, list | tuple) and all(conforms(item, args[0]) for item in value)
    return _is_one(value, hint)


def _is_one(value: Any, hint: Any) -> bool:
    if hint is None or hint is type(None):
        return value is None
    if hint in (float, int):
        numbers = (int, float, np.integer, np.floating) if hint is float else (int, np.integer)
        return isinstance(value, numbers) and not isinstance(value, bool)
    return isinstance(value, hint)


def _all_conform(values: tuple[Any, ...], args: tuple[Any, ...]) -> bool:
    if len(args) == 2 and args[1] is Ellipsis:
        return all(conforms(value, args[0]) for value in values)
    return len(values) == len(args) and all(map(conforms, values, args))


def _kinds(args: tuple[Any, ...]) -> str:
    """The kinds of numpy types of an array's annotation; all of them if it states none."""
    scalar = get_args(args[1])[0] if len(args) == 2 else Any
    return _KINDS.get(scalar, "biufUMO")


def _briefly(value: Any) -> str:
    text = repr(value) if isinstance(value, str | int | float | type(None)) else f"a {type(value).__name__}"
    return text if len(text) <= 60 else f"{text[:57]}..."
