"""What is served: a model, its segments, and what is derived from them; loaded together, never changed.

A request takes the `Served` of its moment and keeps it to the end, so that a new version never answers half
of a request.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from clvml.customers._time_units import horizon_in
from clvml.errors import InputError
from clvml.scoring._batches import score_batches
from clvml.scoring._contract import read_request, request_params
from clvml.scoring._signature import Column, Parameter, signature
from clvml.serving._card import card_of
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


@dataclass(frozen=True)
class Served:
    """A loaded version, with the segments that are added to its scores, if any."""

    model: Any
    version: Version
    segments: Any = None
    segments_version: Version | None = None
    loaded_at: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """The columns of requests."""
        own = fields_of(self.model)
        if self.segments is None:
            return own
        known = {*(f.name for f in own), *(column.name for column in signature(self.model).outputs)}
        more = [f for f in fields_of(self.segments) if f.name not in known]
        return (*own, *more)

    @cached_property
    def outputs(self) -> tuple[Column, ...]:
        """The columns of answers, ``customer_id`` last."""
        *scores, customer = signature(self.model).outputs
        more = () if self.segments is None else signature(self.segments).outputs[:-1]
        return (*scores, *more, customer)

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters of requests, with the model's own values."""
        return signature(self.model).parameters

    @cached_property
    def card(self) -> dict[str, Any]:
        """The model's card."""
        return card_of(self.model)

    @cached_property
    def examples(self) -> list[dict[str, Any]]:
        """Invented customers: rounded quantiles of those whom the model was fitted to, by column."""
        return invented_rows(self.model, self.fields)

    def score(self, asked: Asked) -> pd.DataFrame:
        """The scores in the order of the rows; raises a `Refusal` if a customer or a parameter is invalid."""
        params = self._params(asked.params)
        try:
            customers = read_request(self.model, asked.customers).customers
            with np.errstate(all="ignore"):  # scores are checked to be finite
                return next(score_batches(self.model, [customers], params, self.segments))
        except InputError as error:
            raise refusal_of(error) from None

    def _params(self, given: Mapping[str, Any]) -> dict[str, Any]:
        known = [parameter.name for parameter in self.parameters]
        if set(given) - set(known):
            takes = f"the model takes {' and '.join(known)}" if known else "the model takes no parameters"
            raise invalid("parameter", f"there is an unknown parameter; {takes}.")
        found: dict[str, Any] = {}
        for name, value in given.items():
            try:
                found |= request_params(self.model, {name: _plain(value)})
                if name == "horizon":
                    horizon_in(found[name], getattr(self.model, "time_unit_", None))
            except (InputError, TypeError, ValueError, OverflowError):
                raise refusal_of_parameter(name) from None
        return found

    def check(self) -> None:
        """Score an invented customer and describe the model, before the first request comes.

        Raises
        ------
        ClvmlError
            If the model cannot score them.
        """
        _ = self.outputs, self.parameters, self.examples


def _plain(value: Any) -> Any:
    """A number or text; anything else is no parameter."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError
    return value
