"""What all fitted models share: parameters with their uncertainty, a record of the fit, a summary.

A model owns `Parameters`, which say what is estimated and how. What is kept of a fit is in
attributes that end in an underscore: numbers, and no customers.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from clvml.distributions._history import Array
from clvml.errors import FitWarning
from clvml.inference._arguments import check_n_draws, check_start
from clvml.inference._blas import one_blas_thread
from clvml.inference._fit_record import FitRecord, record_of
from clvml.inference._fit_summary import FitSummary
from clvml.inference._laplace import draw_normal
from clvml.inference._maximum_likelihood import Optimum, with_prior
from clvml.inference._nested_laplace import REACH, NestedLaplace, nested_laplace, within_reach
from clvml.inference._prior import PriorScale, prior_table
from clvml.models._fit_messages import messages_of_search, unbounded_draws
from clvml.models._parameters import CommonParameters, Found, Parameters, Problem
from clvml.models._traits import Trait, TraitDistribution

_FEW = 20_000  # customers; from here on the parameters' uncertainty does not show in a customer's interval

RandomState = int | np.random.Generator | None


class LikelihoodModel(BaseEstimator):
    """A model fitted by maximum likelihood; its subclasses name it, its parameters and their meaning.

    Parameters
    ----------
    prior : {"weak"}, optional
        Regularise the fit with a weakly informative prior when the data do not identify all parameters: on
        scales that one can speak of (`prior_table`). They have no unit, so the unit of time or money does not
        matter; a thousand customers outweigh them.
    """

    title: ClassVar[str]
    Params: ClassVar[Any]
    meanings: ClassVar[tuple[str, ...]]  # of the parameters, for the summary
    scales: ClassVar[tuple[PriorScale, ...]]
    traits: ClassVar[tuple[Trait, ...]]  # in which customers differ
    limits: ClassVar[dict[tuple[str, ...], str]]  # what it means when these parameters diverge

    params_: Any
    log_likelihood_: float
    covariance_: Array
    standard_errors_: Any
    n_customers_: float
    fit_record_: FitRecord
    posterior_: NestedLaplace | None = None

    def __init__(self, prior: Literal["weak"] | None = None) -> None:
        self.prior = prior

    @property
    def n_parameters_(self) -> int:
        """How many parameters were fitted."""
        check_is_fitted(self, "params_")
        return len(self._parameters.searched)

    @property
    def aic_(self) -> float:
        """Akaike's information criterion, twice the parameters less twice the log-likelihood.

        To be compared between models of the same customers and the same kind: that of BG/BB counts
        probabilities, that of BG/NBD, MBG/NBD and Pareto/NBD densities of times.
        """
        check_is_fitted(self, "log_likelihood_")
        return 2 * self.n_parameters_ - 2 * self.log_likelihood_

    @property
    def bic_(self) -> float:
        """Schwarz's information criterion, with ``log(n_customers_)`` per parameter in place of 2."""
        check_is_fitted(self, "log_likelihood_")
        return self.n_parameters_ * float(np.log(self.n_customers_)) - 2 * self.log_likelihood_

    @classmethod
    def prior_table(cls) -> pd.DataFrame:
        """What ``prior="weak"`` assumes before the data: medians and 95 % intervals of scale-free numbers.

        Returns
        -------
        DataFrame
            Index ``scale``; columns ``typical, lower, upper``.
        """
        return prior_table(cls.scales)

    def summary(self) -> FitSummary:
        """The fit as a table worth reading: print it, or let a notebook show it."""
        check_is_fitted(self, "params_")
        fitted = hasattr(self, "covariance_")
        return FitSummary(
            title=self.title,
            parameters=self._report() if fitted else self._given_table(),
            figures=self._figures() if fitted else {"parameters": "given, not fitted"},
            messages=self.fit_record_.messages if fitted else (),
        )

    def sample_parameters(self, n_draws: int, random_state: RandomState = None) -> pd.DataFrame:
        """Draws of the parameters given the data.

        Laplace's approximation, normal in the logarithms of the parameters, nested in the direction that the
        data identify least, where it is too narrow by itself (a sixth for the dropout of CDNOW's 2,357
        customers); where the data identify all parameters well, it serves alone. The draws of a saved model
        are the same. Where the data do not bound a parameter, a normal prior, three e-folds wide around the
        estimate, does. A fit at a boundary stays at the estimate in the directions that diverge; with
        ``prior="weak"``, which then takes the place of the other, these are drawn like the rest.

        Parameters
        ----------
        n_draws : int
            One or more.
        random_state : int, Generator or None
            The same number gives the same draws.

        Returns
        -------
        DataFrame, shape (n_draws, n_parameters)
            ``attrs["method"]`` says ``"laplace"`` or ``"nested laplace"``.

        Warns
        -----
        FitWarning
            If the likelihood does not bound the parameters by itself: a 95 % interval by likelihood ratio
            does not end within the reach of the normal prior, which then decides how wide the draws are.

        References
        ----------
        Tierney, Kadane (1986), Accurate Approximations for Posterior Moments and Marginal Densities,
        Journal of the American Statistical Association 81.
        """
        check_is_fitted(self, "covariance_")
        n_draws, rng = check_n_draws(n_draws), np.random.default_rng(random_state)
        parameters, estimate = self._parameters, self._estimate()
        center = parameters.logs(estimate)
        if self.posterior_ is None:
            slopes = parameters.log_slopes(estimate)
            logs = draw_normal(center, self.covariance_ / np.outer(slopes, slopes), n_draws, rng)
        else:
            drawn = self.posterior_.draw(parameters.search_of_logs(center), n_draws, rng)
            logs = parameters.logs_of_search(drawn)
        table = parameters.table(logs)
        if self.prior is None and self.posterior_ is not None and not self.posterior_.is_bounded_by_data():
            warnings.warn(unbounded_draws(self.title), FitWarning, stacklevel=2)
        table.attrs["method"] = "laplace" if self.posterior_ is None else "nested laplace"
        return table

    def parameter_draws(
        self, n_draws: int, random_state: RandomState = None, *, together: bool = False
    ) -> list[Array]:
        """Parameters to average predictions over: draws, or the estimate where uncertainty is negligible.

        That is where the parameters were given, or the model was fitted to many customers (20,000) and each
        customer is looked at alone: the parameters' uncertainty only shows where it moves many ``together``.
        """
        check_is_fitted(self, "params_")
        if not hasattr(self, "covariance_") or (self.n_customers_ >= _FEW and not together):
            return [self._estimate()]
        return list(self.sample_parameters(n_draws, random_state).to_numpy())

    def trait_distributions(
        self, n_draws: int = 400, random_state: RandomState = 0
    ) -> list[TraitDistribution]:
        """How traits of the customers, such as purchase rates, are distributed.

        Parameters
        ----------
        n_draws : int, default 400
            Draws of the parameters; there are none where parameters were given rather than fitted.
        random_state : int, Generator or None, default 0
            The same number gives the same draws.
        """
        check_is_fitted(self, "params_")
        fitted = hasattr(self, "covariance_")
        table = self.sample_parameters(n_draws, random_state) if fitted else None
        return [
            TraitDistribution(
                trait.name,
                trait.per,
                trait.distribution(*(getattr(self.params_, name) for name in trait.parameters)),
                None
                if table is None
                else trait.distribution(*(table[n].to_numpy() for n in trait.parameters)),
            )
            for trait in self.traits
        ]

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        """The constructor, and the parameters where there are any."""
        text = str(super().__repr__(N_CHAR_MAX))
        return f"{text} with {self._found()}" if hasattr(self, "params_") else text

    def __dir__(self) -> Iterable[str]:
        """What a user may want: neither private names nor what describes the class."""
        internal = {*LikelihoodModel.__annotations__, "kernel", "by_customer", "influences", "Params"}
        hidden = {name for name in internal if not name.endswith("_")}
        return [
            name
            for name in super().__dir__()
            if name.startswith("__") or (name[0] != "_" and name not in hidden)
        ]

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        if not hasattr(self, "params_"):
            return dict(super()._repr_mimebundle_(**kwargs))
        shown = self.summary()
        return {"text/plain": str(shown), "text/html": shown._repr_html_()}

    @property
    def _parameters(self) -> Parameters:
        """What is estimated, as the model stands: with the coefficients that it has."""
        return self._common_parameters()

    def _common_parameters(self) -> CommonParameters:
        return CommonParameters(self.Params, self.scales)

    def _estimate(self) -> Array:
        """Parameters in the user's units, then coefficients."""
        return np.array(self.params_)

    def _starts(self, usual: Array, own: object) -> list[Array]:
        """Where the search starts: the user's own parameters first, if there are any."""
        return [usual] if own is None else [check_start(own, self.Params), usual]

    def _search(self, parameters: Parameters, problem: Problem, starts: list[Array]) -> Optimum:
        """Search from ``starts``, in the order to try, and keep what was found."""
        with one_blas_thread():
            found = parameters.maximise(problem, starts)
            self._keep(parameters, found, problem)
        return found.optimum

    def _keep(self, parameters: Parameters, found: Found, problem: Problem) -> None:
        """Keep what was found, and nothing of the customers."""
        optimum = found.optimum
        estimate = parameters.estimate(optimum.theta)
        slopes = parameters.slopes(estimate)
        n = len(self.Params._fields)
        self.params_ = self.Params(*estimate[:n].tolist())
        self.log_likelihood_ = optimum.value
        self.covariance_ = np.outer(slopes, slopes) * optimum.covariance
        self.standard_errors_ = self.Params(*np.sqrt(np.diag(self.covariance_))[:n].tolist())
        self.n_customers_ = problem.n_customers
        self.posterior_ = _posterior(parameters, found, problem.weak)

    def _record(self, parameters: Parameters, optimum: Optimum, messages: list[str]) -> None:
        """Keep how the search went; each message is also a `FitWarning` where ``fit`` was called."""
        names = parameters.searched
        said = [*messages_of_search(self.title, optimum, names, self._found(), self.limits), *messages]
        self.fit_record_ = record_of(optimum, names, parameters.unit, said, stacklevel=3)

    def _found(self) -> str:
        return ", ".join(f"{name}={value:.4g}" for name, value in self.params_._asdict().items())

    def _report(self) -> pd.DataFrame:
        errors = np.sqrt(np.diag(self.covariance_))
        return self._parameters.report(self._estimate(), errors, self.meanings)

    def _given_table(self) -> pd.DataFrame:
        columns = {"estimate": list(self.params_), "meaning": list(self.meanings)}
        return pd.DataFrame(columns, index=pd.Index(self.Params._fields, name="parameter"))

    def _figures(self) -> dict[str, str]:
        record = self.fit_record_
        return {
            "customers": f"{self.n_customers_:,.0f}",
            "log-likelihood": f"{self.log_likelihood_:,.2f}",
            "AIC": f"{self.aic_:,.1f}",
            "BIC": f"{self.bic_:,.1f}",
            "search": f"{'converged' if record.converged else 'did not converge'}"
            f" in {record.n_evaluations} evaluations",
        }


def _posterior(parameters: Parameters, found: Found, weak: bool) -> NestedLaplace | None:
    """The posterior where Laplace's approximation does not serve; none at a boundary, where it has no top."""
    optimum, prior = found.optimum, parameters.prior(weak)
    if optimum.at_boundary or not optimum.converged:
        return None
    center, information = optimum.theta, -optimum.hessian
    if prior is None:
        objective, top = within_reach(found.objective, center), optimum.value
        information = information + np.eye(center.size) / REACH**2
    else:
        objective = with_prior(found.objective, prior)
        top = optimum.value - prior.penalty(center)[0]
    return nested_laplace(objective, center, top, information)
