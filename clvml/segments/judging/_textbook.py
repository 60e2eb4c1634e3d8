"""ABC, RFM and CLV analysis as textbooks rate them, beside their accuracy in a holdout.

Textbooks rate the three for ease, cost and accuracy: ABC medium in all three, RFM easy, cheap and of low
accuracy, CLV hard, expensive and of high accuracy. Accuracy can be measured: by the Gini of the order in
which each analysis ranks the customers, with paired bootstrap intervals of the differences. Where a
difference has the opposite sign of the ratings, and its interval excludes zero, measurement contradicts them.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd

from clvml.evaluation._bootstrap import bootstrap_metrics
from clvml.evaluation._ranking import gini, spearman, top_share

LEVEL = 0.95
DRAWS = 500
AS_RATED, OPEN, CONTRADICTED = "as rated", "undecided", "contradicted"
TEXTBOOK = pd.DataFrame(
    {
        "ease": ["medium", "easy", "hard"],
        "cost": ["medium", "low", "high"],
        "accuracy": ["medium", "low", "high"],
        "needs": [
            "total spend per customer; sort and cut",
            "date, number and total of purchases; three quantile scores",
            "purchase histories; two models to fit and check on a holdout",
        ],
    },
    index=pd.Index(["ABC", "RFM", "CLV"], name="analysis"),
)
RANKS = {"low": 0, "medium": 1, "high": 2}


def textbook_comparison(
    actual: pd.Series,
    abc: pd.Series,
    rfm: pd.Series,
    clv: pd.Series,
    naive_forecast: pd.Series | None = None,
) -> pd.DataFrame:
    """The textbook table "ABC, RFM and CLV compared", with accuracy measured on the holdout.

    Parameters
    ----------
    actual : pandas.Series
        Money over the holdout.
    abc, rfm : pandas.Series
        Segments, 1 the most valuable.
    clv : pandas.Series
        Predicted money over the holdout; it ranks single customers, as that analysis does.
    naive_forecast : pandas.Series, optional
        Past spend carried forward over the duration of the holdout: the prediction that ABC and RFM imply.

    Returns
    -------
    pandas.DataFrame
        Index ``analysis``; the textbook's ratings ``ease, cost, accuracy`` (text), ``needs`` (data and work),
        then what was measured: ``top10_share, gini, spearman`` and ``bias_pct`` of the total (NaN where
        nothing is predicted), and ``measured``: whether the ratings of accuracy hold, as from
        `check_ratings`.

    See Also
    --------
    clvml.segments.judging.check_ratings : Whether the measurements contradict the ratings.
    clvml.segments.judging.compare_segmentations : More methods on the same holdout.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.segments.judging import textbook_comparison
    >>> actual = pd.Series([float(100 - number) for number in range(100)])
    >>> thirds = pd.Series([1 + number // 34 for number in range(100)])
    >>> found = textbook_comparison(actual, abc=thirds, rfm=thirds, clv=actual)
    >>> found[["ease", "cost", "accuracy"]]
                ease    cost accuracy
    analysis
    ABC       medium  medium   medium
    RFM         easy     low      low
    CLV         hard    high     high
    """
    orders = _orders(abc, rfm, clv)
    measured = pd.DataFrame(
        {
            "top10_share": {name: top_share(actual, order) for name, order in orders.items()},
            "gini": {name: gini(actual, order) for name, order in orders.items()},
            "spearman": {name: spearman(actual, order) for name, order in orders.items()},
        }
    )
    table = TEXTBOOK.join(measured)
    totals = {"ABC": naive_forecast, "RFM": naive_forecast, "CLV": clv}
    planned = {name: np.nan if money is None else float(money.sum()) for name, money in totals.items()}
    table["bias_pct"] = 100 * (pd.Series(planned) / float(actual.sum()) - 1)
    table["measured"] = _measured_by_analysis(check_ratings(actual, abc, rfm, clv))
    return table


def check_ratings(
    actual: pd.Series,
    abc: pd.Series,
    rfm: pd.Series,
    clv: pd.Series,
    n_draws: int = DRAWS,
    random_state: int = 0,
) -> pd.DataFrame:
    """Whether the measured Gini of each pair of analyses has the order of the textbook's ratings of accuracy.

    Parameters
    ----------
    actual, abc, rfm, clv : pandas.Series
        As in `textbook_comparison`.
    n_draws, random_state : int
        Number and seed of the bootstrap draws over customers.

    Returns
    -------
    pandas.DataFrame
        Index ``rated_higher, rated_lower``; ``difference`` of their Gini with its 95 % interval
        ``lower, upper``, and ``measured``: "as rated" if the interval is above zero, "contradicted" if it is
        below, and "undecided" if it includes zero.

    See Also
    --------
    clvml.segments.judging.describe_ratings : In sentences.
    clvml.segments.judging.textbook_comparison : The ratings beside the measurements.

    Examples
    --------
    Values that are predicted exactly rank better than three classes, as rated:

    >>> import pandas as pd
    >>> from clvml.segments.judging import check_ratings
    >>> actual = pd.Series([float(number % 7) ** 2 for number in range(210)])
    >>> thirds = pd.Series([1 + number // 70 for number in range(210)])
    >>> check_ratings(actual, abc=thirds, rfm=thirds, clv=actual, n_draws=50)["measured"].to_dict()
    {('CLV', 'ABC'): 'as rated', ('CLV', 'RFM'): 'as rated', ('ABC', 'RFM'): 'undecided'}
    """
    predictions = pd.DataFrame(_orders(abc, rfm, clv))
    predictions -= predictions.min() - 1.0  # only the order matters; the metric wants positive predictions
    draws = bootstrap_metrics(actual, predictions, ["gini"], n_draws=n_draws, random_state=random_state)
    analyses = sorted(map(str, TEXTBOOK.index), key=lambda name: -RANKS[TEXTBOOK["accuracy"][name]])
    pairs = list(combinations(analyses, 2))
    ends = ["difference", "lower", "upper"]
    rows = [
        draws.differences(low, LEVEL).loc[[(high, "gini")]][ends].to_numpy()[0].tolist()
        for high, low in pairs
    ]
    table = pd.DataFrame(rows, columns=ends, dtype=float)
    table.index = pd.MultiIndex.from_tuples(pairs, names=["rated_higher", "rated_lower"])
    words = np.select([table["lower"] > 0, table["upper"] < 0], [AS_RATED, CONTRADICTED], default=OPEN)
    return table.assign(measured=words)


def describe_ratings(ratings: pd.DataFrame) -> str:
    """Where measurement contradicts the textbook's ratings of accuracy, in one or two sentences.

    Parameters
    ----------
    ratings : pandas.DataFrame
        As from `check_ratings`.

    Returns
    -------
    str
        The contradictions first, then what is as rated.

    See Also
    --------
    clvml.segments.judging.check_ratings : The table that it takes.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.segments.judging import describe_ratings
    >>> index = pd.MultiIndex.from_tuples([("CLV", "ABC"), ("ABC", "RFM")])
    >>> table = pd.DataFrame({"difference": [0.2, -0.1], "lower": [0.1, -0.2], "upper": [0.3, -0.05],
    ...                       "measured": ["as rated", "contradicted"]}, index=index)
    >>> describe_ratings(table)  # doctest: +NORMALIZE_WHITESPACE
    'Measurement contradicts the ratings: RFM is rated below ABC, but ranks these customers better (Gini
    +0.100, 95 % interval 0.050 to 0.200). As rated: CLV above ABC.'
    """
    pairs = {
        word: [(str(high), str(low)) for high, low in ratings.index[ratings["measured"] == word]]
        for word in (CONTRADICTED, AS_RATED, OPEN)
    }
    contradicted = [_contradiction(ratings.loc[[pair]].iloc[0], *pair) for pair in pairs[CONTRADICTED]]
    found = [f"Measurement contradicts the ratings: {'; '.join(contradicted)}."] if contradicted else []
    if not contradicted:
        found.append("Measurement does not contradict the ratings of accuracy.")
    for word, lead in ((AS_RATED, "As rated"), (OPEN, "Undecided")):
        listed = [f"{high} above {low}" for high, low in pairs[word]]
        found += [f"{lead}: {', '.join(listed)}."] if listed else []
    return " ".join(found)


def _contradiction(row: pd.Series, high: str, low: str) -> str:
    ends = f"{100 * LEVEL:g} % interval {-row['upper']:.3f} to {-row['lower']:.3f}"
    better = f"ranks these customers better (Gini {-row['difference']:+.3f}, {ends})"
    return f"{low} is rated below {high}, but {better}"


def _orders(abc: pd.Series, rfm: pd.Series, clv: pd.Series) -> dict[str, pd.Series]:
    return {"ABC": -abc.astype(float), "RFM": -rfm.astype(float), "CLV": clv}


def _measured_by_analysis(ratings: pd.DataFrame) -> pd.Series:
    """By analysis: what the measurement says of its rating against the two others."""
    words = {}
    for name in map(str, TEXTBOOK.index):
        pairs = [(str(high), str(low)) for high, low in ratings.index]
        against = [
            (low if high == name else high, str(word))
            for (high, low), word in zip(pairs, ratings["measured"], strict=True)
            if name in (high, low)
        ]
        contradicted = [other for other, word in against if word == CONTRADICTED]
        undecided = [other for other, word in against if word == OPEN]
        parts = [f"contradicted by {' and '.join(contradicted)}"] if contradicted else []
        parts += [f"undecided against {' and '.join(undecided)}"] if undecided else []
        words[name] = "; ".join(parts) or AS_RATED
    return pd.Series(words)
