"""The notebooks run, show what they show when run again, and define nothing.

What a cell printed is compared as text between its numbers, spaces aside, and as numbers where it has
numbers: whole ones are equal, others differ by no more than one in the last printed decimal or in 10,000.
"""

import ast
import re

import nbformat
import pytest

from notebooks import FOLDER, execute

PATHS = sorted(FOLDER.glob("*.ipynb"))
DATA_ARE_HERE = any((folder / "shared" / "data").is_dir() for folder in FOLDER.parents)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def is_outside(cell):
    """Whether the cell reads data that no clone has: it then says so, and its tables are not there."""
    return "outside-data" in cell.metadata.get("tags", [])


NUMBER = re.compile(
    r"(?<![\w.])[-+]?"  # a sign, unless it joins words, as in dates
    r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.(?P<decimals>\d+))?(?:e(?P<exponent>[-+]?\d+))?"
)
RELATIVE = 1e-4


def printed(cell):
    """What a cell printed, without the addresses of objects."""
    text = "".join(out.get("text") or out.get("data", {}).get("text/plain", "") for out in cell.outputs)
    return re.sub(r"0x[0-9a-f]+", "", text)


def tolerance(number):
    """One in the last decimal or in 10,000, whichever is more; nothing for a whole number."""
    if not number["decimals"]:
        return 0.0
    last = 10.0 ** (int(number["exponent"] or 0) - len(number["decimals"]))
    return max(1.001 * last, RELATIVE * abs(value(number)))


def value(number):
    return float(number[0].replace(",", ""))


def differences(before, after):
    """Texts and numbers of the first that the second does not show, each beside what it shows."""
    texts = [" ".join(NUMBER.sub(" # ", text).split()) for text in (before, after)]
    if texts[0] != texts[1]:
        return [texts]
    pairs = zip(NUMBER.finditer(before), NUMBER.finditer(after), strict=True)
    return [(a[0], b[0]) for a, b in pairs if abs(value(a) - value(b)) > tolerance(a)]


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


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a -0.0 b", "a   0.0 b"),
        ("r 0.24259 0", "r  0.24260 -0"),
        ("total 71,508", "total 71508"),
        ("1.23457e-05", "1.23458e-05"),
        ("until 1997-09-30", "until  1997-09-30"),
        ("1653.408724", "1653.5"),
    ],
)
def test_what_rounds_otherwise_on_another_machine_is_the_same(before, after):
    cells = [
        nbformat.v4.new_code_cell(outputs=[nbformat.v4.new_output("stream", text=t)]) for t in (before, after)
    ]
    assert differences(*map(printed, cells)) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("customer 1516", "customer 1517"),
        ("0.2426", "0.2428"),
        ("0.2426", "-0.2426"),
        ("1653.4", "1653.7"),
        ("2,357 customers", "2,357 buyers"),
        ("1 2", "1 2 3"),
        ("1.5 True", "1.5 False"),
        ("1.0", "nan"),
        ("1.234e-05", "1.234e-06"),
        ("1e-05", "2e-05"),
        ("1997-09-30", "1997-09-29"),
    ],
)
def test_other_numbers_and_other_words_are_noticed(before, after):
    assert differences(before, after)
