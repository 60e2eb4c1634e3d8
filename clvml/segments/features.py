"""Features of customers made comparable: without units, with less skew, standardised.

K-means measures straight distances, so that a feature counts by its spread, and one big spender
counts like a crowd. Three steps cure that, each learnt from the customers of the fit::

    ratio   = feature / mean(feature)             no currency and no unit of time is left
    logged  = log1p(ratio)                        if the skewness of the feature exceeds 1
    point   = (logged - mean(logged)) / sd(logged)

A feature that is the same for every customer says nothing and is left out. Beside the columns of
the table there is one derived feature: ``silence = T - recency``, the time since the last purchase
(what other trades call recency).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

import numpy as np
import pandas as pd

from clvml.errors import InputError

SKEWED = 1.0  # sample skewness above which a feature is logged; an exponential has 2, a normal 0
DERIVED = {"silence": ("recency", "T")}

logger = logging.getLogger("clvml")


def columns_of(features: Iterable[str]) -> tuple[str, ...]:
    """The columns that these features are made from, each once.

    Examples
    --------
    >>> columns_of(["frequency", "recency", "silence"])
    ('frequency', 'recency', 'T')
    """
    return tuple(dict.fromkeys(column for name in features for column in DERIVED.get(name, (name,))))


def feature_table(customers: pd.DataFrame, features: Iterable[str]) -> pd.DataFrame:
    """The named features of checked customers, derived ones included; one row a customer."""
    return pd.DataFrame({name: _feature(customers, name) for name in features}, index=customers.index)


def learn_scaling(table: pd.DataFrame) -> pd.DataFrame:
    """What makes these features comparable.

    Parameters
    ----------
    table : pandas.DataFrame
        One column a feature, finite and not negative.

    Returns
    -------
    pandas.DataFrame
        Index ``feature`` (those that vary); columns ``logged`` (bool), ``unit`` (the feature's
        mean), ``centre`` and ``spread`` (mean and standard deviation of what is left, pure numbers).

    Raises
    ------
    InputError
        If every feature is constant.
    """
    varying = [name for name in table if not _constant(table[name].to_numpy())]
    if not varying:
        raise InputError(
            f"all features ({', '.join(map(str, table))}) are the same for all {len(table)} customers:"
            " there is nothing to tell segments apart; give features that vary."
        )
    for name in table.columns.difference(varying, sort=False):
        logger.warning("feature %r is the same for all customers and is left out of the segments", name)
    rows = [_scaling_of(table[name].to_numpy()) for name in varying]
    index = pd.Index(varying, name="feature")
    return pd.DataFrame(rows, index=index, columns=["logged", "unit", "centre", "spread"])


def standardized(table: pd.DataFrame, scaling: pd.DataFrame) -> np.ndarray:
    """The features as points: shape (customers, features of ``scaling``), pure numbers."""
    points = np.empty((len(table), len(scaling)))
    for j, (name, row) in enumerate(scaling.iterrows()):
        ratio = table[name].to_numpy() / row["unit"]
        shape = np.log1p(ratio) if row["logged"] else ratio
        points[:, j] = (shape - row["centre"]) / row["spread"]
    return points


def _feature(customers: pd.DataFrame, name: str) -> pd.Series:
    if name == "silence":
        return customers["T"] - customers["recency"]
    return customers[name]


def _constant(values: np.ndarray) -> bool:
    # A column computed in floating point is "the same" within rounding, whatever its unit.
    return bool(np.ptp(values) <= 1e-9 * np.abs(values).max())


def _scaling_of(values: np.ndarray) -> tuple[bool, float, float, float]:
    unit = float(values.mean())
    ratio = values / unit
    logged = _skewness(ratio) > SKEWED
    shape = np.log1p(ratio) if logged else ratio
    return logged, unit, float(shape.mean()), float(shape.std())


def _skewness(values: np.ndarray) -> float:
    deviation = values - values.mean()
    return float((deviation**3).mean() / (deviation**2).mean() ** 1.5)
