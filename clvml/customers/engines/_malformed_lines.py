"""The first malformed line of a CSV file that Spark could not read: Spark names the file only."""

from __future__ import annotations

import csv
import re
from urllib.parse import unquote

from clvml.customers.engines._csv import DELIMITERS

_LOCAL = re.compile(r"\bfile:/{1,3}(\S+\.(?:csv|tsv|txt))\b", re.IGNORECASE)


def malformed_line(said: str) -> str:
    """Where the file on this machine that a message names is malformed, as words to add to the message.

    Empty if the message names no such file, or every row has as many cells as the header; the row itself,
    which may be personal data, is not quoted.
    """
    found = _LOCAL.search(said)
    try:
        return "" if found is None else _first("/" + unquote(found[1]))
    except (OSError, UnicodeDecodeError, csv.Error):
        return ""


def _first(path: str) -> str:
    with open(path, encoding="utf-8-sig", newline="") as file:
        header = file.readline()
        delimiter = max(DELIMITERS, key=header.count)
        names = len(next(csv.reader([header], delimiter=delimiter)))
        rows = csv.reader(file, delimiter=delimiter)
        for row in rows:
            if row and len(row) != names:
                more = "more" if len(row) > names else "fewer"
                return (
                    f"; line {rows.line_num + 1:,} has {more} cells than the {names} column names: correct it"
                )
    return ""
