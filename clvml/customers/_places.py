"""Where in the files of a source some rows are: the file and the line, for messages."""

from __future__ import annotations

from clvml.customers.engines import Engine, Source
from clvml.customers.engines._csv import line_of
from clvml.customers.engines._engine import quoted

_FEW = 3
_MOST_LINES = 2_000_000  # that are counted to name one


def first_places(engine: Engine, source: Source, condition: str) -> str:
    """The places of the first few rows that meet a condition, as ``lines 5 and 7 of a.csv``, if known.

    Parameters
    ----------
    engine : Engine
    source : Source
        As opened by the engine.
    condition : str
        On the columns of the view ``source``, in SQL.
    """
    if not source.has_places:
        return ""
    found = engine.frame(f"SELECT file, n FROM placed WHERE {condition} LIMIT {_FEW}")
    starts: dict[str, int] = {}
    for file in found["file"].unique():
        first = engine.frame(f"SELECT min(n) AS n FROM placed WHERE file = {quoted(file)}")
        starts[file] = int(first["n"].iloc[0])
    lines: dict[tuple[str, str], list[str]] = {}
    for file, n in found.itertuples(index=False, name=None):
        kind, number = _line_or_row(file, n - starts[file] + 1, source.is_text_file)
        lines.setdefault((kind, file), []).append(f"{number:,}")
    return ", ".join(
        f"{kind}{'s' if len(numbers) > 1 else ''} {_listed(numbers)}"
        + (f" of {file}" if file != source.label else "")
        for (kind, file), numbers in lines.items()
    )


def _listed(numbers: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(numbers[:-1]), numbers[-1]]))


def first_file(engine: Engine, source: Source, condition: str) -> str:
    """The first file with a row that meets a condition; empty if there is one file only, or none."""
    if not source.has_places:
        return ""
    first = f"min_by(file, n) FILTER (WHERE {condition})"
    found = engine.frame(f"SELECT {first} AS file, count(DISTINCT file) AS files FROM placed").iloc[0]
    return str(found["file"]) if found["files"] > 1 and found["file"] else ""


def _line_or_row(file: str, row: int, is_text_file: bool) -> tuple[str, int]:
    line = line_of(file, row) if is_text_file and row < _MOST_LINES else None
    return ("row", row) if line is None else ("line", line)
