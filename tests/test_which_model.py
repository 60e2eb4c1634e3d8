"""The experiment on which model to take holds what the models say of CDNOW today."""

import importlib.util
import warnings
from pathlib import Path

import pandas as pd
import pytest
from printed import differences

from clvml.errors import FitWarning

FOLDER = Path(__file__).parents[1] / "experiments" / "which_model"


@pytest.fixture(scope="module")
def compare():
    spec = importlib.util.spec_from_file_location("compare", FOLDER / "compare.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def written(name, data):
    return pd.read_csv(FOLDER / f"{name}.csv", index_col=["data", "model"]).loc[data]


@pytest.mark.parametrize("data", ["CDNOW", "CDNOW, first quarter"])
def test_the_experiment_holds_what_the_models_say_today(data, compare):
    """Written by ``python experiments/which_model/compare.py``."""
    dates = () if data == "CDNOW" else ("1997-03-31", "1997-12-29")
    seen = compare.cdnow(*dates)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)
        tables = {"purchases": compare.purchases(seen), "spend": compare.spend(seen)}
    for name, table in tables.items():
        before = written(name, data)
        for said, says in zip(before["says"].fillna(""), table["says"].fillna(""), strict=True):
            assert differences(said, says) == []
        pd.testing.assert_frame_equal(
            before.drop(columns="says"), table.drop(columns="says"), rtol=1e-4, check_dtype=False
        )
