"""The lifecycle before the first purchase: potential and interested customers, from a table of contacts.

A table of transactions has only buyers. A table of contacts has those who might buy, one row per contact:
``customer_id``, ``first_contact`` (date), and optionally ``interested``, the date on which they showed
interest (an answer, a visit, a trial). At the end of observation a contact is

- **potential**: known, without a sign of interest;
- **interested**: has shown interest, and has not bought;
- a **customer**, in a stage of `LifecycleStages`, from the first purchase on.

Conversion counts contacts who bought until the end of observation. Recent contacts had less time to buy, so
that it is also counted within 30, 90, 180 and 365 days, among contacts observed for that long.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from clvml.customers._typed_tables import match_ids, read_typed_table
from clvml.errors import InputError
from clvml.segments.grouping._lifecycle import STAGES

POTENTIAL, INTERESTED = "potential", "interested"
BEFORE = (POTENTIAL, INTERESTED)
WITHIN = (30, 90, 180, 365)
LEVEL = 0.95
FIVE_STAGES = ("contact", "acquisition", "conversion", "retention", "loyalty")
READING = {
    "potential": "contact",
    "interested": "acquisition",
    "exploration": "conversion",
    "build-up": "retention",
    "decline": "retention",
    "stability": "loyalty",
    "lapsed": "lapsed",
}


class Contacts(NamedTuple):
    """Contacts at the end of observation.

    Attributes
    ----------
    table : pandas.DataFrame
        Index ``customer_id``; ``first_contact, interested`` (dates), ``first_purchase`` (date, missing for
        those who have not bought), ``days_to_purchase`` and ``stage`` ("potential", "interested" or
        "customer").
    notes : tuple of str
        What was unusual about the rows, counted.

    See Also
    --------
    clvml.segments.grouping.read_contacts : Reads and matches them.
    clvml.segments.grouping.conversion : From contact to interest to purchase.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.segments.grouping import read_contacts
    >>> rows = pd.DataFrame({"customer_id": ["a", "b"], "first_contact": ["2024-01-01", "2024-02-01"]})
    >>> buyers = pd.DataFrame({"first_purchase": pd.to_datetime(["2024-01-31"])}, index=["a"])
    >>> read_contacts(rows, buyers).table["stage"].to_dict()
    {'a': 'customer', 'b': 'potential'}
    """

    table: pd.DataFrame
    notes: tuple[str, ...]


def read_contacts(
    source: Any,
    customers: pd.DataFrame,
    observation_end: Any = None,
    *,
    customer: str = "customer_id",
    date_format: str | None = None,
) -> Contacts:
    """Read contacts, and match them with the customers who bought.

    Parameters
    ----------
    source : path or table
        CSV, Parquet, Excel or a table: ``customer_id, first_contact`` and optionally ``interested`` (dates).
    customers : pandas.DataFrame
        The customer summary, with ``first_purchase``, indexed by customer.
    observation_end : date, optional
        Contacts after it are ignored and counted. Default: the latest date of contacts and first purchases.
    customer : str
        The column of ids.
    date_format : str, optional
        Of dates in text; ISO 8601 by default.

    Returns
    -------
    Contacts
        One row per contact with its stage, and notes on the rows.

    Raises
    ------
    InputError
        If the table cannot be read, lacks a column, or has no contact with an id and a date.

    See Also
    --------
    clvml.segments.grouping.conversion : From contact to interest to purchase.
    clvml.segments.grouping.lifecycle_counts : With the stages of customers.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.segments.grouping import read_contacts
    >>> rows = {"customer_id": ["a", "b", "c"], "first_contact": ["2024-01-01", "2024-01-01", "2024-02-01"],
    ...         "interested": ["2024-01-05", "2024-01-09", None]}
    >>> buyers = pd.DataFrame({"first_purchase": pd.to_datetime(["2024-01-31"])}, index=["a"])
    >>> read_contacts(pd.DataFrame(rows), buyers).table[["days_to_purchase", "stage"]]
                 days_to_purchase       stage
    customer_id
    a                        30.0    customer
    b                         NaN  interested
    c                         NaN   potential
    """
    if "first_purchase" not in customers:
        raise InputError(
            "the customers lack 'first_purchase'; create them with clvml.summarize or clvml.split."
        )
    read = read_typed_table(
        source,
        {customer: "id", "first_contact": "date"},
        {"interested": "date"},
        date_format=date_format,
    )
    rows = read.table.rename(columns={customer: "customer_id"})
    if "interested" not in rows:
        rows["interested"] = pd.NaT
    rows["customer_id"] = match_ids(rows["customer_id"], customers.index)
    notes = [f"{lost.cells:,} unreadable dates in {name}" for name, lost in read.unreadable.items()]
    known = rows.dropna(subset=["customer_id", "first_contact"])
    notes += _counted(
        len(rows) - len(known), "rows of contacts without an id or a first contact are left out"
    )
    first = known.groupby("customer_id", sort=True).min()
    notes += _counted(
        len(known) - len(first), "rows are further contacts of the same id: the earliest counts"
    )
    bought = pd.to_datetime(customers["first_purchase"])
    end = _end(observation_end, first, bought)
    late = first["first_contact"] > end
    notes += _counted(int(late.sum()), "contacts are after the end of observation and are left out")
    table = first[~late].copy()
    if table.empty:
        raise InputError(f"{read.label} has no contact with an id and a date until {end:%Y-%m-%d}.")
    table["interested"] = table["interested"].where(table["interested"] <= end)
    table["first_purchase"] = bought.reindex(table.index).to_numpy()
    return Contacts(*_matched(table, bought, notes, end))


def _matched(
    table: pd.DataFrame, bought: pd.Series, notes: list[str], end: pd.Timestamp
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    days = (table["first_purchase"] - table["first_contact"]).dt.total_seconds() / 86_400
    notes += _counted(
        int((days < 0).sum()), "contacts bought before their first contact: not counted as converted"
    )
    table["days_to_purchase"] = days.where(days >= 0)
    is_customer = table["first_purchase"].notna()
    stage = np.where(is_customer, "customer", np.where(table["interested"].notna(), INTERESTED, POTENTIAL))
    table["stage"] = pd.Series(stage, index=table.index, dtype="str")
    strangers = len(bought.index.difference(table.index))
    notes += _counted(strangers, f"of {len(bought):,} customers are not among the contacts")
    table.index = table.index.rename("customer_id")
    table.attrs["observation_end"] = end
    return table, tuple(notes)


def lifecycle_counts(
    stages: pd.Series, contacts: Contacts | None = None, reading: str = "stages"
) -> pd.DataFrame:
    """Customers by stage of the lifecycle, those before the first purchase included.

    Parameters
    ----------
    stages : pandas.Series
        As from `LifecycleStages`.
    contacts : Contacts, optional
        As from `read_contacts`.
    reading : {"stages", "five stages"}
        Potential, interested, exploration, build-up, stability, decline and lapsed; or the five stages
        contact, acquisition, conversion (exploration), retention (build-up and decline) and loyalty
        (stability), with lapsed customers after them.

    Returns
    -------
    pandas.DataFrame
        Index ``stage``; ``customers`` and ``share``.

    Raises
    ------
    InputError
        If the reading is unknown.

    See Also
    --------
    clvml.LifecycleStages : The stages of customers.
    clvml.segments.grouping.read_contacts : Those before the first purchase.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.segments.grouping import lifecycle_counts
    >>> stages = pd.Series(["exploration", "decline", "stability", "build-up"])
    >>> lifecycle_counts(stages, reading="five stages")["customers"].to_dict()
    {'conversion': 1, 'retention': 2, 'loyalty': 1, 'lapsed': 0}
    """
    if reading not in ("stages", "five stages"):
        raise InputError(f'reading is {reading!r}; it must be "stages" or "five stages".')
    before = pd.Series(dtype="str") if contacts is None else contacts.table["stage"]
    every = pd.concat([before[before.isin(BEFORE)], stages.astype(str)])
    order: tuple[str, ...] = (*BEFORE, *STAGES) if contacts is not None else STAGES
    if reading == "five stages":
        every = every.map(READING)
        order = (*FIVE_STAGES, "lapsed") if contacts is not None else (*FIVE_STAGES[2:], "lapsed")
    counts = every.value_counts().reindex(list(order), fill_value=0).astype("int64").rename_axis("stage")
    return pd.DataFrame({"customers": counts, "share": counts / max(int(counts.sum()), 1)})


def conversion(contacts: Contacts) -> pd.DataFrame:
    """The share of contacts who became interested, and who bought, with 95 % intervals (Wilson).

    Parameters
    ----------
    contacts : Contacts
        As from `read_contacts`.

    Returns
    -------
    pandas.DataFrame
        Index ``step``: "contact to interest", "interest to purchase", "contact to purchase", and "purchase
        within 30 days" to 365 (among contacts observed for as long); ``contacts, converted, share, lower,
        upper`` (NaN without contacts) and ``median_days`` (of those converted from contact to purchase).

    See Also
    --------
    clvml.segments.grouping.read_contacts : The contacts that it takes.
    clvml.segments.grouping.lifecycle_counts : Numbers by stage.

    References
    ----------
    Wilson, E. B. (1927), Probable inference, the law of succession, and statistical inference. *JASA* 22,
    209-212.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.segments.grouping import conversion, read_contacts
    >>> rows = pd.DataFrame({"customer_id": ["a", "b"], "first_contact": ["2024-01-01", "2024-02-01"]})
    >>> buyers = pd.DataFrame({"first_purchase": pd.to_datetime(["2024-01-31"])}, index=["a"])
    >>> found = conversion(read_contacts(rows, buyers))
    >>> found.loc["contact to purchase", ["contacts", "converted", "share"]].astype(float).tolist()
    [2.0, 1.0, 0.5]
    """
    table = contacts.table
    end = table.attrs["observation_end"]
    observed = (end - table["first_contact"]).dt.total_seconds() / 86_400
    days = table["days_to_purchase"]
    eligible = table["first_purchase"].isna() | days.notna()
    bought, interested = days.notna(), table["interested"].notna()
    rows = {
        "contact to interest": _share(eligible, interested, days),
        "interest to purchase": _share(eligible & interested, bought, days),
        "contact to purchase": _share(eligible, bought, days),
    }
    for within in WITHIN:
        long = eligible & (observed >= within)
        rows[f"purchase within {within} days"] = _share(long, days <= within, days)
    frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis("step")
    return frame.astype({"contacts": "int64", "converted": "int64"})


def _share(among: pd.Series, converted: pd.Series, days: pd.Series) -> dict[str, float]:
    n, k = int(among.sum()), int((among & converted).sum())
    nan = float("nan")
    interval = binomtest(k, n).proportion_ci(LEVEL, method="wilson") if n else None
    return {
        "contacts": n,
        "converted": k,
        "share": k / n if n else nan,
        "lower": float(interval.low) if interval else nan,
        "upper": float(interval.high) if interval else nan,
        "median_days": float(days[among & converted].median()) if k else nan,
    }


def _end(observation_end: Any, first: pd.DataFrame, bought: pd.Series) -> pd.Timestamp:
    if observation_end is not None:
        return pd.Timestamp(observation_end).normalize() + pd.Timedelta(days=1) - pd.Timedelta(microseconds=1)
    dates = pd.concat([first["first_contact"], first["interested"], bought])
    return pd.Timestamp(dates.max())


def _counted(number: int, what: str) -> list[str]:
    return [f"{number:,} {what}"] if number else []
