"""Customer ids that occur more than once in a file of any size.

A first pass over the ids keeps 8 bytes of each, a hash. Ids whose hash occurs once are unique; the others,
few if any, are compared themselves while the file is scored.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray


class RepeatedIds:
    """Finds the rows that repeat the id of an earlier one, batch by batch, in the order of the first pass.

    Parameters
    ----------
    batches : iterable of pandas.Index
        All ids; the first pass.

    Attributes
    ----------
    n_ids : int
        Their number.

    Examples
    --------
    >>> found = RepeatedIds([pd.Index(["a", "b"]), pd.Index(["b", "c"])])
    >>> found.n_ids, found.are_repeated(pd.Index(["a", "b"])), found.are_repeated(pd.Index(["b", "c"]))
    (4, array([False, False]), array([ True, False]))
    """

    def __init__(self, batches: Iterable[pd.Index]) -> None:
        hashes = _joined([_hashes(ids) for ids in batches])
        self.n_ids = hashes.size
        hashes.sort()
        self._suspect = np.unique(hashes[1:][hashes[1:] == hashes[:-1]])
        self._seen: set[Any] = set()

    def are_repeated(self, ids: pd.Index) -> NDArray[np.bool_]:
        """Whether each id occurred before, in this batch or an earlier one."""
        repeated = np.zeros(len(ids), dtype=bool)
        if not self._suspect.size:
            return repeated
        for place in np.flatnonzero(np.isin(_hashes(ids), self._suspect)):
            customer = ids[int(place)]
            repeated[place] = customer in self._seen
            self._seen.add(customer)
        return repeated


def _hashes(ids: pd.Index) -> NDArray[np.uint64]:
    values = ids.to_numpy(dtype=object) if ids.dtype.kind not in "iufbmM" or ids.hasnans else ids.to_numpy()
    if values.dtype == object and not isinstance(ids.dtype, pd.StringDtype):
        values = np.array([str(value) for value in values], dtype=object)
    return np.asarray(pd.util.hash_array(values, categorize=False), dtype=np.uint64)


def _joined(parts: list[NDArray[np.uint64]]) -> NDArray[np.uint64]:
    """The parts in one array; each is freed when it is copied."""
    joined = np.empty(sum(part.size for part in parts), dtype=np.uint64)
    end = joined.size
    while parts:
        part = parts.pop()
        joined[end - part.size : end] = part
        end -= part.size
    return joined
