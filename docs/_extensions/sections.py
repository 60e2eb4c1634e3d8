"""What the search looks through: the sections of all pages, as a script that works without a server."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

FILE = "_static/sections.js"
LONGEST_TEXT = 1500
# How much a match counts by where it is: the first prefix that fits.
WEIGHTS = {
    "faq": 2.0,
    "glossary": 1.3,
    "start/": 1.2,
    "guide/": 1.3,
    "coming_from/": 1.0,
    "gallery": 0.9,
    "reference/api/clvml.distributions": 0.5,
    "reference/api/": 0.75,
    "reference/": 1.0,
    "notebooks/": 0.7,
    "evidence/": 0.7,
    "changelog": 0.4,
    "contributing": 0.4,
    "": 1.0,
}
METHOD = 0.6  # there are many of them, and what they share with others is said elsewhere
SOURCES = 0.6  # titles of papers have many words of the field, and answer nothing
SEPARATE = (nodes.section, addnodes.desc, addnodes.glossary)
SILENT = (
    nodes.literal_block,
    nodes.raw,
    nodes.comment,
    nodes.math,
    nodes.math_block,
    nodes.image,
    nodes.title,
    addnodes.toctree,
)


class Section(NamedTuple):
    """A heading, a name of the reference or a term of the glossary, with what is said under it."""

    title: str
    anchor: str
    text: str
    code: str = ""
    is_method: bool = False


def sections(node: nodes.Element) -> Iterator[Section]:
    """The sections of a page, in its order."""
    for child in node.children:
        if isinstance(child, nodes.section):
            yield Section(_title(child), child["ids"][0], _text(child), _code(child))
        elif isinstance(child, addnodes.desc):
            yield from _described(child)
        elif isinstance(child, addnodes.glossary):
            yield from _terms(child)
            continue
        if isinstance(child, nodes.Element):
            yield from sections(child)


def _title(section: nodes.section) -> str:
    title = section.next_node(nodes.title)
    return title.astext() if title else ""


def _described(desc: addnodes.desc) -> Iterator[Section]:
    signature = desc.next_node(addnodes.desc_signature)
    content = desc.next_node(addnodes.desc_content)
    if signature and signature["ids"] and content:
        name = signature.get("fullname") or signature.astext()
        is_method = desc["objtype"] in ("method", "property")
        yield Section(name, signature["ids"][0], _text(content), _code(content), is_method)


def _terms(glossary: addnodes.glossary) -> Iterator[Section]:
    for item in glossary.findall(nodes.definition_list_item):
        term = item.next_node(nodes.term)
        definition = item.next_node(nodes.definition)
        if term and term["ids"] and definition:
            yield Section(term.astext(), term["ids"][0], _text(definition))


def _text(node: nodes.Node) -> str:
    words = " ".join(_own_text(node))
    return re.sub(r"\s+", " ", words).strip()[:LONGEST_TEXT]


def _code(node: nodes.Element) -> str:
    blocks = [child.astext() for child in _own_code(node)]
    return re.sub(r"\s+", " ", " ".join(blocks)).strip()[:LONGEST_TEXT]


def _own_code(node: nodes.Node) -> Iterator[nodes.literal_block]:
    for child in node.children:
        if isinstance(child, nodes.literal_block):
            yield child
        elif not isinstance(child, SEPARATE) and not _is_output(child):
            yield from _own_code(child)


def _own_text(node: nodes.Node) -> Iterator[str]:
    for child in node.children:
        if isinstance(child, SEPARATE + SILENT) or _is_output(child):
            continue
        if isinstance(child, nodes.TextElement | nodes.Text):
            yield child.astext()
        else:
            yield from _own_text(child)


def _is_output(node: nodes.Node) -> bool:
    return isinstance(node, nodes.container) and "cell_output" in node.get("classes", [])


def entries(app: Sphinx) -> Iterator[list[Any]]:
    """Each section as title, title of its page, address, text, weight, code; what is said twice once."""
    said: set[str] = set()
    for page in sorted(app.env.found_docs):
        heading = app.env.titles[page].astext()
        for section in sections(app.env.get_doctree(page)):
            said_here = section.text + section.code
            if not said_here or said_here in said:
                continue
            said.add(said_here)
            address = f"{app.builder.get_target_uri(page)}#{section.anchor}"
            yield [section.title, heading, address, section.text, _weight(page, section), section.code]


def _weight(page: str, section: Section) -> float:
    weight = next(weight for prefix, weight in WEIGHTS.items() if page.startswith(prefix))
    return weight * (METHOD if section.is_method else 1) * (SOURCES if section.title == "Sources" else 1)


def write(app: Sphinx, error: Exception | None) -> None:
    """Write the sections beside the other scripts."""
    if error is None and app.builder.format == "html":
        lines = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in entries(app))
        (Path(app.outdir) / FILE).write_text(f"const SECTIONS = [\n{lines}\n];\n", encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the sections when the pages are written."""
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
