"""Calibration of predictions by group: by decile of the prediction, by past frequency.

The bias of the total can hide errors that cancel: too high for the best customers, too low for the
rest. These tables compare the mean prediction of each group with its mean outcome.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import ndtri

from clvml.customers._summary_checks import check_customers
from clvml.errors import InputError
from clvml.evaluation._alignment import FloatArray, aligned, check_probabilities
from clvml.evaluation._ranking import in_predicted_order


def calibration_by_decile(actual: pd.Series, predicted: pd.Series) -> pd.DataFrame:
    """Mean predicted and mean actual value by decile of the prediction, highest first.

    Customers with equal predictions share their actual values equally, so the order of rows does
    not matter. With fewer than ten customers, each is a group.

    Parameters
    ----------
    actual, predicted : pandas.Series
        One number per customer, on the same customers.

    Returns
    -------
    pandas.DataFrame
        Index ``decile`` from 1, the highest predicted; columns ``customers, predicted, actual``.

    Raises
    ------
    InputError
        If the two do not fit together.

    See Also
    --------
    clvml.plots.calibration_by_decile : Draw the table.
    clvml.evaluation.bias_by_group, clvml.evaluation.calibration_error : Summaries of the table.
    clvml.evaluation.reliability_table : The same for probabilities.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from clvml.evaluation import calibration_by_decile
    >>> actual = pd.Series(np.arange(20.0))
    >>> calibration_by_decile(actual, actual + 1).head(2)
            customers  predicted  actual
    decile
    1               2       19.5    18.5
    2               2       17.5    16.5
    """
    truth, forecast = aligned(actual, predicted)
    n_groups = min(10, len(truth))
    table = pd.DataFrame(
        {"predicted": np.sort(forecast)[::-1], "actual": in_predicted_order(truth, forecast)}
    )
    sizes = [len(part) for part in np.array_split(np.arange(len(truth)), n_groups)]
    decile = pd.Series(np.repeat(np.arange(1, n_groups + 1), sizes), name="decile")
    means = table.groupby(decile).mean()
    means.insert(0, "customers", sizes)
    return means


def bias_by_group(table: pd.DataFrame) -> pd.Series:
    """The bias of each group's total, in percent of the actual one.

    Parameters
    ----------
    table : pandas.DataFrame
        As returned by :func:`clvml.evaluation.calibration_by_decile` or
        :func:`clvml.evaluation.calibration_by_frequency`.

    Returns
    -------
    pandas.Series
        ``bias_pct`` by group; NaN where the actual total is not positive.

    See Also
    --------
    clvml.evaluation.calibration_error : One number for all groups.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.evaluation import bias_by_group, calibration_by_decile
    >>> actual = pd.Series([0.0, 8.0, 10.0])
    >>> bias_by_group(calibration_by_decile(actual, pd.Series([1.0, 10.0, 15.0]))).tolist()
    [50.0, 25.0, nan]
    """
    return (100 * (table["predicted"] / table["actual"].where(table["actual"] > 0) - 1)).rename("bias_pct")


def calibration_error(table: pd.DataFrame) -> float:
    """Sum over groups of the absolute bias in money, in percent of the actual total.

    Parameters
    ----------
    table : pandas.DataFrame
        As returned by :func:`clvml.evaluation.calibration_by_decile` or
        :func:`clvml.evaluation.calibration_by_frequency`.

    Returns
    -------
    float
        In percent; NaN where the actual total is not positive.

    See Also
    --------
    clvml.evaluation.bias_by_group : By group, with its sign.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.evaluation import calibration_by_decile, calibration_error
    >>> actual = pd.Series([0.0, 8.0, 12.0])
    >>> calibration_error(calibration_by_decile(actual, pd.Series([1.0, 10.0, 15.0])))
    30.0
    """
    total = float((table["customers"] * table["actual"]).sum())
    off = float((table["customers"] * (table["predicted"] - table["actual"])).abs().sum())
    return 100 * off / total if total > 0 else float("nan")


def reliability_table(outcome: pd.Series, probability: pd.Series) -> pd.DataFrame:
    """Mean probability and share of customers with the outcome, by decile of the probability.

    Parameters
    ----------
    outcome : pandas.Series
        0 or 1 by customer, such as whether a customer bought in the holdout. Whether a customer is alive is
        never observed: evaluate P(buys again) over a period instead, or P(alive) against purchases in a long
        holdout, as a lower limit.
    probability : pandas.Series
        Predicted probability, for the same customers.

    Returns
    -------
    pandas.DataFrame
        Index ``decile``, 1 is the highest probability; columns ``customers, predicted, actual, lower,
        upper``: the last two the 90 % Wilson interval of the share.

    Raises
    ------
    InputError
        If the two do not fit together, an outcome is not 0 or 1, or a probability is outside [0, 1].

    See Also
    --------
    clvml.plots.reliability : Draw the table.
    clvml.evaluation.METRICS : ``"brier"``, ``"log_score"`` and ``"auc"`` of probabilities.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.evaluation import reliability_table
    >>> bought = pd.Series([1, 0, 1, 0] * 5)
    >>> reliability_table(bought, bought * 0.5 + 0.25).iloc[[0]]
            customers  predicted  actual     lower  upper
    decile
    1               2       0.75     1.0  0.425031    1.0
    """
    check_probabilities(*aligned(outcome, probability))
    table = calibration_by_decile(outcome.astype(np.float64), probability)
    table["lower"], table["upper"] = _wilson(table["actual"].to_numpy(), table["customers"].to_numpy())
    return table


def _wilson(share: FloatArray, n: FloatArray, level: float = 0.9) -> tuple[FloatArray, FloatArray]:
    """Interval of a binomial share (Wilson 1927)."""
    z = float(ndtri((1 + level) / 2))
    centre, half = share + z**2 / (2 * n), z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return np.maximum((centre - half) / (1 + z**2 / n), 0.0), np.minimum(
        (centre + half) / (1 + z**2 / n), 1.0
    )


def decile_error(actual: FloatArray, predicted: FloatArray) -> float:
    """Sum over deciles of the absolute difference of predicted and actual sums, in percent of the total."""
    return 100 * float(np.abs(_decile_differences(actual, predicted)).sum() / actual.sum())


def reliability_error(outcome: FloatArray, probability: FloatArray) -> float:
    """Mean over customers of the absolute difference of predicted and observed share of their decile."""
    return float(np.abs(_decile_differences(outcome, probability)).sum() / len(outcome))


def _decile_differences(actual: FloatArray, predicted: FloatArray) -> FloatArray:
    difference = np.sort(predicted)[::-1] - in_predicted_order(actual, predicted)
    return np.array([part.sum() for part in np.array_split(difference, min(10, len(actual)))])


def calibration_by_frequency(
    customers: pd.DataFrame, holdout: pd.DataFrame, expected: pd.Series, top: int = 7
) -> pd.DataFrame:
    """Mean expected and mean actual holdout purchases by repeat purchases in the calibration period.

    Parameters
    ----------
    customers : pandas.DataFrame
        The customer summary of the calibration period, with ``frequency``.
    holdout : pandas.DataFrame
        The same customers, with ``purchases``.
    expected : pandas.Series
        Expected purchases in the holdout, for the same customers.
    top : int
        Customers with at least this frequency form one group.

    Returns
    -------
    pandas.DataFrame
        Index ``frequency``, text from "0" to "7+", without empty groups; columns
        ``customers, predicted, actual``.

    Raises
    ------
    InputError
        If the three do not fit together, or ``top`` is below 1.

    See Also
    --------
    clvml.plots.calibration_by_frequency : Draw the table.
    clvml.diagnostics.fit_by_frequency : The fit in the calibration period.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.evaluation import calibration_by_frequency
    >>> customers = pd.DataFrame({"frequency": [0.0, 0.0, 9.0]})
    >>> holdout = pd.DataFrame({"purchases": [0.0, 1.0, 6.0]})
    >>> calibration_by_frequency(customers, holdout, pd.Series([0.2, 0.4, 5.0]))
               customers  predicted  actual
    frequency
    0                  2        0.3     0.5
    7+                 1        5.0     6.0
    """
    if top < 1:
        raise InputError(f"top is {top!r}; it must be at least 1.")
    if "purchases" not in holdout:
        raise InputError("the holdout lacks the column 'purchases'; clvml.split makes it.")
    frequency = check_customers(customers, ["frequency"])["frequency"]
    group, actual = aligned(frequency.clip(upper=top), holdout["purchases"])
    _, predicted = aligned(frequency, expected)
    table = pd.DataFrame({"predicted": predicted, "actual": actual})
    means = table.groupby(group).mean()
    means.insert(0, "customers", table.groupby(group).size())
    labels = [f"{top}+" if value == top else f"{value:.0f}" for value in means.index]
    return means.set_axis(pd.Index(labels, name="frequency"), axis="index")
