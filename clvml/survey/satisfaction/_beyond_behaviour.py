"""Satisfaction beyond behaviour: does it predict what customers do next, given what they did before.

Only answers until the end of calibration count. Three views, from weak to strong evidence:

1. As a covariate of a model of purchases, with a likelihood-ratio test: are satisfied customers different in
   the calibration itself? This need not help to predict.
2. In the holdout: do purchases deviate from the prediction by behaviour with satisfaction? A Poisson
   regression of the holdout's purchases on satisfaction with the prediction as the offset, whose standard
   errors allow any variance (Gourieroux, Monfort, Trognon 1984).
3. In the holdout: are the errors of the model with satisfaction smaller, in a paired bootstrap of customers?

Customers who did not answer stay in: the covariate is 0 for them, the mean of those who answered, and whether
they answered is a covariate of both models, so that the test is of satisfaction and not of answering.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from sklearn.base import clone

from clvml.customers._split import Split
from clvml.errors import InputError
from clvml.evaluation import bootstrap_metrics
from clvml.inference._likelihood_ratio import LikelihoodRatioTest, likelihood_ratio_test
from clvml.models import BGNBD
from clvml.survey._resamples import LEVEL, check_level
from clvml.survey.satisfaction._answers import Count, SatisfactionAnswers

COVARIATE, ANSWERED = "satisfaction", "answered"
BEHAVIOUR, WITH_SATISFACTION = "behaviour", "behaviour and satisfaction"
FEWEST = 30
METRICS = ("mae", "rmse", "gini")


@dataclass(frozen=True, eq=False)
class BeyondBehaviour:
    """The evidence that satisfaction predicts the holdout; `satisfaction_beyond_behaviour` makes it.

    Attributes
    ----------
    customers, answered, after_calibration : int
        Customers of the calibration, those with an answer until its end, and those who answered only later.
    test : LikelihoodRatioTest
        Of satisfaction as a covariate, in the calibration.
    coefficients : pandas.DataFrame
        Of the model with satisfaction, as `coefficients_`.
    holdout_effect : pandas.Series
        ``effect``, the relative change of the holdout's purchases beyond the prediction per point of
        satisfaction, with ``lower``, ``upper`` and ``p_value``.
    by_class : pandas.DataFrame
        Index ``satisfaction`` (a score, rounded): ``customers``, ``purchases`` in the holdout, ``expected``
        by behaviour, and ``ratio``.
    scores : pandas.DataFrame
        Index ``metric``: the holdout's score by ``behaviour`` and ``with_satisfaction``, the ``difference``
        with ``lower`` and ``upper``.
    level : float
        Of the intervals.

    See Also
    --------
    clvml.survey.satisfaction_beyond_behaviour : Makes it.
    clvml.likelihood_ratio_test : The test.

    Examples
    --------
    Answers that follow from past purchases do not predict later ones beyond them:

    >>> import clvml
    >>> from clvml.survey import made_up_survey, read_satisfaction, satisfaction_beyond_behaviour
    >>> split = clvml.split(clvml.load_cdnow(), "1997-09-30", "1998-06-30")
    >>> made_up = made_up_survey(split.calibration)
    >>> answers = read_satisfaction(made_up.satisfaction)
    >>> found = satisfaction_beyond_behaviour(split, answers, n_draws=100)
    >>> found.customers, found.answered, found.after_calibration
    (2357, 1406, 0)
    >>> found.holdout_effect.round(2).to_dict()
    {'effect': -0.05, 'lower': -0.17, 'upper': 0.09, 'p_value': 0.47}
    """

    customers: int
    answered: int
    after_calibration: int
    test: LikelihoodRatioTest
    coefficients: pd.DataFrame
    holdout_effect: pd.Series
    by_class: pd.DataFrame
    scores: pd.DataFrame
    level: float = LEVEL

    @property
    def tells(self) -> bool:
        """Whether satisfaction predicts the holdout beyond behaviour: the test of the holdout rejects."""
        return bool(self.holdout_effect["p_value"] < 1 - self.level)


def satisfaction_beyond_behaviour(
    split: Split,
    answers: SatisfactionAnswers,
    *,
    model: Any = None,
    count: Count = "latest",
    metrics: Sequence[str] = METRICS,
    n_draws: int = 1000,
    level: float = LEVEL,
    random_state: int = 0,
) -> BeyondBehaviour:
    """Test whether satisfaction predicts the purchases of the holdout beyond behaviour.

    Parameters
    ----------
    split : Split
        From `clvml.split`.
    answers : SatisfactionAnswers
        As from `read_satisfaction`; those until the end of calibration count.
    model : model of purchases, optional
        With ``covariates``; it is cloned. Default: `BGNBD`.
    count : {"latest", "mean"}
        What counts of a person with several answers.
    metrics : sequence of str
        Of `clvml.evaluation.METRICS`.
    n_draws : int, default 1000
        Resamples of the bootstrap.
    level : float, default 0.95
        Of the intervals.
    random_state : int, default 0
        Seed of the resamples.

    Returns
    -------
    BeyondBehaviour
        The test in the calibration, and the effect in the holdout.

    Raises
    ------
    InputError
        If fewer than 30 customers answered until the end of calibration, or all gave the same score.

    See Also
    --------
    clvml.survey.BeyondBehaviour : What it returns.
    clvml.BGNBD : With ``covariates``, the model that is tested.

    References
    ----------
    Wilks (1938), The Large-Sample Distribution of the Likelihood Ratio, Annals of Mathematical Statistics
    9(1). Gourieroux, Monfort, Trognon (1984), Pseudo Maximum Likelihood Methods: Applications to Poisson
    Models, Econometrica 52(3).

    Examples
    --------
    Made up so that satisfaction is linked with later purchases:

    >>> import clvml
    >>> from clvml.survey import made_up_survey, read_satisfaction, satisfaction_beyond_behaviour
    >>> split = clvml.split(clvml.load_cdnow(), "1997-09-30", "1998-06-30")
    >>> later = split.holdout["purchases"]
    >>> made_up = made_up_survey(split.calibration, later=later, link=0.9)
    >>> answers = read_satisfaction(made_up.satisfaction)
    >>> found = satisfaction_beyond_behaviour(split, answers, n_draws=100)
    >>> found.holdout_effect.round(2).to_dict()
    {'effect': 1.42, 'lower': 1.07, 'upper': 1.84, 'p_value': 0.0}
    """
    check_level(level)
    early = answers.until(split.calibration_end)
    table, scores = _with_covariates(split.calibration, early, count)
    smaller, larger = _fitted(model, table)
    expected = pd.DataFrame(
        {
            BEHAVIOUR: smaller.expected_purchases(table, split.duration),
            WITH_SATISFACTION: larger.expected_purchases(table, split.duration),
        }
    )
    actual = split.holdout["purchases"]
    given = scores.notna()
    later = answers.of(split.calibration.index, count)["satisfaction"].notna() & ~given
    return BeyondBehaviour(
        len(table),
        int(given.sum()),
        int(later.sum()),
        likelihood_ratio_test(smaller, larger),
        larger.coefficients_,
        _holdout_effect(actual[given], expected.loc[given, BEHAVIOUR], scores[given], level),
        _by_class(actual[given], expected.loc[given, BEHAVIOUR], scores[given]),
        _scores(actual, expected, metrics, n_draws, level, random_state),
        level,
    )


def _with_covariates(
    customers: pd.DataFrame, answers: SatisfactionAnswers, count: Count
) -> tuple[pd.DataFrame, pd.Series]:
    """The customers with both covariates, and the scores (missing without an answer)."""
    scores = answers.of(customers.index, count)["satisfaction"] if len(answers.table) else None
    n = 0 if scores is None else int(scores.notna().sum())
    if scores is None or n < FEWEST:
        raise InputError(
            f"{n:,} customers answered until the end of calibration; at least {FEWEST} are needed to see"
            " whether satisfaction predicts the holdout."
        )
    if scores.nunique() < 2:
        raise InputError("all customers gave the same score of satisfaction: it cannot predict anything.")
    table = customers.assign(**{COVARIATE: (scores - scores.mean()).fillna(0.0)})
    if n < len(customers):
        table[ANSWERED] = scores.notna().astype(float)
    table.attrs = dict(customers.attrs)
    return table, scores


def _fitted(model: Any, table: pd.DataFrame) -> tuple[Any, Any]:
    """The model without and with satisfaction; both with the covariate of answering, if some did not."""
    base = BGNBD() if model is None else model
    common = [ANSWERED] if ANSWERED in table else []
    smaller = clone(base).set_params(covariates=tuple(common)).fit(table)
    return smaller, clone(base).set_params(covariates=(*common, COVARIATE)).fit(table)


def _holdout_effect(actual: pd.Series, expected: pd.Series, scores: pd.Series, level: float) -> pd.Series:
    """The effect of a point of satisfaction on purchases relative to the expected ones."""
    design = np.column_stack([np.ones(len(scores)), scores - scores.mean()])
    beta, covariance = poisson_regression(
        actual.to_numpy(dtype=float), design, np.log(np.maximum(expected.to_numpy(dtype=float), 1e-12))
    )
    error = float(np.sqrt(covariance[1, 1]))
    z = float(stats.norm.ppf((1 + level) / 2))
    return pd.Series(
        {
            "effect": np.expm1(beta[1]),
            "lower": np.expm1(beta[1] - z * error),
            "upper": np.expm1(beta[1] + z * error),
            "p_value": 2 * float(stats.norm.sf(abs(beta[1]) / error)) if error > 0 else np.nan,
        },
        name="holdout",
    )


def poisson_regression(
    counts: NDArray[np.float64], design: NDArray[np.float64], offset: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Poisson pseudo-maximum likelihood with an offset: coefficients and their robust covariance.

    Examples
    --------
    >>> design = np.column_stack([np.ones(4), [0.0, 0.0, 1.0, 1.0]])
    >>> beta, _ = poisson_regression(np.array([1.0, 3.0, 4.0, 8.0]), design, np.zeros(4))
    >>> np.exp(beta).round(6).tolist()
    [2.0, 3.0]
    """
    n, k = design.shape
    beta = np.zeros(k)
    beta[0] = np.log(max(counts.sum(), 0.5) / np.exp(offset).sum())
    for _ in range(100):
        mean = np.exp(offset + design @ beta)
        step = np.linalg.solve((design * mean[:, None]).T @ design, design.T @ (counts - mean))
        beta = beta + np.clip(step, -2.0, 2.0)
        if np.abs(step).max() < 1e-10:
            break
    mean = np.exp(offset + design @ beta)
    bread = np.linalg.inv((design * mean[:, None]).T @ design)
    residuals = design * (counts - mean)[:, None]
    return beta, n / (n - k) * bread @ (residuals.T @ residuals) @ bread


def _by_class(actual: pd.Series, expected: pd.Series, scores: pd.Series) -> pd.DataFrame:
    groups = pd.DataFrame({"purchases": actual, "expected": expected}).groupby(
        np.floor(scores + 0.5).astype(int).rename(COVARIATE)
    )
    table = groups.sum()
    table.insert(0, "customers", groups.size())
    return table.assign(ratio=table["purchases"] / table["expected"])


def _scores(
    actual: pd.Series,
    expected: pd.DataFrame,
    metrics: Sequence[str],
    n_draws: int,
    level: float,
    random_state: int,
) -> pd.DataFrame:
    draws = bootstrap_metrics(actual, expected, list(metrics), n_draws, random_state)
    gaps = draws.differences(BEHAVIOUR, level).xs(WITH_SATISFACTION, level="model")
    table = draws.scores.T.rename(columns={WITH_SATISFACTION: "with_satisfaction"}).rename_axis("metric")
    return table.rename_axis(columns=None).join(gaps[["difference", "lower", "upper"]])
