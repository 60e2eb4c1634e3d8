"""What models of repeat purchases share: the fit, the predictions, and what they say of poor data.

A model is a module of functions of ``(x, t_x, T)`` and parameters, its `Kernel`; the estimator
gives it customers in and Series out. `BGNBD`, `MBGNBD` and `ParetoNBD` differ in nothing
else; `BGBB`, which counts opportunities, checks more and scales nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from clvml.customers._summary_checks import HISTORY, checked_columns
from clvml.customers._time_units import horizon_in, rate_per_unit, time_unit_of
from clvml.distributions._discounting import discounted_ends, endless_ends
from clvml.distributions._histories import Array, distinct_rows, of_rows
from clvml.distributions._kernel import Kernel
from clvml.errors import FitError, InputError
from clvml.inference._arguments import check_coverage, check_params, check_weights
from clvml.inference._maximum_likelihood import Objective, Optimum
from clvml.models._likelihood_model import LikelihoodModel
from clvml.models._purchase_simulator import PurchaseSimulator
from clvml.models._scenarios import levels_of, with_levels

_IN_TIME = ("alpha", "beta")  # parameters in the unit of time; the others are pure numbers
_HARDLY_ANYBODY = 1e-3  # leaves
NOBODY_LEAVES = (
    "nobody leaves: P(alive) is near 1 for everyone, and expectations over long horizons will be too high if"
    " customers do leave"
)
_CUSTOMERS = 262_144  # at once, so that memory does not grow with their number
_DRAWS = 32  # of the parameters, in the intervals of counts
_CHANCES = 200_000  # of customers times numbers of purchases, at once


class HistoryModel(LikelihoodModel):
    """A model of repeat purchases; its subclasses name it, its kernel and where the search starts."""

    required_columns: ClassVar[tuple[str, ...]] = HISTORY

    kernel: ClassVar[Kernel]
    discrete_time: ClassVar[bool] = False  # whether customers can buy at whole numbers of time units only
    multiples: ClassVar[tuple[str, ...]] = ("purchase_rate", "dropout")  # that a scenario can have
    leaving: ClassVar[str]  # what `Kernel.rate_of_leaving` gives, in symbols and words
    leaving_per: ClassVar[str]
    first_guess: ClassVar[tuple[float, float]]  # of the two parameters of leaving, with T about 1

    time_unit_: str | None

    @classmethod
    def _of(cls, params: Any, time_unit: str | None) -> Self:
        model = cls()
        model.params_ = check_params(params)
        model.time_unit_ = time_unit if time_unit is None else time_unit_of(time_unit).code
        return model

    def fit(self, customers: pd.DataFrame, *, weights: object = None, start: object = None) -> Self:
        """Fit to one row a customer with ``frequency, recency, T``.

        Parameters
        ----------
        customers : DataFrame, shape (n_customers, ...)
            The customer summary; one-time buyers belong in it.
        weights : array-like, shape (n_customers,), optional
            How many customers each row stands for.
        start : sequence of float, optional
            Parameters to start from, such as those of last month's model; the usual start is tried
            after it where it does not serve.

        Raises
        ------
        InputError
            If the summary breaks a rule; see `clvml.customers.check_customers`.
        FitError
            If nobody bought again, or there is one customer only.

        Warns
        -----
        FitWarning
            If the fit sits on a boundary or hardly identifies a parameter, and what to do then.
        """
        history = self._columns(customers, None)
        counted = check_weights(weights, customers)
        if weights is not None:
            count = counted > 0
            history = history[0][count], history[1][count], history[2][count]
            customers, counted = customers[count], counted[count]
        x, _, T = history
        self._refuse_without_information(*history, counted)
        known, scale = self._learn_known(customers, counted), self._scale(T, counted)
        unit = np.array([scale if name in _IN_TIME else 1.0 for name in self.Params._fields])
        usual = unit * self._start(float(counted @ x) / float(counted.sum()))
        optimum = self._learn(self.kernel.count, (*history, counted), usual, unit, start)
        optimum = self._learn_influence(optimum, known, history, counted)
        self.time_unit_ = customers.attrs.get("time_unit")
        self._report(optimum, self._warnings(x, counted))
        return self

    def log_likelihood(self, customers: pd.DataFrame) -> pd.Series:
        """Log-likelihood of each customer."""
        value = self.kernel.log_likelihood(*self._history(customers))
        return pd.Series(value, customers.index, name="log_likelihood")

    def probability_alive(self, customers: pd.DataFrame, after: float | str = 0) -> pd.Series:
        """P(alive) of each customer, in [0, 1].

        Parameters
        ----------
        customers : DataFrame
            The customer summary, in the model's time unit.
        after : float or str, default 0
            How long after the end of their observation, without knowing whether they bought meanwhile.
        """
        x, t_x, T, params = self._history(customers)
        alive = self.kernel.probability_alive(x, t_x, T, params)
        if (time := self._ahead(after)) > 0:
            alive *= self.kernel.probability_of_staying(x, T, time, params)
        return pd.Series(alive, customers.index, name="probability_alive", copy=False)

    def expected_purchases(self, customers: pd.DataFrame, horizon: float | str) -> pd.Series:
        """Expected purchases of each customer in the ``horizon`` after their observation.

        Parameters
        ----------
        customers : DataFrame
            The customer summary, in the model's time unit.
        horizon : float or str
            In the model's time unit, or with a unit of its own: ``"12M"``.
        """
        ends = np.array([self._ahead(horizon)])
        value = self._expected(*self._history(customers), ends, np.ones(1))
        return pd.Series(value, customers.index, name="expected_purchases", copy=False)

    def expected_purchases_new_customer(self, horizon: float | str) -> float:
        """Expected repeat purchases of a new customer in the ``horizon`` after the first purchase."""
        check_is_fitted(self, "params_")
        return float(self._expected(*self._new_customer(), np.array([self._ahead(horizon)]), np.ones(1))[0])

    def purchase_probability(
        self, n: int, horizon: float | str, customers: pd.DataFrame | None = None
    ) -> pd.Series | float:
        """P(exactly ``n`` purchases in the next ``horizon``), of each customer or of a new one.

        Parameters
        ----------
        n : int
            Number of purchases, zero or more.
        horizon : float or str
            In the model's time unit, or with a unit of its own.
        customers : DataFrame, optional
            The customer summary; a new customer where None, whose first purchase does not count.
        """
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 0:
            raise InputError(f"n is {n!r}; it must be a whole number, zero or more.")
        check_is_fitted(self, "params_")
        x, t_x, T, params = self._new_customer() if customers is None else self._history(customers)
        alive = self.kernel.probability_alive(x, t_x, T, params)
        number = np.full(x.size, float(n))
        value = alive * self._count_probability(number, self._ahead(horizon), x, T, params)
        value += (1 - alive) * (n == 0)
        if customers is None:
            return float(value[0])
        return pd.Series(value, customers.index, name="purchase_probability")

    def discounted_purchases(
        self,
        customers: pd.DataFrame,
        horizon: float | str | None = None,
        annual_discount_rate: float = 0.0,
        period: float | str = 1.0,
    ) -> pd.Series:
        """Expected purchases within ``horizon``, discounted.

        Parameters
        ----------
        customers : DataFrame
            The customer summary, in the model's time unit.
        horizon : float or str, optional
            A horizon that is not a whole number of periods ends in a shorter one. Where None, all
            purchases ever to come (the discounted expected residual transactions of Fader, Hardie,
            Lee 2005), discounted continuously; of models that count opportunities, from one to the next.
        annual_discount_rate : float, default 0
            A fraction a year.
        period : float or str, default 1
            Purchases are discounted from the end of their period, so long in the model's time unit or
            with a unit of its own: ``"1M"``. 0 discounts each from when it is made.

        Raises
        ------
        InputError
            If an argument breaks its rule, or the sum without end is infinite for want of a discount.
        """
        history = self._history(customers)
        rate = rate_per_unit(annual_discount_rate, self.time_unit_)
        if horizon is None and rate == 0:
            value = self._endless(*history)
        elif horizon is None:
            value = self._expected(*history, *self._endless_ends(rate))
        else:
            ends = discounted_ends(self._ahead(horizon), rate, self._ahead(period))
            value = self._expected(*history, *ends)
        return pd.Series(value, customers.index, name="discounted_purchases", copy=False)

    def predict_interval(
        self, customers: pd.DataFrame, horizon: float | str, coverage: float = 0.9
    ) -> pd.DataFrame:
        """The range of each customer's number of purchases in the next ``horizon``.

        Quantiles of the exact distribution, equal tails, so each range holds at least ``coverage``. Where
        the model was fitted to few customers (20,000) what is uncertain in its parameters is in it, averaged
        over draws of them; with more it does not show. For spend and value, groups and totals see
        `LifetimeValue.predict_interval`.

        Returns
        -------
        DataFrame
            Columns ``lower, upper``, whole numbers, on the customers' index.
        """
        check_coverage(coverage)
        *history, params = self._history(customers)
        first, row = distinct_rows((*history, *_own(params)))
        draws = [of_rows(draw, first) for draw in self.likely_params(customers)]
        tails = (1 - coverage) / 2, (1 + coverage) / 2
        lower, upper = self._count_quantiles(tails, self._ahead(horizon), draws, *(h[first] for h in history))
        return pd.DataFrame({"lower": lower[row], "upper": upper[row]}, index=customers.index)

    def likely_params(self, customers: pd.DataFrame, n_draws: int = _DRAWS, seed: int = 0) -> list[Any]:
        """Parameters of these customers to average predictions over, as `parameter_draws` gives them."""
        known = self.known(customers)
        return [self.params_of(known, draw) for draw in self.parameter_draws(n_draws, seed)]

    def simulate(self, T: ArrayLike, seed: int) -> pd.DataFrame:
        """Customers drawn from the model, as a summary with ``frequency, recency, T``.

        Parameters
        ----------
        T : array-like, shape (n_customers,)
            How long each is observed, in the model's time unit.
        seed : int
            The same seed gives the same customers.
        """
        check_is_fitted(self, "params_")
        return self._simulated(self._observed(T), seed, self.params_)

    def purchase_simulator(self, customers: pd.DataFrame) -> PurchaseSimulator:
        """A function that simulates the future purchases of these customers; see `PurchaseSimulator`."""
        check_is_fitted(self, "params_")
        return PurchaseSimulator(self, self._columns(customers, self.time_unit_), self.known(customers))

    def scenario_factors(self) -> dict[str, float]:
        """What a scenario can multiply from now on, such as ``{"purchase_rate": 1.0, "dropout": 1.0}``."""
        return levels_of(self)

    def with_factors(self, factors: Mapping[str, float]) -> Self:
        """The same fitted model in a scenario: from now on customers buy or drop out at a multiple.

        Who is alive today is as fitted. Everything that the copy says of the future is that of the scenario,
        prediction intervals included. It is for predictions: saved, it is the fitted model.

        Parameters
        ----------
        factors : mapping of str to float
            Multiples of what was fitted, by the names in `scenario_factors`. ``purchase_rate`` multiplies
            each customer's rate of purchases (or the mean of the probability to buy), ``dropout`` the
            dropout rate, or the mean dropout probability with the sum of the Beta distribution's parameters
            as it was.

        Raises
        ------
        InputError
            If a name is unknown, a multiple is not positive, or the mean dropout probability of customers
            (with covariates, of those like the reference) would reach 1.
        """
        return with_levels(self, factors)

    def _simulated(self, seen: Array, seed: int, params: Any) -> pd.DataFrame:
        x, t_x = self.kernel.simulate(seen, params, np.random.default_rng(seed))
        index = pd.RangeIndex(1, seen.size + 1, name="customer_id")
        customers = pd.DataFrame({"frequency": x, "recency": t_x, "T": seen}, index=index)
        if self.time_unit_ is not None:
            customers.attrs["time_unit"] = self.time_unit_
        return customers

    def _objective(self, seen: Any) -> Objective:
        kernel, kind = self.kernel, self.Params

        def objective(params: Array) -> tuple[float, Array, Array]:
            return kernel.objective(kind(*params), seen)

        return objective

    def _log_likelihood_at(self, params: Array) -> float:
        return self.kernel.total(self.Params(*params), self._seen)

    def _expected(self, x: Array, t_x: Array, T: Array, params: Any, ends: Array, weights: Array) -> Array:
        """Weighted sum over ``ends`` of the expected purchases until then."""
        value = np.empty(x.size)
        for start in range(0, x.size, _CUSTOMERS):
            rows = slice(start, start + _CUSTOMERS)
            own = of_rows(params, rows)
            value[rows] = self.kernel.probability_alive(x[rows], t_x[rows], T[rows], own)
            value[rows] *= self.kernel.purchases_given_alive(x[rows], T[rows], ends, weights, own)
        return value

    def _count_probability(self, n: Array, horizon: float, x: Array, T: Array, params: Any) -> Array:
        """P(exactly ``n`` purchases in the next ``horizon``), for customers alive at ``T``."""
        if horizon == 0:
            return (n == 0).astype(float)
        return self.kernel.count_probability(n, horizon, x, T, params)

    def _endless(self, x: Array, t_x: Array, T: Array, params: Any) -> Array:
        value = self.kernel.endless_purchases(x, T, params)
        if not np.isfinite(value).all():
            raise InputError(
                f"with {self._found()} the customers' purchases never end, undiscounted: without a horizon"
                " annual_discount_rate must be above 0; give a rate, such as 0.10, or a horizon."
            )
        return value * self.kernel.probability_alive(x, t_x, T, params)

    def _count_quantiles(
        self, levels: tuple[float, ...], horizon: float, draws: list[Any], x: Array, t_x: Array, T: Array
    ) -> list[NDArray[np.int64]]:
        """The smallest ``n`` with ``P(Y(horizon) <= n) >= level``, of each customer, for each level."""
        alive = [self.kernel.probability_alive(x, t_x, T, params) for params in draws]
        pairs, pair = distinct_rows((x, T, *_own(draws[0])))
        found = [np.zeros(x.size, dtype=np.int64) for _ in levels]
        below, rows, first, width = 1 - np.mean(alive, axis=0), np.arange(x.size), 0, 1
        while rows.size:
            needed, which = np.unique(pair[rows], return_inverse=True)
            numbers = np.tile(np.arange(first, first + width, dtype=float), needed.size)
            at = np.repeat(pairs[needed], width)
            chance = np.zeros((rows.size, width))
            for here, params in zip(alive, draws, strict=True):
                each = self._count_probability(numbers, horizon, x[at], T[at], of_rows(params, at))
                chance += here[rows, None] / len(draws) * each.reshape(-1, width)[which]
            up_to = below[rows, None] + chance.cumsum(axis=1)
            for level, quantile in zip(levels, found, strict=True):
                quantile[rows] += (up_to < level).sum(axis=1)
            below[rows] = up_to[:, -1]
            rows, first = rows[below[rows] < max(levels)], first + width
            width = max(1, min(2 * width, _CHANCES // max(rows.size, 1)))
        return found

    def _refuse_without_information(self, x: Array, t_x: Array, T: Array, counted: Array) -> None:  # noqa: ARG002
        if x.size < 2:
            raise FitError(
                "there is only one customer: how customers differ cannot be learnt from one;"
                f" use {type(self).__name__}.from_params with parameters from elsewhere."
            )
        if not x.any():
            raise FitError(
                f"none of the {x.size} customers bought again, so purchase rates cannot be learnt:"
                " observe them for longer, or check that purchases were not collapsed into one."
            )
        if not T.any():
            raise FitError("every customer has T = 0, so nobody was observed for any time: end it later.")

    def _columns(self, customers: pd.DataFrame, time_unit: str | None) -> tuple[Array, Array, Array]:
        """``x, t_x, T`` of the customers, checked; not to be written to."""
        x, t_x, T = checked_columns(customers, HISTORY, time_unit).values()
        return x, t_x, T

    def _endless_ends(self, rate: float) -> tuple[Array, Array]:
        return endless_ends(rate)

    def _scale(self, T: Array, counted: Array) -> float:
        """The unit of time of the search, so that the user's does not matter."""
        return float(counted @ T / counted.sum())

    def _start(self, purchases: float) -> Array:
        """Parameters to start from, given the mean number of repeat purchases, in units of the search."""
        return np.array([1.0, 1 / purchases, *self.first_guess])

    def _ahead(self, horizon: float | str) -> float:
        now = isinstance(horizon, int | float | np.number) and horizon == 0
        return 0.0 if now else horizon_in(horizon, self.time_unit_)

    def _observed(self, T: ArrayLike) -> Array:
        seen = np.asarray(T, dtype=float)
        if seen.ndim != 1 or not np.isfinite(seen).all() or (seen < 0).any():
            raise InputError("T must be finite lengths of observation, zero or more, one a customer.")
        return seen

    def _history(self, customers: pd.DataFrame) -> tuple[Array, Array, Array, Any]:
        """``x, t_x, T`` of the customers, and their parameters."""
        check_is_fitted(self, "params_")
        history = self._columns(customers, self.time_unit_)
        return *history, self.params_of(self.known(customers), self._estimate())

    def _new_customer(self) -> tuple[Array, Array, Array, Any]:
        return np.zeros(1), np.zeros(1), np.zeros(1), self.params_

    # What `CovariateModel` has more to say of: what is known of customers beside their history.

    def _learn_known(self, customers: pd.DataFrame, counted: Array) -> Any:  # noqa: ARG002
        return None

    def _learn_influence(
        self,
        optimum: Optimum,
        known: Any,  # noqa: ARG002
        history: tuple[Array, Array, Array],  # noqa: ARG002
        counted: Array,  # noqa: ARG002
    ) -> Optimum:
        return optimum

    def known(self, customers: pd.DataFrame) -> list[Array]:  # noqa: ARG002
        """What is known of customers beside their history: arrays of a row each."""
        return []

    def params_of(self, known: list[Array], estimate: Array) -> Any:  # noqa: ARG002
        """The parameters of customers of whom this is known, by an estimate or a draw of all parameters."""
        return self.Params(*estimate.tolist())

    def _warnings(self, x: Array, counted: Array) -> list[str]:  # noqa: ARG002
        """What a user should know about this fit, beside how the search went."""
        scaled = self.Params(*(np.array(self.params_) / self._unit))
        leaving = self.kernel.rate_of_leaving(scaled)
        if leaving >= _HARDLY_ANYBODY or NOBODY_LEAVES in self._meanings_of(self._boundary):
            return []
        return [
            f"hardly anybody leaves in this fit ({self.leaving} = {leaving:.2g} {self.leaving_per};"
            f" {self._found()}): P(alive) is near 1 for everyone, and expectations over long horizons will be"
            " too high if customers do leave; observe them for longer, or compare with a formula on a"
            " holdout."
        ]


def _own(params: Any) -> list[Array]:
    """The parameters that differ from customer to customer."""
    return [param for param in params if isinstance(param, np.ndarray)]
