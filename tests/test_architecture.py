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
KERNELS = (
    "beta_discrete_weibull",
    "bgbb",
    "bgcnbd",
    "bgnbd",
    "gamma_gamma",
    "lognormal_spend",
    "mbgnbd",
    "pareto_nbd",
    "shifted_beta_geometric",
)
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
    "survey",
    "treatments",
    "customer_base",
    "plots",
    "scoring",
    "tracking",
    "monitoring",
    "serving",
    "workflow",
    "commands",
]


# Rooms within a room, and the order in which they may import each other.
INNER_ORDERS = {"segments": ["grouping", "judging", "acting"], "survey": ["perceived_value", "satisfaction"]}
DRAWING = ["plots", "workflow"]  # the rooms that make figures, or ask for them
ADAPTERS = [("tracking", "_record_files.py"), ("tracking", "_comparison_figures.py")]  # figures in MLflow
COMPUTING = [room for room in ORDER if room not in DRAWING]
FREE_OF_MLFLOW = [room for room in ORDER if room not in ("tracking", "workflow", "commands")]


def imports(path: Path) -> set[str]:
    """The dotted names that a module imports, wherever in it: ``from a.b import c`` is ``a.b.c``."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


def imported_folders(path: Path) -> set[str]:
    return {name.split(".")[1] for name in imports(path) if name.startswith("clvml.")} & set(ORDER)


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


@pytest.mark.parametrize("room", INNER_ORDERS)
def test_rooms_within_a_room_import_one_way(room):
    order = INNER_ORDERS[room]
    assert sorted(p.parent.name for p in (PACKAGE / room).glob("*/__init__.py")) == sorted(order)
    for place, inner in enumerate(order):
        for path in (PACKAGE / room / inner).rglob("*.py"):
            parts = {name.split(".")[2] for name in imports(path) if name.startswith(f"clvml.{room}.")}
            rooms = {part for part in parts if not part.startswith("_")}  # such modules serve all of them
            assert rooms <= {*order[: place + 1]}, f"{path.name} imports {rooms}"


@pytest.mark.parametrize("room", COMPUTING)
def test_a_computing_room_draws_nothing_and_prints_nothing(room):
    """MLflow's adapter closes the figures that it stores; apart from it nothing knows of matplotlib."""
    for path in (PACKAGE / room).rglob("*.py"):
        drawing = {n for n in imports(path) if n.split(".")[0] == "matplotlib" or n.startswith("clvml.plots")}
        assert not drawing or path.relative_to(PACKAGE).parts in ADAPTERS, path
        calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        assert "print" not in {func.id for func in calls if isinstance(func, ast.Name)}, path


@pytest.mark.parametrize("room", FREE_OF_MLFLOW)
def test_only_tracking_and_the_workflow_know_mlflow(room):
    for path in (PACKAGE / room).rglob("*.py"):
        assert not {name for name in imports(path) if name.split(".")[0] == "mlflow"}, path


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


# What SQL of DuckDB no other engine understands; the rest of the house writes what both speak.
DIALECT = re.compile(r"import duckdb|epoch_us|try_strptime|regexp_\w+\(|\btimezone\('|isfinite\(\{")


def test_one_package_knows_the_engine_and_its_dialect():
    knows = {p.relative_to(PACKAGE).parts[:2] for p in PACKAGE.rglob("*.py") if DIALECT.search(p.read_text())}
    assert knows == {("customers", "engines")}


@pytest.mark.parametrize(
    "room", ["lifetime_value", "segments", "evaluation", "diagnostics", "workflow", "customer_base"]
)
def test_rooms_that_read_transactions_take_aggregates_not_rows(room):
    # scoring reads customers in batches, and so is not among them.
    lines = [line for p in (PACKAGE / room).rglob("*.py") for line in p.read_text().splitlines()]
    assert [line for line in lines if ".to_pandas()" in line and ">>>" not in line] == []
