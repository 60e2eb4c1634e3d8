"""Bootstrap draws of metrics: intervals, differences between models, probability of being the best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from clvml.errors import InputError
from clvml.evaluation._alignment import FloatArray
from clvml.evaluation._metrics import METRICS

BEST = "best"


@dataclass(frozen=True, eq=False)
class MetricDraws:
    """Metrics of every model in the same resamples of the customers.

    Attributes
    ----------
    models, metrics : tuple of str
        The names of the models and the keys of the metrics.
    scores : pandas.DataFrame
        The metrics of all customers: index ``model``, one column per metric; NaN where undefined.
    draws : ndarray of shape (n_draws, n_models, n_metrics)
        The metrics of the resamples; NaN where undefined.
    """

    models: tuple[str, ...]
    metrics: tuple[str, ...]
    scores: pd.DataFrame
    draws: FloatArray = field(repr=False)

    @classmethod
    def of(
        cls, models: Sequence[str], metrics: Sequence[str], scores: FloatArray, draws: FloatArray
    ) -> MetricDraws:
        """From arrays by model and metric."""
        table = pd.DataFrame(scores, pd.Index(models, name="model"), pd.Index(metrics))
        return cls(tuple(models), tuple(metrics), table, draws)

    def __repr__(self) -> str:
        n_draws, n_models, n_metrics = self.draws.shape
        return f"MetricDraws({n_draws} draws of {n_metrics} metrics of {n_models} models)"

    def intervals(self, level: float = 0.9) -> pd.DataFrame:
        """Percentile intervals of every metric of every model.

        Parameters
        ----------
        level : float
            Nominal coverage.

        Returns
        -------
        pandas.DataFrame
            Index ``model, metric``; columns ``score, lower, upper``. The ends are NaN where more draws are
            undefined than are outside of the interval.
        """
        return self._table(self.scores.to_numpy(), self.draws, level, "score")

    def differences(self, to: str = BEST, level: float = 0.9) -> pd.DataFrame:
        """Differences of every model to one of them, in the same draws.

        Parameters
        ----------
        to : str
            A model; or "best": by metric, the model with the best score.
        level : float
            Nominal coverage.

        Returns
        -------
        pandas.DataFrame
            Index ``model, metric``; columns ``difference`` (of absolute values where zero is best),
            ``lower, upper`` and ``different``: whether the interval excludes zero.
        """
        scores, draws = self._magnitudes(self.scores.to_numpy()), self._magnitudes(self.draws)
        places, columns = self._references(to), np.arange(len(self.metrics))
        table = self._table(
            scores - scores[places, columns],
            draws - draws[:, places, columns][:, None, :],
            level,
            "difference",
        )
        table["different"] = (table["lower"] > 0) | (table["upper"] < 0)
        return table

    def probability_best(self) -> pd.DataFrame:
        """In which share of the draws each model is the best, by metric; equal ones share a draw.

        Returns
        -------
        pandas.DataFrame
            Index ``model``, one column per metric; NaN where the metric has no direction or is undefined in
            every draw. A model whose metric is undefined in a draw is not the best in it.
        """
        badness = self._badness(self.draws)
        with np.errstate(invalid="ignore"):
            least = np.fmin.reduce(badness, axis=1, keepdims=True)
            best = badness <= least + 1e-12 * np.abs(least)
        number = best.sum(axis=1, keepdims=True)
        shares = np.divide(best, number, out=np.full(badness.shape, np.nan), where=number > 0)
        defined = np.maximum((number[:, 0] > 0).sum(axis=0), 1)
        probability = np.where((number > 0).any(axis=0), np.nansum(shares, axis=0) / defined, np.nan)
        return pd.DataFrame(probability, self.scores.index, self.scores.columns)

    def _references(self, to: str) -> np.ndarray:
        """By metric, the place of the model that the others are compared with."""
        if to in self.models:
            return np.full(len(self.metrics), self.models.index(to))
        if to != BEST:
            raise InputError(
                f"{to!r} is not among the models: {', '.join(map(str, self.models))}; or 'best'."
            )
        badness = self._badness(self.scores.to_numpy())
        return np.argmin(np.where(np.isnan(badness), np.inf, badness), axis=0)

    def _badness(self, values: FloatArray) -> FloatArray:
        return np.stack([METRICS[key].badness(values[..., i]) for i, key in enumerate(self.metrics)], axis=-1)

    def _magnitudes(self, values: FloatArray) -> FloatArray:
        zero = [METRICS[key].better == "zero" for key in self.metrics]
        return np.where(zero, np.abs(values), values)

    def _table(self, scores: FloatArray, draws: FloatArray, level: float, name: str) -> pd.DataFrame:
        lower, upper = _percentiles(draws, level)
        index = pd.MultiIndex.from_product([self.models, self.metrics], names=["model", "metric"])
        columns = {name: scores.ravel(), "lower": lower.ravel(), "upper": upper.ravel()}
        return pd.DataFrame(columns, index)


def _percentiles(draws: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
    """The ends of the percentile interval over the first axis; NaN where too many draws are undefined."""
    if not 0 < level < 1:
        raise InputError(f"level is {level!r}; it must be above 0 and below 1.")
    tail = (1 - level) / 2
    undefined = np.isnan(draws)
    draws = np.where(undefined.mean(axis=0) > 2 * tail, 0.0, draws)
    ends = np.nanquantile(draws, [tail, 1 - tail], axis=0)
    ends[:, undefined.mean(axis=0) > 2 * tail] = np.nan
    return ends[0], ends[1]
