"""The purchases of some customers are theirs, as if the others did not exist, in the period of all."""

import pickle

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from clvml.customers import load_cdnow, read_transactions, split
from clvml.customers._policy import TransactionPolicy


def test_a_split_of_some_customers_is_their_part_of_the_split_of_all():
    purchases = load_cdnow()
    whole = split(purchases)
    ids = whole.calibration.index[::7]
    part = split(purchases.of_customers(ids))
    assert_frame_equal(part.calibration, whole.calibration.loc[ids])
    assert_frame_equal(part.holdout, whole.holdout.loc[ids])
    assert part.calibration_end == whole.calibration_end


def test_returns_are_netted_as_before():
    rows = pd.DataFrame(
        {
            "customer_id": ["a", "a", "b", "7", "7"],
            "date": ["2024-01-01", "2024-01-05", "2024-01-02", "2024-01-03", "2024-01-04"],
            "amount": [10.0, -4.0, 3.0, 2.0, 5.0],
        }
    )
    purchases = read_transactions(rows, policy=TransactionPolicy(returns="net"))
    spend = "SELECT customer_id, CAST(sum(spend) AS DOUBLE) AS spend FROM purchases GROUP BY 1 ORDER BY 1"
    some = purchases.of_customers(pd.Index(["7", "a", "unknown"]))
    found = some.purchases().frame(spend)
    assert found.to_dict("list") == {"customer_id": ["7", "a"], "spend": [7.0, 6.0]}  # "7" stays text


@pytest.mark.parametrize("price", [None, 2.5])
def test_they_are_pickled_with_their_customers(price):
    purchases = read_transactions(
        pd.DataFrame({"customer_id": [1, 2, 2], "date": ["2024-01-01", "2024-01-02", "2024-01-09"]}),
        purchases_only=True,
    )
    some = (purchases if price is None else purchases.at_price(price)).of_customers(pd.Index([2]))
    again = pickle.loads(pickle.dumps(some))
    assert_frame_equal(again.to_pandas(), some.to_pandas())
    assert (len(again.to_pandas()), again.price) == (2, price)
