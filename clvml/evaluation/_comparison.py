"""The comparison: every model evaluated on the same holdout, in one table.

No single metric suffices. The zero baseline can have the smallest mean absolute error, and
a formula whose total is far too high can rank customers best. So the table has bias, error and ranking
metrics, and includes baselines.

Columns::

    total         predicted revenue of all customers
    bias_pct      100 * (predicted total / actual total - 1)
    mae, rmse     mean absolute error, root mean squared error, money per customer
    spearman      rank correlation with the actual values; 0 for a constant prediction
    gini          concentration of revenue by the predicted order, 1 for the perfect order
    top10_share   share of actual revenue of the predicted top 10 % of customers
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from clvml.errors import InputError
from clvml.evaluation._alignment import aligned, require_revenue
from clvml.evaluation._ranking import concentration, n_top, normalised_gini, rank_correlation

METRICS = ("total", "bias_pct", "mae", "rmse", "spearman", "gini", "top10_share")
UNKNOWN_FAMILY = "unspecified"


def score(actual: pd.Series, predicted: pd.Series) -> dict[str, float]:
    """All metrics of one model.

    Parameters
    ----------
    actual : pandas.Series
        Revenue per customer in the holdout.
    predicted : pandas.Series
        Predicted revenue over the same period, for the same customers, in any order.

    Returns
    -------
    dict of str to float
        Keys as in ``METRICS``; finite, except ``bias_pct`` and ``top10_share``, which are relative to the
        total and NaN if losses exceed gains.

    Raises
    ------
    InputError
        If the customers differ, a value is missing or infinite, or there is no revenue at all.

    Examples
    --------
    >>> scores = score(pd.Series([0.0, 60.0, 10.0, 30.0]), pd.Series([5.0, 40.0, 10.0, 20.0]))
    >>> {name: round(value, 3) for name, value in scores.items()}
    {'total': 75.0, 'bias_pct': -25.0, 'mae': 8.75, 'rmse': 11.456, 'spearman': 1.0, 'gini': 1.0,
     'top10_share': 0.6}
    """
    truth, forecast = aligned(actual, predicted)
    error = forecast - truth
    return {
        "total": float(forecast.sum()),
        "bias_pct": 100 * (float(forecast.sum()) / require_revenue(truth) - 1),
        "mae": float(np.mean(np.abs(error))),
        "rmse": float(np.sqrt(np.mean(error**2))),
        "spearman": rank_correlation(truth, forecast),
        "gini": normalised_gini(truth, forecast),
        "top10_share": float(concentration(truth, forecast)[n_top(len(truth), 0.10)]),
    }


def compare(
    actual: pd.Series, predictions: pd.DataFrame, families: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """All metrics of all models, one row per model, in the order of the columns given.

    Parameters
    ----------
    actual : pandas.Series
        Revenue per customer in the holdout.
    predictions : pandas.DataFrame
        One column per model, on the same customers.
    families : mapping of str to str, optional
        By model: "probabilistic", "formula" or "baseline"; "unspecified" where not given.

    Returns
    -------
    pandas.DataFrame
        Index ``model``; columns ``family, total, bias_pct, mae, rmse, spearman, gini, top10_share``.

    Raises
    ------
    InputError
        As :func:`score`, or if there is no model, or a family is given for an unknown one.

    Examples
    --------
    >>> actual = pd.Series([0.0, 60.0, 10.0, 30.0])
    >>> predictions = pd.DataFrame({"half": actual / 2, "nothing": 0.0})
    >>> compare(actual, predictions, {"nothing": "baseline"})[["family", "bias_pct", "mae", "spearman"]]
                  family  bias_pct   mae  spearman
    model
    half     unspecified     -50.0  12.5       1.0
    nothing     baseline    -100.0  25.0       0.0
    """
    if not isinstance(predictions, pd.DataFrame) or not len(predictions.columns):
        raise InputError("predictions must be a pandas DataFrame with one column per model, at least one.")
    if predictions.columns.has_duplicates:
        raise InputError("two columns of predictions have the same name; model names must be unique.")
    families = families or {}
    unknown = [name for name in families if name not in predictions]
    if unknown:
        raise InputError(f"a family is given for {unknown[0]!r}, which is not among the predictions.")
    rows = [
        {"family": families.get(str(name), UNKNOWN_FAMILY), **score(actual, predictions[name])}
        for name in predictions
    ]
    index = pd.Index(list(predictions.columns), name="model")
    return pd.DataFrame(rows, index=index, columns=["family", *METRICS])
