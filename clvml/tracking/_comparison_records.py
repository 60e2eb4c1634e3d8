"""Records of a comparison or a backtest: one per contender, its origins as children, and one for the whole.

`clvml run`, `log_comparison` and `autolog` log comparisons by this code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import pandas as pd

from clvml.customers._time_units import time_unit_of
from clvml.evaluation._backtest_result import Backtest, Key
from clvml.evaluation._calibration import calibration_by_decile
from clvml.evaluation._model_comparison import ModelComparison
from clvml.evaluation._table_metrics import DEFAULT_METRICS
from clvml.tracking._comparison_cards import comparison_card
from clvml.tracking._datasets import split_tags
from clvml.tracking._markdown import markdown_table
from clvml.tracking._records import RunRecord, parameters_of

MAX_KEY = 12  # characters of a metric's key that MLflow's table shows
ENDS = {"lower": "lo", "upper": "hi"}


class ComparisonRecords:
    """The records of a comparison or a backtest.

    Parameters
    ----------
    found : ModelComparison or Backtest
    titles : mapping of str to str, optional
        Names to display, by the names of the models.
    """

    def __init__(self, found: ModelComparison | Backtest, titles: Mapping[str, str] | None = None) -> None:
        self.backtest = found if isinstance(found, Backtest) else None
        self.latest = found.latest if isinstance(found, Backtest) else found
        self.titles = dict(titles or {})
        self.verdict = self.latest.verdict.by_title(self.titles)
        self._metrics = metrics_by_model(self.latest)

    @cached_property
    def _by_origin(self) -> dict[Key, dict[str, dict[str, float]]]:
        found = {} if self.backtest is None else self.backtest.comparisons
        return {key: metrics_by_model(each) for key, each in found.items()}

    @property
    def champion(self) -> str:
        """The name of the model to serve."""
        return self.latest.champion

    @property
    def names(self) -> list[str]:
        """The contenders: the champion, those that may lead by score, all others."""
        return list(dict.fromkeys([self.champion, *self._ranked, *self.latest.models]))

    @property
    def _ranked(self) -> list[str]:
        return [name for name in self.latest.verdict.ranked if name in self.latest.models]

    def title(self, name: str) -> str:
        """The name to display."""
        return self.titles.get(name, name)

    def contender(self, name: str) -> RunRecord:
        """A contender: its metrics with intervals, and its origins as children."""
        deciles = calibration_by_decile(self.latest.actual, self.latest.predictions[name])
        return RunRecord(
            self.title(name),
            tags={"role": "compared", **self._tags(name)},
            params=parameters_of(self.latest.models[name]),
            metrics=self.metrics(name),
            steps={"decile_pred": deciles["predicted"], "decile_act": deciles["actual"]},
            tables={"deciles": deciles},
            description=self.verdict_text() if name == self.champion else self._place(name),
            children=list(self._origins(name)),
            card=comparison_card(self.latest, name, self.title(name), self.backtest),
        )

    def whole(self) -> RunRecord:
        """The comparison as a whole: the verdict, the champion's metrics and hyper-parameters, all tables."""
        name = self.champion
        table = self.table()
        return RunRecord(
            "comparison",
            tags={"role": "comparison", **self._common(), "within_noise": ", ".join(self.verdict.tied)},
            params=parameters_of(self.latest.models[name], fitted=False)
            | {"purpose": self.verdict.purpose, "origins": self.verdict.n_origins},
            metrics=self.metrics(name) | {"models": float(len(self.latest.models))},
            tables=self._tables(table),
            description=f"{self.verdict_text()}\n\n{markdown_table(_rounded(table))}",
        )

    def table(self) -> pd.DataFrame:
        """The comparison by title."""
        return self.latest.summary.rename(index=self.titles)

    def metrics(self, name: str) -> dict[str, float]:
        """The default metrics and the score in the verdict, each with its interval."""
        scores = self.latest.verdict.scores.to_dict("index")
        if name not in scores:
            return self._metrics[name]
        row = scores[name]
        found = {"score": "score", "score_lo": "lower", "score_hi": "upper", "p_best": "p_best"}
        return {key: float(row[column]) for key, column in found.items()} | self._metrics[name]

    def verdict_text(self) -> str:
        """Who leads, what to do, by which rule, who was left out."""
        who, what = self.verdict.sentences
        left_out = [f"Left out: {self.title(k)}, because {why}." for k, why in self.latest.left_out.items()]
        notes = [] if self.backtest is None else list(self.backtest.notes)
        return "\n\n".join([f"**{who}** {what}", self.verdict.rule, *left_out, *notes])

    def _place(self, name: str) -> str:
        """Where a contender that is not served stands."""
        title = self.title(name)
        if title in self.verdict.excluded:
            return f"May not lead: {self.verdict.excluded[title]}."
        return f"In the verdict: {self._status(name)}. To serve: {self.title(self.champion)}."

    def _status(self, name: str) -> str:
        scores = self.latest.verdict.scores
        return str(scores["status"].get(name, "not evaluated"))

    def _tags(self, name: str) -> dict[str, Any]:
        same = [self.title(other) for other in self.latest.twins.get(name, ())]
        rank = {"rank": self.names.index(name) + 1, "status": self._status(name)}
        own = {"family": self.latest.families[name], "contender": name, **rank}
        return {**own, **self._common(), **({"same_as": ", ".join(same)} if same else {})}

    def _common(self) -> dict[str, Any]:
        split = self.latest.split
        verdict = {"champion": self.title(self.champion), "verdict": self.verdict.kind}
        return verdict | ({} if split is None else split_tags(split))

    def _tables(self, table: pd.DataFrame) -> dict[str, pd.DataFrame]:
        found = {"comparison": table, "verdict": self.verdict.scores}
        if self.backtest is None:
            return found
        tested = self.backtest
        by_title = {
            "backtest": tested.scores,
            "backtest_means": tested.mean_scores(),
            "backtest_totals": tested.totals,
        }
        return found | {
            key: each.rename(index=self.titles, level="model" if each.index.nlevels > 1 else None)
            for key, each in by_title.items()
        }

    def _origins(self, name: str) -> Iterator[RunRecord]:
        """The origins of a contender; the latest, which MLflow lists first, last."""
        if self.backtest is None or len(self.backtest.comparisons) == 1:
            return
        unit = time_unit_of(self.backtest.time_unit).name
        for (origin, horizon), found in sorted(self.backtest.comparisons.items(), key=_horizon_then_origin):
            if name not in found.models:
                continue
            yield RunRecord(
                f"{origin:%Y-%m-%d}, {horizon:g} {unit}s: {self.title(name)}",
                tags={"role": "origin", "contender": name, "family": found.families[name]},
                params={
                    "origin": f"{origin:%Y-%m-%d}",
                    "horizon": f"{horizon:g}",
                    "customers": len(found.actual),
                },
                metrics=self._by_origin[origin, horizon][name],
            )


