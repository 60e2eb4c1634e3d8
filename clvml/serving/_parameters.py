"""The parameters of requests in words and as JSON Schema."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from clvml.customers._time_units import LONGEST_HORIZON, TIME_UNITS
from clvml.serving._refusals import Refusal, invalid


class Rule(NamedTuple):
    """What a parameter must be: in words, and as JSON Schema."""

    words: str
    schema: dict[str, Any]

    @property
    def sentence(self) -> str:
        """The words with a capital and a full stop."""
        return f"{self.words[0].upper()}{self.words[1:]}."


_NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{0,20})?([eE][+-]?[0-9]{1,3})?")
_LENGTH = r"^[0-9]{1,6}(\.[0-9]{1,6})?[DWMQY]$"
PARAMETERS = {
    "horizon": Rule(
        f"a positive number in the model's time unit, at most {LONGEST_HORIZON:,}, or text with a unit of"
        " its own, such as '12M' (D, W, M, Q, Y)",
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "maximum": LONGEST_HORIZON},
                {"type": "string", "pattern": _LENGTH},
            ]
        },
    ),
    "annual_discount_rate": Rule(
        "a fraction per year from 0 to 1: 0.1 is 10 %", {"type": "number", "minimum": 0, "maximum": 1}
    ),
    "details": Rule(
        "true or false: whether answers have P(buys), the next purchase, historic and total value (where rows"
        " have total_spend) and reasons",
        {"type": "boolean"},
    ),
    "time_unit": Rule(
        "the unit of recency and T of all rows: D, W, M, Q or Y; they are converted",
        {"enum": list(TIME_UNITS)},
    ),
    "observed_until": Rule(
        "the last day of the observation period of all rows, a date such as '2026-09-30'",
        {"type": "string", "format": "date"},
    ),
}


def refusal_of_parameter(name: str) -> Refusal:
    """The refusal of a value of this parameter."""
    return invalid("parameter", f"{name} must be {PARAMETERS[name].words}.", column=name)


def from_query(given: list[tuple[str, str]]) -> dict[str, Any]:
    """Parameters of a query string, numbers as numbers; raises a `Refusal` for one given twice."""
    params: dict[str, Any] = {}
    for name, value in given:
        if name in params:
            raise invalid("parameter", "a parameter is given twice.")
        params[name] = _number(value)
    return params


def _number(text: str) -> float | str | bool:
    if text in ("true", "false"):
        return text == "true"
    return float(text) if _NUMBER.fullmatch(text) else text
