"""A file of scores is whole or not there, and no cell of it runs in a spreadsheet."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import openpyxl
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clvml.customers._formula_escapes import escaped, unescaped, with_escapes
from clvml.errors import InputError
from clvml.scoring import _customer_files as customer_files
from clvml.scoring._score_files import ScoreWriter

FORMULAS = [
    "=1+1",
    '=HYPERLINK("http://x","y")',
    "+SUM(A1)",
    "-2+3",
    "@x",
    "\tx",
    "\rx",
    "-nan",
    "''=x",
    "+49 170",
]
PLAIN = [
    "-5",
    "+49170",
    "-1.5e3",
    "-",
    "007",
    "O'Neill",
    "'tis",
    "a=b",
    "NA",
    "x;=1+1",
    'say "x"',
    "two\nlines",
]


@pytest.fixture(autouse=True)
def _in_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


def write(name, ids, **columns):
    table = pd.DataFrame({"clv": 1.0} | columns, index=pd.Index(ids, name="customer_id"))
    with ScoreWriter(name) as file:
        file.write(table.iloc[:3])
        file.write(table.iloc[3:])


TEXT = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("=+-@'\t\r\n059.e"), max_size=6)


@given(st.lists(TEXT, min_size=1))
def test_every_text_is_read_back_as_it_was(texts):
    for form in (pd.Index(texts), pd.Series(texts), pd.Index(texts, dtype=object)):
        assert unescaped(escaped(form)).tolist() == texts


@given(TEXT)
def test_no_text_of_more_than_a_character_starts_a_formula_unless_it_is_a_number(text):
    (cell,) = escaped(pd.Series([text]))
    if len(cell) > 1 and cell[0] in "=+-@\t\r\n":
        float(cell)


def test_numbers_are_never_touched():
    table = pd.DataFrame({"x": [-1.5, 2.0], "n": [-1, 2]}, index=pd.Index([-5, 3]))
    assert with_escapes(table) is table


def test_formulas_in_csv_are_escaped_and_all_readers_find_the_other_ids_as_they_are():
    ids = [*FORMULAS, *PLAIN]
    write("scores.csv", ids, segment_name="=cmd|' /C calc'!A0")
    expected = [f"'{text}" for text in FORMULAS] + PLAIN
    with open("scores.csv", newline="") as file:
        rows = list(csv.reader(file))
    assert [row[0] for row in rows[1:]] == expected
    assert {row[2] for row in rows[1:]} == {"'=cmd|' /C calc'!A0"}
    assert rows[0] == ["customer_id", "clv", "segment_name"]
    assert pl.read_csv("scores.csv", infer_schema=False)["customer_id"].to_list() == expected
    found = duckdb.sql("SELECT customer_id FROM read_csv('scores.csv', all_varchar = true)").fetchall()
    assert [row[0] for row in found] == expected
    back = pd.concat(customer_files.read_batches("scores.csv"))
    assert back.index.tolist() == ids
    assert set(back["segment_name"]) == {"=cmd|' /C calc'!A0"}


def test_a_cell_is_not_split_into_a_formula_where_semicolons_separate_cells():
    """As a spreadsheet does in countries with decimal commas."""
    write("scores.csv", ["x;=1+1", "a", "b", "c"])
    assert '\n"x;=1+1",1.0\n' in Path("scores.csv").read_text()


def test_formulas_in_a_workbook_are_text():
    write("scores.xlsx", [*FORMULAS, *PLAIN])
    cells = list(openpyxl.load_workbook("scores.xlsx").active["A"])[1:]
    assert {cell.data_type for cell in cells} == {"s"}
    back = pd.concat(customer_files.read_batches("scores.xlsx"))
    assert back.index.tolist() == [text.replace("\r", "\n") for text in [*FORMULAS, *PLAIN]]  # as XML has it


def test_numbers_have_a_decimal_point_so_that_no_reader_takes_the_first_ones_for_whole():
    """Polars looks at 100 rows, DuckDB at 20,480."""
    values = [0.0] * 30_000 + [0.1 + 0.2, 1e22, 5e-324, -1e-7]
    write("scores.csv", range(30_004), clv=values)
    assert pl.read_csv("scores.csv")["clv"].to_list() == values
    assert [row[0] for row in duckdb.sql("SELECT clv FROM 'scores.csv'").fetchall()] == values
    assert pd.read_csv("scores.csv")["clv"].tolist() == values


def test_ids_of_bytes_are_text_or_hexadecimal_digits_in_csv():
    ids = [b"c1", bytes(range(4)), b"\xff\xfe", b"=x"]
    write("scores.csv", ids)
    assert pd.read_csv("scores.csv")["customer_id"].tolist() == ["c1", "00010203", "fffe", "'=x"]
    write("scores.parquet", ids)
    assert pl.read_parquet("scores.parquet")["customer_id"].to_list() == ids


def test_a_column_without_a_value_so_far_may_have_text_later():
    with ScoreWriter("scores.parquet") as file:
        for name in (None, "gold"):
            index = pd.Index([str(name)], name="customer_id")
            file.write(pd.DataFrame({"segment_name": [name]}, index=index, dtype=object))
    assert pl.read_parquet("scores.parquet")["segment_name"].to_list() == [None, "gold"]


@pytest.mark.parametrize("kind", ["parquet", "csv", "xlsx"])
def test_a_full_disk_leaves_nothing_and_the_older_scores(kind):
    """Here a limit on the size of files, as the system reports a full disk."""
    code = (
        "import resource, pandas as pd; from clvml.scoring._score_files import ScoreWriter;"
        "table = pd.DataFrame({'clv': range(200_000)}, pd.RangeIndex(200_000, name='customer_id')) * 1.1;"
        f"file = ScoreWriter('scores.{kind}', overwrite=True);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000));"
        "file.__enter__(); error = None\n"
        "try:\n    with file: file.write(table)\nexcept OSError as found: error = found\n"
        "print(type(error).__name__)"
    )
    Path(f"scores.{kind}").write_text("older")
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "OSError", said.stderr
    assert os.listdir() == [f"scores.{kind}"]
    assert Path(f"scores.{kind}").read_text() == "older"


def test_scores_are_not_written_among_the_customers():
    """They would be customers to the next run."""
    Path("parts").mkdir()
    write("parts/a.csv", list("abcd"))
    Path("link").symlink_to("parts")
    for output in ("parts/scores.csv", "link/scores.csv", "./parts/../parts/scores.csv"):
        with pytest.raises(InputError, match="into the folder of the customers"):
            ScoreWriter(output, source="parts")
    with pytest.raises(InputError, match="over the customers"):
        ScoreWriter("parts/a.csv", source="parts/*.csv", overwrite=True)
    ScoreWriter("scores.csv", source="parts")


def test_ids_of_two_types_in_one_folder_are_refused():
    Path("parts").mkdir()
    pd.DataFrame({"customer_id": [1, 2], "x": 1.0}).to_parquet("parts/a.parquet")
    pd.DataFrame({"customer_id": ["1", "b"], "x": 1.0}).to_parquet("parts/b.parquet")
    with pytest.raises(InputError, match=r"ids of parts/b\.parquet are text, those .* numbers"):
        list(customer_files.read_batches("parts"))


def test_whole_ids_stay_whole_beside_missing_ones():
    """pandas reads them as floats, which have 16 digits."""
    ids = pd.array([2**62 + 1, None, 2**62 + 3], dtype="Int64")
    pd.DataFrame({"customer_id": ids, "x": 1.0}).to_parquet("customers.parquet")
    (batch,) = customer_files.read_batches("customers.parquet")
    assert batch.index[[0, 2]].tolist() == [2**62 + 1, 2**62 + 3]


def test_ids_may_be_a_level_of_an_index():
    frame = pd.DataFrame({"customer_id": ["a", "b"], "shop": ["x", "x"], "v": 1.0})
    table = frame.set_index(["shop", "customer_id"])
    table.to_parquet("customers.parquet")
    for source in (table, "customers.parquet"):
        (batch,) = customer_files.read_batches(source)
        assert batch.index.tolist() == ["a", "b"]


def test_the_numbers_of_rows_in_a_workbook_are_not_ids():
    """A blank row in between makes them look like an index of somebody's."""
    pd.DataFrame({"name": ["a", None, "b"]}).to_excel("customers.xlsx", index=False)
    with pytest.raises(InputError, match="have no ids"):
        list(customer_files.read_batches("customers.xlsx"))
