"""Validation of arguments of statistical models."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from clvml.errors import InputError

Array = NDArray[np.float64]

_SMALLEST = float(np.finfo(float).tiny)  # normal numbers
_ROUNDING = 1e-6  # relative, of covariances


def check_coverage(coverage: float) -> None:
    """Raise an InputError unless the coverage is in (0, 1)."""
    if not 0 < coverage < 1:
        raise InputError(f"coverage is {coverage!r}; it must be above 0 and below 1, as in 0.9.")


def check_params(params: Any) -> Any:
    """Validate parameters; return them as floats.

    Raises
    ------
    InputError
        If a parameter is not a positive, finite number.
    """
    for name, value in zip(type(params)._fields, params, strict=True):
        if not isinstance(value, int | float | np.number) or not _SMALLEST <= value < float("inf"):
            raise InputError(f"parameter {name} is {value!r}; it must be a positive, finite number.")
    return type(params)(*[float(value) for value in params])


def check_errors(errors: Any) -> None:
    """Validate standard errors: NaN where unknown, otherwise not negative.

    Raises
    ------
    InputError
        If one is negative.
    """
    for name, value in zip(type(errors)._fields, errors, strict=True):
        if value < 0:
            raise InputError(f"the standard error of {name} is {value!r}; it must not be negative.")


def check_covariance(matrix: Array, n_parameters: int) -> None:
    """Validate a covariance matrix, up to rounding.

    Raises
    ------
    InputError
        If it has another shape, is not symmetric, or has a negative variance or a correlation beyond 1.
    """
    if matrix.shape != (n_parameters, n_parameters):
        raise InputError(
            f"the covariance has shape {matrix.shape}; it must be square, for {n_parameters} parameters."
        )
    variances = np.diag(matrix)
    if (variances < 0).any():
        raise InputError(f"a variance is {variances.min():g}; it must not be negative.")
    known = np.isfinite(matrix)
    with np.errstate(invalid="ignore", over="ignore"):
        limit = np.sqrt(np.outer(variances, variances)) * (1 + _ROUNDING)
        possible = (np.abs(matrix) <= limit) & (np.abs(matrix - matrix.T) <= _ROUNDING * limit)
    if not (possible | ~known).all():
        raise InputError("the covariance must be symmetric, with correlations from -1 to 1.")


def check_start(start: Any, kind: Any) -> Array:
    """Validate starting values.

    Raises
    ------
    InputError
        If there is not one positive, finite number per parameter.
    """
    names = kind._fields
    if isinstance(start, str) or not isinstance(start, Collection) or len(start) != len(names):
        raise InputError(f"start is {start!r}; it must be {len(names)} numbers: {', '.join(names)}.")
    return np.array(check_params(kind(*start)))


def check_n_draws(n_draws: object) -> int:
    """Validate a number of draws.

    Raises
    ------
    InputError
        If it is not an integer of at least 1.
    """
    if isinstance(n_draws, bool) or not isinstance(n_draws, int | np.integer) or n_draws < 1:
        raise InputError(f"n_draws is {n_draws!r}; it must be an integer of at least 1.")
    return int(n_draws)


def check_any_fitted(model: Any) -> None:
    """Raise scikit-learn's error for an estimator that is not fitted; a model of one's own need not be one.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If it is an estimator without learnt attributes.
    """
    if hasattr(model, "__sklearn_tags__"):
        check_is_fitted(model)


def check_fitted(model: Any, attribute: str) -> None:
    """Raise scikit-learn's error if the model is not fitted; quick if it is, as once per request.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If it lacks the attribute.
    """
    if attribute not in vars(model):
        check_is_fitted(model, attribute)
