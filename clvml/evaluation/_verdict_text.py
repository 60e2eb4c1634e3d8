"""The verdict in words: who leads, and what to say and do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from clvml.evaluation._verdict import Verdict

NEGLIGIBLE = 0.02  # a difference in score that is within noise whatever the resamples say
NEED_LABELS = {"probability_alive": "P(alive)", "intervals": "prediction intervals"}
_GUESS = 25  # percent: a total that misses by more is a guess
_NUMBERS = {2: "either of these two", 3: "any of these three", 4: "any of these four"}


def sentences(verdict: Verdict) -> tuple[str, str]:
    """Who leads; what to say and do.

    Parameters
    ----------
    verdict : Verdict
    """
    who, what = {
        "leads": (_leads, _serve),
        "too close": (_too_close, _serve),
        "no ranking": (_no_ranking, _only_the_total),
        "none": (_none, _best_total),
    }[verdict.kind]
    return who(verdict), what(verdict)


def format_rule(verdict: Verdict) -> str:
    """The rule with its weights and limits, in words.

    Parameters
    ----------
    verdict : Verdict
    """
    weights = ", ".join(f"{name} {100 * weight:.0f} %" for name, weight in verdict.weights.items())
    return (
        "The leader has the highest score, a weighted mean of skills against fixed references: ranking"
        f" against chance, total and RMSE per customer against predicting zero ({weights}; purpose:"
        f" {verdict.purpose}). A model never leads if its RMSE is not below that of predicting zero, if it"
        " ranks customers no better than chance, or if its total misses by more than"
        f" {100 * verdict.max_bias:.0f} %. {_format_noise(verdict)}"
    )


def listed(names: Iterable[object]) -> str:
    """Names in a sentence.

    Examples
    --------
    >>> listed(["a", "b", "c"]), listed(["a"])
    ('a, b and c', 'a')
    """
    texts = [str(name) for name in names]
    return " and ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)


def format_bias(bias_pct: float) -> str:
    """How far a total is from the actual one.

    Examples
    --------
    >>> format_bias(-14.83), format_bias(float("nan"))
    ('14.8 % below the actual one', 'not comparable in percent, since losses exceed gains')
    """
    if bias_pct != bias_pct:
        return "not comparable in percent, since losses exceed gains"
    return f"{abs(bias_pct):.1f} % {'above' if bias_pct > 0 else 'below'} the actual one"


def _format_noise(verdict: Verdict) -> str:
    several = verdict.n_origins > 1
    if not verdict.has_draws and not several:
        return (
            "The noise is unknown, since there are scores only: models whose score is less than"
            f" {NEGLIGIBLE:.2f} below the leader's are too close to call."
        )
    over = "origins" if not verdict.has_draws else "customers and origins" if several else "customers"
    return (
        f"Models are within noise of the leader if the {100 * verdict.level:.0f} % interval of the difference"
        f" in score, over resampled {over}, includes 0, or if the difference is below {NEGLIGIBLE:.2f}."
    )


def _leads(verdict: Verdict) -> str:
    only = "" if len(verdict.gives) > 1 else ", the only contender,"
    return f"{verdict.leader}{only} leads: {_facts(verdict, verdict.leader)}{_better_baseline(verdict)}."


def _too_close(verdict: Verdict) -> str:
    number = _NUMBERS.get(len(verdict.tied), f"any of these {len(verdict.tied)}")
    known = verdict.has_draws or verdict.n_origins > 1
    reason = "their differences are within noise" if known else "their scores differ by less than 0.02"
    return f"Too close to call: {number}, {listed(verdict.tied)}; {reason}{_better_baseline(verdict)}."


def _facts(verdict: Verdict, name: str | None) -> str:
    row, several = _row(verdict, name), verdict.n_origins > 1
    totals = f"totals miss by {row['abs_bias_pct']:.1f} % on average over {verdict.n_origins} origins"
    facts = f"its {totals if several else 'total is ' + format_bias(row['bias_pct'])}"
    if "spearman" in row:
        facts += f", and its Spearman correlation with the actual values is {row['spearman']:.2f}"
    return facts


def _row(verdict: Verdict, name: str | None) -> dict[str, float]:
    """The numbers of a model."""
    numbers = verdict.scores.select_dtypes("number")
    return dict(
        zip(map(str, numbers), numbers.loc[[str(name)]].to_numpy(np.float64)[0].tolist(), strict=True)
    )


def _better_baseline(verdict: Verdict) -> str:
    """Models that cannot lead, such as the naive forecast, with a score above the leader's."""
    others = verdict.scores[verdict.scores["status"] == "not eligible"]
    above = others.index[others["behind"] < -NEGLIGIBLE]
    verb = "has" if len(above) == 1 else "have"
    return f" ({listed(above)}, not eligible, {verb} a higher score)" if len(above) else ""


