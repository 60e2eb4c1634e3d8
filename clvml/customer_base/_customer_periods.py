"""Orders and value by customer and period: the one table from which every lens is aggregated."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd

from clvml.customers._ends import observation_end_of
from clvml.customers._purchases import PERIODS, period_start
from clvml.customers._time_units import TIME_UNITS, as_written, time_unit_of
from clvml.customers._transactions import Transactions, as_transactions
from clvml.customers.engines import Engine
from clvml.errors import InputError

# A join with the first periods: a window over all rows takes twice as long.
_SQL = """
    , active AS (SELECT customer_id, {start} AS start, count(*) AS orders, {value} AS value
                 FROM purchases GROUP BY customer_id, {start})
    SELECT customer_id, start, orders, value, cohort
    FROM active
    JOIN (SELECT customer_id, min(start) AS cohort FROM active GROUP BY customer_id) USING (customer_id)
"""


class Window(NamedTuple):
    """Consecutive whole periods, from ``first`` to ``last``."""

    first: pd.Period
    last: pd.Period

    @property
    def length(self) -> int:
        """The number of periods."""
        return int(self.last.ordinal - self.first.ordinal) + 1

    @property
    def name(self) -> str:
        """For example ``1998-01 to 1998-06``."""
        return str(self.first) if self.first == self.last else f"{self.first} to {self.last}"

    @property
    def condition(self) -> str:
        """The SQL of whether ``start`` is within."""
        stop = (self.last + 1).start_time
        return f"(start >= TIMESTAMP '{self.first.start_time}' AND start < TIMESTAMP '{stop}')"


@dataclass(frozen=True)
class CustomerPeriods:
    """The table ``customer_periods (customer_id, start, orders, value, cohort)`` of an engine.

    ``value`` is money, an exact decimal, or counts orders where there is no money.

    Attributes
    ----------
    engine : Engine
    period : {"D", "W", "M", "Q", "Y"}
    has_money : bool
    first, last, last_complete : pandas.Period
        The first period with a purchase, the last one observed, and the last one observed to its end. The
        only period of the data is treated as complete.
    """

    engine: Engine
    period: str
    has_money: bool
    first: pd.Period
    last: pd.Period
    last_complete: pd.Period

    @property
    def value(self) -> str:
        """What ``value`` is called: revenue, or orders."""
        return "revenue" if self.has_money else "orders"

    @property
    def n_complete(self) -> int:
        """The number of complete periods since the first purchase."""
        return int(self.last_complete.ordinal - self.first.ordinal) + 1

    def frame(self, sql: str) -> pd.DataFrame:
        """The result of a query."""
        return self.engine.frame(sql)

    def latest(self) -> Window:
        """The last year of complete periods; of less than two years, the second half."""
        length = min(TIME_UNITS[self.period].per_year, max(self.n_complete // 2, 1))
        return Window(self.last_complete - (length - 1), self.last_complete)

    def before(self, window: Window) -> Window:
        """The window of the same length that ends where another begins.

        Raises
        ------
        InputError
            If the data do not reach back that far.
        """
        found = Window(window.first - window.length, window.first - 1)
        if found.first < self.first:
            raise InputError(
                f"two periods of {counted(window.length, self.period)} each are needed to compare them,"
                f" but the"
                f" purchases begin in {self.first} and the last complete {time_unit_of(self.period).name} is"
                f" {self.last_complete}: choose shorter periods."
            )
        return found

    def window(self, dates: tuple[Any, Any] | None, name: str) -> Window | None:
        """The periods from a first to a last day, inclusive; None for None.

        Raises
        ------
        InputError
            If they are no dates, or the last is before the first.
        """
        if dates is None:
            return None
        try:
            first, last = dates
        except (TypeError, ValueError):
            raise InputError(f"{name} is {dates!r}; give two dates, its first and its last day.") from None
        found = Window(*(as_written(day, name).to_period(self.period) for day in (first, last)))
        if found.length < 1:
            raise InputError(f"{name} ends on {last}, before it begins on {first}.")
        return found


@contextmanager
def customer_periods(
    transactions: Transactions | Any,
    period: str = "M",
    *,
    observation_end: Any = None,
    collapse: str | None = "D",
    has_money: bool | None = None,
) -> Iterator[CustomerPeriods]:
    """Aggregate purchases by customer and period within a ``with`` block, in one pass.

    Parameters
    ----------
    transactions : Transactions or frame
    period : {"D", "W", "M", "Q", "Y"}
        A period shorter than those by which rows are aggregated or collapsed becomes that one.
    observation_end : date, optional
    collapse : {"D", "W", "M", "Q", "Y", None}
    has_money : bool, optional
        Whether purchases have money. Default: what the transactions say.

    Raises
    ------
    InputError
        If a period is unknown, or there is no purchase until the end of observation.
    """
    time_unit_of(period)
    source = as_transactions(transactions)
    collapse = source.effective_collapse(collapse)
    lengths = tuple(PERIODS)
    period = max(period, collapse or "D", key=lengths.index)
    money = source.has_money if has_money is None else has_money
    end = observation_end_of(source, observation_end, collapse)
    query = _SQL.format(start=period_start("period", period), value="sum(spend)" if money else "count(*)")
    with source.purchases(collapse, end.stop).hold("customer_periods", query):
        first = source.engine.frame("SELECT min(start) AS first FROM customer_periods")["first"].iloc[0]
        if pd.isna(first):
            raise InputError(f"{source.source} has no purchase until {end.asked:%Y-%m-%d}.")
        started, last = first.to_period(period), end.asked.to_period(period)
        complete = last if last.end_time < end.stop or last == started else last - 1
        yield CustomerPeriods(source.engine, period, money, started, last, complete)


def counted(number: int, period: str) -> str:
    """A number of periods, as in ``9 months``.

    Examples
    --------
    >>> counted(1, "M"), counted(9, "M")
    ('1 month', '9 months')
    """
    return f"{number:,} {time_unit_of(period).name}{'' if number == 1 else 's'}"
