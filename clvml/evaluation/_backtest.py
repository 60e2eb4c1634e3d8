"""Backtests: models fitted anew at several origins, each compared with the holdout after it.

One split can favour a model by chance. A backtest repeats `compare_models` at rolling origins and over one or
several horizons. At each origin only what was known then is used: returns and purchases after it change
nothing before it. Holdouts of origins closer than a horizon overlap: their errors are not independent.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from clvml.customers._split import Split, split
from clvml.customers._time_units import horizon_in, time_unit_of
from clvml.customers._transactions import Transactions, as_transactions
from clvml.errors import ClvmlError, InputError
from clvml.evaluation._abilities import check_needs
from clvml.evaluation._backtest_result import KEYS, Backtest, Key, by_reason, describe
from clvml.evaluation._backtest_verdict import Terms, fallbacks_to_keep, unfolded
from clvml.evaluation._bootstrap import resample_counts
from clvml.evaluation._criteria import weights_for
from clvml.evaluation._model_comparison import ModelComparison, compare_models
from clvml.evaluation._new_customers import new_customers
from clvml.evaluation._observers import announced
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


@announced
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
    purpose: str | Mapping[str, float] = "valuation",
    incumbent: str | None = None,
    needs: Iterable[str] = (),
    max_bias: float | None = None,
    max_seconds: float | None = None,
    min_history: float | str | None = None,
    min_repeat_buyers: int = MIN_REPEAT_BUYERS,
    n_draws: int = 1000,
    random_state: int = 0,
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
        that leaves a whole horizon to the earliest with ``min_repeat_buyers`` and a whole horizon of history
        (half a horizon, where the data are too short for that). A number: evenly spaced between these two.
        Default: as many as are at least half a horizon apart, at most 5.
    horizon : float, str or sequence of these, optional
        In time units or as text, such as ``"12M"``; several are evaluated at each origin, and origins are
        placed for the longest that the data carry. Default: the models' own horizon, if they share one and
        the data are at least twice as long; otherwise a third of the time that the data cover.
    observation_end : date, optional
        Last day of the data used. Default: the last day of the data.
    time_unit : {"D", "W", "M", "Q", "Y"}, default "W"
        Unit of times and horizons.
    collapse : {"D", "W", "M", "Q", "Y", None}, default "D"
        As in `summarize`; origins and ends are moved to the end of their period.
    families, eligible, purpose, incumbent, needs, max_bias, max_seconds : optional
        As in `compare_models`; the verdict is over all origins of the first horizon.
    min_history : float or str, optional
        Customers acquired less than this before an origin are left out there (and counted), from the fit and
        from the comparison; so is an origin with a shorter history. Default: no customer is left out.
    min_repeat_buyers : int, default 30
        Customers who bought again before the earliest origin that is placed; dates given need one only, and
        none if this is 0, where formulas alone can be fitted.
    n_draws, random_state : int
        Resamples of the customers; at every origin a resample has the same customers.
    progress : bool or callable, default True
        True shows a progress bar on a terminal (standard error) or in a notebook. A callable is given the
        name of each step.

    Returns
    -------
    Backtest
        The comparison at each origin, the verdict over all of them, and intervals of totals.

    Raises
    ------
    InputError
        If an argument is invalid, or no origin is left; the message lists the reasons.

    See Also
    --------
    clvml.compare_models : The comparison at one origin.
    clvml.Backtest : The result.
    clvml.new_customer_backtest : The same for models of new customers.
    clvml.plots.bias_by_origin : Draw the bias of the totals.

    Examples
    --------
    >>> import clvml
    >>> models = {"repeat rate": clvml.RepeatRateValue(26), "historic": clvml.HistoricValue(26)}
    >>> found = clvml.backtest(clvml.load_cdnow(), models, origins=["1997-09-29", "1997-12-29"])
    >>> found.totals["bias_pct"].groupby("model").mean().round(1)
    model
    historic       293.8
    repeat rate     52.9
    Name: bias_pct, dtype: float64
    """
    transactions = as_transactions(transactions)
    _check_arguments(models, purpose, min_repeat_buyers)
    period = period_of(transactions, observation_end, time_unit, collapse, min_repeat_buyers)
    chosen = _default_horizon(transactions, models, period) if horizon is None else _Chosen(horizon)
    horizons = horizons_of(chosen.horizon, period)
    planned, refused = windows(transactions, origins, horizons, period)
    history = None if min_history is None else horizon_in(min_history, time_unit)
    left_out = {window.key: reason for window, reason in refused}
    parts = _split_all(transactions, planned, period, history, left_out)
    eligible = None if eligible is None else tuple(eligible)
    terms = Terms(purpose, eligible, incumbent, check_needs(needs), max_bias, random_state)
    task = _Task(models, families, terms, max_seconds, _resamples(parts, n_draws, random_state))
    found: dict[Key, ModelComparison] = {}
    with _shown(progress, len(parts)) as tell:
        for key, each in parts.items():
            tell(f"origin {key[0]:%Y-%m-%d}, {key[1]:g} {time_unit_of(time_unit).name}s")
            try:
                found[key] = task.compare(each.compared)
            except ClvmlError as error:  # no revenue in the holdout, no model that can be fitted
                left_out[key] = _reason(error)
    for key, names in fallbacks_to_keep(found).items():
        found[key] = task.compare(parts[key].compared, names)
    _require_results(found, left_out)
    return _collected(found, parts, left_out, period, horizons, terms, chosen.notes)


