"""What all fitted models share: priors without units, starts, criteria, draws, words for what runs off."""

import pickle

import numpy as np
import pandas as pd
import pytest

import clvml
from clvml.errors import FitWarning, InputError
from clvml.inference import _parameter_draws as posterior
from clvml.inference._parameter_draws import draw_corrected, pareto_tail, smoothed_weights, within_reach

SMALL = {"r": 0.8, "alpha": 10.0, "a": 0.6, "b": 2.0}


@pytest.fixture(scope="module")
def fitted(cdnow):
    return clvml.BGNBD().fit(cdnow)


@pytest.fixture
def few():
    """Customers whose likelihood has no interior maximum."""
    return clvml.BGNBD.from_params(**SMALL, time_unit="W").simulate(np.full(60, 30.0), seed=4)


@pytest.mark.parametrize("kind", [clvml.BGNBD, clvml.MBGNBD, clvml.ParetoNBD, clvml.GammaGamma])
def test_a_weak_prior_has_no_unit_and_customers_outweigh_it(kind, cdnow):
    weak, free = kind(prior="weak").fit(cdnow), kind().fit(cdnow)
    apart = abs(np.array(weak.params_) - np.array(free.params_)) / np.array(free.standard_errors_)
    assert 0 < apart.max() < 0.7
    other = clvml.convert_time_unit(cdnow, "D").assign(monetary_value=100 * cdnow["monetary_value"])
    units = {"alpha": 7, "beta": 7, "v": 100}
    expected = [value * units.get(name, 1) for name, value in weak.params_._asdict().items()]
    np.testing.assert_allclose(kind(prior="weak").fit(other).params_, expected, rtol=1e-6)
    assert weak.log_likelihood_ < free.log_likelihood_  # without the prior in it


def test_a_weak_prior_holds_what_the_data_do_not(few):
    with pytest.warns(FitWarning, match="prior='weak' holds them"):
        free = clvml.MBGNBD().fit(few)
    assert free.fit_record_.at_boundary
    with pytest.warns(FitWarning, match="hardly identify"):
        held = clvml.MBGNBD(prior="weak").fit(few)
    assert not held.fit_record_.at_boundary
    assert max(held.params_) < 1000


def test_the_prior_says_what_it_takes_for_likely():
    table = clvml.BGNBD.prior_table()
    assert list(table) == ["typical", "from", "to"]
    assert table.loc["odds of leaving after a purchase, a / b", "typical"] == pytest.approx(1 / 3)
    with pytest.raises(InputError, match="prior is 'strong'"):
        clvml.BGNBD(prior="strong").fit(pd.DataFrame({"frequency": [1, 2.0], "recency": [1, 2.0], "T": 3.0}))


def test_a_warm_start_comes_to_the_same_place_sooner(fitted, cdnow):
    warm = clvml.BGNBD().fit(cdnow, start=fitted.params_)
    np.testing.assert_allclose(warm.params_, fitted.params_, rtol=1e-8)
    assert warm.fit_record_.n_evaluations < fitted.fit_record_.n_evaluations
    np.testing.assert_allclose(warm.fit_record_.starts[0], fitted.params_)
    with pytest.raises(InputError, match="parameter a is -1"):
        clvml.BGNBD().fit(cdnow, start=(0.2, 4.0, -1, 2.0))


def test_a_start_that_leads_nowhere_is_followed_by_the_usual_one(fitted, cdnow):
    lost = clvml.BGNBD().fit(cdnow, start=(1e-9, 1e9, 1e9, 1e-9))
    np.testing.assert_allclose(lost.params_, fitted.params_, rtol=1e-6)


def test_criteria_count_parameters_and_customers(fitted):
    assert fitted.aic_ == pytest.approx(8 + 2 * 9582.429207, abs=1e-5)
    assert fitted.bic_ == pytest.approx(4 * np.log(2357) + 2 * 9582.429207, abs=1e-5)


def test_a_model_that_does_not_contain_the_other_cannot_be_tested_against_it(fitted, cdnow):
    with pytest.raises(InputError, match="does not contain"):
        clvml.likelihood_ratio_test(clvml.MBGNBD().fit(cdnow), fitted)
    with pytest.raises(InputError, match="2357 and 1000 customers"):
        clvml.likelihood_ratio_test(fitted, clvml.BGNBD().fit(cdnow.sample(1000, random_state=0)))


@pytest.mark.parametrize(
    ("params", "seed", "runs_off", "words"),
    [
        ({"r": 0.2, "alpha": 4.0, "a": 2000.0, "b": 5000.0}, 0, "a to infinity", "how readily they leave"),
        ({"r": 9e4, "alpha": 9e5, "a": 1.0, "b": 3.0}, 1, "r to infinity", "how often they buy"),
        ({"r": 0.7, "alpha": 5.0, "a": 1e-3, "b": 900.0}, 0, "a to 0", "nobody leaves"),
    ],
)
def test_what_runs_off_is_named_and_explained(params, seed, runs_off, words):
    customers = clvml.BGNBD.from_params(**params).simulate(np.full(400, 40.0), seed)
    with pytest.warns(FitWarning, match="no interior maximum") as said:
        model = clvml.BGNBD().fit(customers)
    assert runs_off in model.fit_record_.boundary
    assert words in str(said[0].message)


def test_frequent_customers_who_spend_more_are_pointed_out(cdnow):
    assert clvml.GammaGamma().fit(cdnow).frequency_spend_correlation_ == pytest.approx(0.11, abs=0.005)
    more = cdnow.assign(monetary_value=cdnow["monetary_value"] * (1 + cdnow["frequency"]))
    with pytest.warns(FitWarning, match=r"correlated \(\+0\.[3-9]\d, where CDNOW has \+\.11\)"):
        clvml.GammaGamma().fit(more)


