"""Customer attributes encoded as features (by the encoder of `clvml.customers`), with missing values imputed.

- **A number** (age, income; it may be negative) is a feature, transformed as others are; a missing one is
  imputed by the median of the fit.
- **A category** (text, bool, pandas' categories) becomes one feature per level, ``"country=NL"``, 1 or 0,
  scaled so that all levels of an attribute together weigh as much as one other feature. Missing is a
  level of its own if it occurs in the fit. A level unknown to the fit has 0 in all its columns.
- An attribute that is entirely missing or constant is left out.

Missing values in the fit are counted in a table, missing or unknown values in later data in the log.
Attributes that are not in the fit are ignored. What is learnt about an attribute is its *coding*: the
median of a number, or the sorted levels of a category as text.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from clvml.customers._attributes import Attribute, attribute_columns, log_imputed, missing_table
from clvml.customers._attributes import learn_attributes as learn_encoding
from clvml.errors import InputError
from clvml.segments.grouping._features import Scaling, scaling_of, scaling_table

Coding = dict[str, float | tuple[str, ...]]

ROUNDING = 1e-9  # relative

logger = logging.getLogger("clvml")


def learn_attributes(customers: pd.DataFrame, names: Sequence[str]) -> tuple[Coding, pd.DataFrame]:
    """The coding of each attribute, and its missing values.

    Returns
    -------
    coding : dict
        By attribute: the median that replaces a missing number, or the tuple of levels.
    missing : pandas.DataFrame
        Index ``attribute``; ``missing`` (customers), ``share``, ``handling`` (text).

    Raises
    ------
    InputError
        If an attribute is not in the table, is infinite, or has more than 50 levels.
    """
    learnt = learn_encoding(customers, names, gaps="impute")
    coding: Coding = {a.name: tuple(sorted(map(str, a.levels))) if a.levels else a.median for a in learnt}
    return coding, missing_table(customers, names, learnt)


def attribute_table(customers: pd.DataFrame, coding: Coding) -> pd.DataFrame:
    """The attributes as features: numbers without gaps, one column per number or level.

    Raises
    ------
    InputError
        If an attribute is not in the table, is infinite, or is no longer numeric as in the fit.
    """
    absent = [name for name in coding if name not in customers]
    if absent:
        raise InputError(
            f"the customers lack the attribute {absent[0]!r}, which their segments depend on: join it;"
            " missing values are fine."
        )
    return pd.DataFrame(attribute_columns(customers, _encoding(coding)), index=customers.index, dtype=float)


def log_gaps(customers: pd.DataFrame, coding: Coding) -> None:
    """Log the number of imputed missing values and of levels unknown to the fit."""
    log_imputed(customers, _encoding(coding))


def coding_in_use(coding: Coding, scaling: pd.DataFrame) -> Coding:
    """The coding without the attributes that did not vary."""
    return {name: code for name, code in coding.items() if _columns(coding)[name][0] in scaling.index}


def learn_attribute_scaling(table: pd.DataFrame, coding: Coding) -> pd.DataFrame:
    """The scaling of each column of `attribute_table`; attributes that do not vary are left out."""
    rows: dict[str, Scaling] = {}
    for name, columns in _columns(coding).items():
        values = table[columns].to_numpy()
        spread = float(np.sqrt(values.var(axis=0).sum()))
        if spread <= ROUNDING * float(np.abs(values).max(initial=0.0)):
            logger.warning("attribute %r is the same for all customers and is left out of the segments", name)
        elif isinstance(coding[name], float):
            rows[name] = scaling_of(values[:, 0])
        else:
            centres = map(float, values.mean(axis=0))
            rows |= {column: Scaling(False, 1.0, next(centres), spread) for column in columns}
    return scaling_table(rows)


def _encoding(coding: Mapping[str, float | tuple[str, ...]]) -> list[Attribute]:
    return [
        Attribute(name, median=code, gaps="impute")
        if isinstance(code, float)
        else Attribute(name, levels=code, gaps="impute")
        for name, code in coding.items()
    ]


def _columns(coding: Coding) -> dict[str, list[str]]:
    """The columns of `attribute_table` by attribute."""
    return {attribute.name: list(attribute.columns) for attribute in _encoding(coding)}
