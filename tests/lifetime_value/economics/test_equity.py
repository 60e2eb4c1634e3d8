"""Customer equity adds up, and says which customer spoils it."""

import numpy as np
import pandas as pd
import pytest

from clvml.errors import InputError
from clvml.lifetime_value.economics._equity import customer_equity, equity_by_group

VALUES = pd.Series([30.0, 10.0, 60.0], index=["a", "b", "c"])


def test_equity_is_that_of_present_customers_and_of_those_to_come():
    equity = customer_equity(VALUES, expected_acquisitions=20, value_of_new_customer=15, acquisition_cost=18)
    assert equity == (100.0, -60.0, 40.0)
    assert customer_equity(VALUES).total == 100.0


def test_groups_add_up_to_the_whole_in_any_order_of_rows():
    groups = pd.Series(["x", "y", "y", "z"], index=["c", "b", "a", "not a customer"])
    table = equity_by_group(VALUES, groups)
    assert table["total"].to_dict() == {"x": 60.0, "y": 40.0}
    assert table["customers"].to_dict() == {"x": 1, "y": 2}
    assert table[["share_of_customers", "share_of_value"]].sum().tolist() == pytest.approx([1.0, 1.0])


def test_bad_input_is_named():
    with pytest.raises(InputError, match="1 of 3 customers have no group; the first is 'c'"):
        equity_by_group(VALUES, pd.Series(["x", "y"], index=["a", "b"]))
    with pytest.raises(InputError, match=r"1 of 3 lifetime values are missing or infinite; .*'b'"):
        customer_equity(VALUES.replace(10.0, np.nan))
    with pytest.raises(InputError, match="acquisition_cost is -5; it must be finite and not negative"):
        customer_equity(VALUES, acquisition_cost=-5)
