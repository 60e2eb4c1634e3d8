"""Malformed rows of CSV files: named by file, line and column, or left out and counted."""

from __future__ import annotations

import csv
import glob
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import duckdb

from clvml.customers.engines._csv import Dialect, header_of, numbered
from clvml.customers.engines._engine import quoted
from clvml.customers.engines._files import NotUtf8
from clvml.errors import InputError

_FEW = 3  # rows named in messages
# What is wrong with a row, in SQL, by DuckDB's type of error; a row with another one is never left out.
_REASONS = {
    "TOO MANY COLUMNS": "'more cells than the ' || cells || ' column names'",
    "MISSING COLUMNS": "'fewer cells than the ' || cells || ' column names: none for ' || name",
    "UNQUOTED VALUE": "'a quote within a cell, or after its end, in ' || name",
}
_WAY_OUT = (
    "Correct it; put quotes around cells that contain the delimiter. Of purchases, bad_row='drop' sets"
    " malformed rows aside."
)


class Malformed(NamedTuple):
    """The number of malformed rows that were left out, and the first few by line and file."""

    rows: int = 0
    examples: tuple[str, ...] = ()


def copy_well_formed(run: Callable[[str], Any], table: str, path: str) -> Malformed:
    """Copy the well-formed rows of CSV files to a Parquet file; the others are the table ``malformed``.

    Rows and errors are of the same scan, so that together they are all rows of the files.

    Parameters
    ----------
    run : callable
        Runs a query; its errors are InputErrors.
    table : str
        A table in SQL that stores malformed rows; see `clvml.customers.engines._csv.csv_table`.
    path : str

    Raises
    ------
    InputError
        If a malformed row hides others, as one with a quote that is never closed.
    NotUtf8
        If a file is not in UTF-8.
    """
    for name in ("reject_errors", "reject_scans"):
        run(f"DROP TABLE IF EXISTS {name}")
    run(f"COPY (SELECT * FROM {table}) TO {quoted(path)} (FORMAT parquet, COMPRESSION zstd)")
    run(f"CREATE OR REPLACE TEMP TABLE malformed AS {_described_rows()}")
    _check_separable(run)
    count = int(run("SELECT count(*) FROM malformed").fetchone()[0])
    few = run(f"SELECT file, line, reason FROM malformed ORDER BY file, line LIMIT {_FEW}").fetchall()
    return Malformed(count, tuple(f"line {line:,} of {file}: {reason}" for file, line, reason in few))


def _described_rows() -> str:
    """The SQL of one row for each malformed one: of several errors, the first."""
    cases = " ".join(f"WHEN '{kind}' THEN {reason}" for kind, reason in _REASONS.items())
    cells = "regexp_extract(error_message, 'Columns: ([0-9]+)', 1)"
    errors = (
        "SELECT file_path AS file, line, column_name, error_type, csv_line, column_idx,"
        f" {cells} AS cells, coalesce(printf('column ''%s''', column_name), 'a cell') AS name"
        " FROM reject_errors JOIN reject_scans USING (scan_id, file_id)"
    )
    return (
        "SELECT file, line, arg_min(column_name, column_idx) AS column,"
        f" arg_min(CASE error_type {cases} ELSE lower(error_type) END, column_idx) AS reason,"
        # Of a file with Windows line ends, DuckDB gives the row after a line feed.
        " trim(any_value(csv_line), chr(10) || chr(13)) AS text, arg_min(error_type, column_idx) AS kind"
        f" FROM ({errors}) GROUP BY file, line"
    )


def _check_separable(run: Callable[[str], Any]) -> None:
    kinds = ", ".join(map(quoted, _REASONS))
    found = run(
        "SELECT file, line, reason, kind FROM malformed"
        f" WHERE kind NOT IN ({kinds}) OR contains(text, chr(10))"
        " ORDER BY kind = 'INVALID ENCODING' DESC, file, line LIMIT 1"
    ).fetchone()
    if found is None:
        return
    file, line, reason, kind = found
    if kind == "INVALID ENCODING":
        raise NotUtf8("the file is not text in UTF-8: save it again as UTF-8.")
    raise InputError(
        f"line {line:,} of {file} is malformed and hides the rows after it ({reason}; an unclosed quote?), so"
        " that they cannot be set aside one by one: correct it."
    )


def malformed_row(connection: Any, said: str) -> str:
    """DuckDB's error about a row of a CSV file as a sentence without the row; empty for another error."""
    line = re.search(r"CSV Error on Line: (\d+)", said)
    file = re.search(r"^\s*file = (.*)$", said, re.MULTILINE)
    if line is None or file is None:
        return ""
    path = file[1].strip()
    cells = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", said)
    column = _column_of_error(connection, said, path)
    rule = f"it cannot be parsed{column and f' at column {column!r}'} (an unclosed quote?)"
    if cells is not None:
        expected, found = int(cells[1]), int(cells[2])
        more = found > expected
        rule = f"it has {'more' if more else 'fewer'} cells than the {expected} column names"
        rule += f": none for {column!r}" if column and not more else ""
    return f"line {int(line[1]):,} of {path} is malformed: {rule}. {_WAY_OUT}"


def _column_of_error(connection: Any, said: str, path: str) -> str:
    """The column of the first error in a file, which is read again; empty if there is none."""
    given = {
        name: "" if text == "(empty)" else text
        for name, text in re.findall(r"^\s*(delimiter|quote|skip_rows) = (.+?) \(", said, re.MULTILINE)
    }
    delimiter = given.get("delimiter", ",")
    header = header_of(path).decode("utf-8", "replace").strip("\r\n")
    names = numbered(next(csv.reader([header], delimiter=delimiter), []))
    dialect = Dialect(
        delimiter, given.get("quote", '"'), names, int(given.get("skip_rows", 0)), drops_malformed=True
    )
    try:
        connection.execute("DROP TABLE IF EXISTS reject_errors; DROP TABLE IF EXISTS reject_scans")
        table = f"read_csv([{quoted(glob.escape(path))}], {dialect.options}, rejects_limit = 1)"
        connection.execute(f"SELECT count(*) FROM {table}").fetchall()  # runs it
        found = connection.execute("SELECT column_name FROM reject_errors ORDER BY line LIMIT 1").fetchone()
    except duckdb.Error:
        return ""
    return (found and found[0]) or ""
