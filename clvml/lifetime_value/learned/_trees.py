"""Gradient-boosted trees as plain arrays: evaluated without scikit-learn, and saved without pickle.

The leaves of a tree are the bits of one integer, from left to right. Each split whose condition is false
clears the bits of the leaves to its left; the lowest bit left is the leaf of the row. This takes a few
vectorised operations per split, whatever the depth (Lucchese et al. 2015, QuickScorer, SIGIR).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clvml._remembered import remembered
from clvml.errors import InputError
from clvml.lifetime_value.learned._bins import Bins

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_BLOCK = 16_384  # rows evaluated at a time, so that they stay in the cache
_LEAF = -1  # in the place of a feature
_FEW = 8  # rows that are faster evaluated one by one


class _Tree(NamedTuple):
    """The splits of a tree, with the bits that each clears, and its leaves from left to right."""

    feature: list[int]
    code: list[int]
    cleared: NDArray[Any]
    values: Floats
    contributions: Floats


@dataclass(frozen=True, eq=False)
class BoostedTrees:
    """Binary regression trees whose predictions are summed.

    The nodes of all trees are concatenated; children are positions in the arrays. Rows with
    ``x[feature] <= threshold`` go left.

    Attributes
    ----------
    baseline : float
        Prediction before the first tree.
    n_features : int
        Columns of the rows.
    roots : ndarray of int64, shape (n_trees,)
        Position of the root of each tree.
    feature, left, right : ndarray of int64, shape (n_nodes,)
        Column and children of each split; -1 for leaves.
    threshold, value, count : ndarray of float64, shape (n_nodes,)
        Threshold of each split, 0 for leaves; prediction of each leaf, 0 for splits; number of training rows.
    """

    baseline: float
    n_features: int
    roots: Integers
    feature: Integers
    left: Integers
    right: Integers
    threshold: Floats
    value: Floats
    count: Floats

    def __post_init__(self) -> None:
        """Refuse arrays that are no trees: of other lengths, or whose nodes are not reached exactly once."""
        nodes = self.feature.shape
        fields = (self.left, self.right, self.threshold, self.value, self.count)
        if len(nodes) != 1 or any(values.shape != nodes for values in fields) or self.roots.ndim != 1:
            raise InputError("the arrays of the trees must have one entry per node.")
        split = self.feature != _LEAF
        parents = np.flatnonzero(split)
        children = np.concatenate([self.left[split], self.right[split]])
        reached = np.sort(np.concatenate([self.roots, children]))
        later = children > np.concatenate([parents, parents])
        if not later.all() or not np.array_equal(reached, np.arange(nodes[0])):
            raise InputError("each node of the trees must be a root or the child of one node before it.")
        if not ((self.feature >= _LEAF) & (self.feature < self.n_features)).all():
            raise InputError(f"the trees must split by features from 0 to {self.n_features - 1}.")
        numbers = np.concatenate([self.value, self.count, [self.baseline]])
        if not np.isfinite(numbers).all() or np.isnan(self.threshold).any() or not (self.count > 0).all():
            raise InputError("the trees must have finite values and positive counts.")

    def raw(self, rows: Floats) -> Floats:
        """The sum of the trees' predictions for rows of shape (n_rows, n_features), before any link.

        Equal to scikit-learn's to the last bit, since the terms are added in the same order.
        """
        if len(rows) <= _FEW:
            return np.array([self._walked(row) for row in rows.tolist()], dtype=float)
        nodes = self.roots, self.feature, self.left, self.right, self.threshold, self.value
        return remembered(partial(self._summed, rows), "sum of trees", self.baseline, *nodes, rows)

    def _summed(self, rows: Floats) -> Floats:
        """The sum of the trees' predictions, block by block."""
        total = np.full(len(rows), self.baseline)
        for block, codes in self._coded(rows):
            for tree in self._trees:
                total[block] += np.take(tree.values, _leaves(tree, codes))
        return total

    def _walked(self, row: list[float]) -> float:
        """The prediction of one row, by its way through each tree."""
        feature, threshold, left, right, value = self._lists
        total = self.baseline
        for root in self._roots:
            node = root
            while (column := feature[node]) != _LEAF:
                node = left[node] if row[column] <= threshold[node] else right[node]
            total += value[node]
        return total

    def contributions(self, rows: Floats) -> Floats:
        """What each feature adds to `raw` beyond `mean`, shape (n_rows, n_features).

        A split contributes the change of the mean prediction from the node to its child (Saabas 2014), so the
        contributions of a row add up to its prediction less the mean.
        """
        total = np.zeros((len(rows), self.n_features))
        for block, codes in self._coded(rows):
            for tree in self._trees:
                total[block] += tree.contributions[_leaves(tree, codes)]
        return total

    @property
    def mean(self) -> float:
        """The mean of `raw` over the training rows."""
        return float(self.baseline + self._means[self.roots].sum())

    def _coded(self, rows: Floats) -> Iterator[tuple[slice, list[NDArray[Any]]]]:
        """Blocks of rows, each column as the number of its thresholds below the value."""
        for start in range(0, len(rows), _BLOCK):
            block = slice(start, start + _BLOCK)
            columns = np.ascontiguousarray(rows[block].T)
            yield (
                block,
                [
                    np.searchsorted(known, column).astype(np.uint8 if known.size < 256 else np.uint16)
                    for known, column in zip(self._thresholds, columns, strict=True)
                ],
            )

    @cached_property
    def _thresholds(self) -> list[Floats]:
        return [np.unique(self.threshold[self.feature == j]) for j in range(self.n_features)]

    @cached_property
    def _means(self) -> Floats:
        """Mean prediction below each node; children follow their parents."""
        means = self.value.copy()
        for node in np.flatnonzero(self.feature != _LEAF)[::-1]:
            children = [self.left[node], self.right[node]]
            means[node] = np.average(means[children], weights=self.count[children])
        return means

    @cached_property
    def _roots(self) -> list[int]:
        return list(self.roots.tolist())

    @cached_property
    def _lists(self) -> tuple[list[int], list[float], list[int], list[int], list[float]]:
        """The nodes as lists, whose elements Python reaches faster than those of arrays."""
        feature, threshold, left, right, value = (
            values.tolist() for values in (self.feature, self.threshold, self.left, self.right, self.value)
        )
        return feature, threshold, left, right, value

    @cached_property
    def _trees(self) -> list[_Tree]:
        return [self._tree(int(root)) for root in self.roots]

    def _tree(self, root: int) -> _Tree:
        """A tree by a walk from left to right."""
        splits: list[tuple[int, int, int]] = []  # node, first leaf, first leaf to the right
        leaves: list[int] = []
        paths: list[Floats] = []

        def walk(node: int, contribution: Floats) -> None:
            if self.feature[node] == _LEAF:
                leaves.append(node)
                paths.append(contribution)
                return
            first = len(leaves)
            for child in (int(self.left[node]), int(self.right[node])):
                if child == self.right[node]:
                    splits.append((node, first, len(leaves)))
                moved = contribution.copy()
                moved[self.feature[node]] += self._means[child] - self._means[node]
                walk(child, moved)

        walk(root, np.zeros(self.n_features))
        width = next((bits for bits in (8, 16, 32, 64) if len(leaves) <= bits), None)
        if width is None:
            raise InputError(f"a tree has {len(leaves)} leaves; at most 64 can be evaluated.")
        cleared = [((1 << (right - first)) - 1) << first for _, first, right in splits]
        nodes = [node for node, _, _ in splits]
        feature = [int(self.feature[node]) for node in nodes]
        code = [
            int(np.searchsorted(self._thresholds[j], self.threshold[node]))
            for j, node in zip(feature, nodes, strict=True)
        ]
        return _Tree(feature, code, np.array(cleared, f"uint{width}"), self.value[leaves], np.array(paths))


