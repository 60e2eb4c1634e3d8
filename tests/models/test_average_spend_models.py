"""Options of the models of average spend: covariates, the first purchase, an effect of the purchase rate."""

import time
from contextlib import nullcontext

import numpy as np
import pandas as pd
import pytest

import clvml
from clvml.errors import FitError, FitWarning, InputError
from clvml.models._purchase_rates import LOG_RATE
from clvml.scoring._contract import read_request, score
from clvml.scoring._model_file import dump_model, load_model_json

KINDS = [clvml.GammaGamma, clvml.LognormalSpend]
GIVEN = {
    clvml.GammaGamma: clvml.GammaGamma.from_params(p=6.0, q=4.0, v=15.0),
    clvml.LognormalSpend: clvml.LognormalSpend.from_params(level=30.0, tau=0.6, sigma=0.5),
}
both = pytest.mark.parametrize("kind", KINDS)


def shoppers(kind, n, seed=0):
    """Customers who spend half as much again in the web shop, whatever their shoe size."""
    rng = np.random.default_rng(seed)
    x = pd.Series(1.0 + rng.poisson(2, n))
    spend = GIVEN[kind].simulate(x, seed + 1000)
    channel = rng.choice(["store", "store", "web"], n)
    return pd.DataFrame({
        "frequency": x,
        "monetary_value": spend * np.where(channel == "web", 1.5, 1.0),
        "channel": channel,
        "size": rng.normal(42, 2, n),
    })  # fmt: skip


