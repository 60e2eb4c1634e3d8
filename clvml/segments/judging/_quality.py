"""Quality criteria of a segmentation: size, separation, reach, profit, stability."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_rand_score

from clvml.errors import InputError
from clvml.segments.grouping._tables import named


def separation(segments: pd.Series, value: pd.Series) -> float:
    """The share of the variance of ``value`` that lies between segments, 0 to 1; 0 if it does not vary.

    Parameters
    ----------
    segments : pandas.Series
        Segment of each customer.
    value : pandas.Series
        Value of the same customers, in the same order (money).

    Returns
    -------
    float
        The squared correlation ratio (eta squared).

    See Also
    --------
    clvml.segments.judging.segmentation_quality : With the other criteria of a segmentation.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.segments.judging import separation
    >>> separation(pd.Series([1, 1, 2, 2]), pd.Series([9.0, 9.0, 1.0, 1.0]))
    1.0
    """
    amounts = matched(segments.index, value, "value")
    total = float(((amounts - amounts.mean()) ** 2).sum())
    means = amounts.groupby(segments).transform("mean")
    return float(((means - amounts.mean()) ** 2).sum()) / total if total > 0 else 0.0


def segmentation_quality(
    segments: pd.Series,
    value: pd.Series,
    *,
    contact: pd.Series | None = None,
    cost: float | pd.Series = 0.0,
    later: pd.Series | None = None,
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Quality criteria of a segmentation: size, separation, reach, profit, stability.

    Parameters
    ----------
    segments, value : pandas.Series
        Each customer's segment and value.
    contact : pandas.Series, optional
        Contact data, such as an e-mail address; a customer without it cannot be reached.
    cost : float or pandas.Series
        Cost per customer (money).
    later : pandas.Series, optional
        The segments at another date; the customers in both are compared.

    Returns
    -------
    by_segment : pandas.DataFrame
        Index ``segment``; ``customers, share_of_customers, mean_value``, ``reach`` (share of customers; NaN
        without ``contact``) and ``profit`` (total value less cost).
    overall : dict
        ``smallest_share``, ``separation`` (see `separation`) and ``stability`` (adjusted Rand index of the
        two dates; NaN without ``later``).

    Raises
    ------
    InputError
        If values or costs do not cover the same customers, each once.

    See Also
    --------
    clvml.segments.judging.agreement : Stability alone.
    clvml.segments.judging.separation : Separation alone.
    clvml.segments.judging.compare_segmentations : Methods on a holdout.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.segments.judging import segmentation_quality
    >>> segments = pd.Series([1, 1, 2, 2], index=list("abcd"))
    >>> value = pd.Series([90.0, 70.0, 10.0, 30.0], index=list("abcd"))
    >>> by_segment, overall = segmentation_quality(segments, value, cost=5.0)
    >>> by_segment[["customers", "mean_value", "profit"]]
             customers  mean_value  profit
    segment
    1                2        80.0   150.0
    2                2        20.0    30.0
    >>> round(overall["separation"], 2)
    0.9
    """
    amounts = matched(segments.index, value, "value")
    costs = matched(segments.index, cost, "cost") if isinstance(cost, pd.Series) else cost
    groups = pd.DataFrame({"value": amounts, "profit": amounts - costs}).groupby(segments)
    table = pd.DataFrame({"customers": groups.size(), "share_of_customers": groups.size() / len(segments)})
    table["mean_value"] = groups["value"].mean()
    reached = (
        np.nan if contact is None else _reachable(contact.reindex(segments.index)).groupby(segments).mean()
    )
    table["reach"] = reached
    table["profit"] = groups["profit"].sum()
    overall = {
        "smallest_share": float(table["share_of_customers"].min()),
        "separation": separation(segments, amounts),
        "stability": np.nan if later is None else agreement(segments, later),
    }
    return table.rename_axis("segment"), overall


def agreement(segments: pd.Series, others: pd.Series) -> float:
    """Adjusted Rand index of two segmentations on the customers in both: 1 the same, 0 as by chance.

    Parameters
    ----------
    segments, others : pandas.Series
        Segment by customer, in any order.

    Returns
    -------
    float
        At most 1; below 0 for less agreement than by chance.

    Raises
    ------
    InputError
        If no customer is in both.

    See Also
    --------
    clvml.segments.judging.segment_transitions : Who moved, and with what value.
    clvml.segments.judging.segmentation_quality : With the other criteria of a segmentation.

    References
    ----------
    Hubert, L., Arabie, P. (1985), Comparing partitions. *Journal of Classification* 2, 193-218.

    Examples
    --------
    The names of the segments do not matter, only who is with whom:

    >>> import pandas as pd
    >>> from clvml.segments.judging import agreement
    >>> agreement(pd.Series([1, 1, 2, 2]), pd.Series(["b", "b", "a", "a"]))
    1.0
    """
    both = segments.index.intersection(others.index)
    if both.empty:
        raise InputError("the two segmentations have no customer in common: there is nothing to compare.")
    return float(adjusted_rand_score(segments.reindex(both), others.reindex(both)))


def _reachable(contact: pd.Series) -> pd.Series:
    return contact.notna() & (contact.astype(str).str.strip() != "")


def matched(customers: pd.Index, amounts: pd.Series, role: str) -> pd.Series:
    """The amounts in the order of the customers; refuses those that do not cover the same ones."""
    if customers.empty:
        raise InputError("no customer has a segment: there is nothing to evaluate.")
    for index, what in ((customers, "segments"), (amounts.index, role)):
        if index.has_duplicates:
            raise InputError(
                f"customer ids must be unique: {named(index[index.duplicated()])} is duplicated in {what}."
            )
    strangers = customers.symmetric_difference(amounts.index)
    if len(strangers):
        raise InputError(
            f"segments and {role} must cover the same customers; {len(strangers)} are in only one of them,"
            f" the first is {named(strangers)}."
        )
    aligned = amounts.reindex(customers)
    if aligned.isna().any():
        raise InputError(f"{role} is missing for customer {named(aligned.index[aligned.isna()])}.")
    return aligned
