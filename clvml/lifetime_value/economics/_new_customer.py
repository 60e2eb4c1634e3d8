"""The lifetime value of a new customer."""

from __future__ import annotations

import pandas as pd

from clvml.customers._time_units import Horizon
from clvml.inference._arguments import check_any_fitted
from clvml.lifetime_value._protocol import ValueModel
from clvml.lifetime_value.formulas._sums import checked


def new_customer_value(
    model: ValueModel,
    first_purchase: float = 0.0,
    horizon: Horizon | None = None,
    annual_discount_rate: float | None = None,
) -> float:
    """The expected lifetime value of a new customer: first purchase, and repeat purchases within the horizon.

    The model predicts the value of a customer who has just made the first purchase; with covariates, of the
    reference customer. Formulas that extrapolate a customer's own history, such as `RetentionValue`, predict
    zero for a new one; `ProfitContributionValue.new_customer_value` is a formula for new customers.

    Parameters
    ----------
    model : ValueModel
        Fitted, such as `LifetimeValue`.
    first_purchase : float, default 0
        Mean spend of the first purchase, before margin.
    horizon : float, str or None, optional
        In the model's time unit, or as text such as ``"12M"``. Default: the model's.
    annual_discount_rate : float, optional
        A fraction per year. Default: the model's.

    Returns
    -------
    float
        In currency units, after margin.

    Raises
    ------
    InputError
        If the model does not predict new customers, or an argument is invalid.
    sklearn.exceptions.NotFittedError
        If the model is not fitted.

    See Also
    --------
    clvml.NewCustomerValue : By attributes and the amount of the first order.
    clvml.lifetime_value.economics.mean_first_purchase : The mean spend of the first purchase.
    clvml.customer_equity : Present and future customers together.
    clvml.scorecard : CLV:CAC and payback of a new customer.

    Examples
    --------
    A first purchase of 33, and the repeat purchases of twelve months:

    >>> import clvml
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> model = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), "12M", 0.1).fit(customers)
    >>> round(clvml.new_customer_value(model, first_purchase=33.0), 1)
    81.8
    """
    check_any_fitted(model)
    columns = dict.fromkeys(model.required_columns, 0.0) | getattr(model, "reference_", {})
    newcomer = pd.DataFrame(columns, index=pd.Index(["new customer"], name="customer_id"))
    later = float(model.predict(newcomer, horizon, annual_discount_rate).iloc[0])
    return model.margin * float(checked("first_purchase", first_purchase)) + later
