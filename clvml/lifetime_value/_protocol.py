"""Protocols of models of purchases, spend and lifetime value, which custom models can implement.

Models are recognised by structure, not by class. Any `ValueModel` can be compared, registered and served;
`LifetimeValue` takes any `PurchaseModel` and any `SpendModel`; each further capability has its own
protocol:

=============================  =============================  =====================================
Capability                     Protocol                       Used by
=============================  =============================  =====================================
learning from a past holdout   `SupportsEarlierSplit`         `compare_models`
what-if scenarios              `SupportsScenarios`            `model_value`
discounted purchases           `SupportsDiscounting`          `LifetimeValue`
one price per purchase         `SupportsPrice`                `at_price`, `compare_models`
P(alive)                       `SupportsProbabilityAlive`     `LifetimeValue`, diagnostics
intervals of value             `SupportsValueIntervals`       the choice of the model to serve
intervals of totals            `SupportsTotalIntervals`       totals of segments in a run
factors of value, at once      `SupportsPurchaseFactors`      `LifetimeValue.predict_factors`
factors of value, as arrays    `SupportsValueFactors`         `LearnedCorrection.predict_factors`
revenue, from the factors      `SupportsRevenueFromFactors`   `TotalCalibration.total_interval`
factors over several horizons  `SupportsFactorsByHorizon`     `Backtest.expected_totals`
P(n purchases)                 `SupportsPurchaseProbability`  `value_over_time`, `fit_by_frequency`
P(buys), next purchase         `SupportsNextPurchase`         `customer_outlook`
intervals of purchases         `SupportsPurchaseIntervals`    `LifetimeValue.predict_interval`
simulated purchases            `SupportsPurchaseSimulation`   `LifetimeValue.predict_interval`
simulated spend                `SupportsSpendSimulation`      `LifetimeValue.predict_interval`
heterogeneity of customers     `SupportsHeterogeneity`        `heterogeneity`
distribution of average spend  `SupportsSpendDistribution`    `fit_by_spend`
density of future spend        `SupportsFutureSpendDensity`   `StackedValue`
=============================  =============================  =====================================

A function raises an InputError that names the missing members.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvml.customers._split import Split
from clvml.customers._time_units import Horizon
from clvml.errors import InputError

Array = NDArray[np.float64]
Rows = NDArray[np.int64]

# Arguments (draw, n_simulations, horizon, rng); returns ``simulation * n_customers + customer`` of each
# simulated purchase, ascending, and its time from the end of the customer's observation.
SimulatePurchases = Callable[[Any, int, float, np.random.Generator], tuple[Rows, Array]]
# Arguments (draw, who, number, rng); returns the amounts of ``number[k]`` purchases of the customer at
# position ``who[k]``, concatenated.
SimulateSpend = Callable[[Any, Rows, Rows, np.random.Generator], Array]


@runtime_checkable
class ValueModel(Protocol):
    """A fitted lifetime-value model; ``isinstance`` is true after :meth:`fit`.

    Implemented by :class:`clvml.LifetimeValue`, the formulas and the learned models. Any object with these
    members can be compared, registered and served.

    Attributes
    ----------
    required_columns : tuple of str
        The columns of the customer summary that the model uses.
    horizon : float or str
        Prediction horizon, in the model's time unit, or as text such as ``"12M"``.
    annual_discount_rate : float
        A fraction per year: 0.10 is 10 %.
    margin : float
        Profit per unit of spend.
    time_unit_ : {"D", "W", "M", "Q", "Y"} or None
        The unit of the customer summary that the model was fitted to.

    See Also
    --------
    clvml.LifetimeValue : Purchases x spend.
    clvml.compare_models : Takes any such models.
    clvml.workflow.custom_contender : One's own model in ``clvml run``.

    Examples
    --------
    >>> import clvml
    >>> import pandas as pd
    >>> from clvml.lifetime_value import ValueModel
    >>> customers = pd.DataFrame({"total_spend": [100.0, 20.0]})
    >>> model = clvml.HistoricValue(horizon=52)
    >>> isinstance(model, ValueModel), isinstance(model.fit(customers), ValueModel)
    (False, True)
    """

    horizon: Horizon
    annual_discount_rate: float
    margin: float
    time_unit_: str | None

    @property
    def required_columns(self) -> tuple[str, ...]:
        """The columns of the customer summary that the model uses."""
        ...

    def fit(self, customers: pd.DataFrame) -> Self:
        """Fit to a customer summary, one row per customer."""
        ...

    def predict(
        self,
        customers: pd.DataFrame,
        horizon: Horizon | None = None,
        annual_discount_rate: float | None = None,
    ) -> pd.Series:
        """Lifetime value per customer over the horizon: float64, named "clv", on the customers' index.

        None uses the constructor's horizon or rate.
        """
        ...

    def predict_factors(
        self,
        customers: pd.DataFrame,
        horizon: Horizon | None = None,
        annual_discount_rate: float | None = None,
    ) -> pd.DataFrame:
        """Lifetime value in the first column, "clv", and its factors in the others."""
        ...


@runtime_checkable
class SupportsPrice(Protocol):
    """A model of value that supports one price per purchase, for purchases without amounts.

    Implemented by :class:`clvml.LifetimeValue`; :func:`clvml.lifetime_value.at_price` wraps other models.

    See Also
    --------
    clvml.lifetime_value.at_price : Asks for it.
    clvml.PricedValue : Any model at one price.

    Examples
    --------
    >>> import clvml
    >>> from clvml.lifetime_value import SupportsPrice
    >>> isinstance(clvml.LifetimeValue(clvml.BGNBD(), None, 52), SupportsPrice)
    True
    >>> isinstance(clvml.RepeatRateValue(52), SupportsPrice)
    False
    """

    def at_price(self, price: float) -> Any:
        """The unfitted model with this price in place of its model of spend."""
        ...


@runtime_checkable
class SupportsValueIntervals(Protocol):
    """A fitted value model that predicts intervals of each customer's value.

    Implemented by :class:`clvml.LifetimeValue`, :class:`clvml.NewCustomerValue`,
    :class:`clvml.LearnedCorrection` and :class:`clvml.StackedValue`; not by formulas.

    See Also
    --------
    clvml.compare_models : Prefers such models if intervals are among the ``needs``.
    clvml.lifetime_value.SupportsPurchaseIntervals : Intervals of the number of purchases.

    Examples
    --------
    >>> import clvml
    >>> from clvml.lifetime_value import SupportsValueIntervals
    >>> isinstance(clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), 52), SupportsValueIntervals)
    True
    >>> isinstance(clvml.RepeatRateValue(52), SupportsValueIntervals)
    False
    """

    def predict_interval(self, customers: pd.DataFrame) -> pd.DataFrame:
        """Columns ``clv_lower, clv_upper`` on the customers' index."""
        ...


