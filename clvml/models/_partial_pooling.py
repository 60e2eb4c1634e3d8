"""Groups that borrow strength: one model for each cohort, channel or country, with partial pooling."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self, TypeVar, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.utils.metaestimators import available_if

from clvml._listing import Listed
from clvml.customers._customer_tables import as_customers
from clvml.customers._summary_checks import check_columns
from clvml.distributions._history import Array
from clvml.errors import InputError
from clvml.inference._arguments import check_fitted
from clvml.inference._blas import one_blas_thread
from clvml.inference._fit_record import record_of
from clvml.inference._fit_summary import FitSummary
from clvml.inference._likelihood_ratio import LikelihoodRatioTest
from clvml.inference._maximum_likelihood import Objective, Optimum, maximise
from clvml.inference._partial_pooling import Pool, pool
from clvml.inference._prior import prior_of, vague_prior
from clvml.models._customer_history import check_weights
from clvml.models._parameters import Problem

Rows = NDArray[np.int64]
Method = TypeVar("Method", bound=Callable[..., Any])

NEW = "(new group)"
_MOST_GROUPS = 1000
_VAGUE_SD = 10.0  # of a log-parameter, in the test
_TESTED = 50  # customers of a group, from which the distribution of the likelihood ratio is known

logger = logging.getLogger("clvml")


def _if_model_has(method: Method) -> Method:
    """The method, which exists only if the model has one of the same name."""

    def check(model: Any) -> bool:
        return hasattr(model.model, method.__name__)

    return cast(Method, available_if(check)(method))


class PartialPooling(Listed, BaseEstimator):
    """A model for each group of customers, whose parameters are pooled as far as the groups are alike.

    Parameters of groups vary around those of an average group, by an amount that is estimated (empirical
    Bayes): a group with few customers is close to the average, one with many close to its own estimate. A new
    group, such as this month's cohort, has the average parameters, with the uncertainty that the groups'
    differences leave.

    Parameters
    ----------
    model : estimator
        A model of purchases or of spend, such as `BGNBD`, `ParetoNBD` or `GammaGamma`, without covariates.
    group : str
        The column of the customer summary with the group: a cohort, channel or country.

    Attributes
    ----------
    models_ : dict of str to estimator
        The fitted model of each group, by its name as text.
    new_ : estimator
        The model of a group that is not in the fit.
    pooled_ : estimator
        One model of all customers: complete pooling.
    groups_ : DataFrame
        Index ``group``; ``customers``, the parameters, and ``own_share``, the mean share of the group's own
        data in its estimate.
    between_ : DataFrame
        Index ``scale``, the quantities of `prior_table`; ``typical``, of an average group, and ``log_sd``,
        the standard deviation of the logarithm between groups.
    likelihood_ratio_test_ : LikelihoodRatioTest or None
        Test of one model of all against separate models, of the groups with at least 50 customers; None if
        there is only one such group.
    comparison_ : DataFrame
        Index ``"one model", "separate models"``, of the customers in the test: ``log_likelihood,
        n_parameters, aic, bic``.

    Raises
    ------
    InputError
        From ``fit``, if the model has covariates or is not one that can be pooled, or the column of the group
        is missing.
    FitError
        From ``fit``, if the model cannot be fitted to all customers together.

    See Also
    --------
    clvml.cohorts : Groups by first purchase.
    clvml.BGNBD, clvml.GammaGamma : Models that it takes; with ``covariates`` groups differ by a factor.
    clvml.likelihood_ratio_test : Whether groups differ.

    References
    ----------
    Efron, Morris (1975), Data Analysis Using Stein's Estimator and Its Generalizations, Journal of the
    American Statistical Association 70(350).

    Examples
    --------
    >>> import clvml
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> customers["cohort"] = customers["first_purchase"].dt.strftime("%Y-%m")
    >>> model = clvml.PartialPooling(clvml.BGNBD(), "cohort").fit(customers)
    >>> sorted(model.models_)
    ['1997-01', '1997-02', '1997-03']
    """

    title = "partial pooling"

    models_: Mapping[str, Any]
    new_: Any
    pooled_: Any
    groups_: pd.DataFrame
    between_: pd.DataFrame
    comparison_: pd.DataFrame | None
    likelihood_ratio_test_: LikelihoodRatioTest | None
    time_unit_: str | None
    training_summary_: Mapping[str, Mapping[str, float]] | None

    def __init__(self, model: Any, group: str) -> None:
        self.model = model
        self.group = group

    @property
    def required_columns(self) -> tuple[str, ...]:
        """The columns of the customer summary that the model uses."""
        return (*self.model.required_columns, self.group)

    @property
    def reference_(self) -> dict[str, Any]:
        """The largest group."""
        check_fitted(self, "models_")
        return {self.group: str(self.groups_["customers"].idxmax())}

    def fit(self, customers: pd.DataFrame, y: object = None, *, weights: object = None) -> Self:  # noqa: ARG002
        """Fit the distribution over groups, and the model of each group.

        Parameters
        ----------
        customers : DataFrame, shape (n_customers, ...)
            The customer summary with the columns of the model and the group.
        y : ignored
            Not used; present for API consistency with scikit-learn.
        weights : array-like, shape (n_customers,), optional
            Number of customers that each row represents.

        Raises
        ------
        InputError
            If the summary is invalid, a customer has no group, there are fewer than two groups or more than
            1,000, or the model has covariates.
        FitError
            If the model cannot be fitted to all customers.
        """
        customers = as_customers(customers)
        labels = _labels(customers, self.group)
        counted = check_weights(weights, customers)
        self.pooled_ = clone(self.model).fit(customers, weights=counted)
        self._refuse_covariates()
        whole = self.pooled_.likelihood_problem(customers, counted)
        parameters = self.pooled_.common_parameters(whole)
        groups = dict(self._problems(customers, labels, counted))
        objectives = {name: parameters.objective(problem) for name, problem in groups.items()}
        sizes = {name: problem.n_customers for name, problem in groups.items()}
        with one_blas_thread():
            start = np.log(np.array(self.pooled_.params_) / parameters.unit)
            axes = _axes(self.model)
            found = pool(list(objectives.values()), list(sizes.values()), axes, start)
            self._keep(found, axes, parameters, sizes)
            self._compare(objectives, sizes, [start, *(each.theta for each in found.optima)])
        self.time_unit_ = getattr(self.pooled_, "time_unit_", None)
        self.training_summary_ = self.pooled_.training_summary_
        return self

    def summary(self) -> FitSummary:
        """Summary table of the fit: the parameters of an average group, and how groups differ."""
        check_fitted(self, "models_")
        figures = {"groups": f"{len(self.models_):,}", "customers": f"{self.groups_['customers'].sum():,.0f}"}
        if self.likelihood_ratio_test_ is not None:
            figures["one model or many:"] = str(self.likelihood_ratio_test_)
        table = self.groups_.rename_axis("group")
        return FitSummary(f"{self.model.title}, partial pooling by {self.group}", table, figures)

    def score(self, customers: pd.DataFrame, y: object = None) -> float:  # noqa: ARG002
        """Mean log-likelihood per customer, for scikit-learn's model selection; larger is better."""
        return float(self.log_likelihood(customers).mean())

    def log_likelihood(self, customers: pd.DataFrame) -> pd.Series:
        """Log-likelihood of each customer, by the model of its group."""
        return self._ask("log_likelihood", customers)

    # Predictions of purchases.

    @_if_model_has
    def probability_alive(self, customers: pd.DataFrame, after: Any = 0) -> pd.Series:
        """P(alive) of each customer, in [0, 1]."""
        return self._ask("probability_alive", customers, after)

    @_if_model_has
    def expected_purchases(self, customers: pd.DataFrame, horizon: Any) -> pd.Series | pd.DataFrame:
        """Expected purchases of each customer in the ``horizon`` after their observation."""
        return self._ask("expected_purchases", customers, horizon)

    @_if_model_has
    def expected_purchases_new_customer(self, horizon: Any, group: str | None = None) -> float | pd.Series:
        """Expected repeat purchases of a new customer of a group; None for one that is not in the fit."""
        check_fitted(self, "models_")
        return self._model_of(NEW if group is None else str(group)).expected_purchases_new_customer(horizon)

    @_if_model_has
    def discounted_purchases(
        self,
        customers: pd.DataFrame,
        horizon: Any = None,
        annual_discount_rate: float = 0.0,
        period: Any = 1.0,
    ) -> pd.Series:
        """Expected purchases within ``horizon``, discounted."""
        return self._ask("discounted_purchases", customers, horizon, annual_discount_rate, period)

    @_if_model_has
    def purchase_factors(
        self,
        customers: pd.DataFrame,
        horizon: Any = None,
        annual_discount_rate: float = 0.0,
        period: Any = 1.0,
    ) -> dict[str, Array]:
        """What a value is made of, as arrays in the order of the customers."""
        customers = as_customers(customers)
        factors: dict[str, Array] = {}
        for name, rows in self._rows(customers):
            part = self._model_of(name).purchase_factors(
                customers.iloc[rows], horizon, annual_discount_rate, period
            )
            for factor, values in part.items():
                factors.setdefault(factor, np.empty(len(customers)))[rows] = values
        return factors

    @_if_model_has
    def purchase_probability(self, n: int, horizon: Any, customers: pd.DataFrame | None = None) -> Any:
        """P(exactly ``n`` purchases in the next ``horizon``), of each customer or of a new one."""
        if customers is None:
            check_fitted(self, "models_")
            return self.new_.purchase_probability(n, horizon)
        return self._joined(customers, lambda model, part: model.purchase_probability(n, horizon, part))

    @_if_model_has
    def probability_buys(self, customers: pd.DataFrame, horizon: Any) -> pd.Series:
        """P(at least one purchase in the next ``horizon``) of each customer."""
        return self._ask("probability_buys", customers, horizon)

    @_if_model_has
    def next_purchase_time(self, customers: pd.DataFrame, probability: float = 0.5) -> pd.Series:
        """Time by which each customer has bought again with this probability; infinite if never."""
        return self._ask("next_purchase_time", customers, probability)

    @_if_model_has
    def purchase_simulator(self, customers: pd.DataFrame) -> Callable[..., tuple[Rows, Array]]:
        """A function that simulates the future purchases of these customers."""
        customers = as_customers(customers)
        parts = [
            (self._place(name), rows, self._model_of(name).purchase_simulator(customers.iloc[rows]))
            for name, rows in self._rows(customers)
        ]

        def simulate(draw: Any, n_simulations: int, horizon: float, rng: np.random.Generator) -> Any:
            found = []
            for place, rows, simulator in parts:
                row, time = simulator(draw[place], n_simulations, horizon, rng)
                simulation, customer = np.divmod(row, rows.size)
                found.append((simulation * len(customers) + rows[customer], time))
            row, time = (np.concatenate(part) for part in zip(*found, strict=True))
            order = np.argsort(row, kind="stable")
            return row[order], time[order]

        return simulate

    # Predictions of spend.

    @_if_model_has
    def expected_spend(self, customers: pd.DataFrame) -> pd.Series:
        """Expected spend of each customer per future purchase, in currency units."""
        return self._ask("expected_spend", customers)

    @_if_model_has
    def average_spend_cdf(self, frequency: Array, amounts: Array) -> Array:
        """P(average spend over ``frequency`` purchases is at most ``amounts``), averaged over groups."""
        check_fitted(self, "models_")
        weights = self.groups_["customers"] / self.groups_["customers"].sum()
        parts = [
            weight * self.models_[str(name)].average_spend_cdf(frequency, amounts)
            for name, weight in weights.items()
        ]
        return np.asarray(sum(parts), dtype=float)

    @_if_model_has
    def spend_simulator(self, customers: pd.DataFrame) -> Callable[..., Array]:
        """A function that simulates the amounts of purchases of these customers."""
        customers = as_customers(customers)
        code, position = np.zeros(len(customers), dtype=np.int64), np.zeros(len(customers), dtype=np.int64)
        parts = []
        for number, (name, rows) in enumerate(self._rows(customers)):
            code[rows], position[rows] = number, np.arange(rows.size)
            parts.append((self._place(name), self._model_of(name).spend_simulator(customers.iloc[rows])))

        def simulate(draw: Any, who: Rows, number: Rows, rng: np.random.Generator) -> Array:
            amounts, at = np.empty(int(number.sum())), np.repeat(code[who], number)
            for group, (place, simulator) in enumerate(parts):
                here = code[who] == group
                if here.any():
                    amounts[at == group] = simulator(draw[place], position[who[here]], number[here], rng)
            return amounts

        return simulate

    # Uncertainty.

    @_if_model_has
    def predict_interval(
        self, customers: pd.DataFrame, horizon: Any = None, coverage: float = 0.9
    ) -> pd.DataFrame:
        """Prediction intervals of each customer, as those of the model.

        Parameters
        ----------
        customers : DataFrame
            The customer summary with the group.
        horizon : float or str
            Of a model of purchases, in its time unit; a model of spend has none (its second argument is the
            coverage).
        coverage : float, default 0.9
            Nominal share of outcomes within the intervals, with equal tails.

        Returns
        -------
        DataFrame
            Columns ``lower, upper`` on the customers' index.
        """
        if hasattr(self.model, "expected_spend"):
            return self._ask("predict_interval", customers, coverage if horizon is None else horizon)
        return self._ask("predict_interval", customers, horizon, coverage)

    def parameter_draws(self, n_draws: int, random_state: int = 0, *, together: bool = False) -> list[Any]:
        """Draws of the parameters of all groups, the last of a new group."""
        check_fitted(self, "models_")
        seeds = np.random.default_rng(random_state).integers(2**31, size=len(self.models_) + 1).tolist()
        models = [*self.models_.values(), self.new_]
        draws = [
            model.parameter_draws(n_draws, seed, together=together)
            for model, seed in zip(models, seeds, strict=True)
        ]
        longest = max(map(len, draws))
        return list(zip(*(each * longest if len(each) == 1 else each for each in draws), strict=True))

    def trait_distributions(self, n_draws: int = 400, random_state: int = 0) -> Any:
        """Distributions of traits across the customers of an average group."""
        check_fitted(self, "models_")
        return self.new_.trait_distributions(n_draws, random_state)

    @_if_model_has
    def scenario_factors(self) -> dict[str, float]:
        """The multiples that a scenario can set, such as ``{"purchase_rate": 1.0, "dropout": 1.0}``."""
        check_fitted(self, "models_")
        factors: dict[str, float] = self.new_.scenario_factors()
        return factors

    @_if_model_has
    def with_factors(self, factors: Mapping[str, float]) -> Self:
        """The fitted models in a scenario; see the model's ``with_factors``."""
        check_fitted(self, "models_")
        changed = copy.copy(self)
        changed.models_ = {name: model.with_factors(factors) for name, model in self.models_.items()}
        changed.new_ = self.new_.with_factors(factors)
        return changed

    # The steps of the fit.

    def _problems(
        self, customers: pd.DataFrame, labels: NDArray[np.object_], weights: Array | None
    ) -> Iterator[tuple[str, Problem]]:
        """The groups with customers whom the likelihood counts."""
        names = np.unique(labels.astype(str))
        if not 2 <= names.size <= _MOST_GROUPS:
            raise InputError(
                f"the customers have {names.size:,} different values of {self.group!r}; partial pooling needs"
                f" 2 to {_MOST_GROUPS:,} groups: use another column, or coarser groups such as quarters."
            )
        for name in names.tolist():
            rows = np.flatnonzero(labels == name)
            counted = None if weights is None else weights[rows]
            problem = self.pooled_.likelihood_problem(customers.iloc[rows], counted)
            if problem.sample.size:
                yield name, problem

    def _refuse_covariates(self) -> None:
        if len(self.pooled_._estimate()) > len(self.pooled_.params_):
            raise InputError(
                f"{self.model.title} has covariates, which cannot be pooled by group: leave them out, or give"
                f" {self.group!r} as a covariate instead."
            )

    def _keep(self, found: Pool, axes: Array, parameters: Any, sizes: dict[str, float]) -> None:
        """Set the fitted models and the tables."""
        self.models_ = {
            name: self._fitted(optimum, parameters, size)
            for (name, size), optimum in zip(sizes.items(), found.optima, strict=True)
        }
        self.new_ = self._average(found, axes, parameters)
        shares = found.share(axes).mean(axis=1)
        table = pd.DataFrame([model.params_ for model in self.models_.values()], list(self.models_))
        table.insert(0, "customers", list(sizes.values()))
        self.groups_ = table.assign(own_share=shares).rename_axis("group")
        scales = pd.Index([scale.what for scale in self.model.scales], name="scale")
        self.between_ = pd.DataFrame({"typical": np.exp(found.mean), "log_sd": found.sd}, scales)

    def _fitted(self, optimum: Optimum, parameters: Any, size: float) -> Any:
        """The model of a group: that of all customers, with the group's parameters."""
        model = copy.copy(self.pooled_)
        estimate = parameters.estimate(optimum.theta)
        slopes = parameters.slopes(estimate)
        model.params_ = model.Params(*estimate.tolist())
        model.covariance_ = np.outer(slopes, slopes) * optimum.covariance
        model.standard_errors_ = model.Params(*np.sqrt(np.diag(model.covariance_)).tolist())
        model.log_likelihood_, model.n_customers_ = optimum.value, size
        model.prior_, model.posterior_ = None, None
        model.fit_record_ = record_of(optimum, parameters.searched, parameters.unit, [], stacklevel=0)
        return model

    def _average(self, found: Pool, axes: Array, parameters: Any) -> Any:
        """The model of a group that is not in the fit: the mean, as uncertain as groups differ."""
        back = np.linalg.inv(axes)
        variance = found.sd**2 * (1 + 1 / len(found.optima))
        optimum = Optimum(
            back @ found.mean,
            value=float(sum(each.value for each in found.optima)),
            hessian=-axes.T @ np.diag(1 / variance) @ axes,
            converged=found.converged,
            n_evaluations=sum(each.n_evaluations for each in found.optima),
            gradient_norm=0.0,
            flat=np.zeros(len(axes)),
            starts=(),
        )
        return self._fitted(optimum, parameters, float(len(found.optima)))

    def _compare(
        self, objectives: dict[str, Objective], sizes: dict[str, float], starts: list[Array]
    ) -> None:
        """Test one model of the larger groups against separate models, without pooling.

        The searches start from the parameters of all customers and of each group, and have a vague prior,
        with which the likelihood is near its supremum where that is at a boundary.
        """
        own = dict(zip(objectives, starts[1:], strict=True))
        start, vague = starts[0], vague_prior(starts[0].size, _VAGUE_SD)
        tested = [name for name, size in sizes.items() if size >= _TESTED]
        self.likelihood_ratio_test_, self.comparison_ = None, None
        if len(tested) < 2:
            return
        n = sum(sizes[name] for name in tested)
        one = maximise(_total([objectives[name] for name in tested]), [start], n, vague)
        separate = [
            maximise(objectives[name], [own[name], start], sizes[name], vague).value for name in tested
        ]
        values = np.array([one.value, float(sum(separate))])
        number = start.size * np.array([1, len(tested)])
        gain = float(max(values[1] - values[0], 0.0))
        self.likelihood_ratio_test_ = LikelihoodRatioTest.of(gain, int(number[1] - number[0]))
        columns = {
            "log_likelihood": values,
            "n_parameters": number,
            "aic": 2 * number - 2 * values,
            "bic": np.log(n) * number - 2 * values,
        }
        self.comparison_ = pd.DataFrame(columns, pd.Index(["one model", "separate models"], name="models"))

    def _check_learnt(self) -> None:
        """Refuse models of other kinds than stated.

        Raises
        ------
        InputError
            Naming the rule.
        """
        members = [*self.models_.values(), self.new_, self.pooled_]
        if not self.models_ or any(type(each) is not type(self.model) for each in members):
            raise InputError(f"models_ and new_ must be fitted models of {type(self.model).__name__}.")
        if set(self.groups_.index) != set(self.models_):
            raise InputError("groups_ must have a row for each group of models_.")

    # Dispatch.

    def _rows(self, customers: pd.DataFrame) -> Iterator[tuple[str, Rows]]:
        """Each group that the customers have, and their positions; those of unknown groups together."""
        check_fitted(self, "models_")
        labels = _labels(customers, self.group)
        known = np.isin(labels.astype(str), list(self.models_))
        if not known.all():
            logger.warning(
                "%d of %d customers have a %s not seen during fit, the first is %r: they have the parameters"
                " of an average group",
                (~known).sum(), len(customers), self.group, labels[~known][0],
            )  # fmt: skip
        names = np.where(known, labels, NEW)
        code, present = pd.factorize(names)
        for number, name in enumerate(present):
            yield str(name), np.flatnonzero(code == number)

    def _model_of(self, name: str) -> Any:
        return self.models_.get(name, self.new_)

    def _place(self, name: str) -> int:
        """The position of a group's draw among those of `parameter_draws`."""
        return list(self.models_).index(name) if name in self.models_ else len(self.models_)

    def _ask(self, question: str, customers: pd.DataFrame, *terms: Any) -> Any:
        check_fitted(self, "models_")
        return self._joined(customers, lambda model, part: getattr(model, question)(part, *terms))

    def _joined(self, customers: pd.DataFrame, ask: Callable[[Any, pd.DataFrame], Any]) -> Any:
        """The answers of each group's model, in the order of the customers."""
        customers = as_customers(customers)
        check_columns(customers, [self.group])
        parts, rows = [], []
        for name, here in self._rows(customers):
            parts.append(ask(self._model_of(name), customers.iloc[here]))
            rows.append(here)
        order = np.argsort(np.concatenate(rows), kind="stable")
        answer = parts[0] if len(parts) == 1 else pd.concat(parts).iloc[order]
        answer.index = customers.index
        return answer

    def _learnt(self) -> str:
        return f"{len(self.models_)} groups" if hasattr(self, "models_") else ""


def _labels(customers: pd.DataFrame, group: str) -> NDArray[np.object_]:
    """The group of each customer as text; whole numbers without decimals."""
    check_columns(customers, [group])
    column = customers[group]
    missing = column.isna().to_numpy()
    if missing.any():
        raise InputError(
            f"{missing.sum()} of {len(customers)} customers have no {group}: fill it, for example with"
            " 'other'."
        )
    if pd.api.types.is_float_dtype(column) and (column % 1 == 0).all():
        column = column.astype("int64")
    return column.astype(str).to_numpy(dtype=object)


def _axes(model: Any) -> Array:
    """The scale-free quantities of the prior, as combinations of the log-parameters."""
    axes = prior_of(model.scales).axes
    square = axes.shape[0] == axes.shape[1] == len(model.Params._fields)
    return axes if square else np.eye(len(model.Params._fields))


def _total(objectives: list[Objective]) -> Objective:
    """The sum of log-likelihoods of groups with the same parameters."""

    def objective(theta: Array) -> tuple[float, Array, Array]:
        values, gradients, hessians = zip(*(each(theta) for each in objectives), strict=True)
        return float(sum(values)), np.sum(gradients, axis=0), np.sum(hessians, axis=0)

    return objective
