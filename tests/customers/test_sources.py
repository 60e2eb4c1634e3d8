"""Where transactions come from: workbooks, folders, standard input; and files that are no tables."""

import gzip
import io
import json
import logging
import re
import struct
import sys

import pandas as pd
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest

from clvml.customers._stored_transactions import TransactionStore
from clvml.customers._transactions import TransactionPolicy, read_transactions
from clvml.customers.engines import _workbooks
from clvml.customers.engines._files import copy_of_stdin
from clvml.customers.engines._workbooks import SheetWriter, read_sheet
from clvml.errors import InputError


@pytest.fixture
def sales():
    return pd.DataFrame(
        {
            "customer_id": ["007", "b", "b", "c"],
            "date": pd.to_datetime(
                ["1997-01-01", "1997-01-02 10:30", "1997-02-02", "1997-03-04"], format="ISO8601"
            ),
            "amount": [1.0, 2.5, 3.0, 4.0],
        }
    )


@pytest.fixture
def expected(sales):
    return rows(read_transactions(sales))


@pytest.fixture
def from_stdin(monkeypatch):
    """Put bytes on standard input."""

    def put(content):
        copy_of_stdin.cache_clear()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))

    yield put
    copy_of_stdin.cache_clear()


def rows(transactions):
    return transactions.to_pandas().to_numpy().tolist()


def test_a_workbook_has_the_rows_of_the_frame(tmp_path, sales, expected):
    sales.to_excel(tmp_path / "a.xlsx", index=False)
    assert rows(read_transactions(tmp_path / "a.xlsx")) == expected


def test_serial_numbers_in_a_workbook_are_dates_alone_and_among_dates(tmp_path, sales, expected):
    serial = (sales["date"] - pd.Timestamp("1899-12-30")) / pd.Timedelta(days=1)
    sales.assign(date=serial).to_excel(tmp_path / "a.xlsx", index=False)
    mixed = sales["date"].astype(object).where([True, False, True, False], serial)
    sales.assign(date=mixed).to_excel(tmp_path / "b.xlsx", index=False)
    assert rows(read_transactions(tmp_path / "a.xlsx")) == expected
    assert rows(read_transactions(tmp_path / "b.xlsx")) == expected


def test_amounts_as_text_in_a_workbook_are_read_as_in_a_csv(tmp_path, sales, expected):
    written = sales.assign(amount=["1,00 €", "2,50 €", "3,00 €", "4,00 €"])
    written.to_excel(tmp_path / "a.xlsx", index=False)
    assert rows(read_transactions(tmp_path / "a.xlsx")) == expected


def test_a_sheet_is_chosen_by_name_or_number_else_the_first_and_said(tmp_path, sales, expected, caplog):
    path = tmp_path / "a.xlsx"
    with pd.ExcelWriter(path) as book:
        pd.DataFrame({"notes": ["none"]}).to_excel(book, sheet_name="Read me", index=False)
        sales.to_excel(book, sheet_name="Sales", index=False)
    assert (
        rows(read_transactions(path, sheet="Sales")) == rows(read_transactions(path, sheet="2")) == expected
    )
    with pytest.raises(InputError, match="has no sheet 'Orders'; it has 'Read me', 'Sales'"):
        read_transactions(path, sheet="Orders")
    with (
        caplog.at_level(logging.WARNING, "clvml"),
        pytest.raises(InputError, match="no column 'customer_id'"),
    ):
        read_transactions(path)
    assert "has 2 sheets: 'Read me' is read, not 'Sales'" in caplog.text


def test_text_that_looks_like_a_formula_is_written_as_text(tmp_path, sales):
    sales["customer_id"] = ["=1+1", "@x", "-2+3", "+4"]
    writer = SheetWriter(tmp_path / "a.xlsx")
    writer.write_table(sales.iloc[:2])
    writer.write_table(sales.iloc[2:])
    writer.close()
    pd.testing.assert_frame_equal(
        read_sheet(tmp_path / "a.xlsx").astype({"amount": float}), sales, check_dtype=False
    )


