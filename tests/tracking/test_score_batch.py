"""A file of customers is scored as the estimator would, whole or not at all."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import clvml
from clvml.errors import InputError
from clvml.lifetime_value import OUTLOOK, customer_outlook
from clvml.scoring import _customer_files as customer_files
from clvml.tracking import score_batch

URI = "models:/clv@champion"


@pytest.fixture(autouse=True)
def _in_store(store, monkeypatch, tmp_path):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store.uri)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("kind", ["parquet", "csv", "frame"])
def test_a_file_is_scored_as_the_estimator_would(kind, value_model, cdnow):
    customers = cdnow.sample(frac=1, random_state=0).set_axis([f"{i:05d}" for i in range(len(cdnow))])
    customers.index.name = "customer_id"
    customers.to_parquet("customers.parquet")
    customers.to_csv("customers.csv")
    source = customers if kind == "frame" else f"customers.{kind}"
    scored = score_batch(URI, source, "scores.parquet", horizon="39", annual_discount_rate=0.0).read()
    expected = value_model.predict_factors(customers, horizon=39, annual_discount_rate=0.0)
    pd.testing.assert_frame_equal(scored, expected, check_exact=True)
    pd.testing.assert_frame_equal(pd.read_parquet("scores.parquet"), expected, check_exact=True)


def test_batches_make_no_difference(monkeypatch, store, cdnow):
    formula = store.written["repeat rate"].model_uri
    cdnow.reset_index().to_parquet("customers.parquet")
    monkeypatch.setattr(customer_files, "BATCH_ROWS", 100)
    score_batch(formula, "customers.parquet", "scores.csv")
    scored = pd.read_csv("scores.csv").set_index("customer_id")
    expected = clvml.RepeatRateValue(horizon=39).fit(cdnow).predict_factors(cdnow)
    pd.testing.assert_frame_equal(scored, expected, check_exact=True)


def test_a_failure_late_in_the_file_leaves_the_older_scores_and_nothing_half_written(monkeypatch, cdnow):
    customers = cdnow.copy()
    customers.iloc[-1, customers.columns.get_loc("frequency")] = -1.0
    customers.to_parquet("customers.parquet")
    Path("scores.parquet").write_text("older")
    monkeypatch.setattr(customer_files, "BATCH_ROWS", 100)
    with pytest.raises(InputError, match=r"row 2,?357 of customers\.parquet has a negative frequency"):
        score_batch(URI, "customers.parquet", "scores.parquet", overwrite=True)
    assert sorted(os.listdir()) == ["customers.parquet", "scores.parquet"]
    assert Path("scores.parquet").read_text() == "older"


def test_bad_files_are_one_sentence(monkeypatch, cdnow):
    monkeypatch.setattr(customer_files, "BATCH_ROWS", 100)
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
        "doubled.parquet": "row 301 of doubled.parquet repeats the id",
        "without.csv": "row 1 of without.csv has no customer_id",
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
            score_batch(URI, name, "scores.csv")
    with pytest.raises(InputError, match="end the name"):
        score_batch(URI, customers, "scores.txt")
    assert not os.path.exists("scores.csv")


def test_details_are_those_of_the_model_for_the_total_spend_and_dates_of_the_file(value_model, cdnow):
    customers = cdnow.head(300).assign(observed_until="1997-09-30")
    customers.to_csv("customers.csv")
    scored = score_batch(URI, "customers.csv", "scores.parquet", details=True).read()
    expected = customer_outlook(value_model, cdnow.head(300), observed_until="1997-09-30")
    pd.testing.assert_frame_equal(
        scored[list(OUTLOOK)].set_axis(expected.index), expected, check_dtype=False, rtol=1e-12
    )
    assert list(scored)[: len(scored.columns) - len(OUTLOOK)] == list(value_model.predict_factors(cdnow))
