"""Backtests: models fitted anew at several origins, each compared with the holdout after it.

One split can favour a model by chance. A backtest repeats `compare_models` at rolling origins and over one or
several horizons. At each origin only what was known then is used: returns and purchases after it change
nothing before it. Holdouts of origins closer than a horizon overlap, so that their errors are not independent.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, NamedTuple

import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from clvml.customers._split import Split, split
from clvml.customers._time_units import horizon_in, time_unit_of
from clvml.customers._transactions import Transactions, as_transactions
from clvml.errors import ClvmlError, InputError
from clvml.evaluation._backtest_result import KEYS, Backtest, describe
from clvml.evaluation._model_comparison import ModelComparison, compare_models
from clvml.evaluation._new_customers import new_customers
from clvml.evaluation._origins import (
    MIN_REPEAT_BUYERS,
    Horizons,
    Origins,
    Period,
    Window,
    carried,
    horizons_of,
    period_of,
    windows,
)
from clvml.lifetime_value._protocol import ValueModel

log = logging.getLogger("clvml")


def backtest(
    transactions: Transactions | Any,
    models: Mapping[str, ValueModel],
    *,
    origins: Origins = None,
    horizon: Horizons = None,
    observation_end: Any = None,
    time_unit: str = "W",
    collapse: str | None = "D",
    families: Mapping[str, str] | None = None,
    eligible: Iterable[str] | None = None,
    min_history: float | str | None = None,
    min_repeat_buyers: int = MIN_REPEAT_BUYERS,
    progress: bool | Callable[[str], None] = True,
) -> Backtest:
    """Compare models at rolling origins, each model fitted anew at every origin.

    Parameters
    ----------
    transactions : Transactions or frame
        From `read_transactions`, or a DataFrame or path with the default column names.
    models : mapping of str to ValueModel
        As in `compare_models`.
    origins : int, str, Timedelta, date or sequence of dates, optional
        Dates: the last days of the calibration periods. A step, such as ``"13W"``: back from the latest date
        that leaves a whole horizon to the earliest with ``min_repeat_buyers`` and at least half a horizon of
        history. A number: evenly spaced between these two. Default: as many as are at least half
        a horizon apart, at most 5.
    horizon : float, str or sequence of these, optional
        In time units or as text, such as ``"12M"``; several are evaluated at each origin, and origins are
        placed for the longest that the data carry. Default: the models' own horizon, if they share
        one that the data carry; otherwise a third of the time that the data cover.
    observation_end : date, optional
        Last day of the data used. Default: the last day of the data.
    time_unit : {"D", "W", "M", "Q", "Y"}, default "W"
        Unit of times and horizons.
    collapse : {"D", "W", "M", "Q", "Y", None}, default "D"
        As in `summarize`; origins and ends are moved to the end of their period.
    families, eligible : optional
        As in `compare_models`.
    min_history : float or str, optional
        Customers acquired less than this before an origin are left out there (and counted), from the fit and
        from the comparison; so is an origin with a shorter history. Default: no customer is left out.
    min_repeat_buyers : int, default 30
        Customers who bought again before the earliest origin that is placed; dates given need one only.
    progress : bool or callable, default True
        True shows a progress bar on a terminal (standard error) or in a notebook. A callable is given the
        name of each step.

    Returns
    -------
    Backtest

    Raises
    ------
    InputError
        If an argument is invalid, or no origin is left; the message lists the reasons.

    See Also
    --------
    compare_models : The comparison at one origin.

    Examples
    --------
    >>> import clvml
    >>> models = {"repeat rate": clvml.RepeatRateValue(26), "historic": clvml.HistoricValue(26)}
    >>> found = backtest(clvml.load_cdnow(), models, origins=["1997-09-29", "1997-12-29"])
    >>> found.totals["bias_pct"].unstack("model").round(1)
    model               repeat rate  historic
    origin     horizon
    1997-09-29 26.0            22.0      86.2
    1997-12-29 26.0            20.6     148.6
    """
    transactions = as_transactions(transactions)
    _check_minimum(min_repeat_buyers)
    period = period_of(transactions, observation_end, time_unit, collapse, min_repeat_buyers)
    chosen = _default_horizon(transactions, models, period) if horizon is None else _Chosen(horizon)
    horizons = horizons_of(chosen.horizon, period)
    planned, refused = windows(transactions, origins, horizons, period)
    history = None if min_history is None else horizon_in(min_history, time_unit)
    compared = _Task(transactions, models, period, families, eligible, history)
    results: list[_Result] = []
    left_out = {window.key: reason for window, reason in refused}
    with _shown(progress, len(planned)) as tell:
        for window in planned:
            tell(f"origin {window.origin:%Y-%m-%d}, {window.horizon:g} {time_unit_of(time_unit).name}s")
            try:
                results.append(compared.at(window))
            except ClvmlError as error:  # nobody bought again, no revenue, no model can be fitted
                left_out[window.key] = " ".join(str(error).split())
    _require_results(results, left_out)
    return _collected(results, left_out, period, horizons, chosen.notes)


class _Result(NamedTuple):
    """The comparison of one origin and horizon, and what else was counted."""

    window: Window
    comparison: ModelComparison
    counts: dict[str, Any]
    new: pd.DataFrame


@dataclasses.dataclass(frozen=True)
class _Task:
    """What is done at each origin."""

    transactions: Transactions
    models: Mapping[str, ValueModel]
    period: Period
    families: Mapping[str, str] | None
    eligible: Iterable[str] | None
    min_history: float | None

    def at(self, window: Window) -> _Result:
        """Split, fit and compare at one origin.

        Raises
        ------
        InputError, FitError
            If there is nothing to compare.
        """
        time_unit, collapse = self.period.time_unit, self.period.collapse
        whole = split(self.transactions, window.origin, window.end, time_unit, collapse)
        parts = whole if self.min_history is None else _with_history(whole, self.min_history)
        repeat_buyers = int((parts.calibration["frequency"] > 0).sum())
        if not repeat_buyers:
            raise InputError(
                "nobody bought again before the origin, so no model can be fitted; choose a later origin."
            )
        comparison = compare_models(self.models, parts, families=self.families, eligible=self._eligible)
        counts = {
            "observation_end": window.end,
            "duration": parts.duration,
            "customers": len(parts.calibration),
            "repeat_buyers": repeat_buyers,
            "customers_with_little_history": len(whole.calibration) - len(parts.calibration),
            "spend": float(parts.holdout["spend"].sum()),
            "customers_acquired": whole.counts["customers_acquired_in_holdout"],
            "spend_of_acquired": float(whole.money["customers_acquired_in_holdout"]),
        }
        return _Result(window, comparison, counts, new_customers(whole, comparison.models))

    @cached_property
    def _eligible(self) -> list[str] | None:
        return None if self.eligible is None else list(self.eligible)


def _with_history(parts: Split, min_history: float) -> Split:
    """The split without customers who were acquired shortly before the origin.

    Raises
    ------
    InputError
        If nobody is left.
    """
    kept = parts.calibration["T"] >= min_history
    if not kept.any():
        raise InputError(
            f"no customer was acquired {min_history:g} {time_unit_of(parts.time_unit).name}s or more before"
            " the origin (min_history); choose a later origin or a shorter min_history."
        )
    customers, holdout = parts.calibration[kept], parts.holdout[kept]
    customers.attrs, holdout.attrs = dict(parts.calibration.attrs), dict(parts.holdout.attrs)
    return dataclasses.replace(parts, calibration=customers, holdout=holdout)


class _Chosen(NamedTuple):
    """The horizons, and what to say of their choice."""

    horizon: Any
    notes: tuple[str, ...] = ()


def _default_horizon(
    transactions: Transactions, models: Mapping[str, ValueModel], period: Period
) -> _Chosen:
    """The horizon that the models share, if the data carry it; otherwise a third of the data."""
    unit = time_unit_of(period.time_unit).name
    third = max(period.units(period.last.asked - period.first) / 3, 1 / time_unit_of(period.time_unit).days)
    served = {
        horizon_in(model.horizon, period.time_unit)
        for model in models.values()
        if getattr(model, "horizon", None) is not None
    }
    if len(served) != 1:
        why = "the models do not share one" if served else "the models have none"
        return _Chosen(third, (f"The horizon is a third of the data, {third:.1f} {unit}s, as {why}.",))
    own = served.pop()
    earliest, latest = carried(transactions, own, period)
    if earliest <= latest:
        return _Chosen(own)
    note = f"The data do not carry the models' horizon of {own:g} {unit}s; instead it is {third:.1f} {unit}s."
    return _Chosen(third, (note,))


def _collected(
    results: Sequence[_Result],
    left_out: Mapping[tuple[pd.Timestamp, float], str],
    period: Period,
    horizons: Sequence[float],
    notes: Iterable[str],
) -> Backtest:
    keys = pd.MultiIndex.from_tuples([r.window.key for r in results], names=KEYS)
    found = Backtest(
        comparisons={result.window.key: result.comparison for result in results},
        origins=pd.DataFrame([result.counts for result in results], index=keys),
        new_customers=pd.concat({result.window.key: result.new for result in results}, names=KEYS),
        left_out=_left_out(results, left_out),
        horizons=tuple(each for each in horizons if each in keys.get_level_values("horizon")),
        time_unit=period.time_unit,
    )
    return dataclasses.replace(found, notes=(*notes, *describe(found)))


def _left_out(
    results: Sequence[_Result], windows_left_out: Mapping[tuple[pd.Timestamp, float], str]
) -> pd.DataFrame:
    """Origins, and models at an origin, that could not be evaluated, with the reason."""
    rows: list[tuple[Any, ...]] = [(*key, "all", reason) for key, reason in windows_left_out.items()]
    for result in results:
        rows += [(*result.window.key, *pair) for pair in result.comparison.left_out.items()]
    return pd.DataFrame(rows, columns=["origin", "horizon", "model", "reason"])


def _require_results(
    results: Sequence[_Result], left_out: Mapping[tuple[pd.Timestamp, float], str]
) -> None:
    if results:
        return
    reasons: dict[str, list[str]] = {}
    for (origin, horizon), reason in left_out.items():
        reasons.setdefault(reason, []).append(f"{origin:%Y-%m-%d} ({horizon:g})")
    listed = "; ".join(f"{', '.join(where)}: {reason}" for reason, where in reasons.items())
    raise InputError(f"no origin of the backtest could be evaluated. By origin (and horizon): {listed}")


def _check_minimum(min_repeat_buyers: int) -> None:
    if isinstance(min_repeat_buyers, bool) or not min_repeat_buyers >= 1 or math.isinf(min_repeat_buyers):
        raise InputError(f"min_repeat_buyers is {min_repeat_buyers!r}; it must be a number of at least 1.")


@contextmanager
def _shown(progress: bool | Callable[[str], None], total: int) -> Iterator[Callable[[str], None]]:
    """A function that is given the name of each step, behind a progress bar if one can be seen."""
    if callable(progress):
        yield progress
        return
    console = Console(stderr=True)
    notebook = console.is_jupyter and importlib.util.find_spec("ipywidgets") is not None
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    seen = progress and (console.is_terminal or notebook)
    with Progress(*columns, console=console, transient=True, disable=not seen) as bar:
        task = bar.add_task("backtest", total=total)
        done = iter(range(total))

        def tell(step: str) -> None:
            bar.update(task, description=step, completed=next(done))

        yield tell