def test_more_rows_than_a_sheet_holds_are_refused(tmp_path, sales, monkeypatch):
    monkeypatch.setattr(_workbooks, "MOST_ROWS", 6)
    writer = SheetWriter(tmp_path / "a.xlsx")
    writer.write_table(sales)
    with pytest.raises(InputError, match=r"holds 5 rows and a header.* write .csv or .parquet"):
        writer.write_table(sales.iloc[:2])
    writer.close()


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet", "xlsx"])
def test_standard_input_is_a_file_of_the_kind_that_its_first_bytes_show(
    tmp_path, sales, expected, ending, from_stdin
):
    path = tmp_path / f"a.{ending}"
    if ending == "parquet":
        sales.to_parquet(path)
    elif ending == "xlsx":
        sales.to_excel(path, index=False)
    else:
        sales.to_csv(path, index=False)
    from_stdin(path.read_bytes())
    transactions = read_transactions("-")
    assert rows(transactions) == expected
    assert transactions.source == "standard input"


def test_a_folder_of_parquet_or_csv_files_is_one_table(tmp_path, sales, expected):
    parts = tmp_path / "parts"
    pq.write_to_dataset(
        pa.Table.from_pandas(sales.assign(year=[1996, 1997, 1996, 1997])), parts, partition_cols=["year"]
    )
    (parts / "_SUCCESS").write_text("")
    (parts / ".hidden.parquet").write_text("not data")
    plain = tmp_path / "plain"
    plain.mkdir()
    for i in range(4):
        sales.iloc[[3 - i]].to_csv(plain / f"{i}.csv", index=False)
    assert rows(read_transactions(parts)) == rows(read_transactions(plain)) == expected
    assert rows(read_transactions(str(plain / "*.csv"))) == expected
    by_year = read_transactions(parts, category="year").to_pandas()
    assert sorted(by_year["category"].astype(int).unique()) == [1996, 1997]
    sales.to_parquet(plain / "x.parquet")
    with pytest.raises(InputError, match="contains both csv and parquet files"):
        read_transactions(plain)


CSV = "customer_id;date;amount\nMüller;1997-01-01;5\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_a_name_is_read_in_every_usual_encoding(tmp_path, encoding):
    (tmp_path / "a.csv").write_text(CSV, encoding=encoding)
    assert rows(read_transactions(tmp_path / "a.csv"))[0][0] == "Müller"


def test_compressed_files_and_line_breaks_in_cells_are_read(tmp_path):
    text = 'customer_id,date,amount,note\n1,1997-01-01,5,"two\nlines"\n2,1997-01-02,6,\n'
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "b.csv.zst").write_bytes(pa.compress(text.encode(), codec="zstd", asbytes=True))
    for name in ("a.csv.gz", "b.csv.zst"):
        assert len(read_transactions(tmp_path / name)) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("761,25,2009-11-06\n861,50,2012-09-28\n", "first row looks like data"),
        ("c1,2009-11-06,25\nc2,2012-09-28,50\n", "first row looks like data"),
        ("1,2009-11-06,1\n1,2009-11-06,1\n", "first row looks like data"),
        ("customer_id,2024-01,2024-02,2024-03\n1,5,,7\n", "one row per purchase"),
        ("customer_id,Jan 2024,Feb 2024,Mar 2024\n1,5,,7\n", "one row per purchase"),
        ("customer_id,Q1 2024,Q2 2024,Q3 2024\n1,5,,7\n", "one row per purchase"),
        ("customer_id,Jan,Feb,Mar\n1,5,,7\n", "one row per purchase"),
        ("\n", "no column names"),
        ("  \n\n", "no column names"),
        ("customer_id,date,amount\n", "has columns but no rows"),
        ("", "is empty"),
        ("\ufeff", "no column names"),
    ],
)
def test_a_file_that_is_no_table_of_purchases_is_refused_with_the_likely_cause(tmp_path, text, said):
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=said):
        read_transactions(tmp_path / "a.csv")


@pytest.mark.parametrize("name", ["a.xls", "a.zip", "a.ods", "a.json", "a.parquet.gz", "a"])
def test_another_kind_of_file_is_refused_with_the_way_out(tmp_path, name):
    (tmp_path / name).write_text("x")
    with pytest.raises(InputError, match=r"unsupported file type.*(save|unpack|read) it"):
        read_transactions(tmp_path / name)


