"""Scores in a folder: parts are complete or absent, and a repeated run continues an interrupted one."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import clvml
from clvml.errors import InputError
from clvml.scoring import _customer_files as customer_files
from clvml.scoring import _score_folder as score_folder
from clvml.scoring import save_model_folder
from clvml.tracking import score_batch

KILLED = """
import os, signal
from clvml.scoring import _customer_files, _score_folder
from clvml.tracking import score_batch
_customer_files.BATCH_ROWS, _score_folder.PART_BATCHES = 100, 4
stop = lambda n_done, n_rows: os.kill(os.getpid(), signal.SIGKILL) if n_done >= 1_100 else None
score_batch("model", "customers.parquet", "scores", progress=stop)
"""
IDS = {
    "text with zeros": [f"{i:05d}" for i in range(2_357)],
    "bigint": (np.arange(2_357) + 2**53 + 1),
    "unicode": [f"Łukasz-{i}-客" for i in range(2_357)],
}


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch, tmp_path, value_model, cdnow):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(customer_files, "BATCH_ROWS", 100)
    monkeypatch.setattr(score_folder, "PART_BATCHES", 4)
    save_model_folder(value_model, "model/data")
    cdnow.to_parquet("customers.parquet")


def contents(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def test_a_killed_run_continues_and_ends_as_one_that_was_not_killed():
    killed = subprocess.run([sys.executable, "-c", KILLED], check=False, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    complete = {path: path.stat().st_ino for path in Path("scores").glob("part-*.parquet")}
    assert [path.name for path in sorted(complete)] == ["part-00000.parquet", "part-00001.parquet"]
    continued = score_batch("model", "customers.parquet", "scores")
    assert {path: path.stat().st_ino for path in complete} == complete  # not written again
    whole = score_batch("model", "customers.parquet", "unkilled")
    assert contents("scores") == contents("unkilled")
    assert (continued.n_scored, continued.warnings) == (whole.n_scored, whole.warnings)
    assert continued.n_scored == 2_357


@pytest.mark.parametrize("kind", IDS)
@pytest.mark.parametrize("is_frame", [False, True])
def test_parts_together_are_what_one_file_is_and_ids_are_intact(kind, is_frame, cdnow, value_model):
    customers = cdnow.set_axis(pd.Index(IDS[kind], name="customer_id"))
    customers.to_parquet("customers.parquet")
    source = customers if is_frame else "customers.parquet"
    scored = score_batch("model", source, "scores").read()
    pd.testing.assert_frame_equal(scored, value_model.predict_factors(customers), check_exact=True)
    assert scored.index.tolist() == list(IDS[kind])
    stored = pd.concat(map(pd.read_parquet, sorted(Path("scores").iterdir())))
    assert stored.index.tolist() == list(IDS[kind])


@pytest.mark.parametrize("changed", ["horizon", "customers", "model"])
def test_scores_of_another_run_are_refused_or_replaced(changed, cdnow):
    score_batch("model", "customers.parquet", "scores")
    before = contents("scores")
    options = {"horizon": 20} if changed == "horizon" else {}
    if changed == "customers":
        cdnow.assign(monetary_value=cdnow["monetary_value"] * 2).iloc[:900].to_parquet("customers.parquet")
    if changed == "model":
        save_model_folder(clvml.RepeatRateValue(horizon=39).fit(cdnow), "other/data")
    model = "other" if changed == "model" else "model"
    with pytest.raises(InputError, match="another model, other customers or other parameters: give another"):
        score_batch(model, "customers.parquet", "scores", **options)
    assert contents("scores") == before
    score_batch(model, "customers.parquet", "scores", overwrite=True, **options)
    score_batch(model, "customers.parquet", "new", **options)
    assert contents("scores") == contents("new")


@pytest.mark.parametrize("name", ["part-00003.parquet", "mine.csv"])
def test_tables_that_clvml_did_not_write_are_refused_and_stay(name, cdnow):
    Path("scores").mkdir()
    cdnow.to_parquet("other.parquet")
    Path("scores", name).write_bytes(Path("other.parquet").read_bytes())
    before = contents("scores")
    with pytest.raises(InputError, match=f"has {name}, which is not a part of scores"):
        score_batch("model", "customers.parquet", "scores", overwrite=True)
    assert contents("scores") == before


def test_other_files_stay_when_a_run_starts_anew():
    Path("scores").mkdir()
    Path("scores", "README.md").write_text("mine")
    score_batch("model", "customers.parquet", "scores")
    score_batch("model", "customers.parquet", "scores", horizon=20, overwrite=True)
    assert Path("scores", "README.md").read_text() == "mine"


def test_a_part_that_was_removed_is_written_again():
    score_batch("model", "customers.parquet", "scores")
    before = contents("scores")
    Path("scores", "part-00001.parquet").unlink()
    assert score_batch("model", "customers.parquet", "scores").n_scored == 2_357
    assert contents("scores") == before


def test_a_bad_row_stops_with_complete_parts_only_and_skipping_needs_one_file(cdnow):
    customers = cdnow.copy()
    customers.iloc[-1, customers.columns.get_loc("frequency")] = -1.0
    customers.to_parquet("customers.parquet")
    with pytest.raises(InputError, match=r"row 2,?357 of customers\.parquet has a negative frequency"):
        score_batch("model", "customers.parquet", "scores")
    assert sorted(os.listdir("scores")) == [f"part-0000{i}.parquet" for i in range(5)]
    with pytest.raises(InputError, match=r"are one file: name one \(scores\.parquet\)"):
        score_batch("model", "customers.parquet", "scores", on_bad_row="skip")


def test_a_repeated_id_is_found_across_the_interruption(cdnow):
    ids = cdnow.index.tolist()
    ids[-1] = ids[0]
    cdnow.set_axis(pd.Index(ids, name="customer_id")).to_parquet("customers.parquet")
    for _ in range(2):
        with pytest.raises(InputError, match="repeats the id of an earlier customer"):
            score_batch("model", "customers.parquet", "scores")
