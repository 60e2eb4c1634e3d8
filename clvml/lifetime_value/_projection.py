"""Probabilistic lifetime value: discounted expected purchases times expected spend."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self, overload

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from clvml._listing import Listed, learnt_by
from clvml.customers._counts import is_stored
from clvml.customers._customer_tables import as_customers
from clvml.customers._discount_rate import annual_rate_in
from clvml.customers._frames import float_frame
from clvml.customers._summary_checks import HISTORY, check_customers
from clvml.customers._summary_files import SummaryFile
from clvml.customers._time_units import (
    Horizon,
    Horizons,
    by_horizon,
    horizon_in,
    rate_per_unit,
    stated_time_unit,
)
from clvml.customers._training_summary import TrainingSummary, check_time_scale, training_summary
from clvml.distributions._discounting import discounted_ends, infinite_horizon_ends
from clvml.errors import FitError, InputError
from clvml.inference._arguments import check_fitted
from clvml.inference._deviance import deviance_score
from clvml.lifetime_value._intervals import customer_intervals, total_intervals
from clvml.lifetime_value._protocol import (
    PurchaseModel,
    SpendModel,
    SupportsDiscounting,
    SupportsProbabilityAlive,
    SupportsPurchaseFactors,
    SupportsPurchaseIntervals,
    SupportsPurchaseSimulation,
    SupportsScenarios,
    SupportsSpendSimulation,
    check_factors,
    require,
    title_of,
)
from clvml.lifetime_value._simulation import (
    Discount,
    Futures,
    infinite_horizon_discount,
    parameter_pairs,
    rank_of_bounds,
    simulate_futures,
)
from clvml.lifetime_value._stored_customers import RowsForFit, read_for_fit
from clvml.models._constant_spend import ConstantSpend

_FACTORS = ("clv", "expected_purchases", "expected_spend", "probability_alive", "discounted_purchases")


class LifetimeValue(Listed, BaseEstimator):
    """Each customer's lifetime value over a horizon: discounted purchases x spend x margin.

    Parameters
    ----------
    purchases : PurchaseModel
        Model of purchases such as `BGNBD`, or a custom one.
    spend : SpendModel or tuple of SpendModel
        Model of spend such as `GammaGamma`, or a custom one. Of several, the first that can be fitted is
        used, as in ``(GammaGamma(), ConstantSpend())`` for amounts that may all be equal.
    horizon : float, str or None
        In the time unit of the customers, or as text with a unit, such as ``"12M"``. None is an infinite
        horizon: the residual lifetime value.
    annual_discount_rate : float, default 0
        A fraction per year of 365 days, 52 weeks or 12 months; must be above 0 if the horizon is infinite and
        the undiscounted sum diverges.
    margin : float, default 1
        Profit per unit of spend, so that values are profits rather than revenue.
    period : float or str, default 1
        Length of the periods from whose end purchases are discounted, in the time unit of the customers or as
        text with a unit, such as ``"1M"``. 0 discounts continuously, as is always done for an infinite
        horizon.

    Attributes
    ----------
    purchases_, spend_ : PurchaseModel, SpendModel
        The fitted models.
    time_unit_ : {"D", "W", "M", "Q", "Y"} or None
        Time unit of the customers that the models were fitted to.
    fit_notes_ : tuple of str
        Which models of spend could not be fitted, why, and which one is used instead; usually empty.

    Raises
    ------
    InputError
        From ``fit`` and ``predict``, if an argument or the customer summary is invalid, or the value over an
        infinite horizon diverges.
    FitError
        From ``fit``, if the model of purchases, or no model of spend, can be fitted.

    See Also
    --------
    clvml.BGNBD, clvml.ParetoNBD, clvml.MBGNBD : Models of purchases.
    clvml.GammaGamma, clvml.LognormalSpend, clvml.ConstantSpend : Models of spend.
    clvml.compare_models : Compare values with a holdout.
    clvml.new_customer_value : The value of a new customer by the fitted model.
    clvml.lifetime_value.customer_outlook : What to say about each customer.

    References
    ----------
    Fader, Hardie, Lee (2005), RFM and CLV: Using Iso-Value Curves for Customer Base Analysis,
    Journal of Marketing Research 42(4): value is margin x spend x discounted expected transactions.

    Examples
    --------
    The next twelve months of CDNOW's customers, with their prediction intervals:

    >>> import clvml
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> model = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), "12M", annual_discount_rate=0.1)
    >>> values = model.fit(customers).predict(customers)
    >>> values.loc[[1, 6]].round(2).to_dict()
    {1: 36.74, 6: 287.2}
    >>> model.predict_factors(customers.loc[[1, 6]])[["probability_alive", "expected_purchases"]].round(2)
                 probability_alive  expected_purchases
    customer_id
    1                         0.73                1.56
    6                         0.64                4.20
    """

    purchases_: PurchaseModel
    spend_: SpendModel
    time_unit_: str | None
    fit_notes_: tuple[str, ...] = ()
    training_summary_: TrainingSummary | None = None  # None: saved by clvml 0.1
    _income = 1.0  # multiple of spend, in a scenario

    def __init__(
        self,
        purchases: PurchaseModel,
        spend: SpendModel | tuple[SpendModel, ...],
        horizon: Horizon | None,
        annual_discount_rate: float = 0.0,
        margin: float = 1.0,
        period: Horizon = 1.0,
    ) -> None:
        self.purchases = purchases
        self.spend = spend
        self.horizon = horizon
        self.annual_discount_rate = annual_discount_rate
        self.margin = margin
        self.period = period

    @property
    def required_columns(self) -> tuple[str, ...]:
        """The columns of the customer summary that the models use."""
        models = self._spend_models() if not hasattr(self, "spend_") else (self.spend_,)
        money = [name for model in models for name in getattr(model, "required_columns", ("monetary_value",))]
        return tuple(dict.fromkeys([*getattr(self.purchases, "required_columns", HISTORY), *money]))

    @property
    def reference_(self) -> dict[str, Any]:
        """The covariates of the reference customer; empty without covariates."""
        check_fitted(self, "purchases_")
        return dict(getattr(self.spend_, "reference_", {})) | dict(getattr(self.purchases_, "reference_", {}))

    def fit(self, customers: pd.DataFrame | SummaryFile | str | Path, y: object = None) -> Self:  # noqa: ARG002
        """Fit clones of both models to the same customers.

        Parameters
        ----------
        customers : DataFrame, SummaryFile, or path of a stored customer summary
            The customer summary, one row per customer; polars and Arrow tables are converted. Of a stored one
            (Parquet or CSV; a file, a folder or a glob) only the counts of equal customers are read
            (`clvml.count_histories`), so that it may be larger than memory.
        y : ignored
            Not used; present for API consistency with scikit-learn.

        Raises
        ------
        InputError
            If the summary, the discount rate or the margin is invalid.
        FitError
            If a model cannot be fitted to these customers.
        """
        _check_margin(self.margin)
        annual_rate_in(self.annual_discount_rate)
        read = partial(read_for_fit, customers if is_stored(customers) else as_customers(customers))
        rows, weighted = read(self.purchases, HISTORY)
        self.purchases_ = clone(self.purchases).fit(rows, **weighted)
        self._fit_spend(read)
        self.time_unit_ = getattr(self.purchases_, "time_unit_", stated_time_unit(rows))
        seen = getattr(self.purchases_, "training_summary_", None)
        self.training_summary_ = training_summary(rows, weighted.get("weights")) if seen is None else seen
        return self

    def at_price(self, price: float) -> Self:
        """The unfitted model with this constant price per purchase as its model of spend."""
        copied: Self = clone(self)
        copied.spend = ConstantSpend(price)
        return copied

    @overload
    def predict(
        self,
        customers: pd.DataFrame,
        horizon: Horizon | None = None,
        annual_discount_rate: float | None = None,
    ) -> pd.Series: ...

    @overload
    def predict(
        self,
        customers: pd.DataFrame,
        horizon: Horizons,
        annual_discount_rate: float | None = None,
    ) -> pd.DataFrame: ...

    def predict(
        self,
        customers: pd.DataFrame,
        horizon: Horizon | Horizons | None = None,
        annual_discount_rate: float | None = None,
    ) -> pd.Series | pd.DataFrame:
        """Predict the lifetime value of each customer over the horizon.

        Parameters
        ----------
        customers : DataFrame
            The customer summary, in the model's time unit.
        horizon : float or str, or a list of them, optional
            In the model's time unit, or as text such as ``"12M"``. Default: the constructor's.
        annual_discount_rate : float, optional
            A fraction per year. Default: the constructor's.

        Returns
        -------
        Series or DataFrame
            Named ``clv``, in currency units, on the customers' index; for a list of horizons one column each,
            labelled as given.

        Raises
        ------
        InputError
            If an argument is invalid, or an infinite horizon needs a discount rate.
        """
        customers = as_customers(customers)
        if isinstance(horizon, list | tuple | pd.Index | np.ndarray):
            return by_horizon(lambda each: self.predict(customers, each, annual_discount_rate), horizon)
        discounted = self._discounted(customers, horizon, annual_discount_rate)
        spend = self.spend_.expected_spend(customers).to_numpy()
        value = spend * discounted.to_numpy()
        value *= self.margin * self._income
        return pd.Series(value, customers.index, name="clv", copy=False)

    def predict_factors(
        self,
        customers: pd.DataFrame,
        horizon: Horizon | None = None,
        annual_discount_rate: float | None = None,
    ) -> pd.DataFrame:
        """Value and its factors: ``clv = margin x discounted_purchases x expected_spend``.

        Parameters
        ----------
        customers : DataFrame
            The customer summary, in the model's time unit.
        horizon : float or str, optional
            In the model's time unit, or as text such as ``"12M"``. Default: the constructor's.
        annual_discount_rate : float, optional
            A fraction per year. Default: the constructor's.

        Returns
        -------
        DataFrame
            On the customers' index: ``clv, expected_purchases`` (undiscounted; omitted for an infinite
            horizon, where they may diverge), ``expected_spend`` per purchase, ``probability_alive`` if the
            model of purchases provides it, and ``discounted_purchases``.
        """
        customers = as_customers(customers)
        return float_frame(self.value_factors(customers, horizon, annual_discount_rate), customers.index)

    def value_factors(
        self,
        customers: pd.DataFrame,
        horizon: Horizon | None = None,
        annual_discount_rate: float | None = None,
    ) -> dict[str, np.ndarray]:
        """The columns of `predict_factors` as arrays, in the order of the customers."""
        purchases = self._purchase_factors(customers, horizon, annual_discount_rate)
        spend = self.spend_.expected_spend(customers).to_numpy() * self._income
        value = self.margin * purchases["discounted_purchases"] * spend
        factors = {"clv": value, "expected_spend": spend} | purchases
        return {name: factors[name] for name in _FACTORS if name in factors}

    def factors_by_horizon(
        self, customers: pd.DataFrame, horizons: Sequence[Horizon], annual_discount_rate: float
    ) -> Iterator[dict[str, np.ndarray]]:
        """The columns of `predict_factors` as arrays, of each horizon in turn."""
        check_is_fitted(self, "purchases_")
        return (self.value_factors(customers, each, annual_discount_rate) for each in horizons)

    def revenue_from_factors(self, factors: Any) -> Any:
        """The undiscounted revenue, before margin, from the columns of `predict_factors`."""
        check_is_fitted(self, "purchases_")
        return factors["expected_purchases"] * factors["expected_spend"]

    def predict_interval(
        self,
        customers: pd.DataFrame,
        coverage: float = 0.9,
        horizon: Horizon | None = None,
        annual_discount_rate: float | None = None,
        *,
        n_simulations: int = 199,
        random_state: int = 0,
    ) -> pd.DataFrame:
        """Prediction intervals of each customer's purchases, spend and value.

        They account for the randomness of being alive, purchases, dropout and spend, and for parameter
        uncertainty if the models were fitted to fewer than 20,000 customers. Intervals of purchases are
        quantiles of the exact distribution if the model of purchases provides it; those of spend and value
        are from Monte Carlo simulation, with exact average ``coverage`` for any sufficient number of
        simulations.

        Parameters
        ----------
        customers : DataFrame
            The customer summary, in the model's time unit.
        coverage : float, default 0.9
            Nominal share of outcomes within the intervals, with equal tails.
        horizon, annual_discount_rate : optional
            Override the constructor's.
        n_simulations : int, default 199
            More reduce Monte Carlo error; a coverage of 0.99 needs at least 199, 0.999 needs 1,999.
        random_state : int, default 0
            The same seed gives the same intervals.

        Returns
        -------
        DataFrame
            ``purchases_lower, purchases_upper, spend_lower, spend_upper, clv_lower, clv_upper`` on the
            customers' index; spend is neither discounted nor multiplied by the margin. Only the value
            for an infinite horizon.

        Raises
        ------
        InputError
            If an argument is invalid, or a model does not support simulation; see
            `SupportsPurchaseSimulation` and `SupportsSpendSimulation`.
        """
        check_is_fitted(self, "purchases_")
        customers = as_customers(customers)
        rank = rank_of_bounds(n_simulations, coverage)
        span = self.horizon if horizon is None else horizon
        futures = self.simulated_futures(
            customers, horizon, annual_discount_rate, n_simulations, random_state, together=False
        )
        if span is None:
            return customer_intervals(futures, customers.index, rank, ["clv"])
        if not isinstance(self.purchases_, SupportsPurchaseIntervals):
            return customer_intervals(futures, customers.index, rank)
        counts = self.purchases_.predict_interval(customers, span, coverage).add_prefix("purchases_")
        return counts.join(customer_intervals(futures, customers.index, rank, ["spend", "clv"]))

    def predict_total_interval(
        self,
        customers: pd.DataFrame,
        groups: pd.Series | None = None,
        coverage: float = 0.9,
        horizon: Horizon | None = None,
        annual_discount_rate: float | None = None,
        *,
        n_simulations: int = 199,
        random_state: int = 0,
    ) -> pd.DataFrame:
        """Prediction intervals of total purchases, spend and value per group and for all customers.

        Parameter uncertainty affects all customers in the same direction, so it is always included in totals;
        otherwise as `predict_interval`.

        They account for parameters and chance only. The error of the model itself, which dominates in a large
        total, is in the intervals of `Backtest.total_interval`.

        Parameters
        ----------
        customers : DataFrame
            The customer summary, in the model's time unit.
        groups : Series, optional
            The group of each customer, such as the segment, on the customers' index.
        coverage, horizon, annual_discount_rate, n_simulations, random_state
            As in `predict_interval`.

        Returns
        -------
        DataFrame
            One row per group and one named ``"total"``; ``customers``, and ``purchases, spend, clv`` (means)
            with their ``_lower`` and ``_upper``.

        Raises
        ------
        InputError
            As `predict_interval`, or if a customer has no group.
        """
        check_is_fitted(self, "purchases_")
        customers = as_customers(customers)
        rank = rank_of_bounds(n_simulations, coverage)
        futures = self.simulated_futures(
            customers, horizon, annual_discount_rate, n_simulations, random_state, together=True
        )
        table = total_intervals(futures, customers.index, groups, rank, n_simulations)
        table.attrs.update(coverage=coverage, includes="parameters and chance")
        return table

    def score(self, customers: pd.DataFrame, y: object = None) -> float:
        """How well the model fits other customers, for scikit-learn's model selection; larger is better.

        Parameters
        ----------
        customers : DataFrame
            The customer summary.
        y : array-like, shape (n_customers,), optional
            What the customers were worth over the horizon.

        Returns
        -------
        float
            Minus the mean Tweedie deviance (power 1.5) of ``y``; without ``y`` the mean log-likelihood per
            customer of purchases and average spend.

        Raises
        ------
        InputError
            If ``y`` is invalid, or is missing and a model has no ``log_likelihood``.
        """
        check_is_fitted(self, "purchases_")
        customers, models = as_customers(customers), (self.purchases_, self.spend_)
        likelihoods = [getattr(model, "log_likelihood", None) for model in models]
        if y is not None or None in likelihoods:
            return deviance_score(self.predict(customers), y, type(self).__name__)
        return float(sum(each(customers).mean() for each in likelihoods if each is not None))

    def _learnt(self) -> str:
        models = [getattr(self, name, None) for name in ("purchases_", "spend_")]
        learnt = {title_of(model): learnt_by(model) for model in models}
        return "; ".join(f"{title}: {found}" for title, found in learnt.items() if found)

    def scenario_factors(self) -> dict[str, float]:
        """The factors of the value at their current levels.

        ``horizon`` in time units (unless infinite), ``annual_discount_rate``, ``margin``, ``income`` (a
        multiple of spend), and the multiples that the model of purchases supports, such as ``purchase_rate``
        and ``dropout``.
        """
        check_is_fitted(self, "purchases_")
        factors = {} if self.horizon is None else {"horizon": horizon_in(self.horizon, self.time_unit_)}
        factors |= {"annual_discount_rate": float(self.annual_discount_rate), "margin": float(self.margin)}
        factors |= {"income": self._income}
        return factors | (
            self.purchases_.scenario_factors() if isinstance(self.purchases_, SupportsScenarios) else {}
        )

    def with_factors(self, factors: Mapping[str, float]) -> Self:
        """The fitted model with some factors at other levels; P(alive) today is unchanged.

        Parameters
        ----------
        factors : mapping of str to float
            Levels by the names in `scenario_factors`.

        Raises
        ------
        InputError
            If a name is unknown or a level is invalid; some levels are only checked on prediction.
        """
        check_factors(factors, self.scenario_factors())
        changed, own = copy.copy(self), ("horizon", "annual_discount_rate", "margin", "income")
        for name in own:
            if name in factors:
                setattr(changed, "_income" if name == "income" else name, float(factors[name]))
        multiples = {name: level for name, level in factors.items() if name not in own}
        if multiples and isinstance(self.purchases_, SupportsScenarios):
            changed.purchases_ = self.purchases_.with_factors(multiples)
        return changed

    def _spend_models(self) -> tuple[SpendModel, ...]:
        return self.spend if isinstance(self.spend, tuple) else (self.spend,)

    def _fit_spend(self, read: RowsForFit) -> None:
        """Fit the first model of spend that can be fitted; the error of the first if none can."""
        reasons: dict[str, FitError] = {}
        for model in self._spend_models():
            try:
                rows, weighted = read(model, ("frequency", "monetary_value"))
                self.spend_ = clone(model).fit(rows, **weighted)
            except FitError as error:
                reasons[title_of(model)] = error
                continue
            self.fit_notes_ = tuple(
                f"{title} cannot be fitted, and {title_of(model)} is used instead: {error}"
                for title, error in reasons.items()
            )
            return
        raise next(iter(reasons.values()))

    def _rate(self, annual_discount_rate: float | None) -> float:
        given = self.annual_discount_rate if annual_discount_rate is None else annual_discount_rate
        return annual_rate_in(given)

    def _purchase_factors(
        self, customers: pd.DataFrame, horizon: Horizon | None, annual_discount_rate: float | None
    ) -> dict[str, Any]:
        """Discounted and expected purchases and P(alive), as arrays, as far as the model has them."""
        span, rate = self._terms(horizon, annual_discount_rate)
        if isinstance(self.purchases_, SupportsPurchaseFactors):
            self._check_time_scale(customers)
            return self.purchases_.purchase_factors(customers, span, rate, self.period)
        discounted = self._discounted(customers, horizon, annual_discount_rate).to_numpy()
        factors = {"discounted_purchases": discounted}
        if span is not None and rate != 0:
            factors["expected_purchases"] = self.purchases_.expected_purchases(customers, span).to_numpy()
        elif span is not None:
            factors["expected_purchases"] = discounted
        if isinstance(self.purchases_, SupportsProbabilityAlive):
            factors["probability_alive"] = self.purchases_.probability_alive(customers).to_numpy()
        return factors

    def _terms(
        self, horizon: Horizon | None, annual_discount_rate: float | None
    ) -> tuple[Horizon | None, float]:
        """The validated horizon and annual rate of a prediction."""
        check_fitted(self, "purchases_")
        _check_margin(self.margin)
        span = self.horizon if horizon is None else horizon
        if span is not None:
            horizon_in(span, self.time_unit_)  # a horizon of 0 is an error for values, not for expectations
        return span, self._rate(annual_discount_rate)

    def _discounted(
        self, customers: pd.DataFrame, horizon: Horizon | None, annual_discount_rate: float | None
    ) -> pd.Series:
        span, rate = self._terms(horizon, annual_discount_rate)
        self._check_time_scale(customers)
        if rate == 0 and span is not None:
            return self.purchases_.expected_purchases(customers, span)
        if isinstance(self.purchases_, SupportsDiscounting):
            return self.purchases_.discounted_purchases(customers, span, rate, self.period)
        return self._discounted_sum(customers, span, rate)

    def _discounted_sum(self, customers: pd.DataFrame, span: Horizon | None, rate: float) -> pd.Series:
        """Discounted purchases as a weighted sum of expectations, for models without discounting."""
        per_unit = rate_per_unit(rate, self.time_unit_)
        if span is None and per_unit == 0:
            raise InputError(
                "an infinite horizon needs an annual_discount_rate above 0, such as 0.10; or give a horizon."
            )
        ends, weights = (
            infinite_horizon_ends(per_unit)
            if span is None
            else discounted_ends(horizon_in(span, self.time_unit_), per_unit, self._period_in_units())
        )
        terms = [self.purchases_.expected_purchases(customers, float(end)).to_numpy() for end in ends]
        return pd.Series(weights @ np.stack(terms), customers.index, name="discounted_purchases")

    def _period_in_units(self) -> float:
        return 0.0 if self.period == 0 else horizon_in(self.period, self.time_unit_)

    def simulated_futures(
        self,
        customers: pd.DataFrame,
        horizon: Horizon | None,
        annual_discount_rate: float | None,
        n_simulations: int,
        random_state: int,
        *,
        together: bool,
    ) -> Iterator[Futures]:
        """Simulate the customers' futures, block by block, as prediction intervals do.

        Parameters
        ----------
        customers, horizon, annual_discount_rate, n_simulations, random_state
            As in `predict_interval`; ``n_simulations`` is any positive number.
        together : bool
            Whether parameter uncertainty is always included, as for totals.

        Yields
        ------
        Futures
            Simulated purchases, spend and value of a block of customers; the blocks depend on the number of
            customers only.

        Raises
        ------
        InputError
            As `predict_interval`.
        """
        check_is_fitted(self, "purchases_")
        _check_margin(self.margin)
        purchases: Any = self.purchases_
        spend: Any = self.spend_
        instead = "give a model that simulates, such as clvml.BGNBD"
        require(purchases, SupportsPurchaseSimulation, "a prediction interval of value needs", instead)
        instead = "give a model that simulates, such as clvml.GammaGamma"
        require(spend, SupportsSpendSimulation, "a prediction interval of value needs", instead)
        check_customers(customers, self._numeric_columns(), self.time_unit_)
        self._check_time_scale(customers)
        pairs = parameter_pairs(purchases, spend, n_simulations, random_state, together=together)
        discount = self._discount(horizon, self._rate(annual_discount_rate))
        blocks = simulate_futures(purchases, spend, pairs, customers, discount, n_simulations, random_state)
        return (
            Futures(rows, number, self._income * spent, self.margin * self._income * value)
            for rows, number, spent, value in blocks
        )

    def _check_time_scale(self, customers: pd.DataFrame) -> None:
        """Compare the customers with those of the fit, unless the model of purchases does so."""
        if not hasattr(self.purchases_, "training_summary_"):
            check_time_scale(customers, self.time_unit_, self.training_summary_)

    def _numeric_columns(self) -> list[str]:
        return [name for name in self.required_columns if name not in self.reference_]

    def _discount(self, horizon: Horizon | None, annual_discount_rate: float) -> Discount:
        span = self.horizon if horizon is None else horizon
        delta = float(np.log1p(rate_per_unit(annual_discount_rate, self.time_unit_)))
        if span is None:
            return infinite_horizon_discount(delta)
        return Discount(horizon_in(span, self.time_unit_), delta, self._period_in_units())


def _check_margin(margin: float) -> None:
    if not np.isfinite(margin) or margin < 0:
        raise InputError(f"margin is {margin!r}; it must be finite and non-negative.")
