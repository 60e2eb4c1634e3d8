"""Markdown for the descriptions of runs, which MLflow's UI displays."""

from __future__ import annotations

import pandas as pd


def markdown_table(table: pd.DataFrame) -> str:
    """A table of text in Markdown."""
    rows = [[table.index.name or "", *table.columns], ["---", *["---:"] * len(table.columns)]]
    rows += [list(row) for row in table.itertuples()]
    return "\n".join("| " + " | ".join(str(cell).replace("|", r"\|") for cell in row) + " |" for row in rows)
