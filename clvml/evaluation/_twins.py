"""Models with the same predictions, such as formulas that differ only once they are given more inputs."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

ROUNDING = 1e-9  # relative to the largest prediction


def find_twins(predictions: pd.DataFrame, preferred: Iterable[str] = ()) -> dict[str, tuple[str, ...]]:
    """Groups of models whose predictions are equal up to rounding.

    Parameters
    ----------
    predictions : pandas.DataFrame
        One column per model.
    preferred : iterable of str
        Names that represent their group, the first one first; otherwise the first column does.

    Returns
    -------
    dict of str to tuple of str
        Each representative, in the order of the columns, with the others of its group.

    Examples
    --------
    >>> predictions = pd.DataFrame({"a": [1.0, 2.0], "b": [1.0, 3.0], "c": [1.0, 2.0]})
    >>> find_twins(predictions, preferred=["c"])
    {'c': ('a',), 'b': ()}
    """
    order = {name: place for place, name in enumerate(dict.fromkeys(preferred))}
    groups: list[list[str]] = []
    for name in predictions:
        group = next((group for group in groups if _equal(predictions[group[0]], predictions[name])), None)
        if group is None:
            groups.append([str(name)])
        else:
            group.append(str(name))
    ranked = [sorted(group, key=lambda name: order.get(name, len(order))) for group in groups]
    return {group[0]: tuple(group[1:]) for group in ranked}


def _equal(one: pd.Series, other: pd.Series) -> bool:
    scale = max(one.abs().max(), other.abs().max())
    return bool(np.abs(one - other).max() <= ROUNDING * scale)
