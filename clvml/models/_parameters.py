"""Parameters of a model and their transformations between the scales of estimation.

A model has `Parameters`: `CommonParameters`, the same for all customers, or `LogLinearParameters`, which
depend on covariates (in `clvml.models._log_linear`). There are three parameterisations:

- the **estimate**: parameters in the user's units, then coefficients per unit of the covariate's column;
- the **search** vector: logarithms of scaled parameters, then standardised coefficients, invariant to the
  unit of time or money;
- the **logs**: logarithms of parameters in the user's units, then coefficients, in which estimates are
  approximately normal.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache, partial
from types import ModuleType
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
import pandas as pd

from clvml._remembered import remembered
from clvml.distributions._history import Array, History
from clvml.inference._likelihood_ratio import LikelihoodRatioTest
from clvml.inference._maximum_likelihood import Objective, Optimum, in_log_parameters, maximise
from clvml.inference._prior import Prior, PriorScale, prior_of

_TWO_SIDED_95 = 1.959964
_ROUGH_SAMPLE = 20_000  # customers, for starting values of larger fits
_LARGEST_LOG = 700.0  # e**700 is near the largest float


class Sample(Protocol):
    """Data of customers for a fit, such as `clvml.distributions.History`."""

    @property
    def size(self) -> int:
        """Number of rows."""

    @property
    def weights(self) -> Array:
        """Number of customers that each row represents."""

    def rows(self, rows: slice, /) -> Self:
        """The selected rows."""


class Likelihood(Protocol):
    """The part of a kernel that a fit requires."""

    def count(self, sample: Any, /) -> Any:
        """Aggregate the customers, identical ones once."""

    def objective(self, params: Any, counts: Any, /) -> tuple[float, Array, Array]:
        """Total log-likelihood with gradient and Hessian in the parameters."""


class Problem(NamedTuple):
    """The optimisation problem: likelihood, data, and whether to use the weakly informative prior (``weak``).

    ``by_customer`` provides derivatives by customer for customer-specific parameters; ``rough`` is whether a
    subsample may provide starting values for large fits.
    """

    likelihood: Any
    sample: Any
    weak: bool
    by_customer: Any = None
    rough: bool = False

    @property
    def n_customers(self) -> float:
        """The sum of the weights."""
        return float(self.sample.weights.sum())


class Found(NamedTuple):
    """The optimum, the objective, and the test against the model without covariates, if any."""

    optimum: Optimum
    objective: Objective
    test: LikelihoodRatioTest | None = None


class Parameters(Protocol):
    """The interface of parameters."""

    @property
    def unit(self) -> Array:
        """Scales of the search, one for each parameter of the reference customer."""

    @property
    def searched(self) -> tuple[str, ...]:
        """Names of the positive quantities whose logarithms are optimised."""

    def in_units(self, unit: Array) -> Parameters:
        """A copy with these scales of the search."""

    def maximise(self, problem: Problem, starts: list[Array]) -> Found:
        """Maximise from the starting values, in the order given."""

    def objective(self, problem: Problem) -> Objective:
        """The log-likelihood of the search vector, with gradient and Hessian."""

    def prior(self, weak: bool) -> Prior | None:
        """The prior of the search vector."""

    def estimate(self, search: Array) -> Array:
        """The estimate of a search vector."""

    def slopes(self, estimate: Array) -> Array:
        """Derivative of each element of the estimate in that of the search vector."""

    def search_of_logs(self, logs: Array) -> Array:
        """The search vector that corresponds to logs, with unit scales."""

    def logs_of_search(self, search: Array) -> Array:
        """The inverse of `search_of_logs`."""

    def logs(self, estimate: Array) -> Array:
        """The logs of an estimate."""

    def log_slopes(self, estimate: Array) -> Array:
        """Derivative of each element of the estimate in that of the logs."""

    def table(self, logs: Array) -> pd.DataFrame:
        """Convert draws of logs, shape (n_draws, n_parameters), to a table of estimates."""

    def report(self, estimate: Array, errors: Array, meanings: tuple[str, ...]) -> pd.DataFrame:
        """Rows of a summary: ``estimate, standard_error, lower, upper, meaning``."""

    def customer_params(self, history: Any, estimate: Array) -> Any:
        """The parameters of each customer, by the estimate or a draw."""


def _one() -> Array:
    return np.ones(1)


@dataclass(frozen=True)
class CommonParameters:
    """Positive parameters that are the same for all customers.

    Parameters
    ----------
    kind : type
        The NamedTuple of the model's parameters.
    scales : tuple of PriorScale
        Priors of the scaled parameters.
    unit : ndarray, shape (n_parameters,), optional
        Scales of the search; ones by default.
    """

    kind: Any
    scales: tuple[PriorScale, ...]
    unit: Array = field(default_factory=_one)

    @property
    def searched(self) -> tuple[str, ...]:
        return tuple(self.kind._fields)

    def in_units(self, unit: Array) -> CommonParameters:
        return replace(self, unit=unit)

    def maximise(self, problem: Problem, starts: list[Array]) -> Found:
        logs = [np.log(start / self.unit) for start in starts]
        prior, objective = self.prior(problem.weak), self.objective(problem)

        def search() -> Optimum:
            return maximise(objective, logs, problem.n_customers, prior, self._rough(problem))

        sample, kernel = problem.sample, problem.likelihood
        if not (isinstance(sample, History) and isinstance(kernel, ModuleType)):
            return Found(search(), objective)
        histories = sample.x, sample.t_x, sample.T, sample.weights
        asked = *(prior or ()), str(problem.rough), self.unit, *logs, *histories
        return Found(remembered(search, f"fit of {kernel.__name__}", *asked), objective)

    def _rough(self, problem: Problem) -> Objective | None:
        """The objective for every so-manieth customer of many, for starting values."""
        every = problem.sample.size // _ROUGH_SAMPLE
        if not problem.rough or every <= 1:
            return None
        return self.objective(problem._replace(sample=problem.sample.rows(slice(None, None, every))))

    def objective(self, problem: Problem) -> Objective:
        counts = cache(partial(problem.likelihood.count, problem.sample))  # once there is a need for it

        def natural(params: Array) -> tuple[float, Array, Array]:
            value: tuple[float, Array, Array] = problem.likelihood.objective(self.kind(*params), counts())
            return value

        return in_log_parameters(natural, self.unit)

    def prior(self, weak: bool) -> Prior | None:
        return prior_of(self.scales) if weak else None

    def estimate(self, search: Array) -> Array:
        return np.asarray(self.unit * np.exp(search), dtype=float)

    def slopes(self, estimate: Array) -> Array:
        return estimate

    def search_of_logs(self, logs: Array) -> Array:
        return logs

    def logs_of_search(self, search: Array) -> Array:
        return search

    def logs(self, estimate: Array) -> Array:
        return np.log(estimate)

    def log_slopes(self, estimate: Array) -> Array:
        return estimate

    def table(self, logs: Array) -> pd.DataFrame:
        return pd.DataFrame(np.exp(logs), columns=list(self.kind._fields))

    def report(self, estimate: Array, errors: Array, meanings: tuple[str, ...]) -> pd.DataFrame:
        reach = np.exp(np.minimum(_TWO_SIDED_95 * errors / estimate, _LARGEST_LOG))
        with np.errstate(over="ignore"):
            upper = estimate * reach
        columns = {
            "estimate": estimate,
            "standard_error": errors,
            "lower": estimate / reach,
            "upper": upper,
            "meaning": list(meanings),
        }
        return pd.DataFrame(columns, index=pd.Index(self.kind._fields, name="parameter"))

    def customer_params(self, history: Any, estimate: Array) -> Any:  # noqa: ARG002
        return self.kind(*estimate.tolist())
