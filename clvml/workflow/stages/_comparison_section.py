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
    """The verdict: its purpose, its limits, and what the model to serve must give.

    ``purpose`` is "valuation", "budget" or "targeting"; ``weights`` of ``ranking``, ``totals`` and
    ``customers`` replace its own. ``incumbent`` is the id of the contender served so far: it is served
    further if it is within noise of the leader. ``needs`` may contain "probability_alive" and "intervals".
    A model leads only if its total misses by at most ``max_bias``, a share of the actual one.
    ``max_seconds`` limits the fit of each contender, ``n_draws`` is the number of resamples of the customers.
    """

    purpose: str = "valuation"
    weights: dict[str, float] = Field(default_factory=dict)
    incumbent: str = ""
    needs: tuple[str, ...] = ()
    max_bias: float | None = Field(default=None, gt=0)
    max_seconds: float | None = Field(default=None, gt=0)
    n_draws: int = Field(default=1000, ge=100)

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
