"""Models with covariates: what simulated customers give back, symmetries, and what they say of poor data."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

import clvml
from clvml.distributions import bgnbd, mbgnbd, pareto_nbd
from clvml.errors import FitWarning, InputError

TRUE = {"age": 0.02, "channel=web": 0.4}, {"age": -0.03, "channel=web": -0.6}  # purchases, dropout
MODELS = {
    clvml.BGNBD: (bgnbd, bgnbd.BGNBDParams(0.8, 6.0, 0.8, 2.4), "a", 1),
    clvml.MBGNBD: (mbgnbd, mbgnbd.MBGNBDParams(0.8, 6.0, 0.8, 2.4), "a", 1),
    clvml.ParetoNBD: (pareto_nbd, pareto_nbd.ParetoNBDParams(0.8, 6.0, 0.9, 12.0), "beta", -1),
}


def people(n, seed):
    rng = np.random.default_rng(seed)
    channel = rng.choice(["shop", "web"], n, p=[0.7, 0.3])
    index = pd.RangeIndex(n, name="customer_id")
    return pd.DataFrame({"age": rng.normal(40, 12, n), "channel": channel}, index)


def simulated(kind, n, seed):
    """Customers whose rates follow the formula by hand."""
    kernel, params, moved, sign = MODELS[kind]
    table, rng = people(n, seed), np.random.default_rng((seed, 1))
    z = {"age": table["age"] - 40, "channel=web": (table["channel"] == "web").astype(float)}
    gamma, delta = (sum(effect[name] * z[name] for name in z).to_numpy() for effect in TRUE)
    own = params._replace(
        **{"alpha": params.alpha * np.exp(-gamma), moved: getattr(params, moved) * np.exp(sign * delta)}
    )
    T = rng.uniform(20, 40, n)
    history = kernel.simulate(T, own, rng)
    table = table.assign(frequency=history.x, recency=history.t_x, T=T)
    table.attrs["time_unit"] = "W"
    return table


@pytest.fixture(scope="module", params=list(MODELS), ids=lambda kind: kind.__name__)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def customers(kind):
    return simulated(kind, 4000, 0)


@pytest.fixture(scope="module")
def fitted(kind, customers):
    return kind(covariates=("age", "channel")).fit(customers)


def test_simulated_customers_give_back_their_coefficients(kind):
    model = kind(covariates=["age", "channel"]).fit(simulated(kind, 30_000, 5))
    found = model.coefficients_
    true = [TRUE[0]["age"], TRUE[0]["channel=web"], TRUE[1]["age"], TRUE[1]["channel=web"]]
    assert list(found.index) == [
        ("purchases", "age"), ("purchases", "channel=web"), ("dropout", "age"), ("dropout", "channel=web"),
    ]  # fmt: skip
    assert (abs(found["estimate"] - true) / found["standard_error"]).max() < 3.5
    # the reference customer is 40 on average and buys in the shop
    expected = np.array(MODELS[kind][1])
    assert (abs(np.array(model.params_) - expected) / model.standard_errors_).max() < 4
    assert model.likelihood_ratio_test_.p_value < 1e-10


@pytest.mark.filterwarnings("ignore::clvml.errors.FitWarning")
def test_intervals_hold_the_true_coefficients_as_often_as_they_say(kind):
    true = np.array([[effect["age"], effect["channel=web"]] for effect in TRUE]).ravel()
    held = []
    for seed in range(30):
        found = kind(covariates=["age", "channel"]).fit(simulated(kind, 1500, 100 + seed)).coefficients_
        held.append((found["lower"] < true) & (true < found["upper"]))
    shares = np.mean(held, axis=0)
    assert shares.min() >= 0.8
    assert 0.9 <= shares.mean() <= 0.99


def test_covariates_without_influence_pass_the_test_as_often_as_chance_says(kind, customers):
    rng, some = np.random.default_rng(0), customers.head(1500)
    p_values = [
        kind(covariates=["noise"])
        .fit(some.assign(noise=rng.normal(size=len(some))))
        .likelihood_ratio_test_.p_value
        for _ in range(20)
    ]
    assert sum(p < 0.5 for p in p_values) in range(3, 18)
    assert min(p_values) > 1e-3


def test_the_likelihood_ratio_test_is_the_one_of_both_fits(kind, fitted, customers):
    plain = kind().fit(customers)
    by_hand = clvml.likelihood_ratio_test(plain, fitted)
    test = fitted.likelihood_ratio_test_
    assert test.degrees_of_freedom == by_hand.degrees_of_freedom == 4
    assert test.statistic == pytest.approx(by_hand.statistic, abs=1e-6)
    assert test.p_value == pytest.approx(by_hand.p_value, rel=1e-5)
    assert fitted.n_parameters_ == 8
    assert fitted.aic_ < plain.aic_


def test_customers_sum_to_the_log_likelihood(fitted, customers):
    assert fitted.log_likelihood(customers).sum() == pytest.approx(fitted.log_likelihood_, rel=1e-12)


def test_each_prediction_is_that_of_a_plain_model_with_the_customers_parameters(kind, fitted, customers):
    _, _, moved, sign = MODELS[kind]
    some = customers.iloc[:12]
    gamma, delta = (fitted.coefficients_.loc[side, "estimate"] for side in ("purchases", "dropout"))
    asked = {
        "alive": lambda model, table: model.probability_alive(table, after=10),
        "expected": lambda model, table: model.expected_purchases(table, 26),
        "value": lambda model, table: model.discounted_purchases(table, 52, 0.1),
        "endless": lambda model, table: model.discounted_purchases(table, None, 0.1),
        "two": lambda model, table: model.purchase_probability(2, 26, table),
        "likelihood": lambda model, table: model.log_likelihood(table),
    }
    for name, ask in asked.items():
        many = ask(fitted, some)
        for i in range(len(some)):
            web = some["channel"].iloc[i] == "web"
            years = some["age"].iloc[i] - customers["age"].mean()
            effects = [c["age"] * years + c["channel=web"] * web for c in (gamma, delta)]
            params = fitted.params_._asdict()
            params["alpha"] *= np.exp(-effects[0])
            params[moved] *= np.exp(sign * effects[1])
            alone = ask(kind.from_params(**params, time_unit="W"), some.iloc[[i]])
            assert many.iloc[i] == pytest.approx(alone.iloc[0], rel=1e-10), name


def test_the_prediction_interval_of_purchases_is_that_of_the_customers_own_parameters(kind, customers):
    model = kind(covariates=["channel"]).fit(customers, weights=np.full(4000, 10.0))  # known for certain
    some = customers.iloc[:150]
    # the same histories once more, of customers who came another way
    other = np.where(some["channel"] == "web", "shop", "web")
    some = pd.concat([some, some.assign(channel=other).set_axis(some.index + 10_000)])
    found, shares = (
        model.predict_interval(some, 26, 0.8),
        [model.purchase_probability(n, 26, some) for n in range(60)],
    )
    below = np.cumsum(shares, axis=0)
    np.testing.assert_array_equal(found["upper"], (below < 0.9).sum(axis=0))
    np.testing.assert_array_equal(found["lower"], (below < 0.1).sum(axis=0))


def test_the_unit_of_time_does_not_matter(kind, fitted, customers):
    days = clvml.convert_time_unit(customers, "D")
    in_days = kind(covariates=["age", "channel"]).fit(days)
    in_time = [7.0 if name in ("alpha", "beta") else 1.0 for name in fitted.params_._fields]
    np.testing.assert_allclose(in_days.params_, np.array(fitted.params_) * in_time, rtol=1e-6)
    pd.testing.assert_frame_equal(in_days.coefficients_, fitted.coefficients_, rtol=1e-5)


def test_the_unit_of_a_covariate_does_not_matter(kind, fitted, customers):
    months = customers.assign(age=12 * customers["age"])
    in_months = kind(covariates=["age", "channel"]).fit(months)
    ratio = in_months.coefficients_ / fitted.coefficients_
    np.testing.assert_allclose(ratio.xs("age", level="covariate"), 1 / 12, rtol=1e-6)
    np.testing.assert_allclose(
        in_months.expected_purchases(months, 26), fitted.expected_purchases(customers, 26), rtol=1e-7
    )


def test_the_order_of_customers_does_not_matter(kind, fitted, customers):
    again = kind(covariates=["age", "channel"]).fit(customers.sample(frac=1, random_state=0))
    np.testing.assert_allclose(again.params_, fitted.params_, rtol=1e-7)
    pd.testing.assert_frame_equal(again.coefficients_, fitted.coefficients_, rtol=1e-6)


def test_weights_stand_for_customers(kind, customers):
    some = customers.head(500)
    twice = pd.concat([some, some.set_axis(some.index + 10_000)])
    weights = np.r_[np.full(500, 2.0), np.zeros(100)]
    strangers = customers.tail(100).assign(channel="never seen otherwise")
    doubled = kind(covariates=["age", "channel"]).fit(twice)
    weighted = kind(covariates=["age", "channel"]).fit(pd.concat([some, strangers]), weights=weights)
    np.testing.assert_allclose(weighted.params_, doubled.params_, rtol=1e-6)
    pd.testing.assert_frame_equal(weighted.coefficients_, doubled.coefficients_, rtol=1e-6)


def test_a_bool_and_a_text_say_the_same(kind, customers):
    model = kind(covariates={"dropout": ["web"]})
    as_bool = model.fit(customers.assign(web=customers["channel"] == "web")).coefficients_
    as_text = (
        clone(model)
        .fit(customers.assign(web=np.where(customers["channel"] == "web", "yes", "no")))
        .coefficients_
    )
    assert as_bool.index.to_list() == [("dropout", "web=True")]
    assert as_text.index.to_list() == [("dropout", "web=yes")]
    np.testing.assert_allclose(as_bool, as_text, rtol=1e-9)


def test_draws_spread_as_the_standard_errors_say(kind, customers):
    fitted = kind(covariates=("age", "channel")).fit(customers.head(1000))
    draws = fitted.sample_parameters(1000, random_state=1)
    names = ["purchases: age", "purchases: channel=web", "dropout: age", "dropout: channel=web"]
    assert list(draws.columns) == [*fitted.params_._fields, *names]
    found = fitted.coefficients_
    np.testing.assert_allclose(draws[names].std(), found["standard_error"], rtol=0.25)
    assert (abs(draws[names].mean().to_numpy() - found["estimate"]) < 0.5 * found["standard_error"]).all()


def test_the_summary_says_what_a_unit_does(fitted):
    table = fitted.summary().parameters
    factor = np.exp(fitted.coefficients_["estimate"].iloc[0])
    assert table.loc["purchases: age", "meaning"] == f"the purchase rate: times {factor:.3g} per unit"
    assert table.loc["dropout: channel=web", "meaning"].endswith("relative to shop")
    assert "likelihood ratio" in str(fitted.summary())


def test_simulation_takes_the_customers_covariates(fitted, customers):
    again = fitted.simulate(customers["T"], random_state=1, covariates=customers)
    assert again.index.equals(customers.index)
    pd.testing.assert_frame_equal(again[["age", "channel"]], customers[["age", "channel"]])
    refitted = clone(fitted).fit(again).coefficients_
    assert (
        abs(refitted["estimate"] - fitted.coefficients_["estimate"]) / refitted["standard_error"]
    ).max() < 3.5
    with pytest.raises(InputError, match="covariates has 10 customers and T has 4000"):
        fitted.simulate(customers["T"], random_state=1, covariates=customers.head(10))


def test_a_new_customer_is_the_reference_customer(fitted):
    nobody = pd.DataFrame({"frequency": [0.0], "recency": [0.0], "T": [0.0], **{
        name: [value] for name, value in fitted.reference_.items()}})  # fmt: skip
    assert fitted.expected_purchases(nobody, 26).iloc[0] == pytest.approx(
        fitted.expected_purchases_new_customer(26), rel=1e-10
    )


def test_it_is_a_scikit_learn_estimator_and_forgets_covariates_that_it_no_longer_has(kind, fitted, customers):
    model = pickle.loads(pickle.dumps(fitted))
    pd.testing.assert_series_equal(
        model.expected_purchases(customers, 5), fitted.expected_purchases(customers, 5)
    )
    assert clone(model).get_params() == {"covariates": ("age", "channel"), "prior": None}
    assert model.required_columns == ("frequency", "recency", "T", "age", "channel")
    plain = model.set_params(covariates=()).fit(customers)
    assert plain.likelihood_ratio_test_ is None
    assert plain.coefficients_.empty
    np.testing.assert_array_equal(plain.params_, kind().fit(customers).params_)


def test_a_level_that_never_bought_again_is_reported_and_regularised_by_a_weak_prior(kind, customers):
    rare = customers["channel"].where(np.arange(4000) >= 30, "flyer")
    lost = customers.assign(channel=rare)
    lost.loc[lost["channel"] == "flyer", ["frequency", "recency"]] = 0.0
    with pytest.warns(FitWarning) as said:
        model = kind(covariates={"purchases": ["channel"]}).fit(lost)
    words = " ".join(str(one.message) for one in said)
    assert "keeps increasing as exp(purchases: channel=flyer) tends to zero" in words
    assert "do not identify 'purchases: channel=flyer'" in words
    assert np.isfinite(model.expected_purchases(lost, 26)).all()
    assert -6 < model.coefficients_.loc[("purchases", "channel=flyer"), "estimate"] < -1
    with warnings.catch_warnings():
        warnings.simplefilter("error", FitWarning)
        held = kind(prior="weak", covariates={"purchases": ["channel"]}).fit(lost)
    assert -5 < held.coefficients_.loc[("purchases", "channel=flyer"), "estimate"] < -1


def test_predictions_name_what_they_cannot_use(fitted, customers):
    with pytest.raises(InputError, match="have no column 'age'"):
        fitted.expected_purchases(customers.drop(columns="age"), 26)
    with pytest.raises(InputError, match="channel not seen during fit; the first is 0, with 'fax'"):
        fitted.probability_alive(customers.assign(channel="fax"))
    with pytest.raises(InputError, match=r"age more than ten times as far from the mean.*check its unit"):
        fitted.expected_purchases(customers.assign(age=1000 * customers["age"]), 26)


@pytest.mark.parametrize(
    ("covariates", "message"),
    [
        ({"spend": ["age"]}, "a side 'spend'; the model has 'purchases' and 'dropout'"),
        (["age", "age"], r"covariates of purchases are \('age', 'age'\)"),
        ([1], "names of distinct columns"),
        (["recency"], "'recency' cannot be a covariate"),
        (["gap"], "1 of 4000 customers have a missing or infinite gap"),
    ],
)
def test_covariates_that_cannot_be_used_are_refused_before_the_fit(kind, customers, covariates, message):
    model = kind(covariates=covariates)
    with pytest.raises(InputError, match=message):
        model.fit(customers.assign(gap=np.where(np.arange(4000) == 7, np.nan, 1.0)))
    assert not hasattr(model, "params_")


@pytest.mark.parametrize(
    ("changed", "names", "message"),
    [
        ({}, ["same"], "'same' is 1.0 for all customers.*remove it"),
        ({"channel": "web"}, ["channel"], "'channel' is 'web' for all customers"),
        ({}, ["age", "years"], "'years' is collinear with 'age'.*remove one of them"),
        ({}, ["channel", "shop"], "'shop=False' is collinear with 'channel=web'"),
    ],
)
def test_covariates_whose_coefficients_are_not_identified_are_named(changed, names, message):
    customers = simulated(clvml.BGNBD, 200, 0)
    customers = customers.assign(
        same=1.0, years=customers["age"] / 5 + 3, shop=customers["channel"] == "shop", **changed
    )
    with pytest.raises(InputError, match=message):
        clvml.BGNBD(covariates=names).fit(customers)


def test_draws_do_not_depend_on_the_unit_of_a_covariate(kind, fitted, customers):
    days = customers.assign(age=365.0 * customers["age"])
    model = kind(covariates=("age", "channel")).fit(days)
    names = ["purchases: age", "dropout: age"]
    expected = fitted.sample_parameters(50, 3)
    expected[names] /= 365
    np.testing.assert_allclose(model.sample_parameters(50, 3), expected, rtol=1e-4)


def test_one_name_may_stand_alone(kind, customers):
    assert kind(covariates="age").fit(customers).coefficients_.index.to_list() == [
        ("purchases", "age"), ("dropout", "age"),
    ]  # fmt: skip
