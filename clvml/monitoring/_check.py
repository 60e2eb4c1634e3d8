"""Check a model by the purchases since it was trained."""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any

import pandas as pd

from clvml.customers._transactions import Transactions, as_transactions
from clvml.errors import FitWarning, InputError
from clvml.monitoring._challengers import Contest, contests
from clvml.monitoring._customers import coverage_statements, decile_statements, decile_table
from clvml.monitoring._inputs import cohorts_to_compare, input_statements, input_table
from clvml.monitoring._outcomes import outcome_statements
from clvml.monitoring._parameters import move_statements, moves, moves_table, refitted
from clvml.monitoring._period import Period, open_period
from clvml.monitoring._statements import Statement, judged, statements_table
from clvml.scoring._card import ModelCard

LOOK, IN_ORDER = "look at it", "in order"


@dataclasses.dataclass(frozen=True, eq=False)
class ModelCheck:
    """What a check found.

    Attributes
    ----------
    period : Period
        The period: the time, the customers, notes on the data.
    statements : tuple of Statement
        All comparisons, with corrected p-values and their status.
    contests : tuple of Contest
        Challengers against the model.
    deciles, inputs, parameters : pandas.DataFrame
        The tables behind the statements; empty if they do not apply.
    left_out : dict of str to str
        What was not checked, and why.
    refit : ValueModel or None
        The specification fitted to all customers until now.
    level : float
        The probability of any alarm among the statements if nothing has changed.

    See Also
    --------
    clvml.monitoring.check_model : The function that makes one.
    clvml.plots.deviations : As a figure.

    Examples
    --------
    The formula overestimates what CDNOW's customers spend in the 39 weeks after its data:

    >>> import clvml
    >>> from clvml.monitoring import check_model
    >>> from clvml.scoring import ModelCard
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> model = clvml.RepeatRateValue(horizon=39).fit(customers)
    >>> found = check_model(model, ModelCard(observed_until="1997-09-30", time_unit="W"), clvml.load_cdnow())
    >>> found.status, [alarm.name for alarm in found.alarms]
    ('look at it', ['spend', 'decile 1 of predicted value', 'decile 5 of predicted value'])
    """

    period: Period
    statements: tuple[Statement, ...]
    contests: tuple[Contest, ...]
    deciles: pd.DataFrame
    inputs: pd.DataFrame
    parameters: pd.DataFrame
    left_out: dict[str, str]
    refit: Any
    level: float

    @property
    def alarms(self) -> tuple[Statement, ...]:
        """The statements that somebody should look at."""
        return tuple(each for each in self.statements if each.is_alarm)

    @property
    def status(self) -> str:
        """``"look at it"`` if there is an alarm or a better challenger, otherwise ``"in order"``."""
        return LOOK if self.alarms or any(each.better for each in self.contests) else IN_ORDER

    @property
    def table(self) -> pd.DataFrame:
        """One row per statement."""
        return statements_table(self.statements)

    @property
    def sentences(self) -> list[str]:
        """The findings that somebody should look at, each with what to do next."""
        found = [f"{each.sentence}. Next: {each.advice}." for each in self.alarms]
        return found + [f"{each.sentence}. Next: {each.advice}." for each in self.contests if each.better]

    @property
    def summary(self) -> str:
        """What was checked and what it found, in one sentence."""
        looked = len(self.alarms) + sum(each.better for each in self.contests)
        verdict = f"{looked} finding{'s' if looked > 1 else ''} to look at" if looked else "all in order"
        asked = len(self.statements)
        return (
            f"{verdict}: {len(self.period.split.calibration):,} customers from"
            f" {self.period.card.observed_until} to {self.period.until}, {asked} statements at an alarm level"
            f" of {100 * self.level:g} % for all of them together"
        )

    def as_dict(self) -> dict[str, Any]:
        """All of it as plain JSON values, without a customer."""
        return {
            "status": self.status,
            "summary": self.summary,
            "observed_until": self.period.card.observed_until,
            "checked_until": self.period.until,
            "duration": self.period.duration,
            "time_unit": self.period.time_unit,
            "customers": len(self.period.split.calibration),
            "new_customers": len(self.period.newcomers),
            "level": self.level,
            "statements": [each.as_dict() for each in self.statements],
            "contests": [_plain(each._asdict()) for each in self.contests],
            "notes": list(self.period.notes),
            "left_out": dict(self.left_out),
        }

    def __repr__(self) -> str:
        return f"ModelCheck({self.summary})"


