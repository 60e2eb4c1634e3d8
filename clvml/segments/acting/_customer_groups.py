"""Segment, class, lifecycle stage and treatment of each customer, as one model."""

from __future__ import annotations

from typing import Any, Protocol

import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from clvml.customers._customer_tables import as_customers
from clvml.errors import InputError
from clvml.segments.acting._treatments import check_treatments, read_treatments, treat_by
from clvml.segments.grouping._kmeans import KMeansSegments
from clvml.segments.grouping._lifecycle import LifecycleStages
from clvml.segments.grouping._matrix import ValueMatrix
from clvml.segments.grouping._prototype_segments import PrototypeSegments
from clvml.segments.grouping._relationship_course import HALVES
from clvml.segments.grouping._rules import RuleSegments
from clvml.segments.grouping._tables import MONEY, ByName, clip_negative

ALIVE = "probability_alive"


class SupportsProbabilityAlive(Protocol):
    """What `CustomerGroups` requires of a model of purchases."""

    required_columns: tuple[str, ...]

    def fit(self, customers: pd.DataFrame) -> Any: ...

    def probability_alive(self, customers: pd.DataFrame) -> pd.Series: ...


class CustomerGroups(ByName, BaseEstimator):
    """A segmentation, the value matrix, the lifecycle stages and the table of treatments, as one model.

    Losses (negative money) count as 0: a customer of negative value has none to protect.

    Parameters
    ----------
    segmenter : KMeansSegments, ClusterSegments or a rule-based segmentation, optional
        By default `KMeansSegments`.
    matrix : ValueMatrix, optional
        Its classes select the treatments.
    stages : LifecycleStages, optional
        Its stages select the treatments.
    treatments : pandas.DataFrame, optional
        As from `clvml.segments.acting.read_treatments`; by default the table shipped.
    purchases : estimator with ``probability_alive``, optional
        Such as `BGNBD`: provides P(alive) if the customers lack it, as with the value of a formula.

    Attributes
    ----------
    segmenter_, matrix_, stages_ : estimators
        Fitted copies.
    purchases_ : estimator or None
        A fitted copy, if the customers lacked P(alive).
    treatments_ : pandas.DataFrame
        The table in use.
    names_, time_unit_
        Those of the segmenter.

    See Also
    --------
    clvml.KMeansSegments, clvml.RFMScores, clvml.ValueTiers : Segmentations that it takes.
    clvml.ValueMatrix, clvml.LifecycleStages : Select the treatments.
    clvml.plots.segment_card : Draw a segment.

    Examples
    --------
    Value tiers, the value matrix and the lifecycle stages of CDNOW's customers, from one model:

    >>> import clvml
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> model = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), "12M").fit(customers)
    >>> customers = customers.assign(**model.predict_factors(customers))
    >>> groups = clvml.CustomerGroups(clvml.ValueTiers()).fit(customers)
    >>> groups.assign(customers.loc[[1, 6]])[["segment_name", "value_class", "stage"]]
                segment_name value_class      stage
    customer_id
    1                   high        gold   build-up
    6                   high        gold  stability
    """

    segmenter_: PrototypeSegments | RuleSegments
    matrix_: ValueMatrix
    stages_: LifecycleStages
    purchases_: Any
    treatments_: pd.DataFrame
    names_: tuple[str, ...]
    time_unit_: str | None

    def __init__(
        self,
        segmenter: PrototypeSegments | RuleSegments | None = None,
        matrix: ValueMatrix | None = None,
        stages: LifecycleStages | None = None,
        treatments: pd.DataFrame | None = None,
        purchases: SupportsProbabilityAlive | None = None,
    ) -> None:
        self.segmenter = segmenter
        self.matrix = matrix
        self.stages = stages
        self.treatments = treatments
        self.purchases = purchases

    @property
    def required_columns(self) -> tuple[str, ...]:
        """The columns that `assign` needs."""
        check_is_fitted(self, "segmenter_")
        parts = (self.segmenter_, self.matrix_, self.stages_)
        names = dict.fromkeys([name for part in parts for name in part.required_columns])
        if self.purchases_ is None:
            return tuple(names | dict.fromkeys(["clv", ALIVE]))
        names.pop(ALIVE, None)
        return tuple(names | dict.fromkeys(["clv", *self.purchases_.required_columns]))

    @property
    def optional_columns(self) -> tuple[str, ...]:
        """The columns that `assign` uses if they are present: without them trends are unknown."""
        return HALVES

    @property
    def categories(self) -> dict[str, tuple[str, ...]]:
        """The categorical attributes of the segmenter, with their levels."""
        check_is_fitted(self, "segmenter_")
        return getattr(self.segmenter_, "categories", {})

    def _check_learnt(self) -> None:
        """Refuse a table of treatments that is impossible, or parts that do not fit, by an InputError."""
        check_treatments(self.treatments_)
        if self.names_ != self.segmenter_.names_:
            raise InputError("names_ must be those of the segmenter.")

    def fit(self, customers: pd.DataFrame, y: object = None) -> CustomerGroups:  # noqa: ARG002
        """Fit a copy of each part on these customers, with their values joined.

        Raises
        ------
        InputError
            As in the parts.
        """
        customers = as_customers(customers)
        table = self.treatments
        self.treatments_ = read_treatments() if table is None else check_treatments(table)
        known = self.purchases is None or ALIVE in customers
        self.purchases_ = None if known else clone(self.purchases).fit(customers)
        customers = self._table(customers)
        segmenter: Any = KMeansSegments() if self.segmenter is None else clone(self.segmenter)
        self.matrix_ = (ValueMatrix() if self.matrix is None else clone(self.matrix)).fit(customers)
        self.stages_ = (LifecycleStages() if self.stages is None else clone(self.stages)).fit(customers)
        self.segmenter_ = segmenter.fit(customers)
        self.names_, self.time_unit_ = self.segmenter_.names_, self.segmenter_.time_unit_
        return self

    def predict(self, customers: pd.DataFrame) -> pd.Series:
        """Each customer's segment number."""
        check_is_fitted(self, "segmenter_")
        return self.segmenter_.predict(self._table(as_customers(customers)))

    def score(self, customers: pd.DataFrame, y: object = None) -> float:
        """The score of the segmenter: the share of the variance of ``y`` between the segments."""
        check_is_fitted(self, "segmenter_")
        return float(self.segmenter_.score(self._table(as_customers(customers)), y))

    @property
    def clv_includes_p_alive(self) -> bool:
        """Whether P(alive) is a factor of the customers' value; it is not with a formula."""
        check_is_fitted(self, "segmenter_")
        return self.purchases_ is None

    def with_alive(self, customers: pd.DataFrame) -> pd.DataFrame:
        """The customers with P(alive), from the model of purchases if they lack it."""
        check_is_fitted(self, "treatments_")
        if self.purchases_ is None or ALIVE in customers:
            return customers
        return customers.assign(**{ALIVE: self.purchases_.probability_alive(customers)})

    def assign(self, customers: pd.DataFrame) -> pd.DataFrame:
        """Segment, class, stage and treatment of each customer, without a refit.

        Returns
        -------
        pandas.DataFrame
            ``segment, segment_name, value_class, stage, reason, treatment, what_to_do, value_at_risk,
            budget``, on the customers' index; the last two in money.

        Raises
        ------
        InputError
            As in the parts, or if ``clv`` or ``probability_alive`` is missing.
        """
        check_is_fitted(self, "segmenter_")
        customers = as_customers(customers)
        absent = [name for name in self.required_columns if name not in customers]
        if absent:
            raise InputError(
                f"the customers lack {absent[0]!r}, which their segment or stage depends on: add it."
            )
        customers = self._table(customers)
        evidence = self.stages_.evidence(customers)
        classes = self.matrix_.segment_names(customers).rename("value_class")
        segments = self.segmenter_.predict(customers)
        names = segments.map(dict(enumerate(self.names_, start=1))).rename("segment_name")
        found = [segments, names, classes, evidence["stage"], evidence["reason"]]
        treated = treat_by(self.treatments_, classes, evidence["stage"], customers, self.clv_includes_p_alive)
        found += [treated[name] for name in treated]
        return pd.DataFrame({each.name: each.array for each in found}, index=customers.index)

    def _table(self, customers: pd.DataFrame) -> pd.DataFrame:
        current = (ValueMatrix() if self.matrix is None else self.matrix).current
        return clip_negative(self.with_alive(customers), (*MONEY, current))