def test_customers_who_cannot_leave_before_a_repeat_purchase_are_pointed_out():
    customers = clvml.MBGNBD.from_params(r=0.6, alpha=8.0, a=3.0, b=1.0).simulate(np.full(4000, 40.0), 1)
    assert (customers["frequency"] == 0).mean() > 0.8
    with pytest.warns(FitWarning, match=r"8\d% of the customers have not bought again"):
        clvml.BGNBD().fit(customers)


def test_a_model_forgets_its_customers_when_it_is_saved(fitted):
    state = pickle.dumps(fitted)
    assert len(state) < 4000
    again = pickle.loads(state)
    assert again.sample_parameters(10, seed=1).attrs["method"] == "laplace"
    assert str(again.summary()) == str(fitted.summary())


@pytest.mark.parametrize("k", [-0.3, 0.2, 0.7])
def test_the_tail_of_a_pareto_distribution_is_found(k):
    uniform = np.random.default_rng(0).random(5000)
    shape, scale = pareto_tail(2 * np.expm1(-k * np.log1p(-uniform)) / k)
    assert shape == pytest.approx(k, abs=0.05)
    assert scale == pytest.approx(2, rel=0.05)


def test_equal_weights_stay_equal_and_heavy_tails_are_told():
    weights, k_hat = smoothed_weights(np.zeros(2000))
    np.testing.assert_allclose(weights, 1 / 2000)
    assert k_hat < 0.5
    heavy = np.random.default_rng(0).pareto(0.8, 2000)
    assert smoothed_weights(np.log1p(heavy))[1] > 0.7


def test_proposals_move_to_where_the_weight_is_until_the_draws_may_be_relied_on():
    """A banana: a normal at its top knows nothing of its arms."""

    def log_density(theta):
        return -(theta[0] ** 2) / 2 - (theta[1] - theta[0] ** 2) ** 2

    rng = np.random.default_rng(0)
    draws, k_hat = draw_corrected(np.zeros(2), np.diag([0.2, 0.5]), log_density, 20_000, rng)
    assert k_hat < 0.7
    np.testing.assert_allclose(draws.mean(axis=0), [0, 1], atol=0.1)
    np.testing.assert_allclose(draws.std(axis=0), [1, np.sqrt(2.5)], rtol=0.15)


def test_a_density_that_lies_elsewhere_is_not_relied_on():
    def log_density(theta):
        return -1e4 * ((theta - 5) ** 2).sum()

    _, k_hat = draw_corrected(np.zeros(2), np.eye(2), log_density, 1000, np.random.default_rng(0))
    assert k_hat > 0.7


def test_draws_that_may_not_be_relied_on_say_so(fitted, monkeypatch):
    monkeypatch.setattr(
        posterior, "smoothed_weights", lambda ratios: (np.full(ratios.size, 1 / ratios.size), 0.9)
    )
    with pytest.warns(FitWarning, match="k-hat 0.90, above 0.7"):
        fitted.sample_parameters(10, seed=0)


def test_draws_are_those_of_a_markov_chain(fitted):
    center, spread = fitted._search_estimate(), fitted._search_covariance()
    rng, step = np.random.default_rng(1), np.linalg.cholesky(spread)
    here, height, chain = center, fitted._log_posterior(center), []
    for _ in range(20_000):
        there = here + step @ rng.standard_normal(4)
        if np.log(rng.random()) < (new := fitted._log_posterior(there)) - height:
            here, height = there, new
        chain.append(here)
    levels, sd = [0.05, 0.25, 0.5, 0.75, 0.95], np.sqrt(np.diag(spread))
    draws = np.log(fitted.sample_parameters(4000, seed=0).to_numpy())
    ours, theirs = (np.quantile((logs - center) / sd, levels, axis=0) for logs in (draws, chain))
    np.testing.assert_allclose(ours, theirs, atol=0.2)


def test_what_the_data_leave_open_on_one_side_ends_within_reach():
    """Nothing beyond zero is less likely than zero itself."""
    covariance, held = within_reach(np.zeros(1), np.eye(1) * 100, lambda theta: -max(-theta[0], 0.0))
    assert 3 * 0.9 < np.sqrt(covariance[0, 0]) < 3
    draws, k_hat = draw_corrected(np.zeros(1), covariance, held, 4000, np.random.default_rng(0))
    assert k_hat < 0.7
    assert 6 < draws.max() < 15


def test_given_parameters_have_a_summary_too():
    text = str(clvml.BGNBD.from_params(**SMALL).summary())
    assert "given, not fitted" in text
    assert "alpha" in text


def test_draws_at_a_boundary_stay_where_the_likelihood_goes_on_rising():
    """CDNOW's first quarter: Pareto/NBD's s and beta run off together, their ratio does not."""
    early = clvml.split(clvml.load_cdnow(), "1997-03-31", "1997-12-29").calibration
    with pytest.warns(FitWarning, match="s goes to infinity and beta goes to infinity"):
        model = clvml.ParetoNBD().fit(early)
    draws = model.sample_parameters(200, seed=0)
    leaving = (draws["s"] / draws["beta"]) / (model.params_.s / model.params_.beta)
    assert 0.1 < leaving.std() < 1
    assert (np.log(draws["s"] / model.params_.s).abs() < 1).all()
    total = model.expected_purchases(early, 13).sum()
    several = [
        model.from_params(**draw).expected_purchases(early, 13).sum()
        for draw in draws[:20].to_dict("records")
    ]
    assert min(several) < total < max(several)
