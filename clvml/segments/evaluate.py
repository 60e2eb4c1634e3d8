"""Did the segments tell who would be valuable? Judged by what the holdout brought."""

from __future__ import annotations

import pandas as pd

from clvml.errors import InputError
from clvml.segments.profile import shares


def holdout_by_segment(segments: pd.Series, predicted: pd.Series, actual: pd.Series) -> pd.DataFrame:
    """Predicted and actual holdout value of each segment, whatever method made the segments.

    Parameters
    ----------
    segments : pandas.Series
        Each customer's segment, from the calibration period.
    predicted, actual : pandas.Series
        Money over the holdout, predicted and true, for the same customers in any order.

    Returns
    -------
    pandas.DataFrame
        Index ``segment``; columns ``customers``, ``share_of_customers``, ``predicted`` and ``actual``
        (means per customer), ``share_of_revenue`` (of the actual total) and ``lift`` (share of revenue
        over share of customers: 1 says no more than chance). Without any revenue the last two are NaN.

    Raises
    ------
    InputError
        If the three do not cover the same customers, each once, or an amount is missing.

    Examples
    --------
    >>> segments = pd.Series([1, 2, 2, 2], index=list("abcd"))
    >>> spent = pd.Series([60.0, 20.0, 0.0, 20.0], index=list("abcd"))
    >>> holdout_by_segment(segments, predicted=spent * 0.5, actual=spent)["lift"].round(3).tolist()
    [2.4, 0.533]
    """
    truth = pd.DataFrame(
        {
            "segment": segments,
            "predicted": _on(segments.index, predicted, "predicted"),
            "actual": _on(segments.index, actual, "actual"),
        }
    )
    groups = truth.groupby("segment", sort=True)
    sizes = groups.size()
    table = pd.DataFrame({"customers": sizes, "share_of_customers": sizes / len(truth)})
    table = table.join(groups[["predicted", "actual"]].mean())
    table["share_of_revenue"] = shares(groups["actual"].sum())
    table["lift"] = table["share_of_revenue"] / table["share_of_customers"]
    return table


def _on(customers: pd.Index, amounts: pd.Series, role: str) -> pd.Series:
    if customers.empty:
        raise InputError("no customer has a segment: there is nothing to judge.")
    for index, what in ((customers, "segments"), (amounts.index, role)):
        if index.has_duplicates:
            raise InputError(f"{what} holds customer {index[index.duplicated()][0]!r} more than once.")
    strangers = customers.symmetric_difference(amounts.index)
    if len(strangers):
        raise InputError(
            f"segments and {role} must cover the same customers; {len(strangers)} stand in only one of them,"
            f" the first is {strangers[0]!r}."
        )
    aligned = amounts.reindex(customers)
    if aligned.isna().any():
        raise InputError(f"{role} is missing for customer {aligned.index[aligned.isna()][0]!r}.")
    return aligned
