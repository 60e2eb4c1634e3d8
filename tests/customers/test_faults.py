"""Processes killed half-way: nothing that looks whole is left, and the next run cleans up and succeeds."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

import clvml
from clvml.customers.engines import DuckDB
from clvml.customers.engines._sources import source_of

SALES = pd.DataFrame({"customer_id": ["a", "a", "b"], "date": ["2024-01-01", "2024-01-09", "2024-01-02"]})
SALES["amount"] = [1.5, 2.0, 4.25]
KILLED = """
import os, signal, sys
import pandas as pd, pyarrow, clvml
from clvml.customers.engines import DuckDB
from clvml.customers.engines import _duckdb
folder, step = sys.argv[1:]
def die(*args, **options):
    os.kill(os.getpid(), signal.SIGKILL)
sales = pd.DataFrame({"customer_id": ["a"] * 3, "date": "2024-01-01", "amount": 1.0})
if step == "spill":
    engine = DuckDB("50MB", folder)
    engine._connection.execute("SET threads = 1")
    with engine.hold("big", "SELECT hash(i) AS h, repeat('x', 40) AS x FROM range(3000000) t(i)"):
        die()
if step == "copy":
    from clvml.customers.engines._sources import source_of
    source = source_of(pyarrow.table(sales).to_reader())
    source.path_in(folder)
    die()
if step == "into":
    real = DuckDB.write_parquet
    DuckDB.write_parquet = lambda *args: (real(*args), die())
    clvml.summarize(sales, into=folder + "/customers.parquet")
if step == "add":
    real = DuckDB.write_parquet
    DuckDB.write_parquet = lambda *args: (real(*args), die())
    clvml.TransactionStore(folder).add(sales)
"""


def killed(folder, step):
    """What a killed process leaves in a folder, as if an hour ago."""
    before = set(folder.iterdir())
    run = subprocess.run([sys.executable, "-c", KILLED, str(folder), step], check=False)
    assert run.returncode == -signal.SIGKILL
    left = set(folder.iterdir()) - before
    for path in left:
        an_hour_ago(path)
    return left


def an_hour_ago(path):
    os.utime(path, (time.time() - 3600,) * 2)


def test_data_spilled_by_a_killed_process_are_removed_by_the_next_engine_in_the_folder(tmp_path):
    (left,) = killed(tmp_path, "spill")
    assert sum(path.stat().st_size for path in left.iterdir()) > 20e6
    DuckDB(temp_directory=tmp_path)
    assert not left.exists()


def test_the_folder_of_an_engine_that_is_in_use_stays(tmp_path):
    engine = DuckDB(temp_directory=tmp_path)
    (folder,) = tmp_path.iterdir()
    an_hour_ago(folder)
    DuckDB(temp_directory=tmp_path)
    assert folder.exists()
    del engine
    assert list(tmp_path.iterdir()) == []


def test_a_young_folder_and_files_of_others_stay(tmp_path):
    (tmp_path / f"clvml-spill-{'0' * 32}").mkdir()  # made a moment ago, and about to be locked
    for name in ("clvml-spill-mine", "clvml-output", "notes.txt"):
        (tmp_path / name).mkdir()
        an_hour_ago(tmp_path / name)
    before = sorted(tmp_path.iterdir())
    DuckDB(temp_directory=tmp_path)
    assert sorted(tmp_path.iterdir()) == before


def test_a_copy_of_a_stream_that_a_killed_process_left_is_removed_by_the_next_one(tmp_path):
    def copied():
        return source_of(pa.table(SALES).to_reader()).path_in(tmp_path)

    (left,) = killed(tmp_path, "copy")
    source = source_of(pa.table(SALES).to_reader())
    used = Path(source.path_in(tmp_path))
    assert not left.exists()
    an_hour_ago(used)
    assert copied() != str(used)
    assert [*tmp_path.iterdir()] == [used]  # in use, however old
    del source
    assert not used.exists()


def test_a_summary_killed_while_it_is_written_does_not_look_whole_and_is_written_again(tmp_path):
    path = tmp_path / "customers.parquet"
    clvml.summarize(SALES.iloc[:1], into=path)
    before = path.read_bytes()
    (left,) = killed(tmp_path, "into")
    assert left.name.startswith(".customers.parquet.")
    assert path.read_bytes() == before
    assert len(clvml.summarize(SALES, into=path)) == 2
    assert list(tmp_path.iterdir()) == [path]


def test_an_add_killed_half_way_leaves_a_file_that_the_next_one_removes(tmp_path):
    store = clvml.TransactionStore(tmp_path)
    store.add(SALES)
    (left,) = killed(tmp_path, "add")
    assert len(store) == 1
    assert len(clvml.summarize(store)) == 2
    store.add(SALES.assign(customer_id="c"))
    assert not left.exists()
    assert [path.name for path in sorted(tmp_path.iterdir())] == [
        "transactions-000001.parquet",
        "transactions-000002.parquet",
    ]


def test_a_limited_disk_is_an_error_in_words_and_a_rerun_with_room_succeeds(tmp_path):
    engine = DuckDB("50MB", tmp_path)
    engine._connection.execute("SET max_temp_directory_size = '1MB'")
    engine._connection.execute("SET threads = 1")
    big = "SELECT hash(i) AS h, repeat('x', 40) AS x FROM range(3000000) t(i)"
    with (
        pytest.raises(clvml.errors.InputError, match=r"the disk is full.*temp_directory"),
        engine.hold("big", big),
    ):
        pass
    engine._connection.execute("RESET max_temp_directory_size")
    with engine.hold("big", big):
        assert engine.frame("SELECT count(*) AS n FROM big")["n"].tolist() == [3_000_000]
