"""Ranking metrics: lift curve, share of the top customers, Gini, rank correlation.

All but the last derive from one curve: the share of actual revenue of the customers with the highest
predictions. Customers with equal predictions are not ordered, so they
share their revenue equally, the expectation over a random order among them: a constant prediction
has the diagonal as its curve, a Gini of 0 and 10 % in the top 10 %. Values that differ by
rounding errors only are treated as equal.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import kendalltau, rankdata

from clvml.errors import InputError
from clvml.evaluation._alignment import FloatArray, aligned, require_revenue

ORACLE = "oracle"
ROUNDING = 1e-12  # relative
TOP_SHARES = (0.01, 0.05, 0.10, 0.20)


def spearman(actual: pd.Series, predicted: pd.Series) -> float:
    """The rank correlation of Spearman, with mean ranks for ties.

    0 if the predictions are constant, as by chance; NaN if the actual values are: no order is then better
    than another.

    Parameters
    ----------
    actual, predicted : pandas.Series
        Money per customer, on the same customers.

    Returns
    -------
    float
        In [-1, 1], or NaN.

    Raises
    ------
    InputError
        If the two do not fit together.

    See Also
    --------
    clvml.evaluation.gini : A measure of order in which large customers weigh more.
    clvml.evaluation.METRICS : All metrics.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.evaluation import spearman
    >>> spearman(pd.Series([1.0, 5.0, 9.0]), pd.Series([2.0, 3.0, 4.0]))
    1.0
    >>> spearman(pd.Series([1.0, 5.0, 9.0]), pd.Series([0.0, 0.0, 0.0]))
    0.0
    """
    return rank_correlation(*aligned(actual, predicted))


def top_share(actual: pd.Series, predicted: pd.Series, share: float = 0.10) -> float:
    """The share of actual revenue of the customers with the highest predictions.

    NaN where losses leave no revenue in total.

    Parameters
    ----------
    actual, predicted : pandas.Series
        Money per customer, on the same customers.
    share : float, default 0.1
        Share of customers, rounded up to a whole number: 0.10 takes 236 of 2357.

    Returns
    -------
    float
        A share of the revenue; customers with equal predictions share it equally.

    Raises
    ------
    InputError
        If the two do not fit together, there is no revenue, or ``share`` is outside (0, 1].

    See Also
    --------
    clvml.evaluation.lift_curve : All shares of customers.
    clvml.evaluation.METRICS : All metrics, with ``"top1_share"`` to ``"top20_share"``.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.evaluation import top_share
    >>> actual = pd.Series([0.0, 60.0, 10.0, 30.0])
    >>> top_share(actual, pd.Series([1.0, 4.0, 3.0, 2.0]), share=0.5)
    0.7
    >>> top_share(actual, pd.Series(0.0, index=actual.index), share=0.5)
    0.5
    """
    if not 0 < share <= 1:
        raise InputError(f"share is {share!r}; it must be above 0 and at most 1.")
    curve = concentration(*aligned(actual, predicted))
    return float(curve[n_top(len(actual), share)])


def gini(actual: pd.Series, predicted: pd.Series) -> float:
    """The concentration of revenue by the predicted order, relative to the best possible order.

    Twice the area between the lift curve and the diagonal, divided by the same for the oracle, which
    orders customers by their actual revenue: 1 is a perfect order, 0 a random one, below 0 worse
    than random. It is NaN if all customers have the same revenue, since all orders are then equivalent.
    Losses count as negative revenue; the ratio is defined even if they exceed all gains.

    Parameters
    ----------
    actual, predicted : pandas.Series
        Money per customer, on the same customers.

    Returns
    -------
    float
        At most 1; NaN if it is undefined.

    Raises
    ------
    InputError
        If the two do not fit together or there is no revenue.

    See Also
    --------
    clvml.evaluation.lift_curve : The curve it summarises.
    clvml.evaluation.spearman : The rank correlation, in which all customers weigh alike.
    clvml.evaluation.METRICS : All metrics.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.evaluation import gini
    >>> actual = pd.Series([0.0, 60.0, 10.0, 30.0])
    >>> gini(actual, actual)
    1.0
    >>> print(f"{gini(actual, pd.Series([1.0, 4.0, 3.0, 2.0])):.3f}")
    0.800
    """
    return normalised_gini(*aligned(actual, predicted))


def lift_curve(actual: pd.Series, predictions: pd.DataFrame, points: int = 101) -> pd.DataFrame:
    """Cumulative share of revenue against share of customers, best predicted first.

    Parameters
    ----------
    actual : pandas.Series
        Money per customer.
    predictions : pandas.DataFrame
        One column per model, on the same customers.
    points : int, default 101
        Number of rows, evenly spaced from 0 to 1, at least 2.

    Returns
    -------
    pandas.DataFrame
        Index ``share_of_customers`` from 0 to 1; one column per model, and "oracle", the order by
        actual revenue, last.

    Raises
    ------
    InputError
        If the two do not fit together, there is no revenue, a model is named "oracle", or there
        are fewer than two points.

    See Also
    --------
    clvml.plots.lift_curve : Draw the table.
    clvml.evaluation.gini : The area as one number.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.evaluation import lift_curve
    >>> actual = pd.Series([0.0, 60.0, 10.0, 30.0])
    >>> lift_curve(actual, pd.DataFrame({"model": [1.0, 4.0, 3.0, 2.0]}), points=3)
                        model  oracle
    share_of_customers
    0.0                   0.0     0.0
    0.5                   0.7     0.9
    1.0                   1.0     1.0
    """
    if ORACLE in predictions:
        raise InputError(
            f"a model is named {ORACLE!r}, which is reserved for the best possible order; rename it."
        )
    if points < 2:
        raise InputError(f"points is {points!r}; a curve needs at least 2.")
    orders = {str(name): predictions[name] for name in predictions} | {ORACLE: actual}
    grid = np.linspace(0.0, 1.0, points)
    customers = np.linspace(0.0, 1.0, len(actual) + 1)
    curves = {
        name: np.interp(grid, customers, concentration(*aligned(actual, order)))
        for name, order in orders.items()
    }
    return pd.DataFrame(curves, index=pd.Index(grid, name="share_of_customers"))


def n_top(n_customers: int, share: float) -> int:
    """The number of customers in the top ``share``, rounded up.

    Examples
    --------
    >>> n_top(2357, 0.10), n_top(10, 0.1), n_top(3, 0.10)
    (236, 1, 1)
    """
    # 0.07 * 100 is 7.000000000000001: round first, so that the result is 7, not 8.
    return math.ceil(round(share * n_customers, 9))


def concentration(actual: FloatArray, predicted: FloatArray) -> FloatArray:
    """Share of revenue of the 0, 1, ..., n customers with the highest predictions; ties share equally.

    Parameters
    ----------
    actual : ndarray, shape (n_customers,)
        Money per customer.
    predicted : ndarray, shape (n_customers,)
        Predictions for the same customers, in the same order.

    Returns
    -------
    ndarray, shape (n_customers + 1,)
        From 0 to 1; above 1 in between if there are losses.

    Raises
    ------
    InputError
        If there is no revenue.

    See Also
    --------
    clvml.evaluation.lift_curve : The same of Series, for several models.
    clvml.evaluation.normalised_gini : The area under it, relative to the best possible.

    Examples
    --------
    >>> import numpy as np
    >>> from clvml.evaluation import concentration
    >>> concentration(np.array([0.0, 60.0, 10.0, 30.0]), np.array([1.0, 4.0, 3.0, 2.0])).round(2).tolist()
    [0.0, 0.6, 0.7, 1.0, 1.0]
    """
    total = require_revenue(actual)
    curve = cumulative(actual, predicted) / total
    curve[-1] = total / total  # exact, without the rounding error of the cumulative sum
    return curve


def cumulative(actual: FloatArray, predicted: FloatArray) -> FloatArray:
    """Revenue brought by the best predicted 0, 1, ..., n customers, in money; ties share equally."""
    return np.concatenate([[0.0], np.cumsum(in_predicted_order(actual, predicted))])


def in_predicted_order(actual: FloatArray, predicted: FloatArray) -> FloatArray:
    """Actual values, highest prediction first; those with equal predictions share their mean."""
    level = levels(predicted)
    sizes = np.bincount(level)
    shared = np.bincount(level, weights=actual) / sizes
    return np.repeat(shared[::-1], sizes[::-1])


def levels(values: FloatArray) -> NDArray[np.intp]:
    """The rank of each value among the distinct ones, from 0; equal up to rounding is equal.

    Examples
    --------
    >>> levels(np.array([0.3, 5.0, 0.1 + 0.2])).tolist()
    [0, 1, 0]
    """
    return sorted_levels(values)[1]


def sorted_levels(values: FloatArray) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The places of the values in ascending order, and their :func:`levels`."""
    order = np.argsort(values)
    ordered = values[order]
    rises = np.diff(ordered) > ROUNDING * np.abs(ordered[1:])
    level = np.empty(len(values), dtype=np.intp)
    level[order] = np.concatenate([[0], np.cumsum(rises)])
    return order, level


