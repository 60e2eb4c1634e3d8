"""What the customers of each segment have in common in needs: attribute values and categories bought.

Segments are made of behaviour and value; what their customers need shows in who they are and what they buy.
For each segment and each value of an attribute (or category bought), the share of the segment's customers who
have it is compared with the share of all other customers, by Fisher's exact test (two-sided). There are many
such tests, so that their p-values are corrected: Holm (1979) keeps the chance of any false finding below the
level, Benjamini and Hochberg (1995) the expected share of false findings among the findings.

Numbers are compared by thirds (low, middle, high). Values that fewer than ``fewest`` customers have are left
out. An attribute that the segments were made of differs between them by construction, and is marked.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

import numpy as np
import pandas as pd
from scipy.stats import fisher_exact

from clvml.customers._transactions import Transactions, as_transactions
from clvml.errors import InputError
from clvml.segments.grouping._tables import named

YES = "yes"
THIRDS = ("low", "middle", "high")
Correction = Literal["holm", "benjamini_hochberg", "none"]


def segment_needs(
    segments: pd.Series,
    attributes: pd.DataFrame,
    *,
    used: Collection[str] = (),
    correction: Correction = "holm",
    level: float = 0.05,
    fewest: int = 10,
) -> pd.DataFrame:
    """Which attribute values are more, or less, common in each segment than among all others.

    Parameters
    ----------
    segments : pandas.Series
        Segment of each customer, number or name, indexed by customer.
    attributes : pandas.DataFrame
        One row per customer, same index in any order. Text is a category; numbers with more than five
        distinct values are divided into thirds. Missing values are no value of their own. A column of bool,
        such as those of `categories_bought`, has one value, "yes".
    used : collection of str
        Attributes that the segments were made of.
    correction : {"holm", "benjamini_hochberg", "none"}
        For the number of tests.
    level : float
        Level of the corrected tests.
    fewest : int
        Customers who must have a value, for it to be tested.

    Returns
    -------
    pandas.DataFrame
        One row per test, by segment and falling lift: ``segment, attribute, level``, ``customers`` (of the
        segment with this value), ``share`` (of the segment's customers with a known value),
        ``share_of_others``, ``lift`` (their ratio; infinite where no other customer has it),
        ``p_value, p_corrected``, ``distinct`` and ``used`` (bool).

    Raises
    ------
    InputError
        If customers differ, there are fewer than two segments, or an argument breaks its rule.

    See Also
    --------
    clvml.segments.judging.categories_bought : Attributes from transactions.
    clvml.segments.judging.describe_needs : In sentences.

    References
    ----------
    Holm, S. (1979), A simple sequentially rejective multiple test procedure. *Scandinavian Journal of
    Statistics* 6, 65-70.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.segments.judging import segment_needs
    >>> segments = pd.Series([1] * 40 + [2] * 60)
    >>> city = pd.DataFrame({"city": ["Oslo"] * 30 + ["Rome"] * 10 + ["Oslo"] * 15 + ["Rome"] * 45})
    >>> found = segment_needs(segments, city)
    >>> found[["segment", "level", "share", "share_of_others", "lift"]].head(1)
       segment level  share  share_of_others  lift
    0        1  Oslo   0.75             0.25   3.0
    >>> bool(found.loc[0, "distinct"])
    True
    """
    _check(segments, correction, level)
    known = _aligned(segments, attributes)
    tests = [
        _test(segments, segment, name, value, has, fewest)
        for name in known
        for value, has in _values(known[name])
        for segment in sorted(segments.unique())
    ]
    rows = [row for row in tests if row is not None]
    if not rows:
        return pd.DataFrame(columns=COLUMNS)
    table = pd.DataFrame(rows)
    table["p_corrected"] = _corrected(table["p_value"].to_numpy(), correction)
    table["distinct"] = table["p_corrected"] < level
    table["used"] = table["attribute"].isin(list(used))
    order = ["segment", "lift", "attribute", "level"]
    table = table.sort_values(order, ascending=[True, False, True, True], kind="stable")
    table.attrs = {"correction": correction, "level": level, "tests": len(table)}
    return table[COLUMNS].reset_index(drop=True)


COLUMNS = [
    *("segment", "attribute", "level", "customers", "share", "share_of_others", "lift"),
    *("p_value", "p_corrected", "distinct", "used"),
]


def categories_bought(transactions: Transactions, customers: pd.Index) -> pd.DataFrame:
    """Whether each customer ever bought each category, for `segment_needs`.

    Parameters
    ----------
    transactions : Transactions
        With a category (``read_transactions(..., category="brand")``).
    customers : pandas.Index
        Customer ids, the index of the result.

    Returns
    -------
    pandas.DataFrame
        Bool; one column per category, on ``customers``.

    Raises
    ------
    InputError
        If the transactions have no category.

    See Also
    --------
    clvml.segments.judging.segment_needs : What it is for.

    Examples
    --------
    >>> import clvml
    >>> import pandas as pd
    >>> from clvml.segments.judging import categories_bought
    >>> sales = pd.DataFrame({"customer_id": ["a", "a", "b"], "amount": [10.0, 30.0, 20.0],
    ...                       "date": ["2024-01-03", "2024-02-05", "2024-01-20"],
    ...                       "sort": ["tea", "coffee", "tea"]})
    >>> purchases = clvml.read_transactions(sales, category="sort")
    >>> categories_bought(purchases, pd.Index(["a", "b"])).to_dict()
    {'coffee': {'a': True, 'b': False}, 'tea': {'a': True, 'b': True}}
    """
    source = as_transactions(transactions)
    if not source.columns.category:
        raise InputError(
            "the transactions have no category; name the column, as in"
            " clvml.read_transactions(path, category='brand')."
        )
    rows = source.purchases(None).frame(
        "SELECT DISTINCT customer_id, category FROM shares WHERE category IS NOT NULL"
    )
    bought = pd.crosstab(rows["customer_id"], rows["category"].astype(str)) > 0
    bought.columns.name = None
    return bought.reindex(customers, fill_value=False)


def describe_needs(needs: pd.DataFrame, names: pd.Series | None = None, most: int = 3) -> dict[object, str]:
    """What each segment's customers have in common, one sentence per segment.

    Parameters
    ----------
    needs : pandas.DataFrame
        As from `segment_needs`.
    names : pandas.Series, optional
        Names of the segments, by segment.
    most : int
        Values to name per segment.

    Returns
    -------
    dict
        Sentence by segment; only segments with a tested value.

    See Also
    --------
    clvml.segments.judging.segment_needs : The table that it takes.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.segments.judging import describe_needs, segment_needs
    >>> segments = pd.Series([1] * 40 + [2] * 60)
    >>> city = pd.DataFrame({"city": ["Oslo"] * 30 + ["Rome"] * 10 + ["Oslo"] * 15 + ["Rome"] * 45})
    >>> describe_needs(segment_needs(segments, city))[1]
    'Segment 1: more often city Oslo (75 % against 25 %).'
    """
    sentences: dict[object, str] = {}
    for segment, rows in needs.groupby("segment", sort=True):
        name = f"{segment} {names[segment]}" if names is not None else f"Segment {segment}"
        more = rows[rows["distinct"] & (rows["lift"] > 1) & ~rows["used"]].head(most)
        listed = [
            f"{name_of_value(attribute, value)} ({100 * share:.0f} % against {100 * others:.0f} %)"
            for attribute, value, share, others in more[
                ["attribute", "level", "share", "share_of_others"]
            ].itertuples(index=False, name=None)
        ]
        said = f"more often {', '.join(listed)}" if listed else "nothing that other customers have less often"
        sentences[segment] = f"{name}: {said}."
    return sentences


def name_of_value(attribute: str, value: str) -> str:
    """An attribute with its value; a column of bool is its own value.

    Examples
    --------
    >>> name_of_value("city", "Oslo"), name_of_value("bought tea", "yes")
    ('city Oslo', 'bought tea')
    """
    return attribute if value == YES else f"{attribute} {value}"


def _aligned(segments: pd.Series, attributes: pd.DataFrame) -> pd.DataFrame:
    for index, what in ((segments.index, "segments"), (attributes.index, "attributes")):
        if index.has_duplicates:
            twice = named(index[index.duplicated()])
            raise InputError(f"customer ids must be unique: {twice} is duplicated in {what}.")
    strangers = segments.index.symmetric_difference(attributes.index)
    if len(strangers):
        raise InputError(
            f"segments and attributes must cover the same customers; {len(strangers)} are in only one of"
            f" them, the first is {named(strangers)}."
        )
    return attributes.reindex(segments.index)


def _check(segments: pd.Series, correction: str, level: float) -> None:
    if segments.nunique() < 2:
        raise InputError("there is one segment only; needs are compared between at least two.")
    if correction not in ("holm", "benjamini_hochberg", "none"):
        raise InputError(f"correction is {correction!r}; it must be 'holm', 'benjamini_hochberg' or 'none'.")
    if not 0 < level < 1:
        raise InputError(f"level is {level!r}; it must be between 0 and 1.")


def _values(column: pd.Series) -> list[tuple[str, pd.Series]]:
    """The values of an attribute, each with the customers who have it, missing where it is not known."""
    known = column.notna()
    if pd.api.types.is_bool_dtype(column) or set(column[known].unique()) <= {True, False}:
        return [(YES, column.astype(float).where(known))]
    if pd.api.types.is_numeric_dtype(column) and column.nunique() > 5:
        column = _thirds(column)
    levels = sorted(column[known].unique(), key=str)
    return [(str(level), (column == level).astype(float).where(known)) for level in levels]


def _thirds(column: pd.Series) -> pd.Series:
    edges = np.unique(column.dropna().quantile([0, 1 / 3, 2 / 3, 1])).tolist()
    labels = THIRDS if len(edges) == 4 else (THIRDS[0], THIRDS[-1])[: len(edges) - 1]
    cut = pd.cut(
        column,
        edges,
        labels=[
            f"{name} ({low:g} to {high:g})"
            for name, low, high in zip(labels, edges[:-1], edges[1:], strict=True)
        ],
        include_lowest=True,
    )
    return cut.astype(object)


def _test(
    segments: pd.Series, segment: object, name: object, value: str, has: pd.Series, fewest: int
) -> dict[str, object] | None:
    known = has.notna()
    inside = (segments == segment) & known
    outside = (segments != segment) & known
    with_value, others = int(has[inside].sum()), int(has[outside].sum())
    if with_value + others < fewest or not inside.any() or not outside.any():
        return None
    share, share_of_others = with_value / int(inside.sum()), others / int(outside.sum())
    table = [[with_value, int(inside.sum()) - with_value], [others, int(outside.sum()) - others]]
    return {
        "segment": segment,
        "attribute": str(name),
        "level": value,
        "customers": with_value,
        "share": share,
        "share_of_others": share_of_others,
        "lift": share / share_of_others if share_of_others else np.inf,
        "p_value": float(fisher_exact(np.array(table))[1]),
    }


def _corrected(p: np.ndarray, correction: str) -> np.ndarray:
    """p-values corrected for their number."""
    if correction == "none":
        return p
    n, order = len(p), np.argsort(p, kind="stable")
    ranks = np.arange(1, n + 1)
    if correction == "holm":
        adjusted = np.maximum.accumulate(p[order] * (n - ranks + 1))
    else:
        adjusted = np.minimum.accumulate((p[order] * n / ranks)[::-1])[::-1]
    found = np.empty(n)
    found[order] = np.minimum(adjusted, 1.0)
    return found