@runtime_checkable
class SupportsTotalIntervals(Protocol):
    """A fitted value model that predicts intervals of the total of all customers and of groups."""

    def predict_total_interval(
        self, customers: pd.DataFrame, groups: pd.Series | None = None, coverage: float = 0.9
    ) -> pd.DataFrame:
        """Columns ``clv, clv_lower, clv_upper``, a row per group and one named "total"."""
        ...


@runtime_checkable
class SupportsEarlierSplit(Protocol):
    """A value model that learns from the outcomes of an earlier holdout, besides the customers it predicts.

    ``fit``, without an earlier split, falls back to what the customers alone support, or raises an
    InputError. Implemented by :class:`clvml.LearnedCorrection`, :class:`clvml.StackedValue`,
    :class:`clvml.MeanValue`, :class:`clvml.RegressorValue` and :class:`clvml.LastPeriodValue`.

    See Also
    --------
    clvml.Split.earlier : The earlier split.
    clvml.compare_models, clvml.backtest : Fit such models with it.

    Examples
    --------
    >>> import clvml
    >>> from clvml.lifetime_value import SupportsEarlierSplit
    >>> isinstance(clvml.MeanValue(52), SupportsEarlierSplit)
    True
    >>> isinstance(clvml.RepeatRateValue(52), SupportsEarlierSplit)
    False
    """

    def fit_with_earlier(self, customers: pd.DataFrame, earlier: Split) -> Self:
        """Fit to a customer summary and to an earlier split of the same transactions.

        ``earlier``, as `Split.earlier` makes it, has its holdout end no later than the observation of
        ``customers``.
        """
        ...


