"""The models that can compete, by the name that the config uses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from clvml.compat.lifetimes._bridge import LifetimesValue
from clvml.lifetime_value._projection import LifetimeValue
from clvml.lifetime_value._protocol import ValueModel
from clvml.lifetime_value.formulas import (
    AnnuityValue,
    HistoricValue,
    RepeatRateValue,
    RetentionValue,
    TotalCustomerValue,
    TotalSpendValue,
    ZeroValue,
)
from clvml.lifetime_value.formulas._loyalty_models import LoyaltyEffectsValue, ProfitContributionValue
from clvml.lifetime_value.formulas._migration import MigrationValue
from clvml.models._bgnbd import BGNBD
from clvml.models._gamma_gamma import GammaGamma
from clvml.models._mbgnbd import MBGNBD
from clvml.models._pareto_nbd import ParetoNBD


class Contender(NamedTuple):
    """A model in the comparison.

    Attributes
    ----------
    title : str
        Its name in tables and figures.
    family : str
        "probabilistic", "formula" or "baseline".
    build : callable
        Makes the unfitted model from horizon, annual_discount_rate and margin (as keywords).
    optional : bool
        Whether the comparison goes on without it where it cannot be fitted.
    """

    title: str
    family: str
    build: Callable[..., ValueModel]
    optional: bool = False


def _bgnbd_gamma_gamma(**value: Any) -> LifetimeValue:
    return LifetimeValue(purchases=BGNBD(), spend=GammaGamma(), **value)


def _mbgnbd_gamma_gamma(**value: Any) -> LifetimeValue:
    return LifetimeValue(purchases=MBGNBD(), spend=GammaGamma(), **value)


def _pareto_nbd_gamma_gamma(**value: Any) -> LifetimeValue:
    return LifetimeValue(purchases=ParetoNBD(), spend=GammaGamma(), **value)


CONTENDERS = {
    "bgnbd_gamma_gamma": Contender("BG/NBD x Gamma-Gamma", "probabilistic", _bgnbd_gamma_gamma),
    "mbgnbd_gamma_gamma": Contender("MBG/NBD x Gamma-Gamma", "probabilistic", _mbgnbd_gamma_gamma),
    "pareto_nbd_gamma_gamma": Contender("Pareto/NBD x Gamma-Gamma", "probabilistic", _pareto_nbd_gamma_gamma),
    "lifetimes": Contender("lifetimes package", "probabilistic", LifetimesValue, optional=True),
    "repeat_rate": Contender("repeat rate x ticket", "formula", RepeatRateValue),
    "total_spend": Contender("total / T", "formula", TotalSpendValue),
    "historic": Contender("historic", "formula", HistoricValue),
    "annuity": Contender("annuity", "formula", AnnuityValue),
    "retention": Contender("retention", "formula", RetentionValue),
    "total_customer_value": Contender("total customer value", "formula", TotalCustomerValue),
    "loyalty_effects": Contender("loyalty effects", "formula", LoyaltyEffectsValue),
    "profit_contribution": Contender("profit contribution", "formula", ProfitContributionValue),
    "migration": Contender("migration", "formula", MigrationValue),
    "zero": Contender("nothing for everyone", "baseline", ZeroValue),
}
