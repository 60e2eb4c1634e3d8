"""Malformed rows of CSV files on Spark: set aside with file and line, by the rules that DuckDB has.

Lines are read as text and taken apart by regular expressions, so that well-formed and malformed rows are
the rows of one scan. The number of a line is its place in its block of a file, after the lines of the blocks
before: files are still read in parts. A file with line breaks in cells is read whole, by one task.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

import pandas as pd

from clvml.customers.engines._files import NotUtf8
from clvml.customers.engines._spark_csv import Header, united
from clvml.customers.engines._spark_frames import located, spark_table
from clvml.customers.engines._spark_session import run
from clvml.errors import InputError

_FEW = 3  # rows named in messages
_PARTITIONS = "64"
# Quotes in a quoted cell are doubled; DuckDB also lets it end and begin again, after blanks.
_OPENED = r' *+"[^"]*+(?:" *+"[^"]*+)*+'
_QUOTED = rf'{_OPENED}" *+'
_UNQUOTED_START = r'(?! *+")'
_NEVER_CLOSED = rf"\A.{_OPENED}\z"  # after a delimiter


class Separated(NamedTuple):
    """Well-formed rows by column, malformed ones, and of these the number and, in words, the first few."""

    rows: Any
    malformed: Any
    number: int
    examples: tuple[str, ...]


def separate(session: Any, headers: Sequence[Header], label: str) -> Separated:
    """Take CSV files apart into well-formed rows and malformed ones, stored in the cluster.

    Parameters
    ----------
    session : SparkSession
        clvml's own.
    headers : sequence of Header
    label : str
        Name of the source in messages.

    Raises
    ------
    NotUtf8
        If bytes of a line are not UTF-8.
    InputError
        If a malformed row hides others, as one with a quote that is never closed.
    """
    from pyspark.sql import functions as f

    parsed = [_parsed(_records(session, header, label), header).persist() for header in headers]
    malformed = united(rows.where("reason IS NOT NULL").drop("cells") for rows in parsed)
    in_order = malformed.selectExpr("file", "line", "reason", "hides").orderBy(
        f.desc("hides"), "file", "line"
    )
    few = run(in_order.limit(_FEW).collect)
    if few and few[0]["hides"]:
        raise InputError(
            f"line {few[0]['line']:,} of {few[0]['file']} is malformed and hides the rows after it"
            f" ({few[0]['reason']}; an unclosed quote?), so that they cannot be set aside one by one:"
            " correct it."
        )
    examples = tuple(f"line {row['line']:,} of {row['file']}: {row['reason']}" for row in few)
    rows = united(_by_column(rows, header) for rows, header in zip(parsed, headers, strict=True))
    return Separated(rows, malformed.drop("hides"), run(malformed.count), examples)


def _by_column(rows: Any, header: Header) -> Any:
    cells = (f"{_value(f'get(cells, {place})')} AS {_name(name)}" for place, name in enumerate(header.names))
    return rows.where("reason IS NULL").selectExpr(*cells)


def _parsed(records: Any, header: Header) -> Any:
    """The rows with their cells, and of malformed ones the reason and the column."""
    n, mark = len(header.names), header.delimiter
    names = f"array({', '.join(map(_literal, header.names))})"
    cells = f"regexp_extract_all(concat({_literal(mark)}, value), {_literal(_cell(mark))}, 1)"
    # Empty cells beyond the last column are none.
    longer = (
        f"size(cells) > {n} AND exists(slice(cells, {n + 1}, size(cells)), x -> {_value('x')} IS NOT NULL)"
    )
    reason = f"""CASE WHEN is_longer THEN 'more cells than the {n} column names'
        WHEN rest <> '' THEN concat('a quote within a cell, or after its end, in ',
            coalesce(concat("column '", column, "'"), 'a cell'))
        WHEN size(cells) < {n}
            THEN concat("fewer cells than the {n} column names: none for column '", column, "'") END"""
    return (
        records.selectExpr("*", f"{cells} AS cells", f"{_rest(mark)} AS rest")
        .selectExpr(
            "*",
            f"CASE WHEN size(cells) < {n} THEN get({names}, size(cells)) END AS column",
            f"{longer} AS is_longer",
        )
        .selectExpr(
            *("file", "line", "column", f"{reason} AS reason", "value AS text", "cells"),
            rf"regexp_like(rest, {_literal(_NEVER_CLOSED)}) OR regexp_like(value, '[\r\n]') AS hides",
        )
    )


def _records(session: Any, header: Header, label: str) -> Any:
    """The rows of files without their headers and without empty lines: ``file, line, value``."""
    from pyspark.sql import functions as f

    # Set, so that every scan has the same blocks: the default is the number of executors at that time.
    session.conf.set("spark.sql.files.minPartitionNum", _PARTITIONS)
    lines = run(lambda: session.read.text([*header.places.values()])).selectExpr(
        *("value", "_metadata.file_path AS path", "_metadata.file_block_start AS block"),
        "monotonically_increasing_id() AS id",
    )
    blocks = _blocks(lines, header, label)
    whole = blocks.loc[blocks["has_breaks"], "path"].unique().tolist()
    known = spark_table(session, blocks[["path", "block", "file", "offset", "header"]])
    rows = lines.join(f.broadcast(known), ["path", "block"]).withColumn("line", f.expr("id + offset"))
    if whole:
        files = spark_table(session, blocks[["path", "file", "header"]].drop_duplicates())
        texts = _records_of_texts(session, header.delimiter, whole).join(f.broadcast(files), "path")
        rows = rows.where(~f.col("path").isin(whole)).unionByName(texts, allowMissingColumns=True)
    return rows.where("line <> header AND value <> ''").select("file", "line", "value")


def _blocks(lines: Any, header: Header, label: str) -> pd.DataFrame:
    """The blocks of files: what to add to the id of a line for its number, and the line of the header."""
    from pyspark.sql import functions as f

    is_open = (
        f"""contains(value, '"') AND regexp_like({_rest(header.delimiter)}, {_literal(_NEVER_CLOSED)})"""
    )
    aggregates = {
        "lines": "count(*)",
        "first": "min(id)",
        "first_given": "min(id) FILTER (WHERE trim(value) <> '')",
        "is_broken": "bool_or(contains(value, '\ufffd'))",
        "has_breaks": f"bool_or({is_open})",
    }
    columns = [f.expr(sql).alias(name) for name, sql in aggregates.items()]
    found = run(lambda: lines.groupBy("path", "block").agg(*columns).toArrow()).to_pandas()
    if found["is_broken"].any():
        raise NotUtf8(f"{label} is not text in UTF-8: save it again as UTF-8.")
    found = found.sort_values(["path", "block"], ignore_index=True)
    files = found.groupby("path")
    found["offset"] = files["lines"].cumsum() - found["lines"] - found["first"] + 1
    found["header"] = found["first_given"].fillna(-1).astype("int64") + found["offset"]
    found.loc[found["first_given"].isna(), "header"] = found["lines"].sum() + 1
    found["header"] = files["header"].transform("min")
    found["has_breaks"] = files["has_breaks"].transform("any")
    return found.assign(file=found["path"].map(lambda uri: _as_given(_path(uri), header.places)))


def _records_of_texts(session: Any, mark: str, paths: Sequence[str]) -> Any:
    """The records of files with line breaks in cells, or lines where there is none: ``path, line, value``."""
    first = _cell(mark).removeprefix(rf"\G{re.escape(mark)}").replace("(", "(?:", 1)
    more = rf"(?:{re.escape(mark)}{first})*+"
    record = rf"\G({first}{more}(?=[\r\n]|\z)|[^\r\n]*+)(?:\r\n|\r|\n|\z)"
    places = [located(_path(uri)) for uri in paths]
    texts = run(lambda: session.read.text(places, wholetext=True))
    records = f"posexplode(regexp_extract_all(value, {_literal(record)}, 1)) AS (place, value)"
    breaks = r"size(regexp_extract_all(value, '\r\n|\r|\n', 0))"
    earlier = "PARTITION BY path ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING"
    return (
        texts.selectExpr("_metadata.file_path AS path", records)
        .selectExpr("*", f"1 + {breaks} AS lines")
        .selectExpr("path", f"1 + coalesce(sum(lines) OVER ({earlier}), 0) AS line", "value")
    )


def _as_given(path: str, places: Mapping[str, str]) -> str:
    """The path of a file as it was given, or as Spark has it."""
    return next((given for given in places if str(Path(given).absolute()) == path), path)


def _path(uri: str) -> str:
    """The path of a file on this machine, or the URL of another, without percent-encoding."""
    return re.sub("^file:/+", "/", unquote(uri))


def _cell(mark: str) -> str:
    """The regular expression of a delimiter and the cell after it, whose text is its group."""
    mark = re.escape(mark)
    return rf"\G{mark}({_QUOTED}(?=[{mark}\r\n]|\z)|{_UNQUOTED_START}[^{mark}\r\n]*+)"


def _rest(mark: str) -> str:
    """The SQL of what is left of ``value`` from its first cell on that is not well-formed."""
    return f"regexp_replace(concat({_literal(mark)}, value), {_literal(_cell(mark))}, '')"


def _value(cell: str) -> str:
    """The SQL of the text of a cell, without the quotes around it; NULL if it is empty."""
    inner = rf"""regexp_replace(regexp_replace({cell}, '\A *"|" *\z', ''), '(?s)"(.)', '$1')"""
    return rf"""nullif(CASE WHEN regexp_like({cell}, '\A *"') THEN {inner} ELSE {cell} END, '')"""


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _name(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
