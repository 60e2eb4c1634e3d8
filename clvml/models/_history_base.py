"""What all models of repeat purchases share: parameters, covariates, and reading customer summaries.

The mathematics of a model is its `Kernel`, a module of functions of a `History` and parameters; the estimator
converts customer summaries to its input and results to Series.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from clvml.customers._customer_tables import as_customers
from clvml.customers._summary_checks import HISTORY
from clvml.customers._time_units import Horizon, horizon_in, time_unit_of
from clvml.customers._training_summary import check_time_scale
from clvml.distributions._covariates import Influence
from clvml.distributions._history import Array, History
from clvml.distributions._kernel import CustomerKernel, Kernel
from clvml.errors import InputError
from clvml.inference._arguments import check_fitted, check_params
from clvml.inference._likelihood_ratio import LikelihoodRatioTest
from clvml.models._customer_history import history_of
from clvml.models._likelihood_model import LikelihoodModel
from clvml.models._log_linear import Covariates, LogLinearParameters, Side, columns_by_side
from clvml.models._parameters import Parameters

IN_TIME = ("alpha", "beta")  # parameters in the unit of time; the others are dimensionless


class HistoryBase(LikelihoodModel):
    """A model of purchase histories: its kernel, parameters and covariates.

    Parameters
    ----------
    prior : {"weak", "auto"}, optional
        As in `LikelihoodModel`; the prior of standardised coefficients is normal with standard deviation 1.5.
    covariates : sequence of str, or mapping of side to such, default ()
        Time-invariant columns of the customer summary: numeric, or categorical (text, bool, pandas
        categorical). A sequence applies to all sides of the model.
    """

    columns: ClassVar[tuple[str, ...]] = HISTORY
    kernel: ClassVar[Kernel]
    by_customer: ClassVar[CustomerKernel]
    influences: ClassVar[Mapping[str, Influence]]  # by side
    discrete_time: ClassVar[bool] = False  # whether purchases occur at whole numbers of time units only
    multiples: ClassVar[tuple[str, ...]] = ("purchase_rate", "dropout")  # available in scenarios
    dropout_formula: ClassVar[str]  # what `Kernel.dropout_rate` computes, as a formula and a unit
    dropout_per: ClassVar[str]
    first_guess: ClassVar[tuple[float, float]]  # of the two parameters of dropout, with T about 1

    time_unit_: str | None
    sides_: tuple[Side, ...] = ()
    likelihood_ratio_test_: LikelihoodRatioTest | None = None

    def __init__(self, prior: Literal["weak", "auto"] | None = None, covariates: Covariates = ()) -> None:
        super().__init__(prior)
        self.covariates = covariates

    @classmethod
    def _with_params(cls, params: Any, time_unit: str | None) -> Self:
        model = cls()
        model.params_ = check_params(params)
        model.time_unit_ = time_unit if time_unit is None else time_unit_of(time_unit).code
        return model

    @property
    def required_columns(self) -> tuple[str, ...]:
        """The columns of the customer summary that the model uses."""
        sides = columns_by_side(self.covariates, tuple(self.influences))
        return tuple(dict.fromkeys([*self.columns, *(name for names in sides.values() for name in names)]))

    @property
    def reference_(self) -> dict[str, Any]:
        """The covariates of the reference customer, whose parameters are ``params_``."""
        check_fitted(self, "params_")
        return {covariate.name: covariate.reference for side in self.sides_ for covariate in side.covariates}

    @property
    def coefficients_(self) -> pd.DataFrame:
        """Coefficients of the covariates: ``exp(estimate)`` per unit, or relative to the reference level.

        Index ``side, covariate``; columns ``estimate, standard_error, lower, upper``, the limits of
        95 % Wald confidence intervals.
        """
        check_is_fitted(self, "params_")
        estimate = self._estimate()
        errors = np.sqrt(np.diag(self.covariance_)) if self.sides_ else np.zeros_like(estimate)
        return self._log_linear(self.sides_).coefficients(estimate, errors)

    def history(self, customers: pd.DataFrame) -> History:
        """The customers' validated purchase histories with their covariates; treat as read-only."""
        check_fitted(self, "params_")
        customers = as_customers(customers)
        history, parameters = self._read(customers, self.time_unit_), self._parameters
        check_time_scale(customers, self.time_unit_, self.training_summary_)
        if isinstance(parameters, LogLinearParameters):
            return parameters.encoded(history, customers)
        return history

    def customer_params(self, history: History, estimate: Array | None = None) -> Any:
        """Customer-specific parameters, by the estimate or by a draw of `parameter_draws`.

        A NamedTuple of numbers, and of arrays of one number per customer where customers differ.
        """
        check_fitted(self, "params_")
        estimate = self._estimate() if estimate is None else estimate
        return self._parameters.customer_params(history, estimate)

    def _check_learnt(self) -> None:
        """As `LikelihoodModel`; and the sides must be those of the covariates, with finite coefficients."""
        columns = columns_by_side(self.covariates, tuple(self.influences))
        learnt = {side.name: tuple(covariate.name for covariate in side.covariates) for side in self.sides_}
        if learnt != columns:
            raise InputError(f"the coefficients are of {learnt}, and the covariates are {columns}.")
        for side in self.sides_:
            side.check()
        super()._check_learnt()

    @property
    def _parameters(self) -> Parameters:
        return self._log_linear(self.sides_) if self.sides_ else self._common_parameters()

    def _log_linear(self, sides: tuple[Side, ...]) -> LogLinearParameters:
        return LogLinearParameters(self._common_parameters(), self.influences, sides)

    def _estimate(self) -> Array:
        return np.concatenate([self.params_, *(side.coefficients for side in self.sides_)])

    def _figures(self) -> dict[str, str]:
        test = self.likelihood_ratio_test_
        return super()._figures() | ({} if test is None else {"covariates:": str(test)})

    def _read(self, customers: pd.DataFrame, time_unit: str | None) -> History:
        return history_of(customers, time_unit, self.columns)

    def _horizon_in_units(self, horizon: Horizon) -> float:
        now = isinstance(horizon, int | float | np.number) and horizon == 0
        return 0.0 if now else horizon_in(horizon, self.time_unit_)
