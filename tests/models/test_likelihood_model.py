"""What all fitted models share: priors without units, starts, criteria, draws, words for what diverges."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score

import clvml
from clvml.errors import FitWarning, InputError
from clvml.inference._prior import prior_of
from clvml.scoring._model_file import dump_model, load_model_json

SMALL = {"r": 0.8, "alpha": 10.0, "a": 0.6, "b": 2.0}


@pytest.fixture(scope="module")
def fitted(cdnow):
    return clvml.BGNBD().fit(cdnow)


@pytest.fixture
def few():
    """Customers whose likelihood has no interior maximum."""
    return clvml.BGNBD.from_params(**SMALL, time_unit="W").simulate(np.full(60, 30.0), random_state=4)


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


def test_a_weak_prior_regularises_what_the_data_do_not_identify(few):
    with pytest.warns(FitWarning, match="Try prior='weak'"):
        free = clvml.MBGNBD().fit(few)
    assert free.fit_record_.at_boundary
    with pytest.warns(FitWarning, match="only weakly identify"):
        held = clvml.MBGNBD(prior="weak").fit(few)
    assert not held.fit_record_.at_boundary
    assert max(held.params_) < 1000


@pytest.mark.filterwarnings("ignore:the data only weakly identify:clvml.errors.FitWarning")
def test_draws_that_a_prior_alone_bounds_are_said_to_be_unreliable(cdnow):
    """Of 500 of CDNOW's customers, Pareto/NBD cannot say how alike their lifetimes are; BG/NBD can."""
    some = cdnow[:500]
    model = clvml.ParetoNBD().fit(some)
    with pytest.warns(FitWarning, match="sampling of the Pareto/NBD parameters is unreliable"):
        model.sample_parameters(10, random_state=0)
    clvml.BGNBD().fit(some).sample_parameters(10, random_state=0)
    clvml.ParetoNBD(prior="weak").fit(some).sample_parameters(10, random_state=0)


def test_the_prior_says_what_it_assumes():
    table = clvml.BGNBD.prior_table()
    assert list(table) == ["typical", "lower", "upper"]
    assert table.loc["odds of dropout after a purchase, a / b", "typical"] == pytest.approx(1 / 3)
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
    ("params", "random_state", "diverging", "words"),
    [
        ({"r": 0.2, "alpha": 4.0, "a": 2000.0, "b": 5000.0}, 0, "a to infinity", "dropout probability"),
        ({"r": 9e4, "alpha": 9e5, "a": 1.0, "b": 3.0}, 1, "r to infinity", "differ in their purchase rate"),
        ({"r": 0.7, "alpha": 5.0, "a": 1e-3, "b": 900.0}, 0, "a to 0", "no customer drops out"),
    ],
)
def test_what_diverges_is_named_and_explained(params, random_state, diverging, words):
    customers = clvml.BGNBD.from_params(**params).simulate(np.full(400, 40.0), random_state)
    with pytest.warns(FitWarning, match="no interior maximum") as said:
        model = clvml.BGNBD().fit(customers)
    assert diverging in model.fit_record_.boundary
    assert words in str(said[0].message)


def test_frequent_customers_who_spend_more_are_pointed_out(cdnow):
    assert clvml.GammaGamma().fit(cdnow).frequency_spend_correlation_ == pytest.approx(0.11, abs=0.005)
    more = cdnow.assign(monetary_value=cdnow["monetary_value"] * (1 + cdnow["frequency"]))
    with pytest.warns(FitWarning, match=r"correlated \(\+0\.[3-9]\d; \+0\.11 in CDNOW\)"):
        clvml.GammaGamma().fit(more)


def test_customers_who_cannot_drop_out_before_a_repeat_purchase_are_pointed_out():
    customers = clvml.MBGNBD.from_params(r=0.6, alpha=8.0, a=3.0, b=1.0).simulate(np.full(4000, 40.0), 1)
    assert (customers["frequency"] == 0).mean() > 0.8
    with pytest.warns(FitWarning, match=r"8\d% of the customers have not bought again"):
        clvml.BGNBD().fit(customers)


