"""Base class of models of repeat purchases: fit, predictions and simulation.

`BGNBD`, `MBGNBD` and `ParetoNBD` differ in the kernel only; `BGBB` and `ShiftedBetaGeometric`, which count
opportunities, check more and do not scale parameters.
"""

from __future__ import annotations

from clvml.models._discounted_purchases import DiscountedPurchases
from clvml.models._history_fit import HistoryFit
from clvml.models._history_simulation import HistorySimulation


class HistoryModel(HistoryFit, DiscountedPurchases, HistorySimulation):
    """Base class of models of repeat purchases; subclasses define the kernel and the starting values.

    Parameters
    ----------
    prior : {"weak", "auto"}, optional
        As in `LikelihoodModel`; the prior of standardised coefficients is normal with standard deviation 1.5.
    covariates : sequence of str, or mapping of side to such, default ()
        Time-invariant columns of the customer summary: numeric, or categorical (text, bool, pandas
        categorical). A sequence applies to all sides of the model.
    """
