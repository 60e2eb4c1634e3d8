"""The notebooks run, show what they show when run again, and define nothing."""

import ast
import re

import nbformat
import pytest
from printed import differences

from notebooks import FOLDER, execute

PATHS = sorted(FOLDER.glob("*.ipynb"))
DATA_ARE_HERE = any((folder / "shared" / "data").is_dir() for folder in FOLDER.parents)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def is_outside(cell):
    """Whether the cell reads data that no clone has: it then says so, and its tables are not there."""
    return "outside-data" in cell.metadata.get("tags", [])


def printed(cell):
    """What a cell printed, without the addresses of objects."""
    text = "".join(out.get("text") or out.get("data", {}).get("text/plain", "") for out in cell.outputs)
    return re.sub(r"0x[0-9a-f]+", "", text)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_executed_and_runs_again_to_the_same_tables(path):
    committed = nbformat.read(path, as_version=4)
    assert all(cell.execution_count for cell in code_cells(committed))
    again = execute(path)
    for before, after in zip(code_cells(committed), code_cells(again), strict=True):
        if is_outside(before) and not DATA_ARE_HERE:
            assert printed(after).endswith("is not here: skipped\n")
        else:
            assert differences(printed(before), printed(after)) == []


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_notebook_calls_clvml_and_defines_no_functions(path):
    source = "\n".join(cell.source for cell in code_cells(nbformat.read(path, as_version=4)))
    defined = (ast.FunctionDef, ast.ClassDef, ast.Lambda)
    assert not [node for node in ast.walk(ast.parse(source)) if isinstance(node, defined)]
    assert "import clvml" in source
