"""Segments of all customers, lifecycle stages, treatments and budgets.

The segments are fitted on all customers until the end of observation, with the values of the model to serve.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Self

import pandas as pd
from pydantic import Field, model_validator
from sklearn.base import clone

from clvml.customers._split import Split
from clvml.customers._typed_tables import read_typed_table
from clvml.errors import FitError, InputError
from clvml.lifetime_value._protocol import SupportsProbabilityAlive, title_of
from clvml.models import BGNBD
from clvml.segments.acting._cards import segment_cards
from clvml.segments.acting._customer_groups import ALIVE, CustomerGroups
from clvml.segments.acting._plans import segment_plans
from clvml.segments.acting._treatments import budgets, incentive_kinds, read_treatments
from clvml.segments.acting._value_at_risk import early_warning
from clvml.segments.grouping._cluster_segments import ClusterSegments
from clvml.segments.grouping._clusterers import SOM, check_options, takes_number
from clvml.segments.grouping._kmeans import KMeansSegments
from clvml.segments.grouping._matrix import NUMERALS
from clvml.segments.grouping._prototype_segments import PrototypeSegments
from clvml.segments.grouping._relationship_course import relationship_shapes, shape_profile
from clvml.segments.grouping._tables import CUSTOMARY, MONEY, VALUE, clip_negative
from clvml.segments.judging._mean_intervals import mean_intervals
from clvml.segments.judging._quality import segmentation_quality
from clvml.tracking._records import parameters_of
from clvml.workflow._findings import SEGMENTS, Finding, Metrics, Model, Table, Tags, Words
from clvml.workflow._formatting import MISSING, Column, format_money, heading
from clvml.workflow._section import Section
from clvml.workflow._stage import Context, Stage
from clvml.workflow.stages._attribute_files import Attributes
from clvml.workflow.stages._comparing import Comparison
from clvml.workflow.stages._lifecycle_findings import lifecycle_of
from clvml.workflow.stages._model_cards import segments_card
from clvml.workflow.stages._reading import outcome_of
from clvml.workflow.stages._segment_figures import group_figures, profile_figures
from clvml.workflow.stages._segment_needs import needs_of, preparation_of
from clvml.workflow.stages._segment_trends import trend_findings, trend_of
from clvml.workflow.stages._serving import COVERAGE, INCLUDED_BY_DRAWS, Served
from clvml.workflow.stages._splitting import Customers, TimeUnitCode, joined

SECTION = "Segments"
KMEANS = "KMeans"
TITLES = {KMEANS: "K-means", SOM: "a self-organising map"}
FOLDER = "segments"
FILES = "segment_tables/{}.csv"
WARNED = 10  # customers shown; all are in early_warning.csv
IN_PURCHASES = (
    "Values, values at risk and budgets are numbers of purchases, as the purchases have neither amounts nor a"
    " price: multiply them by what a purchase is worth."
)
QUALITY_METRICS = ("silhouette", "inertia", "stability", "smallest_share")

CHOICE_COLUMNS = {
    "holdout_gini": Column("Gini in the holdout", "{:.3f}"),
    "holdout_se": Column("SE of the difference from the best", "{:.3f}"),
    "holdout_explained": Column("explained variance of ranks", "{:.1%}"),
    "silhouette": Column("silhouette", "{:.3f}"),
    "stability": Column("stability", "{:.2f}"),
    "smallest_share": Column("smallest segment", "{:.1%}"),
}
BUDGET_COLUMNS = {
    "customers": Column("customers", "{:,}"),
    "value_at_risk": Column("value at risk", "{:,.0f}"),
    "budget": Column("budget", "{:,.0f}"),
    "share_of_value_at_risk": Column("budget / value at risk", "{:.1%}"),
}
SEGMENT_QUALITY_COLUMNS = {
    "customers": Column("customers", "{:,}"),
    "share_of_customers": Column("share of customers", "{:.1%}"),
    "mean_value": Column("mean value", "{:,.2f}"),
    "reach": Column("reach", "{:.1%}"),
    "profit": Column("value less budget", "{:,.0f}"),
}


CARD_COLUMNS = {
    "name": Column("name"),
    "customers": Column("customers", "{:,}"),
    "total_value": Column("total value", "{:,.0f}"),
    "ends": Column("between"),
    "probability_alive": Column("mean P(alive)", "{:.2f}"),
    "stage": Column("most common stage"),
    "value_at_risk": Column("value at risk", "{:,.0f}"),
    "budget": Column("budget", "{:,.0f}"),
    "treatment": Column("treatment"),
    "kind": Column("incentive"),
    "what_to_do": Column("what to do"),
}


MATRIX_COLUMNS = {
    "customers": Column("customers", "{:,}"),
    "share_of_customers": Column("share of customers", "{:.1%}"),
    "share_of_value": Column("share of future value", "{:.1%}"),
}


class SegmentsSection(Section):
    """The segments, and the tables that belong to them. Paths are relative to the config's folder."""

    n_segments: int | Literal["auto"] = "auto"
    """The number of segments, or "auto" for the criterion of ``KMeansSegments``."""
    random_state: int = 0
    """Seed of the clusterers."""
    clusterer: str = KMEANS
    """The clusterer of the segments: KMeans, SOM (a self-organising map) or a clusterer of scikit-learn, such
    as GaussianMixture, AgglomerativeClustering or HDBSCAN."""
    clusterer_options: dict[str, bool | int | float | str] = Field(default_factory=dict)
    """Options of that clusterer, such as {linkage = "average"}."""
    compare_with: tuple[str, ...] = ()
    """Further clusterers to evaluate on the same holdout, such as ["SOM", "GaussianMixture"]."""
    treatments: str = ""
    """A CSV file of treatments that replaces the default of ``clvml.segments.acting``."""
    attributes: str = ""
    """A CSV or Parquet file of customer attributes, one row per customer; the id column is named as in the
    purchases."""
    attribute_columns: tuple[str, ...] = ()
    """The attributes to use as features. Default: all."""
    contacts: str = ""
    """A CSV, Parquet or Excel file of contacts, one row per contact: customer_id, first_contact (date) and
    optionally interested (date); adds the stages before the first purchase and their conversion."""
    contact_id: str = "customer_id"
    """The column of ids in the contacts."""
    lifecycle: Literal["stages", "five stages"] = "stages"
    """The reading of the lifecycle: potential to lapsed, or the five stages contact, acquisition, conversion,
    retention and loyalty."""
    lifecycle_period: TimeUnitCode = "Q"
    """Period of volume and profit by stage and age: D, W, M, Q or Y."""
    trend_period: TimeUnitCode = "M"
    """Period of the trend of value by segment: D, W, M, Q or Y."""
    needs: tuple[str, ...] = ()
    """Attributes that describe needs, by which segments are compared and not made. Default: those that
    attribute_columns, if given, does not name."""
    contact: str = ""
    """The column of attributes with contact data, used only to count reachable customers."""

    @model_validator(mode="after")
    def _clusterers_exist(self) -> Self:
        if self.clusterer == KMEANS and self.clusterer_options:
            raise ValueError("gives clusterer_options for KMeans, which has none here")
        try:
            for name in dict.fromkeys((self.clusterer, *self.compare_with)):
                if name != KMEANS:
                    check_options(name, self.clusterer_options if name == self.clusterer else {})
        except InputError as error:
            raise ValueError(str(error).rstrip(".")) from None
        return self

    @model_validator(mode="after")
    def _columns_have_a_table(self) -> Self:
        if (self.attribute_columns or self.contact or self.needs) and not self.attributes:
            raise ValueError("names columns of attributes but not the table they are in: give attributes")
        if both := {*self.needs} & {*self.attribute_columns, self.contact}:
            raise ValueError(
                f"names {min(both)!r} in needs and as an attribute to segment by or contact data"
            )
        return self


