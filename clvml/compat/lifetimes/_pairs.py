"""Fits and predictions of lifetimes and clvml for the same customers.

Errors of lifetimes are not raised: `attempt` returns its result, or the reason for the failure.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from clvml.compat.lifetimes._bridge import counterpart_of, from_lifetimes, quiet_lifetimes, to_lifetimes
from clvml.customers._summary_checks import HISTORY
from clvml.customers._time_units import TimeUnit
from clvml.distributions._history import Array
from clvml.errors import FitError, InputError
from clvml.models._bgbb import BGBB
from clvml.models._bgnbd import BGNBD
from clvml.models._gamma_gamma import GammaGamma

LIFETIMES_MONTH = {"D": 30.0, "W": 4.345, "M": 1.0}  # in `customer_lifetime_value`


class Question(NamedTuple):
    """The customers, their time unit, the horizon and the discount rate."""

    customers: pd.DataFrame
    weights: Array
    unit: TimeUnit
    months: int
    rate: float  # per month

    @property
    def month(self) -> float:
        """Length of a month in lifetimes in the customers' unit; a twelfth of a year otherwise."""
        return LIFETIMES_MONTH.get(self.unit.code, self.unit.per_year / 12)

    @property
    def annual_rate(self) -> float:
        return float((1 + self.rate) ** 12 - 1)

    @property
    def history(self) -> list[pd.Series]:
        return [self.customers[name] for name in HISTORY]

    def total(self, values: pd.Series) -> float:
        """Weighted sum over customers."""
        return float(self.weights @ values.to_numpy())

    def log_likelihood(self, model: Any) -> float:
        return float("nan") if model is None else self.total(model.log_likelihood(self.customers))


class Pair(NamedTuple):
    """A model fitted by both packages."""

    ours: Any
    fitter: Any  # of lifetimes; None if it could not be fitted
    at_theirs: Any  # clvml with lifetimes' parameters; None if these are invalid

    @property
    def title(self) -> str:
        return str(self.ours.title)


def attempt(what: str, ask: Callable[[], Any]) -> tuple[Any, str]:
    """The result of lifetimes, or the reason for its failure."""
    with quiet_lifetimes():
        try:
            return ask(), ""
        except Exception as error:  # lifetimes raises many kinds, some bare
            reason = " ".join([f"{type(error).__name__}:", *str(error).split()]).rstrip(":")
            return None, f"lifetimes could not {what} ({reason})."


def new_fitter(name: str, penalty: float = 0.0) -> Any:
    """An unfitted fitter of lifetimes."""
    with quiet_lifetimes() as lifetimes:
        return getattr(lifetimes, name)(penalizer_coef=penalty)


def brought_over(fitter: Any, trouble: str, time_unit: str) -> tuple[Any, str]:
    """The clvml model with the parameters of a fitter, or the reason why there is none."""
    if fitter is None:
        return None, trouble
    try:
        return from_lifetimes(fitter, time_unit=time_unit), ""
    except InputError as error:
        return None, f"the parameters of lifetimes cannot be used: {error}"


def pair_of_purchases(question: Question, fitter: Any) -> tuple[Pair, str]:
    """The model of purchases, by lifetimes as given or fitted here, and by clvml."""
    model = BGNBD if fitter is None else counterpart_of(fitter)
    if model is GammaGamma:
        raise InputError("purchases is a GammaGammaFitter, which models spend: give it as spend.")
    ours, trouble = model().fit(question.customers, weights=question.weights), ""
    if fitter is None:
        fit = partial(new_fitter("BetaGeoFitter").fit, *question.history, question.weights)
        fitter, trouble = attempt("fit a BetaGeoFitter to these customers", fit)
    at_theirs, trouble = brought_over(fitter, trouble, question.unit.code)
    return Pair(ours, fitter, at_theirs), trouble


