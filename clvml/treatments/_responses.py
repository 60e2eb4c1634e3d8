"""Who was in which group of a test, and their outcomes: read and checked."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from clvml.customers._ids import CUSTOMER_ID, are_missing
from clvml.customers._typed_tables import ColumnType, TypedTable, read_typed_table
from clvml.errors import InputError
from clvml.segments.grouping._tables import named
from clvml.treatments._assignment import ALL

KINDS = ("financial", "social", "structural")
OUTCOMES = ("purchases", "money")


@dataclasses.dataclass(frozen=True, eq=False)
class Responses:
    """Customers of a test by group, with outcomes where they are known.

    Attributes
    ----------
    table : pandas.DataFrame
        Indexed by customer: ``group``, ``segment`` (``"(all)"`` without segments), ``cost`` (money spent on
        the customer), and where known ``assigned`` (date), ``purchases`` and ``money`` (outcomes after the
        start), ``predicted`` (what a model expected of the customer before the start) and ``customer`` (the
        id as in the purchases).
    control : str
        The group without a treatment.
    kinds : dict of str to str
        The kind of incentive of treatments: financial, social or structural.
    notes : tuple of str
        What was counted or left out.

    See Also
    --------
    clvml.treatments.read_responses : Reads and checks them.
    clvml.treatments.add_outcomes : Their outcomes from transactions.
    clvml.treatments.measure_lift : The lift of each treatment.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.treatments import read_responses
    >>> rows = pd.DataFrame({
    ...     "customer_id": [1, 2, 3, 4],
    ...     "treatment": ["control", "gift", "control", "gift"],
    ...     "money": [0.0, 12.0, 5.0, 8.0],
    ... })
    >>> responses = read_responses(rows)
    >>> responses.control, responses.treatments, responses.outcomes
    ('control', ['gift'], ['money'])
    """

    table: pd.DataFrame
    control: str
    kinds: dict[str, str] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def treatments(self) -> list[str]:
        """The groups but the control, by name."""
        return sorted(set(self.table["group"]) - {self.control})

    @property
    def outcomes(self) -> list[str]:
        """The outcomes that are known."""
        return [name for name in OUTCOMES if name in self.table]

    def with_columns(self, **columns: pd.Series) -> Responses:
        """A copy with further columns, such as ``segment`` or ``predicted``, by customer.

        Raises
        ------
        InputError
            If a customer of the test has no value.
        """
        table = self.table
        for name, values in columns.items():
            found = values.reindex(table.index)
            if found.isna().any():
                lost = table.index[found.isna().to_numpy()]
                raise InputError(
                    f"{len(lost):,} of {len(table):,} customers of the test have no {name}, such as"
                    f" {named(lost)}: give each one, or leave them out."
                )
            table = table.assign(**{name: found.astype(str) if name == "segment" else found.astype(float)})
        return dataclasses.replace(self, table=table)

    def restricted(self, customers: pd.Index, note: str = "") -> Responses:
        """A copy with these customers only, and a note on it.

        Raises
        ------
        InputError
            If too few customers remain in a group.
        """
        table = self.table[self.table.index.isin(customers)]
        _check_sizes(table["group"], self.control, self.treatments)
        return dataclasses.replace(self, table=table, notes=(*self.notes, note) if note else self.notes)


def read_responses(
    source: Any,
    *,
    control: str = "control",
    customer: str = CUSTOMER_ID,
    treatment: str = "treatment",
    segment: str = "segment",
    money: str = "money",
    purchases: str = "purchases",
    costs: Mapping[str, float] | None = None,
    kinds: Mapping[str, str] | None = None,
    decimal: str | None = None,
    date_format: str | None = None,
) -> Responses:
    """Read a table of responses: one row per customer of a test.

    Parameters
    ----------
    source : path, pandas.DataFrame, or a polars or Arrow table
        A customer id and the treatment (or ``group``) of each, one of which is the control. Optionally
        ``segment``, ``cost``, ``kind``, ``assigned`` (date), ``currency``, and outcomes ``purchases`` and
        ``money``. A file is CSV, Parquet or Excel.
    control : str
        The name of the control.
    customer, treatment, segment, money, purchases : str
        Names of the columns.
    costs : mapping of str to float, optional
        Cost per customer of each treatment, in place of a column ``cost``.
    kinds : mapping of str to str, optional
        Kind of incentive of each treatment, in place of a column ``kind``: financial, social or structural.
    decimal : str, optional
        Decimal mark of a CSV file, as in `clvml.read_transactions`.
    date_format : str, optional
        Format of ``assigned``, as in `clvml.read_transactions`.

    Returns
    -------
    Responses
        The groups, segments, costs and outcomes of the customers of the test.

    Raises
    ------
    InputError
        If a customer is in two groups or twice in one, there is no control or no treatment, a group has only
        one customer, currencies are mixed, or a cost or an outcome is missing or impossible.

    See Also
    --------
    clvml.treatments.assign_treatments : Draws the groups of a test.
    clvml.treatments.check_group_sizes : Whether the groups are as planned.
    clvml.treatments.add_outcomes : Outcomes from transactions.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.treatments import read_responses
    >>> rows = pd.DataFrame({"customer_id": [1, 2, 3, 4], "treatment": ["control", "gift"] * 2})
    >>> read_responses(rows, costs={"gift": 0.5}).table["cost"].tolist()
    [0.0, 0.5, 0.0, 0.5]
    """
    optional: dict[str, ColumnType] = {
        segment: "text",
        "kind": "text",
        "currency": "text",
        "cost": "number",
        purchases: "number",
        money: "number",
        "assigned": "date",
    }
    required: dict[str, ColumnType] = {customer: "id", treatment: "text"}
    if isinstance(source, pd.DataFrame) and treatment == "treatment" and "treatment" not in source:
        source = source.rename(columns={"group": "treatment"})
    read = read_typed_table(
        source,
        required,
        {name: kind for name, kind in optional.items() if name not in required},
        decimal=decimal,
        date_format=date_format,
        explain=_explain,
    )
    _check_readable(read)
    table, notes = _one_row_each(read, customer, treatment)
    groups = table[treatment].astype(str).str.strip()
    _check_sizes(groups, control, sorted(set(groups) - {control}), known=groups.unique().tolist())
    _check_currency(table)
    result = pd.DataFrame({"group": groups}, table.index)
    known = segment in table and segment != treatment
    given = table[segment] if known else pd.Series(ALL, table.index)
    result["segment"] = given.fillna("(none)").astype(str)
    result["cost"] = _cost(table, groups, control, costs)
    for name, column in zip(OUTCOMES, (purchases, money), strict=True):
        if column in table:
            result[name] = _outcome(table, column)
    if "purchases" in result and (result["purchases"] < 0).any():
        raise InputError("a customer has a negative number of purchases: write 0 or more.")
    if "assigned" in table:
        result["assigned"] = table["assigned"]
    return Responses(result, control, _kinds(table, groups, control, kinds), notes)


def _explain(names: Sequence[str]) -> str:
    if "group" in names:
        return "Name it: treatment='group'."
    return "A table of responses has a customer id and the treatment of each customer."


def _check_readable(read: TypedTable) -> None:
    for name, lost in read.unreadable.items():
        raise InputError(
            f"{lost.cells:,} cells of column {name!r} of {read.label} are unreadable, such as"
            f" {lost.example!r}: correct them, or leave them empty."
        )


def _one_row_each(read: TypedTable, customer: str, treatment: str) -> tuple[pd.DataFrame, tuple[str, ...]]:
    table, notes = read.table, []
    lost = are_missing(table[customer]) | table[treatment].isna().to_numpy()
    if lost.any():
        notes.append(f"{int(lost.sum()):,} rows of {read.label} have no customer or no treatment")
    table = table[~lost].set_index(customer).rename_axis(CUSTOMER_ID)
    twice = table.index[table.index.duplicated()].unique()
    if len(twice):
        pairs = table.loc[table.index.isin(twice), treatment]
        several = pairs.groupby(level=0).nunique() > 1
        first = named(several.index[several.to_numpy()] if several.any() else several.index)
        if several.any():
            raise InputError(
                f"{int(several.sum()):,} customers of {read.label} are in two groups, such as {first}: groups"
                " must not overlap. Give each customer one group, and each test a file of its own."
            )
        raise InputError(f"{len(twice):,} customers of {read.label} have several rows, such as {first}:"
                         " give one row per customer.")  # fmt: skip
    return table, tuple(notes)


def _check_sizes(
    groups: pd.Series, control: str, treatments: Sequence[str], known: Sequence[Any] | None = None
) -> None:
    sizes = groups.value_counts()
    names = ", ".join(map(repr, sorted(map(str, sizes.index if known is None else known)))) or "none"
    if control not in sizes:
        raise InputError(
            f"no customer is in the control {control!r}; groups: {names}. A treatment without a control"
            " cannot be measured: name the group that was not treated (control)."
        )
    if not treatments:
        raise InputError(f"all customers are in the control {control!r}: there is no treatment to measure.")
    for name in (control, *treatments):
        if sizes.get(name, 0) < 2:
            role = "the control" if name == control else "treatment"
            raise InputError(
                f"{role} {name!r} has {_customers(int(sizes.get(name, 0)))}: the variation between customers"
                " is unknown, so that nothing can be said of it. Groups need at least two customers."
            )


def _customers(number: int) -> str:
    return f"{number:,} customer{'' if number == 1 else 's'}"


def _check_currency(table: pd.DataFrame) -> None:
    if "currency" not in table:
        return
    found = sorted(table["currency"].dropna().unique())
    if len(found) > 1:
        raise InputError(f"money is in several currencies, {', '.join(found)}: convert it to one.")


def _cost(
    table: pd.DataFrame, groups: pd.Series, control: str, costs: Mapping[str, float] | None
) -> pd.Series:
    if costs is not None:
        unknown = sorted(set(costs) - set(groups))
        if unknown:
            raise InputError(f"costs name {unknown[0]!r}, which is no group; groups:"
                             f" {', '.join(sorted(set(groups)))}.")  # fmt: skip
        found = groups.map(dict(costs)).fillna(0.0).astype(float)
    elif "cost" in table:
        given = table["cost"].where(groups != control, table["cost"].fillna(0.0))
        if given.isna().any():
            raise InputError(f"{int(given.isna().sum()):,} treated customers have no cost: write 0 where"
                             " nothing was spent.")  # fmt: skip
        found = given.astype(float)
    else:
        return pd.Series(np.nan, table.index)
    if (found < 0).any() or not np.isfinite(found).all():
        raise InputError("a cost is negative or infinite: costs are money spent on a customer, 0 or more.")
    return found


def _outcome(table: pd.DataFrame, name: str) -> pd.Series:
    values = table[name]
    if values.isna().any():
        raise InputError(
            f"{int(values.isna().sum()):,} customers have no {name}: write 0 where a customer bought nothing;"
            " leaving such customers out would bias the lift."
        )
    return values.astype(float)


def _kinds(
    table: pd.DataFrame, groups: pd.Series, control: str, kinds: Mapping[str, str] | None
) -> dict[str, str]:
    if kinds is None and "kind" in table:
        pairs = pd.DataFrame({"group": groups, "kind": table["kind"]})
        pairs = pairs[pairs["group"] != control].dropna().drop_duplicates()
        twice = pairs["group"][pairs["group"].duplicated()]
        if len(twice):
            raise InputError(f"treatment {twice.iloc[0]!r} has several kinds of incentive: give it one.")
        kinds = dict(zip(pairs["group"], pairs["kind"], strict=True))
    for name, kind in (kinds or {}).items():
        if kind not in KINDS:
            raise InputError(f"the kind of treatment {name!r} is {kind!r}; it must be one of"
                             f" {', '.join(KINDS)}.")  # fmt: skip
        if name not in set(groups):
            raise InputError(f"kinds name {name!r}, which is no group.")
    return dict(kinds or {})
