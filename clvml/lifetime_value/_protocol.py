"""What functions of lifetime value ask of a model: small protocols, which a model of your own can satisfy.

Nothing here asks for a class. Whatever has the members of `ValueModel` is compared, registered and served;
a `LifetimeValue` takes any `PurchaseModel` and any `SpendModel`; and each further question has a protocol
of its own:

=============================  =============================  =====================================
Question                       Protocol                       Asked by
=============================  =============================  =====================================
what if a factor changes?      `SupportsScenarios`            `model_value`
discounted purchases           `SupportsDiscounting`          `LifetimeValue`
P(alive)                       `SupportsProbabilityAlive`     `LifetimeValue`, diagnostics
P(n purchases)                 `SupportsPurchaseProbability`  `value_over_time`, `fit_by_frequency`
intervals of purchases         `SupportsPurchaseIntervals`    `LifetimeValue.predict_interval`
simulated purchases            `SupportsPurchaseSimulation`   `LifetimeValue.predict_interval`
simulated spend                `SupportsSpendSimulation`      `LifetimeValue.predict_interval`
how customers differ           `SupportsHeterogeneity`        `heterogeneity`
distribution of average spend  `SupportsSpendDistribution`    `fit_by_spend`
=============================  =============================  =====================================

A function whose model lacks a member says which one, in an InputError.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvml.errors import InputError

Array = NDArray[np.float64]
Rows = NDArray[np.int64]

# Of (draw, n_simulations, horizon, rng): ``simulation * n_customers + customer`` of each simulated purchase,
# ascending, and its time from the end of the customer's observation.
SimulatePurchases = Callable[[Any, int, float, np.random.Generator], tuple[Rows, Array]]
# Of (draw, who, number, rng): the amounts of ``number[k]`` purchases of the customer at position ``who[k]``,
# one after another.
SimulateSpend = Callable[[Any, Rows, Rows, np.random.Generator], Array]


@runtime_checkable
class ValueModel(Protocol):
    """A fitted lifetime-value model; ``isinstance`` is true once :meth:`fit` has run.

    Attributes
    ----------
    required_columns : tuple of str
        The columns of the customer summary that the model reads.
    horizon : float or str
        How far ahead :meth:`predict` looks, in the model's time unit, or as text such as ``"12M"``.
    annual_discount_rate : float
        A fraction per year: 0.10 is 10 %.
    margin : float
        Multiplies the money: the share of spend that is kept.
    time_unit_ : {"D", "W", "M", "Q", "Y"} or None
        The unit of the customer summary that the model was fitted to.
    """

    horizon: float | str
    annual_discount_rate: float
    margin: float
    time_unit_: str | None

    @property
    def required_columns(self) -> tuple[str, ...]:
        """The columns of the customer summary that the model reads."""
        ...

    def fit(self, customers: pd.DataFrame) -> Self:
        """Learn from a customer summary, one row per customer."""
        ...

    def predict(
        self,
        customers: pd.DataFrame,
        horizon: float | str | None = None,
        annual_discount_rate: float | None = None,
    ) -> pd.Series:
        """Money per customer over the horizon: float64, named "clv", on the customers' index.

        ``None`` takes the constructor's horizon or rate.
        """
        ...

    def predict_factors(
        self,
        customers: pd.DataFrame,
        horizon: float | str | None = None,
        annual_discount_rate: float | None = None,
    ) -> pd.DataFrame:
        """The money in the first column, "clv", and beside it what it was made from."""
        ...


@runtime_checkable
class SupportsExpectedPurchases(Protocol):
    """A fitted model that gives expected purchases."""

    def expected_purchases(self, customers: pd.DataFrame, horizon: float | str) -> pd.Series:
        """Expected purchases of each customer in the ``horizon`` after their observation."""
        ...


@runtime_checkable
class SupportsNewCustomers(Protocol):
    """A fitted model that gives the expected purchases of a customer who is yet to be acquired."""

    def expected_purchases_new_customer(self, horizon: float | str) -> float:
        """Expected repeat purchases in the ``horizon`` after the first purchase."""
        ...


@runtime_checkable
class PurchaseModel(SupportsExpectedPurchases, Protocol):
    """A model of how often customers buy, which `LifetimeValue` multiplies by what they spend.

    It is cloned before it is fitted, so it is an estimator of scikit-learn too: derive it from
    ``BaseEstimator``. A fitted one may have ``required_columns`` and ``time_unit_``; without them the
    columns are ``frequency, recency, T`` and the unit is that of the customers.
    """

    def fit(self, customers: pd.DataFrame) -> Self:
        """Learn from a customer summary, one row per customer."""
        ...


@runtime_checkable
class SpendModel(Protocol):
    """A model of how much customers spend on a purchase; like `PurchaseModel`, a cloneable estimator."""

    def fit(self, customers: pd.DataFrame) -> Self:
        """Learn from a customer summary, one row per customer."""
        ...

    def expected_spend(self, customers: pd.DataFrame) -> pd.Series:
        """Expected money of each customer on a future purchase."""
        ...


@runtime_checkable
class SupportsDiscounting(Protocol):
    """A model of purchases that discounts by itself; else expectations over many horizons are summed."""

    def discounted_purchases(
        self,
        customers: pd.DataFrame,
        horizon: float | str | None,
        annual_discount_rate: float,
        period: float | str,
    ) -> pd.Series:
        """Expected purchases within ``horizon`` (None: infinite), discounted from the ends of periods."""
        ...


@runtime_checkable
class SupportsScenarios(Protocol):
    """A fitted model, of purchases or of value, that answers "what if"."""

    def scenario_factors(self) -> dict[str, float]:
        """The factors that can be changed, at today's levels."""
        ...

    def with_factors(self, factors: Mapping[str, float]) -> Any:
        """The fitted model with some factors at other levels, as far as they concern the future.

        With today's levels it predicts what this one predicts; unknown names are refused.
        """
        ...


