"""Base class of models of repeat purchases: fit, predictions and warnings.

The mathematics of a model is its `Kernel`, a module of functions of a `History` and parameters; the estimator
converts customer summaries to its input and results to Series. `BGNBD`, `MBGNBD` and `ParetoNBD` differ in
the kernel only; `BGBB` and `ShiftedBetaGeometric`, which count opportunities, check more and do not scale
parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self, overload

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from clvml.customers._customer_tables import as_customers
from clvml.customers._summary_checks import HISTORY
from clvml.customers._time_units import (
    Horizon,
    Horizons,
    by_horizon,
    horizon_in,
    labels_of,
    rate_per_unit,
    stated_time_unit,
    time_unit_of,
)
from clvml.customers._training_summary import check_time_scale, training_summary
from clvml.distributions._covariates import Influence
from clvml.distributions._discounting import discounted_ends, infinite_horizon_ends
from clvml.distributions._histories import distinct_rows
from clvml.distributions._history import Array, History, new_customers, params_of_rows
from clvml.distributions._kernel import CustomerKernel, Kernel
from clvml.errors import FitError, InputError
from clvml.inference._arguments import check_coverage, check_fitted, check_params
from clvml.inference._fit_record import diverging_parameters
from clvml.inference._likelihood_ratio import LikelihoodRatioTest
from clvml.inference._maximum_likelihood import Optimum
from clvml.inference._prior import FEW_CUSTOMERS, is_weak
from clvml.models._count_quantiles import count_probability, count_quantiles, customer_specific
from clvml.models._customer_history import check_weights, history_of
from clvml.models._fit_messages import meanings_of, wide_parameters
from clvml.models._likelihood_model import LikelihoodModel, RandomState
from clvml.models._log_linear import Covariates, LogLinearParameters, Side, columns_by_side, learn_sides
from clvml.models._parameters import Found, Parameters, Problem
from clvml.models._purchase_simulator import PurchaseSimulator
from clvml.models._scenarios import levels_of, with_levels

_IN_TIME = ("alpha", "beta")  # parameters in the unit of time; the others are dimensionless
_NEGLIGIBLE_DROPOUT = 1e-3
NO_DROPOUT = (
    "no customer drops out: P(alive) is near 1 for all of them, and expectations over long horizons will be"
    " too high if customers do drop out; purchases that are more regular than the model assumes have this"
    " effect (clvml.diagnostics.purchase_regularity)"
)
_CUSTOMERS = 262_144  # at once, so that memory use does not grow with their number
_DRAWS = 32  # of the parameters, in prediction intervals of counts


class HistoryModel(LikelihoodModel):
    """Base class of models of repeat purchases; subclasses define the kernel and the starting values.

    Parameters
    ----------
    prior : {"weak", "auto"}, optional
        As in `LikelihoodModel`; the prior of standardised coefficients is normal with standard deviation 1.5.
    covariates : sequence of str, or mapping of side to such, default ()
        Time-invariant columns of the customer summary: numeric, or categorical (text, bool, pandas
        categorical). A sequence applies to all sides of the model.
    """

    columns: ClassVar[tuple[str, ...]] = HISTORY
    kernel: ClassVar[Kernel]
    by_customer: ClassVar[CustomerKernel]
    influences: ClassVar[Mapping[str, Influence]]  # by side
    discrete_time: ClassVar[bool] = False  # whether purchases occur at whole numbers of time units only
    multiples: ClassVar[tuple[str, ...]] = ("purchase_rate", "dropout")  # available in scenarios
    dropout_formula: ClassVar[str]  # what `Kernel.dropout_rate` computes, as a formula and a unit
    dropout_per: ClassVar[str]
    first_guess: ClassVar[tuple[float, float]]  # of the two parameters of dropout, with T about 1

    time_unit_: str | None
    sides_: tuple[Side, ...] = ()
    likelihood_ratio_test_: LikelihoodRatioTest | None = None

    def __init__(self, prior: Literal["weak", "auto"] | None = None, covariates: Covariates = ()) -> None:
        super().__init__(prior)
        self.covariates = covariates

    @classmethod
    def _with_params(cls, params: Any, time_unit: str | None) -> Self:
        model = cls()
        model.params_ = check_params(params)
        model.time_unit_ = time_unit if time_unit is None else time_unit_of(time_unit).code
        return model

    @property
    def required_columns(self) -> tuple[str, ...]:
        """The columns of the customer summary that the model uses."""
        sides = columns_by_side(self.covariates, tuple(self.influences))
        return tuple(dict.fromkeys([*self.columns, *(name for names in sides.values() for name in names)]))

    @property
    def reference_(self) -> dict[str, Any]:
        """The covariates of the reference customer, whose parameters are ``params_``."""
        check_fitted(self, "params_")
        return {covariate.name: covariate.reference for side in self.sides_ for covariate in side.covariates}

    @property
    def coefficients_(self) -> pd.DataFrame:
        """Coefficients of the covariates: ``exp(estimate)`` per unit, or relative to the reference level.

        Index ``side, covariate``; columns ``estimate, standard_error, lower, upper``, the limits of
        95 % Wald confidence intervals.
        """
        check_is_fitted(self, "params_")
        estimate = self._estimate()
        errors = np.sqrt(np.diag(self.covariance_)) if self.sides_ else np.zeros_like(estimate)
        return self._log_linear(self.sides_).coefficients(estimate, errors)

    def fit(
        self,
        customers: pd.DataFrame,
        y: object = None,  # noqa: ARG002
        *,
        weights: object = None,
        start: object = None,
    ) -> Self:
        """Fit the model by maximum likelihood.

        Parameters
        ----------
        customers : DataFrame, shape (n_customers, ...)
            The customer summary with ``frequency, recency, T`` and the covariates, one row per customer. It
            must include one-time buyers.
        y : ignored
            Not used; present for API consistency with scikit-learn.
        weights : array-like, shape (n_customers,), optional
            Number of customers that each row represents.
        start : sequence of float, optional
            Starting values, such as the parameters of last month's model; the default ones are tried if the
            search from these fails.

        Raises
        ------
        InputError
            If the summary is invalid, such as a recency above ``T``.
        FitError
            If no customer bought again, or there is only one customer.

        Warns
        -----
        FitWarning
            If parameters diverge or are only weakly identified; the message suggests a remedy.
        """
        customers, history = self._check(as_customers(customers), weights)
        parameters, history = self._encode(customers, history)
        parameters = parameters.in_units(self._units(history))
        starts = self._starts(parameters.unit * self._first_guess(history), start)
        weak = is_weak(self.prior, float(history.weights.sum()))
        problem = Problem(self.kernel, history, weak, self.by_customer, rough=start is None)
        optimum = self._search(parameters, problem, starts)
        self.time_unit_ = stated_time_unit(customers)
        self.training_summary_ = training_summary(customers)
        self._record(parameters, optimum, self._warnings(history, parameters, optimum))
        return self

    def _check_learnt(self) -> None:
        """As `LikelihoodModel`; and the sides must be those of the covariates, with finite coefficients."""
        columns = columns_by_side(self.covariates, tuple(self.influences))
        learnt = {side.name: tuple(covariate.name for covariate in side.covariates) for side in self.sides_}
        if learnt != columns:
            raise InputError(f"the coefficients are of {learnt}, and the covariates are {columns}.")
        for side in self.sides_:
            side.check()
        super()._check_learnt()

    @property
    def _needs_prior(self) -> bool:
        few = self.n_customers_ < FEW_CUSTOMERS
        return few and not self.discrete_time and not self._is_regularised

    def score(self, customers: pd.DataFrame, y: object = None, *, weights: object = None) -> float:  # noqa: ARG002
        """Mean log-likelihood per customer, for scikit-learn's model selection; larger is better."""
        customers = as_customers(customers)
        each = self.log_likelihood(customers).to_numpy()
        counted = check_weights(weights, customers)
        return float(each.mean() if counted is None else np.average(each, weights=counted))

    def log_likelihood(self, customers: pd.DataFrame) -> pd.Series:
        """Log-likelihood of each customer."""
        customers = as_customers(customers)
        history = self.history(customers)
        value = self.kernel.log_likelihood(history, self.customer_params(history))
        return pd.Series(value, customers.index, name="log_likelihood")

    def probability_alive(self, customers: pd.DataFrame, after: Horizon = 0) -> pd.Series:
        """P(alive) of each customer, in [0, 1].

        Parameters
        ----------
        customers : DataFrame
            The customer summary, in the model's time unit.
        after : float or str, default 0
            Time after the end of observation, of which no purchases are known.
        """
        customers = as_customers(customers)
        history = self.history(customers)
        params = self.customer_params(history)
        alive = self.kernel.probability_alive(history, params)
        if (time := self._horizon_in_units(after)) > 0:
            alive *= self.kernel.survival_probability(history, time, params)
        return pd.Series(alive, customers.index, name="probability_alive", copy=False)

    @overload
    def expected_purchases(self, customers: pd.DataFrame, horizon: Horizon) -> pd.Series: ...

    @overload
    def expected_purchases(self, customers: pd.DataFrame, horizon: Horizons) -> pd.DataFrame: ...

    def expected_purchases(
        self, customers: pd.DataFrame, horizon: Horizon | Horizons
    ) -> pd.Series | pd.DataFrame:
        """Expected purchases of each customer in the ``horizon`` after their observation.

        Parameters
        ----------
        customers : DataFrame
            The customer summary, in the model's time unit.
        horizon : float, str or timedelta, or a list of them
            In the model's time unit, as text with a unit, such as ``"12M"``, or a `pandas.Timedelta`.

        Returns
        -------
        Series or DataFrame
            On the customers' index; for a list of horizons one column each, labelled as given.
        """
        customers = as_customers(customers)
        if isinstance(horizon, list | tuple | pd.Index | np.ndarray):
            return by_horizon(lambda each: self.expected_purchases(customers, each), horizon)
        history = self.history(customers)
        ends = np.array([self._horizon_in_units(horizon)])
        value = self._expected(history, self.customer_params(history), ends, np.ones(1))
        return pd.Series(value, customers.index, name="expected_purchases", copy=False)

    @overload
    def expected_purchases_new_customer(self, horizon: Horizon) -> float: ...

    @overload
    def expected_purchases_new_customer(self, horizon: Horizons) -> pd.Series: ...

    def expected_purchases_new_customer(self, horizon: Horizon | Horizons) -> float | pd.Series:
        """Expected repeat purchases of a new customer in the ``horizon`` after the first purchase.

        For a list of horizons a Series, by horizon.
        """
        check_is_fitted(self, "params_")
        if isinstance(horizon, list | tuple | pd.Index | np.ndarray):
            labels = labels_of(horizon)
            new = [self.expected_purchases_new_customer(each) for each in labels]
            return pd.Series(new, labels, name="expected_purchases")
        ends = np.array([self._horizon_in_units(horizon)])
        return float(self._expected(new_customers(1), self.params_, ends, np.ones(1))[0])

    def purchase_probability(
        self, n: int, horizon: Horizon, customers: pd.DataFrame | None = None
    ) -> pd.Series | float:
        """P(exactly ``n`` purchases in the next ``horizon``), for each customer or for a new customer.

        Parameters
        ----------
        n : int
            Number of purchases, zero or more.
        horizon : float or str
            In the model's time unit, or as text with a unit.
        customers : DataFrame, optional
            The customer summary; None for a new customer, whose first purchase is not counted.
        """
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 0:
            raise InputError(f"n is {n!r}; it must be a whole number, zero or more.")
        check_is_fitted(self, "params_")
        customers = as_customers(customers)
        history = new_customers(1) if customers is None else self.history(customers)
        params = self.params_ if customers is None else self.customer_params(history)
        alive = self.kernel.probability_alive(history, params)
        number, ahead = np.full(history.size, float(n)), self._horizon_in_units(horizon)
        value = alive * count_probability(self.kernel, number, ahead, history, params)
        value += (1 - alive) * (n == 0)
        if customers is None:
            return float(value[0])
        return pd.Series(value, customers.index, name="purchase_probability")

    def probability_buys(self, customers: pd.DataFrame, horizon: Horizon) -> pd.Series:
        """P(at least one purchase in the next ``horizon``) of each customer, in [0, 1].

        P(alive) times the probability of a purchase of a customer alive, in closed form (see
        `clvml.distributions`), not a difference from P(no purchase).

        Parameters
        ----------
        customers : DataFrame
            The customer summary, in the model's time unit.
        horizon : float, str or timedelta
            In the model's time unit, or as text with a unit, such as ``"30D"``. In discrete-time models the
            opportunities within it count.
        """
        history, params, alive = self._now(customers)
        ahead = self._horizon_in_units(horizon)
        value = alive * self.kernel.any_purchase_probability(history, ahead, params)
        return pd.Series(value, customers.index, name="probability_buys", copy=False)

    def next_purchase_time(self, customers: pd.DataFrame, probability: float = 0.5) -> pd.Series:
        """The time from the end of observation by which each customer has bought again with a probability.

        Parameters
        ----------
        customers : DataFrame
            The customer summary, in the model's time unit.
        probability : float, default 0.5
            In (0, 1). By default the median, among all futures, those without another purchase included.

        Returns
        -------
        Series
            In the model's time unit; infinite where the probability is never reached, as where P(alive) is
            below it.

        Raises
        ------
        InputError
            If the probability is not between 0 and 1.
        """
        if not 0 < probability < 1:
            raise InputError(f"probability is {probability!r}; it must be above 0 and below 1, as in 0.5.")
        history, params, alive = self._now(customers)
        with np.errstate(divide="ignore", over="ignore"):
            needed = np.where(alive > 0, probability / alive, np.inf)
        value = np.full(history.size, np.inf)
        rows = np.flatnonzero(needed < 1)
        time = self.kernel.next_purchase_time(history.rows(rows), needed[rows], params_of_rows(params, rows))
        value[rows] = time
        return pd.Series(value, customers.index, name="next_purchase_time", copy=False)

    def _now(self, customers: pd.DataFrame) -> tuple[History, Any, Array]:
        """The history, the parameters and P(alive) of each customer."""
        history = self.history(customers)
        params = self.customer_params(history)
        return history, params, self.kernel.probability_alive(history, params)

    def discounted_purchases(
        self,
        customers: pd.DataFrame,
        horizon: Horizon | None = None,
        annual_discount_rate: float = 0.0,
        period: Horizon = 1.0,
    ) -> pd.Series:
        """Expected purchases within ``horizon``, discounted.

        Parameters
        ----------
        customers : DataFrame
            The customer summary, in the model's time unit.
        horizon : float or str, optional
            If it is not a whole number of periods, the last period is shorter. None is an infinite horizon
            (discounted expected residual transactions, Fader, Hardie, Lee 2005) with continuous discounting,
            or with discounting per opportunity in discrete-time models.
        annual_discount_rate : float, default 0
            A fraction per year.
        period : float or str, default 1
            Purchases are discounted from the end of their period, whose length is in the model's time unit or
            text with a unit, such as ``"1M"``. 0 discounts continuously.

        Raises
        ------
        InputError
            If an argument is invalid, or the undiscounted infinite-horizon expectation diverges.
        """
        customers = as_customers(customers)
        history = self.history(customers)
        params = self.customer_params(history)
        rate = rate_per_unit(annual_discount_rate, self.time_unit_)
        if horizon is None and rate == 0:
            value = self._infinite_horizon(history, params)
        else:
            value = self._expected(history, params, *self._ends(horizon, rate, period))
        return pd.Series(value, customers.index, name="discounted_purchases", copy=False)

    def purchase_factors(
        self,
        customers: pd.DataFrame,
        horizon: Horizon | None = None,
        annual_discount_rate: float = 0.0,
        period: Horizon = 1.0,
    ) -> dict[str, Array]:
        """What a value is made of, from one reading of the customers: arrays in their order.

        Parameters
        ----------
        customers, horizon, annual_discount_rate, period
            As in `discounted_purchases`.

        Returns
        -------
        dict of str to ndarray, shape (n_customers,)
            ``discounted_purchases``; ``expected_purchases``, unless the horizon is infinite; and
            ``probability_alive``: equal to those of the methods of these names, to the last bit.
        """
        history = self.history(customers)
        params = self.customer_params(history)
        rate = rate_per_unit(annual_discount_rate, self.time_unit_)
        alive = self.kernel.probability_alive(history, params)
        factors = {"probability_alive": alive}
        if horizon is not None:
            ends = np.array([self._horizon_in_units(horizon)])
            factors["expected_purchases"] = self._expected(history, params, ends, np.ones(1), alive)
        if horizon is None and rate == 0:
            factors["discounted_purchases"] = self._infinite_horizon(history, params)
        elif rate == 0:
            factors["discounted_purchases"] = factors["expected_purchases"]
        else:
            ends_and_weights = self._ends(horizon, rate, period)
            factors["discounted_purchases"] = self._expected(history, params, *ends_and_weights, alive)
        return factors

    def predict_interval(
        self, customers: pd.DataFrame, horizon: Horizon, coverage: float = 0.9
    ) -> pd.DataFrame:
        """Prediction interval of each customer's number of purchases in the next ``horizon``.

        Equal-tailed quantiles of the exact distribution, so that each interval covers at least ``coverage``.
        If the model was fitted to fewer than 20,000 customers, parameter uncertainty is included by averaging
        over draws; with more it is negligible. For spend, value and totals see
        `LifetimeValue.predict_interval`.

        Returns
        -------
        DataFrame
            Columns ``lower, upper``, whole numbers, on the customers' index.
        """
        check_coverage(coverage)
        customers = as_customers(customers)
        history = self.history(customers)
        first, row = distinct_rows(
            (history.x, history.t_x, history.T, *customer_specific(self.customer_params(history)))
        )
        draws = [self.customer_params(history, draw) for draw in self.parameter_draws(_DRAWS, 0)]
        lower, upper = count_quantiles(
            self.kernel,
            ((1 - coverage) / 2, (1 + coverage) / 2),
            self._horizon_in_units(horizon),
            history.rows(first),
            [params_of_rows(params, first) for params in draws],
        )
        return pd.DataFrame({"lower": lower[row], "upper": upper[row]}, index=customers.index)

    def simulate(
        self, T: ArrayLike, random_state: RandomState = None, covariates: pd.DataFrame | None = None
    ) -> pd.DataFrame:
        """Simulate customers from the model, as a customer summary.

        Parameters
        ----------
        T : array-like, shape (n_customers,)
            Length of observation of each customer, in the model's time unit.
        random_state : int, Generator or None
            Pass an int for reproducible results.
        covariates : DataFrame, shape (n_customers, ...), optional
            Their covariates, which are joined to the summary; None for reference customers.
        """
        check_is_fitted(self, "params_")
        observed, params = self._checked_T(T), self.params_
        index: pd.Index = pd.RangeIndex(1, observed.size + 1, name="customer_id")
        if covariates is not None:
            params, index = self._params_of_covariates(observed, covariates), covariates.index
        history = self.kernel.simulate(observed, params, np.random.default_rng(random_state))
        customers = self._summary(history, index)
        if covariates is None:
            return customers
        known = [name for name in self.required_columns if name not in self.columns]
        return customers.join(covariates[known])

    def purchase_simulator(self, customers: pd.DataFrame) -> PurchaseSimulator:
        """A function that simulates the future purchases of these customers; see `PurchaseSimulator`."""
        return PurchaseSimulator(self, self.history(customers))

    def scenario_factors(self) -> dict[str, float]:
        """The multiples that a scenario can set, such as ``{"purchase_rate": 1.0, "dropout": 1.0}``."""
        check_is_fitted(self, "params_")
        return levels_of(self)

    def with_factors(self, factors: Mapping[str, float]) -> Self:
        """The fitted model in a scenario: purchase and dropout rates are multiplied from now on.

        P(alive) today is as fitted. All predictions of the copy, including prediction intervals, are those of
        the scenario, which is not saved with the model.

        Parameters
        ----------
        factors : mapping of str to float
            Multiples of the fitted levels, by the names in `scenario_factors`. ``purchase_rate`` multiplies
            each customer's rate of purchases (or the mean purchase probability), ``dropout`` the
            dropout rate, or the mean dropout probability with the sum of the Beta distribution's parameters
            unchanged.

        Raises
        ------
        InputError
            If a name is unknown, a multiple is not positive, or the mean dropout probability of customers
            (with covariates, of those like the reference) would reach 1.
        """
        check_is_fitted(self, "params_")
        return with_levels(self, factors)

    def history(self, customers: pd.DataFrame) -> History:
        """The customers' validated purchase histories with their covariates; treat as read-only."""
        check_fitted(self, "params_")
        customers = as_customers(customers)
        history, parameters = self._read(customers, self.time_unit_), self._parameters
        check_time_scale(customers, self.time_unit_, self.training_summary_)
        if isinstance(parameters, LogLinearParameters):
            return parameters.encoded(history, customers)
        return history

    def customer_params(self, history: History, estimate: Array | None = None) -> Any:
        """Customer-specific parameters, by the estimate or by a draw of `parameter_draws`.

        A NamedTuple of numbers, and of arrays of one number per customer where customers differ.
        """
        check_fitted(self, "params_")
        estimate = self._estimate() if estimate is None else estimate
        return self._parameters.customer_params(history, estimate)

    # The steps of the fit.

    def _check(self, customers: pd.DataFrame, weights: object) -> tuple[pd.DataFrame, History]:
        """The customers with positive weight, and their validated history."""
        history, counted = self._read(customers, None), check_weights(weights, customers)
        if counted is not None:
            used = np.flatnonzero(counted > 0)
            customers, history = customers.iloc[used], history.rows(used)
            history = History(history.x, history.t_x, history.T, counted[used])
        self._refuse_without_information(history)
        return customers, history

    def _encode(self, customers: pd.DataFrame, history: History) -> tuple[Parameters, History]:
        """The kind of parameters, and the history with encoded covariates."""
        columns = columns_by_side(self.covariates, tuple(self.influences))
        if not columns:
            return self._common_parameters(), history
        parameters = self._log_linear(learn_sides(customers, columns, history.weights))
        return parameters, parameters.encoded(history, customers)

    def _units(self, history: History) -> Array:
        """Scales of the parameters in the search, which make the fit invariant to the unit of time."""
        mean = float(history.weights @ history.T / history.weights.sum())
        return np.array([mean if name in _IN_TIME else 1.0 for name in self.Params._fields])

    def _first_guess(self, history: History) -> Array:
        """Starting values, scaled."""
        weights = history.weights
        purchases = float(weights @ history.x) / float(weights.sum())
        return np.array([1.0, 1 / purchases, *self.first_guess])

    def _keep(self, parameters: Parameters, found: Found, problem: Problem) -> None:
        super()._keep(parameters, found, problem)
        self.sides_, self.likelihood_ratio_test_ = (), found.test
        if isinstance(parameters, LogLinearParameters):
            self.sides_ = parameters.with_estimate(parameters.estimate(found.optimum.theta)).sides

    def _warnings(self, history: History, parameters: Parameters, optimum: Optimum) -> list[str]:  # noqa: ARG002
        """Warnings about this fit, besides those about convergence."""
        messages = self._unidentified_coefficients(parameters, optimum)
        diverging = diverging_parameters(optimum, parameters.searched)
        scaled = self.Params(*(np.array(self.params_) / parameters.unit))
        rate = self.kernel.dropout_rate(scaled)
        if rate >= _NEGLIGIBLE_DROPOUT or NO_DROPOUT in meanings_of(diverging, self.limits):
            return messages
        return [
            *messages,
            f"dropout is negligible in this fit ({self.dropout_formula} = {rate:.2g}"
            f" {self.dropout_per}; {self._found()}): P(alive) is near 1 for all customers, and expectations"
            " over long horizons will be too high if customers do drop out; use a longer observation period,"
            " or compare with a formula on a holdout.",
        ]

    def _unidentified_coefficients(self, parameters: Parameters, optimum: Optimum) -> list[str]:
        """Warn about coefficients that are not identified in a fit at a boundary."""
        if not isinstance(parameters, LogLinearParameters) or not optimum.at_boundary:
            return []
        wide, names = set(wide_parameters(optimum, parameters.searched)), parameters.searched
        flat = {name for name, way in zip(names, optimum.flat, strict=True) if way}
        vague = [
            repr(label)
            for label, name in zip(parameters.labels, names[parameters.n_common :], strict=True)
            if name in wide | flat
        ]
        if not vague:
            return []
        return [
            f"so the data do not identify {' and '.join(vague)}, regularised with a weakly informative prior:"
            " exclude the covariate from that side, as in covariates={'purchases': ['age']}, or merge a rare"
            " level with another."
        ]

    def _refuse_without_information(self, history: History) -> None:
        if history.size < 2:
            raise FitError(
                "there is only one customer: heterogeneity cannot be estimated from one customer;"
                f" use {type(self).__name__}.from_params with known parameters."
            )
        if not history.x.any():
            raise FitError(
                f"none of the {history.size} customers bought again, so purchase rates cannot be estimated:"
                " observe them for longer, or check that purchases were not collapsed into one."
            )
        if not history.T.any():
            raise FitError(
                "every customer has T = 0, so no customer was observed for any time: choose a later end."
            )

    # Predictions.

    @property
    def _parameters(self) -> Parameters:
        return self._log_linear(self.sides_) if self.sides_ else self._common_parameters()

    def _log_linear(self, sides: tuple[Side, ...]) -> LogLinearParameters:
        return LogLinearParameters(self._common_parameters(), self.influences, sides)

    def _estimate(self) -> Array:
        return np.concatenate([self.params_, *(side.coefficients for side in self.sides_)])

    def _figures(self) -> dict[str, str]:
        test = self.likelihood_ratio_test_
        return super()._figures() | ({} if test is None else {"covariates:": str(test)})

    def _read(self, customers: pd.DataFrame, time_unit: str | None) -> History:
        return history_of(customers, time_unit, self.columns)

    def _expected(
        self, history: History, params: Any, ends: Array, weights: Array, alive: Array | None = None
    ) -> Array:
        """Weighted sum over ``ends`` of the expected purchases until then; P(alive) may be known."""
        value = np.empty(history.size)
        for start in range(0, history.size, _CUSTOMERS):
            rows = slice(start, start + _CUSTOMERS)
            own, here = params_of_rows(params, rows), history.rows(rows)
            value[rows] = self.kernel.probability_alive(here, own) if alive is None else alive[rows]
            value[rows] *= self.kernel.purchases_given_alive(here, ends, weights, own)
        return value

    def _ends(self, horizon: Horizon | None, rate: float, period: Horizon) -> tuple[Array, Array]:
        """Ends of periods and their weights in a discounted sum; ``rate`` is that of a time unit."""
        if horizon is None:
            return self._infinite_horizon_ends(rate)
        return discounted_ends(self._horizon_in_units(horizon), rate, self._horizon_in_units(period))

    def _infinite_horizon(self, history: History, params: Any) -> Array:
        value = self.kernel.infinite_horizon_purchases(history, params)
        if not np.isfinite(value).all():
            raise InputError(
                f"with {self._found()} the undiscounted infinite-horizon expectation diverges: without a"
                " horizon annual_discount_rate must be above 0; give a rate, such as 0.10, or a horizon."
            )
        return value * self.kernel.probability_alive(history, params)

    def _infinite_horizon_ends(self, rate: float) -> tuple[Array, Array]:
        return infinite_horizon_ends(rate)

    def _horizon_in_units(self, horizon: Horizon) -> float:
        now = isinstance(horizon, int | float | np.number) and horizon == 0
        return 0.0 if now else horizon_in(horizon, self.time_unit_)

    def _checked_T(self, T: ArrayLike) -> Array:
        observed = np.asarray(T, dtype=float)
        if observed.ndim != 1 or not np.isfinite(observed).all() or (observed < 0).any():
            raise InputError("T must be non-negative, finite lengths of observation, one per customer.")
        return observed

    def _params_of_covariates(self, observed: Array, covariates: pd.DataFrame) -> Any:
        if len(covariates) != observed.size:
            raise InputError(
                f"covariates has {len(covariates)} customers and T has {observed.size}; they must match."
            )
        history, parameters = new_customers(observed.size), self._parameters
        if isinstance(parameters, LogLinearParameters):
            history = parameters.encoded(history, covariates)
        return self.customer_params(history)

    def _summary(self, history: History, index: pd.Index) -> pd.DataFrame:
        values = {"frequency": history.x, "recency": history.t_x, "T": history.T}
        customers = pd.DataFrame({name: values[name] for name in self.columns}, index=index)
        if self.time_unit_ is not None:
            customers.attrs["time_unit"] = self.time_unit_
        return customers
