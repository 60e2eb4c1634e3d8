"""Segments of customers by any clusterer of scikit-learn, or by a self-organising map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator

from clvml.errors import InputError
from clvml.segments.grouping._centers import nearest
from clvml.segments.grouping._clusterers import Partition, check_options, fit_of, takes_number
from clvml.segments.grouping._prototype_segments import PrototypeSegments


class ClusterSegments(PrototypeSegments):
    """Segments of customers by a clusterer of your choice, with the interface of `KMeansSegments`.

    Features are prepared, the number of segments is chosen, and segments are ordered and named as those of
    `KMeansSegments`. The clusterer is fitted to a sample, and each customer belongs to the segment of the
    nearest prototype (see `clvml.segments.grouping`): the centroid of a segment, several points of a segment
    that is not round, or the neurons of a self-organising map.

    Parameters
    ----------
    clusterer : str
        ``"SOM"``, a self-organising map (a small neural network), or the name of a clusterer of
        ``sklearn.cluster`` or ``sklearn.mixture``, such as ``"GaussianMixture"``,
        ``"AgglomerativeClustering"``, ``"SpectralClustering"`` or ``"HDBSCAN"``.
    options : dict, optional
        Parameters of the clusterer, such as ``{"linkage": "average"}``. Of a self-organising map: ``side``
        (neurons, 8), ``sigma`` (1.5), ``learning_rate`` (0.5) and ``iterations`` (5,000).
    n_segments : int or "auto"
        As in `KMeansSegments`. A clusterer that finds the number by itself, such as DBSCAN, needs "auto".
    features : sequence of str, optional
        As in `KMeansSegments`.
    value : str, optional
        As in `KMeansSegments`.
    min_segments, max_segments : int
        As in `KMeansSegments`.
    tolerance : float, default 0.01
        As in `KMeansSegments`.
    sample_size : int, default 2000
        Customers in the random sample to which the clusterer is fitted.
    n_init : int, default 3
        As in `KMeansSegments`, where the clusterer has random starts.
    random_state : int, default 0
        As in `KMeansSegments`, where the clusterer is random.
    attributes : sequence of str
        As in `KMeansSegments`.

    Attributes
    ----------
    prototypes_ : ndarray of shape (prototypes, features)
        In standardised units.
    prototype_segments_ : ndarray of int
        The segment of each prototype, from 1.
    agreement_ : float
        Share of the sample to which the nearest prototype gives the segment that the clusterer gave.
    noise_ : float
        Share of the sample that the clusterer took as noise; it belongs to the segment of the nearest
        prototype.
    centers_ : ndarray of shape (segments, features)
        Centroids of the segments in standardised units.
    features_, value_, scaling_, dropped_features_, names_, profile_, selection_, attribute_coding_, missing_
        As in `KMeansSegments`.

    See Also
    --------
    clvml.KMeansSegments : The usual clusterer.
    clvml.CustomerGroups : Segments with their treatments.

    Examples
    --------
    >>> import clvml
    >>> import pandas as pd
    >>> customers = pd.DataFrame(
    ...     {"frequency": [9.0, 8.0, 9.0, 1.0, 1.0, 2.0], "clv": [90.0, 85.0, 95.0, 5.0, 4.0, 6.0]}
    ... )
    >>> features = ("frequency", "clv")
    >>> segmenter = clvml.ClusterSegments("AgglomerativeClustering", n_segments=2, features=features)
    >>> segmenter.fit_predict(customers).tolist()
    [1, 1, 1, 2, 2, 2]
    """

    prototypes_: np.ndarray
    prototype_segments_: np.ndarray
    agreement_: float
    noise_: float

    def __init__(
        self,
        clusterer: str = "GaussianMixture",
        options: Mapping[str, Any] | None = None,
        n_segments: int | str = "auto",
        features: Sequence[str] | None = None,
        value: str | None = None,
        min_segments: int = 2,
        max_segments: int = 8,
        tolerance: float = 0.01,
        sample_size: int = 2_000,
        n_init: int = 3,
        random_state: int = 0,
        attributes: Sequence[str] = (),
    ) -> None:
        self.clusterer = clusterer
        self.options = options
        self.n_segments = n_segments
        self.features = features
        self.value = value
        self.min_segments = min_segments
        self.max_segments = max_segments
        self.tolerance = tolerance
        self.sample_size = sample_size
        self.n_init = n_init
        self.random_state = random_state
        self.attributes = attributes

    @classmethod
    def from_estimator(cls, estimator: BaseEstimator, **parameters: Any) -> Self:
        """Of a scikit-learn clusterer: its name, its options and its number of segments.

        Parameters
        ----------
        estimator : clusterer
            Such as ``sklearn.cluster.AgglomerativeClustering(4, linkage="average")``; it need not be fitted.
        **parameters
            Further parameters of `ClusterSegments`.

        Raises
        ------
        InputError
            If it is not a clusterer of scikit-learn.

        Examples
        --------
        >>> import clvml
        >>> from sklearn.cluster import AgglomerativeClustering
        >>> model = clvml.ClusterSegments.from_estimator(AgglomerativeClustering(4, linkage="average"))
        >>> model.clusterer, model.options, model.n_segments
        ('AgglomerativeClustering', {'linkage': 'average'}, 4)
        """
        given, standard = estimator.get_params(deep=False), type(estimator)().get_params(deep=False)
        changed = {name: value for name, value in given.items() if value is not standard[name]}
        options = {
            k: v for k, v in changed.items() if k not in ("n_clusters", "n_components", "random_state")
        }
        number = given.get("n_clusters", given.get("n_components"))
        own = {"n_segments": number if isinstance(number, int) else "auto"}
        if isinstance(given.get("random_state"), int):
            own["random_state"] = given["random_state"]
        name = type(estimator).__name__
        check_options(name, options)
        return cls(name, options or None, **(own | parameters))

    def _check_arguments(self) -> None:
        super()._check_arguments()
        check_options(self.clusterer, self.options or {})
        if self.n_segments != "auto" and not takes_number(self.clusterer):
            raise InputError(
                f"{self.clusterer} finds the number of segments by itself: n_segments is"
                f' {self.n_segments!r}; it must be "auto".'
            )

    def _check_learnt(self) -> None:
        super()._check_learnt()
        shape = (len(self.prototype_segments_), len(self.scaling_))
        if self.prototypes_.shape != shape or not np.isfinite(self.prototypes_).all():
            raise InputError(f"prototypes_ must be finite numbers of shape {shape}: prototypes by features.")
        numbers = np.unique(self.prototype_segments_)
        if self.prototype_segments_.dtype.kind not in "iu" or numbers.tolist() != self._numbers():
            raise InputError(f"prototype_segments_ must have each number from 1 to {len(self.names_)}.")
        for name in ("agreement_", "noise_"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name} is {getattr(self, name)!r}; it must be a share from 0 to 1.")

    def _numbers(self) -> list[int]:
        return list(range(1, len(self.names_) + 1))

    def _candidates(self, distinct: int, customers: int) -> range:
        found = super()._candidates(distinct, customers)
        return found if takes_number(self.clusterer) else range(found.start, found.start + 1)

    def _partition(self, points: np.ndarray, value: np.ndarray, outcome: np.ndarray | None) -> np.ndarray:
        fit = fit_of(self.clusterer, self.options or {})
        self.selection_, found = self._select(points, value, outcome, fit)
        self._remember_partition(found, points, value)
        return self._assign(points)

    def _remember_partition(self, found: Partition, points: np.ndarray, value: np.ndarray) -> None:
        """The prototypes, with segments numbered by the falling mean value of all customers."""
        labels = found.predict(points)
        present = np.unique(labels)
        sizes = np.bincount(labels)[present]
        means = np.bincount(labels, value)[present] / sizes
        centers = np.column_stack([np.bincount(labels, column)[present] for column in points.T])
        centers = centers / sizes[:, None]
        order = np.lexsort((*centers.T[::-1], -means))
        number = np.zeros(found.n_clusters, dtype=np.int64)
        number[present[order]] = np.arange(1, len(present) + 1)
        kept = number[found.clusters] > 0
        self.prototypes_ = found.prototypes[kept]
        self.prototype_segments_ = number[found.clusters[kept]]
        self.centers_ = centers[order]
        self.agreement_, self.noise_ = found.agreement, found.noise

    def _assign(self, points: np.ndarray) -> np.ndarray:
        return self.prototype_segments_[nearest(points, self.prototypes_)]
