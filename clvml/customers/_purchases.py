"""Definition of a purchase: how rows are collapsed to purchases and returns are netted.

Rows of a customer within one period (a day, a month, or with ``collapse=None`` one time stamp) are one
purchase, dated at the start of the period. With ``returns="net"`` a return is subtracted from the
latest purchase up to its day, then from the one before: last in, first out. With ``level`` the cumulative
spend net of returns, never below zero, the remaining spend of a purchase at a later date is ::

    max(0, lowest level from its day until then  -  level before its day)

and what would take the level below zero is an unattributed return. Sums use decimals: they are exact and do
not depend on the order of rows.

Purchases are given *as of* a date: later returns do not change them, so that no information about the holdout
leaks into the calibration.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import pandas as pd

from clvml.errors import InputError

if TYPE_CHECKING:
    from clvml.customers._transactions import Transactions
    from clvml.customers.engines._engine import Engine

PERIODS = {"D": "day", "W": "week", "M": "month", "Q": "quarter", "Y": "year"}
END_OF_TIME = pd.Timestamp("9999-12-31")
_NOT_RETURNED = "NOT is_return OR amount > 0"
_TABLE = "materialized_purchases"
_MATERIALIZED: WeakKeyDictionary[Engine, dict[str, str]] = WeakKeyDictionary()  # by engine: query to table


@dataclasses.dataclass(frozen=True)
class Purchases:
    """Purchases as a lazy query: SQL over the rows used, run by the engine on demand.

    Made by `Transactions.purchases`.

    Parameters
    ----------
    transactions : Transactions
    collapse : {"D", "W", "M", "Q", "Y", None}
        Rows of a customer within one such period are one purchase; None: rows of one time stamp.
    until : pandas.Timestamp
        Purchases before it, as of that date.
    known_until : pandas.Timestamp
        At most ``until``: purchases before it are given as of this date, for calibrations.
    part : (int, int), optional
        The number of a part of the customers, and of all parts; default: all customers.
    """

    transactions: Transactions
    collapse: str | None
    until: pd.Timestamp
    known_until: pd.Timestamp
    part: tuple[int, int] | None = None

    def in_parts(self, rows: int = 4_000_000) -> list[Purchases]:
        """The purchases in parts of about so many rows, each of other customers: to bound memory.

        For queries whose results add up over customers; few rows are one part.
        """
        number = -(-len(self.transactions) // rows)
        if number < 2:
            return [self]
        return [dataclasses.replace(self, part=(place, number)) for place in range(number)]

    def frame(self, query: str, **tables: pd.DataFrame) -> pd.DataFrame:
        """Run a query on purchases; it should aggregate, so that rows stay in the engine.

        Parameters
        ----------
        query : str
            It may read ``purchases (customer_id, period, spend)``, one row per purchase (``spend`` a
            decimal), and ``periods``, which includes returned purchases (see `sql`). A query that starts
            with a comma adds common table expressions, as in ``", ages AS (SELECT ...) SELECT
            ..."``. Where the transactions have a category, there are ``shares (customer_id, period,
            number, category, share)`` too: a purchase by its customer's ``number``, 1 for the first, and
            the shares of its categories in the money (in its lines, where nothing was paid), which add up
            to 1.
        **tables : pandas.DataFrame
            Tables to join, by name; ``customer_id`` as in the transactions.
        """
        engine = self.transactions.engine
        with ExitStack() as lent:
            for name, table in tables.items():
                lent.enter_context(engine.lend(name, self.transactions.with_matching_ids(table)))
            return engine.frame(self._with(query))

    def hold(self, name: str, query: str) -> AbstractContextManager[None]:
        """Materialise the result of a query on purchases as a table of the engine, within a ``with`` block.

        Several queries on it cost one pass over the rows.

        Parameters
        ----------
        name : str
            Of the table.
        query : str
            As of `frame`.
        """
        return self.transactions.engine.hold(name, self._with(query))

    @contextmanager
    def materialized(self) -> Iterator[None]:
        """Aggregate the rows once for all queries on the same purchases within a ``with`` block.

        Queries with an earlier end read the same table, unless returns are netted, so that purchases depend
        on the end. A table of all purchases pays off where there are several queries.
        """
        engine, query = self.transactions.engine, self._costly
        tables = _MATERIALIZED.setdefault(engine, {})
        if tables:  # one such table at a time
            yield
            return
        with engine.hold(_TABLE, query):
            tables[query] = _TABLE
            try:
                yield
            finally:
                del tables[query]

    @property
    def _costly(self) -> str:
        """The query that `materialized` runs once: a row per customer and period."""
        return self._as_of_a_date if self.transactions.policy.nets_returns else self._made

    def _once(self, query: str) -> str:
        """The query as a table expression: the table of its result, if it was materialised."""
        return _MATERIALIZED.get(self.transactions.engine, {}).get(query) or f"({query}) AS computed"

    def _with(self, query: str) -> str:
        return f"WITH periods AS ({self.sql}), purchases AS ({self._purchases}){self._shares} {query}"

    @property
    def _purchases(self) -> str:
        before = f"period < TIMESTAMP '{self.until}'{self._of_part}"
        if not self.transactions.policy.nets_returns:
            return f"SELECT customer_id, period, spend FROM periods WHERE {before}"
        return f"SELECT customer_id, period, spend FROM {self._once(self._as_of_a_date)} WHERE {before}"

    @property
    def _of_part(self) -> str:
        if self.part is None:
            return ""
        place, number = self.part
        return f" AND abs({self.transactions.engine.row_key('customer_id')} % {number}) = {place}"

    @property
    def _as_of_a_date(self) -> str:
        """Purchases net of returns."""
        early = f"period < TIMESTAMP '{self.known_until}'"
        return (
            f"SELECT customer_id, period, CASE WHEN {early} THEN known_spend ELSE spend END AS spend"
            f" FROM ({self.sql}) AS periods WHERE CASE WHEN {early} THEN was_purchase ELSE is_purchase END"
        )

    @property
    def _shares(self) -> str:
        if not self.transactions.columns.category:
            return ""
        of_purchase = "OVER (PARTITION BY customer_id, period)"
        paid = self.in_currency(f"sum({self._money})")
        return f""", shares AS (
            SELECT customer_id, period, number, category,
                   CASE WHEN sum(paid) {of_purchase} > 0
                        THEN CAST(paid AS DOUBLE) / CAST(sum(paid) {of_purchase} AS DOUBLE)
                        ELSE CAST(lines AS DOUBLE) / CAST(sum(lines) {of_purchase} AS DOUBLE) END AS share
            FROM (SELECT customer_id, period,
                         row_number() OVER (PARTITION BY customer_id ORDER BY period) AS number
                  FROM purchases)
            JOIN (SELECT customer_id, {self._period} AS period, category, {paid} AS paid,
                         count(*) AS lines
                  FROM used WHERE {_NOT_RETURNED} GROUP BY customer_id, {self._period}, category)
            USING (customer_id, period))"""

    @property
    def sql(self) -> str:
        """One row per customer and period.

        ``amount`` is the sum over its rows, ``lines`` their number; ``is_purchase`` and ``spend`` are whether
        it is a purchase and its remaining spend as of ``until``; ``was_purchase`` and ``known_spend`` the
        same as of ``known_until``; ``returned`` marks fully returned purchases, and
        ``unattributed`` is the amount of returns without a purchase.
        """
        if not self.transactions.are_cents:
            return self.minor_sql
        amount, spend, known_spend, unattributed = (
            f"{self.in_currency(name)} AS {name}"
            for name in ("amount", "spend", "known_spend", "unattributed")
        )
        return (
            f"SELECT customer_id, period, {amount}, lines, is_purchase, {spend}, was_purchase, {known_spend},"
            f" returned, {unattributed} FROM ({self.minor_sql})"
        )

    @property
    def minor_sql(self) -> str:
        """As `sql`, with money in cents, as whole numbers in floats, where all amounts are cents.

        Such sums cost less than those of decimals and are as exact.
        """
        netted = {"net": self._netted, "net_period": self._netted_by_period}
        if not self.transactions.has_amounts:
            return self._as_made()
        return netted.get(self.transactions.policy.returns, self._as_made)()

    @property
    def _period(self) -> str:
        return "date" if self.collapse is None else period_start("date", self.collapse)

    @property
    def _money(self) -> str:
        if self.transactions.are_cents:
            return "round(100 * amount)"
        return f"CAST(amount AS {self.transactions.money_type})"

    def in_currency(self, money: str) -> str:
        """The SQL of a sum of money of `minor_sql` as a decimal in currency units."""
        return f"CAST({money} / 100 AS DECIMAL(18, 2))" if self.transactions.are_cents else money

    def as_float(self, money: str) -> str:
        """The SQL of a sum of money of `minor_sql` as a float in currency units."""
        cents = "CAST(100 AS DOUBLE)"
        return f"{money} / {cents}" if self.transactions.are_cents else f"CAST({money} AS DOUBLE)"

    @property
    def _price(self) -> str:
        """The spend of a purchase without amounts: the price, or NULL."""
        price = self.transactions.price
        return f"CAST({'NULL' if price is None else price} AS DECIMAL(38, {self.transactions.decimals}))"

    def _as_made(self) -> str:
        return (
            "SELECT customer_id, period, amount, lines, TRUE AS is_purchase, amount AS spend,"
            " TRUE AS was_purchase, amount AS known_spend, FALSE AS returned, 0 AS unattributed"
            f" FROM {self._once(self._made)}"
        )

    @property
    def _made(self) -> str:
        """Purchases where no return changes them."""
        amount = f"sum({self._money})" if self.transactions.has_amounts else self._price
        return (
            f"SELECT customer_id, {self._period} AS period, {amount} AS amount,"
            f" CAST(count(*) AS INTEGER) AS lines FROM used GROUP BY customer_id, {self._period}"
        )

    def _netted_by_period(self) -> str:
        amount = f"sum({self._money})"
        stays = f"NOT (bool_or(is_return) AND {amount} <= 0)"
        bought = f"count(*) FILTER (WHERE {_NOT_RETURNED}) > 0"
        return (
            f"SELECT customer_id, {self._period} AS period, {amount} AS amount, count(*) AS lines,"
            f" {stays} AS is_purchase, {amount} AS spend, {stays} AS was_purchase, {amount} AS known_spend,"
            f" NOT ({stays}) AND {bought} AS returned,"
            f" CASE WHEN {stays} THEN 0 ELSE {amount} END AS unattributed"
            f" FROM used GROUP BY customer_id, {self._period}"
        )

    def _netted(self) -> str:
        """Purchases of customers without returns are unchanged: only the others need to be sorted."""
        moment = "date" if self.collapse is None else period_start("date", "D")
        # A purchase with a positive amount is returned when no spend remains; a free one cannot be returned.
        stays = "purchase_lines > 0 AND (amount = returns OR {left} > 0)"
        now, then = stays.format(left="spend"), stays.format(left="known_spend")
        columns = "customer_id, moment, amount, returns, purchase_lines, lines"
        return f"""
            WITH moments AS (
                SELECT customer_id, {moment} AS moment, sum({self._money}) AS amount,
                       coalesce(sum({self._money}) FILTER (WHERE amount < 0), 0) AS returns,
                       count(*) FILTER (WHERE {_NOT_RETURNED}) AS purchase_lines, count(*) AS lines
                FROM used GROUP BY customer_id, {moment}),
            returners AS (SELECT DISTINCT customer_id FROM moments WHERE returns < 0),
            remaining AS (
                SELECT {columns}, amount AS spend, amount AS known_spend, 0 AS unattributed
                FROM moments WHERE customer_id NOT IN (SELECT customer_id FROM returners)
                UNION ALL
                SELECT {columns}, spend, known_spend, unattributed FROM ({self._last_in_first_out(columns)}))
            {self._by_period(now, then)}
        """

    def _by_period(self, now: str, then: str) -> str:
        if self.collapse in (None, "D"):  # a moment is a period
            return (
                f"SELECT customer_id, moment AS period, amount, lines, {now} AS is_purchase, spend,"
                f" {then} AS was_purchase, known_spend, purchase_lines > 0 AND NOT ({now}) AS returned,"
                " unattributed FROM remaining"
            )
        period = period_start("moment", self.collapse)
        return (
            f"SELECT customer_id, {period} AS period, sum(amount) AS amount, sum(lines) AS lines,"
            f" bool_or({now}) AS is_purchase, sum(spend) AS spend,"
            f" bool_or({then}) AS was_purchase, sum(known_spend) AS known_spend,"
            f" bool_or(purchase_lines > 0) AND NOT bool_or({now}) AS returned,"
            " sum(unattributed) AS unattributed"
            f" FROM remaining GROUP BY customer_id, {period}"
        )

    def _last_in_first_out(self, columns: str) -> str:
        """Remaining spend after returns, by customer and moment."""
        before = "OVER (PARTITION BY customer_id ORDER BY moment)"
        in_order = "OVER (PARTITION BY customer_id ORDER BY moment ROWS BETWEEN"
        so_far = f"{in_order} UNBOUNDED PRECEDING AND CURRENT ROW)"
        from_now = f"{in_order} CURRENT ROW AND UNBOUNDED FOLLOWING)"

        def left(stop: pd.Timestamp) -> str:
            lowest = f"min(CASE WHEN moment < TIMESTAMP '{stop}' THEN level END) {from_now}"
            return f"greatest({lowest} - coalesce(lag(level) {before}, 0), 0)"

        return f"""
            SELECT *, {left(self.until)} AS spend, {left(self.known_until)} AS known_spend,
                   coalesce(lag(missing) {before}, 0) - missing AS unattributed
            FROM (SELECT *, total + missing AS level
                  FROM (SELECT *, greatest(-min(total) {so_far}, 0) AS missing
                        FROM (SELECT {columns}, sum(amount) {so_far} AS total FROM moments
                              WHERE customer_id IN (SELECT customer_id FROM returners))))
        """


def period_start(moment: str, period: str) -> str:
    """The SQL of the start of the period, one of `PERIODS`, that a timestamp falls into."""
    return f"CAST(date_trunc('{PERIODS[period]}', {moment}) AS TIMESTAMP)"


def check_collapse(collapse: str | None) -> None:
    """Raise if ``collapse`` is not a period.

    Raises
    ------
    InputError
        If ``collapse`` is neither a key of `PERIODS` nor None.
    """
    if collapse is not None and collapse not in PERIODS:
        raise InputError(
            f"collapse is {collapse!r}; it must be one of {', '.join(map(repr, PERIODS))}, or None for no"
            " collapsing."
        )
