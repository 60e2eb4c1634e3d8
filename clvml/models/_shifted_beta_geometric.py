"""The shifted beta-geometric model as an estimator: how long subscribers will stay."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from clvml.customers._summary_checks import checked_columns
from clvml.distributions import shifted_beta_geometric as sbg
from clvml.distributions._histories import Array
from clvml.distributions._kernel import Kernel
from clvml.distributions.shifted_beta_geometric import ShiftedBetaGeometricParams
from clvml.errors import FitError, InputError
from clvml.models._history_model import NOBODY_LEAVES
from clvml.models._likelihood_model import Scale
from clvml.models._opportunity_model import OpportunityModel
from clvml.models._traits import DROPOUT_AT_RENEWAL


def customers_from_survivors(survivors: ArrayLike) -> pd.DataFrame:
    """The table that `ShiftedBetaGeometric` fits, from the number of subscribers left at each renewal.

    Parameters
    ----------
    survivors : array-like, shape (n_renewals + 1,)
        Subscribers at the start, after the first renewal, and so on; never rising.

    Returns
    -------
    DataFrame
        ``recency, T, customers``: those who left at each renewal and those still there; fit with
        ``customers`` as weights.

    Raises
    ------
    InputError
        If there are fewer than two numbers, or they are negative, missing or rise.

    Examples
    --------
    >>> customers_from_survivors([1000, 631, 468])
                 recency    T  customers
    customer_id
    1                0.0  2.0      369.0
    2                1.0  2.0      163.0
    3                2.0  2.0      468.0
    """
    left = np.asarray(survivors, dtype=float)
    if left.ndim != 1 or left.size < 2 or not np.isfinite(left).all() or (left < 0).any():
        raise InputError("survivors must be two or more finite numbers, zero or more.")
    if (np.diff(left) > 0).any():
        raise InputError("survivors must not rise: a cohort gains nobody after its start.")
    renewed = np.arange(left.size, dtype=float)
    counts = np.append(-np.diff(left), left[-1])
    index = pd.RangeIndex(1, left.size + 1, name="customer_id")
    return pd.DataFrame({"recency": renewed, "T": float(left.size - 1), "customers": counts}, index=index)


class ShiftedBetaGeometric(OpportunityModel):
    """The shifted beta-geometric model of subscriptions, fitted by maximum likelihood.

    Of each customer it reads ``T``, the renewals offered so far, and ``recency``, those made: whoever
    made fewer than were offered has left. See `clvml.distributions.shifted_beta_geometric`.

    Attributes
    ----------
    params_ : ShiftedBetaGeometricParams
        ``alpha, beta``, pure numbers.
    time_unit_ : {"D", "W", "M", "Y"} or None
        How often renewals come, if the customers said so.
    log_likelihood_ : float
        Total log-likelihood at the optimum.
    covariance_ : ndarray, shape (2, 2)
        Of the parameters, from the inverse observed information.
    standard_errors_ : ShiftedBetaGeometricParams
        Their square roots.
    n_customers_ : float
        Number of customers, or the sum of their weights.
    fit_record_ : FitRecord
        How the search went, with messages in words.

    References
    ----------
    Fader, Hardie (2007), How to Project Customer Retention, Journal of Interactive Marketing 21(1).

    Examples
    --------
    >>> cohort = customers_from_survivors([1000, 631, 468, 382, 326, 289, 262, 241])
    >>> model = ShiftedBetaGeometric().fit(cohort, weights=cohort["customers"])
    >>> [round(value, 3) for value in model.params_]
    [0.704, 1.182]
    """

    required_columns: ClassVar[tuple[str, ...]] = ("recency", "T")

    title = "shifted beta-geometric"
    kernel: ClassVar[Kernel] = sbg
    multiples: ClassVar[tuple[str, ...]] = ("dropout",)
    counted = "renewals"
    instead = "for purchases at any time use BGNBD, MBGNBD or ParetoNBD"
    leaving = "alpha / (alpha + beta)"
    leaving_per = "a renewal, at the first"
    Params: ClassVar[type[ShiftedBetaGeometricParams]] = ShiftedBetaGeometricParams
    meanings = (
        "leaving at a renewal: alpha / (alpha + beta) on average at the first,",
        "and the larger alpha + beta, the more alike",
    )
    scales = (
        Scale("odds of leaving at the first renewal, alpha / beta", (1, -1), 0.3, 2.0),
        Scale("how alike customers are, sqrt(alpha * beta)", (0.5, 0.5), 1.0, 1.5),
    )
    traits = (DROPOUT_AT_RENEWAL,)
    limits: ClassVar[dict[tuple[str, ...], str]] = {
        ("alpha to infinity", "beta to infinity"): "customers do not differ in how readily they leave",
        ("alpha to 0", "beta to 0"): "customers leave at the first renewal or never",
        ("alpha to 0",): NOBODY_LEAVES,
        ("beta to infinity",): NOBODY_LEAVES,
    }

    params_: ShiftedBetaGeometricParams
    standard_errors_: ShiftedBetaGeometricParams

    @classmethod
    def from_params(cls, *, alpha: float, beta: float, time_unit: str | None = None) -> Self:
        """A model with these parameters, for predictions without a fit.

        Raises
        ------
        InputError
            If a parameter is not positive and finite, or the time unit is unknown.
        """
        return cls._of(ShiftedBetaGeometricParams(alpha, beta), time_unit)

    def fit(self, customers: pd.DataFrame, *, weights: object = None, start: object = None) -> Self:
        """Fit to one row a customer with ``recency`` and ``T``, renewals made and offered.

        Parameters
        ----------
        customers : DataFrame, shape (n_customers, ...)
            Customers, or the table of `customers_from_survivors`.
        weights : array-like, shape (n_customers,), optional
            How many customers each row stands for: the column ``customers`` of `customers_from_survivors`.
        start : sequence of float, optional
            Parameters to start from, such as those of last year's model.

        Raises
        ------
        InputError
            If the table breaks a rule, or has a column ``customers`` that is not used as weights.
        FitError
            If nobody left, nobody renewed, or no renewal was offered.

        Warns
        -----
        FitWarning
            If the fit sits on a boundary.
        """
        if weights is None and isinstance(customers, pd.DataFrame) and "customers" in customers:
            raise InputError(
                "the table has a column 'customers': if each row stands for so many, fit with"
                " weights=table['customers']; if each row is one customer, drop the column."
            )
        return super().fit(customers, weights=weights, start=start)

    def survival(self, n_renewals: int) -> Array:
        """The share of a new cohort that is still there after 0, 1, ..., ``n_renewals`` renewals."""
        check_is_fitted(self, "params_")
        alpha, beta = self.params_
        stayed = beta + np.arange(int(self._ahead(n_renewals)))
        return np.concatenate([[1.0], np.cumprod(stayed / (alpha + stayed))])

    def _columns(self, customers: pd.DataFrame, time_unit: str | None) -> tuple[Array, Array, Array]:
        made, T = checked_columns(customers, self.required_columns, time_unit).values()
        self._check_whole(customers, made, made, T)
        return made, made, T

    def _simulated(self, seen: Array, seed: int, params: Any) -> pd.DataFrame:
        return super()._simulated(seen, seed, params)[list(self.required_columns)]

    def _start(self, purchases: float) -> Array:
        return np.array([1.0, max(purchases, 0.1)])

    def _refuse_without_information(self, x: Array, t_x: Array, T: Array, counted: Array) -> None:  # noqa: ARG002
        if not T.any():
            raise FitError("no renewal was offered to anybody (every T is 0): observe customers for longer.")
        if not (t_x < T).any():
            raise FitError("nobody left, so how customers leave cannot be learnt: observe them for longer.")
        if not t_x.any():
            raise FitError("nobody renewed, so how customers stay cannot be learnt: check recency and T.")
