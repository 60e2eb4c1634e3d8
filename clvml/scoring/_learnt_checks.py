"""Checks of a loaded model: what was learnt is possible, and predictions can be made from it.

An estimator states what it learns by the annotations of its class and, as far as not any value of that type
is possible, by a method ``_check_learnt``. So a file whose content was made up, and sealed with a new digest,
is refused in words rather than answering nonsense.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from clvml.customers._time_units import TIME_UNITS
from clvml.customers._training_summary import IN_MODEL_UNIT
from clvml.errors import ClvmlError, InputError
from clvml.scoring._contract import score, takes_parameters
from clvml.scoring._learnt_types import check_types
from clvml.scoring._signature import plausible_customers

logger = logging.getLogger("clvml")

# What a model that is not scored by itself, such as a model of purchases, is asked.
_QUESTIONS: dict[str, Callable[[Any, pd.DataFrame], Any]] = {
    "expected_purchases": lambda model, customers: model.expected_purchases(customers, 1.0),
    "probability_alive": lambda model, customers: model.probability_alive(customers),
    "expected_spend": lambda model, customers: model.expected_spend(customers),
}


def check_learnt(model: Any) -> None:
    """Refuse an estimator whose learnt attributes are of other types than stated, or impossible.

    Raises
    ------
    InputError
        Naming the attribute and the rule.
    """
    name = type(model).__name__
    learnt = {key: value for key, value in vars(model).items() if key.endswith("_")}
    check_types(type(model), learnt, name)
    if not learnt:
        return
    unit = learnt.get("time_unit_")
    if unit is not None and unit not in TIME_UNITS:
        raise InputError(f"{name}.time_unit_ is {unit!r}; it must be one of {', '.join(TIME_UNITS)}.")
    if hasattr(model, "_check_learnt"):
        model._check_learnt()


def check_predicts(model: Any) -> None:
    """Refuse a model that fails on invented customers other than by an error in words.

    Raises
    ------
    InputError
        If it does, or a model of purchases or spend predicts no finite number.
    """
    for customers in _invented(model):
        try:
            with np.errstate(all="ignore"):
                found = _answers(model, customers)
        except ClvmlError as error:  # in words, and will be so when it is asked
            logger.debug("%s on invented customers: %s", type(model).__name__, error)
            continue
        for name, values in found.items():
            if not np.isfinite(np.asarray(values, dtype=float)).all():
                raise InputError(f"{type(model).__name__} predicts no finite {name.replace('_', ' ')}.")


def _invented(model: Any) -> Iterator[pd.DataFrame]:
    """A plausible customer, and a few others."""
    if not _can_be_asked(model):
        return
    one = plausible_customers(model)
    one.attrs[IN_MODEL_UNIT] = True
    yield one
    several = pd.concat([one] * 4, ignore_index=True)
    changes = {
        "frequency": [0.0, 1.0, 3.0, 12.0],
        "recency": [0.0, 2.0, 9.0, 20.0],
        "T": [3.0, 4.0, 30.0, 21.0],
        "monetary_value": [0.0, 2.0, 30.0, 400.0],
        "total_spend": [1.0, 4.0, 120.0, 5000.0],
        "clv": [0.0, 1.0, 50.0, 2000.0],
        "probability_alive": [1.0, 0.0, 0.4, 0.8],
    }
    several = several.assign(**{name: values for name, values in changes.items() if name in several})
    several.attrs = dict(one.attrs)
    yield several


def _can_be_asked(model: Any) -> bool:
    return hasattr(model, "required_columns") and any(key.endswith("_") for key in vars(model))


def _answers(model: Any, customers: pd.DataFrame) -> dict[str, Any]:
    """The answers of a model that is not scored by itself; those of others are checked by `score`."""
    if takes_parameters(model) or hasattr(model, "assign") or hasattr(model, "segment_names"):
        score(model, customers)
        return {}
    return {name: ask(model, customers) for name, ask in _QUESTIONS.items() if hasattr(model, name)}
