"""Groups that borrow strength: against simulation, both extremes of pooling, and what a user may do."""

import logging

import numpy as np
import pandas as pd
import pytest

import clvml
from clvml.errors import InputError
from clvml.models import PartialPooling
from clvml.scoring._contract import read_request, score
from clvml.scoring._model_file import dump_model, load_model_json

TYPICAL = {"r": 0.8, "alpha": 8.0, "a": 0.8, "b": 2.5}


def grouped(sizes, log_sd, seed=0, T=39.0):
    """BG/NBD customers of groups whose purchase rates and odds of dropout differ, and the groups' models."""
    rng = np.random.default_rng(seed)
    frames, truth = [], {}
    for number, size in enumerate(sizes):
        faster, leakier = np.exp(log_sd * rng.standard_normal(2))
        params = TYPICAL | {"alpha": TYPICAL["alpha"] / faster, "a": TYPICAL["a"] * leakier}
        name = f"g{number:02d}"
        truth[name] = clvml.BGNBD.from_params(**params, time_unit="W")
        frames.append(truth[name].simulate(np.full(size, T), rng).assign(country=name))
    customers = pd.concat(frames, ignore_index=True)
    customers.attrs["time_unit"] = "W"
    return customers, truth


@pytest.fixture(scope="module")
def countries():
    return grouped([30, 40, 60, 80, 120, 200, 300, 500, 900, 1500] * 2, 0.4)


@pytest.fixture(scope="module")
def fitted(countries):
    return PartialPooling(clvml.BGNBD(), "country").fit(countries[0])


@pytest.mark.filterwarnings("ignore::clvml.errors.FitWarning")  # of small groups without pooling
def test_partial_pooling_is_nearer_to_the_truth_than_both_extremes():
    """Expected purchases of a new customer of each group in a year, over 8 populations of 16 groups."""
    squares = {"one model": [], "separate models": [], "partial pooling": []}
    for seed in range(8):
        customers, truth = grouped([30, 40, 60, 80, 120, 200, 300, 500] * 2, 0.35, seed + 150)
        pooled = PartialPooling(clvml.BGNBD(), "country").fit(customers)
        for name, model in truth.items():
            right = np.log(model.expected_purchases_new_customer(52))
            alone = clvml.BGNBD("weak").fit(customers[customers["country"] == name])
            forecasts = {
                "one model": pooled.pooled_.expected_purchases_new_customer(52),
                "separate models": alone.expected_purchases_new_customer(52),
                "partial pooling": pooled.expected_purchases_new_customer(52, name),
            }
            for kind, forecast in forecasts.items():
                squares[kind].append((np.log(forecast) - right) ** 2)
    errors = {kind: np.sqrt(np.mean(each)) for kind, each in squares.items()}
    assert errors["partial pooling"] < 0.92 * errors["separate models"]
    assert errors["partial pooling"] < 0.6 * errors["one model"]


def test_a_small_group_is_near_the_average_and_a_large_one_near_its_own_estimate(fitted, countries):
    customers, _ = countries
    share = fitted.groups_["own_share"]
    assert share["g00"] < 0.5 * share["g09"]
    alone = clvml.BGNBD().fit(customers[customers["country"] == "g09"])
    own, pooled, average = (
        model.expected_purchases_new_customer(52) for model in (alone, fitted.models_["g09"], fitted.new_)
    )
    assert abs(np.log(pooled / own)) < 0.2 * abs(np.log(average / own))


def test_the_differences_of_groups_are_estimated():
    customers, _ = grouped([400] * 60, 0.4, 3)
    model = PartialPooling(clvml.BGNBD(), "country").fit(customers)
    between = model.between_["log_sd"]
    assert between["purchases while observed, r / alpha, in mean T"] == pytest.approx(0.4, abs=0.1)
    assert between["shape of the purchase rates, r"] < 0.15
    assert model.likelihood_ratio_test_.p_value < 1e-6
    assert model.comparison_["aic"].idxmin() == "separate models"


def test_groups_that_do_not_differ_are_one_model():
    customers, _ = grouped([300] * 12, 0.0, 4)
    model = PartialPooling(clvml.BGNBD(), "country").fit(customers)
    one = model.pooled_.expected_purchases_new_customer(52)
    each = [model.expected_purchases_new_customer(52, name) for name in model.models_]
    np.testing.assert_allclose(each, one, rtol=0.12)
    assert model.comparison_["bic"].idxmin() == "one model"


def test_the_test_of_one_model_has_its_level():
    p = []
    for seed in range(20):
        customers, _ = grouped([500] * 3, 0.0, seed + 100)
        p.append(PartialPooling(clvml.BGNBD(), "country").fit(customers).likelihood_ratio_test_.p_value)
    assert 0.3 < np.mean(p) < 0.75
    assert np.mean(np.array(p) < 0.05) <= 0.25


