"""Estimate the effects of season and events together with a model of purchases, from customer summaries.

Customer ``i`` has operational times ``tau_i = A(t_x) - A(first)`` and ``T_i = A(end) - A(first)``. Given the
model's log-likelihood ``l(x, tau, T)`` of purchase times, that of purchases in calendar time adds the
logarithm of the speed ``s`` on the day of each purchase. A summary has the day of the last purchase only; the
others, unknown, are integrated out, which leaves (relative to a constant speed)::

    sum over i of  l(x_i, tau_i, T_i) + ln s(t_x) + (x_i - 1) * ln(tau_i / t_x)

With the number ``N_d`` of repeat purchases by day, known from the log, it is ``sum of N_d * ln s_d`` instead.

``ln s`` is linear in the effects (periods of the season, events), with normal priors. By Fisher's identity
its score on day ``d`` is ``N_d - M_d``, actual less expected purchases of the customers given their
histories, so that Fisher scoring is a Poisson regression of the actual on the expected numbers by day. The
variance of the seasonal effects is estimated (empirical Bayes), so that a season that is noise is shrunk to
none. The model's parameters are at their optimum in each step.

Hardie, Fader (2020), Incorporating Time-Varying Covariates in the BG/NBD Model, brucehardie.com/notes/040:
operational time for covariates that change with time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from clvml.distributions._history import Array, History
from clvml.distributions._operational_time import OperationalClock
from clvml.inference._blas import one_blas_thread
from clvml.models._calendar import Calendar, days_in_periods, event_days, periods_of
from clvml.models._parameters import Problem

_STEPS = 60
_ENOUGH = 1e-4  # change of a log effect
_EVENT_SD = 1.0  # prior standard deviation of the log effect of an event
_SEASON_SD = 0.5  # of seasonal effects, before it is estimated
_LEAST_SD = 0.01
_BUMP = 1e-4  # of finite differences, relative to T
_LARGEST = 3.0  # of a step
_EM_STEPS = 6
_FEW = 10_000  # customers from whom the information is known well enough
_DIFFERENCE = 0.02  # of log effects, in differences of the score
_LEAST_INFORMATION = 1e-3


class Dated(NamedTuple):
    """Histories and the dates of first and last purchase and the end, in days since 1970-01-01."""

    history: History
    first: Array
    last: Array
    end: Array
    days_per_unit: float


class SeasonFit(NamedTuple):
    """The calendar, and the standard errors of its estimated effects."""

    calendar: Calendar
    errors: Array  # of the seasonal effects, then of the events with unknown multiples
    season_sd: float
    converged: bool


class ModelOptimum(NamedTuple):
    """The optimum of a model of purchases for given histories."""

    estimate: Array
    value: float
    log_likelihood: Callable[[History], Array]


@dataclass(frozen=True, eq=False)
class Effects:
    """The unknown effects: their design matrix by day, and names.

    Attributes
    ----------
    season : str or None
        "month" or "week", if the season is to be estimated.
    n_periods : int
        Its number of periods; 0 if it is not.
    events : tuple of str
        Events with an unknown multiple.
    """

    season: str | None
    n_periods: int
    events: tuple[str, ...]

    def design(self, dates: Any, events: pd.DataFrame | None) -> Array:
        """Shape (n_days, n_periods + n_events)."""
        columns = []
        if self.season is not None:
            columns.append(np.eye(self.n_periods)[periods_of(dates, self.season)])
        if events is not None and self.events:
            happens = event_days(events, dates)
            columns.append(np.stack([happens[event].astype(float) for event in self.events], axis=1))
        return np.concatenate(columns, axis=1)

    def calendar(self, base: Calendar, effects: Array) -> Calendar:
        """The calendar with these effects; the season is 1 on average."""
        index, events = base.index, base.events
        if self.season is not None:
            levels = np.exp(effects[: self.n_periods])
            index = pd.Series(
                levels / float(days_in_periods(self.season) @ levels),
                pd.RangeIndex(1, self.n_periods + 1, name=self.season),
                name="index",
            )
        if events is not None and self.events:
            found = dict(zip(self.events, np.exp(effects[self.n_periods :]), strict=True))
            events = events.assign(multiple=events["event"].map(found).fillna(events["multiple"]))
        return replace(base, index=index, events=events)

    def precision(self, season_sd: float) -> Array:
        """The precision of the normal prior of each effect."""
        of_season, of_events = season_sd**-2.0, _EVENT_SD**-2.0
        return np.concatenate([np.full(self.n_periods, of_season), np.full(len(self.events), of_events)])

    def centred(self, values: Array) -> Array:
        """The effects with a season that is 1 on average over a year."""
        if self.season is None:
            return values
        level = np.log(days_in_periods(self.season) @ np.exp(values[: self.n_periods]))
        return values - level * (np.arange(values.size) < self.n_periods)

    def centred_covariance(self, values: Array, covariance: Array) -> Array:
        """The covariance of centred effects: their common level is that of the model's rates."""
        if self.season is None:
            return covariance
        weights = np.zeros(values.size)
        weights[: self.n_periods] = days_in_periods(self.season) * np.exp(values[: self.n_periods])
        centring = np.eye(values.size)
        centring[: self.n_periods] -= weights
        return centring @ covariance @ centring.T

    def season_sd(self, values: Array, covariance: Array) -> float:
        """Step of the EM algorithm for the standard deviation of the seasonal effects."""
        if self.season is None:
            return _SEASON_SD
        variances = np.diag(covariance)[: self.n_periods]
        return max(float(np.sqrt(np.mean(values[: self.n_periods] ** 2 + variances))), _LEAST_SD)


