"""The customer table by loops over rows, as the documentation defines it: slow, and apart from clvml's SQL.

Nothing of clvml is called. A log is a DataFrame of what each row means: ``customer`` (None: missing),
``date`` (NaT: unreadable), ``amount`` (a Decimal; None: unreadable), ``is_return``, and ``cells``, the row as
it stands in the source. Money is added up in decimals as written, and becomes a float at the end.
"""

from collections import defaultdict
from decimal import Decimal
from typing import NamedTuple

import pandas as pd

DAYS = {"D": 1.0, "W": 7.0, "M": 30.4375, "Q": 365.25 / 4, "Y": 365.25}
NEXT = {
    "D": pd.DateOffset(days=1),
    "W": pd.DateOffset(weeks=1),
    "M": pd.DateOffset(months=1),
    "Q": pd.DateOffset(months=3),
    "Y": pd.DateOffset(years=1),
}
RULES = ("missing_customer", "bad_date", "bad_amount", "future_date", "duplicates", "returns", "zero_amount")
ZERO = Decimal(0)


class Table(NamedTuple):
    """Customers by their columns, counts of exclusions, and money by destination."""

    customers: pd.DataFrame
    counts: dict
    money: dict


class Log:
    """The rows of a log that a policy accepts, with a report of the others."""

    def __init__(self, log, policy):
        self.policy = policy
        in_future = log["date"] > pd.Timestamp.now("UTC").tz_localize(None) + pd.Timedelta(hours=14)
        broken = {
            "missing_customer": log["customer"].isna(),
            "bad_date": log["date"].isna(),
            "bad_amount": log["amount"].isna(),
            "future_date": in_future,
            "duplicates": log["cells"].duplicated(),
            "returns": log["is_return"],
            "zero_amount": (log["amount"] == ZERO) & ~log["is_return"],
        }
        reason = pd.Series(None, index=log.index, dtype=object)
        for name in reversed(RULES):
            if getattr(policy, name) == "drop":
                reason[broken[name]] = name
        self.used = log[reason.isna()]
        self.rows = {name: int(broken[name].sum()) for name in RULES}
        self.set_aside = {name: int((reason == name).sum()) for name in RULES}
        self._by_customer = defaultdict(list)
        for who, when, paid, back in self.used[["customer", "date", "amount", "is_return"]].itertuples(
            index=False
        ):
            self._by_customer[who].append((when, paid, back))

    def end(self, collapse, day=None):
        """The end of the period with a day (default: the last), or of the last complete period."""
        last = self.used["date"].max().normalize()
        stop, clock = end_of(last if day is None else day, collapse)
        seen = last if day is None else max(last, day)
        incomplete = seen < stop - pd.Timedelta(days=1)
        if collapse in (None, "D") or not incomplete or self.used["date"].min() >= clock:
            return stop, clock
        return clock, start_of(clock - pd.Timedelta(days=1), collapse)

    def table(self, calibration, observation, time_unit, collapse):
        """The customers known by the first end, and what they bought until the second."""
        stop, clock = calibration
        rows, counts, money = {}, defaultdict(int), defaultdict(lambda: ZERO)
        for who, lines in self._by_customer.items():
            known = self._purchases(lines, collapse, stop)
            later = self._purchases(lines, collapse, observation[0])
            bought = {when: spend for when, spend in known.spend.items() if when < stop}
            held_out = {when: spend for when, spend in later.spend.items() if when >= stop}
            late = [paid for when, paid, _ in lines if when >= observation[0]]
            counts["rows_after_observation_end"] += len(late)
            counts["purchases_fully_returned"] += later.fully_returned
            money["after_observation_end"] += sum(late, ZERO)
            money["unattributed_returns"] -= later.unattributed
            money["returned_after_calibration"] += sum(
                later.left.get(when, ZERO) - spend for when, spend in bought.items()
            )
            spent = sum(held_out.values(), ZERO)
            if not bought:
                acquired = "acquired_in_holdout" if held_out else "without_purchase"
                counts[f"customers_{acquired}"] += 1
                money["customers_acquired_in_holdout"] += spent
                continue
            money["calibration"] += sum(bought.values(), ZERO)
            money["holdout"] += spent
            rows[who] = [*_history(bought, clock, DAYS[time_unit]), float(len(held_out)), float(spent)]
        names = ["frequency", "recency", "T", "monetary_value", "total_spend", "first_purchase"]
        customers = pd.DataFrame.from_dict(rows, orient="index", columns=[*names, "purchases", "spend"])
        counts["customers"] = len(customers)
        return Table(
            customers.sort_index(), dict(counts), {name: float(sum_) for name, sum_ in money.items()}
        )

    def _purchases(self, lines, collapse, until):
        lines = [line for line in lines if line[0] < until]
        if self.policy.returns == "net":
            return _last_in_first_out(lines, collapse)
        periods = defaultdict(list)
        for when, paid, back in lines:
            periods[start_of(when, collapse)].append((paid, back))
        found = Purchases({}, {}, 0, ZERO)
        for period, parts in periods.items():
            total = sum((paid for paid, _ in parts), ZERO)
            if self.policy.returns == "net_period" and any(back for _, back in parts) and total <= 0:
                found.unattributed -= total
                found.fully_returned += any(not back or paid > 0 for paid, back in parts)
                continue
            found.spend[period] = found.left[period] = total
        return found


