"""K-means segments of customers, ordered by value.

The number of segments is chosen on a sample (`_selection`), and Lloyd's iterations over all customers start
from the centres of the sample, so that a million customers cost little more than ten thousand. All else is
common to the clusterers (`_prototype_segments`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from clvml.segments.grouping._centers import centers_by_value, nearest
from clvml.segments.grouping._prototype_segments import PrototypeSegments


class KMeansSegments(PrototypeSegments):
    """Segments of customers with similar behaviour and value, by K-means; 1 is the most valuable.

    Parameters
    ----------
    n_segments : int or "auto"
        Number of segments; "auto" chooses between ``min_segments`` and ``max_segments``. If `fit` is given
        the customers' ``outcome`` in a holdout: the smallest number whose Gini of the outcome is within 5 %
        or one standard error of the best. Otherwise: the largest number whose silhouette is within
        ``tolerance`` of the best. In both cases the smallest segment has at least 1 % of the customers.
    features : sequence of str, optional
        Columns of the table to segment by; ``"silence"`` stands for ``T - recency``. By default
        ``recency, frequency, monetary_value, probability_alive, clv``, and every column of a table that has
        none of them, or of an array.
    value : str, optional
        The column of money that orders the segments; it need not be a feature. By default ``clv``, and the
        first feature of a table without any of the columns above, or of an array.
    min_segments, max_segments : int
        The candidates of "auto".
    tolerance : float
        Difference to the best silhouette that is regarded as negligible.
    sample_size : int
        Customers in the random sample on which the number is chosen.
    n_init : int
        Random starts of each K-means on the sample; the best is kept.
    random_state : int
        Seed of the starts; the number of segments does not depend on it.
    attributes : sequence of str
        Columns of customer attributes to use as features: numbers or categories. A missing number is imputed
        by the median of the fit; missing is a level of a category.

    Attributes
    ----------
    features_, value_ : tuple of str, str
        The features and the column of value in use.
    centers_ : ndarray of shape (segments, features)
        Centres in standardised units, in the order of the segments.
    scaling_ : pandas.DataFrame
        The scaling of each feature: ``logged, unit, centre, spread``; index ``feature``.
    dropped_features_ : tuple of str
        Features that were left out because they did not vary.
    names_ : tuple of str
        Names in the order of the segments, such as "High-value active repeat buyers". Each word is a
        statement that is true of at least four in five of the segment's customers in the fit; those on
        purchases ("one-time buyers", "silent") are true of all, unless the name says "mostly".
    profile_ : pandas.DataFrame
        Index ``segment``; ``name, customers, share_of_customers, share_of_value``, then medians, with
        ``time_since_last_purchase`` in place of ``recency`` where ``T`` is known.
    selection_ : pandas.DataFrame
        Index ``n_segments``; ``silhouette`` (mean), ``inertia``, ``stability`` (adjusted Rand index over
        random halves), ``elbow, smallest_share``, with an outcome ``holdout_gini, holdout_se`` (of the
        difference from the best) and ``holdout_explained`` (share of the variance of its ranks,
        leave-one-out), and ``chosen``; ``attrs["why"]`` explains the choice. One row if the number was given.
    attribute_coding_ : dict
        By attribute: the median that a missing number takes, or the levels of a category.
    missing_ : pandas.DataFrame
        Index ``attribute``; ``missing, share, handling``: missing values in the fit.
    time_unit_ : str or None
        The unit of time of the fitted customers.
    n_features_in_, feature_names_in_ : int, ndarray of str
        As in scikit-learn; an array has no names.

    See Also
    --------
    clvml.ClusterSegments : The same by another clusterer.
    clvml.RFMScores : Segments by rule.
    clvml.CustomerGroups : Segments with their treatments.
    clvml.plots.segment_profile : Draw the profile.

    Notes
    -----
    It accepts tables of customers, and arrays of nonnegative numbers, as at the end of a scikit-learn
    pipeline; for an array it returns an array. Numbers start at 1, not at 0 as scikit-learn's labels do.

    Examples
    --------
    >>> import clvml
    >>> import pandas as pd
    >>> customers = pd.DataFrame(
    ...     {"frequency": [9.0, 8.0, 9.0, 1.0, 1.0, 2.0], "clv": [90.0, 85.0, 95.0, 5.0, 4.0, 6.0]}
    ... )
    >>> segmenter = clvml.KMeansSegments(n_segments=2, features=("frequency", "clv"))
    >>> segmenter.fit_predict(customers).tolist()
    [1, 1, 1, 2, 2, 2]
    >>> segmenter.names_
    ('High-value repeat buyers', 'Low-value repeat buyers')
    """

    def __init__(
        self,
        n_segments: int | str = "auto",
        features: Sequence[str] | None = None,
        value: str | None = None,
        min_segments: int = 2,
        max_segments: int = 8,
        tolerance: float = 0.01,
        sample_size: int = 10_000,
        n_init: int = 10,
        random_state: int = 0,
        attributes: Sequence[str] = (),
    ) -> None:
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

    def _partition(self, points: np.ndarray, value: np.ndarray, outcome: np.ndarray | None) -> np.ndarray:
        self.selection_, chosen = self._select(points, value, outcome)
        self.centers_ = centers_by_value(points, chosen.cluster_centers_, value, self.random_state)
        return self._assign(points)

    def _assign(self, points: np.ndarray) -> np.ndarray:
        return nearest(points, self.centers_) + 1
