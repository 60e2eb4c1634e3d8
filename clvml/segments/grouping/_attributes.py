"""Customer attributes beside behaviour: numbers and categories, with gaps, made into features.

- **A number** (age, income; it may be negative) is a feature, less skewed as others are; a missing one takes
  the median of the fit.
- **A category** (text, bool, pandas' categories) becomes one feature a level, ``"country=NL"``, 1 or 0,
  scaled so that all levels of an attribute together weigh as much as one other feature. Missing is a
  level of its own where the fit has seen it. A level that the fit has not seen is none of the known ones.
- An attribute without any value, or the same for everybody, is left out.

What was missing in the fit is counted in a table; what is missing or unknown later is counted in the log.
An attribute that the fit did not have is not looked at.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import pandas as pd

from clvml.errors import InputError
from clvml.segments.grouping._features import Scaling, scaling_of, scaling_table
from clvml.segments.grouping._tables import named

MISSING = "(missing)"
MOST_LEVELS = 50
ROUNDING = 1e-9  # relative

logger = logging.getLogger("clvml")


def learn_attributes(customers: pd.DataFrame, attributes: Sequence[str]) -> tuple[dict, pd.DataFrame]:
    """How each attribute becomes features, and what was missing.

    Returns
    -------
    coding : dict
        By attribute: the median that stands for a missing number, or the tuple of levels.
    missing : pandas.DataFrame
        Index ``attribute``; ``missing`` (customers), ``share``, ``handling`` (in words).

    Raises
    ------
    InputError
        If an attribute is not in the table, is infinite, or has more than 50 levels.
    """
    absent = [name for name in attributes if name not in customers]
    if absent:
        raise InputError(f"the customers lack the attribute {absent[0]!r}; join it, or leave it out.")
    coding: dict[str, float | tuple[str, ...]] = {}
    rows = {}
    for name in attributes:
        column = customers[name]
        gaps = int(column.isna().sum())
        if gaps == len(column):
            handling = "left out: no value at all"
            logger.warning("attribute %r has no value at all and is left out of the segments", name)
        else:
            coding[name] = _coding(column)
            handling = "median" if isinstance(coding[name], float) else "a level of its own"
        rows[name] = {"missing": gaps, "share": gaps / len(column), "handling": handling if gaps else ""}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["missing", "share", "handling"])
    return coding, table.rename_axis("attribute")


def attribute_table(customers: pd.DataFrame, coding: dict) -> pd.DataFrame:
    """The attributes as features: numbers without gaps, one column a number or level."""
    absent = [name for name in coding if name not in customers]
    if absent:
        raise InputError(
            f"the customers lack the attribute {absent[0]!r}, by which they were grouped: join it; missing"
            " values are fine."
        )
    columns: dict[str, np.ndarray] = {}
    for name, code in coding.items():
        if isinstance(code, float):
            columns[name] = _numbers(customers[name]).fillna(code).to_numpy()
        else:
            columns |= _indicators(customers[name], code)
    return pd.DataFrame(columns, index=customers.index, dtype=float)


def coding_in_use(coding: dict, scaling: pd.DataFrame) -> dict:
    """The coding without the attributes that did not vary."""
    first = {n: n if isinstance(code, float) else levels_of(n, code)[0] for n, code in coding.items()}
    return {name: code for name, code in coding.items() if first[name] in scaling.index}


def tell_gaps(customers: pd.DataFrame, coding: dict) -> None:
    """Count in the log the missing numbers that the median of the fit stands for."""
    for name, code in coding.items():
        gaps = int(customers[name].isna().sum()) if isinstance(code, float) and name in customers else 0
        if gaps:
            logger.warning(
                "%d of %d customers have no %s: they count with the median of the fit, %g",
                gaps, len(customers), name, code,
            )  # fmt: skip


def learn_attribute_scaling(table: pd.DataFrame, coding: dict) -> pd.DataFrame:
    """The scalings of `clvml.segments.grouping` for attributes; those that do not vary are left out."""
    rows: dict[str, Scaling] = {}
    for name, code in coding.items():
        columns = [name] if isinstance(code, float) else levels_of(name, code)
        values = table[columns].to_numpy()
        spread = float(np.sqrt(values.var(axis=0).sum()))
        if spread <= ROUNDING * float(np.abs(values).max(initial=0.0)):
            logger.warning("attribute %r is the same for all customers and is left out of the segments", name)
        elif isinstance(code, float):
            rows[name] = scaling_of(values[:, 0])
        else:
            centres = map(float, values.mean(axis=0))
            rows |= {column: Scaling(False, 1.0, next(centres), spread) for column in columns}
    return scaling_table(rows)


def levels_of(name: str, levels: Sequence[str]) -> list[str]:
    """The features that a category becomes.

    Examples
    --------
    >>> levels_of("country", ("DE", "NL"))
    ['country=DE', 'country=NL']
    """
    return [f"{name}={level}" for level in levels]


def _coding(column: pd.Series) -> float | tuple[str, ...]:
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return float(_numbers(column).median())
    levels = tuple(sorted(_levels(column).unique()))
    if len(levels) > MOST_LEVELS:
        raise InputError(
            f"attribute {column.name!r} has {len(levels)} levels; at most {MOST_LEVELS} make sense:"
            " group them first, or leave it out."
        )
    return levels


def _numbers(column: pd.Series) -> pd.Series:
    try:
        values = pd.Series(column.to_numpy(dtype=float, na_value=np.nan), index=column.index)
    except (TypeError, ValueError):
        raise InputError(
            f"attribute {column.name!r} was numbers when the segments were fitted and is {column.dtype} now:"
            " convert it first."
        ) from None
    infinite = np.isinf(values)
    if infinite.any():
        first = named(values.index[infinite])
        raise InputError(f"attribute {column.name!r} is infinite for customer {first}.")
    return values


def _levels(column: pd.Series) -> pd.Series:
    return column.astype(object).where(column.notna(), MISSING).astype(str)


def _indicators(column: pd.Series, levels: tuple[str, ...]) -> dict[str, np.ndarray]:
    values = _levels(column)
    unknown = ~values.isin(levels)
    if unknown.any():
        logger.warning(
            "%d of %d customers have a %s that the fit has not seen, the first is %r: they count as none of"
            " the known ones", unknown.sum(), len(values), column.name, values[unknown].iloc[0],
        )  # fmt: skip
    marks = [(values == level).to_numpy(dtype=float) for level in levels]
    return dict(zip(levels_of(str(column.name), levels), marks, strict=True))
