"""The mean of the leading models, as judged at an earlier origin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from clvml.customers._customer_tables import as_customers
from clvml.customers._split import Split
from clvml.customers._time_units import Horizon
from clvml.distributions._history import params_of_rows
from clvml.distributions._next_purchase import time_of_probability
from clvml.errors import ClvmlError, FitError, InputError
from clvml.lifetime_value._projection import LifetimeValue
from clvml.lifetime_value._protocol import title_of
from clvml.lifetime_value.learned._base import LearnedValue, check_before
from clvml.lifetime_value.learned._candidates import purchase_structures
from clvml.lifetime_value.learned._ratio import spend_deviances
from clvml.models._history_model import HistoryModel


class MeanValue(LearnedValue):
    """Mean value of the leading probabilistic models.

    Models whose errors differ are better on average than one of them (Bates and Granger 1969). With an
    earlier split (``fit_with_earlier``, which comparisons call) the leading ones are those whose Poisson
    deviance of spend there is within one standard error of the lowest; without one (``fit``), all.

    Parameters
    ----------
    horizon : float or str
        Prediction horizon, in the time unit of the customers, or as text such as ``"12M"``; not infinite.
    annual_discount_rate : float, default 0
        A fraction per year: 0.10 is 10 %.
    margin : float, default 1
        Profit per unit of spend.
    models : mapping of str to LifetimeValue, optional
        By name. Default: BG/NBD, MBG/NBD and Pareto/NBD x Gamma-Gamma.

    Attributes
    ----------
    models_ : dict of str to LifetimeValue
        The leading models, fitted to the customers.
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
    clvml.StackedValue : A mean with weights, of the whole predictive distributions.
    clvml.LifetimeValue : Its models.
    clvml.compare_models : Fits it with the earlier split of the customers.

    References
    ----------
    Bates and Granger (1969), "The combination of forecasts", Operational Research Quarterly 20.

    Examples
    --------
    >>> import clvml
    >>> split = clvml.split(clvml.load_cdnow(), "1997-09-30", "1998-06-30")
    >>> models = {
    ...     "BG/NBD": clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), 39),
    ...     "MBG/NBD": clvml.LifetimeValue(clvml.MBGNBD(), clvml.GammaGamma(), 39),
    ... }
    >>> mean = clvml.MeanValue(39, models=models).fit(split.calibration)
    >>> both = [model.predict(split.calibration).sum() for model in mean.models_.values()]
    >>> [f"{total:,.0f}" for total in [*both, mean.predict(split.calibration).sum()]]
    ['59,932', '57,128', '58,530']
    """

    models_: dict[str, LifetimeValue]
    time_unit_: str | None

    def __init__(
        self,
        horizon: Horizon,
        annual_discount_rate: float = 0.0,
        margin: float = 1.0,
        models: Mapping[str, LifetimeValue] | None = None,
    ) -> None:
        self.horizon = horizon
        self.annual_discount_rate = annual_discount_rate
        self.margin = margin
        self.models = models

    @property
    def required_columns(self) -> tuple[str, ...]:
        """The columns of the customer summary that the models use."""
        return tuple(dict.fromkeys(name for model in self._given.values() for name in model.required_columns))

    def _check_learnt(self) -> None:
        """Refuse a mean of no models, by an InputError."""
        if not self.models_:
            raise InputError("models_ is empty; there must be a model to take the mean of.")

    def fit(self, customers: pd.DataFrame, y: object = None) -> Self:  # noqa: ARG002
        """Fit all models that can be fitted to the customers.

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
        return self._fit(list(self._given), as_customers(customers))

    def fit_with_earlier(self, customers: pd.DataFrame, earlier: Split) -> Self:
        """Fit the models that lead at the earlier origin.

        Parameters
        ----------
        customers : DataFrame
            The customer summary, one row per customer.
        earlier : Split
            From `Split.earlier`; its observation ends no later than that of ``customers``.

        Raises
        ------
        InputError
            If the earlier split observes what follows the customers' observation.
        FitError
            If none can be fitted.
        """
        customers = as_customers(customers)
        check_before(customers, earlier)
        past = fitted_models(self._given, earlier.calibration)
        return self._fit(_leading(past, earlier) or list(self._given), customers)

    def predict_factors(
        self,
        customers: pd.DataFrame,
        horizon: Horizon | None = None,
        annual_discount_rate: float | None = None,
    ) -> pd.DataFrame:
        """Means of the models' values and factors; the value is not the product of the mean factors.

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
            ``clv`` and the factors that all models give, on the customers' index.
        """
        check_is_fitted(self, "models_")
        customers = as_customers(customers)
        span = self.horizon if horizon is None else horizon
        rate = self.annual_discount_rate if annual_discount_rate is None else annual_discount_rate
        tables = []
        for model in self.models_.values():
            factors = model.predict_factors(customers, span, rate)
            tables.append(factors.assign(clv=factors["clv"] * self.margin))
        shared = [name for name in tables[0] if all(name in table for table in tables)]
        means = self._mixture([table[shared].to_numpy() for table in tables])
        return pd.DataFrame(means, customers.index, shared)

    def probability_buys(self, customers: pd.DataFrame, horizon: Horizon) -> pd.Series:
        """P(at least one purchase in the ``horizon``): the mean of the models' probabilities."""
        check_is_fitted(self, "models_")
        customers = as_customers(customers)
        found = [model.purchases_.probability_buys(customers, horizon) for model in self._next_purchase()]
        mean = self._mixture([each.to_numpy() for each in found])
        return pd.Series(mean, customers.index, name="probability_buys")

    def next_purchase_time(self, customers: pd.DataFrame, probability: float = 0.5) -> pd.Series:
        """Time by which the mean of the models' probabilities of a purchase reaches ``probability``."""
        check_is_fitted(self, "models_")
        customers = as_customers(customers)
        parts: list[tuple[Any, ...]] = []
        for model in self._next_purchase():
            history = model.purchases_.history(customers)
            params = model.purchases_.customer_params(history)
            kernel = model.purchases_.kernel
            parts.append((kernel, history, params, kernel.probability_alive(history, params)))

        def within(rows: NDArray[np.int64], time: NDArray[np.float64]) -> NDArray[np.float64]:
            each = [
                alive[rows]
                * kernel.any_purchase_probability(history.rows(rows), time, params_of_rows(params, rows))
                for kernel, history, params, alive in parts
            ]
            return self._mixture(each)

        value = time_of_probability(within, np.full(len(customers), probability))
        return pd.Series(value, customers.index, name="next_purchase_time")

    def _mixture(self, each: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        """What the models predict, in their order, combined: the mean."""
        return np.asarray(np.mean(each, axis=0))

    def _next_purchase(self) -> list[Any]:
        """The models; each must predict next purchases at any time."""
        models: list[Any] = list(self.models_.values())
        for model in models:
            if not isinstance(model.purchases_, HistoryModel) or model.purchases_.discrete_time:
                raise InputError(f"{title_of(model.purchases_)} does not predict purchases at any time.")
        return models

    def _value(
        self, customers: pd.DataFrame, horizon: Horizon | None, annual_discount_rate: float | None
    ) -> pd.Series:
        return self.predict_factors(customers, horizon, annual_discount_rate)["clv"]

    def _learnt(self) -> str:
        return ", ".join(getattr(self, "models_", {}))

    @property
    def _given(self) -> Mapping[str, LifetimeValue]:
        return purchase_structures() if self.models is None else self.models

    def _fit(self, names: list[str], customers: pd.DataFrame) -> Self:
        self.models_ = fitted_models({name: self._given[name] for name in names}, customers)
        if not self.models_:
            raise FitError(f"none of {', '.join(names)} can be fitted to these customers.")
        self.time_unit_ = next(iter(self.models_.values())).time_unit_
        return self


def fitted_models(models: Mapping[str, LifetimeValue], customers: pd.DataFrame) -> dict[str, LifetimeValue]:
    """Clones that could be fitted, with a margin of 1, so that values are spend."""
    fitted = {}
    for name, model in models.items():
        try:
            fitted[name] = clone(model).set_params(margin=1.0).fit(customers)
        except ClvmlError:
            continue
    return fitted


def _leading(models: Mapping[str, LifetimeValue], earlier: Split) -> list[str]:
    actual = earlier.holdout["spend"].to_numpy(dtype=float)
    found = {
        name: spend_deviances(actual, model.predict(earlier.calibration, earlier.duration, 0.0).to_numpy())
        for name, model in models.items()
    }
    if not found:
        return []
    best = min(found.values(), key=np.mean)
    return [
        name
        for name, each in found.items()
        if np.mean(each - best) <= np.std(each - best) / np.sqrt(actual.size)
    ]
