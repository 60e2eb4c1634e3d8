"""A customer may be called nearly anything, but what programs write for a missing id is none."""

import datetime as dt
import uuid

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest

from clvml.customers._ids import are_missing, storable, to_arrow
from clvml.customers._transactions import read_transactions

NAMES = ["NA", "na", "-nan", "Nan Li", "1e5", "TRUE", "nil", "007", "7"]


@pytest.mark.parametrize("kind", ["csv", "parquet", "frame", "utf-16"])
def test_customers_with_names_that_look_missing_are_trained_on(tmp_path, kind):
    sales = pd.DataFrame(
        {"customer_id": [*NAMES, "", "  ", None, "nan", "NULL", "<NA>"], "date": "1997-01-01", "amount": 5.0}
    )
    sales.to_csv(tmp_path / "sales.csv", index=False)
    sales.to_csv(tmp_path / "sales.utf-16", index=False, encoding="utf-16")
    (tmp_path / "sales.utf-16").rename(tmp_path / "wide.csv")
    sales.to_parquet(tmp_path / "sales.parquet")
    source = {"frame": sales, "utf-16": tmp_path / "wide.csv"}.get(kind, tmp_path / f"sales.{kind}")
    transactions = read_transactions(source)
    assert sorted(transactions.to_pandas()["customer_id"]) == sorted(NAMES)
    assert transactions.report.loc["missing_customer", "rows"] == 6


@pytest.mark.parametrize(
    "ids",
    [
        pd.Index(["a", None, "", " \t"]),
        pd.Series([1, None, None, None], dtype="Int64"),
        pd.Index([1.0, np.nan, np.nan, np.nan]),
        pd.CategoricalIndex(["a", None, "", " "]),
        pd.DatetimeIndex(["1997-01-01", None, None, None]),
        np.array(["a", None, "", pd.NA], dtype=object),
    ],
)
def test_null_and_blank_ids_are_missing_in_every_kind_of_column(ids):
    ids = ids if isinstance(ids, pd.Series) else pd.Index(ids)
    assert are_missing(ids).tolist() == [False, True, True, True]


KINDS = {
    "from 1": (pd.RangeIndex(1, 7), None),
    "from 0": (pd.RangeIndex(0, 6), None),
    "gaps and negative": (pd.Index([-3, 0, 8, 5, 2**53 + 1, 2**63 - 1]), None),
    "unsigned": (pd.Index([2**63 + 1, 1, 2, 3, 4, 5], dtype="uint64"), None),
    "leading zeros": (pd.Index(["007", "7", "0", "00", "1e5", "TRUE"]), None),
    "names": (pd.Index(["NA", "null", "None", "nan", "a,b", 'say "a"']), None),
    "days": (pd.date_range("1997-01-01", periods=6), None),
    "times": (pd.date_range("1997-01-01 12:00:00.000001", periods=6, freq="s"), None),
    "dates": (pd.Index([dt.date(1997, 1, day) for day in range(1, 7)], dtype=object), None),
    "categories": (pd.CategoricalIndex(["b", "a", "d", "c", "f", "e"]), list("badcfe")),
    "categories of numbers": (pd.CategoricalIndex([6, 5, 4, 3, 2, 1]), [6, 5, 4, 3, 2, 1]),
    "UUIDs": (pd.Index([uuid.UUID(int=i) for i in range(6)]), [str(uuid.UUID(int=i)) for i in range(6)]),
    "beyond 64 bits": (pd.Index([2**70, 2, 3, 4, 5, 6], dtype=object), [str(2**70), *"23456"]),
    "mixed": (pd.Index([1, "a", 2, "b", 3, "c"], dtype=object), ["1", "a", "2", "b", "3", "c"]),
    "with a zone": (
        pd.date_range("1997-01-01", periods=6, tz="Europe/Berlin"),
        [f"1997-01-0{day}T00:00:00+01:00" for day in range(1, 7)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_ids_are_the_first_column_of_a_parquet_file_for_every_reader(tmp_path, kind):
    ids, as_stored = KINDS[kind]
    expected = ids.tolist() if as_stored is None else as_stored
    table = pd.DataFrame({"clv": np.arange(6.0)}, index=ids.rename("whatever the user says"))
    table.attrs["time_unit"] = "W"
    path = tmp_path / "customers.parquet"
    pq.write_table(to_arrow(table), path)
    back = pd.read_parquet(path)
    assert back.index.tolist() == expected
    assert (back.index.name, back.columns.tolist(), back.attrs) == (
        "customer_id",
        ["clv"],
        {"time_unit": "W"},
    )
    assert pl.read_parquet(path).columns == ["customer_id", "clv"]
    assert pl.read_parquet(path)["customer_id"].to_list() == expected
    found = duckdb.sql(f"SELECT * FROM '{path}'")
    assert found.columns == ["customer_id", "clv"]
    days = isinstance(ids, pd.DatetimeIndex) and as_stored is None
    first = [row[0] for row in found.fetchall()]
    assert (pd.DatetimeIndex(first).tolist() if days else first) == expected
    assert table.index.name == "whatever the user says"


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_stored_is_stored_again_the_same(kind):
    once = storable(KINDS[kind][0])
    pd.testing.assert_index_equal(storable(once), once)