@dataclass(frozen=True, eq=False)
class Treatments:
    """The table of treatments, as returned by `clvml.segments.acting.read_treatments`."""

    table: pd.DataFrame


@dataclass(frozen=True, eq=False)
class CalibrationSegments:
    """Customers at the end of calibration with the champion's values, and their segments.

    Attributes
    ----------
    customers : pandas.DataFrame
    segmenter : KMeansSegments, ClusterSegments or None
        Fitted to them; with "auto" its number of segments was chosen by the spend in the holdout. None if
        the customers do not differ enough.
    """

    customers: pd.DataFrame
    segmenter: PrototypeSegments | None


@dataclass(frozen=True, eq=False)
class Segments:
    """The segments of a run.

    Attributes
    ----------
    segmenter : KMeansSegments or ClusterSegments
        Fitted.
    members : pandas.DataFrame
        One row per customer: segment and name, with ``groups`` also ``value_class, stage, reason,
        treatment, what_to_do, value_at_risk, budget``, and the customer summary with the value.
    groups : CustomerGroups or None
        Fitted; ``clvml score --segments`` uses it. None if no model provides P(alive).
    """

    segmenter: PrototypeSegments
    members: pd.DataFrame
    groups: CustomerGroups | None = None


def check(context: Context) -> None:
    """Read the tables of treatments and contacts, so that an error in them is found before the run."""
    section = context.config.segments
    context.put(Treatments(read_treatments(section.treatments or None)))
    if section.contacts:
        read_typed_table(section.contacts, {section.contact_id: "id", "first_contact": "date"})


