"""The time since a model was trained: its customers until then, their purchases after, and new customers."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pandas as pd

from clvml.customers._fingerprint import fingerprint, source_difference
from clvml.customers._split import Split, split
from clvml.customers._summary import summarize
from clvml.customers._time_units import time_unit_of
from clvml.customers._transactions import Transactions
from clvml.errors import InputError
from clvml.lifetime_value._protocol import ValueModel
from clvml.scoring._card import ModelCard

FEWEST = 50  # customers: of fewer, intervals are too wide to find anything
AGREEING = 0.02  # relative difference of what the card has and what the new data give for the same days


@dataclasses.dataclass(frozen=True, eq=False)
class Period:
    """The time since the end of a model's data.

    Attributes
    ----------
    model : ValueModel
    card : ModelCard
    transactions : Transactions
    split : Split
        The model's customers as they were then, and what they did since.
    now : pandas.DataFrame
        The summary of all customers at the end of the new data.
    notes : tuple of str
        What is unusual about the data, in sentences.
    """

    model: Any
    card: ModelCard
    transactions: Transactions
    split: Split
    now: pd.DataFrame
    notes: tuple[str, ...] = ()

    @property
    def duration(self) -> float:
        """Its length in time units of the model."""
        return self.split.duration

    @property
    def time_unit(self) -> str:
        """``"D"``, ``"W"``, ``"M"``, ``"Q"`` or ``"Y"``."""
        return self.split.time_unit

    @property
    def until(self) -> str:
        """The last day of the new data, ISO."""
        return f"{pd.Timestamp(self.split.observation_end):%Y-%m-%d}"

    @property
    def outcome(self) -> str:
        """What the model values: money, or purchases that have no amounts."""
        return "spend" if "spend" in self.split.holdout else "purchases"

    @property
    def newcomers(self) -> pd.DataFrame:
        """The summary of the customers acquired since."""
        return self.now[~self.now.index.isin(self.split.calibration.index)]


def open_period(
    model: Any,
    card: ModelCard,
    transactions: Transactions,
    *,
    until: Any = None,
    attributes: pd.DataFrame | None = None,
) -> Period:
    """Customers and purchases since the model was trained.

    Parameters
    ----------
    model : ValueModel
        Fitted.
    card : ModelCard
        Its card.
    transactions : Transactions
        The purchases of the model's customers up to ``card.observed_until``, and their later ones.
    until : date, optional
        The last day to check. Default: the last day of the data.
    attributes : pandas.DataFrame, optional
        Attributes of customers by id, which the model may need.

    Raises
    ------
    InputError
        If the model or its card cannot be checked, the purchases are not those of the model, or too little
        came since.
    """
    unit = _check_model(model, card)
    _check_source(card, transactions)
    _check_policy(card, transactions)
    start = pd.Timestamp(str(card.observed_until))
    _check_is_new(start, transactions, until)
    collapse = transactions.effective_collapse(_collapse(card))
    parts = split(transactions, start, until, unit, collapse)
    _check_size(parts, unit)
    now = summarize(transactions, parts.observation_end, unit, collapse)
    parts = dataclasses.replace(parts, calibration=_joined(parts.calibration, attributes))
    return Period(model, card, transactions, parts, _joined(now, attributes), tuple(_notes(card, parts)))


def _check_model(model: Any, card: ModelCard) -> str:
    """The model's time unit."""
    if not isinstance(model, ValueModel):
        raise InputError(f"{type(model).__name__} predicts no values, so it cannot be checked by outcomes.")
    if card.observed_until is None:
        raise InputError(
            "the model's card does not say until when its customers were observed (it was saved by an earlier"
            " release, or outside of a run): give --observed-until, or train it again with 'clvml run'."
        )
    unit = getattr(model, "time_unit_", None) or card.time_unit
    if unit is None:
        raise InputError("the model does not know its time unit: train it again with 'clvml run'.")
    return str(unit)


def _check_source(card: ModelCard, transactions: Transactions) -> None:
    if card.fingerprint is None:
        return
    reason = source_difference(card.fingerprint, fingerprint(transactions))
    if reason:
        raise InputError(
            f"these purchases are not those that the model was trained on: {reason}. Give the same source,"
            " with its old purchases and the new ones, read by the same options."
        )


def _check_policy(card: ModelCard, transactions: Transactions) -> None:
    used = {key: str(value) for key, value in dataclasses.asdict(transactions.policy).items()}
    differing = [key for key, value in used.items() if card.policy.get(key, value) != value]
    if differing:
        key = differing[0]
        raise InputError(
            f"the purchases were read with {key} = {used[key]!r}, but those of the model with"
            f" {card.policy[key]!r}: read them by the model's policy."
        )


def _check_is_new(start: pd.Timestamp, transactions: Transactions, until: Any) -> None:
    if transactions.first_date.normalize() > start:
        raise InputError(
            f"these purchases begin on {transactions.first_date:%Y-%m-%d}, after the model's data ended on"
            f" {start:%Y-%m-%d}: give its old purchases too, from which the histories of customers come."
        )
    last = transactions.last_date if until is None else pd.Timestamp(until)
    if last.normalize() <= start:
        raise InputError(
            f"there are no purchases since the model was trained: its data end on {start:%Y-%m-%d}, and"
            f" these on {last:%Y-%m-%d}. Check it again when there are new purchases."
        )


def _check_size(parts: Split, unit: str) -> None:
    name = time_unit_of(unit).name
    if parts.duration < 1:
        raise InputError(
            f"only {parts.duration:.2g} {name}s have passed since the model was trained: a check needs at"
            f" least one {name}, its time unit."
        )
    if len(parts.calibration) < FEWEST:
        raise InputError(
            f"the model has {len(parts.calibration)} customers in these data: of fewer than {FEWEST}, chance"
            " alone explains almost any outcome. Judge it by a longer history, or with more customers."
        )


def _collapse(card: ModelCard) -> str | None:
    given = card.policy.get("collapse", "D")
    return None if given == "none" else str(given)


def _joined(customers: pd.DataFrame, attributes: pd.DataFrame | None) -> pd.DataFrame:
    if attributes is None:
        return customers
    joined = customers.join(attributes[attributes.columns.difference(customers.columns, sort=False)])
    joined.attrs = dict(customers.attrs)
    return joined


def _notes(card: ModelCard, parts: Split) -> list[str]:
    """Whether the histories are those that the card describes, and whether the model is past its warranty."""
    notes = []
    known: dict[str, tuple[float, float]] = {}
    if card.n_customers:
        known["customers"] = (float(card.n_customers), float(len(parts.calibration)))
    for column, described in card.seen.items():
        if column in parts.calibration and "mean" in described:
            known[f"mean {column}"] = (described["mean"], float(parts.calibration[column].mean()))
    for name, (then, now) in known.items():
        if not math.isclose(then, now, rel_tol=AGREEING):
            notes.append(
                f"{name} until {card.observed_until}: {then:,.6g} when the model was trained, {now:,.6g} in"
                " these data; they were corrected since, or read by other options"
            )
    end = f"{pd.Timestamp(parts.observation_end):%Y-%m-%d}"
    if card.warranty.get("until", end) < end:
        notes.append(
            f"the model was validated for predictions until {card.warranty['until']}, and these data end on"
            f" {end}: intervals beyond are extrapolated"
        )
    return notes
