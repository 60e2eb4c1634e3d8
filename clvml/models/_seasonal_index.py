"""A seasonal index from an aggregate series, such as the sales of several years or of an industry."""

from __future__ import annotations

import numpy as np
import pandas as pd

from clvml.errors import InputError
from clvml.models._calendar import SEASONS, Array, days_in_periods, periods_of

_YEAR = 365.25
_STEPS = 100


def seasonal_index(series: pd.Series, season: str = "month") -> pd.Series:
    """The seasonal index of a dated series, such as monthly sales of several years.

    Poisson regression (quasi-likelihood) of the series on the month or week of the year, the length of each
    period and, from two years on, a log-linear trend. It assumes that the customers of a model buy by
    the season of the series, and that the season stays as it was.

    Parameters
    ----------
    series : Series
        Counts or money, not negative, by date (DatetimeIndex or PeriodIndex). A date is the start of its
        period; periods are as long as the time to the next one, and at most a month.
    season : {"month", "week"}, default "month"
        Of the index.

    Returns
    -------
    Series
        The index by month (1 to 12) or week of the year (1 to 52), 1 on average over a year.
        ``attrs`` has ``years`` and ``annual_growth``.

    Raises
    ------
    InputError
        If the series covers little more than a year, in which season and trend cannot be told apart, lacks a
        month or a week, or is invalid.

    See Also
    --------
    clvml.SeasonalPurchases : A model of purchases with the season.
    clvml.repeat_purchases_by_date : A series of one's own purchases.

    Examples
    --------
    >>> import clvml
    >>> import pandas as pd
    >>> months = pd.period_range("2009-01", "2011-12", freq="M")
    >>> sales = pd.Series([2.0 if month.month == 12 else 1.0 for month in months], months)
    >>> clvml.seasonal_index(sales).round(2).loc[[11, 12]].tolist()
    [0.94, 1.81]
    """
    if season not in SEASONS:
        raise InputError(f"season is {season!r}; it must be 'month' or 'week'.")
    starts, lengths, values = _checked(series)
    years = float(starts[-1] + lengths[-1] - starts[0]) / _YEAR
    if years < 1 + 0.9 / SEASONS[season]:
        raise InputError(
            f"the series covers {years:.2f} years: from a year or less a yearly season cannot be estimated,"
            " as each month is seen once, with whatever else happened then; give a longer series."
        )
    design = np.stack([_shares(start, length, season) for start, length in zip(starts, lengths, strict=True)])
    if (unseen := np.flatnonzero(design.sum(axis=0) == 0)).size:
        raise InputError(f"the series has no {season} {unseen[0] + 1} of the year.")
    time = (starts + lengths / 2 - starts[0]) / _YEAR
    index, growth = _fitted(design * lengths[:, None], values, time, with_trend=years >= 2)
    index /= float(days_in_periods(season) @ index)
    found = pd.Series(index, pd.RangeIndex(1, index.size + 1, name=season), name="index")
    found.attrs.update(years=round(years, 2), annual_growth=float(np.expm1(growth)))
    return found


def _checked(series: pd.Series) -> tuple[Array, Array, Array]:
    """Start and length in days, and value, of each period."""
    if not isinstance(series, pd.Series) or not isinstance(series.index, pd.DatetimeIndex | pd.PeriodIndex):
        raise InputError("the series must be a pandas Series by date, such as monthly sales.")
    if len(series) < 2 or not series.index.is_unique:
        raise InputError("the series must have at least two periods, each date once.")
    series = series.sort_index()
    index = series.index
    dates = pd.DatetimeIndex(index.to_timestamp() if isinstance(index, pd.PeriodIndex) else index)
    values = series.to_numpy(dtype=float)
    if not np.isfinite(values).all() or (values < 0).any() or not values.any():
        raise InputError("the series must have finite numbers that are not negative, and not all zero.")
    starts = dates.tz_localize(None).to_numpy().astype("datetime64[s]").astype(float) / 86_400
    lengths = np.diff(starts)
    typical = float(np.median(lengths))
    if typical > 31 or (lengths > 1.5 * typical + 1).any():
        raise InputError("the series must be daily, weekly or monthly, without gaps.")
    return starts, np.append(lengths, np.median(lengths)), values


def _shares(start: float, length: float, season: str) -> Array:
    """The share of each period of the year in the days from ``start`` on."""
    days = np.arange(int(np.floor(start)), int(np.floor(start)) + max(1, round(length)))
    return np.bincount(periods_of(days, season), minlength=SEASONS[season]) / days.size


def _fitted(exposure: Array, values: Array, time: Array, with_trend: bool) -> tuple[Array, float]:
    """Seasonal levels and the slope of the log trend, by alternating the two.

    ``values ~ exp(slope * time) * exposure @ levels``; the levels by the multiplicative (EM) step of a
    Poisson mixture, the slope by Newton's.
    """
    levels, slope = np.full(exposure.shape[1], values.sum() / exposure.sum()), 0.0
    centred = time - time.mean()
    for _ in range(_STEPS * 10):
        trend = np.exp(slope * centred)
        mean = trend * (exposure @ levels)
        ratio = np.divide(values, mean, out=np.ones_like(values), where=mean > 0)
        new = levels * ((exposure.T @ (trend * ratio)) / (exposure.T @ trend))
        change = float(np.max(np.abs(new - levels)) / np.max(new))
        levels = new
        if with_trend:
            mean = trend * (exposure @ levels)
            step = float(centred @ (values - mean)) / float(centred**2 @ mean)
            slope += step
            change = max(change, abs(step))
        if change < 1e-10:
            break
    # No purchases in a period: as if half a purchase had been seen, for a rate of 0 stops the clock.
    return np.maximum(levels, 0.5 * levels.mean() / max(values.sum() / levels.size, 1.0)), slope