def find(context: Context) -> Iterator[Finding]:
    """The segments, their profiles, treatments and budgets."""
    calibrated = calibration_segments(context)
    context.put(calibrated)
    segments = group(context, calibrated.segmenter)
    if segments is None:
        return
    context.put(segments)
    names = segments.segmenter.names_
    context.say(f"{len(names)} segments, the most valuable first: {' | '.join(names)}")
    yield from model_of(context, segments)
    selection = (calibrated.segmenter or segments.segmenter).selection_
    yield from who_they_are(segments)
    yield from profile_of(segments, selection, title_of_clusterer(context.config.segments.clusterer))
    yield from preparation_of(segments)
    yield from needs_of(context, segments)
    if outcome_of(context) == "purchases":
        yield Words(IN_PURCHASES, style="note", runs=SEGMENTS)
    if segments.groups is not None:
        yield from what_to_do(segments.members, context.config.value.currency)
        intervals = card_intervals(context[Served], segments.members)
        yield from lifecycle_of(context, segments.members["stage"])
        trend = trend_of(context, segments)
        contact = context[Customers].attributes.contact
        yield from actions_of(segments, segments.groups, contact, intervals, trend)
        if trend is not None:
            cards = segment_cards(segments.members)
            yield from trend_findings(trend, cards, context.config.segments.trend_period)


def calibration_segments(context: Context) -> CalibrationSegments:
    """The number of segments is chosen where its use is known: at the end of calibration."""
    result, parts, attributes = context[Comparison].result, context[Split], context[Customers].attributes
    values = result.models[result.champion].predict_factors(parts.calibration)
    customers = joined(parts.calibration, attributes.table, values)
    if ALIVE not in values and (beside := purchases_beside(context, parts.calibration)) is not None:
        customers = joined(customers, beside.probability_alive(parts.calibration).to_frame())
    segmenter = segmenter_for(context, customers, attributes)
    try:
        segmenter.fit(clip_negative(customers), outcome=parts.holdout["spend"])
    except InputError:
        return CalibrationSegments(customers, None)
    return CalibrationSegments(customers, segmenter)


