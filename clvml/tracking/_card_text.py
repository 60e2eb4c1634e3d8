"""A model's card as a page of Markdown, for people: in the model's folder, and in MLflow."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from clvml.customers._time_units import time_unit_of
from clvml.scoring._card import ModelCard
from clvml.tracking._markdown import markdown_table

CARD_FILE = "card.md"
_SEEN = {"q01": "1 %", "q25": "25 %", "median": "median", "q75": "75 %", "q99": "99 %", "mean": "mean"}
_OUTCOMES = {"spend": "spend", "purchases": "purchases", "active_customers": "customers who purchase"}


def card_markdown(card: ModelCard) -> str:
    """The card as Markdown: what the model is, its data, what to expect next, scores and parameters.

    Examples
    --------
    >>> print(card_markdown(ModelCard(model="BGNBD", title="BG/NBD", observed_until="1998-06-30")).rstrip())
    # BG/NBD
    <BLANKLINE>
    | fact | value |
    | --- | ---: |
    | class | BGNBD |
    | customers | observed until 1998-06-30 |
    """
    parts = [f"# {card.title or card.model}", card.verdict, _facts_table(card)]
    parts += [f"## {title}\n\n{markdown_table(table)}" for title, table in _tables(card) if len(table)]
    return "\n\n".join(part for part in parts if part).rstrip() + "\n"


def _facts(card: ModelCard) -> Iterator[tuple[str, str]]:
    yield "class", card.model
    if card.dataset:
        yield "data", card.dataset
    number = "" if card.n_customers is None else f"{card.n_customers:,} "
    since = f"from {card.observed_from} " if card.observed_from else ""
    if card.observed_until:
        yield "customers", f"{number}observed {since}until {card.observed_until}".strip()
    elif number:
        yield "customers", number.strip()
    if card.horizon is not None:
        yield "horizon", _duration(card, card.horizon)
    if card.annual_discount_rate is not None:
        yield "discount rate", f"{card.annual_discount_rate:.2%} per year"
    if card.margin is not None:
        yield "margin", f"{card.margin:g}"
    if card.currency:
        yield "currency", card.currency
    if until := card.warranty.get("until"):
        yield "validated until", str(until)
    if card.policy:
        yield "policy", ", ".join(f"{rule}: {choice}" for rule, choice in card.policy.items())
    if card.digest:
        yield "file", f"format {card.format}, written by clvml {card.clvml_version}, {card.digest}"


def _tables(card: ModelCard) -> Iterator[tuple[str, pd.DataFrame]]:
    if card.totals:
        one = next(iter(card.totals.values()))
        title = f"What these customers are predicted to do in the next {_duration(card, one['horizon'])}"
        yield f"{title} ({one['coverage']:.0%} prediction intervals)", _totals(card)
    scores = {metric: _ends(row) for metric, row in card.scores.items()}
    yield "Scores on the latest holdout", _numbers(scores, "metric")
    yield "Parameters", _parameters(card)
    seen = {name: {_SEEN[key]: row[key] for key in _SEEN if key in row} for name, row in card.seen.items()}
    yield "Customers in the fit", _numbers(seen, "column")


def _totals(card: ModelCard) -> pd.DataFrame:
    rows = {_OUTCOMES.get(name, name): _ends(row) for name, row in card.totals.items()}
    return pd.DataFrame.from_dict(rows, orient="index").map("{:,.0f}".format).rename_axis("outcome")


def _parameters(card: ModelCard) -> pd.DataFrame:
    rows = {
        row["name"]: {
            "estimate": _number(row["estimate"]),
            "standard error": _number(row["standard_error"]) if row["identified"] else "not identified",
        }
        for row in card.parameters
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("parameter")


def _ends(row: dict[str, float]) -> dict[str, float]:
    return {key: row[key] for key in ("value", "lower", "upper") if key in row}


def _numbers(rows: dict[str, dict[str, float]], index: str) -> pd.DataFrame:
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis(index)
    return table.map(_number)


def _number(value: float | None) -> str:
    return "" if value is None or pd.isna(value) else f"{value:.4g}"


def _duration(card: ModelCard, horizon: float) -> str:
    unit = "time units" if card.time_unit is None else f"{time_unit_of(card.time_unit).name}s"
    return f"{horizon:g} {unit}"


def _facts_table(card: ModelCard) -> str:
    return markdown_table(pd.DataFrame({"value": dict(_facts(card))}).rename_axis("fact"))