@pytest.mark.parametrize("kind", [clvml.BGNBD, clvml.MBGNBD, clvml.ParetoNBD, clvml.GammaGamma])
def test_a_fitted_model_holds_no_customers_and_draws_the_same_once_saved(kind, cdnow):
    model = kind().fit(cdnow)
    state, text = pickle.dumps(model), dump_model(model)
    assert len(state) < 5000
    assert len(text) < 12_000  # with its card; 2,357 customers take more than 100,000
    draws = model.sample_parameters(199, random_state=1)
    assert draws.attrs == {"method": "nested laplace"}
    for again in (pickle.loads(state), load_model_json(text), copy.deepcopy(model)):
        pd.testing.assert_frame_equal(again.sample_parameters(199, random_state=1), draws, check_exact=True)
        assert str(again.summary()) == str(model.summary())


def test_a_saved_model_is_as_large_for_many_customers_as_for_few():
    few, many = (clvml.BGNBD.from_params(**SMALL).simulate(np.full(n, 30.0), 1) for n in (400, 8000))
    sizes = [len(pickle.dumps(clvml.BGNBD().fit(customers))) for customers in (few, many)]
    assert abs(sizes[0] - sizes[1]) < 1000


@pytest.mark.parametrize("kind", [clvml.BGNBD, clvml.MBGNBD])
def test_draws_are_those_of_a_markov_chain(kind, cdnow):
    some = cdnow.sample(1200, random_state=3)
    model = kind(prior="weak").fit(some)
    history, units = model.history(some), model._units(model.history(some))
    counts, prior = model.kernel.count(history), prior_of(model.scales)

    def log_posterior(logs):
        value = model.kernel.total(model.Params(*np.exp(logs)), counts)
        return value - prior.penalty(logs - np.log(units))[0]

    center = np.log(np.array(model.params_))
    spread = model.covariance_ / np.outer(model.params_, model.params_)
    rng, step = np.random.default_rng(1), np.linalg.cholesky(spread)
    here, height, chain = center, log_posterior(center), []
    for _ in range(20_000):
        there = here + step @ rng.standard_normal(4)
        if np.log(rng.random()) < (new := log_posterior(there)) - height:
            here, height = there, new
        chain.append(here)
    levels, sd = [0.05, 0.25, 0.5, 0.75, 0.95], np.sqrt(np.diag(spread))
    draws = np.log(model.sample_parameters(4000, random_state=0).to_numpy())
    ours, theirs = (np.quantile((logs - center) / sd, levels, axis=0) for logs in (draws, chain))
    laplace = stats.norm.ppf(levels)[:, None]
    np.testing.assert_allclose(ours, theirs, atol=0.3)
    assert abs(ours - theirs).max() < 0.5 * abs(laplace - theirs).max()


@pytest.mark.parametrize("n_draws", [0, -1, 1.5, True, "3"])
def test_a_number_of_draws_is_one_or_more(fitted, n_draws):
    with pytest.raises(InputError, match=r"n_draws is .* integer of at least 1"):
        fitted.sample_parameters(n_draws, 0)


def test_one_draw_is_a_draw(fitted):
    draws = [fitted.sample_parameters(1, seed).to_numpy()[0] for seed in range(300)]
    spread = np.log(draws).std(axis=0) * np.array(fitted.params_)
    np.testing.assert_allclose(spread, fitted.standard_errors_, rtol=0.2)


def test_parameters_that_many_customers_identify_are_drawn_by_laplace_alone():
    many = clvml.BGNBD.from_params(r=0.8, alpha=10.0, a=0.9, b=2.0).simulate(np.full(30_000, 40.0), 1)
    assert clvml.BGNBD().fit(many).sample_parameters(3, 0).attrs == {"method": "laplace"}


def test_draws_serve_single_customers_of_few_and_totals_of_many(fitted):
    assert len(fitted.parameter_draws(7, 0)) == 7
    many = clvml.BGNBD.from_params(r=0.8, alpha=10.0, a=0.9, b=2.0).simulate(np.full(20_000, 40.0), 1)
    model = clvml.BGNBD().fit(many)
    np.testing.assert_array_equal(model.parameter_draws(7, 0), [model.params_])
    assert len(model.parameter_draws(7, 0, together=True)) == 7


def test_given_parameters_have_a_summary_too():
    text = str(clvml.BGNBD.from_params(**SMALL).summary())
    assert "given, not fitted" in text
    assert "alpha" in text


