"""Customer traits, such as purchase rates, and their distributions across customers.

::

    Gamma(shape, rate)            purchase rates and dropout rates
    Beta(a, b)                    purchase, dropout and churn probabilities
    p / nu, nu ~ Gamma(q, v)      a customer's mean spend: inverse gamma of shape q and scale p * v
    lognormal(level, tau)         a customer's mean spend in the lognormal model
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from scipy import stats


def gamma(shape: Any, rate: Any) -> Any:
    """The Gamma distribution parameterised by its rate, as in the papers."""
    return stats.gamma(shape, scale=1 / rate)


def mean_spend(p: Any, q: Any, v: Any) -> Any:
    """The distribution of ``p / nu``."""
    return stats.invgamma(q, scale=p * v)


def lognormal(level: Any, tau: Any) -> Any:
    """The lognormal distribution with this median and this standard deviation of the logarithm."""
    return stats.lognorm(tau, scale=level)


class Trait(NamedTuple):
    """Name, unit, distribution across customers, and the parameters of the model that determine it.

    ``"{unit}"`` in ``per`` is the time unit; ``distribution`` takes the parameters, numbers or
    arrays, and gives a frozen distribution of scipy.
    """

    name: str
    per: str
    distribution: Callable[..., Any]
    parameters: tuple[str, ...]


class TraitDistribution(NamedTuple):
    """Distribution of a trait across customers, by the estimate and by draws of the parameters.

    Attributes
    ----------
    name, per : str
        Such as ``"purchase rate"`` and ``"purchases per {unit}"``.
    distribution : frozen distribution of scipy
        At the estimate: ``mean(), median(), ppf(q), cdf(x)``.
    draws : frozen distribution of scipy, or None
        With arrays of parameters, one element per draw; None if parameter uncertainty is unknown.

    See Also
    --------
    clvml.diagnostics.heterogeneity : The densities with credible bands.
    clvml.lifetime_value.SupportsHeterogeneity : Models that give it.

    Examples
    --------
    Four in five customers are expected to buy less than once in 13 weeks:

    >>> import clvml
    >>> model = clvml.BGNBD.from_params(r=0.243, alpha=4.414, a=0.793, b=2.426, time_unit="W")
    >>> rate, dropout = model.trait_distributions()
    >>> rate.name, round(float(rate.distribution.mean()), 3), round(float(rate.distribution.cdf(1 / 13)), 2)
    ('purchase rate', 0.055, 0.8)
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
DROPOUT_AT_FIRST_RENEWAL = Trait("dropout probability", "at the first renewal", stats.beta, ("alpha", "beta"))
