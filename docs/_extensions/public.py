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
    """A package and those inside it that are public, outermost first; last the module of errors."""
    yield package
    for module in filter(is_package, [getattr(package, name) for name in names_in(package)]):
        yield from packages(module)
    if package is clvml:
        yield clvml.errors


def names_in(module: ModuleType) -> list[str]:
    """The public names of a package, or of the module of errors."""
    errors = [name for name, value in vars(clvml.errors).items() if is_error(value)]
    return errors if module is clvml.errors else list(getattr(module, "__all__", ()))


def is_package(value: Any) -> bool:
    """Whether a value is a package, or the module of errors: its names have pages of their own."""
    return inspect.ismodule(value) and (hasattr(value, "__all__") or value is clvml.errors)


def is_error(value: Any) -> bool:
    """Whether a value of ``clvml.errors`` is an error or a warning of clvml."""
    return inspect.isclass(value) and value.__module__ == "clvml.errors"


def kind_of(value: Any) -> str:
    """Which template documents a public value."""
    if inspect.ismodule(value):
        return "package" if is_package(value) else "module"
    if inspect.isclass(value):
        return "class"
    return "function" if inspect.isroutine(value) else "data"


@cache
def public_values() -> dict[str, Any]:
    """Each public value under its shortest path: ``clvml.BGNBD``, ``clvml.models.TraitDistribution``."""
    found: dict[int, tuple[str, Any]] = {}
    paths = [
        (f"{module.__name__}.{name}", getattr(module, name))
        for module in packages()
        for name in names_in(module)
    ]
    paths.append(("clvml.errors", clvml.errors))
    for path, value in sorted(paths, key=lambda item: (item[0].count("."), item[0])):
        found.setdefault(id(value), (path, value))
    return dict(sorted(found.values(), key=lambda item: item[0]))


@cache
def _homes() -> dict[int, str]:
    return {id(getattr(module, name)): module.__name__ for module in packages() for name in names_in(module)}


def home_of(path: str) -> str:
    """The package that a public name belongs to: the innermost that lists it."""
    return _homes().get(id(public_values()[path]), "clvml")


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
