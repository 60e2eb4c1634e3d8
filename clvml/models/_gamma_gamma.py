"""The Gamma-Gamma model of spend per purchase as an estimator."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from clvml.customers._customer_tables import as_customers
from clvml.customers._summary_checks import check_customers, checked_columns
from clvml.customers._training_summary import training_summary
from clvml.distributions import _simulation as simulation
from clvml.distributions import gamma_gamma
from clvml.distributions._histories import distinct_rows
from clvml.distributions._history import Array
from clvml.distributions.gamma_gamma import GammaGammaParams, Spend
from clvml.errors import FitError
from clvml.inference._arguments import check_coverage, check_fitted, check_params
from clvml.inference._prior import PriorScale, is_weak
from clvml.models._customer_history import check_weights
from clvml.models._likelihood_model import LikelihoodModel, RandomState
from clvml.models._parameters import Problem
from clvml.models._spend_simulator import SpendSimulator
from clvml.models._traits import Trait, mean_spend

_DRAWS = 32  # of the parameters, for prediction intervals
_FIRST_GUESS = np.array([4.0, 4.0, 0.75])  # in units of the search
_SAME = 0.01  # relative range of averages in which customers do not differ: the likelihood is too steep
_CORRELATED = 0.25  # correlation of frequency and spend; 0.11 in CDNOW, where the model fits well


class GammaGamma(LikelihoodModel):
    """The Gamma-Gamma model of spend per purchase, fitted by maximum likelihood.

    Fitted to the average repeat spend of customers with repeat purchases; customers without repeat purchases,
    or with zero repeat spend, are excluded and counted in ``n_set_aside_``.

    Parameters
    ----------
    prior : {"weak", "auto"}, optional
        Regularise the fit with a weakly informative prior when the data do not identify all parameters; see
        `prior_table`.

    Attributes
    ----------
    params_ : GammaGammaParams
        ``p, q, v``; ``v`` in currency units.
    log_likelihood_ : float
        Total log-likelihood at the optimum.
    covariance_ : ndarray, shape (3, 3)
        Covariance of the parameters: the inverse observed information.
    standard_errors_ : GammaGammaParams
        Standard errors of the parameters.
    n_customers_, n_set_aside_ : float, int
        Customers (or their weight) in the fit, and those excluded.
    frequency_spend_correlation_ : float
        Pearson correlation among the customers in the fit; the model assumes independence.
    fit_record_ : FitRecord
        Convergence diagnostics and warnings.

    References
    ----------
    Fader, Hardie (2013), The Gamma-Gamma Model of Monetary Value, note 025.

    Examples
    --------
    >>> import clvml
    >>> split = clvml.split(clvml.load_cdnow(), "1997-09-30", "1998-06-30", time_unit="W")
    >>> model = clvml.GammaGamma().fit(split.calibration)
    >>> [round(value, 2) for value in model.params_]
    [6.25, 3.74, 15.44]
    """

    required_columns = ("frequency", "monetary_value")

    title = "Gamma-Gamma"
    Params: ClassVar[type[GammaGammaParams]] = GammaGammaParams
    meanings = (
        "shape of a customer's purchases: the larger, the more homogeneous",
        "shape across customers: the larger, the more homogeneous",
        "scale of spend, p * v / (q - 1) on average, in currency units",
    )
    scales = (
        PriorScale("shape of a customer's purchases, p", (1, 0, 0), 4.0, 1.5),
        PriorScale("shape of customers' levels, q", (0, 1, 0), 4.0, 1.5),
        PriorScale("level of spend, p * v / q, in mean spend", (1, -1, 1), 1.0, 2.0),
    )
    traits = (Trait("mean spend", "money per purchase", mean_spend, ("p", "q", "v")),)
    limits: ClassVar[dict[tuple[str, ...], str]] = {
        ("q to infinity", "v to infinity"): "customers do not differ in what they spend",
        ("p to 0", "q to infinity", "v to infinity"): "customers do not differ in what they spend",
        ("p to infinity", "v to 0"): "a customer always spends the same",
    }

    params_: GammaGammaParams
    standard_errors_: GammaGammaParams
    n_set_aside_: int
    frequency_spend_correlation_: float

    @classmethod
    def from_params(cls, *, p: float, q: float, v: float) -> Self:
        """Create a model with given parameters, for predictions without a fit.

        Raises
        ------
        InputError
            If a parameter is not positive and finite.
        """
        model = cls()
        model.params_ = check_params(GammaGammaParams(p, q, v))
        return model

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
            The customer summary with ``frequency`` and ``monetary_value``, one row per customer, or the
            distinct pairs with ``weights`` (`clvml.count_spend`).
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
            If parameters diverge, mean spend is not finite (``q <= 1``), or frequency and spend are
            correlated.
        """
        customers = as_customers(customers)
        spend = self._check(customers, weights)
        parameters = self._parameters.in_units(_units(spend))
        starts = self._starts(parameters.unit * _FIRST_GUESS, start)
        problem = Problem(
            gamma_gamma, spend, is_weak(self.prior, float(spend.weights.sum())), rough=start is None
        )
        optimum = self._search(parameters, problem, starts)
        self.log_likelihood_ -= float(spend.weights @ np.log(spend.m))
        counted = check_weights(weights, customers)
        n_customers = len(customers) if counted is None else counted.sum()
        self.n_set_aside_ = round(n_customers - float(spend.weights.sum()))
        self.frequency_spend_correlation_ = _correlation(spend)
        self.training_summary_ = training_summary(customers[list(self.required_columns)], counted)
        self._record(parameters, optimum, self._warnings())
        return self

    def score(self, customers: pd.DataFrame, y: object = None, *, weights: object = None) -> float:  # noqa: ARG002
        """Mean log-likelihood per customer with repeat spend, for scikit-learn's model selection.

        Larger is better; customers without repeat spend are excluded, as in the fit.
        """
        spend = self._check(as_customers(customers), weights)
        check_is_fitted(self, "params_")
        each = gamma_gamma.log_likelihood(spend.x, spend.m, self.params_)
        return float(np.average(each, weights=spend.weights))

    def log_likelihood(self, customers: pd.DataFrame) -> pd.Series:
        """Log-density of each customer's average spend; 0 for customers without repeat spend."""
        x, m, index = self._spend(customers)
        known = (x > 0) & (m > 0)
        value = gamma_gamma.log_likelihood(np.where(known, x, 1), np.where(known, m, 1), self.params_)
        return pd.Series(np.where(known, value, 0.0), index, name="log_likelihood")

    def expected_spend(self, customers: pd.DataFrame) -> pd.Series:
        """Expected spend of each customer per future purchase, in currency units.

        A weighted mean of the customer's average and the population mean; the latter alone for customers
        without repeat purchases (Fader, Hardie 2013, equation 5).

        Raises
        ------
        FitError
            If the mean is infinite for a customer, which occurs if ``p * frequency + q <= 1``.
        """
        x, m, index = self._spend(customers)
        p, q, _ = self.params_
        if p * x.min() + q <= 1:
            infinite = int((p * x + q <= 1).sum())
            raise FitError(
                f"with q = {q:.3g} the spend of {infinite} of {x.size} customers has no finite mean: it"
                " requires p * frequency + q > 1, so spend is too heavy-tailed for Gamma-Gamma; check for"
                " extreme amounts, or use a formula."
            )
        spend = gamma_gamma.expected_spend(x, m, self.params_)
        return pd.Series(spend, index, name="expected_spend", copy=False)

    def predict_interval(self, customers: pd.DataFrame, coverage: float = 0.9) -> pd.DataFrame:
        """Interval of each customer's mean spend per purchase, given their past spend.

        Given the parameters, ``nu ~ Gamma(p*x + q, v + x*m)``, and mean spend is ``p / nu``. If the model was
        fitted to fewer than 20,000 customers, the distribution is averaged over draws of the parameters; with
        more, parameter uncertainty is negligible.

        Returns
        -------
        DataFrame
            Columns ``lower, upper``, in currency units, on the customers' index.
        """
        check_coverage(coverage)
        x, m, index = self._spend(customers)
        one, row = distinct_rows((x, m))
        draws = [GammaGammaParams(*draw.tolist()) for draw in self.parameter_draws(_DRAWS, 0)]
        levels = {"lower": (1 - coverage) / 2, "upper": (1 + coverage) / 2}
        interval = {
            end: gamma_gamma.mean_spend_quantile(level, x[one], m[one], draws)[row]
            for end, level in levels.items()
        }
        return pd.DataFrame(interval, index=index)

    def average_spend_cdf(self, frequency: Array, amounts: Array) -> Array:
        """P(average spend over ``frequency`` purchases is at most ``amounts``), broadcast."""
        check_is_fitted(self, "params_")
        return gamma_gamma.average_below(frequency, amounts, self.params_)

    def spend_simulator(self, customers: pd.DataFrame) -> SpendSimulator:
        """A function that simulates these customers' spend on future purchases; see `SpendSimulator`."""
        x, m, _ = self._spend(customers)
        return SpendSimulator(x, m * (x > 0))

    def simulate(self, frequency: pd.Series, random_state: RandomState = None) -> pd.Series:
        """Simulate average spend of customers with these numbers of repeat purchases.

        Parameters
        ----------
        frequency : Series
            Number of repeat purchases of each customer.
        random_state : int, Generator or None
            Pass an int for reproducible results.

        Returns
        -------
        Series
            Named ``monetary_value``, in currency units; 0 where ``frequency`` is 0.
        """
        check_is_fitted(self, "params_")
        x = check_customers(frequency.to_frame("frequency"), ("frequency",))["frequency"]
        spend = simulation.average_spend(x.to_numpy(), self.params_, np.random.default_rng(random_state))
        return pd.Series(spend, x.index, name="monetary_value")

    def _check(self, customers: pd.DataFrame, weights: object) -> Spend:
        """The validated data of customers with repeat spend."""
        x, m = checked_columns(customers, self.required_columns).values()
        counted = check_weights(weights, customers)
        spent = (x > 0) & (m > 0)
        if counted is not None:
            spent &= counted > 0
        used = np.flatnonzero(spent)
        every = np.ones(m.size) if counted is None else counted
        _refuse_without_information(m[used], float(every[used].sum()), float(every.sum()))
        return Spend(x[used], m[used], every[used])

    def _warnings(self) -> list[str]:
        """Warnings about this fit, besides those about convergence."""
        messages = []
        if self.params_.q <= 1:
            messages.append(
                f"q = {self.params_.q:.3g} is not above 1, so mean spend over all customers is infinite:"
                " expected spend of one-time buyers is undefined; check for extreme amounts."
            )
        correlation = self.frequency_spend_correlation_
        if abs(correlation) > _CORRELATED:
            messages.append(
                f"frequency and average spend are correlated ({correlation:+.2f}; +0.11 in CDNOW), but"
                " Gamma-Gamma assumes independence: the value of frequent customers will be too"
                f" {'low' if correlation > 0 else 'high'}; fit segments separately, or compare"
                " with a formula on a holdout."
            )
        return messages

    def _spend(self, customers: pd.DataFrame) -> tuple[Array, Array, pd.Index]:
        check_fitted(self, "params_")
        customers = as_customers(customers)
        x, m = checked_columns(customers, self.required_columns).values()
        return x, m, customers.index


