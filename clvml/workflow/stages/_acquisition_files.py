"""The table of acquisition costs that the config names: a CSV, Parquet or Excel file."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from clvml.customers._amounts import NumberReading, number_readings
from clvml.customers._currencies import canonical
from clvml.customers.engines._duckdb import DuckDB
from clvml.errors import InputError
from clvml.lifetime_value.economics._acquisition import COLUMNS, check_acquisition

MONEY = ("cost", "customers")
_OTHER_NAMES = {"customers_won": "customers", "customers won": "customers"}


def read_acquisition(path: Path, currency: str = "") -> pd.DataFrame:
    """The table of acquisition, its numbers read.

    Parameters
    ----------
    path : Path
    currency : str
        That of the purchases, if known; amounts in another one are refused.

    Raises
    ------
    InputError
        If the file is missing, lacks a column, or has amounts in another currency; as `check_acquisition`.
    """
    if not path.is_file():
        raise InputError(
            f"there is no file {path}; [economics] acquisition is a table with the columns"
            f" {', '.join(COLUMNS)}."
        )
    engine = DuckDB()
    source = engine.open(str(path))
    names = {_name(column.name): f"c{i}" for i, column in enumerate(source.columns)}
    if "cost" not in names:
        check_acquisition(pd.DataFrame(columns=list(names)))
    texts = {
        name: f"CAST({names[name]} AS VARCHAR)"
        for name in MONEY
        if name in names and source.columns[int(names[name][1:])].kind == "text"
    }
    readings = number_readings(engine, str(path), texts, NumberReading())
    _check_currency(path, currency, [sign for reading in readings.values() for sign in reading.signs])
    cells = ", ".join(
        _cell(name, cell, texts, readings, engine) for name, cell in names.items() if name in COLUMNS
    )
    table = engine.frame(f"SELECT {cells} FROM source")
    _check_read(path, engine, table, texts)
    check_acquisition(table)
    return table


def _cell(
    name: str, cell: str, texts: dict[str, str], readings: dict[str, NumberReading], engine: DuckDB
) -> str:
    if name in texts:
        return f"{readings[name].sql(engine, texts[name])} AS {name}"
    return f"CAST({cell} AS DOUBLE) AS {name}" if name in MONEY else f"{cell} AS {name}"


def _name(column: str) -> str:
    text = column.strip().lower()
    return _OTHER_NAMES.get(text, text)


def _check_currency(path: Path, currency: str, signs: list[str]) -> None:
    found = canonical(signs)
    if currency and found and len(canonical([*signs, currency])) > 1:
        raise InputError(
            f"the costs of {path} are in {', '.join(sorted(found))}, but [value] currency is {currency!r}:"
            " convert them to one currency, as they cannot be added."
        )


def _check_read(path: Path, engine: DuckDB, table: pd.DataFrame, texts: dict[str, str]) -> None:
    """Refuse cells that hold something but no number."""
    for name, text in texts.items():
        given = engine.frame(f"SELECT {text} AS cell FROM source")["cell"]
        bad = table[name].isna() & given.notna() & (given.fillna("").str.strip() != "")
        if bad.any():
            row = int(bad.to_numpy().argmax())
            raise InputError(f"row {row + 1} of {path}: {name} is {given[row]!r}; it must be a number.")
