"""Any model of purchases in continuous time with seasons, holidays and campaigns, by operational time."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone

from clvml._listing import Listed, learnt_by
from clvml.customers._customer_tables import as_customers
from clvml.customers._time_units import (
    TIME_UNIT,
    Horizon,
    Horizons,
    as_written,
    by_horizon,
    horizon_in,
    labels_of,
    rate_per_unit,
    stated_time_unit,
    time_unit_of,
)
from clvml.customers._training_summary import TrainingSummary, training_summary
from clvml.distributions._history import Array
from clvml.errors import FitError, FitWarning, InputError
from clvml.inference._arguments import check_fitted
from clvml.inference._prior import is_weak
from clvml.models._calendar import SEASONS, Calendar, checked_events, checked_index
from clvml.models._customer_history import check_weights
from clvml.models._observation_ends import DAY_SHIFTS, end_days, stated_end
from clvml.models._operational_customers import OperationalCustomers, SeasonalSimulator, operational_customers
from clvml.models._operational_ends import operational_ends
from clvml.models._season_fit import (
    Dated,
    Effects,
    SeasonFit,
    fit_effects,
    log_jacobian,
    maximiser,
    operational,
)

_YEAR = 365.25
_TWO_SIDED_95 = 1.959964
_FAR = 36_525.0  # days: 100 years


class SeasonalPurchases(Listed, BaseEstimator):
    """A model of purchases whose customers buy by the calendar: season of the year, holidays, campaigns.

    On each day the purchase rate of all customers is multiplied by the seasonal index of the month or week
    and by the multiples of the day's events. This is the given model in operational time, a clock that runs
    at the calendar's speed: recency, ``T`` and horizon are converted, and its closed forms, intervals and
    simulations stay exact. Money is still discounted in calendar time. In BG/NBD and MBG/NBD dropout follows
    purchases; the dropout of Pareto/NBD runs on the same clock, so customers leave faster in season.

    The end of observation of customers must be known: by a column ``observed_until``, by
    ``attrs["observation_end"]`` (as of `summarize` and `split`) or by the column ``first_purchase``;
    otherwise it is taken to be that of the fit.

    Parameters
    ----------
    purchases : BGNBD, MBGNBD, ParetoNBD or another model in continuous time
        Without covariates that change over time.
    season : {"month", "week"}, Series or None, default "month"
        The season to estimate; or a known seasonal index, by month (1 to 12) or week of the year (1 to 52),
        on any scale, such as that of `seasonal_index`; or None. A season is not estimated from little more
        than a year: give an index from a longer series.
    events : DataFrame, optional
        Holidays and campaigns, past and future: columns ``event`` (its name; an event that recurs has
        several rows), ``start`` and ``end`` (inclusive; by default the start), and ``multiple`` of the
        purchase rate if it is known. Missing multiples are estimated.

    Attributes
    ----------
    purchases_ : estimator
        The fitted model, in operational time, whose unit is the time unit of an average day.
    season_ : DataFrame or None
        By month or week, columns ``index, lower, upper``: the seasonal index, 1 on average over a year, and
        95 % credible intervals (missing where the index was given).
    events_ : DataFrame or None
        ``event, start, end, multiple, lower, upper``.
    season_sd_ : float
        Estimated standard deviation of the seasonal effects, by which they are shrunk; NaN if not estimated.
    observed_until_ : str
        Last day of observation of the customers of the fit, an ISO date.
    log_likelihood_ : float
        That of the customer summaries in calendar time; it compares with those of models without a calendar.
    notes_ : tuple of str
        What is assumed.

    See Also
    --------
    clvml.seasonal_index : The season of a longer series.
    clvml.TimeVaryingPurchases : Covariates of each customer, such as contacts.
    clvml.repeat_purchases_by_date : The purchases by date, as sent to a plot.

    References
    ----------
    Hardie, Fader (2020), Incorporating Time-Varying Covariates in the BG/NBD Model,
    brucehardie.com/notes/040.

    Examples
    --------
    CDNOW's data end in June. With a December twice as strong as other months, more purchases are expected in
    the 13 weeks from October than without a season:

    >>> import clvml
    >>> split = clvml.split(clvml.load_cdnow(), "1997-09-30", "1998-06-30")
    >>> christmas = {month: 2.0 if month == 12 else 1.0 for month in range(1, 13)}
    >>> seasonal = clvml.SeasonalPurchases(clvml.BGNBD(), christmas).fit(split.calibration)
    >>> even = clvml.BGNBD().fit(split.calibration)
    >>> [round(model.expected_purchases(split.calibration, 13).sum()) for model in (seasonal, even)]
    [815, 628]
    """

    purchases_: Any
    season_: pd.DataFrame | None
    events_: pd.DataFrame | None
    season_sd_: float
    observed_until_: str
    collapse_: str | None
    time_unit_: str | None
    log_likelihood_: float
    training_summary_: TrainingSummary | None = None
    notes_: tuple[str, ...] = ()

    def __init__(
        self,
        purchases: Any,
        season: Literal["month", "week"] | pd.Series | Mapping[int, float] | None = "month",
        events: pd.DataFrame | None = None,
    ) -> None:
        self.purchases = purchases
        self.season = season
        self.events = events

    needs_observation_end = True  # for the contract of requests: observed_until is kept with the customers

    @property
    def title(self) -> str:
        """The model's title."""
        return f"{getattr(self.purchases, 'title', type(self.purchases).__name__)} with seasons"

    @property
    def required_columns(self) -> tuple[str, ...]:
        """The columns of the customer summary that the model uses."""
        return tuple(self.purchases.required_columns)

    @property
    def reference_(self) -> dict[str, Any]:
        """The covariates of the reference customer."""
        return dict(getattr(self._fitted(), "reference_", {}))

    @property
    def n_customers_(self) -> float:
        """Number of customers of the fit, or the sum of their weights."""
        return float(self._fitted().n_customers_)

    @property
    def n_parameters_(self) -> int:
        """Number of fitted parameters, seasonal and event effects included."""
        fitted = self._fitted()
        season = len(self.season_) - 1 if isinstance(self.season, str) and self.season_ is not None else 0
        events = 0 if self.events_ is None else self.events_.dropna(subset="lower")["event"].nunique()
        return int(fitted.n_parameters_ + season + events)

    @property
    def aic_(self) -> float:
        """Akaike's information criterion, comparable with that of the model without a calendar."""
        return 2 * self.n_parameters_ - 2 * self.log_likelihood_

    @property
    def calendar_(self) -> Calendar:
        """The fitted seasonal index and events."""
        self._fitted()
        index = None if self.season_ is None else self.season_["index"]
        return Calendar(index, self.events_, DAY_SHIFTS[self.collapse_])

    @classmethod
    def from_model(
        cls,
        purchases: Any,
        season: pd.Series | Mapping[int, float] | None,
        events: pd.DataFrame | None = None,
        *,
        observed_until: Any,
        collapse: str | None = "D",
    ) -> Self:
        """Create a model from given parameters and a known calendar, for predictions without a fit.

        Parameters
        ----------
        purchases : BGNBD, MBGNBD, ParetoNBD or another model in continuous time
            With parameters, as of ``BGNBD.from_params``, and a time unit.
        season, events
            As in the constructor, with a multiple for each event.
        observed_until : date
            The last day of observation of customers who do not state theirs.
        collapse : {"D", "W", "M", "Q", "Y", None}, default "D"
            As in `summarize`.

        Raises
        ------
        InputError
            If an argument is invalid.
        """
        model = cls(purchases, season, events)
        check_fitted(purchases, "params_")
        model.purchases_, model.time_unit_ = purchases, purchases.time_unit_
        model.collapse_ = collapse
        model.observed_until_ = str(as_written(observed_until, "observed_until").date())
        model._keep(model._known(), None, None)
        model._check_learnt()
        return model

    def fit(
        self,
        customers: pd.DataFrame,
        y: object = None,  # noqa: ARG002
        *,
        weights: object = None,
        repeat_purchases: pd.Series | None = None,
    ) -> Self:
        """Fit the model and the unknown effects of the calendar by maximum likelihood.

        Parameters
        ----------
        customers : DataFrame
            The customer summary, with ``attrs["observation_end"]`` or ``first_purchase``.
        y : ignored
        weights : array-like, shape (n_customers,), optional
            Number of customers that each row represents.
        repeat_purchases : Series, optional
            The number of repeat purchases of these customers by date, as of `repeat_purchases_by_date`.
            Without it the dates of purchases before the last are unknown, and the summary alone tells the
            effects, with larger standard errors.

        Raises
        ------
        InputError
            If the end of observation or the time unit is unknown, or an argument is invalid.
        FitError
            If the season is to be estimated from too short a time, or the model cannot be fitted.

        Warns
        -----
        FitWarning
            If the season rests on less than two years, or the search does not converge.
        """
        customers = as_customers(customers)
        unit = self._check(customers)
        end, collapse = stated_end(customers, unit)
        self.time_unit_, self.collapse_ = unit, collapse
        self.observed_until_ = str(end)
        calendar, effects = self._known(), self._unknown()
        dated, used = self._dated(customers, weights)
        self._check_length(dated)
        found: SeasonFit | None = None
        if effects is not None:
            found = self._fit_effects(used, dated, calendar, effects, repeat_purchases)
            calendar = found.calendar
        self._keep(calendar, effects, found)
        self.purchases_ = clone(self.purchases)
        moved = operational_customers(customers, self._days(customers), calendar, unit).customers
        self.purchases_.fit(moved, weights=weights)
        self.log_likelihood_ = self._total_log_likelihood(dated, calendar)
        self.training_summary_ = training_summary(customers)
        self._note(dated, found)
        return self

    def log_likelihood(self, customers: pd.DataFrame) -> pd.Series:
        """Log-likelihood of each customer's summary in calendar time."""
        customers = as_customers(customers)
        moved = self._moved(customers)
        value = self.purchases_.log_likelihood(moved.customers)
        return value + log_jacobian(moved.dated, moved.history, moved.clock)

    def score(self, customers: pd.DataFrame, y: object = None, *, weights: object = None) -> float:  # noqa: ARG002
        """Mean log-likelihood per customer, for scikit-learn's model selection; larger is better."""
        customers = as_customers(customers)
        each = self.log_likelihood(customers).to_numpy()
        counted = check_weights(weights, customers)
        return float(each.mean() if counted is None else np.average(each, weights=counted))

    def probability_alive(self, customers: pd.DataFrame, after: Horizon = 0) -> pd.Series:
        """P(alive) of each customer, in [0, 1]; ``after`` a calendar time without known purchases."""
        ahead = self._units(after)
        return self._by_end(customers, ahead, lambda part: self.purchases_.probability_alive(*part.at(ahead)))

    def expected_purchases(self, customers: pd.DataFrame, horizon: Any) -> Any:
        """Expected purchases of each customer in the ``horizon`` after their observation.

        Parameters
        ----------
        customers : DataFrame
            The customer summary, in the model's time unit.
        horizon : float, str or timedelta, or a list of them
            Calendar time, in the model's time unit or with a unit.

        Returns
        -------
        Series or DataFrame
            On the customers' index; for a list of horizons one column each.
        """
        customers = as_customers(customers)
        if isinstance(horizon, list | tuple | pd.Index | np.ndarray):
            return by_horizon(lambda each: self.expected_purchases(customers, each), horizon)
        ahead = self._units(horizon)
        return self._by_end(
            customers, ahead, lambda part: self.purchases_.expected_purchases(*part.at(ahead))
        )

    def expected_purchases_new_customer(self, horizon: Horizon | Horizons, first_purchase: Any = None) -> Any:
        """Expected repeat purchases of a new customer in the ``horizon`` after the first purchase.

        Parameters
        ----------
        horizon : float, str or timedelta, or a list of them
        first_purchase : date, optional
            Default: the last day of observation of the fit.
        """
        if isinstance(horizon, list | tuple | pd.Index | np.ndarray):
            labels = labels_of(horizon)
            new = [self.expected_purchases_new_customer(each, first_purchase) for each in labels]
            return pd.Series(new, labels, name="expected_purchases")
        ahead = self._new(horizon, first_purchase)
        return float(self._fitted().expected_purchases_new_customer(ahead))

    def purchase_probability(self, n: int, horizon: Horizon, customers: pd.DataFrame | None = None) -> Any:
        """P(exactly ``n`` purchases in the next ``horizon``), for each customer or for a new customer."""
        if customers is None:
            return self._fitted().purchase_probability(n, self._new(horizon, None))
        ahead = self._units(horizon)

        def of_part(part: OperationalCustomers) -> pd.Series:
            moved, span = part.at(ahead)
            found: pd.Series = self.purchases_.purchase_probability(n, span, moved)
            return found

        return self._by_end(customers, ahead, of_part)

    def probability_buys(self, customers: pd.DataFrame, horizon: Horizon) -> pd.Series:
        """P(at least one purchase in the next ``horizon``) of each customer, in [0, 1]."""
        ahead = self._units(horizon)
        return self._by_end(customers, ahead, lambda part: self.purchases_.probability_buys(*part.at(ahead)))

    def next_purchase_time(self, customers: pd.DataFrame, probability: float = 0.5) -> pd.Series:
        """The calendar time by which each customer has bought again with a probability; infinite if never."""
        unit = time_unit_of(self._unit).days

        def of_part(part: OperationalCustomers) -> pd.Series:
            found: pd.Series = self.purchases_.next_purchase_time(part.customers, probability)
            return found.where(np.isinf(found), part.back(found.to_numpy()))

        return self._by_end(customers, _FAR / unit, of_part)

    def discounted_purchases(
        self,
        customers: pd.DataFrame,
        horizon: Horizon | None = None,
        annual_discount_rate: float = 0.0,
        period: Horizon = 1.0,
    ) -> pd.Series:
        """Expected purchases within ``horizon``, discounted in calendar time.

        Parameters
        ----------
        customers, horizon, annual_discount_rate, period
            As in the method of this name of the model of purchases.
        """
        customers = as_customers(customers)
        value = self.purchase_factors(customers, horizon, annual_discount_rate, period)
        return pd.Series(value["discounted_purchases"], customers.index, name="discounted_purchases")

    def purchase_factors(
        self,
        customers: pd.DataFrame,
        horizon: Horizon | None = None,
        annual_discount_rate: float = 0.0,
        period: Horizon = 1.0,
    ) -> dict[str, Array]:
        """What a value is made of: discounted and expected purchases and P(alive), as arrays."""
        customers = as_customers(customers)
        span = None if horizon is None else self._units(horizon)
        reach = _FAR / time_unit_of(self._unit).days if span is None else span
        parts = self._parts(customers, reach)
        rate = rate_per_unit(annual_discount_rate, self.time_unit_)
        found = [(part.rows, self._factors(part, span, rate, self._units(period))) for part in parts]
        factors = {name: np.empty(len(customers)) for name in found[0][1]}
        for rows, values in found:
            for name, each in values.items():
                factors[name][rows] = each
        return factors

    def predict_interval(
        self, customers: pd.DataFrame, horizon: Horizon, coverage: float = 0.9
    ) -> pd.DataFrame:
        """Prediction interval of each customer's number of purchases in the next ``horizon``.

        As that of the model of purchases; the effects of the calendar are taken as known.
        """
        customers, ahead = as_customers(customers), self._units(horizon)
        parts = self._parts(customers, ahead)
        found = [self.purchases_.predict_interval(*part.at(ahead), coverage) for part in parts]
        return found[0] if len(found) == 1 else pd.concat(found).loc[customers.index]

    def simulate(
        self,
        T: ArrayLike,
        random_state: int | np.random.Generator | None = None,
        covariates: pd.DataFrame | None = None,
        observed_until: Any = None,
    ) -> pd.DataFrame:
        """Simulate customers from the model, as a customer summary.

        Parameters
        ----------
        T : array-like, shape (n_customers,)
            Length of observation of each customer, in the model's time unit.
        random_state, covariates
            As in the method of this name of the model of purchases.
        observed_until : date, optional
            The last day of observation. Default: that of the fit.
        """
        self._fitted()
        until = self.observed_until_ if observed_until is None else observed_until
        empty = pd.DataFrame({"frequency": 0.0, "recency": 0.0, "T": np.asarray(T, dtype=float)})
        empty.attrs = {"observation_end": str(until), "collapse": self.collapse_, TIME_UNIT: self._unit}
        moved = operational_customers(empty, self._days(empty), self.calendar_, self._unit)
        drawn = self.purchases_.simulate(moved.history.T, random_state, covariates)
        recency = moved.recency_of(drawn["recency"].to_numpy())
        drawn = drawn.assign(recency=np.minimum(recency, empty["T"].to_numpy()), T=empty["T"].to_numpy())
        drawn.attrs.update(empty.attrs)
        return drawn

    def parameter_draws(self, n_draws: int, random_state: Any = None, *, together: bool = False) -> Any:
        """Draws of the parameters of the model of purchases; the effects of the calendar are as estimated."""
        return self._fitted().parameter_draws(n_draws, random_state, together=together)

    def sample_parameters(self, n_draws: int, random_state: Any = None) -> pd.DataFrame:
        """Draws of the parameters of the model of purchases from their approximate posterior distribution."""
        found: pd.DataFrame = self._fitted().sample_parameters(n_draws, random_state)
        return found

    def purchase_simulator(self, customers: pd.DataFrame) -> SeasonalSimulator:
        """A function that simulates the future purchases of these customers, at calendar times."""
        customers = as_customers(customers)
        return SeasonalSimulator(
            self._fitted(), lambda horizon: self._parts(customers, horizon), len(customers)
        )

    def trait_distributions(self, n_draws: int = 400, random_state: Any = 0) -> Any:
        """Distributions of customer traits across customers, per unit of operational time."""
        return self._fitted().trait_distributions(n_draws, random_state)

    def scenario_factors(self) -> dict[str, float]:
        """The multiples that a scenario can set."""
        found: dict[str, float] = self._fitted().scenario_factors()
        return found

    def with_factors(self, factors: Mapping[str, float]) -> Self:
        """The fitted model in a scenario; see the method of the model of purchases."""
        changed = copy.copy(self)
        changed.purchases_ = self._fitted().with_factors(factors)
        return changed

    def with_events(self, events: pd.DataFrame) -> Self:
        """The fitted model with further events, such as next year's campaigns.

        Parameters
        ----------
        events : DataFrame
            As in the constructor; events that the model knows take their fitted multiple.

        Raises
        ------
        InputError
            If the model does not know the event, and no multiple is given.
        """
        self._fitted()
        changed, more = copy.copy(self), checked_events(events)
        known = {} if self.events_ is None else self.events_.groupby("event")["multiple"].first().to_dict()
        more["multiple"] = more["multiple"].fillna(more["event"].map(known).astype(float))
        if (lost := more["multiple"].isna()).any():
            raise InputError(
                f"the effect of the event {more.loc[lost, 'event'].iloc[0]!r} is unknown: it did not occur"
                " while the customers were observed; give its multiple of the purchase rate."
            )
        changed.events_ = pd.concat([self.events_, more], ignore_index=True).astype({"event": object})
        return changed

    # The steps of the fit.

    def _check(self, customers: pd.DataFrame) -> str:
        """The time unit of the customers, if the model and they are valid."""
        if getattr(self.purchases, "discrete_time", True):
            raise InputError(
                "purchases must be a model in continuous time, such as clvml.BGNBD(); operational time has no"
                " opportunities to count."
            )
        if isinstance(self.season, str) and self.season not in SEASONS:
            raise InputError(
                f"season is {self.season!r}; it must be 'month', 'week', a seasonal index or None."
            )
        unit = stated_time_unit(customers)
        if unit is None:
            raise InputError(
                "the customer summary has no time unit, which a calendar needs: set"
                " customers.attrs['time_unit'] to 'D', 'W', 'M', 'Q' or 'Y' first."
            )
        return unit

    def _known(self) -> Calendar:
        """What is known of the calendar before the fit."""
        given = None if self.season is None or isinstance(self.season, str) else checked_index(self.season)
        events = None if self.events is None else checked_events(self.events)
        return Calendar(given, events, DAY_SHIFTS[self.collapse_])

    def _unknown(self) -> Effects | None:
        """The effects to estimate, if any."""
        season = self.season if isinstance(self.season, str) else None
        events: tuple[str, ...] = ()
        if self.events is not None:
            table = checked_events(self.events)
            events = tuple(dict.fromkeys(table.loc[table["multiple"].isna(), "event"]))
        if season is None and not events:
            return None
        return Effects(season, SEASONS[season] if season else 0, events)

    def _dated(self, customers: pd.DataFrame, weights: object) -> tuple[Dated, pd.DataFrame]:
        """Histories with dates, of customers with positive weight."""
        used, history = clone(self.purchases)._check(customers, weights)
        ends = pd.Series(self._days(customers), customers.index).loc[used.index].to_numpy()
        unit = time_unit_of(self._unit).days
        first, last = ends - history.T * unit, ends - (history.T - history.t_x) * unit
        return Dated(history, first, last, ends, unit), used

    def _check_length(self, dated: Dated) -> None:
        """Refuse to estimate a season from a year, and events that nobody saw."""
        days = float(dated.end.max() - dated.first.min())
        if isinstance(self.season, str):
            needed = _YEAR + _YEAR / SEASONS[self.season]
            if days < needed:
                raise FitError(
                    f"the customers were observed for {days:.0f} days, and a yearly season cannot be"
                    f" estimated from a year or less (at least {needed:.0f} days, so that a {self.season} is"
                    " seen twice): give the seasonal index of a longer series, as in SeasonalPurchases(...,"
                    " season=clvml.seasonal_index(monthly_sales))."
                )

    def _fit_effects(
        self,
        used: pd.DataFrame,
        dated: Dated,
        calendar: Calendar,
        effects: Effects,
        repeat_purchases: pd.Series | None,
    ) -> SeasonFit:
        model = clone(self.purchases)
        parameters, history = model._encode(used, dated.history)
        weak = is_weak(model.prior, float(history.weights.sum()))
        dated = dated._replace(history=history)
        return fit_effects(dated, calendar, effects, maximiser(model, parameters, weak), repeat_purchases)

    def _keep(self, calendar: Calendar, effects: Effects | None, found: SeasonFit | None) -> None:
        """Set the attributes of the calendar."""
        errors = np.zeros(0) if found is None else found.errors
        self.season_, self.events_ = None, calendar.events
        self.season_sd_ = np.nan if found is None else found.season_sd
        if calendar.index is not None:
            estimated = effects is not None and effects.season is not None
            error = errors[: len(calendar.index)] if estimated else np.full(len(calendar.index), np.nan)
            self.season_ = calendar.index.to_frame().assign(
                lower=calendar.index * np.exp(-_TWO_SIDED_95 * error),
                upper=calendar.index * np.exp(_TWO_SIDED_95 * error),
            )
        if calendar.events is not None:
            names = () if effects is None else effects.events
            of_events = dict(zip(names, errors[errors.size - len(names) :], strict=True))
            reach = np.exp(_TWO_SIDED_95 * calendar.events["event"].map(of_events).astype(float))
            multiple = calendar.events["multiple"]
            self.events_ = calendar.events.assign(lower=multiple / reach, upper=multiple * reach).astype(
                {"event": object}
            )

    def _total_log_likelihood(self, dated: Dated, calendar: Calendar) -> float:
        clock = calendar.clock(float(dated.first.min()), float(dated.end.max()) + 1.0)
        each = log_jacobian(dated, operational(dated, clock), clock)
        return float(self.purchases_.log_likelihood_ + dated.history.weights @ each)

    def _note(self, dated: Dated, found: SeasonFit | None) -> None:
        """Say what is assumed; warn of what is doubtful."""
        years = float(dated.end.max() - dated.first.min()) / _YEAR
        notes = []
        if isinstance(self.season, str) and years < 1.9:
            notes.append(
                f"the season rests on {years:.1f} years: what happened once in a {self.season} is taken for"
                " its season; a seasonal index of a longer series is safer."
            )
        if found is not None and not found.converged:
            notes.append("the search for the effects of the calendar did not converge; they are approximate.")
        for note in notes:
            warnings.warn(note, FitWarning, stacklevel=3)
        if self.season_ is not None and not isinstance(self.season, str):
            notes.append("customers are assumed to buy by the given seasonal index.")
        self.notes_ = tuple(notes)

    # Predictions.

    def _check_learnt(self) -> None:
        """Refuse what a model file cannot hold of a calendar.

        Raises
        ------
        InputError
            Naming the rule.
        """
        if self.collapse_ not in DAY_SHIFTS:
            raise InputError(
                f"collapse_ is {self.collapse_!r}; it must be one of {', '.join(map(str, DAY_SHIFTS))}."
            )
        time_unit_of(self._unit)
        pd.Timestamp(self.observed_until_)
        if self.season_ is not None:
            checked_index(self.season_["index"])
        if self.events_ is not None:
            checked_events(self.events_)
            if self.events_["multiple"].isna().any():
                raise InputError("an event of a fitted calendar has no multiple.")

    def _learnt(self) -> str:
        return learnt_by(self.purchases_) if hasattr(self, "purchases_") else ""

    def _fitted(self) -> Any:
        check_fitted(self, "purchases_")
        return self.purchases_

    @property
    def _unit(self) -> str:
        check_fitted(self, "time_unit_")
        if self.time_unit_ is None:
            raise InputError("the model has no time unit, which a calendar needs.")
        return self.time_unit_

    def _units(self, horizon: Horizon) -> float:
        self._fitted()
        now = isinstance(horizon, int | float | np.number) and horizon == 0
        return 0.0 if now else horizon_in(horizon, self.time_unit_)

    def _days(self, customers: pd.DataFrame) -> Array:
        """The end of observation of each customer, in days since 1970-01-01."""
        until = getattr(self, "observed_until_", None)
        return end_days(customers, self._unit, self.collapse_, until)

    def _moved(self, customers: pd.DataFrame) -> OperationalCustomers:
        self._fitted()
        return operational_customers(customers, self._days(customers), self.calendar_, self._unit)

    def _parts(self, customers: pd.DataFrame, horizon: float) -> list[OperationalCustomers]:
        """The customers in operational time, in parts with a common end of observation."""
        self._fitted()
        days = self._days(customers)
        ends, part = np.unique(np.round(days, 6), return_inverse=True)
        calendar, unit = self.calendar_, self._unit
        if ends.size == 1:
            return [operational_customers(customers, days, calendar, unit, horizon)]
        return [
            operational_customers(customers.iloc[rows], days[rows], calendar, unit, horizon, rows)
            for rows in (np.flatnonzero(part == k) for k in range(ends.size))
        ]

    def _by_end(
        self, customers: pd.DataFrame, horizon: float, predict: Callable[[OperationalCustomers], pd.Series]
    ) -> pd.Series:
        """Predictions of all parts, on the customers' index."""
        customers = as_customers(customers)
        found = [predict(part) for part in self._parts(customers, horizon)]
        return found[0] if len(found) == 1 else pd.concat(found).loc[customers.index]

    def _new(self, horizon: Horizon, first_purchase: Any) -> float:
        """The operational length of a horizon that starts at a first purchase."""
        ahead = self._units(horizon)
        day = self.observed_until_ if first_purchase is None else first_purchase
        one = pd.DataFrame({"frequency": [0.0], "recency": [0.0], "T": [0.0]})
        one.attrs = {"observation_end": str(day), "collapse": self.collapse_, TIME_UNIT: self._unit}
        return self._parts(one, ahead)[0].at(ahead)[1]

    def _factors(
        self, part: OperationalCustomers, span: float | None, rate: float, period: float
    ) -> dict[str, Array]:
        model = self.purchases_
        history = model.history(part.customers)
        params = model.customer_params(history)
        alive = model.kernel.probability_alive(history, params)
        factors = {"probability_alive": alive}
        if span is not None:
            ends = part.ahead(np.array([span]))
            factors["expected_purchases"] = model._expected(history, params, ends, np.ones(1), alive)
        if rate == 0:
            factors["discounted_purchases"] = (
                model._infinite_horizon(history, params) if span is None else factors["expected_purchases"]
            )
            return factors
        year = _YEAR / time_unit_of(self._unit).days
        ends, weights = operational_ends(
            span, rate, period, part.ahead, part.average(year), year, self.calendar_.changes_per_year
        )
        factors["discounted_purchases"] = model._expected(history, params, ends, weights, alive)
        return factors
