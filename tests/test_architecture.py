"""The house: imports run one way through the folders, and importing clvml is cheap."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import clvml

PACKAGE = Path(clvml.__file__).parent
ORDER = [
    "inference",
    "customers",
    "distributions",
    "models",
    "diagnostics",
    "compat",
    "lifetime_value",
    "evaluation",
    "segments",
    "plots",
    "scoring",
    "tracking",
    "workflow",
]


def imported_folders(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("clvml."):
            names.add(node.module.split(".")[1])
        if isinstance(node, ast.Import):
            names |= {a.name.split(".")[1] for a in node.names if a.name.startswith("clvml.")}
    return names & set(ORDER)


def test_every_folder_has_its_place_in_the_order():
    assert sorted(p.parent.name for p in PACKAGE.glob("*/__init__.py")) == sorted(ORDER)


@pytest.mark.parametrize("folder", ORDER)
def test_a_folder_imports_only_from_folders_above_it(folder):
    allowed = set(ORDER[: ORDER.index(folder) + 1])
    offences = {
        str(path.relative_to(PACKAGE)): imported_folders(path) - allowed
        for path in (PACKAGE / folder).rglob("*.py")
        if imported_folders(path) - allowed
    }
    assert offences == {}


def test_importing_clvml_loads_neither_mlflow_nor_matplotlib_nor_pandas():
    code = "import sys, clvml; print([m for m in ('mlflow', 'matplotlib', 'pandas') if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_the_models_load_neither_mlflow_nor_matplotlib():
    code = (
        "import sys, clvml; [getattr(clvml, name) for name in clvml.__all__];"
        "print([m for m in ('mlflow', 'matplotlib') if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


@pytest.mark.parametrize("name", clvml.__all__)
def test_every_public_name_exists_and_says_what_it_is(name):
    assert getattr(clvml, name).__doc__
