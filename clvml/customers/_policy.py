"""Which rows count as purchases: one table of rules, each with a choice.

The table drives all that is done about dirt: the SQL that gives a row the first reason to set it
aside, the counts of the report, and the errors. A rule's condition is SQL over the columns
``customer_id, date, amount, is_return, is_future, is_copy``, where NULL stands for what cannot be read.
"""

from __future__ import annotations

import dataclasses
from typing import Literal, NamedTuple, get_args, get_type_hints

from clvml.errors import InputError


@dataclasses.dataclass(frozen=True)
class TransactionPolicy:
    """What to do with rows that may not be purchases; all of them are counted in the report.

    Parameters
    ----------
    missing_customer : {"drop", "error"}, default "drop"
        No customer id: NULL, NaN, blank, or text such as ``nan`` or ``null``; ``NA`` is a name.
    bad_date : {"drop", "error"}, default "drop"
        No date, or one that cannot be read.
    bad_amount : {"drop", "error"}, default "drop"
        No amount, or one that is not a number, is infinite, or is beyond 1e15.
    future_date : {"drop", "keep", "error"}, default "drop"
        Later than now, by the clock of the earth's earliest time zone.
    returns : {"drop", "net", "net_period", "keep", "error"}, default "drop"
        A negative amount or quantity:

        - ``"drop"``: set aside. Purchases stay as they were made, so spend is gross of returns.
        - ``"net"``: taken off the latest purchase of the customer up to that day, then off the one
          before, until it is used up. A purchase that is returned in full is no purchase: ``frequency``
          falls by one. A return without a purchase before it cannot be attributed; the report lists it as
          ``unattributed_returns``. What a calibration knows of returns ends with it; returns that follow
          in the holdout of what was bought before are listed in ``Split.money``.
        - ``"net_period"``: added to what the customer spent in the same period (day, or as ``collapse``
          says), on whichever day of it; a period that comes to nothing or less is no purchase. Returns in
          another period than the purchase are not attributed.
        - ``"keep"``: a loss, such as a negative profit: the row is a purchase like any other, counted in
          ``frequency``, and its money is negative. Formulas take such customers; Gamma-Gamma cannot.
        - ``"error"``: refused.
    zero_amount : {"keep", "drop", "error"}, default "keep"
        Purchases of $0, such as CDNOW's free discs: they tell that the customer is alive.
    duplicates : {"keep", "drop", "error"}, default "keep"
        Rows that equal another row in every column of the source; the first stays. In till data without a
        receipt number they are real purchases, in exports they may be accidents.

    Raises
    ------
    InputError
        If a choice is none of those listed.
    """

    missing_customer: Literal["drop", "error"] = "drop"
    bad_date: Literal["drop", "error"] = "drop"
    bad_amount: Literal["drop", "error"] = "drop"
    future_date: Literal["drop", "keep", "error"] = "drop"
    returns: Literal["drop", "net", "net_period", "keep", "error"] = "drop"
    zero_amount: Literal["keep", "drop", "error"] = "keep"
    duplicates: Literal["keep", "drop", "error"] = "keep"

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(type(self)).items():
            choices = get_args(hint)
            if getattr(self, name) not in choices:
                raise InputError(f"{name} is {getattr(self, name)!r}; it must be one of {choices}.")

    @property
    def nets_returns(self) -> bool:
        """Whether returns are taken off purchases."""
        return self.returns in ("net", "net_period")

    def choice(self, rule: Rule) -> str:
        """What this policy does about a rule."""
        return str(getattr(self, rule.name))

    def reason(self) -> str:
        """The SQL that gives a row the first reason to set it aside, or NULL."""
        cases = [f"WHEN {rule.condition} THEN '{rule.name}'" for rule in RULES if self.choice(rule) == "drop"]
        return f"CASE {' '.join(cases)} END" if cases else "CAST(NULL AS VARCHAR)"


class Rule(NamedTuple):
    """A doubt about a row: its name in the policy, when it holds (SQL), and how to say so of rows."""

    name: str
    condition: str
    says: str


RULES = (
    Rule("missing_customer", "customer_id IS NULL", "without customer id"),
    Rule("bad_date", "date IS NULL", "with an unreadable date"),
    Rule("bad_amount", "amount IS NULL", "with an unreadable amount"),
    Rule("future_date", "is_future", "dated in the future"),
    Rule("duplicates", "is_copy", "repeating another row in every column"),
    Rule("returns", "is_return", "with a return (a negative amount or quantity)"),
    Rule("zero_amount", "amount = 0 AND NOT is_return", "with an amount of zero"),
)
