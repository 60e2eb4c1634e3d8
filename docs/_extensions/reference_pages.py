"""The generated pages of the reference, one function each: written before a build, never committed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from reference_commands import commands_page
from reference_config import config_page
from reference_environment import environment_page
from reference_errors import errors_page
from reference_http import http_page
from reference_metrics import metrics_page
from reference_names import names_page
from reference_tables import tables_page
from sphinx.application import Sphinx

PAGES: dict[str, Callable[[], str]] = {
    "commands": commands_page,
    "config": config_page,
    "environment": environment_page,
    "names": names_page,
    "metrics": metrics_page,
    "tables": tables_page,
    "http": http_page,
    "errors": errors_page,
}


def write_pages(app: Sphinx) -> None:
    """Write each page that has changed, and remove what is no longer generated."""
    folder = Path(app.srcdir) / "reference"
    for old in folder.glob("*.rst"):
        if old.stem not in PAGES:
            old.unlink()
    for name, page in PAGES.items():
        write_if_changed(folder / f"{name}.rst", page())


def write_if_changed(file: Path, text: str) -> None:
    """Leave a file alone that has the text already, so that its page is not read again."""
    if not file.exists() or file.read_text() != text:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the pages before the build."""
    app.connect("builder-inited", write_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