@runtime_checkable
class SupportsExpectedPurchases(Protocol):
    """A fitted model that predicts expected purchases.

    Implemented by every model of purchases, such as :class:`clvml.BGNBD`.

    See Also
    --------
    clvml.lifetime_value.PurchaseModel : With ``fit``, what :class:`clvml.LifetimeValue` takes.
    clvml.diagnostics.frequency_recency_matrix : Draws on it.

    Examples
    --------
    >>> import clvml
    >>> from clvml.lifetime_value import SupportsExpectedPurchases
    >>> isinstance(clvml.BGNBD(), SupportsExpectedPurchases)
    True
    >>> isinstance(clvml.GammaGamma(), SupportsExpectedPurchases)
    False
    """

    def expected_purchases(self, customers: pd.DataFrame, horizon: Horizon) -> pd.Series:
        """Expected purchases of each customer in the ``horizon`` after their observation."""
        ...


@runtime_checkable
class SupportsNewCustomers(Protocol):
    """A fitted model that predicts the expected purchases of a new customer.

    Implemented by models of purchases such as :class:`clvml.BGNBD`; not with covariates that change over
    time.

    See Also
    --------
    clvml.new_customer_value : The value of a new customer.
    clvml.diagnostics.with_expected_purchases : Expected purchases over time.

    Examples
    --------
    >>> import clvml
    >>> from clvml.lifetime_value import SupportsNewCustomers
    >>> isinstance(clvml.BGNBD(), SupportsNewCustomers)
    True
    >>> isinstance(clvml.GammaGamma(), SupportsNewCustomers)
    False
    """

    def expected_purchases_new_customer(self, horizon: Horizon) -> float:
        """Expected repeat purchases in the ``horizon`` after the first purchase."""
        ...


@runtime_checkable
class PurchaseModel(SupportsExpectedPurchases, Protocol):
    """A model of purchase frequency for :class:`clvml.LifetimeValue`.

    It is cloned before fitting, so it must be a scikit-learn estimator: derive it from ``BaseEstimator``. A
    fitted model may have ``required_columns`` and ``time_unit_``; defaults are ``frequency, recency, T`` and
    the unit of the customers. Implemented by :class:`clvml.BGNBD` and all other models of purchases.

    See Also
    --------
    clvml.lifetime_value.SpendModel : Its counterpart for spend.
    clvml.LifetimeValue : Combines the two.

    Examples
    --------
    A model of one's own: every customer continues to buy at the past rate.

    >>> import clvml
    >>> from clvml.lifetime_value import PurchaseModel
    >>> from sklearn.base import BaseEstimator
    >>> class PastRate(BaseEstimator):
    ...     def fit(self, customers):
    ...         return self
    ...     def expected_purchases(self, customers, horizon):
    ...         return customers["frequency"] / customers["T"] * horizon
    >>> isinstance(PastRate(), PurchaseModel), isinstance(clvml.GammaGamma(), PurchaseModel)
    (True, False)
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> model = clvml.LifetimeValue(PastRate(), clvml.ConstantSpend(price=10.0), horizon=39).fit(customers)
    >>> model.predict(customers).loc[[1, 6]].round(2).to_dict()
    {1: 20.07, 6: 70.26}
    """

    def fit(self, customers: pd.DataFrame) -> Self:
        """Fit to a customer summary, one row per customer."""
        ...