def test_nan_in_a_parquet_file_is_unreadable_though_its_statistics_leave_it_out(tmp_path, sales):
    amounts = pa.array([1.0, float("nan"), float("inf"), 4.0])
    columns = {name: pa.array(sales[name]) for name in ("customer_id", "date")} | {"amount": amounts}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    report = read_transactions(tmp_path / "a.parquet").report
    assert report.loc["bad_amount", "set_aside"] == 2
    assert report.loc["used", "spend"] == 5


class Interchange:
    """An object with the DataFrame interchange protocol only."""

    def __init__(self, table):
        self._table = table

    def __dataframe__(self, allow_copy=True, nan_as_null=False):
        return self._table.__dataframe__(allow_copy=allow_copy)


def streams(sales):
    import duckdb
    import polars as pl

    table = pa.table(sales)
    return {
        "table": table,
        "batch": table.combine_chunks().to_batches()[0],
        "reader": pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=1)),
        "dataset": pa.dataset.dataset(table),
        "polars": pl.DataFrame(sales),
        "lazy": pl.DataFrame(sales).lazy(),
        "relation": duckdb.from_arrow(table),
        "interchange": Interchange(table),
    }


@pytest.mark.parametrize(
    "kind", ["table", "batch", "reader", "dataset", "polars", "lazy", "relation", "interchange"]
)
def test_every_kind_of_table_has_the_rows_of_the_frame_again_and_again(sales, expected, kind):
    transactions = read_transactions(streams(sales)[kind])
    assert rows(transactions) == rows(transactions) == expected
    assert rows(transactions.with_category("amount"))[0][0] == "007"


def test_a_stream_that_breaks_off_is_refused_and_leaves_no_file(tmp_path, sales, monkeypatch):
    table = pa.table(sales)

    def batches():
        yield from table.to_batches()
        raise OSError("the disk went away")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(InputError, match=r"cannot be read to its end: .*the disk went away"):
        read_transactions(pa.RecordBatchReader.from_batches(table.schema, batches()))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def parts(folder, sales, n=50):
    """A folder of ``n`` CSV files of one row each or more."""
    folder.mkdir()
    for i in range(n):
        sales.assign(customer_id=f"c{i}").to_csv(folder / f"day {i:02} 'ü'.csv", index=False)
    return folder


def test_a_malformed_row_in_one_of_many_files_is_named_by_file_and_line(tmp_path, sales):
    folder = parts(tmp_path / "days", sales)
    assert len(read_transactions(folder)) == 200
    bad = folder / "day 37 'ü'.csv"
    lines = bad.read_text().splitlines()
    bad.write_text("\n".join([*lines[:2], lines[2] + ",12,13", *lines[3:]]) + "\n")
    for source in (folder, bad):
        with pytest.raises(InputError, match=r"line 3 of .*day 37 'ü'\.csv is malformed: it has more cells"):
            read_transactions(source)
    bad.write_text("\n".join(lines) + "\n")
    assert len(read_transactions(folder)) == 200


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda rows: rows.rename(columns={"amount": "revenue"}),
            r"37 'ü'\.csv has no column 'amount'",
        ),
        (
            lambda rows: rows.drop(columns="date"),
            r"37 'ü'\.csv has no column 'date'",
        ),
    ],
)
def test_a_column_that_one_of_many_files_lacks_is_named_with_the_file(tmp_path, sales, change, said):
    folder = parts(tmp_path / "days", sales)
    change(sales).to_csv(folder / "day 37 'ü'.csv", index=False)
    with pytest.raises(InputError, match=said):
        read_transactions(folder)
    for path in folder.glob("*.csv"):
        pd.read_csv(path).to_parquet(path.with_suffix(".parquet"))
        path.unlink()
    with pytest.raises(InputError, match=said.replace("csv", "parquet")):
        read_transactions(folder)


