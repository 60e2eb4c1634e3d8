"""`clvml score` on the command line: what it prints, its exit status, and what a signal leaves."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

import clvml
from clvml.tracking import flavor
from clvml.tracking._connection import quiet


@pytest.fixture(scope="module")
def folder(tmp_path_factory, cdnow):
    """A folder with a model and customers, one of them with a negative T."""
    folder = tmp_path_factory.mktemp("scoring")
    with quiet():  # MLflow advises an example
        flavor.save_model(clvml.RepeatRateValue(horizon=39).fit(cdnow), folder / "model")
    customers = cdnow.astype({"frequency": "int64"})
    customers.to_csv(folder / "customers.csv")
    customers.iloc[6, customers.columns.get_loc("T")] = -1.0
    customers.to_csv(folder / "dirty.csv")
    return folder


@pytest.fixture(autouse=True)
def _beside_the_model(monkeypatch, tmp_path, folder):
    monkeypatch.chdir(tmp_path)
    for path in folder.iterdir():
        Path(path.name).symlink_to(path)


def score(*arguments):
    command = [sys.executable, "-m", "clvml", "score", "model", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_bad_rows_are_an_error_or_said_on_standard_error():
    stopped = score("dirty.csv", "scores.csv")
    assert stopped.returncode == 1
    assert "row 7 of dirty.csv has a negative T (customer '7': T -1)" in stopped.stderr
    skipped = score("dirty.csv", "scores.csv", "--on-bad-row", "skip", "--quiet")
    assert (skipped.returncode, skipped.stdout) == (0, "")
    assert skipped.stderr == "clvml: rows not scored: 1, in scores-rejected.csv: has a negative T (1).\n"
    assert len(pd.read_csv("scores.csv")) == 2356


def test_where_nobody_looks_there_is_no_bar():
    assert score("customers.csv", "scores.csv", "--quiet").stderr == ""
    shown = score("customers.csv", "scores.csv", "--overwrite")
    assert shown.stdout == "2,357 customers scored by model, written to scores.csv\n"
    assert shown.stderr == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_no_file(number):
    customers = pd.read_csv("customers.csv")
    large = pd.concat([customers] * 300).assign(customer_id=range(300 * len(customers)))
    large.to_parquet("large.parquet", index=False)
    before = sorted(os.listdir())
    command = [sys.executable, "-m", "clvml", "score", "model", "large.parquet", "scores.csv"]
    run = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while sorted(os.listdir()) == before and run.poll() is None:
        time.sleep(0.01)
    assert run.poll() is None  # it is writing
    run.send_signal(number)
    said = run.communicate()[1]
    assert (run.returncode, said) == (128 + number, "clvml: interrupted.\n")
    assert sorted(os.listdir()) == before