@runtime_checkable
class SupportsProbabilityAlive(Protocol):
    """A fitted model that says whether customers are still active."""

    def probability_alive(self, customers: pd.DataFrame) -> pd.Series:
        """P(alive) of each customer, in [0, 1]."""
        ...


@runtime_checkable
class SupportsPurchaseProbability(Protocol):
    """A fitted model that gives the distribution of the number of purchases."""

    def purchase_probability(self, n: int, horizon: float | str, customers: pd.DataFrame) -> pd.Series:
        """P(exactly ``n`` purchases in the next ``horizon``) of each customer."""
        ...


@runtime_checkable
class SupportsPurchaseIntervals(Protocol):
    """A fitted model that gives prediction intervals of the number of purchases."""

    def predict_interval(
        self, customers: pd.DataFrame, horizon: float | str, coverage: float = 0.9
    ) -> pd.DataFrame:
        """Columns ``lower, upper`` on the customers' index."""
        ...


@runtime_checkable
class SupportsPurchaseSimulation(Protocol):
    """A fitted model of purchases that simulates what customers will buy."""

    def parameter_draws(self, n_draws: int, random_state: int, *, together: bool = False) -> Sequence[Any]:
        """Sets of parameters: as many as asked for, or one where their uncertainty is negligible.

        It is not negligible for a total (``together``), which it moves in one direction. A model that knows
        nothing of it returns ``[None]``.
        """
        ...

    def purchase_simulator(self, customers: pd.DataFrame) -> SimulatePurchases:
        """A function of ``(draw, n_simulations, horizon, rng)`` that simulates these customers' purchases.

        It returns ``simulation * n_customers + customer`` of each purchase, ascending, and the time of each
        from the end of the customer's observation.
        """
        ...


@runtime_checkable
class SupportsSpendSimulation(Protocol):
    """A fitted model of spend that simulates what customers will spend."""

    def parameter_draws(self, n_draws: int, random_state: int, *, together: bool = False) -> Sequence[Any]:
        """As in `SupportsPurchaseSimulation`."""
        ...

    def spend_simulator(self, customers: pd.DataFrame) -> SimulateSpend:
        """A function of ``(draw, who, number, rng)`` that simulates amounts.

        It returns those of ``number[k]`` purchases of the customer at position ``who[k]``, one after another.
        """
        ...


@runtime_checkable
class SupportsHeterogeneity(Protocol):
    """A fitted model that says how customers differ."""

    def trait_distributions(self, n_draws: int = 400, random_state: int = 0) -> Sequence[Any]:
        """For each trait of customers an object with ``name, per, distribution, draws``.

        ``distribution`` is a frozen distribution of scipy, ``draws`` another whose parameters are arrays of
        draws, or None.
        """
        ...


@runtime_checkable
class SupportsSpendDistribution(Protocol):
    """A fitted model of spend that gives the distribution of a customer's average."""

    def average_spend_cdf(self, frequency: Array, amounts: Array) -> Array:
        """P(average over ``frequency`` purchases is at most ``amounts``), broadcast."""
        ...


def title_of(model: object) -> str:
    """The title that a model gives itself, or the name of its class."""
    return str(getattr(model, "title", type(model).__name__))


def require(model: object, protocol: type, task: str, way_out: str) -> None:
    """Refuse a model that lacks a member of the protocol.

    Parameters
    ----------
    model : object
    protocol : type
        One of this module.
    task : str
        What the member is needed for: "elasticities need".
    way_out : str
        What to do, beside adding the member.

    Raises
    ------
    InputError
        With the missing members, and what to do.
    """
    members = {name for name in vars(protocol) if not name.startswith("_")}
    members |= set(vars(protocol).get("__annotations__", {}))
    missing = [name for name in sorted(members) if not hasattr(model, name)]
    if missing:
        raise InputError(
            f"{task} {' and '.join(missing)}, which {type(model).__name__} does not have: {way_out}, or add"
            f" {'it' if len(missing) == 1 else 'them'} as clvml.lifetime_value.{protocol.__name__} says."
        )
