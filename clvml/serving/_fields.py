"""The typed columns of a request, found by asking the model, and the check of a column's values.

Bounds are not written down here a second time: a customer whom the model scores is changed in one column, and
the model says whether it still scores them (a negative amount, half a purchase, an unknown category).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from clvml.customers._ids import CUSTOMER_ID, MISSING_IDS, are_missing
from clvml.customers._summary_checks import MOST_PURCHASES
from clvml.customers._time_units import LONGEST_HORIZON, TIME_UNIT, TIME_UNITS, time_unit_of
from clvml.errors import ClvmlError
from clvml.scoring._contract import score
from clvml.scoring._request_time import OBSERVED_UNTIL
from clvml.scoring._signature import TIMES, Column, plausible_customers, signature
from clvml.serving._refusals import Refusal, invalid

LONGEST_ID = 256
LARGEST = 1e15  # a number beyond it is no amount of money and no attribute, but an error
_WORDS = {
    "frequency": "Number of repeat purchases: all purchases but the first.",
    "recency": "Time from the first to the last purchase (the customer's age at the last purchase).",
    "T": "Time from the first purchase to the end of the observation period.",
    "monetary_value": "Average spend per repeat purchase; 0 for customers without one.",
    "total_spend": "Total spend, the first purchase included.",
    "earlier_purchases": "Purchases in the first half of the time since the first purchase.",
    "later_purchases": "Purchases in the second half of the time since the first purchase.",
    "earlier_spend": "Spend in the first half of the time since the first purchase.",
    "later_spend": "Spend in the second half of the time since the first purchase.",
    "probability_alive": "Probability that the customer is still active.",
    "clv": "Customer lifetime value.",
    CUSTOMER_ID: "Returned with the scores; neither stored nor logged.",
    OBSERVED_UNTIL: "Last day of the observation period, if the request is to be compared with the model's.",
    TIME_UNIT: "Unit of recency and T, if it is not the model's; all rows need one if any has one.",
}


KINDS = {
    "text": "text",
    "boolean": "true or false",
    "date": "a date, such as '2026-09-30'",
    "id": "text or a whole number",
}


class Field(NamedTuple):
    """A column of requests.

    Attributes
    ----------
    name : str
        As in the customer summary.
    kind : {"number", "text", "boolean", "category", "date", "id"}
        The type of its values; a category is one of ``levels``.
    required : bool
        Whether each request must have it.
    minimum, maximum : float
        Bounds of a number.
    whole : bool
        Whether numbers must be whole.
    levels : tuple
        The known categories.
    description : str
        For people.
    """

    name: str
    kind: str
    required: bool
    minimum: float = -LARGEST
    maximum: float = LARGEST
    whole: bool = False
    levels: tuple[Any, ...] = ()
    description: str = ""

    @property
    def rule(self) -> str:
        """What its values must be, in words."""
        if self.kind == "category":
            return "must be one of the categories that the model knows (see /docs)"
        if self.kind == "id":
            return f"must be text of 1 to {LONGEST_ID} characters or a whole number of 64 bits"
        if self.kind != "number":
            return f"must be {KINDS[self.kind]}"
        return f"must be a {'whole' if self.whole else 'finite'} number from {self.range}"

    @property
    def range(self) -> str:
        """The bounds of a number, in words."""
        return f"{self.minimum:,.9g} to {self.maximum:,.9g}"


def fields_of(model: Any) -> tuple[Field, ...]:
    """The columns of requests to a model, with the bounds that the model itself sets."""
    base, unit = plausible_customers(model), getattr(model, "time_unit_", None)
    levels = getattr(model, "categories", {})

    def accepts(name: str, value: Any) -> bool:
        return _is_scored(model, base.assign(**{name: [value]}))

    return tuple(_field(column, unit, levels.get(column.name), accepts) for column in signature(model).inputs)


def _field(
    column: Column, unit: str | None, levels: Sequence[Any] | None, accepts: Callable[[str, Any], bool]
) -> Field:
    name, required = column.name, column.required
    words = _WORDS.get(name, "An attribute of the customer.")
    if name in TIMES and unit is not None:
        words = f"{words[:-1]}, in {time_unit_of(unit).name}s."
    if name == CUSTOMER_ID:
        return Field(name, "id", required, description=words)
    if name == OBSERVED_UNTIL:
        return Field(name, "date", required, description=words)
    if name == TIME_UNIT:
        return Field(name, "category", required, levels=tuple(TIME_UNITS), description=words)
    if levels is not None:
        return Field(name, "category", required, levels=tuple(levels), description=words)
    if column.kind in ("text", "boolean"):
        return Field(name, column.kind, required, description=words)
    return Field(
        name,
        "number",
        required,
        minimum=-LARGEST if accepts(name, -1.0) else 0.0,
        maximum=_maximum(name, accepts),
        whole=name == "frequency" and not accepts(name, 1.5),
        description=words,
    )


def _maximum(name: str, accepts: Callable[[str, Any], bool]) -> float:
    if name in TIMES:
        return float(LONGEST_HORIZON)
    highest = {"frequency": float(MOST_PURCHASES), "probability_alive": 1.0}.get(name, LARGEST)
    return LARGEST if accepts(name, highest + 1) else highest


def _is_scored(model: Any, row: pd.DataFrame) -> bool:
    try:
        score(model, row)
    except (ClvmlError, KeyError, ValueError, TypeError):
        return False
    return True


def check_numbers(field: Field, values: np.ndarray) -> np.ndarray:
    """The numbers of a column, if all are finite and within its bounds; raises a `Refusal`."""
    if values.size and not (values.min() >= field.minimum and values.max() <= field.maximum):
        _refuse(field, ~((values >= field.minimum) & (values <= field.maximum)), "bounds")
    if field.whole:
        _refuse(field, values != np.floor(values), "bounds")
    return values


def check_types(field: Field, values: Sequence[Any]) -> None:
    """Refuse a column of Python values that has one of another type, or none; raises a `Refusal`."""
    allowed = _TYPES[field.kind] if field.kind != "category" else {type(level) for level in field.levels}
    found = set(map(type, values))
    if found <= allowed:
        return
    for row, value in enumerate(values):
        if value is None:
            raise invalid("missing_value", f"{field.name} is missing; it {field.rule}.", row, field.name)
        if type(value) not in allowed:
            raise invalid("type", f"{field.name} {field.rule}.", row, field.name)


def check_levels(field: Field, values: Sequence[Any]) -> None:
    """Refuse categories that the model does not know; raises a `Refusal`."""
    known = set(field.levels)
    if unknown := set(values) - known:
        row = next(place for place, value in enumerate(values) if value in unknown)
        raise invalid("category", f"{field.name} {field.rule}.", row, field.name)


def check_ids(field: Field, ids: Sequence[Any]) -> None:
    """Refuse ids that are missing, too long or given twice; raises a `Refusal`."""
    distinct = set(ids)
    texts = distinct if set(map(type, distinct)) == {str} else [i for i in distinct if isinstance(i, str)]
    wrong = _may_be_missing(texts) and not set(map(str.lower, map(str.strip, texts))).isdisjoint(MISSING_IDS)
    if wrong or max(map(len, texts), default=0) > LONGEST_ID:
        _refuse(field, are_missing(pd.Series(ids, dtype=object)), "missing_value")
        _refuse(field, np.array([isinstance(i, str) and len(i) > LONGEST_ID for i in ids]), "bounds")
    if len(distinct) < len(ids):
        raise _repeated(field, int(pd.Series(ids, dtype=object).duplicated().argmax()))


def _may_be_missing(texts: Collection[str]) -> bool:
    """Whether one is so short, or has a blank, that it may be a word for a missing id; a few fast passes."""
    shortest = min(map(len, texts), default=LONGEST_ID)
    return shortest <= max(map(len, MISSING_IDS)) or len(f"|{'|'.join(texts)}|".split(maxsplit=1)) > 1


def _repeated(field: Field, row: int) -> Refusal:
    return invalid("duplicated_id", "the customer_id of an earlier row is repeated.", row, field.name)


def _refuse(field: Field, bad: np.ndarray, rule: str) -> None:
    if bad.any():
        raise invalid(rule, f"{field.name} {field.rule}.", int(bad.argmax()), field.name)


_TYPES: dict[str, set[type]] = {
    "number": {int, float},
    "text": {str},
    "boolean": {bool},
    "date": {str},
    "id": {str, int},
}
