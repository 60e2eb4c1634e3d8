"""Differences between lifetimes and clvml and their causes, for `LifetimesCheck.findings`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from clvml.compat.lifetimes._pairs import Pair, Question
from clvml.models._bgbb import BGBB
from clvml.models._gamma_gamma import GammaGamma

_SAME_OPTIMUM = 1e-3  # of log-likelihood
_SAME_PARAMETER = 1e-3  # of a standard error
_LOST_DIGITS = 1e-6  # relative
_WORTH_NAMING = 1e-4  # relative
_SLOPE = 1.0  # of log-likelihood: tolerance if the likelihood has no interior maximum
_ROUNDING = 1e-9  # in units of time


def on_fit(question: Question, pair: Pair) -> Iterator[str]:
    """Which parameters have the higher likelihood, and why lifetimes may have missed the optimum."""
    yield from (f"clvml: {message}" for message in pair.ours.fit_record_.messages)
    if pair.at_theirs is None:
        return
    theirs, ours = question.log_likelihood(pair.at_theirs), question.log_likelihood(pair.ours)
    which, apart = _furthest(pair)
    found = f"log-likelihood {ours:,.4f} by clvml, {theirs:,.4f} by lifetimes, of the same customers"
    if abs(ours - theirs) < _SAME_OPTIMUM:
        near = "no parameter differs by a thousandth of its standard error"
        far = f"{which} differs by {apart:,.2f} standard errors, all the same to the likelihood"
        yield (
            f"{pair.title}: both find the same optimum, log-likelihood {ours:,.4f};"
            f" {near if apart < _SAME_PARAMETER else far}."
        )
    elif pair.ours.fit_record_.at_boundary and ours > theirs - _SLOPE:
        yield f"{pair.title}: there is no optimum, so each stops where it may: {found}."
    else:
        better = "clvml" if ours > theirs else "lifetimes"
        yield (
            f"{pair.title}: the parameters of {better} are better: {found};"
            f" {which} is {apart:,.2f} standard errors off."
        )
    yield from _on_penalty(pair)
    yield from _on_other_customers(question, pair)


def _furthest(pair: Pair) -> tuple[str, float]:
    """The parameter that differs most, and by how many standard errors."""
    ours, theirs = np.array(pair.ours.params_), np.array(pair.at_theirs.params_)
    apart = abs(theirs - ours) / np.array(pair.ours.standard_errors_)
    which = int(np.argmax(apart))
    return pair.ours.params_._fields[which], float(apart[which])


def _on_penalty(pair: Pair) -> Iterator[str]:
    penalty = float(getattr(pair.fitter, "penalizer_coef", 0.0) or 0.0)
    if penalty > 0:
        yield (
            f"{pair.title}: penalizer_coef={penalty:g} pulls lifetimes' parameters towards 0, away from the"
            " optimum; how strongly depends on the longest T, by which it divides time. clvml needs no"
            " penalty: where a fit has no optimum, it says so in words."
        )


def _on_other_customers(question: Question, pair: Pair) -> Iterator[str]:
    data = getattr(pair.fitter, "data", None)
    if not isinstance(data, pd.DataFrame) or isinstance(pair.ours, GammaGamma):
        return
    theirs, ours = float(data["weights"].sum()), float(question.weights.sum())
    if theirs != ours:
        yield f"{pair.title}: lifetimes was fitted to {theirs:,.0f} customers, not to these {ours:,.0f}."
    if (data["frequency"] > 0).all() and (question.customers["frequency"] == 0).any():
        yield (
            f"{pair.title}: lifetimes was fitted without those who bought once. They tell how rarely people"
            " buy, and without them far too many purchases are expected: fit to all customers."
        )


def on_predictions(question: Question, answers: dict[str, pd.DataFrame]) -> Iterator[str]:
    """Customers without a prediction by lifetimes, with numerical errors, or with the largest difference."""
    agreed = []
    for name, theirs in answers["lifetimes"].items():
        same, ours = answers["at_lifetimes_parameters"][name], answers["clvml"][name]
        known = np.isfinite(theirs)
        yield from _on_lost(str(name), theirs[~known], ours)
        yield from _on_formula(str(name), theirs[known], same[known])
        apart = (theirs - ours)[known].abs()
        if not len(apart):
            continue
        if apart.max() <= _WORTH_NAMING * ours[known].abs().max():
            agreed.append(str(name))
        else:
            sums = [float(question.weights[known.to_numpy()] @ values[known]) for values in (theirs, ours)]
            who = apart.index[int(np.argmax(apart))]
            yield (
                f"{name}: in total {sums[0]:,.6g} by lifetimes, {sums[1]:,.6g} by clvml;"
                f" furthest apart for customer {plain(who)!r}, {theirs[who]:,.6g} and {ours[who]:,.6g}."
            )
    if agreed:
        yield f"{', '.join(agreed)}: the same, customer by customer."


def _on_lost(name: str, lost: pd.Series, ours: pd.Series) -> Iterator[str]:
    if len(lost):
        yield (
            f"{name}: lifetimes gives nan or infinity for {len(lost):,} of {len(ours):,} customers, the first"
            f" {plain(lost.index[0])!r}; clvml gives them {ours[lost.index].mean():,.6g} on average."
        )


def _on_formula(name: str, theirs: pd.Series, same: pd.Series) -> Iterator[str]:
    wrong = (theirs - same).abs() / same.abs().clip(lower=1e-290)
    if len(wrong) and wrong.max() > _LOST_DIGITS:
        who = wrong.index[int(np.argmax(wrong))]
        yield (
            f"{name}: with the same parameters lifetimes' formula gives customer {plain(who)!r}"
            f" {theirs[who]:.9g}, clvml's {same[who]:.9g}."
        )


def plain(label: object) -> object:
    return label.item() if isinstance(label, np.generic) else label


def on_months(question: Question, by_months: float, own: float) -> str:
    """The conventions of lifetimes and clvml for months and discounting."""
    unit, plural = question.unit, "" if question.month == 1 else "s"
    return (
        f"clv: a month of lifetimes is {question.month:g} {unit.name}{plural}, discounted from its end; clvml"
        f" counts {unit.per_year} {unit.name}s to the year and discounts from the end of each {unit.name}:"
        f" {own:,.6g} instead of {by_months:,.6g}."
    )


def on_times(question: Question, pair: Pair) -> Iterator[str]:
    """Times that suggest that purchases were collapsed by week, month or year."""
    if isinstance(pair.ours, BGBB):
        return
    times = question.customers[["recency", "T"]].to_numpy()
    if (
        question.unit.code != "D"
        and len(times) > 1
        and np.allclose(times, np.round(times), rtol=0, atol=_ROUNDING)
    ):
        name = question.unit.name
        yield (
            f"all times are whole {name}s: if purchases were collapsed by the {name}, several in one {name}"
            " count once, and the parameters move (alpha by 40 % on CDNOW by the week): summarise by the day,"
            " and do not round the times."
        )