@runtime_checkable
class SpendModel(Protocol):
    """A model of spend per purchase for :class:`clvml.LifetimeValue`.

    A cloneable scikit-learn estimator, as :class:`~clvml.lifetime_value.PurchaseModel`.
    Implemented by :class:`clvml.GammaGamma`, :class:`clvml.LognormalSpend`, :class:`clvml.ConstantSpend` and
    :class:`clvml.TrendingSpend`.

    See Also
    --------
    clvml.lifetime_value.PurchaseModel : Its counterpart for purchases.
    clvml.LifetimeValue : Combines the two.

    Examples
    --------
    >>> import clvml
    >>> from clvml.lifetime_value import SpendModel
    >>> isinstance(clvml.GammaGamma(), SpendModel)
    True
    >>> isinstance(clvml.BGNBD(), SpendModel)
    False
    """

    def fit(self, customers: pd.DataFrame) -> Self:
        """Fit to a customer summary, one row per customer."""
        ...

    def expected_spend(self, customers: pd.DataFrame) -> pd.Series:
        """Expected spend of each customer per future purchase, in currency units."""
        ...


@runtime_checkable
class SupportsDiscounting(Protocol):
    """A model that computes discounted purchases; otherwise expectations over many horizons are summed.

    Implemented by models of purchases such as :class:`clvml.BGNBD`.

    See Also
    --------
    clvml.LifetimeValue : Asks for it.

    Examples
    --------
    >>> import clvml
    >>> from clvml.lifetime_value import SupportsDiscounting
    >>> isinstance(clvml.BGNBD(), SupportsDiscounting)
    True
    >>> isinstance(clvml.GammaGamma(), SupportsDiscounting)
    False
    """

    def discounted_purchases(
        self,
        customers: pd.DataFrame,
        horizon: Horizon | None,
        annual_discount_rate: float,
        period: Horizon,
    ) -> pd.Series:
        """Expected purchases within ``horizon`` (None: infinite), discounted from the ends of periods."""
        ...


@runtime_checkable
class SupportsPurchaseFactors(Protocol):
    """A model of purchases that predicts all factors of a value at once; otherwise it is asked one by one.

    Implemented by models of purchases such as :class:`clvml.BGNBD`.

    See Also
    --------
    clvml.LifetimeValue : Asks for it in ``predict_factors``.

    Examples
    --------
    >>> import clvml
    >>> from clvml.lifetime_value import SupportsPurchaseFactors
    >>> isinstance(clvml.BGNBD(), SupportsPurchaseFactors)
    True
    >>> isinstance(clvml.GammaGamma(), SupportsPurchaseFactors)
    False
    """

    def purchase_factors(
        self,
        customers: pd.DataFrame,
        horizon: Horizon | None,
        annual_discount_rate: float,
        period: Horizon,
    ) -> dict[str, Array]:
        """``discounted_purchases, expected_purchases`` (finite horizons) and ``probability_alive``."""
        ...


@runtime_checkable
class SupportsValueFactors(Protocol):
    """A model of value that predicts the columns of `predict_factors` as arrays; a table takes longer."""

    def value_factors(
        self,
        customers: pd.DataFrame,
        horizon: Horizon | None = None,
        annual_discount_rate: float | None = None,
    ) -> dict[str, Array]:
        """The factors by name, in the order of the customers."""
        ...


@runtime_checkable
class SupportsRevenueFromFactors(Protocol):
    """A model of value whose undiscounted revenue is a product of the columns of `predict_factors`."""

    def revenue_from_factors(self, factors: Any) -> Any:
        """The undiscounted revenue, before margin, over the finite horizon of the factors.

        A Series of a table, an array of arrays by name.
        """
        ...