def test_order_further_columns_delimiters_and_line_ends_may_differ_between_files(tmp_path, sales):
    folder = parts(tmp_path / "days", sales)
    known = rows(read_transactions(folder))
    others = sales.assign(customer_id="c37")
    others[["amount", "customer_id", "date"]].to_csv(folder / "day 37 'ü'.csv", index=False)
    assert rows(read_transactions(folder)) == known
    others.assign(shop="x").to_csv(folder / "day 37 'ü'.csv", index=False)
    assert rows(read_transactions(folder)) == known
    others.to_csv(
        folder / "day 37 'ü'.csv", index=False, sep=";", lineterminator="\r\n", encoding="utf-8-sig"
    )
    assert rows(read_transactions(folder)) == known


def test_another_type_in_one_of_many_parquet_files_is_named_with_the_file(tmp_path, sales):
    for i in range(3):
        sales.to_parquet(tmp_path / f"{i}.parquet")
    sales.iloc[:0].astype(str).to_parquet(tmp_path / "empty.parquet")
    assert len(read_transactions(tmp_path)) == 12
    sales.assign(amount=sales["amount"].astype(str)).to_parquet(tmp_path / "1.parquet")
    with pytest.raises(InputError, match=r"'amount' has numbers in .*0\.parquet and text in .*1\.parquet"):
        read_transactions(tmp_path)
    sales.assign(date=sales["date"].dt.tz_localize("Asia/Tokyo")).to_parquet(tmp_path / "1.parquet")
    with pytest.raises(InputError, match=r"'date' has dates in .* and times with a time zone .*1\.parquet"):
        read_transactions(tmp_path)


def test_one_file_in_another_encoding_among_many_leaves_the_others_as_they_are(tmp_path, sales):
    folder = parts(tmp_path / "days", sales.assign(note="Köln"))
    sales.assign(customer_id="Müller").to_csv(folder / "day 00 'ü'.csv", index=False)
    sales.assign(customer_id="Ångström").to_csv(folder / "day 37 'ü'.csv", index=False, encoding="cp1252")
    assert {"Müller", "Ångström", "c1"} <= {row[0] for row in rows(read_transactions(folder))}


@pytest.mark.parametrize("ending", ["gz", "zst"])
def test_a_compressed_file_that_is_cut_off_is_refused(tmp_path, ending):
    text = "customer_id,date,amount\n" + "".join(f"{i},1997-01-01,{i * 7919 % 1000}\n" for i in range(50_000))
    codec = {"gz": "gzip", "zst": "zstd"}[ending]
    whole = pa.compress(text.encode(), codec=codec, asbytes=True)
    path = tmp_path / f"a.csv.{ending}"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"a\.csv\."):
        read_transactions(path)
    path.write_bytes(whole)
    assert len(read_transactions(path)) == 50_000


def test_a_file_named_twice_is_read_once_and_said(tmp_path, sales, expected, caplog):
    sales.to_csv(tmp_path / "2024-01.csv", index=False)
    (tmp_path / "latest.csv").symlink_to(tmp_path / "2024-01.csv")
    path = tmp_path / "2024-01.csv"
    for source in (tmp_path, [path, tmp_path / "2024-*.csv"], [path, tmp_path / "x" / ".." / "2024-01.csv"]):
        caplog.clear()
        (tmp_path / "x").mkdir(exist_ok=True)
        assert rows(read_transactions(source)) == expected
        assert "1 of 2 paths name a file again, such as" in caplog.text
        assert caplog.text.count("read once") == 1


def test_files_of_another_type_in_a_folder_are_named(tmp_path, sales, expected, caplog):
    sales.to_csv(tmp_path / "a.csv", index=False)
    for name in ("b.CSV.bz2", "notes.md", "c.json", "d.jsonl", "_SUCCESS", ".crc"):
        (tmp_path / name).write_text("x")
    transactions = read_transactions(tmp_path)
    assert rows(transactions) == expected
    assert "4 files of another type in" in caplog.text
    assert "not read: b.CSV.bz2, c.json, d.jsonl, ..." in caplog.text
    caplog.clear()
    transactions.with_category("amount")
    assert not caplog.text


