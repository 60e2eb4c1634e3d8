"""The verdict of a comparison: which model leads, which are within noise of it, and which one to serve.

The score of a model is a weighted mean of its skills (`clvml.evaluation._criteria`), averaged over origins.
It depends on the model's own predictions and on references that are the same for every model, so that
further contenders never change the order of two.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from clvml.errors import InputError
from clvml.evaluation._criteria import CRITERIA, Array, Draws, Skills, skills, weights_for
from clvml.evaluation._verdict_text import NEGLIGIBLE, format_rule, sentences

LEADS, TOO_CLOSE, NO_RANKING, NONE = "leads", "too close", "no ranking", "none"

MAX_BIAS = 0.5
LOWEST_RANKING = 0.05  # skill: below, a ranking is of no use whatever its noise
_CHANCE = 0.025  # one-sided level of the test against chance
_WITHOUT_DRAWS = 1000  # resamples of origins where there are none of customers
_RANKING, _TOTALS, _CUSTOMERS = range(len(CRITERIA))


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
        The model to register and serve; where none leads, the one with the best total. None if no model was
        evaluated at every origin.
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


@dataclass(frozen=True, eq=False)
class _Evidence:
    """Skills of the models evaluated at every origin: by origin, (draw,) model and criterion."""

    names: list[str]
    point: Array
    draws: Array
    metrics: pd.DataFrame
    zero_known: bool
    absent: dict[str, int]

    @property
    def n_origins(self) -> int:
        return len(self.point)


def decide(
    evidence: pd.DataFrame | Draws | Sequence[pd.DataFrame | Draws],
    *,
    purpose: str | Mapping[str, float] = "valuation",
    eligible: Iterable[str] | None = None,
    incumbent: str | None = None,
    needs: Iterable[str] = (),
    abilities: Mapping[str, Collection[str]] | None = None,
    level: float = 0.9,
    max_bias: float = MAX_BIAS,
    random_state: int = 0,
) -> Verdict:
    """Which model leads, which are within noise of it, and which one to serve.

    A model never leads if its RMSE is not below that of predicting zero, if it ranks customers no better than
    chance, or if its total misses by more than ``max_bias``. Among the others the highest score leads; those
    whose difference to the leader is not distinguishable from zero over resampled customers and origins are
    within noise of it. To serve: the incumbent if it is among these, otherwise the leader; where ``needs`` are
    given, among those that meet them.

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
    max_bias : float, default 0.5
        The largest miss of the total, as a share of the actual one, with which a model may lead; over several
        origins, the mean absolute miss.
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

    Examples
    --------
    >>> table = pd.DataFrame(
    ...     {"bias_pct": [-15.0, 60.0, -100.0], "rmse": [72.0, 200.0, 92.0], "spearman": [0.43, 0.48, 0.0]},
    ...     index=["BG/NBD", "formula", "zero"],
    ... )
    >>> verdict = decide(table, eligible=["BG/NBD", "formula"])
    >>> verdict.kind, verdict.leader, verdict.excluded["formula"]
    ('leads', 'BG/NBD', 'its RMSE is not below that of predicting zero; its total misses by 60.0 %')
    """
    _check_shares(level, max_bias)
    origins = [evidence] if isinstance(evidence, pd.DataFrame) or hasattr(evidence, "draws") else evidence
    weights = weights_for(purpose)
    found = _gathered([skills(origin) for origin in origins])
    contenders = _eligible(origins, found, eligible)
    rng = np.random.default_rng(random_state)
    picks = _picks(found.n_origins, found.draws.shape[1], rng)
    ranking = _over_origins(found.point[..., _RANKING], found.draws[..., _RANKING], picks)
    failures = _failures(found, ranking, max_bias)
    failures |= {
        name: [f"it was not evaluated at {count} of {found.n_origins} origins"]
        for name, count in found.absent.items()
    }
    point, drawn = _scores(found, weights, picks)
    able = [name for name in contenders if name in found.names]
    may_lead = [name for name in able if not failures[name]]
    by_score = _ordered(found, point)
    leader = next((name for name in by_score if name in may_lead), None)
    table = _table(found, by_score, point, drawn, leader, may_lead, level)
    table["status"] = [_status(name, leader, contenders, failures, table) for name in table.index]
    tied = [name for name in table.index if table.at[name, "status"] in ("leader", "within noise")]
    kind = _kind(tied, found, able, failures)
    gives = {name: frozenset((abilities or {}).get(name, ())) for name in contenders}
    candidates = tied or _best_totals(found, able, failures, picks)
    return Verdict(
        kind=kind,
        leader=leader,
        tied=tuple(tied),
        choice=_choice(candidates, incumbent, tuple(needs), gives),
        excluded={name: "; ".join(failures[name]) for name in contenders if failures[name]},
        scores=table,
        weights=weights,
        n_origins=found.n_origins,
        has_draws=found.draws.shape[1] > 0,
        level=level,
        max_bias=max_bias,
        purpose=purpose if isinstance(purpose, str) else "weights given",
        incumbent=incumbent,
        needs=tuple(needs),
        gives=gives,
    )


def _check_shares(level: float, max_bias: float) -> None:
    if not 0 < level < 1:
        raise InputError(f"level is {level!r}; it must be between 0 and 1, such as 0.9.")
    if not max_bias > 0:
        raise InputError(f"max_bias is {max_bias!r}; it must be above 0, such as 0.5 for half of the total.")


def _gathered(origins: Sequence[Skills]) -> _Evidence:
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
    return _Evidence(common, point, draws, metrics, zero_known, absent)


def _eligible(
    origins: Iterable[pd.DataFrame | Draws], found: _Evidence, eligible: Iterable[str] | None
) -> list[str]:
    known = [*found.names, *found.absent]
    if eligible is None:
        families = [
            origin.set_index("model")["family"] if "model" in origin else origin["family"]
            for origin in origins
            if isinstance(origin, pd.DataFrame) and "family" in origin
        ]
        baselines = {str(name) for family in families for name in family.index[family == "baseline"]}
        names = [name for name in known if name not in baselines]
    else:
        names = list(dict.fromkeys(eligible))
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InputError(f"{unknown[0]!r} is eligible, but not in the comparison: {', '.join(known)}.")
    if not names:
        raise InputError("no model is eligible: baselines never lead, so compare at least one other model.")
    return names


def _picks(n_origins: int, n_draws: int, rng: np.random.Generator) -> Array:
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


def _scores(found: _Evidence, weights: Mapping[str, float], picks: Array) -> tuple[Array, Array]:
    """Scores by model, and by draw and model; an undefined criterion does not count."""
    defined = ~np.isnan(found.point).all(axis=1)  # by origin and criterion
    shares = defined * np.array([weights[name] for name in CRITERIA])
    totals = shares.sum(axis=1, keepdims=True)
    if (totals == 0).any():
        raise InputError(
            "no criterion with a weight is defined on this holdout: losses exceed gains, or all customers"
            " brought the same. Give weights to ranking or customers."
        )
    shares = shares / totals
    point = np.einsum("kmc,kc->km", np.where(defined[:, None], found.point, 0.0), shares)
    draws = np.einsum("kbmc,kc->kbm", np.where(defined[:, None, None], found.draws, 0.0), shares)
    return point.mean(axis=0), _over_origins(point, draws, picks)


def _failures(found: _Evidence, ranking: Array, max_bias: float) -> dict[str, list[str]]:
    """By model: the reasons for which it may not lead."""
    mean = found.point.mean(axis=0)
    failures: dict[str, list[str]] = {}
    for place, name in enumerate(found.names):
        miss = float(found.metrics["abs_bias_pct"].iloc[place])
        checks = {
            "its RMSE is not below that of predicting zero": (
                found.zero_known and not mean[place, _CUSTOMERS] > 0
            ),
            CHANCE: not _ranks(mean[place, _RANKING], ranking[:, place]),
            f"its total misses by {miss:.1f} %": miss > 100 * max_bias,
        }
        failures[name] = [reason for reason, fails in checks.items() if fails]
    return failures


CHANCE = "it ranks customers no better than chance"


def _ranks(skill: float, draws: Array) -> bool:
    lowest = np.nanquantile(draws, _CHANCE) if np.isfinite(draws).any() else skill
    return bool(skill >= LOWEST_RANKING and lowest > 0)


def _ordered(found: _Evidence, point: Array) -> list[str]:
    """Names by score; equal ones by RMSE, then by name."""
    rmse = found.metrics["rmse"].to_numpy()
    keys = {name: (-round(float(point[k]), 12), rmse[k], name) for k, name in enumerate(found.names)}
    return sorted(found.names, key=keys.__getitem__)


def _table(
    found: _Evidence,
    by_score: list[str],
    point: Array,
    drawn: Array,
    leader: str | None,
    may_lead: list[str],
    level: float,
) -> pd.DataFrame:
    tails = [(1 - level) / 2, (1 + level) / 2]
    places = {name: place for place, name in enumerate(found.names)}
    mean = found.point.mean(axis=0)
    best = places[leader] if leader is not None else None
    behind = np.full(len(point), np.nan) if best is None else point[best] - point
    differences = drawn * np.nan if best is None else drawn[:, [best]] - drawn
    lower, upper = _quantiles(drawn, tails)
    behind_lower, behind_upper = _quantiles(differences, tails)
    allowed = [places[name] for name in may_lead]
    table = pd.DataFrame(
        {
            "score": point,
            "lower": lower,
            "upper": upper,
            **{name: mean[:, place] for place, name in enumerate(CRITERIA)},
            "behind": behind,
            "behind_lower": behind_lower,
            "behind_upper": behind_upper,
            "p_best": _p_best(drawn, allowed),
        },
        index=found.names,
    )
    table["within_noise"] = ((behind < NEGLIGIBLE) | (behind_lower <= 0)) & table.index.isin(may_lead)
    metrics = [name for name in ("bias_pct", "abs_bias_pct", "rmse", "spearman") if name in found.metrics]
    return table.join(found.metrics[metrics]).loc[by_score].rename_axis("model")


def _quantiles(draws: Array, tails: Sequence[float]) -> tuple[Array, Array]:
    """Quantiles by model; NaN without draws."""
    usable = draws[np.isfinite(draws).all(axis=1)]
    if not len(usable):
        return np.full(draws.shape[1], np.nan), np.full(draws.shape[1], np.nan)
    lower, upper = np.quantile(usable, tails, axis=0)
    return lower, upper


def _p_best(drawn: Array, allowed: list[int]) -> Array:
    found = np.full(drawn.shape[1], np.nan)
    usable = drawn[np.isfinite(drawn).all(axis=1)]
    if allowed and len(usable):
        top = usable[:, allowed].max(axis=1, keepdims=True)
        found[allowed] = np.isclose(usable[:, allowed], top, rtol=0, atol=1e-12).mean(axis=0)
    return found


def _status(
    name: str,
    leader: str | None,
    contenders: Collection[str],
    failures: Mapping[str, list[str]],
    table: pd.DataFrame,
) -> str:
    if name not in contenders:
        return "not eligible"
    if failures[name]:
        return "excluded"
    if name == leader:
        return "leader"
    return "within noise" if table.at[name, "within_noise"] else "behind"


def _kind(tied: list[str], found: _Evidence, able: list[str], failures: Mapping[str, list[str]]) -> str:
    if tied:
        return LEADS if len(tied) == 1 else TOO_CLOSE
    return NO_RANKING if able and all(CHANCE in failures[name] for name in able) else NONE


def _best_totals(
    found: _Evidence, able: list[str], failures: Mapping[str, list[str]], picks: Array
) -> list[str]:
    """Where none may lead: of those with the fewest failures, the best for a budget."""
    if not able:
        return []
    point, _ = _scores(found, weights_for("budget"), picks)
    score = dict(zip(found.names, point, strict=True))
    fewest = min(len(failures[name]) for name in able)
    left = [name for name in _ordered(found, point) if name in able and len(failures[name]) == fewest]
    return [name for name in left if score[left[0]] - score[name] < NEGLIGIBLE]


def _choice(
    candidates: list[str],
    incumbent: str | None,
    needs: tuple[str, ...],
    gives: Mapping[str, frozenset[str]],
) -> str | None:
    meeting = [name for name in candidates if set(needs) <= gives[name]] or candidates
    return incumbent if incumbent in meeting else next(iter(meeting), None)