@runtime_checkable
class SupportsFactorsByHorizon(SupportsRevenueFromFactors, Protocol):
    """A model of value that predicts the factors over several horizons; what they share, once."""

    def factors_by_horizon(
        self, customers: pd.DataFrame, horizons: Sequence[Horizon], annual_discount_rate: float
    ) -> Iterator[dict[str, Array]]:
        """The columns of `predict_factors` as arrays, of each horizon in turn."""
        ...


@runtime_checkable
class SupportsScenarios(Protocol):
    """A fitted model, of purchases or of value, that supports what-if scenarios.

    Implemented by :class:`clvml.LifetimeValue`, the formulas, :class:`clvml.LearnedCorrection`, and models of
    purchases such as :class:`clvml.BGNBD`.

    See Also
    --------
    clvml.model_value : The value as a function of the factors.
    clvml.what_if, clvml.tornado : What the factors do to it.

    Examples
    --------
    >>> import clvml
    >>> from clvml.lifetime_value import SupportsScenarios
    >>> isinstance(clvml.RepeatRateValue(52), SupportsScenarios)
    True
    >>> isinstance(clvml.LastPeriodValue(52), SupportsScenarios)
    False
    """

    def scenario_factors(self) -> dict[str, float]:
        """The factors that can be changed, at their current levels."""
        ...

    def with_factors(self, factors: Mapping[str, float]) -> Any:
        """The fitted model with some factors at other levels from now on.

        At the current levels predictions are unchanged; unknown names raise an InputError.
        """
        ...


@runtime_checkable
class SupportsProbabilityAlive(Protocol):
    """A fitted model that predicts P(alive).

    Implemented by models of purchases such as :class:`clvml.BGNBD`; a formula knows no dropout.

    See Also
    --------
    clvml.diagnostics.probability_alive_over_time : P(alive) of one customer over time.
    clvml.CustomerGroups : Uses it for customers who have no P(alive).

    Examples
    --------
    >>> import clvml
    >>> from clvml.lifetime_value import SupportsProbabilityAlive
    >>> isinstance(clvml.BGNBD(), SupportsProbabilityAlive)
    True
    >>> isinstance(clvml.RepeatRateValue(52), SupportsProbabilityAlive)
    False
    """

    def probability_alive(self, customers: pd.DataFrame) -> pd.Series:
        """P(alive) of each customer, in [0, 1]."""
        ...


@runtime_checkable
class SupportsPurchaseProbability(Protocol):
    """A fitted model that predicts the distribution of the number of purchases.

    Implemented by models of purchases such as :class:`clvml.BGNBD`.

    See Also
    --------
    clvml.diagnostics.fit_by_frequency : Compares it with the actual numbers.
    clvml.StackedValue : Weights models by it.

    Examples
    --------
    >>> import clvml
    >>> from clvml.lifetime_value import SupportsPurchaseProbability
    >>> isinstance(clvml.BGNBD(), SupportsPurchaseProbability)
    True
    >>> isinstance(clvml.RepeatRateValue(52), SupportsPurchaseProbability)
    False
    """

    def purchase_probability(self, n: int, horizon: Horizon, customers: pd.DataFrame) -> pd.Series:
        """P(exactly ``n`` purchases in the next ``horizon``) of each customer."""
        ...


@runtime_checkable
class SupportsNextPurchase(Protocol):
    """A fitted model that predicts whether and when customers buy next.

    Implemented by models of purchases such as :class:`clvml.BGNBD`, and by :class:`clvml.StackedValue` and
    :class:`clvml.MeanValue`.

    See Also
    --------
    clvml.lifetime_value.customer_outlook : P(buys) and the date of the next purchase.

    Examples
    --------
    >>> import clvml
    >>> from clvml.lifetime_value import SupportsNextPurchase
    >>> isinstance(clvml.BGNBD(), SupportsNextPurchase)
    True
    >>> isinstance(clvml.RepeatRateValue(52), SupportsNextPurchase)
    False
    """

    def probability_buys(self, customers: pd.DataFrame, horizon: Horizon) -> pd.Series:
        """P(at least one purchase in the ``horizon``) of each customer."""
        ...

    def next_purchase_time(self, customers: pd.DataFrame, probability: float = 0.5) -> pd.Series:
        """Time by which each customer has bought again with this probability; infinite if never."""
        ...


