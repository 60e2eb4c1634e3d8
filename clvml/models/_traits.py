"""Traits: what each customer has of their own, and how that is distributed over customers.

::

    Gamma(shape, rate)            rates of purchase and of dropout
    Beta(a, b)                    probabilities of purchase, of dropout, of not renewing
    p / nu, nu ~ Gamma(q, v)      a customer's mean spend: inverse gamma of shape q and scale p * v
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from scipy import stats


def gamma(shape: Any, rate: Any) -> Any:
    """The Gamma distribution by its rate, as the papers have it."""
    return stats.gamma(shape, scale=1 / rate)


def mean_spend(p: Any, q: Any, v: Any) -> Any:
    """The distribution of ``p / nu``."""
    return stats.invgamma(q, scale=p * v)


class Trait(NamedTuple):
    """In words, per what, the distribution over customers, and by which parameters of the model.

    ``"{unit}"`` in ``per`` stands for the unit of time; ``distribution`` takes the parameters, numbers or
    arrays, and gives a frozen distribution of scipy.
    """

    name: str
    per: str
    distribution: Callable[..., Any]
    parameters: tuple[str, ...]


class TraitDistribution(NamedTuple):
    """How a trait is distributed over customers, by the estimate and by draws of the parameters.

    Attributes
    ----------
    name, per : str
        Such as ``"purchase rate"`` and ``"purchases per {unit}"``.
    distribution : frozen distribution of scipy
        By the estimate: ``mean(), median(), ppf(q), cdf(x)``.
    draws : frozen distribution of scipy, or None
        With an array of parameters, one set a draw; None where the parameters' uncertainty is not known.
    """

    name: str
    per: str
    distribution: Any
    draws: Any


PURCHASE_RATE = Trait("purchase rate", "purchases per {unit}", gamma, ("r", "alpha"))
DROPOUT_AFTER_PURCHASE = Trait("dropout probability", "after a purchase", stats.beta, ("a", "b"))
DROPOUT_RATE = Trait("dropout rate", "per {unit}", gamma, ("s", "beta"))
PURCHASE_PROBABILITY = Trait("purchase probability", "at an opportunity", stats.beta, ("alpha", "beta"))
DROPOUT_BEFORE_OPPORTUNITY = Trait(
    "dropout probability", "before an opportunity", stats.beta, ("gamma", "delta")
)
DROPOUT_AT_RENEWAL = Trait("dropout probability", "at a renewal", stats.beta, ("alpha", "beta"))
