"""Input files by path, glob or list: file types and encodings."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from typing import Any, Literal

import pandas as pd

from clvml.errors import InputError

TEXT_FILES = (".csv", ".tsv", ".txt")
PARQUET_FILES = (".parquet", ".pq")


class NotUtf8(InputError):
    """A text file is not in UTF-8; another encoding may work."""


def is_utf16(path: str) -> bool:
    """Whether a file starts with a UTF-16 byte order mark."""
    with open(path, "rb") as file:
        return file.read(2) in (b"\xff\xfe", b"\xfe\xff")


def read_other_encoding(paths: Iterable[str]) -> tuple[pd.DataFrame, str]:
    """Read CSV files that are not in UTF-8, all cells as text; return them and their encoding.

    What is not UTF-16 is read as Windows-1252, the default of Western spreadsheets, nearly all of Latin-1.
    """
    tables, encodings = [], []
    for path in paths:
        encodings.append("UTF-16" if is_utf16(path) else "Windows-1252")
        try:
            tables.append(
                pd.read_csv(
                    path,
                    dtype=str,
                    sep=None,
                    engine="python",
                    encoding=encodings[-1],
                    encoding_errors="replace",
                    keep_default_na=False,
                    na_values=[""],
                )
            )
        except (ValueError, pd.errors.ParserError, UnicodeError) as error:
            reason = str(error).splitlines()[0].rstrip(". ") if str(error) else "no reason given"
            raise InputError(f"{path} cannot be read as {encodings[-1]}: {reason}.") from None
    return pd.concat(tables), encodings[-1]


def is_path(source: Any) -> bool:
    """Whether a source is a path, or several."""
    several = source if isinstance(source, list | tuple) else [source]
    return bool(several) and all(isinstance(path, str | os.PathLike) for path in several)


def patterns_of(source: Any) -> list[str]:
    """The paths or globs of a source, as they were given."""
    return [os.fspath(path) for path in (source if isinstance(source, list | tuple) else [source])]


def files_of(source: Any) -> list[str]:
    """The files of a path, a glob or a list of them.

    Raises
    ------
    InputError
        If no file exists, one is empty, or a path is a folder.
    """
    return [path for pattern in patterns_of(source) for path in _existing(pattern)]


def _existing(pattern: str) -> list[str]:
    if os.path.isdir(pattern):
        raise InputError(f"{pattern} is a folder; name the files, as in '{pattern.rstrip('/')}/*.parquet'.")
    paths = [pattern] if os.path.exists(pattern) else sorted(glob.glob(pattern, recursive=True))
    if not paths:
        raise InputError(f"there is no file {pattern} (working directory: {os.getcwd()}).")
    empty = [path for path in paths if os.path.getsize(path) == 0]
    if empty:
        raise InputError(f"the file {empty[0]} is empty: it has no column names.")
    return paths


def kind_of(path: str) -> Literal["csv", "parquet"]:
    """Whether a file is text or Parquet, by its name."""
    plain = path.lower().removesuffix(".gz")
    if plain.endswith(TEXT_FILES):
        return "csv"
    if plain.endswith(PARQUET_FILES):
        return "parquet"
    raise InputError(
        f"{path} has an unsupported file type: give .csv, .tsv, .txt (also .gz) or .parquet,"
        " or read it yourself and pass the DataFrame."
    )
