"""The evidence of a challenger as files: its customers without their ids, and what is known of the model."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel, ConfigDict, field_validator

from clvml.customers._split import Split
from clvml.tracking._trial import Trial

PREDICTED, HOLDOUT = "predicted", "holdout_"


class SavedSplit(BaseModel):
    """A calibration period and its holdout: a Parquet file of the customers, and the dates."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    rows: str
    attrs: dict[str, str | None] = {}
    duration: float
    time_unit: str
    calibration_end: str
    observation_end: str
    collapse: str | None = None

    @field_validator("rows")
    @classmethod
    def _is_inside(cls, path: str) -> str:
        if Path(path).is_absolute() or ".." in Path(path).parts:
            raise ValueError("a path leads out of the folder")
        return path


class SavedTrial(BaseModel):
    """A `Trial` as plain data and Parquet files."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    split: SavedSplit
    earlier: SavedSplit | None = None
    specification: dict[str, str]
    abilities: list[str] = []
    fingerprint: dict[str, Any]
    purpose: str | dict[str, float] = "valuation"
    max_bias: float | None = None
    needs: list[str] = []

    @property
    def paths(self) -> list[str]:
        """Files in the root that it needs."""
        return [self.split.rows, *([] if self.earlier is None else [self.earlier.rows])]


def save_trial(trial: Trial, folder: Path, keep: Callable[[Path], str]) -> SavedTrial:
    """Write the customers of a trial to Parquet files, in the order of their ids and without them.

    Parameters
    ----------
    trial : Trial
    folder : Path
        For files that are not complete yet.
    keep : callable
        Takes a file's path, moves it to its place and returns its path in the root.
    """
    earlier = trial.earlier
    return SavedTrial(
        split=_saved(trial.split, "trial", folder, keep, trial.predicted),
        earlier=None if earlier is None else _saved(earlier, "trial_earlier", folder, keep),
        specification=dict(trial.specification),
        abilities=sorted(trial.abilities),
        fingerprint=dict(trial.fingerprint),
        purpose=trial.purpose if isinstance(trial.purpose, str) else dict(trial.purpose),
        max_bias=trial.max_bias,
        needs=list(trial.needs),
    )


def read_trial(saved: SavedTrial, root: Path) -> Trial:
    """The trial of files in the root folder."""
    split, predicted = _read(saved.split, root)
    return Trial(
        split=split,
        predicted=predicted,
        specification=saved.specification,
        fingerprint=saved.fingerprint,
        earlier=None if saved.earlier is None else _read(saved.earlier, root)[0],
        abilities=frozenset(saved.abilities),
        purpose=saved.purpose,
        max_bias=saved.max_bias,
        needs=tuple(saved.needs),
    )


def _saved(
    split: Split, name: str, folder: Path, keep: Callable[[Path], str], predicted: pd.Series | None = None
) -> SavedSplit:
    rows = split.calibration.join(split.holdout.add_prefix(HOLDOUT))
    if predicted is not None:
        rows = rows.assign(**{PREDICTED: predicted})
    attrs = {str(key): text for key, text in split.calibration.attrs.items() if isinstance(text, str | None)}
    with tempfile.TemporaryDirectory(dir=folder) as unfinished:
        path = Path(unfinished) / f"{name}.parquet"
        rows.attrs = {}
        rows.reset_index(drop=True).to_parquet(path)
        kept = keep(path)
    return SavedSplit(
        rows=kept,
        attrs=attrs,
        duration=split.duration,
        time_unit=split.time_unit,
        calibration_end=pd.Timestamp(split.calibration_end).isoformat(),
        observation_end=pd.Timestamp(split.observation_end).isoformat(),
        collapse=split.collapse,
    )


def _read(saved: SavedSplit, root: Path) -> tuple[Split, pd.Series]:
    rows = pd.read_parquet(root / saved.rows)
    predicted = rows.pop(PREDICTED) if PREDICTED in rows else pd.Series(dtype=float)
    outcomes = [name for name in rows if str(name).startswith(HOLDOUT)]
    holdout = rows[outcomes].rename(columns=lambda name: name.removeprefix(HOLDOUT))
    calibration = rows.drop(columns=outcomes)
    calibration.attrs.update(saved.attrs)
    split = Split(
        calibration,
        holdout,
        saved.duration,
        saved.time_unit,
        pd.Timestamp(saved.calibration_end),
        pd.Timestamp(saved.observation_end),
        saved.collapse,
        counts={},
        money=pd.Series(dtype=float),
    )
    return split, predicted
