"""The grid of histories that a model of purchases is asked about."""

import numpy as np
import pandas as pd
import pytest

from clvml.customers._summary_checks import check_customers
from clvml.diagnostics._frequency_recency import frequency_recency_matrix
from clvml.errors import InputError


class Told:
    """A model that checks its customers and answers with what it was asked."""

    time_unit_ = "W"

    def probability_alive(self, customers):
        checked = check_customers(customers, time_unit="W")
        return checked["recency"] / checked["T"] + checked["frequency"]

    def expected_purchases(self, customers, horizon):
        return pd.Series(float(horizon), index=customers.index)


def test_each_cell_is_the_model_s_answer_for_its_history():
    table = frequency_recency_matrix(Told(), T=10, max_frequency=3)
    assert table.index.tolist() == list(range(11))
    assert table.columns.tolist() == [0, 1, 2, 3]
    assert table.loc[5, 2] == 2.5
    assert table.loc[10, 1] == 2.0
    assert table.attrs == {"quantity": "probability_alive", "T": 10.0, "time_unit": "W"}


def test_histories_that_cannot_be_are_left_open():
    table = frequency_recency_matrix(Told(), T=10, max_frequency=3)
    assert table.loc[0, 0] == 0.0
    assert table.loc[0, [1, 2, 3]].isna().all()
    assert table.loc[1:, 0].isna().all()
    assert table.loc[1:, 1:].notna().all(axis=None)


def test_recency_never_passes_the_age_and_the_grid_stays_small_for_days():
    table = frequency_recency_matrix(Told(), T=38.86, recency_step=0.58)
    assert table.index.max() <= 38.86
    assert frequency_recency_matrix(Told(), T=365).shape == (41, 21)


def test_a_horizon_carries_its_unit_into_the_model():
    table = frequency_recency_matrix(Told(), 10, "expected_purchases", horizon="12M")
    assert np.unique(table.stack().dropna()).tolist() == [52.0]
    assert table.attrs["horizon"] == 52.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"T": 0}, "T is 0"),
        ({"T": 10, "quantity": "clv"}, "quantity is 'clv'"),
        ({"T": 10, "quantity": "expected_purchases"}, "need a horizon"),
        ({"T": 10, "max_frequency": 0}, "max_frequency is 0"),
        ({"T": 10, "recency_step": 11}, "recency_step is 11"),
    ],
)
def test_an_argument_that_breaks_its_rule_is_named(arguments, message):
    with pytest.raises(InputError, match=message):
        frequency_recency_matrix(Told(), **arguments)
