"""Amounts in text: decimal and thousands separators, currencies, accounting notation.

Columns of numbers are used as they are. A column of text is read with a decimal point or a decimal comma:
what its cells allow, or what ``decimal`` and ``thousands`` state. Each cell is of one form::

    whole     12, 1 234, 1'234, $12, (12)       the same number in both readings
    point     12.5, 1,234.50, 1,234,567         a number only with a decimal point
    comma     12,5, 1.234,50, 1.234.567         a number only with a decimal comma
    either    1.250, 1,250                      1.25 in one reading, 1250 in the other
    neither   n/a, 1_000, 12 pcs

Cells of both ``point`` and ``comma``, or of ``either`` alone, read in two ways and are refused.

A number may have a currency sign or code before or after it; a minus before or after it, or parentheses,
make it negative. Amounts in several currencies are refused: they cannot be added.
"""

from __future__ import annotations

import dataclasses
import logging
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import NamedTuple

import pandas as pd

from clvml.customers._currencies import DOTTED, canonical, is_currency
from clvml.customers._ids import MISSING_IDS
from clvml.customers.engines import Engine
from clvml.customers.engines._engine import quoted
from clvml.errors import InputError

log = logging.getLogger("clvml")

_BLANK = r"[\s\x{00a0}\x{202f}\x{2009}]"
_SIGN = r"[^0-9.,()+\-_'\s\x{2019}\x{00a0}\x{202f}\x{2009}\x{2212}\x{2013}]{1,5}\.?"  # see `is_currency`
_BLANKS = "\u00a0\u202f\u2009"
# What may stand in an amount beside its currency.
_BESIDE = r"[0-9.,()+'\s\x{2019}\x{2212}\x{2013}\x{00a0}\x{202f}\x{2009}-]+"
_MINUS = r"[-\x{2212}\x{2013}]"
NEGATIVE = rf"(?:.*[^.,])?(?:{_MINUS}|\().*"  # not 12.-
# By decimal separator: the other one, blanks and apostrophes may separate thousands (lakhs: 1,25,000).
_THOUSANDS = {
    "": "",
    ",": r"[1-9]\d{0,2}(?:,\d{3})+|[1-9]\d?(?:,\d{2})+,\d{3}",
    ".": r"[1-9]\d{0,2}(?:\.\d{3})+",
    " ": rf"[1-9]\d{{0,2}}(?:{_BLANK}\d{{3}})+",
    "'": r"[1-9]\d{0,2}(?:['\x{2019}]\d{3})+",
}
_OTHER = {".": ",", ",": "."}


@dataclasses.dataclass(frozen=True)
class NumberReading:
    """How numbers in text are read.

    Parameters
    ----------
    decimal : {".", ","} or None
        The decimal separator; None if it is to be found from the column.
    thousands : {".", ",", " ", "'", ""} or None
        The thousands separator; "" for none; None for any but the decimal.
    is_plain : bool
        Whether all numbers are plain, as in ``1234.5``.
    signs : tuple of str
        The currency signs and codes in the column.
    """

    decimal: str | None = None
    thousands: str | None = None
    is_plain: bool = False
    signs: tuple[str, ...] = ()

    def pattern(self, decimal: str) -> str:
        """The regular expression of a number with its currency and sign."""
        allowed = [_OTHER[decimal], " ", "'"] if self.thousands is None else [self.thousands]
        grouped = [_THOUSANDS[mark] for mark in allowed if mark not in ("", decimal)]
        point = rf"\{decimal}"
        number = rf"(?:(?:{'|'.join([*grouped, r'[0-9]+'])})(?:{point}[0-9]*)?|{point}[0-9]+)"
        money, after = rf"(?:{_SIGN}{_BLANK}*)?", rf"(?:{_BLANK}*{_SIGN})?"
        minus = rf"(?:{_MINUS}|\+){_BLANK}*"
        forms = (
            rf"(?:{minus})?{money}{number}{after}",
            rf"{money}{minus}{number}{after}",
            rf"{money}{number}{after}{_BLANK}*{_MINUS}",
            rf"{money}{number}{_BLANK}*{_MINUS}{after}",
            rf"{money}\({_BLANK}*{money}{number}{after}{_BLANK}*\){after}",
        )
        return f"{_BLANK}*(?:{'|'.join(forms)}){_BLANK}*"

    def sql(self, engine: Engine, text: str) -> str:
        """The number of a cell, or NULL."""
        plain = _plain(engine, text)
        if self.is_plain:
            return plain
        decimal = self.decimal or "."
        digits = text
        for sign in DOTTED:
            digits = f"replace({digits}, '{sign}.', '')" if sign in self.signs else digits
        digits = engine.without_all(digits, f"[^0-9{decimal}]+")
        size = engine.number(f"replace({digits}, '{decimal}', '.')")
        negative = engine.matches(text, NEGATIVE)
        usual = f"{plain} IS NOT NULL" + ("" if decimal == "." else f" AND NOT contains({text}, '.')")
        known = f"{_signs(engine, text)} IN ({', '.join(map(quoted, ('', *self.signs)))})"
        # Without its currency most amounts are plain, which needs no regular expression.
        bare = text
        for removed, blank in [*((mark, " ") for mark in _BLANKS), *((sign, "") for sign in self.signs)]:
            bare = f"replace({bare}, {quoted(removed)}, '{blank}')"
        bare = engine.trimmed(bare)
        if decimal == ",":
            bare = f"CASE WHEN NOT contains({text}, '.') THEN replace({bare}, ',', '.') END"
        return (
            f"CASE WHEN {usual} THEN {engine.number(text)}"
            f" WHEN {_plain(engine, bare)} IS NOT NULL THEN {engine.number(bare)}"
            f" WHEN {known} AND {engine.matches(text, self.pattern(decimal))}"
            f" THEN CASE WHEN {negative} THEN -{size} ELSE {size} END END"
        )