def joint(elasticity, n=40_000, seed=4):
    """Customers whose spend depends on their purchase rate, without dropout, and what they buy later."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(0.8, 1 / 12.0, n)
    T = rng.uniform(20, 52, n)
    level = 30 * (rate / rate.mean()) ** elasticity * np.exp(0.4 * rng.standard_normal(n) - 0.08)
    x = rng.poisson(rate * T).astype(float)
    first = level * rng.gamma(6.0, 1 / 6.0, n)
    m = level * rng.gamma(6 * np.maximum(x, 1)) / (6 * np.maximum(x, 1)) * (x > 0)
    table = pd.DataFrame({"frequency": x, "recency": T * (x > 0), "T": T})
    table["monetary_value"], table["total_spend"] = m, first + x * m
    return table, rate * level


@both
def test_an_effect_on_spend_is_estimated_and_an_attribute_without_one_is_not_significant(kind):
    model = kind(covariates=["channel", "size"]).fit(shoppers(kind, 20_000))
    effects = model.coefficients_.loc["spend"]
    web, size = effects.loc["channel=web"], effects.loc["size"]
    assert web["estimate"] == pytest.approx(np.log(1.5), abs=4 * web["standard_error"])
    assert web["standard_error"] < 0.02
    assert abs(size["estimate"]) < 4 * size["standard_error"]
    given, errors = np.array(GIVEN[kind].params_), np.array(model.standard_errors_)
    assert (abs(np.array(model.params_) - given) < 4 * errors).all()
    assert model.likelihood_ratio_test_.p_value < 1e-10
    assert "mean spend: times 1.5" in str(model.summary())


@both
def test_an_attribute_without_an_effect_is_tested_at_its_level(kind):
    """Wilks: p-values are uniform, so of 40 samples few are below 5 %."""
    p = [
        kind(covariates=["size"]).fit(shoppers(kind, 1_500, seed)).likelihood_ratio_test_.p_value
        for seed in range(40)
    ]
    assert 0.25 < np.mean(p) < 0.75
    assert np.mean(np.array(p) < 0.05) < 0.2


@both
def test_without_the_effect_of_covariates_the_model_is_the_common_one(kind):
    table = shoppers(kind, 300)
    common = kind().fit(table)
    covariate = kind(covariates=["size"]).fit(table)
    gain = covariate.log_likelihood_ - common.log_likelihood_
    assert 2 * gain == pytest.approx(covariate.likelihood_ratio_test_.statistic, abs=1e-6)


@both
def test_the_units_of_money_and_of_a_covariate_do_not_matter(kind):
    table = shoppers(kind, 2_000)
    cents = table.assign(monetary_value=100 * table["monetary_value"], size=10 * table["size"])
    model, other = (kind(covariates=["size", "channel"]).fit(each) for each in (table, cents))
    np.testing.assert_allclose(other.expected_spend(cents), 100 * model.expected_spend(table), rtol=1e-6)
    assert other.coefficients_.loc[("spend", "size"), "estimate"] == pytest.approx(
        model.coefficients_.loc[("spend", "size"), "estimate"] / 10, rel=1e-5
    )


@both
def test_customers_sum_to_the_log_likelihood(kind):
    table, _ = joint(0.3, 3_000)
    model = kind(use_first_purchase=True, rate_effect=True).fit(table)
    assert model.log_likelihood(table).sum() == pytest.approx(model.log_likelihood_, rel=1e-10)
    assert model.score(table) == pytest.approx(model.log_likelihood_ / model.n_customers_, rel=1e-10)


@both
def test_weights_count_customers(kind):
    table, _ = joint(0.3, 400)
    twice = pd.concat([table, table], ignore_index=True)
    options = {"rate_effect": True, "use_first_purchase": True}
    model, other = kind(**options).fit(table, weights=np.full(400, 2.0)), kind(**options).fit(twice)
    np.testing.assert_allclose(model.params_, other.params_, rtol=1e-6)
    np.testing.assert_allclose(model.coefficients_, other.coefficients_, rtol=1e-4)


@both
def test_the_first_purchase_counts_like_any_other(kind, cdnow):
    """The same as a summary of one purchase more, of average ``total / (frequency + 1)``."""
    x = cdnow["frequency"] + 1
    whole = pd.DataFrame({"frequency": x, "monetary_value": cdnow["total_spend"] / x})
    model, right = kind(use_first_purchase=True).fit(cdnow), kind().fit(whole)
    np.testing.assert_allclose(model.params_, right.params_, rtol=1e-10)
    np.testing.assert_allclose(model.expected_spend(cdnow), right.expected_spend(whole), rtol=1e-10)
    np.testing.assert_allclose(model.predict_interval(cdnow), right.predict_interval(whole), rtol=1e-8)
    assert model.required_columns == ("frequency", "total_spend")
    assert model.n_set_aside_ == (cdnow["total_spend"] == 0).sum()


@both
def test_with_the_first_purchase_one_time_buyers_differ_by_what_they_spent(kind, cdnow):
    one = cdnow[(cdnow["frequency"] == 0) & (cdnow["total_spend"] > 0)]
    model = kind(use_first_purchase=True).fit(cdnow)
    assert model.expected_spend(one).corr(one["total_spend"], method="spearman") == pytest.approx(1)
    assert kind().fit(cdnow).expected_spend(one).nunique() == 1


@both
def test_returning_customers_are_ranked_better_by_all_that_they_spent(kind):
    """On CDNOW of all customers, by Spearman's correlation with what they spend per purchase later."""
    split = clvml.split(clvml.load_cdnow("master"), "1997-09-30", "1998-06-30", time_unit="W")
    later = split.holdout["spend"] / split.holdout["purchases"].where(split.holdout["purchases"] > 0)
    ranks = {
        first: kind(use_first_purchase=first).fit(split.calibration).expected_spend(split.calibration)
        for first in (False, True)
    }
    without, with_first = (ranks[first].corr(later, method="spearman") for first in (False, True))
    assert with_first > without + 0.08


