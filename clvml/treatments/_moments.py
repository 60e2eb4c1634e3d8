"""Mean and variance of what customers will spend, by segment: what a test is planned from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from clvml.customers._time_units import Horizon, horizon_in
from clvml.errors import InputError
from clvml.lifetime_value._protocol import (
    SupportsPurchaseSimulation,
    SupportsSpendSimulation,
    require,
)
from clvml.lifetime_value._simulation import Discount, parameter_pairs, simulate_futures
from clvml.treatments._assignment import ALL

_WAY_OUT = "plan from an earlier holdout instead: clvml.treatments.observed_moments"


def predicted_moments(
    model: Any,
    customers: pd.DataFrame,
    horizon: Horizon,
    segments: pd.Series | None = None,
    *,
    n_simulations: int = 200,
    random_state: int = 0,
) -> pd.DataFrame:
    """Mean and variance of spend over the test by the model, from simulated futures.

    Parameters
    ----------
    model : LifetimeValue
        Fitted, of models that simulate.
    customers : pandas.DataFrame
        Customer summary.
    horizon : float or str
        Length of the test, such as ``"13W"``.
    segments : pandas.Series, optional
        By customer.
    n_simulations, random_state : int
        Simulated futures per customer, and the seed of their draw.

    Returns
    -------
    pandas.DataFrame
        Index ``segment``, ``"(all)"`` last: ``customers, mean, std`` (money per customer over the test) and
        ``explained`` (share of the variance that the prediction explains: law of total variance).

    Raises
    ------
    InputError
        If the model does not simulate.

    See Also
    --------
    clvml.treatments.observed_moments : The same from an earlier period.
    clvml.treatments.plan_test : The sizes that follow.

    Examples
    --------
    A test of 13 weeks with the customers of CDNOW:

    >>> import clvml
    >>> from clvml.treatments import predicted_moments
    >>> customers = clvml.summarize(clvml.load_cdnow())
    >>> model = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), horizon="13W").fit(customers)
    >>> moments = predicted_moments(model, customers, "13W", n_simulations=20, random_state=0)
    >>> list(moments.columns), int(moments.loc["(all)", "customers"])
    (['customers', 'mean', 'std', 'explained'], 2357)
    """
    purchases: Any = getattr(model, "purchases_", None)
    spend: Any = getattr(model, "spend_", None)
    require(purchases, SupportsPurchaseSimulation, "the variance of spend needs", _WAY_OUT)
    require(spend, SupportsSpendSimulation, "the variance of spend needs", _WAY_OUT)
    pairs = parameter_pairs(purchases, spend, n_simulations, random_state, together=False)
    span = horizon_in(horizon, model.time_unit_)
    mean, variance = np.empty(len(customers)), np.empty(len(customers))
    for futures in simulate_futures(
        purchases, spend, pairs, customers, Discount(span, 0.0, 0.0), n_simulations, random_state
    ):
        mean[futures.rows] = futures.spend.mean(axis=1)
        variance[futures.rows] = futures.spend.var(axis=1, ddof=1)
    # The simulated means vary by chance too.
    noise = variance / n_simulations
    return _by_segment(mean, variance, noise, customers.index, segments)


def observed_moments(
    outcome: pd.Series, predicted: pd.Series | None = None, segments: pd.Series | None = None
) -> pd.DataFrame:
    """Mean and variance of spend as observed in an earlier period as long as the test.

    Parameters
    ----------
    outcome : pandas.Series
        Money by customer in that period, such as ``split.holdout["spend"]``.
    predicted : pandas.Series, optional
        What a model expected of them before it.
    segments : pandas.Series, optional
        By customer.

    Returns
    -------
    pandas.DataFrame
        As from `predicted_moments`.

    See Also
    --------
    clvml.treatments.predicted_moments : The same by simulation from a model.
    clvml.treatments.plan_test : The sizes that follow.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.treatments import observed_moments
    >>> spent = pd.Series([0.0, 10.0, 20.0, 30.0])
    >>> observed_moments(spent, pd.Series([5.0, 5.0, 25.0, 25.0])).round(2)
             customers  mean    std  explained
    segment
    (all)            4  15.0  12.91        0.8
    """
    _check_numbers(outcome)
    expected = np.zeros(len(outcome)) if predicted is None else predicted.reindex(outcome.index).to_numpy()
    frame = pd.DataFrame({"y": outcome.to_numpy(float), "x": expected}, outcome.index)
    rows = {name: _observed(frame.loc[members]) for name, members in _members(outcome.index, segments)}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("segment").astype({"customers": int})


def _check_numbers(outcome: pd.Series) -> None:
    if len(outcome) < 2 or not np.isfinite(outcome.to_numpy(float)).all():
        raise InputError("outcomes must be at least two finite numbers.")


def _observed(frame: pd.DataFrame) -> dict[str, float]:
    varies = len(frame) > 2 and frame["x"].std() > 0 and frame["y"].std() > 0
    explained = float(np.corrcoef(frame["x"], frame["y"])[0, 1] ** 2) if varies else 0.0
    return {
        "customers": len(frame),
        "mean": frame["y"].mean(),
        "std": frame["y"].std(),
        "explained": explained,
    }


def _members(index: pd.Index, segments: pd.Series | None) -> list[tuple[str, pd.Index]]:
    groups = (
        [] if segments is None else [*segments.reindex(index).astype(str).groupby(segments.reindex(index))]
    )
    return [*((str(name), part.index) for name, part in groups), (ALL, index)]


def _by_segment(
    mean: np.ndarray, variance: np.ndarray, noise: np.ndarray, index: pd.Index, segments: pd.Series | None
) -> pd.DataFrame:
    frame = pd.DataFrame({"mean": mean, "variance": variance, "noise": noise}, index)
    rows = {}
    for name, members in _members(index, segments):
        part = frame.loc[members]
        between = max(float(part["mean"].var()) - float(part["noise"].mean()), 0.0) if len(part) > 1 else 0.0
        total = float(part["variance"].mean()) + between
        rows[name] = {
            "customers": len(part),
            "mean": float(part["mean"].mean()),
            "std": float(np.sqrt(total)),
            "explained": between / total if total > 0 else 0.0,
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("segment").astype({"customers": int})
