"""The registry gives back the estimator, and says what it does not have."""

import contextlib
import os
import sqlite3
from pathlib import Path

import pandas as pd
import pytest

import clvml
from clvml import tracking
from clvml.errors import TrackingError
from clvml.tracking import _registry as registry

URI = "models:/clv@champion"


@pytest.fixture(autouse=True)
def _in_store(store, monkeypatch, tmp_path):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store.uri)
    monkeypatch.chdir(tmp_path)


def test_the_registry_gives_the_champion_back_bit_for_bit(value_model, cdnow):
    loaded = registry.load(URI)
    assert type(loaded) is clvml.LifetimeValue
    pd.testing.assert_frame_equal(
        loaded.predict_factors(cdnow), value_model.predict_factors(cdnow), check_exact=True
    )


def test_the_champion_carries_its_alias_and_tags(store):
    version = registry.resolve(URI)
    assert version == store.written["BG/NBD x Gamma-Gamma"].registered
    assert version.aliases == ("champion",)
    assert version.tags["mae"] == "30.41"
    assert version.source == store.written["BG/NBD x Gamma-Gamma"].model_uri
    assert os.listdir() == []  # nothing is left in the current folder


def test_promotion_moves_the_alias(store):
    formula = store.written["repeat rate"].model_uri
    first = tracking.register(formula, "other", tags={"why": "test"})
    second = tracking.register(formula, "other", alias="challenger")
    assert (first.version, first.aliases, second.aliases) == (1, ("champion",), ("challenger",))
    tracking.promote("other", second.version)
    assert registry.resolve("models:/other@champion").version == second.version
    assert registry.resolve("models:/other/1").aliases == ()


@pytest.mark.parametrize(
    ("uri", "sentence"),
    [
        ("models:/nix@champion", r"no registered model 'nix' \(existing: .*clv"),
        ("models:/clv@nix", r"no alias 'nix' \(existing: champion\)"),
        ("models:/clv/99", r"no version 99 \(existing: 1\)"),
        ("models:/clv/x", "versions are integers"),
        ("models:/m-0123456789", "m-0123456789"),
        ("runs:/0123/model", "0123"),
        ("nowhere", "no model folder 'nowhere'"),
    ],
)
def test_a_model_that_does_not_exist_is_one_sentence(uri, sentence):
    with pytest.raises(TrackingError, match=sentence) as caught:
        registry.load(uri)
    assert "\n" not in str(caught.value)


def test_looking_for_a_model_makes_no_store(monkeypatch, tmp_path):
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    with pytest.raises(TrackingError, match=r"there is no MLflow database at .*clvml run"):
        registry.load(URI)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("kind", ["text", "database"])
def test_a_file_of_something_else_where_the_store_would_be_is_left_as_it_is(monkeypatch, kind):
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    if kind == "text":
        Path("mlflow.db").write_text("my notes on MLflow, long enough to be taken for a header" * 20)
    else:
        with contextlib.closing(sqlite3.connect("mlflow.db")) as database:
            database.execute("CREATE TABLE customers (name TEXT)")
            database.commit()
    before = Path("mlflow.db").read_bytes()
    sentence = {"text": "not an SQLite database", "database": "not an MLflow database"}[kind]
    with pytest.raises(TrackingError, match=rf"mlflow\.db is .*{sentence}.*keep the MLflow store in another"):
        tracking.register("runs:/1/model", "clv")
    assert Path("mlflow.db").read_bytes() == before