def test_a_group_whose_own_likelihood_has_no_maximum_is_fitted(countries):
    customers, _ = countries
    still = customers.head(8).assign(country="nobody returned", frequency=0.0, recency=0.0)
    whole = pd.concat([customers, still], ignore_index=True)
    whole.attrs = dict(customers.attrs)
    model = PartialPooling(clvml.BGNBD(), "country").fit(whole)
    forecast = model.expected_purchases_new_customer(52, "nobody returned")
    assert 0 < forecast < model.expected_purchases_new_customer(52)
    assert np.isfinite(np.array(model.models_["nobody returned"].params_)).all()


def test_a_new_group_is_an_average_one_with_the_uncertainty_of_the_differences(fitted, countries, caplog):
    customers = countries[0].head(20)
    abroad = customers.assign(country="Atlantis")
    with caplog.at_level(logging.WARNING, "clvml"):
        forecast = fitted.expected_purchases(abroad, 26)
    assert "20 of 20 customers have a country not seen during fit, the first is 'Atlantis'" in caplog.text
    np.testing.assert_allclose(forecast, fitted.new_.expected_purchases(customers, 26), rtol=1e-12)
    new, known = (
        np.std([np.log(draw[place][0] / draw[place][1]) for draw in fitted.parameter_draws(400)])
        for place in (-1, 9)
    )
    assert new > 3 * known


def test_each_customer_is_predicted_by_the_model_of_their_group(fitted, countries):
    customers = countries[0].sample(300, random_state=1)
    for ask in (
        lambda model, part: model.expected_purchases(part, 26),
        lambda model, part: model.expected_purchases(part, [13, 26]),
        lambda model, part: model.probability_alive(part),
        lambda model, part: model.discounted_purchases(part, 26, 0.1),
        lambda model, part: model.purchase_probability(1, 26, part),
        lambda model, part: model.probability_buys(part, 26),
        lambda model, part: model.next_purchase_time(part),
        lambda model, part: model.predict_interval(part, 26, 0.8),
        lambda model, part: model.log_likelihood(part),
    ):
        found = ask(fitted, customers)
        assert found.index.equals(customers.index)
        for name, part in customers.groupby("country"):
            np.testing.assert_array_equal(found.loc[part.index], ask(fitted.models_[name], part))
    factors = fitted.purchase_factors(customers, 26, 0.1)
    np.testing.assert_array_equal(factors["expected_purchases"], fitted.expected_purchases(customers, 26))


def test_the_order_of_customers_and_the_type_of_the_group_do_not_matter(countries):
    customers, _ = countries
    numbers = customers.assign(country=customers["country"].str[1:].astype(int))
    shuffled = numbers.sample(frac=1, random_state=2)
    floats = numbers.assign(country=numbers["country"].astype(float))
    models = [PartialPooling(clvml.BGNBD(), "country").fit(each) for each in (numbers, shuffled, floats)]
    assert list(models[2].models_) == list(models[0].models_)
    for other in models[1:]:
        np.testing.assert_allclose(other.groups_, models[0].groups_, rtol=1e-5)


def test_weights_count_customers(countries):
    customers = countries[0].iloc[:800]
    counted = customers.groupby(list(customers)).size().rename("n").reset_index()
    counted.attrs = dict(customers.attrs)
    whole = PartialPooling(clvml.BGNBD(), "country").fit(customers)
    other = PartialPooling(clvml.BGNBD(), "country").fit(counted.drop(columns="n"), weights=counted["n"])
    np.testing.assert_allclose(other.groups_, whole.groups_, rtol=1e-4)


def test_the_unit_of_time_does_not_matter(fitted, countries):
    days = clvml.convert_time_unit(countries[0], "D")
    model = PartialPooling(clvml.BGNBD(), "country").fit(days)
    forecast = model.expected_purchases(days.head(50), 182)
    np.testing.assert_allclose(forecast, fitted.expected_purchases(countries[0].head(50), 26), rtol=1e-5)


SPEND = [
    clvml.GammaGamma(),
    clvml.GammaGamma(use_first_purchase=True),
    clvml.LognormalSpend(),
]


@pytest.mark.parametrize("model", [clvml.MBGNBD(), clvml.ParetoNBD(), *SPEND], ids=repr)
def test_other_models_are_pooled_too(model, cdnow):
    customers = cdnow.assign(weekday=cdnow["first_purchase"].dt.day_name())
    pooled = PartialPooling(model, "weekday").fit(customers)
    assert len(pooled.models_) == 7
    one = pooled.pooled_
    if hasattr(one, "expected_spend"):
        found, whole = pooled.expected_spend(customers), one.expected_spend(customers)
        assert (pooled.predict_interval(customers.head(9), 0.8).diff(axis=1)["upper"] > 0).all()
    else:
        found, whole = pooled.expected_purchases(customers, 39), one.expected_purchases(customers, 39)
    assert 0.95 < found.sum() / whole.sum() < 1.05
    assert found.corr(whole) > 0.97


