"""Backtest of models that value new customers: at arrival, judged a horizon later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import clone

from clvml.customers._purchase_ages import query_purchase_ages
from clvml.customers._summary import summarize
from clvml.customers._time_units import horizon_in
from clvml.customers._transactions import Transactions, as_transactions
from clvml.errors import InputError
from clvml.evaluation._comparison import compare
from clvml.evaluation._table_metrics import DEFAULT_METRICS
from clvml.lifetime_value._new_customer_value import FIRST_SPEND, NewCustomerValue

MEAN = "mean of all"
_MISSING = "(missing)"


class _Arrivals(NamedTuple):
    """Customers acquired after an origin, and those observed for a horizon before it."""

    customers: pd.DataFrame
    value: pd.Series
    known: pd.DataFrame
    known_value: pd.Series


def new_customer_backtest(
    transactions: Transactions | Any,
    models: Mapping[str, NewCustomerValue],
    origins: Sequence[Any],
    horizon: float | str,
    attributes: pd.DataFrame | None = None,
    *,
    group: str | None = None,
    observation_end: Any = None,
    time_unit: str = "W",
    metrics: Sequence[str] = DEFAULT_METRICS,
    intervals: bool = False,
    random_state: int = 0,
) -> pd.DataFrame:
    """Compare models of new customers on customers who arrive after each origin.

    At each origin, models are fitted to the customers acquired until then, as observed then. They predict
    each customer who arrives later, and early enough to be observed for the horizon, from what is known at
    (or before) the first order; the outcome is what the customer spends in the horizon after the first order,
    including it for models with ``first_purchase=False``. Baselines are means over customers acquired and
    observed for a whole horizon before the origin: of all, and of those with the same level of ``group``.

    Parameters
    ----------
    transactions : Transactions or frame
        From `read_transactions`, or a DataFrame or path with the default column names.
    models : mapping of str to NewCustomerValue
        Cloned and fitted at each origin; undiscounted, with a margin of 1, and ``first_purchase`` the same.
    origins : sequence of dates
        Last days of the calibration periods.
    horizon : float or str
        In ``time_unit``, or as text, such as ``"6M"``.
    attributes : DataFrame, optional
        By customer id: what is known at the first order.
    group : str, optional
        A categorical attribute, such as the channel, for the baseline.
    observation_end : date, optional
        As in `summarize`.
    time_unit : {"D", "W", "M", "Q", "Y"}, default "W"
        Unit of times and of ``horizon``.
    metrics : sequence of str
        As in `compare`.
    intervals : bool, default False
        As in `compare`.
    random_state : int, default 0
        As in `compare`.

    Returns
    -------
    pandas.DataFrame
        Index ``origin, model``; columns ``customers`` (arrivals), ``actual`` (their total) and those of
        `compare`.

    Raises
    ------
    InputError
        If models disagree on ``first_purchase`` or are discounted, a customer has no attributes, or at an
        origin nobody arrives, or nobody has been observed for the horizon, or nobody spends.

    See Also
    --------
    clvml.NewCustomerValue : The model.
    clvml.backtest : The same for present customers.

    Examples
    --------
    A thousand simulated customers; those of the web spend half as much per order:

    >>> import clvml
    >>> import numpy as np
    >>> import pandas as pd
    >>> rng, n = np.random.default_rng(1), 1000
    >>> channel = rng.choice(["web", "shop"], n)
    >>> gaps = rng.exponential(1 / rng.gamma(1.0, 0.02, (n, 1)), (n, 40))  # days between orders
    >>> days = rng.uniform(0, 700, (n, 1)) + np.cumsum(np.c_[np.zeros(n), gaps], axis=1)
    >>> stays = rng.random((n, 40)) > rng.beta(1.0, 3.0, (n, 1))  # after an order
    >>> who, order = np.nonzero((np.cumprod(np.c_[np.ones(n), stays], axis=1) > 0) & (days < 730))
    >>> sales = pd.DataFrame({
    ...     "customer_id": who,
    ...     "date": pd.Timestamp("2023-01-01") + pd.to_timedelta(days[who, order].astype(int), "D"),
    ...     "amount": np.where(channel[who] == "web", 20.0, 40.0) * rng.gamma(4.0, 0.25, who.size),
    ... })
    >>> found = clvml.new_customer_backtest(
    ...     sales, {"BG/NBD": clvml.NewCustomerValue("6M", ["channel"])}, ["2023-12-31"], "6M",
    ...     pd.DataFrame({"channel": channel}), group="channel")
    >>> found[["customers", "bias_pct"]].round(1)
                                customers  bias_pct
    origin     model
    2023-12-31 mean of all            253     -14.3
               mean by channel        253     -11.1
               BG/NBD                 253     -10.2
    """
    known_first = _check_models(models)
    source = as_transactions(transactions)
    span = horizon_in(horizon, time_unit)
    everyone = _joined(summarize(source, observation_end, time_unit=time_unit), attributes)
    value = value_after_first(source, everyone, span, including_first=not known_first)
    tables = {}
    for origin in origins:
        day = pd.Timestamp(origin)
        calibration = _joined(summarize(source, day, time_unit=time_unit), attributes)
        arrivals = _arrivals(everyone, value, calibration, day, span)
        predictions = _baselines(arrivals, group)
        for name, model in models.items():
            fitted = clone(model).fit(calibration)
            predictions[name] = fitted.predict(arrivals.customers[list(model.required_columns)], span)
        families = dict.fromkeys(set(map(str, predictions)) - set(models), "baseline")
        table = compare(
            arrivals.value,
            predictions,
            families,
            metrics=metrics,
            intervals=intervals,
            random_state=random_state,
        )
        table.insert(0, "customers", len(arrivals.value))
        table.insert(1, "actual", float(arrivals.value.sum()))
        tables[f"{day:%Y-%m-%d}"] = table
    return pd.concat(tables, names=["origin"])


def value_after_first(
    transactions: Transactions | Any, customers: pd.DataFrame, horizon: float, *, including_first: bool
) -> pd.Series:
    """What each customer spent within the horizon after the first purchase, with or without it.

    Parameters
    ----------
    transactions : Transactions or frame
        The source of the summary.
    customers : DataFrame
        From `summarize`.
    horizon : float
        In the summary's time unit.
    including_first : bool

    Returns
    -------
    Series
        On the customers' index; NaN for those not observed that long.
    """
    since = "age >= 0" if including_first else "age > 0"
    query = (
        "SELECT CAST(position AS INTEGER) AS position, CAST(coalesce(sum(spend) FILTER (WHERE"
        f" {since} AND age <= {horizon + 1e-9!r}), 0) AS DOUBLE) AS value FROM ages GROUP BY 1"
    )
    found = query_purchase_ages(transactions, customers, query).set_index("position")["value"]
    value = found.reindex(range(len(customers)), fill_value=0.0).to_numpy()
    observed = customers["T"].to_numpy() >= horizon - 1e-9
    return pd.Series(np.where(observed, value, np.nan), customers.index, name="value")


def _check_models(models: Mapping[str, NewCustomerValue]) -> bool:
    """Whether the models know the first purchase."""
    if not models:
        raise InputError("there is no model to test.")
    kinds = {bool(model.first_purchase) for model in models.values()}
    if len(kinds) > 1:
        raise InputError(
            "models at and before the first order predict different values: test those with"
            " first_purchase=True and those with False separately."
        )
    for name, model in models.items():
        if model.annual_discount_rate != 0 or model.margin != 1:
            raise InputError(f"{name!r} must be undiscounted, with a margin of 1, to be compared with spend.")
    return kinds.pop()


def _joined(customers: pd.DataFrame, attributes: pd.DataFrame | None) -> pd.DataFrame:
    """The summary with the attributes and the first purchase."""
    first = customers["total_spend"] - customers["frequency"] * customers["monetary_value"]
    joined = customers.assign(**{FIRST_SPEND: first.clip(lower=0.0)})
    if attributes is not None:
        if not attributes.index.is_unique:
            raise InputError("the attributes have several rows of one customer.")
        unknown = ~customers.index.isin(attributes.index)
        if unknown.any():
            raise InputError(
                f"{unknown.sum()} of {len(customers)} customers have no row of attributes: give one for each,"
                " with missing values where they are unknown."
            )
        joined = joined.join(attributes)
    joined.attrs = customers.attrs
    return joined


def _arrivals(
    everyone: pd.DataFrame, value: pd.Series, calibration: pd.DataFrame, day: pd.Timestamp, span: float
) -> _Arrivals:
    new = ~everyone.index.isin(calibration.index) & value.notna().to_numpy()
    known = calibration[calibration["T"] >= span - 1e-9]
    if not new.any() or known.empty:
        who = "no customer arrives after it" if not new.any() else "no customer was acquired before it"
        raise InputError(
            f"at the origin {day:%Y-%m-%d} {who} and is observed for the horizon of {span:g}: choose another"
            " origin, or a shorter horizon."
        )
    return _Arrivals(everyone[new], value[new], known, value[known.index])


def _baselines(arrivals: _Arrivals, group: str | None) -> pd.DataFrame:
    """The mean value of customers before the origin, and that of the same group."""
    mean = float(arrivals.known_value.mean())
    table = pd.DataFrame({MEAN: mean}, index=arrivals.customers.index)
    if group is not None:
        before, now = (_levels(rows, group) for rows in (arrivals.known, arrivals.customers))
        means = arrivals.known_value.groupby(before).mean()
        table[f"mean by {group}"] = now.map(means).fillna(mean).astype(float)
    return table


def _levels(customers: pd.DataFrame, group: str) -> pd.Series:
    if group not in customers:
        raise InputError(f"the attributes have no column {group!r}, by which to take means.")
    return customers[group].astype(object).where(customers[group].notna(), _MISSING)
