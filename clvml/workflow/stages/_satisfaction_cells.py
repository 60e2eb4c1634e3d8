"""Cells of the tables of satisfaction: numbers with their intervals as text."""

from __future__ import annotations

import pandas as pd

from clvml.workflow._formatting import MISSING, Column

FILES = "satisfaction/{}.csv"
FEW = 20  # rows of a figure, and of the checklist in the report


def with_ends(table: pd.DataFrame, **patterns: str) -> pd.DataFrame:
    """With text in place of columns: the number and its interval in brackets."""
    cells = {
        name: [
            _cell(value, lower, upper, pattern)
            for value, lower, upper in zip(
                table[name], table[f"{name}_lower"], table[f"{name}_upper"], strict=True
            )
        ]
        for name, pattern in patterns.items()
        if name in table
    }
    return table.assign(**cells)


def with_interval(table: pd.DataFrame, pattern: str) -> pd.DataFrame:
    """With a column of text for the interval of ``lower`` and ``upper``."""
    ends = zip(table["lower"], table["upper"], strict=True)
    return table.assign(
        interval=[MISSING if low != low else ends_text(low, high, pattern) for low, high in ends]
    )


def present(columns: dict[str, Column], table: pd.DataFrame) -> dict[str, Column]:
    """Those of the columns that a table has."""
    return {name: column for name, column in columns.items() if name in table}


def _cell(value: float, lower: float, upper: float, pattern: str) -> str:
    if value != value:
        return MISSING
    text = pattern.format(value)
    return text if lower != lower and upper != upper else f"{text} ({ends_text(lower, upper, pattern)})"


def ends_text(lower: float, upper: float, pattern: str) -> str:
    if upper != upper:
        return f"from {pattern.format(lower)}"
    if lower != lower:
        return f"to {pattern.format(upper)}"
    return f"{pattern.format(lower)} to {pattern.format(upper)}"
