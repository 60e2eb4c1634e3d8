"""Skills over origins: scores with their noise, and the reasons for which a model may not lead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from clvml.errors import InputError
from clvml.evaluation._criteria import CRITERIA, Array, Skills

LOWEST_RANKING = 0.05  # skill: below, a ranking is of no use whatever its noise
RMSE = "its RMSE is not below that of predicting zero"
CHANCE = "it ranks customers no better than chance"
_CHANCE_LEVEL = 0.01  # one-sided level of the test against chance
_WITHOUT_DRAWS = 1000  # resamples of origins where there are none of customers
_RANKING, _, _CUSTOMERS = range(len(CRITERIA))


@dataclass(frozen=True, eq=False)
class Evidence:
    """Skills of the models that were evaluated at every origin.

    Attributes
    ----------
    names : list of str
        The models.
    point : array, shape (n_origins, n_models, 3)
    draws : array, shape (n_origins, n_draws, n_models, 3)
    metrics : pandas.DataFrame
        Means over origins, with ``abs_bias_pct``, the mean of the absolute bias.
    zero : str or None
        A model that predicts zero for everybody.
    zero_known : bool
        Whether the RMSE of predicting zero is known at every origin.
    absent : dict of str to int
        The other models, with the number of origins at which they were not evaluated.
    origin_weights : array, shape (n_resamples, n_origins)
        By draw: the deviation of each origin's weight from the mean, in a resample of origins.
    """

    names: list[str]
    point: Array
    draws: Array
    metrics: pd.DataFrame
    zero: str | None
    zero_known: bool
    absent: dict[str, int]
    origin_weights: Array

    @property
    def n_origins(self) -> int:
        """Number of origins."""
        return len(self.point)

    @property
    def has_draws(self) -> bool:
        """Whether there are resamples of customers."""
        return self.draws.shape[1] > 0


def gathered(origins: Sequence[Skills], random_state: int) -> Evidence:
    """The skills of the models at all origins.

    Parameters
    ----------
    origins : sequence of Skills
    random_state : int
        Of the resamples of origins.

    Raises
    ------
    InputError
        If there is no origin.
    """
    if not origins:
        raise InputError("there are no origins to decide on; give at least one.")
    names = list(dict.fromkeys(name for origin in origins for name in origin.models))
    count = {name: sum(name in origin.models for origin in origins) for name in names}
    common = [name for name in names if count[name] == len(origins)]
    places = [[origin.models.index(name) for name in common] for origin in origins]
    n_draws = min(len(origin.draws) for origin in origins)
    point = np.stack([origin.point[place] for origin, place in zip(origins, places, strict=True)])
    draws = np.stack([origin.draws[:n_draws, place] for origin, place in zip(origins, places, strict=True)])
    tables = [origin.metrics.set_axis(origin.models).loc[common] for origin in origins]
    shared = [name for name in tables[0] if all(name in table for table in tables)]
    stacked = np.stack([table[shared].to_numpy() for table in tables])
    metrics = pd.DataFrame(stacked.mean(axis=0), index=common, columns=shared)
    absolute = np.abs(stacked[..., shared.index("bias_pct")])
    metrics["abs_bias_pct"] = absolute.mean(axis=0)
    zero_known = bool(np.isfinite([origin.zero_rmse for origin in origins]).all())
    absent = {name: len(origins) - number for name, number in count.items() if number < len(origins)}
    picks = _origin_weights(len(origins), n_draws, np.random.default_rng(random_state))
    return Evidence(common, point, draws, metrics, origins[0].zero, zero_known, absent, picks)


def _origin_weights(n_origins: int, n_draws: int, rng: np.random.Generator) -> Array:
    """By draw: the deviation of each origin's weight from the mean, in a resample of origins.

    Scaled by sqrt(K / (K - 1)), so that the variance of the mean over K origins is unbiased.
    """
    if n_origins == 1:
        return np.zeros((n_draws, 1))
    counts = rng.multinomial(n_origins, np.full(n_origins, 1 / n_origins), size=n_draws or _WITHOUT_DRAWS)
    scaled: Array = (counts - 1) / n_origins * np.sqrt(n_origins / (n_origins - 1))
    return scaled


def _over_origins(point: Array, draws: Array, picks: Array) -> Array:
    """Mean over origins in each draw, shape (n_draws, n_models): of resampled customers and origins."""
    mean = draws.mean(axis=0) if draws.shape[1] else point.mean(axis=0)
    found: Array = mean + picks @ np.nan_to_num(point)
    return found


def scores(found: Evidence, weights: Mapping[str, float]) -> tuple[Array, Array]:
    """Scores by model, and by draw and model; an undefined criterion does not count.

    Raises
    ------
    InputError
        If no criterion with a weight is defined.
    """
    defined = np.asarray(np.isfinite(found.point).any(axis=1))  # by origin and criterion
    shares: Array = defined * np.array([weights[name] for name in CRITERIA])
    totals = shares.sum(axis=1, keepdims=True)
    if (totals == 0).any():
        raise InputError(
            "no criterion with a weight is defined on this holdout: losses exceed gains, or all customers"
            " brought the same. Give weights to ranking or customers."
        )
    shares = shares / totals
    point = (np.where(defined[:, None], found.point, 0.0) * shares[:, None]).sum(axis=-1)
    draws = (np.where(defined[:, None, None], found.draws, 0.0) * shares[:, None, None]).sum(axis=-1)
    return point.mean(axis=0), _over_origins(point, draws, found.origin_weights)


def failures_by_model(found: Evidence, max_bias: float) -> dict[str, list[str]]:
    """By model: the reasons for which it may not lead.

    Parameters
    ----------
    found : Evidence
    max_bias : float
        The largest mean absolute miss of the total, as a share.
    """
    ranking = _over_origins(found.point[..., _RANKING], found.draws[..., _RANKING], found.origin_weights)
    mean = found.point.mean(axis=0)
    lowest = mean[:, _RANKING]
    if not found.has_draws and "spearman" in found.metrics:  # the other metrics of few customers are noisier
        lowest = np.fmin(lowest, found.metrics["spearman"].to_numpy())
    failures: dict[str, list[str]] = {}
    for place, name in enumerate(found.names):
        miss = float(found.metrics["abs_bias_pct"].iloc[place])
        checks = {
            RMSE: found.zero_known and not mean[place, _CUSTOMERS] > 0,
            CHANCE: not _ranks(lowest[place], ranking[:, place]),
            f"its total misses by {miss:.1f} %": miss > 100 * max_bias,
        }
        failures[name] = [reason for reason, fails in checks.items() if fails]
    absent = "it was not evaluated at {} of {} origins"
    return failures | {name: [absent.format(n, found.n_origins)] for name, n in found.absent.items()}


def _ranks(skill: float, draws: Array) -> bool:
    lowest = np.nanquantile(draws, _CHANCE_LEVEL) if np.isfinite(draws).any() else skill
    return bool(skill >= LOWEST_RANKING and lowest > 0)


def ordered(found: Evidence, point: Array) -> list[str]:
    """Names by score; equal ones by RMSE, then by name."""
    rmse = found.metrics["rmse"].to_numpy()
    keys = {name: (-round(float(point[k]), 12), rmse[k], name) for k, name in enumerate(found.names)}
    return sorted(found.names, key=keys.__getitem__)
