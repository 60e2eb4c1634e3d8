"""Any regressor as a lifetime-value model: it learns the spend of an earlier holdout from features."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingRegressor

from clvml.customers._split import Split
from clvml.customers._time_units import Horizon
from clvml.errors import InputError
from clvml.lifetime_value._projection import LifetimeValue
from clvml.lifetime_value.learned._base import EarlierSpendValue
from clvml.lifetime_value.learned._features import (
    SUMMARY,
    behavioural_features,
    feature_table,
    in_canonical_order,
    predicted_features,
)
from clvml.lifetime_value.learned._threads import one_openmp_thread
from clvml.lifetime_value.learned._trees import BoostedTrees, trees_of

Floats = NDArray[np.float64]


class RegressorValue(EarlierSpendValue):
    """Lifetime value by a regression of spend on behaviour, learnt at an earlier origin.

    The features are those of the customer summary at the earlier origin, and optionally what probabilistic
    models fitted there predict; the outcome is the spend over the earlier holdout.

    Parameters
    ----------
    horizon : float or str
        Prediction horizon, in the time unit of the customers, or as text such as ``"12M"``; not infinite.
        The learnt spend is in proportion to the horizon and spread evenly over it.
    annual_discount_rate : float, default 0
        A fraction per year: 0.10 is 10 %.
    margin : float, default 1
        Profit per unit of spend.
    regressor : object, optional
        Any scikit-learn regressor, or any object with ``fit(X, y)`` and ``predict(X)``; it is copied before
        it is fitted. ``X`` is a DataFrame of float64, one row per customer. Default: gradient boosting with
        Poisson deviance, which a model file can hold.
    models : sequence of LifetimeValue, optional
        Their predictions are features as well; clones are fitted.
    random_state : int, default 0
        Of the default regressor.

    Attributes
    ----------
    regressor_ : object or None
        The fitted regressor, if one was given.
    trees_ : BoostedTrees or None
        The default regressor; their raw prediction is the logarithm of the spend.
    models_ : list of LifetimeValue
        Fitted to the customers.
    learnt_horizon_, time_unit_
        Length of the earlier holdout, and the time unit of the customers.

    Raises
    ------
    FitError
        From ``fit``, which has no earlier outcomes to learn from: use ``fit_with_earlier``.
    InputError
        From ``fit_with_earlier`` and ``predict``, if an argument or a summary is invalid.

    See Also
    --------
    clvml.LearnedCorrection : A probabilistic model with what it misses.
    clvml.Split.earlier : The earlier split that the regression is learnt from.
    clvml.compare_models : Fits it with the earlier split of the customers.

    Examples
    --------
    >>> import clvml
    >>> from sklearn.ensemble import RandomForestRegressor
    >>> split = clvml.split(clvml.load_cdnow(), "1997-12-31", "1998-06-30")
    >>> mine = clvml.RegressorValue(39, regressor=RandomForestRegressor(10, random_state=0))
    >>> mine.fit_with_earlier(split.calibration, split.earlier()).predict(split.calibration).name
    'clv'
    """

    required_columns: ClassVar[tuple[str, ...]] = SUMMARY
    regressor_: Any
    trees_: BoostedTrees | None
    models_: list[LifetimeValue]

    def __init__(
        self,
        horizon: Horizon,
        annual_discount_rate: float = 0.0,
        margin: float = 1.0,
        regressor: Any = None,
        models: Sequence[LifetimeValue] = (),
        random_state: int = 0,
    ) -> None:
        self.horizon = horizon
        self.annual_discount_rate = annual_discount_rate
        self.margin = margin
        self.regressor = regressor
        self.models = models
        self.random_state = random_state

    def _figures(self) -> dict[str, float]:
        n_trees = {} if self.trees_ is None else {"trees": self.trees_.roots.size}
        return {**super()._figures(), **n_trees}

    def _learn(self, customers: pd.DataFrame, earlier: Split) -> None:
        past = [clone(model).fit(earlier.calibration) for model in self.models]
        features = self._features(past, earlier.calibration)
        spend = earlier.holdout["spend"].to_numpy(dtype=float)
        order = in_canonical_order(*features.to_numpy().T, spend)
        features, spend = features.iloc[order], spend[order]
        self.regressor_, self.trees_ = None, None
        if self.regressor is None:
            boost = one_openmp_thread(self._boosting(len(spend)).fit)
            self.trees_ = trees_of(boost(features.to_numpy(), np.maximum(spend, 0.0)))
        else:
            self.regressor_ = clone(self.regressor, safe=False)
            self.regressor_.fit(features, spend)
        self.models_ = [clone(model).fit(customers) for model in self.models]

    def _spend(self, customers: pd.DataFrame) -> Floats:
        features = self._features(self.models_, customers)
        if self.trees_ is not None:
            return np.exp(self.trees_.raw(features.to_numpy()))
        predicted = np.asarray(self.regressor_.predict(features), dtype=float)
        if predicted.shape not in ((len(features),), (len(features), 1)):
            raise InputError(
                f"{type(self.regressor_).__name__} predicts an array of shape {predicted.shape} for"
                f" {len(features):,} customers; predict(X) must return one number per row."
            )
        return predicted.ravel()

    def _features(self, models: Sequence[LifetimeValue], customers: pd.DataFrame) -> pd.DataFrame:
        features = behavioural_features(customers, self.time_unit_, losses=True)
        for number, model in enumerate(models, 1):
            predicted = predicted_features(model, customers, self.learnt_horizon_)
            features |= {f"{name}_{number}": values for name, values in predicted.items()}
        return feature_table(features, customers)

    def _boosting(self, n_customers: int) -> HistGradientBoostingRegressor:
        return HistGradientBoostingRegressor(
            loss="poisson",
            learning_rate=0.05,
            max_iter=100,
            max_leaf_nodes=8,
            min_samples_leaf=max(20, n_customers // 200),
            early_stopping=False,
            random_state=self.random_state,
        )


def learns_from_features(model: object) -> bool:
    """Whether an object is a regressor, with ``fit(X, y)`` and ``predict(X)``, and not a value model."""
    fit, predict = getattr(model, "fit", None), getattr(model, "predict", None)
    if isinstance(model, type) or not callable(fit) or not callable(predict):
        return False
    if hasattr(model, "predict_factors"):
        return False
    arguments = list(inspect.signature(fit).parameters.values())
    return len(arguments) >= 2 and (arguments[1].name == "y" or arguments[1].default is arguments[1].empty)
