"""Encode customer attributes (covariates): numeric and categorical, with a policy for missing values.

- A **numeric** attribute (age, size of the first basket) is one column.
- A **categorical** attribute (text, bool, pandas categorical) is one indicator per level, ``"channel=web"``.
  Levels are matched by value or by text: ``True`` and ``"True"`` are the same level.

The encoding learnt from a column is an `Attribute`, which includes its policy for missing values:

- ``"refuse"``: a missing value, a level not seen during fit, or a number more than ten times as far from the
  mean as any in the fit raises an error.
- ``"impute"``: a missing number is imputed by the median; a missing category is a level of its own if it
  occurred during fit; an unknown level is encoded as zeros. `log_imputed` logs their counts.

`attribute_columns` returns the columns in their original units with all levels, `encode` the design matrix of
a regression: numbers standardised, categories dummy-coded relative to their most frequent level.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvml.customers._summary_checks import plain
from clvml.errors import InputError

Array = NDArray[np.float64]
Gaps = Literal["refuse", "impute"]

MISSING = "(missing)"
MOST_LEVELS = 50
_TOO_FAR = 10.0  # times the largest distance from the mean during fit: probably another unit
_ROUNDING = 1e-9  # relative to a column's magnitude: a smaller spread is rounding error

logger = logging.getLogger("clvml")


class Attribute(NamedTuple):
    """The encoding of a column, learnt during fit.

    ``levels`` are those of a category, the most frequent first; empty for a numeric attribute, of which
    ``centre``, ``spread`` and ``median`` are mean, standard deviation and median, and ``reach`` the largest
    absolute z-score. ``gaps`` is the policy for missing values and unknown levels.
    """

    name: str
    levels: tuple[Any, ...] = ()
    centre: float = 0.0
    spread: float = 1.0
    reach: float = 0.0
    median: float = 0.0
    gaps: Gaps = "refuse"

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of its columns: one, or one per level."""
        return tuple(f"{self.name}={level}" for level in self.levels) or (self.name,)

    def check(self) -> None:
        """Refuse an encoding that cannot be learnt.

        Raises
        ------
        InputError
            Naming the attribute and the rule.
        """
        if not np.isfinite([self.centre, self.spread, self.reach, self.median]).all() or self.spread < 0:
            raise InputError(f"the encoding of {self.name!r} must have finite numbers, and a spread from 0.")
        if not all(isinstance(level, str | int | float | np.generic) for level in self.levels):
            raise InputError(f"the levels of {self.name!r} must be text, bool or numbers.")

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of its coefficients in a regression: the reference level has none."""
        return self.columns[1:] if self.levels else self.columns

    @property
    def reference(self) -> Any:
        """The value at which all of its terms are zero."""
        return self.levels[0] if self.levels else self.centre

    @property
    def constant(self) -> bool:
        """Whether all customers had the same value during fit."""
        return len(self.levels) == 1 if self.levels else self.spread == 0


def learn_attributes(
    customers: pd.DataFrame, names: Sequence[str], weight: Array | None = None, gaps: Gaps = "refuse"
) -> tuple[Attribute, ...]:
    """Learn the encoding of each column.

    Parameters
    ----------
    customers : DataFrame, shape (n_customers, ...)
    names : sequence of str
        Columns.
    weight : ndarray, shape (n_customers,), optional
        Number of customers that each row represents.
    gaps : {"refuse", "impute"}
        Policy for missing values and unknown levels. With ``"impute"`` a column without any value is dropped,
        with a warning in the log.

    Returns
    -------
    tuple of Attribute

    Raises
    ------
    InputError
        If a column is absent, has infinite values or (with ``"refuse"``) missing ones, or has more than 50
        levels or levels that are not text, bool or numbers.
    """
    weight = np.ones(len(customers)) if weight is None else weight
    columns = [_column(customers, name) for name in names]
    empty = [column.name for column in columns if gaps == "impute" and column.isna().all()]
    for name in empty:
        logger.warning("attribute %r has only missing values and is dropped", name)
    return tuple(_learn(column, weight, gaps) for column in columns if column.name not in empty)


def attribute_columns(customers: pd.DataFrame, attributes: Sequence[Attribute]) -> dict[str, Array]:
    """The columns in original units, imputed: one per number, one indicator per level of a category.

    Raises
    ------
    InputError
        If a column is absent, has another type than during fit, has infinite values or, with
        ``gaps="refuse"``, missing values or unknown levels.
    """
    parts = [dict(zip(a.columns, _values(customers, a).T, strict=True)) for a in attributes]
    return {name: values for part in parts for name, values in part.items()}


def encode(customers: pd.DataFrame, attributes: Sequence[Attribute]) -> Array:
    """The design matrix, shape (n_customers, n_terms); all zeros for the reference customer.

    Numbers are standardised; categories are dummy-coded, with the most frequent level as reference.

    Raises
    ------
    InputError
        As `attribute_columns`.
    """
    parts = [np.zeros((len(customers), 0))]
    for attribute in attributes:
        values, spread = _values(customers, attribute), attribute.spread or 1.0
        parts.append(values[:, 1:] if attribute.levels else (values - attribute.centre) / spread)
    return np.hstack(parts)


def missing_table(
    customers: pd.DataFrame, names: Sequence[str], attributes: Sequence[Attribute]
) -> pd.DataFrame:
    """Number of customers with each attribute missing, and how it is imputed.

    Returns
    -------
    DataFrame
        Index ``attribute``; columns ``missing`` (customers), ``share`` and ``handling`` (in words).
    """
    used = {attribute.name: attribute for attribute in attributes}
    rows = {}
    for name in names:
        gaps = int(_column(customers, name).isna().sum())
        handling = "dropped: all values missing"
        if name in used:
            handling = "a level of its own" if used[name].levels else "median"
        rows[name] = {"missing": gaps, "share": gaps / len(customers), "handling": handling if gaps else ""}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["missing", "share", "handling"])
    return table.rename_axis("attribute")


def log_imputed(customers: pd.DataFrame, attributes: Sequence[Attribute]) -> None:
    """Log the number of values imputed by the median, and of levels not seen during fit."""
    for attribute in attributes:
        column = _column(customers, attribute.name)
        if attribute.levels:
            unknown = _level_numbers(column, attribute) < 0
            if unknown.any():
                logger.warning(
                    "%d of %d customers have a %s not seen during fit, the first is %r: it is encoded as none"
                    " of the known levels",
                    unknown.sum(), len(column), attribute.name, _with_missing(column)[unknown][0],
                )  # fmt: skip
        elif gaps := int(column.isna().sum()):
            logger.warning(
                "%d of %d customers have a missing %s: imputed by the median, %g",
                gaps, len(column), attribute.name, attribute.median,
            )  # fmt: skip


def _column(customers: pd.DataFrame, name: str) -> pd.Series:
    if name not in customers:
        raise InputError(f"the customers have no column {name!r}; join it, or remove it from the attributes.")
    return customers[name]


def _is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _learn(column: pd.Series, weight: Array, gaps: Gaps) -> Attribute:
    attribute = Attribute(str(column.name), gaps=gaps)
    if _is_number(column):
        return _learn_number(_numbers(column, attribute), weight, attribute)
    return _learn_category(column, weight, attribute)


def _learn_number(values: Array, weight: Array, attribute: Attribute) -> Attribute:
    known = ~np.isnan(values)
    values, weight = values[known], weight[known]
    centre = float(np.average(values, weights=weight))
    spread = float(np.sqrt(np.average((values - centre) ** 2, weights=weight)))
    if spread <= _ROUNDING * abs(values).max():
        return attribute._replace(centre=centre, spread=0.0, median=float(np.median(values)))
    reach = float(abs(values - centre).max() / spread)
    return attribute._replace(centre=centre, spread=spread, reach=reach, median=float(np.median(values)))


def _learn_category(column: pd.Series, weight: Array, attribute: Attribute) -> Attribute:
    _check_gaps(column, column.isna().to_numpy(), attribute)
    counts = pd.Series(weight).groupby(_with_missing(column)).sum()
    invalid = [level for level in counts.index if not isinstance(plain(level), str | bool | int | float)]
    if invalid or len(counts) > MOST_LEVELS:
        raise InputError(
            f"attribute {column.name!r} has {len(counts)} levels, such as {plain(counts.index[0])!r}: a"
            f" category has at most {MOST_LEVELS}, each text, bool or a number. Group them first, or drop"
            " the column; convert numbers stored as text by pandas.to_numeric."
        )
    # Ties are broken by name, so that the order of customers does not matter.
    levels = sorted(counts.index, key=lambda level: (-counts[level], str(level)))
    return attribute._replace(levels=tuple(plain(level) for level in levels))


def _values(customers: pd.DataFrame, attribute: Attribute) -> Array:
    """Its columns, shape (n_customers, n_columns)."""
    column = _column(customers, attribute.name)
    if attribute.levels:
        _check_gaps(column, column.isna().to_numpy(), attribute)
        level = _level_numbers(column, attribute)
        _check_levels(column, level < 0, attribute)
        return (level[:, None] == np.arange(len(attribute.levels))).astype(float)
    values = _numbers(column, attribute)
    _check_distance(column, values, attribute)
    return np.where(np.isnan(values), attribute.median, values)[:, None]


def _numbers(column: pd.Series, attribute: Attribute) -> Array:
    """The column as floats, NaN where missing."""
    if not _is_number(column) and not column.isna().all():
        raise InputError(
            f"attribute {column.name!r} was numeric during fit and is {column.dtype} now: convert it, for"
            f" example with pandas.to_numeric(customers[{column.name!r}])."
        )
    values = column.to_numpy(dtype=float, na_value=np.nan)
    _check_gaps(column, ~np.isfinite(values), attribute)
    _refuse(column, np.isinf(values), f"have an infinite {column.name}", _FILL)
    return values


def _with_missing(column: pd.Series) -> NDArray[np.object_]:
    return column.astype(object).where(column.notna(), MISSING).to_numpy(dtype=object)


def _level_numbers(column: pd.Series, attribute: Attribute) -> NDArray[np.int64]:
    """The level's position for each customer, matched by value or by text; -1 if unknown."""
    by_value = {level: number for number, level in enumerate(attribute.levels)}
    by_text = {str(level): number for number, level in enumerate(attribute.levels)}
    code, values = pd.factorize(_with_missing(column))
    number = [by_value.get(value, by_text.get(str(value), -1)) for value in values.tolist()]
    return np.array(number, dtype=np.int64)[code]