def test_models_of_opportunities_and_renewals_are_pooled_too():
    rng = np.random.default_rng(6)
    contracts = clvml.ShiftedBetaGeometric.from_params(alpha=0.7, beta=1.2).simulate(np.full(600, 8.0), 1)
    donors = clvml.BGBB.from_params(alpha=1.2, beta=0.75, gamma=0.66, delta=2.8).simulate(
        np.full(600, 6.0), 2
    )
    for model, table in ((clvml.ShiftedBetaGeometric(), contracts), (clvml.BGBB(), donors)):
        table["channel"] = rng.choice(["web", "phone", "shop"], 600)
        pooled = PartialPooling(model, "channel").fit(table)
        assert np.isfinite(pooled.expected_purchases(table, 4)).all()


def test_a_value_of_pooled_models_is_saved_scored_and_has_intervals(cdnow):
    customers = cdnow.assign(cohort=cdnow["first_purchase"].dt.strftime("%Y-%m"))
    model = clvml.LifetimeValue(
        PartialPooling(clvml.BGNBD(), "cohort"), PartialPooling(clvml.GammaGamma(), "cohort"), 39, 0.1
    ).fit(customers)
    again = load_model_json(dump_model(model))
    np.testing.assert_array_equal(again.predict(customers), model.predict(customers))
    some = customers.iloc[:60]
    interval = model.predict_interval(some, n_simulations=99)
    assert (interval["clv_lower"] <= interval["clv_upper"]).all()
    np.testing.assert_array_equal(again.predict_interval(some, n_simulations=99), interval)
    rows = {name: customers[name].iloc[:3].tolist() for name in model.required_columns}
    np.testing.assert_allclose(score(model, *read_request(model, rows))["clv"], model.predict(some.iloc[:3]))
    new = score(model, *read_request(model, rows | {"cohort": ["1997-04"] * 3}))
    assert np.isfinite(new["clv"]).all()
    with pytest.raises(InputError, match="cohort"):
        read_request(model, {name: values for name, values in rows.items() if name != "cohort"})


def test_simulated_purchases_and_spend_have_the_expected_means(cdnow):
    customers = cdnow.assign(cohort=cdnow["first_purchase"].dt.strftime("%Y-%m"))
    model = clvml.LifetimeValue(
        PartialPooling(clvml.BGNBD(), "cohort"), PartialPooling(clvml.GammaGamma(), "cohort"), 39
    ).fit(customers)
    total = model.predict_total_interval(customers, customers["cohort"], n_simulations=199)
    for cohort, part in customers.groupby("cohort"):
        expected = model.predict(part).sum()
        assert total.loc[cohort, "spend"] == pytest.approx(expected, rel=0.04)


def test_the_heterogeneity_is_that_of_an_average_group(fitted):
    table = clvml.diagnostics.heterogeneity(fitted)["purchase rate"]
    assert table.attrs["mean"] == pytest.approx(fitted.new_.params_.r / fitted.new_.params_.alpha)
    assert "one model or many:" in str(fitted.summary())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"country": "all"}, "1 different values of 'country'; partial pooling needs 2 to 1,000 groups"),
        ({"country": None}, "have no country: fill it"),
    ],
)
def test_what_is_no_grouping_is_refused_in_words(change, message, countries):
    with pytest.raises(InputError, match=message):
        PartialPooling(clvml.BGNBD(), "country").fit(countries[0].assign(**change))


def test_covariates_and_absent_columns_are_refused_in_words(countries):
    customers = countries[0].assign(size=np.arange(len(countries[0])) % 7)
    with pytest.raises(InputError, match="BG/NBD has covariates, which cannot be pooled by group"):
        PartialPooling(clvml.BGNBD(covariates=["size"]), "country").fit(customers)
    with pytest.raises(InputError, match="lacks 'region'"):
        PartialPooling(clvml.BGNBD(), "region").fit(customers)


def test_a_damaged_file_is_refused_in_words(fitted):
    text = dump_model(fitted)
    assert load_model_json(text).groups_.equals(fitted.groups_)
    broken = load_model_json(text)
    broken.models_ = {"g00": clvml.GammaGamma.from_params(p=6, q=4, v=15)}
    with pytest.raises(InputError, match="must be fitted models of BGNBD"):
        broken._check_learnt()
