"""Convergence diagnostics of a fit."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from clvml.errors import FitWarning

if TYPE_CHECKING:
    from clvml.inference._maximum_likelihood import Optimum

Array = NDArray[np.float64]


@dataclass(frozen=True)
class FitRecord:
    """Convergence diagnostics of a fit.

    Attributes
    ----------
    converged : bool
        Whether the gradient vanished, so that no step increases the likelihood.
    n_evaluations : int
        Number of evaluations of the likelihood with its derivatives.
    gradient_norm : float
        Largest absolute derivative in a log-parameter, per customer, at the last evaluation.
    condition_number : float
        Of the Hessian in log-parameters at the optimum.
    boundary : tuple of str
        The parameters that diverge if the likelihood has no interior maximum, such as
        ``("a to infinity", "b to infinity")``; otherwise empty.
    starts : tuple of tuple of float
        Starting values, in the order tried.
    messages : tuple of str
        Warnings, each with a remedy; usually empty.

    See Also
    --------
    clvml.FitWarning : Raised with the messages.
    clvml.inference.FitSummary : Estimates and convergence in one table.

    Examples
    --------
    >>> import clvml
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> record = clvml.BGNBD().fit(customers).fit_record_
    >>> record.converged, record.boundary, record.messages
    (True, (), ())
    """

    converged: bool
    n_evaluations: int
    gradient_norm: float
    condition_number: float
    boundary: tuple[str, ...] = ()
    starts: tuple[tuple[float, ...], ...] = ()
    messages: tuple[str, ...] = ()

    @property
    def at_boundary(self) -> bool:
        """Whether a parameter diverges."""
        return bool(self.boundary)


def record_of(
    optimum: Optimum, names: tuple[str, ...], unit: Array, messages: list[str], stacklevel: int
) -> FitRecord:
    """Create the record of a fit; issue each message as a `FitWarning` at the caller's ``stacklevel``."""
    for message in messages:
        warnings.warn(message, FitWarning, stacklevel=stacklevel + 1)
    return FitRecord(
        optimum.converged,
        optimum.n_evaluations,
        optimum.gradient_norm,
        optimum.condition_number,
        diverging_parameters(optimum, names),
        tuple(tuple((unit * np.exp(start[: unit.size])).tolist()) for start in optimum.starts),
        tuple(messages),
    )


def diverging_parameters(optimum: Optimum, names: tuple[str, ...]) -> tuple[str, ...]:
    """The parameters that tend to infinity or zero, such as ``"a to infinity"``."""
    return tuple(
        f"{name} to {'infinity' if way > 0 else '0'}"
        for name, way in zip(names, optimum.flat, strict=True)
        if way
    )
