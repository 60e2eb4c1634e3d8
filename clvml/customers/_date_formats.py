"""Which format reads the dates of a column: advice for dates that cannot be read, or that read in two ways.

Day and month are not told apart by guessing: ``3/4/2020`` is read by a given format only. These functions
find the formats that would read a column, and formats whose day and month appear to be swapped.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import pandas as pd

from clvml.customers._ids import MISSING_IDS
from clvml.customers.engines import Engine
from clvml.errors import InputError

_DAYS = (
    *(
        "%d/%m/%Y",
        "%m/%d/%Y",
        "%d.%m.%Y",
        "%m.%d.%Y",
        "%d-%m-%Y",
        "%m-%d-%Y",
        "%Y-%m-%d",
        "%Y/%m/%d",
        "%Y.%m.%d",
    ),
    *("%d/%m/%y", "%m/%d/%y", "%d.%m.%y", "%d-%m-%y", "%m-%d-%y", "%y-%m-%d", "%Y%m%d", "%d%m%Y", "%m%d%Y"),
    *(
        "%d %b %Y",
        "%d-%b-%Y",
        "%d-%b-%y",
        "%d %B %Y",
        "%d. %B %Y",
        "%b %d %Y",
        "%b %d, %Y",
        "%B %d, %Y",
        "%B %d %Y",
    ),
    *("%Y-%m", "%m/%Y", "%b %Y", "%b-%y"),
)
_TIMES = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p", ", %H:%M", ", %H:%M:%S", "T%H:%M:%S")
_SWAPPED = {"%d": "%m", "%m": "%d"}
CANDIDATES = tuple(day + time for day, time in product(_DAYS, _TIMES))


def count_readable(
    engine: Engine, text: str, formats: Sequence[str], rows: str = "source", sample: int | None = None
) -> pd.Series:
    """The number of dates that each format reads, the most first; formats that read none are left out.

    Parameters
    ----------
    engine : Engine
    text : str
        The dates as text, in SQL.
    formats : sequence of str
    rows : str
        A view, or a view and a condition.
    sample : int, optional
        Look at the most frequent texts only, this many.

    Returns
    -------
    pandas.Series
        Indexed by format.
    """
    counts = ", ".join(
        f"coalesce(sum(n) FILTER (WHERE {engine.parsed_date('text', (form,))} IS NOT NULL), 0) AS f{i}"
        for i, form in enumerate(formats)
    )
    dates = f"SELECT {text} AS text, count(*) AS n FROM {rows} GROUP BY 1"
    limit = "" if sample is None else f" ORDER BY n DESC, text LIMIT {sample}"
    found = engine.frame(f"SELECT {counts} FROM ({dates}{limit})").iloc[0].set_axis(list(formats)).astype(int)
    return found[found > 0].sort_values(ascending=False, kind="stable")


def is_given(text: str) -> str:
    """The SQL of whether a cell has a value."""
    return f"{text} IS NOT NULL AND lower({text}) NOT IN {MISSING_IDS}"


def usual_advice(example: str) -> str:
    """The option for dates such as this one, for a message."""
    if not example.isdigit():
        return "give date_format, as in '%d/%m/%Y'"
    if len(example) in (10, 13):
        return "seconds or milliseconds since 1970 must be converted first, with pandas.to_datetime"
    if len(example) < 6:
        serial = "; serial numbers of a spreadsheet need date_format='excel'" if len(example) == 5 else ""
        return f"numbers of days, weeks or months need date_unit and date_origin{serial}"
    return "give date_format, as in '%d%m%Y'"


def advice(engine: Engine, text: str, example: str, read: int, given: Sequence[str]) -> str:
    """The formats that would read the dates that are unreadable, for a message.

    Parameters
    ----------
    engine : Engine
        With the view ``typed``, where unreadable dates are NULL.
    text : str
        The dates as text, in SQL.
    example : str
        An unreadable date.
    read : int
        The number of dates that are readable.
    given : sequence of str
        The formats that read them; ISO 8601 if empty.
    """
    unreadable = f"typed WHERE date IS NULL AND {is_given(text)}"
    lost = count_readable(engine, text, CANDIDATES, unreadable, sample=1000)
    best = [str(form) for form in lost.index[lost == lost.max()]][:2]
    if not best:
        return usual_advice(example)
    if len(best) > 1:
        return f"give date_format={best[0]!r} or {best[1]!r}, which both read them"
    if count_readable(engine, text, best)[best[0]] >= read:
        return f"give date_format={best[0]!r}, which reads them"
    return f"give date_format={[*(given or ['%Y-%m-%d']), *best]!r}: these are in another format"


def swapped(form: str) -> str | None:
    """The format with day and month exchanged; None if it does not have both as numbers.

    Examples
    --------
    >>> swapped("%d/%m/%Y %H:%M"), swapped("%d %b %Y")
    ('%m/%d/%Y %H:%M', None)
    """
    if not all(part in form for part in _SWAPPED):
        return None
    return "".join(_SWAPPED.get(part, part) for part in _parts(form))


def _parts(form: str) -> list[str]:
    parts, rest = [], form
    while rest:
        size = 2 if rest[0] == "%" else 1
        parts.append(rest[:size])
        rest = rest[size:]
    return parts


def refuse_swapped(engine: Engine, label: str, name: str, text: str, formats: Sequence[str]) -> None:
    """Refuse a format that cannot read all dates, if it does with day and month exchanged.

    Raises
    ------
    InputError
        Naming that format.
    """
    others = [other for form in formats if (other := swapped(form)) and other not in formats]
    if not others:
        return
    found = count_readable(engine, text, [*formats, *others])
    read = max((int(found.get(form, 0)) for form in formats), default=0)
    better = [other for other in others if found.get(other, 0) > read]
    if better:
        raise InputError(
            f"{name} of {label} appears to have day and month in the other order: {formats[0]!r} reads"
            f" {read:,} dates and {better[0]!r} reads {found[better[0]]:,}; give date_format={better[0]!r}."
        )


def refuse_two_orders(engine: Engine, label: str, name: str, text: str, formats: Sequence[str]) -> None:
    """Refuse two formats that differ in the order of day and month, where some dates fit both.

    Raises
    ------
    InputError
        Naming the formats and a date.
    """
    for form in formats:
        other = swapped(form)
        if other not in formats[: formats.index(form)] or other is None:
            continue
        first, second = engine.parsed_date(text, (other,)), engine.parsed_date(text, (form,))
        found = engine.frame(
            f"SELECT count(*) AS n, min({text}) AS example FROM source WHERE {first} <> {second}"
        ).iloc[0]
        needed = engine.frame(
            f"SELECT count(*) AS n FROM source WHERE {first} IS NULL AND {second} IS NOT NULL"
        )
        if found["n"] and needed["n"].iloc[0]:
            raise InputError(
                f"{name} of {label} reads in two ways: {found['n']:,} dates, such as {found['example']!r},"
                f" fit {other!r} and {form!r}, and others only {form!r}; separate the rows by their format."
            )
