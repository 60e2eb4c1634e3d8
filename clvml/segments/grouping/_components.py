"""Customers in the first two principal components of their standardised features.

Principal components of the features that K-means uses (Pearson 1901), with signs such that the largest
loading is positive. They are for display: distances in the figure omit the other components and are
shorter than those that K-means uses.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from clvml.errors import InputError

SHOWN = 2_000


def two_components(points: pd.DataFrame, segments: pd.Series, random_state: int = 0) -> pd.DataFrame:
    """A sample of the customers in two components, with their segments.

    Parameters
    ----------
    points : pandas.DataFrame
        Standardised features, as from ``KMeansSegments.transform``: at least two columns.
    segments : pandas.Series
        Segment (number or name) of the same customers.
    random_state : int
        Seed of the sample, where there are too many customers to show.

    Returns
    -------
    pandas.DataFrame
        On the index of the sample: ``first, second, segment``. ``attrs["components"]`` holds, of each of the
        two, ``share`` (of the variance, 0 to 1) and ``weights`` (by feature; a vector of length 1).

    Raises
    ------
    InputError
        If there are fewer than two features, or customers differ.

    See Also
    --------
    clvml.plots.segment_scatter : The figure.
    clvml.KMeansSegments : Its ``transform`` returns the points.

    References
    ----------
    Pearson, K. (1901), On lines and planes of closest fit to systems of points in space. *Philosophical
    Magazine* 2, 559-572.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.segments.grouping import two_components
    >>> points = pd.DataFrame({"frequency": [1.0, -1.0, 1.0, -1.0], "clv": [1.0, -1.0, 1.0, -1.0]})
    >>> found = two_components(points, pd.Series([1, 2, 1, 2]))
    >>> found.columns.tolist(), round(found.attrs["components"][0]["share"], 2)
    (['first', 'second', 'segment'], 1.0)
    """
    if points.shape[1] < 2:
        raise InputError("two components need at least two features; there is one: draw a histogram instead.")
    if not points.index.equals(segments.index):
        raise InputError("points and segments must be of the same customers in the same order.")
    values = points.to_numpy(dtype=float) - points.to_numpy(dtype=float).mean(axis=0)
    variances, weights = np.linalg.eigh(values.T @ values / len(values))
    weights, shares = weights[:, ::-1][:, :2], variances[::-1][:2] / variances.sum()
    weights = weights * np.sign(weights[np.abs(weights).argmax(axis=0), [0, 1]])
    rng = np.random.default_rng(random_state)
    rows = np.sort(rng.choice(len(values), min(SHOWN, len(values)), replace=False))
    places = pd.DataFrame(values[rows] @ weights, index=points.index[rows], columns=["first", "second"])
    table = places.assign(segment=segments.iloc[rows])
    table.attrs["components"] = [
        {
            "share": float(shares[i]),
            "weights": dict(zip(map(str, points), weights[:, i].tolist(), strict=True)),
        }
        for i in (0, 1)
    ]
    return table