def _refuse_without_information(m: Array, n_spent: float, n_customers: float) -> None:
    if m.size == 0 or n_spent < 2:
        raise FitError(
            f"{n_spent:.0f} of {n_customers:.0f} customers have repeat spend; Gamma-Gamma requires at"
            " least two: use a longer observation period, or GammaGamma.from_params."
        )
    if np.ptp(m) <= _SAME * m.max():
        within = "" if np.ptp(m) <= 1e-12 * m.max() else f" to within {_SAME:.0%}"
        raise FitError(
            f"all {n_spent:.0f} customers have the same average spend ({m[0]:g}){within}, so its distribution"
            " cannot be estimated: use clvml.ConstantSpend as the model of spend, or check the amount column."
        )


def _units(spend: Spend) -> Array:
    """Scales of the parameters in the search, which make the fit invariant to the currency unit."""
    mean = float(spend.weights @ spend.m) / float(spend.weights.sum())
    return np.array([1.0, 1.0, mean])


def _correlation(spend: Spend) -> float:
    """Pearson's correlation of frequency and average spend; 0 if one of the two is constant."""
    x, m, weight = spend.x, spend.m, spend.weights
    n = weight.sum()
    far, off = x - weight @ x / n, m - weight @ m / n
    off_weight = weight * off
    spread = np.sqrt(weight @ far**2) * np.sqrt(off_weight @ off)
    return float(off_weight @ far / spread) if spread > 0 else 0.0
