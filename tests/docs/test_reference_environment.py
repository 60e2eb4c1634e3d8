"""The page of environment variables has each that the code names, and says what its default is."""

import re

import pytest
import reference_environment
from environment_variables import variables_in, variables_in_code

from clvml._secrets import VARIABLES as SECRETS
from clvml.serving._settings import TOKEN_VARIABLE
from clvml.tracking._connection import DEFAULTS


@pytest.fixture(scope="module")
def page():
    return reference_environment.environment_page()


def test_each_variable_that_the_code_names_is_on_the_page_once(page):
    shown = re.findall(r"^\.\. envvar:: (\w+)$", page, re.MULTILINE)
    assert len(shown) == len(set(shown))
    named = {TOKEN_VARIABLE, *SECRETS, *DEFAULTS, "JAVA_HOME", "MASTER", "ARROW_DEFAULT_MEMORY_POOL"}
    assert named <= set(variables_in_code()) <= set(shown)


def test_defaults_on_the_page_are_those_of_the_connection(page):
    for name, default in DEFAULTS.items():
        text = page.partition(f".. envvar:: {name}\n")[2].partition(".. envvar::")[0]
        assert f"clvml's default: ``{default}``" in text


def test_variables_of_mlflow_on_the_page_exist_in_the_installed_mlflow(page):
    import mlflow.environment_variables as known

    shown = re.findall(r"^\.\. envvar:: (MLFLOW_\w+)$", page, re.MULTILINE)
    assert [name for name in shown if not hasattr(known, name)] == []


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("os.environ['HOME']", {"HOME"}),
        ("os.environ.setdefault('COLUMNS', '80')", {"COLUMNS"}),
        ("'MASTER' in os.environ", {"MASTER"}),
        ("TOKEN = 'CLVML_TOKEN'", {"CLVML_TOKEN"}),
        ("values['HOME'] = 'COLUMNS'", set()),
        ("code = 'PERMISSION_DENIED'", set()),
    ],
)
def test_variables_are_found_in_the_code(source, names):
    assert variables_in(source) == names


def test_a_variable_that_the_page_lacks_stops_the_build_and_says_where():
    groups = reference_environment.read_groups()
    with pytest.raises(ValueError, match=r"environment\.toml: CLVML_COLOUR, which clvml/a\.py names"):
        reference_environment.check(groups, {"CLVML_COLOUR": "clvml/a.py"})
    with pytest.raises(ValueError, match=r"environment\.toml: CLVML_TOKEN is in two groups"):
        reference_environment.check([*groups, groups[0]], {})
