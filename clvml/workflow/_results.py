"""What a run found: plain tables and fitted models, the material of the report and of the tracking."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from clvml.customers._split import Split
from clvml.customers._transactions import Transactions
from clvml.evaluation._champion import Champion
from clvml.lifetime_value._protocol import ValueModel
from clvml.segments.acting._customer_groups import CustomerGroups
from clvml.segments.grouping._kmeans import KMeansSegments
from clvml.segments.judging._movement import SegmentTransitions
from clvml.segments.judging._segmentation_comparison import SegmentationComparison
from clvml.workflow._config import Config


@dataclass(frozen=True)
class Comparison:
    """The contenders on the holdout, keyed by their titles.

    Attributes
    ----------
    models : dict
        Fitted on the calibration period.
    families : dict
        "probabilistic", "formula" or "baseline".
    predictions : pandas.DataFrame
        One row a customer, one column a model: money over the holdout.
    table : pandas.DataFrame
        One row a model, as `clvml.evaluation.compare` gives it.
    champion : Champion
        The name of the best, and the rule that chose it.
    left_out : dict
        Models that could not be fitted, and why.
    """

    models: dict[str, ValueModel]
    families: dict[str, str]
    predictions: pd.DataFrame
    table: pd.DataFrame
    champion: Champion
    left_out: dict[str, str]


@dataclass(frozen=True)
class Served:
    """The champion's kind of model, fitted again on everything observed; this one is registered.

    Attributes
    ----------
    title : str
        The champion's name.
    model : ValueModel
        Fitted on all customers until the end of observation.
    values : pandas.DataFrame
        Its factors per customer, "clv" first, at its own horizon and discount rate.
    """

    title: str
    model: ValueModel
    values: pd.DataFrame


@dataclass(frozen=True)
class Groups:
    """Where customers stand and what to do.

    Attributes
    ----------
    model : CustomerGroups
        Fitted; ``clvml score --segments`` uses it.
    by_stage : pandas.DataFrame
        One row a stage, with the mean value.
    cards : pandas.DataFrame
        One row a segment, as from `clvml.segments.acting.segment_cards`.
    budgets : pandas.DataFrame
        One row per treatment: value at risk and budget.
    shapes : pandas.DataFrame
        One row per shape of ended relationships.
    warned : pandas.DataFrame
        Valuable customers who are about to be lost, the largest value at risk first.
    quality : pandas.DataFrame
        One row a segment: size, mean value, reach (where a contact is known), and profit: value less budget.
    """

    model: CustomerGroups
    by_stage: pd.DataFrame
    cards: pd.DataFrame
    budgets: pd.DataFrame
    shapes: pd.DataFrame
    warned: pd.DataFrame
    quality: pd.DataFrame


@dataclass(frozen=True)
class Moves:
    """Who moved between the end of calibration and the end of observation.

    Attributes
    ----------
    segments, stages : SegmentTransitions
        By segment ("1 Champions") and by stage.
    stability : dict of str to float
        ``stayed`` (share of the customers in the same segment), ``agreement`` (adjusted Rand index of the
        two dates) and ``refit_agreement`` (of the customers at the second date: segments fitted at the first
        date against those of the second).
    """

    segments: SegmentTransitions
    stages: SegmentTransitions
    stability: dict[str, float]


@dataclass(frozen=True)
class Segments:
    """The customers grouped.

    Attributes
    ----------
    segmenter : KMeansSegments
        Fitted.
    members : pandas.DataFrame
        One row a customer: segment, name, where there are ``groups`` ``value_class, stage, reason,
        treatment, what_to_do, value_at_risk, budget``, and the customer summary with the value.
    profile : pandas.DataFrame
        One row a segment.
    worth : pandas.DataFrame
        One row a segment: the mean value with its interval.
    groups : Groups or None
        None where the model to serve gives no P(alive).
    """

    segmenter: KMeansSegments
    members: pd.DataFrame
    profile: pd.DataFrame
    worth: pd.DataFrame
    groups: Groups | None = None

    def tables(self) -> dict[str, pd.DataFrame]:
        """What is found of the segments, by name."""
        tables = {"choice": self.segmenter.selection_, "worth": self.worth}
        if self.groups is not None:
            tables |= {"stages": self.groups.by_stage, "budgets": self.groups.budgets}
            tables |= {"shapes": self.groups.shapes, "early_warning": self.groups.warned}
            tables |= {"quality": self.groups.quality}
        return tables


@dataclass(frozen=True)
class Results:
    """Everything that a run found.

    Attributes
    ----------
    config : Config
        What was asked.
    transactions : Transactions
        The purchases, with the report of what was set aside.
    split : Split
        Calibration and holdout.
    customers : pandas.DataFrame
        The summary of all customers until the end of observation.
    comparison, served, segments, moves
        See the classes above; the last two are None where there are none.
    contest : SegmentationComparison or None
        The ways to segment, judged on the holdout.
    figures : dict of str to Path
        By title.
    folder : Path
        Where the files are.
    """

    config: Config
    transactions: Transactions
    split: Split
    customers: pd.DataFrame
    comparison: Comparison
    served: Served
    segments: Segments | None
    contest: SegmentationComparison | None
    moves: Moves | None
    figures: dict[str, Path]
    folder: Path

    def segment_tables(self) -> dict[str, pd.DataFrame]:
        """What is found of the segments, on the holdout and on the way, by name."""
        return tables_of(self.segments, self.contest, self.moves)


def tables_of(
    segments: Segments | None, contest: SegmentationComparison | None, moves: Moves | None
) -> dict[str, pd.DataFrame]:
    """All tables of segments by name; those of what there is."""
    tables = {} if segments is None else segments.tables()
    if contest is not None:
        tables |= {"methods": contest.ranking, "methods_by_segment": contest.by_segment}
        tables |= {"textbook": contest.textbook}
    if moves is not None:
        tables |= {"segment_moves": moves.segments.moves, "stage_moves": moves.stages.moves}
    return tables
