"""BGNBD where it is more than other history models: published values, draws and the summary."""

import numpy as np
import pandas as pd
import pytest

import clvml


@pytest.fixture(scope="module")
def fitted(cdnow):
    return clvml.BGNBD().fit(cdnow)


@pytest.mark.parametrize(("weeks", "value"), [(1, 0.0532), (3, 0.1506), (31.8571, 1.0405), (32, 1.0437)])
def test_a_new_customer_buys_as_published(fitted, weeks, value):
    assert fitted.expected_purchases_new_customer(weeks) == pytest.approx(value, abs=5.1e-5)


def test_the_residual_transactions_over_an_infinite_horizon_are_those_of_the_reference():
    model = clvml.BGNBD.from_params(r=0.2425945, alpha=4.4136020, a=0.7929219, b=2.4259063, time_unit="W")
    customer = pd.DataFrame({"frequency": [2.0], "recency": [30.43], "T": [38.86]})
    # numbers.md discounts at ln(1.10)/52 per week
    assert model.discounted_purchases(customer, None, 0.10).iloc[0] == pytest.approx(6.36041215, rel=1e-6)


def test_few_customers_spread_the_draws_of_dropout_wider_than_their_standard_errors(fitted):
    draws = fitted.sample_parameters(4000, random_state=0)
    assert draws.attrs["method"] == "nested laplace"
    spread = draws.std() / np.array(fitted.standard_errors_)
    np.testing.assert_allclose(spread[["r", "alpha"]], 1, atol=0.05)
    assert (spread[["a", "b"]].between(1.05, 1.35)).all()


def test_the_summary_is_a_table_of_the_parameters(fitted):
    summary = fitted.summary()
    assert "log-likelihood -9,582.43" in str(summary)
    assert "<table" in summary._repr_html_()
    table = summary.parameters
    assert list(table.index) == ["r", "alpha", "a", "b"]
    assert (table["lower"] < table["estimate"]).all()
    assert (table["estimate"] < table["upper"]).all()
