"""Say what a figure of an executed cell shows, where its cell does not: by the heading it is under."""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx


def describe_figures(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Give each picture without an alternative text that of its section."""
    for image in doctree.findall(nodes.image):
        if not image.get("alt"):
            section = _section_of(image)
            title = section.next_node(nodes.title) if section else None
            image["alt"] = f"Figure: {title.astext() if title else page}"


def _section_of(node: nodes.Node) -> nodes.section | None:
    while node.parent and not isinstance(node, nodes.section):
        node = node.parent
    return node if isinstance(node, nodes.section) else None


def setup(app: Sphinx) -> dict[str, Any]:
    """Describe figures after all outputs have become pictures."""
    app.connect("doctree-resolved", describe_figures)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
