"""The page for those who come from lifetimes names every public call of that package."""

import ast
import inspect

import nbformat
import pytest

from clvml.compat.lifetimes._bridge import COUNTERPARTS, quiet_lifetimes
from clvml.customers._datasets import _installed
from notebooks import FOLDER

NOT_FOR_USERS = {"coalesce", "forceAspect"}


@pytest.fixture(scope="module")
def page():
    cells = nbformat.read(FOLDER / "06_from_lifetimes.ipynb", as_version=4).cells
    return "\n".join(cell.source for cell in cells)


def public_calls():
    """Fitters and their methods, and the functions of the other modules."""
    with quiet_lifetimes() as lifetimes:
        from lifetimes import generate_data, plotting, utils

        fitters = [getattr(lifetimes, name) for name in COUNTERPARTS]
    methods = {name for fitter in fitters for name in dir(fitter) if not name.startswith("_")}
    functions = {
        name
        for module in (plotting, generate_data)
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__
    }
    return {*COUNTERPARTS, *methods, *functions, *utils.__all__, *datasets()} - NOT_FOR_USERS


def datasets():
    """Public loaders; the module is read, for current setuptools cannot import it."""
    tree = ast.parse(_installed("__init__.py").read_text())
    exported = next(node for node in tree.body if isinstance(node, ast.Assign))
    return ast.literal_eval(exported.value)


def test_every_public_call_of_lifetimes_is_on_the_page(page):
    calls = public_calls()
    assert len(calls) > 40
    assert sorted(name for name in calls if name not in page) == []
