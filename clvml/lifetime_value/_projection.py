"""Lifetime value by probability: expected purchases times expected spend, discounted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from clvml.customers._summary_checks import HISTORY, checked_columns
from clvml.customers._time_units import horizon_in, rate_per_unit
from clvml.errors import InputError
from clvml.lifetime_value._futures import (
    Customers,
    Discount,
    Futures,
    bounds,
    discount_without_end,
    likely_pairs,
    rank_of_bounds,
    simulate_futures,
)
from clvml.models._gamma_gamma import GammaGamma
from clvml.models._history_model import HistoryModel

_QUANTITIES = ("purchases", "spend", "clv")


class PurchaseModel(Protocol):
    """What `LifetimeValue` asks of a model of purchases."""

    time_unit_: str | None

    def fit(self, customers: pd.DataFrame) -> Self: ...

    def expected_purchases(self, customers: pd.DataFrame, horizon: float | str) -> pd.Series: ...

    def discounted_purchases(
        self,
        customers: pd.DataFrame,
        horizon: float | str | None,
        annual_discount_rate: float,
        period: float | str,
    ) -> pd.Series: ...

    def probability_alive(self, customers: pd.DataFrame) -> pd.Series: ...


class SpendModel(Protocol):
    """What `LifetimeValue` asks of a model of spend."""

    def fit(self, customers: pd.DataFrame) -> Self: ...

    def expected_spend(self, customers: pd.DataFrame) -> pd.Series: ...


class LifetimeValue(BaseEstimator):
    """Each customer's lifetime value over a horizon: discounted purchases x spend x margin.

    Parameters
    ----------
    purchases : PurchaseModel
        Such as `BGNBD`.
    spend : SpendModel
        Such as `GammaGamma`.
    horizon : float, str or None
        In the time unit of the customers, or with a unit of its own: ``"12M"``. None is the residual
        value, without end.
    annual_discount_rate : float, default 0
        A fraction a year, which counts 365 days, 52 weeks or 12 months; above 0 where there is no horizon
        and the sum would be infinite.
    margin : float, default 1
        Share of spend that is profit, so that values are profits rather than revenue.
    period : float or str, default 1
        Purchases are discounted from the end of their period, so long in the time unit of the customers
        or with a unit of its own: ``"1M"``. 0 discounts each from when it is made, as the value without end
        always is.

    Attributes
    ----------
    purchases_, spend_ : the fitted models.
    time_unit_ : {"D", "W", "M", "Q", "Y"} or None

    References
    ----------
    Fader, Hardie, Lee (2005), RFM and CLV: Using Iso-Value Curves for Customer Base Analysis,
    Journal of Marketing Research 42(4): value is margin x spend x discounted expected transactions.
    """

    purchases_: PurchaseModel
    spend_: SpendModel
    time_unit_: str | None

    def __init__(
        self,
        purchases: PurchaseModel,
        spend: SpendModel,
        horizon: float | str | None,
        annual_discount_rate: float = 0.0,
        margin: float = 1.0,
        period: float | str = 1.0,
    ) -> None:
        self.purchases = purchases
        self.spend = spend
        self.horizon = horizon
        self.annual_discount_rate = annual_discount_rate
        self.margin = margin
        self.period = period

    @property
    def required_columns(self) -> tuple[str, ...]:
        """The columns that both models read."""
        read = [*getattr(self.purchases, "required_columns", HISTORY), "monetary_value"]
        return tuple(dict.fromkeys(read))

    @property
    def reference_(self) -> dict[str, Any]:
        """The covariates of the reference customer, where the model of purchases has any."""
        return getattr(self.purchases_, "reference_", {})

    def fit(self, customers: pd.DataFrame) -> Self:
        """Fit copies of both models to the same customers."""
        _check_margin(self.margin)
        self.purchases_ = clone(self.purchases).fit(customers)
        self.spend_ = clone(self.spend).fit(customers)
        self.time_unit_ = self.purchases_.time_unit_
        return self

    def predict(
        self,
        customers: pd.DataFrame,
        horizon: float | str | None = None,
        annual_discount_rate: float | None = None,
    ) -> pd.Series:
        """Lifetime value of each customer over the horizon, a Series named ``clv``.

        Parameters
        ----------
        customers : DataFrame
            The customer summary, in the model's time unit.
        horizon, annual_discount_rate : optional
            Instead of the constructor's.
        """
        discounted = self._discounted(customers, horizon, annual_discount_rate)
        spend = self.spend_.expected_spend(customers).to_numpy()
        value = spend * discounted.to_numpy()
        value *= self.margin
        return pd.Series(value, customers.index, name="clv", copy=False)

    def predict_factors(
        self,
        customers: pd.DataFrame,
        horizon: float | str | None = None,
        annual_discount_rate: float | None = None,
    ) -> pd.DataFrame:
        """Value and what it is made of: ``clv = margin x discounted_purchases x expected_spend``.

        Beside these ``expected_purchases``, which are not discounted (and not there where there is no
        horizon, for they may be infinite), and ``probability_alive``.
        """
        discounted = self._discounted(customers, horizon, annual_discount_rate)
        ahead = self.horizon if horizon is None else horizon
        factors = {"expected_purchases": discounted} if ahead is not None else {}
        if ahead is not None and self._rate(annual_discount_rate) != 0:
            factors["expected_purchases"] = self.purchases_.expected_purchases(customers, ahead)
        spend = self.spend_.expected_spend(customers)
        return pd.DataFrame(
            {
                "clv": self.margin * discounted * spend,
                **factors,
                "expected_spend": spend,
                "probability_alive": self.purchases_.probability_alive(customers),
                "discounted_purchases": discounted,
            }
        )

    def predict_interval(
        self,
        customers: pd.DataFrame,
        coverage: float = 0.9,
        horizon: float | str | None = None,
        annual_discount_rate: float | None = None,
        *,
        n_simulations: int = 199,
        seed: int = 0,
    ) -> pd.DataFrame:
        """The ranges that will hold each customer's purchases, spend and value.

        From what is uncertain in both models' parameters where they were fitted to few customers (20,000), in
        whether the customer is alive, buys and leaves, and in what they spend. Numbers of purchases are
        quantiles of the exact distribution, spend and value of simulated futures, whose bounds hold
        ``coverage`` on average for any number of them that reaches so far out.

        Parameters
        ----------
        customers : DataFrame
            The customer summary, in the model's time unit.
        coverage : float, default 0.9
            Share of customers whose future will lie in their range, equal tails.
        horizon, annual_discount_rate : optional
            Instead of the constructor's.
        n_simulations : int, default 199
            More make the bounds smoother; a coverage of .99 needs 199, .999 needs 1,999.
        seed : int, default 0
            The same seed gives the same bounds.

        Returns
        -------
        DataFrame
            ``purchases_lower, purchases_upper, spend_lower, spend_upper, clv_lower, clv_upper`` on the
            customers' index; spend is not discounted and before the margin. Without a horizon value alone.

        Raises
        ------
        InputError
            If an argument breaks its rule, or the models are not of clvml.
        """
        rank = rank_of_bounds(n_simulations, coverage)
        purchases, _ = self._models()
        ranges = pd.DataFrame(index=customers.index)
        ahead = self.horizon if horizon is None else horizon
        names = ("clv",) if ahead is None else ("spend", "clv")
        if ahead is not None:
            counts = purchases.predict_interval(customers, ahead, coverage)
            ranges["purchases_lower"], ranges["purchases_upper"] = counts["lower"], counts["upper"]
        filled = {f"{name}_{end}": np.empty(len(customers)) for name in names for end in ("lower", "upper")}
        simulated = self._futures(
            customers, horizon, annual_discount_rate, n_simulations, seed, together=False
        )
        for rows, *quantities in simulated:
            for name, drawn in zip(_QUANTITIES, quantities, strict=True):
                if name in names:
                    filled[f"{name}_lower"][rows], filled[f"{name}_upper"][rows] = bounds(drawn, rank)
        return ranges.assign(**filled)

    def predict_total_interval(
        self,
        customers: pd.DataFrame,
        groups: pd.Series | None = None,
        coverage: float = 0.9,
        horizon: float | str | None = None,
        annual_discount_rate: float | None = None,
        *,
        n_simulations: int = 199,
        seed: int = 0,
    ) -> pd.DataFrame:
        """The ranges that will hold purchases, spend and value of groups of customers, and of all.

        What is uncertain in the parameters moves all customers together, which shows in a total; as in
        `predict_interval`.

        Parameters
        ----------
        customers : DataFrame
            The customer summary, in the model's time unit.
        groups : Series, optional
            The group of each customer, on the customers' index, such as their segment.
        coverage, horizon, annual_discount_rate, n_simulations, seed
            As in `predict_interval`.

        Returns
        -------
        DataFrame
            A row a group and one named ``"total"``; ``customers``, and ``purchases, spend, clv`` with their
            ``_lower`` and ``_upper``.
        """
        rank = rank_of_bounds(n_simulations, coverage)
        code, names = _coded(groups, customers.index)
        sums = np.zeros((3, len(names), n_simulations))
        simulated = self._futures(
            customers, horizon, annual_discount_rate, n_simulations, seed, together=True
        )
        for rows, *quantities in simulated:
            member = (np.arange(len(names))[:, None] == code[rows]).astype(float)
            member[-1] = 1.0
            for total, drawn in zip(sums, quantities, strict=True):
                total += member @ drawn
        sizes = np.bincount(code, minlength=len(names))
        table: dict[str, np.ndarray] = {"customers": np.append(sizes[: len(names) - 1], code.size)}
        for name, drawn in zip(_QUANTITIES, sums, strict=True):
            table[name] = drawn.mean(axis=1)
            table[f"{name}_lower"], table[f"{name}_upper"] = bounds(drawn, rank)
        return pd.DataFrame(table, index=pd.Index(names, name="group"))

    def _rate(self, annual_discount_rate: float | None) -> float:
        return self.annual_discount_rate if annual_discount_rate is None else annual_discount_rate

    def _discounted(
        self, customers: pd.DataFrame, horizon: float | str | None, annual_discount_rate: float | None
    ) -> pd.Series:
        check_is_fitted(self, "purchases_")
        _check_margin(self.margin)
        ahead, rate = self.horizon if horizon is None else horizon, self._rate(annual_discount_rate)
        if ahead is not None:
            horizon_in(ahead, self.time_unit_)  # a value over no time is a slip, where an expectation is not
        if rate == 0 and ahead is not None:
            return self.purchases_.expected_purchases(customers, ahead)
        return self.purchases_.discounted_purchases(customers, ahead, rate, self.period)

    def _models(self) -> tuple[HistoryModel, GammaGamma]:
        check_is_fitted(self, "purchases_")
        if not isinstance(self.purchases_, HistoryModel) or not isinstance(self.spend_, GammaGamma):
            raise InputError(
                f"intervals are simulated from clvml's own models of purchases and Gamma-Gamma, not from"
                f" {type(self.purchases_).__name__} and {type(self.spend_).__name__}."
            )
        return self.purchases_, self.spend_

    def _futures(
        self,
        customers: pd.DataFrame,
        horizon: float | str | None,
        annual_discount_rate: float | None,
        n_simulations: int,
        seed: int,
        *,
        together: bool,
    ) -> Iterator[Futures]:
        _check_margin(self.margin)
        purchases, spend = self._models()
        columns = (*HISTORY, "monetary_value")
        m = checked_columns(customers, columns, self.time_unit_)["monetary_value"]
        history = purchases.history(customers)
        drawn = simulate_futures(
            purchases,
            likely_pairs(purchases, spend, n_simulations, seed, together=together),
            Customers(history, m * (history.x > 0)),
            self._discount(horizon, self._rate(annual_discount_rate)),
            n_simulations,
            seed,
        )
        for rows, number, spent, value in drawn:
            yield Futures(rows, number, spent, self.margin * value)

    def _discount(self, horizon: float | str | None, annual_discount_rate: float) -> Discount:
        ahead = self.horizon if horizon is None else horizon
        delta = float(np.log1p(rate_per_unit(annual_discount_rate, self.time_unit_)))
        if ahead is None:
            return discount_without_end(delta)
        period = self.period if self.period == 0 else horizon_in(self.period, self.time_unit_)
        return Discount(horizon_in(ahead, self.time_unit_), delta, float(period))


def _coded(groups: pd.Series | None, index: pd.Index) -> tuple[NDArray[np.int64], list[object]]:
    """The number of each customer's group, and the groups' names, the last of them for all."""
    if groups is None:
        return np.zeros(index.size, dtype=np.int64), ["total"]
    if not index.isin(groups.index).all():
        raise InputError("groups lacks customers of the summary: give a Series on the same index.")
    code, names = pd.factorize(groups.reindex(index), sort=True)
    if (code < 0).any():
        raise InputError(f"{(code < 0).sum()} customers have no group: fill it in, for example with 'other'.")
    return code, [*names, "total"]


def _check_margin(margin: float) -> None:
    if not np.isfinite(margin) or margin < 0:
        raise InputError(f"margin is {margin!r}; it must be a finite share of spend, zero or more.")
