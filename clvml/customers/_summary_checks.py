"""Validation of customer summaries."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from clvml.customers._frames import float_frame
from clvml.customers._time_units import TIME_UNIT, stated_time_unit, time_unit_of
from clvml.errors import InputError, LossError, TimeUnitError

HISTORY = ("frequency", "recency", "T")
MONEY = ("monetary_value", "total_spend", "earlier_spend", "later_spend")
MOST_PURCHASES = 1_000_000  # per customer: a larger frequency is not a count, and would cost memory

_BLOCK = 65_536
_FEW = 16


def check_customers(
    customers: pd.DataFrame,
    columns: Iterable[str] = HISTORY,
    time_unit: str | None = None,
    losses: bool = False,
) -> pd.DataFrame:
    """Validate a customer summary; return the named columns as float64, on the same index.

    Parameters
    ----------
    customers : pandas.DataFrame
        One row per customer; the index is the customer id.
    columns : iterable of str
        The columns that the caller needs. Other columns are ignored.
    time_unit : {"D", "W", "M", "Q", "Y"}, optional
        The caller's time unit. A summary with another unit in its ``attrs`` raises; one without is accepted.
    losses : bool, default False
        Whether negative spend is allowed, as ``returns="keep"`` produces.

    Raises
    ------
    LossError
        If spend is negative and ``losses`` is False.
    InputError
        If there are no customers, a column is missing or not numeric, an id is duplicated, or a value is
        missing, infinite, negative, or violates ``recency <= T``, or a frequency is above a million. The
        message names the first such customer.
    TimeUnitError
        If the summary is in another time unit.
    """
    table = float_frame(checked_columns(customers, columns, time_unit, losses), customers.index)
    table.attrs.update(customers.attrs)
    if (stated := stated_time_unit(customers)) is not None:
        table.attrs[TIME_UNIT] = stated
    return table


def checked_columns(
    customers: pd.DataFrame,
    columns: Iterable[str] = HISTORY,
    time_unit: str | None = None,
    losses: bool = False,
) -> dict[str, np.ndarray]:
    """The named columns as validated float64 arrays, by the rules of `check_customers`; treat as read-only.

    A few fast passes over the arrays check all rules; only if one is violated is the customer searched for.
    """
    if not isinstance(customers, pd.DataFrame):
        raise InputError(
            f"customers must be a pandas DataFrame with one row per customer, not {_kind(customers)};"
            " create one from transactions with clvml.split or clvml.summarize."
        )
    check_time_unit(customers, time_unit)
    names = list(columns)
    check_columns(customers, names)
    if not len(customers):
        raise InputError("the customer summary is empty: at least one customer is required.")
    if not customers.index.is_unique:
        _refuse(
            customers, customers.index.duplicated(), "have a duplicated id; customer ids must be unique", []
        )
    values = _from_few_rows(customers, names) or {name: _as_float(customers[name]) for name in names}
    if not _is_valid(values, losses):
        table = pd.DataFrame(values, index=customers.index, copy=True)
        _check_values(table, losses)  # raises, unless recency is past T by no more than rounding
        values["recency"] = np.minimum(values["recency"], values["T"])
    return values


def check_columns(customers: pd.DataFrame, names: Iterable[str]) -> None:
    """Raise an `InputError` if a column is missing, with those that the customers have."""
    missing = [name for name in names if name not in customers]
    if missing:
        raise InputError(
            f"the customer summary lacks {_listed(missing)}; it has {_listed(map(str, customers.columns))}."
        )


def _is_valid(values: dict[str, np.ndarray], losses: bool) -> bool:
    """Whether all rules hold, checked in blocks that fit into the cache."""
    names, columns = list(values), list(values.values())
    lowest = [-np.finfo(float).max if losses and name in MONEY else 0.0 for name in names]
    highest = [MOST_PURCHASES if name == "frequency" else np.finfo(float).max for name in names]
    for start in range(0, columns[0].size if columns else 0, _BLOCK):
        part = [column[start : start + _BLOCK] for column in columns]
        if not all(map(_in_range, part, lowest, highest)) or not _is_consistent_history(
            dict(zip(names, part, strict=True))
        ):
            return False
    return True


def _in_range(column: np.ndarray, lowest: float, highest: float) -> bool:
    """No value is missing, infinite, too low or too high."""
    least, most = np.minimum.reduce(column), np.maximum.reduce(column)
    return bool(least >= lowest and most <= highest)  # NaN propagates to both, and fails


def _is_consistent_history(values: dict[str, np.ndarray]) -> bool:
    """Whether those of frequency, recency and T that are present are consistent."""
    x, t_x, T = (values.get(name) for name in HISTORY)
    broken = 0 if x is None else np.count_nonzero(x != np.floor(x))
    if t_x is not None:
        broken += 0 if T is None else np.count_nonzero(t_x > T)
        broken += 0 if x is None else np.count_nonzero((x == 0) & (t_x > 0))
    return broken == 0


def check_time_unit(customers: pd.DataFrame, time_unit: str | None) -> None:
    """Raise if the summary uses another time unit than ``time_unit``."""
    current = stated_time_unit(customers)
    if current is None or time_unit is None or current == time_unit:
        return
    ours, theirs = time_unit_of(time_unit).name, time_unit_of(current).name
    raise TimeUnitError(
        f"the model counts time in {ours}s, the customer summary in {theirs}s: convert it with"
        f" clvml.convert_time_unit(customers, {time_unit!r}), or refit the model with time_unit {current!r}."
    )


def _from_few_rows(customers: pd.DataFrame, names: list[str]) -> dict[str, np.ndarray]:
    """The columns of a few customers, such as of one request, if all columns are numbers; else empty.

    pandas takes 10 microseconds for each column, and one for all of them.
    """
    if len(customers) > _FEW or not customers.columns.is_unique:
        return {}
    block = customers.to_numpy()
    if block.dtype != np.float64:
        return {}
    return {name: block[:, customers.columns.get_loc(name)].copy() for name in names}


def _as_float(column: pd.Series) -> np.ndarray:
    try:
        return column.to_numpy(dtype=float, na_value=np.nan)
    except (TypeError, ValueError):
        raise InputError(
            f"column {column.name!r} has dtype {column.dtype} and is not numeric; convert it first,"
            f" for example with pandas.to_numeric(customers[{column.name!r}]).",
            column=str(column.name),
        ) from None


def _check_values(table: pd.DataFrame, losses: bool) -> None:
    for name in map(str, table):
        values = table[name].to_numpy()
        _refuse(table, ~np.isfinite(values), f"have a missing or infinite {name}", [name])
        if name not in MONEY:
            _refuse(table, values < 0, f"have a negative {name}", [name])
        elif not losses:
            way_out = " Use a formula, which accepts losses, or another policy for returns."
            _refuse(table, values < 0, f"have a negative {name}", [name], LossError, way_out)
    if "frequency" in table:
        _refuse(
            table, table["frequency"] % 1 != 0, "have a frequency that is not a whole number", ["frequency"]
        )
        check_plausible_counts(table)
    if {"recency", "T"} <= set(table):
        recency, T = table["recency"], table["T"]
        shown = [name for name in HISTORY if name in table]
        _refuse(table, recency > T * (1 + 1e-9), "have recency outside [0, T]", shown)
    if {"frequency", "recency"} <= set(table):
        late = (table["frequency"] == 0) & (table["recency"] > 0)
        _refuse(table, late, "have no repeat purchase but a positive recency", ["frequency", "recency"])


def check_plausible_counts(customers: pd.DataFrame) -> None:
    """Refuse implausible frequencies; a column that is not numeric is not judged here.

    Raises
    ------
    InputError
        Naming the first customer with more than a million repeat purchases.
    """
    bad = _counts(customers) > MOST_PURCHASES
    if bad.any():
        first = int(np.argmax(bad))
        rule = f"{bad.sum()} of {len(customers)} customers have a frequency above {MOST_PURCHASES:,}"
        raise InputError(
            f"{rule}; the first is {plain(customers.index[first])!r}: frequency counts the repeat purchases"
            " of one customer.",
            rows=bad,
            column="frequency",
            rule=rule,
        )


def _counts(customers: pd.DataFrame) -> np.ndarray:
    """Frequencies as floats, NaN where they are not numeric."""
    if few := _from_few_rows(customers, ["frequency"]):
        return few["frequency"]
    counts = customers["frequency"]
    if counts.dtype != np.float64:
        counts = pd.to_numeric(counts, errors="coerce")
    return counts.to_numpy(dtype=float, na_value=np.nan)


def _refuse(
    table: pd.DataFrame,
    bad: np.ndarray | pd.Series,
    rule: str,
    shown: list[str],
    error: type[InputError] = InputError,
    way_out: str = "",
) -> None:
    bad = np.asarray(bad)
    if not bad.any():
        return
    first = int(np.argmax(bad))
    values = ", ".join(f"{name} {table[name].iloc[first]:g}" for name in shown)
    count = f"{bad.sum()} of {len(table)} customers {rule}"
    raise error(
        f"{count}; the first is {plain(table.index[first])!r}"
        + (f": {values}." if values else ".")
        + way_out,
        rows=bad,
        column=shown[0] if len(shown) == 1 else None,
        rule=count,
    )


def _kind(value: object) -> str:
    """The full name of its class: polars has a DataFrame too."""
    return f"{type(value).__module__}.{type(value).__name__}".removeprefix("builtins.")


def plain(value: object) -> object:
    """A numpy scalar as a Python object, for messages."""
    return value.item() if isinstance(value, np.generic) else value


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names)
