"""What the parameters of a model are: the part of a model that knows, and how they are estimated.

A model owns `Parameters`: `CommonParameters`, the same for all customers, or `LogLinearParameters`, which
follow from covariates (in `clvml.models._log_linear`). Three vectors name the same thing:

- the **estimate**: parameters in the user's units, then coefficients per unit of the covariate's column;
- the **search** vector: logarithms of parameters in units of the data, then standardised coefficients, so
  that the unit of time or money changes nothing;
- the **logs**: logarithms of parameters in the user's units, then coefficients, in which estimates are
  about normal.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
import pandas as pd

from clvml.distributions._history import Array, History
from clvml.inference._likelihood_ratio import LikelihoodRatioTest
from clvml.inference._maximum_likelihood import Objective, Optimum, in_log_parameters, maximise
from clvml.inference._prior import Prior, PriorScale, prior_of

_TWO_SIDED_95 = 1.959964
_ROUGH_SAMPLE = 20_000  # customers, to come near the optimum of many more
_LARGEST_LOG = 700.0  # e**700 is nearly the largest number


class Sample(Protocol):
    """Customers as a fit sees them, such as `clvml.distributions.History`."""

    @property
    def size(self) -> int:
        """How many rows there are."""

    @property
    def weights(self) -> Array:
        """How many customers each row stands for."""

    def rows(self, rows: slice, /) -> Self:
        """Some of them."""


class Likelihood(Protocol):
    """What a fit asks of a kernel."""

    def count(self, sample: Any, /) -> Any:
        """The customers, equal ones counted once."""

    def objective(self, params: Any, counts: Any, /) -> tuple[float, Array, Array]:
        """Total log-likelihood with two derivatives in the parameters."""


class Problem(NamedTuple):
    """What is maximised: the likelihood of these customers, with a weakly informative prior or without.

    ``by_customer`` gives derivatives customer by customer, where parameters differ between them; ``rough``
    says whether a sample of very many customers may come near the optimum first.
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
    """Where a search ended, what it maximised, and the test against the model without covariates, if any."""

    optimum: Optimum
    objective: Objective
    test: LikelihoodRatioTest | None = None


class Parameters(Protocol):
    """What a model asks of its parameters."""

    @property
    def unit(self) -> Array:
        """Units of the search, one for each parameter of the reference customer."""

    @property
    def searched(self) -> tuple[str, ...]:
        """Names of the positive numbers whose logarithms are searched."""

    def in_units(self, unit: Array) -> Parameters:
        """The same, with the units of the search."""

    def maximise(self, problem: Problem, starts: list[Array]) -> Found:
        """The search from parameters to start from, in the order to try."""

    def objective(self, problem: Problem) -> Objective:
        """The log-likelihood of the search vector, with two derivatives."""

    def prior(self, weak: bool) -> Prior | None:
        """The prior of the search vector."""

    def estimate(self, search: Array) -> Array:
        """The estimate of a search vector."""

    def slopes(self, estimate: Array) -> Array:
        """By how much each number of the estimate changes with its own of the search vector."""

    def search_of_logs(self, logs: Array) -> Array:
        """The search vector, in the user's units of time and money, of logs."""

    def logs_of_search(self, search: Array) -> Array:
        """The inverse of `search_of_logs`."""

    def logs(self, estimate: Array) -> Array:
        """The logs of an estimate."""

    def log_slopes(self, estimate: Array) -> Array:
        """By how much each number of the estimate changes with its own of the logs."""

    def table(self, logs: Array) -> pd.DataFrame:
        """Draws of logs, shape (n_draws, n_parameters), as estimates with their names."""

    def report(self, estimate: Array, errors: Array, meanings: tuple[str, ...]) -> pd.DataFrame:
        """Rows of a summary: ``estimate, standard_error, lower, upper, meaning``."""

    def customer_params(self, history: History, estimate: Array) -> Any:
        """The parameters of each customer, by an estimate or a draw of it."""


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
        What is known of them before the data, in units of the search.
    unit : ndarray, shape (n_parameters,), optional
        Units of the search; ones by default.
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
        every = problem.sample.size // _ROUGH_SAMPLE
        rough = None
        if problem.rough and every > 1:
            rough = self.objective(problem._replace(sample=problem.sample.rows(slice(None, None, every))))
        logs = [np.log(start / self.unit) for start in starts]
        prior = self.prior(problem.weak)
        objective = self.objective(problem)
        return Found(maximise(objective, logs, problem.n_customers, prior, rough), objective)

    def objective(self, problem: Problem) -> Objective:
        counts = problem.likelihood.count(problem.sample)

        def natural(params: Array) -> tuple[float, Array, Array]:
            value: tuple[float, Array, Array] = problem.likelihood.objective(self.kind(*params), counts)
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
        columns = {
            "estimate": estimate,
            "standard_error": errors,
            "lower": estimate / reach,
            "upper": estimate * reach,
            "meaning": list(meanings),
        }
        return pd.DataFrame(columns, index=pd.Index(self.kind._fields, name="parameter"))

    def customer_params(self, history: History, estimate: Array) -> Any:  # noqa: ARG002
        return self.kind(*estimate.tolist())
