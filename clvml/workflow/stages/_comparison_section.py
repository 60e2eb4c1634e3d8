"""The section of the config for the verdict of the comparison."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import Field, field_validator

from clvml.errors import InputError
from clvml.evaluation._abilities import check_needs
from clvml.evaluation._criteria import weights_for
from clvml.workflow._section import Section


class ComparisonSection(Section):
    """The verdict: its purpose, its limits, and what the model to serve must give."""

    purpose: str = "valuation"
    """What the values are for: valuation, budget or targeting; it sets the weights of the criteria."""
    weights: dict[str, float] = Field(default_factory=dict)
    """Weights of ranking, totals and customers that replace those of the purpose."""
    incumbent: str = ""
    """Id of the contender served so far; it stays if it is within noise of the leader."""
    needs: tuple[str, ...] = ()
    """What the model to serve must give: "probability_alive", "intervals"."""
    max_bias: float | None = Field(default=None, gt=0)
    """The share of the actual total by which a model that leads may miss it. Default: that of the rule."""
    max_seconds: float | None = Field(default=None, gt=0)
    """Time limit of the fit of each contender. Default: none."""
    n_draws: int = Field(default=1000, ge=100)
    """Number of resamples of the customers."""

    @field_validator("purpose")
    @classmethod
    def _is_known(cls, purpose: str) -> str:
        _checked(weights_for, purpose)
        return purpose

    @field_validator("weights")
    @classmethod
    def _are_weights(cls, weights: dict[str, float]) -> dict[str, float]:
        if weights:
            _checked(weights_for, weights)
        return weights

    @field_validator("needs")
    @classmethod
    def _can_be_given(cls, needs: tuple[str, ...]) -> tuple[str, ...]:
        _checked(check_needs, needs)
        return needs


def _checked(check: Callable[[Any], object], value: object) -> None:
    try:
        check(value)
    except InputError as error:
        raise ValueError(str(error)) from None