@runtime_checkable
class SupportsPurchaseIntervals(Protocol):
    """A fitted model that predicts intervals of the number of purchases.

    Implemented by models of purchases such as :class:`clvml.BGNBD`.

    See Also
    --------
    clvml.LifetimeValue : Its ``predict_interval`` asks for it.
    clvml.lifetime_value.SupportsPurchaseSimulation : The other way to intervals.

    Examples
    --------
    >>> import clvml
    >>> from clvml.lifetime_value import SupportsPurchaseIntervals
    >>> isinstance(clvml.BGNBD(), SupportsPurchaseIntervals)
    True
    >>> isinstance(clvml.RepeatRateValue(52), SupportsPurchaseIntervals)
    False
    """

    def predict_interval(
        self, customers: pd.DataFrame, horizon: Horizon, coverage: float = 0.9
    ) -> pd.DataFrame:
        """Columns ``lower, upper`` on the customers' index."""
        ...


@runtime_checkable
class SupportsPurchaseSimulation(Protocol):
    """A fitted model of purchases that supports simulation.

    Implemented by models of purchases such as :class:`clvml.BGNBD`.

    See Also
    --------
    clvml.LifetimeValue : Its ``predict_interval`` simulates purchases and spend.
    clvml.lifetime_value.SupportsSpendSimulation : Its counterpart for spend.

    Examples
    --------
    >>> import clvml
    >>> from clvml.lifetime_value import SupportsPurchaseSimulation
    >>> isinstance(clvml.BGNBD(), SupportsPurchaseSimulation)
    True
    >>> isinstance(clvml.GammaGamma(), SupportsPurchaseSimulation)
    False
    """

    def parameter_draws(self, n_draws: int, random_state: int, *, together: bool = False) -> Sequence[Any]:
        """Draws of the parameters: ``n_draws`` of them, or one if their uncertainty is negligible.

        For totals (``together``) it is not, as it affects all customers in the same direction. A model
        without parameter uncertainty returns ``[None]``.
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
    """A fitted model of spend that supports simulation.

    Implemented by :class:`clvml.GammaGamma`, :class:`clvml.LognormalSpend`, :class:`clvml.ConstantSpend` and
    :class:`clvml.TrendingSpend`.

    See Also
    --------
    clvml.LifetimeValue : Its ``predict_interval`` simulates purchases and spend.
    clvml.lifetime_value.SupportsPurchaseSimulation : Its counterpart for purchases.

    Examples
    --------
    >>> import clvml
    >>> from clvml.lifetime_value import SupportsSpendSimulation
    >>> isinstance(clvml.GammaGamma(), SupportsSpendSimulation)
    True
    >>> isinstance(clvml.BGNBD(), SupportsSpendSimulation)
    False
    """

    def parameter_draws(self, n_draws: int, random_state: int, *, together: bool = False) -> Sequence[Any]:
        """As in `SupportsPurchaseSimulation`."""
        ...

    def spend_simulator(self, customers: pd.DataFrame) -> SimulateSpend:
        """A function of ``(draw, who, number, rng)`` that simulates amounts.

        It returns those of ``number[k]`` purchases of the customer at position ``who[k]``, concatenated.
        """
        ...


@runtime_checkable
class SupportsHeterogeneity(Protocol):
    """A fitted model with a distribution of traits across customers.

    Implemented by models of purchases such as :class:`clvml.BGNBD` and of spend such as
    :class:`clvml.GammaGamma`.

    See Also
    --------
    clvml.diagnostics.heterogeneity : The densities, with credible bands.
    clvml.models.TraitDistribution : What it gives for each trait.

    Examples
    --------
    >>> import clvml
    >>> from clvml.lifetime_value import SupportsHeterogeneity
    >>> isinstance(clvml.BGNBD(), SupportsHeterogeneity)
    True
    >>> isinstance(clvml.ConstantSpend(), SupportsHeterogeneity)
    False
    """

    def trait_distributions(self, n_draws: int = 400, random_state: int = 0) -> Sequence[Any]:
        """For each trait an object with ``name, per, distribution, draws``.

        ``distribution`` is a frozen scipy distribution, ``draws`` one whose parameters are arrays of draws,
        or None.
        """
        ...


@runtime_checkable
class SupportsSpendDistribution(Protocol):
    """A fitted model of spend that predicts the distribution of a customer's average spend.

    Implemented by :class:`clvml.GammaGamma`, :class:`clvml.LognormalSpend`, :class:`clvml.ConstantSpend` and
    :class:`clvml.TrendingSpend`.

    See Also
    --------
    clvml.diagnostics.fit_by_spend : Compares it with the actual distribution.

    Examples
    --------
    >>> import clvml
    >>> from clvml.lifetime_value import SupportsSpendDistribution
    >>> isinstance(clvml.GammaGamma(), SupportsSpendDistribution)
    True
    >>> isinstance(clvml.BGNBD(), SupportsSpendDistribution)
    False
    """

    def average_spend_cdf(self, frequency: Array, amounts: Array) -> Array:
        """P(average over ``frequency`` purchases is at most ``amounts``), broadcast."""
        ...


@runtime_checkable
class SupportsFutureSpendDensity(Protocol):
    """A fitted model of spend that predicts the density of a customer's spend on future purchases.

    Implemented by :class:`clvml.GammaGamma`.

    See Also
    --------
    clvml.StackedValue : Scores spend by it.

    Examples
    --------
    >>> import clvml
    >>> from clvml.lifetime_value import SupportsFutureSpendDensity
    >>> isinstance(clvml.GammaGamma(), SupportsFutureSpendDensity)
    True
    >>> isinstance(clvml.ConstantSpend(), SupportsFutureSpendDensity)
    False
    """

    def future_spend_log_density(self, customers: pd.DataFrame, number: Array, total: Array) -> Array:
        """Log density of each customer's ``total`` of ``number`` future purchases, given the summary."""
        ...


