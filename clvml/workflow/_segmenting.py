"""The part of a run that groups customers: who they are, where they stand, what to do, and who moved.

The segments are fitted on all customers until the end of observation, with the values of the model to
serve. Which way to segment told who would be valuable is another question: that is judged on the holdout,
with segments and values of the calibration period. Moves compare the end of calibration with the end of
observation by one segmentation and one model, the served ones, so that only the customers change.
"""

from __future__ import annotations

import pandas as pd
from sklearn.base import clone

from clvml.customers._split import Split
from clvml.customers._transactions import Transactions
from clvml.errors import FitError, InputError
from clvml.lifetime_value._projection import LifetimeValue
from clvml.lifetime_value.formulas import HistoricValue
from clvml.models._bgnbd import BGNBD
from clvml.models._history_model import HistoryModel
from clvml.segments.acting._cards import segment_cards
from clvml.segments.acting._customer_groups import ALIVE, CustomerGroups
from clvml.segments.acting._treatments import budgets
from clvml.segments.acting._value_at_risk import early_warning
from clvml.segments.grouping._kmeans import KMeansSegments
from clvml.segments.grouping._relationship_course import relation_evidence, relation_shapes, shape_profile
from clvml.segments.grouping._tables import CUSTOMARY, VALUE
from clvml.segments.judging._mean_intervals import mean_intervals
from clvml.segments.judging._movement import Migration, migration
from clvml.segments.judging._quality import agreement, segmentation_quality
from clvml.segments.judging._segmentation_contest import Contest, contest
from clvml.workflow._attribute_files import Attributes
from clvml.workflow._config import Config
from clvml.workflow._console import Progress
from clvml.workflow._results import Comparison, Groups, Moves, Segments, Served


def group(
    config: Config,
    customers: pd.DataFrame,
    comparison: Comparison,
    served: Served,
    known: Attributes,
    treatments: pd.DataFrame,
    tell: Progress,
) -> Segments | None:
    """K-means on behaviour and value, with class, stage, treatment and budget of each customer.

    Where the model to serve gives no P(alive) (a formula), the best model of purchases in the comparison
    does; where none can be fitted, it is left at the segments: without it there is no stage, and nobody knows
    what is at stake. None where customers do not differ enough to be grouped.
    """
    beside = None if ALIVE in served.values else purchases_beside(comparison, customers)
    plain = table = joined(customers, served.values)
    if beside is not None:
        tell.say(f"{served.title} does not tell who is still a customer: P(alive) is that of {beside.title}")
        table = joined(table, beside.probability_alive(customers).to_frame())
    segmenter = kmeans_for(config, table, known.names)
    try:
        if ALIVE not in table:
            segmenter.fit(table)
            members, groups = joined(_numbers_and_names(segmenter, table), table), None
            tell.say("no stages or treatments: no model can be fitted that tells who is still a customer")
        else:
            model = CustomerGroups(segmenter, treatments=treatments, purchases=beside).fit(plain)
            segmenter, members = model.segmenter_, joined(model.assign(table), table)
            groups = groups_of(model, members, known.contact)
    except InputError as error:
        if config.segments.n_segments != "auto":
            raise
        tell.say(f"no segments: {error}")
        return None
    tell.say(f"{len(segmenter.names_)} segments, the most valuable first: {' | '.join(segmenter.names_)}")
    worth = mean_intervals(members["clv"], members["segment"]).assign(name=list(segmenter.names_))
    return Segments(segmenter, members, segmenter.profile_, worth, groups)


def purchases_beside(comparison: Comparison, customers: pd.DataFrame) -> HistoryModel | None:
    """The model of purchases that ranked best, fitted to these customers, or BG/NBD where none competed."""
    models = (comparison.models[title] for title in comparison.champion.ranks.index)
    ranked = (model.purchases_ for model in models if isinstance(model, LifetimeValue))
    best = next((model for model in ranked if isinstance(model, HistoryModel)), BGNBD())
    try:
        return clone(best).fit(customers)
    except FitError:
        return None


def kmeans_for(config: Config, table: pd.DataFrame, attributes: tuple[str, ...]) -> KMeansSegments:
    """K-means as the config asks for it, on attributes and those of the customary features that there are."""
    return KMeansSegments(
        n_segments=config.segments.n_segments,
        features=tuple(name for name in CUSTOMARY if name in table),
        value=VALUE,
        random_state=config.segments.random_state,
        attributes=attributes,
    )


