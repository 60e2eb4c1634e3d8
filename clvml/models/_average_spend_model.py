"""Base class of models of average spend, fitted by maximum likelihood.

The mathematics of a model is its kernel, a module of functions of the number of purchases, their average and
the parameters (`clvml.distributions`); the estimator reads customer summaries, encodes covariates by
`clvml.models._log_linear`, and converts results to Series. `GammaGamma` and `LognormalSpend` differ in the
kernel only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from clvml.customers._counts import counted_if_stored
from clvml.customers._customer_tables import as_customers
from clvml.customers._summary_checks import check_customers, checked_columns
from clvml.customers._summary_files import SummaryFile
from clvml.customers._time_units import stated_time_unit
from clvml.customers._training_summary import training_summary
from clvml.distributions._covariates import Influence
from clvml.distributions._histories import distinct_rows
from clvml.distributions._history import Array, params_of_rows
from clvml.distributions.gamma_gamma import Spend
from clvml.errors import FitError, InputError
from clvml.inference._arguments import check_coverage, check_fitted, check_params
from clvml.inference._likelihood_ratio import LikelihoodRatioTest
from clvml.inference._prior import is_weak
from clvml.models._count_quantiles import customer_specific
from clvml.models._customer_history import check_weights
from clvml.models._likelihood_model import LikelihoodModel, RandomState
from clvml.models._log_linear import LogLinearParameters, Side, columns_by_side, learn_sides
from clvml.models._parameters import CommonParameters, Found, Parameters, Problem
from clvml.models._purchase_rates import LOG_RATE, RateParams, fit_rates, log_rates, purchase_weight
from clvml.models._spend_simulator import SpendSimulator

_DRAWS = 32  # of the parameters, for prediction intervals
_CUSTOMERS = 32_768  # at once in intervals, so that memory use does not grow with their number
_SAME = 0.01  # relative range of averages in which customers do not differ: the likelihood is too steep
_CORRELATED = 0.25  # correlation of frequency and spend; 0.11 in CDNOW, where the model fits well
_SIDE = "spend"


class AverageSpendModel(LikelihoodModel):
    """Base class of models of average spend; subclasses define the kernel and the starting values.

    Parameters
    ----------
    prior : {"weak", "auto"}, optional
        As in `LikelihoodModel`; the prior of standardised coefficients is normal with standard deviation 1.5.
    covariates : sequence of str, default ()
        Time-invariant columns of the customer summary: numeric, or categorical (text, bool, pandas
        categorical). Each multiplies mean spend by ``exp(coefficient)``.
    use_first_purchase : bool, default False
        Whether the amount of the first purchase counts too: ``frequency + 1`` purchases with the total
        ``total_spend``. One-time buyers are then in the fit, and are known by what they spent. Wrong where
        first purchases differ from later ones, as trial sizes and welcome discounts do.
    rate_effect : bool, default False
        Whether mean spend depends on the purchase rate, by an elasticity that is fitted; see
        `clvml.models._purchase_rates`. Needs the column ``T``.
    """

    kernel: ClassVar[Any]
    influences: ClassVar[Mapping[str, Influence]]
    first_guess: ClassVar[tuple[float, ...]]  # in units of the search
    money: ClassVar[tuple[str, ...]]  # parameters in the unit of money; the others are dimensionless

    n_set_aside_: int
    frequency_spend_correlation_: float
    sides_: tuple[Side, ...] = ()
    likelihood_ratio_test_: LikelihoodRatioTest | None = None
    rate_params_: RateParams | None = None
    time_unit_: str | None = None

    def __init__(
        self,
        prior: Literal["weak", "auto"] | None = None,
        covariates: Sequence[str] = (),
        use_first_purchase: bool = False,
        rate_effect: bool = False,
    ) -> None:
        super().__init__(prior)
        self.covariates = covariates
        self.use_first_purchase = use_first_purchase
        self.rate_effect = rate_effect

    @classmethod
    def _with_params(cls, params: Any) -> Self:
        model = cls()
        model.params_ = check_params(params)
        return model

    @property
    def required_columns(self) -> tuple[str, ...]:
        """The columns of the customer summary that the model uses."""
        return tuple(dict.fromkeys([*self._numbers, *self._given_covariates()]))

    @property
    def reference_(self) -> dict[str, Any]:
        """The covariates of the reference customer, whose parameters are ``params_``."""
        check_fitted(self, "params_")
        covariates = [each for side in self.sides_ for each in side.covariates]
        return {each.name: each.reference for each in covariates if each.name != LOG_RATE}

    @property
    def coefficients_(self) -> pd.DataFrame:
        """Coefficients of the covariates: ``exp(estimate)`` multiplies mean spend per unit, or by level.

        The estimate of ``"log purchase rate"`` is an elasticity. Index ``side, covariate``; columns
        ``estimate, standard_error, lower, upper``, the limits of 95 % Wald confidence intervals.
        """
        check_is_fitted(self, "params_")
        estimate = self._estimate()
        errors = np.sqrt(np.diag(self.covariance_)) if self.sides_ else np.zeros_like(estimate)
        return self._log_linear(self.sides_).coefficients(estimate, errors)

    def fit(
        self,
        customers: pd.DataFrame | SummaryFile | str | Path,
        y: object = None,  # noqa: ARG002
        *,
        weights: object = None,
        start: object = None,
    ) -> Self:
        """Fit the model by maximum likelihood.

        Parameters
        ----------
        customers : DataFrame, shape (n_customers, ...), SummaryFile or path
            The customer summary with ``frequency`` and ``monetary_value`` (or ``total_spend``, to use the
            first purchase) and the covariates, one row per customer, or the distinct ones with ``weights``
            (`clvml.count_spend`).
        y : ignored
            Not used; present for API consistency with scikit-learn.
        weights : array-like, shape (n_customers,), optional
            Number of customers that each row represents.
        start : sequence of float, optional
            Starting values, such as the parameters of last month's model.

        Raises
        ------
        InputError
            If the summary is invalid.
        FitError
            If fewer than two customers have repeat spend, or all have the same average, to within 1 %: use
            `ConstantSpend`.

        Warns
        -----
        FitWarning
            If parameters diverge, mean spend is not finite, or frequency and spend are correlated and the
            model has no ``rate_effect``.
        """
        table, weights = counted_if_stored(customers, self.required_columns, weights)
        used, spend = self._check(table, weights)
        self.time_unit_ = stated_time_unit(table) if self.rate_effect else None
        self.rate_params_, self.sides_ = self._fit_rates(table, weights), ()
        parameters, spend = self._encode(table.iloc[used], spend)
        parameters = parameters.in_units(self._units(spend))
        starts = self._starts(parameters.unit * np.array(self.first_guess), start)
        weak = is_weak(self.prior, float(spend.weights.sum()))
        problem = Problem(self.kernel, spend, weak, self.kernel, rough=start is None)
        optimum = self._search(parameters, problem, starts)
        self.log_likelihood_ -= float(spend.weights @ np.log(spend.m))
        counted = check_weights(weights, table)
        n_customers = len(table) if counted is None else counted.sum()
        self.n_set_aside_ = round(n_customers - float(spend.weights.sum()))
        self.frequency_spend_correlation_ = _correlation(spend)
        self.training_summary_ = training_summary(table[list(self.required_columns)], counted)
        self._record(parameters, optimum, self._warnings())
        return self

    def score(self, customers: pd.DataFrame, y: object = None, *, weights: object = None) -> float:  # noqa: ARG002
        """Mean log-likelihood per customer with spend in the model, for scikit-learn's model selection.

        Customers without repeat spend are excluded, as in the fit.

        Parameters
        ----------
        customers : DataFrame
            The customer summary with ``frequency`` and ``monetary_value``, and the covariates if there are
            any.
        y : ignored
            Not used; present for API consistency with scikit-learn.
        weights : array-like, shape (n_customers,), optional
            Number of customers that each row represents.

        Returns
        -------
        float
            Larger is better.
        """
        customers, weights = counted_if_stored(customers, self.required_columns, weights)
        used, spend = self._check(customers, weights)
        check_is_fitted(self, "params_")
        spend = self._encoded(customers.iloc[used], spend)
        each = self.kernel.log_likelihood(spend.x, spend.m, self.customer_params(spend))
        return float(np.average(each, weights=spend.weights))

    def log_likelihood(self, customers: pd.DataFrame) -> pd.Series:
        """Log-density of each customer's average spend; 0 for customers without spend in the model.

        Parameters
        ----------
        customers : DataFrame
            The customer summary with ``frequency`` and ``monetary_value``, and the covariates if there are
            any.

        Returns
        -------
        Series
            On the customers' index.
        """
        spend, index = self._spend(customers)
        known = (spend.x > 0) & (spend.m > 0)
        x, m = np.where(known, spend.x, 1), np.where(known, spend.m, 1)
        value = self.kernel.log_likelihood(x, m, self.customer_params(spend))
        return pd.Series(np.where(known, value, 0.0), index, name="log_likelihood")

    def expected_spend(self, customers: pd.DataFrame) -> pd.Series:
        """Expected spend of each customer per future purchase, in currency units.

        A weighted mean of the customer's average and the population mean (or that of customers with these
        covariates); the latter alone for customers without spend in the model.

        Parameters
        ----------
        customers : DataFrame
            The customer summary with ``frequency`` and ``monetary_value``, and the covariates if there are
            any.

        Returns
        -------
        Series
            On the customers' index.

        Raises
        ------
        FitError
            If the mean is infinite for a customer.
        """
        spend, index = self._spend(customers)
        params = self.customer_params(spend)
        self._refuse_infinite(spend, params)
        value = self.kernel.expected_spend(spend.x, spend.m, params) * self._purchase_weight(spend)
        return pd.Series(value, index, name="expected_spend", copy=False)

    def predict_interval(self, customers: pd.DataFrame, coverage: float = 0.9) -> pd.DataFrame:
        """Interval of each customer's mean spend per purchase, given their past spend.

        If the model was fitted to fewer than 20,000 customers, the distribution is averaged over draws of the
        parameters; with more, parameter uncertainty is negligible.

        Parameters
        ----------
        customers : DataFrame
            The customer summary with ``frequency`` and ``monetary_value``, and the covariates if there are
            any.
        coverage : float, default 0.9
            Nominal coverage, with equal tails.

        Returns
        -------
        DataFrame
            Columns ``lower, upper``, in currency units, on the customers' index.
        """
        check_coverage(coverage)
        spend, index = self._spend(customers)
        one, row = distinct_rows((spend.x, spend.m, *customer_specific(self.customer_params(spend))))
        levels = {"lower": (1 - coverage) / 2, "upper": (1 + coverage) / 2}
        quantiles = self._mean_spend_quantiles(spend.rows(one), tuple(levels.values()))
        weight = self._purchase_weight(spend)
        interval = {end: quantile[row] * weight for end, quantile in zip(levels, quantiles, strict=True)}
        return pd.DataFrame(interval, index=index)

    def average_spend_cdf(self, frequency: Array, amounts: Array) -> Array:
        """P(average spend over ``frequency`` purchases is at most ``amounts``), broadcast.

        With covariates of reference customers.
        """
        check_is_fitted(self, "params_")
        below: Array = self.kernel.average_below(frequency, amounts, self.params_)
        return below

    def spend_simulator(self, customers: pd.DataFrame) -> SpendSimulator:
        """A function that simulates these customers' spend on future purchases; see `SpendSimulator`."""
        spend, _ = self._spend(customers)
        spend = Spend(spend.x, spend.m * (spend.x > 0), spend.weights, spend.covariates)
        return SpendSimulator(self.kernel, spend, self.customer_params, self._purchase_weight(spend))

    def simulate(
        self,
        frequency: pd.Series,
        random_state: RandomState = None,
        covariates: pd.DataFrame | None = None,
    ) -> pd.Series:
        """Simulate average spend of customers with these numbers of purchases.

        Parameters
        ----------
        frequency : Series
            Number of purchases of each customer that are averaged.
        random_state : int, Generator or None
            Pass an int for reproducible results.
        covariates : DataFrame, shape (n_customers, ...), optional
            Their covariates (and ``T``, for a rate effect), in the same order; None for reference customers.

        Returns
        -------
        Series
            Named ``monetary_value``, in currency units; 0 where ``frequency`` is 0.
        """
        check_is_fitted(self, "params_")
        x = check_customers(frequency.to_frame("frequency"), ("frequency",))["frequency"]
        params, rng = self.params_, np.random.default_rng(random_state)
        if covariates is not None:
            known = covariates.assign(frequency=x.to_numpy())
            params = self.customer_params(self._encoded(known, _without_spend(len(x))))
        spend = self.kernel.simulate_average(x.to_numpy(), params, rng)
        return pd.Series(spend, x.index, name="monetary_value")

    def customer_params(self, spend: Spend, estimate: Array | None = None) -> Any:
        """Customer-specific parameters, by the estimate or by a draw of `parameter_draws`."""
        check_fitted(self, "params_")
        estimate = self._estimate() if estimate is None else estimate
        return self._parameters.customer_params(spend, estimate)

    def likelihood_problem(self, customers: pd.DataFrame, weights: object = None) -> Problem:
        """The problem of maximum likelihood that these customers pose, without covariates or a prior."""
        return Problem(self.kernel, self._sample(customers, weights)[1], weak=False)

    def common_parameters(self, problem: Problem) -> CommonParameters:
        """The parameters of all customers, in the scales of a search for this problem."""
        return self._common_parameters().in_units(self._units(problem.sample))

    # The steps of the fit.

    def _check(self, customers: pd.DataFrame, weights: object) -> tuple[NDArray[np.int64], Spend]:
        """As `_sample`, of enough customers who differ."""
        used, spend = self._sample(customers, weights)
        counted = check_weights(weights, customers)
        n_customers = len(customers) if counted is None else float(counted.sum())
        self._refuse_without_information(spend.m, float(spend.weights.sum()), n_customers)
        return used, spend

    def _sample(self, customers: pd.DataFrame, weights: object) -> tuple[NDArray[np.int64], Spend]:
        """Positions and validated data of customers with spend in the model."""
        x, m = self._purchases(customers)
        counted = check_weights(weights, customers)
        spent = (x > 0) & (m > 0)
        if counted is not None:
            spent &= counted > 0
        used = np.flatnonzero(spent)
        return used, Spend(x[used], m[used], np.ones(used.size) if counted is None else counted[used])

    def _fit_rates(self, customers: pd.DataFrame, weights: object) -> RateParams | None:
        """The distribution of purchase rates across all customers, if spend depends on them."""
        if not self.rate_effect:
            return None
        counted = check_weights(weights, customers)
        x, T = (checked_columns(customers, ("frequency", "T"))[name] for name in ("frequency", "T"))
        return fit_rates(x, T, np.ones(x.size) if counted is None else counted)

    def _encode(self, customers: pd.DataFrame, spend: Spend) -> tuple[Parameters, Spend]:
        """The kind of parameters, and the data with encoded covariates."""
        columns = list(self._given_covariates())
        if self.rate_effect:
            customers, columns = self._with_rates(customers), [*columns, LOG_RATE]
            _refuse_equal_rates(customers[LOG_RATE])
        if not columns:
            return self._common_parameters(), spend
        parameters = self._log_linear(learn_sides(customers, {_SIDE: columns}, spend.weights))
        return parameters, parameters.encoded(spend, customers)

    def _units(self, spend: Spend) -> Array:
        """Scales of the parameters in the search, which make the fit invariant to the currency unit."""
        mean = float(spend.weights @ spend.m) / float(spend.weights.sum())
        return np.array([mean if name in self.money else 1.0 for name in self.Params._fields])

    def _keep(self, parameters: Parameters, found: Found, problem: Problem) -> None:
        super()._keep(parameters, found, problem)
        self.sides_, self.likelihood_ratio_test_ = (), found.test
        if isinstance(parameters, LogLinearParameters):
            self.sides_ = parameters.with_estimate(parameters.estimate(found.optimum.theta)).sides

    def _check_learnt(self) -> None:
        """As `LikelihoodModel`; and the coefficients must be those of the covariates."""
        learnt = tuple(each.name for side in self.sides_ for each in side.covariates)
        expected = (*self._given_covariates(), *([LOG_RATE] if self.rate_effect else ()))
        if learnt != expected or any(side.name != _SIDE for side in self.sides_):
            raise InputError(f"the coefficients are of {learnt}, and the covariates are {expected}.")
        for side in self.sides_:
            side.check()
        if (self.rate_params_ is None) == self.rate_effect:
            raise InputError("rate_params_ must be given with rate_effect, and only then.")
        if self.rate_params_ is not None:
            self.rate_params_.check()
        super()._check_learnt()

    def _warnings(self) -> list[str]:
        """Warnings about this fit, besides those about convergence."""
        correlation = self.frequency_spend_correlation_
        if self.rate_effect or abs(correlation) <= _CORRELATED:
            return []
        return [
            f"frequency and average spend are correlated ({correlation:+.2f}; +0.11 in CDNOW), but"
            f" {self.title} assumes independence: the value of frequent customers will be too"
            f" {'low' if correlation > 0 else 'high'}; fit with rate_effect=True, fit segments separately, or"
            " compare with a formula on a holdout."
        ]

    def _refuse_without_information(self, m: Array, n_spent: float, n_customers: float) -> None:
        kind, name = "spend" if self.use_first_purchase else "repeat spend", type(self).__name__
        if m.size == 0 or n_spent < 2:
            raise FitError(
                f"{n_spent:.0f} of {n_customers:.0f} customers have {kind}; {self.title} requires at"
                f" least two: use a longer observation period, or {name}.from_params."
            )
        if np.ptp(m) <= _SAME * m.max():
            within = "" if np.ptp(m) <= 1e-12 * m.max() else f" to within {_SAME:.0%}"
            raise FitError(
                f"all {n_spent:.0f} customers have the same average spend ({m[0]:g}){within}, so its"
                " distribution cannot be estimated: use clvml.ConstantSpend as the model of spend, or check"
                " the amount column."
            )

    def _refuse_infinite(self, spend: Spend, params: Any) -> None:
        """Raise a `FitError` if the mean spend of a customer is not finite."""

    # Predictions.

    @property
    def _numbers(self) -> tuple[str, ...]:
        """The numeric columns besides covariates."""
        money = "total_spend" if self.use_first_purchase else "monetary_value"
        return ("frequency", money, "T") if self.rate_effect else ("frequency", money)

    def _given_covariates(self) -> tuple[str, ...]:
        return columns_by_side({_SIDE: self.covariates}, (_SIDE,)).get(_SIDE, ())

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

    def _purchases(self, customers: pd.DataFrame) -> tuple[Array, Array]:
        """Number of purchases in the model, and their average."""
        columns = checked_columns(customers, self._numbers, self.time_unit_)
        x = columns["frequency"]
        if self.use_first_purchase:
            return x + 1, columns["total_spend"] / (x + 1)
        return x, columns["monetary_value"]

    def _spend(self, customers: pd.DataFrame) -> tuple[Spend, pd.Index]:
        """The data of customers with their covariates, and the index."""
        check_fitted(self, "params_")
        customers = as_customers(customers)
        x, m = self._purchases(customers)
        return self._encoded(customers, Spend(x, m, np.ones(x.size))), customers.index

    def _encoded(self, customers: pd.DataFrame, spend: Spend) -> Spend:
        parameters = self._parameters
        if not isinstance(parameters, LogLinearParameters):
            return spend
        if self.rate_effect:
            customers = self._with_rates(customers)
        encoded: Spend = parameters.encoded(spend, customers)
        return encoded

    def _with_rates(self, customers: pd.DataFrame) -> pd.DataFrame:
        """The customers with their log purchase rates, within those of the fit.

        A fit to repeat purchases says nothing of customers who have none, who are taken for such with one.
        """
        if self.rate_params_ is None:
            return customers
        columns = checked_columns(customers, ("frequency", "T"), self.time_unit_)
        least = 0.0 if self.use_first_purchase else 1.0
        rates = log_rates(np.maximum(columns["frequency"], least), columns["T"], self.rate_params_)
        for each in (each for side in self.sides_ for each in side.covariates if each.name == LOG_RATE):
            reach = each.reach * each.spread
            rates = np.clip(rates, each.centre - reach, each.centre + reach)
        return customers.assign(**{LOG_RATE: rates})

    def _purchase_weight(self, spend: Spend) -> Array | float:
        """Mean spend on future purchases relative to that of the customers, with an effect of the rate."""
        if self.rate_params_ is None:
            return 1.0
        repeat = np.maximum(spend.x - 1, 0) if self.use_first_purchase else np.maximum(spend.x, 1)
        return purchase_weight(repeat, self.sides_[0].coefficients[-1], self.rate_params_)

    def _mean_spend_quantiles(self, spend: Spend, levels: tuple[float, ...]) -> list[Array]:
        """Posterior quantiles of mean spend, averaged over draws of the parameters, in blocks."""
        draws = [self.customer_params(spend, draw) for draw in self.parameter_draws(_DRAWS, 0)]
        quantiles = [np.empty(spend.size) for _ in levels]
        for start in range(0, spend.size, _CUSTOMERS):
            rows = slice(start, start + _CUSTOMERS)
            own = [params_of_rows(params, rows) for params in draws]
            for level, quantile in zip(levels, quantiles, strict=True):
                quantile[rows] = self.kernel.mean_spend_quantile(level, spend.x[rows], spend.m[rows], own)
        return quantiles


def _without_spend(n: int) -> Spend:
    return Spend(np.zeros(n), np.zeros(n), np.ones(n))


def _refuse_equal_rates(rates: pd.Series) -> None:
    if np.ptp(rates.to_numpy()) <= 1e-9 * abs(rates).max():
        raise FitError(
            "all customers in the fit have the same purchase rate, so its effect on spend is not identified:"
            " leave rate_effect at False."
        )


def _correlation(spend: Spend) -> float:
    """Pearson's correlation of frequency and average spend; 0 if one of the two is constant."""
    x, m, weight = spend.x, spend.m, spend.weights
    n = weight.sum()
    far, off = x - weight @ x / n, m - weight @ m / n
    off_weight = weight * off
    spread = np.sqrt(weight @ far**2) * np.sqrt(off_weight @ off)
    return float(off_weight @ far / spread) if spread > 0 else 0.0
