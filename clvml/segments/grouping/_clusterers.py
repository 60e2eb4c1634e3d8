"""Clusterers by name: those of scikit-learn, and a self-organising map; a partition as labelled points.

Whatever a clusterer finds is stored as *prototypes*: points of the feature space, each with its segment. A
customer, old or new, belongs to the segment of the nearest prototype. So clusterers without ``predict`` score
new customers as well, no scikit-learn object is saved, and no customer's row is.

- **scikit-learn**: each segment has its centroid as prototype. Where the nearest centroid gives fewer than
  95 % of the sample the segment that the clusterer gave (segments are not round), each segment is divided
  by K-means into 2, 4, 8 or 16 parts with a prototype each, until it does. Points that the clusterer takes as
  noise belong to the nearest prototype as all others.
- **self-organising map** (Kohonen 1990): the neurons that have customers are the prototypes; they are grouped
  into segments by K-means, weighted by their customers (Vesanto, Alhoniemi, "Clustering of the
  self-organizing map", IEEE Transactions on Neural Networks 11, 2000).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
import sklearn.cluster
import sklearn.mixture
from sklearn.cluster import KMeans

from clvml.errors import InputError
from clvml.segments.grouping._centers import nearest
from clvml.segments.grouping._selection import Fit

SOM = "SOM"
SOM_OPTIONS: dict[str, Any] = {"side": 8, "sigma": 1.5, "learning_rate": 0.5, "iterations": 5_000}
ENOUGH = 0.95  # agreement of the assignment with the clusterer
PARTS = (1, 2, 4, 8, 16)
NOT_OF_ROWS = (sklearn.cluster.FeatureAgglomeration,)  # it clusters columns
NUMBER = ("n_clusters", "n_components")


class Partition(NamedTuple):
    """A partition of points, as prototypes.

    Attributes
    ----------
    n_clusters : int
    labels_ : ndarray
        Of the points, by the nearest prototype.
    inertia_ : float
        Sum of squared distances of the points to their clusters' centroids.
    prototypes : ndarray of shape (prototypes, features)
    clusters : ndarray of int
        The cluster of each prototype.
    agreement : float
        Share of the points that the clusterer did not take as noise for which both agree.
    noise : float
        Share of the points that the clusterer took as noise.
    """

    n_clusters: int
    labels_: np.ndarray
    inertia_: float
    prototypes: np.ndarray
    clusters: np.ndarray
    agreement: float
    noise: float

    def predict(self, points: np.ndarray) -> np.ndarray:
        """The cluster of the nearest prototype of each point."""
        return self.clusters[nearest(points, self.prototypes)]


def clusterer_names() -> tuple[str, ...]:
    """The clusterers that there are, by name.

    Returns
    -------
    tuple of str
        What `ClusterSegments` accepts as ``clusterer``.

    See Also
    --------
    clvml.ClusterSegments : Segments by one of them.

    Examples
    --------
    >>> from clvml.segments.grouping import clusterer_names
    >>> clusterer_names()[:3]
    ('SOM', 'AffinityPropagation', 'AgglomerativeClustering')
    """
    modules = (sklearn.cluster, sklearn.mixture)
    names = {name for module in modules for name in module.__all__ if _is_clusterer(getattr(module, name))}
    return (SOM, *sorted(names))


def takes_number(name: str) -> bool:
    """Whether a clusterer is given the number of segments; others, such as DBSCAN, find it."""
    return name == SOM or _number_of(_class_of(name)) is not None


def check_options(name: str, options: Mapping[str, Any]) -> None:
    """Refuse a clusterer that does not exist, and options that it does not have.

    Raises
    ------
    InputError
        Naming the clusterers or the options.
    """
    if not isinstance(name, str):
        raise InputError(
            f"clusterer is {name!r}; give its name, such as 'GaussianMixture', with options, or use"
            " ClusterSegments.from_estimator."
        )
    if name != SOM and name not in clusterer_names():
        raise InputError(f"there is no clusterer {name!r}; there are {', '.join(clusterer_names())}.")
    known = set(SOM_OPTIONS) if name == SOM else set(_parameters(_class_of(name)))
    unknown = sorted(set(options) - (known - {*NUMBER, "random_state"}))
    if unknown:
        own = {"random_state", *NUMBER} & {*unknown}
        advice = "use n_segments and random_state" if own else f"it has {', '.join(sorted(known))}"
        raise InputError(f"{name} has no option {unknown[0]!r} here: {advice}.")
    if name == SOM:
        _check_map(SOM_OPTIONS | dict(options))


def _check_map(options: Mapping[str, Any]) -> None:
    for key, lowest in (("side", 2), ("iterations", 1)):
        number = options[key]
        if isinstance(number, bool) or not isinstance(number, Integral) or number < lowest:
            raise InputError(f"{key} of {SOM} is {number!r}; it must be a whole number from {lowest} up.")
    for key, highest in (("sigma", float(options["side"])), ("learning_rate", 1.0)):
        number = options[key]
        if isinstance(number, bool) or not isinstance(number, int | float) or not 0 < number <= highest:
            raise InputError(f"{key} of {SOM} is {number!r}; it must be above 0 and at most {highest:g}.")


def fit_of(name: str, options: Mapping[str, Any]) -> Fit:
    """The function that fits a clusterer to points, with a number of segments and a seed."""
    return _Map(dict(options)) if name == SOM else _scikit_learn_fit(name, dict(options))


def _scikit_learn_fit(name: str, options: dict[str, Any]) -> Fit:
    kind = _class_of(name)
    parameters, number = _parameters(kind), _number_of(kind)

    def fit(points: np.ndarray, n_clusters: int, n_init: int, random_state: int) -> Partition:
        given: dict[str, Any] = {"n_init": n_init, "random_state": random_state}
        chosen = {key: value for key, value in given.items() if key in parameters} | options
        if number is not None:
            chosen[number] = n_clusters
        labels = _labels(name, lambda: kind(**chosen).fit_predict(points))
        return partition_of(points, labels, name)

    return fit


def _labels(name: str, fit_predict: Callable[[], Any]) -> np.ndarray:
    try:
        return np.asarray(fit_predict(), dtype=np.int64)
    except (ValueError, TypeError) as error:
        raise InputError(f"{name} cannot be fitted to these customers: {error}") from None


def partition_of(points: np.ndarray, labels: np.ndarray, name: str) -> Partition:
    """The partition that labels make of points; labels below 0 are noise.

    Raises
    ------
    InputError
        If there are fewer than two clusters.

    Examples
    --------
    >>> points = np.array([[0.0], [1.0], [10.0], [11.0], [30.0]])
    >>> found = partition_of(points, np.array([0, 0, 1, 1, -1]), "DBSCAN")
    >>> found.prototypes.ravel().tolist(), found.labels_.tolist(), found.noise
    ([0.5, 10.5], [0, 0, 1, 1, 1], 0.2)
    """
    known = labels >= 0
    of_known, labels_known = points[known], np.unique(labels[known], return_inverse=True)[1]
    n_clusters = int(labels_known.max()) + 1 if len(labels_known) else 0
    if n_clusters < 2:
        raise InputError(
            f"{name} finds {n_clusters or 'no'} segment{'' if n_clusters == 1 else 's'} in these customers:"
            " change its options, or choose another clusterer."
        )
    for parts in PARTS:
        prototypes, clusters = _prototypes(of_known, labels_known, n_clusters, parts)
        agreement = float((clusters[nearest(of_known, prototypes)] == labels_known).mean())
        if agreement >= ENOUGH:
            break
    assigned = clusters[nearest(points, prototypes)]
    return _partition(points, assigned, prototypes, clusters, agreement, float((~known).mean()))


def _prototypes(
    points: np.ndarray, labels: np.ndarray, n_clusters: int, parts: int
) -> tuple[np.ndarray, np.ndarray]:
    found = []
    for cluster in range(n_clusters):
        own = points[labels == cluster]
        k = min(parts, len(np.unique(own, axis=0)))
        model = KMeans(k, n_init=1, random_state=0)
        found.append(own.mean(axis=0)[None] if k == 1 else model.fit(own).cluster_centers_)
    return np.vstack(found), np.repeat(np.arange(n_clusters), [len(part) for part in found])


def _partition(
    points: np.ndarray,
    assigned: np.ndarray,
    prototypes: np.ndarray,
    clusters: np.ndarray,
    agreement: float,
    noise: float,
) -> Partition:
    """The partition without clusters that have no point."""
    present, labels = np.unique(assigned, return_inverse=True)
    kept = np.isin(clusters, present)
    centers = np.vstack([points[labels == place].mean(axis=0) for place in range(len(present))])
    inertia = float(np.square(points - centers[labels]).sum())
    numbers = np.searchsorted(present, clusters[kept])
    return Partition(len(present), labels, inertia, prototypes[kept], numbers, agreement, noise)


class _Map:
    """Fits a self-organising map once to each set of points, and groups its neurons."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._options = SOM_OPTIONS | options
        self._trained: list[tuple[np.ndarray, int, np.ndarray, np.ndarray]] = []

    def __call__(self, points: np.ndarray, n_clusters: int, n_init: int, random_state: int) -> Partition:
        neurons, hits = self._neurons(points, random_state)
        if len(neurons) < n_clusters:
            raise InputError(
                f"only {len(neurons)} neurons of the map have customers, fewer than {n_clusters} segments:"
                " ask for fewer segments, or give a larger side."
            )
        model = KMeans(n_clusters, n_init=n_init, random_state=random_state)
        clusters = np.asarray(model.fit(neurons, sample_weight=hits).labels_, dtype=np.int64)
        return _partition(points, clusters[nearest(points, neurons)], neurons, clusters, 1.0, 0.0)

    def _neurons(self, points: np.ndarray, random_state: int) -> tuple[np.ndarray, np.ndarray]:
        for known, seed, neurons, hits in self._trained:
            if known is points and seed == random_state:
                return neurons, hits
        weights = _trained_map(points, random_state, **self._options)
        hits = np.bincount(nearest(points, weights), minlength=len(weights))
        trained = (points, random_state, weights[hits > 0], hits[hits > 0].astype(float))
        self._trained.append(trained)
        return trained[2], trained[3]


def _trained_map(
    points: np.ndarray, random_state: int, side: int, sigma: float, learning_rate: float, iterations: int
) -> np.ndarray:
    """The weights of the neurons of a square map, shape (side * side, features)."""
    from minisom import MiniSom

    som = MiniSom(
        side, side, points.shape[1], sigma=sigma, learning_rate=learning_rate, random_seed=random_state
    )
    som.random_weights_init(points)
    som.train(points, iterations, random_order=True)
    return np.asarray(som.get_weights(), dtype=float).reshape(side * side, points.shape[1])


def _class_of(name: str) -> type:
    return getattr(sklearn.cluster, name, None) or getattr(sklearn.mixture, name)


def _is_clusterer(found: Any) -> bool:
    return inspect.isclass(found) and hasattr(found, "fit_predict") and found not in NOT_OF_ROWS


def _parameters(kind: type) -> list[str]:
    return [name for name in inspect.signature(kind).parameters if name != "kwargs"]


def _number_of(kind: type) -> str | None:
    return next((name for name in NUMBER if name in _parameters(kind)), None)
