"""What is to be known of each metric besides its value: formula, range, when to use it, zeros and ties."""

from __future__ import annotations

import math
from typing import NamedTuple


class MetricNotes(NamedTuple):
    """What is to be known of a metric besides its value.

    Attributes
    ----------
    latex : str
        The formula: y actual, f predicted, p probability, n customers.
    low, high : float
        The range of its values, for amounts that are not negative.
    use : str
        When to look at it, and what it does not show.
    edges : str
        What it does with zeros and ties, and where it is undefined.
    source : str
        Paper and equation; empty where the definition is elementary.
    """

    latex: str
    low: float
    high: float
    use: str
    edges: str
    source: str = ""


_NO_TOTAL = "Undefined unless the actual total is positive."
_GNEITING = "Gneiting (2011), Journal of the American Statistical Association 106: what minimises it."
_RANKS = (
    "Customers with equal predictions get their mean rank, and 0 is the value of a constant prediction."
    " Undefined if all actual values are equal."
)
_LEVEL = 'The nominal coverage is ``attrs["coverage"]`` of the intervals; undefined without it.'
_VALUES = {
    "total": MetricNotes(
        r"\sum_{i=1}^{n} f_i",
        0,
        math.inf,
        "The predicted value of all customers, for planning. The number alone is neither good nor bad: see"
        " ``bias_pct``.",
        "Always defined.",
    ),
    "bias_pct": MetricNotes(
        r"100 \left( \frac{\sum_i f_i}{\sum_i y_i} - 1 \right)",
        -100,
        math.inf,
        "Valuation and budgets, where the sum counts. Errors of opposite sign cancel: see ``calib_pct`` too.",
        f"-100 if every prediction is zero. {_NO_TOTAL}",
    ),
    "mae": MetricNotes(
        r"\frac{1}{n} \sum_{i=1}^{n} |f_i - y_i|",
        0,
        math.inf,
        "The mean error per customer in money. The median minimises it, which is zero where most customers do"
        " not buy again, so that predicting zero for everyone may win: never the only metric.",
        "A customer who spent nothing and was predicted nothing counts as an error of zero. Always defined.",
        _GNEITING,
    ),
    "rmse": MetricNotes(
        r"\sqrt{\frac{1}{n} \sum_{i=1}^{n} (f_i - y_i)^2}",
        0,
        math.inf,
        "Errors per customer in money where the expected value is wanted, which minimises it. A few large"
        " customers decide the result.",
        "Always defined.",
        _GNEITING,
    ),
    "rmsle": MetricNotes(
        r"\sqrt{\frac{1}{n} \sum_{i=1}^{n} \left( \log(1 + f_i) - \log(1 + y_i) \right)^2}",
        0,
        math.inf,
        "Relative errors, so that large customers do not decide the result. It depends on the currency, since"
        " 1 is added to each amount, and favours predictions below the expected value.",
        "Zeros have a logarithm of zero. Undefined if an amount is -1 or less.",
    ),
    "tweedie": MetricNotes(
        r"\frac{1}{n} \sum_{i=1}^{n} \frac{4 \left( \sqrt{y_i} - \sqrt{f_i} \right)^2}{\sqrt{f_i}}",
        0,
        math.inf,
        "The expected value of amounts with many zeros: the expected value minimises it, as for RMSE, and an"
        " error weighs less where more is predicted.",
        "0 for a customer with y = f = 0. Undefined if the prediction is zero for a customer who spent, or an"
        " amount is negative.",
        "Jorgensen (1987), Journal of the Royal Statistical Society B 49, with power 1.5.",
    ),
    "spearman": MetricNotes(
        r"\text{corr}\left( \text{rank}(f), \text{rank}(y) \right)",
        -1,
        1,
        "Targeting: whether customers are in the right order. All customers weigh alike, the many small ones"
        " too; for the order of the money see ``gini``.",
        _RANKS,
        "Spearman (1904), American Journal of Psychology 15.",
    ),
    "kendall": MetricNotes(
        r"\frac{C - D}{\sqrt{(P - T_f)(P - T_y)}}, \quad P = \frac{n (n - 1)}{2}",
        -1,
        1,
        "As ``spearman``, from the P pairs of customers: C are in the right order, D in the wrong one;"
        " T are tied in f, or in y.",
        "Pairs with equal predictions or equal actual values are in neither C nor D; 0 for a constant"
        " prediction. Undefined if all actual values are equal.",
        "Kendall (1945), Biometrika 33.",
    ),
    "gini": MetricNotes(
        r"\frac{\int_0^1 (L_f(x) - x) \, dx}{\int_0^1 (L_y(x) - x) \, dx}",
        -1,
        1,
        "Targeting where the money counts: whether the customers who spend most come first. L is the lift"
        " curve, the share of the revenue of the share x of customers with the highest predictions (or actual"
        " values). 1 is the perfect order, 0 chance.",
        "Customers with equal predictions share their revenue equally, so that a constant prediction has 0."
        " Undefined if all actual values are equal.",
    ),
    "calib_pct": MetricNotes(
        r"\frac{100}{\sum_i y_i} \sum_{d=1}^{10} \left| \sum_{i \in d} f_i - \sum_{i \in d} y_i \right|",
        0,
        math.inf,
        "Whether the sums are right for the best customers and for the rest: errors that cancel in"
        " ``bias_pct`` do not cancel here. Chance alone makes it positive, the more so the fewer customers.",
        f"Deciles d are by prediction; customers with equal ones share their actual values. {_NO_TOTAL}",
    ),
}
_PROBABILITIES = {
    "brier": MetricNotes(
        r"\frac{1}{n} \sum_{i=1}^{n} (p_i - y_i)^2",
        0,
        1,
        "Probabilities such as P(buys again), against outcomes of 0 and 1: order and calibration in one. The"
        " true probability minimises it.",
        "Always defined.",
        "Brier (1950), Monthly Weather Review 78.",
    ),
    "log_score": MetricNotes(
        r"-\frac{1}{n} \sum_{i=1}^{n} \left( y_i \log p_i + (1 - y_i) \log(1 - p_i) \right)",
        0,
        math.inf,
        "As ``brier``, where a probability close to 0 or 1 that proves wrong should cost much.",
        "Undefined if something happened that had a probability of zero.",
        "Good (1952), Journal of the Royal Statistical Society B 14.",
    ),
    "auc": MetricNotes(
        r"P(p_1 > p_0) + \frac{1}{2} P(p_1 = p_0)",
        0,
        1,
        "Whether the probability tells buyers from others, with the index 1 for a customer with y = 1 and 0"
        " for one with y = 0: the order only, not its calibration.",
        "Equal probabilities count one half, so that 1/2 is the value of a constant one. Undefined if all"
        " outcomes are the same.",
        "Hanley and McNeil (1982), Radiology 143.",
    ),
    "reliability": MetricNotes(
        r"\frac{1}{n} \sum_{d=1}^{10} \left| \sum_{i \in d} p_i - \sum_{i \in d} y_i \right|",
        0,
        1,
        "Whether, of the customers with a probability of 30 %, 30 % buy: calibration only. Chance alone makes"
        " it positive.",
        "Deciles d are by probability; customers with equal ones share their outcomes. Always defined.",
        "Murphy and Winkler (1977), Journal of the Royal Statistical Society C 26.",
    ),
}
_INTERVALS = {
    "coverage": MetricNotes(
        r"\frac{1}{n} \sum_{i=1}^{n} 1(l_i \le y_i \le u_i)",
        0,
        1,
        "Whether prediction intervals contain the outcome as often as they should: compare it with their"
        " nominal coverage.",
        "Ends belong to the interval. Where most customers spend nothing and intervals begin at zero, it is"
        " above the nominal coverage by right.",
    ),
    "cover_error": MetricNotes(
        r"\frac{1}{n} \sum_{i=1}^{n} 1(l_i \le y_i \le u_i) - c",
        -1,
        1,
        "``coverage`` less the nominal coverage c: below zero, intervals are too narrow.",
        _LEVEL,
    ),
    "width": MetricNotes(
        r"\frac{1}{n} \sum_{i=1}^{n} (u_i - l_i)",
        0,
        math.inf,
        "How precise intervals are, among those with the right coverage; alone it favours intervals that are"
        " too narrow.",
        "Always defined.",
    ),
    "winkler": MetricNotes(
        r"\frac{1}{n} \sum_i \left( u_i - l_i + \frac{2 \max(l_i - y_i, y_i - u_i, 0)}{1 - c} \right)",
        0,
        math.inf,
        "Coverage and width in one number, to compare intervals of the same nominal coverage c. The true"
        " quantiles minimise it.",
        _LEVEL,
        "Winkler (1972), Journal of the American Statistical Association 67; Gneiting and Raftery (2007),"
        " Journal of the American Statistical Association 102, eq. 43.",
    ),
}


def _of_top(share: float) -> dict[str, MetricNotes]:
    """The notes of the metrics of the customers with the highest predictions."""
    name = f"{100 * share:.0f}"
    edges = (
        "The number m of top customers is rounded up; equal predictions share their revenue equally."
        f" {_NO_TOTAL}"
    )
    return {
        f"top{name}_share": MetricNotes(
            r"\frac{\sum_{i \in \text{top}} y_i}{\sum_i y_i}",
            0,
            1,
            f"A campaign to the {name} % of customers with the highest predictions: the share of all revenue"
            " that these bring.",
            edges,
        ),
        f"lift{name}": MetricNotes(
            r"\frac{n \sum_{i \in \text{top}} y_i}{m \sum_i y_i}",
            0,
            1 / share,
            f"The same as a factor: what the {name} % of customers with the highest predictions spend on"
            " average, relative to all customers. 1 is chance.",
            edges,
        ),
    }


NOTES: dict[str, MetricNotes] = {
    **_VALUES,
    **_of_top(0.01),
    **_of_top(0.05),
    **_of_top(0.10),
    **_of_top(0.20),
    **_PROBABILITIES,
    **_INTERVALS,
}
