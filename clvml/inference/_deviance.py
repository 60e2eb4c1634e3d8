"""The score of predicted values for scikit-learn's model selection."""

from __future__ import annotations

import numpy as np
import pandas as pd

from clvml.errors import InputError

_LEAST = 1e-3  # prediction, as a share of the mean outcome


def deviance_score(predicted: pd.Series, y: object, model: str) -> float:
    """Minus the mean Tweedie deviance (power 1.5) of the actual values per customer; larger is better.

    The deviance of a compound Poisson-gamma distribution (a number of purchases, each with a gamma
    distributed amount, so that zero is an outcome like others): ``4 * (sqrt(y) - sqrt(mu))**2 / sqrt(mu)``.
    Its expectation is minimal at the mean. It would be infinite where a formula predicts 0 and the outcome is
    not 0, so predictions are raised to at least a thousandth of the mean outcome. Joergensen (1987),
    Exponential Dispersion Models, Journal of the Royal Statistical Society B 49.

    Parameters
    ----------
    predicted : pandas.Series
        By customer.
    y : array-like, shape (n_customers,)
        What the customers were worth: an array in the order of the customers, or a Series by customer.
    model : str
        For messages.

    Raises
    ------
    InputError
        If ``y`` is missing or does not fit the customers, or a value is negative.

    Examples
    --------
    >>> deviance_score(pd.Series([4.0, 9.0]), [4.0, 1.0], "Model")
    -2.6666666666666665
    """
    if y is None:
        raise InputError(
            f"the score of {model} needs y, what each customer was worth over its horizon, such as"
            " split.holdout['spend'] times the margin."
        )
    actual, mu = _aligned(y, predicted.index), predicted.to_numpy()
    if not (np.isfinite(actual).all() and (actual >= 0).all() and (mu >= 0).all()):
        raise InputError(
            "the deviance needs actual and predicted values that are finite and not negative; compare values"
            " with losses by clvml.compare."
        )
    mu = np.maximum(mu, max(_LEAST * actual.mean(), np.finfo(float).tiny))
    return -float((4 * (np.sqrt(actual) - np.sqrt(mu)) ** 2 / np.sqrt(mu)).mean())


def _aligned(y: object, customers: pd.Index) -> np.ndarray:
    if isinstance(y, pd.Series) and customers.isin(y.index).all() and y.index.is_unique:
        y = y.reindex(customers)
    try:
        actual = np.asarray(y, dtype=float)
    except (TypeError, ValueError):
        actual = np.empty(0)
    if actual.shape != (len(customers),):
        raise InputError(f"y must be {len(customers)} numbers, one per customer.")
    return actual
