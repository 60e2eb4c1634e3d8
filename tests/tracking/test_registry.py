"""The registry gives back the estimator, scores files with it, and says what it does not have."""

import contextlib
import os
import sqlite3
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import clvml
from clvml import tracking
from clvml.errors import InputError, TimeUnitError, TrackingError
from clvml.scoring import _customer_files as customer_files
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


@pytest.mark.parametrize("kind", ["parquet", "csv", "frame"])
def test_a_file_is_scored_as_the_estimator_would(kind, value_model, cdnow):
    customers = cdnow.sample(frac=1, random_state=0).set_axis([f"{i:05d}" for i in range(len(cdnow))])
    customers.index.name = "customer_id"
    customers.to_parquet("customers.parquet")
    customers.to_csv("customers.csv")
    source = customers if kind == "frame" else f"customers.{kind}"
    scored = registry.score_batch(URI, source, "scores.parquet", horizon="39", annual_discount_rate=0.0)
    expected = value_model.predict_factors(customers, horizon=39, annual_discount_rate=0.0)
    pd.testing.assert_frame_equal(scored, expected, check_exact=True)
    pd.testing.assert_frame_equal(pd.read_parquet("scores.parquet"), expected, check_exact=True)


def test_batches_make_no_difference(monkeypatch, store, cdnow):
    formula = store.written["repeat rate"].model_uri
    cdnow.reset_index().to_parquet("customers.parquet")
    monkeypatch.setattr(customer_files.read_batches, "__defaults__", (100,))
    registry.score_batch(formula, "customers.parquet", "scores.csv")
    scored = pd.read_csv("scores.csv").set_index("customer_id")
    expected = clvml.RepeatRateValue(horizon=39).fit(cdnow).predict_factors(cdnow)
    pd.testing.assert_frame_equal(scored, expected, check_exact=True)


def test_days_are_refused_by_a_model_in_weeks_also_from_a_file(cdnow):
    clvml.convert_time_unit(cdnow, "D").to_parquet("days.parquet")
    with pytest.raises(TimeUnitError, match="convert_time_unit"):
        registry.score_batch(URI, "days.parquet", "scores.parquet")


def test_a_failure_late_in_the_file_leaves_the_older_scores_and_nothing_half_written(monkeypatch, cdnow):
    customers = cdnow.copy()
    customers.iloc[-1, customers.columns.get_loc("frequency")] = -1.0
    customers.to_parquet("customers.parquet")
    Path("scores.parquet").write_text("older")
    monkeypatch.setattr(customer_files.read_batches, "__defaults__", (100,))
    with pytest.raises(InputError, match="negative frequency"):
        registry.score_batch(URI, "customers.parquet", "scores.parquet", overwrite=True)
    assert sorted(os.listdir()) == ["customers.parquet", "scores.parquet"]
    assert Path("scores.parquet").read_text() == "older"


def test_bad_files_are_one_sentence(monkeypatch, cdnow):
    monkeypatch.setattr(customer_files.read_batches, "__defaults__", (100,))
    customers = cdnow.iloc[:300]
    doubled = pd.concat([customers, customers.iloc[:1]])
    doubled.to_parquet("doubled.parquet")
    customers.assign(customer_id=np.nan).to_csv("without.csv", index=False)
    customers.reset_index(drop=True).to_parquet("anonymous.parquet")
    customers.drop(columns="T").to_csv("lacking.csv")
    customers.iloc[:0].to_parquet("empty.parquet")
    for name in ("broken.parquet", "zero.csv"):
        Path(name).touch()
    cases = {
        "doubled.parquet": "repeat the id",
        "without.csv": "no customer_id",
        "anonymous.parquet": "have no ids",
        "lacking.csv": "lacks 'T'",
        "empty.parquet": "empty",
        "broken.parquet": "cannot be read as Parquet",
        "zero.csv": "cannot be read as CSV",
        "absent.csv": "no file",
        "customers.xlsx": "no file",
    }
    for name, sentence in cases.items():
        with pytest.raises(InputError, match=sentence):
            registry.score_batch(URI, name, "scores.csv")
    with pytest.raises(InputError, match="end the name"):
        registry.score_batch(URI, customers, "scores.txt")
    assert not os.path.exists("scores.csv")


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
