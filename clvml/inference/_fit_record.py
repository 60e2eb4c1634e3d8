"""A record of how a fit went: enough to trust it, or to know why not."""

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
    """How a fit went: enough to trust it, or to know why not.

    Attributes
    ----------
    converged : bool
        The gradient vanished and no step could raise the likelihood.
    n_evaluations : int
        Evaluations of the likelihood with its derivatives until the optimum.
    gradient_norm : float
        Largest derivative in a log-parameter, per customer, where the likelihood was evaluated last.
    condition_number : float
        Of the Hessian in log-parameters at the optimum.
    boundary : tuple of str
        Where the data have no interior optimum, the parameters that diverge, such as
        ``("a to infinity", "b to infinity")``; empty when all is well.
    starts : tuple of tuple of float
        Parameters that the search started from, in the order tried.
    messages : tuple of str
        What to know, in words; empty when all is well.
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
    """The record of a fit; each message is also a `FitWarning` where the caller's ``stacklevel`` points."""
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
    """The parameters that diverge or vanish at the boundary, such as ``"a to infinity"``."""
    return tuple(
        f"{name} to {'infinity' if way > 0 else '0'}"
        for name, way in zip(names, optimum.flat, strict=True)
        if way
    )
