"""What the pages of the documentation contain: blocks of code and code within lines, by page and line."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[1]
GENERATED = (
    "docs/evidence/experiments/",
    "docs/evidence/benchmarks/",
    "docs/gallery/figures/",
    "docs/notebooks/",
    "docs/reference/api/",
)
COPIES = ("docs/changelog.md", "docs/contributing.md")
HEADER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
WITHOUT_MARKDOWN = ("code-cell", "toctree", "include", "image", "figure", "math", "eval-rst")


class Block(NamedTuple):
    """A fenced block: its language, or directive in braces, its text, and where it is."""

    language: str
    text: str
    page: str
    line: int


def pages() -> list[Path]:
    """The pages that are written by hand: README.md and all in docs/."""
    written = [path for path in sorted(ROOT.glob("docs/**/*.md")) if not _is_generated(path)]
    return [ROOT / "README.md", *written]


def name(path: Path) -> str:
    """The path of a page in the repository."""
    return path.relative_to(ROOT).as_posix()


def _is_generated(path: Path) -> bool:
    return name(path).startswith(GENERATED) or name(path) in COPIES


def is_executed(path: Path) -> bool:
    """Whether the cells of a page are executed when the site is built."""
    header = HEADER.match(path.read_text())
    return bool(header and "file_format: mystnb" in header[0])


def blocks(path: Path) -> list[Block]:
    """The fenced blocks of a page, those within directives too."""
    return list(_blocks(_body(path), name(path), _header_lines(path)))


def inline_code(path: Path) -> list[tuple[str, int]]:
    """The code within the lines of a page, roles such as ``{func}`` included, with its line."""
    return list(_inline_code(_body(path), _header_lines(path)))


def _header_lines(path: Path) -> int:
    header = HEADER.match(path.read_text())
    return header[0].count("\n") if header else 0


def _body(path: Path) -> str:
    return HEADER.sub("", path.read_text())


def _tokens(text: str) -> list:
    return MarkdownIt("commonmark").enable("table").parse(text)


def _blocks(text: str, page: str, above: int) -> Iterator[Block]:
    for token in _tokens(text):
        if token.type == "fence":
            line = above + token.map[0] + 1
            yield Block(token.info.split(" ")[0], token.content, page, line)
            if _has_markdown(token.info):
                yield from _blocks(token.content, page, line)


def _has_markdown(info: str) -> bool:
    return info.startswith("{") and info.split("}")[0].strip("{") not in WITHOUT_MARKDOWN


def _inline_code(text: str, above: int) -> Iterator[tuple[str, int]]:
    for token in _tokens(text):
        line = above + token.map[0] + 1 if token.map else above
        if token.type == "inline":
            yield from ((child.content, line) for child in token.children if child.type == "code_inline")
        if token.type == "fence" and _has_markdown(token.info):
            yield from _inline_code(token.content, line)
