"""Customers in two dimensions: the two directions in which their standardised features differ most.

Principal components of the points that K-means sees (Pearson 1901), signed so that the first feature of
weight points to the right and up. They are for looking at: distances in the figure are shorter than
those that the segments rest on, by what the other components hold.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from clvml.errors import InputError
from clvml.plots._style import feature_in_words

SHOWN = 2_000
NAMED = 0.4  # a feature is in the name of a component from this weight on


def two_components(points: pd.DataFrame, segments: pd.Series, random_state: int = 0) -> pd.DataFrame:
    """A sample of the customers in two components, with their segments.

    Parameters
    ----------
    points : pandas.DataFrame
        Standardised features, as from ``KMeansSegments.transform``: at least two columns.
    segments : pandas.Series
        Segment (number or name) of the same customers.
    random_state : int
        Seed of the sample of at most `SHOWN` customers.

    Returns
    -------
    pandas.DataFrame
        On the index of the sample: ``first, second, segment``. ``attrs["axes"]``: what each component is, in
        words, with its share of the variance.

    Raises
    ------
    InputError
        If there are fewer than two features, or customers differ.
    """
    if points.shape[1] < 2:
        raise InputError("two components need at least two features; there is one: a histogram shows it.")
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
    names = [feature_in_words(str(name)) for name in points]
    table.attrs["axes"] = [_in_words(names, weights[:, i], float(shares[i])) for i in (0, 1)]
    return table


def _in_words(names: list[str], weights: np.ndarray, share: float) -> str:
    """Such as ``"frequency, CLV against silence (61 % of the differences)"``."""
    heavy = [i for i in np.argsort(-np.abs(weights), kind="stable") if abs(weights[i]) >= NAMED]
    more = ", ".join(names[i] for i in heavy if weights[i] > 0)
    less = ", ".join(names[i] for i in heavy if weights[i] < 0)
    told = f"{more} against {less}" if less else more
    return f"{told} ({100 * share:.0f} % of the differences)"
