"""What the stage of customer economics needs: costs, channels, the model's predictions, computed once."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from clvml.customers._cohorts import cohorts
from clvml.customers._split import Split
from clvml.customers._time_units import horizon_in, time_unit_of
from clvml.customers._transactions import Transactions
from clvml.errors import InputError
from clvml.lifetime_value._protocol import ValueModel
from clvml.lifetime_value.economics._acquisition import Acquisition, acquisition_costs
from clvml.lifetime_value.economics._early_value import first_purchases
from clvml.lifetime_value.economics._new_customer import new_customer_value
from clvml.lifetime_value.economics._revenue_sources import revenue_by_tenure
from clvml.workflow._formatting import format_duration, format_money
from clvml.workflow._stage import Context
from clvml.workflow.stages._acquisition_files import read_acquisition
from clvml.workflow.stages._attribute_files import read_attribute
from clvml.workflow.stages._economics_section import EconomicsSection
from clvml.workflow.stages._serving import Served, TotalValue
from clvml.workflow.stages._splitting import Customers


@dataclass(frozen=True, eq=False)
class AcquisitionTable:
    """The table of acquisition costs, as the config's file has it."""

    table: pd.DataFrame


@dataclass(frozen=True, eq=False)
class FurtherFigures:
    """Figures that other stages add to the scorecard.

    Attributes
    ----------
    figures : mapping of str to (float, str)
        From the name to the value and its unit.
    until : callable, optional
        Takes a day, and gives the figures as they were known then, for the scorecard over time.
    """

    figures: Mapping[str, tuple[float, str]]
    until: Callable[[pd.Timestamp], Mapping[str, float]] | None = None


class Predictions:
    """A fitted model whose predictions for one table of customers are computed once per horizon and rate."""

    def __init__(self, model: ValueModel, customers: pd.DataFrame) -> None:
        self.model, self.customers = model, customers
        self.margin, self.annual_discount_rate = model.margin, model.annual_discount_rate
        self._known: dict[tuple[Any, Any], pd.Series] = {}

    def predict(
        self,
        customers: pd.DataFrame,
        horizon: Any = None,
        annual_discount_rate: float | None = None,
    ) -> pd.Series:
        """As the model's."""
        if customers is not self.customers:
            return self.model.predict(customers, horizon, annual_discount_rate)
        terms = (horizon, annual_discount_rate)
        if terms not in self._known:
            self._known[terms] = self.model.predict(customers, *terms)
        return self._known[terms]


@dataclass(frozen=True, eq=False)
class Inputs:
    """The inputs of customer economics.

    Attributes
    ----------
    section : EconomicsSection
    context : Context
    acquisition : Acquisition or None
        Cost per customer by channel; None if the config has no cost.
    channels : pandas.Series or None
        The channel of each customer.
    """

    section: EconomicsSection
    context: Context
    acquisition: Acquisition | None
    channels: pd.Series | None

    @property
    def transactions(self) -> Transactions:
        return self.context[Transactions]

    @property
    def split(self) -> Split:
        return self.context[Split]

    @property
    def customers(self) -> pd.DataFrame:
        return self.context[Customers].table

    @property
    def served(self) -> Served:
        return self.context[Served]

    @property
    def clv(self) -> pd.Series:
        return self.served.values["clv"]

    @property
    def margin(self) -> float:
        return float(self.served.model.margin)

    @property
    def rate(self) -> float:
        return float(self.served.model.annual_discount_rate)

    @property
    def cac(self) -> float:
        """Acquisition cost per customer; NaN if unknown."""
        return math.nan if self.acquisition is None else self.acquisition.cac

    @property
    def currency(self) -> str:
        return self.context.config.value.currency

    @property
    def period_name(self) -> str:
        return time_unit_of(self.section.period).name

    @property
    def split_unit(self) -> str:
        """The name of the time unit."""
        return time_unit_of(self.split.time_unit).name

    @property
    def ahead(self) -> str:
        """The horizon of the values, in words."""
        return format_duration(self.horizon, self.split.time_unit)

    @property
    def horizon(self) -> float:
        """The horizon of the values in time units."""
        return horizon_in(self.served.horizon, self.split.time_unit)

    @property
    def per_year(self) -> int:
        return time_unit_of(self.split.time_unit).per_year

    @property
    def total_intervals(self) -> pd.DataFrame | None:
        found = self.context.get(TotalValue)
        return None if found is None else found.intervals

    @cached_property
    def predictions(self) -> Predictions:
        return Predictions(self.served.model, self.customers)

    @cached_property
    def _revenue(self) -> dict[str, pd.DataFrame]:
        return {}

    def revenue(self, period: str) -> pd.DataFrame:
        """Revenue of new and existing customers per period, computed once."""
        if period not in self._revenue:
            self._revenue[period] = revenue_by_tenure(
                self.transactions,
                period,
                observation_end=self.split.observation_end,
                collapse=self.split.collapse,
            )
        return self._revenue[period]

    @cached_property
    def cohorts(self) -> pd.Series:
        return cohorts(self.customers, self.section.period)

    @cached_property
    def first_purchase(self) -> float:
        """Mean spend of the first purchase."""
        return float(first_purchases(self.customers).mean())

    @cached_property
    def new_value(self) -> float:
        """The value of a new customer, first purchase included; NaN where the model cannot predict it."""
        try:
            return new_customer_value(self.served.model, self.first_purchase)
        except (InputError, KeyError):  # the model needs columns that a new customer does not have
            return math.nan

    def money(self, amount: float, decimals: int = 2) -> str:
        """An amount in the currency of the run."""
        return format_money(amount, self.currency, decimals)


def check(context: Context) -> None:
    """Read the table of acquisition costs, so that an error in it is found before the run."""
    section, currency = context.config.economics, context.config.value.currency
    if section.acquisition:
        context.put(AcquisitionTable(read_acquisition(Path(section.acquisition), currency)))


def inputs_of(context: Context) -> Inputs:
    """Costs and channels, joined to the customers.

    Raises
    ------
    InputError
        If costs are by channel and the customers' channels are not known.
    """
    section, customers = context.config.economics, context[Customers].table
    channels = None
    if section.channel:
        channels = read_attribute(context.config, customers.index, section.channel, "[economics] channel")
        channels = channels.astype("string").astype(object).where(channels.notna(), None)
    given = context.get(AcquisitionTable)
    costs = section.acquisition_cost if given is None else given.table
    acquisition = None if costs is None else acquisition_costs(customers, costs, channels)
    return Inputs(section, context, acquisition, channels)
