"""Public names that are imported when first used, and a suggestion for one that is misspelt."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import lazy_loader as lazy

Found = tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]


def attach_stub(package: str, file: str, renamed: Mapping[str, str] | None = None) -> Found:
    """``__getattr__``, ``__dir__`` and ``__all__`` of a package, from the stub beside its ``file``.

    Names of an earlier release, ``renamed`` from old to new, are found with a DeprecationWarning.
    """
    find, names, public = lazy.attach_stub(package, file)
    old_names = renamed or {}

    def find_or_suggest(name: str) -> Any:
        if name in old_names:
            message = f"{package}.{name} is now called {old_names[name]}; the old name will be removed."
            warnings.warn(message, DeprecationWarning, stacklevel=2)
            return find(old_names[name])
        if name in public or name.startswith("__"):
            return find(name)
        close = difflib.get_close_matches(name, public, n=1)
        way_out = f"did you mean {close[0]!r}?" if close else f"dir({package}) lists its names."
        raise AttributeError(f"{package} has no {name!r}: {way_out}", name=name)

    return find_or_suggest, names, public
