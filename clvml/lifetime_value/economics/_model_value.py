"""A fitted model as a function of its factors, for the functions of sensitivity."""

from __future__ import annotations

from typing import Any

import pandas as pd
from sklearn.utils.validation import check_is_fitted

from clvml.lifetime_value._protocol import SupportsScenarios, require
from clvml.lifetime_value.economics._sensitivity import Value


def model_value(model: Any, customers: pd.DataFrame) -> tuple[Value, dict[str, float]]:
    """A fitted model as a function of the factors that it knows, and their levels of today.

    The function asks the model itself, so at today's levels it gives ``model.predict(customers).sum()``,
    whatever the model's covariates, period of discounting or horizon.

    Models of clvml know ``horizon`` (in time units, unless it is infinite), ``annual_discount_rate``,
    ``margin``, and ``income``, a multiple of what customers spend (1 today). Formulas add the estimates
    that their value depends on, such as ``retention_rate``, and arguments that are numbers; `LifetimeValue`
    adds ``purchase_rate`` and ``dropout``, multiples of what was fitted from now on (1 today): who is still
    active is as fitted.

    Parameters
    ----------
    model : ValueModel
        Fitted, and `SupportsScenarios`: a `LifetimeValue`, a formula model, or one of your own.
    customers : pandas.DataFrame
        Whose total value is asked for.

    Returns
    -------
    (callable, dict)
        Ready for the functions of sensitivity: ``what_if(*model_value(model, customers), margin=0.02)``.

    Raises
    ------
    InputError
        If the model does not know scenarios.

    Examples
    --------
    >>> import clvml
    >>> customers = clvml.split(clvml.load_cdnow(), "1997-09-30", "1998-06-30").calibration
    >>> model = clvml.LifetimeValue(clvml.ParetoNBD(), clvml.GammaGamma(), "12M").fit(customers)
    >>> answer = clvml.what_if(*model_value(model, customers), dropout=-0.1)
    >>> print(f"dropout down by a tenth: {answer.difference_pct:+.1f} %")
    dropout down by a tenth: +2.0 %
    """
    check_is_fitted(model)
    instead = "give a clvml.LifetimeValue or a formula model"
    require(model, SupportsScenarios, "what-if and sensitivity need", instead)

    def value(**factors: float) -> float:
        return float(model.with_factors(factors).predict(customers).sum())

    return value, model.scenario_factors()
