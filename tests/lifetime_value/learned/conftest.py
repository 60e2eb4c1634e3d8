import numpy as np
import pandas as pd
import pytest

import clvml


@pytest.fixture(scope="package")
def promoted():
    """A log whose first amount predicts who buys again, unknown to models of frequency and recency."""
    rng = np.random.default_rng(3)
    n = 3000
    keen = rng.random(n) < 0.3
    rate = np.where(keen, 0.12, 0.03) * rng.gamma(2.0, 0.5, n)
    rate *= 2
    price = 25 / rng.gamma(5.0, 1.0, n)
    start = rng.integers(0, 50, n)
    end = np.minimum(start + rng.exponential(1.0, n) * 160 / rng.gamma(2.0, 1.0, n), 100)
    number = rng.poisson(rate * (end - start))
    customer = np.repeat(np.arange(n), number + 1)
    week = np.concatenate([[s, *rng.uniform(s, e, k)] for s, e, k in zip(start, end, number, strict=True)])
    first = np.concatenate([[True] + [False] * k for k in number])
    amount = np.where(first & keen[customer], 80.0, rng.gamma(4.0, price[customer]))
    date = pd.Timestamp("2020-01-01") + pd.to_timedelta((7 * week).astype(int), unit="D")
    return pd.DataFrame({"customer_id": customer, "date": date, "amount": amount.round(2)})


@pytest.fixture(scope="package")
def promoted_split(promoted):
    return clvml.split(promoted, "2020-12-15", "2021-06-15")
