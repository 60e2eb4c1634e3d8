"""What each segment holds: how many customers, how much of the value, and the typical customer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd


def segment_profile(
    customers: pd.DataFrame, segments: pd.Series, columns: Sequence[str], value: str, names: Sequence[str]
) -> pd.DataFrame:
    """One row a segment, whatever method made the segments.

    Parameters
    ----------
    customers : pandas.DataFrame
        One row a customer, with ``columns`` and ``value``.
    segments : pandas.Series
        Each customer's segment number, on the same index in the same order.
    columns : sequence of str
        Columns whose medians describe the segment.
    value : str
        The column of money that is shared out.
    names : sequence of str
        The segments' names, in the order of their numbers.

    Returns
    -------
    pandas.DataFrame
        Index ``segment``; columns ``name, customers, share_of_customers, share_of_value``, then the
        median of each column. Without any value in total its shares are NaN.
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
    return profile.join(groups[list(columns)].median()).rename_axis("segment")


def shares(amounts: pd.Series) -> pd.Series:
    """Each amount as a share of their sum; NaN where the sum is not positive.

    Examples
    --------
    >>> shares(pd.Series([30.0, 10.0])).tolist()
    [0.75, 0.25]
    """
    total = float(amounts.sum())
    return amounts / (total if total > 0 else np.nan)
