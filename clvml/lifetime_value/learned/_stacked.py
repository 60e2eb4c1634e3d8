"""Stacking of models of value: a mixture of their predictive distributions, weighted by log score."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from clvml._listing import listed_numbers
from clvml.customers._customer_tables import as_customers
from clvml.customers._split import Split
from clvml.customers._time_units import Horizon
from clvml.errors import ClvmlError, FitError, InputError
from clvml.inference._fit_warnings import logged_fit_warnings
from clvml.inference._stacking import simulations_by_model, stacking_weights, weight_draws
from clvml.lifetime_value._intervals import QUANTITIES, customer_intervals, total_intervals
from clvml.lifetime_value._projection import LifetimeValue
from clvml.lifetime_value._simulation import Futures, rank_of_bounds
from clvml.lifetime_value.learned._base import check_before
from clvml.lifetime_value.learned._lessons import sampled
from clvml.lifetime_value.learned._log_score import log_scores, scored_outcomes
from clvml.lifetime_value.learned._mean import MeanValue, fitted_models
from clvml.lifetime_value.learned._origins import earlier_origins

log = logging.getLogger("clvml")

Floats = NDArray[np.float64]

_SCORED = 20_000  # customers at an origin: more change the weights by less than their uncertainty
_DRAWS = 100
_LEVELS = (0.05, 0.95)


class StackedValue(MeanValue):
    """Mixture of probabilistic models of value, weighted by their log score at earlier origins.

    The models are fitted at up to four earlier origins, where the outcome is known. The weights are those
    with which the mixture of the predictive distributions has the largest log score of each customer's
    purchases and spend there. Predictions are those of the mixture: its means and probabilities are the
    weighted means of the models', its prediction intervals are quantiles of the mixture.

    Parameters
    ----------
    horizon : float or str
        Prediction horizon, in the time unit of the customers, or as text such as ``"12M"``; not infinite.
    annual_discount_rate : float, default 0
        A fraction per year: 0.10 is 10 %.
    margin : float, default 1
        Profit per unit of spend.
    models : mapping of str to LifetimeValue, optional
        Default: BG/NBD, MBG/NBD and Pareto/NBD x Gamma-Gamma. Their models of purchases need
        ``purchase_probability``; their horizons, rates and margins are not used.
    min_customers : int, default 100
        Customers at the earlier origin below which no weights are estimated.
    random_state : int, default 0
        Of the uncertainty of the weights, and of the customers scored where there are more than 20,000.

    Attributes
    ----------
    models_ : dict of str to LifetimeValue
        The models with a positive weight, fitted to the customers.
    weights_ : dict of str to float
        Of all models at the earlier origins; non-negative, with sum 1.
    weights_lower_, weights_upper_ : dict of str to float
        90 % intervals of the weights, by the Bayesian bootstrap over customers.
    weights_by_origin_ : list of dict of str to float
        The weights from each earlier origin alone, latest first: how far they change over time.
    log_score_ : dict of str to float
        Mean log score per customer of each model at the earlier origins, and of the ``"mixture"``.
    scored_ : tuple of str
        What is scored: purchases, and spend if all models have its density.
    n_origins_ : int
        Number of earlier origins.
    fallback_ : str
        Why no weights are estimated, so that predictions are those of the first model that can be fitted;
        empty if they are. A comparison leaves such a model out.
    time_unit_ : {"D", "W", "M", "Q", "Y"} or None
        Time unit of the customers.

    Raises
    ------
    InputError
        From ``fit`` and ``predict``, if an argument or the customer summary is invalid.
    FitError
        From ``fit``, if no model can be fitted to the customers.

    See Also
    --------
    clvml.MeanValue : The unweighted mean of the leading models.
    clvml.LearnedCorrection : What the models miss, learnt at earlier origins.
    clvml.Split.earlier : The earlier split that the weights are learnt from.
    clvml.compare_models : Fits it with the earlier split of the customers.

    Notes
    -----
    With ``p_k(y_i)`` the predictive density of customer ``i``'s outcome by model ``k``, fitted to data that
    end before it, the weights maximise ``sum_i log sum_k w_k p_k(y_i)`` over the simplex, which is a concave
    problem. The outcome is the number of purchases and, for customers with any, their total spend. If all
    models have the same model of spend, it does not influence the weights.

    The intervals of the weights contain the choice of customers, not that of the origins, which overlap and
    share the season; compare ``weights_by_origin_``. The densities use the estimates of the parameters; the
    prediction intervals include parameter uncertainty as `LifetimeValue.predict_interval`.

    References
    ----------
    Yao, Vehtari, Simpson, Gelman (2018), "Using stacking to average Bayesian predictive distributions",
    Bayesian Analysis 13(3), equation 4.

    Examples
    --------
    Of two models, the one that predicted earlier holdouts better has most of the weight:

    >>> import clvml
    >>> split = clvml.split(clvml.load_cdnow(), "1997-09-30", "1998-06-30")
    >>> models = {
    ...     "BG/NBD": clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), 39),
    ...     "MBG/NBD": clvml.LifetimeValue(clvml.MBGNBD(), clvml.GammaGamma(), 39),
    ... }
    >>> model = clvml.StackedValue(39, models=models).fit_with_earlier(split.calibration, split.earlier())
    >>> {name: round(weight, 1) for name, weight in model.weights_.items()}, model.n_origins_
    ({'BG/NBD': 0.2, 'MBG/NBD': 0.8}, 3)
    """

    weights_: dict[str, float]
    weights_lower_: dict[str, float]
    weights_upper_: dict[str, float]
    weights_by_origin_: list[dict[str, float]]
    log_score_: dict[str, float]
    scored_: tuple[str, ...]
    n_origins_: int
    fallback_: str

    def __init__(
        self,
        horizon: Horizon,
        annual_discount_rate: float = 0.0,
        margin: float = 1.0,
        models: Mapping[str, LifetimeValue] | None = None,
        min_customers: int = 100,
        random_state: int = 0,
    ) -> None:
        super().__init__(horizon, annual_discount_rate, margin, models)
        self.min_customers = min_customers
        self.random_state = random_state

    def _check_learnt(self) -> None:
        """Refuse weights that are not on the simplex or not of the models, by an InputError."""
        super()._check_learnt()
        values = np.array(list(self.weights_.values()), dtype=float)
        if not (values >= 0).all() or not abs(values.sum() - 1) < 1e-9:
            raise InputError("weights_ must be non-negative numbers with sum 1.")
        if any(self.weights_.get(name, 0) <= 0 for name in self.models_):
            raise InputError("each of models_ must have a positive weight in weights_.")

    def fit(self, customers: pd.DataFrame, y: object = None) -> Self:  # noqa: ARG002
        """Fit the first model that can be fitted, as a customer summary has no outcome to score.

        Parameters
        ----------
        customers : DataFrame
            The customer summary, one row per customer; polars and Arrow tables are converted.
        y : ignored
            Not used; present for API consistency with scikit-learn.

        Raises
        ------
        FitError
            If none can be fitted.
        """
        return self._one_model(as_customers(customers), "there is no earlier holdout to score")

    def fit_with_earlier(self, customers: pd.DataFrame, earlier: Split) -> Self:
        """Estimate the weights at an earlier split, and fit the models with a positive weight.

        Where the split holds its transactions, further origins before it are scored as well.

        Parameters
        ----------
        customers : DataFrame
            The customer summary, one row per customer.
        earlier : Split
            From `Split.earlier`; its observation ends no later than that of ``customers``.

        Raises
        ------
        InputError
            If the earlier split observes what follows the customers' observation, or a model of purchases
            has no distribution of their number.
        FitError
            If none can be fitted.
        """
        customers = as_customers(customers)
        check_before(customers, earlier)
        n, least = len(earlier.calibration), self.min_customers
        if n < least:
            reason = f"{n:,} customers at the earlier origin are fewer than min_customers={least:,}"
            return self._one_model(customers, reason)
        with logged_fit_warnings():
            past = fitted_models(self._given, earlier.calibration)
        if len(past) < 2:
            return self._one_model(customers, "fewer than two models can be fitted at the earlier origin")
        self._estimate_weights(past, earlier)
        self.fallback_ = ""
        return self._fit([name for name, weight in self.weights_.items() if weight > 0], customers)

    def weight_table(self) -> pd.DataFrame:
        """The weights of the models.

        Returns
        -------
        DataFrame
            Index ``model``; columns ``weight, lower, upper`` (90 % interval) and ``log_score`` (mean per
            customer at the earlier origins).
        """
        check_is_fitted(self, "models_")
        columns = {
            "weight": self.weights_,
            "lower": self.weights_lower_,
            "upper": self.weights_upper_,
            "log_score": self.log_score_,
        }
        table = pd.DataFrame({name: pd.Series(values, dtype=float) for name, values in columns.items()})
        return table.reindex(list(self.weights_)).rename_axis("model")

    def probability_alive(self, customers: pd.DataFrame) -> pd.Series:
        """P(alive) of each customer: the weighted mean of the models'."""
        return self._of_purchases("probability_alive", customers)

    def expected_purchases(self, customers: pd.DataFrame, horizon: Horizon) -> pd.Series:
        """Expected purchases of each customer in the ``horizon``: the weighted mean of the models'."""
        return self._of_purchases("expected_purchases", customers, horizon)

    def purchase_probability(self, n: int, horizon: Horizon, customers: pd.DataFrame) -> pd.Series:
        """P(exactly ``n`` purchases in the next ``horizon``) of each customer: that of the mixture."""
        check_is_fitted(self, "models_")
        customers = as_customers(customers)
        models: list[Any] = [model.purchases_ for model in self.models_.values()]
        each = [model.purchase_probability(n, horizon, customers).to_numpy() for model in models]
        return pd.Series(self._mixture(each), customers.index, name="purchase_probability")

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
        """Prediction intervals of each customer's purchases, spend and value: quantiles of the mixture.

        Each model makes its share of the simulations, so that intervals include the differences between
        models, besides what those of `LifetimeValue.predict_interval` include.

        Parameters
        ----------
        customers, coverage, horizon, annual_discount_rate, n_simulations, random_state
            As in `LifetimeValue.predict_interval`.

        Returns
        -------
        DataFrame
            As `LifetimeValue.predict_interval`; purchases by simulation as well, unless one model has all
            the weight.
        """
        check_is_fitted(self, "models_")
        customers = as_customers(customers)
        span, rate = self._span(horizon), self._rate(annual_discount_rate)
        if len(self.models_) == 1:
            (alone,) = self._with_margin()
            options = {"n_simulations": n_simulations, "random_state": random_state}
            return alone.predict_interval(customers, coverage, span, rate, **options)
        rank = rank_of_bounds(n_simulations, coverage)
        futures = self._futures(customers, span, rate, n_simulations, random_state, together=False)
        return customer_intervals(futures, customers.index, rank, QUANTITIES if span is not None else ["clv"])

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
        """Prediction intervals of totals: quantiles of the mixture, where one model holds for all customers.

        Parameters
        ----------
        customers, groups, coverage, horizon, annual_discount_rate, n_simulations, random_state
            As in `LifetimeValue.predict_total_interval`.

        Returns
        -------
        DataFrame
            As `LifetimeValue.predict_total_interval`.
        """
        check_is_fitted(self, "models_")
        customers = as_customers(customers)
        span, rate = self._span(horizon), self._rate(annual_discount_rate)
        rank = rank_of_bounds(n_simulations, coverage)
        futures = self._futures(customers, span, rate, n_simulations, random_state, together=True)
        table = total_intervals(futures, customers.index, groups, rank, n_simulations)
        table.attrs.update(coverage=coverage, includes="parameters, chance and the choice of the model")
        return table

    def _learnt(self) -> str:
        return listed_numbers(self.weights_) if hasattr(self, "weights_") else ""

    # Predictions.

    def _mixture(self, each: Sequence[Floats]) -> Floats:
        return np.asarray(np.tensordot(self._weights(), np.asarray(each), 1))

    def _weights(self) -> Floats:
        """Of the fitted models."""
        weights = np.array([self.weights_[name] for name in self.models_])
        return weights / weights.sum()

    def _span(self, horizon: Horizon | None) -> Horizon:
        return self.horizon if horizon is None else horizon

    def _rate(self, annual_discount_rate: float | None) -> float:
        return self.annual_discount_rate if annual_discount_rate is None else annual_discount_rate

    def _of_purchases(self, name: str, customers: pd.DataFrame, *args: Any) -> pd.Series:
        """The weighted mean of what a method of the models of purchases predicts."""
        check_is_fitted(self, "models_")
        customers = as_customers(customers)
        models = [model.purchases_ for model in self.models_.values()]
        each = [getattr(model, name)(customers, *args).to_numpy() for model in models]
        return pd.Series(self._mixture(each), customers.index, name=name)

    def _with_margin(self) -> list[LifetimeValue]:
        return [model.with_factors({"margin": self.margin}) for model in self.models_.values()]

    def _futures(
        self,
        customers: pd.DataFrame,
        horizon: Horizon,
        annual_discount_rate: float,
        n_simulations: int,
        random_state: int,
        *,
        together: bool,
    ) -> Iterator[Futures]:
        """Simulated futures of the mixture: each model makes its share of the simulations."""
        numbers = simulations_by_model(self._weights(), n_simulations, random_state)
        parts = [
            model.simulated_futures(
                customers, horizon, annual_discount_rate, number, random_state + place, together=together
            )
            for place, (model, number) in enumerate(zip(self._with_margin(), numbers, strict=True))
            if number > 0
        ]
        for blocks in zip(*parts, strict=True):
            joined = (
                np.concatenate(each, axis=1) for each in zip(*(block[1:] for block in blocks), strict=True)
            )
            yield Futures(blocks[0].rows, *joined)

    # Weights.

    def _estimate_weights(self, past: Mapping[str, LifetimeValue], earlier: Split) -> None:
        names, origins = list(past), earlier_origins(earlier)
        self.scored_ = scored_outcomes(past, earlier.holdout)
        before = (self._scores_before(past, split) for split in origins[1:])
        scored = [self._scores(past, earlier), *(table for table in before if table is not None)]
        scores = np.concatenate([table.to_numpy() for table in scored])
        cluster, _ = pd.factorize(np.concatenate([table.index.to_numpy() for table in scored]))
        weights = stacking_weights(scores)
        lower, upper = np.quantile(weight_draws(scores, cluster, _DRAWS, self.random_state), _LEVELS, axis=0)
        self.weights_, self.weights_lower_, self.weights_upper_ = (
            dict(zip(names, map(float, each), strict=True)) for each in (weights, lower, upper)
        )
        self.weights_by_origin_ = [
            dict(zip(names, map(float, stacking_weights(table.to_numpy())), strict=True)) for table in scored
        ]
        mixture = np.logaddexp.reduce(scores + np.log(np.maximum(weights, np.finfo(float).tiny)), axis=1)
        means = [*scores.mean(axis=0), mixture.mean()]
        self.log_score_ = dict(zip([*names, "mixture"], map(float, means), strict=True))
        self.n_origins_ = len(scored)

    def _scores(self, models: Mapping[str, LifetimeValue], split: Split) -> pd.DataFrame:
        """The log scores of the customers of an origin, a column per model."""
        customers = sampled(split.calibration, _SCORED, self.random_state)
        found = {name: log_scores(model, customers, split, self.scored_) for name, model in models.items()}
        return pd.DataFrame(found, customers.index)

    def _scores_before(self, past: Mapping[str, LifetimeValue], split: Split) -> pd.DataFrame | None:
        """The same of a further origin; None if a model cannot be fitted there."""
        customers = sampled(split.calibration, _SCORED, self.random_state)
        try:
            with logged_fit_warnings():
                models = {name: clone(model).fit(customers) for name, model in past.items()}
        except ClvmlError as error:
            log.debug("not all models can be fitted at %s", split.calibration_end, exc_info=error)
            return None
        return self._scores(models, split)

    def _one_model(self, customers: pd.DataFrame, reason: str) -> Self:
        """The first model that can be fitted, with all the weight."""
        for name in self._given:
            try:
                self._fit([name], customers)
            except FitError:
                continue
            self.weights_, self.weights_lower_, self.weights_upper_ = ({name: 1.0} for _ in range(3))
            self.weights_by_origin_, self.log_score_, self.scored_, self.n_origins_ = [], {}, (), 0
            self.fallback_ = f"no weights are estimated: {reason}"
            log.warning("%s; predictions are those of %s", self.fallback_, name)
            return self
        raise FitError(f"none of {', '.join(self._given)} can be fitted to these customers.")