def groups_of(model: CustomerGroups, members: pd.DataFrame, contact: pd.Series | None) -> Groups:
    """What there is to say of the groups, from their members."""
    by_stage = model.stages_.profile_
    worth = members["clv"].groupby(members["stage"]).mean()
    shapes = relation_shapes(members["stage"], members)
    quality, _ = segmentation_quality(
        members["segment"], members["clv"], contact=contact, cost=members["budget"]
    )
    return Groups(
        model=model,
        by_stage=by_stage.assign(clv=worth.reindex(by_stage.index)),
        cards=segment_cards(members),
        budgets=budgets(members),
        shapes=shape_profile(shapes, members),
        warned=early_warning(members, members["stage"], clv_has_doubt=model.clv_has_doubt),
        quality=quality,
    )


def judge_methods(
    config: Config, parts: Split, comparison: Comparison, known: Attributes, tell: Progress
) -> Contest | None:
    """The ways to segment, judged on the holdout; None where these customers cannot be segmented."""
    champion = comparison.models[comparison.champion.name]
    values = champion.predict_factors(parts.calibration)
    customers = joined(parts.calibration, known.table, values)
    if ALIVE not in values and (beside := purchases_beside(comparison, parts.calibration)) is not None:
        customers = joined(customers, beside.probability_alive(parts.calibration).to_frame())
    kmeans = kmeans_for(config, customers, known.names)
    once_more = HistoricValue(parts.duration).fit(parts.calibration).predict(parts.calibration)
    try:
        found = contest(customers, parts.holdout["spend"], once_more, kmeans)
    except InputError as error:
        tell.say(f"segments not judged: {error}")
        return None
    best = found.ranking.index[0]
    tell.say(f"told best who would be valuable: {best} (Gini {found.ranking['gini'].iloc[0]:.3f})")
    return found


def moves_since(
    transactions: Transactions, parts: Split, served: Served, known: Attributes, segments: Segments | None
) -> Moves | None:
    """Who moved between the end of calibration and the end of observation; None without stages."""
    if segments is None or segments.groups is None:
        return None
    model, after = segments.groups.model, segments.members
    evidence = relation_evidence(transactions, parts.calibration)
    values = served.model.predict_factors(parts.calibration)
    table = joined(parts.calibration, known.table, evidence, values)
    before = joined(model.assign(table), table[["clv"]])
    by_segment = _moved(_labels(before), _labels(after), before, after, _order(model))
    return Moves(
        segments=by_segment,
        stages=_moved(before["stage"], after["stage"], before, after, list(model.stages_.names_)),
        stability={
            "stayed": by_segment.stayed,
            "agreement": agreement(before["segment"], after["segment"]),
            "refit_agreement": _refit_agreement(model, table, after),
        },
    )


def joined(customers: pd.DataFrame, *tables: pd.DataFrame) -> pd.DataFrame:
    """The tables side by side, a column that stands in several once, with the time unit kept."""
    result = customers
    for table in tables:
        result = result.join(table[table.columns.difference(result.columns, sort=False)])
    result.attrs = {key: value for table in (customers, *tables) for key, value in table.attrs.items()}
    return result


def _numbers_and_names(segmenter: KMeansSegments, table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"segment": segmenter.predict(table), "segment_name": segmenter.segment_names(table)})


def _moved(
    before: pd.Series, after: pd.Series, worth: pd.DataFrame, later: pd.DataFrame, order: list[str]
) -> Migration:
    return migration(before, after, worth["clv"], later["clv"], order)


def _labels(members: pd.DataFrame) -> pd.Series:
    return members["segment"].astype(str) + " " + members["segment_name"]


def _order(model: CustomerGroups) -> list[str]:
    return [f"{number} {name}" for number, name in enumerate(model.names_, start=1)]


def _refit_agreement(model: CustomerGroups, before: pd.DataFrame, after: pd.DataFrame) -> float:
    """How far a segmentation fitted at the first date groups the customers of the second alike."""
    again = clone(model.segmenter_).set_params(n_segments=len(model.names_))
    try:
        return agreement(again.fit(before).predict(after), after["segment"])
    except InputError:  # fewer kinds of customers then than segments now
        return float("nan")
