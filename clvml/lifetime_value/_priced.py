"""Lifetime value of purchases without amounts: one price per purchase.

At a price of 1, value counts purchases, so that models of value and formulas predict purchases.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from clvml._listing import Listed, learnt_by
from clvml.customers._customer_tables import as_customers
from clvml.customers._price import check_price
from clvml.customers._summary_checks import MONEY, checked_columns
from clvml.customers._time_units import Horizon
from clvml.inference._deviance import deviance_score
from clvml.lifetime_value._protocol import SupportsPrice, SupportsScenarios, ValueModel, require


def at_price(model: ValueModel, price: float = 1.0) -> ValueModel:
    """The unfitted model for purchases without amounts, each of which is worth the price.

    Parameters
    ----------
    model : ValueModel
        One that supports a price (see :class:`~clvml.lifetime_value.SupportsPrice`), such as
        :class:`clvml.LifetimeValue`, gets it as its model of spend; any other is wrapped by
        :class:`clvml.PricedValue`.
    price : float, default 1
        In currency units; with a price of 1, value counts purchases.

    Returns
    -------
    ValueModel
        Not fitted; the given model is unchanged.

    Raises
    ------
    InputError
        If the price is not a positive, finite number.

    See Also
    --------
    clvml.PricedValue : The wrapper.
    clvml.compare_models : ``of="purchases"`` compares models at a price of 1.

    Examples
    --------
    Two repeat purchases in ten weeks, one of them expected in the next five, at 30 each:

    >>> import clvml
    >>> import pandas as pd
    >>> from clvml.lifetime_value import at_price
    >>> customers = pd.DataFrame({"frequency": [2.0], "recency": [8.0], "T": [10.0]})
    >>> at_price(clvml.RepeatRateValue(horizon=5), price=30.0).fit(customers).predict(customers).tolist()
    [30.0]
    """
    price = check_price(price)
    return model.at_price(price) if isinstance(model, SupportsPrice) else PricedValue(model, price)


class PricedValue(Listed, BaseEstimator):
    """A model of value for customers without amounts, whose purchases are all worth one price.

    It fits the model to, and predicts for, what the customers' purchases are worth: ``monetary_value`` is the
    price and ``total_spend`` the price times all purchases, whatever the summary has.

    Parameters
    ----------
    model : ValueModel
        For example a formula such as `RepeatRateValue`.
    price : float, default 1
        In currency units; with a price of 1, value counts purchases.

    Attributes
    ----------
    model_ : ValueModel
        The fitted model.
    time_unit_ : {"D", "W", "M", "Q", "Y"} or None
        Time unit of the customers.

    Raises
    ------
    InputError
        From ``fit``, if the price is not a positive, finite number, or the customers are invalid.

    See Also
    --------
    clvml.lifetime_value.at_price : Wraps only models that need it.
    clvml.compare_models : ``of="purchases"`` compares models at a price of 1.

    Examples
    --------
    Two repeat purchases in ten weeks, one of them expected in the next five:

    >>> import clvml
    >>> import pandas as pd
    >>> customers = pd.DataFrame({"frequency": [2.0], "recency": [8.0], "T": [10.0]})
    >>> clvml.PricedValue(clvml.RepeatRateValue(horizon=5)).fit(customers).predict(customers).tolist()
    [1.0]
    """

    model_: ValueModel

    def __init__(self, model: ValueModel, price: float = 1.0) -> None:
        self.model = model
        self.price = price

    @property
    def required_columns(self) -> tuple[str, ...]:
        """The columns that the model uses, with ``frequency`` in place of money."""
        columns = ["frequency", *self.model.required_columns]
        return tuple(name for name in dict.fromkeys(columns) if name not in MONEY)

    @property
    def time_unit_(self) -> str | None:
        """Time unit of the customers that the model was fitted to."""
        check_is_fitted(self, "model_")
        return self.model_.time_unit_

    @property
    def horizon(self) -> Horizon:
        """The fitted model's, or that of the model to be fitted."""
        return self._current.horizon

    @horizon.setter
    def horizon(self, horizon: Horizon) -> None:
        self._set("horizon", horizon)

    @property
    def annual_discount_rate(self) -> float:
        """The fitted model's, or that of the model to be fitted."""
        return self._current.annual_discount_rate

    @annual_discount_rate.setter
    def annual_discount_rate(self, annual_discount_rate: float) -> None:
        self._set("annual_discount_rate", annual_discount_rate)

    @property
    def margin(self) -> float:
        """The fitted model's, or that of the model to be fitted."""
        return self._current.margin

    @margin.setter
    def margin(self, margin: float) -> None:
        self._set("margin", margin)

    def fit(self, customers: pd.DataFrame, y: object = None) -> Self:  # noqa: ARG002
        """Fit a clone of the model to the value of the customers' purchases.

        Raises
        ------
        InputError
            If the price or the summary is invalid.
        FitError
            As the model does.
        """
        self.model_ = clone(self.model, safe=False).fit(self._priced(customers))
        return self

    def predict(
        self,
        customers: pd.DataFrame,
        horizon: Horizon | None = None,
        annual_discount_rate: float | None = None,
    ) -> pd.Series:
        """Predict the value of each customer's purchases; as `ValueModel.predict`."""
        check_is_fitted(self, "model_")
        return self.model_.predict(self._priced(customers), horizon, annual_discount_rate)

    def score(self, customers: pd.DataFrame, y: object = None) -> float:
        """Minus the mean Tweedie deviance (power 1.5) of ``y``, what customers were worth; larger is better.

        Raises
        ------
        InputError
            If ``y`` is missing or invalid: an array in the order of the customers, or a Series by customer.
        """
        return deviance_score(self.predict(customers), y, type(self).__name__)

    def predict_factors(
        self,
        customers: pd.DataFrame,
        horizon: Horizon | None = None,
        annual_discount_rate: float | None = None,
    ) -> pd.DataFrame:
        """Value "clv" as in `predict`, and the factors of the model."""
        check_is_fitted(self, "model_")
        return self.model_.predict_factors(self._priced(customers), horizon, annual_discount_rate)

    def scenario_factors(self) -> dict[str, float]:
        """The factors of the model at their current levels; as `SupportsScenarios`."""
        return self._scenarios().scenario_factors()

    def with_factors(self, factors: Mapping[str, float]) -> Self:
        """The fitted model with some factors at other levels; as `SupportsScenarios`.

        Raises
        ------
        InputError
            If a name is unknown, a level is invalid, or the model does not support scenarios.
        """
        changed = copy.copy(self)
        changed.model_ = self._scenarios().with_factors(factors)
        return changed

    def _scenarios(self) -> SupportsScenarios:
        check_is_fitted(self, "model_")
        model: Any = self.model_
        require(model, SupportsScenarios, "scenarios need", "give a clvml.LifetimeValue or a formula model")
        scenarios: SupportsScenarios = model
        return scenarios

    def _learnt(self) -> str:
        return learnt_by(getattr(self, "model_", None))

    def _priced(self, customers: pd.DataFrame) -> pd.DataFrame:
        customers = as_customers(customers)
        price, x = check_price(self.price), checked_columns(customers, ("frequency",))["frequency"]
        return customers.assign(monetary_value=np.where(x > 0, price, 0.0), total_spend=price * (1 + x))

    @property
    def _current(self) -> ValueModel:
        """The model that predicts, once there is one."""
        return getattr(self, "model_", self.model)

    def _set(self, name: str, value: Any) -> None:
        """Set a term of a copy of the model, which may be the user's own object, and of the fitted one."""
        self.model = clone(self.model, safe=False)
        setattr(self.model, name, value)
        if hasattr(self, "model_"):
            self.model_ = copy.copy(self.model_)
            setattr(self.model_, name, value)
