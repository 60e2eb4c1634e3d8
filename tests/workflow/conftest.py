"""Purchases for the tests of the workflow: half of CDNOW's sample, as a CSV file."""

import os
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from clvml.__main__ import app
from clvml.customers._datasets import load_cdnow


@pytest.fixture(scope="session")
def purchases() -> pd.DataFrame:
    """Purchases of every second customer of CDNOW's sample."""
    table = load_cdnow().to_pandas()
    return table[table["customer_id"] % 2 == 0]


@pytest.fixture(scope="session")
def sales(purchases, tmp_path_factory) -> Path:
    """The same as a file."""
    path = tmp_path_factory.mktemp("data") / "sales.csv"
    purchases.to_csv(path, index=False)
    return path


@pytest.fixture
def clvml(tmp_path, monkeypatch):
    """The command line in an empty folder: ``clvml("run", "--no-tracking")`` gives its result."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("MLFLOW_")]:
        monkeypatch.delenv(name)

    def run(*arguments: object):
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return run
