"""The verdict of a comparison: which model leads, which are within noise of it, and which one to serve.

The score of a model is a weighted mean of its skills (`clvml.evaluation._criteria`), averaged over origins.
It depends on the model's own predictions and on references that are the same for every model, so that
further contenders never change the order of two.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from clvml.errors import InputError
from clvml.evaluation._criteria import DEFAULT_MAX_BIAS, MAX_BIAS, Draws, skills, weights_for
from clvml.evaluation._evidence import CHANCE, Evidence, failures_by_model, gathered, ordered, scores
from clvml.evaluation._verdict_table import verdict_table
from clvml.evaluation._verdict_text import NEGLIGIBLE, format_rule, sentences

LEADS, TOO_CLOSE, NO_RANKING, NONE = "leads", "too close", "no ranking", "none"


@dataclass(frozen=True, eq=False)
class Verdict:
    """Which model leads, and which one to register and serve.

    Attributes
    ----------
    kind : {"leads", "too close", "no ranking", "none"}
        One model leads; several are within noise of the leader; no model ranks customers better than chance;
        or no model may lead for any other reason.
    leader : str or None
        The model with the highest score among those not excluded; None for "no ranking" and "none".
    tied : tuple of str
        The leader and the models within noise of it, by score.
    choice : str or None
        The model to register and serve; where none leads, the best by all criteria alike. None if no model
        was evaluated at every origin.
    excluded : dict of str to str
        Contenders that may not lead, with the reason.
    scores : pandas.DataFrame
        Index ``model``, by score; columns ``score, lower, upper`` (the interval of the score),
        ``ranking, totals, customers`` (skills), ``behind, behind_lower, behind_upper`` (difference to the
        leader), ``p_best`` (share of resamples in which no other contender has a higher score),
        ``within_noise`` of the leader, ``status`` ("leader", "within noise", "behind", "excluded",
        "not eligible"), ``bias_pct, abs_bias_pct, rmse, spearman`` (means over origins).
    weights : dict of str to float
        Of the criteria.
    n_origins : int
        Number of origins.
    has_draws : bool
        Whether the noise over customers is known.
    level : float
        Coverage of the intervals.
    max_bias : float
        The largest miss of the total, as a share of the actual one, with which a model may lead.
    purpose : str
        "valuation", "budget", "targeting" or "weights given".
    incumbent : str or None
        The model served so far.
    needs : tuple of str
        What the served model is to give besides values.
    gives : dict of str to frozenset of str
        What each model gives of these.

    See Also
    --------
    clvml.decide : Makes it.
    clvml.compare_models, clvml.backtest : Have it as ``verdict``.

    Examples
    --------
    Of two models and the zero baseline, the formula may not lead:

    >>> import clvml
    >>> import pandas as pd
    >>> table = pd.DataFrame(
    ...     {"bias_pct": [-15.0, 60.0, -100.0], "rmse": [72.0, 200.0, 92.0], "spearman": [0.43, 0.48, 0.0]},
    ...     index=["BG/NBD", "formula", "zero"],
    ... )
    >>> verdict = clvml.decide(table, eligible=["BG/NBD", "formula"])
    >>> verdict.kind, verdict.leader, verdict.choice
    ('leads', 'BG/NBD', 'BG/NBD')
    >>> verdict.scores["status"].to_dict()
    {'BG/NBD': 'leader', 'formula': 'excluded', 'zero': 'not eligible'}
    """

    kind: str
    leader: str | None
    tied: tuple[str, ...]
    choice: str | None
    excluded: dict[str, str]
    scores: pd.DataFrame
    weights: dict[str, float]
    n_origins: int
    has_draws: bool
    level: float
    max_bias: float
    purpose: str
    incumbent: str | None
    needs: tuple[str, ...]
    gives: dict[str, frozenset[str]]

    @property
    def ranked(self) -> tuple[str, ...]:
        """All contenders: the choice, those that may lead by score, then the excluded by score."""
        contenders = [str(name) for name in self.scores.index if name in self.gives]
        chosen = [name for name in contenders if name == self.choice]
        able = [name for name in contenders if name not in self.excluded]
        return tuple(dict.fromkeys([*chosen, *able, *contenders]))

    @property
    def sentences(self) -> tuple[str, str]:
        """Who leads; what to say and do."""
        return sentences(self)

    @property
    def rule(self) -> str:
        """The rule with these weights and limits."""
        return format_rule(self)

    def by_title(self, titles: Mapping[str, str]) -> Verdict:
        """The same with other names of the models."""

        def title(name: str | None) -> str | None:
            return None if name is None else titles.get(name, name)

        return replace(
            self,
            leader=title(self.leader),
            tied=tuple(titles.get(name, name) for name in self.tied),
            choice=title(self.choice),
            incumbent=title(self.incumbent),
            excluded={titles.get(name, name): reason for name, reason in self.excluded.items()},
            gives={titles.get(name, name): what for name, what in self.gives.items()},
            scores=self.scores.rename(index=dict(titles)),
        )

    def __repr__(self) -> str:
        return f"Verdict({self.kind}: {self.sentences[0]})"

    def _repr_html_(self) -> str:
        return "".join(f"<p>{sentence}</p>" for sentence in self.sentences) + self.scores.to_html()


def decide(
    evidence: pd.DataFrame | Draws | Sequence[pd.DataFrame | Draws],
    *,
    purpose: str | Mapping[str, float] = "valuation",
    eligible: Iterable[str] | None = None,
    incumbent: str | None = None,
    needs: Iterable[str] = (),
    abilities: Mapping[str, Collection[str]] | None = None,
    level: float = 0.9,
    max_bias: float | None = None,
    random_state: int = 0,
) -> Verdict:
    """Which model leads, which are within noise of it, and which one to serve.

    A model never leads if its RMSE is not below that of predicting zero, if it ranks customers no better than
    chance, or if its total misses by more than ``max_bias``. Among the others the highest score leads; those
    whose difference to the leader is not distinguishable from zero over resampled customers and origins, or
    is negligible, are within noise of it. To serve: the incumbent if it is among these, otherwise the leader;
    where ``needs`` are given, among those that meet them.

    Parameters
    ----------
    evidence : MetricDraws, pandas.DataFrame or sequence of these
        One per origin: bootstrap draws, or a table of metrics as returned by
        :func:`clvml.evaluation.compare`, for which the noise over customers is unknown.
    purpose : {"valuation", "budget", "targeting"} or mapping of str to float
        Sets the weights of the criteria, or gives them: ``ranking, totals, customers``.
    eligible : iterable of str, optional
        The models that may lead; by default all except the family "baseline" of a table.
    incumbent : str, optional
        The model served so far.
    needs : iterable of str
        What the served model is to give besides values, such as ``("probability_alive", "intervals")``.
    abilities : mapping of str to collection of str, optional
        By model: what it gives of these.
    level : float, default 0.9
        Coverage of the intervals.
    max_bias : float, optional
        The largest miss of the total, as a share of the actual one, with which a model may lead; over several
        origins, the mean absolute miss. Default 0.5; 0.3 for the purpose "budget".
    random_state : int, default 0
        Of the resamples of origins.

    Returns
    -------
    Verdict
        With ``kind, leader, tied, choice, excluded, scores, sentences, rule``.

    Raises
    ------
    InputError
        If an argument is invalid, no model is eligible, or a metric is absent.

    See Also
    --------
    clvml.compare_models, clvml.backtest : Decide on the models that they compare.
    clvml.evaluation.decide_promotion : A challenger against the incumbent.
    clvml.evaluation.Verdict : The result.

    Examples
    --------
    >>> import clvml
    >>> import pandas as pd
    >>> table = pd.DataFrame(
    ...     {"bias_pct": [-15.0, 60.0, -100.0], "rmse": [72.0, 200.0, 92.0], "spearman": [0.43, 0.48, 0.0]},
    ...     index=["BG/NBD", "formula", "zero"],
    ... )
    >>> verdict = clvml.decide(table, eligible=["BG/NBD", "formula"])
    >>> verdict.kind, verdict.leader, verdict.excluded["formula"]
    ('leads', 'BG/NBD', 'its RMSE is not below that of predicting zero; its total misses by 60.0 %')
    """
    if not 0 < level < 1:
        raise InputError(f"level is {level!r}; it must be between 0 and 1, such as 0.9.")
    origins = _origins(evidence)
    weights, limit = weights_for(purpose), _limit(purpose, max_bias)
    found = gathered([skills(origin) for origin in origins], random_state)
    contenders = _eligible(origins, found, eligible)
    failures = failures_by_model(found, limit)
    table = verdict_table(found, weights, contenders, failures, level)
    tied = [str(name) for name in table.index[table["within_noise"]]]
    gives = {name: frozenset((abilities or {}).get(name, ())) for name in contenders}
    candidates = tied or _most_usable(found, contenders)
    return Verdict(
        kind=_kind(tied, found, contenders, failures),
        leader=tied[0] if tied else None,
        tied=tuple(tied),
        choice=_choice(candidates, incumbent, tuple(needs), gives),
        excluded={name: "; ".join(failures[name]) for name in contenders if failures[name]},
        scores=table,
        weights=weights,
        n_origins=found.n_origins,
        has_draws=found.has_draws,
        level=level,
        max_bias=limit,
        purpose=purpose if isinstance(purpose, str) else "weights given",
        incumbent=incumbent,
        needs=tuple(needs),
        gives=gives,
    )


def _origins(evidence: pd.DataFrame | Draws | Sequence[pd.DataFrame | Draws]) -> list[pd.DataFrame | Draws]:
    if isinstance(evidence, pd.DataFrame | Draws):
        return [evidence]
    return list(evidence)


def _limit(purpose: str | Mapping[str, float], max_bias: float | None) -> float:
    if max_bias is None:
        return MAX_BIAS.get(purpose, DEFAULT_MAX_BIAS) if isinstance(purpose, str) else DEFAULT_MAX_BIAS
    if not max_bias > 0:
        raise InputError(f"max_bias is {max_bias!r}; it must be above 0, such as 0.5 for half of the total.")
    return float(max_bias)


def _eligible(
    origins: Iterable[pd.DataFrame | Draws], found: Evidence, eligible: Iterable[str] | None
) -> list[str]:
    known = [*found.names, *found.absent]
    if eligible is None:
        families = [
            origin.set_index("model")["family"] if "model" in origin else origin["family"]
            for origin in origins
            if isinstance(origin, pd.DataFrame) and "family" in origin
        ]
        baselines = {str(name) for family in families for name in family.index[family == "baseline"]}
        baselines.add(str(found.zero))
        names = [name for name in known if name not in baselines]
    else:
        names = list(dict.fromkeys(eligible))
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InputError(f"{unknown[0]!r} is eligible, but not in the comparison: {', '.join(known)}.")
    if not names:
        raise InputError("no model is eligible: baselines never lead, so compare at least one other model.")
    return names


def _kind(tied: list[str], found: Evidence, contenders: list[str], failures: Mapping[str, list[str]]) -> str:
    if tied:
        return LEADS if len(tied) == 1 else TOO_CLOSE
    evaluated = [name for name in contenders if name in found.names]
    return NO_RANKING if evaluated and all(CHANCE in failures[name] for name in evaluated) else NONE


def _most_usable(found: Evidence, contenders: list[str]) -> list[str]:
    """Where none may lead: the best by all criteria alike, so that no total right by accident is served."""
    point, _ = scores(found, weights_for("valuation"))
    score = dict(zip(found.names, point, strict=True))
    evaluated = [name for name in ordered(found, point) if name in contenders]
    return [name for name in evaluated if score[evaluated[0]] - score[name] < NEGLIGIBLE]


def _choice(
    candidates: list[str],
    incumbent: str | None,
    needs: tuple[str, ...],
    gives: Mapping[str, frozenset[str]],
) -> str | None:
    meeting = [name for name in candidates if set(needs) <= gives[name]] or candidates
    return incumbent if incumbent in meeting else next(iter(meeting), None)
