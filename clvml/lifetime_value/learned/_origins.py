"""Earlier origins to learn from: the earlier holdout, and the same moved further back.

Holdouts that end before the latest one show what does not repeat. They overlap, so a customer's outcomes at
several origins are never divided between training and validation.
"""

from __future__ import annotations

import pandas as pd

from clvml.customers._split import Split, earlier_split
from clvml.customers._time_units import time_unit_of
from clvml.errors import InputError

STEPS_BACK = (0.25, 0.5, 1.0)  # in horizons
_LEAST_HISTORY = 0.5  # in horizons, before an origin
_LEAST_SHARE = 1 / 3  # of the customers of the latest earlier origin


def earlier_origins(latest: Split) -> list[Split]:
    """The split, and those of the same length that end up to one horizon before it.

    None of them sees what follows the end of observation of ``latest``. Origins with too few customers or too
    short a history are left out; without its transactions there is the split alone.
    """
    found = [latest]
    if latest.transactions is None:
        return found
    length, settings = latest.duration, (latest.time_unit, latest.collapse)
    unit, start = time_unit_of(latest.time_unit).days, latest.transactions.first_date
    for step in STEPS_BACK:
        end = latest.observation_end - pd.Timedelta(days=step * length * unit)
        end = end.normalize() if latest.collapse is not None else end
        if (end - start) / pd.Timedelta(days=unit) < (1 + _LEAST_HISTORY) * length:
            continue
        try:
            split = earlier_split(latest.transactions, end, length, *settings)
        except InputError:  # no purchases before
            continue
        if split is not None and len(split.calibration) >= _LEAST_SHARE * len(latest.calibration):
            found.append(split)
    return found