def group(context: Context, calibrated: PrototypeSegments | None) -> Segments | None:
    """Clusters of behaviour and value, with class, stage, treatment and budget of each customer.

    If the model to serve provides no P(alive) (a formula), the best model of purchases in the comparison
    does; if none can be fitted, there are segments only, since stages and value at risk need P(alive).
    None if the customers do not differ enough to be segmented.
    """
    customers, served = context[Customers], context[Served]
    beside = purchases_beside(context, customers.table) if ALIVE not in served.values else None
    plain = table = joined(customers.table, served.values)
    if beside is not None:
        context.say(f"{served.title} provides no P(alive): using that of {title_of(beside)}")
        table = joined(table, beside.probability_alive(customers.table).to_frame())
    segmenter = segmenter_for(context, table, customers.attributes, calibrated)
    if losses := describe_losses(table):
        context.say(losses)
    try:
        if ALIVE in table:
            model = CustomerGroups(segmenter, treatments=context[Treatments].table, purchases=beside).fit(
                plain
            )
            return Segments(model.segmenter_, joined(model.assign(table), table), model)
        segmenter.fit(clip_negative(table))
    except InputError as error:
        if context.config.segments.n_segments != "auto":
            raise
        context.say(f"no segments: {error}")
        return None
    context.say("no stages or treatments: no model that provides P(alive) can be fitted")
    clipped = clip_negative(table)
    numbers = pd.DataFrame(
        {"segment": segmenter.predict(clipped), "segment_name": segmenter.segment_names(clipped)}
    )
    return Segments(segmenter, joined(numbers, table))


def describe_losses(table: pd.DataFrame) -> str:
    """How many customers have money below zero, which segments take as 0; empty where none have."""
    columns = [name for name in MONEY if name in table]
    losses = int((table[columns] < 0).any(axis="columns").sum())
    found = f"{losses:,} of {len(table):,} customers have a negative {' or '.join(columns)}"
    return f"{found}: segments take losses as 0" if losses else ""


def purchases_beside(context: Context, customers: pd.DataFrame) -> Any:
    """The best-ranked model of purchases, fitted to these customers, or BG/NBD if none competed."""
    result = context[Comparison].result
    models = (result.models[name] for name in result.verdict.ranked)
    ranked = (getattr(model, "purchases_", None) for model in models)
    best = next(
        (model for model in ranked if isinstance(model, SupportsProbabilityAlive)), BGNBD(prior="auto")
    )
    try:
        return clone(best).fit(customers)
    except FitError:
        return None


def segmenter_for(
    context: Context,
    table: pd.DataFrame,
    attributes: Attributes,
    calibrated: PrototypeSegments | None = None,
    clusterer: str | None = None,
) -> PrototypeSegments:
    """The configured or the named clusterer, on attributes and the default features present.

    It has as many segments as those of the calibration, where given.
    """
    section = context.config.segments
    name = section.clusterer if clusterer is None else clusterer
    number = section.n_segments if calibrated is None else len(calibrated.names_)
    common: dict[str, Any] = {
        "features": tuple(feature for feature in CUSTOMARY if feature in table),
        "value": VALUE,
        "random_state": section.random_state,
        "attributes": attributes.names,
    }
    if name == KMEANS:
        return KMeansSegments(n_segments=number, **common)
    options = section.clusterer_options if name == section.clusterer else {}
    return ClusterSegments(name, options or None, number if takes_number(name) else "auto", **common)


def title_of_clusterer(name: str) -> str:
    """The name of a clusterer in the report.

    Examples
    --------
    >>> title_of_clusterer("KMeans"), title_of_clusterer("HDBSCAN")
    ('K-means', 'HDBSCAN')
    """
    return TITLES.get(name, name)


def model_of(context: Context, segments: Segments) -> Iterator[Finding]:
    """The model that assigns customers to segments, with internal quality criteria."""
    segmenter = segments.segmenter
    yield Model(
        SEGMENTS[0],
        "segments",
        segmenter if segments.groups is None else segments.groups,
        segments.members,
        folder=None if segments.groups is None else FOLDER,
        params={**parameters_of(segmenter), "features": ", ".join(segmenter.features_)},
        card=segments_card(context, segmenter.names_),
        register_as=context.config.tracking.registered_segments,
        follows=context.config.tracking.registered_model,
    )
    chosen = segmenter.selection_[segmenter.selection_["chosen"]].iloc[0]
    metrics = {name: float(chosen[name]) for name in QUALITY_METRICS}
    yield Metrics(metrics | {"segments": float(len(segmenter.names_))}, in_report=False, runs=SEGMENTS)


