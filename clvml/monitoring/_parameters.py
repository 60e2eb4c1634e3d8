"""Have parameters moved? By the customers that the model knows, by new ones, and by all of them.

- **Known customers**: the multiples of their purchase and dropout rates since, by maximum likelihood of the
  number of purchases that each made, given the model and their history (the scenarios of the model). A weak
  prior keeps the multiple of dropout finite where hardly anybody purchased.
- **New customers**: the model's specification fitted to those acquired since. They are other people than
  those of the model, so the variances of the two estimates add.
- **All customers until now**: the specification fitted again, as a retraining would. Its data contain those
  of the model; the variance of the difference of an estimate and a more efficient one is the difference of
  their variances (Hausman 1978), here at least a quarter of the earlier one.

A dropout below one in a thousand counts as that: the ratio of two smaller ones says nothing.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import optimize, stats

from clvml.customers._time_units import time_unit_of
from clvml.errors import ClvmlError
from clvml.evaluation._model_comparison import with_terms
from clvml.evaluation._outcomes import _purchase_model
from clvml.lifetime_value._protocol import SupportsPurchaseProbability, SupportsScenarios
from clvml.monitoring._period import FEWEST, Period
from clvml.monitoring._statements import COVERAGE, Statement, in_percent, number
from clvml.monitoring._traits import TraitMean, trait_means

MATTERS = 0.15
KNOWN, NEW, ALL = "known customers since", "new customers", "all customers until now"
_SAMPLE = 10_000  # customers whose likelihood is computed
_STEP = 0.05  # of the logarithm of a multiple, for the curvature
_NEGLIGIBLE_DROPOUT = 1e-3  # per purchase or time unit; a lower one counts as this
_LIMIT = math.log(20.0)
_PENALTY = 0.5  # standard deviation of a weak prior on the logarithm of the multiple of dropout
_FACTORS = {"purchase_rate": "purchase rate", "dropout": "dropout"}
_QUANTILE = float(stats.norm.ppf((1 + COVERAGE) / 2))


class Move(NamedTuple):
    """A trait by the model and by later data.

    Attributes
    ----------
    trait, per, by : str
        Name, unit, and whose data: one of ``KNOWN, NEW, ALL``.
    before, after : float
    error : float
        Standard error of the logarithm of their ratio.
    """

    trait: str
    per: str
    by: str
    before: float
    after: float
    error: float

    @property
    def is_negligible(self) -> bool:
        """Whether it is a dropout so low, before and after, that the ratio says nothing."""
        return "dropout" in self.trait and max(self.before, self.after) <= _NEGLIGIBLE_DROPOUT


def moves(period: Period, refit: Any, newcomers: Any) -> list[Move]:
    """How the mean traits of customers have moved.

    Parameters
    ----------
    period : Period
    refit, newcomers : ValueModel or None
        The specification fitted to all customers until now, and to those acquired since.
    """
    before = trait_means(period.model)
    found = list(_known(period, before))
    for by, model in ((NEW, newcomers), (ALL, refit)):
        after = {} if model is None else trait_means(model)
        found += [_move(before[name], after[name], by, period.time_unit) for name in before if name in after]
    return [move for move in found if not move.is_negligible]


def refitted(model: Any, customers: pd.DataFrame) -> tuple[Any, str]:
    """The specification of a model fitted to other customers; or None, and why."""
    if len(customers) < FEWEST:
        return None, f"only {len(customers)} customers, fewer than {FEWEST}"
    terms = (model.horizon, model.annual_discount_rate, model.margin)
    try:
        return with_terms(model, *terms).fit(customers), ""
    except (ClvmlError, TypeError, ValueError) as error:
        return None, " ".join(str(error).split()).rstrip(".")


def moves_table(found: list[Move]) -> pd.DataFrame:
    """One row per move: before, after, change and its 90 % interval."""
    table = pd.DataFrame(found, columns=list(Move._fields))
    ratio = np.log(table["after"] / table["before"])
    table["change"] = np.expm1(ratio)
    table["lower"], table["upper"] = (np.expm1(ratio + side * _QUANTILE * table["error"]) for side in (-1, 1))
    return table


def move_statements(found: list[Move]) -> Iterator[Statement]:
    """One statement per move of which the uncertainty is known."""
    for move in found:
        if move.error > 0:
            yield _statement(move)


def _statement(move: Move) -> Statement:
    ratio = math.log(move.after / move.before)
    lower, upper = (move.before * math.exp(side * _QUANTILE * move.error) for side in (-1, 1))
    name = f"{move.trait}, {move.by}"
    ends = [in_percent(math.expm1(ratio + side * _QUANTILE * move.error)) for side in (-1, 1)]
    sentence = (
        f"{name}: {number(move.after)} {move.per}, by the model {number(move.before)},"
        f" {in_percent(math.expm1(ratio))} ({' to '.join(ends)})"
    )
    return Statement(
        "parameters", name, move.before, lower, upper, move.after, math.expm1(ratio), MATTERS,
        2 * float(stats.norm.sf(abs(ratio) / move.error)), sentence, _advice(move, ratio),
    )  # fmt: skip


def _advice(move: Move, ratio: float) -> str:
    up = ratio > 0
    if "dropout" in move.trait:
        what = "customers leave sooner than the model says" if up else "customers stay longer than it says"
    elif "spend" in move.trait:
        what = f"an order is worth {'more' if up else 'less'} than the model says"
    else:
        what = f"active customers purchase {'more' if up else 'less'} often than the model says"
    if move.by == ALL:
        what = f"a model fitted today differs in its {move.trait}"
    return f"{what}: train a challenger on the data until now with 'clvml run'"


def _move(before: TraitMean, after: TraitMean, by: str, unit: str) -> Move:
    then, now = before.log_error**2, after.log_error**2
    nested = by == ALL and then > now
    variance = max(then - now, then / 4) if nested else then + now
    least = _NEGLIGIBLE_DROPOUT if "dropout" in before.name else 0.0
    ends = max(before.mean, least), max(after.mean, least)
    return Move(before.name, _per(before.per, unit), by, *ends, math.sqrt(variance))


def _per(per: str, unit: str) -> str:
    return per.replace("{unit}", time_unit_of(unit).name)


def _known(period: Period, before: dict[str, TraitMean]) -> Iterator[Move]:
    purchases = _purchase_model(period.model)
    if not (isinstance(purchases, SupportsScenarios) and isinstance(purchases, SupportsPurchaseProbability)):
        return
    factors = [name for name in _FACTORS if name in purchases.scenario_factors()]
    likelihood = _Likelihood(purchases, factors, period)
    try:
        logs, errors = likelihood.maximum()
    except (ClvmlError, np.linalg.LinAlgError):
        return
    for factor, log, error in zip(factors, logs, errors, strict=True):
        trait = next((each for name, each in before.items() if name.startswith(_FACTORS[factor])), None)
        if trait is not None:
            combined = math.hypot(error, trait.log_error)
            per = _per(trait.per, period.time_unit)
            yield Move(trait.name, per, KNOWN, trait.mean, trait.mean * math.exp(log), combined)


class _Likelihood:
    """Log likelihood of the purchases since, by logarithms of the multiples of the rates."""

    def __init__(self, purchases: Any, factors: list[str], period: Period, random_state: int = 0) -> None:
        customers = period.split.calibration
        if len(customers) > _SAMPLE:
            customers = customers.sample(_SAMPLE, random_state=random_state)
        counts = period.split.holdout.loc[customers.index, "purchases"].round().astype(int)
        self.groups = {int(n): customers[counts == n] for n in sorted(counts.unique())}
        for group in self.groups.values():
            group.attrs = dict(period.split.calibration.attrs)
        self.purchases, self.factors, self.horizon = purchases, factors, period.duration

    def negative(self, logs: np.ndarray) -> float:
        """Minus the penalised log likelihood; infinite where a multiple is impossible."""
        levels = {name: math.exp(log) for name, log in zip(self.factors, logs, strict=True)}
        if np.abs(logs).max() > _LIMIT:
            return math.inf
        try:
            scenario = copy.copy(self.purchases).with_factors(levels)
            total = sum(
                float(np.log(np.maximum(scenario.purchase_probability(n, self.horizon, group), 1e-300)).sum())
                for n, group in self.groups.items()
            )
        except ClvmlError:
            return math.inf
        weak = sum(
            (log / _PENALTY) ** 2 / 2
            for name, log in zip(self.factors, logs, strict=True)
            if name == "dropout"
        )
        return weak - total

    def maximum(self) -> tuple[np.ndarray, np.ndarray]:
        """The logarithms of the multiples, and their standard errors."""
        size = len(self.factors)
        simplex = np.vstack([np.zeros(size), np.eye(size) * 0.3])
        found = optimize.minimize(
            self.negative,
            np.zeros(size),
            method="Nelder-Mead",
            options={"initial_simplex": simplex, "xatol": 2e-3, "fatol": 1e-2, "maxiter": 120},
        )
        return found.x, np.sqrt(np.diag(np.linalg.inv(self._curvature(found.x))))

    def _curvature(self, at: np.ndarray) -> np.ndarray:
        steps = np.eye(at.size) * _STEP
        return np.array(
            [
                [
                    (
                        self.negative(at + a + b)
                        - self.negative(at + a - b)
                        - self.negative(at - a + b)
                        + self.negative(at - a - b)
                    )
                    / (4 * _STEP**2)
                    for b in steps
                ]
                for a in steps
            ]
        )
