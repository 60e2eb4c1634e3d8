"""The house: imports run one way through the folders, and importing clvml is cheap."""

import ast
import importlib
import json
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import clvml

PACKAGE = Path(clvml.__file__).parent
ROOT = Path(__file__).parents[1]
USER_FACING = [
    ROOT / "README.md",
    *sorted(ROOT.glob("notebooks/*.ipynb")),
    *sorted(ROOT.glob("experiments/**/*.py")),
    *sorted(ROOT.glob("experiments/**/*.md")),
]
KERNELS = ("bgbb", "bgnbd", "gamma_gamma", "mbgnbd", "pareto_nbd", "shifted_beta_geometric")
PACKAGES = sorted(
    ".".join(p.parent.relative_to(PACKAGE).parts) for p in PACKAGE.rglob("__init__.py") if p.parent != PACKAGE
)
ORDER = [
    "inference",
    "customers",
    "distributions",
    "models",
    "compat",
    "lifetime_value",
    "diagnostics",
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


PUBLIC_MODULES = {
    "clvml.errors",
    "clvml.files",
    "clvml.tracking.flavor",
    *(f"clvml.distributions.{name}" for name in KERNELS),
}


def test_a_module_is_a_sub_package_with_a_stub_or_private_or_a_kernel():
    for module in pkgutil.walk_packages(clvml.__path__, "clvml."):
        name = module.name.rpartition(".")[2]
        if module.ispkg:
            assert (PACKAGE.parent / module.name.replace(".", "/") / "__init__.pyi").exists(), module.name
        else:
            assert name.startswith("_") or module.name in PUBLIC_MODULES, module.name


@pytest.mark.parametrize("package", [clvml.__name__, *(f"clvml.{p}" for p in PACKAGES)])
def test_a_package_has_a_docstring_and_every_name_that_it_offers_exists(package):
    module = importlib.import_module(package)
    assert len(module.__doc__) > 20
    assert module.__all__
    for name in module.__all__:
        assert not name.startswith("_") or name == "__version__"
        assert getattr(module, name) is not None


def private_imports(source: str) -> list[str]:
    """Dotted names of clvml with a private part that a source imports, or loads as an attribute."""
    return re.findall(r"\bclvml(?:\.\w+)*\._\w+[\w.]*", source)


@pytest.mark.parametrize("path", USER_FACING, ids=lambda path: str(path.relative_to(ROOT)))
def test_readme_notebooks_and_experiments_use_public_names_only(path):
    text = path.read_text()
    if path.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    assert private_imports(text) == []
