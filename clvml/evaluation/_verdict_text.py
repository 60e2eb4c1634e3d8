"""The verdict in words: who leads, and what to say and do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from clvml.evaluation._verdict import Verdict

NEED_LABELS = {"probability_alive": "P(alive)", "intervals": "prediction intervals"}
NEGLIGIBLE = 0.02  # a difference in score that is within noise whatever the draws say
_GUESS = 25  # percent: a total that misses by more is a guess


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
        "The leader has the highest score, a weighted mean of skills against fixed references:"
        f" ranking of customers against chance, total and RMSE per customer against predicting zero ({weights};"
        f" purpose: {verdict.purpose}). A model never leads if its RMSE is not below that of predicting zero, if"
        " it ranks customers no better than chance, or if its total misses by more than"
        f" {100 * verdict.max_bias:.0f} %. {_format_noise(verdict)}"
    )


def listed(names: Iterable[object], last: str = "and") -> str:
    """Names in a sentence.

    Examples
    --------
    >>> listed(["a", "b", "c"]), listed(["a"])
    ('a, b and c', 'a')
    """
    texts = [str(name) for name in names]
    return f" {last} ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)


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
    origins = verdict.n_origins > 1
    if not verdict.has_draws and not origins:
        return (
            "The noise is unknown, since there are scores only: models whose score is less than"
            f" {NEGLIGIBLE:.2f} below the leader's are too close to call."
        )
    over = "origins" if not verdict.has_draws else "customers and origins" if origins else "customers"
    return (
        f"Models are within noise of the leader if the {100 * verdict.level:.0f} % interval of the difference in"
        f" score, over resampled {over}, includes 0, or if the difference is below {NEGLIGIBLE:.2f}."
    )


def _leads(verdict: Verdict) -> str:
    row = verdict.scores.loc[verdict.leader]
    return f"{verdict.leader} leads: {_facts(row, verdict)}{_beaten_by_baseline(verdict)}."


def _too_close(verdict: Verdict) -> str:
    number = {2: "these two", 3: "these three", 4: "these four"}.get(len(verdict.tied), "these")
    noise = "noise" if verdict.has_draws or verdict.n_origins > 1 else f"{NEGLIGIBLE:.2f} in score, since the noise is unknown"
    return (
        f"Too close to call: any of {number}, {listed(verdict.tied)}; their differences are within"
        f" {noise}{_beaten_by_baseline(verdict)}."
    )


def _facts(row: pd.Series, verdict: Verdict) -> str:
    facts = [f"its total is {format_bias(row['bias_pct'])}"]
    if verdict.n_origins > 1:
        facts = [f"its totals miss by {row['abs_bias_pct']:.1f} % on average over {verdict.n_origins} origins"]
    if "spearman" in row:
        facts.append(f"its rank correlation with the actual values is {row['spearman']:.2f}")
    return " and ".join(facts)


def _serve(verdict: Verdict) -> str:
    choice, row = verdict.choice, verdict.scores.loc[verdict.choice]
    sentence = f"Serve {choice}{_because(verdict)}"
    if verdict.kind == "too close":
        sentence += f"; {_facts(row, verdict)}"
    return sentence + _gap(verdict) + _incumbent_lost(verdict) + "."


def _because(verdict: Verdict) -> str:
    reasons = []
    if verdict.choice == verdict.incumbent:
        reasons.append("the incumbent")
    if verdict.needs and set(verdict.needs) <= verdict.gives[str(verdict.choice)]:
        reasons.append(f"it gives {_needs(verdict)}")
    if not reasons and len(verdict.tied) > 1:
        reasons.append("the highest score of these" if verdict.choice == verdict.leader else "the best of these")
    return f" ({', '.join(reasons)})" if reasons else ""


def _gap(verdict: Verdict) -> str:
    met = set(verdict.needs) <= verdict.gives[str(verdict.choice)]
    return "" if met else f"; none of the candidates gives {_needs(verdict)}"


def _incumbent_lost(verdict: Verdict) -> str:
    incumbent = verdict.incumbent
    if incumbent is None or incumbent in verdict.tied:
        return ""
    if incumbent in verdict.excluded:
        return f"; the incumbent, {incumbent}, may not lead ({verdict.excluded[incumbent]})"
    known = incumbent in verdict.scores.index
    return f"; the incumbent, {incumbent}, {'is behind' if known else 'was not compared'}"


def _needs(verdict: Verdict) -> str:
    return listed(NEED_LABELS.get(need, need) for need in verdict.needs)


def _no_ranking(verdict: Verdict) -> str:  # noqa: ARG001
    return "Nobody can be ranked here: no model orders the customers better than chance."


def _only_the_total(verdict: Verdict) -> str:
    return f"Do not target customers by these values; here is the total only: {_total(verdict)}."


def _none(verdict: Verdict) -> str:
    reasons = [reason for text in verdict.excluded.values() for reason in text.split("; ")]
    kinds = {
        "have an RMSE that is not below that of predicting zero": "RMSE",
        "rank customers no better than chance": "chance",
        f"miss the total by more than {100 * verdict.max_bias:.0f} %": "misses",
        "were not evaluated at every origin": "evaluated",
    }
    counts = {text: sum(mark in reason for reason in reasons) for text, mark in kinds.items()}
    found = [f"{count} {text}" for text, count in counts.items() if count]
    return f"No model leads: of {len(verdict.excluded)} contenders, {listed(found)}."


def _best_total(verdict: Verdict) -> str:
    if verdict.choice is None:
        return "Compare models that can be evaluated at every origin."
    ranked = "chance" not in verdict.excluded[verdict.choice]
    use = "its order of the customers can be used, single values cannot" if ranked else "single values cannot be used"
    return f"For a budget, {_total(verdict)}; {use}."


def _total(verdict: Verdict) -> str:
    if verdict.choice is None:
        return "no model was evaluated at every origin"
    row = verdict.scores.loc[verdict.choice]
    miss = row["abs_bias_pct"]
    facts = format_bias(row["bias_pct"])
    if verdict.n_origins > 1:
        facts = f"{miss:.1f} % off on average over {verdict.n_origins} origins"
    guess = ", no more than a guess" if miss > _GUESS else ""
    return f"{verdict.choice} has the most usable one, {facts}{guess}"


def _beaten_by_baseline(verdict: Verdict) -> str:
    """A model that cannot lead, such as the naive forecast, with a score above the leader's."""
    table = verdict.scores
    others = table[table["status"] == "not eligible"]
    above = others.index[others["behind"] < -NEGLIGIBLE]
    if not len(above):
        return ""
    return f" ({listed(above)}, not eligible, {'has' if len(above) == 1 else 'have'} a higher score)"
