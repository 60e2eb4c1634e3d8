"""Outcomes of a test from the transactions after its start."""

from __future__ import annotations

import dataclasses
from typing import Any

import pandas as pd

from clvml.customers._ends import observation_end_of
from clvml.customers._time_units import as_written
from clvml.customers._transactions import Transactions, as_transactions
from clvml.customers._typed_tables import match_ids
from clvml.errors import InputError
from clvml.segments.grouping._tables import named
from clvml.treatments._responses import Responses


def add_outcomes(
    responses: Responses,
    transactions: Transactions | Any,
    start: Any = None,
    end: Any = None,
    *,
    collapse: str | None = "D",
) -> Responses:
    """Purchases and money of each customer of a test, from its start to the end of observation.

    Customers without a purchase before the start are left out and counted: a criterion that is known before
    the treatment does not bias the lift, whereas one that depends on purchases after the start would. A
    customer who bought nothing after the start has the outcome 0.

    Parameters
    ----------
    responses : Responses
        The customers of the test by group.
    transactions : Transactions or frame
        From `read_transactions`, or a DataFrame or path with the default column names.
    start : date, optional
        First day whose purchases count; the assignment must be known by then. Default: the day after the
        latest date in the column ``assigned``.
    end : date, optional
        Last day, inclusive. Default: the last day of the data.
    collapse : {"D", "W", "M", "Q", "Y", None}, default "D"
        As in `clvml.split`.

    Returns
    -------
    Responses
        With ``purchases``, and ``money`` if the transactions have amounts or a price.

    Raises
    ------
    InputError
        If there is no start, it is not within the data or in the middle of a period, a customer was assigned
        after it, or no customer of the test is among the customers.

    See Also
    --------
    clvml.treatments.read_responses : The groups that it takes.
    clvml.treatments.measure_lift : The lift in these outcomes.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.treatments import add_outcomes, read_responses
    >>> sales = pd.DataFrame({"customer_id": [1, 2, 3, 4, 1], "amount": [5.0, 7.0, 2.0, 3.0, 9.0],
    ...                       "date": ["2025-01-01"] * 4 + ["2025-02-10"]})
    >>> rows = pd.DataFrame({"customer_id": [1, 2, 3, 4], "treatment": ["gift", "control"] * 2})
    >>> add_outcomes(read_responses(rows), sales, "2025-02-01").table["money"].tolist()
    [9.0, 0.0, 0.0, 0.0]
    """
    transactions = as_transactions(transactions)
    collapse = transactions.effective_collapse(collapse)
    first = start_of(responses, start, collapse)
    last = observation_end_of(transactions, end, collapse)
    if not transactions.first_date < first < last.stop:
        raise InputError(
            f"the test starts on {first:%Y-%m-%d}, but purchases are known from"
            f" {transactions.first_date:%Y-%m-%d} to {last.asked:%Y-%m-%d}: outcomes are the purchases after"
            " the start, and customers are those who bought before it."
        )
    found = _counted(transactions, first, last.stop, collapse)
    ids = pd.Series(responses.table.index, responses.table.index)
    matched = match_ids(ids, found.index)
    before = found["before"].reindex(matched).to_numpy()
    known = pd.Series(before, ids.index) > 0
    if not known.any():
        raise InputError(
            f"none of the {len(ids):,} customers of the test, such as {named(ids.index)}, bought before"
            f" {first:%Y-%m-%d}; ids of the purchases are such as {named(found.index)}: check the ids and the"
            " start."
        )
    note = _describe(known, pd.Series(before, ids.index), first)
    table = found.reindex(matched[known])
    kept = responses.restricted(ids.index[known], note)
    columns = {name: table[name].to_numpy() for name in ("purchases", "money") if name in table}
    return dataclasses.replace(kept, table=kept.table.assign(**columns, customer=matched[known].to_numpy()))


def start_of(responses: Responses, start: Any, collapse: str | None) -> pd.Timestamp:
    """The first day of outcomes, after which nobody was assigned."""
    assigned = responses.table.get("assigned")
    if start is None:
        if assigned is None or assigned.isna().all():
            raise InputError(
                "the start of the test is unknown: give start, the first day whose purchases count, or a"
                " column assigned in the responses."
            )
        return pd.Timestamp(assigned.max()).normalize() + pd.Timedelta(days=1)
    first = as_written(start, "start").normalize()
    if collapse is not None and first.to_period(collapse).start_time != first:
        raise InputError(
            f"start {first:%Y-%m-%d} is in the middle of a period of purchases (collapse = {collapse!r}):"
            f" take {(first.to_period(collapse) + 1).start_time:%Y-%m-%d}, or collapse by day."
        )
    if assigned is not None:
        late = assigned.dt.normalize() > first
        if late.any():
            raise InputError(
                f"{int(late.sum()):,} customers were assigned after the start on {first:%Y-%m-%d}, such as"
                f" {named(responses.table.index[late.to_numpy()])}: their purchases in between are no"
                " response. Start later, or measure each wave of the test by itself."
            )
    return first


def _counted(
    transactions: Transactions, first: pd.Timestamp, stop: pd.Timestamp, collapse: str | None
) -> pd.DataFrame:
    """By customer the number of purchases before the start, and purchases and money after it."""
    after = f"period >= TIMESTAMP '{first}'"
    found = transactions.purchases(collapse, stop).frame(
        f"SELECT customer_id, count(*) FILTER (WHERE NOT {after}) AS before,"
        f" CAST(count(*) FILTER (WHERE {after}) AS DOUBLE) AS purchases,"
        f" CAST(coalesce(sum(spend) FILTER (WHERE {after}), 0) AS DOUBLE) AS money"
        " FROM purchases GROUP BY customer_id ORDER BY customer_id"
    )
    found = found.set_index("customer_id")
    return found if transactions.has_money else found.drop(columns="money")


def _describe(known: pd.Series, before: pd.Series, first: pd.Timestamp) -> str:
    """How many ids are of no customer, and of how many the first purchase came later."""
    lost, later = int(before.isna().sum()), int((before == 0).sum())
    total = f"of {len(known):,} customers of the test"
    parts = []
    if lost:
        parts.append(f"{lost:,} {total} are not among the customers of the purchases")
    if later:
        parts.append(f"{later:,} {total} first bought on or after {first:%Y-%m-%d}")
    return f"{' and '.join(parts)}: left out" if parts else ""
