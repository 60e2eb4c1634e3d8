"""Resampled statistics of one model, by draw: what metrics are computed from.

A resample with replacement is a count per customer. Means are products of the counts with losses per
customer, ranking metrics follow from weighted ranks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from clvml.evaluation._alignment import FloatArray
from clvml.evaluation._weighted_ranks import Counts, Order, Places, Ranks, sum_of_products

Loss = Callable[[FloatArray, FloatArray], FloatArray]

_WIDTH = 48  # losses in a matrix product, always: so a sum does not depend on how many others there are


@dataclass(frozen=True, eq=False)
class Resampled:
    """Statistics of one model by draw, each of shape (n_draws,): all that metrics are computed from.

    Attributes
    ----------
    n, total, size : ndarray
        The number of customers, the sum of the actual values, and of their absolute values.
    means : mapping of loss to ndarray
        Mean losses, NaN in draws with a customer for whom the loss is undefined.
    ranks : RankStatistics or None
        Of the ranks, where a metric uses them.
    top : mapping of float to ndarray
        By share of the customers, the actual value of those with the highest predictions.
    """

    n: FloatArray
    total: FloatArray
    size: FloatArray
    means: Mapping[Loss, FloatArray]
    ranks: RankStatistics
    top: Mapping[float, FloatArray]


class RankStatistics(NamedTuple):
    """Sums of products over the customers by draw; ranks are twice the mid-ranks less the mean rank.

    ``value`` is of actual value and rank of the prediction, ``best_value`` of actual value and its own rank,
    ``product`` of both ranks, ``spread`` and ``actual_spread`` of the squared ranks of each.
    """

    value: FloatArray
    product: FloatArray
    spread: FloatArray
    best_value: FloatArray
    actual_spread: FloatArray


class CommonValue:
    """The most common actual value, usually zero: sums of ranks only need the other customers.

    Ranks less their mean sum to zero, so a constant can be subtracted from the actual values, and from their
    ranks, such that those of the customers with the common value are zero.

    Attributes
    ----------
    member : int
        A customer with the most common actual value.
    others : ndarray of int
        The customers with other values.
    """

    def __init__(self, order: Order) -> None:
        group = int(np.argmax(np.diff(order.starts)))
        self.member = int(order.places[order.starts[group]])
        self.others = np.flatnonzero(order.group != group)


class ActualBlock:
    """What a block of resamples says of the actual values: the same for all models.

    Parameters
    ----------
    counts : ndarray of uint8, shape (n + 1, n_draws)
        How often each customer is drawn, and a row of zeros.
    values : ndarray of shape (n,)
        The actual values.
    order : Order
        Of the actual values.
    common : CommonValue
        Of the actual values.
    cubes : ndarray of shape (n_draws,)
        As for `Ranks.spread`.
    """

    def __init__(
        self, counts: Counts, values: FloatArray, order: Order, common: CommonValue, cubes: FloatArray
    ) -> None:
        weights = counts[common.others].astype(np.float64)
        ranks = Ranks(order, counts)
        doubled = ranks.doubled(order.middle[np.append(common.others, common.member)])
        doubled, of_common = doubled[:-1], doubled[-1:]
        self._weighted = weights * (values[common.others] - values[common.member])[:, None]
        self._weighted_ranks = weights * (doubled - of_common)
        self._best = sum_of_products(self._weighted, doubled), ranks.spread(cubes)

    def statistics(self, ranks: Ranks, middle: Places, cubes: FloatArray) -> RankStatistics:
        """Those of one model's predictions; ``middle`` as for `Ranks.doubled`, of the other customers."""
        doubled = ranks.doubled(middle)
        value = sum_of_products(self._weighted, doubled)
        product = sum_of_products(self._weighted_ranks, doubled)
        return RankStatistics(value, product, ranks.spread(cubes), *self._best)


@dataclass(frozen=True, eq=False)
class Forecast:
    """One model's predictions and what is computed once for all draws.

    Attributes
    ----------
    actual, predicted : ndarray of shape (n,)
        By customer.
    others : ndarray of int
        The customers whose actual value is not the most common one.
    """

    actual: FloatArray
    predicted: FloatArray
    others: Places

    @cached_property
    def order(self) -> Order:
        """The order of the customers by prediction."""
        return Order.of(self.predicted)

    @cached_property
    def middle(self) -> Places:
        """Where the ranks of the others are."""
        return self.order.middle[self.others]

    @cached_property
    def laid_out_actual(self) -> FloatArray:
        """The actual values in the layout of the order."""
        return self.order.laid_out(self.actual)


class MeanLosses:
    """Mean losses of all models in resamples: one matrix product for many of them.

    A loss that is undefined for some customers has a second row that counts these, and is NaN in the draws
    that have one of them.
    """

    def __init__(self, losses: Sequence[Loss], forecasts: Sequence[Forecast]) -> None:
        self._keys = [(model, loss) for model in range(len(forecasts)) for loss in losses]
        rows, self._partly = [], []
        for place, (model, loss) in enumerate(self._keys):
            values = loss(forecasts[model].actual, forecasts[model].predicted)
            if (undefined := np.isnan(values)).any():
                self._partly.append((place, undefined))
                values[undefined] = 0.0
            rows.append(values)
        self._tables = list(_in_tables([*rows, *(undefined for _, undefined in self._partly)]))
        self._n_models = len(forecasts)

    def __call__(self, counts: FloatArray, n: FloatArray) -> list[dict[Loss, FloatArray]]:
        """By model and loss: the mean by draw."""
        means: list[dict[Loss, FloatArray]] = [{} for _ in range(self._n_models)]
        if not self._keys:
            return means
        sums = np.vstack([table @ counts.T for table in self._tables])
        for row, (place, _) in enumerate(self._partly, start=len(self._keys)):
            sums[place, sums[row] > 0] = np.nan
        for (model, loss), row in zip(self._keys, sums, strict=False):
            means[model][loss] = where_positive(n, row)
        return means


def _in_tables(rows: Sequence[NDArray[np.generic]]) -> Iterator[FloatArray]:
    """The rows in tables of equal height, the last one filled up with zeros."""
    for first in range(0, len(rows), _WIDTH):
        table = np.zeros((_WIDTH, len(rows[0])))
        table[: len(rows) - first] = rows[first : first + _WIDTH]
        yield table


def where_positive(denominator: FloatArray, numerator: FloatArray, scale: float = 1.0) -> FloatArray:
    """``scale * numerator / denominator``, NaN where the denominator is not positive."""
    return scale * np.divide(
        numerator, denominator, out=np.full_like(denominator, np.nan), where=denominator > 0
    )