def _leaves(tree: _Tree, codes: list[NDArray[Any]]) -> NDArray[np.uint8]:
    """The number of the leaf of each row."""
    cleared = np.zeros(codes[0].size, tree.cleared.dtype)
    false, bits = np.empty(cleared.size, bool), np.empty_like(cleared)
    for feature, code, left in zip(tree.feature, tree.code, tree.cleared, strict=True):
        np.greater(codes[feature], code, out=false)
        np.multiply(false.view(np.uint8), left, out=bits)
        np.bitwise_or(cleared, bits, out=cleared)
    return np.bitwise_count(cleared & ~(cleared + cleared.dtype.type(1)))


def trees_of(boosting: Any, bins: Bins | None = None) -> BoostedTrees:
    """The trees of a fitted ``HistGradientBoostingRegressor`` with at most 64 leaves, without categories.

    With ``bins``, it was fitted to their numbers, and the thresholds become values.
    Its raw prediction is the identity or, for Poisson and gamma deviances, the logarithm of the mean.
    """
    found = [trees[0].nodes for trees in boosting._predictors]
    sizes = np.array([nodes.size for nodes in found])
    roots = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
    nodes = np.concatenate(found)
    offset, leaf = np.repeat(roots, sizes), nodes["is_leaf"].astype(bool)
    feature, threshold = nodes["feature_idx"].astype(np.int64), np.where(leaf, 0.0, nodes["num_threshold"])
    if bins is not None:
        threshold[~leaf] = bins.threshold(feature[~leaf], threshold[~leaf])
    return BoostedTrees(
        baseline=float(np.ravel(boosting._baseline_prediction)[0]),
        n_features=int(boosting.n_features_in_),
        roots=roots,
        feature=np.where(leaf, _LEAF, feature),
        left=np.where(leaf, _LEAF, nodes["left"].astype(np.int64) + offset),
        right=np.where(leaf, _LEAF, nodes["right"].astype(np.int64) + offset),
        threshold=threshold,
        value=np.where(leaf, nodes["value"], 0.0),
        count=nodes["count"].astype(float),
    )
