"""Segment profiles: number of customers, share of the value, and medians."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

SINCE_LAST = "time_since_last_purchase"


def segment_profile(
    customers: pd.DataFrame, segments: pd.Series, columns: Sequence[str], value: str, names: Sequence[str]
) -> pd.DataFrame:
    """One row per segment, for any segmentation method.

    Parameters
    ----------
    customers : pandas.DataFrame
        One row per customer, with ``columns`` and ``value``.
    segments : pandas.Series
        Each customer's segment number, on the same index in the same order.
    columns : sequence of str
        Columns whose medians describe the segment.
    value : str
        The column of money for shares of value.
    names : sequence of str
        The segments' names, in the order of their numbers.

    Returns
    -------
    pandas.DataFrame
        Index ``segment``; columns ``name, customers, share_of_customers, share_of_value``, then the
        medians of ``columns``, times in the unit of ``attrs["time_unit"]`` and, where ``T`` is known,
        ``time_since_last_purchase`` in place of ``recency``. Shares are NaN where the total
        value is 0.

    See Also
    --------
    clvml.segments.acting.segment_cards : With prediction intervals, stages and treatments.
    clvml.plots.segment_profile : As a figure.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.segments.grouping import segment_profile
    >>> customers = pd.DataFrame({"frequency": [9.0, 7.0, 1.0], "clv": [60.0, 20.0, 20.0]})
    >>> segments = pd.Series([1, 1, 2])
    >>> profile = segment_profile(customers, segments, ["frequency"], "clv", ["best", "others"])
    >>> profile[["name", "customers", "share_of_value", "frequency"]]
               name  customers  share_of_value  frequency
    segment
    1          best          2             0.8        8.0
    2        others          1             0.2        1.0
    """
    groups = customers.groupby(segments.to_numpy(), sort=True)
    sizes = groups.size()
    profile = pd.DataFrame(
        {
            "name": list(names),
            "customers": sizes.astype("int64"),
            "share_of_customers": sizes / len(customers),
            "share_of_value": shares(groups[value].sum()),
        },
        index=sizes.index,
    )
    profile = profile.join(medians_by_segment(customers, segments, columns)).rename_axis("segment")
    profile.attrs = {name: unit for name, unit in customers.attrs.items() if name == "time_unit"}
    return profile


def medians_by_segment(customers: pd.DataFrame, segments: pd.Series, columns: Sequence[str]) -> pd.DataFrame:
    """The median of each column by segment, with recency in the marketing sense.

    In these models ``recency`` is the time from the first to the last purchase, but in marketing it means the
    time since the last purchase. So if ``T`` is known, ``recency`` is replaced by
    ``time_since_last_purchase = T - recency``.

    Examples
    --------
    >>> customers = pd.DataFrame({"recency": [65.0, 0.0], "T": [70.0, 70.0]})
    >>> medians_by_segment(customers, pd.Series([1, 2]), ["recency", "T"]).to_numpy().tolist()
    [[5.0, 70.0], [70.0, 70.0]]
    """
    shown = customers[list(columns)]
    if "recency" in shown and "T" in customers:
        since_last = (customers["T"] - customers["recency"]).clip(lower=0.0)
        shown = shown.assign(recency=since_last).rename(columns={"recency": SINCE_LAST})
    return shown.groupby(segments.to_numpy(), sort=True).median()


def shares(amounts: pd.Series) -> pd.Series:
    """Each amount as a share of their sum; NaN where the sum is not positive.

    Examples
    --------
    >>> shares(pd.Series([30.0, 10.0])).tolist()
    [0.75, 0.25]
    """
    total = float(amounts.sum())
    return amounts / (total if total > 0 else np.nan)