_FILL = "impute it, or drop these customers"


def _check_gaps(column: pd.Series, gaps: NDArray[np.bool_], attribute: Attribute) -> None:
    if attribute.gaps == "refuse":
        _refuse(column, gaps, f"have a missing or infinite {column.name}", _FILL)


def _check_levels(column: pd.Series, unknown: NDArray[np.bool_], attribute: Attribute) -> None:
    if attribute.gaps == "refuse":
        listed = ", ".join(map(repr, attribute.levels))
        way_out = f"the levels are {listed}; use one of these, or refit with customers who have it"
        _refuse(column, unknown, f"have a {column.name} not seen during fit", way_out)


def _check_distance(column: pd.Series, values: Array, attribute: Attribute) -> None:
    if attribute.gaps == "refuse" and not attribute.constant:
        z = (values - attribute.centre) / attribute.spread
        usual = f"ten times as far from the mean, {attribute.centre:.4g}, as any during fit"
        far = abs(z) > _TOO_FAR * attribute.reach
        _refuse(column, far, f"have a {column.name} more than {usual}", "check its unit")


def _refuse(column: pd.Series, bad: NDArray[np.bool_], rule: str, way_out: str) -> None:
    if bad.any():
        first = int(np.argmax(bad))
        customer, value = column.index[first], column.iloc[first]
        count = f"{bad.sum()} of {len(column)} customers {rule}"
        raise InputError(
            f"{count}; the first is {plain(customer)!r}, with {plain(value)!r}: {way_out}.",
            rows=bad,
            column=str(column.name),
            rule=f"{count} ({way_out})",
        )
