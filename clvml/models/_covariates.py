"""Covariates as numbers: what a fit learns of each column, and how predictions read it again.

- **A number** (age, size of the first basket) is centred and scaled to a standard deviation of 1 for the
  search; coefficients are reported per unit of the column.
- **A category** (text, bool, pandas' categories) becomes one indicator a level, ``"channel=web"``, but for
  the most frequent level, against which the others are measured.

So the parameters of the model are those of the reference customer: numbers at their mean, categories
at their most frequent level. Nothing is filled in: a covariate that is missing, or a level that the
fit has not seen, is refused, for the model has no value for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from clvml.customers._summary_checks import HISTORY, plain
from clvml.distributions._histories import Array
from clvml.errors import InputError

MOST_LEVELS = 50
_TOO_FAR = 10.0  # times as far from the mean as anybody in the fit: a number in another unit
_SAME = 1e-9  # of a column's size: a spread below is rounding
_UNEXPLAINED = 1e-8  # share of a column's variance that the columns before it leave over


class Covariate(NamedTuple):
    """A column as the fit saw it.

    ``levels`` are those of a category, the reference first, and empty for a number; ``centre`` and
    ``spread`` are the mean and the standard deviation of a number, ``reach`` is how many of the latter the
    farthest customer was from the mean.
    """

    name: str
    levels: tuple[Any, ...] = ()
    centre: float = 0.0
    spread: float = 1.0
    reach: float = 0.0

    @property
    def terms(self) -> tuple[str, ...]:
        """The names of its coefficients."""
        return tuple(f"{self.name}={level}" for level in self.levels[1:]) or (self.name,)

    @property
    def reference(self) -> Any:
        """The value of the reference customer."""
        return self.levels[0] if self.levels else self.centre


def learn_covariates(customers: pd.DataFrame, names: Sequence[str], weight: Array) -> tuple[Covariate, ...]:
    """What the fit needs to know of each column.

    Raises
    ------
    InputError
        If a column is missing, has gaps, does not vary, has too many levels, follows from the others,
        or is part of the history that the model explains.
    """
    covariates = tuple(_learn(_column(customers, name), weight) for name in names)
    _check_independent(encode(customers, covariates), weight, [t for c in covariates for t in c.terms])
    return covariates


def encode(customers: pd.DataFrame, covariates: Sequence[Covariate]) -> Array:
    """The covariates as numbers, shape (n_customers, n_terms); zero throughout for the reference.

    Raises
    ------
    InputError
        If a column is missing, has gaps, or holds a level that the fit has not seen.
    """
    parts = [_encode(_column(customers, covariate.name), covariate) for covariate in covariates]
    return np.hstack([np.zeros((len(customers), 0)), *parts])


def _column(customers: pd.DataFrame, name: str) -> pd.Series:
    if name in HISTORY:
        raise InputError(
            f"{name!r} cannot be a covariate: it is the history that the model explains. Use what was known"
            " of customers from the start, such as their channel."
        )
    if name not in customers:
        raise InputError(
            f"the customers lack the covariate {name!r}; join it, or leave it out of covariates."
        )
    column = customers[name]
    gaps = column.isna().to_numpy()
    if _is_number(column):
        gaps = ~np.isfinite(column.to_numpy(dtype=float, na_value=np.nan))
    _refuse(column, gaps, f"have a missing or infinite {name}", "fill it, or leave these customers out")
    return column


def _is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _refuse(column: pd.Series, bad: np.ndarray, rule: str, way_out: str) -> None:
    if bad.any():
        first = int(np.argmax(bad))
        customer, value = column.index[first], column.iloc[first]
        raise InputError(
            f"{bad.sum()} of {len(column)} customers {rule}; the first is {plain(customer)!r}, with"
            f" {plain(value)!r}: {way_out}."
        )


def _learn(column: pd.Series, weight: Array) -> Covariate:
    covariate = _number(column, weight) if _is_number(column) else _category(column, weight)
    if covariate.spread == 0 or len(covariate.levels) == 1:
        raise InputError(
            f"covariate {column.name!r} is {covariate.reference!r} for all customers, so its influence cannot"
            " be learnt: leave it out."
        )
    return covariate


def _number(column: pd.Series, weight: Array) -> Covariate:
    values = column.to_numpy(dtype=float)
    centre = float(np.average(values, weights=weight))
    spread = float(np.sqrt(np.average((values - centre) ** 2, weights=weight)))
    if spread <= _SAME * abs(values).max():
        return Covariate(str(column.name), (), centre, 0.0)
    return Covariate(str(column.name), (), centre, spread, float(abs(values - centre).max() / spread))


def _category(column: pd.Series, weight: Array) -> Covariate:
    counts = pd.Series(weight).groupby(column.astype(object).to_numpy()).sum()
    odd = [level for level in counts.index if not isinstance(plain(level), str | bool | int | float)]
    if odd or len(counts) > MOST_LEVELS:
        raise InputError(
            f"covariate {column.name!r} has {len(counts)} levels, such as {counts.index[0]!r}: categories are"
            f" at most {MOST_LEVELS} texts, bools or numbers. Group them first; a number stored as text"
            " is converted by pandas.to_numeric."
        )
    # Equal counts in the order of the names, so that the order of customers does not matter.
    levels = sorted(counts.index, key=lambda level: (-counts[level], str(level)))
    return Covariate(str(column.name), tuple(plain(level) for level in levels))


def _encode(column: pd.Series, covariate: Covariate) -> Array:
    if not covariate.levels:
        if not _is_number(column):
            raise InputError(
                f"covariate {column.name!r} was numbers in the fit and is {column.dtype} now: convert it, for"
                f" example with pandas.to_numeric(customers[{column.name!r}])."
            )
        z = (column.to_numpy(dtype=float) - covariate.centre) / covariate.spread
        usual = f"ten times as far from the mean, {covariate.centre:.4g}, as anybody in the fit"
        rule = f"have a {covariate.name} more than {usual}"
        _refuse(column, abs(z) > _TOO_FAR * covariate.reach, rule, "look at its unit")
        return z[:, None]
    known = pd.Index(covariate.levels, dtype=object)
    level = known.get_indexer(pd.Index(column.astype(object)))
    listed = ", ".join(map(repr, covariate.levels))
    _refuse(
        column,
        level < 0,
        f"have a {covariate.name} that the fit has not seen",
        f"it knows {listed}; give one of these, or fit again with customers who have it",
    )
    return (level[:, None] == np.arange(1, len(known))).astype(float)


def _check_independent(z: Array, weight: Array, terms: list[str]) -> None:
    """Refuse a term that follows exactly from those before it."""
    centred = z - np.average(z, axis=0, weights=weight)
    products = (centred.T * weight) @ centred
    sizes = np.sqrt(np.diag(products))
    correlation = products / np.outer(sizes, sizes)
    for i in range(1, len(terms)):
        by_others = np.linalg.lstsq(correlation[:i, :i], correlation[:i, i])[0]
        if 1 - correlation[i, :i] @ by_others < _UNEXPLAINED:
            others = [repr(terms[k]) for k in np.flatnonzero(abs(by_others) > 1e-4)]
            raise InputError(
                f"covariate {terms[i]!r} follows exactly from {' and '.join(others)}, so their influences"
                " cannot be told apart: leave one of them out."
            )
