"""Contenders of one's own: named in the config by an import path, or passed in Python."""

import sys

import mlflow
import pytest

import clvml
from clvml.errors import FitError, InputError
from clvml.workflow import Contender, load_config, run
from clvml.workflow._config import Config
from clvml.workflow._contenders import imported

MODULE = '''
import numpy as np, pandas as pd

class Oracle:
    """Knows the frequency; no estimator of clvml or scikit-learn."""
    required_columns = ("frequency",)

    def __init__(self, scale=1.0, breaks=False):
        self.scale, self.breaks = scale, breaks

    def fit(self, customers):
        self.time_unit_ = customers.attrs["time_unit"]
        return self

    def predict(self, customers, horizon=None, annual_discount_rate=None):
        value = self.scale * self.margin * (customers["frequency"] + 0.1)
        return (value * np.nan if self.breaks else value).rename("clv")

    def predict_factors(self, customers, horizon=None, annual_discount_rate=None):
        return self.predict(customers).to_frame()

def made(horizon, alpha):
    model = Oracle(scale=alpha)
    model.seen = horizon
    return model

class NoModel:
    pass

class NoFactors(Oracle):
    def predict_factors(self, customers, horizon=None, annual_discount_rate=None):
        return self.predict(customers).to_frame("value")

number = 3
'''


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a module of one's own, which is the current folder."""
    (tmp_path / "own_models.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def config_of(sales, here, contenders, **others) -> Config:
    overrides = {
        "data.source": str(sales),
        "models.contenders": contenders,
        "tracking.enabled": False,
        "output.folder": str(here / "out"),
    }
    return load_config(overrides=overrides | others)


def test_an_import_path_competes_beside_the_built_in_ones(sales, here):
    contenders = [
        "historic",
        "own_models:Oracle",
        {"model": "own_models:made", "id": "made", "title": "Made to order", "options": {"alpha": 3.0}},
        {"model": "own_models:Oracle", "id": "broken", "title": "Broken", "options": {"breaks": True}},
    ]
    found = run(config_of(sales, here, contenders))
    table, frequency = found.tables["comparison"], found.split.calibration["frequency"]
    assert list(table.index) == ["historic", "Oracle", "Made to order", "zero baseline"]
    assert table.loc["Oracle", "total"] == pytest.approx((frequency + 0.1).sum())
    assert table.loc["Made to order", "total"] == pytest.approx(3 * (frequency + 0.1).sum())
    assert set(table["family"]) == {"formula", "custom", "baseline"}
    assert list(found.comparison.models) == ["historic", "own_models:Oracle", "made", "zero"]
    assert "missing or infinite" in found.comparison.left_out["broken"]
    page = (found.folder / "report.html").read_text()
    assert "Left out: Broken, because the predictions of &#x27;broken&#x27; are missing or infinite" in page
    assert load_config(found.folder / "config.toml").models == found.config.models


def test_a_winner_of_ones_own_is_kept_in_mlflow_without_a_file_and_nothing_else_is_lost(sales, here):
    oracle = imported("own_models:Oracle")
    uri = f"sqlite:///{here / 'mlflow.db'}"
    config = config_of(sales, here, ["zero"], **{"tracking.enabled": True, "tracking.uri": uri})
    scaled = Contender("Scaled oracle", "custom", lambda **terms: with_terms(oracle(20.0), terms))
    found = run(config, contenders={"scaled": scaled, "oracle": oracle()})
    assert found.comparison.champion == "scaled"
    assert found.served.title == "Scaled oracle"
    assert not (found.folder / "model").exists()
    assert (found.folder / "segments" / "MLmodel").exists()
    page = (found.folder / "report.html").read_text()
    assert "clvml score" not in page
    assert "Passed as Python objects, not in config.toml: scaled, oracle." in page
    client = mlflow.MlflowClient(uri)
    experiment = client.get_experiment_by_name("sales_holdout").experiment_id
    runs = {entry.info.run_name: entry for entry in client.search_runs([experiment])}
    assert {entry.info.status for entry in runs.values()} == {"FINISHED"}
    assert runs["oracle"].data.metrics["rmse"] == found.comparison.table.loc["oracle", "rmse"]
    assert runs["oracle"].data.tags["contender"] == "oracle"
    assert not client.search_registered_models()  # segments follow their model, or are not registered
    assert runs["segments"].outputs.model_outputs


def with_terms(model, terms):
    for name, value in terms.items():
        setattr(model, name, value)
    return model


@pytest.fixture(autouse=True)
def _forget_own_models():
    yield
    sys.modules.pop("own_models", None)


@pytest.mark.parametrize(
    ("contender", "message"),
    [
        ("no_such_module:Model", r"'no_such_module:Model' cannot be imported \(ModuleNotFoundError"),
        ("own_models:Absent", r"own_models has no 'Absent'"),
        ("own_models:NoModel", r"'NoModel' has no method 'fit'"),
        ("own_models:number", r"'number' cannot be constructed: TypeError"),
        (
            {"model": "own_models:Oracle", "options": {"scal": 2}},
            r"'Oracle' cannot be constructed: TypeError.*scal",
        ),
        ({"model": "own_models:Oracle", "title": "historic"}, r"two contenders have the title 'historic'"),
        ({"model": "own_models:Oracle", "id": "historic"}, r"two contenders have the id 'historic'"),
    ],
)
def test_a_contender_that_cannot_be_made_is_refused_before_any_work(sales, here, contender, message):
    with pytest.raises(InputError, match=message):
        run(config_of(sales, here, ["historic", contender]))
    assert not (here / "out").exists()


def test_an_id_of_the_config_cannot_be_passed_in_python_too(sales, here):
    with pytest.raises(InputError, match="'historic' is in the config already"):
        run(config_of(sales, here, ["historic"]), contenders={"historic": clvml.HistoricValue(39)})


def test_a_champion_that_cannot_be_served_ends_in_one_sentence_and_the_comparison_is_kept(sales, here):
    with pytest.raises(
        FitError, match=r"the champion, NoFactors, cannot be fitted .*KeyError.* Leave it out"
    ):
        run(config_of(sales, here, ["own_models:NoFactors"]))
    assert (here / "out.unfinished" / "comparison.csv").exists()


def test_the_config_names_the_incumbent_and_an_unknown_one_is_refused_before_any_work(sales, here):
    contenders = ["historic", "total_spend"]
    with pytest.raises(InputError, match="incumbent is 'migration', which is not among the contenders"):
        run(config_of(sales, here, contenders, **{"comparison.incumbent": "migration"}))
    assert not (here / "out").exists()


def test_a_config_of_an_earlier_release_names_the_rule_of_thumb_by_its_old_id(sales, here):
    old = "total_customer_value"
    config = config_of(sales, here, ["historic", old], **{"comparison.incumbent": old})
    assert (config.models.contenders, config.comparison.incumbent) == (
        ("historic", "rule_of_thumb"),
        "rule_of_thumb",
    )
