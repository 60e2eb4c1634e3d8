"""Customer-specific parameters, whose logarithms are linear in covariates.

Each side of the model, ``"purchases"`` or ``"dropout"``, depends on covariates by the formula in
`clvml.distributions._covariates`. The model without covariates is fitted first: it provides starting values
and the null model of the likelihood-ratio test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from clvml.customers._attributes import Attribute, encode, learn_attributes
from clvml.customers._summary_checks import HISTORY
from clvml.distributions._covariates import Influence, design, objective
from clvml.distributions._history import Array
from clvml.errors import InputError
from clvml.inference._likelihood_ratio import LikelihoodRatioTest
from clvml.inference._maximum_likelihood import Objective, Optimum, maximise
from clvml.inference._prior import Prior, no_prior
from clvml.models._parameters import CommonParameters, Found, Problem

Covariates = Sequence[str] | Mapping[str, Sequence[str]]

_WEAK_SD = 1.5  # prior of a standardised coefficient: within a factor of e**3 with 95 %
_LARGEST_EFFECT = 30.0  # e**30: cap on the multiple of a parameter, to avoid overflow
_UNEXPLAINED = 1e-8  # share of a column's variance not explained by the columns before it
_TWO_SIDED_95 = 1.959964


class Side(NamedTuple):
    """Covariates and coefficients of a side of the model; coefficients are per unit of the column."""

    name: str
    covariates: tuple[Attribute, ...]
    coefficients: tuple[float, ...] = ()

    @property
    def terms(self) -> list[str]:
        """Names of the coefficients."""
        return [term for covariate in self.covariates for term in covariate.terms]

    def check(self) -> None:
        """Refuse an encoding or coefficients that are impossible.

        Raises
        ------
        InputError
            Naming the rule.
        """
        for covariate in self.covariates:
            covariate.check()
        if len(self.coefficients) != len(self.terms) or not np.isfinite(self.coefficients).all():
            raise InputError(
                f"the coefficients of {self.name} must be {len(self.terms)} finite numbers; they are"
                f" {self.coefficients!r}."
            )

    @property
    def labels(self) -> list[str]:
        """Names of the coefficients, with the side."""
        return [f"{self.name}: {term}" for term in self.terms]

    @property
    def spreads(self) -> Array:
        """The scale by which each covariate is divided in its encoding."""
        return np.array([covariate.spread for covariate in self.covariates for _ in covariate.terms])

    @property
    def comparisons(self) -> list[str]:
        """The comparison that each coefficient makes."""
        return [
            f"relative to {covariate.reference}" if covariate.levels else "per unit"
            for covariate in self.covariates
            for _ in covariate.terms
        ]


@dataclass(frozen=True)
class LogLinearParameters:
    """Parameters of a reference customer, and coefficients of the covariates.

    Parameters
    ----------
    common : CommonParameters
        Parameters of the reference customer.
    influences : mapping of str to Influence
        The parameter that depends on covariates, by side.
    sides : tuple of Side
        The sides that have covariates.
    """

    common: CommonParameters
    influences: Mapping[str, Influence]
    sides: tuple[Side, ...]

    @property
    def unit(self) -> Array:
        return self.common.unit

    @property
    def n_common(self) -> int:
        """Number of parameters of the reference customer."""
        return len(self.common.searched)

    @property
    def labels(self) -> list[str]:
        """Names of the coefficients."""
        return [label for side in self.sides for label in side.labels]

    @property
    def spreads(self) -> Array:
        """The scale by which each covariate is divided in its encoding."""
        return np.concatenate([np.zeros(0), *(side.spreads for side in self.sides)])

    @property
    def searched(self) -> tuple[str, ...]:
        return (*self.common.searched, *(f"exp({label})" for label in self.labels))

    def in_units(self, unit: Array) -> LogLinearParameters:
        return replace(self, common=self.common.in_units(unit))

    def encoded(self, history: Any, customers: pd.DataFrame) -> Any:
        """The history, or the spend, with these customers' encoded covariates.

        Raises
        ------
        InputError
            If a covariate is absent, has missing values, or has a level not seen during fit.
        """
        return history.with_covariates({side.name: encode(customers, side.covariates) for side in self.sides})

    def maximise(self, problem: Problem, starts: list[Array]) -> Found:
        without = self.common.maximise(problem, starts).optimum
        zeros = np.zeros(len(self.labels))
        logs = [np.append(start, zeros) for start in (without.theta, *without.starts)]
        search = self.objective(problem)
        optimum = self._identified(search, problem, logs)
        return Found(optimum, search, LikelihoodRatioTest.of(optimum.value - without.value, zeros.size))

    def _identified(self, search: Objective, problem: Problem, starts: list[Array]) -> Optimum:
        """Maximise; if the search diverges, regularise the coefficients with a weakly informative prior."""
        n = problem.n_customers
        found = maximise(search, starts, n, self.prior(problem.weak))
        if problem.weak or not found.at_boundary:
            return found
        coefficients_only = no_prior(self.n_common).extended(len(self.labels), _WEAK_SD)
        again = maximise(search, starts, n, coefficients_only)
        return again if again.at_boundary else replace(again, flat=found.flat)

    def objective(self, problem: Problem) -> Objective:
        customers = design(problem.sample, self.common.searched, self.influences)
        shift = np.append(np.log(self.unit), np.zeros(len(self.labels)))

        def of_search(search: Array) -> tuple[float, Array, Array]:
            return objective(search + shift, customers, problem.by_customer.derivatives)

        return of_search

    def prior(self, weak: bool) -> Prior | None:
        prior = self.common.prior(weak)
        return None if prior is None else prior.extended(len(self.labels), _WEAK_SD)

    def estimate(self, search: Array) -> Array:
        own, coefficients = np.split(search, [self.n_common])
        return np.append(self.common.estimate(own), coefficients / self.spreads)

    def slopes(self, estimate: Array) -> Array:
        return np.append(estimate[: self.n_common], 1 / self.spreads)

    def search_of_logs(self, logs: Array) -> Array:
        return logs * np.append(np.ones(self.n_common), self.spreads)

    def logs_of_search(self, search: Array) -> Array:
        return search / np.append(np.ones(self.n_common), self.spreads)

    def logs(self, estimate: Array) -> Array:
        return np.append(np.log(estimate[: self.n_common]), estimate[self.n_common :])

    def log_slopes(self, estimate: Array) -> Array:
        return np.append(estimate[: self.n_common], np.ones(len(self.labels)))

    def table(self, logs: Array) -> pd.DataFrame:
        own, coefficients = np.split(logs, [self.n_common], axis=1)
        return self.common.table(own).join(pd.DataFrame(coefficients, columns=self.labels))

    def report(self, estimate: Array, errors: Array, meanings: tuple[str, ...]) -> pd.DataFrame:
        (own, coefficients), (own_errors, _) = (np.split(v, [self.n_common]) for v in (estimate, errors))
        multiplied = [self.influences[side.name].multiplies for side in self.sides for _ in side.terms]
        compared = [comparison for side in self.sides for comparison in side.comparisons]
        effects = [
            f"{what}: times {np.exp(coefficient):.3g} {comparison}"
            for what, coefficient, comparison in zip(multiplied, coefficients, compared, strict=True)
        ]
        rows = self.coefficients(estimate, errors).assign(meaning=effects)
        rows = rows.set_axis(pd.Index(self.labels, dtype=str))
        return pd.concat([self.common.report(own, own_errors, meanings), rows]).rename_axis("parameter")

    def coefficients(self, estimate: Array, errors: Array) -> pd.DataFrame:
        """Index ``side, covariate``; ``estimate, standard_error, lower, upper`` of each coefficient."""
        labels = [(side.name, term) for side in self.sides for term in side.terms]
        value, error = estimate[self.n_common :], errors[self.n_common :]
        columns = {
            "estimate": value,
            "standard_error": error,
            "lower": value - _TWO_SIDED_95 * error,
            "upper": value + _TWO_SIDED_95 * error,
        }
        levels = [[label[i] for label in labels] for i in (0, 1)]
        return pd.DataFrame(columns, pd.MultiIndex.from_arrays(levels, names=["side", "covariate"]))

    def customer_params(self, history: Any, estimate: Array) -> Any:
        names = self.common.searched
        own = dict(zip(names, estimate[: len(names)].tolist(), strict=True))
        coefficients = estimate[len(names) :]
        for side in self.sides:
            z = history.covariates.get(side.name, np.zeros((history.size, len(side.terms))))
            here, coefficients = np.split(coefficients, [z.shape[1]])
            parameter, sign, _ = self.influences[side.name]
            effect = np.clip(sign * (z @ (here * side.spreads)), -_LARGEST_EFFECT, _LARGEST_EFFECT)
            own[parameter] = own[parameter] * np.exp(effect)
        return self.common.kind(**own)

    def with_estimate(self, estimate: Array) -> LogLinearParameters:
        """A copy with the coefficients of an estimate."""
        values = iter(estimate[self.n_common :].tolist())
        sides = tuple(
            side._replace(coefficients=tuple(next(values) for _ in side.terms)) for side in self.sides
        )
        return replace(self, sides=sides)


def columns_by_side(covariates: Covariates, sides: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Columns by side, for sides that have any; a sequence of columns applies to all sides.

    Raises
    ------
    InputError
        If a side is unknown, or columns are not distinct strings.
    """
    given = covariates if isinstance(covariates, Mapping) else dict.fromkeys(sides, covariates)
    unknown = [side for side in given if side not in sides]
    if unknown:
        known = " and ".join(map(repr, sides))
        raise InputError(f"covariates has a side {unknown[0]!r}; the model has {known}.")
    columns = {side: (names,) if isinstance(names, str) else tuple(names) for side, names in given.items()}
    for side, names in columns.items():
        if len(set(names)) < len(names) or not all(isinstance(name, str) for name in names):
            raise InputError(f"covariates of {side} are {names!r}; they must be names of distinct columns.")
    return {side: columns[side] for side in sides if columns.get(side)}


