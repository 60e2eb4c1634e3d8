"""Tables and figures of records as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from clvml.customers._ids import CUSTOMER_ID


def file_name(name: str) -> str:
    """A name as that of a file.

    Examples
    --------
    >>> file_name("BG/NBD x Gamma-Gamma")
    'bg_nbd_x_gamma-gamma'
    """
    kept = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name.lower())
    return "_".join(part for part in kept.split("_") if part) or "unnamed"


def save_table(path: Path, table: pd.DataFrame) -> str:
    """Save it, and return the name of the file that MLflow displays: the index as columns, names as text.

    A table of customers is saved as Parquet, any other as CSV and as JSON.
    """
    plain = table.reset_index().rename(columns=str)
    if CUSTOMER_ID in plain:
        shown = path.with_name(f"{path.name}.parquet")
        plain.to_parquet(shown, index=False)
        return shown.name
    table.to_csv(path.with_name(f"{path.name}.csv"))
    shown = path.with_name(f"{path.name}.json")
    plain.to_json(shown, orient="split", index=False, date_format="iso")
    return shown.name


def save_drawn(path: Path, drawn: Any) -> None:
    """Save a drawn figure, or that of its Axes, and close it."""
    from matplotlib import pyplot

    figure = getattr(drawn, "figure", None) or drawn
    figure.savefig(path)
    pyplot.close(figure)
