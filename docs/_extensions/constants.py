"""Docstrings of public constants: the text below the assignment, in the module that the stub names."""

import ast
import importlib
import itertools
import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx


def docstring_of(path: str) -> str:
    """The text below the assignment of ``clvml.evaluation.METRICS`` and the like; empty if there is none."""
    package, _, name = path.rpartition(".")
    stub = Path(str(importlib.import_module(package).__file__)).with_suffix(".pyi")
    module = re.search(rf"^from ([\w.]+) import {name} as {name}$", stub.read_text(), re.MULTILINE)
    if not module:
        return ""
    source = importlib.import_module(module[1], package).__file__
    body = ast.parse(Path(str(source)).read_text()).body
    for assignment, text in itertools.pairwise(body):
        target = getattr(assignment, "targets", [getattr(assignment, "target", None)])[0]
        if isinstance(target, ast.Name) and target.id == name and isinstance(text, ast.Expr):
            return str(ast.literal_eval(text.value))
    return ""


def describe(app: Sphinx, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    """Put the docstring of a constant in place of that of its type."""
    if what == "data" and (text := docstring_of(name)):
        lines[:] = text.splitlines()


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("autodoc-process-docstring", describe, priority=400)  # before numpydoc
    return {"parallel_read_safe": True}
