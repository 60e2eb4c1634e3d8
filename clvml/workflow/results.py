"""What a run found: plain tables and fitted models, the material of the report and of the tracking."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from clvml.customers.split import Split
from clvml.customers.transactions import Transactions
from clvml.lifetime_value.protocol import ValueModel
from clvml.metrics.champion import Champion
from clvml.segments.groups import CustomerGroups
from clvml.segments.kmeans import KMeansSegments
from clvml.workflow.config import Config


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
        One row a model, as `clvml.metrics.comparison.compare` gives it.
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
        One row a segment, as from `clvml.segments.cards.segment_cards`.
    """

    model: CustomerGroups
    by_stage: pd.DataFrame
    cards: pd.DataFrame


@dataclass(frozen=True)
class Segments:
    """The customers grouped.

    Attributes
    ----------
    segmenter : KMeansSegments
        Fitted.
    members : pandas.DataFrame
        One row a customer: segment, name, the features with the value, and, where there are ``groups``,
        ``value_class, stage, reason, treatment, what_to_do, value_at_stake, budget``.
    profile : pandas.DataFrame
        One row a segment.
    groups : Groups or None
        None where the model to serve gives no P(alive).
    """

    segmenter: KMeansSegments
    members: pd.DataFrame
    profile: pd.DataFrame
    groups: Groups | None = None


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
    comparison, served, segments
        See the classes above.
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
    figures: dict[str, Path]
    folder: Path