def test_draws_at_a_boundary_stay_where_the_likelihood_keeps_increasing():
    """CDNOW's first quarter: Pareto/NBD's s and beta diverge together, their ratio does not."""
    early = clvml.split(clvml.load_cdnow(), "1997-03-31", "1997-12-29").calibration
    with pytest.warns(FitWarning, match="s tends to infinity and beta tends to infinity"):
        model = clvml.ParetoNBD().fit(early)
    draws = model.sample_parameters(200, random_state=0)
    leaving = (draws["s"] / draws["beta"]) / (model.params_.s / model.params_.beta)
    assert 0.1 < leaving.std() < 1
    assert (np.log(draws["s"] / model.params_.s).abs() < 1).all()
    total = model.expected_purchases(early, 13).sum()
    several = [
        model.from_params(**draw).expected_purchases(early, 13).sum()
        for draw in draws[:20].to_dict("records")
    ]
    assert min(several) < total < max(several)


FITTABLE = [
    clvml.BGNBD, clvml.MBGNBD, clvml.ParetoNBD, clvml.BGBB, clvml.ShiftedBetaGeometric,
    clvml.BetaDiscreteWeibull, clvml.GammaGamma,
]  # fmt: skip


@pytest.mark.parametrize("kind", FITTABLE)
def test_an_unfitted_model_says_that_it_is_not_fitted(kind, cdnow):
    model = kind()
    asked = [
        model.summary,
        lambda: model.sample_parameters(1, 0),
        lambda: model.parameter_draws(1, 0),
        lambda: model.aic_,
        lambda: model.bic_,
        lambda: model.n_parameters_,
        lambda: model.log_likelihood(cdnow),
        lambda: model.score(cdnow),
        lambda: model.simulate(cdnow["frequency"]),
    ]
    if kind is not clvml.GammaGamma:
        asked += [
            lambda: model.coefficients_,
            lambda: model.reference_,
            lambda: model.probability_alive(cdnow),
            lambda: model.expected_purchases(cdnow, 3),
            lambda: model.expected_purchases_new_customer(3),
            lambda: model.purchase_probability(0, 3),
            lambda: model.discounted_purchases(cdnow, 3),
            lambda: model.predict_interval(cdnow, 3),
        ]
    for ask in asked:
        with pytest.raises(NotFittedError):
            ask()


def test_the_score_is_the_mean_log_likelihood(fitted, cdnow):
    assert fitted.score(cdnow) == pytest.approx(fitted.log_likelihood_ / len(cdnow), rel=1e-12)
    weights = np.r_[np.full(1000, 3.0), np.zeros(len(cdnow) - 1000)]
    assert fitted.score(cdnow, weights=weights) == pytest.approx(
        fitted.log_likelihood(cdnow.head(1000)).mean(), rel=1e-12
    )
    spend = clvml.GammaGamma().fit(cdnow)
    assert spend.score(cdnow) == pytest.approx(spend.log_likelihood_ / spend.n_customers_, rel=1e-12)


@pytest.mark.filterwarnings("ignore::clvml.errors.FitWarning")
def test_scikit_learn_selects_models_by_their_score(cdnow):
    some = cdnow.head(600)
    assert cross_val_score(clvml.BGNBD(), some, cv=3).shape == (3,)
    search = GridSearchCV(clvml.BGNBD(), {"prior": [None, "weak"]}, cv=3).fit(some)
    assert search.best_score_ == max(search.cv_results_["mean_test_score"])
    assert isinstance(search.best_estimator_, clvml.BGNBD)


def test_a_fitted_model_shows_its_parameters(fitted):
    assert repr(clvml.BGNBD(prior="weak")) == "BGNBD(prior='weak')"
    assert repr(fitted) == "BGNBD() with r=0.2426, alpha=4.414, a=0.7929, b=2.426"


def test_dir_lists_what_a_user_may_want(fitted):
    listed = {name for name in dir(fitted) if not name.startswith("__")}
    assert {"fit", "score", "summary", "params_", "fit_record_", "aic_", "expected_purchases"} <= listed
    assert not any(name.startswith("_") for name in listed)
    assert not {"kernel", "Params", "scales", "limits", "meanings"} & listed
