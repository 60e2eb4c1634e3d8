"""A fitted model as a function of its factors, for sensitivity analysis."""

from __future__ import annotations

from typing import Any

import pandas as pd

from clvml.inference._arguments import check_any_fitted
from clvml.lifetime_value._protocol import SupportsScenarios, require
from clvml.lifetime_value.economics._sensitivity import Value


def model_value(model: Any, customers: pd.DataFrame) -> tuple[Value, dict[str, float]]:
    """Express the total value of a fitted model as a function of its factors, and their current levels.

    The function evaluates the model itself, so at the current levels it returns
    ``model.predict(customers).sum()``, whatever the model's covariates, discounting period or horizon.

    Models of clvml support ``horizon`` (in time units, unless infinite), ``annual_discount_rate``,
    ``margin``, and ``income``, a multiple of spend (currently 1). Formulas add the estimates that their value
    depends on, such as ``retention_rate``, and numeric arguments; `LifetimeValue` adds ``purchase_rate`` and
    ``dropout``, multiples of the fitted levels from now on (currently 1): P(alive) today is as fitted.

    Parameters
    ----------
    model : ValueModel
        Fitted, and `SupportsScenarios`: a `LifetimeValue`, a formula model, or a custom one.
    customers : pandas.DataFrame
        The customers whose total value is computed.

    Returns
    -------
    (callable, dict of str to float)
        The first arguments of functions such as ``what_if(*model_value(model, customers), margin=0.02)``.

    Raises
    ------
    InputError
        If the model does not support scenarios.

    See Also
    --------
    clvml.what_if, clvml.tornado, clvml.elasticities : Take the result.
    clvml.lifetime_value.economics.all_factors : The same seven factors for any model.
    clvml.lifetime_value.SupportsScenarios : Which models support it.

    Examples
    --------
    >>> import clvml
    >>> customers = clvml.split(clvml.load_cdnow(), "1997-09-30", "1998-06-30").calibration
    >>> model = clvml.LifetimeValue(clvml.ParetoNBD(), clvml.GammaGamma(), "12M").fit(customers)
    >>> answer = clvml.what_if(*clvml.model_value(model, customers), dropout=-0.1)
    >>> print(f"dropout down by a tenth: {answer.difference_pct:+.1f} %")
    dropout down by a tenth: +2.0 %
    """
    check_any_fitted(model)
    instead = "give a clvml.LifetimeValue or a formula model"
    require(model, SupportsScenarios, "what-if and sensitivity need", instead)

    def value(**factors: float) -> float:
        return float(model.with_factors(factors).predict(customers).sum())

    return value, model.scenario_factors()
