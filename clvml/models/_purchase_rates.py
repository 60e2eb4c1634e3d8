"""Purchase rates as a covariate of spend: the customer's log purchase rate, as far as purchases identify it.

Purchases are taken to follow the NBD model: rates are ``Gamma(r, alpha)`` across customers, and given ``x``
repeat purchases until ``T`` the logarithm of a customer's rate has the mean ``psi(r + x) - ln(alpha + T)``.
If the logarithm of mean spend is linear in that of the rate, with slope ``delta``, so is its expectation
given the purchases, in this mean and with the same slope: regressing spend on it estimates ``delta``, the
elasticity of spend with respect to the purchase rate, without the attenuation that a noisy observed rate has.
(A little remains where one-time buyers are in the fit: their rates are so uncertain that their spend varies
more.) Dropout is ignored: rates are those over the whole observation.

Of customers alike in the data, those with higher rates make more of the future purchases, and spend more: the
mean amount of a future purchase is ``E[rate**(1 + delta)] / (E[rate] E[rate**delta])`` times the mean of the
customers, that is ``1 + delta / (r + x)`` (`purchase_weight`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import digamma

from clvml.distributions._covariates import of_purchases
from clvml.distributions._history import Array
from clvml.errors import FitError, InputError
from clvml.inference._maximum_likelihood import maximise

LOG_RATE = "log purchase rate"


class RateParams(NamedTuple):
    """Shape and rate of the Gamma distribution of purchase rates across customers."""

    r: float
    alpha: float

    def check(self) -> None:
        """Refuse parameters that are impossible.

        Raises
        ------
        InputError
            If one is not positive and finite.
        """
        if not (np.isfinite(self).all() and min(self) > 0):
            raise InputError(f"the parameters of purchase rates are {tuple(self)!r}; they must be positive.")


def fit_rates(x: Array, T: Array, weights: Array) -> RateParams:
    """Fit the NBD model by maximum likelihood.

    Raises
    ------
    FitError
        If there are no repeat purchases, or no customer was observed for any time.
    """
    total, purchases, time = float(weights.sum()), float(weights @ x), float(weights @ T)
    if purchases == 0 or time == 0:
        raise FitError(
            "spend cannot depend on purchase rates, as there are no repeat purchases or all customers have"
            " T = 0: leave rate_effect at False."
        )
    unit = time / total

    def objective(theta: Array) -> tuple[float, Array, Array]:
        r, alpha = (np.full(x.size, value) for value in np.exp(theta))
        value, slope, curve = of_purchases(x, T / unit, r, alpha)
        return float(weights @ value), slope[:2] @ weights, curve[:2, :2] @ weights

    start = np.array([0.0, np.log(total / purchases)])
    r, scaled = np.exp(maximise(objective, [start], total).theta).tolist()
    return RateParams(r, scaled * unit)


def purchase_weight(x: Array, elasticity: float, params: RateParams) -> Array:
    """Mean spend weighted by future purchases, relative to that of the customers.

    For a negative elasticity the reciprocal of the positive one, which is positive for any.
    """
    weight = 1 + abs(elasticity) / (params.r + x)
    return weight if elasticity >= 0 else 1 / weight


def log_rates(x: Array, T: Array, params: RateParams) -> Array:
    """The expected logarithm of each customer's purchase rate."""
    return np.asarray(digamma(params.r + x) - np.log(params.alpha + T), dtype=float)
