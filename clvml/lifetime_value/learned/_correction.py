"""Structure plus learning: a probabilistic lifetime value, corrected by what an earlier holdout teaches."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from clvml._listing import learnt_by, listed_numbers
from clvml.customers._customer_tables import as_customers
from clvml.customers._ends import observation_end_of
from clvml.customers._frames import float_frame
from clvml.customers._split import Split, earlier_split, learning_horizon
from clvml.customers._summary import summarize
from clvml.customers._time_units import Horizon, horizon_in
from clvml.customers._transactions import Transactions, as_transactions
from clvml.errors import ClvmlError, FitError, FitWarning, InputError
from clvml.inference._fit_warnings import logged_fit_warnings
from clvml.lifetime_value._projection import LifetimeValue
from clvml.lifetime_value._protocol import (
    PurchaseModel,
    SpendModel,
    SupportsPurchaseIntervals,
    check_factors,
)
from clvml.lifetime_value.learned._base import LearnedValue, check_before
from clvml.lifetime_value.learned._blend import Blend
from clvml.lifetime_value.learned._candidates import purchase_structures
from clvml.lifetime_value.learned._features import (
    SUMMARY,
    behavioural_features,
    feature_table,
    predicted_features,
)
from clvml.lifetime_value.learned._importance import importance
from clvml.lifetime_value.learned._learners import learn
from clvml.lifetime_value.learned._lessons import Origin, pooled, sampled
from clvml.lifetime_value.learned._origins import earlier_origins
from clvml.lifetime_value.learned._outcome_table import OutcomeTable, outcome_table
from clvml.lifetime_value.learned._ratio import blended, spend_deviances
from clvml.lifetime_value.learned._total_trend import total_factor
from clvml.lifetime_value.learned._trees import BoostedTrees

log = logging.getLogger("clvml")

Floats = NDArray[np.float64]

_STRUCTURE = "structure"
_FITTED_TO = 50_000  # customers at further origins, where the structure is one of several


class LearnedCorrection(LearnedValue):
    """Lifetime value of a probabilistic model, corrected by gradient boosting learnt at earlier origins.

    The probabilistic model (the structure) is fitted at up to four earlier origins, where the outcome is
    known. Gradient boosting with Poisson deviance learns there which customers spend more or less than it
    predicts, with the structural prediction as exposure, and, a second time, what customers spend. The
    prediction is the mean of structure, corrected structure and learnt spend, scaled to the structure's
    total: learning ranks customers, structure determines totals. Cross-validation at the earlier origins
    decides whether to correct, and how far the largest predictions follow.

    Parameters
    ----------
    horizon : float or str
        Prediction horizon, in the time unit of the customers, or as text such as ``"12M"``.
    annual_discount_rate : float, default 0
        A fraction per year: 0.10 is 10 %.
    margin : float, default 1
        Profit per unit of spend.
    structure : LifetimeValue, optional
        The probabilistic model. Default: of BG/NBD, MBG/NBD and Pareto/NBD x Gamma-Gamma the one that
        predicts the earlier holdout best (Poisson deviance).
    min_customers : int, default 500
        Customers at the earlier origin below which there is no correction.
    random_state : int, default 0
        Of the boosting, its folds and the importances.

    Attributes
    ----------
    structure_ : LifetimeValue
        Fitted to the customers.
    trees_ : BoostedTrees or None
        Their raw prediction is the logarithm of the ratio of spend to the structure's; None without a
        correction.
    spend_trees_ : BoostedTrees or None
        Their raw prediction is the logarithm of spend, relative to its mean. None also in models of releases
        that learnt a ratio only.
    blend_ : Blend or None
        How structure, ratio and spend become one correction.
    weight_ : float
        Of what is learnt in the mean, 0 for the structure only.
    level_ : float
        Mean learnt ratio, to which each is relative.
    scale_ : float
        Factor that restores the structure's total, times ``total_factor_``.
    total_factor_ : float
        Total as a multiple of the structure's: other than 1 if that missed the total by about as much at each
        of at least three earlier origins.
    n_origins_ : int
        Number of earlier origins that the correction is learnt from.
    learnt_horizon_ : float
        Length of the earlier holdout, in time units.
    gain_ : float
        Reduction of the Poisson deviance at the earlier origins, out of fold, as a share of it.
    importance_ : dict of str to float
        Permutation importance of each feature: the increase in the Poisson deviance at the earlier origins
        when its values are shuffled, as a share of the deviance; most important first.
    outcomes_ : OutcomeTable or None
        For prediction intervals.
    fallback_ : str
        Why there is no correction, so that predictions are the structure's; empty if there is one. A
        comparison leaves such a model out.
    time_unit_ : {"D", "W", "M", "Q", "Y"} or None
        Time unit of the customers.

    Raises
    ------
    InputError
        From ``fit`` and ``predict``, if an argument or the customer summary is invalid.
    FitError
        From ``fit``, if no model can be fitted to the customers.

    See Also
    --------
    clvml.RegressorValue : Any regressor of scikit-learn in place of model and correction.
    clvml.StackedValue : A mixture of probabilistic models.
    clvml.Split.earlier : The earlier split that the correction is learnt from.
    clvml.compare_models : Fits it with the earlier split of the customers.

    Notes
    -----
    With ``S`` the structure's prediction over the learnt horizon, ``R`` its product with the learnt ratio and
    ``B`` the learnt spend, both scaled to the total of ``S``, the mean is ``M = (S + R + B) / 3`` and
    ``correction = scale x (M / S) ** power``. The power is 1, and falls for the largest tenth of the
    predictions to the value (0, 0.5 or 1) with the lowest squared error out of fold, as a few customers
    determine the squared error.

    The correction is learnt over the earlier holdout, whatever the prediction horizon: at another horizon the
    structure's value at that horizon is multiplied by the same correction. The total is exactly the
    structure's times ``total_factor_`` at the constructor's horizon and discount rate, for the customers that
    the model was fitted to.

    References
    ----------
    Bates and Granger (1969), "The combination of forecasts", Operational Research Quarterly 20.

    Examples
    --------
    A third of CDNOW's customers. The correction ranks customers; the total stays that of the structure:

    >>> import clvml
    >>> sales = clvml.load_cdnow().to_pandas().query("customer_id % 3 == 0")
    >>> split = clvml.split(sales, "1997-09-30", "1998-06-30")
    >>> structure = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), horizon=39)
    >>> model = clvml.LearnedCorrection(39, structure=structure)
    >>> values = model.fit_with_earlier(split.calibration, split.earlier()).predict(split.calibration)
    >>> bool(model.gain_ > 0), model.n_origins_, model.fallback_
    (True, 3, '')
    >>> round(values.sum()), round(structure.fit(split.calibration).predict(split.calibration).sum())
    (20999, 20999)
    """

    structure_: LifetimeValue
    trees_: BoostedTrees | None
    outcomes_: OutcomeTable | None
    time_unit_: str | None
    learnt_horizon_: float
    weight_: float
    level_: float
    scale_: float
    gain_: float
    fallback_: str
    spend_trees_: BoostedTrees | None = None  # not in files of earlier releases, as all below
    blend_: Blend | None = None
    total_factor_: float = 1.0
    n_origins_: int = 1
    _fitted_structure: LifetimeValue | None = None  # in a scenario, which leaves the correction as it is

    def __init__(
        self,
        horizon: Horizon,
        annual_discount_rate: float = 0.0,
        margin: float = 1.0,
        structure: LifetimeValue | None = None,
        min_customers: int = 500,
        random_state: int = 0,
    ) -> None:
        self.horizon = horizon
        self.annual_discount_rate = annual_discount_rate
        self.margin = margin
        self.structure = structure
        self.min_customers = min_customers
        self.random_state = random_state

    @property
    def required_columns(self) -> tuple[str, ...]:
        """The columns of the customer summary that the model uses."""
        more = self.structure.required_columns if self.structure is not None else ()
        return tuple(dict.fromkeys([*SUMMARY, *more]))

    @property
    def purchases_(self) -> PurchaseModel:
        """The structure's model of purchases."""
        check_is_fitted(self, "structure_")
        return self.structure_.purchases_

    @property
    def spend_(self) -> SpendModel:
        """The structure's model of spend."""
        check_is_fitted(self, "structure_")
        return self.structure_.spend_

    def _check_learnt(self) -> None:
        """Refuse a correction that is impossible.

        Raises
        ------
        InputError
            Naming the rule.
        """
        if not 0 <= self.weight_ <= 1:
            raise InputError(f"weight_ is {self.weight_!r}; it must be between 0 and 1.")
        if (self.blend_ is None) != (self.spend_trees_ is None):
            raise InputError("blend_ and spend_trees_ must be given together.")
        for name in ("level_", "scale_", "total_factor_"):
            value = getattr(self, name)
            if not 0 < value < np.inf:
                raise InputError(f"{name} is {value!r}; it must be a positive, finite number.")

    def fit(self, customers: pd.DataFrame, y: object = None) -> Self:  # noqa: ARG002
        """Fit the structure alone, as a customer summary has no outcome to learn from.

        Parameters
        ----------
        customers : DataFrame
            The customer summary, one row per customer.
        y : None
            Not used.
        """
        self._fit_structure(as_customers(customers))
        return self._without_correction("there is no earlier holdout to learn from")

    def fit_with_earlier(self, customers: pd.DataFrame, earlier: Split) -> Self:
        """Fit the structure to the customers, and the correction to an earlier split.

        Where that holds its transactions, the correction is learnt at further origins before it as well.

        Parameters
        ----------
        customers : DataFrame
            The customer summary, one row per customer.
        earlier : Split
            From `Split.earlier`, or any other whose observation ends no later than that of ``customers``.

        Raises
        ------
        InputError
            If the earlier split observes what follows the customers' observation, or a summary is invalid.
        FitError
            If no structure can be fitted.
        """
        customers = as_customers(customers)
        check_before(customers, earlier)
        few = len(earlier.calibration) < self.min_customers
        past = {} if few else self._fitted_before(earlier)
        if not past:
            n, least = len(earlier.calibration), self.min_customers
            self._fit_structure(customers)
            return self._without_correction(
                f"{n:,} customers at the earlier origin are fewer than min_customers={least:,}"
                if few
                else "no structure can be fitted at the earlier origin"
            )
        best = min(past, key=lambda name: _deviance(past[name], earlier))
        self._fit_structure(customers, preferred=best)
        return self._learn(past[best], customers, earlier)

    def fit_transactions(
        self,
        transactions: Transactions | Any,
        observation_end: Any = None,
        time_unit: str = "W",
        collapse: str | None = "D",
    ) -> Self:
        """Fit to transactions: the last ``horizon`` before the end of observation is the earlier holdout.

        Where less than a third of the customers were acquired before, it is half of the history; see
        `Split.earlier`.

        Parameters
        ----------
        transactions, observation_end, time_unit, collapse
            As in `summarize`.
        """
        transactions = as_transactions(transactions)
        customers = summarize(transactions, observation_end, time_unit, collapse)
        collapse = transactions.effective_collapse(collapse)
        end = observation_end_of(transactions, observation_end, collapse).asked
        length = learning_horizon(customers, horizon_in(self.horizon, time_unit))
        earlier = earlier_split(transactions, end, length, time_unit, collapse)
        return self.fit(customers) if earlier is None else self.fit_with_earlier(customers, earlier)

    def predict_factors(
        self,
        customers: pd.DataFrame,
        horizon: Horizon | None = None,
        annual_discount_rate: float | None = None,
    ) -> pd.DataFrame:
        """The corrected value, the structure's factors, and the ``correction`` by which they are multiplied.

        ``clv = margin x discounted_purchases x expected_spend x correction``.

        Parameters
        ----------
        customers : DataFrame
            The customer summary, in the model's time unit.
        horizon : float or str, optional
            In the model's time unit, or as text such as ``"12M"``. Default: the constructor's.
        annual_discount_rate : float, optional
            A fraction per year. Default: the constructor's.

        Returns
        -------
        DataFrame
            The structure's columns with the corrected ``clv``, and ``correction``, on the customers' index.
        """
        check_is_fitted(self, "structure_")
        customers = as_customers(customers)
        span, rate = self._terms(horizon, annual_discount_rate)
        return float_frame(next(self.factors_by_horizon(customers, [span], rate)), customers.index)

    def factors_by_horizon(
        self, customers: pd.DataFrame, horizons: Sequence[Horizon], annual_discount_rate: float
    ) -> Iterator[dict[str, Floats]]:
        """The columns of `predict_factors` as arrays, of each horizon in turn; the correction is the same."""
        check_is_fitted(self, "structure_")
        customers = as_customers(customers)
        correction = self._corrections(customers)
        return (
            factors | {"clv": factors["clv"] * correction, "correction": correction}
            for factors in self.structure_.factors_by_horizon(customers, horizons, annual_discount_rate)
        )

    def revenue_from_factors(self, factors: Any) -> Any:
        """The corrected revenue, undiscounted and before margin, from the columns of `predict_factors`."""
        check_is_fitted(self, "structure_")
        return self.structure_.revenue_from_factors(factors) * factors["correction"]

    def correction(self, customers: pd.DataFrame) -> pd.Series:
        """The factor by which the structure's value of each customer is multiplied.

        Parameters
        ----------
        customers : DataFrame
            The customer summary, in the model's time unit.

        Returns
        -------
        Series
            Named ``correction``, on the customers' index; 1 without a correction.
        """
        check_is_fitted(self, "structure_")
        customers = as_customers(customers)
        return pd.Series(self._corrections(customers), customers.index, name="correction")

    def expected_purchases(self, customers: pd.DataFrame, horizon: Horizon) -> pd.Series:
        """Expected purchases of each customer by the structure, which the correction leaves unchanged."""
        check_is_fitted(self, "structure_")
        customers = as_customers(customers)
        return self.structure_.purchases_.expected_purchases(customers, horizon)

    def probability_alive(self, customers: pd.DataFrame) -> pd.Series:
        """P(alive) of each customer by the structure."""
        check_is_fitted(self, "structure_")
        customers = as_customers(customers)
        return self.structure_.purchases_.probability_alive(customers)  # type: ignore[attr-defined]

    def scenario_factors(self) -> dict[str, float]:
        """The factors of the structure at their current levels; as `SupportsScenarios`."""
        check_is_fitted(self, "structure_")
        structure = copy.copy(self.structure_)
        for name in ("horizon", "annual_discount_rate", "margin"):
            setattr(structure, name, getattr(self, name))
        return structure.scenario_factors()

    def with_factors(self, factors: Mapping[str, float]) -> Self:
        """The fitted model with some factors of the structure at other levels; the correction is as fitted.

        Raises
        ------
        InputError
            If a name is unknown or a level is invalid; some levels are only checked on prediction.
        """
        check_factors(factors, self.scenario_factors())
        changed = copy.copy(self)
        changed._fitted_structure = self._fitted_structure or self.structure_
        changed.structure_ = self.structure_.with_factors(factors)
        for name in ("horizon", "annual_discount_rate", "margin"):
            if name in factors:
                setattr(changed, name, float(factors[name]))
        return changed

    def explain(self, customers: pd.DataFrame) -> pd.DataFrame:
        """What each feature contributes to the logarithm of each customer's correction, before its scale.

        Parameters
        ----------
        customers : DataFrame
            The customer summary, in the model's time unit.

        Returns
        -------
        DataFrame
            One column per feature, ``average``, the mean of the earlier customers, and ``averaging``, what
            the mean with the structure and the limit for the largest predictions take back; the rows add
            up to the logarithm. The features have the mean of both learners: what is learnt of spend, less
            the structure's prediction, is part of ``predicted``. Only zeros without a correction.
        """
        check_is_fitted(self, "structure_")
        customers = as_customers(customers)
        if self.trees_ is None:
            return pd.DataFrame({"average": 0.0}, customers.index)
        table = self._feature_table(self.structure_, customers)
        rows = table.to_numpy()
        shares, average = self.trees_.contributions(rows), self.trees_.mean
        if self.spend_trees_ is not None and self.blend_ is not None:
            shares = (shares + self.spend_trees_.contributions(rows)) / 2
            predicted = np.maximum(table["predicted"].to_numpy(), np.finfo(float).tiny)
            place = table.columns.get_loc("predicted")
            shares[:, place] -= np.log(predicted / self.blend_.spend_level) / 2
            average = (average + self.spend_trees_.mean + np.log(self.blend_.ratio_level)) / 2
        found = pd.DataFrame(shares, customers.index, table.columns).assign(average=average)
        logs = np.log(self._corrections(customers) / self.scale_)
        return found.assign(averaging=logs - found.sum(axis=1))

    def predict_interval(
        self,
        customers: pd.DataFrame,
        coverage: float = 0.9,
        horizon: Horizon | None = None,
        annual_discount_rate: float | None = None,
        *,
        n_simulations: int = 199,
        random_state: int = 0,
    ) -> pd.DataFrame:
        """Prediction intervals of each customer's purchases, spend and value.

        Those of spend and value are conformal: quantiles of outcome / prediction at the earlier origin, out
        of fold, among customers with predictions of similar size. They include the model's error at that
        origin, but no change since. Those of purchases are the structure's; without a correction, all are.

        Parameters
        ----------
        customers : DataFrame
            The customer summary, in the model's time unit.
        coverage : float, default 0.9
            Nominal share of outcomes within the intervals, at most 0.99.
        horizon, annual_discount_rate : optional
            Override the constructor's. The quantiles are those of the learnt horizon: intervals of longer
            horizons tend to be too wide.
        n_simulations, random_state : int
            As in `LifetimeValue.predict_interval`, for the structure.

        Returns
        -------
        DataFrame
            As `LifetimeValue.predict_interval`.
        """
        check_is_fitted(self, "structure_")
        customers = as_customers(customers)
        span, rate = self._terms(horizon, annual_discount_rate)
        structure, purchases = self.structure_, self.structure_.purchases_
        if self.outcomes_ is None or not isinstance(purchases, SupportsPurchaseIntervals):
            options = {"n_simulations": n_simulations, "random_state": random_state}
            return structure.predict_interval(customers, coverage, span, rate, **options)
        correction = self.correction(customers)
        counts = purchases.predict_interval(customers, span, coverage).add_prefix("purchases_")
        learnt = _spend(structure, customers, self.learnt_horizon_) * correction
        ends = self.outcomes_.interval(learnt.to_numpy(), coverage)
        spend = _spend(structure, customers, span) * correction
        value = structure.predict(customers, span, rate) * correction
        for name, mean in (("spend", spend), ("clv", value)):
            for end, ratio in zip(("lower", "upper"), ends, strict=True):
                counts[f"{name}_{end}"] = mean * ratio
        return counts

    def predict_total_interval(
        self,
        customers: pd.DataFrame,
        groups: pd.Series | None = None,
        coverage: float = 0.9,
        horizon: Horizon | None = None,
        annual_discount_rate: float | None = None,
        *,
        n_simulations: int = 199,
        random_state: int = 0,
    ) -> pd.DataFrame:
        """Prediction intervals of totals: the structure's, times the correction of each group's value.

        They include chance and parameter uncertainty as in `LifetimeValue.predict_total_interval`, but not
        the model's error.

        Parameters
        ----------
        customers : DataFrame
            The customer summary, in the model's time unit.
        groups : Series, optional
            The group of each customer, such as the segment, on the customers' index.
        coverage : float, default 0.9
            Nominal share of outcomes within the intervals, with equal tails.
        horizon : float or str, optional
            In the model's time unit, or as text such as ``"12M"``. Default: the constructor's.
        annual_discount_rate : float, optional
            A fraction per year. Default: the constructor's.
        n_simulations : int, default 199
            More reduce Monte Carlo error.
        random_state : int, default 0
            The same seed gives the same intervals.

        Returns
        -------
        DataFrame
            As `LifetimeValue.predict_total_interval`.
        """
        check_is_fitted(self, "structure_")
        customers = as_customers(customers)
        span, rate = self._terms(horizon, annual_discount_rate)
        table = self.structure_.predict_total_interval(
            customers, groups, coverage, span, rate, n_simulations=n_simulations, random_state=random_state
        )
        before = self.structure_.predict(customers, span, rate)
        after = before * self.correction(customers)
        member = pd.Series("total", customers.index) if groups is None else groups.reindex(customers.index)
        totals = pd.DataFrame({"before": before, "after": after}).groupby(member).sum()
        totals.loc["total"] = before.sum(), after.sum()
        factor = (totals["after"] / totals["before"]).where(totals["before"] > 0, 1.0).reindex(table.index)
        for name in [name for name in map(str, table) if name.startswith(("spend", "clv"))]:
            table[name] *= factor
        return table

    def _value(
        self, customers: pd.DataFrame, horizon: Horizon | None, annual_discount_rate: float | None
    ) -> pd.Series:
        check_is_fitted(self, "structure_")
        terms = self._terms(horizon, annual_discount_rate)
        return (self.structure_.predict(customers, *terms) * self.correction(customers)).rename("clv")

    def _learnt(self) -> str:
        if not hasattr(self, "gain_"):
            return ""
        found = {"weight": self.weight_, "gain": self.gain_}
        return f"{learnt_by(self.structure_)}; correction: {listed_numbers(found)}"

    def _corrections(self, customers: pd.DataFrame) -> Floats:
        if self.trees_ is None:
            return np.ones(len(customers))
        structure = self.structure_ if self._fitted_structure is None else self._fitted_structure
        features = self._features(structure, customers)
        rows = np.column_stack(list(features.values()))
        ratio = np.exp(self.trees_.raw(rows))
        if self.spend_trees_ is None or self.blend_ is None:
            return self.scale_ * blended(ratio, self.weight_, self.level_)
        spend = np.exp(self.spend_trees_.raw(rows))
        return self.scale_ * self.blend_.correction(features["predicted"], ratio, spend)

    # The structure.

    def _candidates(self) -> dict[str, LifetimeValue]:
        if self.structure is not None:
            return {_STRUCTURE: self.structure}
        return purchase_structures()

    def _terms(self, horizon: Horizon | None, annual_discount_rate: float | None) -> tuple[Horizon, float]:
        return (
            self.horizon if horizon is None else horizon,
            self.annual_discount_rate if annual_discount_rate is None else annual_discount_rate,
        )

    def _structure_with_terms(self, candidate: LifetimeValue) -> LifetimeValue:
        copied: LifetimeValue = clone(candidate)
        terms = {
            "horizon": self.horizon,
            "annual_discount_rate": self.annual_discount_rate,
            "margin": self.margin,
        }
        return copied.set_params(**terms)

    def _fit_structure(self, customers: pd.DataFrame, preferred: str = "") -> None:
        """Fit the preferred candidate, or else the first that can be fitted."""
        candidates = self._candidates()
        order = sorted(candidates, key=lambda name: name != preferred)
        reasons = []
        for name in order:
            try:
                self.structure_ = self._structure_with_terms(candidates[name]).fit(customers)
                self.time_unit_ = self.structure_.time_unit_
                return
            except ClvmlError as error:
                reasons.append(f"{name}: {error}")
        raise FitError("; ".join(reasons) if len(reasons) > 1 else reasons[0].partition(": ")[2])

    def _without_correction(self, reason: str) -> Self:
        self.trees_, self.spend_trees_, self.blend_, self.outcomes_ = None, None, None, None
        self.importance_: dict[str, float] = {}
        self.weight_, self.level_, self.scale_, self.gain_ = 0.0, 1.0, 1.0, 0.0
        self.total_factor_, self.n_origins_ = 1.0, 0
        self.learnt_horizon_ = float("nan")
        self.fallback_ = f"no correction is learnt: {reason}"
        log.warning("%s; predictions are those of the structure", self.fallback_)
        return self

    # Learning.

    def _learn(self, past: LifetimeValue, customers: pd.DataFrame, earlier: Split) -> Self:
        """Learn the correction where the outcome is known, and scale it to these customers' total."""
        self.learnt_horizon_ = earlier.duration
        origins = self._origins(past, earlier)
        if not (origins[0].actual[origins[0].expected > 0] > 0).any():
            return self._without_correction("nobody spent anything in the earlier holdout")
        lessons = pooled(origins, self.random_state)
        learnt = learn(lessons, self.random_state)
        features = self._features(self.structure_, customers)
        structure, rows = features["predicted"], np.column_stack(list(features.values()))
        if not learnt.helps or not structure.any():
            return self._without_correction("at the earlier origins no correction is better than none")
        spent = [(origin.actual.sum(), origin.expected.sum()) for origin in origins]
        self.trees_, self.spend_trees_, self.gain_, self.fallback_ = (
            learnt.ratio,
            learnt.spend,
            learnt.gain,
            "",
        )
        self.n_origins_, self.total_factor_ = len(origins), total_factor(*np.transpose(spent))
        parts = structure, np.exp(learnt.ratio.raw(rows)), np.exp(learnt.spend.raw(rows))
        self.blend_ = Blend.of(*parts, learnt.largest)
        self.weight_, self.level_ = self.blend_.weight, 1 / self.blend_.ratio_level
        before = self.structure_.predict(customers)
        total = float((before * self.blend_.correction(*parts)).sum())
        self.scale_ = self.total_factor_ * float(before.sum()) / total if total > 0 else 1.0
        self.outcomes_ = outcome_table(lessons.actual, lessons.expected * learnt.out_of_fold)
        self.importance_ = importance(lessons, list(features), learnt.ratio, learnt.spend, self.random_state)
        return self

    def _origins(self, past: LifetimeValue, earlier: Split) -> list[Origin]:
        """The earlier split and further ones, each with the structure fitted to it."""
        found = [self._origin(past, earlier.calibration, earlier.holdout)]
        for split in earlier_origins(earlier)[1:]:
            customers = sampled(split.calibration, _FITTED_TO, self.random_state)
            try:
                with logged_fit_warnings():
                    found.append(self._origin(clone(past).fit(customers), customers, split.holdout))
            except ClvmlError as error:
                log.debug("no structure at %s", split.calibration_end, exc_info=error)
        return found

    def _origin(self, past: LifetimeValue, customers: pd.DataFrame, holdout: pd.DataFrame) -> Origin:
        table = self._feature_table(past, customers)
        actual = holdout["spend"].reindex(customers.index).to_numpy(dtype=float)
        return Origin(table, actual, table["predicted"].to_numpy())

    def _fitted_before(self, earlier: Split) -> dict[str, LifetimeValue]:
        """The candidates that can be fitted at the earlier origin, and predict something there."""
        fitted = {}
        for name, candidate in self._candidates().items():
            try:
                model = self._structure_with_terms(candidate).fit(earlier.calibration)
                if _spend(model, earlier.calibration, earlier.duration).any():
                    fitted[name] = model
            except (ClvmlError, FitWarning) as error:
                log.debug("%s cannot be fitted at the earlier origin", name, exc_info=error)
        return fitted

    def _features(self, structure: LifetimeValue, customers: pd.DataFrame) -> dict[str, Floats]:
        behaviour = behavioural_features(customers, structure.time_unit_)
        return behaviour | predicted_features(structure, customers, self.learnt_horizon_)

    def _feature_table(self, structure: LifetimeValue, customers: pd.DataFrame) -> pd.DataFrame:
        return feature_table(self._features(structure, customers), customers)


def _spend(model: LifetimeValue, customers: pd.DataFrame, horizon: Horizon) -> pd.Series:
    """Expected spend over the horizon, before margin and discounting."""
    return pd.Series(predicted_features(model, customers, horizon)["predicted"], customers.index)


def _deviance(model: LifetimeValue, earlier: Split) -> float:
    """Poisson deviance of the spend in the earlier holdout."""
    expected = _spend(model, earlier.calibration, earlier.duration).to_numpy()
    return float(spend_deviances(earlier.holdout["spend"].to_numpy(dtype=float), expected).mean())
