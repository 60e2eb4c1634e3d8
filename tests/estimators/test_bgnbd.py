"""BGNBD on CDNOW as published, its symmetries, and what it says when data are poor."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import clvml
from clvml.errors import FitError, FitWarning, InputError, TimeUnitError

# ../shared/reference/numbers.md, recomputed with an independent implementation
RECOMPUTED = (0.2425945, 4.4136020, 0.7929219, 2.4259063)


@pytest.fixture(scope="module")
def fitted(cdnow):
    return clvml.BGNBD().fit(cdnow)


def test_cdnow_gives_the_published_fit(fitted):
    np.testing.assert_allclose(fitted.params_, RECOMPUTED, rtol=1e-6)
    assert fitted.log_likelihood_ == pytest.approx(-9582.429207, abs=1e-6)
    np.testing.assert_allclose(fitted.standard_errors_, (0.01256, 0.37822, 0.18573, 0.70541), rtol=5e-4)
    assert fitted.fit_record_.converged
    assert fitted.fit_record_.messages == ()


def test_cdnow_gives_the_published_holdout_forecast(fitted, cdnow):
    assert fitted.expected_purchases(cdnow, 39).sum() == pytest.approx(1653.4087, abs=1e-4)


@pytest.mark.parametrize(("weeks", "value"), [(1, 0.0532), (3, 0.1506), (31.8571, 1.0405), (32, 1.0437)])
def test_a_new_customer_buys_as_published(fitted, weeks, value):
    assert fitted.expected_purchases_new_customer(weeks) == pytest.approx(value, abs=5.1e-5)


def test_customers_sum_to_the_log_likelihood(fitted, cdnow):
    assert fitted.log_likelihood(cdnow).sum() == pytest.approx(fitted.log_likelihood_, rel=1e-12)


def test_predictions_keep_the_index_and_the_callers_frame(fitted, cdnow):
    before = cdnow.copy()
    alive = fitted.probability_alive(cdnow)
    assert alive.index.equals(cdnow.index)
    assert alive.between(0, 1).all()
    pd.testing.assert_frame_equal(cdnow, before)


def test_the_unit_of_time_does_not_matter(fitted, cdnow):
    days = clvml.convert_time_unit(cdnow, "D")
    in_days = clvml.BGNBD().fit(days)
    np.testing.assert_allclose(in_days.params_, np.array(fitted.params_) * [1, 7, 1, 1], rtol=1e-7)
    np.testing.assert_allclose(
        in_days.expected_purchases(days, 273), fitted.expected_purchases(cdnow, 39), rtol=1e-7
    )


def test_the_order_of_customers_does_not_matter(fitted, cdnow):
    shuffled = cdnow.sample(frac=1, random_state=0)
    np.testing.assert_allclose(clvml.BGNBD().fit(shuffled).params_, fitted.params_, rtol=1e-8)


def test_a_customer_twice_is_a_customer_of_weight_two(cdnow):
    twice = pd.concat([cdnow, cdnow.set_axis(cdnow.index + 10_000)])
    weighted = clvml.BGNBD().fit(cdnow, weights=np.full(len(cdnow), 2.0))
    np.testing.assert_allclose(clvml.BGNBD().fit(twice).params_, weighted.params_, rtol=1e-8)


def test_customers_of_weight_zero_do_not_matter(fitted, cdnow):
    more = pd.concat([cdnow, cdnow.head(500).set_axis(range(10_000, 10_500))])
    weights = np.r_[np.ones(len(cdnow)), np.zeros(500)]
    np.testing.assert_allclose(clvml.BGNBD().fit(more, weights=weights).params_, fitted.params_, rtol=1e-8)


def test_a_model_in_weeks_refuses_customers_in_days_and_says_how_to_convert(fitted, cdnow):
    with pytest.raises(TimeUnitError, match=r"in weeks, .* in days.*convert_time_unit\(customers, 'W'\)"):
        fitted.probability_alive(clvml.convert_time_unit(cdnow, "D"))


def test_discounting_at_zero_is_the_plain_expectation(fitted, cdnow):
    plain = fitted.expected_purchases(cdnow, 39)
    pd.testing.assert_series_equal(fitted.discounted_purchases(cdnow, 39, 0.0), plain, check_names=False)


def test_discounting_is_the_sum_over_periods(fitted, cdnow):
    until = [0.0, *(fitted.expected_purchases(cdnow, h) for h in (1, 2, 2.5))]
    rate = 1.2 ** (1 / 52)
    by_hand = sum((until[i + 1] - until[i]) / rate**h for i, h in enumerate((1, 2, 2.5)))
    np.testing.assert_allclose(fitted.discounted_purchases(cdnow, 2.5, 0.2), by_hand, rtol=1e-9)


def test_it_is_a_scikit_learn_estimator(cdnow):
    model = clvml.BGNBD()
    assert clone(model).get_params() == model.get_params()
    with pytest.raises(NotFittedError):
        model.probability_alive(cdnow)


def test_simulated_customers_give_back_their_parameters(fitted):
    customers = fitted.simulate(np.random.default_rng(0).uniform(27, 39, 100_000), seed=1)
    again = clvml.BGNBD().fit(customers)
    assert again.time_unit_ == "W"
    assert abs((np.array(again.params_) - fitted.params_) / again.standard_errors_).max() < 4


def test_a_boundary_is_said_in_words():
    customers = pd.DataFrame(
        {"frequency": [3.0, 5, 2, 4] * 20, "recency": [9.0, 10, 9.5, 9.9] * 20, "T": [10.0] * 80}
    )
    with pytest.warns(FitWarning) as said:
        model = clvml.BGNBD().fit(customers)
    assert "no interior maximum" in str(said[0].message)
    assert model.fit_record_.messages == tuple(str(one.message) for one in said)
    assert model.fit_record_.at_boundary
    assert np.isfinite(model.expected_purchases(customers, 10)).all()


@pytest.mark.parametrize(
    ("customers", "message"),
    [
        ({"frequency": [0.0, 0], "recency": [0.0, 0], "T": [3.0, 4]}, "none of the 2 customers bought again"),
        ({"frequency": [2.0], "recency": [2.0], "T": [3.0]}, "only one customer"),
        ({"frequency": [1.0, 0], "recency": [0.0, 0], "T": [0.0, 0]}, "every customer has T = 0"),
    ],
)
def test_data_without_information_are_refused(customers, message):
    with pytest.raises(FitError, match=message):
        clvml.BGNBD().fit(pd.DataFrame(customers))


@pytest.mark.parametrize("value", [0, -1.0, float("nan"), float("inf"), "1"])
def test_parameters_must_be_positive(value):
    with pytest.raises(InputError, match="parameter a is"):
        clvml.BGNBD.from_params(r=0.2, alpha=4, a=value, b=2)


@pytest.mark.parametrize("weights", [[1.0], [-1.0] * 2357, [float("nan")] * 2357, [0.0] * 2357])
def test_weights_are_checked(cdnow, weights):
    with pytest.raises(InputError, match="weights"):
        clvml.BGNBD().fit(cdnow, weights=weights)


def test_the_residual_value_without_end_is_the_one_of_the_reference():
    model = clvml.BGNBD.from_params(r=0.2425945, alpha=4.4136020, a=0.7929219, b=2.4259063, time_unit="W")
    customer = pd.DataFrame({"frequency": [2.0], "recency": [30.43], "T": [38.86]})
    # numbers.md discounts at ln(1.10)/52 a week
    assert model.discounted_purchases(customer, None, 0.10).iloc[0] == pytest.approx(6.36041215, rel=1e-6)


def test_the_value_without_end_is_the_limit_of_long_horizons(fitted, cdnow):
    customers = cdnow.head(50)
    long = [fitted.discounted_purchases(customers, weeks, 0.10) for weeks in (520, 5200)]
    endless = fitted.discounted_purchases(customers, None, 0.10)
    assert (long[0] < long[1]).all()
    # discounting continuously rather than from the end of each week is worth half a week, .1 %
    np.testing.assert_allclose(endless, long[1] * 1.1 ** (0.5 / 52), rtol=2e-4)


def test_without_end_and_without_discount_is_refused(fitted, cdnow):
    with pytest.raises(InputError, match="without a horizon annual_discount_rate must be above 0"):
        fitted.discounted_purchases(cdnow)


def test_intervals_are_quantiles_and_cover_the_holdout(fitted, cdnow_split):
    customers, bought = cdnow_split.calibration, cdnow_split.holdout["purchases"]
    interval = fitted.predict_interval(customers, 39, coverage=0.9)
    assert interval.index.equals(customers.index)
    assert bought.between(interval["lower"], interval["upper"]).mean() > 0.9
    one = customers.head(1)
    upper = int(interval["upper"].iloc[0])
    below = [fitted.purchase_probability(n, 39, one).iloc[0] for n in range(upper + 1)]
    assert sum(below[:-1]) < 0.95 <= sum(below)


def test_a_new_customer_has_a_distribution_too(fitted):
    p = [fitted.purchase_probability(n, 39) for n in range(400)]
    assert sum(p) == pytest.approx(1, abs=1e-6)
    assert np.dot(p, range(400)) == pytest.approx(fitted.expected_purchases_new_customer(39), rel=1e-3)


def test_draws_of_the_parameters_spread_as_their_standard_errors(fitted):
    read_again = pickle.loads(pickle.dumps(fitted))  # without its customers: Laplace alone
    draws = read_again.sample_parameters(20_000, seed=0)
    assert draws.attrs == {"method": "laplace", "k_hat": None}
    np.testing.assert_allclose(draws.median(), fitted.params_, rtol=0.02)
    spread = np.log(draws).std() * np.array(fitted.params_)
    np.testing.assert_allclose(spread, fitted.standard_errors_, rtol=0.05)


def test_few_customers_spread_the_draws_of_dropout_a_tenth_wider(fitted):
    draws = fitted.sample_parameters(4000, seed=0)
    assert draws.attrs["method"] == "importance"
    assert draws.attrs["k_hat"] < 0.5
    spread = np.log(draws).std() * np.array(fitted.params_) / np.array(fitted.standard_errors_)
    np.testing.assert_allclose(spread[["r", "alpha"]], 1, atol=0.05)
    assert (spread[["a", "b"]].between(1.03, 1.25)).all()


def test_the_summary_is_a_table_of_the_parameters(fitted):
    summary = fitted.summary()
    assert "log-likelihood -9,582.43" in str(summary)
    assert "<table" in summary._repr_html_()
    table = summary.parameters
    assert list(table.index) == ["r", "alpha", "a", "b"]
    assert (table["lower"] < table["estimate"]).all()
    assert (table["estimate"] < table["upper"]).all()


@pytest.mark.parametrize("n", [-1, 1.5, True, "1"])
def test_a_number_of_purchases_is_whole(fitted, n):
    with pytest.raises(InputError, match="n is"):
        fitted.purchase_probability(n, 39)


@pytest.mark.parametrize("coverage", [0, 1, 90])
def test_coverage_is_a_share(fitted, cdnow, coverage):
    with pytest.raises(InputError, match="coverage is"):
        fitted.predict_interval(cdnow, 39, coverage)
