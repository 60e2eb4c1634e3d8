"""Models of repeat purchases with covariates: what they learn of them, and whether it was worth it.

A side of the model, ``"purchases"`` or ``"dropout"``, follows from covariates by the formula in
`clvml.distributions`. The model without them is fitted first: the search starts there, and
their likelihoods make the likelihood-ratio test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from clvml.customers._summary_checks import HISTORY
from clvml.distributions._covariates import Influence, design, objective
from clvml.distributions._histories import Array
from clvml.errors import InputError
from clvml.inference._likelihood_ratio import LikelihoodRatioTest
from clvml.inference._maximum_likelihood import Objective, Optimum, Prior, maximise
from clvml.models._covariates import Covariate, encode, learn_covariates
from clvml.models._history_model import HistoryModel

_SMALL_SAMPLE = 5_000  # customers; from here on Laplace's approximation serves, for each draw costs a pass
_WEAK = 1.5  # prior sd of a coefficient: a standard deviation of a number multiplies by e**3 at most
_VAGUE = 1.0  # standard error of a coefficient: its effect may as well be 2.7 times as large
_ALL_ONE = 30.0  # e**30: a rate so many times another's may as well be larger still


class CustomerKernel(Protocol):
    """What customers with parameters of their own need of a model; see `clvml.distributions`."""

    def derivatives(self, x: Array, t_x: Array, T: Array, params: Any) -> tuple[Array, Array, Array]: ...


class Side(NamedTuple):
    """How a side of a fitted model follows from covariates; coefficients are a unit of the column."""

    name: str
    covariates: tuple[Covariate, ...]
    coefficients: tuple[float, ...]

    @property
    def terms(self) -> list[str]:
        """Names of the coefficients."""
        return [term for covariate in self.covariates for term in covariate.terms]

    @property
    def spreads(self) -> Array:
        """By what `encode` divides each covariate."""
        return np.array([covariate.spread for covariate in self.covariates for _ in covariate.terms])

    @property
    def against(self) -> list[str]:
        """What each coefficient compares."""
        return [
            f"against {covariate.reference}" if covariate.levels else "a unit"
            for covariate in self.covariates
            for _ in covariate.terms
        ]


class CovariateModel(HistoryModel):
    """A model of repeat purchases whose customers may differ by covariates.

    Parameters
    ----------
    prior : {"weak"}, optional
        As in `LikelihoodModel`; coefficients are held too, a standard deviation of a number at 1.5.
    covariates : sequence of str, or mapping of {"purchases", "dropout"} to such, default ()
        Columns of the customer summary that were known from the start and do not change: numbers
        or categories (text, bool, pandas' categories). A sequence moves both sides.
    """

    by_customer: ClassVar[CustomerKernel]
    influences: ClassVar[Mapping[str, Influence]]  # by side

    sides_: tuple[Side, ...] = ()
    likelihood_ratio_test_: LikelihoodRatioTest | None = None

    def __init__(
        self,
        prior: Literal["weak"] | None = None,
        covariates: Sequence[str] | Mapping[str, Sequence[str]] = (),
    ) -> None:
        super().__init__(prior)
        self.covariates = covariates

    @property
    def required_columns(self) -> tuple[str, ...]:  # type: ignore[override]
        """The columns that the model reads."""
        return tuple(dict.fromkeys([*HISTORY, *(name for names in self._names().values() for name in names)]))

    @property
    def reference_(self) -> dict[str, Any]:
        """The covariates of the reference customer, whose parameters are ``params_``."""
        return {covariate.name: covariate.reference for side in self.sides_ for covariate in side.covariates}

    @property
    def coefficients_(self) -> pd.DataFrame:
        """How covariates move each side: by ``exp(estimate)`` a unit, or against the reference level.

        Index ``side, covariate``; columns ``estimate, standard_error, lower, upper``, the bounds of 95 %
        Wald intervals.
        """
        check_is_fitted(self, "params_")
        labels = [(side.name, term) for side in self.sides_ for term in side.terms]
        estimate = self._estimate()[len(self.Params._fields) :]
        error = np.sqrt(np.diag(self.covariance_))[len(self.Params._fields) :] if labels else estimate
        columns = {
            "estimate": estimate,
            "standard_error": error,
            "lower": estimate - 1.959964 * error,
            "upper": estimate + 1.959964 * error,
        }
        levels = [[label[i] for label in labels] for i in (0, 1)]
        return pd.DataFrame(columns, pd.MultiIndex.from_arrays(levels, names=["side", "covariate"]))

    def simulate(self, T: ArrayLike, seed: int, covariates: pd.DataFrame | None = None) -> pd.DataFrame:
        """Customers drawn from the model, as a summary with ``frequency, recency, T``.

        Parameters
        ----------
        T : array-like, shape (n_customers,)
            How long each is observed, in the model's time unit.
        seed : int
            The same seed gives the same customers.
        covariates : DataFrame, shape (n_customers, ...), optional
            Their covariates, which are joined to the summary; reference customers where None.
        """
        if covariates is None:
            return super().simulate(T, seed)
        check_is_fitted(self, "params_")
        seen = self._observed(T)
        if len(covariates) != seen.size:
            raise InputError(f"there are {len(covariates)} customers in covariates for {seen.size} in T.")
        own = self.params_of(self.known(covariates), self._estimate())
        customers = self._simulated(seen, seed, own).set_index(covariates.index)
        return customers.join(covariates[[name for name in self.required_columns if name not in HISTORY]])

    def _names(self) -> dict[str, tuple[str, ...]]:
        """Columns by side, of the sides that have any."""
        both = self.covariates
        given = both if isinstance(both, Mapping) else dict.fromkeys(self.influences, both)
        unknown = [side for side in given if side not in self.influences]
        if unknown:
            known = " and ".join(map(repr, self.influences))
            raise InputError(f"covariates has a side {unknown[0]!r}; there are {known}.")
        sides = {side: (names,) if isinstance(names, str) else tuple(names) for side, names in given.items()}
        for side, names in sides.items():
            if len(set(names)) < len(names) or not all(isinstance(name, str) for name in names):
                raise InputError(f"covariates of {side} are {names!r}; they must be columns, each once.")
        return {side: sides[side] for side in self.influences if sides.get(side)}

    def _learn_known(self, customers: pd.DataFrame, counted: Array) -> list[tuple[Side, Array]]:
        sides = [
            Side(name, learn_covariates(customers, columns, counted), ())
            for name, columns in self._names().items()
        ]
        return [(side, encode(customers, side.covariates)) for side in sides]

    def _learn_influence(
        self,
        optimum: Optimum,
        known: list[tuple[Side, Array]],
        history: tuple[Array, Array, Array],
        counted: Array,
    ) -> Optimum:
        self.sides_, self.likelihood_ratio_test_ = tuple(side for side, _ in known), None
        if not known:
            return optimum
        moved = {self.influences[side.name]: z for side, z in known}
        seen = design(history, counted, self.Params._fields, moved)
        starts = [np.append(start, np.zeros(self._spread.size)) for start in (optimum.theta, *optimum.starts)]
        found = self._found_from(starts, self._search(seen))
        self._keep(found)
        self.likelihood_ratio_test_ = LikelihoodRatioTest.of(found.value - optimum.value, self._spread.size)
        small = self.n_customers_ < _SMALL_SAMPLE and not found.at_boundary
        self._seen = (history, counted, [z for _, z in known]) if small else None
        return replace(found, starts=tuple(start[: self._unit.size] for start in found.starts))

    def _found_from(self, starts: list[Array], search: Objective) -> Optimum:
        """Where the search runs off it takes coefficients along: then a weak prior holds those."""
        found = maximise(search, starts, self.n_customers_, self._prior_of_all(self.prior == "weak"))
        if not found.at_boundary:
            return found
        held = maximise(search, starts, self.n_customers_, self._prior_of_all(True))
        return held if held.at_boundary else replace(held, flat=found.flat)

    def _search(self, seen: Any) -> Objective:
        """The log-likelihood in logarithms of parameters, each less that of its unit, and coefficients."""
        shift = np.append(np.log(self._unit), np.zeros(self._spread.size))

        def moved(theta: Array) -> tuple[float, Array, Array]:
            return objective(theta + shift, seen, self.by_customer.derivatives)

        return moved

    def _keep(self, found: Optimum) -> None:
        base, coefficients = np.split(found.theta, [self._unit.size])
        params, per_unit = self._unit * np.exp(base), iter((coefficients / self._spread).tolist())
        self.sides_ = tuple(
            side._replace(coefficients=tuple(next(per_unit) for _ in side.terms)) for side in self.sides_
        )
        to_natural = np.append(params, 1 / self._spread)
        self.params_ = self.Params(*params.tolist())
        self.log_likelihood_ = found.value
        self.covariance_ = np.outer(to_natural, to_natural) * found.covariance
        self.standard_errors_ = self.Params(*np.sqrt(np.diag(self.covariance_))[: params.size].tolist())

    @property
    def _spread(self) -> Array:
        """By what the search divides each covariate."""
        return np.concatenate([np.zeros(0), *(side.spreads for side in self.sides_)])

    def known(self, customers: pd.DataFrame) -> list[Array]:
        return [encode(customers, side.covariates) for side in self.sides_]

    def _estimate(self) -> Array:
        return np.concatenate([self.params_, *(side.coefficients for side in self.sides_)])

    def params_of(self, known: list[Array], estimate: Array) -> Any:
        names = self.Params._fields
        own = dict(zip(names, estimate[: len(names)].tolist(), strict=True))
        coefficients = estimate[len(names) :]
        for side, z in zip(self.sides_, known, strict=True):
            here, coefficients = np.split(coefficients, [z.shape[1]])
            parameter, sign, _ = self.influences[side.name]
            effect = np.clip(sign * (z @ (here * side.spreads)), -_ALL_ONE, _ALL_ONE)
            own[parameter] = own[parameter] * np.exp(effect)
        return self.Params(**own)

    # As `LikelihoodModel` has it, with coefficients beside the logarithms of parameters.

    @property
    def _searched(self) -> tuple[str, ...]:
        return (*super()._searched, *(f"exp({label})" for label in self._labels))

    @property
    def _labels(self) -> list[str]:
        return [f"{side.name}: {term}" for side in self.sides_ for term in side.terms]

    def _search_estimate(self) -> Array:
        return np.append(super()._search_estimate(), self._estimate()[len(self.Params._fields) :])

    def _search_covariance(self) -> Array:
        to_natural = np.append(np.array(self.params_), np.ones(self._spread.size))
        return self.covariance_ / np.outer(to_natural, to_natural)

    def _draws(self, theta: Array) -> pd.DataFrame:
        base, coefficients = np.split(theta, [len(self.Params._fields)], axis=1)
        return super()._draws(base).join(pd.DataFrame(coefficients, columns=self._labels))

    def _prior_of_all(self, hold: bool) -> Prior | None:
        """The prior of the parameters, and that of the coefficients where they are to be held."""
        prior, n = self._prior(), self._spread.size
        if not hold:
            return None
        axes, mean, sd = prior or Prior(np.zeros((0, len(self.Params._fields))), np.zeros(0), np.zeros(0))
        rows, columns = axes.shape
        wider = np.eye(rows + n, columns + n, columns - rows)
        wider[:rows, :columns] = axes
        return Prior(wider, np.append(mean, np.zeros(n)), np.append(sd, np.full(n, _WEAK)))

    def _log_posterior(self, theta: Array) -> float:
        if not self.sides_:
            return super()._log_posterior(theta)
        base, coefficients = np.split(theta, [len(self.Params._fields)])
        searched = np.append(base - np.log(self._unit), coefficients * self._spread)
        seen: Any = self._seen
        (x, t_x, T), counted, known = seen
        own = self.params_of(known, np.append(np.exp(base), coefficients))
        prior = self._prior_of_all(self.prior == "weak")
        value = float(counted @ self.kernel.log_likelihood(x, t_x, T, own))
        return value if prior is None else value - prior.penalty(searched)[0]

    def _parameter_table(self) -> pd.DataFrame:
        meanings = [
            f"{self.influences[side.name].multiplies}: times {np.exp(coefficient):.3g} {against}"
            for side in self.sides_
            for coefficient, against in zip(side.coefficients, side.against, strict=True)
        ]
        rows = self.coefficients_.assign(meaning=meanings).set_axis(pd.Index(self._labels, dtype=str))
        return pd.concat([super()._parameter_table(), rows]).rename_axis("parameter")

    def _figures(self) -> dict[str, str]:
        test = self.likelihood_ratio_test_
        return super()._figures() | ({} if test is None else {"covariates:": str(test)})

    def _of_the_search(self, optimum: Optimum) -> list[str]:
        said = super()._of_the_search(optimum)
        spread, flat = np.sqrt(np.diag(optimum.covariance)), optimum.flat
        unsaid = ((spread > _VAGUE) | (flat != 0))[self._unit.size :]
        vague = [repr(label) for label, one in zip(self._labels, unsaid, strict=True) if one]
        if optimum.at_boundary and vague:
            said.append(
                f"so the data do not say what {' and '.join(vague)} may be, and a weak prior holds it:"
                " leave the covariate out of that side, as in covariates={'purchases': ['age']}, or join a"
                " rare level to another."
            )
        return said
