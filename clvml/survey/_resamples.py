"""Bootstrap over respondents: all that a respondent said is drawn together.

A respondent rates several brands on several attributes, so that these scores are paired; drawing
respondents keeps the pairs (cluster bootstrap). Every statistic here is a function of sums over
respondents, and a draw is a vector of sums with other counts. Beyond `BLOCKS` respondents random
blocks of them are drawn, which has the same variance and bounds memory and time.

Intervals are expanded percentile intervals (Hesterberg 2015, "What Teachers Should Know About the Bootstrap",
section 5.3): the percentiles are those of a t distribution, since plain ones are too narrow in small samples.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from clvml.errors import InputError
from clvml.survey._ratings import Ratings

FloatArray = NDArray[np.float64]
DRAWS = 1_000
BLOCKS = 2_000
LEVEL = 0.95
UNDEFINED = 0.01  # share of draws, such as those in which nobody rated an attribute


class Resamples:
    """Resamples of respondents, the same for all statistics.

    Parameters
    ----------
    n_respondents : int
    n_draws : int
    random_state : int
    fewest : int, optional
        The number of respondents behind the statistic with the fewest, such as those of one brand.
    """

    def __init__(
        self, n_respondents: int, n_draws: int = DRAWS, random_state: int = 0, fewest: int | None = None
    ) -> None:
        rng = np.random.default_rng(random_state)
        self.fewest = n_respondents if fewest is None else fewest
        n_blocks = min(BLOCKS, n_respondents)
        self._block = (
            rng.permutation(np.arange(n_respondents) % n_blocks) if n_blocks < n_respondents else None
        )
        draws = rng.multinomial(n_blocks, np.full(n_blocks, 1 / n_blocks), size=n_draws)
        self._counts = np.vstack([np.ones(n_blocks), draws])

    def sums(self, columns: FloatArray) -> FloatArray:
        """Sums over respondents: in row 0 of the sample, in the others of the draws.

        Parameters
        ----------
        columns : ndarray of shape (n_respondents, ...)

        Returns
        -------
        ndarray of shape (1 + n_draws, ...)
        """
        flat = columns.reshape(len(columns), -1)
        if self._block is not None:
            blocks = np.zeros((self._counts.shape[1], flat.shape[1]))
            np.add.at(blocks, self._block, flat)
            flat = blocks
        return (self._counts @ flat).reshape(-1, *columns.shape[1:])

    def means(self, columns: FloatArray) -> FloatArray:
        """Means of those respondents that answered; NaN where nobody did."""
        known = np.isfinite(columns)
        sums, counts = self.sums(np.where(known, columns, 0.0)), self.sums(known.astype(float))
        return np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)

    def interval(self, draws: FloatArray, level: float = LEVEL) -> tuple[FloatArray, FloatArray]:
        """The ends of the interval of each statistic; NaN if it is undefined in more than 1 % of the draws.

        Parameters
        ----------
        draws : ndarray of shape (1 + n_draws, ...)
            As from `sums`; row 0 is the sample and does not count.
        level : float
        """
        check_level(level)
        n = self.fewest
        if n < 2:
            return np.full(draws.shape[1:], np.nan), np.full(draws.shape[1:], np.nan)
        tail = stats.norm.cdf(np.sqrt(n / (n - 1)) * stats.t.ppf((1 - level) / 2, n - 1))
        ends = np.full((2, *draws.shape[1:]), np.nan)
        usable = np.isnan(draws[1:]).mean(axis=0) <= UNDEFINED
        ends[:, usable] = np.nanquantile(draws[1:][:, usable], [tail, 1 - tail], axis=0)
        return ends[0], ends[1]

    def table(self, statistics: Mapping[str, FloatArray], level: float = LEVEL) -> dict[str, FloatArray]:
        """For each statistic ``name``, columns ``name``, ``name_lower`` and ``name_upper``."""
        columns = {}
        for name, draws in statistics.items():
            columns[name] = draws[0]
            columns[f"{name}_lower"], columns[f"{name}_upper"] = self.interval(draws, level)
        return columns


def resamples_of(ratings: Ratings, n_draws: int, random_state: int) -> Resamples:
    """Resamples of all respondents of a survey."""
    if n_draws < 1:
        raise InputError(f"n_draws is {n_draws!r}; it must be at least 1.")
    return Resamples(len(ratings.respondents), n_draws, random_state, min(ratings.raters.values()))


def check_level(level: float) -> None:
    """Raise unless the level is inside (0, 1).

    Raises
    ------
    InputError
        If it is not.
    """
    if not 0 < level < 1:
        raise InputError(f"level is {level!r}; it must be a share between 0 and 1, such as 0.95.")


def brand_by_attribute(wide: pd.DataFrame, brands: list[str], attributes: list[str]) -> NDArray[np.float64]:
    """Scores as an array of shape (respondents, brands, attributes), NaN where there is none."""
    columns = pd.MultiIndex.from_product([brands, attributes])
    values = wide.reindex(columns=columns).to_numpy(dtype=float)
    return values.reshape(len(wide), len(brands), len(attributes))
