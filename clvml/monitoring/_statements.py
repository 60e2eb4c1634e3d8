"""A statement of a check: what was expected, what was observed, and whether somebody should look at it.

**Alarm level.** Each question (outcomes, customers, inputs, parameters) gets an equal share of the level, and
within a question Holm's correction (1979) is applied to the p-values. So if nothing has changed, the
probability of any alarm is at most the level, as far as the intervals hold. A statement is an alarm only if
its deviation is also large enough to matter: with a million customers every deviation is significant.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

LOOK, OUTSIDE, IN_ORDER = "look at it", "outside its interval", "in order"
COVERAGE = 0.9  # of the intervals that are shown


@dataclasses.dataclass(frozen=True)
class Statement:
    """One comparison of what was observed with what was expected if nothing has changed.

    Attributes
    ----------
    question : str
        ``"outcomes"``, ``"customers"``, ``"inputs"`` or ``"parameters"``.
    name : str
        What is compared.
    expected, lower, upper : float
        The expectation and its 90 % interval if nothing has changed.
    observed : float
        What was observed.
    effect : float
        The deviation by which its size is judged: relative to the expectation, or in the unit of ``matters``.
    matters : float
        The smallest absolute effect that is worth an alarm.
    p_value : float
        Two-sided, of the deviation if nothing has changed; before correction.
    sentence : str
        In words, without a full stop.
    advice : str
        What to do if it is an alarm.
    corrected : float
        The p-value after correction for all statements of the check.
    status : str
        ``"look at it"``, ``"outside its interval"`` or ``"in order"``.

    See Also
    --------
    clvml.monitoring.check_model : Makes the statements of a model.
    clvml.monitoring.ModelCheck : Has them all.

    References
    ----------
    The correction within a question is that of Holm (1979), A Simple Sequentially Rejective Multiple Test
    Procedure, Scandinavian Journal of Statistics 6(2).

    Examples
    --------
    >>> import clvml
    >>> from clvml.monitoring import check_model
    >>> from clvml.scoring import ModelCard
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> model = clvml.RepeatRateValue(horizon=39).fit(customers)
    >>> found = check_model(model, ModelCard(observed_until="1997-09-30", time_unit="W"), clvml.load_cdnow())
    >>> statement = found.statements[0]
    >>> statement.name, statement.status, f"{statement.effect:+.0%}"
    ('spend', 'look at it', '-38%')
    """

    question: str
    name: str
    expected: float
    lower: float
    upper: float
    observed: float
    effect: float
    matters: float
    p_value: float
    sentence: str
    advice: str = ""
    corrected: float = math.nan
    status: str = IN_ORDER

    @property
    def is_alarm(self) -> bool:
        """Whether somebody should look at it."""
        return self.status == LOOK

    def as_dict(self) -> dict[str, Any]:
        """The fields as plain JSON values, None for a number that is not finite."""
        fields = dataclasses.asdict(self)
        return {key: None if _is_undefined(value) else value for key, value in fields.items()}


def judged(statements: Sequence[Statement], level: float) -> list[Statement]:
    """The statements with corrected p-values and their status.

    Parameters
    ----------
    statements : sequence of Statement
    level : float
        The probability of any alarm if nothing has changed.

    Examples
    --------
    >>> same = Statement("outcomes", "spend", 100, 90, 110, 130, 0.3, 0.05, 0.001, "spend rose")
    >>> other = dataclasses.replace(same, name="purchases", p_value=0.04)
    >>> [(each.corrected, each.status) for each in judged([same, other], 0.05)]
    [(0.002, 'look at it'), (0.04, 'look at it')]
    """
    questions = list(dict.fromkeys(statement.question for statement in statements))
    corrected: dict[int, float] = {}
    for question in questions:
        asked = [place for place, each in enumerate(statements) if each.question == question]
        holm = holm_adjusted([statements[place].p_value for place in asked])
        corrected |= {
            place: min(1.0, len(questions) * value) for place, value in zip(asked, holm, strict=True)
        }
    return [
        dataclasses.replace(each, corrected=corrected[place], status=_status(each, corrected[place], level))
        for place, each in enumerate(statements)
    ]


def holm_adjusted(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted for each other (Holm 1979); an undefined one stays so.

    Examples
    --------
    >>> holm_adjusted([0.03, 0.01, 0.5])
    [0.06, 0.03, 0.5]
    """
    defined = [place for place, value in enumerate(p_values) if not math.isnan(value)]
    adjusted, running = list(p_values), 0.0
    for rank, place in enumerate(sorted(defined, key=lambda place: p_values[place])):
        running = max(running, min(1.0, (len(defined) - rank) * p_values[place]))
        adjusted[place] = running
    return adjusted


def statements_table(statements: Iterable[Statement]) -> pd.DataFrame:
    """One row per statement."""
    rows = [dataclasses.asdict(each) for each in statements]
    return pd.DataFrame(rows, columns=[field.name for field in dataclasses.fields(Statement)])


def _status(statement: Statement, corrected: float, level: float) -> str:
    if corrected <= level and abs(statement.effect) >= statement.matters:
        return LOOK
    inside = statement.lower <= statement.observed <= statement.upper
    return IN_ORDER if inside or math.isnan(statement.lower + statement.upper) else OUTSIDE


def relative(observed: float, expected: float) -> float:
    """The relative deviation; NaN where nothing was expected."""
    return observed / expected - 1 if expected > 0 else math.nan


def in_percent(effect: float) -> str:
    """A relative deviation in words of a table.

    Examples
    --------
    >>> in_percent(0.123), in_percent(-0.004)
    ('+12 %', '-0.4 %')
    """
    if math.isnan(effect):
        return "undefined"
    digits = 0 if abs(effect) >= 0.0995 else 1
    return f"{round(100 * effect, digits) + 0.0:+.{digits}f} %"  # never -0.0


def number(value: float) -> str:
    """A number with three significant digits, or all digits of its whole part.

    Examples
    --------
    >>> number(12345.6), number(0.04567), number(3.0)
    ('12,346', '0.0457', '3')
    """
    if not math.isfinite(value):
        return "undefined"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _is_undefined(value: object) -> bool:
    return isinstance(value, float | np.floating) and not math.isfinite(value)
