"""The verdict over the origins of a backtest: the rule of one comparison, given all of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import numpy as np
import pandas as pd

from clvml.evaluation._comparison import compare
from clvml.evaluation._metric_draws import MetricDraws
from clvml.evaluation._model_comparison import BASELINE, ModelComparison
from clvml.evaluation._verdict import Verdict, decide

Window = TypeVar("Window")


@dataclasses.dataclass(frozen=True)
class Terms:
    """What the verdict is to be decided by; as in `clvml.decide`."""

    purpose: str | Mapping[str, float] = "valuation"
    eligible: tuple[str, ...] | None = None
    incumbent: str | None = None
    needs: tuple[str, ...] = ()
    max_bias: float | None = None
    random_state: int = 0


def verdict_over(comparisons: Sequence[ModelComparison], terms: Terms) -> Verdict:
    """The verdict over comparisons at several origins, whose draws are of the same resampled customers.

    Raises
    ------
    InputError
        As `clvml.decide`.
    """
    given = {
        name: kinds
        for each in comparisons
        for model, kinds in each.verdict.gives.items()
        for name in (model, *each.twins.get(model, ()))
    }
    return decide(
        [each.draws for each in comparisons],
        purpose=terms.purpose,
        eligible=_eligible(comparisons, terms.eligible),
        incumbent=terms.incumbent,
        needs=terms.needs,
        abilities=given,
        max_bias=terms.max_bias,
        random_state=terms.random_state,
    )


def fallbacks_to_keep(comparisons: Mapping[Window, ModelComparison]) -> dict[Window, list[str]]:
    """By origin and horizon, the models that fall back there and do not at another origin.

    A verdict over all origins needs them at each; a model that falls back at all is left out, since what it
    falls back to competes under its own name.
    """
    evaluated = {name for each in comparisons.values() for name in each.models.keys() - each.fallbacks.keys()}
    found = {key: [name for name in each.fallbacks if name in evaluated] for key, each in comparisons.items()}
    return {key: names for key, names in found.items() if names}


def unfolded(comparisons: Sequence[ModelComparison]) -> list[ModelComparison]:
    """Comparisons in which a model that has its own row at one origin has one at all of them.

    Models with the same predictions share a row; where they are the same at some origins only, the row is
    repeated under each name.
    """
    rows = dict.fromkeys(str(name) for each in comparisons for name in each.predictions)
    return [_unfolded(each, rows) for each in comparisons]


def _unfolded(comparison: ModelComparison, names: Iterable[str]) -> ModelComparison:
    source = {twin: name for name, twins in comparison.twins.items() for twin in twins if twin in set(names)}
    if not source:
        return comparison
    order = [name for name in names if name in comparison.predictions or name in source]
    predictions = pd.DataFrame({name: comparison.predictions[source.get(name, name)] for name in order})
    families = comparison.families | {twin: comparison.families[name] for twin, name in source.items()}
    return dataclasses.replace(
        comparison,
        predictions=predictions,
        families={name: families[name] for name in order},
        table=compare(comparison.actual, predictions, {name: families[name] for name in order}),
        draws=_with_copies(comparison.draws, source),
    )


def _with_copies(draws: MetricDraws, source: Mapping[str, str]) -> MetricDraws:
    places = [*range(len(draws.models)), *(draws.models.index(name) for name in source.values())]
    scores = draws.scores.to_numpy()[places]
    return MetricDraws.of(
        [*draws.models, *source], draws.metrics, scores, np.take(draws.draws, places, axis=1)
    )


def _eligible(comparisons: Sequence[ModelComparison], eligible: tuple[str, ...] | None) -> list[str]:
    able = [
        name
        for name, family in {n: f for each in comparisons for n, f in each.families.items()}.items()
        if family != BASELINE
    ]
    return [name for name in able if eligible is None or name in eligible] or able
