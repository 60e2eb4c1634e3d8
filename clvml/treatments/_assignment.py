"""Random groups drawn within segments: stratified, balanced to rounding, reproducible from the ids.

Within a segment customers are ordered by a hash of their id and ``random_state``, and the groups take them in
this order. So the draw depends neither on the order of rows nor on the type of the ids, and a second draw
with another ``random_state`` is independent of the first. The sizes of the groups are an integral solution of
a transportation problem: in each segment the share of each group, rounded up or down, and in total the
size asked for (controlled rounding: Cox, 1987, "A constructive procedure for unbiased controlled rounding",
JASA 82, 520-524, eq. 1).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvml.customers._ids import CUSTOMER_ID, are_missing
from clvml.errors import InputError
from clvml.segments.grouping._tables import named

ALL = "(all)"
_REST = "(not in the test)"


def assign_treatments(
    customers: pd.Index | pd.DataFrame,
    groups: Mapping[str, float],
    *,
    segments: pd.Series | str | None = None,
    random_state: int = 0,
) -> pd.DataFrame:
    """Draw random groups of customers, such as a control and treatments, within segments.

    Parameters
    ----------
    customers : pandas.Index or pandas.DataFrame
        Customer ids, or a table indexed by them.
    groups : mapping of str to float
        By group its share of the customers (all below 1, adding up to at most 1), or its number of customers
        (whole numbers). Who remains is not in the test.
    segments : pandas.Series or str, optional
        The segment of each customer, or a column of ``customers``. Default: one segment, ``"(all)"``.
    random_state : int, default 0
        Seed of the draw.

    Returns
    -------
    pandas.DataFrame
        Index ``customer_id`` in the order of ``customers``, those in the test only; ``segment`` and
        ``group``. ``attrs["notes"]`` has a sentence on segments that are too small to be measured.

    Raises
    ------
    InputError
        If ids are missing or duplicated, a customer has no segment, there are fewer than two groups, or they
        are larger than the customer base.

    See Also
    --------
    clvml.treatments.plan_test : How many customers a test needs.
    clvml.treatments.count_groups : The groups by segment.
    clvml.workflow.assign_file : The same from file to file.
    clvml.treatments.read_responses : Reads the groups back, once there are outcomes.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.treatments import assign_treatments
    >>> drawn = assign_treatments(pd.RangeIndex(1000), {"control": 0.2, "gift": 0.4, "call": 0.4})
    >>> drawn["group"].value_counts().to_dict()
    {'gift': 400, 'call': 400, 'control': 200}
    """
    ids = customers.index if isinstance(customers, pd.DataFrame) else pd.Index(customers)
    _check_ids(ids)
    strata = _segments(customers, ids, segments)
    totals = _totals(groups, len(ids))
    names = sorted(strata.unique())
    sizes = np.asarray(strata.value_counts().reindex(names), dtype=np.int64)
    counts = _round_counts(sizes, np.array([*totals.values()]))
    codes = pd.Index(names).get_indexer(strata)
    order = np.lexsort((_ranks(ids, random_state), codes))
    labels = np.array([*totals], dtype=object)
    drawn = np.empty(len(ids), dtype=object)
    drawn[order] = np.concatenate([np.repeat(labels, row) for row in counts])
    table = pd.DataFrame({"segment": strata.to_numpy(), "group": drawn}, ids.rename(CUSTOMER_ID))
    table = table[table["group"] != _REST]
    table.attrs["notes"] = tuple(_notes(names, counts, [*totals]))
    return table


def count_groups(assigned: pd.DataFrame) -> pd.DataFrame:
    """Customers by segment and group, with a row and a column of totals.

    Parameters
    ----------
    assigned : pandas.DataFrame
        As from `assign_treatments`.

    Returns
    -------
    pandas.DataFrame
        Index ``segment``, a column per group.

    See Also
    --------
    clvml.treatments.assign_treatments : Draws the groups.
    clvml.treatments.check_group_sizes : A test of the sizes.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.treatments import assign_treatments, count_groups
    >>> segments = pd.Series(["gold"] * 20 + ["lead"] * 40, index=pd.RangeIndex(60, name="customer_id"))
    >>> drawn = assign_treatments(segments.index, {"control": 0.5, "gift": 0.5}, segments=segments)
    >>> count_groups(drawn)
    group    control  gift  (all)
    segment
    gold          10    10     20
    lead          20    20     40
    (all)         30    30     60
    """
    return pd.crosstab(assigned["segment"], assigned["group"], margins=True, margins_name=ALL)


def _check_ids(ids: pd.Index) -> None:
    if ids.empty:
        raise InputError("there are no customers to draw groups from.")
    if are_missing(ids).any():
        raise InputError(f"{int(are_missing(ids).sum())} customers have no id: drop them or give them one.")
    if ids.has_duplicates:
        twice = ids[ids.duplicated()]
        raise InputError(
            f"customer ids must be unique: {named(twice)} is duplicated ({len(twice):,} in all); a customer"
            " in two groups cannot be measured."
        )


def _segments(customers: Any, ids: pd.Index, segments: pd.Series | str | None) -> pd.Series:
    if segments is None:
        return pd.Series(ALL, ids)
    if isinstance(segments, str):
        if not isinstance(customers, pd.DataFrame) or segments not in customers:
            known = ", ".join(map(repr, customers)) if isinstance(customers, pd.DataFrame) else "none"
            raise InputError(f"the customers have no column {segments!r} of segments; columns: {known}.")
        segments = customers[segments]
    found = segments.reindex(ids)
    if found.isna().any():
        lost = ids[found.isna().to_numpy()]
        raise InputError(
            f"{len(lost):,} of {len(ids):,} customers have no segment, such as {named(lost)}: give each one."
        )
    return found.astype(str)


def _totals(groups: Mapping[str, float], n: int) -> dict[str, float]:
    """The size of each group, and of the rest; fractional where shares of ``n`` are."""
    if len(groups) < 2:
        raise InputError("a test needs at least two groups: a control and a treatment, such as"
                         " {'control': 0.2, 'gift': 0.8}.")  # fmt: skip
    values = np.array([*groups.values()], dtype=float)
    if not (np.isfinite(values) & (values > 0)).all():
        raise InputError("each group needs a share between 0 and 1, or a whole number of customers.")
    shares = bool((values < 1).all())
    if not shares and (values != np.rint(values)).any():
        raise InputError(
            "give either shares below 1 for all groups, or whole numbers of customers for all:"
            f" {dict(groups)} mixes them."
        )
    sizes = values * n if shares else values
    if sizes.sum() > n * (1 + 1e-9):
        asked = f"{values.sum():.0%} of" if shares else f"{values.sum():,.0f} of"
        raise InputError(f"the groups ask for {asked} {n:,} customers: make them smaller.")
    rest = n - sizes.sum()
    return dict(zip(groups, sizes, strict=True)) | ({_REST: rest} if rest > 1e-6 else {})


def _round_counts(sizes: NDArray[np.int64], totals: NDArray[np.float64]) -> NDArray[np.int64]:
    """Customers by segment and group: expected numbers rounded so that both margins stay right."""
    from scipy.optimize import linprog

    exact = np.outer(sizes, totals / totals.sum())
    low, high = np.floor(exact + 1e-9), np.ceil(exact - 1e-9)
    n_rows, n_columns = exact.shape
    rows = np.kron(np.eye(n_rows), np.ones(n_columns))
    columns = np.kron(np.ones(n_rows), np.eye(n_columns))
    column_sums = exact.sum(axis=0)
    ends = np.concatenate([np.ceil(column_sums - 1e-9), -np.floor(column_sums + 1e-9)])
    found = linprog(
        (low - exact).ravel(),  # a larger remainder is rounded up first
        A_ub=np.vstack([columns, -columns]),
        b_ub=ends,
        A_eq=rows,
        b_eq=sizes,
        bounds=list(zip(low.ravel().tolist(), high.ravel().tolist(), strict=True)),
        method="highs-ds",  # a vertex, and so integral: the constraints are totally unimodular
    )
    return np.asarray(np.rint(np.asarray(found.x)).reshape(exact.shape), dtype=np.int64)


def _ranks(ids: pd.Index, random_state: int) -> NDArray[np.uint64]:
    """A pseudorandom number of 64 bits for each id."""
    seed = f"{int(random_state)}\x1f"
    texts = (str(int(i)) if isinstance(i, float) and i.is_integer() else str(i) for i in ids)
    digests = (hashlib.blake2b(f"{seed}{text}".encode(), digest_size=8).digest() for text in texts)
    return np.frombuffer(b"".join(digests), dtype=">u8").astype(np.uint64)


def _notes(names: list[str], counts: NDArray[np.int64], groups: list[str]) -> list[str]:
    small = [name for name, row in zip(names, counts, strict=True) if row.min() < 2]
    if not small:
        return []
    listed = ", ".join(small[:3]) + (" and more" if len(small) > 3 else "")
    return [
        f"{len(small)} of {len(names)} segments have fewer than two customers in one of {', '.join(groups)}"
        f" ({listed}): they cannot be measured alone"
    ]
