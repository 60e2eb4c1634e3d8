"""The fingerprint of a source of purchases: totals by calendar month, to recognise the source later.

It consists of aggregates only: no id, no hash of an id, no row. Two sources are the same if most of the
months that both cover completely agree, so that a log that has grown, or was corrected in a few places, is
recognised.
"""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from typing import Any

import pandas as pd

from clvml.customers._transactions import Transactions

TOLERANCE = 0.02  # of a month's purchases and money: late corrections, customers deleted at their request
AGREEING = 0.5  # the smallest share of common months that must agree


def fingerprint(transactions: Transactions) -> dict[str, Any]:
    """Number of purchases and sum of money by calendar month.

    Returns, zero amounts and all rows that the policy sets aside do not count, so that another policy on
    returns leaves the fingerprint unchanged.

    Parameters
    ----------
    transactions : Transactions
        From :func:`clvml.read_transactions`.

    Returns
    -------
    dict
        Plain JSON values: ``from`` and ``until``, the ISO dates of the first and the last purchase;
        ``months``, by month such as ``"1997-01"`` the list of the number of rows with a purchase and of their
        money (currency units to six significant digits), or of the number only where purchases have neither
        amounts nor a price.

    See Also
    --------
    clvml.customers.source_difference : What differs between two sources.

    Examples
    --------
    >>> import clvml
    >>> from clvml.customers import fingerprint
    >>> found = fingerprint(clvml.load_cdnow())
    >>> found["from"], found["until"], found["months"]["1998-06"]
    ('1997-01-01', '1998-06-30', [172, 5590.87])
    """
    counted = "amount > 0" if transactions.has_amounts else "NOT is_return"
    found = transactions.engine.frame(
        "SELECT EXTRACT(YEAR FROM date) AS year, EXTRACT(MONTH FROM date) AS month, count(*) AS purchases,"
        f" CAST(sum(amount) AS DOUBLE) AS money FROM used WHERE {counted} GROUP BY 1, 2 ORDER BY 1, 2"
    )
    money = found["money"] if transactions.has_amounts else _priced(found["purchases"], transactions.price)
    months = {
        f"{year:04d}-{month:02d}": [int(purchases), *([] if money is None else [float(f"{money[row]:.6g}")])]
        for row, (year, month, purchases) in enumerate(
            found[["year", "month", "purchases"]].itertuples(index=False, name=None)
        )
    }
    ends = transactions.first_date, transactions.last_date
    return {
        **{name: f"{end:%Y-%m-%d}" for name, end in zip(("from", "until"), ends, strict=True)},
        "months": months,
    }


def source_difference(known: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Why two fingerprints are not of the same source; empty if they are.

    They are of the same source if they are equal, or if in at least half of the months that both cover
    completely the numbers of purchases and the sums of money differ by at most 2 %. Two large random samples
    of one source, with more than about 10,000 purchases a month each, can be that similar too.

    Parameters
    ----------
    known, new : mapping
        As returned by `fingerprint`.

    Returns
    -------
    str
        Part of a sentence, such as ``"0 of 16 common months agree, such as 1997-02: 8,476 purchases for
        289,000 there, 1,150 purchases for 36,700 here"``.

    See Also
    --------
    clvml.customers.fingerprint : The fingerprint of one source.

    Examples
    --------
    >>> from clvml.customers import source_difference
    >>> january = {"from": "2024-01-01", "until": "2024-02-03", "months": {"2024-01": [100, 2500.0]}}
    >>> later = january | {"until": "2024-06-30"}
    >>> source_difference(january, later)
    ''
    >>> source_difference(january, later | {"months": {"2024-01": [100, 2750.0]}})
    'the money of 1 of 1 common months differs though the purchases agree (another currency, price or column
    of amounts?), such as 2024-01: 100 purchases for 2,500 there, 100 purchases for 2,750 here'
    """
    if known == new:
        return ""
    common = sorted(_complete(known) & _complete(new))
    if not common:
        return f"no complete month is common to both ({_span(known)} there, {_span(new)} here)"
    pairs = {
        month: (known["months"].get(month, [0, 0.0]), new["months"].get(month, [0, 0.0])) for month in common
    }
    if len({len(row) for fingerprint in (known, new) for row in fingerprint["months"].values()}) > 1:
        return "one has amounts of money and the other has none"
    purchases = [month for month, (there, here) in pairs.items() if _agree(there[:1], here[:1])]
    all_of_it = [month for month, (there, here) in pairs.items() if _agree(there, here)]
    if len(all_of_it) >= AGREEING * len(common):
        return ""
    example = next(month for month in common if month not in all_of_it)
    there, here = map(_month, pairs[example])
    such_as = f"such as {example}: {there} there, {here} here"
    if len(purchases) >= AGREEING * len(common):
        return (
            f"the money of {len(common) - len(all_of_it)} of {len(common)} common months differs though the"
            f" purchases agree (another currency, price or column of amounts?), {such_as}"
        )
    return f"{len(all_of_it)} of {len(common)} common months agree, {such_as}"


def _priced(purchases: pd.Series, price: float | None) -> pd.Series | None:
    return None if price is None else purchases * price


def _complete(found: Mapping[str, Any]) -> set[str]:
    """The months from the first to the last day of which there are data, with or without purchases."""
    first, last = pd.Timestamp(found["from"]), pd.Timestamp(found["until"])
    months = pd.period_range(first, last, freq="M")
    kept = [month for month in months if month.start_time >= first and _last_day(month) <= last]
    oldest = min(found["months"], default="")  # earlier ones may have been left out
    return {str(month) for month in kept if str(month) >= oldest}


def _last_day(month: pd.Period) -> pd.Timestamp:
    return pd.Timestamp(month.year, month.month, calendar.monthrange(month.year, month.month)[1])


def _agree(there: list[float], here: list[float]) -> bool:
    return all(abs(a - b) <= TOLERANCE * max(abs(a), abs(b)) for a, b in zip(there, here, strict=False))


def _month(row: list[float]) -> str:
    money = f" for {row[1]:,.0f}" if len(row) > 1 else ""
    return f"{row[0]:,} purchases{money}"


def _span(found: Mapping[str, Any]) -> str:
    return f"{found['from']} to {found['until']}"