def metrics_by_model(found: ModelComparison) -> dict[str, dict[str, float]]:
    """Metrics by short key, each with the ends of its interval beside it, as ``rmse, rmse_lo, rmse_hi``."""
    ends = found.draws.intervals(found.verdict.level).to_dict("index")
    rows: dict[str, dict[str, float]] = {}
    for name, scores in found.table.to_dict("index").items():
        row = rows.setdefault(str(name), {})
        for key in [key for key in DEFAULT_METRICS if key in scores]:
            row[key] = float(scores[key])
            of_key = ends.get((name, key), {})
            row |= {short_key(key, short): float(of_key[end]) for end, short in ENDS.items() if end in of_key}
    return rows


def short_key(key: str, end: str) -> str:
    """The key of the end of an interval, short enough for MLflow's table.

    Examples
    --------
    >>> short_key("bias_pct", "lo"), short_key("top10_share", "hi")
    ('bias_pct_lo', 'top10_hi')
    """
    joined = f"{key}_{end}"
    return joined if len(joined) <= MAX_KEY else f"{key.split('_')[0]}_{end}"


def _horizon_then_origin(item: tuple[Key, ModelComparison]) -> tuple[float, pd.Timestamp]:
    (origin, horizon), _ = item
    return -horizon, origin


def _rounded(table: pd.DataFrame) -> pd.DataFrame:
    return table.map(lambda value: f"{value:.4g}" if isinstance(value, float) else str(value))
