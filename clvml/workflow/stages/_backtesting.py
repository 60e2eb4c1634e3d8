"""The comparison at several origins: the split of the config, and earlier ones that the data carry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

import pandas as pd
from pydantic import Field

from clvml import plots
from clvml.customers._split import Split
from clvml.customers._time_units import horizon_in
from clvml.errors import InputError
from clvml.evaluation._backtest import backtest
from clvml.evaluation._backtest_result import Backtest
from clvml.evaluation._origins import MIN_REPEAT_BUYERS, Period, carried, period_of, placed
from clvml.lifetime_value._protocol import ValueModel
from clvml.workflow._contenders import BASELINE
from clvml.workflow._findings import Figure, Finding, Table, Words
from clvml.workflow._formatting import Column, format_duration
from clvml.workflow._section import Section
from clvml.workflow._stage import Context
from clvml.workflow.stages._competing import Contenders
from clvml.workflow.stages._splitting import purchases_of

SHOWN = 6  # models in figures with a line for each
COLUMNS = {
    "family": Column("family"),
    "origins": Column("origins"),
    "bias_pct": Column("mean bias %", "{:+.1f}"),
    "abs_bias_pct": Column("mean size of the bias %", "{:.1f}"),
    "mae": Column("MAE", "{:.2f}"),
    "rmse": Column("RMSE", "{:.2f}"),
    "spearman": Column("Spearman", "{:.3f}"),
    "gini": Column("Gini", "{:.3f}"),
    "top10_share": Column("top 10 %", "{:.3f}"),
}


class BacktestSection(Section):
    """Earlier origins at which every model is fitted anew and compared; the verdict is over all of them."""

    origins: int | str | None = None
    """Their number, that of the split included, or a step such as "13W"; 1 for the split alone. Default: as
    many as are at least half a holdout apart, at most 5."""
    served_horizon: bool = True
    """Whether to compare over the horizon of [value] too, at origins after which the data carry it."""
    min_repeat_buyers: int = Field(default=MIN_REPEAT_BUYERS, ge=1)
    """Customers who bought again before the earliest origin."""


def run_backtest(context: Context, contenders: Contenders, models: Mapping[str, ValueModel]) -> Backtest:
    """The contenders at the origin of the split and at earlier ones, over its duration first.

    Parameters
    ----------
    context : Context
    contenders : Contenders
    models : mapping of str to ValueModel
        Unfitted, by the contenders' ids.
    """
    parts, verdict = context[Split], context.config.comparison
    return backtest(
        purchases_of(context),
        models,
        origins=origins_of(context),
        horizon=horizons_of(context),
        observation_end=parts.observation_end,
        time_unit=parts.time_unit,
        collapse=parts.collapse,
        families={name: contender.family for name, contender in contenders.items()},
        eligible=[
            name
            for name, contender in contenders.items()
            if not contender.optional and contender.family != BASELINE
        ],
        purpose=verdict.weights or verdict.purpose,
        incumbent=verdict.incumbent or None,
        needs=verdict.needs,
        max_bias=verdict.max_bias,
        max_seconds=verdict.max_seconds,
        min_repeat_buyers=min(1, int((parts.calibration["frequency"] > 0).sum())),  # formulas need none
        n_draws=verdict.n_draws,
        progress=context.progress.update,
    )


def origins_of(context: Context) -> list[pd.Timestamp]:
    """The end of the calibration period, and before it the origins that the data carry."""
    parts, section = context[Split], context.config.backtest
    last = pd.Timestamp(parts.calibration_end).normalize()
    try:
        dates = placed(purchases_of(context), section.origins, [parts.duration], _period(context))
    except InputError:  # the data carry none but, perhaps, the one that the user chose
        if section.origins is not None and not isinstance(section.origins, int):
            raise
        dates = []
    return [*(date for date in dates if date < last), last]


def horizons_of(context: Context) -> list[float]:
    """The duration of the holdout, and the served horizon if the data carry it."""
    parts, section = context[Split], context.config.backtest
    served = horizon_in(context.config.value.horizon, parts.time_unit)
    earliest, latest = carried(purchases_of(context), served, _period(context))
    wanted = section.served_horizon and section.origins != 1 and earliest <= latest
    return [parts.duration, *([served] if wanted and served != parts.duration else [])]


def _period(context: Context) -> Period:
    parts = context[Split]
    least = context.config.backtest.min_repeat_buyers
    return period_of(purchases_of(context), parts.observation_end, parts.time_unit, parts.collapse, least)


def over_origins(found: Backtest, titles: Mapping[str, str], champion: str) -> Iterator[Finding]:
    """Means over origins, the total at each, and what was left out.

    Parameters
    ----------
    found : Backtest
    titles : mapping of str to str
        The contenders' titles by id.
    champion : str
        The id of the model to serve.
    """
    yield Table("backtest", _titled(found.scores, titles), in_report=False)
    yield Table("backtest_totals", _titled(found.totals, titles), in_report=False)
    yield Table("backtest_new_customers", _titled(found.new_customers, titles), in_report=False)
    if len(found.at()) > 1:
        shown = format_duration(found.horizons[0], found.time_unit)
        yield Table(
            "backtest_means",
            _titled(found.mean_scores(), titles),
            columns=COLUMNS,
            title=f"Means over {len(found.at())} origins, holdouts of {shown}",
            marked=titles[champion],
        )
        yield from _figures(found, titles)
    for note in found.notes:
        yield Words(note, style="note")


def _figures(found: Backtest, titles: Mapping[str, str]) -> Iterator[Finding]:
    best = [name for name in found.verdict.scores.index if found.families[name] != BASELINE][:SHOWN]
    horizon = found.horizons[0]

    def of_best(table: pd.DataFrame) -> pd.DataFrame:
        rows = pd.DataFrame(table.xs(horizon, level="horizon"))
        return _titled(rows[rows.index.isin(best, level="model")], titles)

    yield Figure(
        "bias_by_origin",
        "Bias of the predicted total by origin",
        partial(plots.bias_by_origin, of_best(found.totals)),
    )
    yield Figure(
        "gini_by_origin",
        "Ranking of the customers by origin",
        partial(plots.score_by_origin, of_best(found.scores), metric="gini"),
    )


def _titled(table: pd.DataFrame, titles: Mapping[str, str]) -> pd.DataFrame:
    return table.rename(index=dict(titles), level="model" if table.index.nlevels > 1 else None)
