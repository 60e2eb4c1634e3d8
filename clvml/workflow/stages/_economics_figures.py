"""Key figures against their targets, now and at the ends of the last quarters."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from clvml.errors import ClvmlError
from clvml.lifetime_value.economics._scorecard import (
    FURTHER_FIGURES,
    scorecard,
    scorecard_over_time,
)
from clvml.workflow._findings import Finding, Table, Words
from clvml.workflow._formatting import Column
from clvml.workflow.stages._economics_inputs import FurtherFigures, Inputs

FILES = "economics/{}.csv"
N_QUARTERS = 4
OF_COSTS = {"acquisition_cost": "cac", "clv_to_cac": "cac", "payback": "cac", "return_on_marketing": "spent"}
LABELS = {
    "clv": "CLV",
    "new_customer_value": "value of a new customer",
    "acquisition_cost": "acquisition cost (CAC)",
    "clv_to_cac": "CLV:CAC",
    "payback": "payback",
    "retention_rate": "retention",
    "repeat_rate": "repeat-purchase rate",
    "return_on_marketing": "return on marketing",
    "satisfaction": "satisfied (4 or 5 of 5)",
    "nps": "net promoter score",
    "complaint_rate": "complained",
}
CARD_COLUMNS = {
    "value": Column("current", "{:,.2f}"),
    "target": Column("target", "{:,.2f}"),
    "gap": Column("gap", "{:+,.2f}"),
    "met": Column("met"),
    "unit": Column("unit"),
}


def scorecard_findings(inputs: Inputs, customers: pd.DataFrame) -> tuple[pd.DataFrame, list[Finding]]:
    """The scorecard, and its findings: current against target, and over time."""
    spent = -float(customers["marketing_cost"].sum())
    further = inputs.context.get(FurtherFigures)
    targets = inputs.section.targets
    figures = {} if further is None else dict(further.figures)
    card = scorecard(
        inputs.customers,
        inputs.clv,
        new_customer_value=None if inputs.new_value != inputs.new_value else inputs.new_value,
        acquisition_cost=0.0 if inputs.cac != inputs.cac else inputs.cac,
        margin=inputs.margin,
        marketing_cost=spent,
        targets={name: target for name, target in targets.items() if name not in missing(targets, figures)},
        further=figures,
    )
    return card, list(_findings(inputs, card, spent, missing(targets, figures)))


def missing(targets: dict[str, float], further: dict[str, tuple[float, str]]) -> list[str]:
    """Targets of figures that other parts of the run would add, and have not."""
    return [name for name in targets if name in FURTHER_FIGURES and name not in further]


def _findings(inputs: Inputs, card: pd.DataFrame, spent: float, absent: list[str]) -> Iterator[Finding]:
    has = {"cac": inputs.acquisition is not None, "spent": spent > 0}
    known = [name for name in card.index if has.get(OF_COSTS.get(str(name), ""), True)]
    if "payback" not in inputs.section.targets:  # the curve is above, and this one a rate
        known = [name for name in known if name != "payback"]
    table = card.loc[known]
    shown = table.assign(met=table["met"].map({True: "yes", False: "no"}).fillna("-"))
    columns = (
        CARD_COLUMNS if table["target"].notna().any() else {n: CARD_COLUMNS[n] for n in ("value", "unit")}
    )
    yield Table(
        "scorecard",
        table,
        display=shown.rename(index=LABELS),
        columns=columns,
        title="Key figures" + (" against their targets" if inputs.section.targets else ""),
        file=FILES,
    )
    missed = [LABELS.get(str(name), str(name)) for name in table.index[table["met"].eq(False)]]
    if missed:
        yield Words(f"Targets missed: {', '.join(missed)}.", runs=())
    if absent:
        yield Words(
            f"No {', '.join(absent)} in this run: its target is left out until the run has the data.",
            style="note",
            runs=(),
        )
    more = inputs.context.get(FurtherFigures) is not None
    if inputs.section.targets or inputs.acquisition is not None or more:
        past = over_time(inputs, spent, known)
        if past is not None:
            yield past


def over_time(inputs: Inputs, spent: float, known: list[str]) -> Table | None:
    """The figures at the ends of the last quarters, each from what was known then; the model is today's."""
    ends = quarter_ends(inputs)
    if len(ends) < 2:
        return None
    until = pd.Series([(inputs.customers["first_purchase"] <= end).mean() * spent for end in ends], ends)
    reference = getattr(inputs.served.model, "reference_", {})
    try:
        table = scorecard_over_time(
            inputs.transactions,
            inputs.served.model,
            ends,
            collapse=inputs.split.collapse,
            acquisition_cost=cost_at(inputs, ends),
            marketing_cost=until,
            margin=inputs.margin,
            covariates=inputs.customers[list(reference)] if reference else None,
        )
    except ClvmlError as error:  # the model needs what a summary of the past does not have
        inputs.context.say(f"no figures over time: {error}")
        return None
    further = inputs.context.get(FurtherFigures)
    if further is not None and further.until is not None:
        rows = {end: dict(further.until(end)) for end in ends}
        table = table.join(
            pd.DataFrame.from_dict(rows, orient="index").reindex(columns=list(further.figures))
        )
    table = table[["customers", *(name for name in known if name in table)]]
    labels = {str(name): Column(LABELS.get(str(name), str(name)), "{:,.2f}") for name in table}
    labels["customers"] = Column("customers", "{:,.0f}")
    shown = table.set_axis([f"{day:%Y-%m-%d}" for day in table.index]).rename_axis("until")
    targets = {name: target for name, target in inputs.section.targets.items() if name in table}
    if targets:
        shown.loc["target"] = pd.Series(targets)
    return Table(
        "scorecard_over_time",
        table,
        display=shown,
        columns=labels,
        title="Key figures over time",
        file=FILES,
    )


def quarter_ends(inputs: Inputs) -> list[pd.Timestamp]:
    """The last quarter ends at which there were customers, and the end of observation."""
    end = pd.Timestamp(inputs.split.observation_end).normalize()
    first = inputs.customers["first_purchase"].min() + pd.Timedelta(days=30)
    quarters = pd.date_range(end=end - pd.Timedelta(days=1), periods=N_QUARTERS - 1, freq="QE").normalize()
    return [day for day in (*quarters, end) if day >= first]


def cost_at(inputs: Inputs, ends: list[pd.Timestamp]) -> float | pd.Series:
    """Acquisition cost per customer of what was spent until each date."""
    if inputs.acquisition is None or inputs.cac != inputs.cac:
        return 0.0
    periods = inputs.acquisition.periods
    if periods.empty:
        return inputs.cac
    costs = [cost_until(periods[periods.index <= end], inputs.cac) for end in ends]
    return pd.Series(costs, ends)


def cost_until(periods: pd.DataFrame, otherwise: float) -> float:
    """Cost per customer of some periods."""
    won = float(periods["customers"].sum())
    return float(periods["cost"].sum()) / won if won else otherwise
