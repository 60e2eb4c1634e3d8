"""Rows of customers that cannot be scored: found by rule, described, and counted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvml.customers._amounts import NumberReading
from clvml.customers._ids import CUSTOMER_ID, are_missing
from clvml.customers._summary_checks import plain
from clvml.errors import InputError
from clvml.scoring._customer_files import Batch
from clvml.scoring._number_cells import has_decimal_comma, numbers_in
from clvml.scoring._repeated_ids import RepeatedIds

ROW, FILE, COLUMN, REASON = "row", "file", "column", "reason"
_COUNT = re.compile(r"^\d+ of \d+ (?:customers|rows) ")


class Reason(NamedTuple):
    """Why a row cannot be scored: the rule, as said of one row, and the column, where it is one."""

    rule: str
    column: str = ""


class SortedRows:
    """The rows of a batch, sorted into good ones and bad ones as rules are applied.

    Parameters
    ----------
    batch : Batch

    Attributes
    ----------
    customers : pandas.DataFrame
        The good ones.
    """

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._place = np.arange(len(batch.customers))  # of the good ones
        self._reasons: dict[int, Reason] = {}
        self.customers = batch.customers

    def reject(self, bad: NDArray[np.bool_], reason: Reason) -> None:
        """Take rows out of the good ones."""
        if bad.any():
            self._reasons |= dict.fromkeys(self._place[bad].tolist(), reason)
            self._place, self.customers = self._place[~bad], self.customers[~bad]

    def score(self, score: Callable[[pd.DataFrame], pd.DataFrame]) -> pd.DataFrame | None:
        """The scores of the good rows, without those that break a rule of the model; None if there are none.

        Raises
        ------
        ClvmlError
            If it is not about single rows.
        """
        while len(self.customers):
            try:
                return score(self.customers)
            except InputError as error:
                if error.rows is None:
                    raise
                self.reject(error.rows, Reason(_of_one_row(error.rule), error.column or ""))
        return None

    def rejected(self) -> pd.DataFrame:
        """The bad rows as they were given, after ``row``, ``file``, ``column`` and ``reason``."""
        places = sorted(self._reasons)
        reasons = [self._reasons[place] for place in places]
        found = {
            ROW: self._batch.rows[places],
            FILE: self._batch.file,
            COLUMN: [reason.column for reason in reasons],
            REASON: [reason.rule for reason in reasons],
        }
        given = self._batch.customers.iloc[places]
        others = given.drop(columns=[name for name in found if name in given])
        return pd.concat([pd.DataFrame(found, index=given.index), others], axis=1).rename_axis(CUSTOMER_ID)


def reject_unreadable(
    rows: SortedRows, repeated: RepeatedIds, numbers: Collection[str], reading: NumberReading
) -> None:
    """Reject rows without an id, with an earlier one's, or with text for a number; convert numbers."""
    rows.reject(are_missing(rows.customers.index), Reason("has no customer_id", CUSTOMER_ID))
    repeats = repeated.are_repeated(rows.customers.index)
    rows.reject(repeats, Reason("repeats the id of an earlier customer", CUSTOMER_ID))
    for name in [name for name in numbers if name in rows.customers]:
        values, wrong = numbers_in(rows.customers[name], reading)
        if values is not rows.customers[name]:
            rows.customers = rows.customers.assign(**{name: values})
        rows.reject(wrong, Reason(f"has a {name} that is not a number", name))


def first_bad_row(rejected: pd.DataFrame) -> InputError:
    """The error that names the first of the rejected rows."""
    row = rejected.iloc[0]
    file = f" of {row[FILE]}" if row[FILE] else ""
    return InputError(
        f"row {row[ROW]:,}{file} {row[REASON]}{_details(rejected)}."
        f"{_hint(row)} Correct it, or skip such rows: --on-bad-row skip (on_bad_row='skip') writes them to a"
        " file and scores the others.",
    )


def counted(rejected: pd.DataFrame) -> Counter[str]:
    """The number of rejected rows by rule."""
    return Counter(rejected[REASON].tolist())


def _of_one_row(rule: str) -> str:
    return re.sub("^have ", "has ", _COUNT.sub("", rule))


def _details(rejected: pd.DataFrame) -> str:
    """Id and values of the first row."""
    row, customer = rejected.iloc[0], rejected.index[0]
    named = row[COLUMN] if row[COLUMN] in rejected else None
    shown = [named] if named else [name for name in ("frequency", "recency", "T") if name in rejected]
    values = ", ".join(f"{name} {_value(row[name])}" for name in shown)
    if row[COLUMN] == CUSTOMER_ID:
        return "" if are_missing(rejected.index[:1])[0] else f", {plain(customer)!r}"
    return f" (customer {plain(customer)!r}: {values})" if values else f" (customer {plain(customer)!r})"


def _value(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float | np.number) else repr(value)


def _hint(row: pd.Series) -> str:
    is_comma = row[COLUMN] in row and has_decimal_comma(row[row[COLUMN]])
    return " Numbers with a decimal comma need --decimal , (decimal=',')." if is_comma else ""
