"""Facts about a log and its split, from which `clvml.customers.data_notices` takes its notices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from clvml.customers._ends import end_of
from clvml.customers._purchases import Purchases, period_start
from clvml.customers._split import Split
from clvml.customers._time_units import TIME_UNITS, time_unit_of
from clvml.customers._transactions import Transactions

NAN = math.nan
YEAR = 365
SINGLE = 1 / 3  # of the calibration: customers acquired within it are a single cohort
WINDOW = 28  # days with purchases on each side of a jump
FEWEST_IN_WINDOW = 100  # purchases on the busier side, so that a jump is no chance
FEWEST_DAYS = 30  # days with purchases, before one of them can be unusually busy
FEWEST_IN_YEAR = 100  # purchases in the year that shows the season
USUAL_GAPS = 15  # median gaps between days with purchases; a longer gap is unusual


def data_facts(transactions: Transactions, split: Split) -> dict[str, Any]:
    """Numbers about a log and its split, by name.

    Returns
    -------
    dict
        NaN where a fact does not apply; shares are between 0 and 1.

        - ``of_sample``:
          " of the sample" where the split is of some of the customers (`Transactions.of_customers`); else
          empty. Facts about calibration and holdout are those of the split, all others of the whole log.
        - ``rows``, ``rows_set_aside``, ``share_set_aside``, ``duplicates``, ``share_duplicates``:
          Rows read; those excluded by the policy; rows used that duplicate another.
        - ``customers``, ``repeat_customers``, ``never_paid``, ``share_never_paid``:
          Until the end of calibration: all, with a repeat purchase, with no spend.
        - ``everyone``, ``bought_once``, ``share_bought_once``:
          Customers of the whole observation, and those with one purchase in it.
        - ``holdout_days``, ``holdout_buyers``, ``holdout_share``:
          Length of the holdout, calibration customers with a purchase in it, its length over that of
          calibration.
        - ``acquired``, ``ever``, ``share_acquired``, ``acquired_spend``, ``share_acquired_spend``:
          Customers acquired in the holdout, and all customers of the split; their spend, of all spend in the
          holdout.
        - ``share_season_unseen``:
          Of the days of the holdout, those whose calendar day is not in calibration; NaN from a year on.
        - ``season_ratio``, ``season_contrast``:
          In the last year of calibration, purchases per day in the season of the holdout over those on other
          days; the ratio or its inverse, whichever is larger.
        - ``cohort_days``, ``cohort_share``, ``early_share``:
          Days in which the middle 95 % of the customers made their first purchase; the same over the length
          of calibration; the share of first purchases in the first tenth of calibration (NaN for one cohort).
        - ``purchases``, ``zero_purchases``, ``share_zero_purchases``:
          Purchases of the whole observation; those with no spend.
        - ``common_spend``, ``share_common_spend``:
          The most frequent amount, and the share of the purchases with it.
        - ``share_largest``, ``share_largest_holdout``:
          The largest customer's share of the spend: of all, of the holdout.
        - ``longest_gap``, ``gap_start``, ``gap_end``:
          Days without a purchase between two others, if that is unusual here (else 0), and their dates.
        - ``quiet_end``:
          Days without a purchase before the end of observation, if that is unusual here; else 0.
        - ``share_busiest_day``, ``busiest_day``:
          Of the purchases, those on the busiest day.
        - ``share_first_of_month``:
          Of the purchases, those on the first of a month; NaN if all dates are starts of periods.
        - ``starts_of_periods``, ``period_name``:
          1 if all dates are the first day of a period, and which.
        - ``drop``, ``drop_day``, ``rise``, ``rise_day``:
          The largest relative decrease of repeat purchases per day, from 28 days with purchases to the next
          28, and the largest ratio for an increase of all purchases; the first days of the second 28.
    """
    period = transactions.period_of_dates
    collapse = transactions.effective_collapse("D")
    stop = end_of(split.observation_end, split.collapse, "observation_end").stop
    purchases = transactions.purchases(collapse, stop)
    days = _days(purchases)
    everyone, of_sample = _of_everyone(purchases), _is_sample(transactions, split)
    return {
        "of_sample": " of the sample" if of_sample else "",
        **_of_rows(transactions),
        **_of_customers(split),
        **_of_holdout(split),
        **({} if of_sample else {"ever": everyone["everyone"]}),
        **_of_cohorts(split, period),
        **_of_seasons(split, days["purchases"], period),
        **everyone,
        **_of_spend(purchases, split),
        **_of_gaps(days, stop, collapse),
        **_of_dates(days["purchases"], period),
        **_of_jumps(days, period),
    }


def _is_sample(transactions: Transactions, split: Split) -> bool:
    own = split.transactions
    return own is not None and own.is_part and not transactions.is_part


def _share(part: float, whole: float) -> float:
    return part / whole if whole > 0 else NAN


def _day(moment: pd.Timestamp) -> str:
    return f"{moment:%Y-%m-%d}"


def _days(purchases: Purchases) -> pd.DataFrame:
    """Purchases and repeat purchases by day, for days with any."""
    day, of_first = period_start("period", "D"), period_start("first", "D")
    table = purchases.frame(
        f"SELECT day, sum(purchases) AS purchases, sum(purchases) - sum(firsts) AS repeats FROM ("
        f" SELECT {day} AS day, count(*) AS purchases, 0 AS firsts FROM purchases GROUP BY {day} UNION ALL"
        f" SELECT {of_first} AS day, 0 AS purchases, count(*) AS firsts FROM"
        f" (SELECT min(period) AS first FROM purchases GROUP BY customer_id) GROUP BY {of_first})"
        " GROUP BY day ORDER BY day"
    )
    return table.set_index("day").astype("int64")


def _of_rows(transactions: Transactions) -> dict[str, Any]:
    rows = transactions.report["rows"]
    read, used = int(rows["read"]), len(transactions)
    duplicates = 0 if transactions.policy.duplicates == "drop" else int(rows["duplicates"])
    return {
        "rows": read,
        "rows_set_aside": read - used,
        "share_set_aside": _share(read - used, read),
        "duplicates": duplicates,
        "share_duplicates": _share(duplicates, used),
    }


def _of_customers(split: Split) -> dict[str, Any]:
    customers = split.calibration
    never_paid = int((customers["total_spend"] == 0).sum())
    return {
        "customers": len(customers),
        "repeat_customers": int((customers["frequency"] > 0).sum()),
        "never_paid": never_paid,
        "share_never_paid": _share(never_paid, len(customers)),
    }


def _of_holdout(split: Split) -> dict[str, Any]:
    days = split.duration * time_unit_of(split.time_unit).days
    acquired = split.counts["customers_acquired_in_holdout"]
    spend, others = split.money["customers_acquired_in_holdout"], split.money["holdout"]
    calibration = _calibration_days(split)
    return {
        "holdout_days": round(days, 6),
        "holdout_buyers": int((split.holdout["purchases"] > 0).sum()),
        "holdout_share": _share(days, calibration),
        "acquired": acquired,
        "ever": acquired + len(split.calibration),
        "share_acquired": _share(acquired, acquired + len(split.calibration)),
        "acquired_spend": float(spend),
        "share_acquired_spend": _share(spend, spend + others),
    }


def _calibration_days(split: Split) -> float:
    """From the first purchase of a customer to the end of calibration."""
    return float(split.calibration["T"].max() * time_unit_of(split.time_unit).days) + 1


def _of_seasons(split: Split, purchases: pd.Series, period: str | None) -> dict[str, Any]:
    """A single cohort has no season of its own: its purchases follow its age."""
    first = split.calibration["first_purchase"].min().normalize()
    end, last = split.calibration_end.normalize(), split.observation_end.normalize()
    holdout = pd.date_range(end + pd.Timedelta(days=1), last)
    seen = pd.date_range(first, end)
    season = set(holdout.strftime("%m-%d"))
    nothing = {"share_season_unseen": NAN, "season_ratio": NAN, "season_contrast": NAN}
    if period == "Y" or holdout.empty:
        return nothing
    if len(seen) < YEAR:
        return nothing | {"share_season_unseen": len(season - set(seen.strftime("%m-%d"))) / len(season)}
    days = seen[-YEAR:]
    year, inside = purchases.reindex(days, fill_value=0), days.strftime("%m-%d").isin(season)
    if year.sum() < FEWEST_IN_YEAR or inside.all() or _cohort(split)[1] <= SINGLE:
        return nothing
    ratio = _share(float(year[inside].mean()), float(year[~inside].mean()))
    contrast = max(ratio, 1 / ratio) if ratio > 0 else NAN
    return nothing | {"season_ratio": ratio, "season_contrast": contrast}


def _cohort(split: Split) -> tuple[float, float]:
    """Days in which the middle 95 % made their first purchase; the same over the length of calibration."""
    lower, upper = np.quantile(_days_of_acquisition(split), [0.025, 0.975])
    return float(upper - lower), float(upper - lower) / _calibration_days(split)


def _days_of_acquisition(split: Split) -> pd.Series:
    first = split.calibration["first_purchase"]
    return (first - first.min().normalize()) / pd.Timedelta(days=1)


def _of_cohorts(split: Split, period: str | None) -> dict[str, Any]:
    days, share = _cohort(split)
    early = float((_days_of_acquisition(split) < _calibration_days(split) / 10).mean())
    alike = share <= SINGLE or period is not None
    return {"cohort_days": math.ceil(days), "cohort_share": share, "early_share": NAN if alike else early}


def _of_everyone(purchases: Purchases) -> dict[str, Any]:
    found = purchases.frame(
        "SELECT count(*) AS everyone, count(*) FILTER (WHERE n = 1) AS bought_once, sum(n) AS purchases,"
        " sum(free) AS zero_purchases, CAST(max(spend) AS DOUBLE) AS largest,"
        " CAST(sum(spend) AS DOUBLE) AS spend"
        " FROM (SELECT customer_id, count(*) AS n, count(*) FILTER (WHERE spend = 0) AS free,"
        " sum(spend) AS spend FROM purchases GROUP BY customer_id)"
    ).iloc[0]
    counts = {name: int(found[name]) for name in ("everyone", "bought_once", "purchases", "zero_purchases")}
    return counts | {
        "share_bought_once": _share(counts["bought_once"], counts["everyone"]),
        "share_zero_purchases": _share(counts["zero_purchases"], counts["purchases"]),
        "share_largest": _share(float(found["largest"]), float(found["spend"])),
    }


def _of_spend(purchases: Purchases, split: Split) -> dict[str, Any]:
    common = purchases.frame(
        "SELECT CAST(spend AS DOUBLE) AS spend, count(*) AS n FROM purchases GROUP BY spend"
        " ORDER BY n DESC, spend DESC LIMIT 1"
    ).iloc[0]
    total = purchases.frame("SELECT count(*) AS n FROM purchases")["n"].iloc[0]
    spend = split.holdout["spend"]
    return {
        "common_spend": float(common["spend"]),
        "share_common_spend": _share(float(common["n"]), float(total)) if common["spend"] > 0 else NAN,
        "share_largest_holdout": _share(float(spend.max()), float(spend.sum())),
    }


def _of_gaps(table: pd.DataFrame, stop: pd.Timestamp, collapse: str | None) -> dict[str, Any]:
    """Gaps count the days without a purchase, of which there are six between two Mondays."""
    days = pd.DatetimeIndex(table.index)
    gaps = np.diff(days.to_numpy()) / np.timedelta64(1, "D")
    if len(gaps) == 0:
        return {"longest_gap": 0.0, "gap_start": "", "gap_end": "", "quiet_end": 0.0}
    usual = max(USUAL_GAPS * float(np.median(gaps)), 1.0)
    place = int(gaps.argmax())
    last = days[-1] if collapse is None else days[-1].to_period(collapse).end_time.normalize()
    quiet = float((stop - last) / pd.Timedelta(days=1)) - 1
    return {
        "longest_gap": float(gaps[place]) - 1 if gaps[place] >= usual else 0.0,
        "gap_start": _day(days[place] + pd.Timedelta(days=1)),
        "gap_end": _day(days[place + 1] - pd.Timedelta(days=1)),
        "quiet_end": quiet if quiet + 1 >= usual else 0.0,
    }


def _of_dates(purchases: pd.Series, period: str | None) -> dict[str, Any]:
    total = float(purchases.sum())
    busiest = _share(float(purchases.max()), total) if len(purchases) >= FEWEST_DAYS else NAN
    days = pd.DatetimeIndex(purchases.index)
    on_first = float(purchases[days.day == 1].sum())
    return {
        "share_busiest_day": NAN if period else busiest,
        "busiest_day": _day(days[int(purchases.argmax())]),
        "share_first_of_month": NAN if period else _share(on_first, total),
        "starts_of_periods": float(period is not None),
        "period_name": "" if period is None else TIME_UNITS[period].name,
    }


def _of_jumps(days: pd.DataFrame, period: str | None) -> dict[str, Any]:
    """By days with purchases, so that a gap is no jump; first purchases end with a campaign, and no drop."""
    nothing: dict[str, Any] = {"drop": NAN, "drop_day": "", "rise": NAN, "rise_day": ""}
    if period is not None or len(days) < 2 * WINDOW:
        return nothing
    before, after = _adjacent_sums(days["repeats"])
    drop = np.where(before >= FEWEST_IN_WINDOW, 1 - after / np.maximum(before, 1), -np.inf)
    before, after = _adjacent_sums(days["purchases"])
    rise = np.where(after >= FEWEST_IN_WINDOW, after / np.maximum(before, 1), -np.inf)
    starts = pd.DatetimeIndex(days.index)[WINDOW:]
    return {
        "drop": float(drop.max()),
        "drop_day": _day(starts[int(drop.argmax())]),
        "rise": float(rise.max()),
        "rise_day": _day(starts[int(rise.argmax())]),
    }


def _adjacent_sums(counts: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """The sums of each `WINDOW` days with purchases, and of the next."""
    total = np.concatenate([[0.0], counts.to_numpy(dtype=float).cumsum()])
    sums = total[WINDOW:] - total[:-WINDOW]
    return sums[:-WINDOW], sums[WINDOW:]
