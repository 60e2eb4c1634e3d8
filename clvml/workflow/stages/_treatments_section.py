"""The section ``[treatments]`` of the config."""

from __future__ import annotations

import datetime as dt
from typing import Literal, Self

from pydantic import Field, model_validator

from clvml.workflow._section import Section


class TreatmentsSection(Section):
    """A test of treatments against a control: who was in which group, and what is to be measured."""

    responses: str = ""
    """A CSV, Parquet or Excel file with one row per customer of the test: customer_id, treatment (one of them
    the control), and optionally segment, cost, kind, assigned (date), purchases, money; relative to this
    file. Without it there is no such chapter."""
    control: str = "control"
    """The name of the group without a treatment."""
    customer: str = "customer_id"
    """Column with the customer id."""
    treatment: str = "treatment"
    """Column with the treatment."""
    segment: str = "segment"
    """Column with the segment. Default: segment; without it the classes of the value matrix before the
    start."""
    money: str = "money"
    """Column with the money after the start, if outcomes are not to come from the purchases."""
    purchases: str = "purchases"
    """Column with the number of purchases after the start, likewise."""
    start: dt.date | None = None
    """First day whose purchases count as a response; the groups must have been drawn by then. Default: the
    day after the latest date in the column assigned; not needed with columns purchases or money."""
    costs: dict[str, float] = Field(default_factory=dict)
    """Cost per customer of each treatment, such as {letter = 1.2, call = 5.0}. Default: the column cost."""
    kinds: dict[str, Literal["financial", "social", "structural"]] = Field(default_factory=dict)
    """Kind of incentive of each treatment. Default: the column kind."""
    shares: dict[str, float] = Field(default_factory=dict)
    """The planned share of each group, to test whether groups have the planned sizes (sample-ratio
    mismatch)."""
    names: dict[str, str] = Field(default_factory=dict)
    """Which treatment of the plan a measured one is, such as {letter = "win back"}. Default: the same
    name."""
    budget: float | None = Field(default=None, ge=0)
    """The budget to spend on treatments, in money. Default: whatever pays."""
    budgets_by_response: bool = True
    """Whether budgets of measured treatments in the segments follow from their response, not from a share."""
    adjust: bool = True
    """Whether the model's predictions reduce the variance (CUPED)."""
    correction: Literal["dunnett", "holm", "none"] = "dunnett"
    """Correction for several treatments against one control."""
    method: Literal["welch", "bootstrap"] = "welch"
    """Intervals: Welch and Fieller, or the studentised bootstrap."""
    level: float = Field(default=0.95, gt=0, lt=1)
    """Level of the intervals."""
    decimal: Literal[".", ","] | None = None
    """Decimal separator of numbers in text. Default: as the column shows."""
    date_format: str | None = None
    """Format of dates in text, such as %d/%m/%Y. Default: ISO 8601."""
    random_state: int = 0
    """Seed of the bootstrap."""

    @model_validator(mode="after")
    def _belongs_to_responses(self) -> Self:
        fields = type(self).model_fields
        changed = [
            name for name, value in self if value != fields[name].get_default(call_default_factory=True)
        ]
        if changed and not self.responses:
            raise ValueError(f"gives {changed[0]} but no table of responses: give responses")
        return self
