"""What is public in clvml, and under which path it is documented: read from ``__all__`` of the packages."""

import functools
import inspect
from collections.abc import Iterator
from functools import cache
from types import ModuleType
from typing import Any

import clvml
import clvml.errors


def packages(package: ModuleType = clvml) -> Iterator[ModuleType]:
    """A package and those inside it that are public, outermost first."""
    yield package
    modules = [getattr(package, name) for name in getattr(package, "__all__", ())]
    for module in filter(inspect.ismodule, modules):
        yield from packages(module)


def kind_of(value: Any) -> str:
    """Which template documents a public value."""
    if inspect.ismodule(value):
        return "package" if hasattr(value, "__all__") else "module"
    if inspect.isclass(value):
        return "class"
    return "function" if inspect.isroutine(value) else "data"


@cache
def public_values() -> dict[str, Any]:
    """Each public value under its shortest path: ``clvml.BGNBD``, ``clvml.models.TraitDistribution``."""
    found: dict[int, tuple[str, Any]] = {}
    paths = [
        (m.__name__ + "." + name, getattr(m, name)) for m in packages() for name in getattr(m, "__all__", ())
    ]
    paths += [
        (f"clvml.errors.{name}", value) for name, value in vars(clvml.errors).items() if is_error(value)
    ]
    for path, value in sorted(paths, key=lambda item: (item[0].count("."), item[0])):
        found.setdefault(id(value), (path, value))
    return dict(sorted(found.values(), key=lambda item: item[0]))


def is_error(value: Any) -> bool:
    """Whether a value of ``clvml.errors`` is an error or a warning of clvml."""
    return inspect.isclass(value) and value.__module__ == "clvml.errors"


@cache
def path_by_id() -> dict[int, str]:
    """The documented path of each public value, by its identity."""
    return {id(value): path for path, value in public_values().items()}


@cache
def _paths_by_name() -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for path in public_values():
        names.setdefault(path.rpartition(".")[2], []).append(path)
    return names


def public_path(text: str, inside: str = "") -> str | None:
    """The documented path of a public name or member, written as ``text`` within ``inside``."""
    text = text.strip().removeprefix("~").removesuffix("()")
    if not all(part.isidentifier() for part in text.split(".")):
        return None
    for candidate in (text, f"{inside}.{text}", f"clvml.{text}", *_by_short_name(text)):
        path = _documented_path(candidate)
        if path:
            return path
    return None


def _by_short_name(text: str) -> list[str]:
    head, dot, rest = text.partition(".")
    paths = _paths_by_name().get(head, [])
    return [paths[0] + dot + rest] if len(paths) == 1 else []


def _documented_path(path: str) -> str | None:
    parts = path.split(".")
    if parts[0] != "clvml" or any(part.startswith("_") for part in parts):
        return None
    value: Any = clvml
    found, member = ("clvml", "") if len(parts) > 1 else (None, "")
    for part in parts[1:]:
        try:
            value = getattr(value, part)
        except AttributeError:
            return None
        known = path_by_id().get(id(value))
        found, member = (known, "") if known else (found, f"{member}.{part}")
    in_package = member and found and kind_of(_value_at(found)) == "package"
    return None if in_package or not found else found + member


def _value_at(path: str) -> Any:
    return functools.reduce(getattr, path.split(".")[1:], clvml)


def is_public(path: str) -> bool:
    """Whether a path such as ``clvml.BGNBD.params_`` may be used: fitted attributes count if documented."""
    if path in ("clvml", "clvml.__version__") or public_path(path):
        return True
    owner, _, attribute = path.rpartition(".")
    documented = public_path(owner)
    return bool(documented) and f"{attribute} :" in (inspect.getdoc(_value_at(owner)) or "")
