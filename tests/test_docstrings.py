"""Docstrings of public names: what the site and ``help()`` show of each is complete, true and runs."""

import ast
import builtins
import dataclasses
import doctest
import importlib
import inspect
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from numpydoc.docscrape import get_doc_object
from numpydoc.validate import validate

import clvml

ROOMS = (
    "errors",
    "models",
    "inference",
    "distributions",
    "diagnostics",
    "evaluation",
    "lifetime_value",
    "lifetime_value.formulas",
    "lifetime_value.economics",
    "lifetime_value.learned",
    "customers",
    "customer_base",
    "segments.grouping",
    "segments.judging",
    "segments.acting",
    "treatments",
    "compat.lifetimes",
    "plots",
    "workflow",
    "tracking",
    "scoring",
    "survey",
    "survey.perceived_value",
    "survey.satisfaction",
    "monitoring",
    "serving",
    "commands",
)
# numpydoc's checks that are no rule here: layout that ruff checks (GL01 to GL03), style (SS05, SS06),
# an extended summary where one line says it all (ES01), headings that only methods have (YD01); PR01 is
# checked below, as the fields of results are Attributes.
EXEMPT = {"GL01", "GL02", "GL03", "SS05", "SS06", "ES01", "YD01", "PR01", "PR02", "RT02"}
DOCS = Path(__file__).parents[1] / "docs"
CONSTANTS = {"METRICS", "OUTLOOK", "CONTENDERS", "app"}
ROLE = re.compile(r":(?:class|func|meth|mod|obj|data):`~?(?P<target>clvml[\w.]*)`")


def public_names() -> dict[str, object]:
    """Each public object once, under its shortest name."""
    found: dict[int, tuple[str, object]] = {}
    for module in (clvml, *(importlib.import_module(f"clvml.{room}") for room in ROOMS)):
        for name in getattr(module, "__all__", dir(module)):
            value = getattr(module, name)
            if module is clvml.errors and not (inspect.isclass(value) and issubclass(value, Exception)):
                continue
            if not isinstance(value, ModuleType):
                found.setdefault(id(value), (f"{module.__name__}.{name}", value))
    return dict(found.values())


NAMES = public_names()
DOCUMENTED = sorted(name for name in NAMES if name.rpartition(".")[2] not in CONSTANTS)


def exists(path: str) -> bool:
    """Whether a dotted path names a public object, or an attribute of one."""
    value: object = clvml
    for part in path.split(".")[1:]:
        names = getattr(value, "__all__", None)
        if part.startswith("_") or (isinstance(value, ModuleType) and names and part not in names):
            return False
        if not hasattr(value, part):
            return False
        value = getattr(value, part)
    return True


def shortest(path: str) -> str:
    """The name under which the reference lists a public object."""
    value: object = clvml
    for part in path.split(".")[1:]:
        value = getattr(value, part)
    return next((name for name, known in NAMES.items() if known is value), path)


def examples(docstring: str) -> list[ast.Module]:
    return [ast.parse(example.source) for example in doctest.DocTestParser().get_examples(docstring)]


def names_in(trees: list[ast.Module]) -> tuple[set[str], set[str]]:
    """What examples bind, and what they use."""
    bound, used = set(), set()
    for node in (node for tree in trees for node in ast.walk(tree)):
        match node:
            case ast.Name(ctx=ast.Load()):
                used.add(node.id)
            case ast.Name():
                bound.add(node.id)
            case ast.FunctionDef() | ast.ClassDef():
                bound.add(node.name)
            case ast.arg():
                bound.add(node.arg)
            case ast.alias():
                bound.add((node.asname or node.name).partition(".")[0])
            case ast.ExceptHandler(name=str()):
                bound.add(node.name)
    return bound, used


def documented(name: str) -> set[str]:
    """The parameters and attributes that a docstring lists; ``a, b : float`` are two."""
    doc = get_doc_object(NAMES[name])
    listed = [*doc["Parameters"], *doc["Other Parameters"], *doc["Attributes"]]
    return {part.strip().lstrip("*") for entry in listed for part in entry.name.split(",")}


def parameters(value: object) -> set[str]:
    """The parameters of a callable; those of a protocol are of no interest."""
    if getattr(value, "_is_protocol", False):
        return set()
    if dataclasses.is_dataclass(value):
        return {field.name for field in dataclasses.fields(value) if not field.name.startswith("_")}
    try:
        return set(inspect.signature(value).parameters) - {"args", "kwargs"}  # type: ignore[arg-type]
    except ValueError:  # a built-in exception's
        return set()