@pytest.mark.parametrize("fault", ["checksum", "trailer", "garbage"])
def test_a_damaged_gzip_is_refused_though_its_rows_can_be_read(tmp_path, sales, fault):
    many = pd.concat([sales] * 10_000)  # of several blocks
    whole = gzip.compress(many.to_csv(index=False).encode())
    path = tmp_path / "a.csv.gz"
    flipped = whole[:-8] + bytes([whole[-8] ^ 1]) + whole[-7:]
    path.write_bytes({"checksum": flipped, "trailer": whole[:-4], "garbage": whole + b"rubbish"}[fault])
    with pytest.raises(InputError, match=r"a\.csv\.gz cannot be read: it is damaged or cut off"):
        read_transactions(path)
    path.write_bytes(whole + gzip.compress(b"d,1997-03-05,5.0\n"))  # of two members
    assert len(read_transactions(path)) == 40_001


@pytest.fixture
def delta(tmp_path, sales):
    """A Delta table with a history: rows were appended, overwritten and deleted."""
    deltalake = pytest.importorskip("deltalake")
    folder, table = tmp_path / "table", pa.table(sales.assign(year=1997))
    deltalake.write_deltalake(folder, table, partition_by=["year"])
    deltalake.write_deltalake(folder, table, mode="append")
    deltalake.DeltaTable(folder).delete("customer_id = 'c'")
    deltalake.write_deltalake(folder, table, mode="overwrite")
    return folder


def test_a_delta_table_has_its_current_rows_only(delta, expected):
    transactions = read_transactions(str(delta), category="year")
    assert transactions.source == str(delta)
    assert [row[:3] for row in rows(transactions)] == expected
    assert len(list(delta.rglob("*.parquet"))) > 1
    for source in (delta.parent, delta / "**/*.parquet", [delta, delta]):
        with pytest.raises(InputError, match=r"table, which is a Delta table.* give the folder of one table"):
            read_transactions(source)


def z85(data):
    """Bytes in the base of 85 characters of deletion vectors."""
    digits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
    words = [int.from_bytes(data[i : i + 4], "big") for i in range(0, len(data), 4)]
    return "".join(digits[word // 85**place % 85] for word in words for place in range(4, -1, -1))


def deletion_vector(*places):
    """The deletion vector of rows of a file, by the Delta protocol: a Roaring bitmap within the log."""
    bitmap = struct.pack("<IIHHI", 12346, 1, 0, len(places) - 1, 16) + struct.pack(
        f"<{len(places)}H", *places
    )
    data = struct.pack("<iqi", 1681511377, 1, 0) + bitmap
    text = z85(data + b"\0" * (-len(data) % 4))
    return {
        "storageType": "i",
        "pathOrInlineDv": text,
        "sizeInBytes": len(data),
        "cardinality": len(places),
    }


def test_rows_that_a_deletion_vector_marks_are_not_read(tmp_path, sales, expected):
    deltalake = pytest.importorskip("deltalake")
    marks = {"delta.enableDeletionVectors": "true"}
    deltalake.write_deltalake(tmp_path / "t", pa.table(sales), configuration=marks)
    assert rows(read_transactions(tmp_path / "t")) == expected
    log = tmp_path / "t" / "_delta_log"
    first = [json.loads(line) for line in (log / f"{0:020}.json").read_text().splitlines()]
    added = next(action["add"] for action in first if "add" in action)
    removed = {"path": added["path"], "deletionTimestamp": 1, "dataChange": True, "partitionValues": {}}
    marked = added | {"deletionVector": deletion_vector(0, 2)}
    actions = ({"remove": removed}, {"add": marked})
    (log / f"{1:020}.json").write_text("\n".join(map(json.dumps, actions)) + "\n")
    assert rows(read_transactions(tmp_path / "t")) == [expected[1], expected[3]]


def test_without_deltalake_the_error_says_what_to_install(delta, monkeypatch):
    monkeypatch.setitem(sys.modules, "deltalake", None)
    with pytest.raises(InputError, match=r"table is a Delta table.*pip install 'clvml\[delta\]'"):
        read_transactions(delta)


def test_a_damaged_delta_log_is_named(delta):
    (delta / "_delta_log" / f"{0:020}.json").write_text("{")
    with pytest.raises(InputError, match=r"the Delta table .*table cannot be read: "):
        read_transactions(delta)


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ("metadata/00001-a.metadata.json", "an Iceberg table.*pyiceberg"),
        (".hoodie/hoodie.properties", "a Hudi table.*engine='spark'"),
    ],
)
def test_tables_of_other_formats_are_refused_with_the_way_out(tmp_path, sales, log, said):
    path = tmp_path / "table" / "data" / "day=1" / "a.parquet"
    path.parent.mkdir(parents=True)
    sales.to_parquet(path)
    assert len(read_transactions(tmp_path / "table")) == 4
    (tmp_path / "table" / log).parent.mkdir()
    (tmp_path / "table" / log).write_text("{}")
    for source in (tmp_path / "table", tmp_path, path):
        with pytest.raises(InputError, match=said):
            read_transactions(source)


