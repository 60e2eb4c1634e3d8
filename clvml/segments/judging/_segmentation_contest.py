"""The ways to segment against each other, on one holdout.

Each method sees the customers until the end of calibration and is then judged by what they brought after it:
share of revenue, lift and bias in each segment, and how well the order of its segments ranks customers.

A bias needs a prediction. The value matrix, the tiers of lifetime value and K-means rest on the predicted
value, and their segments predict its sum. ABC and RFM say nothing of money to come; who plans with them
expects of a segment what it spent before, so that is their prediction: the same once more, for the
duration of the holdout.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import pandas as pd
from sklearn.base import clone

from clvml.segments.grouping._classes import ABCClasses, ValueTiers
from clvml.segments.grouping._kmeans import KMeansSegments
from clvml.segments.grouping._matrix import ValueMatrix
from clvml.segments.grouping._rfm import RFMScores
from clvml.segments.grouping._rules import RuleSegments
from clvml.segments.grouping._tables import without_debt
from clvml.segments.judging._holdout import judge_segmentations, rank_segmentations, textbook_comparison

ABC, RFM, KMEANS = "ABC classes", "RFM groups", "K-means"
ONCE_MORE = (ABC, RFM)

Segmenter = RuleSegments | KMeansSegments


class Contest(NamedTuple):
    """What the holdout said.

    Attributes
    ----------
    ranking : pandas.DataFrame
        One row a method, as from `clvml.segments.judging.rank_segmentations`.
    by_segment : pandas.DataFrame
        Index ``method, segment``, as from `clvml.segments.judging.judge_segmentations`, with ``name``.
    textbook : pandas.DataFrame
        "ABC against RFM against CLV: ease, cost, accuracy", the accuracy measured.
    segments : dict of str to pandas.Series
        Each method's segments.
    """

    ranking: pd.DataFrame
    by_segment: pd.DataFrame
    textbook: pd.DataFrame
    segments: dict[str, pd.Series]


def contest(
    customers: pd.DataFrame,
    actual: pd.Series,
    once_more: pd.Series,
    kmeans: KMeansSegments | None = None,
) -> Contest:
    """ABC, RFM, value matrix, tiers and K-means on the same holdout.

    Parameters
    ----------
    customers : pandas.DataFrame
        The summary at the end of calibration, with ``total_spend`` and ``clv``, the money predicted for the
        holdout.
    actual : pandas.Series
        Money over the holdout.
    once_more : pandas.Series
        What each customer spent before, for the duration of the holdout.
    kmeans : KMeansSegments, optional
        Where the default does not fit the columns.

    Raises
    ------
    InputError
        If a column is missing, or the customers of the three differ.
    """
    table = without_debt(customers, "total_spend")
    methods = _methods(kmeans)
    segments = {name: method.fit_predict(table) for name, method in methods.items()}
    predicted = {name: once_more if name in ONCE_MORE else customers["clv"] for name in methods}
    by_segment = judge_segmentations(segments, predicted, actual)
    names = [methods[str(method)].names_[int(segment) - 1] for method, segment in by_segment.index]
    by_segment.insert(0, "name", names)
    textbook = textbook_comparison(actual, segments[ABC], segments[RFM], customers["clv"], once_more)
    return Contest(rank_segmentations(segments, actual), by_segment, textbook, segments)


def _methods(kmeans: KMeansSegments | None) -> Mapping[str, Segmenter]:
    return {
        ABC: ABCClasses(),
        RFM: RFMScores(),
        "value matrix": ValueMatrix(),
        "CLV tiers": ValueTiers(),
        KMEANS: KMeansSegments() if kmeans is None else clone(kmeans),
    }
