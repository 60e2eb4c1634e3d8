"""Purchases of a made-up shop."""

import pandas as pd
import pytest
from made_up_shop import shop

import clvml


@pytest.fixture(scope="session")
def sales() -> pd.DataFrame:
    return shop()


@pytest.fixture(scope="session")
def transactions(sales) -> clvml.Transactions:
    return clvml.read_transactions(sales)