def operational(dated: Dated, clock: OperationalClock) -> History:
    """The histories in operational time, in the time unit."""
    first = clock.at(dated.first)
    t_x = (clock.at(dated.last) - first) / dated.days_per_unit
    T = (clock.at(dated.end) - first) / dated.days_per_unit
    return replace(dated.history, t_x=np.minimum(t_x, T), T=T)


def fit_effects(
    dated: Dated,
    base: Calendar,
    effects: Effects,
    maximise: Callable[[History, Any], ModelOptimum],
    repeat_purchases: pd.Series | None,
) -> SeasonFit:
    """Estimate the effects; ``maximise(history, start)`` is the model's optimum for histories.

    The first steps take the expected numbers of purchases for the information (the EM algorithm); later ones
    its observed counterpart, which allows for the unknown dates, and for the model's parameters.
    """
    score = _Score.of(dated, base, effects, maximise, repeat_purchases)
    values, season_sd, converged = np.zeros(score.design.shape[1]), _SEASON_SD, False
    information, start = np.zeros((values.size, values.size)), None
    for step in range(_STEPS):
        slope, expected, start = score(values, start)
        if step < _EM_STEPS:
            information = score.complete_information(expected)
        elif step == _EM_STEPS:
            information = score.thinned(_FEW).observed_information(
                values, start, score.complete_information(expected)
            )
            information *= dated.history.weights.sum() / score.thinned(_FEW).dated.history.weights.sum()
        precision = effects.precision(season_sd)
        posterior = information + np.diag(precision)
        change = np.linalg.solve(posterior, slope - precision * values)
        before, values = values, effects.centred(values + np.clip(change, -_LARGEST, _LARGEST))
        covariance = effects.centred_covariance(values, np.asarray(np.linalg.inv(posterior), dtype=float))
        season_sd = effects.season_sd(values, covariance)
        if step > _EM_STEPS and np.max(np.abs(values - before)) < _ENOUGH:
            converged = True
            break
    errors = np.sqrt(np.diag(covariance))
    return SeasonFit(
        effects.calendar(base, values), errors, season_sd if effects.season else np.nan, converged
    )


