"""The trend of value in words: past, now and expected, by group and measure.

Of order value, frequency, stickiness and loyalty (retention) each group has a level in the past ("low",
"average" or "high", against all customers), a change until now ("risen", "fallen", "steady") and an
expectation ("expected to rise", "to fall", "to stay"). The past is the last complete periods before the
present one, together. Changes below ``tolerance`` are no changes; with fewer than ten purchases on one side
there is no word.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from clvml.errors import InputError

TREND_MEASURES = {
    "average_order_value": "order value",
    "frequency": "purchase frequency",
    "stickiness": "stickiness",
    "retention": "loyalty (retention)",
}
FEWEST = 10
TOO_FEW = "too few purchases to say"
LEVELS = ("low", "average", "high")
CHANGES = ("fallen", "steady", "risen")
EXPECTED = ("expected to fall", "expected to stay", "expected to rise")


def trend_words(table: pd.DataFrame, past: int = 3, tolerance: float = 0.05) -> pd.DataFrame:
    """Past, now and expected of each measure and group, with words.

    Parameters
    ----------
    table : pandas.DataFrame
        As from `value_over_time`; without rows "expected" their columns are missing values.
    past : int, default 3
        Periods before the present one that are the past, at most.
    tolerance : float, default 0.05
        Relative change that is none.

    Returns
    -------
    pandas.DataFrame
        Index ``group, measure``; ``past, now, expected`` (money per order, purchases per customer and period,
        shares), ``change_pct`` and ``expected_change_pct`` (percent, from past to now and from now to
        expected), and ``was, is, will`` (text).

    Raises
    ------
    InputError
        If a column is missing, or an argument breaks its rule.

    See Also
    --------
    clvml.value_over_time : Makes the table.
    clvml.lifetime_value.economics.describe_change : One measure in a phrase.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.lifetime_value.economics import trend_words
    >>> rows = {"group": "all", "when": ["past", "present", "expected"], "customers": 100.0,
    ...         "purchases": [50.0, 40.0, 40.0], "spend": [1000.0, 704.0, 712.0],
    ...         "average_order_value": [20.0, 17.6, 17.8], "frequency": [0.5, 0.4, 0.4],
    ...         "stickiness": 0.4, "repeat_rate": 0.3, "retention": 0.2}
    >>> trend_words(pd.DataFrame(rows))[["past", "now", "change_pct", "is", "will"]].round(1)
                               past   now  change_pct      is              will
    group measure
    all   average_order_value  20.0  17.6       -12.0  fallen  expected to stay
          frequency             0.5   0.4       -20.0  fallen  expected to stay
          stickiness            0.4   0.4         0.0  steady  expected to stay
          retention             0.2   0.2         0.0  steady  expected to stay
    """
    needed = ["group", "when", "customers", "purchases", "spend", *TREND_MEASURES]
    missing = [name for name in needed if name not in table]
    if missing:
        raise InputError(f"the trend lacks {missing[0]!r}; give the table of clvml.value_over_time.")
    if past < 1 or not 0 <= tolerance < 1:
        raise InputError(
            f"past is {past!r} and tolerance {tolerance!r}; they must be at least 1, and from 0 to below 1."
        )
    groups = {name: _parts(rows, past) for name, rows in table.groupby("group", sort=False, observed=True)}
    overall = _together(pd.concat([parts["past"] for parts in groups.values()]))
    rows = {
        (name, measure): _row(parts, measure, overall, tolerance)
        for name, parts in groups.items()
        for measure in TREND_MEASURES
    }
    found = pd.DataFrame.from_dict(rows, orient="index")
    found.index = pd.MultiIndex.from_tuples(rows, names=["group", "measure"])
    return found


def describe_change(row: pd.Series, measure: str) -> str:
    """One measure in words, such as "order value fell 12 % and is expected to stay".

    Parameters
    ----------
    row : pandas.Series
        A row of :func:`clvml.lifetime_value.economics.trend_words`: ``is``, ``will`` and ``change_pct``.
    measure : str
        The measure, such as ``"average_order_value"``.

    Returns
    -------
    str
        For sentences in reports.

    See Also
    --------
    clvml.lifetime_value.economics.trend_words : Makes the row.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.lifetime_value.economics import describe_change
    >>> row = pd.Series({"is": "fallen", "will": "expected to stay", "change_pct": -12.0})
    >>> describe_change(row, "average_order_value")
    'order value fell 12 % and is expected to stay'
    """
    name = TREND_MEASURES[measure]
    if row["is"] == TOO_FEW:
        return f"{name}: {TOO_FEW}"
    verb = {"fallen": "fell", "risen": "rose", "steady": "is steady"}[row["is"]]
    size = "" if row["is"] == "steady" else f" {abs(row['change_pct']):.0f} %"
    will = f" and is {row['will']}" if row["will"] in EXPECTED else ""
    return f"{name} {verb}{size}{will}"


def _parts(rows: pd.DataFrame, past: int) -> dict[str, pd.DataFrame]:
    when = rows["when"]
    return {
        "past": rows[when == "past"].tail(past),
        "now": rows[when == "present"],
        "expected": rows[when == "expected"],
    }


def _together(rows: pd.DataFrame) -> dict[str, float]:
    """The measures of several periods or groups as one."""
    customers, purchases = float(rows["customers"].sum()), float(rows["purchases"].sum())
    nan = float("nan")
    found = {
        "average_order_value": float(rows["spend"].sum()) / purchases if purchases else nan,
        "frequency": purchases / customers if customers else nan,
        "purchases": purchases,
    }
    for name in ("stickiness", "retention"):
        known = rows[rows[name].notna()]
        weight = float(known["customers"].sum())
        found[name] = float((known[name] * known["customers"]).sum()) / weight if weight else nan
    return found


def _row(
    parts: dict[str, pd.DataFrame], measure: str, overall: dict[str, float], tolerance: float
) -> dict[str, object]:
    was, now, will = (_together(parts[name]) for name in ("past", "now", "expected"))
    enough = min(was["purchases"], now["purchases"]) >= FEWEST
    change, ahead = _change(was[measure], now[measure]), _change(now[measure], will[measure])
    return {
        "past": was[measure],
        "now": now[measure],
        "expected": will[measure],
        "change_pct": change,
        "expected_change_pct": ahead,
        "was": _word(_change(overall[measure], was[measure]), tolerance, LEVELS),
        "is": _word(change, tolerance, CHANGES) if enough else TOO_FEW,
        "will": _word(ahead, tolerance, EXPECTED),
    }


def _change(before: float, after: float) -> float:
    return 100 * (after / before - 1) if before > 0 else float("nan")


def _word(change: float, tolerance: float, words: tuple[str, str, str]) -> str:
    if not np.isfinite(change):
        return ""
    edge = 100 * tolerance * (1 + 1e-9)
    return words[1 if abs(change) <= edge else 2 if change > 0 else 0]
