"""DuckDB, embedded: the default engine."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import uuid
import weakref
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from clvml.customers.engines._duckdb_sources import open_source, query
from clvml.customers.engines._engine import Kind, Source, quoted
from clvml.customers.engines._frames import registrable
from clvml.customers.engines._leftovers import lock, release, remove_abandoned
from clvml.customers.engines._progress import bar, can_be_seen
from clvml.errors import InputError

_SPILL = "clvml-spill-"


class DuckDB:
    """An in-memory DuckDB that spills to a temporary folder; it satisfies `Engine`.

    Parameters
    ----------
    memory_limit : str, optional
        Memory limit before spilling to disk, as ``"2GB"``.
    temp_directory : path, optional
        Folder to spill to; default: the system's temporary folder. The engine's own folder in it, whose name
        starts with ``clvml-spill-``, is deleted at the end, also after an interruption; that of a killed
        process by the next engine that has the same ``temp_directory``.

    Raises
    ------
    InputError
        If ``memory_limit`` is not a size, or ``temp_directory`` is not a folder that can be written to.
    """

    def __init__(self, memory_limit: str | None = None, temp_directory: str | Path | None = None) -> None:
        self._settings = memory_limit, temp_directory
        self._spill = _folder_to_spill_to(temp_directory) / f"{_SPILL}{uuid.uuid4().hex}"
        settings = {"temp_directory": str(self._spill), "autoinstall_known_extensions": "false"}
        if memory_limit is not None:
            settings["memory_limit"] = memory_limit
        try:
            self._connection = duckdb.connect(":memory:", config=settings)
        except duckdb.Error:
            raise InputError(f"memory_limit is {memory_limit!r}; write it as in '2GB' or '600MB'.") from None
        self._connection.execute("SET TimeZone = 'UTC'")
        with contextlib.suppress(duckdb.InvalidInputException):  # a notebook without ipywidgets has no bar
            self._connection.execute("SET enable_progress_bar_print = false")
            self._connection.execute(f"SET enable_progress_bar = {str(can_be_seen()).lower()}")
        remove_abandoned(self._spill.parent, _SPILL)
        self._spill.mkdir()
        weakref.finalize(self, release, self._spill, lock(self._spill))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as a new engine with the same settings, without data: a connection cannot be pickled."""
        return DuckDB, self._settings

    def open(self, source: Any, sheet: str | int | None = None, drop_malformed: bool = False) -> Source:
        return open_source(self._connection, source, sheet, drop_malformed)

    def create_view(self, name: str, sql: str) -> None:
        self._run(f"CREATE OR REPLACE TEMP VIEW {name} AS {sql}")

    @contextlib.contextmanager
    def hold(self, name: str, sql: str) -> Iterator[None]:
        self._run(f"CREATE OR REPLACE TEMP TABLE {name} AS {sql}")
        try:
            yield
        finally:
            self._connection.execute(f"DROP TABLE {name}")

    @contextlib.contextmanager
    def lend(self, name: str, frame: pd.DataFrame) -> Iterator[None]:
        self._connection.register(name, registrable(frame))
        try:
            yield
        finally:
            self._connection.unregister(name)

    def frame(self, sql: str) -> pd.DataFrame:
        return self._run(sql).df()

    def write_parquet(self, sql: str, path: Path, metadata: Mapping[str, str]) -> int:
        notes = ", ".join(f"{quoted(name)}: {quoted(text)}" for name, text in metadata.items())
        written = self._run(
            f"COPY ({sql}) TO {quoted(str(path))} (FORMAT parquet, COMPRESSION zstd,"
            f" USE_TMP_FILE false, KV_METADATA {{{notes}}})"
        )
        return int(written.fetchone()[0])

    def _run(self, sql: str) -> Any:
        with bar(self._connection.query_progress):
            return query(self._connection, sql, self._spill.parent)

    def text(self, cell: str, kind: Kind) -> str:  # noqa: ARG002
        return f"CAST({cell} AS STRING)"

    def trimmed(self, text: str) -> str:
        return f"trim({text})"

    def number(self, text: str) -> str:
        return f"TRY_CAST({text} AS DOUBLE)"

    def rounded(self, number: str) -> str:
        return f"TRY_CAST({number} AS BIGINT)"

    def matches(self, text: str, pattern: str) -> str:
        return f"regexp_full_match({text}, {quoted(pattern)})"

    def without(self, text: str, pattern: str) -> str:
        return f"regexp_replace({text}, {quoted(pattern)}, '')"

    def without_all(self, text: str, pattern: str) -> str:
        return f"regexp_replace({text}, {quoted(pattern)}, '', 'g')"

    def parsed_date(self, text: str, formats: Sequence[str]) -> str:
        parsed = f"CAST(try_strptime({text}, [{', '.join(map(quoted, formats))}]) AS TIMESTAMP)"
        # For %Y DuckDB also takes 19, and means the year 19.
        return f"CASE WHEN {parsed} >= TIMESTAMP '1000-01-01' THEN {parsed} END"

    def parsed_timestamp(self, text: str) -> str:
        return f"TRY_CAST({text} AS TIMESTAMP)"

    def parsed_instant(self, text: str) -> str:
        return f"TRY_CAST({text} AS TIMESTAMPTZ)"

    def finite_date(self, moment: str) -> str:
        return f"CASE WHEN isfinite({moment}) THEN {moment} END"

    def local_time(self, instant: str, zone: str) -> str:
        offset = re.fullmatch(r"(?:UTC)?([+-])(\d\d):?(\d\d)", zone)
        if offset is None:
            return f"timezone({quoted(zone)}, {instant})"
        minutes = int(offset[2]) * 60 + int(offset[3])
        return f"(timezone('UTC', {instant}) {offset[1]} INTERVAL '{minutes}' MINUTE)"

    def microseconds(self, timestamp: str) -> str:
        return f"epoch_us({timestamp})"

    def row_key(self, cells: str) -> str:
        return f"hash({cells})"


def _folder_to_spill_to(temp_directory: str | Path | None) -> Path:
    folder = Path(tempfile.gettempdir() if temp_directory is None else temp_directory)
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"temp_directory is {str(folder)!r}; it must be a folder that can be written to.")
    return folder