def normalised_gini(actual: FloatArray, predicted: FloatArray) -> float:
    """The Gini coefficient of revenue by the predicted order, relative to the best possible order, of arrays.

    NaN if all actual values are equal.

    Parameters
    ----------
    actual : ndarray, shape (n_customers,)
        Money per customer.
    predicted : ndarray, shape (n_customers,)
        Predictions for the same customers, in the same order.

    Returns
    -------
    float
        1 for a perfect order, 0 for a random one, below 0 if worse than random.

    Raises
    ------
    InputError
        If there is no revenue.

    See Also
    --------
    clvml.evaluation.gini : The same of Series, with the definition.
    clvml.evaluation.concentration : The curve.

    Examples
    --------
    >>> import numpy as np
    >>> from clvml.evaluation import normalised_gini
    >>> round(normalised_gini(np.array([0.0, 60.0, 10.0, 30.0]), np.array([1.0, 4.0, 3.0, 2.0])), 3)
    0.8
    """
    require_revenue(actual)
    best = oracle_area(actual)
    if best <= 0:
        return float("nan")
    return 0.0 if is_constant(predicted) else _area(actual, predicted) / best


def rank_correlation(actual: FloatArray, predicted: FloatArray) -> float:
    """Spearman's rank correlation of arrays, with mean ranks for ties.

    0 if the predictions are constant, as by chance; NaN if the actual values are.

    Parameters
    ----------
    actual : ndarray, shape (n_customers,)
        Money per customer.
    predicted : ndarray, shape (n_customers,)
        Predictions for the same customers, in the same order.

    Returns
    -------
    float
        In [-1, 1].

    See Also
    --------
    clvml.evaluation.spearman : The same of Series.
    clvml.evaluation.gini : A measure of order in which large customers weigh more.

    Examples
    --------
    >>> import numpy as np
    >>> from clvml.evaluation import rank_correlation
    >>> round(rank_correlation(np.array([0.0, 60.0, 10.0, 30.0]), np.array([1.0, 4.0, 3.0, 2.0])), 3)
    0.8
    """
    if is_constant(actual):
        return float("nan")
    if is_constant(predicted):
        return 0.0
    one, other = rankdata(levels(actual)), rankdata(levels(predicted))
    return float(np.corrcoef(one, other)[0, 1])


