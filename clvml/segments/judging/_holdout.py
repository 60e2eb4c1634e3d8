"""Segmentations evaluated on a holdout: value by segment, and how well segments rank customers."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from clvml.errors import InputError
from clvml.evaluation._ranking import gini, spearman, top_share
from clvml.segments.grouping._profile import shares
from clvml.segments.judging._quality import matched, separation


def holdout_by_segment(segments: pd.Series, predicted: pd.Series, actual: pd.Series) -> pd.DataFrame:
    """Predicted and actual value in the holdout by segment, for any segmentation method.

    Parameters
    ----------
    segments : pandas.Series
        Each customer's segment, from the calibration period.
    predicted, actual : pandas.Series
        Money over the holdout, predicted and actual, for the same customers in any order.

    Returns
    -------
    pandas.DataFrame
        Index ``segment``; columns ``customers``, ``share_of_customers``, ``predicted`` and ``actual``
        (means per customer), ``share_of_revenue`` (of the actual total), ``lift`` (share of revenue over
        share of customers: 1 as by chance) and ``bias_pct`` (predicted less actual total, in percent of the
        actual one). Ratios to zero revenue are NaN.

    Raises
    ------
    InputError
        If the three do not cover the same customers, each once, or an amount is missing.

    See Also
    --------
    clvml.segments.judging.judge_segmentations : Several methods in one table.
    clvml.segments.judging.rank_segmentations : How well methods rank customers.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.segments.judging import holdout_by_segment
    >>> segments = pd.Series([1, 2, 2, 2], index=list("abcd"))
    >>> spent = pd.Series([60.0, 20.0, 0.0, 20.0], index=list("abcd"))
    >>> holdout_by_segment(segments, predicted=spent * 0.5, actual=spent)["lift"].round(3).tolist()
    [2.4, 0.533]
    """
    truth = pd.DataFrame(
        {
            "segment": segments,
            "predicted": matched(segments.index, predicted, "predicted"),
            "actual": matched(segments.index, actual, "actual"),
        }
    )
    groups = truth.groupby("segment", sort=True)
    sizes = groups.size()
    table = pd.DataFrame({"customers": sizes, "share_of_customers": sizes / len(truth)})
    table = table.join(groups[["predicted", "actual"]].mean())
    table["share_of_revenue"] = shares(groups["actual"].sum())
    table["lift"] = table["share_of_revenue"] / table["share_of_customers"]
    table["bias_pct"] = 100 * (table["predicted"] / table["actual"].where(table["actual"] > 0) - 1)
    return table


def judge_segmentations(
    segmentations: Mapping[str, pd.Series],
    predicted: pd.Series | Mapping[str, pd.Series],
    actual: pd.Series,
) -> pd.DataFrame:
    """`holdout_by_segment` for several methods on the same holdout, as one table.

    Parameters
    ----------
    segmentations : mapping of str to pandas.Series
        The segments of each method (1 the most valuable), for the same customers.
    predicted : pandas.Series or mapping of str to pandas.Series
        Predicted money over the holdout: one prediction for all methods, or one per method.
    actual : pandas.Series
        Money over the holdout.

    Returns
    -------
    pandas.DataFrame
        Index ``method, segment``; columns as in `holdout_by_segment`.

    Raises
    ------
    InputError
        If there is no method, or one of them and the holdout do not cover the same customers.

    See Also
    --------
    clvml.segments.judging.holdout_by_segment : One method.
    clvml.segments.judging.rank_segmentations : How well methods rank customers.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.segments.judging import judge_segmentations
    >>> spent = pd.Series([60.0, 20.0, 0.0, 20.0], index=list("abcd"))
    >>> methods = {
    ...     "halves": pd.Series([1, 1, 2, 2], index=list("abcd")),
    ...     "best one": pd.Series([1, 2, 2, 2], index=list("abcd")),
    ... }
    >>> judge_segmentations(methods, predicted=spent * 0.5, actual=spent)[["customers", "lift"]].round(2)
                      customers  lift
    method   segment
    halves   1                2  1.60
             2                2  0.40
    best one 1                1  2.40
             2                3  0.53
    """
    if not segmentations:
        raise InputError("there is no segmentation to evaluate: give at least one method and its segments.")
    own = predicted if isinstance(predicted, Mapping) else dict.fromkeys(segmentations, predicted)
    tables = {
        name: holdout_by_segment(segments, own[name], actual) for name, segments in segmentations.items()
    }
    return pd.concat(tables, names=["method", "segment"])


def rank_segmentations(segmentations: Mapping[str, pd.Series], actual: pd.Series) -> pd.DataFrame:
    """How well each method ranks customers by holdout revenue: one row per method, best Gini first.

    A method orders the customers by the number of their segment and nothing else: ties within a segment share
    its revenue. So a method with more segments can discriminate more.

    Parameters
    ----------
    segmentations : mapping of str to pandas.Series
        The segments of each method (1 the most valuable), for the same customers.
    actual : pandas.Series
        Money over the holdout.

    Returns
    -------
    pandas.DataFrame
        Index ``method``; ``segments`` (how many have a customer), ``top10_share`` (share of revenue of
        the first 10 % of the customers), ``gini`` and ``spearman`` (see `clvml.evaluation`), ``lift``
        (of segment 1), ``separation`` (share of the variance of revenue that is between segments).

    Raises
    ------
    InputError
        If customers differ, or the holdout has no revenue.

    See Also
    --------
    clvml.segments.judging.judge_segmentations : Value by segment of each method.
    clvml.segments.judging.compare_segmentations : The usual methods, fitted and ranked.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.segments.judging import rank_segmentations
    >>> spent = pd.Series([60.0, 20.0, 0.0, 20.0], index=list("abcd"))
    >>> methods = {
    ...     "worst first": pd.Series([2, 2, 1, 1], index=list("abcd")),
    ...     "best one": pd.Series([1, 2, 2, 2], index=list("abcd")),
    ... }
    >>> rank_segmentations(methods, spent)["gini"].round(2).to_dict()
    {'best one': 0.78, 'worst first': -0.67}
    """
    rows = {name: _ranked(segments, actual) for name, segments in segmentations.items()}
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("method")
    return table.astype({"segments": "int64"}).sort_values("gini", ascending=False, kind="stable")


def _ranked(segments: pd.Series, actual: pd.Series) -> dict[str, float]:
    order = -segments.astype(float)
    truth = matched(segments.index, actual, "actual")
    first = segments == segments.min()
    return {
        "segments": segments.nunique(),
        "top10_share": top_share(truth, order),
        "gini": gini(truth, order),
        "spearman": spearman(truth, order),
        "lift": float(truth[first].mean() / truth.mean()),
        "separation": separation(segments, truth),
    }
