"""The Wheat-Morrison statistic: it recovers the shape of the time between purchases."""

import numpy as np
import pandas as pd
import pytest

import clvml
from clvml.diagnostics import purchase_regularity
from clvml.errors import InputError

DAY = pd.Timedelta(days=1)


def buyers(shape, n=4_000, horizon=400.0, seed=0, dropout=np.inf):
    """Purchases with gamma times in between, at rates that differ between customers, in days."""
    rng = np.random.default_rng(seed)
    mean = 20 / rng.gamma(2.0, 0.5, n)
    times = np.cumsum(rng.gamma(shape, mean[:, None] / shape, (n, 30)), axis=1)
    end = np.minimum(horizon, rng.exponential(dropout, n)) if np.isfinite(dropout) else np.full(n, horizon)
    who, which = np.nonzero(np.hstack([np.zeros((n, 1)), times]) < end[:, None])
    when = np.hstack([np.zeros((n, 1)), times])[who, which]
    table = pd.DataFrame({"customer_id": who, "date": pd.Timestamp("2020-01-01") + when * DAY})
    return clvml.read_transactions(table, purchases_only=True)


def regularity(transactions, **options):
    return purchase_regularity(transactions, clvml.summarize(transactions, **options))


@pytest.mark.parametrize("shape", [0.7, 1.0, 2.0, 4.0])
def test_the_shape_is_recovered_whatever_the_rates_of_the_customers(shape):
    found = regularity(buyers(shape), collapse=None)
    assert found.lower < shape < found.upper
    assert found.upper - found.lower < 0.6 * shape
    assert found.is_regular == (shape > 1)


def test_neither_a_short_history_nor_dropout_biases_it():
    for transactions in (buyers(2.0, horizon=60.0), buyers(2.0, dropout=100.0)):
        found = regularity(transactions, collapse=None)
        assert found.lower < 2 < found.upper


def test_the_interval_covers_the_truth_as_often_as_it_says():
    inside = [
        found.lower < 1.5 < found.upper
        for found in (regularity(buyers(1.5, n=150, seed=seed), collapse=None) for seed in range(40))
    ]
    assert np.mean(inside) >= 0.85  # 95 % of 40, less three standard errors


def test_a_fixed_interval_is_infinitely_regular():
    table = pd.DataFrame(
        {"customer_id": list("aaabbb"), "date": pd.Timestamp("2020-01-01") + DAY * np.tile([0, 7, 14], 2)}
    )
    assert regularity(clvml.read_transactions(table, purchases_only=True)).k == np.inf


def test_purchases_after_the_end_of_the_summary_are_ignored():
    transactions = buyers(2.0, n=500)
    customers = clvml.summarize(transactions, "2020-03-01")
    before = transactions.to_pandas().query("date < '2020-03-02'")
    shown = purchase_regularity(clvml.read_transactions(before, purchases_only=True), customers)
    assert purchase_regularity(transactions, customers) == shown


def test_cdnow_is_not_regular():
    assert not regularity(clvml.load_cdnow()).is_regular


def test_without_three_purchases_the_reason_is_given():
    table = pd.DataFrame({"customer_id": ["a", "b"], "date": ["2020-01-01", "2020-01-02"]})
    with pytest.raises(InputError, match="0 of 2 customers have three purchases"):
        regularity(clvml.read_transactions(table))


def test_it_reads_as_a_sentence():
    text = str(regularity(clvml.load_cdnow()))
    assert (
        text
        == "k = 0.91, 95 % confidence interval 0.82 to 1.00, from 736 customers with three or more purchases"
    )