@dataclass(frozen=True, eq=False)
class _Score:
    """The score of the effects, with the model's parameters at their optimum."""

    dated: Dated
    first_day: int
    offset: Array
    design: Array
    actual: Array | None
    maximise: Callable[[History, Any], ModelOptimum]

    @classmethod
    def of(
        cls,
        dated: Dated,
        base: Calendar,
        effects: Effects,
        maximise: Callable[[History, Any], ModelOptimum],
        repeat_purchases: pd.Series | None,
    ) -> _Score:
        """From the data, and what is known of the calendar."""
        days = base.clock(float(dated.first.min()), float(dated.end.max()) + 1.0)
        dates = base.dates(days.first + np.arange(days.speed.size))
        events = None if base.events is None else base.events.fillna({"multiple": 1.0})
        known = replace(base, index=None if effects.season else base.index, events=events)
        actual = None if repeat_purchases is None else _by_day(repeat_purchases, dates)
        design = effects.design(dates, base.events)
        return cls(dated, days.first, known.log_speed(dates), design, actual, maximise)

    def thinned(self, n: int) -> _Score:
        """The score of a part of the customers, at least ``n`` if there are as many."""
        every = max(1, self.dated.history.size // n)
        rows = slice(None, None, every)
        first, last, end = (each[rows] for each in (self.dated.first, self.dated.last, self.dated.end))
        part = Dated(self.dated.history.rows(rows), first, last, end, self.dated.days_per_unit)
        share = part.history.weights.sum() / self.dated.history.weights.sum()
        return replace(self, dated=part, actual=None if self.actual is None else self.actual * share)

    def __call__(self, values: Array, start: Any) -> tuple[Array, Array, Array]:
        """The score, the expected purchases by day, and the model's estimate, from which to start again."""
        clock = OperationalClock(self.first_day, np.exp(self.offset + self.design @ values))
        history = operational(self.dated, clock)
        optimum = self.maximise(history, start)
        bought, expected = _bought_and_expected(
            self.dated, history, clock, optimum.log_likelihood, self.actual
        )
        return self.design.T @ (bought - expected), expected, optimum.estimate

    def complete_information(self, expected: Array) -> Array:
        """The information if all dates and rates were known."""
        found: Array = self.design.T @ (np.maximum(expected, 0.0)[:, None] * self.design)
        return found

    def observed_information(self, values: Array, start: Any, complete: Array) -> Array:
        """The observed information, by central differences of the score; positive definite."""
        columns = []
        for k in range(values.size):
            step = _DIFFERENCE * (np.arange(values.size) == k)
            columns.append(
                (self(values - step, start)[0] - self(values + step, start)[0]) / (2 * _DIFFERENCE)
            )
        matrix = (np.array(columns) + np.array(columns).T) / 2
        levels, vectors = np.linalg.eigh(matrix)
        least = _LEAST_INFORMATION * float(np.min(np.diag(complete)))
        found: Array = (vectors * np.maximum(levels, max(least, 0.0))) @ vectors.T
        return found


def log_jacobian(dated: Dated, history: History, clock: OperationalClock) -> Array:
    """What each customer's log-likelihood in operational time lacks to that of the summary in calendar time.

    Relative to a constant speed of 1, so that log-likelihoods with and without a calendar compare.
    """
    again = dated.history.x > 0
    value = np.zeros(dated.history.size)
    day = _day_of(dated.last[again], clock)
    with np.errstate(divide="ignore", invalid="ignore"):
        stretch = np.log(history.t_x[again] / dated.history.t_x[again])
    value[again] = np.log(clock.speed[day]) + np.where(
        dated.history.x[again] > 1, (dated.history.x[again] - 1) * stretch, 0.0
    )
    return value


def _day_of(time: Array, clock: OperationalClock) -> Any:
    """The day of the clock on which purchases dated by day happen: that which ends at ``time``."""
    return np.clip(np.ceil(np.round(time, 6)).astype(np.int64) - 1 - clock.first, 0, clock.speed.size - 1)


def _by_day(repeat_purchases: pd.Series, dates: Any) -> Array:
    """The number of repeat purchases on each of the dates."""
    on = pd.DatetimeIndex(repeat_purchases.index).to_numpy().astype("datetime64[D]").astype(np.int64)
    place = on - dates[0]
    inside = (place >= 0) & (place < dates.size)
    numbers = repeat_purchases.to_numpy(dtype=float)[inside]
    return np.asarray(np.bincount(place[inside], numbers, minlength=dates.size), dtype=float)


def _bought_and_expected(
    dated: Dated,
    history: History,
    clock: OperationalClock,
    log_likelihood: Callable[[History], Array],
    actual: Array | None,
) -> tuple[Array, Array]:
    """Actual repeat purchases by day, and those expected of the customers given their histories."""
    weights, unit = history.weights, dated.days_per_unit
    later, all_of_it = _slopes(history, log_likelihood)
    expected = clock.days_of(dated.first, dated.last, -weights * all_of_it / unit)
    expected += clock.days_of(dated.last, dated.end, -weights * later / unit)
    if actual is None:
        again = history.x > 0
        actual = np.bincount(
            _day_of(dated.last[again], clock), weights[again], minlength=clock.speed.size
        ).astype(float)
        density = np.zeros(history.size)
        between = again & (history.x > 1) & (history.t_x > 0)
        density[between] = (history.x[between] - 1) / (history.t_x[between] * unit)
        actual += clock.speed * clock.days_of(dated.first, dated.last, weights * density)
    return actual, clock.speed * expected


def _slopes(history: History, log_likelihood: Callable[[History], Array]) -> tuple[Array, Array]:
    """Derivatives of the log-likelihood in ``T``, and in ``T`` and ``t_x`` together."""
    step = _BUMP * np.maximum(history.T, float(np.mean(history.T)))
    again = history.x > 0
    here = log_likelihood(history)

    def slope(with_last: bool) -> Array:
        moved = [
            log_likelihood(
                replace(
                    history,
                    T=history.T + k * step,
                    t_x=history.t_x + k * step * again if with_last else history.t_x,
                )
            )
            for k in (1.0, 2.0)
        ]
        return np.asarray((4 * moved[0] - moved[1] - 3 * here) / (2 * step))

    return slope(with_last=False), slope(with_last=True)


def maximiser(model: Any, parameters: Any, weak: bool) -> Callable[[History, Any], ModelOptimum]:
    """The function of histories that `fit_effects` needs, for a `HistoryModel`."""

    def maximise(history: History, start: Any) -> ModelOptimum:
        scaled = parameters.in_units(model._units(history))
        guess = scaled.unit * model._first_guess(history)
        starts = [guess] if start is None else [start[: guess.size], guess]
        problem = Problem(model.kernel, history, weak, model.by_customer, rough=start is None)
        with one_blas_thread():
            found = scaled.maximise(problem, starts)
        estimate = scaled.estimate(found.optimum.theta)

        def log_likelihood(moved: History) -> Array:
            value: Array = model.kernel.log_likelihood(moved, scaled.customer_params(moved, estimate))
            return value

        return ModelOptimum(estimate, found.optimum.value, log_likelihood)

    return maximise
