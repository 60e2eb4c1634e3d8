"""Every contender is in the formulas experiment, whose figures are those of the code today."""

from pathlib import Path

import pandas as pd
import pytest

import clvml
from clvml.lifetime_value import SupportsEarlierSplit
from clvml.workflow import CONTENDERS

FORMULAS = Path(__file__).parents[2] / "experiments" / "formulas"


def learns(contender) -> bool:
    """Whether it learns from an earlier holdout, and not from the customers alone."""
    return isinstance(
        contender.build(horizon=1.0, annual_discount_rate=0.0, margin=1.0), SupportsEarlierSplit
    )


def test_the_formulas_experiment_holds_what_the_contenders_say_of_cdnow(cdnow_split):
    """Written by ``python experiments/formulas/compare.py``."""
    scores = pd.read_csv(FORMULAS / "scores.csv", index_col=["data", "model"]).loc["CDNOW"]
    built = {c.title: c for c in CONTENDERS.values() if not c.optional and not learns(c)}
    assert scores.index.tolist() == list(built)
    for title, contender in built.items():
        model = contender.build(horizon=cdnow_split.duration, annual_discount_rate=0.0, margin=1.0)
        predicted = model.fit(cdnow_split.calibration).predict(cdnow_split.calibration)
        found = clvml.score(cdnow_split.holdout["spend"], predicted)
        for metric in ("total", "rmse", "spearman"):
            assert found[metric] == pytest.approx(scores.loc[title, metric], rel=1e-4), (title, metric)
