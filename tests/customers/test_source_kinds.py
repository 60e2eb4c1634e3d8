"""One dirty log has one summary, whatever it is read from."""

import contextlib
import gzip
import importlib.util
import sqlite3

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from postgresql import running

from clvml import summarize
from clvml.customers._transactions import TransactionPolicy, read_transactions
from clvml.errors import InputError

IDS = ["a", "b", "007", " c ", "Ünal", "o'neil", 'say "hi"', "x,y;z", "two\nlines", "", None]
DATES = ["2024-01-31", "2024-02-01 23:59:59.999", "2024-03-05T08:00", "2024-01-31 10:05 PM", "20240301"]
DATES += ["2024-02-30", "soon", "", None]
AMOUNTS = ["1.5", "0.1", "0.2", "1,234.50", "-0.3", "(1.5)", "0", "$ 7", "n/a", "inf", "1e400", "", None]
LOGS = st.lists(
    st.tuples(st.sampled_from(IDS), st.sampled_from(DATES), st.sampled_from(AMOUNTS)), min_size=1, max_size=25
)
POLICIES = st.builds(
    TransactionPolicy,
    returns=st.sampled_from(["drop", "net", "net_period", "keep"]),
    zero_amount=st.sampled_from(["keep", "drop"]),
    duplicates=st.sampled_from(["keep", "drop"]),
    bad_row=st.sampled_from(["error", "drop"]),
)


@pytest.fixture(scope="module")
def shop():
    """A PostgreSQL database, or None where there is no server or driver."""
    known = all(map(importlib.util.find_spec, ("psycopg", "adbc_driver_postgresql")))
    with contextlib.ExitStack() as stack:
        url = None
        if known:
            with contextlib.suppress(pytest.skip.Exception):
                url = stack.enter_context(running()).create("kinds").replace("+psycopg", "")
        yield url


def csv_files(frame, folder):
    """One CSV file, three in other orders of columns, one of which has one more, and packed ones."""
    whole = frame.to_csv(index=False)
    (folder / "one.csv").write_text(whole)
    (folder / "one.csv.gz").write_bytes(gzip.compress(whole.encode()))
    (folder / "one.csv.zst").write_bytes(pa.compress(whole.encode(), codec="zstd", asbytes=True))
    many = folder / "many"
    many.mkdir()
    frame.iloc[::3].to_csv(many / "1.csv", index=False)
    frame.iloc[1::3, ::-1].to_csv(many / "2.csv", index=False, sep=";")
    frame.iloc[2::3].assign(shop="x").to_csv(many / "3.csv", index=False, lineterminator="\r\n")
    links = folder / "links.csv"
    links.symlink_to(folder / "one.csv")
    return {
        "csv": folder / "one.csv",
        "gz": folder / "one.csv.gz",
        "zst": folder / "one.csv.zst",
        "many": many,
        "twice": [folder / "one.csv", links, folder / "on*.csv"],
    }


def parquet_files(frame, folder):
    table = pa.Table.from_pandas(frame, preserve_index=False)
    pq.write_table(table, folder / "one.parquet", row_group_size=5)
    parts = folder / "parts"
    parts.mkdir()
    pq.write_table(table.slice(0, 3), parts / "1.parquet")
    pq.write_table(table.slice(3).select([2, 0, 1]), parts / "2.parquet")
    partitioned = folder / "partitioned"
    shops = pa.array([i % 2 for i in range(len(table))])
    pq.write_to_dataset(table.append_column("shop", shops), partitioned, partition_cols=["shop"])
    return {"parquet": folder / "one.parquet", "parts": parts, "partitioned": partitioned}


def frames(frame):
    import polars as pl

    table = pa.Table.from_pandas(frame, preserve_index=False)
    return {
        "pandas": frame,
        "objects": frame.astype(object),
        "polars": pl.from_arrow(table),
        "lazy": pl.from_arrow(table).lazy(),
        "arrow": table,
        "stream": table.to_reader(max_chunksize=4),
    }


def delta_table(frame, folder):
    """A table whose first version had all rows twice."""
    if importlib.util.find_spec("deltalake") is None:
        return {}
    import deltalake

    table = pa.Table.from_pandas(frame, preserve_index=False)
    deltalake.write_deltalake(folder / "delta", pa.concat_tables([table, table]))
    deltalake.write_deltalake(folder / "delta", table.slice(0, 2), mode="overwrite")
    deltalake.write_deltalake(folder / "delta", table.slice(2), mode="append")
    return {"delta": folder / "delta"}


def databases(frame, folder, shop):
    """The sources that have a table, with it."""
    with contextlib.closing(sqlite3.connect(folder / "shop.db")) as there:
        frame.astype(object).where(frame.notna(), None).to_sql("sales", there, index=False)
    found = {"sqlite": f"sqlite:///{folder / 'shop.db'}"}
    if shop is None:
        return found
    import psycopg

    with psycopg.connect(shop, autocommit=True) as there, there.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS sales")
        cursor.execute("CREATE TABLE sales (customer_id text, date text, amount text)")
        rows = frame.astype(object).where(frame.notna(), None).itertuples(index=False, name=None)
        cursor.executemany("INSERT INTO sales VALUES (%s, %s, %s)", list(rows))
    return found | {"postgresql": shop}


def result(source, policy, **options):
    """The report and the summary, or that there are none, and why."""
    try:
        read = read_transactions(source, policy=policy, label="log", max_unreadable=1, **options)
        return read.report.drop("bad_row", errors="ignore"), summarize(read, time_unit="D")
    except InputError as error:
        return "refused", str(error)


def assert_same(name, found, known):
    if isinstance(known[0], str) or isinstance(found[0], str):
        assert found[0] is known[0], (name, found, known)
        return
    for ours, theirs in zip(found, known, strict=True):
        pd.testing.assert_frame_equal(ours, theirs, check_exact=True, obj=name)


@settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(rows=LOGS, policy=POLICIES)
def test_a_dirty_log_has_one_summary_whatever_it_is_read_from(rows, policy, shop, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kinds")
    frame = pd.DataFrame(rows, columns=["customer_id", "date", "amount"], dtype="str")
    known = result(frame, policy)
    sources = csv_files(frame, folder) | parquet_files(frame, folder) | frames(frame)
    for name, source in (sources | delta_table(frame, folder)).items():
        assert_same(name, result(source, policy), known)
    for name, source in databases(frame, folder, shop).items():
        assert_same(name, result(source, policy, table="sales"), known)
