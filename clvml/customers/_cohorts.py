"""Cohorts: customers by the period of their first purchase, and their age since then.

A cohort is a calendar period of the shop: the month, quarter or year of the first purchase. There are two
ages, both in periods since the first purchase:

- a *customer's age* is elapsed time, not rounded (`age_in`): payback and lifetime value after so many
  periods;
- a *cohort's age* is the number of calendar periods after its own (`cohort_ages`): 0 in the period of the
  first purchases, which lasts from the purchase to the end of the period and so is shorter than the others.
  With it every purchase is in one cohort, at one age and in one calendar period, so that tables by cohort
  and age add up to the revenue of each period.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvml.customers._time_units import stated_time_unit, time_unit_of
from clvml.errors import InputError


def cohorts(customers: pd.DataFrame, period: str = "M") -> pd.Series:
    """The acquisition cohort of each customer: the period of the first purchase.

    If the data end within a period, the last cohort has only the customers acquired until then.

    Parameters
    ----------
    customers : pandas.DataFrame
        The customer summary, with ``first_purchase``.
    period : {"D", "W", "M", "Q", "Y"}, default "M"
        Length of the period in which the customers of a cohort were acquired.

    Returns
    -------
    pandas.Series
        Named ``cohort``, text, on the customers' index; groups for `equity_by_group`.

    Raises
    ------
    InputError
        If the summary lacks ``first_purchase``, or the period is unknown.

    See Also
    --------
    clvml.equity_by_group : The value of cohorts.
    clvml.PartialPooling : A model of each cohort.
    clvml.customer_base.CohortTrend : Cohorts over time.

    Examples
    --------
    >>> import clvml
    >>> import pandas as pd
    >>> clvml.cohorts(pd.DataFrame({"first_purchase": pd.to_datetime(["2024-01-31", "2024-02-01"])})).tolist()
    ['2024-01', '2024-02']
    """
    if "first_purchase" not in customers:
        raise InputError(
            "the customer summary lacks 'first_purchase'; create it with clvml.summarize or clvml.split."
        )
    time_unit_of(period)
    names = pd.to_datetime(customers["first_purchase"]).dt.to_period(period).astype(str)
    return names.rename("cohort")


def cohort_names(starts: pd.Series | pd.DatetimeIndex, period: str) -> pd.Index:
    """The names of cohorts, from the first days of their periods: those of `cohorts`.

    Examples
    --------
    >>> cohort_names(pd.DatetimeIndex(["2024-01-01", "2024-04-01"]), "Q").tolist()
    ['2024Q1', '2024Q2']
    """
    return pd.Index(pd.DatetimeIndex(starts).to_period(period).astype(str), name="cohort")


def cohort_ages(cohorts: pd.PeriodIndex, periods: pd.PeriodIndex) -> NDArray[np.int64]:
    """The ages of cohorts in calendar periods: whole periods from the cohort's own on, which is age 0.

    Examples
    --------
    >>> cohort_ages(pd.PeriodIndex(["2023-12"], freq="M"), pd.PeriodIndex(["2024-02"], freq="M")).tolist()
    [2]
    """
    return (periods.asi8 - cohorts.asi8).astype(np.int64)


def age_in(customers: pd.DataFrame, period: str) -> NDArray[np.float64]:
    """The age of each customer at the end of observation: periods since the first purchase, not rounded.

    Periods have the length of `clvml.customers._time_units`: a month is 30.4375 days.

    Parameters
    ----------
    customers : pandas.DataFrame, shape (n_customers, ...)
        The customer summary, with ``T`` and its time unit in ``attrs``.
    period : {"D", "W", "M", "Q", "Y"}

    Returns
    -------
    ndarray of shape (n_customers,)

    Raises
    ------
    InputError
        If the period is unknown, or the summary has no time unit.

    Examples
    --------
    >>> customers = pd.DataFrame({"T": [14.0, 30.4375]})
    >>> customers.attrs["time_unit"] = "D"
    >>> age_in(customers, "W").round(3).tolist(), age_in(customers, "M").round(3).tolist()
    ([2.0, 4.348], [0.46, 1.0])
    """
    return customers["T"].to_numpy(dtype=np.float64) * periods_per_unit(customers, period)


def periods_per_unit(customers: pd.DataFrame, period: str) -> float:
    """The number of periods in a time unit of the summary.

    Raises
    ------
    InputError
        If the period is unknown, or the summary has no time unit.
    """
    unit = stated_time_unit(customers)
    if unit is None:
        raise InputError(
            "the customer summary has no time unit; create it with clvml.summarize, or set"
            " customers.attrs['time_unit']."
        )
    return time_unit_of(unit).days / time_unit_of(period).days
