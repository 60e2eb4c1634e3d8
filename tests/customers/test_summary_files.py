"""A summary written by the engine is the summary in memory; a failure leaves no half-written file."""

import os
import subprocess
import sys

import pandas as pd
import pytest

import clvml
from clvml.customers.engines._duckdb_sources import query
from clvml.errors import InputError

ENDS = ("1997-09-30", "1998-06-30")


@pytest.fixture(scope="module")
def cdnow():
    return clvml.load_cdnow()


def equal(found, expected):
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    assert found.attrs == expected.attrs


@pytest.mark.parametrize("collapse", ["D", "W", None])
def test_a_summary_file_has_the_customers_of_the_summary(cdnow, tmp_path, collapse):
    expected = clvml.summarize(cdnow, collapse=collapse)
    written = clvml.summarize(cdnow, collapse=collapse, into=tmp_path / "customers.parquet")
    equal(written.to_pandas(), expected)
    assert len(written) == len(expected)
    assert written.columns == list(expected)
    parts = list(written.chunks(1_000))
    assert [len(part) for part in parts] == [1_000, 1_000, 357]
    equal(parts[2], expected.iloc[2_000:].copy())


def test_pandas_reads_a_summary_file_with_its_index_and_attrs(cdnow, tmp_path):
    written = clvml.summarize(cdnow, into=tmp_path / "customers.parquet")
    read = pd.read_parquet(written.path)
    assert set(read.pop("time_unit")) == {"W"}
    equal(read, clvml.summarize(cdnow))


def test_ids_in_text_are_written_as_they_are_and_sorted_as_in_memory(tmp_path):
    sales = pd.DataFrame({"customer_id": ["ß", "007", "a b", "Z", "7"], "date": "2024-01-31", "amount": 1.1})
    written = clvml.summarize(sales, into=tmp_path / "customers.parquet")
    equal(written.to_pandas(), clvml.summarize(sales))


def test_a_split_file_has_calibration_and_holdout_of_the_split(cdnow, tmp_path):
    expected = clvml.split(cdnow, *ENDS)
    written = clvml.split(cdnow, *ENDS, into=tmp_path / "split.parquet")
    found = written.to_pandas()
    equal(found.calibration, expected.calibration)
    equal(found.holdout, expected.holdout)
    assert (written.counts, len(written)) == (expected.counts, 2_357)
    pd.testing.assert_series_equal(written.money, expected.money)
    assert sum(len(part.holdout) for part in written.chunks(1_000)) == 2_357


def test_purchases_without_amounts_have_no_money_in_the_file(cdnow, tmp_path):
    dates = cdnow.to_pandas()[["customer_id", "date"]]
    written = clvml.split(dates, *ENDS, into=tmp_path / "split.parquet").to_pandas()
    assert "total_spend" not in written.calibration
    assert list(written.holdout) == ["purchases", "duration"]


def test_a_failed_write_keeps_the_file_that_was_there_and_leaves_nothing_else(cdnow, tmp_path, monkeypatch):
    path = tmp_path / "customers.parquet"
    clvml.summarize(cdnow, into=path)
    before = path.read_bytes()

    def interrupted(_engine, _sql, partial, _metadata):
        partial.write_bytes(b"PAR1 half")
        raise KeyboardInterrupt

    monkeypatch.setattr(type(cdnow.engine), "write_parquet", interrupted)
    with pytest.raises(KeyboardInterrupt):
        clvml.summarize(cdnow, into=path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["customers.parquet"]
    assert path.read_bytes() == before


def test_a_missing_folder_and_a_file_that_is_not_parquet_are_named(cdnow, tmp_path):
    with pytest.raises(InputError, match=r"no folder .*nowhere"):
        clvml.summarize(cdnow, into=tmp_path / "nowhere" / "customers.parquet")
    (tmp_path / "text.parquet").write_text("customer_id")
    with pytest.raises(InputError, match=r"text\.parquet is not a Parquet file of customers"):
        len(clvml.SummaryFile(tmp_path / "text.parquet"))


SPILLING = """
import os, sys, clvml, pandas as pd, numpy as np
n = 3_000_000
ids = np.random.default_rng(0).permutation(n)
sales = pd.DataFrame({"customer_id": ids, "date": pd.Timestamp("2024-01-31"), "amount": 1.5})
transactions = clvml.read_transactions(sales, memory_limit="150MB", temp_directory=sys.argv[1])
engine = transactions.engine
seen = []
run = engine._run
engine._run = lambda sql: (run(sql), seen.extend(os.listdir(sys.argv[1])))[0]
clvml.summarize(transactions, into=sys.argv[2])
print(len(seen) > 0)
"""


def test_data_spill_to_the_folder_of_the_users_choice_and_nothing_is_left_in_it(tmp_path):
    spill = tmp_path / "spill"
    spill.mkdir()
    written = tmp_path / "customers.parquet"
    done = subprocess.run(
        [sys.executable, "-c", SPILLING, spill, written], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["True"]
    assert list(spill.iterdir()) == []
    assert len(clvml.SummaryFile(written)) == 3_000_000


INTERRUPTED = SPILLING.replace(
    "engine._run = lambda sql: (run(sql), seen.extend(os.listdir(sys.argv[1])))[0]",
    "import _thread, threading; threading.Timer(0.3, _thread.interrupt_main).start()",
).replace("print(len(seen) > 0)", "print('not interrupted')")


def test_an_interruption_leaves_neither_a_file_nor_spilled_data(tmp_path):
    spill, out = tmp_path / "spill", tmp_path / "out"
    spill.mkdir(), out.mkdir()
    command = [sys.executable, "-c", INTERRUPTED, spill, out / "customers.parquet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "KeyboardInterrupt" in done.stderr
    assert "RuntimeError" not in done.stderr
    assert [*spill.iterdir(), *out.iterdir()] == []


def test_a_temp_directory_that_does_not_exist_is_refused(cdnow, tmp_path):
    with pytest.raises(InputError, match=r"temp_directory is .*nowhere.*must be a folder"):
        clvml.read_transactions(cdnow.to_pandas(), temp_directory=tmp_path / "nowhere")


def test_a_full_disk_names_the_folder_and_the_way_out(cdnow, tmp_path):
    transactions = clvml.read_transactions(cdnow.to_pandas(), memory_limit="40MB", temp_directory=tmp_path)
    connection = transactions.engine._connection
    connection.execute("SET max_temp_directory_size = '1MB'")
    many = "CREATE TEMP TABLE many AS SELECT range AS i, hash(range) AS h FROM range(30_000_000)"
    with pytest.raises(InputError, match=f"(?s)disk is full.*{os.path.basename(tmp_path)}.*temp_directory"):
        query(connection, many, tmp_path)
    assert len(clvml.summarize(transactions)) == 2_357
