"""Discrete-time models with one opportunity per period, such as yearly donations or monthly renewals."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from clvml.customers._summary_checks import MOST_PURCHASES
from clvml.customers._time_units import Horizon
from clvml.distributions._discounting import discounted_ends
from clvml.distributions._history import Array, History
from clvml.errors import InputError
from clvml.models._history_model import HistoryModel


class OpportunityModel(HistoryModel):
    """A model of histories whose ``recency`` and ``T`` are whole numbers of opportunities."""

    discrete_time: ClassVar[bool] = True
    counted: ClassVar[str]  # name of the opportunities, for messages
    instead: ClassVar[str]  # suggestion for data that are not whole numbers

    def _read(self, customers: pd.DataFrame, time_unit: str | None) -> History:
        history = super()._read(customers, time_unit)
        x, t_x, T = history.x, history.t_x, history.T
        bad = (t_x % 1 != 0) | (T % 1 != 0) | (x > t_x)
        if bad.any():
            first = int(np.argmax(bad))
            rule = f"{bad.sum()} of {len(customers)} customers have no whole numbers of {self.counted}"
            raise InputError(
                f"{rule}; the first is {customers.index[first]!r}: frequency {x[first]:g}, recency"
                f" {t_x[first]:g}, T {T[first]:g}. {self.title} requires whole numbers with frequency <="
                f" recency <= T; {self.instead}.",
                rows=bad,
                rule=f"{rule}, with frequency <= recency <= T",
            )
        many = T > MOST_PURCHASES
        if many.any():
            first = int(np.argmax(many))
            rule = f"{many.sum()} of {len(customers)} customers have a T above {MOST_PURCHASES:,}"
            raise InputError(
                f"{rule}; the first is {customers.index[first]!r}: T counts the {self.counted} of one"
                " customer.",
                rows=many,
                column="T",
                rule=rule,
            )
        return history

    def _infinite_horizon_ends(self, rate: float) -> tuple[Array, Array]:
        return discounted_ends(np.inf, rate)  # discounted per opportunity

    def _units(self, history: History) -> Array:  # noqa: ARG002
        return np.ones(len(self.Params._fields))

    def _horizon_in_units(self, horizon: Horizon) -> float:
        units = super()._horizon_in_units(horizon)
        if units % 1 != 0:
            raise InputError(f"horizon is {horizon!r}, which is not a whole number of {self.counted}.")
        return units

    def _checked_T(self, T: ArrayLike) -> Array:
        observed = super()._checked_T(T)
        if (observed % 1 != 0).any():
            raise InputError(f"T must be whole numbers of {self.counted}, one number per customer.")
        return observed
