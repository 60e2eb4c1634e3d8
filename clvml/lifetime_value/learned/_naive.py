"""The naive forecast: each customer spends as much as in the last period."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvml.customers._split import Split
from clvml.customers._summary_checks import plain
from clvml.customers._time_units import Horizon
from clvml.errors import InputError
from clvml.lifetime_value.learned._base import EarlierSpendValue


class LastPeriodValue(EarlierSpendValue):
    """The spend of each customer's last period, repeated: the naive forecast.

    The period is the earlier holdout. Of customers acquired in it, it has the spend of all purchases.

    Parameters
    ----------
    horizon : float or str
        Prediction horizon, in the time unit of the customers, or as text such as ``"12M"``; not infinite.
        The spend is in proportion to it.
    annual_discount_rate : float, default 0
        A fraction per year: 0.10 is 10 %.
    margin : float, default 1
        Profit per unit of spend.

    Attributes
    ----------
    spend_ : Series
        Spend in the last period, by customer; only these customers can be predicted.
    learnt_horizon_, time_unit_
        Length of the last period, and the time unit of the customers.

    Raises
    ------
    FitError
        From ``fit``, which has no last period: use ``fit_with_earlier``.
    InputError
        From ``fit_with_earlier`` and ``predict``, if an argument or a summary is invalid.

    See Also
    --------
    clvml.HistoricValue : All past spend, repeated.
    clvml.Split.earlier : The earlier split that has the last period.
    clvml.compare_models : Fits it with the earlier split of the customers.

    Examples
    --------
    Customer 1 spent 14.96 in the last 19 weeks before October 1997, which is in proportion to 39 weeks:

    >>> import clvml
    >>> split = clvml.split(clvml.load_cdnow(), "1997-09-30", "1998-06-30")
    >>> model = clvml.LastPeriodValue(39).fit_with_earlier(split.calibration, split.earlier())
    >>> model.predict(split.calibration).loc[[1, 6]].round(2).to_dict()
    {1: 30.03, 6: 423.47}
    """

    required_columns: ClassVar[tuple[str, ...]] = ("total_spend",)
    spend_: pd.Series

    def __init__(self, horizon: Horizon, annual_discount_rate: float = 0.0, margin: float = 1.0) -> None:
        self.horizon = horizon
        self.annual_discount_rate = annual_discount_rate
        self.margin = margin

    def _figures(self) -> dict[str, float]:
        return {**super()._figures(), "customers": len(self.spend_), "mean_spend": self.spend_.mean()}

    def _learn(self, customers: pd.DataFrame, earlier: Split) -> None:
        before = earlier.holdout["spend"].reindex(customers.index)
        self.spend_ = before.fillna(customers["total_spend"]).astype(float)

    def _spend(self, customers: pd.DataFrame) -> NDArray[np.float64]:
        unknown = customers.index.difference(self.spend_.index)
        if len(unknown):
            rule = f"{len(unknown):,} of {len(customers):,} customers were not among those fitted"
            raise InputError(
                f"{rule}, such as {plain(unknown[0])!r}: the naive forecast needs each customer's spend in"
                " the last period.",
                rows=~customers.index.isin(self.spend_.index),
                column="customer_id",
                rule=rule,
            )
        return self.spend_.reindex(customers.index).to_numpy()
