"""Mean traits of a model's customers, such as the purchase rate, with the uncertainty of its parameters."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from clvml.lifetime_value._protocol import SupportsHeterogeneity
from clvml.scoring._fitted_parameters import parts_of

SPEND = "mean spend"
_ONE_SIGMA = (0.15865525393145707, 0.8413447460685429)


class TraitMean(NamedTuple):
    """The mean of a trait over customers, and the standard error of its logarithm (0 if unknown)."""

    name: str
    per: str
    mean: float
    log_error: float


def trait_means(model: Any) -> dict[str, TraitMean]:
    """By the name of the trait, for all parts of a model that have traits."""
    return {trait.name: trait for trait in _traits(model) if 0 < trait.mean < math.inf}


def _traits(model: Any) -> Iterator[TraitMean]:
    for _, part in parts_of(model):
        if isinstance(part, SupportsHeterogeneity):
            for found in part.trait_distributions():
                error = 0.0 if found.draws is None else _spread(np.asarray(found.draws.mean(), dtype=float))
                yield TraitMean(found.name, found.per, float(found.distribution.mean()), error)


def _spread(means: np.ndarray) -> float:
    """Half the width of the middle 68 % of the logarithms: draws with an infinite mean do not matter."""
    usable = means[np.isfinite(means) & (means > 0)]
    if usable.size < 2:
        return 0.0
    lower, upper = np.quantile(np.log(usable), _ONE_SIGMA)
    return float(upper - lower) / 2


def spend_uncertainty(model: Any) -> float:
    """Relative standard error of mean spend; 0 if the model does not say."""
    found = trait_means(model)
    return next((trait.log_error for name, trait in found.items() if "spend" in name), 0.0)
