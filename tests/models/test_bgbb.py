"""BGBB on the donations as published, its symmetries, and what it refuses."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import clvml
from clvml.errors import FitError, FitWarning, InputError

DONATIONS = Path(__file__).parents[3] / "shared/data/bgbb_donations/lifetimes_donations.parquet"
PUBLISHED = {"alpha": 1.204, "beta": 0.750, "gamma": 0.657, "delta": 2.783}


@pytest.fixture(scope="module")
def donors():
    if not DONATIONS.exists():
        pytest.skip(f"{DONATIONS} is absent")
    return pd.read_parquet(DONATIONS).rename(columns={"periods": "T"})


@pytest.fixture(scope="module")
def fitted(donors):
    return clvml.BGBB().fit(donors, weights=donors["weights"])


def test_the_donations_give_the_published_fit(fitted):
    """../shared/reference/numbers.md, recomputed; published 1.204, .750, .657, 2.783; -33225.6."""
    np.testing.assert_allclose(fitted.params_, (1.2035224, 0.7497164, 0.6567181, 2.7834417), rtol=1e-6)
    assert fitted.log_likelihood_ == pytest.approx(-33225.581274, abs=1e-6)
    assert fitted.n_customers_ == 11_104
    assert fitted.fit_record_.converged
    assert fitted.fit_record_.messages == ()


def test_the_donations_give_the_published_forecasts(fitted, donors):
    # numbers.md has 3.179805; the paper's closed form at these parameters is 3.179829.
    assert fitted.expected_purchases_new_customer(10) == pytest.approx(3.179805, rel=1e-5)
    total = fitted.expected_purchases(donors, 5) @ donors["weights"]
    assert total == pytest.approx(12_884.2, abs=0.05)


def test_a_row_of_weight_is_that_many_customers(fitted, donors):
    each = donors.loc[donors.index.repeat(donors["weights"])].reset_index(drop=True)
    np.testing.assert_allclose(clvml.BGBB().fit(each).params_, fitted.params_, rtol=1e-6)
    assert fitted.log_likelihood(each).sum() == pytest.approx(fitted.log_likelihood_, rel=1e-12)


def test_simulated_customers_give_back_their_parameters():
    model = clvml.BGBB.from_params(**PUBLISHED, time_unit="Y")
    customers = model.simulate(np.random.default_rng(0).integers(4, 12, 50_000), random_state=1)
    again = clvml.BGBB().fit(customers)
    assert again.time_unit_ == "Y"
    assert abs((np.array(again.params_) - model.params_) / again.standard_errors_).max() < 4


def test_a_customers_predictions_do_not_depend_on_who_else_is_asked_for():
    model = clvml.BGBB.from_params(**PUBLISHED, time_unit="Y")
    customers = model.simulate(np.arange(1, 400) % 20, random_state=1)
    many = model.discounted_purchases(customers, 7, 0.1)
    for few in (customers.iloc[[5]], customers.iloc[100:103]):
        pd.testing.assert_series_equal(
            model.discounted_purchases(few, 7, 0.1), many[few.index], check_exact=True
        )


def test_discounting_is_the_sum_over_opportunities():
    model = clvml.BGBB.from_params(**PUBLISHED, time_unit="Y")
    customers = model.simulate(np.full(50, 6), random_state=1)
    until = [0.0, *(model.expected_purchases(customers, h) for h in (1, 2, 3))]
    by_hand = sum((until[i + 1] - until[i]) / 1.1 ** (i + 1) for i in range(3))
    np.testing.assert_allclose(model.discounted_purchases(customers, "3Y", 0.1), by_hand, rtol=1e-12)


def test_a_boundary_is_reported_in_words():
    customers = pd.DataFrame({"frequency": [3.0] * 40, "recency": [6.0] * 40, "T": [6.0] * 40})
    with pytest.warns(FitWarning) as said:
        model = clvml.BGBB().fit(customers)
    assert "the BG/BB likelihood has no interior maximum" in str(said[0].message)
    assert model.fit_record_.at_boundary
    assert np.isfinite(model.expected_purchases(customers, 10)).all()


@pytest.mark.parametrize(
    ("history", "shown"),
    [((2, 1, 6), "frequency 2, recency 1, T 6"), ((1, 1.5, 6), "recency 1.5"), ((1, 1, 6.5), "T 6.5")],
)
def test_customers_who_do_not_count_opportunities_are_named(history, shown):
    customers = pd.DataFrame([history, (1, 2, 6)], columns=["frequency", "recency", "T"], dtype=float)
    with pytest.raises(
        InputError, match=rf"1 of 2 customers have no whole numbers of opportunities.*{shown}"
    ):
        clvml.BGBB().fit(customers)


def test_what_has_no_meaning_is_refused():
    model = clvml.BGBB.from_params(**PUBLISHED)
    with pytest.raises(InputError, match=r"horizon is 2\.5"):
        model.expected_purchases_new_customer(2.5)
    with pytest.raises(InputError, match="whole numbers of opportunities"):
        model.simulate([1.5], random_state=0)
    with pytest.raises(InputError, match="parameter gamma is"):
        clvml.BGBB.from_params(**PUBLISHED | {"gamma": -1.0})
    with pytest.raises(FitError, match="bought again"):
        clvml.BGBB().fit(pd.DataFrame({"frequency": [0.0, 0], "recency": [0.0, 0], "T": [6.0, 6]}))


def test_donations_over_an_infinite_horizon_are_discounted_from_opportunity_to_opportunity():
    model = clvml.BGBB.from_params(alpha=1.2, beta=0.75, gamma=0.66, delta=2.78, time_unit="Y")
    customers = pd.DataFrame({"frequency": [3.0], "recency": [6.0], "T": [6.0]})
    endless = model.discounted_purchases(customers, None, 0.10)
    long = model.discounted_purchases(customers, 2000, 0.10)
    assert endless.iloc[0] == pytest.approx(long.iloc[0], rel=1e-12)
