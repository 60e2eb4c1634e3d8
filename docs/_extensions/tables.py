"""Make tables of pandas readable in a page: one row of headings, numbers right, text left.

pandas writes the name of the index in a row of its own, and aligns all columns alike.
"""

import re
from typing import Any

from bs4 import BeautifulSoup, Tag
from docutils import nodes
from sphinx.application import Sphinx

NUMBER = re.compile(r"[-+−]?[\d.,]+(e[-+]?\d+)?\s?%?|[-+]?inf|nan|NaN|<NA>|NaT||True|False", re.IGNORECASE)
LONG = 30  # characters of a text that is broken into lines


def tidy_tables(html: str) -> str:
    """The HTML of an output with its data frames made readable; without a data frame as it was."""
    page = BeautifulSoup(html, "html.parser")
    tables = page.find_all("table", class_="dataframe")
    for table in tables:
        _merge_headings(table)
        _mark_text(table)
    return str(page) if tables else html


def _merge_headings(table: Tag) -> None:
    """Put the name of the index into the row of the column names, where there is room."""
    rows = table.select("thead tr")
    if len(rows) != 2:
        return
    columns, names = (row.find_all("th") for row in rows)
    levels = [cell for cell in names if cell.get_text(strip=True)]
    first = columns[: len(levels)]
    if len(columns) == len(names) and not any(
        cell.get_text(strip=True) for cell in first + names[len(levels) :]
    ):
        for cell, name in zip(first, levels, strict=True):
            cell.string = name.get_text()
        rows[1].decompose()


def _mark_text(table: Tag) -> None:
    """Give the cells of columns that are no numbers the class ``text``, and long ones the class ``long``."""
    headings = table.select("thead tr:last-child th")
    rows = [row.find_all("td") for row in table.select("tbody tr")]
    for back, column in enumerate(zip(*(reversed(row) for row in rows), strict=False), start=1):
        texts = [cell.get_text(strip=True) for cell in column]
        if all(NUMBER.fullmatch(text) for text in texts):
            continue
        kind = ["text", "long"] if max(map(len, texts)) > LONG else ["text"]
        for cell in [*column, *headings[-back : len(headings) - back + 1]]:
            cell["class"] = [*cell.get("class", []), *kind]


def tidy_page(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Tidy the tables in the outputs of a page."""
    for node in doctree.findall(nodes.raw):
        if node.get("format") == "html" and "dataframe" in node.astext():
            node.children = [nodes.Text(tidy_tables(node.astext()))]


def setup(app: Sphinx) -> dict[str, Any]:
    """Tidy tables after all outputs have become HTML."""
    app.connect("doctree-resolved", tidy_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
