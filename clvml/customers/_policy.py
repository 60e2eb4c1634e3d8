"""Data quality rules: which rows count as purchases, with one option per rule.

The table of rules generates the SQL that assigns the first reason to exclude a row, the counts of the report
and the errors. A rule's condition is SQL over the columns ``customer_id, date, amount, is_return, is_future,
is_copy``, where NULL is a value that cannot be parsed.
"""

from __future__ import annotations

import dataclasses
from typing import Literal, NamedTuple, get_args, get_type_hints

import pandas as pd

from clvml.errors import InputError


@dataclasses.dataclass(frozen=True)
class TransactionPolicy:
    """How to handle rows that may not be purchases; the report counts all of them.

    Parameters
    ----------
    missing_customer : {"drop", "error"}, default "drop"
        No customer id: NULL, NaN, blank, or text such as ``nan`` or ``null``; ``NA`` is a valid id.
    bad_date : {"drop", "error"}, default "drop"
        No date, or one that cannot be parsed.
    bad_amount : {"drop", "error"}, default "drop"
        No amount, or one that is not a number, is infinite, or is beyond 1e15.
    future_date : {"drop", "keep", "error"}, default "drop"
        Later than now in every time zone (UTC+14).
    returns : {"drop", "net", "net_period", "keep", "error"}, default "drop"
        A negative amount or quantity:

        - ``"drop"``: excluded. Spend is gross of returns.
        - ``"net"``: subtracted from the customer's latest purchase up to that day, then from the one
          before, until it is used up (last in, first out). A fully returned purchase is not counted in
          ``frequency``. A return without an earlier purchase cannot be attributed; the report lists it as
          ``unattributed_returns``. The calibration ignores returns made after its end; those of earlier
          purchases are listed in ``Split.money``.
        - ``"net_period"``: netted against the customer's spend in the same period (day, or ``collapse``); a
          period whose net spend is zero or negative is not a purchase. Returns in another period than the
          purchase are not attributed.
        - ``"keep"``: treated as a loss, such as a negative profit: the row counts in ``frequency``, with
          negative spend. Formulas accept such customers; Gamma-Gamma does not.
        - ``"error"``: an InputError.
    zero_amount : {"keep", "drop", "error"}, default "keep"
        Purchases of $0, such as CDNOW's free discs: evidence that the customer is alive.
    duplicates : {"keep", "drop", "error"}, default "keep"
        Rows that equal another row in every column of the source; the first is kept. In point-of-sale data
        without a receipt number they are genuine purchases, in exports they may be errors.
    bad_row : {"error", "drop"}, default "error"
        A malformed row of a CSV file: more or fewer cells than column names, or a quote in the wrong place.
        With ``"drop"`` a file is read once, into a temporary Parquet file; `Transactions.malformed_rows` has
        the rows. A quote that is never closed is always an error, since it hides the rows after it.

    Raises
    ------
    InputError
        If an option is none of those listed.

    See Also
    --------
    clvml.read_transactions : Takes a policy.
    clvml.Transactions : Its ``report`` counts the rows of each rule.

    Examples
    --------
    A return of 5 reduces what customer "a" has spent; by default it would be left out:

    >>> import clvml
    >>> import pandas as pd
    >>> sales = pd.DataFrame({"customer_id": ["a", "a"], "amount": [30.0, -5.0],
    ...                       "date": ["2024-01-03", "2024-01-09"]})
    >>> net = clvml.read_transactions(sales, policy=clvml.TransactionPolicy(returns="net"))
    >>> clvml.summarize(net)["total_spend"].to_dict()
    {'a': 25.0}
    """

    missing_customer: Literal["drop", "error"] = "drop"
    bad_date: Literal["drop", "error"] = "drop"
    bad_amount: Literal["drop", "error"] = "drop"
    future_date: Literal["drop", "keep", "error"] = "drop"
    returns: Literal["drop", "net", "net_period", "keep", "error"] = "drop"
    zero_amount: Literal["keep", "drop", "error"] = "keep"
    duplicates: Literal["keep", "drop", "error"] = "keep"
    bad_row: Literal["error", "drop"] = "error"

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(type(self)).items():
            choices = get_args(hint)
            if getattr(self, name) not in choices:
                raise InputError(f"{name} is {getattr(self, name)!r}; it must be one of {choices}.")

    @property
    def drops_malformed(self) -> bool:
        """Whether malformed rows of CSV files are excluded, rather than an error."""
        return self.bad_row == "drop"

    @property
    def nets_returns(self) -> bool:
        """Whether returns are netted against purchases."""
        return self.returns in ("net", "net_period")

    def choice(self, rule: Rule) -> str:
        """The option chosen for a rule."""
        return str(getattr(self, rule.name))

    def reason(self) -> str:
        """The SQL of the first reason to exclude a row, or NULL."""
        cases = [f"WHEN {rule.condition} THEN '{rule.name}'" for rule in RULES if self.choice(rule) == "drop"]
        return f"CASE {' '.join(cases)} END" if cases else "CAST(NULL AS STRING)"

    def first_reasons(self, violated: pd.DataFrame) -> pd.Series:
        """The first reason to exclude the rows of each group, or None.

        Parameters
        ----------
        violated : pandas.DataFrame
            A bool column per rule, that of malformed rows included, one row per group.
        """
        reasons = pd.Series(None, index=violated.index, dtype=object)
        for rule in (BAD_ROW, *reversed(RULES)):
            if self.choice(rule) == "drop":
                reasons = reasons.mask(violated[rule.name], rule.name)
        return reasons


class Rule(NamedTuple):
    """A data quality rule: its name in the policy, its condition (SQL) and a description for messages."""

    name: str
    condition: str
    description: str


RULES = (
    Rule("missing_customer", "customer_id IS NULL", "without customer id"),
    Rule("bad_date", "date IS NULL", "with an unreadable date"),
    Rule("bad_amount", "amount IS NULL", "with an unreadable amount"),
    Rule("future_date", "is_future", "dated in the future"),
    Rule("duplicates", "is_copy", "duplicating another row in every column"),
    Rule("returns", "is_return", "with a return (a negative amount or quantity)"),
    Rule("zero_amount", "amount = 0 AND NOT is_return", "with an amount of zero"),
)
# Sufficient for a row that violates no rule, and cheap: NULL, and so not met, without a date or an amount.
VIOLATES_NONE = "customer_id IS NOT NULL AND amount <> 0 AND NOT is_return AND NOT is_future AND NOT is_copy"
# Not among the rows that conditions judge: an engine leaves them out, and counts them.
BAD_ROW = Rule("bad_row", "FALSE", "malformed")
