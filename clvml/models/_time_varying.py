"""BG/NBD and Pareto/NBD with covariates of customers that change over time."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any, Literal, NamedTuple, Self

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from sklearn.base import BaseEstimator, clone

from clvml._listing import Listed, listed_numbers
from clvml.customers._customer_tables import as_customers
from clvml.customers._summary_checks import HISTORY, checked_columns
from clvml.customers._time_units import (
    Horizon,
    by_horizon,
    horizon_in,
    rate_per_unit,
    stated_time_unit,
    time_unit_of,
)
from clvml.customers._training_summary import TrainingSummary, training_summary
from clvml.distributions import _bgnbd_dynamic as bgnbd_dynamic
from clvml.distributions import _pareto_nbd_dynamic as pareto_nbd_dynamic
from clvml.distributions import bgnbd, pareto_nbd
from clvml.distributions._covariate_paths import PathHistory, continued, merged
from clvml.distributions._discounting import discounted_ends, infinite_horizon_ends
from clvml.distributions._history import Array
from clvml.errors import FitWarning, InputError
from clvml.inference._arguments import check_covariance, check_fitted, check_params
from clvml.inference._blas import one_blas_thread
from clvml.inference._likelihood_ratio import LikelihoodRatioTest
from clvml.inference._nested_laplace import REACH
from clvml.models._covariate_table import CovariatePaths
from clvml.models._customer_history import check_weights
from clvml.models._likelihood_model import FEW
from clvml.models._log_linear import Covariates, columns_by_side
from clvml.models._observation_ends import DAY_SHIFTS, end_days, stated_end
from clvml.models._path_simulator import PathSimulator

_SIDES = ("purchases", "dropout")
_ROUGH = 3000  # customers, from whom a larger fit starts
_DIFFERENCE = 1e-4
_TWO_SIDED_95 = 1.959964
_FAR = 300.0  # prevents overflow in a diverging search
_BLOCK = 8192
_YEAR = 364.0  # days: whole weeks
_DYNAMICS: dict[ModuleType, ModuleType] = {bgnbd: bgnbd_dynamic, pareto_nbd: pareto_nbd_dynamic}


class _Point(NamedTuple):
    """Parameters and coefficients of the standardised covariates."""

    params: Any
    gamma: Array
    delta: Array
    sides: tuple[slice, slice]


class TimeVaryingPurchases(Listed, BaseEstimator):
    """BG/NBD or Pareto/NBD with covariates that change over time, such as contacts and prices.

    The purchase rate of a customer is multiplied by ``exp(coefficient' covariates)`` of the day; likewise the
    dropout rate of Pareto/NBD, or by time-invariant covariates the odds of dropout of BG/NBD. The covariates
    are attached by `with_paths`, for fits and for predictions; they are not saved with the model.

    Parameters
    ----------
    purchases : BGNBD or ParetoNBD
        Without covariates of its own.
    covariates : sequence of str, or mapping of {"purchases", "dropout"} to such
        Columns of the table of covariates. A sequence applies to both sides.
    future : {"last", "year_ago"}, default "last"
        What is assumed beyond the table of covariates: the last values hold, or those of 52 weeks before.

    Attributes
    ----------
    params_ : BGNBDParams or ParetoNBDParams
        Of a customer whose covariates are at ``means_``.
    means_, scales_ : dict of str to float
        Mean and standard deviation of each covariate in the fit.
    coefficients_ : DataFrame
        Index ``side, covariate``; columns ``estimate, standard_error, lower, upper``: effects on the log
        rate, with 95 % Wald confidence intervals.
    log_likelihood_ : float
        Log density of the purchase times.
    likelihood_ratio_test_ : LikelihoodRatioTest
        Test against the model without covariates.
    time_unit_, observed_until_, n_customers_
        As in `SeasonalPurchases`.

    See Also
    --------
    clvml.covariate_paths : The covariates, from a table.
    clvml.SeasonalPurchases : Seasons and holidays, the same for all customers.
    clvml.BGNBD, clvml.ParetoNBD : With time-invariant covariates.

    References
    ----------
    Bachmann, Meierer, Naef (2021), The Role of Time-Varying Contextual Factors in Latent Attrition Models for
    Customer Base Analysis, Marketing Science 40(4).

    Examples
    --------
    Whether customers of CDNOW bought less in the summer of 1997:

    >>> import clvml
    >>> import pandas as pd
    >>> log = clvml.load_cdnow()
    >>> customers = clvml.split(log, "1997-09-30", "1998-06-30").calibration
    >>> weeks = pd.date_range("1996-12-30", "1998-06-30", freq="7D")
    >>> table = pd.MultiIndex.from_product([customers.index, weeks], names=["customer_id", "date"])
    >>> table = table.to_frame(index=False)
    >>> table["summer"] = table["date"].dt.month.isin([6, 7, 8]) * 1.0
    >>> paths = clvml.covariate_paths(table, log, "1997-09-30")
    >>> model = clvml.TimeVaryingPurchases(clvml.BGNBD(), {"purchases": ["summer"]}).with_paths(paths)
    >>> model.fit(customers).coefficients_["estimate"].round(2).tolist()
    [-0.12]
    """

    params_: Any
    means_: dict[str, float]
    scales_: dict[str, float]
    estimate_: Array
    covariance_: Array
    log_likelihood_: float
    likelihood_ratio_test_: LikelihoodRatioTest
    n_customers_: float
    observed_until_: str
    collapse_: str | None
    time_unit_: str | None
    training_summary_: TrainingSummary | None = None

    needs_observation_end = True

    def __init__(
        self, purchases: Any, covariates: Covariates, future: Literal["last", "year_ago"] = "last"
    ) -> None:
        self.purchases = purchases
        self.covariates = covariates
        self.future = future
        self._paths: CovariatePaths | None = None

    def __sklearn_clone__(self) -> Self:
        """An unfitted copy with the same paths."""
        return type(self)(clone(self.purchases), self.covariates, self.future)._bound(self._paths)

    @property
    def title(self) -> str:
        """The model's title."""
        return (
            f"{getattr(self.purchases, 'title', type(self.purchases).__name__)} with time-varying covariates"
        )

    @property
    def required_columns(self) -> tuple[str, ...]:
        """The columns of the customer summary that the model uses."""
        return HISTORY

    @property
    def n_parameters_(self) -> int:
        """Number of fitted parameters and coefficients."""
        check_fitted(self, "estimate_")
        return int(self.estimate_.size)

    @property
    def aic_(self) -> float:
        """Akaike's information criterion."""
        return 2 * self.n_parameters_ - 2 * self.log_likelihood_

    @property
    def coefficients_(self) -> pd.DataFrame:
        """Coefficients by side and covariate, per unit of the covariate."""
        check_fitted(self, "estimate_")
        labels = [(side, name) for side, names in self._columns().items() for name in names]
        scale = np.array([self.scales_[name] for _, name in labels])
        estimate = self.estimate_[4:] / scale
        error = np.sqrt(np.diag(self.covariance_))[4:] / scale
        return pd.DataFrame(
            {
                "estimate": estimate,
                "standard_error": error,
                "lower": estimate - _TWO_SIDED_95 * error,
                "upper": estimate + _TWO_SIDED_95 * error,
            },
            index=pd.MultiIndex.from_tuples(labels, names=["side", "covariate"]),
        )

    @property
    def params_at_zero_(self) -> Any:
        """The parameters of a customer whose covariates are zero, as other packages report them."""
        effects = self.coefficients_["estimate"]
        shift = {
            side: float(sum(effects[side, name] * self.means_[name] for name in names))
            for side, names in self._columns().items()
        }
        found = self.params_._replace(alpha=self.params_.alpha * np.exp(shift.get("purchases", 0.0)))
        dropout = float(np.exp(shift.get("dropout", 0.0)))
        if self._is_continuous:
            return found._replace(beta=found.beta * dropout)
        return found._replace(a=found.a / dropout)

    def with_paths(self, paths: CovariatePaths) -> Self:
        """A copy of the model with these covariates, for a fit or for predictions.

        Parameters
        ----------
        paths : CovariatePaths
            From `covariate_paths`; for predictions with the covariates of the future, as far as known.

        Raises
        ------
        InputError
            If a covariate is missing.
        """
        if not isinstance(paths, CovariatePaths):
            raise InputError("paths must be made by clvml.covariate_paths(table, transactions).")
        missing = [name for name in self._names() if name not in paths.names]
        if missing:
            raise InputError(
                f"the table of covariates lacks {missing[0]!r}; it has {', '.join(paths.names)}."
            )
        return copy.copy(self)._bound(paths)

    def fit(self, customers: pd.DataFrame, y: object = None, *, weights: object = None) -> Self:  # noqa: ARG002
        """Fit the model and the coefficients by maximum likelihood.

        Parameters
        ----------
        customers : DataFrame
            The customer summary, with ``attrs["observation_end"]`` or ``first_purchase``.
        y : ignored
        weights : array-like, shape (n_customers,), optional
            Number of customers that each row represents.

        Raises
        ------
        InputError
            If no covariates are attached, or those of a customer are missing.
        FitError
            If the model without covariates cannot be fitted.

        Warns
        -----
        FitWarning
            If the search does not converge.
        """
        customers = as_customers(customers)
        self._check(customers)
        end, self.collapse_ = stated_end(customers, self._unit)
        self.observed_until_ = str(end)
        plain = clone(self.purchases).fit(customers, weights=weights)
        counted = check_weights(weights, customers)
        history, paths = self._history(customers, counted)
        if paths.at_purchases is None:
            raise InputError(
                "a fit needs the covariates at purchases: give covariate_paths the transactions."
            )
        self._set_scales(history)
        history = self._standardised(history)
        with one_blas_thread():
            theta, value, converged = self._search(history, plain.params_)
            covariance = np.linalg.pinv(self._information(history, theta), hermitian=True)
        self.estimate_, self.covariance_, self.log_likelihood_ = theta, (covariance + covariance.T) / 2, value
        self.params_ = self._kind(*np.exp(theta[:4]).tolist())
        gain = max(value - plain.log_likelihood_, 0.0)
        self.likelihood_ratio_test_ = LikelihoodRatioTest.of(gain, theta.size - 4)
        self.n_customers_ = float(history.weights.sum())
        self.training_summary_ = training_summary(customers)
        if not converged:
            warnings.warn(
                f"{self.title}: the search did not converge; leave out covariates that hardly vary or explain"
                " each other.",
                FitWarning,
                stacklevel=2,
            )
        return self

    def log_likelihood(self, customers: pd.DataFrame) -> pd.Series:
        """Log-likelihood of each customer; the paths must have the covariates at purchases."""
        customers = as_customers(customers)
        history = self._read(customers)
        value = self._by_block(history, lambda part: self._dynamics.log_likelihood(part, *self._point()))
        return pd.Series(value, customers.index, name="log_likelihood")

    def probability_alive(self, customers: pd.DataFrame) -> pd.Series:
        """P(alive) of each customer at the end of observation, in [0, 1]."""
        customers = as_customers(customers)
        alive = self._alive(self._read(customers), self.estimate_)
        return pd.Series(alive, customers.index, name="probability_alive")

    def expected_purchases(self, customers: pd.DataFrame, horizon: Any) -> Any:
        """Expected purchases of each customer in the ``horizon`` after their observation.

        Parameters
        ----------
        customers : DataFrame
            The customer summary, in the model's time unit.
        horizon : float, str or timedelta, or a list of them
            In the model's time unit, or with a unit. Beyond the table of covariates as ``future`` says.
        """
        customers = as_customers(customers)
        if isinstance(horizon, list | tuple | pd.Index | np.ndarray):
            return by_horizon(lambda each: self.expected_purchases(customers, each), horizon)
        ends = np.array([horizon_in(horizon, self._unit)])
        value = self._expected(self._read(customers, float(ends[0])), ends, np.ones(1))
        return pd.Series(value, customers.index, name="expected_purchases")

    def discounted_purchases(
        self,
        customers: pd.DataFrame,
        horizon: Horizon | None = None,
        annual_discount_rate: float = 0.0,
        period: Horizon = 1.0,
    ) -> pd.Series:
        """Expected purchases within ``horizon``, discounted; see the models of purchases.

        An infinite horizon needs a discount rate, and goes on as ``future`` says.
        """
        customers = as_customers(customers)
        rate = rate_per_unit(annual_discount_rate, self._unit)
        if horizon is None and rate == 0:
            raise InputError("an infinite horizon needs an annual_discount_rate above 0, such as 0.10.")
        if horizon is None:
            ends, weights = infinite_horizon_ends(rate)
        else:
            step = 0.0 if period == 0 else horizon_in(period, self._unit)
            ends, weights = discounted_ends(horizon_in(horizon, self._unit), rate, step)
        value = self._expected(self._read(customers, float(ends.max())), ends, weights)
        return pd.Series(value, customers.index, name="discounted_purchases")

    def parameter_draws(
        self, n_draws: int, random_state: Any = None, *, together: bool = False
    ) -> list[Array]:
        """Parameters to average predictions over: draws, or the estimate if their uncertainty is negligible.

        Normal draws of log-parameters and coefficients, whose prior is normal around the estimate with
        standard deviation 3.
        """
        check_fitted(self, "estimate_")
        if self.n_customers_ >= FEW and not together:
            return [self.estimate_]
        rng = np.random.default_rng(random_state)
        wide = REACH**2 * np.eye(self.estimate_.size)
        covariance = wide @ np.linalg.solve(self.covariance_ + wide, self.covariance_)
        return list(rng.multivariate_normal(self.estimate_, covariance, n_draws, method="eigh"))

    def purchase_simulator(self, customers: pd.DataFrame) -> PathSimulator:
        """A function that simulates the future purchases of these customers."""
        check_fitted(self, "estimate_")
        customers = as_customers(customers)

        def of_draw(draw: Array, horizon: float) -> tuple[PathHistory, Array, Array, Array, Any]:
            history = self._read(customers, horizon)
            point = self._point(draw)
            speed = history.speed(point.gamma, point.sides[0])
            hazard = history.speed(point.delta, point.sides[1])
            return history, self._alive(history, draw), speed, hazard, point.params

        return PathSimulator(of_draw, continuous_dropout=self._is_continuous)

    # What the model is.

    @property
    def _dynamics(self) -> Any:
        return _DYNAMICS[self.purchases.kernel]

    @property
    def _kind(self) -> Any:
        return type(self.purchases).Params

    @property
    def _is_continuous(self) -> bool:
        """Whether dropout is a process in time, so that its covariates may change."""
        return self.purchases.kernel is pareto_nbd

    @property
    def _unit(self) -> str:
        check_fitted(self, "time_unit_")
        if self.time_unit_ is None:
            raise InputError("the model has no time unit, which dated covariates need.")
        return self.time_unit_

    def _bound(self, paths: CovariatePaths | None) -> Self:
        self._paths = paths
        return self

    def _columns(self) -> dict[str, tuple[str, ...]]:
        return columns_by_side(self.covariates, _SIDES)

    def _names(self) -> tuple[str, ...]:
        """The columns of both sides, one after the other; a covariate of both is there twice."""
        return tuple(name for names in self._columns().values() for name in names)

    def _sides(self) -> tuple[slice, slice]:
        n = len(self._columns().get("purchases", ()))
        return slice(0, n), slice(n, len(self._names()))

    def _point(self, theta: Array | None = None) -> _Point:
        theta = self.estimate_ if theta is None else theta
        sides = self._sides()
        coefficients = theta[4:]
        params = self._kind(*np.exp(np.clip(theta[:4], -_FAR, _FAR)))
        return _Point(params, coefficients[sides[0]], coefficients[sides[1]], sides)

    def _check(self, customers: pd.DataFrame) -> None:
        if getattr(self.purchases, "kernel", None) not in _DYNAMICS:
            raise InputError("purchases must be clvml.BGNBD() or clvml.ParetoNBD().")
        if columns_by_side(getattr(self.purchases, "covariates", ()), _SIDES):
            raise InputError(
                "the model of purchases has covariates of its own: put them into the table, with"
                " one date per customer."
            )
        if self.future not in ("last", "year_ago"):
            raise InputError(f"future is {self.future!r}; it must be 'last' or 'year_ago'.")
        if not self._names():
            raise InputError("there are no covariates.")
        self.time_unit_ = stated_time_unit(customers)
        if self.time_unit_ is None:
            raise InputError(
                "the customer summary has no time unit, which dated covariates need: set"
                " customers.attrs['time_unit'] to 'D', 'W', 'M', 'Q' or 'Y' first."
            )

    # The steps of the fit.

    def _set_scales(self, history: PathHistory) -> None:
        """Mean and standard deviation of each covariate over the time of observation."""
        seen = (history.before + history.after) * history.weights[:, None]
        total = max(float(seen.sum()), np.finfo(float).tiny)
        self.means_, self.scales_ = {}, {}
        for k, name in enumerate(self._names()):
            values = history.values[:, :, k]
            mean = float((seen * values).sum() / total)
            sd = float(np.sqrt((seen * (values - mean) ** 2).sum() / total))
            if sd <= 1e-12 * max(abs(mean), 1.0):
                raise InputError(f"the covariate {name!r} is the same for all customers at all times.")
            self.means_[name], self.scales_[name] = mean, sd

    def _standardised(self, history: PathHistory) -> PathHistory:
        mean = np.array([self.means_[name] for name in self._names()])
        scale = np.array([self.scales_[name] for name in self._names()])
        values = (history.values - mean) / scale
        purchases = (history.purchases - history.x[:, None] * mean) / scale
        parts = (history.x, history.first, history.last, history.end, history.edges)
        return PathHistory(*parts, values, purchases, history.weights)

    def _search(self, history: PathHistory, start: Any) -> tuple[Array, float, bool]:
        """Quasi-Newton in the eigenvectors of the information, from a part of the customers first."""
        theta = np.concatenate([np.log(np.array(start)), np.zeros(len(self._names()))])
        if history.size >= 2 * _ROUGH:
            theta = self._climb(history.rows(slice(None, None, history.size // _ROUGH)), theta)[0]
        return self._climb(history, theta)

    def _climb(self, history: PathHistory, theta: Array) -> tuple[Array, float, bool]:
        """Maximise from ``theta``; its eigenvectors make all directions alike."""
        levels, vectors = np.linalg.eigh(self._information(history, theta))
        steps = vectors / np.sqrt(np.maximum(np.abs(levels), 1.0))

        def objective(place: Array) -> tuple[float, Array]:
            value, slope = self._objective(history, theta + steps @ place)
            return -value, -slope @ steps

        options = {"ftol": 1e-14, "gtol": 1e-4, "maxiter": 300}
        found: Any = minimize(  # type: ignore[call-overload]
            objective, np.zeros(theta.size), jac=True, method="L-BFGS-B", options=options
        )
        converged = bool(found.success) or float(np.max(np.abs(found.jac))) < 0.01
        return theta + steps @ found.x, -float(found.fun), converged

    def _objective(self, history: PathHistory, theta: Array) -> tuple[float, Array]:
        found: tuple[float, Array] = self._dynamics.log_likelihood_with_slopes(history, *self._point(theta))
        return found

    def _information(self, history: PathHistory, theta: Array) -> Array:
        """Observed information, by central differences of the gradient on at most ``_ROUGH`` customers."""
        every = max(1, history.size // _ROUGH)
        part = history.rows(slice(None, None, every))
        share = float(history.weights.sum() / part.weights.sum())
        columns = []
        for k in range(theta.size):
            step = _DIFFERENCE * (np.arange(theta.size) == k)
            up, down = self._objective(part, theta + step)[1], self._objective(part, theta - step)[1]
            columns.append(share * (down - up) / (2 * _DIFFERENCE))
        return (np.array(columns) + np.array(columns).T) / 2

    # Predictions.

    def _read(self, customers: pd.DataFrame, horizon: float = 0.0) -> PathHistory:
        check_fitted(self, "estimate_")
        return self._standardised(self._history(customers, None, horizon=horizon)[0])

    def _history(
        self, customers: pd.DataFrame, weights: Array | None, horizon: float = 0.0
    ) -> tuple[PathHistory, CovariatePaths]:
        """The customers with the paths of their covariates, until a ``horizon`` after their observation."""
        paths = self._paths
        if paths is None:
            raise InputError(
                "the model has no covariates of these customers: attach them, as in"
                " model.with_paths(clvml.covariate_paths(table))."
            )
        columns = checked_columns(customers, HISTORY, self.time_unit_)
        row = paths.customers.get_indexer(customers.index)
        if (row < 0).any():
            raise InputError(
                f"{(row < 0).sum()} of {len(customers)} customers are not in the table of covariates."
            )
        unit, shift = time_unit_of(self._unit).days, DAY_SHIFTS[self.collapse_]
        ends = end_days(customers, self._unit, self.collapse_, getattr(self, "observed_until_", None))
        origin = float(ends.max())
        end = (ends - origin) / unit
        first, last = end - columns["T"], end - (columns["T"] - columns["recency"])
        dates = np.append(paths.dates, paths.stop).astype(np.int64)
        edges = np.asarray((dates - shift - origin) / unit, dtype=float)
        which = [paths.names.index(name) for name in self._names()]
        values = paths.values[row][:, :, which]
        if not self._is_continuous:
            self._check_constant(values[:, :, self._sides()[1]])
        year = _YEAR / unit if self.future == "year_ago" else None
        padded = np.concatenate([values, values[:, -1:]], axis=1)
        far = min(horizon, 100 * 365.25 / unit)
        edges, values = continued(edges, padded, far, year)
        edges, values = merged(edges, values)
        edges[0] = min(edges[0], float(first.min()))
        sums = np.zeros((len(customers), len(which)))
        if paths.at_purchases is not None:
            sums = paths.at_purchases.to_numpy()[row][:, which]
        counted = np.ones(len(customers)) if weights is None else weights
        history = PathHistory(columns["frequency"], first, last, end, edges, values, sums, counted)
        return history, paths

    def _check_constant(self, values: Array) -> None:
        if (values != values[:, :1]).any():
            raise InputError(
                "in BG/NBD covariates of dropout must not change over time, as dropout waits for purchases:"
                " use clvml.ParetoNBD(), or put them on the side of purchases."
            )

    def _alive(self, history: PathHistory, theta: Array) -> Array:
        point = self._point(theta)
        return self._by_block(history, lambda part: self._dynamics.probability_alive(part, *point))

    def _expected(self, history: PathHistory, ends: Array, weights: Array) -> Array:
        """Weighted sum over ``ends`` of expected purchases until then."""
        point = self._point()

        def of_block(part: PathHistory) -> Array:
            value = np.zeros(part.size)
            for end, weight in zip(ends, weights, strict=True):
                value += weight * self._dynamics.purchases_given_alive(part, part.end + end, *point)
            found: Array = value * self._dynamics.probability_alive(part, *point)
            return found

        return self._by_block(history, of_block)

    @staticmethod
    def _by_block(history: PathHistory, predict: Callable[[PathHistory], Array]) -> Array:
        starts = range(0, history.size, _BLOCK)
        return np.concatenate([predict(history.rows(slice(start, start + _BLOCK))) for start in starts])

    def _check_learnt(self) -> None:
        """Refuse impossible parameters, as a file may have them.

        Raises
        ------
        InputError
            Naming the rule.
        """
        check_params(self.params_)
        n = 4 + len(self._names())
        if self.estimate_.shape != (n,) or not np.isfinite(self.estimate_).all():
            raise InputError(f"estimate_ must have {n} finite numbers.")
        check_covariance(self.covariance_, n)
        if set(self.means_) != set(self._names()) or set(self.scales_) != set(self._names()):
            raise InputError("means_ and scales_ must be those of the covariates.")
        if not all(scale > 0 for scale in self.scales_.values()):
            raise InputError("scales_ must be positive.")

    def _learnt(self) -> str:
        return listed_numbers(self.params_._asdict()) if hasattr(self, "params_") else ""
