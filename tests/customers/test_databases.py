"""Transactions of a database: the types of PostgreSQL and SQLite, faults, and passwords that never show."""

import contextlib
import logging
import pickle
import sqlite3
import threading
import time

import pandas as pd
import pytest
from postgresql import running

from clvml import summarize
from clvml.customers._transactions import read_transactions
from clvml.errors import InputError

psycopg = pytest.importorskip("psycopg")
pytest.importorskip("adbc_driver_postgresql")

SALES = pd.DataFrame(
    {
        "customer_id": pd.array([9007199254740993, 9007199254740992, 17, 17, None], "Int64"),
        "date": pd.to_datetime(["2024-01-31", "2024-02-01", "2024-01-05", "2024-03-01", "2024-01-01"]),
        "amount": [12.5, 0.1, 1.25, 7.0, 3.0],
    }
)


@pytest.fixture(scope="module")
def server():
    with running() as found:
        yield found


@pytest.fixture(scope="module")
def shop(server):
    """A database with the sales in columns of every usual type."""
    uri = server.create("shop").replace("+psycopg", "")
    with psycopg.connect(uri, autocommit=True) as there:
        there.execute(
            "CREATE TABLE sales (customer_id bigint, date date, amount numeric(12, 3), free numeric,"
            " float8 double precision, at timestamptz, local timestamp, code text, padded char(8),"
            " uid uuid, big numeric(38, 0), ok boolean, cash money, tags text[], doc jsonb)"
        )
        for i, row in enumerate(SALES.itertuples(index=False)):
            who = None if pd.isna(row.customer_id) else row.customer_id
            code = None if who is None else f"{who:020d}"
            there.execute(
                "INSERT INTO sales VALUES (%s, %s, %s, %s, %s, %s::timestamp AT TIME ZONE 'UTC', %s, %s, %s,"
                " %s, %s, %s, %s, %s, %s)",
                (
                    *(who, row.date, row.amount, row.amount, row.amount, row.date, row.date, code, f"0{i}"),
                    *(f"{i:032x}", who, True, "$12.50", ["a"], "{}"),
                ),
            )
    return uri


def summary_of(source, **options):
    return summarize(read_transactions(source, **options), time_unit="D")


@pytest.fixture(scope="module")
def expected():
    return summary_of(SALES)


@pytest.mark.parametrize("amount", ["amount", "free", "float8"])
@pytest.mark.parametrize("date", ["date", "local", "at"])
@pytest.mark.parametrize("customer", ["customer_id", "big"])
def test_a_table_of_postgresql_gives_the_summary_of_the_frame(shop, expected, amount, date, customer):
    columns = f'SELECT {customer} AS customer_id, {date} AS date, {amount} AS amount FROM "sales";'
    pd.testing.assert_frame_equal(summary_of(shop, query=columns), expected, check_exact=True)


def test_ids_of_text_and_uuids_stay_as_they_are(shop):
    for customer, first in (("code", f"{17:020d}"), ("uid", "00000000-0000-0000-0000-000000000000")):
        query = f"SELECT {customer}, date, amount FROM sales"
        assert summary_of(shop, query=query, customer=customer).index.min() == first


def test_an_amount_in_thousandths_is_no_thousand(shop):
    query = "SELECT customer_id, date, 1.250::numeric(9, 3) AS amount, 1.250::numeric AS free FROM sales"
    for amount in ("amount", "free"):
        assert set(read_transactions(shop, query=query, amount=amount).to_pandas()["amount"]) == {1.25}


def test_money_is_in_its_unit_and_not_in_cents(shop):
    assert set(read_transactions(shop, table="sales", amount="cash").to_pandas()["amount"]) == {12.5}


def test_times_with_a_zone_are_days_of_the_shop(shop):
    query = "SELECT 1 AS customer_id, timestamptz '2024-02-01 03:30:00+00' AS date, 1.0 AS amount"
    for zone, day in (("America/New_York", 31), ("UTC", 1)):
        assert read_transactions(shop, query=query, timezone=zone).to_pandas()["date"][0].day == day