class _Parts(NamedTuple):
    """The split at one origin, and the customers of it that are compared."""

    whole: Split
    compared: Split

    @property
    def counts(self) -> dict[str, Any]:
        """The row of `Backtest.origins`."""
        whole, compared = self
        return {
            "observation_end": whole.observation_end,
            "duration": whole.duration,
            "customers": len(compared.calibration),
            "repeat_buyers": int((compared.calibration["frequency"] > 0).sum()),
            "customers_with_little_history": len(whole.calibration) - len(compared.calibration),
            "spend": float(compared.holdout["spend"].sum()),
            "customers_acquired": whole.counts["customers_acquired_in_holdout"],
            "spend_of_acquired": float(whole.money["customers_acquired_in_holdout"]),
        }


class _Resamples(NamedTuple):
    """The customers of all origins, and how often each is drawn."""

    customers: pd.Index
    counts: NDArray[np.uint8]

    def of(self, index: pd.Index) -> NDArray[np.uint8]:
        """How often each customer of one origin is drawn."""
        return np.ascontiguousarray(self.counts[:, self.customers.get_indexer(index)])


@dataclasses.dataclass(frozen=True)
class _Task:
    """The comparison at each origin."""

    models: Mapping[str, ValueModel]
    families: Mapping[str, str] | None
    terms: Terms
    max_seconds: float | None
    resamples: _Resamples

    def compare(self, parts: Split, keep_fallbacks: Iterable[str] = ()) -> ModelComparison:
        """Fit and compare at one origin; may raise InputError or FitError."""
        return compare_models(
            self.models,
            parts,
            families=self.families,
            eligible=self.terms.eligible,
            purpose=self.terms.purpose,
            incumbent=self.terms.incumbent,
            needs=self.terms.needs,
            max_bias=self.terms.max_bias,
            max_seconds=self.max_seconds,
            keep_fallbacks=keep_fallbacks,
            random_state=self.terms.random_state,
            weights=self.resamples.of(parts.holdout.index),
        )


def _split_all(
    transactions: Transactions,
    planned: Sequence[Window],
    period: Period,
    min_history: float | None,
    left_out: dict[Key, str],
) -> dict[Key, _Parts]:
    """The split at each origin; the reasons against others are added to ``left_out``."""
    parts = {}
    for window in planned:
        try:
            whole = split(transactions, window.origin, window.end, period.time_unit, period.collapse)
            parts[window.key] = _Parts(whole, _with_history(whole, min_history, period.min_repeat_buyers))
        except InputError as error:
            left_out[window.key] = _reason(error)
    return parts


def _with_history(parts: Split, min_history: float | None, least: int) -> Split:
    """The split without customers who were acquired shortly before the origin.

    Raises
    ------
    InputError
        If nobody is left, or none of them has bought again (unless ``least`` is 0).
    """
    kept = parts.calibration["T"] >= (0.0 if min_history is None else min_history)
    if not kept.any():
        raise InputError(
            f"no customer was acquired {min_history:g} {time_unit_of(parts.time_unit).name}s or more before"
            " the origin (min_history); choose a later origin or a shorter min_history."
        )
    if least and not (parts.calibration["frequency"][kept] > 0).any():
        raise InputError(
            "nobody bought again before the origin, so no model can be fitted; choose a later origin."
        )
    if kept.all():
        return parts
    customers, holdout = parts.calibration[kept], parts.holdout[kept]
    customers.attrs, holdout.attrs = dict(parts.calibration.attrs), dict(parts.holdout.attrs)
    return dataclasses.replace(parts, calibration=customers, holdout=holdout)


