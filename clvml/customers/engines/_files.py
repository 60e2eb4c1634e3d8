"""Input files by path, glob, folder, list or standard input: file types and encodings."""

from __future__ import annotations

import atexit
import codecs
import functools
import glob
import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pandas as pd

from clvml.customers.engines._table_formats import refuse_files_of_tables
from clvml.errors import InputError

FileKind = Literal["csv", "parquet", "excel"]

STDIN = "-"
ENDINGS: dict[str, FileKind] = {
    **dict.fromkeys((".csv", ".tsv", ".txt"), "csv"),
    **dict.fromkeys((".parquet", ".pq"), "parquet"),
    **dict.fromkeys((".xlsx", ".xlsm"), "excel"),
}
COMPRESSED = (".gz", ".zst")
_FEW = 3  # files named in a message
# First bytes of files, for standard input, which has no name.
_SIGNATURES = {
    b"PAR1": ".parquet",
    b"PK\x03\x04": ".xlsx",
    b"\x1f\x8b": ".csv.gz",
    b"\x28\xb5\x2f\xfd": ".csv.zst",
}
_WAYS_OUT = {
    ".xls": "save it as .xlsx",
    ".xlsb": "save it as .xlsx",
    ".ods": "save it as .xlsx or .csv",
    ".zip": "unpack it first (.gz and .zst are read as they are)",
    ".bz2": "unpack it first (.gz and .zst are read as they are)",
    ".xz": "unpack it first (.gz and .zst are read as they are)",
    ".json": "read it with pandas.read_json and pass the DataFrame",
}


class Files(NamedTuple):
    """The files of a source, each once, and sentences on what was left out."""

    paths: list[str]
    notes: tuple[str, ...] = ()


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
        encodings.append("UTF-16" if is_utf16(path) else "UTF-8" if _is_utf8(path) else "Windows-1252")
        try:
            tables.append(
                pd.read_csv(
                    path,
                    dtype=str,
                    sep=None,
                    engine="python",
                    encoding=encodings[-1].replace("UTF-8", "utf-8-sig"),
                    encoding_errors="replace",
                    keep_default_na=False,
                    na_values=[""],
                )
            )
        except (ValueError, pd.errors.ParserError, UnicodeError) as error:
            reason = str(error).splitlines()[0].rstrip(". ") if str(error) else "no reason given"
            raise InputError(f"{path} cannot be read as {encodings[-1]}: {reason}.") from None
    return pd.concat(tables), " and ".join(sorted(set(encodings) - {"UTF-8"}))


def _is_utf8(path: str) -> bool:
    """Whether the whole of a file, compressed or not, is text in UTF-8."""
    import pyarrow as pa

    plain = pa.input_stream(path, compression="detect")
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with plain as file:
            while block := file.read(1 << 20):
                decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def is_path(source: Any) -> bool:
    """Whether a source is a path, or several."""
    several = source if isinstance(source, list | tuple) else [source]
    return bool(several) and all(isinstance(path, str | os.PathLike) for path in several)


def patterns_of(source: Any) -> list[str]:
    """The paths or globs of a source, as they were given."""
    return [os.fspath(path) for path in (source if isinstance(source, list | tuple) else [source])]


def label_of(source: Any) -> str:
    """How messages name the files of a source."""
    return ", ".join("standard input" if path == STDIN else path for path in patterns_of(source))


def files_of(source: Any) -> list[str]:
    """The files of a source; see `find_files`."""
    return find_files(source).paths


def find_files(source: Any) -> Files:
    """The files of a path, a glob, a folder or a list of them; ``-`` is standard input.

    A file that is named twice, by overlapping globs or by a link, is one file.

    Raises
    ------
    InputError
        If there is no such file, a folder has none, one is empty, or one belongs to a table with a log, such
        as Delta.
    """
    named = [_existing(pattern) for pattern in patterns_of(source)]
    paths = [path for files in named for path in files.paths]
    refuse_files_of_tables(paths)
    firsts: dict[str, int] = {}
    again = [
        place for place, path in enumerate(paths) if firsts.setdefault(os.path.realpath(path), place) != place
    ]
    notes = [note for files in named for note in files.notes]
    if again:
        notes.append(
            f"{len(again):,} of {len(paths):,} paths name a file again, such as {paths[again[0]]}: each file"
            " is read once"
        )
    return Files([paths[place] for place in firsts.values()], tuple(notes))


