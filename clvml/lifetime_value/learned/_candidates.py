"""The probabilistic models that are combined or corrected by default."""

from __future__ import annotations

from clvml.lifetime_value._projection import LifetimeValue
from clvml.models._bgnbd import BGNBD
from clvml.models._constant_spend import ConstantSpend
from clvml.models._gamma_gamma import GammaGamma
from clvml.models._mbgnbd import MBGNBD
from clvml.models._pareto_nbd import ParetoNBD


def purchase_structures() -> dict[str, LifetimeValue]:
    """Unfitted models of value by name, the most general first."""
    kinds = {"Pareto/NBD": ParetoNBD, "BG/NBD": BGNBD, "MBG/NBD": MBGNBD}
    spend = (GammaGamma(), ConstantSpend())
    return {name: LifetimeValue(kind(prior="auto"), spend, 1.0) for name, kind in kinds.items()}