def test_nan_and_infinity_are_counted_as_unreadable(shop):
    query = (
        "SELECT 1 AS customer_id, d AS date, a AS amount FROM (VALUES ('2024-01-01'::date, 'NaN'::numeric),"
        " ('infinity', 1.5), ('-infinity', 1.5), (NULL, 1.5), ('2024-01-02', 2.5)) AS v(d, a)"
    )
    rows = read_transactions(shop, query=query).report["set_aside"]
    assert (rows["bad_amount"], rows["bad_date"]) == (1, 3)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"table": "nosuch"}, 'relation "nosuch" does not exist. Check its schema'),
        ({"query": "SELECT nosuch FROM sales"}, 'column "nosuch" does not exist'),
        ({"query": "SELEC"}, "syntax error at or near"),
        ({"query": "DELETE FROM sales"}, "cannot execute DELETE in a read-only transaction"),
        ({"table": "pg_authid"}, "no column 'customer_id'"),
        ({"query": "SELECT date, date FROM sales"}, "has column 'date' more than once"),
        ({"query": "SELECT 12345678901234567::numeric AS customer_id"}, "beyond 2\\^53.*::bigint"),
        ({}, "needs a table or a query"),
        ({"table": "sales", "query": "SELECT 1"}, "needs table or query, not both"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_way_out(shop, options, said):
    with pytest.raises(InputError, match=said) as refusal:
        read_transactions(shop, **options)
    assert "s3cret" not in str(refusal.value)


def test_without_permission_the_error_says_so(server, shop):
    with psycopg.connect(shop, autocommit=True) as there:
        there.execute("CREATE ROLE reader LOGIN PASSWORD 'reader-pw'")
    url = f"postgresql://reader:reader-pw@127.0.0.1:{server.port}/shop"
    with pytest.raises(InputError, match=r"permission denied for table sales\. Ask for the right") as refusal:
        read_transactions(url, table="sales")
    assert "reader-pw" not in str(refusal.value)


def temporary_files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.fixture
def spill(tmp_path, monkeypatch):
    """The temporary folder, of this test only."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


LONG = "SELECT i % 1000 AS customer_id, date '2024-01-01' + i % 300 AS date, 1.5 AS amount FROM {} AS g(i)"


def test_a_connection_lost_half_way_leaves_no_file_and_a_rerun_succeeds(shop, spill):
    query = LONG.format("generate_series(1, 30000000)")
    killed = []

    def kill_once_rows_arrive():
        with psycopg.connect(shop, autocommit=True) as there:
            while not killed:
                if any(path.stat().st_size > 1e6 for path in temporary_files(spill)):
                    found = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    killed.extend(there.execute(f"{found} WHERE application_name = 'clvml'").fetchall())
                time.sleep(0.01)

    killer = threading.Thread(target=kill_once_rows_arrive)
    killer.start()
    try:
        with pytest.raises(InputError, match=r"connection was lost after [\d,]{6,} rows") as refusal:
            read_transactions(shop, query=query)
    finally:
        killed.append(None)
        killer.join()
    assert "s3cret" not in str(refusal.value)
    assert temporary_files(spill) == []
    assert len(read_transactions(shop, query=LONG.format("generate_series(1, 5000)"))) == 5000


def test_the_copy_is_read_once_and_removed_with_the_transactions(shop, spill):
    transactions = read_transactions(shop, table="public.sales", amount="free")
    with psycopg.connect(shop, autocommit=True) as there:
        there.execute("CREATE TABLE other AS SELECT 1")
        there.execute("ALTER TABLE sales RENAME TO gone")
        try:
            assert len(transactions.with_category("code").to_pandas()) == 4
        finally:
            there.execute("ALTER TABLE gone RENAME TO sales")
    assert len(temporary_files(spill)) == 1
    del transactions
    assert temporary_files(spill) == []


def test_no_password_is_shown_pickled_or_logged(shop, caplog):
    with caplog.at_level(logging.DEBUG):
        transactions = read_transactions(shop, table="sales", amount="free")
    label = "table sales of postgresql://127.0.0.1"
    assert transactions.source.startswith(label)
    shown = [repr(transactions), transactions.source, transactions._repr_html_(), caplog.text]
    shown += [repr(transactions._recipe), str(pickle.dumps(transactions))]
    assert not any("s3cret" in text for text in shown)


@pytest.mark.parametrize("password", ["p@ss", "p/ss", "p:ss", "p#ss", "p?ss@x"])
def test_reserved_characters_in_a_password_are_refused_and_not_shown(password):
    with pytest.raises(InputError, match="write @ as %40") as refusal:
        read_transactions(f"postgresql://clv:{password}@127.0.0.1:1/x", table="sales")
    assert password not in str(refusal.value)
    assert "ss@" not in str(refusal.value)


def test_a_server_that_refuses_the_login_or_is_not_there_is_named_without_it(shop):
    with pytest.raises(InputError, match="password authentication failed") as refusal:
        read_transactions(shop.replace("s3cret", "wrong-pw"), table="sales")
    assert "wrong-pw" not in str(refusal.value)
    with pytest.raises(InputError, match=r"the connection was not possible \(.*Connection refused"):
        read_transactions("postgres://clv@127.0.0.1:1/shop", table="sales")


@pytest.fixture
def database(tmp_path):
    """An SQLite file whose name has to be quoted."""
    path = tmp_path / "Küche & 'Bad' 100%?.db"
    with contextlib.closing(sqlite3.connect(path)) as there, there:
        there.execute("CREATE TABLE sales (customer_id, date TEXT, amount, mixed, code TEXT)")
        for row in SALES.itertuples(index=False):
            who = None if pd.isna(row.customer_id) else int(row.customer_id)
            amount = int(row.amount) if row.amount == 7 else row.amount
            there.execute(
                "INSERT INTO sales VALUES (?, ?, ?, ?, ?)",
                (who, str(row.date.date()), amount, str(who) if who == 17 else who, f"{who or 0:020d}"),
            )
    return f"sqlite:///{str(path).replace('%', '%25').replace('?', '%3F')}"


def test_a_table_of_sqlite_gives_the_summary_of_the_frame(database, expected):
    pd.testing.assert_frame_equal(summary_of(database, table="sales"), expected, check_exact=True)


def test_columns_without_types_are_typed_by_all_their_values(database, tmp_path):
    ids = summary_of(database, table="sales", customer="mixed").index
    assert sorted(ids) == ["17", "9007199254740992", "9007199254740993"]
    assert f"{17:020d}" in summary_of(database, table="sales", customer="code").index
    late = tmp_path / "late.db"
    with contextlib.closing(sqlite3.connect(late)) as there, there:
        there.execute("CREATE TABLE sales (customer_id, date, amount)")
        rows = ((i, "2024-01-01", 1) for i in range(60_000))
        there.executemany("INSERT INTO sales VALUES (?, ?, ?)", rows)
        there.execute("INSERT INTO sales VALUES ('b', '2024-01-02', 2.5)")
    frame = read_transactions(f"sqlite:///{late}", table="sales").to_pandas()
    assert len(frame) == 60_001
    assert frame["amount"].sum() == 60_002.5
    assert "b" in set(frame["customer_id"])


def test_faults_of_sqlite_are_refused_in_words(database, tmp_path):
    (tmp_path / "text.db").write_text("customer_id,date,amount\n" * 100)
    for url, options, said in (
        (database, {"table": "nosuch"}, "no such table: nosuch"),
        (f"sqlite:///{tmp_path}/nosuch.db", {"table": "sales"}, "unable to open"),
        (f"sqlite:///{tmp_path}/text.db", {"table": "sales"}, "not a database"),
        (database, {"query": "DELETE FROM sales"}, "syntax error"),
        ("sqlite://", {"table": "sales"}, "in memory"),
    ):
        with pytest.raises(InputError, match=said):
            read_transactions(url, **options)
    assert not (tmp_path / "nosuch.db").exists()


@pytest.mark.parametrize(
    ("source", "options", "said"),
    [
        ("mysql://clv:pw@db/shop", {"table": "sales"}, "mysql://db/shop is no database that clvml reads"),
        ("s3://key:pw@bucket/a.parquet", {}, "pyarrow.dataset"),
        (SALES, {"table": "sales"}, "table is given, but the source is no database"),
        ("a.csv", {"query": "SELECT 1"}, "query is given, but the source is no database"),
    ],
)
def test_other_sources_are_told_apart(source, options, said):
    with pytest.raises(InputError, match=said) as refusal:
        read_transactions(source, **options)
    assert "pw" not in str(refusal.value)
