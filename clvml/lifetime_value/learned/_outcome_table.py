"""Prediction intervals from outcomes at an earlier origin: quantiles of actual / predicted, by size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clvml.errors import InputError

Floats = NDArray[np.float64]

_GROUPS = 20
_SMALLEST_GROUP = 100
_PROBABILITIES = np.arange(1, 400) / 400


@dataclass(frozen=True, eq=False)
class OutcomeTable:
    """Quantiles of the ratio of outcome to prediction, among customers with predictions of similar size.

    Attributes
    ----------
    edges : ndarray, shape (n_groups - 1,)
        Predictions that separate the groups, ascending.
    ratios : ndarray, shape (n_groups, n_probabilities)
        Quantiles of actual / predicted in each group, at the probabilities 1/400, ..., 399/400.
    """

    edges: Floats
    ratios: Floats

    def __post_init__(self) -> None:
        """Refuse quantiles that do not fit the groups or do not ascend."""
        shape = (self.edges.size + 1, _PROBABILITIES.size)
        numbers = np.isfinite(self.edges).all() and np.isfinite(self.ratios).all()
        if self.edges.ndim != 1 or self.ratios.shape != shape or not numbers:
            raise InputError(f"the ratios of outcomes must be finite numbers of shape {shape}.")
        if (np.diff(self.edges) < 0).any() or (np.diff(self.ratios, axis=1) < 0).any():
            raise InputError("the edges and the ratios of outcomes must ascend.")

    def interval(self, predicted: Floats, coverage: float) -> tuple[Floats, Floats]:
        """The ratios at the lower and upper end of intervals of equal tails, for predictions of any size.

        Raises
        ------
        InputError
            If the coverage is not between 0 and 0.99.
        """
        if not 0 < coverage <= 0.99:
            raise InputError(f"coverage is {coverage!r}; it must be above 0 and at most 0.99.")
        tail = (1 - coverage) / 2
        lower = int(np.searchsorted(_PROBABILITIES, tail + 1e-12, side="right")) - 1
        upper = int(np.searchsorted(_PROBABILITIES, 1 - tail - 1e-12))
        group = np.searchsorted(self.edges, predicted)
        return self.ratios[group, max(lower, 0)], self.ratios[group, min(upper, _PROBABILITIES.size - 1)]


def outcome_table(actual: Floats, predicted: Floats) -> OutcomeTable:
    """The table from the outcomes of customers and predictions that did not see them (split conformal).

    With ``n`` customers in a group the quantile at ``p`` is the outcome of rank ``p (n + 1)``, rounded
    outwards, which has the coverage for the next customer as well (Vovk et al. 2005; by groups: Mondrian).
    """
    kept = predicted > 0
    actual, predicted = actual[kept], predicted[kept]
    n_groups = int(np.clip(predicted.size // _SMALLEST_GROUP, 1, _GROUPS))
    edges = np.unique(np.quantile(predicted, np.arange(1, n_groups) / n_groups))
    group = np.searchsorted(edges, predicted)
    ratios = [_quantiles(actual[group == k] / predicted[group == k]) for k in range(edges.size + 1)]
    return OutcomeTable(edges, np.array(ratios))


def _quantiles(ratios: Floats) -> Floats:
    """Order statistics, the ranks rounded away from the median."""
    ranks = _PROBABILITIES * (ratios.size + 1)
    outwards = np.where(_PROBABILITIES < 0.5, np.floor(ranks), np.ceil(ranks)).astype(int)
    return np.sort(ratios)[np.clip(outwards, 1, ratios.size) - 1]
