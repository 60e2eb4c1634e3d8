"""Customer attributes and the contact column, from the table that the config names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from clvml.customers._ids import CUSTOMER_ID, are_missing, read_csv
from clvml.errors import InputError
from clvml.segments.grouping._tables import named

if TYPE_CHECKING:
    from clvml.workflow._config import Config


class Attributes(NamedTuple):
    """The attributes of a run's customers.

    Attributes
    ----------
    table : pandas.DataFrame
        On the customers' index: the columns to segment by; no columns if the config names no table.
    contact : pandas.Series or None
        Contact data of each customer; used to count reachable customers, and not written to any file.
    needs : pandas.DataFrame or None
        Attributes that describe needs and are not used to segment by.
    """

    table: pd.DataFrame
    contact: pd.Series | None
    needs: pd.DataFrame | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The attributes to segment by."""
        return tuple(map(str, self.table.columns))


def read_attributes(config: Config, customers: pd.Index, say: Callable[[str], None]) -> Attributes:
    """Read the table that the config names, and report the number of customers without a row.

    Raises
    ------
    InputError
        If the file is missing or unreadable, lacks a column, or has duplicated customer ids.
    """
    section = config.segments
    if not section.attributes:
        return Attributes(pd.DataFrame(index=customers), None)
    table = _by_customer(Path(section.attributes), config.data.customer, customers)
    columns, contact = list(map(str, table.columns)), [section.contact] if section.contact else []
    needs = list(section.needs)
    if section.attribute_columns and not needs:
        needs = [name for name in columns if name not in {*section.attribute_columns, *contact}]
    names = list(section.attribute_columns) or [name for name in columns if name not in {*contact, *needs}]
    missing = [name for name in (*names, *contact, *needs) if name not in columns]
    if missing:
        raise InputError(f"{section.attributes} has no column {missing[0]!r}; it has {', '.join(columns)}.")
    without = len(customers.difference(table.index))
    if without:
        say(f"{without:,} of {len(customers):,} customers have no attributes: treated as missing")
    known = table.reindex(customers)
    return Attributes(known[names], known[section.contact] if contact else None, known[needs])


def read_attribute(config: Config, customers: pd.Index, name: str, key: str) -> pd.Series:
    """One column of the table of attributes that the config names, missing where a customer has none.

    Parameters
    ----------
    key : str
        The key of the config that names the column, for messages.

    Raises
    ------
    InputError
        If the config names no table, or the table lacks the column; as `read_attributes`.
    """
    path = config.segments.attributes
    if not path:
        raise InputError(
            f"{key} is {name!r}, a column of customer attributes, but the config names no table of"
            " attributes: give attributes in [segments]."
        )
    table = _by_customer(Path(path), config.data.customer, customers)
    if name not in table:
        raise InputError(
            f"{path} has no column {name!r} ({key}); it has {', '.join(map(str, table.columns))}."
        )
    return table[name].reindex(customers)


def _by_customer(path: Path, customer: str, customers: pd.Index) -> pd.DataFrame:
    table = _read(path, customer)
    column = next((name for name in (customer, CUSTOMER_ID) if name in table), None)
    if column is None:
        raise InputError(
            f"{path} has no column {customer!r} of customer ids; it has {', '.join(map(str, table.columns))}."
        )
    table = table[~are_missing(table[column])]
    try:
        ids = pd.Index(table[column]).astype(customers.dtype)
    except (TypeError, ValueError):
        raise InputError(
            f"the ids in column {column!r} of {path} are not of the same type as those in the purchases, such"
            f" as {named(customers)}."
        ) from None
    if ids.has_duplicates:
        twice = named(ids[ids.duplicated()])
        raise InputError(f"customer ids must be unique: {twice} is duplicated in {path}; give one row each.")
    if customers.intersection(ids).empty:
        raise InputError(f"no customer of the purchases, such as {named(customers)}, has a row in {path}.")
    return table.drop(columns=column).set_axis(ids.rename(customers.name), axis="index")


def _read(path: Path, customer: str) -> pd.DataFrame:
    if not path.is_file():
        raise InputError(f"there is no file {path}; attributes are CSV or Parquet, one row per customer.")
    try:
        if path.suffix.lower() == ".csv":
            return next(read_csv(path, [customer, CUSTOMER_ID]))
        table = pd.read_parquet(path)
    except (ValueError, OSError) as error:  # errors of pandas and pyarrow are of these types
        raise InputError(f"{path} cannot be read as a table of attributes: {error}") from None
    return table if table.index.name is None else table.reset_index()
