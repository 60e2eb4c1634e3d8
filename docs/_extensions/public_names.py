"""The reference: one page for each public name, and links to a name by any path that leads to it."""

import inspect
from pathlib import Path
from types import ModuleType
from typing import Any

from docutils import nodes
from docutils.parsers.rst.states import Inliner
from public import home_of, kind_of, names_in, path_by_id, public_path, public_values
from reference_pages import write_if_changed
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.nodes import make_refnode
from summaries import first_sentence

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


def write_pages(app: Sphinx) -> None:
    """Write the page of each public name where it has changed, and remove those of names that are gone."""
    app.builder.templates.environment.auto_reload = False  # no template changes during a build
    folder = Path(app.srcdir) / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    pages = {folder / f"{path}.rst": page(path, value) for path, value in public_values().items()}
    pages[folder / "index.rst"] = by_package()
    for old in set(folder.glob("*.rst")) - set(pages):
        old.unlink()
    for file, text in pages.items():
        write_if_changed(file, text)


def page(path: str, value: Any) -> str:
    """The source of a name's page."""
    kind = kind_of(value)
    title = path if kind in ("package", "module") else path.rpartition(".")[2]
    text = f"{title}\n{'=' * len(title)}\n\n{TEMPLATES[kind].format(name=path)}"
    return text + _names_of(value) if kind == "package" else text


def _names_of(package: ModuleType) -> str:
    paths = [path_by_id()[id(getattr(package, name))] for name in names_in(package)]
    return _table(paths, [path for path in paths if home_of(path) == package.__name__])


def by_package() -> str:
    """The source of the page that lists the packages."""
    rooms = [p for p, value in public_values().items() if kind_of(value) == "package" and p.count(".") == 1]
    return "By package\n==========\n" + _table(rooms, rooms)


def _table(paths: list[str], pages: list[str]) -> str:
    rows = "".join(f"   * - :py:obj:`{path}`\n     - {first_sentence(path)}\n" for path in paths)
    contents = "".join(f"   {path}\n" for path in pages)
    return f"\n.. list-table::\n   :class: names\n\n{rows}\n.. toctree::\n   :hidden:\n\n{contents}"


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


def link_code(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Link code such as ``clvml.BGNBD`` or ``clvml.load_cdnow()`` in a sentence to the page of the name."""
    objects = app.env.domains["py"].objects
    for code in list(doctree.findall(nodes.literal)):
        text = code.astext()
        path = public_path(text) if text.startswith("clvml.") else None
        if path in objects and not isinstance(code.parent, nodes.reference | nodes.title):
            entry = objects[path]
            link = make_refnode(app.builder, page, entry.docname, entry.node_id, code.deepcopy(), path)
            code.replace_self(link)


def skip_foreign(app: Sphinx, what: str, name: str, value: Any, skip: bool, options: Any) -> bool | None:
    """Leave out members that scikit-learn generates for each estimator, and the modules behind the models."""
    if inspect.ismodule(value):
        return True
    module = getattr(value, "__module__", None) or getattr(type(value), "__module__", "")
    return True if str(module).startswith("sklearn.") else None


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the pages before the build, and resolve references during it."""
    app.connect("builder-inited", write_pages)
    app.connect("missing-reference", resolve)
    app.connect("doctree-resolved", link_code)
    app.connect("autodoc-skip-member", skip_foreign)
    app.add_role("public", link_if_public)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
