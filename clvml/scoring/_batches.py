"""Score customers in batches, optionally with their segments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pandas as pd

from clvml.scoring._contract import score


def score_batches(
    model: Any,
    batches: Iterable[pd.DataFrame],
    params: Mapping[str, Any] | None = None,
    groups: Any = None,
) -> Iterator[pd.DataFrame]:
    """The scores of each batch, in its order.

    Parameters
    ----------
    model : estimator
        A fitted lifetime-value model or segmentation.
    batches : iterable of pandas.DataFrame
        Customers, indexed by id.
    params : mapping, optional
        As in `clvml.scoring.request_params`.
    groups : estimator, optional
        A segmentation or `CustomerGroups`, whose columns are appended: its input has the values at
        the model's own horizon and discount rate, on which it was fitted.

    Raises
    ------
    InputError, TimeUnitError
        As in `clvml.scoring.score`.
    """
    for customers in batches:
        scores = score(model, customers, params)
        if groups is not None:
            own = score(model, customers) if params else scores
            scores = scores.join(score(groups, _with_values(customers, own)))
        yield scores


def _with_values(customers: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """The customers with their values, which replace existing columns of the same name."""
    table = customers.drop(columns=[name for name in scores if name in customers]).join(scores)
    table.attrs = dict(customers.attrs)
    return table
