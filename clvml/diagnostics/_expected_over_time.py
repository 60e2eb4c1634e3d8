"""Expected and actual purchases over time."""

from __future__ import annotations

import numpy as np
import pandas as pd

from clvml.customers._split import Split
from clvml.customers._time_units import time_unit_of
from clvml.lifetime_value._protocol import SupportsNewCustomers, require, title_of

_GRID_POINTS = 500  # the expectation is smooth in time


def with_expected_purchases(
    over_time: pd.DataFrame, model: SupportsNewCustomers, split: Split
) -> pd.DataFrame:
    """Add the model's expected cumulative purchases to the table of actual purchases over time.

    Expected repeat purchases up to a period are the sum over customers of the unconditional expectation
    ``E[X(period - first purchase)]``, interpolated on a grid, as it is smooth in time.

    Parameters
    ----------
    over_time : pandas.DataFrame
        From `purchases_over_time`: ``period, actual``.
    model : SupportsNewCustomers
        A fitted model of purchases, such as `BGNBD`.
    split : Split
        The split that the table was made from.

    Returns
    -------
    pandas.DataFrame
        The table with a column named by the model's title.

    Raises
    ------
    InputError
        If the model does not predict the expected purchases of new customers.

    See Also
    --------
    clvml.purchases_over_time : Makes the table of actual purchases.
    clvml.plots.cumulative_purchases : Draw the table.

    Examples
    --------
    Week 39 is the end of calibration, week 78 that of the holdout:

    >>> import clvml
    >>> transactions = clvml.load_cdnow()
    >>> split = clvml.split(transactions, "1997-09-30", "1998-06-30")
    >>> actual = clvml.purchases_over_time(transactions, split)
    >>> model = clvml.BGNBD().fit(split.calibration)
    >>> clvml.diagnostics.with_expected_purchases(actual, model, split).iloc[[38, 77]].round()
        period  actual  BG/NBD
    38    39.0  2457.0  2502.0
    77    78.0  4339.0  4166.0
    """
    instead = "give a fitted model of purchases, such as clvml.BGNBD"
    require(model, SupportsNewCustomers, "expected purchases over time need", instead)
    first = split.calibration["first_purchase"].dt.normalize()
    born = (first - first.min()).dt.total_seconds() / 86_400 / time_unit_of(split.time_unit).days
    ends = over_time["period"].to_numpy(dtype=float)
    times = np.linspace(0.0, float(ends.max()), _GRID_POINTS)
    curve = np.array([0.0, *(model.expected_purchases_new_customer(float(t)) for t in times[1:])])
    births, counts = np.unique(born.to_numpy(), return_counts=True)
    elapsed = np.maximum(ends[:, None] - births[None, :], 0.0)
    table = over_time.assign(**{title_of(model): np.interp(elapsed, times, curve) @ counts})
    table.attrs = dict(over_time.attrs)
    return table
