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
ZERO_BASELINE = "zero baseline"


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
    zero_scores, zero_draws : ndarray of shape (n_metrics,) and (n_draws, n_metrics), or None
        The same of predicting zero for every customer; None for metrics of probabilities.

    See Also
    --------
    clvml.evaluation.bootstrap_metrics : Makes it.
    clvml.decide : Decides on it which model leads.
    clvml.plots.metric_differences : Draw the differences.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.evaluation import bootstrap_metrics
    >>> actual = pd.Series([0.0, 60.0, 10.0, 30.0])
    >>> predictions = pd.DataFrame({"half": actual / 2, "level": 20.0})
    >>> draws = bootstrap_metrics(actual, predictions, ["mae"], n_draws=200)
    >>> draws
    MetricDraws(200 draws of 1 metrics of 2 models)
    >>> draws.differences(to="half")[["difference", "different"]].reset_index().to_dict("records")
    [{'model': 'half', 'metric': 'mae', 'difference': 0.0, 'different': False},
     {'model': 'level', 'metric': 'mae', 'difference': 7.5, 'different': True}]
    """

    models: tuple[str, ...]
    metrics: tuple[str, ...]
    scores: pd.DataFrame
    draws: FloatArray = field(repr=False)
    zero_scores: FloatArray | None = field(default=None, repr=False)
    zero_draws: FloatArray | None = field(default=None, repr=False)

    @classmethod
    def of(
        cls, models: Sequence[str], metrics: Sequence[str], scores: FloatArray, draws: FloatArray
    ) -> MetricDraws:
        """From arrays by model and metric; a model more than there are names is the zero baseline."""
        n = len(models)
        table = pd.DataFrame(scores[:n], pd.Index(models, name="model"), pd.Index(metrics))
        zero = (scores[n], draws[:, n]) if len(scores) > n else (None, None)
        return cls(tuple(models), tuple(metrics), table, draws[:, :n], *zero)

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
            A model; "best": by metric, the model with the best score; or "zero baseline": predicting zero for
            every customer, which need not be among the models.
        level : float
            Nominal coverage.

        Returns
        -------
        pandas.DataFrame
            Index ``model, metric``; columns ``difference`` (of absolute values where zero is best),
            ``lower, upper`` and ``different``: whether the interval excludes zero.
        """
        scores, draws = self._magnitudes(self.scores.to_numpy()), self._magnitudes(self.draws)
        reference, drawn = (self._magnitudes(values) for values in self._reference(to))
        table = self._table(scores - reference, draws - drawn[:, None, :], level, "difference")
        table["different"] = (table["lower"] > 0) | (table["upper"] < 0)
        table.attrs["to"] = to
        return table

    def table(self, level: float = 0.9) -> pd.DataFrame:
        """One row per model: every metric with its interval, and whether it ties with the best.

        Parameters
        ----------
        level : float
            Nominal coverage of the intervals of scores and differences.

        Returns
        -------
        pandas.DataFrame
            Index ``model``; for each metric the columns ``key``, ``key_lower``, ``key_upper`` and
            ``key_tied``: within noise of the best, that is, the interval of the difference to the best
            includes zero. Metrics without direction (totals) have no ``key_tied``.
        """
        intervals, to_best = self.intervals(level), self.differences(BEST, level)
        columns: dict[str, pd.Series] = {}
        for key in self.metrics:
            of_metric = intervals.xs(key, level="metric")
            columns |= {key: of_metric["score"], f"{key}_lower": of_metric["lower"]}
            columns |= {f"{key}_upper": of_metric["upper"]}
            if METRICS[key].better != "target":
                columns[f"{key}_tied"] = (
                    ~to_best["different"].xs(key, level="metric") & of_metric["score"].notna()
                )
        return pd.DataFrame(columns).loc[list(self.models)]

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

    def _reference(self, to: str) -> tuple[FloatArray, FloatArray]:
        """By metric, the score and the draws of what the models are compared with."""
        columns = np.arange(len(self.metrics))
        if to in self.models:
            places = np.full(len(self.metrics), self.models.index(to))
        elif to == BEST:
            badness = self._badness(self.scores.to_numpy())
            places = np.argmin(np.where(np.isnan(badness), np.inf, badness), axis=0)
        elif to == ZERO_BASELINE and self.zero_scores is not None and self.zero_draws is not None:
            return self.zero_scores, self.zero_draws
        else:
            raise InputError(
                f"{to!r} is not among the models: {', '.join(self.models)}; give one of them, 'best' or"
                " 'zero baseline' (of values only)."
            )
        return self.scores.to_numpy()[places, columns], self.draws[:, places, columns]

    def _badness(self, values: FloatArray) -> FloatArray:
        return np.stack([METRICS[key].badness(values[..., i]) for i, key in enumerate(self.metrics)], axis=-1)

    def _magnitudes(self, values: FloatArray) -> FloatArray:
        zero = [METRICS[key].better == "zero" for key in self.metrics]
        return np.where(zero, np.abs(values), values)

    def _table(self, scores: FloatArray, draws: FloatArray, level: float, name: str) -> pd.DataFrame:
        lower, upper = _percentiles(draws, level)
        index = pd.MultiIndex.from_product([self.models, self.metrics], names=["model", "metric"])
        columns = {name: scores.ravel(), "lower": lower.ravel(), "upper": upper.ravel()}
        table = pd.DataFrame(columns, index)
        table.attrs["level"] = level
        return table


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