def title_of(model: object) -> str:
    """The model's title, or the name of its class."""
    return str(getattr(model, "title", type(model).__name__))


def require(model: object, protocol: type, task: str, way_out: str) -> None:
    """Raise if a model does not implement the protocol.

    Parameters
    ----------
    model : object
    protocol : type
        One of this module.
    task : str
        Start of the message, such as "elasticities need".
    way_out : str
        Alternative to implementing the members.

    Raises
    ------
    InputError
        Naming the missing members.
    """
    members = {name for name in vars(protocol) if not name.startswith("_")}
    members |= set(vars(protocol).get("__annotations__", {}))
    missing = [name for name in sorted(members) if not hasattr(model, name)]
    if missing:
        raise InputError(
            f"{task} {' and '.join(missing)}, which {type(model).__name__} does not have: {way_out}, or add"
            f" {'it' if len(missing) == 1 else 'them'} as in clvml.lifetime_value.{protocol.__name__}."
        )


def check_factors(factors: Mapping[str, float], known: Mapping[str, float]) -> None:
    """Raise unless all factors are among those that a model knows.

    Raises
    ------
    InputError
        If a name is unknown.
    """
    unknown = [name for name in factors if name not in known]
    if unknown:
        raise InputError(
            f"{unknown[0]!r} is not a factor of this model; they are {', '.join(map(repr, known))}."
        )