class Purchases:
    """Purchases of a customer: spend by period, what is left of each, and what became of returns."""

    def __init__(self, spend, left, fully_returned, unattributed):
        self.spend, self.left = spend, left
        self.fully_returned, self.unattributed = fully_returned, unattributed


def _last_in_first_out(lines, collapse):
    """Each return off the purchase of its day (its moment, without periods), then off the one before."""
    moments = defaultdict(list)
    for when, paid, back in lines:
        moments[start_of(when, None if collapse is None else "D")].append((paid, back))
    stack, unattributed = [], ZERO
    for moment in sorted(moments):
        parts = moments[moment]
        paid = sum((paid for paid, _ in parts if paid > 0), ZERO)
        has_purchase = any(not back or paid > 0 for paid, back in parts)
        stack.append([moment, has_purchase, paid, paid])
        returned = -sum((paid for paid, _ in parts if paid < 0), ZERO)
        for purchase in reversed(stack):
            if not returned:
                break
            taken = min(returned, purchase[3])
            purchase[3] -= taken
            returned -= taken
        unattributed += returned
    periods = defaultdict(list)
    for moment, has_purchase, paid, left in stack:
        if has_purchase:
            periods[start_of(moment, collapse)].append((paid, left))
    left = {period: sum((left for _, left in parts), ZERO) for period, parts in periods.items()}
    kept = [period for period, parts in periods.items() if any(not paid or left for paid, left in parts)]
    return Purchases({period: left[period] for period in kept}, left, len(left) - len(kept), unattributed)


def _history(bought, clock, days):
    first, last = min(bought), max(bought)
    unit = days * 86_400e6
    repeats = [spend for when, spend in bought.items() if when > first]
    mean = float(sum(repeats, ZERO)) / len(repeats) if repeats else 0.0
    return [
        float(len(repeats)),
        _microseconds(last - first) / unit,
        _microseconds(clock - first) / unit,
        mean,
        float(sum(bought.values(), ZERO)),
        first,
    ]


def _microseconds(length):
    return length.value // 1000 if length.unit == "ns" else length // pd.Timedelta(microseconds=1)


def start_of(moment, collapse):
    """The start of the period of a moment; weeks start on Mondays."""
    day = moment.normalize()
    if collapse is None:
        return moment
    if collapse == "D":
        return day
    if collapse == "W":
        return day - pd.Timedelta(days=day.weekday())
    month = {"M": day.month, "Q": 3 * ((day.month - 1) // 3) + 1, "Y": 1}[collapse]
    return day.replace(month=month, day=1)


def end_of(day, collapse):
    """Where the rows of the period that has a day stop, and the time to which ``T`` counts."""
    if collapse is None:
        midnight = day.normalize() + pd.Timedelta(days=1)
        return midnight, midnight
    start = start_of(day, collapse)
    return start + NEXT[collapse], start