@both
@pytest.mark.parametrize(("first", "error"), [(False, 0.03), (True, 0.05)])
def test_the_elasticity_of_spend_in_the_purchase_rate_is_recovered(kind, first, error):
    table, _ = joint(0.35)
    model = kind(use_first_purchase=first, rate_effect=True).fit(table)
    effect = model.coefficients_.loc[("spend", LOG_RATE)]
    assert effect["estimate"] == pytest.approx(0.35, abs=error)
    assert model.rate_params_.r == pytest.approx(0.8, rel=0.05)
    assert model.rate_params_.alpha == pytest.approx(12.0, rel=0.05)


@both
def test_without_a_dependence_the_elasticity_is_zero(kind):
    table, _ = joint(0.0)
    effect = kind(rate_effect=True).fit(table).coefficients_.loc[("spend", LOG_RATE)]
    assert abs(effect["estimate"]) < 4 * effect["standard_error"]


@both
def test_the_value_of_correlated_customers_is_right_only_with_the_effect(kind):
    """Value per week, rate times spend, in each group of customers by number of purchases."""
    table, value = joint(0.35)
    rate = (0.8 + table["frequency"]) / (12 + table["T"])
    groups = np.searchsorted([1, 2, 4, 10], table["frequency"], side="right")
    errors = {}
    for effect in (False, True):
        model = kind(use_first_purchase=True, rate_effect=effect)
        warns = nullcontext() if effect else pytest.warns(FitWarning, match="fit with rate_effect=True")
        with warns:
            model.fit(table)
        forecast = (rate * model.expected_spend(table)).to_numpy()
        sums = [np.bincount(groups, each) for each in (forecast, value)]
        errors[effect] = abs(sums[0] / sums[1] - 1).max(), abs(forecast.sum() / value.sum() - 1)
    assert errors[True][0] < 0.05 < 0.12 < errors[False][0]
    assert errors[True][1] < 0.02 < 0.08 < errors[False][1]


@both
def test_customers_without_repeat_purchases_are_taken_for_such_with_one(kind):
    table, _ = joint(0.35, 5_000)
    model = kind(rate_effect=True).fit(table)
    ask = pd.DataFrame({"frequency": [0.0, 1.0], "monetary_value": [0.0, 0.0], "T": [30.0, 30.0]})
    params = model.customer_params(model._spend(ask)[0])
    scale = np.ravel([part for part in params if np.size(part) == 2])
    assert scale[0] == pytest.approx(scale[1])


@both
def test_rates_beyond_those_of_the_fit_are_not_extrapolated(kind):
    table, _ = joint(0.35, 5_000)
    model = kind(rate_effect=True, use_first_purchase=True).fit(table)
    ask = pd.DataFrame({"frequency": [1e6, 5e5], "total_spend": [30e6, 15e6], "T": [1.0, 40.0]})
    rates = model._with_rates(ask)[LOG_RATE]
    assert rates.max() <= model._with_rates(table)[LOG_RATE].max() + 1e-9
    assert np.isfinite(model.expected_spend(ask)).all()
    assert np.isfinite(model.predict_interval(ask)).all().all()


@both
def test_simulated_amounts_have_the_expected_mean(kind):
    table, _ = joint(0.35, 5_000)
    model = kind(rate_effect=True, use_first_purchase=True).fit(table)
    some, rng = table.iloc[[0, 1, 2]], np.random.default_rng(9)
    who, number = np.repeat(np.arange(3), 40_000), np.ones(120_000, dtype=np.int64)
    amounts = model.spend_simulator(some)(model._estimate(), who, number, rng)
    means = amounts.reshape(3, -1).mean(axis=1)
    np.testing.assert_allclose(means, model.expected_spend(some), rtol=0.03)


@both
def test_a_saved_model_predicts_the_same(kind):
    table, _ = joint(0.3, 3_000)
    table["channel"] = np.where(np.arange(3_000) % 3, "store", "web")
    table.attrs["time_unit"] = "W"
    model = kind(covariates=["channel"], use_first_purchase=True, rate_effect=True).fit(table)
    again = load_model_json(dump_model(model))
    assert again.get_params() == model.get_params()
    for method in ("expected_spend", "predict_interval", "log_likelihood"):
        np.testing.assert_array_equal(getattr(again, method)(table), getattr(model, method)(table))
    assert str(again.summary()) == str(model.summary())
    assert again.required_columns == ("frequency", "total_spend", "T", "channel")


