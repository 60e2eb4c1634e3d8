"""What users saved with an earlier release loads, and answers the same to twelve digits, for ever."""

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden.questions import (
    ANSWERS,
    FOLDER,
    QUESTIONS,
    WRONG,
    model_files,
    names_in,
    plain,
    read_table,
    request_for,
    translated,
)

from clvml.scoring import load_model_folder as load_model_file

# The one place that says where models are read: keep it in step with clvml, and change nothing below.
from clvml.tracking.flavor import load_model as load_mlflow_model

SAME = 1e-12
RELEASES = sorted(path.parent for path in FOLDER.glob("*/names.json"))
SAVED = {f"{folder.name}/{name}": path for folder in RELEASES for name, path in model_files(folder).items()}
AS_MLFLOW = [name for name, path in SAVED.items() if path.name == "model.json"]


def stored_answers(name: str) -> dict[str, Any]:
    stored: dict[str, Any] = json.loads((FOLDER / f"{name}{ANSWERS}").read_text(encoding="utf-8"))
    return stored


DRAWING = [name for name in SAVED if "seeded" in stored_answers(name)]


@pytest.fixture(scope="module")
def pyfunc():
    """MLflow, which warns about its own type hints while it is imported."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow.pyfunc
    return mlflow.pyfunc


@pytest.mark.parametrize("name", SAVED)
def test_a_saved_model_answers_the_same_to_twelve_digits(name):
    check_answers(name, "answers")


@pytest.mark.parametrize("name", DRAWING)
def test_a_saved_model_draws_the_same_from_the_same_random_state(name):
    check_answers(name, "seeded")


@pytest.mark.parametrize("name", AS_MLFLOW)
def test_a_saved_mlflow_model_is_served_with_the_same_numbers(name, pyfunc):
    stored, folder = stored_answers(name), FOLDER / name
    request = request_for(folder, read_table(folder.parent, stored["table"], stored["time_unit"]))
    served = pyfunc.load_model(str(folder)).predict(request)
    assert_same(plain(served, request), translated(stored["served"]["as asked of a server"]), name)


@pytest.mark.parametrize("release", RELEASES, ids=lambda folder: folder.name)
def test_the_saved_models_hold_the_classes_that_the_release_knew(release: Path):
    """A file that goes missing takes its class along; what is listed is what a reader must know."""
    assert names_in(release) == json.loads((release / "names.json").read_text(encoding="utf-8"))


def check_answers(name: str, group: str) -> None:
    stored, path = stored_answers(name), SAVED[name]
    model = load_mlflow_model(path.parents[1]) if name in AS_MLFLOW else load_model_file(path)
    table = read_table((FOLDER / name).parent, stored["table"], stored["time_unit"])
    for question, answer in stored[group].items():
        found, expected = plain(QUESTIONS[question](model, table), table), translated(answer)
        for part in WRONG.get((name, question), ()):
            assert found.pop(part) != expected.pop(part), f"{part} was wrong, and is no longer asked for"
        assert_same(found, expected, question)


def assert_same(answer: Any, stored: Any, where: str) -> None:
    """Equal, and numbers equal to twelve digits."""
    if isinstance(stored, dict):
        assert isinstance(answer, dict), where
        assert list(answer) == list(stored), where
        for key, value in stored.items():
            assert_same(answer[key], value, f"{where}: {key}")
    elif isinstance(stored, list) and not all(isinstance(item, float) for item in stored):
        assert len(answer) == len(stored), where
        for place, item in enumerate(stored):
            assert_same(answer[place], item, f"{where}[{place}]")
    elif isinstance(stored, list | float):
        np.testing.assert_allclose(answer, stored, rtol=SAME, atol=0, err_msg=where)
    else:
        assert answer == stored, where
