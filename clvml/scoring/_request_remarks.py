"""What is possible but questionable about rows of requests, counted so that the parts of a table add up."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from clvml.customers._training_summary import Doubt
from clvml.errors import TimeUnitError
from clvml.scoring._request_rows import Array
from clvml.scoring._request_time import extrapolation_notice, in_another_unit, warranty_notice

_NO_FURTHER = 1.01  # times the longest T of the fit: a T that was rounded is not beyond it


class Limits(NamedTuple):
    """Up to where a model is known to predict.

    Attributes
    ----------
    longest : float or None
        The longest ``T`` of the fit, in time units.
    until : str or None
        The ISO date until which it was validated.
    unit : str or None
        The model's time unit.
    """

    longest: float | None = None
    until: str | None = None
    unit: str | None = None

    def n_beyond(self, times: Array | None) -> int:
        """How many customers were observed for longer than any of the fit."""
        if times is None or self.longest is None:
            return 0
        return int(np.count_nonzero(times > self.longest * _NO_FURTHER))


class Remarks(NamedTuple):
    """What is questionable about rows.

    Attributes
    ----------
    n_rows, n_beyond : int
        The rows, and those with a ``T`` beyond that of the fit.
    latest : date or None
        The latest ``observed_until``, if the rows have one.
    doubt : Doubt or None
        Why rows that do not say their time unit appear to be in another one.
    n_doubted : int
        How many rows are in parts that appear to be.
    """

    n_rows: int = 0
    n_beyond: int = 0
    latest: dt.date | None = None
    doubt: Doubt | None = None
    n_doubted: int = 0

    def plus(self, other: Remarks) -> Remarks:
        """The remarks on the rows of both."""
        dates = [date for date in (self.latest, other.latest) if date is not None]
        return Remarks(
            self.n_rows + other.n_rows,
            self.n_beyond + other.n_beyond,
            max(dates, default=None),
            self.doubt or other.doubt,
            self.n_doubted + other.n_doubted,
        )

    def stored(self) -> list[Any]:
        """Plain data, for `restored`."""
        latest = None if self.latest is None else self.latest.isoformat()[:10]
        doubt = None if self.doubt is None else list(self.doubt)
        return [self.n_rows, self.n_beyond, latest, doubt, self.n_doubted]

    @classmethod
    def restored(cls, stored: Sequence[Any]) -> Remarks:
        """The remarks that were `stored`."""
        n_rows, n_beyond, latest, doubt, n_doubted = stored
        date = None if latest is None else dt.date.fromisoformat(latest)
        return cls(n_rows, n_beyond, date, None if doubt is None else Doubt(*doubt), n_doubted)

    def refusal(self, unit: str | None) -> TimeUnitError | None:
        """The error where most rows appear to be in another unit than the model's; None without.

        A smaller part may be new customers, who buy often at first.
        """
        if self.doubt is None or 2 * self.n_doubted <= self.n_rows:
            return None
        return in_another_unit(self.doubt, unit)

    def sentences(self, limits: Limits) -> tuple[str, ...]:
        """One sentence each."""
        doubts = [] if self.doubt is None else [str(in_another_unit(self.doubt, limits.unit))]
        dates = [] if self.latest is None else [self.latest]
        beyond = extrapolation_notice(self.n_beyond, self.n_rows, limits.longest, limits.unit)
        return (*doubts, *beyond, *warranty_notice(limits.until, dates))


def limits_of(card: Any, seen: Any, unit: str | None) -> Limits:
    """The limits that a card states, or else what the model has seen."""
    warranty = getattr(card, "warranty", None) or {}
    longest = warranty.get("longest_T") or (seen or {}).get("T", {}).get("maximum")
    return Limits(longest, warranty.get("until"), unit)