def check_model(
    model: Any,
    card: ModelCard,
    transactions: Transactions | Any,
    *,
    until: Any = None,
    attributes: pd.DataFrame | None = None,
    challenger: Any = None,
    challenger_card: ModelCard | None = None,
    level: float = 0.05,
    random_state: int = 0,
) -> ModelCheck:
    """Check a model by the purchases since it was trained.

    Did outcomes lie in the prediction intervals, have inputs and parameters moved, is a challenger better?

    Parameters
    ----------
    model : ValueModel
        Fitted, as from `clvml.scoring.load_with_card`.
    card : ModelCard
        Of the model: until when its customers were observed, its totals with intervals, its policy.
    transactions : Transactions or frame
        The purchases of the model's customers until then, and the later ones, read by the model's policy.
    until : date, optional
        The last day to check. Default: the last day of the data.
    attributes : pandas.DataFrame, optional
        Attributes by customer id.
    challenger, challenger_card : optional
        Another fitted model, and its card, to judge against this one.
    level : float, default 0.05
        The probability of any alarm among the statements if nothing has changed.
    random_state : int, default 0
        Of bootstraps and simulations.

    Returns
    -------
    ModelCheck
        The statements, the alarms among them, and whether a challenger is better.

    Raises
    ------
    InputError
        If the model cannot be checked, the purchases are not those of the model, or too little came.

    See Also
    --------
    clvml.workflow.check : The same from a configuration and the registry, with a report.
    clvml.plots.deviations : As a figure.

    Examples
    --------
    >>> from clvml.monitoring import check_model
    >>> import clvml
    >>> from clvml.scoring import ModelCard
    >>> parts = clvml.split(clvml.load_cdnow(), "1997-09-30", "1998-06-30")
    >>> model = clvml.RepeatRateValue(horizon=39).fit(parts.calibration)
    >>> card = ModelCard(observed_until="1997-09-30", time_unit="W")
    >>> check_model(model, card, clvml.load_cdnow()).alarms[0].name
    'spend'
    """
    if not 0 < level < 1:
        raise InputError(f"level is {level!r}; it must be above 0 and below 1, such as 0.05.")
    period = open_period(model, card, as_transactions(transactions), until=until, attributes=attributes)
    with warnings.catch_warnings():  # of fits that nobody will use; the model's own came when it was trained
        warnings.simplefilter("ignore", FitWarning)
        return _checked(period, challenger, challenger_card, level, random_state)


def _checked(
    period: Period, challenger: Any, challenger_card: ModelCard | None, level: float, random_state: int
) -> ModelCheck:
    left_out: dict[str, str] = {}
    deciles, inputs = decile_table(period), _inputs(period, left_out, random_state)
    refit = _refitted(period, period.now, "a refit to all customers", left_out)
    newcomers = _refitted(period, period.newcomers, "a refit to new customers", left_out)
    moved = moves(period, refit, newcomers)
    if not moved:
        left_out["parameters"] = "the model has no traits of customers, such as a purchase rate"
    statements = [
        *outcome_statements(period),
        *decile_statements(deciles),
        *coverage_statements(period, random_state),
        *input_statements(inputs),
        *move_statements(moved),
    ]
    return ModelCheck(
        period=period,
        statements=tuple(judged(statements, level)),
        contests=tuple(contests(period, challenger, challenger_card)),
        deciles=deciles,
        inputs=inputs,
        parameters=moves_table(moved),
        left_out=left_out,
        refit=refit,
        level=level,
    )


def _inputs(period: Period, left_out: dict[str, str], random_state: int) -> pd.DataFrame:
    before, since, reason = cohorts_to_compare(period)
    if reason:
        left_out["inputs of new customers"] = reason
        return input_table(before.iloc[:0], since.iloc[:0])
    return input_table(before, since, random_state)


def _refitted(period: Period, customers: pd.DataFrame, what: str, left_out: dict[str, str]) -> Any:
    fitted, reason = refitted(period.model, customers)
    if reason:
        left_out[what] = reason
    return fitted


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        key: None if isinstance(value, float) and value != value else value for key, value in fields.items()
    }
