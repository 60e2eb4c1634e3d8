"""The section of the config for the verdict of the comparison."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import Field, field_validator

from clvml.errors import InputError
from clvml.evaluation._abilities import check_needs
from clvml.evaluation._criteria import weights_for
from clvml.workflow._contenders import RENAMED_IDS
from clvml.workflow._section import Section


class ComparisonSection(Section):
    """The verdict of the comparison: what counts, and which model is served."""

    purpose: str = "valuation"
    """What the values are for: valuation, budget or targeting. It sets the weights of the criteria."""
    weights: dict[str, float] = Field(default_factory=dict)
    """Weights of ranking, totals and customers, instead of those of the purpose."""
    incumbent: str = ""
    """Id of the contender served so far; it is served further if it is within noise of the leader."""
    needs: tuple[str, ...] = ("probability_alive", "intervals")
    """What the served model should give, if one within noise does: probability_alive, intervals."""
    max_bias: float | None = Field(default=None, gt=0)
    """Largest miss of the total with which a model leads. Default: 0.5; 0.3 for the purpose budget."""
    max_seconds: float | None = Field(default=None, gt=0)
    """Time limit for each contender, which is left out if it takes longer. Default: none."""
    n_draws: int = Field(default=1000, ge=100)
    """Resamples of the customers, from which the noise of scores and metrics is computed."""

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

    @field_validator("incumbent")
    @classmethod
    def _by_current_id(cls, incumbent: str) -> str:
        return RENAMED_IDS.get(incumbent, incumbent)

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
