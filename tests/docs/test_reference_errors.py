"""The page of errors and warnings: every class of clvml is on it, and the shell does what the page says."""

import pytest
import reference_errors
from command_line import command_line_in
from public import names_in

import clvml.errors
from clvml.serving._refusals import RULES

CLASSES = [getattr(clvml.errors, name) for name in names_in(clvml.errors)]


@pytest.fixture
def clvml_in_a_shell(tmp_path):
    with command_line_in(tmp_path) as run:
        yield run


@pytest.mark.parametrize("error", CLASSES)
def test_each_class_says_what_it_means_and_what_to_do(error):
    facts = dict(reference_errors.facts(error))
    assert facts["Means"].endswith(".")
    assert reference_errors.REMEDY not in facts["Means"]
    assert len(facts["What to do"]) > 30
    assert error.__name__ in reference_errors.errors_page()


def test_the_page_names_the_built_in_class_that_other_code_catches():
    assert dict(reference_errors.facts(clvml.InputError))["Base classes"].endswith("``ValueError``")
    assert dict(reference_errors.facts(clvml.FitWarning))["Base classes"] == "``UserWarning``"


def test_a_command_that_fails_ends_with_the_status_of_the_page(clvml_in_a_shell):
    failed = clvml_in_a_shell("run", "--transactions", "no_such_file.csv", "--no-tracking")
    assert failed.stderr.startswith("clvml: error: ")
    assert f"Status {failed.exit_code}." == dict(reference_errors.facts(clvml.InputError))["Exit status"]


def test_a_failure_of_mlflow_is_a_tracking_error_in_the_shell(clvml_in_a_shell, tmp_path):
    (tmp_path / "file").write_text("")
    failed = clvml_in_a_shell("models", "shop", "--tracking-uri", "sqlite:///file/mlflow.db")
    status = dict(reference_errors.facts(clvml.TrackingError))["Exit status"]
    assert failed.stderr.startswith("clvml: error: ")
    assert status.startswith(f"Status {failed.exit_code}; 3 after")


@pytest.mark.parametrize(("error", "rule"), [("InputError", "customers"), ("TimeUnitError", "time_unit")])
def test_the_page_says_with_which_rule_the_service_answers(error, rule):
    facts = dict(reference_errors.facts(getattr(clvml.errors, error)))
    assert rule in RULES
    assert facts["Over HTTP"] == f"Status 422 with the rule ``{rule}``."
