"""Parameters of a fitted model and of its parts, by dotted names, with standard errors and covariances."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator


def parts_of(model: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The model and the fitted estimators within it, each with its dotted name; the model's own is empty.

    Examples
    --------
    >>> import clvml
    >>> model = clvml.ZeroValue(horizon=1)
    >>> [(name, type(part).__name__) for name, part in parts_of(model)]
    [('', 'ZeroValue')]
    """
    yield name, model
    for key, value in _fitted(model).items():
        for label, part in _estimators(key.removesuffix("_"), value):
            yield from parts_of(part, f"{name}.{label}" if name else label)


def parameters_of(model: Any) -> list[dict[str, Any]]:
    """One dict per parameter: ``name, estimate, standard_error, identified``; no number is infinite."""
    return [
        {
            "name": f"{part}.{row['name']}" if part else row["name"],
            "estimate": plain_number(row["estimate"]),
            "standard_error": plain_number(row["standard_error"]),
            "identified": row["identified"],
        }
        for part, estimator in parts_of(model)
        for row in _rows(estimator)
    ]


def covariances_of(model: Any) -> dict[str, dict[str, Any]]:
    """By the dotted name of a part: ``names`` of its parameters, and the ``matrix`` of their covariances."""
    return {
        part: {
            "names": [row["name"] for row in _rows(estimator)],
            "matrix": [[plain_number(value) for value in row] for row in estimator.covariance_.tolist()],
        }
        for part, estimator in parts_of(model)
        if isinstance(getattr(estimator, "covariance_", None), np.ndarray)
    }


def plain_number(value: Any) -> float | None:
    """A finite Python float, or None."""
    return float(value) if value is not None and math.isfinite(value) else None


def _rows(estimator: Any) -> list[dict[str, Any]]:
    """The estimator's own parameters: those of a fit by maximum likelihood include coefficients."""
    if hasattr(estimator, "covariance_") and hasattr(estimator, "summary"):
        found = estimator.summary()
        uncertain = found.not_identified
        return [
            {"name": str(name), **row, "identified": name not in uncertain}
            for name, row in found.parameters[["estimate", "standard_error"]].to_dict("index").items()
        ]
    errors = _by_name(getattr(estimator, "standard_errors_", {}))
    return [
        {"name": name, "estimate": value, "standard_error": errors.get(name), "identified": True}
        for name, value in _own_parameters(estimator).items()
    ]


def _own_parameters(estimator: Any) -> dict[str, float]:
    """Those of ``params_``; of several such attributes, such as ``spend_params_``, by dotted names."""
    return {
        f"{key.removesuffix('params_').strip('_')}.{name}".lstrip("."): value
        for key, values in _fitted(estimator).items()
        if key.endswith("params_")
        for name, value in _by_name(values).items()
    }


def _by_name(values: Any) -> dict[str, float]:
    """A NamedTuple or a mapping of numbers by name; anything else, such as a matrix, has no names."""
    values = values._asdict() if hasattr(values, "_asdict") else values
    if not isinstance(values, Mapping):
        return {}
    return {str(name): value for name, value in values.items() if isinstance(value, int | float)}


def _fitted(model: Any) -> dict[str, Any]:
    """The learnt attributes."""
    return {key: value for key, value in vars(model).items() if key.endswith("_") and key[0] != "_"}


def _estimators(label: str, value: Any) -> Iterator[tuple[str, BaseEstimator]]:
    if isinstance(value, BaseEstimator):
        yield label, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _estimators(f"{label}.{key}", item)
    elif isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        for place, item in enumerate(value):
            yield from _estimators(f"{label}.{place}", item)
