"""What a saved model knows about itself: its data, parameters, evidence and what to expect next.

A `ModelCard` has plain JSON values only, and neither a row nor an id of a customer. One part of it is found
from the model (`card_of`), the other is evidence that whoever trained it adds (`ModelCard.with_evidence`).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, Self

from clvml.customers._time_units import horizon_in
from clvml.errors import ClvmlError, InputError
from clvml.scoring._fitted_parameters import covariances_of, parameters_of, parts_of


@dataclasses.dataclass(frozen=True)
class ModelCard:
    """What a saved model knows; every field has a default, for models that do not know it.

    Attributes
    ----------
    model : str
        Name of the class, such as ``"LifetimeValue"``.
    title : str
        Name in the comparison, such as ``"BG/NBD x Gamma-Gamma"``; empty if there was none.
    clvml_version : str
        The release that wrote the file.
    format : int
        Format of the file; 0 for a model that was not saved yet.
    digest : str
        SHA-256 of the content of the file; empty for a model that was not saved yet.
    time_unit : {"D", "W", "M", "Q", "Y"} or None
        Of the model's times and horizon.
    observed_from, observed_until : str or None
        First and last day (inclusive) of the purchases that the model was fitted to, as ISO dates.
    n_customers : int or None
        Number of customers that the model was fitted to.
    dataset : str
        Name of the data set or the experiment.
    fingerprint : dict or None
        Number of purchases and sum of money by calendar month, by which a data set is recognised.
    seen : dict of str to dict
        Quantiles and mean of ``frequency, recency, T, monetary_value`` of the customers.
    policy : dict
        The rules by which purchases were read, such as how returns were treated.
    parameters : list of dict
        Keys ``name`` (dotted, such as ``"purchases.alpha"``), ``estimate``, ``standard_error`` (None if
        unknown) and ``identified`` (False if the data give no interval).
    covariance : dict of str to dict
        By part of the model, such as ``"purchases"``: the ``names`` of its parameters and the ``matrix`` of
        their covariances.
    horizon : float or None
        Of the values, in time units; None if it is infinite, or the model has none.
    annual_discount_rate, margin : float or None
        Of the values.
    currency : str
        Of the amounts, such as ``"EUR"``; empty if unknown.
    verdict : str
        What the comparison said about the model.
    scores : dict of str to dict
        By metric: ``value, lower, upper`` on the latest holdout, and ``by_origin``, a list of ``origin`` (ISO
        date) and ``value`` on the holdouts of that length.
    totals : dict of str to dict
        What the customers of the fit are predicted to do next: ``spend`` (undiscounted, before margin),
        ``purchases`` and ``active_customers``, as far as the model predicts them; each with ``value, lower,
        upper, coverage, horizon`` over the duration of the holdout, in time units after ``observed_until``,
        and ``by_horizon``, a list of ``horizon, value, lower, upper``.
    warranty : dict
        ``until``: the ISO date up to which predictions were validated, that is ``observed_until`` plus the
        holdout's duration; ``longest_T``: the longest ``T`` that was seen, in time units.

    See Also
    --------
    clvml.scoring.save_model_folder : Saves a model with its card.
    clvml.scoring.read_card : Reads it.
    clvml.monitoring.check_model : Compares later purchases with it.

    Examples
    --------
    Say what the model cannot know of itself, and read it with what was found from the model:

    >>> import tempfile
    >>> import clvml
    >>> from clvml.scoring import ModelCard, read_card, save_model_folder
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> model = clvml.BGNBD().fit(customers)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = save_model_folder(model, folder, ModelCard(observed_until="1997-09-30", currency="USD"))
    ...     card = read_card(folder)
    >>> card.model, card.currency, card.n_customers
    ('BGNBD', 'USD', 2357)
    >>> [(each["name"], round(each["estimate"], 2)) for each in card.parameters][:2]
    [('r', 0.24), ('alpha', 4.41)]
    """

    model: str = ""
    title: str = ""
    clvml_version: str = ""
    format: int = 0
    digest: str = ""
    time_unit: str | None = None
    observed_from: str | None = None
    observed_until: str | None = None
    n_customers: int | None = None
    dataset: str = ""
    fingerprint: dict[str, Any] | None = None
    seen: dict[str, dict[str, float]] = dataclasses.field(default_factory=dict)
    policy: dict[str, Any] = dataclasses.field(default_factory=dict)
    parameters: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    covariance: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    horizon: float | None = None
    annual_discount_rate: float | None = None
    margin: float | None = None
    currency: str = ""
    verdict: str = ""
    scores: dict[str, Any] = dataclasses.field(default_factory=dict)
    totals: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    warranty: dict[str, Any] = dataclasses.field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The fields as plain JSON values."""
        return dataclasses.asdict(self)

    def with_evidence(self, other: ModelCard) -> Self:
        """The card with what the other one adds: fields that are not at their default there."""
        added = {
            field.name: getattr(other, field.name)
            for field in dataclasses.fields(self)
            if getattr(other, field.name) != getattr(_EMPTY, field.name)
        }
        return dataclasses.replace(self, **added)


