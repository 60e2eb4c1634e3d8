"""What models of contractual retention share: retention curves, and the rules of their data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from clvml.customers._customer_tables import as_customers
from clvml.distributions._histories import distinct_rows
from clvml.distributions._history import Array, History, new_customers, params_of_rows
from clvml.errors import FitError, InputError
from clvml.inference._arguments import check_coverage
from clvml.models._customer_history import CONTRACT
from clvml.models._likelihood_model import RandomState
from clvml.models._opportunity_model import OpportunityModel

_DRAWS = 400


class ContractModel(OpportunityModel):
    """A model of contracts whose churn is observed at renewals."""

    columns = CONTRACT
    multiples = ("dropout",)
    counted = "renewals"
    instead = "for purchases at any time use BGNBD, MBGNBD or ParetoNBD"
    dropout_formula = "alpha / (alpha + beta)"
    dropout_per = "at the first renewal"

    def survival(self, n_renewals: int) -> Array:
        """Survival function: share of a new cohort active after 0, 1, ..., ``n_renewals`` renewals.

        Returns
        -------
        ndarray, shape (n_renewals + 1,)
        """
        check_is_fitted(self, "params_")
        renewals = np.arange(int(self._horizon_in_units(n_renewals)) + 1.0)
        return self._active(new_customers(1), self.params_, renewals)

    def retention_curve(
        self,
        n_renewals: int,
        customers: pd.DataFrame | None = None,
        *,
        coverage: float = 0.9,
        n_customers: int | None = None,
        random_state: RandomState = 0,
    ) -> pd.DataFrame:
        """Share of customers active after 0, 1, ..., ``n_renewals`` renewals, with intervals.

        Parameters
        ----------
        n_renewals : int
            Number of future renewals.
        customers : DataFrame, optional
            The customer summary: the curve starts at the end of their observation, with the share of those
            active then. None for a new cohort (of reference customers, with covariates).
        coverage : float, default 0.9
            Of the intervals of each renewal.
        n_customers : int, optional
            Size of a cohort: the limits are then those of the share that will be observed among that many
            customers (a prediction interval). None for the expected share (an interval by draws of the
            parameters; without width if these were given).
        random_state : int, Generator or None, default 0
            For the draws of parameters and cohorts.

        Returns
        -------
        DataFrame
            Index ``renewal``; columns ``survival, lower, upper``, and ``retention_rate``, the share of those
            active at the renewal who make it.

        Raises
        ------
        InputError
            If an argument is invalid.
        """
        check_is_fitted(self, "params_")
        check_coverage(coverage)
        _check_size(n_customers)
        renewals = np.arange(int(self._horizon_in_units(n_renewals)) + 1.0)
        history = new_customers(1) if customers is None else self.history(as_customers(customers))
        rng = np.random.default_rng(random_state)
        own = self.params_ if customers is None else self.customer_params(history)
        value = self._active(history, own, renewals)
        drawn = np.array(
            [
                self._active(
                    history,
                    self.Params(*draw[: len(self.Params._fields)])
                    if customers is None
                    else self.customer_params(history, draw),
                    renewals,
                )
                for draw in self.parameter_draws(_DRAWS, rng, together=True)
            ]
        )
        if n_customers is not None:
            drawn = np.resize(drawn, (max(_DRAWS * 10, len(drawn)), renewals.size))
            drawn = rng.binomial(n_customers, np.minimum(drawn, 1.0)) / n_customers
        lower, upper = np.quantile(drawn, [(1 - coverage) / 2, (1 + coverage) / 2], axis=0)
        with np.errstate(invalid="ignore"):
            rate = np.append(np.nan, value[1:] / value[:-1])
        return pd.DataFrame(
            {"survival": value, "lower": lower, "upper": upper, "retention_rate": rate},
            pd.RangeIndex(renewals.size, name="renewal"),
        )

    def _active(self, history: History, params: object, renewals: Array) -> Array:
        """The mean share of customers active after these numbers of renewals."""
        own = [param for param in params if isinstance(param, np.ndarray)]  # type: ignore[attr-defined]
        first, row = distinct_rows((history.t_x, history.T, *own))
        weight = np.bincount(row) / row.size
        some, here = history.rows(first), params_of_rows(params, first)
        alive = weight * self.kernel.probability_alive(some, here)
        kernel: Any = self.kernel  # of contracts: takes an array of renewals
        return np.asarray(kernel.survival_probability(some, renewals[:, None], here) @ alive)

    def _check(self, customers: pd.DataFrame, weights: object) -> tuple[pd.DataFrame, History]:
        if weights is None and isinstance(customers, pd.DataFrame) and "customers" in customers:
            raise InputError(
                "the table has a column 'customers': if it counts the customers of each row, fit with"
                " weights=table['customers']; if each row is one customer, drop the column."
            )
        return super()._check(customers, weights)

    def _refuse_without_information(self, history: History) -> None:
        if not history.T.any():
            raise FitError(
                "no renewal was offered to any customer (every T is 0): use a longer observation period."
            )
        if not (history.t_x < history.T).any():
            raise FitError(
                "no customer churned, so churn cannot be estimated: use a longer observation period."
            )
        if not history.t_x.any():
            raise FitError("no customer renewed, so retention cannot be estimated: check recency and T.")


def _check_size(n_customers: int | None) -> None:
    whole = isinstance(n_customers, int | np.integer) and not isinstance(n_customers, bool)
    if n_customers is not None and not (whole and n_customers > 0):
        raise InputError(f"n_customers is {n_customers!r}; it must be a whole number, one or more.")
