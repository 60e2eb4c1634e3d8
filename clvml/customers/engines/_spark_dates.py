"""Dates in text as Spark SQL that reads what DuckDB reads.

Spark's own ``to_timestamp`` has another language of patterns and refuses what ``strptime`` takes: days of
one digit, months in any case. So a ``strptime`` format becomes a regular expression, whose groups are put
together as ISO 8601.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from clvml.customers.engines._engine import quoted
from clvml.errors import InputError

_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_TWO = r"\d{1,2}+"  # possessive, so that 202011 is no date in %Y%m%d


def _any(names: tuple[str, ...], length: int | None = None) -> str:
    return f"(?i:{'|'.join(name[:length] for name in names)})"


class _Part(NamedTuple):
    """A directive: the field of a date that it holds, its regular expression, and the SQL of the field."""

    field: str
    pattern: str
    sql: Callable[[str], str] | None = None


def _of_century(year: str) -> str:
    """A year of two digits is from 1969 to 2068."""
    digits = f"lpad({year}, 2, '0')"
    return f"concat(CASE WHEN {digits} >= '69' THEN '19' ELSE '20' END, {digits})"


def _named_month(name: str) -> str:
    firsts = " ".join(month[:3] for month in _MONTHS)
    return f"CAST((locate(substr(lower({name}), 1, 3), '{firsts}') + 3) DIV 4 AS STRING)"


_PARTS = {
    "d": _Part("day", _TWO),
    "m": _Part("month", _TWO),
    "Y": _Part("year", r"[1-9]\d{3}"),
    "H": _Part("hour", _TWO),
    "I": _Part("hour", r"1[0-2]|0?[1-9]"),
    "M": _Part("minute", _TWO),
    "S": _Part("second", _TWO),
    "f": _Part("fraction", r"\d{1,6}+"),
    "z": _Part("offset", r"[+-]\d{2}(?::?\d{2})?+"),
    "y": _Part("year", _TWO, _of_century),
    "b": _Part("month", _any(_MONTHS, 3), _named_month),
    "B": _Part("month", _any(_MONTHS), _named_month),
    "p": _Part("half", r"(?i:am|pm)", "upper({})".format),
    "a": _Part("weekday", _any(_DAYS, 3)),
    "A": _Part("weekday", _any(_DAYS)),
}
_ISO = (
    ("year", "1900", ""),
    ("month", "01", "-"),
    ("day", "01", "-"),
    ("hour", "00", " "),
    ("minute", "00", ":"),
    ("second", "00", ":"),
    ("fraction", "0", "."),
)


def parsed_date(text: str, form: str) -> str:
    """The SQL of a text's timestamp in a ``strptime`` format, or NULL.

    Raises
    ------
    InputError
        If the format has a directive that is not supported.
    """
    pattern, parts = _regular_expression(form)
    fields = {part.field: place for place, part in enumerate(parts, start=1)}
    if all(part.sql is None for part in parts) and "offset" not in fields:
        iso = "".join(
            mark + (f"${fields[name]}" if name in fields else default) for name, default, mark in _ISO
        )
        # What does not match becomes '-- ::', which is no date: one regular expression instead of two.
        return f"TRY_CAST(regexp_replace({text}, {quoted(pattern + _ELSE)}, '{iso}') AS TIMESTAMP_NTZ)"
    return _assembled(text, pattern, parts)


_ELSE = r"|(?s)\A.*\z"


def _regular_expression(form: str) -> tuple[str, list[_Part]]:
    pattern, parts = "", []
    for token in re.findall(r"%-?.|\s+|[^%\s]+|%$", form, re.DOTALL):
        letter = token[-1]
        if token == "%%":
            pattern += "%"
        elif token.startswith("%"):
            if letter not in _PARTS or token == "%":
                raise InputError(
                    f"date_format {form!r} has {token!r}, which engine='spark' does not read; it reads"
                    f" {', '.join('%' + known for known in _PARTS)} and %%."
                )
            parts.append(_PARTS[letter])
            pattern += f"({_PARTS[letter].pattern})"
        else:
            pattern += r"\s+" if token.isspace() else "".join(map(_escaped, token))
    return rf"\A\s*{pattern}\s*\z", parts


def _escaped(character: str) -> str:
    return rf"\x{{{ord(character):x}}}" if not character.isalnum() else character


def _assembled(text: str, pattern: str, parts: list[_Part]) -> str:
    """For names of months, halves of a day, short years and offsets: one regular expression per field."""
    found = {
        part.field: (part.sql or str)(f"regexp_extract({text}, {quoted(pattern)}, {place})")
        for place, part in enumerate(parts, start=1)
    }
    if "half" in found and "hour" in found:
        hour, half = f"TRY_CAST({found['hour']} AS INT)", found.pop("half")
        found["hour"] = f"CAST({hour} % 12 + CASE WHEN {half} = 'PM' THEN 12 ELSE 0 END AS STRING)"
    pieces = [f"'{mark}', {found.get(name) or quoted(default)}" for name, default, mark in _ISO]
    iso = f"concat({', '.join(pieces)}"
    if "offset" in found:
        moment = rf"TRY_CAST({iso}, {with_colon(found['offset'])}) AS TIMESTAMP_LTZ)"
    else:
        moment = f"TRY_CAST({iso}) AS TIMESTAMP_NTZ)"
    matched = f"regexp_like({text}, {quoted(pattern)})"
    return f"CASE WHEN {matched} THEN CAST({moment} AS TIMESTAMP_NTZ) END"


def with_colon(offset: str) -> str:
    """The SQL of an offset from UTC with its minutes: ``+01`` and ``+0100`` as ``+01:00``."""
    return rf"rpad(regexp_replace({offset}, '([+-]\d\d):?(\d\d)', '$1:$2'), 6, ':00')"


_DATE = r"(\d{4})([-/])(\d{1,2})\2(\d{1,2})"
_TIME = r"[T\s]\s*(\d{1,2}):(\d{0,2})(?::(\d{1,2}(?:\.\d*)?)?)?"
_FAST = r"\A\d{4}-\d{1,2}-\d{1,2}(?:[ T]\d{1,2}:\d{1,2}(?::\d{1,2}(?:\.\d{1,9})?)?)?\z"
_ZONE = r"(Z|[+-]\d{2}(?::?\d{2})?(?::\d{2})?)"


def iso_timestamp(text: str) -> str:
    """The SQL of a text in ISO 8601 as a timestamp; an offset or a zone after the time is ignored."""
    whole = rf"\A\s*{_DATE}(?:{_TIME}(?:(?:{_ZONE}|\s+\S+)\s*)?)?\z{_ELSE}"
    parts = rf"regexp_replace({text}, {quoted(whole)}, '$1-$3-$4 0$5:0$6:0$7')"
    # Times get a 0 in front, so that parts that are absent are 0; a 0 too many is removed again.
    general = rf"regexp_replace({parts}, '([ :])0(\d\d)', '$1$2')"
    midnight = rf"regexp_like({text}, '\A\s*[^\s]+[T\s]+24:00(:00(\.0*)?)?')"
    general = (
        f"CASE WHEN {midnight} THEN TRY_CAST(replace({general}, ' 24:', ' 00:') AS TIMESTAMP_NTZ)"
        f" + INTERVAL '1' DAY ELSE TRY_CAST({general} AS TIMESTAMP_NTZ) END"
    )
    return (
        f"CASE WHEN regexp_like({text}, {quoted(_FAST)}) THEN TRY_CAST({text} AS TIMESTAMP_NTZ)"
        f" ELSE {general} END"
    )


def iso_instant(text: str) -> str:
    """The SQL of a text in ISO 8601 with an offset from UTC as an instant, or NULL."""
    whole = rf"\A\s*{_DATE}{_TIME}{_ZONE}\s*\z"
    zone = f"regexp_extract({text}, {quoted(whole)}, 8)"
    offset = f"CASE WHEN {zone} = 'Z' THEN 'Z' ELSE {with_colon(zone)} END"
    local = iso_timestamp(text)
    instant = f"TRY_CAST(concat(CAST({local} AS STRING), {offset}) AS TIMESTAMP_LTZ)"
    return f"CASE WHEN regexp_like({text}, {quoted(whole)}) THEN {instant} END"
