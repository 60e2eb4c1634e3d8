"""Score customers in batches, optionally with their segments."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple

import pandas as pd

from clvml.customers._amounts import NumberReading
from clvml.customers._summary_checks import check_columns
from clvml.customers._time_units import TIME_UNIT
from clvml.errors import InputError
from clvml.scoring._bad_rows import SortedRows, reject_unreadable
from clvml.scoring._contract import (
    TOTAL_SPEND,
    RequestPart,
    columns_of,
    optional_columns_of,
    read_part,
    score,
)
from clvml.scoring._customer_files import Batch
from clvml.scoring._model_file import dump_model
from clvml.scoring._repeated_ids import RepeatedIds
from clvml.scoring._request_remarks import Limits, Remarks
from clvml.scoring._request_time import OBSERVED_UNTIL, STATEMENTS, in_another_unit
from clvml.scoring._signature import signature


class ScoredBatch(NamedTuple):
    """The scores of a batch, None if no row is good; and its rejected rows, as they were given."""

    scores: pd.DataFrame | None
    rejected: pd.DataFrame


class BatchScorer:
    """Scores the good rows of batches, each of which is a part of one request.

    Parameters
    ----------
    model : estimator
        A fitted lifetime-value model or segmentation.
    params : mapping
        As in `clvml.scoring.read_request`.
    groups : estimator, optional
        As in `score_batches`.
    card : ModelCard, optional
        The model's.
    """

    def __init__(self, model: Any, params: Mapping[str, Any], groups: Any = None, card: Any = None) -> None:
        self._model, self._groups, self._card = model, groups, card
        self._said = {name: value for name, value in params.items() if name in STATEMENTS}
        self._own = {name: value for name, value in params.items() if name not in STATEMENTS}
        self._remarks, self._limits = Remarks(), Limits()

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences about all rows that were scored; as `clvml.scoring.Request.warnings`.

        Raises
        ------
        TimeUnitError
            If most rows do not say their time unit and appear to be in a longer one than the model's.
        """
        if refusal := self._remarks.refusal(self._limits.unit):
            raise refusal
        return self._remarks.sentences(self._limits)

    @property
    def counts(self) -> dict[str, Any]:
        """What was counted of the rows so far, as plain data, for `restore`."""
        return {"remarks": self._remarks.stored(), "limits": list(self._limits)}

    def restore(self, counts: Mapping[str, Any]) -> None:
        """Continue to count from the `counts` of an interrupted run."""
        self._remarks, self._limits = Remarks.restored(counts["remarks"]), Limits(*counts["limits"])

    @property
    def documents(self) -> tuple[str, ...]:
        """The models and the parameters as JSON text: all that scores depend on beside the customers.

        Raises
        ------
        InputError
            If a model cannot be written as a model file.
        """
        models = [dump_model(model) for model in (self._model, self._groups) if model is not None]
        return (*models, json.dumps(self._said | self._own, sort_keys=True, default=str))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are needed, which every file should have."""
        return columns_of(self._model)

    @property
    def optional_columns(self) -> tuple[str, ...]:
        """Those that are used where they are."""
        groups = self._groups
        more = () if groups is None else (*columns_of(groups), *optional_columns_of(groups))
        details = (TOTAL_SPEND,) if self._own.get("details") else ()
        return (*optional_columns_of(self._model), *more, *details, *STATEMENTS)

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
        part = self._read(self._model, customers, self._own, self._card)
        scores = score(self._model, part.customers, part.params)
        if self._groups is not None:
            own = score(self._model, part.customers) if part.params else scores
            valued = _with_values(customers, own.set_axis(customers.index))
            scores = scores.join(score(self._groups, self._read(self._groups, valued).customers))
        self._remarks, self._limits = self._remarks.plus(part.remarks), part.limits
        return scores.set_axis(customers.index)

    def _read(
        self, model: Any, customers: pd.DataFrame, params: Mapping[str, Any] | None = None, card: Any = None
    ) -> RequestPart:
        """The customers as a model needs them, numbered by position: their ids were checked."""
        check_columns(customers, columns_of(model))
        has_unit = getattr(model, "time_unit_", None) is not None
        table = customers if has_unit else customers.drop(columns=TIME_UNIT, errors="ignore")
        said = _stated(customers, self._said, has_unit)
        part = read_part(model, table, said | dict(params or {}), card)
        if not has_unit and (TIME_UNIT in customers or TIME_UNIT in customers.attrs):
            return part._replace(remarks=part.remarks._replace(doubt=None))  # whatever it is, they know it
        if (doubt := part.remarks.doubt) is not None and doubt.is_longer:  # of shorter ones, most must be
            raise in_another_unit(doubt, part.limits.unit)
        return part


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

    Yields
    ------
    pandas.DataFrame
        As from `clvml.scoring.score`, on the index of the batch.

    Raises
    ------
    InputError, TimeUnitError
        As in `clvml.scoring.score`.

    See Also
    --------
    clvml.scoring.score : One table.
    clvml.tracking.score_batch : From a file to a file.

    Examples
    --------
    Customers arrive in parts, as from a database cursor:

    >>> import clvml
    >>> from clvml.scoring import score_batches
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> model = clvml.RepeatRateValue(horizon=39).fit(customers)
    >>> parts = (customers.iloc[start : start + 1000] for start in range(0, len(customers), 1000))
    >>> [(len(scores), round(scores["clv"].sum())) for scores in score_batches(model, parts)]
    [(1000, 45274), (1000, 54061), (357, 15061)]
    """
    for customers in batches:
        scores = score(model, customers, params)
        if groups is not None:
            own = score(model, customers) if params else scores
            scores = scores.join(score(groups, _with_values(customers, own)))
        yield scores


def _stated(customers: pd.DataFrame, said: Mapping[str, Any], has_unit: bool) -> dict[str, Any]:
    """What is said of all customers: by parameters, or by the ``attrs`` that clvml stores with them.

    Raises
    ------
    InputError
        If the parameter and the customers name different time units.
    """
    stated, noted = dict(said), customers.attrs
    unit, end = noted.get(TIME_UNIT), noted.get("observation_end")
    if unit is not None and said.get(TIME_UNIT, unit) != unit:
        raise InputError(
            f"time_unit is {said[TIME_UNIT]!r}, but the customers state {unit!r}, the unit they were"
            " summarised in: leave the parameter out."
        )
    if unit is not None and has_unit:
        stated[TIME_UNIT] = unit
    if end is not None and OBSERVED_UNTIL not in customers:
        stated.setdefault(OBSERVED_UNTIL, end)
    return stated


def _with_values(customers: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """The customers with their values, which replace existing columns of the same name."""
    table = customers.drop(columns=[name for name in scores if name in customers]).join(scores)
    table.attrs = dict(customers.attrs)
    return table
