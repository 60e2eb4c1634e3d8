"""Whether a challenger replaces the incumbent: the rule of the comparison, applied to these two."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from clvml.evaluation._bootstrap import bootstrap_metrics
from clvml.evaluation._verdict import Verdict, decide
from clvml.evaluation._verdict_text import NEGLIGIBLE

CHALLENGER, INCUMBENT, ZERO = "the challenger", "the incumbent", "predicting zero"


@dataclass(frozen=True)
class Promotion:
    """A decision between a challenger and the incumbent.

    Attributes
    ----------
    promote : bool
        Whether the challenger replaces the incumbent.
    reason : str
        A sentence.
    tie : bool
        Whether the two are within noise of each other.
    difference, lower, upper : float
        Score of the challenger minus that of the incumbent, with its interval over the same resamples of the
        customers; NaN where neither may lead.
    rule : str
        The rule with its weights and limits.

    See Also
    --------
    clvml.evaluation.decide_promotion : Makes it.
    clvml.tracking.promote : Promotes in the MLflow registry.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.evaluation import decide_promotion
    >>> actual = pd.Series(range(50), dtype=float)
    >>> decision = decide_promotion(actual, challenger=actual, incumbent=actual)
    >>> decision.promote, decision.tie
    (False, True)
    """

    promote: bool
    reason: str
    tie: bool
    difference: float
    lower: float
    upper: float
    rule: str


def decide_promotion(
    actual: pd.Series,
    challenger: pd.Series,
    incumbent: pd.Series,
    *,
    newer_on_tie: str = "",
    purpose: str | Mapping[str, float] = "valuation",
    max_bias: float | None = None,
    needs: Iterable[str] = (),
    abilities: Mapping[str, Collection[str]] | None = None,
    n_draws: int = 1000,
    random_state: int = 0,
) -> Promotion:
    """Whether a challenger replaces the incumbent, by their predictions for the same customers.

    The rule is that of `decide`: the score of each model, and the difference of the two scores over paired
    resamples of the customers. A tie (a difference within noise, or negligible) keeps the incumbent. A
    challenger that may not lead never replaces an incumbent; one that may lead replaces an incumbent that may
    not.

    Parameters
    ----------
    actual : pandas.Series
        Outcome per customer in the holdout.
    challenger, incumbent : pandas.Series
        Predictions for the same customers, made without knowledge of the holdout.
    newer_on_tie : str
        A reason for which the challenger, fitted to newer data, replaces the incumbent on a tie; by default
        there is none.
    purpose : {"valuation", "budget", "targeting"} or mapping of str to float
        As in `decide`.
    max_bias : float, optional
        As in `decide`.
    needs : iterable of str
        As in `decide`.
    abilities : mapping of str to collection of str, optional
        Which of the needs ``"challenger"`` and ``"incumbent"`` meet.
    n_draws : int, default 1000
        Resamples of the customers.
    random_state : int, default 0
        Of the resamples.

    Returns
    -------
    Promotion
        ``promote`` and its ``reason``.

    Raises
    ------
    InputError
        If predictions and outcomes are not of the same customers, or an argument is invalid.

    See Also
    --------
    clvml.decide : The same rule for any number of models.
    clvml.tracking.promote : Promotes in the MLflow registry.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.evaluation import decide_promotion
    >>> actual = pd.Series(range(50), dtype=float)
    >>> decide_promotion(actual, actual * 1.1, actual.iloc[::-1].set_axis(actual.index)).promote
    True
    >>> decide_promotion(actual, actual, actual).reason
    'a tie: their scores are equal on the 50 customers of the holdout, and ties keep the incumbent'
    """
    names = {"challenger": CHALLENGER, "incumbent": INCUMBENT}
    predictions = pd.DataFrame({CHALLENGER: challenger, INCUMBENT: incumbent, ZERO: 0.0})
    draws = bootstrap_metrics(actual, predictions, n_draws=n_draws, random_state=random_state)
    verdict = decide(
        draws,
        purpose=purpose,
        eligible=names.values(),
        incumbent=INCUMBENT,
        needs=needs,
        abilities={names[who]: given for who, given in (abilities or {}).items()},
        max_bias=max_bias,
        random_state=random_state,
    )
    difference = _difference(verdict)
    tie = len(verdict.tied) == 2
    promote, reason = _decision(verdict, difference, newer_on_tie, len(actual))
    return Promotion(promote, reason, tie, *difference, rule=verdict.rule)


def _difference(verdict: Verdict) -> tuple[float, float, float]:
    """Score of the challenger minus that of the incumbent, and the ends of its interval."""
    columns = ["behind", "behind_lower", "behind_upper"]
    leads = verdict.leader == CHALLENGER
    row = verdict.scores.loc[[INCUMBENT if leads else CHALLENGER], columns]
    point, lower, upper = row.to_numpy(dtype=float)[0].tolist()
    return (point, lower, upper) if leads else (0.0 - point, 0.0 - upper, 0.0 - lower)


def _decision(
    verdict: Verdict, difference: tuple[float, float, float], newer_on_tie: str, n_customers: int
) -> tuple[bool, str]:
    scores = _in_words(difference, n_customers)
    if CHALLENGER in verdict.excluded:
        why = verdict.excluded[CHALLENGER]
        return False, f"the challenger may not lead on the {n_customers:,} customers of the holdout: {why}"
    if INCUMBENT in verdict.excluded:
        why = verdict.excluded[INCUMBENT]
        return True, f"the incumbent may not lead on the {n_customers:,} customers of the holdout: {why}"
    if len(verdict.tied) == 1:
        better = verdict.leader == CHALLENGER
        return better, f"the challenger is {'better' if better else 'worse'}: {scores}"
    if difference[1] > 0 or difference[2] < 0:
        scores += f", below {NEGLIGIBLE} and so negligible"
    if verdict.choice == CHALLENGER:
        return True, f"a tie ({scores}), and only the challenger gives {' and '.join(verdict.needs)}"
    if newer_on_tie:
        return True, f"a tie: {scores}, and {newer_on_tie}"
    return False, f"a tie: {scores}, and ties keep the incumbent"


def _in_words(difference: tuple[float, float, float], n_customers: int) -> str:
    point, lower, upper = difference
    on = f"on the {n_customers:,} customers of the holdout"
    if lower == upper == point == 0:
        return f"their scores are equal {on}"
    return f"its score less the incumbent's is {point:+.3f} ({lower:+.3f} to {upper:+.3f}) {on}"
