"""Scenarios of fitted purchase models: purchase and dropout rates multiplied from now on.

The kernel of the model is replaced by one whose predictions are those of the scenario.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar

from sklearn.utils.validation import check_is_fitted

from clvml.distributions._kernel import Kernel
from clvml.distributions._scenarios import ScenarioKernel, check_multiple
from clvml.errors import InputError

if TYPE_CHECKING:
    from clvml.models._history_model import HistoryModel

Model = TypeVar("Model", bound="HistoryModel")


def levels_of(model: HistoryModel) -> dict[str, float]:
    """The multiples of the model's scenario; 1 is the fitted level."""
    if not isinstance(model.kernel, ScenarioKernel):
        return dict.fromkeys(model.multiples, 1.0)
    return {name: float(getattr(model.kernel, name)) for name in model.multiples}


def with_levels(model: Model, levels: Mapping[str, float]) -> Model:
    """A copy of the model in the scenario, or the model itself if nothing changes.

    Raises
    ------
    InputError
        If a name is unknown, a multiple is not positive and finite, or the mean dropout probability
        of customers (with covariates, of those like the reference) would reach 1.
    """
    check_is_fitted(model, "params_")
    unknown = [name for name in levels if name not in model.multiples]
    if unknown:
        raise InputError(
            f"{model.title} has no factor {unknown[0]!r}; those of its scenarios are"
            f" {' and '.join(map(repr, model.multiples))}."
        )
    for name, level in levels.items():
        check_multiple(name, level)
    _check_dropout(model, levels.get("dropout", 1.0))
    now = levels_of(model)
    if all(now[name] == level for name, level in levels.items()):
        return model
    changed = copy.copy(model)
    kernel = ScenarioKernel(_fitted_kernel(model), **{**now, **levels})
    changed.__dict__["kernel"] = kernel
    return changed


def _fitted_kernel(model: HistoryModel) -> Kernel:
    return model.kernel.fitted if isinstance(model.kernel, ScenarioKernel) else model.kernel


def _check_dropout(model: HistoryModel, multiple: float) -> None:
    """Raise if the mean dropout probability reached 1; the kernel caps it for other customers and draws."""
    if all(trait.name != "dropout probability" for trait in model.traits):
        return
    limit = 1 / model.kernel.dropout_rate(model.params_)
    if multiple >= limit:
        raise InputError(f"dropout is {multiple:g}; it must be above 0 and below {limit:.3g}.")