FAULTS = {
    "more": (lambda row: row + ",12,13", None, "more cells than the 3 column names"),
    "fewer": (lambda row: row.rpartition(",")[0], "amount", "fewer cells than the 3 .* none for .*'amount'"),
    "quote": (lambda row: '"x"y' + row[row.index(",") :], "customer_id", "quote .* in column 'customer_id'"),
}
DROPPED = TransactionPolicy(bad_row="drop")


def spoil(path, *faults):
    """Make rows of a file malformed: pairs of the line and the fault."""
    lines = path.read_text().splitlines()
    for line, fault in faults:
        lines[line - 1] = FAULTS[fault][0](lines[line - 1])
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_malformed_row_is_refused_by_file_line_and_column_or_dropped_and_counted(
    tmp_path, sales, fault, caplog
):
    folder = parts(tmp_path / "days", sales)
    known = read_transactions(folder).to_pandas()
    spoil(folder / "day 37 'ü'.csv", (3, fault))
    column, reason = FAULTS[fault][1:]
    named = "" if column is None else f".*'{column}'"
    place = r"line 3 of .*day 37 'ü'\.csv"
    with pytest.raises(InputError, match=rf"{place} is malformed: .*{named}.*bad_row='drop'"):
        read_transactions(folder)
    found = read_transactions(folder, policy=DROPPED)
    assert found.report.loc["bad_row", ["policy", "rows", "set_aside"]].tolist() == ["drop", 1, 1]
    assert found.report["set_aside"].drop("read").sum() == 200 - len(found) == 1
    assert re.search(rf"excluded 1 of 200 .* 1 malformed \({place}: .*{reason}", caplog.text)
    row = found.malformed_rows().iloc[0]
    assert (row["file"], row["line"]) == (str(folder / "day 37 'ü'.csv"), 3)
    assert row["column"] == column or (column is None and pd.isna(row["column"]))
    assert re.search(reason, row["reason"])
    lost = (known["customer_id"] == "c37") & (known["date"] == sales["date"][1])
    pd.testing.assert_frame_equal(found.to_pandas(), known[~lost].reset_index(drop=True))
    assert len(found.with_category("amount").malformed_rows()) == 1


def test_well_formed_files_have_the_same_rows_whatever_becomes_of_malformed_ones(tmp_path, sales):
    folder = parts(tmp_path / "days", sales)
    found, known = read_transactions(folder, policy=DROPPED), read_transactions(folder)
    assert rows(found) == rows(known)
    assert found.malformed_rows().empty
    assert "bad_row" not in known.report.index
    assert found.report.drop("bad_row").equals(known.report)


