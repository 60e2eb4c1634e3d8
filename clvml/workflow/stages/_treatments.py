"""A test of treatments: read, measured with the model's predictions from before its start, and budgeted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from clvml.errors import ClvmlError, InputError
from clvml.workflow._findings import Finding, Tags, Words
from clvml.workflow._stage import Context, Stage
from clvml.workflow.stages._reading import outcome_of

if TYPE_CHECKING:
    from clvml.treatments import Responses
    from clvml.workflow._config import Config

SECTION = "Treatments that were measured"


@dataclass(frozen=True, eq=False)
class TreatmentTest:
    """The test of a run.

    Attributes
    ----------
    responses : clvml.treatments.Responses
        With outcomes, and with predictions and segments where they are known.
    before : pandas.DataFrame or None
        Numbers of each customer from before the start; None if the start is not known.
    predicted_by : str
        The model whose predictions reduce the variance; empty if none do.
    classes : bool
        Whether the segments are the classes of the value matrix.
    notes : tuple of str
        What was counted, left out or could not be done.
    """

    responses: Responses
    before: pd.DataFrame | None
    predicted_by: str
    classes: bool
    notes: tuple[str, ...]


def applies(config: Config) -> bool:
    """Whether the config names a table of responses."""
    return bool(config.treatments.responses)


def check(context: Context) -> None:
    """Read the responses, so that an error in them is found before the run."""
    from clvml.treatments import check_group_sizes, read_responses

    section = context.config.treatments
    responses = read_responses(
        section.responses,
        control=section.control,
        customer=section.customer,
        treatment=section.treatment,
        segment=section.segment,
        money=section.money,
        purchases=section.purchases,
        costs=section.costs or None,
        kinds=section.kinds or None,
        decimal=section.decimal,
        date_format=section.date_format,
    )
    if section.shares:
        check_group_sizes(responses, section.shares)
    if section.start is None and "assigned" not in responses.table and not responses.outcomes:
        raise InputError(
            "[treatments] has no start, the first day whose purchases count as a response: give start, a"
            " column assigned, or outcomes in columns purchases or money."
        )
    context.put(responses)


def find(context: Context) -> Iterator[Finding]:
    """Lift, what it is worth, whether the groups were random, the budget, and what to test next."""
    from clvml.treatments import Responses
    from clvml.workflow.stages._treatment_findings import PARTS

    section = context.config.treatments
    try:
        test = prepare(context, context[Responses])
    except InputError as error:
        context.say(f"treatments: {error}")
        yield Words(str(error), style="note", runs=())
        return
    context.put(test)
    responses = test.responses
    sizes = responses.table["group"].value_counts()
    listed = ", ".join(f"{name} {sizes[name]:,}" for name in responses.treatments)
    context.say(f"treatments measured: {listed}; control {sizes[responses.control]:,} customers")
    yield Tags({"responses": section.responses})
    for note in test.notes:
        context.say(note)
    for part in PARTS:
        try:
            yield from part(context, test)
        except InputError as error:
            context.say(f"treatments: {error}")
            yield Words(str(error), style="note", runs=())


def prepare(context: Context, responses: Responses) -> TreatmentTest:
    """The responses with outcomes, predictions from before the start, and segments."""
    section = context.config.treatments
    if section.start is None and "assigned" not in responses.table:
        note = (
            "the start of the test is not known, so that predictions from before it cannot reduce the"
            " variance, nor can the groups be compared before it: give start in [treatments]"
        )
        return TreatmentTest(responses, None, "", False, (*responses.notes, note))
    found = with_outcomes(context, responses)
    before, title, reason = customers_before(context, found)
    chosen = before.set_index(before.index).reindex(found.table["customer"])
    chosen.index = found.table.index
    numbers = balance_columns(chosen)
    notes = (*found.notes, *([reason] if reason else []))
    if title:
        found = found.with_columns(predicted=chosen["clv"])
    classes = bool(title) and "total_spend" in before and found.table["segment"].nunique() == 1
    if classes:
        found = found.with_columns(
            segment=value_classes(before).reindex(found.table["customer"]).set_axis(found.table.index)
        )
    return TreatmentTest(found, numbers, title if section.adjust else "", classes, notes)


def with_outcomes(context: Context, responses: Responses) -> Responses:
    """Outcomes from the columns of the responses, or else from the purchases after the start."""
    import dataclasses

    from clvml.customers._split import Split
    from clvml.customers._transactions import Transactions
    from clvml.treatments import add_outcomes

    parts, section = context[Split], context.config.treatments
    found = add_outcomes(
        responses, context[Transactions], section.start, parts.observation_end, collapse=parts.collapse
    )
    if responses.outcomes:
        own = responses.table[responses.outcomes].loc[found.table.index]
        table = found.table.drop(columns=found.outcomes).join(own)
        note = "outcomes are the columns of the responses, not the purchases after the start"
        return dataclasses.replace(found, table=table, notes=(*found.notes, note))
    if outcome_of(context) == "purchases":
        return dataclasses.replace(found, table=found.table.drop(columns="money"))
    return found


def customers_before(context: Context, responses: Responses) -> tuple[pd.DataFrame, str, str]:
    """Customers as they were before the start, with ``clv``, what the champion's kind of model expected.

    Returns
    -------
    (table, title of the model, reason)
        The title is empty if it cannot be fitted, and the reason says why.
    """
    from clvml.customers._split import Split, split
    from clvml.customers._transactions import Transactions
    from clvml.evaluation._model_comparison import fit_model
    from clvml.treatments._outcomes import start_of
    from clvml.workflow.stages._comparing import Comparison, built

    parts, comparison = context[Split], context[Comparison]
    start = start_of(responses, context.config.treatments.start, parts.collapse)
    last = start - pd.Timedelta(days=1)
    earlier = split(context[Transactions], last, parts.observation_end, parts.time_unit, parts.collapse)
    customers = earlier.calibration
    contender = comparison.contenders[comparison.result.champion]
    try:
        model = built(context, contender, horizon=earlier.duration, annual_discount_rate=0.0, margin=1.0)
        model = fit_model(model, customers, earlier.earlier())
        return customers.assign(clv=model.predict(customers)), contender.title, ""
    except Exception as error:  # a user-defined model may raise anything
        text = str(error) if isinstance(error, ClvmlError) else f"{type(error).__name__}: {error}"
        reason = (
            f"{contender.title} cannot be fitted to the {len(customers):,} customers before the start"
            f" ({text.rstrip('.')}): the variance is not reduced"
        )
        return customers, "", reason


def balance_columns(customers: pd.DataFrame) -> pd.DataFrame:
    """What is compared before the test."""
    numbers = pd.DataFrame(
        {
            "repeat purchases": customers["frequency"],
            "time since last purchase": customers["T"] - customers["recency"],
            "time since first purchase": customers["T"],
        }
    )
    if "total_spend" in customers:
        numbers["spend so far"] = customers["total_spend"]
    return numbers.assign(**{"expected value": customers["clv"]}) if "clv" in customers else numbers


def value_classes(customers: pd.DataFrame) -> pd.Series:
    """Classes of the value matrix."""
    from clvml.segments.grouping._matrix import ValueMatrix
    from clvml.segments.grouping._tables import MONEY, clip_negative

    table = clip_negative(customers, (*MONEY, "total_spend"))
    return ValueMatrix().fit(table).segment_names(table)


STAGE = Stage("Measuring treatments", find, SECTION, check, applies)
