"""What is served: a model, its segments, and what is derived from them; loaded together, never changed.

A request takes the `Served` of its moment and keeps it to the end, so that a new version never answers half
of a request.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from clvml.customers._ids import CUSTOMER_ID
from clvml.customers._time_units import TIME_UNIT, TIME_UNITS
from clvml.errors import InputError
from clvml.scoring._batches import score_batches
from clvml.scoring._card import ModelCard
from clvml.scoring._contract import read_request, request_params
from clvml.scoring._request_time import dates_of
from clvml.scoring._signature import Column, Parameter, Signature, signature
from clvml.serving._examples import invented_rows
from clvml.serving._fields import Field, fields_of
from clvml.serving._parameters import refusal_of_parameter
from clvml.serving._refusals import invalid, refusal_of
from clvml.serving._tables import Asked


@dataclass(frozen=True)
class Version:
    """A version of a model.

    Attributes
    ----------
    uri : str
        What always means this version.
    name : str
        The registered model, or the folder's name.
    number : str
        The registered version; empty for a folder.
    alias : str
        By which it is followed; empty otherwise.
    tags : dict
        Of the registered version.
    """

    uri: str
    name: str
    number: str = ""
    alias: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """For headers, logs and pages."""
        return f"{self.name} version {self.number}" if self.number else self.name


class Scored(NamedTuple):
    """Scores, and warnings about the request as a whole."""

    scores: pd.DataFrame
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Served:
    """A loaded version, with the segments that are added to its scores, if any."""

    model: Any
    card: ModelCard
    version: Version
    segments: Any = None
    segments_version: Version | None = None
    loaded_at: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """The columns of requests; those that the segments cannot do without are required."""
        needed = getattr(self.segments, "required_columns", ())
        known = (*fields_of(self.model), *self._of_segments)
        return tuple(field._replace(required=field.required or field.name in needed) for field in known)

    @cached_property
    def _of_segments(self) -> tuple[Field, ...]:
        """The columns that only the segments need; values are the model's."""
        if self.segments is None:
            return ()
        known = {column.name for column in (*self._signature.inputs, *self._signature.outputs)}
        return tuple(field for field in fields_of(self.segments) if field.name not in known)

    @cached_property
    def _columns_of_segments(self) -> tuple[str, ...]:
        """The columns of requests that the segments use; values are the model's."""
        if self.segments is None:
            return ()
        computed = {column.name for column in self._signature.outputs}
        return tuple(field.name for field in fields_of(self.segments) if field.name not in computed)

    @cached_property
    def _signature(self) -> Signature:
        return signature(self.model)

    @cached_property
    def outputs(self) -> tuple[Column, ...]:
        """The columns of answers, ``customer_id`` last."""
        *scores, customer = self._signature.outputs
        more = () if self.segments is None else signature(self.segments).outputs[:-1]
        return (*scores, *more, customer)

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters of requests, with the model's own values."""
        return self._signature.parameters

    @cached_property
    def switches(self) -> tuple[str, ...]:
        """Parameters that are true or false."""
        return self._signature.switches

    @cached_property
    def details(self) -> tuple[Column, ...]:
        """The columns that ``details`` adds to answers, at most."""
        return self._signature.details

    @cached_property
    def statements(self) -> tuple[str, ...]:
        """What a request may say about all its rows, as parameters of text."""
        return self._signature.statements

    @cached_property
    def examples(self) -> list[dict[str, Any]]:
        """Invented customers: rounded quantiles of those whom the model was fitted to, by column."""
        return invented_rows(self.model, self.fields)

    def score(self, asked: Asked) -> Scored:
        """The scores in the order of the rows; raises a `Refusal` if a customer or a parameter is invalid."""
        self._check(asked.params)
        try:
            # By position, not by id: ids were checked, and no score depends on them.
            columns = {name: values for name, values in asked.columns.items() if name != CUSTOMER_ID}
            request = read_request(self.model, columns, asked.params, self.card)
            for name in self._columns_of_segments:
                if name in asked.columns and name not in request.customers:
                    request.customers[name] = asked.columns[name]
            with np.errstate(all="ignore"):  # scores are checked to be finite
                scores = next(score_batches(self.model, [request.customers], request.params, self.segments))
            return Scored(scores, request.warnings)
        except InputError as error:
            raise refusal_of(error) from None

    def _check(self, given: Mapping[str, Any]) -> None:
        """Refuse an unknown or invalid parameter."""
        known = [*(parameter.name for parameter in self.parameters), *self.statements, *self.switches]
        if set(given) - set(known):
            raise invalid("parameter", f"there is an unknown parameter; the model takes {', '.join(known)}.")
        for name, value in given.items():
            if not self._is_valid(name, value):
                raise refusal_of_parameter(name)

    def _is_valid(self, name: str, value: Any) -> bool:
        if name in self.switches:
            return isinstance(value, bool)
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            return False
        if name == TIME_UNIT:
            return value in TIME_UNITS
        try:
            if name in self.statements:
                dates_of(np.array([value], dtype=object))
            else:
                request_params(self.model, {name: value})
        except (InputError, OverflowError):
            return False
        return True

    def check(self) -> None:
        """Score an invented customer and describe the model, before the first request comes.

        Raises
        ------
        ClvmlError
            If the model cannot score them.
        """
        _ = self.outputs, self.parameters, self.examples
