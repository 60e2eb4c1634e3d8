"""The config section of customer economics: costs, channels, acquisitions to come and targets."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from clvml.lifetime_value.economics._scorecard import FIGURES, FURTHER_FIGURES
from clvml.workflow._section import Section


class EconomicsSection(Section):
    """What customers cost, and what is to be reached: investment and profit.

    Money is in the currency of the purchases. The path is relative to the config's folder.
    """

    acquisition: str = ""
    """A CSV, Parquet or Excel file of what was spent on winning customers, with the columns period (2024-01,
    2024Q1, 2024), cost, and optionally channel and customers (how many were won)."""
    acquisition_cost: float | dict[str, float] | None = None
    """Cost of winning a customer (CAC) without such a file: one number, or {web = 10.0, shop = 4.0}."""
    channel: str = ""
    """The column of customer attributes (in [segments]) with the channel that won each customer."""
    selling_cost: float = Field(default=0.0, ge=0)
    """Cost of selling and delivering, per purchase, where the margin does not include it."""
    service_cost: float = Field(default=0.0, ge=0)
    """Cost of keeping and serving a customer, per customer and year."""
    marketing_cost: float = Field(default=0.0, ge=0)
    """Cost of marketing to existing customers, of all of them per year."""
    acceptable_profit: float = 0.0
    """Profit so far above which a customer is profitable."""
    acquisitions: float | None = Field(default=None, ge=0)
    """Customers to be won per year. Default: as in the last twelve months."""
    growth: float = Field(default=0.0, gt=-1, le=1)
    """Growth of acquisitions per year: 0.1 is 10 %."""
    years: int = Field(default=3, ge=1, le=30)
    """Years of acquisitions that count in customer equity."""
    referral_rate: float = Field(default=0.0, ge=0)
    """Customers won by mention, per customer and year (a factor of value)."""
    others_lost: float = Field(default=0.0, ge=0)
    """Further customers lost by bad word of mouth, per customer lost."""
    step: float = Field(default=0.1, gt=0, lt=1)
    """Relative step of each factor in the tornado: 0.1 is 10 %."""
    period: Literal["W", "M", "Q", "Y"] = "M"
    """Period of payback and of revenue: W, M, Q or Y."""
    targets: dict[str, float] = Field(default_factory=dict)
    """Targets of figures of the scorecard, such as {clv = 50, acquisition_cost = 10, retention_rate = 0.7,
    repeat_rate = 0.5, return_on_marketing = 1.2}."""

    @field_validator("acquisition_cost")
    @classmethod
    def _is_not_negative(cls, cost: float | dict[str, float] | None) -> float | dict[str, float] | None:
        costs = cost if isinstance(cost, dict) else {"": cost or 0.0}
        for channel, amount in costs.items():
            if amount < 0:
                raise ValueError(f"must not be negative{f' ({channel!r} is {amount:g})' if channel else ''}")
        return cost

    @model_validator(mode="after")
    def _costs_fit_together(self) -> Self:
        if self.acquisition and self.acquisition_cost is not None:
            raise ValueError(
                "names acquisition, a file of costs, as well as acquisition_cost: give one of them"
            )
        if isinstance(self.acquisition_cost, dict) and not self.channel:
            raise ValueError(
                "gives acquisition_cost by channel, but not where the channel of a customer is: name the"
                " column of attributes (channel)"
            )
        return self

    @field_validator("targets")
    @classmethod
    def _are_figures(cls, targets: dict[str, float]) -> dict[str, float]:
        known = (*FIGURES, *FURTHER_FIGURES)
        unknown = [name for name in targets if name not in known]
        if unknown:
            raise ValueError(f"has {unknown[0]!r}; the figures are {', '.join(known)}")
        return targets

    @property
    def has_acquisition_cost(self) -> bool:
        """Whether it says what winning customers costs."""
        return bool(self.acquisition) or self.acquisition_cost is not None