@both
@pytest.mark.filterwarnings("ignore::clvml.errors.FitWarning")  # there is no dropout
def test_a_value_with_these_options_is_scored_from_rows_and_has_intervals(kind):
    table, _ = joint(0.3, 3_000)
    table["channel"] = np.where(np.arange(3_000) % 3, "store", "web")
    table.attrs["time_unit"] = "W"
    spend = kind(covariates=["channel"], use_first_purchase=True, rate_effect=True)
    model = clvml.LifetimeValue(clvml.BGNBD("weak"), spend, 26, 0.1).fit(table)
    rows = {name: table[name].iloc[:3].tolist() for name in model.required_columns}
    found = score(model, *read_request(model, rows))
    np.testing.assert_allclose(found["clv"], model.predict(table.iloc[:3]), rtol=1e-12)
    with pytest.raises(InputError, match="channel"):
        score(model, *read_request(model, rows | {"channel": ["web", "fax", "store"]}))
    interval = model.predict_interval(table.iloc[:50], n_simulations=99)
    assert (interval["clv_lower"] <= interval["clv_upper"]).all()
    assert clvml.diagnostics.heterogeneity(model.spend_)["mean spend"].attrs["mean"] > 0
    assert model.reference_["channel"] == "store"


@both
def test_prediction_intervals_of_a_customers_mean_have_their_coverage(kind):
    rng, n = np.random.default_rng(11), 6_000
    x = pd.Series(1.0 + rng.poisson(1, n))
    first = GIVEN[kind]
    if kind is clvml.GammaGamma:
        nu = rng.gamma(4.0, 1 / 15.0, n)
        truth, m = 6.0 / nu, rng.gamma(6.0 * x) / (nu * x)
    else:
        truth = 30 * np.exp(0.6 * rng.standard_normal(n))
        noise = [np.exp(0.5 * rng.standard_normal(int(k)) - 0.125).mean() for k in x]
        m = truth * np.array(noise)
    table = pd.DataFrame({"frequency": x, "monetary_value": m})
    interval = type(first)().fit(table).predict_interval(table, 0.8)
    covered = ((interval["lower"] <= truth) & (truth <= interval["upper"])).mean()
    assert covered == pytest.approx(0.8, abs=0.02)


@both
def test_simulation_uses_the_covariates(kind):
    model = kind(covariates=["channel"]).fit(shoppers(kind, 5_000))
    x = pd.Series(np.full(20_000, 3.0))
    groups = {
        channel: model.simulate(x, 1, pd.DataFrame({"channel": [channel] * 20_000}))
        for channel in ("store", "web")
    }
    ratio = groups["web"].mean() / groups["store"].mean()
    assert ratio == pytest.approx(np.exp(model.coefficients_["estimate"].iloc[0]), rel=0.05)


@both
def test_equal_rates_are_refused_in_words(kind):
    same = pd.DataFrame({"frequency": [2.0, 2.0, 2.0], "monetary_value": [5.0, 9.0, 30.0], "T": [9.0] * 3})
    with pytest.raises(FitError, match="same purchase rate"):
        kind(rate_effect=True).fit(same)


@both
def test_a_column_of_the_history_is_no_covariate(kind, cdnow):
    with pytest.raises(InputError, match="part of the history"):
        kind(covariates=["frequency"]).fit(cdnow)


@both
def test_a_hundred_thousand_customers_are_fitted_in_two_seconds(kind):
    table, _ = joint(0.3, 100_000)
    table["channel"] = np.where(np.arange(100_000) % 3, "store", "web")
    start = time.process_time()
    kind(covariates=["channel"], use_first_purchase=True, rate_effect=True).fit(table)
    assert time.process_time() - start < 2
