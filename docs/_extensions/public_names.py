"""The reference: one page for each public name, and links to a name by any path that leads to it."""

import importlib
import inspect
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from docutils import nodes
from docutils.parsers.rst.states import Inliner
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

import clvml

FOLDER = "reference/api"
FOREIGN = (
    "BaseEstimator, TransformerMixin, ClusterMixin, tuple, dict, str, Mapping, Exception, Enum, BaseModel"
)
TEMPLATES = {
    "package": ".. automodule:: {name}\n   :no-members:\n",
    "module": ".. automodule:: {name}\n   :members:\n",
    "class": ".. autoclass:: {name}\n   :members:\n   :inherited-members: " + FOREIGN + "\n",
    "function": ".. autofunction:: {name}\n",
    "data": ".. autodata:: {name}\n   :no-value:\n",
}


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
def _path_by_id() -> dict[int, str]:
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
    if parts[0] != "clvml":
        return None
    value: Any = clvml
    found, member = ("clvml", "") if len(parts) > 1 else (None, "")
    for part in parts[1:]:
        try:
            value = getattr(value, part)
        except AttributeError:
            return None
        known = _path_by_id().get(id(value))
        found, member = (known, "") if known else (found, f"{member}.{part}")
    in_package = member and found and kind_of(_value_at(found)) == "package"
    return None if in_package or not found else found + member


def _value_at(path: str) -> Any:
    return clvml if path == "clvml" else public_values()[path]


def write_pages(app: Sphinx) -> None:
    """Write the page of each public name where it has changed, and remove those of names that are gone."""
    folder = Path(app.srcdir) / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    pages = {folder / f"{path}.rst": page(path, value) for path, value in public_values().items()}
    for old in set(folder.glob("*.rst")) - set(pages):
        old.unlink()
    for file, text in pages.items():
        if not file.exists() or file.read_text() != text:
            file.write_text(text)


def page(path: str, value: Any) -> str:
    """The source of a name's page."""
    kind = kind_of(value)
    title = path if kind in ("package", "module") else path.rpartition(".")[2]
    text = f"{title}\n{'=' * len(title)}\n\n{TEMPLATES[kind].format(name=path)}"
    return text + _names_of(path, value) if kind == "package" else text


def _names_of(path: str, package: ModuleType) -> str:
    names = "".join(f"   {_path_by_id()[id(getattr(package, name))]}\n" for name in package.__all__)
    own = [other for other in public_values() if other.rpartition(".")[0] == path and path != "clvml"]
    pages = "".join(f"   {other}\n" for other in own)
    return f"\n.. py:currentmodule:: None\n.. autosummary::\n\n{names}\n.. toctree::\n   :hidden:\n\n{pages}"


def link_if_public(
    role: str,
    rawtext: str,
    text: str,
    lineno: int,
    inliner: Inliner,
    options: Any = None,
    content: Any = None,
) -> tuple[list[nodes.Node], list[nodes.system_message]]:
    """The default role of docstrings: a link where the text names something public, code otherwise."""
    env: BuildEnvironment = inliner.document.settings.env
    inside = [env.ref_context.get("py:class"), env.ref_context.get("py:module")]
    prefix = ".".join(part for part in reversed(inside) if part)
    path = public_path(text, prefix) or public_path(text, str(inside[1]))
    code = nodes.literal(rawtext, text, classes=["xref", "py"])
    if not path:
        return [code], []
    link = pending_xref("", code, refdomain="py", reftype="obj", reftarget=path, refdoc=env.docname)
    return [link], []


def resolve(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.Element
) -> nodes.Node | None:
    """Resolve a Python reference that is written by another path than the documented one."""
    if node.get("refdomain") != "py":
        return None
    path = public_path(node["reftarget"], node.get("py:class") or node.get("py:module") or "")
    if not path or path == node["reftarget"]:
        return None
    domain = env.domains["py"]
    return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", path, node, content)


def skip_foreign(app: Sphinx, what: str, name: str, value: Any, skip: bool, options: Any) -> bool | None:
    """Leave out members that scikit-learn generates for each estimator."""
    module = getattr(value, "__module__", None) or getattr(type(value), "__module__", "")
    return True if str(module).startswith("sklearn.") else None


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the pages before the build, and resolve references during it."""
    importlib.import_module("clvml.errors")
    app.connect("builder-inited", write_pages)
    app.connect("missing-reference", resolve)
    app.connect("autodoc-skip-member", skip_foreign)
    app.add_role("public", link_if_public)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