def _serve(verdict: Verdict) -> str:
    facts = f": {_facts(verdict, verdict.choice)}" if len(verdict.tied) > 1 else ""
    guess = _row(verdict, verdict.choice)["abs_bias_pct"] > _GUESS
    caution = "; its total is no basis for a budget" if guess else ""
    details = f"{facts}{caution}{_unmet(verdict)}{_incumbent_lost(verdict)}"
    return f"Serve {verdict.choice}{_because(verdict)}{details}."


def _because(verdict: Verdict) -> str:
    reasons = ["the incumbent"] if verdict.choice == verdict.incumbent else []
    if verdict.needs and _meets(verdict, verdict.choice):
        reasons.append(f"gives {_needs(verdict)}")
    if not reasons and len(verdict.tied) > 1:
        reasons.append("the highest score")
    return f" ({', '.join(reasons)})" if reasons else ""


def _unmet(verdict: Verdict) -> str:
    """The needs that neither the choice nor, then, any other candidate meets."""
    if _meets(verdict, verdict.choice):
        return ""
    who = "it does not give" if len(verdict.tied) == 1 else "none of these gives"
    return f"; {who} {_needs(verdict)}"


def _incumbent_lost(verdict: Verdict) -> str:
    name = verdict.incumbent
    if name is None or name == verdict.choice:
        return ""
    if name in verdict.excluded:
        return f"; the incumbent, {name}, may not lead: {verdict.excluded[name]}"
    if name in verdict.tied:
        return f"; the incumbent, {name}, does not give {_needs(verdict)}"
    return f"; the incumbent, {name}, {'is behind' if name in verdict.scores.index else 'was not compared'}"


def _meets(verdict: Verdict, name: str | None) -> bool:
    return set(verdict.needs) <= verdict.gives.get(str(name), frozenset())


def _needs(verdict: Verdict) -> str:
    return listed(NEED_LABELS.get(need, need) for need in verdict.needs)


def _no_ranking(verdict: Verdict) -> str:  # noqa: ARG001
    return "Nobody can be ranked here: no model orders the customers better than chance."


def _only_the_total(verdict: Verdict) -> str:
    return f"Do not target customers by these values; here is the total only: {_total(verdict)}."


def _none(verdict: Verdict) -> str:
    limit = f"{100 * verdict.max_bias:.0f} %"
    marks = {
        "RMSE": "an RMSE that is not below that of predicting zero",
        "chance": "an order of the customers no better than chance",
        "misses": f"a total that misses by more than {limit}",
        "evaluated": "no result at one of the origins",
    }
    reasons = list(verdict.excluded.values())
    counts = {text: sum(mark in reason for reason in reasons) for mark, text in marks.items()}
    met = {text: count for text, count in counts.items() if count}
    if len(reasons) == 1:
        return f"No model leads: the only contender has {listed(met)}."
    found = (f"{_of(count, len(reasons))} {text}" for text, count in met.items())
    return f"No model leads: of {len(reasons)} contenders, {listed(found)}."


def _of(count: int, everyone: int) -> str:
    """How many have it: ``1 has``, ``2 have``, ``all have``."""
    return "all have" if count == everyone else f"{count} {'has' if count == 1 else 'have'}"


def _best_total(verdict: Verdict) -> str:
    if verdict.choice is None:
        return "Compare models that can be evaluated at every origin."
    ranks = "chance" not in verdict.excluded[verdict.choice]
    use = "use its order of the customers, not single values" if ranks else "do not use single values"
    return f"For a budget, {_total(verdict)}; {use}."


def _total(verdict: Verdict) -> str:
    if verdict.choice is None:
        return "no model was evaluated at every origin"
    row = _row(verdict, verdict.choice)
    several = f"misses by {row['abs_bias_pct']:.1f} % on average over {verdict.n_origins} origins"
    facts = several if verdict.n_origins > 1 else f"is {format_bias(row['bias_pct'])}"
    guess = ", so it is no more than a guess" if row["abs_bias_pct"] > _GUESS else ""
    return f"take the total of {verdict.choice}, which {facts}{guess}"
