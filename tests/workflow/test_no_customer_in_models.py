"""No customer is in a model's folder, nor in MLflow: a recognisable one is searched for in every file."""

import re
from pathlib import Path

import pandas as pd
import pytest

from clvml.workflow._config import load_config
from clvml.workflow._run import run

WHALE = 98_765.43  # what one customer spends at once, four times
CONTENDERS = ["bgnbd_gamma_gamma", "learned_correction", "repeat_rate", "last_period"]


def purchases_with_a_whale(purchases):
    """Half of CDNOW under recognisable ids; one of the customers spends far more than all others."""
    table = purchases.assign(customer_id="person-" + purchases["customer_id"].astype(str))
    whale = pd.DataFrame(
        {
            "customer_id": "person-whale",
            "date": pd.to_datetime(["1997-01-02", "1997-05-02", "1997-08-06", "1998-03-03"]),
            "amount": WHALE,
        }
    )
    return pd.concat([table, whale], ignore_index=True)


@pytest.fixture(scope="module")
def logged(purchases, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whale")
    purchases_with_a_whale(purchases).to_csv(folder / "sales.csv", index=False)
    overrides = {
        "data.source": str(folder / "sales.csv"),
        "models.contenders": CONTENDERS,
        "backtest.origins": 1,
        "tracking.uri": f"sqlite:///{folder / 'mlflow.db'}",
        "output.folder": str(folder / "output"),
    }
    run(load_config(overrides=overrides))
    return folder


def stored(folder: Path) -> list[Path]:
    """All files of the models and of MLflow."""
    models = [folder / "output" / name for name in ("model", "segments")]
    files = [path for root in (folder / "mlruns", *models) for path in root.rglob("*") if path.is_file()]
    return [*files, folder / "mlflow.db"]


def amounts_of_the_whale() -> re.Pattern[bytes]:
    """What it spent at once and in all, in the ways in which numbers are written."""
    ways = {
        f"{times * WHALE:{form}}" for times in (1, 2, 3, 4) for form in (".2f", ",.2f", ".1f", ",.0f", ".0f")
    }
    return re.compile(b"|".join(re.escape(way.encode()) for way in sorted(ways)))


def test_no_id_of_a_customer_is_in_any_file_of_a_model_or_of_mlflow(logged):
    files = stored(logged)
    assert len([path for path in files if path.name == "model.json"]) >= 5
    assert not [path for path in files if b"person-" in path.read_bytes()]


def test_what_a_recognisable_customer_spent_is_in_no_model(logged):
    pattern = amounts_of_the_whale()
    assert pattern.search(b"spent 395061.72 in all")
    found = {path: pattern.search(path.read_bytes()) for path in stored(logged)}
    assert not {path.name: match[0] for path, match in found.items() if match}
