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

from collections.abc import Mapping, Sequence

import pandas as pd

from clvml.errors import InputError
from clvml.evaluation._alignment import require_revenue
from clvml.evaluation._bootstrap import bootstrap_metrics
from clvml.evaluation._table_metrics import DEFAULT_METRICS, check_metrics, check_predictions

UNKNOWN_FAMILY = "unspecified"


def score(
    actual: pd.Series, predicted: pd.Series | pd.DataFrame, metrics: Sequence[str] = DEFAULT_METRICS
) -> dict[str, float]:
    """Score the predictions of one model by several metrics.

    Parameters
    ----------
    actual : pandas.Series
        Revenue per customer in the holdout; for metrics of probabilities, outcomes of 0 and 1.
    predicted : pandas.Series or pandas.DataFrame
        Predicted revenue over the same period, or probabilities, for the same customers in any order; for
        metrics of intervals, columns ``lower, upper`` with the nominal coverage in ``attrs["coverage"]``.
        Groups and totals are evaluated like customers, one row each.
    metrics : sequence of str
        Keys of `clvml.evaluation.METRICS`, all of the same kind.

    Returns
    -------
    dict of str to float
        By key; NaN where a metric is undefined for these data, such as ``bias_pct`` and ``top10_share``,
        which are relative to the total, if losses exceed gains. `Metric.why_undefined` has the reason.

    Raises
    ------
    InputError
        If the customers differ, a value is missing or infinite, a metric is unknown, or there is no revenue
        at all.

    See Also
    --------
    clvml.compare : Several models, with intervals.
    clvml.evaluation.METRICS : All metrics.

    Examples
    --------
    >>> import clvml
    >>> import pandas as pd
    >>> scores = clvml.score(pd.Series([0.0, 60.0, 10.0, 30.0]), pd.Series([5.0, 40.0, 10.0, 20.0]))
    >>> {name: round(value, 3) for name, value in scores.items()}
    {'total': 75.0, 'bias_pct': -25.0, 'mae': 8.75, 'rmse': 11.456, 'spearman': 1.0, 'gini': 1.0,
     'top10_share': 0.6}
    >>> intervals = pd.DataFrame({"lower": [0.0, 40.0], "upper": [20.0, 50.0]})
    >>> intervals.attrs["coverage"] = 0.9
    >>> clvml.score(pd.Series([5.0, 52.0]), intervals, ["coverage", "width", "winkler"])
    {'coverage': 0.5, 'width': 15.0, 'winkler': 35.0}
    """
    chosen = check_metrics(metrics)
    check_metrics(metrics, of=chosen[0].of)
    truth, forecast = chosen[0].arrays(actual, predicted)
    if chosen[0].of == "values":
        require_revenue(truth)
    return {metric.key: metric.value(truth, forecast) for metric in chosen}


def compare(
    actual: pd.Series,
    predictions: pd.DataFrame,
    families: Mapping[str, str] | None = None,
    *,
    metrics: Sequence[str] = DEFAULT_METRICS,
    intervals: bool = False,
    level: float = 0.9,
    n_draws: int = 1000,
    random_state: int = 0,
) -> pd.DataFrame:
    """Compare predictions with actual values: metrics of all models, one row per model, in the order given.

    Parameters
    ----------
    actual : pandas.Series
        Revenue per customer in the holdout.
    predictions : pandas.DataFrame
        One column per model, on the same customers.
    families : mapping of str to str, optional
        By model: "probabilistic", "formula" or "baseline"; "unspecified" where not given.
    metrics : sequence of str
        Keys of `clvml.evaluation.METRICS`, of values or of probabilities.
    intervals : bool
        Whether each metric is followed by its bootstrap interval over customers (``key_lower``,
        ``key_upper``) and by whether the model ties with the best one (``key_tied``), as
        `MetricDraws.table` gives them. Not for metrics without a bootstrap.
    level : float
        Nominal coverage of the intervals.
    n_draws, random_state : int
        Number and seed of the resamples.

    Returns
    -------
    pandas.DataFrame
        Index ``model``; columns ``family, total, bias_pct, mae, rmse, spearman, gini, top10_share``, or those
        asked for.

    Raises
    ------
    InputError
        As :func:`score`, or if there is no model, or a family is given for an unknown one.

    See Also
    --------
    clvml.score : One model.
    clvml.compare_models : Fits the models first, and decides which one leads.
    clvml.evaluation.METRICS : All metrics.
    clvml.plots.comparison : Draw the table.

    Examples
    --------
    >>> import clvml
    >>> import pandas as pd
    >>> actual = pd.Series([0.0, 60.0, 10.0, 30.0])
    >>> predictions = pd.DataFrame({"half": actual / 2, "nothing": 0.0})
    >>> clvml.compare(actual, predictions, {"nothing": "baseline"})[["family", "bias_pct", "mae", "spearman"]]
                  family  bias_pct   mae  spearman
    model
    half     unspecified     -50.0  12.5       1.0
    nothing     baseline    -100.0  25.0       0.0
    >>> clvml.compare(actual, predictions, metrics=["mae"], intervals=True).columns.tolist()
    ['family', 'mae', 'mae_lower', 'mae_upper', 'mae_tied']
    """
    check_predictions(predictions)
    families = families or {}
    unknown = [name for name in families if name not in predictions]
    if unknown:
        raise InputError(f"a family is given for {unknown[0]!r}, which is not among the predictions.")
    scores = [score(actual, predictions[name], metrics) for name in predictions]
    table = pd.DataFrame(scores, index=pd.Index(list(predictions.columns), name="model"))
    if intervals:
        draws = bootstrap_metrics(actual, predictions, metrics, n_draws, random_state)
        table = draws.table(level).set_axis(table.index).assign(**{str(key): table[key] for key in table})
    table.insert(0, "family", [families.get(str(name), UNKNOWN_FAMILY) for name in predictions])
    return table
