"""Models that count opportunities, one a period, rather than time: a donation a year, a renewal a month."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from clvml.distributions._discounting import discounted_ends
from clvml.distributions._histories import Array
from clvml.errors import InputError
from clvml.models._history_model import HistoryModel


class OpportunityModel(HistoryModel):
    """A history model whose ``recency`` and ``T`` are whole numbers of opportunities."""

    discrete_time: ClassVar[bool] = True
    counted: ClassVar[str]  # what there may be of at each
    instead: ClassVar[str]  # which model to take where they are not whole numbers

    def _columns(self, customers: pd.DataFrame, time_unit: str | None) -> tuple[Array, Array, Array]:
        history = super()._columns(customers, time_unit)
        self._check_whole(customers, *history)
        return history

    def _check_whole(self, customers: pd.DataFrame, x: Array, t_x: Array, T: Array) -> None:
        bad = (t_x % 1 != 0) | (T % 1 != 0) | (x > t_x)
        if bad.any():
            first = int(np.argmax(bad))
            raise InputError(
                f"{bad.sum()} of {len(customers)} customers do not count {self.counted}; the first is"
                f" {customers.index[first]!r}: frequency {x[first]:g}, recency {t_x[first]:g},"
                f" T {T[first]:g}. {self.title} needs whole numbers with frequency <= recency <= T;"
                f" {self.instead}."
            )

    def _endless_ends(self, rate: float) -> tuple[Array, Array]:
        return discounted_ends(np.inf, rate)  # there is nothing between opportunities

    def _scale(self, T: Array, counted: Array) -> float:  # noqa: ARG002
        return 1.0

    def _ahead(self, horizon: float | str) -> float:
        ahead = super()._ahead(horizon)
        if ahead % 1 != 0:
            raise InputError(f"horizon is {horizon!r}, which is not a whole number of {self.counted}.")
        return ahead

    def _observed(self, T: ArrayLike) -> Array:
        seen = super()._observed(T)
        if (seen % 1 != 0).any():
            raise InputError(f"T must be whole numbers of {self.counted}, one number a customer.")
        return seen
