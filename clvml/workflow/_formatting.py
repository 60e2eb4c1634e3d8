"""Number formats, the same in the terminal, in the report and in MLflow."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from typing import NamedTuple

import pandas as pd

from clvml.customers._time_units import horizon_in, time_unit_of

MISSING = "-"
# What columns are called where people read them; a file keeps the name.
HEADINGS = {
    "customer_id": "customer",
    "n_segments": "number of segments",
    "frequency": "repeat purchases",
    "recency": "time from first to last purchase",
    "T": "time since first purchase",
    "time_since_last_purchase": "time since last purchase",
    "monetary_value": "spend per repeat purchase",
    "total_spend": "spend so far",
    "probability_alive": "P(alive)",
    "expected_purchases": "expected purchases",
    "expected_spend": "expected spend per purchase",
    "clv": "value",
    "value_if_active": "value if active",
    "at_risk": "value at risk",
    "value_at_risk": "value at risk",
}


class Column(NamedTuple):
    """How a column is shown.

    Attributes
    ----------
    label : str
        Its heading.
    pattern : str
        A format of `str.format` for its numbers, such as ``"{:,.2f}"``; text is shown as it is.

    See Also
    --------
    clvml.workflow.Table, clvml.workflow.Metrics : Show columns and numbers by it.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.workflow import Column, Table
    >>> months = pd.DataFrame({"share": [0.126, 0.874]}, index=pd.Index(["new", "repeat"], name="purchases"))
    >>> Table("months", months, columns={"share": Column("share of revenue", "{:.0%}")}).formatted()
              share of revenue
    purchases
    new                    13%
    repeat                 87%
    """

    label: str
    pattern: str = ""


def heading(name: str) -> str:
    """The words for a column.

    Examples
    --------
    >>> heading("probability_alive"), heading("median clv"), heading("share_of_value")
    ('P(alive)', 'median value', 'share of value')
    """
    prefix, _, rest = name.partition(" ")
    if prefix in ("median", "mean") and rest:
        return f"{prefix} {heading(rest.replace(' ', '_'))}"
    return HEADINGS.get(name, name.replace("_", " "))


def format_table(table: pd.DataFrame, columns: Mapping[str, Column] | None = None) -> pd.DataFrame:
    """A table as text.

    Parameters
    ----------
    table : pandas.DataFrame
    columns : mapping of str to Column, optional
        The columns to show, in this order; those that the table lacks are left out. Default: all, in words.

    Examples
    --------
    >>> table = pd.DataFrame({"bias_pct": [-15.61, -0.01], "customers": [2357, 12]})
    >>> format_table(table, {"bias_pct": Column("bias %", "{:+.1f}"), "customers": Column("customers")})
      bias % customers
    0  -15.6     2,357
    1   -0.0        12
    """
    columns = {str(name): Column(heading(str(name))) for name in table} if columns is None else columns
    shown = {
        column.label: [format_value(value, column.pattern) for value in table[name]]
        for name, column in columns.items()
        if name in table
    }
    return pd.DataFrame(shown, index=table.index, dtype=object)


def format_value(value: object, pattern: str = "") -> str:
    """One value as text: missing values as "-", zero without a minus.

    Examples
    --------
    >>> format_value(1234.5), format_value(1234), format_value(-0.0, "{:+.1f}"), format_value(float("nan"))
    ('1,234.50', '1,234', '+0.0', '-')
    """
    if value is None or value is pd.NaT or value is pd.NA or value != value:
        return MISSING
    if isinstance(value, bool) or not isinstance(value, Real):
        return str(value)
    if isinstance(value, Integral):
        return (pattern or "{:,}").format(int(value))
    return (pattern or "{:,.2f}").format(round(float(value), 6) + 0.0)  # adding zero removes the sign of -0


def format_money(amount: float, currency: str = "", decimals: int = 0) -> str:
    """An amount of money, in whole units by default: a sign before it, a code or a name after it.

    Examples
    --------
    >>> format_money(71101.97, "$"), format_money(-5.2, "EUR"), format_money(1234.0)
    ('$71,102', '-5 EUR', '1,234')
    >>> format_money(12.5, "$", 2), format_money(float("nan"))
    ('$12.50', '-')
    """
    if amount != amount:
        return MISSING
    number = f"{abs(round(amount, decimals)):,.{decimals}f}"
    minus = "-" if round(amount, decimals) < 0 else ""
    if not currency:
        return f"{minus}{number}"
    return f"{minus}{currency}{number}" if not currency[0].isalpha() else f"{minus}{number} {currency}"


def format_duration(duration: float | str, time_unit: str) -> str:
    """A duration with its unit.

    Examples
    --------
    >>> format_duration(39.0, "W"), format_duration("12M", "W")
    ('39 weeks', '52 weeks')
    """
    number = horizon_in(duration, time_unit)
    return f"{number:.4g} {time_unit_of(time_unit).name}{'' if number == 1 else 's'}"
