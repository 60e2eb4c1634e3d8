"""Predictions of a model of purchases on a grid of frequency and recency.

For customers acquired ``T`` ago, the grid shows how predictions depend on the history: a long time since last
purchase is weak evidence of dropout for an infrequent buyer and strong evidence for a frequent one.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd

from clvml.customers._time_units import Horizon, horizon_in
from clvml.customers._training_summary import IN_MODEL_UNIT
from clvml.errors import InputError
from clvml.lifetime_value._protocol import SupportsExpectedPurchases, SupportsProbabilityAlive, require

Quantity = Literal["probability_alive", "expected_purchases"]


def frequency_recency_matrix(
    model: SupportsProbabilityAlive | SupportsExpectedPurchases,
    T: float,
    quantity: Quantity = "probability_alive",
    horizon: Horizon | None = None,
    max_frequency: int = 20,
    recency_step: float | None = None,
) -> pd.DataFrame:
    """P(alive) or expected purchases by frequency and recency of a customer with age ``T``.

    Parameters
    ----------
    model : SupportsProbabilityAlive or SupportsExpectedPurchases
        A fitted model of purchases, such as `BGNBD`.
    T : float
        Time since the first purchase, in the model's time unit.
    quantity : {"probability_alive", "expected_purchases"}, default "probability_alive"
        What the cells contain.
    horizon : float or str, optional
        For ``"expected_purchases"``: the horizon, in the model's unit or as text such as ``"12M"``.
    max_frequency : int, default 20
        The columns are the frequencies 0 to ``max_frequency``.
    recency_step : float, optional
        Distance between rows; by default ``T / 40`` or one time unit, whichever is larger.

    Returns
    -------
    pandas.DataFrame
        Index ``recency`` from 0 to at most ``T``, columns ``frequency``. NaN for impossible
        histories, in which only one of the two is 0. ``attrs`` has ``quantity``, ``T``, ``horizon`` and
        ``time_unit``.

    Raises
    ------
    InputError
        If an argument is invalid, the horizon is missing, or the model does not predict the quantity.

    See Also
    --------
    clvml.plots.frequency_recency_matrix : Draw the table.
    clvml.diagnostics.probability_alive_over_time : P(alive) of one customer over time.

    Examples
    --------
    P(alive) of customers of 39 weeks. Four repeat purchases by week 13, and none since, is a bad sign:

    >>> import clvml
    >>> model = clvml.BGNBD.from_params(r=0.243, alpha=4.414, a=0.793, b=2.426, time_unit="W")
    >>> clvml.diagnostics.frequency_recency_matrix(model, T=39, max_frequency=4, recency_step=13).round(2)
    frequency    0     1     2     3     4
    recency
    0.0        1.0   NaN   NaN   NaN   NaN
    13.0       NaN  0.50  0.36  0.22  0.12
    26.0       NaN  0.66  0.66  0.64  0.60
    39.0       NaN  0.75  0.81  0.85  0.87
    """
    unit = getattr(model, "time_unit_", None)
    _check(T, quantity, horizon, max_frequency, recency_step)
    span = None if horizon is None else horizon_in(horizon, unit)
    grid = _histories(T, max_frequency, recency_step or max(1.0, T / 40))
    grid.attrs.update({IN_MODEL_UNIT: True} if unit is None else {"time_unit": unit})
    asked: Any = model
    protocol = SupportsProbabilityAlive if quantity == "probability_alive" else SupportsExpectedPurchases
    require(asked, protocol, "the matrix needs", "give a fitted model of purchases, such as clvml.BGNBD")
    possible = grid[(grid["frequency"] > 0) == (grid["recency"] > 0)]
    if quantity == "probability_alive":
        values = asked.probability_alive(possible)
    else:
        assert span is not None  # checked above
        values = asked.expected_purchases(possible, span)
    column = pd.Series(np.asarray(values, dtype=float), index=possible.index).reindex(grid.index)
    table = pd.DataFrame({"recency": grid["recency"], "frequency": grid["frequency"], "value": column}).pivot(
        index="recency", columns="frequency", values="value"
    )
    table.columns = table.columns.astype(int)
    attrs = {"quantity": quantity, "T": float(T), "horizon": span, "time_unit": unit}
    table.attrs = {name: value for name, value in attrs.items() if value is not None}
    return table


def _histories(T: float, max_frequency: int, step: float) -> pd.DataFrame:
    recency = np.minimum(step * np.arange(np.floor(T / step * (1 + 1e-12)) + 1), T)
    frequency, recency = np.meshgrid(np.arange(max_frequency + 1.0), recency)
    grid = pd.DataFrame({"frequency": frequency.ravel(), "recency": recency.ravel(), "T": float(T)})
    return grid.rename_axis("customer_id")


def _check(
    T: float, quantity: str, horizon: Horizon | None, max_frequency: int, recency_step: float | None
) -> None:
    if not 0 < T < np.inf:
        raise InputError(f"T is {T!r}; it must be positive and finite.")
    if quantity not in ("probability_alive", "expected_purchases"):
        raise InputError(f"quantity is {quantity!r}; it must be 'probability_alive' or 'expected_purchases'.")
    if quantity == "expected_purchases" and horizon is None:
        raise InputError("expected purchases need a horizon: give one, such as horizon=39 or horizon='12M'.")
    if not (max_frequency >= 1 and int(max_frequency) == max_frequency):
        raise InputError(f"max_frequency is {max_frequency!r}; it must be a whole number of at least 1.")
    if recency_step is not None and not 0 < recency_step <= T:
        raise InputError(f"recency_step is {recency_step!r}; it must be positive and at most T, {T:g}.")
