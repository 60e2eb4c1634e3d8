"""The mean of the structure and of what two learners say of a customer, limited for the largest values.

Equal weights: weights estimated at earlier origins do worse than the plain mean (Bates and Granger 1969;
Smith and Wallis 2009, "A simple explanation of the forecast combination puzzle").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from clvml.errors import InputError

Floats = NDArray[np.float64]

LEARNT_WEIGHT = 2 / 3  # of the two learners together
LARGEST_FACTOR = 1000.0
LIMITED_FROM, LIMITED_TO = 0.90, 0.98  # quantiles of the predictions


@dataclass(frozen=True)
class Blend:
    """How three predictions become one correction of the structure's.

    Attributes
    ----------
    weight : float
        Of the two learners together.
    ratio_level, spend_level : float
        Factors that give each learner the structure's total.
    lower, upper : float
        Predictions from which the correction is limited, and from which it is limited most.
    largest : float
        Power of the correction for predictions of ``upper`` and more: 0 leaves the structure's, 1 limits
        nothing.
    """

    weight: float
    ratio_level: float
    spend_level: float
    lower: float
    upper: float
    largest: float

    def __post_init__(self) -> None:
        """Refuse levels that are not positive and weights outside [0, 1]."""
        levels = (self.ratio_level, self.spend_level, self.lower, self.upper)
        if not all(0 < level < np.inf for level in levels) or self.lower > self.upper:
            raise InputError("the levels of a blend must be positive, finite and in order.")
        if not (0 <= self.weight <= 1 and 0 <= self.largest <= 1):
            raise InputError("the weights of a blend must be between 0 and 1.")

    @classmethod
    def of(cls, structure: Floats, ratio: Floats, spend: Floats, largest: float) -> Self:
        """With the levels and limits of these customers.

        Parameters
        ----------
        structure, ratio, spend : ndarray, shape (n_customers,)
            Structural predictions, some of them positive; learnt ratios to them; learnt spend.
        largest : float
            As the attribute.
        """
        total = structure.sum()
        levels = float(total / (structure * ratio).sum()), float(total / spend.sum())
        free = cls(LEARNT_WEIGHT, *levels, 1.0, 1.0, 1.0)
        size = np.maximum(structure, free.mean(structure, ratio, spend))[structure > 0]
        lower, upper = np.quantile(size, [LIMITED_FROM, LIMITED_TO])
        return cls(LEARNT_WEIGHT, *levels, float(lower), float(upper), largest)

    def mean(self, structure: Floats, ratio: Floats, spend: Floats) -> Floats:
        """The weighted mean of the three predictions."""
        learnt = (structure * ratio * self.ratio_level + spend * self.spend_level) / 2
        return (1 - self.weight) * structure + self.weight * learnt

    def correction(self, structure: Floats, ratio: Floats, spend: Floats) -> Floats:
        """The factor of each structural prediction; 1 where that is zero."""
        mean, positive = self.mean(structure, ratio, spend), structure > 0
        safe = np.where(positive, structure, 1.0)
        with np.errstate(over="ignore"):  # a subnormal prediction; the factor is limited
            factor = np.clip(mean / safe, 1 / LARGEST_FACTOR, LARGEST_FACTOR)
        return np.where(positive, factor ** self._power(np.maximum(safe, mean)), 1.0)

    def _power(self, size: Floats) -> Floats:
        if self.lower == self.upper:
            share = (size <= self.lower).astype(float)
        else:
            share = np.clip(np.log(self.upper / size) / np.log(self.upper / self.lower), 0.0, 1.0)
        return self.largest + (1 - self.largest) * share
