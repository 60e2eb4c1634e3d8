"""Purchases for the tests of the workflow: half of CDNOW's sample, as a CSV file."""

from pathlib import Path

import pandas as pd
import pytest
from command_line import command_line_in

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
def clvml(tmp_path):
    """The command line in an empty folder: ``clvml("run", "--no-tracking")`` gives its result."""
    with command_line_in(tmp_path) as run:
        yield run
