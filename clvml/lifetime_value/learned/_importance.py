"""Permutation importance of the features of a learned correction (Breiman 2001)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from clvml.lifetime_value.learned._lessons import Lessons
from clvml.lifetime_value.learned._ratio import poisson_deviance
from clvml.lifetime_value.learned._trees import BoostedTrees

_ROWS = 10_000


def importance(
    lessons: Lessons, names: Sequence[str], ratio: BoostedTrees, spend: BoostedTrees, random_state: int
) -> dict[str, float]:
    """The increase in the Poisson deviance when a feature is shuffled, as a share of it; largest first.

    The prediction is the mean of the structure, which keeps its values, and of both learners.
    """
    rng = np.random.default_rng(random_state)
    every = -(-len(lessons.rows) // _ROWS)
    rows, exposure = lessons.rows[::every], lessons.shares(lessons.expected)[::every]
    outcome = lessons.shares(lessons.actual)[::every] / exposure

    def deviance(shuffled: int | None) -> float:
        changed = rows.copy()
        if shuffled is not None:
            changed[:, shuffled] = rng.permutation(changed[:, shuffled])
        mean = 1 + np.exp(ratio.raw(changed)) + np.exp(spend.raw(changed)) / exposure
        return poisson_deviance(outcome, mean, exposure)

    least = deviance(None)
    found = {name: deviance(place) / least - 1 for place, name in enumerate(names)}
    return dict(sorted(found.items(), key=lambda item: -item[1]))