PLAIN = NumberReading(".", "", is_plain=True)


def _no_file(condition: str) -> str:  # noqa: ARG001
    return ""


class _Form(NamedTuple):
    """The number of cells of a form in a column, and one of them."""

    rows: int
    example: str


@dataclasses.dataclass(frozen=True, eq=False)
class _Column:
    """The cells of a column, counted by ``form``, ``plain`` and ``currency``: ``n``, and one ``example``."""

    name: str
    counts: pd.DataFrame
    text: str = ""
    file_of: Callable[[str], str] = _no_file

    def example(self, form: str) -> str:
        """A cell of this form, with its file, if there are several."""
        example = self.forms[form].example
        file = self.file_of(f"{self.text} = {quoted(example)}")
        return f"{example!r} in {file}" if file else repr(example)

    @cached_property
    def forms(self) -> dict[str, _Form]:
        groups = self.counts.groupby("form")
        return {
            str(form): _Form(int(cells["n"].sum()), min(cells["example"].dropna(), default=""))
            for form, cells in groups
        }

    @property
    def is_plain(self) -> bool:
        numbers = ~self.counts["form"].isin(("empty", "neither"))
        return bool(self.counts.loc[numbers, "plain"].all())

    @property
    def signs(self) -> tuple[str, ...]:
        numbers = ~self.counts["form"].isin(("empty", "neither")) & (self.counts["currency"] != "")
        return tuple(sorted(set(self.counts.loc[numbers, "currency"])))

    def decimal(self, label: str) -> str | None:
        """The decimal separator that the cells show; None if none shows one."""
        if "point" in self.forms and "comma" in self.forms:
            point, comma = self.forms["point"], self.forms["comma"]
            raise InputError(
                f"{self.name} of {label} reads in two ways: {point.rows:,} cells have a decimal point, such"
                f" as {self.example('point')}, and {comma.rows:,} a decimal comma, such as"
                f" {self.example('comma')};"
                " correct the file, or give decimal='.' or decimal=',' (the other cells are then unreadable)."
            )
        return "." if "point" in self.forms else "," if "comma" in self.forms else None

    def point_unless_ambiguous(self, label: str) -> str:
        if "either" not in self.forms:
            return "."
        example = self.forms["either"].example
        raise InputError(
            f"{self.name} of {label} reads in two ways: {example!r} is {_as_number(example, '.')} with a"
            f" decimal point and {_as_number(example, ',')} with a decimal comma; give decimal='.' or"
            " decimal=','."
        )

    def log_comma(self) -> None:
        form = self.forms.get("comma") or self.forms.get("either")
        if form is not None:
            number = _as_number(form.example, ",")
            log.warning("%s is read with a decimal comma: %r is %s", self.name, form.example, number)


def check_separators(decimal: str | None, thousands: str | None) -> NumberReading:
    """The options ``decimal`` and ``thousands``, validated.

    Raises
    ------
    InputError
        If one is unknown, or both are the same.
    """
    if decimal not in (None, *_OTHER):
        raise InputError(f"decimal is {decimal!r}; it must be '.' or ','.")
    if thousands not in (None, *_THOUSANDS):
        raise InputError(f"thousands is {thousands!r}; it must be '.', ',', ' ', \"'\" or '' for none.")
    if decimal is not None and decimal == thousands:
        raise InputError(
            f"decimal and thousands are both {decimal!r}; one of them must be another character."
        )
    return NumberReading(decimal or _OTHER.get(thousands or ""), thousands)