def kendall_correlation(actual: FloatArray, predicted: FloatArray) -> float:
    """Kendall's tau-b of arrays; 0 if the prediction is constant, NaN if the actual values are."""
    if is_constant(actual):
        return float("nan")
    if is_constant(predicted):
        return 0.0
    return float(kendalltau(levels(actual), levels(predicted)).statistic)


def area_under_roc(outcome: FloatArray, probability: FloatArray) -> float:
    """Area under the ROC curve of outcomes 0 and 1; equal probabilities count as halves."""
    positive = float(outcome.sum())
    ranks = float(rankdata(levels(probability)) @ outcome) - positive * (positive + 1) / 2
    return ranks / (positive * (len(outcome) - positive))


def is_constant(values: FloatArray) -> bool:
    """Whether all values are equal, up to rounding."""
    return bool(np.ptp(levels(values)) == 0)


def oracle_area(actual: FloatArray) -> float:
    """Twice the area of the perfect order in money; 0 if the values differ by rounding errors only."""
    best = _area(actual, actual)
    return best if best > ROUNDING * np.abs(actual).sum() else 0.0


def _area(actual: FloatArray, predicted: FloatArray) -> float:
    """Twice the area between the curve and its chord, in money: defined whatever the total's sign."""
    curve = cumulative(actual, predicted)
    area = float(np.mean((curve[1:] + curve[:-1]) / 2))
    return 2 * area - float(curve[-1])
