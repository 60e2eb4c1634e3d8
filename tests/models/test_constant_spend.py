"""ConstantSpend: one price, the limit of Gamma-Gamma, its simulation, and what it refuses."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.base import clone

import clvml
from clvml.diagnostics import fit_by_spend
from clvml.errors import FitError, InputError, LossError
from clvml.scoring import load_model_folder, save_model_folder

pytestmark = pytest.mark.filterwarnings("ignore::clvml.errors.FitWarning")


@pytest.fixture(scope="module")
def one_price(cdnow):
    return cdnow.assign(monetary_value=np.where(cdnow["frequency"] > 0, 9.99, 0.0))


def test_one_price_is_expected_of_everyone(one_price):
    model = clvml.ConstantSpend().fit(one_price)
    assert model.params_ == {"price": 9.99, "variation": 0.0}
    assert (model.expected_spend(one_price) == 9.99).all()


def test_a_price_that_is_given_needs_no_amounts(cdnow):
    histories = cdnow[["frequency", "recency", "T"]]
    model = clvml.ConstantSpend(price=4.5).fit(histories)
    assert (model.expected_spend(histories) == 4.5).all()
    assert model.required_columns == ()


def test_value_is_price_times_expected_purchases(cdnow):
    value = clvml.LifetimeValue(clvml.BGNBD(), clvml.ConstantSpend(price=4.5), 39).fit(cdnow)
    purchases = clvml.BGNBD().fit(cdnow).expected_purchases(cdnow, 39)
    np.testing.assert_allclose(value.predict(cdnow), 4.5 * purchases, rtol=1e-12)
    assert value.required_columns == ("frequency", "recency", "T")


def test_the_price_is_the_mean_over_repeat_purchases():
    customers = pd.DataFrame({"frequency": [3.0, 1.0, 0.0], "monetary_value": [10.0, 2.0, 0.0]})
    assert clvml.ConstantSpend().fit(customers).params_["price"] == pytest.approx(8.0)  # (3 * 10 + 2) / 4


@given(st.floats(0.01, 100), st.integers(1, 9))
def test_currency_scales_the_price_and_weights_repeat_rows(scale, copies):
    customers = pd.DataFrame({"frequency": [3.0, 1.0, 2.0], "monetary_value": [10.0, 2.0, 5.0]})
    plain = clvml.ConstantSpend().fit(customers).params_
    scaled = clvml.ConstantSpend().fit(customers.assign(monetary_value=scale * customers["monetary_value"]))
    assert scaled.params_["price"] == pytest.approx(scale * plain["price"])
    assert scaled.params_["variation"] == pytest.approx(plain["variation"])
    weighted = clvml.ConstantSpend().fit(customers, weights=[copies, copies, copies])
    repeated = clvml.ConstantSpend().fit(pd.concat([customers] * copies, ignore_index=True))
    assert weighted.params_ == pytest.approx(repeated.params_)


def test_simulated_amounts_give_back_price_and_variation_within_their_errors():
    rng = np.random.default_rng(3)
    x = 1.0 + rng.poisson(2, 20_000)
    m = rng.gamma(x / 0.2**2) * 0.2**2 * 12 / x
    model = clvml.ConstantSpend().fit(pd.DataFrame({"frequency": x, "monetary_value": m}))
    error = model.standard_errors_["price"]
    assert error == pytest.approx(12 * 0.2 / np.sqrt(x.sum()), rel=0.03)  # theory: sd / sqrt(purchases)
    assert abs(model.params_["price"] - 12) < 4 * error
    assert model.params_["variation"] == pytest.approx(0.2, rel=0.02)


def test_it_is_the_limit_of_gamma_gamma_for_customers_who_do_not_differ():
    rng = np.random.default_rng(4)
    x = 1.0 + rng.poisson(3, 3_000)
    customers = pd.DataFrame({"frequency": x, "monetary_value": rng.gamma(25 * x) / (25 * x) * 10})
    limit, constant = clvml.GammaGamma().fit(customers), clvml.ConstantSpend().fit(customers)
    assert "q to infinity" in limit.fit_record_.boundary
    np.testing.assert_allclose(limit.expected_spend(customers), constant.expected_spend(customers), rtol=1e-4)
    assert limit.params_.p == pytest.approx(constant.params_["variation"] ** -2, rel=0.1)
    amounts = np.linspace(5, 15, 7)
    np.testing.assert_allclose(
        limit.average_spend_cdf(2.0, amounts), constant.average_spend_cdf(2.0, amounts), atol=0.01
    )


def test_the_distribution_of_averages_is_that_of_simulated_amounts():
    rng = np.random.default_rng(5)
    customers = pd.DataFrame({"frequency": [2.0, 5.0, 3.0], "monetary_value": [8.0, 12.0, 10.0]})
    model = clvml.ConstantSpend().fit(customers)
    simulate = model.spend_simulator(customers)
    number = np.full(4_000, 3)
    draw = np.array([model.params_["price"], model.params_["variation"]])
    averages = simulate(draw, np.zeros(4_000, int), number, rng).reshape(-1, 3).mean(axis=1)
    found = stats.kstest(averages, lambda amounts: model.average_spend_cdf(3.0, amounts))
    assert found.pvalue > 0.001


def test_a_constant_price_has_all_its_probability_at_the_price(one_price):
    model = clvml.ConstantSpend().fit(one_price)
    assert model.average_spend_cdf(2.0, np.array([9.98, 9.99, 10.0])).tolist() == [0.0, 1.0, 1.0]
    assert len(fit_by_spend(one_price, model))


@pytest.mark.parametrize(("x", "m"), [(1.0, 4.0), (3.0, 9.0), (20.0, 15.0)])
def test_the_likelihood_is_the_derivative_of_the_distribution_of_averages(x, m):
    customers = pd.DataFrame({"frequency": [2.0, 5.0, 3.0, 0.0], "monetary_value": [8.0, 12.0, 10.0, 0.0]})
    model = clvml.ConstantSpend().fit(customers)
    asked = pd.DataFrame({"frequency": [x, 0.0, 2.0], "monetary_value": [m, 0.0, 0.0]}, index=[7, 8, 9])
    step = 1e-4
    below = model.average_spend_cdf(x, np.array([m - step, m + step]))
    found = model.log_likelihood(asked)
    assert found.loc[7] == pytest.approx(np.log((below[1] - below[0]) / (2 * step)), rel=1e-4)
    assert found.loc[[8, 9]].tolist() == [0.0, 0.0]


def test_the_score_is_the_mean_log_likelihood_of_customers_with_repeat_spend(cdnow):
    model, limit = clvml.ConstantSpend().fit(cdnow), clvml.GammaGamma().fit(cdnow)
    spent = cdnow[(cdnow["frequency"] > 0) & (cdnow["monetary_value"] > 0)]
    assert model.score(cdnow) == pytest.approx(model.log_likelihood(spent).mean(), rel=1e-12)
    assert model.score(cdnow) < limit.score(cdnow)  # CDNOW's customers differ
    weights = np.arange(1.0, len(cdnow) + 1)
    repeated = cdnow.loc[cdnow.index.repeat(2)].reset_index(drop=True)
    assert model.score(repeated) == pytest.approx(model.score(cdnow), rel=1e-12)
    average = np.average(model.log_likelihood(spent), weights=weights[cdnow.index.isin(spent.index)])
    assert model.score(cdnow, weights=weights) == pytest.approx(average, rel=1e-12)


def test_a_search_prefers_the_estimated_price_to_a_wrong_one(cdnow):
    assert clvml.ConstantSpend(price=5.0).fit(cdnow).score(cdnow) == -np.inf
    customers = pd.DataFrame({"frequency": [2.0, 1.0], "monetary_value": [9.99, 9.99]})
    assert clvml.ConstantSpend().fit(customers).score(customers) == 0.0


def test_a_given_price_adds_no_likelihood_where_there_are_no_amounts(cdnow):
    histories = cdnow[["frequency", "recency", "T"]]
    value = clvml.LifetimeValue(clvml.BGNBD(), clvml.ConstantSpend(price=4.5), 39).fit(histories)
    assert value.score(histories) == clvml.BGNBD().fit(histories).score(histories)
    with pytest.raises(InputError, match="lacks 'monetary_value'"):
        clvml.ConstantSpend(price=4.5).fit(histories).score(histories)


def test_customers_without_repeat_spend_have_no_score(cdnow):
    model = clvml.ConstantSpend().fit(cdnow)
    with pytest.raises(InputError, match="none of 2357 customers has repeat spend"):
        model.score(cdnow.assign(monetary_value=0.0))


def test_intervals_of_spend_are_those_of_purchases_times_the_price(one_price):
    value = clvml.LifetimeValue(clvml.BGNBD(), clvml.ConstantSpend(), 39).fit(one_price)
    totals = value.predict_total_interval(one_price)
    for end in ("", "_lower", "_upper"):
        np.testing.assert_allclose(totals[f"spend{end}"], 9.99 * totals[f"purchases{end}"], rtol=1e-9)


def test_an_estimated_price_is_uncertain_and_a_given_one_is_not(cdnow):
    estimated = clvml.ConstantSpend().fit(cdnow)
    draws = np.array(estimated.parameter_draws(4_000, 0))
    assert draws[:, 0].std() == pytest.approx(estimated.standard_errors_["price"], rel=0.05)
    assert draws[:, 0].mean() == pytest.approx(estimated.params_["price"], rel=0.005)
    assert len(clvml.ConstantSpend(price=3).fit(cdnow).parameter_draws(100, 0, together=True)) == 1


def test_of_several_models_of_spend_the_first_that_can_be_fitted_is_used(cdnow, one_price):
    both = (clvml.GammaGamma(), clvml.ConstantSpend())
    value = clvml.LifetimeValue(clvml.BGNBD(), both, 39)
    usual = clone(value).fit(cdnow)
    alone = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), 39).fit(cdnow)
    pd.testing.assert_series_equal(usual.predict(cdnow), alone.predict(cdnow), check_exact=True)
    assert usual.fit_notes_ == ()
    flat = clone(value).fit(one_price)
    assert isinstance(flat.spend_, clvml.ConstantSpend)
    (note,) = flat.fit_notes_
    assert note.startswith("Gamma-Gamma cannot be fitted, and constant spend is used instead: all 946")


def test_if_no_model_of_spend_can_be_fitted_the_reason_of_the_first_is_given(cdnow):
    value = clvml.LifetimeValue(clvml.BGNBD(), (clvml.GammaGamma(), clvml.ConstantSpend()), 39)
    with pytest.raises(FitError, match="0 of 2357 customers have repeat spend; Gamma-Gamma requires"):
        value.fit(cdnow.assign(monetary_value=0.0))


@pytest.mark.parametrize("spend", [clvml.ConstantSpend(), clvml.ConstantSpend(price=9.5)])
def test_saved_models_give_the_same_answers(cdnow, one_price, tmp_path, spend):
    value = clvml.LifetimeValue(clvml.MBGNBD(), (clvml.GammaGamma(), spend), 39).fit(one_price)
    save_model_folder(value, tmp_path)
    loaded = load_model_folder(tmp_path)
    pd.testing.assert_frame_equal(
        loaded.predict_factors(cdnow), value.predict_factors(cdnow), check_exact=True
    )
    pd.testing.assert_frame_equal(
        loaded.predict_total_interval(cdnow, n_simulations=39),
        value.predict_total_interval(cdnow, n_simulations=39),
        check_exact=True,
    )
    assert loaded.fit_notes_ == value.fit_notes_


@pytest.mark.parametrize("price", [0, -1.0, np.inf, np.nan, "9.99", True])
def test_a_price_that_is_not_a_positive_number_is_refused(cdnow, price):
    with pytest.raises(InputError, match=r"price is .* it must be a positive, finite number"):
        clvml.ConstantSpend(price=price).fit(cdnow)


def test_without_repeat_spend_the_way_out_is_to_give_the_price(cdnow):
    with pytest.raises(FitError, match=r"give it, as in ConstantSpend\(price=9.99\)"):
        clvml.ConstantSpend().fit(cdnow.assign(monetary_value=0.0))


def test_losses_are_refused(cdnow):
    with pytest.raises(LossError):
        clvml.ConstantSpend().fit(cdnow.assign(monetary_value=-1.0))


@pytest.mark.parametrize("noise", [1e-3, 1e-5, 1e-8])
def test_gamma_gamma_refuses_amounts_that_hardly_vary_in_words(cdnow, noise):
    varied = 9.99 * (1 + noise * np.random.default_rng(6).uniform(-1, 1, len(cdnow)))
    with pytest.raises(FitError, match=r"same average spend .* to within 1%.*ConstantSpend"):
        clvml.GammaGamma().fit(cdnow.assign(monetary_value=varied))


def test_the_summary_shows_the_price(one_price):
    shown = str(clvml.ConstantSpend().fit(one_price).summary())
    assert "9.99" in shown
    assert "customers 946" in shown
