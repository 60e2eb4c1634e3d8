"""Tables of floats, built quickly: a request of one customer makes several."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]


def float_frame(columns: Mapping[str, Array | float], index: pd.Index) -> pd.DataFrame:
    """A table of these columns (a number is repeated), copied to one block, on the index.

    Examples
    --------
    >>> float_frame({"recency": np.array([30.0]), "T": np.array([38.0])}, pd.Index(["a"])).loc["a", "T"]
    np.float64(38.0)
    """
    if not columns:
        return pd.DataFrame(index=index)
    block = np.empty((len(columns), len(index)))
    for row, values in zip(block, columns.values(), strict=True):
        row[:] = values
    return pd.DataFrame(block.T, index, _names(tuple(columns)), copy=False)


@functools.lru_cache(maxsize=256)
def _names(names: tuple[str, ...]) -> pd.Index:
    """The index of the columns, whose making costs pandas more than the rest of a small table."""
    return pd.Index(names)