def pair_of_spend(question: Question, fitter: Any) -> tuple[Pair | None, str]:
    """The model of spend by both packages, if it can be fitted."""
    table, weights = question.customers, question.weights
    if fitter is not None and counterpart_of(fitter) is not GammaGamma:
        raise InputError(f"spend is a {type(fitter).__name__}, which models purchases: give it as purchases.")
    if "monetary_value" not in table:
        return None, ""
    try:
        ours, trouble = GammaGamma().fit(table, weights=weights), ""
    except FitError as error:
        return None, f"Gamma-Gamma: {error}"
    if fitter is None:
        spent = ((table["frequency"] > 0) & (table["monetary_value"] > 0)).to_numpy()
        x, m = table.loc[spent, "frequency"], table.loc[spent, "monetary_value"]
        fit = partial(new_fitter("GammaGammaFitter").fit, x, m, weights[spent])
        fitter, trouble = attempt("fit a GammaGammaFitter to these customers", fit)
    at_theirs, trouble = brought_over(fitter, trouble, question.unit.code)
    return Pair(ours, fitter, at_theirs), trouble


def have_value(bought: Any, spent: Any) -> bool:
    """Whether both packages can compute lifetime value: lifetimes cannot with BG/BB."""
    return bought is not None and spent is not None and not isinstance(bought, BGBB)


def ahead(question: Question, bought: Any) -> float:
    """The horizon in the customers' unit; a whole number for BG/BB."""
    units = question.months * question.month
    return float(max(round(units), 1)) if isinstance(bought, BGBB) else units


def by_clvml(question: Question, bought: Any, spent: Any) -> pd.DataFrame:
    """Predictions per customer, with lifetimes' months; one column per quantity that the models predict."""
    table, answers = question.customers, pd.DataFrame(index=question.customers.index)
    if bought is not None:
        answers["expected_purchases"] = bought.expected_purchases(table, ahead(question, bought))
        answers["probability_alive"] = bought.probability_alive(table)
    if spent is not None:
        answers["expected_spend"] = _expected_spend(spent, table)
    if have_value(bought, spent):
        answers["clv"] = answers["expected_spend"] * discounted(
            question, bought, question.month, question.months
        )
    return answers


def _expected_spend(spent: Any, table: pd.DataFrame) -> pd.Series | float:
    """NaN if mean spend is infinite, as warned in the fit."""
    try:
        return spent.expected_spend(table)
    except FitError:
        return float("nan")


def discounted(question: Question, bought: Any, month: float, months: int) -> pd.Series:
    """Purchases discounted from the end of each month, of the given length in the customers' unit."""
    annual = (1 + question.rate) ** (question.unit.per_year / month) - 1
    return bought.discounted_purchases(question.customers, months * month, annual, period=month)


def by_lifetimes(question: Question, bought: Any, spent: Any) -> tuple[pd.DataFrame, list[str]]:
    """As `by_clvml`, by lifetimes at these models' parameters, and its failures."""
    answers, troubles = pd.DataFrame(index=question.customers.index), []
    for name, ask in _asked_of_lifetimes(question, bought, spent).items():
        value, trouble = attempt(f"give {name}", ask)
        answers[name] = np.nan if trouble else np.ravel(np.asarray(value, dtype=float))
        troubles += [trouble] if trouble else []
    return answers, troubles


def _asked_of_lifetimes(question: Question, bought: Any, spent: Any) -> dict[str, Callable[[], Any]]:
    history = question.history
    asked: dict[str, Callable[[], Any]] = {}
    if bought is not None:
        fitter = to_lifetimes(bought)
        expected = fitter.conditional_expected_number_of_purchases_up_to_time
        now = [0] if isinstance(bought, BGBB) else []  # its method requires a number of periods ahead
        asked["expected_purchases"] = partial(expected, ahead(question, bought), *history)
        asked["probability_alive"] = partial(fitter.conditional_probability_alive, *now, *history)
    if spent is not None:
        spender, money = to_lifetimes(spent), question.customers["monetary_value"]
        asked["expected_spend"] = partial(spender.conditional_expected_average_profit, history[0], money)
        if have_value(bought, spent) and question.unit.code in LIFETIMES_MONTH:
            terms = question.months, question.rate, question.unit.code
            asked["clv"] = partial(spender.customer_lifetime_value, fitter, *history, money, *terms)
    return asked