def _resamples(parts: Mapping[Key, _Parts], n_draws: int, random_state: int) -> _Resamples:
    customers = pd.Index([])
    for each in parts.values():
        index = each.compared.calibration.index
        customers = index if customers.empty else customers.union(index)
    if customers.empty:
        return _Resamples(customers, np.zeros((1, 0), dtype=np.uint8))
    return _Resamples(customers, resample_counts(customers, n_draws, random_state))


class _Chosen(NamedTuple):
    """The horizons, and what to say of their choice."""

    horizon: Any
    notes: tuple[str, ...] = ()


def _default_horizon(transactions: Transactions, models: Mapping[str, ValueModel], period: Period) -> _Chosen:
    """The horizon that the models share, if the data carry it; otherwise a third of the data."""
    unit = time_unit_of(period.time_unit).name
    third = _third(period)
    served = {
        horizon_in(model.horizon, period.time_unit)
        for model in models.values()
        if getattr(model, "horizon", None) is not None
    }
    if len(served) != 1:
        why = "the models do not share one" if served else "the models have none"
        return _Chosen(third, (f"The horizon is a third of the data, {third:.3g} {unit}s, as {why}.",))
    own = served.pop()
    earliest, latest = carried(transactions, own, period)
    if max(earliest, period.moved(period.first, own)) <= latest:
        return _Chosen(own)
    note = (
        f"The data are shorter than twice the models' horizon of {own:g} {unit}s: the backtest is over"
        f" {third:.3g} {unit}s, a third of them."
    )
    return _Chosen(third, (note,))


def _third(period: Period) -> float:
    """A third of the time that the data cover: whole units, if there are several; at least a day."""
    third = max(period.units(period.last.asked - period.first) / 3, period.units(pd.Timedelta(days=1)))
    return float(round(third)) if third >= 2 else third


def _collected(
    found: Mapping[Key, ModelComparison],
    parts: Mapping[Key, _Parts],
    left_out: Mapping[Key, str],
    period: Period,
    horizons: Sequence[float],
    terms: Terms,
    notes: Iterable[str],
) -> Backtest:
    rows = pd.MultiIndex.from_tuples(list(found), names=KEYS)
    new = {key: new_customers(parts[key].whole, each.models) for key, each in found.items()}
    result = Backtest(
        comparisons=dict(zip(found, unfolded(list(found.values())), strict=True)),
        origins=pd.DataFrame([parts[key].counts for key in found], index=rows),
        new_customers=pd.concat(new, names=KEYS),
        left_out=_left_out(found, left_out),
        horizons=tuple(each for each in horizons if each in rows.get_level_values("horizon")),
        time_unit=period.time_unit,
        terms=terms,
    )
    return dataclasses.replace(result, notes=(*notes, *describe(result)))


def _left_out(found: Mapping[Key, ModelComparison], left_out: Mapping[Key, str]) -> pd.DataFrame:
    """Origins, and models at an origin, that could not be evaluated, with the reason."""
    rows = [(*key, "all", reason) for key, reason in left_out.items()]
    for key, each in found.items():
        rows += [(*key, model, reason) for model, reason in each.left_out.items()]
    return pd.DataFrame(rows, columns=[*KEYS, "model", "reason"])


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())


def _require_results(found: Mapping[Key, ModelComparison], left_out: Mapping[Key, str]) -> None:
    if found:
        return
    listed = "; ".join(by_reason(left_out))
    raise InputError(f"no origin of the backtest could be evaluated: {listed}")


def _check_arguments(
    models: Mapping[str, ValueModel], purpose: str | Mapping[str, float], min_repeat_buyers: int
) -> None:
    if not models:
        raise InputError("there are no models to compare; give at least one, by name.")
    weights_for(purpose)
    if isinstance(min_repeat_buyers, bool) or not min_repeat_buyers >= 0 or math.isinf(min_repeat_buyers):
        raise InputError(f"min_repeat_buyers is {min_repeat_buyers!r}; it must be a number, not negative.")


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