def learn_sides(
    customers: pd.DataFrame, columns: Mapping[str, Sequence[str]], weight: Array
) -> tuple[Side, ...]:
    """Learn the encoding of the covariates of each side; coefficients are fitted later.

    Raises
    ------
    InputError
        If a column is absent, has missing values, is constant, has too many levels, is collinear with others,
        or is part of the history that the model explains.
    """
    return tuple(Side(side, _learn(customers, names, weight)) for side, names in columns.items())


def _learn(customers: pd.DataFrame, names: Sequence[str], weight: Array) -> tuple[Attribute, ...]:
    explained = [name for name in names if name in HISTORY]
    if explained:
        raise InputError(
            f"{explained[0]!r} cannot be a covariate: it is part of the history that the model explains. Use"
            " attributes known at acquisition, such as the channel."
        )
    attributes = learn_attributes(customers, names, weight)
    for attribute in attributes:
        if attribute.constant:
            raise InputError(
                f"covariate {attribute.name!r} is {attribute.reference!r} for all customers, so its"
                " coefficient is not identified: remove it."
            )
    terms = [term for attribute in attributes for term in attribute.terms]
    _check_independent(encode(customers, attributes), weight, terms)
    return attributes


def _check_independent(z: Array, weight: Array, terms: list[str]) -> None:
    """Raise if a term is an exact linear combination of those before it."""
    centred = z - np.average(z, axis=0, weights=weight)
    products = (centred.T * weight) @ centred
    sizes = np.sqrt(np.diag(products))
    correlation = products / np.outer(sizes, sizes)
    for i in range(1, len(terms)):
        by_others = np.linalg.lstsq(correlation[:i, :i], correlation[:i, i])[0]
        if 1 - correlation[i, :i] @ by_others < _UNEXPLAINED:
            others = [repr(terms[k]) for k in np.flatnonzero(abs(by_others) > 1e-4)]
            raise InputError(
                f"covariate {terms[i]!r} is collinear with {' and '.join(others)}, so their coefficients"
                " are not identified: remove one of them."
            )
