"""Score customers in batches, optionally with their segments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple

import pandas as pd

from clvml.customers._amounts import NumberReading
from clvml.customers._time_units import TIME_UNIT
from clvml.scoring._bad_rows import SortedRows, reject_unreadable
from clvml.scoring._contract import TOTAL_SPEND, columns_of, optional_columns_of, score
from clvml.scoring._customer_files import Batch
from clvml.scoring._repeated_ids import RepeatedIds
from clvml.scoring._request_time import OBSERVED_UNTIL
from clvml.scoring._signature import signature


class ScoredBatch(NamedTuple):
    """The scores of a batch, None if no row is good; and its rejected rows, as they were given."""

    scores: pd.DataFrame | None
    rejected: pd.DataFrame


class BatchScorer:
    """Scores the good rows of batches.

    Parameters
    ----------
    model : estimator
        A fitted lifetime-value model or segmentation.
    params : mapping
        As in `clvml.scoring.request_params`.
    groups : estimator, optional
        As in `score_batches`.
    observed_until : str, optional
        The last day of observation of customers who do not say theirs, from which dates of details count.
    """

    def __init__(
        self, model: Any, params: Mapping[str, Any], groups: Any = None, observed_until: str | None = None
    ) -> None:
        self._model, self._params, self._groups = model, params, groups
        self._observed_until = observed_until

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are needed, which every file should have."""
        return columns_of(self._model)

    @property
    def optional_columns(self) -> tuple[str, ...]:
        """Those that are used where they are."""
        groups = self._groups
        more = () if groups is None else (*columns_of(groups), *optional_columns_of(groups))
        details = (TOTAL_SPEND, OBSERVED_UNTIL) if self._params.get("details") else ()
        return (*optional_columns_of(self._model), *more, *details, TIME_UNIT)

    @cached_property
    def numbers(self) -> tuple[str, ...]:
        """Those of all columns that are numbers."""
        known = [signature(model) for model in (self._model, self._groups) if model is not None]
        inputs = [column for each in known for column in each.inputs]
        others = {column.name for column in inputs if column.kind != "number"}
        computed = {column.name for column in known[0].outputs}
        names = dict.fromkeys(column.name for column in inputs)
        return tuple(name for name in names if name not in others | computed)

    def score(self, batch: Batch, repeated: RepeatedIds, reading: NumberReading) -> ScoredBatch:
        """Score the good rows.

        Raises
        ------
        InputError, TimeUnitError
            If it is not about single rows.
        """
        rows = SortedRows(batch)
        reject_unreadable(rows, repeated, self.numbers, reading)
        return ScoredBatch(rows.score(self._scored), rows.rejected())

    def _scored(self, customers: pd.DataFrame) -> pd.DataFrame:
        if self._params.get("details") and self._observed_until and OBSERVED_UNTIL not in customers:
            customers = customers.assign(**{OBSERVED_UNTIL: self._observed_until})
        return next(score_batches(self._model, [customers], self._params, self._groups))


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
