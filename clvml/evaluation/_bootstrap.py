"""Paired bootstrap of metrics over customers: nothing is fitted again.

A draw resamples the customers with replacement, the same ones for all models, so that differences between
models have intervals of their own. A draw depends on ``random_state`` and the customer ids only, neither on
the models compared nor on the order of the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from clvml.errors import InputError
from clvml.evaluation._alignment import FloatArray, aligned
from clvml.evaluation._metric import Metric, check_probabilities
from clvml.evaluation._metric_draws import MetricDraws
from clvml.evaluation._resampled import ActualBlock, Counts, Forecast, Order, Resampled
from clvml.evaluation._table_metrics import DEFAULT_METRICS, check_metrics, check_predictions

Function = Callable[[Resampled], FloatArray]

_BLOCK = 2**22  # counts in a block of draws: 32 MB as floats
_CACHED = 2**17  # counts ranked at once: 1 MB, so that they stay in the cache


def bootstrap_metrics(
    actual: pd.Series,
    predictions: pd.DataFrame,
    metrics: Sequence[str] = DEFAULT_METRICS,
    n_draws: int = 1000,
    random_state: int = 0,
    weights: Counts | None = None,
) -> MetricDraws:
    """Metrics of every model in resamples of the customers, the same resamples for all models.

    Parameters
    ----------
    actual : pandas.Series
        Actual values by customer: money, or outcomes of 0 and 1 for metrics of probabilities.
    predictions : pandas.DataFrame
        One column per model, on the same customers in any order.
    metrics : sequence of str
        Keys of `METRICS`. Kendall, calibration errors and metrics of intervals have no bootstrap: a
        resample would need a new sort, new groups, or the intervals.
    n_draws : int
        Number of resamples; ignored if ``weights`` are given.
    random_state : int
        Seed of the resamples.
    weights : ndarray of shape (n_draws, n_customers), optional
        How often each customer of ``actual``, in its order, is drawn; for example columns of
        `resample_counts`.

    Returns
    -------
    MetricDraws
        Point values and draws, with ``intervals``, ``differences`` and ``probability_best``.

    Raises
    ------
    InputError
        If the predictions do not fit to the actual values, a metric is unknown or has no bootstrap, or
        ``weights`` are not counts of these customers.

    Examples
    --------
    >>> actual = pd.Series([0.0, 60.0, 10.0, 30.0])
    >>> predictions = pd.DataFrame({"half": actual / 2, "level": 20.0})
    >>> draws = bootstrap_metrics(actual, predictions, ["mae"], n_draws=200)
    >>> draws.scores
           mae
    model
    half   12.5
    level  20.0
    >>> draws.intervals(0.9).columns.tolist()
    ['score', 'lower', 'upper']
    """
    chosen = check_metrics(metrics, to_resample=True)
    check_predictions(predictions)
    truth, forecasts = _aligned_all(actual, predictions, chosen)
    counts = _counts(actual.index, n_draws, random_state) if weights is None else _given(weights, len(truth))
    losses = tuple(dict.fromkeys(metric.loss for metric in chosen if metric.loss is not None))
    plans = [Forecast(truth, values, losses) for values in forecasts]
    order = Order.of(truth)
    functions = [metric.resampled for metric in chosen if metric.resampled is not None]
    with threadpool_limits(limits=1, user_api="blas"):  # sums in one order, whatever the machine
        drawn = np.concatenate([_block(part, truth, order, plans, functions) for part in counts])
    scores = np.array([[metric.value(truth, values) for metric in chosen] for values in forecasts])
    return MetricDraws.of(
        [str(name) for name in predictions], [metric.key for metric in chosen], scores, drawn
    )


def resample_counts(index: pd.Index, n_draws: int = 1000, random_state: int = 0) -> Counts:
    """How often each customer is drawn in each of ``n_draws`` resamples with replacement.

    They depend on the set of ids and ``random_state``, not on the order of the ids; fewer draws are the
    first of more draws.

    Parameters
    ----------
    index : pandas.Index
        Customer ids, unique.
    n_draws : int
        Number of resamples.
    random_state : int
        Seed.

    Returns
    -------
    ndarray of uint8, shape (n_draws, n_customers)
        Counts, each row with the sum ``len(index)``.

    Raises
    ------
    InputError
        If ids are duplicated, there are none, or ``n_draws`` is below 1.

    Examples
    --------
    >>> resample_counts(pd.Index(["a", "b", "c"]), n_draws=2).sum(axis=1).tolist()
    [3, 3]
    """
    return np.concatenate(list(_counts(index, n_draws, random_state)))


def _counts(index: pd.Index, n_draws: int, random_state: int) -> Iterator[Counts]:
    """The counts in blocks of draws, by position in the index."""
    if n_draws < 1:
        raise InputError(f"n_draws is {n_draws!r}; it must be at least 1.")
    if index.has_duplicates or not len(index):
        raise InputError("customer ids must be unique, and there must be at least one to resample.")
    n, place = len(index), _sorted_place(index)
    random = np.random.default_rng(random_state)
    for first in range(0, n_draws, _rows(_BLOCK, n)):
        draws = min(_rows(_BLOCK, n), n_draws - first)
        counts = np.empty((draws, n), dtype=np.uint8)
        for row in counts:
            row[:] = np.bincount(random.integers(0, n, n), minlength=n)[place]
        yield counts


def _sorted_place(index: pd.Index) -> NDArray[np.intp]:
    """The place of each id among the sorted ones; ids that cannot be compared are sorted as text."""
    try:
        order = index.argsort()
    except TypeError:
        order = index.astype(str).argsort()
    place = np.empty(len(index), dtype=np.intp)
    place[order] = np.arange(len(index))
    return place


def _given(weights: Counts, n_customers: int) -> Iterator[Counts]:
    """Given counts, checked, in blocks of draws."""
    array = np.asarray(weights)
    if array.ndim != 2 or array.shape[1] != n_customers or not len(array):
        raise InputError(
            f"weights have the shape {array.shape}; they must be (n_draws, {n_customers}): a count per draw"
            " and customer."
        )
    if not np.issubdtype(array.dtype, np.integer) or array.min() < 0:
        raise InputError("weights must be whole numbers of at least 0: how often each customer is drawn.")
    rows = _rows(_BLOCK, n_customers)
    return (array[first : first + rows] for first in range(0, len(array), rows))


def _rows(size: int, n_customers: int) -> int:
    return max(1, size // n_customers)


def _aligned_all(
    actual: pd.Series, predictions: pd.DataFrame, metrics: Sequence[Metric]
) -> tuple[FloatArray, list[FloatArray]]:
    pairs = [aligned(actual, predictions[name]) for name in predictions]
    if any(metric.of == "probabilities" for metric in metrics):
        for truth, probability in pairs:
            check_probabilities(truth, probability)
    return pairs[0][0], [forecast for _, forecast in pairs]


def _block(
    counts: Counts, actual: FloatArray, order: Order, plans: Sequence[Forecast], functions: Sequence[Function]
) -> FloatArray:
    """Metrics by draw, model and metric, for a block of draws."""
    weights = counts.astype(np.float64)
    means = [plan.mean_losses(weights) for plan in plans]
    drawn = np.empty((len(counts), len(plans), len(functions)))
    rows = _rows(_CACHED, len(actual))
    for part in (slice(first, first + rows) for first in range(0, len(counts), rows)):
        block = ActualBlock(counts[part], actual, order)
        for model, (plan, losses) in enumerate(zip(plans, means, strict=True)):
            sample = Resampled(block, plan, {loss: values[part] for loss, values in losses.items()})
            for column, function in enumerate(functions):
                drawn[part, model, column] = function(sample)
    return drawn