def profile_of(segments: Segments, selection: pd.DataFrame, title: str = TITLES[KMEANS]) -> Iterator[Finding]:
    """The segment of each customer, the profile of each segment, and the choice of their number."""
    segmenter, members = segments.segmenter, segments.members
    profile = segmenter.profile_
    worth = mean_intervals(members["clv"], members["segment"]).assign(name=list(segmenter.names_))
    losses = describe_losses(members)
    yield Table("segments", members, file="segments.csv", in_report=False, runs=SEGMENTS)
    yield Words(
        f"Customers until the end of observation, grouped by {title}; 1 is the most valuable.",
        runs=SEGMENTS,
    )
    yield Table(
        "profile", profile, file="segment_profile.csv", columns=profile_columns(profile), runs=SEGMENTS
    )
    yield from choice_of(selection)
    if losses:
        yield Words(f"{losses}.", style="note", runs=SEGMENTS)
    yield Table("worth", worth, file=FILES, in_report=False, runs=SEGMENTS)
    yield from profile_figures(segmenter, members, worth, selection)


def who_they_are(segments: Segments) -> Iterator[Finding]:
    """The most valuable and the largest segment, in two sentences."""
    profile = segments.segmenter.profile_
    best, largest = profile.iloc[0], profile.iloc[int(profile["customers"].argmax())]
    sentences = [f"{len(profile)} segments. The most valuable: {_portrait(best)}."]
    if largest["name"] != best["name"]:
        sentences.append(f"The largest: {_portrait(largest)}.")
    yield Words(" ".join(sentences), answers="who", runs=SEGMENTS)


def _portrait(segment: pd.Series) -> str:
    value = f" with {segment['share_of_value']:.0%} of the value" if "share_of_value" in segment else ""
    return (
        f"{segment['name']}, {segment['customers']:,} customers ({segment['share_of_customers']:.0%}){value}"
    )


def what_to_do(members: pd.DataFrame, currency: str) -> Iterator[Finding]:
    """The treatments with a budget, the dearest first."""
    table = budgets(members).drop(index="(all)")
    treated = table[table["budget"] > 0]
    listed = [
        f"{name} {customers:,.0f} customers (value at risk {format_money(at_risk, currency)}, budget"
        f" {format_money(budget, currency)})"
        for name, customers, at_risk, budget in treated[["customers", "value_at_risk", "budget"]].itertuples()
    ]
    rest = int(table["customers"].sum() - treated["customers"].sum())
    listed += [f"spend little on the other {rest:,}"] if rest else []
    sentence = "; ".join(listed)
    yield Words(f"{sentence[:1].upper()}{sentence[1:]}.", answers="act", runs=SEGMENTS)


def choice_of(selection: pd.DataFrame) -> Iterator[Finding]:
    """The number of segments: why, and its evidence where there was a choice."""
    yield Tags({"why": selection.attrs["why"]}, runs=SEGMENTS)
    yield Words(selection.attrs["why"], style="note", runs=SEGMENTS)
    if len(selection) > 1 and "holdout_gini" in selection:
        yield Words(
            "The evidence by number of segments: segments of the end of calibration, and the spend of their"
            " customers in the holdout.",
            style="note",
            runs=SEGMENTS,
        )
    chosen = str(selection.index[selection["chosen"]][0])
    yield Table(
        "choice",
        selection,
        file=FILES,
        columns=CHOICE_COLUMNS,
        display=selection.rename(index=str),
        in_report=len(selection) > 1,
        marked=chosen,
        runs=SEGMENTS,
    )


def profile_columns(profile: pd.DataFrame) -> dict[str, Column]:
    """Shares in percent, medians to two digits."""
    columns = {"name": Column("name"), "customers": Column("customers", "{:,}")}
    for name in profile.columns.drop(list(columns)):
        share = name.startswith("share_of_")
        label = heading(name if share else f"median {name}")
        columns[name] = Column(label, "{:.1%}" if share else "{:,.2f}")
    return columns