def number_readings(
    engine: Engine,
    label: str,
    texts: Mapping[str, str],
    given: NumberReading,
    file_of: Callable[[str], str] = _no_file,
) -> dict[str, NumberReading]:
    """How the numbers of each text column are read, found in one scan of ``source``.

    Parameters
    ----------
    engine : Engine
    label : str
        The name of the source, for messages.
    texts : mapping
        From the names of the columns to their text in SQL.
    given : NumberReading
        The options.
    file_of : callable
        From a condition in SQL to the first file with such a row, for messages; empty if it is clear.

    Raises
    ------
    InputError
        If a column reads in two ways, or its amounts are in several currencies.
    """
    if not texts:
        return {}
    columns = [
        _Column(name, _count_forms(engine, text, given), text, file_of) for name, text in texts.items()
    ]
    _check_currencies(label, columns)
    decimals = {column.name: given.decimal or column.decimal(label) for column in columns}
    known = {decimal for decimal in decimals.values() if decimal}
    shared = known.pop() if len(known) == 1 else None  # a file has one notation for all of its columns
    readings = {}
    for column in columns:
        decimal = decimals[column.name] or shared or column.point_unless_ambiguous(label)
        is_plain = decimal == "." and column.is_plain
        readings[column.name] = NumberReading(decimal, given.thousands, is_plain, column.signs)
        if given.decimal is None and decimal == ",":
            column.log_comma()
    return readings


def _plain(engine: Engine, text: str) -> str:
    """A number in the notation of SQL; 1_000, a notation of programming languages only, is not one."""
    return f"CASE WHEN NOT contains({text}, '_') THEN {engine.number(text)} END"


def _signs(engine: Engine, text: str) -> str:
    """The letters and signs of a cell, which name the currency of a number."""
    return engine.without_all(text, _BESIDE)


def _count_forms(engine: Engine, text: str, given: NumberReading) -> pd.DataFrame:
    """Count the cells by form and currency; most forms are decided without a regular expression."""
    plain, (point, comma) = (
        _plain(engine, text),
        (engine.matches(text, given.pattern(decimal)) for decimal in ".,"),
    )
    ambiguous = engine.matches(text, r".*[0-9][.,][0-9]{3}(?:[^0-9].*)?")
    counts = engine.frame(
        "SELECT form, plain, CASE WHEN form <> 'neither' AND NOT plain THEN signs ELSE '' END AS currency,"
        f" count(*) AS n, min(text) AS example FROM (SELECT {text} AS text, {_signs(engine, text)} AS signs,"
        f" {plain} IS NOT NULL AS plain, CASE"
        f" WHEN {text} IS NULL OR lower({text}) IN {MISSING_IDS} THEN 'empty'"
        f" WHEN {plain} IS NOT NULL AND NOT contains({text}, '.') THEN 'whole'"
        f" WHEN {plain} IS NOT NULL AND substr({text}, length({text}) - 3, 1) <> '.' THEN 'point'"
        f" WHEN {point} AND NOT {comma} THEN 'point'"
        f" WHEN {point} AND {ambiguous} THEN 'either'"
        f" WHEN {point} THEN 'whole'"
        f" WHEN {comma} THEN 'comma'"
        f" WHEN {plain} IS NOT NULL THEN 'point' ELSE 'neither' END AS form"
        " FROM source) GROUP BY ALL ORDER BY ALL"
    )
    words = counts["currency"].fillna("").map(lambda signs: bool(signs) and not is_currency(signs))
    return counts.assign(form=counts["form"].mask(words, "neither"))


def _as_number(example: str, decimal: str) -> str:
    digits = "".join(mark for mark in example if mark.isdigit() or mark == decimal)
    minus = "-" if re.match(r"(.*[^.,])?[-(\u2212\u2013]", example) else ""
    return f"{minus}{float(digits.replace(decimal, '.')):.12g}"


def _check_currencies(label: str, columns: Iterable[_Column]) -> None:
    counts = pd.concat([column.counts for column in columns])
    rows = counts[counts["currency"].isin({sign for column in columns for sign in column.signs})]
    found = rows.groupby("currency")["n"].sum()
    if len(canonical(found.index)) > 1:
        listed = ", ".join(f"{name!r} ({count:,} rows)" for name, count in found.items())
        names = " and ".join(column.name for column in columns)
        raise InputError(
            f"{names} of {label} has amounts in several currencies: {listed}; convert them to one, or read"
            " the rows of one currency only."
        )
