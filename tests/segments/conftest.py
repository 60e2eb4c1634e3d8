"""Customers of known kinds, simulated: the truth that segments must find again."""

import numpy as np
import pandas as pd
import pytest

KINDS = {
    # kind: customers, mean frequency, share of T until the last purchase, ticket, P(alive), value
    "champion": (120, 22, 0.97, 90.0, 0.95, 900.0),
    "lapsed": (200, 9, 0.25, 45.0, 0.05, 15.0),
    "one-time": (400, 0, 0.0, 0.0, 1.0, 30.0),
    "steady": (280, 6, 0.90, 25.0, 0.85, 220.0),
}


@pytest.fixture(scope="session")
def customers():
    """A customer summary with values, in weeks, rows shuffled; the truth is in column ``kind``."""
    rng = np.random.default_rng(7)
    table = pd.concat([_kind(name, *rest, rng) for name, rest in KINDS.items()], ignore_index=True)
    table = table.sample(frac=1, random_state=3)
    table.index = pd.Index([f"c{i:04d}" for i in range(len(table))], name="customer_id")
    table.attrs["time_unit"] = "W"
    return table


def _kind(name, size, frequency, last, ticket, alive, value, rng):
    noise = rng.lognormal(0, 0.12, size=(size, 4))
    T = rng.uniform(45, 52, size)
    purchases = np.maximum(rng.binomial(frequency + 4, frequency / (frequency + 4), size), bool(frequency))
    return pd.DataFrame(
        {
            "frequency": purchases.astype(float),
            "recency": T * np.minimum(last * noise[:, 0], 1),
            "T": T,
            "monetary_value": ticket * noise[:, 1],
            "probability_alive": np.minimum(alive * noise[:, 2], 1) if frequency else np.ones(size),
            "clv": value * noise[:, 3],
            "kind": name,
        }
    )
