"""The evidence by which a challenger is judged, as plain data and the files of a run's output folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel, ConfigDict

from clvml.customers._split import Split
from clvml.scoring._model_file import load_model_folder
from clvml.tracking._records import RunRecord
from clvml.tracking._trial import Trial

PREFIX = "holdout_"  # of the holdout's columns in the file


class SavedTrial(BaseModel):
    """A `Trial` without its customers.

    Attributes
    ----------
    customers : str
        The Parquet file in the root folder with the columns of calibration, and of the holdout with a prefix.
    calibration, holdout : list of str
        Their columns.
    model : str
        Folder of the challenger fitted to the calibration period.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
    customers: str
    calibration: list[str]
    holdout: list[str]
    model: str
    duration: float
    time_unit: str
    calibration_end: str
    observation_end: str
    collapse: str | None = None
    fingerprint: dict[str, Any] = {}
    purpose: str | dict[str, float] = "valuation"
    max_bias: float | None = None
    needs: list[str] = []


def trials_of(records: Sequence[RunRecord]) -> dict[str, Trial]:
    """The trials of records that have one, by name."""
    pairs = [(record.name, record.registration) for record in records]
    return {name: each.trial for name, each in pairs if each is not None and each.trial is not None}


def saved_trial(trial: Trial, customers: str, folders: Mapping[int, str]) -> SavedTrial | None:
    """The trial as plain data; None if its model has no folder.

    Parameters
    ----------
    trial : Trial
    customers : str
        See `SavedTrial`.
    folders : mapping of int to str
        The folders of models by their ``id()``.
    """
    split, folder = trial.split, folders.get(id(trial.model))
    if folder is None:
        return None
    return SavedTrial(
        customers=customers,
        calibration=list(map(str, split.calibration)),
        holdout=list(map(str, split.holdout)),
        model=folder,
        duration=split.duration,
        time_unit=split.time_unit,
        calibration_end=pd.Timestamp(split.calibration_end).isoformat(),
        observation_end=pd.Timestamp(split.observation_end).isoformat(),
        collapse=split.collapse,
        fingerprint=dict(trial.fingerprint),
        purpose=trial.purpose if isinstance(trial.purpose, str) else dict(trial.purpose),
        max_bias=trial.max_bias,
        needs=list(trial.needs),
    )


def trial_from(saved: SavedTrial | None, root: Path) -> Trial | None:
    """The trial again, from the files of the folder; None if there was none.

    The purchases are not in the folder, so that an incumbent that learns from an earlier holdout cannot be
    fitted again, and stays.
    """
    if saved is None:
        return None
    rows, model = pd.read_parquet(root / saved.customers), load_model_folder(root / saved.model / "data")
    calibration = rows[saved.calibration]
    calibration.attrs = {"time_unit": saved.time_unit}
    holdout = rows[[PREFIX + name for name in saved.holdout]].set_axis(saved.holdout, axis="columns")
    split = Split(
        calibration,
        holdout,
        saved.duration,
        saved.time_unit,
        pd.Timestamp(saved.calibration_end),
        pd.Timestamp(saved.observation_end),
        saved.collapse,
        {"customers": len(rows)},
        pd.Series(dtype=float),
    )
    return Trial(
        split,
        model,
        model.predict(calibration),
        saved.fingerprint,
        saved.purpose,
        saved.max_bias,
        tuple(saved.needs),
    )
