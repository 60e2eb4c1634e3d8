"""A model's folder is all that its environment needs: clvml, which is on no index, travels with it."""

import base64
import hashlib
import importlib.metadata
import io
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

import clvml
from clvml.scoring import request_table
from clvml.tracking import _wheel, flavor
from clvml.tracking._connection import quiet
from clvml.tracking._wheel import NEEDS, travelling_wheel

FRESH = "CLVML_TEST_FRESH_ENVIRONMENT"  # set it to build an environment from a model's folder: minutes
OTHERS = ("mlflow", "matplotlib", "typer", "lifetimes", "pydantic", "openpyxl", "pyarrow", "hypothesis")


@pytest.fixture(scope="module")
def saved(tmp_path_factory, value_model, cdnow):
    """A model's folder elsewhere, and its customers beside it."""
    folder = tmp_path_factory.mktemp("elsewhere")
    with quiet():
        flavor.save_model(value_model, folder / "model", input_example=cdnow)
    table = request_table(value_model, cdnow).to_dict(orient="split", index=False)
    (folder / "customers.json").write_text(json.dumps(table))
    return folder


def wheel_in(folder: Path) -> Path:
    (found,) = (folder / "code").glob("*.whl")
    return found


def test_the_requirements_name_the_wheel_and_never_clvml_on_an_index(saved):
    for name in ("requirements.txt", "conda.yaml"):
        text = (saved / "model" / name).read_text()
        assert f"code/{wheel_in(saved / 'model').name}" in text
        assert not re.search(r"^\W*clvml\b", text, re.MULTILINE)
    pinned = (saved / "model" / "requirements.txt").read_text().split()
    assert {line.partition("==")[0] for line in pinned if "==" in line} == {"mlflow", *NEEDS}


def test_a_model_of_another_package_pins_that_too(cdnow):
    lines = flavor.requirements(clvml.LifetimesValue(horizon=39).fit(cdnow))
    assert any(re.match("lifetimes==", line, re.IGNORECASE) for line in lines)


def test_the_wheel_holds_the_imported_package_and_a_record_of_it(saved):
    package = Path(clvml.__file__).parent
    expected = {
        f"clvml/{path.relative_to(package).as_posix()}": path.read_bytes()
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel_in(saved / "model")) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    info = f"clvml-{clvml.__version__}.dist-info"
    assert {name: data for name, data in content.items() if name.startswith("clvml/")} == expected
    assert {f"{info}/METADATA", f"{info}/WHEEL", f"{info}/licenses/LICENSE"} <= set(content)
    recorded = dict(line.split(",", 1) for line in content.pop(f"{info}/RECORD").decode().splitlines())
    assert recorded.pop(f"{info}/RECORD") == ","
    assert recorded == {
        name: "sha256="
        + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        + f",{len(data)}"
        for name, data in content.items()
    }


def test_equal_sources_give_equal_bytes_and_others_another_name(monkeypatch):
    again = travelling_wheel.__wrapped__()
    assert again == travelling_wheel()
    assert len(again.content) < 2_000_000
    real = _wheel._files
    monkeypatch.setattr(_wheel, "_files", lambda *args: [*real(*args), ("clvml/more.py", b"")])
    assert travelling_wheel.__wrapped__().name != again.name


def test_the_metadata_need_what_scoring_imports_in_the_versions_that_clvml_supports():
    with zipfile.ZipFile(io.BytesIO(travelling_wheel().content)) as archive:
        metadata = archive.read(f"clvml-{clvml.__version__}.dist-info/METADATA").decode()
    needed = re.findall(r"^Requires-Dist: (.*)$", metadata, re.MULTILINE)
    assert set(needed) <= set(importlib.metadata.requires("clvml"))
    assert [re.match(r"[\w-]+", line)[0] for line in needed] == list(NEEDS)


SCORE = """
import sys, json
folder, target, packages, others = sys.argv[1:5]
sys.path[:0] = [target, packages]

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in others.split(","):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
import clvml, pandas as pd
from clvml.scoring import load_with_card, read_request, score
assert clvml.__file__.startswith(target), clvml.__file__
with open(f"{folder}/customers.json") as file:
    table = pd.DataFrame(**json.load(file))
model, card = load_with_card(f"{folder}/model/data")
request = read_request(model, table)
scores = score(model, request.customers)
print(json.dumps([card.n_customers, *(scores[name].map(float.hex).tolist() for name in scores)]))
"""


def test_the_installed_wheel_scores_to_the_last_bit_with_its_needs_alone(saved, tmp_path, value_model, cdnow):
    """No site-packages of an editable clvml, no other dependency, another working folder."""
    target = tmp_path / "installed"
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", str(target)]
    subprocess.run([*pip, str(wheel_in(saved / "model"))], check=True, cwd=tmp_path)
    arguments = [str(saved), str(target), sysconfig.get_path("purelib"), ",".join(OTHERS)]
    said = subprocess.check_output(
        [sys.executable, "-I", "-S", "-c", SCORE, *arguments], text=True, cwd=tmp_path
    )
    expected = value_model.predict_factors(cdnow)
    n_customers, *columns = json.loads(said)
    assert n_customers == len(cdnow)
    assert columns == [expected[name].map(float.hex).tolist() for name in expected]


SERVED = """
import sys, json
import mlflow.pyfunc, clvml, pandas as pd
with open("customers.json") as file:
    table = pd.DataFrame(**json.load(file))
scores = mlflow.pyfunc.load_model("model").predict(table).drop(columns="customer_id")
print(clvml.__file__)
print(json.dumps([scores[name].map(float.hex).tolist() for name in scores]))
"""


@pytest.mark.skipif(FRESH not in os.environ, reason=f"builds an environment, in minutes: set {FRESH}=1")
def test_an_environment_from_the_folder_alone_serves_the_same_numbers(saved, tmp_path, value_model, cdnow):
    shutil.copytree(saved, tmp_path / "alone")
    alone, python = tmp_path / "alone", tmp_path / "venv" / "bin" / "python"
    kept = {key: value for key, value in os.environ.items() if key in ("HOME", "PATH") or "PIP" in key}
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True, env=kept)
    for command in (["install", "-q", "-r", "requirements.txt"], ["check"]):
        subprocess.run([python, "-m", "pip", *command], check=True, env=kept, cwd=alone / "model")
    where, numbers = subprocess.check_output(
        [python, "-c", SERVED], text=True, env=kept, cwd=alone
    ).splitlines()[-2:]
    expected = value_model.predict_factors(cdnow)
    assert Path(where).is_relative_to(tmp_path / "venv")
    assert json.loads(numbers) == [expected[name].map(float.hex).tolist() for name in expected]