def test_no_row_is_lost_beside_malformed_ones_in_a_large_file(tmp_path):
    """DuckDB's ignore_errors alone drops the rows that follow a misplaced quote."""
    numbers = range(1, 300_001)
    text = "customer_id,date,amount\n" + "".join(f"{i},2024-01-0{i % 9 + 1},{i % 1000}.5\n" for i in numbers)
    path = tmp_path / "a.csv"
    path.write_text(text)
    bad = list(range(7, 290_000, 997))
    spoil(path, *((line, list(FAULTS)[line % 3]) for line in bad))
    found = read_transactions(path, policy=DROPPED)
    assert set(found.to_pandas()["customer_id"]) == set(numbers) - {line - 1 for line in bad}
    assert found.malformed_rows()["line"].tolist() == bad


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(("n", "line"), [(30, 31), (30, 2), (300, 301), (3_000, 3_001), (30_000, 15_000)])
def test_one_malformed_row_is_set_aside_wherever_it_is_and_however_long_the_file(tmp_path, n, line, fault):
    """It misleads the detection of the dialect: a last row with a cell more was taken for the header."""
    path = tmp_path / "a.csv"
    text = "".join(f"c{i % 50},2024-0{1 + i % 9}-11,{1 + i % 7}.50\n" for i in range(n))
    path.write_text(f"customer_id,date,amount\n{text}")
    spoil(path, (line, fault))
    found = read_transactions(path, policy=DROPPED)
    assert found.malformed_rows()["line"].tolist() == [line]
    assert len(found) == n - 1
    if fault == "more":
        with pytest.raises(InputError, match=rf"line {line:,} of .*a\.csv is malformed: .* more cells"):
            read_transactions(path)


@pytest.mark.parametrize(
    "title",
    [
        "Sales of the shop\nall branches, without returns\nwritten by the till\n\n",
        "shop,Berlin\nfrom,2024-01-01\nto,2024-01-31\nby,till 4\n",
    ],
)
def test_lines_above_the_header_are_still_skipped(tmp_path, title):
    text = "".join(f"c{i},2024-01-11,1.50\n" for i in range(30))
    (tmp_path / "a.csv").write_text(f"{title}customer_id,date,amount\n{text}")
    assert len(read_transactions(tmp_path / "a.csv")) == 30
    assert len(read_transactions(tmp_path / "a.csv", policy=DROPPED)) == 30


@pytest.mark.parametrize("policy", [DROPPED, TransactionPolicy()])
def test_a_quote_that_hides_the_rows_after_it_is_always_refused(tmp_path, sales, policy):
    folder = parts(tmp_path / "days", sales)
    bad = folder / "day 37 'ü'.csv"
    lines = bad.read_text().splitlines()
    for later in (lines[3:], [lines[3], '"c37"' + lines[4][3:]]):
        bad.write_text("\n".join([*lines[:2], '"' + lines[2], *later]) + "\n")  # DuckDB may miss the first
        with pytest.raises(InputError, match=r"line 3 of .*day 37 'ü'\.csv is malformed"):
            read_transactions(folder, policy=policy)


@pytest.mark.parametrize("fault", FAULTS)
def test_malformed_rows_of_a_file_with_windows_line_ends_are_dropped(tmp_path, sales, fault):
    path = tmp_path / "a.csv"
    sales.to_csv(path, index=False)
    spoil(path, (4, fault))
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    row = read_transactions(path, policy=DROPPED).malformed_rows().iloc[0]
    assert (row["line"], row["text"]) == (4, path.read_text().splitlines()[3])


def test_more_malformed_rows_than_max_unreadable_are_refused(tmp_path, sales):
    folder = parts(tmp_path / "days", sales)
    for i in range(30):
        spoil(folder / f"day {i:02} 'ü'.csv", (2, "more"))
    with pytest.raises(InputError, match=r"30 of 200 rows of .* \(15%\) are malformed \(line 2 of .*day 00"):
        read_transactions(folder, policy=DROPPED)
    assert len(read_transactions(folder, policy=DROPPED, max_unreadable=0.2)) == 170


def test_a_store_takes_a_file_without_its_malformed_rows(tmp_path, sales):
    sales.to_csv(tmp_path / "a.csv", index=False)
    spoil(tmp_path / "a.csv", (4, "fewer"))
    store = TransactionStore(tmp_path / "store")
    store.add(read_transactions(tmp_path / "a.csv", policy=DROPPED))
    report = read_transactions(store).report
    assert report.loc[["read", "bad_row", "used"], "rows"].tolist() == [4, 1, 3]


