"""What all fitted models share: parameters with their uncertainty, a record of the fit, a summary.

A model gives an objective, where to start and the units of its parameters; `LikelihoodModel` does
the search, keeps what was found and draws from what is left uncertain.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from clvml.distributions._histories import Array
from clvml.errors import FitWarning, InputError
from clvml.inference._arguments import check_start
from clvml.inference._fit_summary import FitSummary
from clvml.inference._maximum_likelihood import (
    FitRecord,
    Objective,
    Optimum,
    Prior,
    in_log_parameters,
    maximise,
    report,
    running_off,
)
from clvml.inference._parameter_draws import (
    RELIABLE,
    LogDensity,
    draw_corrected,
    draw_normal,
    within_reach,
)
from clvml.models._traits import Trait, TraitDistribution

_VAGUE = 1.0  # standard error of a log-parameter: the parameter may as well be 2.7 times as large
_FEW = 20_000  # customers; from here on the parameters' own spread does not show in a customer's interval
_ROUGH_SAMPLE = 20_000  # customers, to come near the optimum of many more
_SMALL_SAMPLE = 100_000  # customers; from here on Laplace's approximation is exact for practical purposes


class Scale(NamedTuple):
    """What one can say of a parameter, or of a ratio of two, before seeing the data.

    ``what`` it is in words, ``powers`` of the parameters whose product it is, a ``typical`` value, and by
    how many e-folds it may well be off.
    """

    what: str
    powers: tuple[float, ...]
    typical: float
    efolds: float


class LikelihoodModel(BaseEstimator):
    """A model fitted by maximum likelihood; its subclasses name it, its parameters and their meaning.

    Parameters
    ----------
    prior : {"weak"}, optional
        Hold the search by a weak prior on the scales that one can speak of (`prior_table`), for data
        that do not hold all parameters. They have no unit, so the unit of time or money does not
        matter; a thousand customers outweigh them.
    """

    title: ClassVar[str]
    Params: ClassVar[Any]
    meanings: ClassVar[tuple[str, ...]]  # of the parameters, for the summary
    scales: ClassVar[tuple[Scale, ...]]
    traits: ClassVar[tuple[Trait, ...]]  # in which customers differ
    limits: ClassVar[dict[tuple[str, ...], str]]  # what it means when these parameters run off

    params_: Any
    log_likelihood_: float
    covariance_: Array
    standard_errors_: Any
    n_customers_: float
    fit_record_: FitRecord
    _seen: Any  # of the customers of the fit, for draws of the parameters

    def __init__(self, prior: Literal["weak"] | None = None) -> None:
        self.prior = prior

    @property
    def n_parameters_(self) -> int:
        """How many parameters were fitted."""
        return len(self._searched)

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
        """Schwarz's information criterion, with ``log(n_customers_)`` a parameter in place of 2."""
        check_is_fitted(self, "log_likelihood_")
        return self.n_parameters_ * float(np.log(self.n_customers_)) - 2 * self.log_likelihood_

    @classmethod
    def prior_table(cls) -> pd.DataFrame:
        """What ``prior="weak"`` takes for likely, before the data: 95 % ranges of scale-free numbers."""
        reach = {scale.what: np.exp(1.959964 * scale.efolds) for scale in cls.scales}
        columns = {
            "typical": [scale.typical for scale in cls.scales],
            "from": [scale.typical / reach[scale.what] for scale in cls.scales],
            "to": [scale.typical * reach[scale.what] for scale in cls.scales],
        }
        return pd.DataFrame(columns, index=pd.Index(list(reach), name="scale"))

    def summary(self) -> FitSummary:
        """The fit as a table worth reading: print it, or let a notebook show it."""
        check_is_fitted(self, "params_")
        fitted = hasattr(self, "covariance_")
        return FitSummary(
            title=self.title,
            parameters=self._parameter_table() if fitted else self._given_table(),
            figures=self._figures() if fitted else {"parameters": "given, not fitted"},
            messages=self.fit_record_.messages if fitted else (),
        )

    def sample_parameters(self, n_draws: int, seed: int) -> pd.DataFrame:
        """Draws of the parameters from what the data leave open.

        Laplace's approximation, normal in the logarithms of the parameters, and from 100,000 customers
        on nothing more. Below, where it is too narrow (a sixth for the dropout of CDNOW's 2,357),
        draws come from a wider Student-t and are drawn again with Pareto-smoothed importance weights
        (Vehtari, Simpson, Gelman, Yao, Gabry 2024), as long as the model still knows its customers: a
        model that was saved and read again does not. Where the data do not end, neither would the draws:
        a normal prior, three e-folds wide around the estimate, ends them. What runs off to a boundary is
        held at the estimate; with ``prior="weak"``, which then takes the place of the other, it is drawn
        like the rest.

        Parameters
        ----------
        n_draws : int
            One or more.
        seed : int
            The same seed gives the same draws.

        Returns
        -------
        DataFrame, shape (n_draws, n_parameters)
            ``attrs["method"]`` says ``"laplace"`` or ``"importance"``; ``attrs["k_hat"]`` is then the shape
            of the tail of the weights: below .5 good, above .7 not to be relied on.

        Warns
        -----
        FitWarning
            If k-hat stays above .7.
        """
        check_is_fitted(self, "covariance_")
        if isinstance(n_draws, bool) or not isinstance(n_draws, int) or n_draws < 1:
            raise InputError(f"n_draws is {n_draws!r}; it must be a whole number of one or more.")
        center, spread = self._search_estimate(), self._search_covariance()
        rng = np.random.default_rng(seed)
        k_hat = None
        if getattr(self, "_seen", None) is None:
            draws = draw_normal(center, spread, n_draws, rng)
        else:
            density: LogDensity = self._log_posterior
            if self.prior is None:
                spread, density = within_reach(center, spread, density)
            draws, k_hat = draw_corrected(center, spread, density, n_draws, rng)
            if k_hat > RELIABLE:
                warnings.warn(
                    f"draws of the {self.title} parameters are not to be relied on (k-hat {k_hat:.2f}, above"
                    f" {RELIABLE}): ranges made of them may be too narrow; prior='weak' holds what the data"
                    " leave open, as more customers would.",
                    FitWarning,
                    stacklevel=2,
                )
        table = self._draws(draws)
        table.attrs.update(method="laplace" if k_hat is None else "importance", k_hat=k_hat)
        return table

    def parameter_draws(self, n_draws: int, random_state: int, *, together: bool = False) -> list[Array]:
        """Parameters to spread predictions over: draws, or the estimate alone where it may as well be known.

        That is where the parameters were given, or many customers were seen and each of those to come is
        looked at by itself: what the parameters leave open only shows where it moves many ``together``.
        """
        if not hasattr(self, "covariance_") or (self.n_customers_ >= _FEW and not together):
            return [self._estimate()]
        return list(self.sample_parameters(n_draws, random_state).to_numpy())

    def trait_distributions(self, n_draws: int = 400, random_state: int = 0) -> list[TraitDistribution]:
        """How traits of the customers, such as purchase rates, are distributed.

        Parameters
        ----------
        n_draws : int, default 400
            Draws of the parameters; there are none where parameters were given rather than fitted.
        random_state : int, default 0
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

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the customers that the model was fitted to."""
        return {name: value for name, value in super().__getstate__().items() if name != "_seen"}

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        if not hasattr(self, "params_"):
            return dict(super()._repr_mimebundle_(**kwargs))
        shown = self.summary()
        return {"text/plain": str(shown), "text/html": shown._repr_html_()}

    def _objective(self, seen: Any) -> Objective:
        """The log-likelihood of these customers, with gradient and Hessian, of natural parameters."""
        raise NotImplementedError

    def _learn(
        self,
        count: Callable[..., Any],
        columns: tuple[Array, ...],
        start: Array,
        unit: Array,
        own_start: object = None,
    ) -> Optimum:
        """Search, and keep what was found.

        ``count`` makes of ``columns``, the last of them the weights, what `_objective` needs. Where the user
        has no start, a sample of very many customers comes near the optimum first.
        """
        n_customers, every = float(columns[-1].sum()), columns[0].size // _ROUGH_SAMPLE
        starts, near = [start], None
        if own_start is not None:
            starts.insert(0, check_start(own_start, self.Params))
        elif every > 1:
            sample = count(*(column[::every] for column in columns))
            near = in_log_parameters(self._objective(sample), unit)
        seen = count(*columns)
        objective = in_log_parameters(self._objective(seen), unit)
        logs = [np.log(one / unit) for one in starts]
        optimum = maximise(objective, logs, n_customers, self._prior(), near)
        params = unit * np.exp(optimum.theta)
        self.params_ = self.Params(*params.tolist())
        self.log_likelihood_ = optimum.value
        self.covariance_ = np.outer(params, params) * optimum.covariance
        self.standard_errors_ = self.Params(*np.sqrt(np.diag(self.covariance_)).tolist())
        self.n_customers_ = n_customers
        self._unit = unit
        self._boundary = running_off(optimum, self.Params._fields)
        self._seen = seen if n_customers < _SMALL_SAMPLE and not optimum.at_boundary else None
        return optimum

    def _report(self, optimum: Optimum, messages: list[str]) -> None:
        """Keep the record; each message is also a `FitWarning` where ``fit`` was called."""
        messages = [*self._of_the_search(optimum), *messages]
        self.fit_record_ = report(optimum, self._searched, self._unit, messages, stacklevel=4)

    def _of_the_search(self, optimum: Optimum) -> list[str]:
        if not optimum.converged:
            return [
                f"the search for the {self.title} parameters did not converge ({self._found()}); do not rely"
                " on them: look for extreme values in the customers, or give start."
            ]
        if optimum.at_boundary:
            return [self._at_the_boundary(running_off(optimum, self._searched))]
        spread = np.sqrt(np.diag(optimum.covariance))
        vague = [name for name, sd in zip(self._searched, spread, strict=True) if sd > _VAGUE]
        if not vague:
            return []
        return [
            f"the data hardly identify {' and '.join(vague)} ({self._found()}), whose standard errors exceed"
            " their size: read predictions rather than parameters, or use more history."
        ]

    def _at_the_boundary(self, boundary: tuple[str, ...]) -> str:
        going = [way.replace(" to ", " goes to ") for way in boundary]
        meaning = " and ".join(self._meanings_of(boundary))
        return (
            f"the {self.title} likelihood has no interior maximum: it still rises as {' and '.join(going)}"
            f" ({self._found()})"
            + (f", which says that {meaning}" if meaning else "")
            + ". Predictions are usable, single parameters are not; prior='weak' holds them, more history or"
            " more customers would help."
        )

    def _meanings_of(self, boundary: tuple[str, ...]) -> list[str]:
        """What it says of customers that these run off, by the limits that explain most of them."""
        left, meanings = set(boundary), []
        for limit in sorted(self.limits, key=len, reverse=True):
            if left.issuperset(limit):
                left.difference_update(limit)
                meanings.append(self.limits[limit])
        return list(dict.fromkeys(meanings))

    def _found(self) -> str:
        return ", ".join(f"{name} {value:.3g}" for name, value in self.params_._asdict().items())

    def _prior(self) -> Prior | None:
        if self.prior is None:
            return None
        if self.prior != "weak":
            raise InputError(f"prior is {self.prior!r}; it must be None or 'weak'.")
        powers, typical, efolds = zip(*[scale[1:] for scale in self.scales], strict=True)
        return Prior(np.array(powers), np.log(np.array(typical)), np.array(efolds))

    @property
    def _searched(self) -> tuple[str, ...]:
        """Names of the parameters whose logarithms are searched."""
        return tuple(self.Params._fields)

    def _estimate(self) -> Array:
        return np.array(self.params_)

    def _search_estimate(self) -> Array:
        return np.log(np.array(self.params_))

    def _search_covariance(self) -> Array:
        estimate = np.array(self.params_)
        return self.covariance_ / np.outer(estimate, estimate)

    def _draws(self, theta: Array) -> pd.DataFrame:
        return pd.DataFrame(np.exp(theta), columns=self.Params._fields)

    def _log_posterior(self, theta: Array) -> float:
        """Of logarithms of parameters in the user's units, each as likely as another before the data."""
        value, prior = self._log_likelihood_at(np.exp(theta)), self._prior()
        return value if prior is None else value - prior.penalty(theta - np.log(self._unit))[0]

    def _log_likelihood_at(self, params: Array) -> float:
        """The log-likelihood of the customers of the fit at other parameters."""
        return self._objective(self._seen)(params)[0]

    def _parameter_table(self) -> pd.DataFrame:
        estimate, error = np.array(self.params_), np.array(self.standard_errors_)
        reach = np.exp(np.minimum(1.959964 * error / estimate, 700))
        columns = {
            "estimate": estimate,
            "standard_error": error,
            "lower": estimate / reach,
            "upper": estimate * reach,
            "meaning": list(self.meanings),
        }
        return pd.DataFrame(columns, index=pd.Index(self.Params._fields, name="parameter"))

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
