"""The runner of experiments: read the typed config, backtest or measure, write the tables, log to MLflow.

An experiment is a folder with a ``config.toml``. One with ``[logs]`` is a backtest (`Config`) of contenders
of ``clvml run`` on these logs, and needs no code. Others have a ``compare.py`` with a class `Config` and a
function ``results(config)``.
"""

from __future__ import annotations

import datetime as dt
import importlib
import shutil
import tomllib
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, NamedTuple, Self

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

import clvml
from clvml.errors import FitWarning, InputError
from clvml.files import written_whole
from clvml.workflow import CONTENDERS, load_config
from clvml.workflow import run as workflow_run
from experiments._logs import SHARED, available, read
from experiments._pages import results_table, with_results
from experiments._tracking import log_results

FOLDER = Path(__file__).parent
MAIN_RUNS = ("cdnow_holdout",)  # configs of ``clvml run``
SCORES = ["family", "status", "score", "lower", "upper", "p_best", "ranking", "totals", "customers"]
METRICS = ["bias_pct", "abs_bias_pct", "rmse", "spearman"]
DIGITS = "%.5g"


class Section(BaseModel):
    """A part of a config: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The config in a folder."""
        return cls.model_validate(tomllib.loads((folder / "config.toml").read_text(encoding="utf-8")))


class Window(Section):
    """Origins and horizon of a backtest, as in `clvml.backtest`."""

    origins: int | str | list[dt.date] | None = None
    horizon: float | str = "26W"
    observation_end: dt.date | None = None


class Config(Section):
    """A backtest of contenders on one or several logs."""

    question: str
    contenders: list[str]
    """Ids of `clvml.workflow.CONTENDERS`."""
    logs: dict[str, Window]
    """By name of the log (`experiments._logs`)."""
    by_origin: bool = False
    """Whether scores are written for each origin instead of over all."""
    purpose: str = "valuation"
    n_draws: int = Field(default=1000, ge=2)


def backtest(config: Config, log: str) -> clvml.Backtest:
    """The contenders at all origins of one log."""
    chosen = [CONTENDERS[name] for name in config.contenders]
    window = config.logs[log]
    return clvml.backtest(
        read(log),
        {c.title: c.build(horizon=window.horizon, annual_discount_rate=0.0, margin=1.0) for c in chosen},
        families={c.title: c.family for c in chosen},
        eligible=[c.title for c in chosen if c.family != "baseline"],
        **window.model_dump(),
        purpose=config.purpose,
        n_draws=config.n_draws,
        progress=False,
    )


def scored(found: clvml.Backtest, by_origin: bool) -> Iterator[tuple[str, clvml.evaluation.Verdict]]:
    """The verdict over all origins, or that of each; with the origin as text."""
    if by_origin:
        yield from ((f"{origin:%Y-%m-%d}", each.verdict) for origin, each in found.at().items())
    else:
        yield "all", found.verdict


def tables(found: dict[str, clvml.Backtest], by_origin: bool) -> dict[str, pd.DataFrame]:
    """Scores by log, origin and model, and the verdict in words by log and origin."""
    verdicts, scores = {}, {}
    for log, each in found.items():
        for origin, verdict in scored(each, by_origin):
            columns = verdict.scores.assign(family=pd.Series(each.families))[SCORES + METRICS]
            scores[log, origin] = columns
            verdicts[log, origin] = described(each, origin, verdict)
    keys = ["log", "origin"]
    return {
        "scores": pd.concat(scores, names=[*keys, "model"]),
        "verdicts": pd.DataFrame.from_dict(verdicts, orient="index").rename_axis(keys),
    }


def described(found: clvml.Backtest, origin: str, verdict: clvml.evaluation.Verdict) -> dict[str, Any]:
    """What was compared, and the verdict."""
    at = found.origins.reset_index()
    if origin != "all":
        at = at[at["origin"] == origin]
    return {
        "origins": " ".join(f"{each:%Y-%m-%d}" for each in at["origin"]),
        "horizon_weeks": found.horizons[0],
        "customers": int(at["customers"].max()),
        "repeat_buyers": int(at["repeat_buyers"].max()),
        "kind": verdict.kind,
        "choice": verdict.choice,
        "verdict": " ".join(verdict.sentences),
    }


def script(name: str) -> ModuleType:
    """The ``compare.py`` of an experiment."""
    return importlib.import_module(f"experiments.{name}.compare")


def write(path: Path, table: pd.DataFrame, digits: str = DIGITS) -> pd.DataFrame:
    """Write a table; rows of logs that are not here today stay as they were. The first key is the log."""
    keys = list(table.index.names)
    if path.exists():
        before = pd.read_csv(path, index_col=keys)
        absent = ~before.index.get_level_values(0).isin(table.index.get_level_values(0))
        table = pd.concat([table, before[absent]])
    with written_whole(path) as unfinished:
        table.to_csv(unfinished, float_format=digits)
    return table


class Results(NamedTuple):
    """What an experiment found: tables by name, and the backtests behind them by log."""

    tables: dict[str, pd.DataFrame]
    backtests: Mapping[str, clvml.Backtest] = MappingProxyType({})


def results(name: str, logs: Iterable[str] = ()) -> tuple[Section, Results]:
    """The config of an experiment and its results, on these logs or on all that are here."""
    folder = FOLDER / name
    if (folder / "compare.py").exists():
        module = script(name)
        config = module.Config.read(folder)
        return config, module.results(config)
    config = Config.read(folder)
    found = {log: backtest(config, log) for log in chosen_logs(config, logs)}
    return config, Results(tables(found, config.by_origin), found)


def chosen_logs(config: Config, wanted: Iterable[str]) -> list[str]:
    """The logs that are wanted and here; all that are here, if none is named.

    Raises
    ------
    InputError
        If one is not of the experiment, or none is here.
    """
    wanted = list(wanted) or list(config.logs)
    unknown = [log for log in wanted if log not in config.logs]
    if unknown:
        raise InputError(f"the experiment has no log {unknown[0]!r}; its logs are {', '.join(config.logs)}.")
    here = [log for log in wanted if available(log)]
    if not here:
        raise InputError(f"none of the logs {', '.join(wanted)} is here; they are read from {SHARED}.")
    return here


def main_run(folder: Path, track: bool) -> None:
    """The experiment that is a run of ``clvml run``: its comparison and two figures."""
    found = workflow_run(load_config(folder / "config.toml", {"tracking.enabled": track}))
    shutil.copy(found.folder / "comparison.csv", folder / "scores.csv")
    for figure in ("comparison.png", "prediction_intervals_of_best.png"):
        shutil.copy(found.folder / "figures" / figure, folder / figure)


def run(name: str, logs: Iterable[str] = (), track: bool = True) -> None:
    """Run an experiment: write its tables, and log it to MLflow.

    Parameters
    ----------
    name : str
        Of the folder.
    logs : iterable of str
        Only these logs, of an experiment without code; by default all that are here.
    track : bool
        Whether to log to MLflow.
    """
    folder = FOLDER / name
    if name in MAIN_RUNS:
        main_run(folder, track)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)  # weak fits are discussed in the READMEs
        config, found = results(name, logs)
    for table, frame in found.tables.items():
        write(folder / f"{table}.csv", frame)
    if isinstance(config, Config):
        page = folder / "README.md"
        page.write_text(with_results(page.read_text(), results_table(folder, list(config.logs))))
    if track:
        log_results(name, config, found)
