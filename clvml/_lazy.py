"""Public names that are imported when first used, and a suggestion for one that is misspelt."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any

import lazy_loader as lazy

Found = tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]


def attach_stub(package: str, file: str) -> Found:
    """``__getattr__``, ``__dir__`` and ``__all__`` of a package, from the stub beside its ``file``."""
    find, names, public = lazy.attach_stub(package, file)

    def find_or_suggest(name: str) -> Any:
        if name in public or name.startswith("__"):
            return find(name)
        close = difflib.get_close_matches(name, public, n=1)
        way_out = f"did you mean {close[0]!r}?" if close else f"dir({package}) lists its names."
        raise AttributeError(f"{package} has no {name!r}: {way_out}", name=name)

    return find_or_suggest, names, public