def test_one_malformed_file_among_compressed_ones_is_named(tmp_path, sales):
    folder = parts(tmp_path / "days", sales, 3)
    spoil(folder / "day 01 'ü'.csv", (3, "more"))
    for path in folder.glob("*.csv"):
        path.with_suffix(".csv.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    with pytest.raises(InputError, match=r"line 3 of .*day 01 'ü'\.csv\.gz is malformed"):
        read_transactions(folder)
    assert len(read_transactions(folder, policy=DROPPED)) == 11


def test_malformed_rows_of_another_encoding_are_refused(tmp_path):
    text = "customer_id,date,amount\nMüller,1997-01-01,5\nb,1997-01-02,6,7\nc,1997-01-02,6\n"
    (tmp_path / "a.csv").write_text(text, encoding="cp1252")
    for policy in (DROPPED, TransactionPolicy()):
        with pytest.raises(InputError, match=r"a\.csv cannot be read as Windows-1252: .*line 3"):
            read_transactions(tmp_path / "a.csv", policy=policy)


def test_dates_and_amounts_that_cannot_be_read_are_named_by_file_and_line(tmp_path, sales, caplog):
    folder = parts(tmp_path / "days", sales)
    bad = folder / "day 37 'ü'.csv"
    rows = [
        "customer_id,date,amount",
        "a,1997-01-01,5",
        "",
        '"b\nc",1.2.97,5',
        "d,,5",
        "e,1997-01-01,n/a",
    ]
    bad.write_text("\n".join(rows) + "\n")
    read_transactions(folder)
    path = re.escape(str(bad))
    assert re.search(
        rf"2 with .* date \(such as '1.2.97'; .*; first in lines 4 and 6 of {path}\)", caplog.text
    )
    assert re.search(rf"1 with .* amount \(such as 'n/a'; .*; first in line 7 of {path}\)", caplog.text)
    caplog.clear()
    table = pd.read_csv(bad, dtype=str)
    table.to_parquet(tmp_path / "a.parquet")
    read_transactions(tmp_path / "a.parquet")
    assert "; first in rows 2 and 3)" in caplog.text
    caplog.clear()
    read_transactions(table)
    assert "first in" not in caplog.text


def test_the_file_with_a_decimal_comma_among_many_is_named(tmp_path, sales):
    folder = parts(tmp_path / "days", sales)
    (folder / "day 37 'ü'.csv").write_text("customer_id;date;amount\na;1997-01-01;5,25\n")
    with pytest.raises(InputError, match=r"'1\.0' in .*day 00 .*'5,25' in .*day 37 "):
        read_transactions(folder)


def test_places_of_rows_from_standard_input_are_not_those_of_its_copy(from_stdin, caplog):
    from_stdin(b"customer_id,date,amount\na,1997-01-01,5\nb,soon,5\n")
    read_transactions("-")
    assert "1 with an unreadable date (such as 'soon'; give" in caplog.text
    assert "first in" not in caplog.text


def test_places_do_not_depend_on_columns_that_some_files_lack_or_that_are_folders(tmp_path, sales, caplog):
    bad = sales.astype({"date": "str"}).assign(date="soon")
    folder = parts(tmp_path / "days", sales, 3)
    bad.iloc[:1].assign(shop="x").to_csv(folder / "day 01 'ü'.csv", index=False)
    read_transactions(folder)
    assert "first in line 2 of " in caplog.text
    caplog.clear()
    partitioned = tmp_path / "partitioned"
    table = pa.Table.from_pandas(pd.concat([sales.astype({"date": "str"}), bad.assign(customer_id="z")]))
    pq.write_to_dataset(table, partitioned, partition_cols=["customer_id"])
    read_transactions(partitioned)
    assert "first in rows 1, 2 and 3 of " in caplog.text
    caplog.clear()
    bad.assign(filename="y").iloc[:1].to_csv(tmp_path / "a.csv", index=False)
    sales.assign(filename="y").to_csv(tmp_path / "b.csv", index=False)
    read_transactions([tmp_path / "a.csv", tmp_path / "b.csv"])
    assert "1 with an unreadable date (such as 'soon'; give" in caplog.text
    assert "first in" not in caplog.text
