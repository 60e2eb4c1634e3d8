"""Base class of models fitted by maximum likelihood: estimates, uncertainty, diagnostics, summary.

A model has `Parameters`, which define what is estimated and how. Fitted attributes end in an underscore and
contain no customer data.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from clvml._listing import Listed, listed_numbers
from clvml.customers._training_summary import TrainingSummary
from clvml.distributions._history import Array
from clvml.errors import FitWarning, InputError
from clvml.inference._arguments import (
    check_covariance,
    check_errors,
    check_n_draws,
    check_params,
    check_start,
)
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

FEW = 20_000  # customers from which parameter uncertainty is negligible in a customer's interval

RandomState = int | np.random.Generator | None


class LikelihoodModel(Listed, BaseEstimator):
    """Base class of models fitted by maximum likelihood; subclasses define the parameters.

    Parameters
    ----------
    prior : {"weak", "auto"}, optional
        Regularise the fit with a weakly informative prior when the data do not identify all parameters. It is
        defined on interpretable, scale-free quantities (`prior_table`), so the unit of time or money does not
        matter; a thousand customers outweigh it. ``"auto"`` does so below 1,000 customers, where the prior
        predicts better (experiments/few_customers).
    """

    title: ClassVar[str]
    Params: ClassVar[Any]
    meanings: ClassVar[tuple[str, ...]]  # of the parameters, for the summary
    scales: ClassVar[tuple[PriorScale, ...]]
    traits: ClassVar[tuple[Trait, ...]]  # of customers, which are heterogeneous
    limits: ClassVar[dict[tuple[str, ...], str]]  # interpretation of diverging parameters

    params_: Any
    log_likelihood_: float
    covariance_: Array
    standard_errors_: Any
    n_customers_: float
    fit_record_: FitRecord
    posterior_: NestedLaplace | None = None
    prior_: str | None  # the prior of the fit; models saved by clvml 0.1 have only the argument
    training_summary_: TrainingSummary | None = None  # None: given parameters, or saved by clvml 0.1

    def __init__(self, prior: Literal["weak", "auto"] | None = None) -> None:
        self.prior = prior

    @property
    def n_parameters_(self) -> int:
        """Number of fitted parameters."""
        check_is_fitted(self, "params_")
        return len(self._parameters.searched)

    @property
    def aic_(self) -> float:
        """Akaike's information criterion, ``2 * n_parameters_ - 2 * log_likelihood_``.

        Only comparable between models of the same customers and the same type of likelihood: that of BG/BB is
        a probability, those of BG/NBD, MBG/NBD and Pareto/NBD are densities of purchase times.
        """
        check_is_fitted(self, "log_likelihood_")
        return 2 * self.n_parameters_ - 2 * self.log_likelihood_

    @property
    def bic_(self) -> float:
        """Schwarz's Bayesian information criterion, with ``log(n_customers_)`` per parameter instead of 2."""
        check_is_fitted(self, "log_likelihood_")
        return self.n_parameters_ * float(np.log(self.n_customers_)) - 2 * self.log_likelihood_

    @classmethod
    def prior_table(cls) -> pd.DataFrame:
        """Medians and central 95 % intervals of the weakly informative prior (``prior="weak"``).

        Returns
        -------
        DataFrame
            Index ``scale``; columns ``typical, lower, upper``.
        """
        return prior_table(cls.scales)

    def summary(self) -> FitSummary:
        """Summary table of the fit, as text or, in notebooks, as HTML."""
        check_is_fitted(self, "params_")
        fitted = hasattr(self, "covariance_")
        return FitSummary(
            title=self.title,
            parameters=self._report() if fitted else self._given_table(),
            figures=self._figures() if fitted else {"parameters": "given, not fitted"},
            messages=self.fit_record_.messages if fitted else (),
            not_identified=self._not_identified() if fitted else (),
        )

    def sample_parameters(self, n_draws: int, random_state: RandomState = None) -> pd.DataFrame:
        """Draw parameters from their approximate posterior distribution.

        Laplace's approximation (normal in log-parameters) if the data identify all parameters well; otherwise
        a nested Laplace approximation along the least identified direction, in which the plain one is too
        narrow (by a sixth for the dropout of CDNOW's 2,357 customers). Saved models give the same draws. The
        log-parameters have a normal prior around the estimate with standard deviation 3, or the weakly
        informative prior with ``prior="weak"``. Without the latter, draws of a fit at a boundary do not vary
        in the diverging directions.

        Parameters
        ----------
        n_draws : int
            Number of draws, at least 1.
        random_state : int, Generator or None
            Pass an int for reproducible results.

        Returns
        -------
        DataFrame, shape (n_draws, n_parameters)
            One row per draw; ``attrs["method"]`` is ``"laplace"`` or ``"nested laplace"``.

        Raises
        ------
        InputError
            If ``n_draws`` is not an integer of at least 1.

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
        if (
            not self._is_regularised
            and self.posterior_ is not None
            and not self.posterior_.is_bounded_by_data()
        ):
            warnings.warn(unbounded_draws(self.title), FitWarning, stacklevel=2)
        table.attrs["method"] = "laplace" if self.posterior_ is None else "nested laplace"
        return table

    def parameter_draws(
        self, n_draws: int, random_state: RandomState = None, *, together: bool = False
    ) -> list[Array]:
        """Parameters to average predictions over: draws, or the estimate if their uncertainty is negligible.

        It is neglected if the parameters were given, or if the model was fitted to 20,000 customers or more
        and predictions are for single customers. For totals (``together``) it matters, as it affects all
        customers in the same direction.
        """
        check_is_fitted(self, "params_")
        if not hasattr(self, "covariance_") or (self.n_customers_ >= FEW and not together):
            return [self._estimate()]
        return list(self.sample_parameters(n_draws, random_state).to_numpy())

    def trait_distributions(
        self, n_draws: int = 400, random_state: RandomState = 0
    ) -> list[TraitDistribution]:
        """Distributions of customer traits, such as purchase rates, across customers.

        Parameters
        ----------
        n_draws : int, default 400
            Number of draws of the parameters; none if parameters were given rather than fitted.
        random_state : int, Generator or None, default 0
            Pass an int for reproducible results.
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

    def __dir__(self) -> Iterable[str]:
        """Public names, without those that define the class."""
        internal = {*LikelihoodModel.__annotations__, "kernel", "by_customer", "influences", "Params"}
        hidden = {name for name in internal if not name.endswith("_")}
        return [name for name in super().__dir__() if name not in hidden]

    def _learnt(self) -> str:
        return self._found() if hasattr(self, "params_") else ""

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        if not hasattr(self, "params_"):
            return dict(super()._repr_mimebundle_(**kwargs))
        shown = self.summary()
        return {"text/plain": str(shown), "text/html": shown._repr_html_()}

    @property
    def _parameters(self) -> Parameters:
        """The parameters of the fitted model, including coefficients."""
        return self._common_parameters()

    def _common_parameters(self) -> CommonParameters:
        return CommonParameters(self.Params, self.scales)

    @property
    def _needs_prior(self) -> bool:
        """Whether the weak prior is known to predict better for so few customers."""
        return False

    @property
    def _is_regularised(self) -> bool:
        return getattr(self, "prior_", self.prior) == "weak"

    def _estimate(self) -> Array:
        """Estimates of the parameters in the user's units, then coefficients."""
        return np.array(self.params_)

    def _starts(self, usual: Array, own: object) -> list[Array]:
        """Starting values: those of the user first, if given."""
        return [usual] if own is None else [check_start(own, self.Params), usual]

    def _search(self, parameters: Parameters, problem: Problem, starts: list[Array]) -> Optimum:
        """Search from ``starts``, in the order to try, and keep what was found."""
        with one_blas_thread():
            found = parameters.maximise(problem, starts)
            self._keep(parameters, found, problem)
        return found.optimum

    def _keep(self, parameters: Parameters, found: Found, problem: Problem) -> None:
        """Set the fitted attributes."""
        optimum = found.optimum
        estimate = parameters.estimate(optimum.theta)
        slopes = parameters.slopes(estimate)
        n = len(self.Params._fields)
        self.params_ = self.Params(*estimate[:n].tolist())
        self.log_likelihood_ = optimum.value
        self.covariance_ = np.outer(slopes, slopes) * optimum.covariance
        self.standard_errors_ = self.Params(*np.sqrt(np.diag(self.covariance_))[:n].tolist())
        self.n_customers_ = problem.n_customers
        self.prior_ = "weak" if problem.weak else None
        self.posterior_ = _posterior(parameters, found, problem.weak)

    def _record(self, parameters: Parameters, optimum: Optimum, messages: list[str]) -> None:
        """Set ``fit_record_``; issue each message as a `FitWarning` where ``fit`` was called."""
        names = parameters.searched
        found = self._found()
        said = (
            messages_of_search(self.title, optimum, names, found, self.limits, self._needs_prior) + messages
        )
        self.fit_record_ = record_of(optimum, names, parameters.unit, said, stacklevel=3)

    def _check_learnt(self) -> None:
        """Refuse parameters that are impossible, as a file may have them.

        Raises
        ------
        InputError
            Naming the rule.
        """
        check_params(self.params_)
        if not hasattr(self, "covariance_"):  # given rather than fitted
            return
        check_covariance(self.covariance_, self._estimate().size)
        check_errors(self.standard_errors_)
        if not self.n_customers_ > 0:
            raise InputError(f"n_customers_ is {self.n_customers_!r}; it must be positive.")
        if self.posterior_ is not None:
            self.posterior_.check(self._estimate().size)

    def _found(self) -> str:
        return listed_numbers(self.params_._asdict())

    def _report(self) -> pd.DataFrame:
        errors = np.sqrt(np.diag(self.covariance_))
        return self._parameters.report(self._estimate(), errors, self.meanings)

    def _not_identified(self) -> tuple[str, ...]:
        """The parameters of which the data give no interval: they diverge, or could be off by e**3."""
        diverging = {way.partition(" ")[0] for way in self.fit_record_.boundary}
        log_errors = dict(
            zip(self.Params._fields, np.array(self.standard_errors_) / self.params_, strict=True)
        )
        return tuple(name for name, error in log_errors.items() if name in diverging or error > REACH)

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
    """Nested Laplace approximation where needed; None at a boundary, where the posterior has no mode."""
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
