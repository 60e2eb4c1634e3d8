"""Segmentation methods compared on one holdout.

Each method is fitted to the customers at the end of calibration and evaluated on their holdout revenue:
share of revenue, lift and bias by segment, and how well the order of its segments ranks customers.

A bias needs a prediction. The value matrix, the tiers of lifetime value and K-means use the predicted value,
and the prediction for a segment is its sum. ABC and RFM do not predict money; the implied prediction for a
segment is the naive forecast: past spend carried forward over the duration of the holdout.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import pandas as pd
from sklearn.base import clone

from clvml.segments.grouping._classes import ABCClasses, ValueTiers
from clvml.segments.grouping._kmeans import KMeansSegments
from clvml.segments.grouping._matrix import ValueMatrix
from clvml.segments.grouping._prototype_segments import PrototypeSegments
from clvml.segments.grouping._rfm import RFMScores
from clvml.segments.grouping._rules import RuleSegments
from clvml.segments.grouping._tables import clip_negative
from clvml.segments.judging._holdout import judge_segmentations, rank_segmentations
from clvml.segments.judging._quality import matched
from clvml.segments.judging._textbook import check_ratings, textbook_comparison

ABC, RFM, KMEANS = "ABC classes", "RFM groups", "K-means"
NAIVE = (ABC, RFM)

Segmenter = RuleSegments | PrototypeSegments


class SegmentationComparison(NamedTuple):
    """Segmentation methods on the same holdout.

    Attributes
    ----------
    ranking : pandas.DataFrame
        One row per method, as from `clvml.segments.judging.rank_segmentations`.
    by_segment : pandas.DataFrame
        Index ``method, segment``, as from `clvml.segments.judging.judge_segmentations`, with ``name``.
    textbook : pandas.DataFrame
        ABC, RFM and CLV by the textbook's ratings and measured accuracy, as from
        `clvml.segments.judging.textbook_comparison`.
    segments : dict of str to pandas.Series
        The segments of each method.
    ratings : pandas.DataFrame
        Whether the measurements contradict the ratings, as from `clvml.segments.judging.check_ratings`.

    See Also
    --------
    clvml.segments.judging.compare_segmentations : The function that makes one.
    clvml.segments.judging.describe_ratings : The ratings in sentences.

    Examples
    --------
    >>> import clvml
    >>> from clvml.segments.judging import SegmentationComparison
    >>> SegmentationComparison._fields
    ('ranking', 'by_segment', 'textbook', 'segments', 'ratings')
    """

    ranking: pd.DataFrame
    by_segment: pd.DataFrame
    textbook: pd.DataFrame
    segments: dict[str, pd.Series]
    ratings: pd.DataFrame


def compare_segmentations(
    customers: pd.DataFrame,
    actual: pd.Series,
    naive_forecast: pd.Series,
    kmeans: KMeansSegments | None = None,
    others: Mapping[str, PrototypeSegments] | None = None,
) -> SegmentationComparison:
    """Compare ABC, RFM, the value matrix, tiers, K-means and other clusterers on the same holdout.

    Parameters
    ----------
    customers : pandas.DataFrame
        The summary at the end of calibration, with ``total_spend`` and ``clv``, the money predicted for the
        holdout.
    actual : pandas.Series
        Money over the holdout.
    naive_forecast : pandas.Series
        Past spend of each customer, carried forward over the duration of the holdout.
    kmeans : KMeansSegments, optional
        If the default does not suit the columns; a copy is fitted.
    others : mapping of str to ClusterSegments, optional
        Further clusterers by name; copies are fitted.

    Returns
    -------
    SegmentationComparison
        The methods by holdout Gini, their segments, and the textbook's ratings against what was measured.

    Raises
    ------
    InputError
        If a column is missing, or the three do not cover the same customers.

    See Also
    --------
    clvml.segments.judging.rank_segmentations : Any segmentations on a holdout.
    clvml.split : The calibration period and the holdout.

    Notes
    -----
    Segments take losses (negative money) as 0; predictions and outcomes stay as they are. If the number of
    segments of a clusterer is "auto", it is chosen by the same holdout, which favours clusterers a little.

    Examples
    --------
    CDNOW, nine months of calibration and nine of holdout; here the value is predicted from past spend per
    week:

    >>> import clvml
    >>> from clvml.segments.judging import compare_segmentations
    >>> parts = clvml.split(clvml.load_cdnow(), "1997-09-30", "1998-06-30")
    >>> customers = parts.calibration
    >>> past = customers["total_spend"] / customers["T"] * 39
    >>> valued = customers.assign(clv=past, probability_alive=1.0)
    >>> found = compare_segmentations(valued, parts.holdout["spend"], past)
    >>> found.ranking["segments"].to_dict()
    {'K-means': 3, 'RFM groups': 9, 'CLV tiers': 3, 'value matrix': 4, 'ABC classes': 3}
    """
    table = clip_negative(customers)
    methods = {**_methods(kmeans), **{name: clone(method) for name, method in (others or {}).items()}}
    matched(table.index, actual, "actual")
    segments = {name: _fit_predict(method, table, actual) for name, method in methods.items()}
    predicted = {name: naive_forecast if name in NAIVE else customers["clv"] for name in methods}
    by_segment = judge_segmentations(segments, predicted, actual)
    names = [methods[str(method)].names_[int(segment) - 1] for method, segment in by_segment.index]
    by_segment.insert(0, "name", names)
    textbook = textbook_comparison(actual, segments[ABC], segments[RFM], customers["clv"], naive_forecast)
    ratings = check_ratings(actual, segments[ABC], segments[RFM], customers["clv"])
    ranking = rank_segmentations(segments, actual)
    return SegmentationComparison(ranking, by_segment, textbook, segments, ratings)


def _fit_predict(method: Segmenter, customers: pd.DataFrame, actual: pd.Series) -> pd.Series:
    if isinstance(method, PrototypeSegments):
        return method.fit_predict(customers, outcome=actual)
    return method.fit_predict(customers)


def _methods(kmeans: KMeansSegments | None) -> Mapping[str, Segmenter]:
    return {
        ABC: ABCClasses(),
        RFM: RFMScores(),
        "value matrix": ValueMatrix(),
        "CLV tiers": ValueTiers(),
        KMEANS: KMeansSegments() if kmeans is None else clone(kmeans),
    }
