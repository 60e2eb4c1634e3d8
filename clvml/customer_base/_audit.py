"""The five lenses of the customer-base audit in one pass over the purchases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from clvml.customer_base._base_over_time import base_over_time
from clvml.customer_base._cohort_lenses import CohortComparison, cohort_by_age, cohort_comparison
from clvml.customer_base._cohort_table import cohort_cells
from clvml.customer_base._customer_periods import CustomerPeriods, Window, customer_periods
from clvml.customer_base._period_comparison import PeriodComparison, comparison_of
from clvml.customer_base._period_profile import PeriodProfile, profile_of
from clvml.customers._time_units import TIME_UNITS
from clvml.customers._transactions import Transactions
from clvml.errors import InputError


@dataclass(frozen=True, eq=False)
class CustomerBaseAudit:
    """A customer base through five lenses.

    Attributes
    ----------
    period : {"D", "W", "M", "Q", "Y"}
        Unit of the cohorts and of their age.
    table : pandas.DataFrame
        As from `cohort_table`: index ``cohort, age``.
    latest : Window
        The periods of lens 1.
    profile : PeriodProfile
        Lens 1, one period in depth.
    comparison : PeriodComparison or None
        Lens 2, that period and the one before; None if the data do not reach back that far.
    cohort : pandas.DataFrame
        Lens 3, as from `cohort_by_age`.
    cohorts : CohortComparison
        Lens 4.
    base : pandas.DataFrame
        Lens 5, as from `base_over_time`.

    See Also
    --------
    clvml.customer_base.audit : The function that makes one.
    clvml.plots.cohort_heat_map : The table as a figure.
    clvml.plots.base_over_time : Lens 5 as a figure.

    Examples
    --------
    The customers of CDNOW by quarter of their first purchase. Lens 3 follows the largest cohort that was
    observed for long enough:

    >>> import clvml
    >>> from clvml.customer_base import audit
    >>> found = audit(clvml.load_cdnow(), "Q")
    >>> found.cohort["retention"].round(2).tolist()
    [1.0, 0.22, 0.18, 0.17, 0.16, 0.13]
    >>> list(found.describe("$"))
    ['base', 'period', 'comparison', 'cohort', 'cohorts']
    """

    period: str
    table: pd.DataFrame
    latest: Window
    profile: PeriodProfile
    comparison: PeriodComparison | None
    cohort: pd.DataFrame
    cohorts: CohortComparison
    base: pd.DataFrame

    @property
    def has_money(self) -> bool:
        """Whether the purchases have money."""
        return "revenue" in self.table

    @property
    def shorter_than_a_year(self) -> bool:
        """Whether lenses 1 and 2 are about less than a year, so that seasons differ."""
        return self.latest.length < TIME_UNITS[self.period].per_year

    def describe(self, currency: str = "") -> dict[str, str]:
        """What each lens shows, in a few sentences.

        Parameters
        ----------
        currency : str
            Sign or code of the amounts.

        Returns
        -------
        dict of str to str
            By ``base, period, comparison, cohort, cohorts``.
        """
        from clvml.customer_base._words import describe

        return describe(self, currency)


def audit(
    transactions: Transactions | Any,
    period: str = "M",
    *,
    margin: float = 1.0,
    cohort: str | None = None,
    age: int | None = None,
    observation_end: Any = None,
    collapse: str | None = "D",
) -> CustomerBaseAudit:
    """Audit a customer base: cohorts by age, and the five lenses.

    Parameters
    ----------
    transactions : Transactions or frame
        From `read_transactions`, or a DataFrame or path with the default column names.
    period : {"D", "W", "M", "Q", "Y"}, default "M"
        Length of a cohort and unit of its age. Lenses 1 and 2 take the last year of complete periods, or of
        less than two years the second half.
    margin : float, default 1
        Profit per unit of revenue.
    cohort : str, optional
        That of lens 3; see `cohort_by_age`.
    age : int, optional
        At which lens 4 compares cohorts; see `compare_cohorts`.
    observation_end : date, optional
        Last day of observation, inclusive. Default: the last day of the data.
    collapse : {"D", "W", "M", "Q", "Y", None}, default "D"
        Period within which purchases are merged to one, as in `summarize`.

    Returns
    -------
    CustomerBaseAudit
        The five lenses as tables; ``describe()`` has them in words.

    Raises
    ------
    InputError
        If an argument is out of range, or there is no purchase.

    See Also
    --------
    clvml.customer_base.cohort_table : The table of cohorts alone.
    clvml.customer_base.period_profile : Lens 1, with a period of one's choice.
    clvml.customer_base.compare_periods : Lens 2, with periods of one's choice.
    clvml.workflow.run : The audit in the report of a project.

    References
    ----------
    Fader, P., Hardie, B., Ross, M. (2022), *The Customer-Base Audit*. Wharton School Press.

    Examples
    --------
    >>> from clvml.customer_base import audit
    >>> import clvml
    >>> found = audit(clvml.load_cdnow(), "Q")
    >>> found.profile.window, found.cohort.attrs["cohort"], found.cohorts.age
    ('1997Q4 to 1998Q2', '1997Q1', 2)
    """
    with customer_periods(transactions, period, observation_end=observation_end, collapse=collapse) as base:
        return audit_of(base, margin, cohort, age)


def audit_of(
    base: CustomerPeriods, margin: float = 1.0, cohort: str | None = None, age: int | None = None
) -> CustomerBaseAudit:
    """The audit of customers by period."""
    table = cohort_cells(base)
    latest = last_window_with_orders(base, table)
    comparison = None
    if latest.first.ordinal - latest.length >= base.first.ordinal:
        comparison = comparison_of(base, base.before(latest), latest)
    return CustomerBaseAudit(
        base.period,
        table,
        latest,
        profile_of(base, latest, margin),
        comparison,
        cohort_by_age(table, cohort),
        cohort_comparison(base, table, age),
        base_over_time(table),
    )


def last_window_with_orders(base: CustomerPeriods, table: pd.DataFrame) -> Window:
    """The latest window; if nobody bought in it, one as long that ends with the last order.

    Raises
    ------
    InputError
        If there is no order in a complete period.
    """
    latest = base.latest()
    bought = table["period"][(table["orders"] > 0) & table["complete"]]
    if bought.empty:
        raise InputError("nobody bought in a complete period: choose a shorter period.")
    last = bought.max().to_period(base.period)
    if last >= latest.first:
        return latest
    first = max((last - (latest.length - 1)).ordinal, base.first.ordinal)
    return Window(pd.Period(ordinal=first, freq=base.period), last)
