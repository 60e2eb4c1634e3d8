"""Scorecard of customer metrics, with units and targets.

CLV:CAC is the lifetime value of a *new* customer, first purchase included, relative to customer acquisition
cost. The value of present customers is their residual lifetime value, to which acquisition cost, a sunk cost,
is irrelevant.

Source: Gupta, Lehmann, "Managing Customers as Investments" (2005).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from clvml.customers._summary import summarize
from clvml.customers._summary_checks import check_customers
from clvml.customers._time_units import stated_time_unit, time_unit_of
from clvml.customers._transactions import Transactions, as_transactions
from clvml.errors import InputError
from clvml.lifetime_value._protocol import ValueModel
from clvml.lifetime_value.economics._early_value import first_purchases
from clvml.lifetime_value.economics._new_customer import new_customer_value
from clvml.lifetime_value.economics._profitability import by_customer
from clvml.lifetime_value.formulas._retention_rate import estimate_retention_rate
from clvml.lifetime_value.formulas._sums import checked

LESS_IS_BETTER = ("acquisition_cost", "payback", "complaint_rate")
FIGURES = (
    "clv",
    "new_customer_value",
    "acquisition_cost",
    "clv_to_cac",
    "payback",
    "retention_rate",
    "repeat_rate",
    "return_on_marketing",
)
FURTHER_FIGURES = ("satisfaction", "nps", "complaint_rate")  # that other parts of a run add
_COLUMNS = ("frequency", "recency", "T", "monetary_value", "total_spend")


def scorecard(
    customers: pd.DataFrame,
    values: pd.Series,
    *,
    new_customer_value: float | None = None,
    acquisition_cost: float = 0.0,
    margin: float = 1.0,
    marketing_cost: float = 0.0,
    targets: Mapping[str, float] | None = None,
    further: Mapping[str, tuple[float, str]] | None = None,
) -> pd.DataFrame:
    """Key customer metrics, with units and targets.

    Parameters
    ----------
    customers : pandas.DataFrame
        The summary: ``frequency, recency, T, monetary_value, total_spend``.
    values : pandas.Series
        Lifetime value of each present customer, in currency units.
    new_customer_value : float, optional
        Lifetime value of a new customer, first purchase included, as `clvml.new_customer_value` gives it.
    acquisition_cost : float, default 0
        Customer acquisition cost (CAC).
    margin : float, default 1
        Profit per unit of spend.
    marketing_cost : float, default 0
        Total marketing cost of these customers to date.
    targets : mapping of str to float, optional
        Target by figure.
    further : mapping of str to (float, str), optional
        Further figures with their units, such as ``{"satisfaction": (0.85, "share who are satisfied")}``,
        after the others.

    Returns
    -------
    pandas.DataFrame
        Index ``figure``: ``clv`` (mean over present customers), ``new_customer_value``,
        ``acquisition_cost``, ``clv_to_cac`` (of a new customer), ``payback`` (time until the mean
        customer's margin covers the acquisition cost; 0 if the first purchase does),
        ``retention_rate``, ``repeat_rate`` and ``return_on_marketing``. Columns ``value``, ``unit`` (such
        as "per year" for the retention rate), ``target``, ``gap`` (value - target) and ``met``
        (True, False, or None without a target). Figures that need an argument that was not given are NaN.

    Raises
    ------
    InputError
        If a target is unknown, a cost is negative, ``values`` lacks a customer, or a further figure has the
        name of another.

    See Also
    --------
    clvml.lifetime_value.economics.scorecard_over_time : The figures at several dates.
    clvml.new_customer_value : The value of a new customer.
    clvml.value_over_time : Order value, frequency and retention by period.

    Examples
    --------
    >>> import clvml
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> model = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), "12M", 0.1).fit(customers)
    >>> card = clvml.scorecard(customers, model.predict(customers), new_customer_value=81.8,
    ...                        acquisition_cost=30.0, targets={"clv_to_cac": 3.0})
    >>> card.loc[["clv", "clv_to_cac", "repeat_rate"], ["value", "target", "met"]].round(2)
                 value  target    met
    figure
    clv          30.73     NaN   None
    clv_to_cac    2.73     3.0  False
    repeat_rate   0.40     NaN   None
    """
    table = check_customers(customers, _COLUMNS, losses=True)
    clv = float(by_customer("values", values, table.index, lowest=-math.inf).mean())
    won = math.nan if new_customer_value is None else float(checked("new_customer_value", new_customer_value))
    cost = float(checked("acquisition_cost", acquisition_cost, lowest=0))
    spent = float(checked("marketing_cost", marketing_cost, lowest=0))
    kept = float(checked("margin", margin, lowest=0))
    profit = kept * table["total_spend"].sum() - spent
    unit = stated_time_unit(customers)
    retention, per = _retention(table, unit)
    time = "time units" if unit is None else f"{time_unit_of(unit).name}s"
    figures = {
        "clv": (clv, "money per present customer"),
        "new_customer_value": (won, "money per new customer"),
        "acquisition_cost": (cost, "money per new customer"),
        "clv_to_cac": (won / cost if cost else math.nan, "new_customer_value / acquisition_cost"),
        "payback": (_payback(table, cost, kept), time),
        "retention_rate": (retention, per),
        "repeat_rate": (float((table["frequency"] > 0).mean()), "share of customers who bought again"),
        "return_on_marketing": (profit / spent if spent else math.nan, "profit per money spent"),
    }
    clash = [name for name in further or {} if name in figures]
    if clash:
        raise InputError(f"further has {clash[0]!r}, which the scorecard computes itself; name it otherwise.")
    figures |= further or {}
    card = against_targets({name: value for name, (value, _) in figures.items()}, targets)
    card.insert(1, "unit", [unit for _, unit in figures.values()])
    return card


def scorecard_over_time(
    transactions: Transactions | Any,
    model: ValueModel,
    ends: Sequence[Any],
    *,
    collapse: str | None = "D",
    acquisition_cost: float | pd.Series = 0.0,
    marketing_cost: float | pd.Series = 0.0,
    margin: float | None = None,
    covariates: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """The figures of the scorecard at several dates, each from what was known then.

    The model is as fitted, so that the figures differ by the customers and not by its parameters.

    Parameters
    ----------
    transactions : Transactions or frame
        From `read_transactions`, or a DataFrame or path with the default column names.
    model : ValueModel
        Fitted.
    ends : sequence of dates
        Last days of observation, inclusive.
    collapse : {"D", "W", "M", "Q", "Y", None}, default "D"
        As in `summarize`.
    acquisition_cost, marketing_cost : float or pandas.Series, default 0
        At all dates, or by date; of the marketing cost the total until then.
    margin : float, optional
        Default: the model's.
    covariates : pandas.DataFrame, optional
        The covariates of each customer, if the model has any.

    Returns
    -------
    pandas.DataFrame
        Index ``date``; a column per figure of `scorecard`, and ``customers``.

    Raises
    ------
    InputError
        As `summarize` and `scorecard`.

    See Also
    --------
    clvml.scorecard : The figures and their meaning.
    clvml.value_over_time : Order value, frequency and retention by period.

    Examples
    --------
    >>> import clvml
    >>> from clvml.lifetime_value.economics import scorecard_over_time
    >>> transactions = clvml.load_cdnow()
    >>> model = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), "12M", 0.1)
    >>> model = model.fit(clvml.summarize(transactions, "1997-09-30"))
    >>> found = scorecard_over_time(transactions, model, ["1997-06-30", "1997-09-30"])
    >>> found[["customers", "clv", "repeat_rate"]].round(2)
                customers    clv  repeat_rate
    date
    1997-06-30     2357.0  35.10         0.34
    1997-09-30     2357.0  30.73         0.40
    """
    source, share = as_transactions(transactions), model.margin if margin is None else margin
    rows = {}
    for end in ends:
        customers = summarize(source, end, str(model.time_unit_), collapse)
        joined = customers if covariates is None else customers.join(covariates.reindex(customers.index))
        joined.attrs.update(customers.attrs)
        first = float(first_purchases(customers).mean())
        card = scorecard(
            customers,
            model.predict(joined),
            new_customer_value=_new_or_none(model, first),
            acquisition_cost=_at(acquisition_cost, end),
            marketing_cost=_at(marketing_cost, end),
            margin=share,
        )
        rows[pd.Timestamp(end)] = {**card["value"].to_dict(), "customers": float(len(customers))}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("date")


def _at(cost: float | pd.Series, end: Any) -> float:
    return float(cost[end]) if isinstance(cost, pd.Series) else float(cost)


def _new_or_none(model: ValueModel, first_purchase: float) -> float | None:
    try:
        return new_customer_value(model, max(first_purchase, 0.0))
    except (InputError, KeyError):  # the model needs columns that a new customer does not have
        return None


def _retention(table: pd.DataFrame, time_unit: str | None) -> tuple[float, str]:
    """The retention rate, per year if the customers have a time unit."""
    rate = estimate_retention_rate(*(table[name].to_numpy() for name in ("frequency", "recency", "T"))).rate
    if time_unit is None:
        return rate, "per time unit"
    return rate ** time_unit_of(time_unit).per_year, "per year"


def _payback(table: pd.DataFrame, cost: float, margin: float) -> float:
    """Time until the mean customer's margin on first and repeat purchases covers the acquisition cost.

    Repeat purchases are at the mean rate per customer and time unit; infinite if there are none.
    """
    repeat = table["frequency"] * table["monetary_value"]
    missing = cost - margin * float((table["total_spend"] - repeat).mean())
    if missing <= 0:
        return 0.0
    time = float(table["T"].sum())
    rate = margin * float(repeat.sum()) / time if time else 0.0
    return missing / rate if rate else math.inf


def against_targets(figures: Mapping[str, float], targets: Mapping[str, float] | None = None) -> pd.DataFrame:
    """Compare figures with their targets; for costs and payback, less is better.

    Parameters
    ----------
    figures, targets : mapping of str to float
        Targets may be given for some of the figures.

    Returns
    -------
    pandas.DataFrame
        Index ``figure``; columns ``value, target, gap, met``, as in `scorecard`.

    Raises
    ------
    InputError
        If a target is not among the figures.

    Examples
    --------
    >>> against_targets({"repeat_rate": 0.4, "payback": 12.0}, {"repeat_rate": 0.5, "payback": 20.0})
                 value  target  gap    met
    figure
    repeat_rate    0.4     0.5 -0.1  False
    payback       12.0    20.0 -8.0   True
    """
    wanted = dict(targets or {})
    unknown = [name for name in wanted if name not in figures]
    if unknown:
        raise InputError(f"targets has {unknown[0]!r}; the figures are {', '.join(figures)}.")
    table = pd.DataFrame({"value": pd.Series(dict(figures), dtype=np.float64)}).rename_axis("figure")
    table["target"] = pd.Series({name: wanted.get(name, math.nan) for name in figures}, dtype=np.float64)
    table["gap"] = table["value"] - table["target"]
    met = [
        None if math.isnan(gap) else bool(gap <= 0 if name in LESS_IS_BETTER else gap >= 0)
        for name, gap in table["gap"].items()
    ]
    return table.assign(met=pd.Series(met, table.index, dtype=object))