def is_stdin(source: Any) -> bool:
    """Whether a source is standard input."""
    return isinstance(source, str | os.PathLike) and os.fspath(source) == STDIN


@functools.cache
def copy_of_stdin() -> str:
    """The path of a temporary copy of standard input, which can be read once only; removed at exit.

    The kind of file is recognised by its first bytes: Parquet, Excel, compressed CSV, and otherwise CSV.

    Raises
    ------
    InputError
        If standard input is a terminal.
    """
    if sys.stdin.isatty():
        raise InputError("standard input is a terminal: pipe a file into the command, or give its path.")
    content = sys.stdin.buffer.read()
    ending = next((end for start, end in _SIGNATURES.items() if content.startswith(start)), ".csv")
    handle, path = tempfile.mkstemp(prefix="clvml-stdin-", suffix=ending)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    atexit.register(Path(path).unlink, missing_ok=True)
    return path


def _existing(pattern: str) -> Files:
    if pattern == STDIN:
        pattern = copy_of_stdin()
    if os.path.isdir(pattern):
        found = _in_folder(pattern)
    else:
        found = Files([pattern] if os.path.exists(pattern) else sorted(glob.glob(pattern, recursive=True)))
    if not found.paths:
        raise InputError(f"there is no file {pattern} (working directory: {os.getcwd()}).")
    empty = [path for path in found.paths if _is_blank(path)]
    if empty:
        raise InputError(f"the file {empty[0]} is empty: it has no column names.")
    return found


def _is_blank(path: str) -> bool:
    """Whether a file has no bytes, or nothing but line breaks, blanks and a byte order mark."""
    with open(path, "rb") as file:
        start = file.read(4096)
    return len(start) < 4096 and not start.removeprefix(b"\xef\xbb\xbf").strip()


def _in_folder(folder: str) -> Files:
    """The data files in a folder and the folders in it, without hidden ones and markers (``_SUCCESS``)."""
    found = [path for path in Path(folder).rglob("*") if path.is_file()]
    shown = [path for path in found if not any(part[0] in "._" for part in path.relative_to(folder).parts)]
    data = sorted(str(path) for path in shown if _ending(path.name) in ENDINGS)
    others = sorted(str(path.relative_to(folder)) for path in shown if _ending(path.name) not in ENDINGS)
    if not data:
        raise InputError(f"the folder {folder} has no .csv, .parquet or .xlsx files.")
    return Files(data, (_note_of_others(folder, others),) if others else ())


def _note_of_others(folder: str, others: list[str]) -> str:
    named = ", ".join(others[:_FEW]) + (", ..." if len(others) > _FEW else "")
    files = "1 file" if len(others) == 1 else f"{len(others):,} files"
    return f"{files} of another type in {folder} not read: {named}"


def _ending(name: str) -> str:
    plain = name.lower()
    for compression in COMPRESSED:
        plain = plain.removesuffix(compression)
    return os.path.splitext(plain)[1]


def kind_of(path: str) -> FileKind:
    """Whether a file is text, Parquet or an Excel workbook, by its name.

    Raises
    ------
    InputError
        If it is of another kind.
    """
    kind = ENDINGS.get(_ending(path))
    if kind is not None and not (kind != "csv" and path.lower().endswith(COMPRESSED)):
        return kind
    way_out = _WAYS_OUT.get(_ending(path), "read it yourself and pass the DataFrame")
    raise InputError(
        f"{path} has an unsupported file type: give .csv, .tsv, .txt (also .gz, .zst), .parquet or .xlsx;"
        f" {way_out}."
    )