def card_intervals(served: Served, members: pd.DataFrame) -> pd.DataFrame | None:
    """Prediction intervals of the total value by segment, ``lower, upper``; None if there are none."""
    totals = served.total_intervals(members, members["segment"], COVERAGE)
    if totals is None:
        return None
    ends = totals.drop(index="total")[["clv_lower", "clv_upper"]]
    found = ends.set_axis(["lower", "upper"], axis="columns")
    found.attrs["includes"] = totals.attrs.get("includes", INCLUDED_BY_DRAWS)
    return found


def actions_of(
    segments: Segments,
    model: CustomerGroups,
    contact: pd.Series | None,
    intervals: pd.DataFrame | None,
    trend: pd.DataFrame | None = None,
) -> Iterator[Finding]:
    """Stages, treatments and their budgets, and the early warning."""
    members = segments.members
    stages = model.stages_.profile_
    stages = stages.assign(clv=members["clv"].groupby(members["stage"]).mean().reindex(stages.index))
    shapes = shape_profile(relationship_shapes(members["stage"], members), members)
    quality, _ = segmentation_quality(
        members["segment"], members["clv"], contact=contact, cost=members["budget"]
    )
    warned = early_warning(members, members["stage"], clv_includes_p_alive=model.clv_includes_p_alive)
    kinds = incentive_kinds(members, model.treatments_)
    cards = segment_cards(members.assign(kind=kinds), intervals, COVERAGE)
    if trend is not None:
        cards = cards.assign(plan=segment_plans(cards, trend))
    yield Table(
        "cards",
        cards,
        file="segment_cards.csv",
        columns=CARD_COLUMNS if trend is None else CARD_COLUMNS | {"plan": Column("plan")},
        display=cards.assign(ends=_ends(cards)).rename(index=str),
        title="What each segment is worth, and what to do",
        runs=SEGMENTS,
    )
    if intervals is not None:
        yield Words(
            f"The total is between the two ends with {COVERAGE:.0%} probability; they account for"
            f" {intervals.attrs['includes']}.",
            style="note",
            runs=SEGMENTS,
        )
    yield Table("stages", stages, file=FILES, in_report=False, runs=SEGMENTS)
    matrix = model.matrix_.profile_.set_index("name").loc[list(NUMERALS), list(MATRIX_COLUMNS)]
    yield Table(
        "value_matrix",
        matrix.set_axis(pd.Index([f"{NUMERALS[name]} {name}" for name in NUMERALS], name="class")),
        file=FILES,
        columns=MATRIX_COLUMNS,
        title="Value matrix: current and future value, from I (low, low) to IV (high, high)",
        runs=SEGMENTS,
    )
    yield Words("No budget exceeds the value at risk.", title="Treatments and budgets", runs=SEGMENTS)
    yield Table("budgets", budgets(members), file=FILES, columns=BUDGET_COLUMNS, runs=SEGMENTS)
    yield Table("shapes", shapes, file=FILES, in_report=False, runs=SEGMENTS)
    yield Table(
        "quality",
        quality,
        file=FILES,
        columns=quality_columns(quality),
        title="Segment quality: size, reach, profit",
        runs=SEGMENTS,
    )
    yield Words(
        f"{len(warned):,} valuable customers may soon be lost; those with the largest value at risk:",
        title="Early warning",
        runs=SEGMENTS,
    )
    shown = warned.head(WARNED).rename(index=str).rename_axis("customer")
    yield Table("early_warning", warned, file=FILES, display=shown, runs=SEGMENTS)
    yield from group_figures(model, shapes, cards)


def _ends(cards: pd.DataFrame) -> list[str]:
    """The interval of each segment's total as text."""
    return [
        MISSING if lower != lower else f"{lower:,.0f} to {upper:,.0f}"
        for lower, upper in zip(cards["total_lower"], cards["total_upper"], strict=True)
    ]


def quality_columns(quality: pd.DataFrame) -> dict[str, Column]:
    """All columns, without reach if there is no contact column."""
    unknown = quality["reach"].isna().all()
    return {name: c for name, c in SEGMENT_QUALITY_COLUMNS.items() if not (unknown and name == "reach")}


STAGE = Stage("Segmenting the customers", find, SECTION, check)