_EMPTY = ModelCard()
_IN_THE_FILE = ("clvml_version", "format", "digest")  # of the document rather than of its card


def card_of(model: Any) -> ModelCard:
    """The card of a fitted model, by what can be found from the model itself.

    Examples
    --------
    >>> import clvml
    >>> card = card_of(clvml.BGNBD.from_params(r=0.243, alpha=4.414, a=0.793, b=2.426, time_unit="W"))
    >>> card.model, card.time_unit, [parameter["name"] for parameter in card.parameters]
    ('BGNBD', 'W', ['r', 'alpha', 'a', 'b'])
    """
    seen = _first(model, "training_summary_") or {}
    number = _first(model, "n_customers_")
    longest = seen.get("T", {}).get("maximum")
    return ModelCard(
        model=type(model).__name__,
        clvml_version=version("clvml"),
        time_unit=_first(model, "time_unit_"),
        n_customers=None if number is None else round(number),
        seen={column: dict(quantiles) for column, quantiles in seen.items()},
        parameters=parameters_of(model),
        covariance=covariances_of(model),
        horizon=_horizon(model),
        annual_discount_rate=_number(getattr(model, "annual_discount_rate", None)),
        margin=_number(getattr(model, "margin", None)),
        warranty={} if longest is None else {"longest_T": longest},
    )


def card_from(fields: Mapping[str, Any], **of_file: Any) -> ModelCard:
    """A card from the JSON object of a file; unknown keys, of later releases, are ignored.

    Raises
    ------
    InputError
        If a field has a value of another type.
    """
    known = {field.name: field.type for field in dataclasses.fields(ModelCard)}
    card = ModelCard(**{key: value for key, value in fields.items() if key in known} | of_file)
    for key in known:
        _check_type(key, getattr(card, key))
    return card


def stored_fields(card: ModelCard) -> dict[str, Any]:
    """The fields that a file stores in its card; the others are those of the file."""
    return {key: value for key, value in card.as_dict().items() if key not in _IN_THE_FILE}


_MAY_BE_ABSENT: dict[str, Any] = dict.fromkeys(("time_unit", "observed_from", "observed_until"), str)
_MAY_BE_ABSENT |= {"fingerprint": dict, "n_customers": int}
_MAY_BE_ABSENT |= dict.fromkeys(("horizon", "annual_discount_rate", "margin"), (int, float))


def _check_type(key: str, value: Any) -> None:
    kinds = _MAY_BE_ABSENT.get(key) or type(getattr(_EMPTY, key))
    if value is None and key in _MAY_BE_ABSENT:
        return
    if isinstance(value, bool) or not isinstance(value, kinds):
        raise InputError(
            f"the model's card is damaged: {key!r} is a {type(value).__name__}; save the model again."
        )


def _first(model: Any, name: str) -> Any:
    """The attribute of the model, or of the first of its parts that has it."""
    values = (getattr(part, name, None) for _, part in parts_of(model))
    return next((value for value in values if value is not None), None)


def _horizon(model: Any) -> float | None:
    horizon = getattr(model, "horizon", None)
    if horizon is None:
        return None
    try:
        return float(horizon_in(horizon, _first(model, "time_unit_")))
    except ClvmlError:  # a duration such as "12M" of a model without time unit
        return None


def _number(value: Any) -> float | None:
    usable = isinstance(value, int | float) and math.isfinite(value)
    return float(value) if usable else None