@pytest.mark.parametrize("name", DOCUMENTED)
def test_the_docstring_of_a_public_name_is_complete(name):
    found = [f"{code} {message}" for code, message in validate(name)["errors"] if code not in EXEMPT]
    assert not found


@pytest.mark.parametrize("name", DOCUMENTED)
def test_the_parameters_of_a_public_name_are_documented(name):
    missing = parameters(NAMES[name]) - documented(name)
    assert not missing, f"{name} does not document {sorted(missing)}"


@pytest.mark.parametrize("name", DOCUMENTED)
def test_a_documented_parameter_is_one_of_the_signature(name):
    listed = {
        part.strip().lstrip("*")
        for entry in get_doc_object(NAMES[name])["Parameters"]
        for part in entry.name.split(",")
    }
    unknown = listed - parameters(NAMES[name])
    assert not unknown, f"{name} documents {sorted(unknown)}, which it does not take"


@pytest.mark.parametrize("name", DOCUMENTED)
def test_what_to_use_next_is_public(name):
    doc = get_doc_object(NAMES[name])
    next_names = [target for group, *_ in doc["See Also"] for target, _ in group]
    roles = [match["target"] for match in ROLE.finditer(inspect.getdoc(NAMES[name]) or "")]
    for target in (*next_names, *roles):
        assert exists(target), f"{name} points to {target}, which does not exist"
    for target in next_names:
        assert target == shortest(target), (
            f"{name} points to {target}; the reference lists {shortest(target)}"
        )
        assert target != name, f"{name} points to itself"


def assigned_docstrings(source: str) -> Iterator[str]:
    """The constants of a module that are followed by a docstring."""
    body = ast.parse(source).body
    for before, after in itertools.pairwise(body):
        is_docstring = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
        if isinstance(before, ast.Assign) and is_docstring:
            yield ast.unparse(before.targets[0])
        elif isinstance(before, ast.AnnAssign) and is_docstring:
            yield ast.unparse(before.target)


@pytest.mark.parametrize(
    ("module", "constant"),
    [
        ("clvml.evaluation._metrics", "METRICS"),
        ("clvml.lifetime_value._customer_outlook", "OUTLOOK"),
        ("clvml.workflow._contenders", "CONTENDERS"),
        ("clvml.commands._app", "app"),
    ],
)
def test_a_public_constant_has_a_docstring(module, constant):
    assert constant in set(assigned_docstrings(inspect.getsource(importlib.import_module(module))))


def methods() -> dict[str, object]:
    """The public methods of public classes, own and inherited from clvml, each once."""
    found = {}
    for kind in (NAMES[name] for name in DOCUMENTED if inspect.isclass(NAMES[name])):
        for name, member in inspect.getmembers(kind, inspect.isroutine):
            function = getattr(member, "__func__", member)
            if not name.startswith("_") and (getattr(function, "__module__", "") or "").startswith("clvml"):
                found.setdefault(f"{function.__module__}.{function.__qualname__}", function)
    return found


METHODS = methods()


@pytest.mark.parametrize("name", sorted(METHODS))
def test_a_method_of_a_public_class_says_what_it_does(name):
    listed = get_doc_object(METHODS[name])["Parameters"]
    known = set(inspect.signature(METHODS[name]).parameters)
    unknown = {part.strip().lstrip("*") for entry in listed for part in entry.name.split(",")} - known
    assert inspect.getdoc(METHODS[name]), f"{name} has no docstring"
    assert not unknown, f"{name} documents {sorted(unknown)}, which it does not take"


@pytest.mark.parametrize("name", [*DOCUMENTED, *sorted(METHODS)])
def test_an_example_runs_as_pasted(name):
    docstring = inspect.getdoc({**NAMES, **METHODS}[name]) or ""
    bound, used = names_in(examples(docstring))
    undefined = used - bound - set(dir(builtins))
    assert not undefined, f"the example of {name} uses {sorted(undefined)}, which it does not define"
    private = re.findall(r"\bclvml(?:\.\w+)*\._\w+", docstring)
    assert not private, f"the docstring of {name} names {private[0]}, which is private"


def test_the_map_of_the_package_has_every_public_name_once():
    listed = re.findall(r"(?<!`)`(\w+)`(?!`)", clvml.__doc__ or "")
    assert sorted(listed) == sorted(clvml.__all__)


def test_the_map_of_the_package_fits_a_screen_and_leads_to_pages_that_exist():
    text = clvml.__doc__ or ""
    pages = re.findall(r"\b(?:guide|coming_from)/\w+", text)
    assert len(text.splitlines()) < 60
    assert pages
    assert not [page for page in pages if not (DOCS / f"{page}.md").exists()]
