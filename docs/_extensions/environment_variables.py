"""The environment variables that the code of clvml names: found in its sources."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import clvml

PREFIXES = re.compile(r"(CLVML|MLFLOW|PG|MYSQL|JAVA|PYSPARK|SPARK|ARROW)_?[A-Z0-9_]*[A-Z]")


def variables_in_code() -> dict[str, str]:
    """Each variable with the file that names it first."""
    root = Path(str(clvml.__file__)).parent
    found: dict[str, str] = {}
    for path in sorted(root.rglob("*.py")):
        for name in variables_in(path.read_text()):
            found.setdefault(name, path.relative_to(root.parent).as_posix())
    return found


def variables_in(source: str) -> set[str]:
    """The variables that a source names: in what it does with ``os.environ``, or as a text of a known prefix.

    Examples
    --------
    >>> sorted(variables_in('os.environ.get("HOME"); "MASTER" in os.environ; {"PGUSER": 1, "b": 2}'))
    ['HOME', 'MASTER', 'PGUSER']
    """
    return {
        text
        for node in ast.walk(ast.parse(source))
        for text, is_used in _texts(node)
        if is_used or PREFIXES.fullmatch(text)
    }


def _texts(node: ast.AST) -> Iterator[tuple[str, bool]]:
    """The texts of a node, and whether they are keys of the environment."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value, False
    for key in _environment_keys(node):
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            yield key.value, True


def _environment_keys(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.Call) and ast.unparse(node.func) in (
        "os.environ.get",
        "os.environ.setdefault",
        "os.environ.pop",
        "os.getenv",
    ):
        return node.args[:1]
    if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "os.environ":
        return [node.slice]
    if isinstance(node, ast.Compare) and ast.unparse(node.comparators[0]) == "os.environ":
        return [node.left]
    return []
