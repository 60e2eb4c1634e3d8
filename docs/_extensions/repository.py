"""Pages kept beside the code (experiments, notebooks, benchmarks, changelog), shown without a copy in git.

Links in the site's pages go to files of the repository by their real relative paths, so that they work where
the sources are read as well; here they become links to the page that shows the file.
"""

import json
import posixpath
import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.util import logging

ROOT = Path(__file__).parents[2]
log = logging.getLogger(__name__)

# Where the files of the repository are in the site: a prefix of one becomes a prefix of the other.
SHOWN = {
    "experiments/": "evidence/experiments/",
    "benchmarks/": "evidence/benchmarks/",
    "notebooks/": "notebooks/",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "LICENSE": "license.txt",
    "docs/": "",
}
COPIED = ("experiments/*.md", "experiments/*.py", "experiments/*/*.*", "benchmarks/*.*", "notebooks/*.ipynb")
PAGES = ("CHANGELOG.md", "CONTRIBUTING.md", "LICENSE")
ANCHOR = re.compile(r"(?<=\]\(#)([^)]+)")
LINK = re.compile(r"(?<=\]\()(?![a-z+]+:|#)([^)\s#]+)")


def in_site(file: str) -> str | None:
    """The path in the site's sources of a file of the repository, None if the site does not have it."""
    for prefix, shown in SHOWN.items():
        if file == prefix or (prefix.endswith("/") and file.startswith(prefix)):
            return re.sub(r"README\.md$", "index.md", shown + file.removeprefix(prefix))
    return None


def rewritten(text: str, file: str) -> str:
    """The text of a page of the repository, its links as they are in the site."""
    page = in_site(file)
    return LINK.sub(lambda match: _link(match[1], file, page or file), text)


def _link(target: str, file: str, page: str) -> str:
    absolute = (ROOT / file).parent.joinpath(target).resolve()
    if not absolute.is_relative_to(ROOT) or not absolute.exists():
        return target
    name = absolute.relative_to(ROOT).as_posix()
    shown = in_site(f"{name}/README.md" if absolute.is_dir() else name)
    if shown is None:
        log.warning("%s links to %s, which the site does not show", file, name)
        return target
    return posixpath.relpath(shown, posixpath.dirname(page))


def slug(anchor: str) -> str:
    """A heading's anchor in the site, from that in Jupyter: ``6.-Spend`` is ``6-spend``."""
    return re.sub(r"[^\w-]", "", anchor.lower())


def _notebook(text: str, file: str) -> str:
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            text = rewritten("".join(cell["source"]), file)
            cell["source"] = ANCHOR.sub(lambda match: slug(match[1]), text)
    return json.dumps(notebook)


TRANSLATED = {".md": rewritten, ".ipynb": _notebook}


def copy_files(app: Sphinx) -> None:
    """Copy what is shown into the (git-ignored) folders of the sources, and remove what is gone."""
    shown = {path for pattern in (*COPIED, *PAGES) for path in ROOT.glob(pattern) if path.suffix != ".pyc"}
    written = {_copy(path, Path(app.srcdir)) for path in shown}
    for folder in ("evidence/experiments", "evidence/benchmarks", "notebooks"):
        for file in (Path(app.srcdir) / folder).rglob("*.*"):
            if file not in written:
                file.unlink()


def _copy(path: Path, docs: Path) -> Path:
    name = path.relative_to(ROOT).as_posix()
    target = docs / str(in_site(name))
    translate = TRANSLATED.get(path.suffix)
    content = translate(path.read_text(), name).encode() if translate else path.read_bytes()
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists() or target.read_bytes() != content:
        target.write_bytes(content)
    return target


def translate_links(app: Sphinx, docname: str, source: list[str]) -> None:
    """Turn links to files of the repository into links to their pages."""
    file = Path(app.env.doc2path(docname)).relative_to(ROOT).as_posix()
    if in_site(file) and file.endswith(".md"):
        source[0] = rewritten(source[0], file)


def setup(app: Sphinx) -> dict[str, Any]:
    """Copy before the build; translate links when a page is read."""
    app.connect("builder-inited", copy_files)
    app.connect("source-read", translate_links)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
