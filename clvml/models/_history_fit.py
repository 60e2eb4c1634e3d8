"""The fit of models of repeat purchases, its log-likelihood and its warnings."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd

from clvml.customers._counts import counted_if_stored
from clvml.customers._customer_tables import as_customers
from clvml.customers._summary_files import SummaryFile
from clvml.customers._time_units import stated_time_unit
from clvml.customers._training_summary import training_summary
from clvml.distributions._history import Array, History
from clvml.errors import FitError
from clvml.inference._fit_record import diverging_parameters
from clvml.inference._maximum_likelihood import Optimum
from clvml.inference._prior import FEW_CUSTOMERS, is_weak
from clvml.models._customer_history import check_weights
from clvml.models._fit_messages import NO_DROPOUT, meanings_of, wide_parameters
from clvml.models._history_base import IN_TIME, HistoryBase
from clvml.models._log_linear import LogLinearParameters, columns_by_side, learn_sides
from clvml.models._parameters import CommonParameters, Found, Parameters, Problem

_NEGLIGIBLE_DROPOUT = 1e-3


class HistoryFit(HistoryBase):
    """Fit by maximum likelihood."""

    def fit(
        self,
        customers: pd.DataFrame | SummaryFile | str | Path,
        y: object = None,  # noqa: ARG002
        *,
        weights: object = None,
        start: object = None,
    ) -> Self:
        """Fit the model by maximum likelihood.

        Parameters
        ----------
        customers : DataFrame, shape (n_customers, ...), SummaryFile or path
            The customer summary with ``frequency, recency, T`` and the covariates, one row per customer, or
            distinct histories with ``weights`` (`clvml.count_histories`). It must include one-time buyers. Of
            a stored one only the counts of distinct histories are read.
        y : ignored
            Not used; present for API consistency with scikit-learn.
        weights : array-like, shape (n_customers,), optional
            Number of customers that each row represents, such as ``counts["n_customers"]``.
        start : sequence of float, optional
            Starting values, such as the parameters of last month's model; the default ones are tried if the
            search from these fails.

        Raises
        ------
        InputError
            If the summary is invalid, such as a recency above ``T``.
        FitError
            If no customer bought again, or there is only one customer.

        Warns
        -----
        FitWarning
            If parameters diverge or are only weakly identified; the message suggests a remedy.
        """
        table, weights = counted_if_stored(customers, self.required_columns, weights)
        table, history = self._check(table, weights)
        parameters, history = self._encode(table, history)
        parameters = parameters.in_units(self._units(history))
        starts = self._starts(parameters.unit * self._first_guess(history), start)
        weak = is_weak(self.prior, float(history.weights.sum()))
        problem = Problem(self.kernel, history, weak, self.by_customer, rough=start is None)
        optimum = self._search(parameters, problem, starts)
        self.time_unit_ = stated_time_unit(table)
        self.training_summary_ = training_summary(table, history.weight)
        self._record(parameters, optimum, self._warnings(history, parameters, optimum))
        return self

    def score(self, customers: pd.DataFrame, y: object = None, *, weights: object = None) -> float:  # noqa: ARG002
        """Mean log-likelihood per customer, for scikit-learn's model selection.

        Parameters
        ----------
        customers : DataFrame
            The customer summary, in the model's time unit.
        y : ignored
            Not used; present for API consistency with scikit-learn.
        weights : array-like, shape (n_customers,), optional
            Number of customers that each row represents.

        Returns
        -------
        float
            Larger is better.
        """
        customers, weights = counted_if_stored(customers, self.required_columns, weights)
        each = self.log_likelihood(customers).to_numpy()
        counted = check_weights(weights, customers)
        return float(each.mean() if counted is None else np.average(each, weights=counted))

    def log_likelihood(self, customers: pd.DataFrame) -> pd.Series:
        """Log-likelihood of each customer.

        Parameters
        ----------
        customers : DataFrame
            The customer summary, in the model's time unit.

        Returns
        -------
        Series
            On the customers' index; its sum over the customers of the fit is ``log_likelihood_``.
        """
        customers = as_customers(customers)
        history = self.history(customers)
        value = self.kernel.log_likelihood(history, self.customer_params(history))
        return pd.Series(value, customers.index, name="log_likelihood")

    def likelihood_problem(self, customers: pd.DataFrame, weights: object = None) -> Problem:
        """The problem of maximum likelihood that these customers pose, without covariates or a prior."""
        history, counted = self._read(customers, None), check_weights(weights, customers)
        if counted is not None:
            history = History(history.x, history.t_x, history.T, counted)
        return Problem(self.kernel, history, weak=False)

    def common_parameters(self, problem: Problem) -> CommonParameters:
        """The parameters of all customers, in the scales of a search for this problem."""
        return self._common_parameters().in_units(self._units(problem.sample))

    # The steps of the fit.

    def _check(self, customers: pd.DataFrame, weights: object) -> tuple[pd.DataFrame, History]:
        """The customers with positive weight, and their validated history."""
        history, counted = self._read(customers, None), check_weights(weights, customers)
        if counted is not None:
            used = np.flatnonzero(counted > 0)
            customers, history = customers.iloc[used], history.rows(used)
            history = History(history.x, history.t_x, history.T, counted[used])
        self._refuse_without_information(history)
        return customers, history

    def _encode(self, customers: pd.DataFrame, history: History) -> tuple[Parameters, History]:
        """The kind of parameters, and the history with encoded covariates."""
        columns = columns_by_side(self.covariates, tuple(self.influences))
        if not columns:
            return self._common_parameters(), history
        parameters = self._log_linear(learn_sides(customers, columns, history.weights))
        return parameters, parameters.encoded(history, customers)

    def _units(self, history: History) -> Array:
        """Scales of the parameters in the search, which make the fit invariant to the unit of time."""
        mean = float(history.weights @ history.T / history.weights.sum())
        return np.array([mean if name in IN_TIME else 1.0 for name in self.Params._fields])

    def _first_guess(self, history: History) -> Array:
        """Starting values, scaled."""
        weights = history.weights
        purchases = float(weights @ history.x) / float(weights.sum())
        return np.array([1.0, 1 / purchases, *self.first_guess])

    def _keep(self, parameters: Parameters, found: Found, problem: Problem) -> None:
        super()._keep(parameters, found, problem)
        self.sides_, self.likelihood_ratio_test_ = (), found.test
        if isinstance(parameters, LogLinearParameters):
            self.sides_ = parameters.with_estimate(parameters.estimate(found.optimum.theta)).sides

    @property
    def _needs_prior(self) -> bool:
        few = self.n_customers_ < FEW_CUSTOMERS
        return few and not self.discrete_time and not self._is_regularised

    def _warnings(self, history: History, parameters: Parameters, optimum: Optimum) -> list[str]:  # noqa: ARG002
        """Warnings about this fit, besides those about convergence."""
        messages = self._unidentified_coefficients(parameters, optimum)
        diverging = diverging_parameters(optimum, parameters.searched)
        scaled = self.Params(*(np.array(self.params_) / parameters.unit))
        rate = self.kernel.dropout_rate(scaled)
        if rate >= _NEGLIGIBLE_DROPOUT or NO_DROPOUT in meanings_of(diverging, self.limits):
            return messages
        return [
            *messages,
            f"dropout is negligible in this fit ({self.dropout_formula} = {rate:.2g}"
            f" {self.dropout_per}; {self._found()}): P(alive) is near 1 for all customers, and expectations"
            " over long horizons will be too high if customers do drop out; use a longer observation period,"
            " or compare with a formula on a holdout.",
        ]

    def _unidentified_coefficients(self, parameters: Parameters, optimum: Optimum) -> list[str]:
        """Warn about coefficients that are not identified in a fit at a boundary."""
        if not isinstance(parameters, LogLinearParameters) or not optimum.at_boundary:
            return []
        wide, names = set(wide_parameters(optimum, parameters.searched)), parameters.searched
        flat = {name for name, way in zip(names, optimum.flat, strict=True) if way}
        vague = [
            repr(label)
            for label, name in zip(parameters.labels, names[parameters.n_common :], strict=True)
            if name in wide | flat
        ]
        if not vague:
            return []
        return [
            f"so the data do not identify {' and '.join(vague)}, regularised with a weakly informative prior:"
            " exclude the covariate from that side, as in covariates={'purchases': ['age']}, or merge a rare"
            " level with another."
        ]

    def _refuse_without_information(self, history: History) -> None:
        n_customers = history.weights.sum()
        if history.size < 2 and n_customers < 2:
            raise FitError(
                "there is only one customer: heterogeneity cannot be estimated from one customer;"
                f" use {type(self).__name__}.from_params with known parameters."
            )
        if not history.x.any():
            raise FitError(
                f"none of the {n_customers:.0f} customers bought again, so purchase rates cannot be"
                " estimated: observe them for longer, or check that purchases were not collapsed into one."
            )
        if not history.T.any():
            raise FitError(
                "every customer has T = 0, so no customer was observed for any time: choose a later end."
            )
