"""Paired bootstrap of metrics over customers: nothing is fitted again.

A draw resamples the customers with replacement, the same ones for all models, so that differences between
models have intervals of their own. A draw depends on ``random_state`` and the customer ids only, neither on
the models compared nor on the order of the rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from numbers import Integral

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from clvml.errors import InputError
from clvml.evaluation._alignment import FloatArray, aligned, check_probabilities
from clvml.evaluation._metric import Metric
from clvml.evaluation._metric_draws import MetricDraws
from clvml.evaluation._ranking import TOP_SHARES
from clvml.evaluation._resampled import (
    ActualBlock,
    CommonValue,
    Forecast,
    MeanLosses,
    RankStatistics,
    Resampled,
)
from clvml.evaluation._table_metrics import DEFAULT_METRICS, check_metrics, check_predictions
from clvml.evaluation._weighted_ranks import Counts, Cubes, Order, Ranks

_N_RANKS = len(RankStatistics._fields)
_BLOCK = 2**22  # counts in a block of draws: 32 MB as floats
_CACHED = 2**19  # counts ranked at once: 2 MB as whole numbers, so that they stay in the cache
_LEAST = 8  # draws ranked at once: a customer is moved with all of them


def bootstrap_metrics(
    actual: pd.Series,
    predictions: pd.DataFrame,
    metrics: Sequence[str] = DEFAULT_METRICS,
    n_draws: int = 1000,
    random_state: int = 0,
    weights: Counts | None = None,
) -> MetricDraws:
    """Bootstrap the metrics of every model, in the same resamples of the customers.

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

    See Also
    --------
    clvml.evaluation.MetricDraws : The result.
    clvml.compare : A table with intervals in one call.
    clvml.evaluation.resample_counts : The resamples.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.evaluation import bootstrap_metrics
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
    if all(metric.of == "values" for metric in chosen):
        forecasts = [*forecasts, np.zeros(len(truth))]  # the zero baseline
    with threadpool_limits(limits=1, user_api="blas"):  # sums in one order, whatever the machine
        evaluate = _Evaluation(truth, forecasts, chosen)
        drawn = np.concatenate([evaluate(part) for part in counts])
        scores = evaluate(np.ones((1, len(truth)), dtype=np.uint8))[0]
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

    See Also
    --------
    clvml.evaluation.bootstrap_metrics : Takes them as ``weights``.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.evaluation import resample_counts
    >>> resample_counts(pd.Index(["a", "b", "c"]), n_draws=2).sum(axis=1).tolist()
    [3, 3]
    """
    return np.concatenate(list(_counts(index, n_draws, random_state)))


def _counts(index: pd.Index, n_draws: int, random_state: int) -> Iterator[Counts]:
    """The counts in blocks of draws, by position in the index."""
    if not isinstance(n_draws, Integral) or n_draws < 1:
        raise InputError(f"n_draws is {n_draws!r}; it must be a whole number of at least 1.")
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


class _Evaluation:
    """Metrics of all models in blocks of resamples."""

    def __init__(
        self, actual: FloatArray, forecasts: Sequence[FloatArray], metrics: Sequence[Metric]
    ) -> None:
        losses = tuple(dict.fromkeys(metric.loss for metric in metrics if metric.loss is not None))
        self._functions = [metric.resampled for metric in metrics if metric.resampled is not None]
        self._actual, self._order = actual, Order.of(actual)
        self._common = CommonValue(self._order)
        self._forecasts = [Forecast(actual, values, self._common.others) for values in forecasts]
        self._mean_losses = MeanLosses(losses, self._forecasts)
        self._alike = _ranked_alike(self._forecasts)
        self._first = sorted(set(self._alike))
        self._ranked = [self._forecasts[model] for model in self._first]
        self._cubes = Cubes([self._order, *(forecast.order for forecast in self._ranked)])
        used = {metric.uses for metric in metrics}
        self._with_ranks = "ranks" in used
        self._shares = TOP_SHARES if "top" in used else ()

    def __call__(self, counts: Counts) -> FloatArray:
        """Metrics by draw, model and metric."""
        weights, n = counts.astype(np.float64), counts.sum(axis=1, dtype=np.int64).astype(np.float64)
        total, size = weights @ self._actual, weights @ np.abs(self._actual)
        means, statistics = self._mean_losses(weights, n), self._rank_statistics(counts)
        drawn = np.empty((len(counts), len(self._forecasts), len(self._functions)))
        for model, rows in enumerate(statistics):
            ranks, top = (
                RankStatistics(*rows[:_N_RANKS]),
                dict(zip(self._shares, rows[_N_RANKS:], strict=True)),
            )
            sample = Resampled(n, total, size, means[model], ranks, top)
            for column, function in enumerate(self._functions):
                drawn[:, model, column] = function(sample)
        return drawn

    def _rank_statistics(self, counts: Counts) -> FloatArray:
        """By model, statistic and draw: sums of ranks, then the value of the top shares; zero if not used."""
        found = np.zeros((len(self._first), _N_RANKS + len(self._shares), len(counts)))
        if self._with_ranks or self._shares:
            self._fill(found, counts)
        return found[np.searchsorted(self._first, self._alike)]

    def _fill(self, found: FloatArray, counts: Counts) -> None:
        """The statistics of all that are ranked differently, block by block."""
        rows = max(_rows(_CACHED, len(self._actual)) // _LEAST, 1) * _LEAST
        for part in (slice(first, first + rows) for first in range(0, len(counts), rows)):
            drawn = np.ascontiguousarray(np.pad(counts[part], ((0, 0), (0, 1))).T)
            of_actual, *of_forecasts = self._cubes(drawn[:-1])
            block = ActualBlock(drawn, self._actual, self._order, self._common, of_actual)
            for forecast, rows_of_model, own in zip(self._ranked, found, of_forecasts, strict=True):
                ranks = Ranks(forecast.order, drawn)
                if self._with_ranks:
                    rows_of_model[:_N_RANKS, part] = block.statistics(ranks, forecast.middle, own)
                if self._shares:
                    rows_of_model[_N_RANKS:, part] = ranks.top(forecast.laid_out_actual, self._shares)


def _ranked_alike(forecasts: Sequence[Forecast]) -> list[int]:
    """By forecast, the place of the first one that ranks the customers alike, ties included."""
    first: dict[bytes, int] = {}
    return [
        first.setdefault(forecast.order.group.tobytes(), place) for place, forecast in enumerate(forecasts)
    ]
