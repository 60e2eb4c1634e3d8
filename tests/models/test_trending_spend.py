"""A trend of spend: its test on simulated purchases, and its projection through any model of spend."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator

import clvml
from clvml.diagnostics import spend_trend
from clvml.errors import InputError
from clvml.scoring._model_file import dump_model, load_model_json


def purchases(annual_growth, n=500, years=3, seed=0, first=1.0):
    """Purchases at random times by customers who differ, at amounts that grow; the first one apart."""
    rng = np.random.default_rng(seed)
    frames = []
    level = 30 * np.exp(0.6 * rng.standard_normal(n))
    for customer in range(n):
        day = np.unique(rng.integers(0, 365 * years, rng.poisson(5) + 1))
        amount = level[customer] * np.exp(0.4 * rng.standard_normal(day.size) - 0.08)
        amount *= (1 + annual_growth) ** (day / 365)
        amount[0] *= first
        frames.append(pd.DataFrame({"customer_id": customer, "day": day, "amount": amount.round(4)}))
    table = pd.concat(frames)
    table["date"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(table.pop("day"), unit="D")
    return clvml.read_transactions(table)


def test_a_trend_is_found_and_has_its_interval():
    transactions = purchases(0.08)
    trend = spend_trend(transactions, clvml.summarize(transactions))
    assert trend.lower < 0.08 < trend.upper
    assert trend.is_significant
    assert not trend.may_be_seasonal
    assert 2.9 < trend.years < 3.01
    assert "per year, 95 % confidence interval" in str(trend)


def test_the_test_has_its_level_without_a_trend():
    p = []
    for seed in range(40):
        transactions = purchases(0.0, 60, seed=seed)
        p.append(spend_trend(transactions, clvml.summarize(transactions)).p_value)
    assert 0.3 < np.mean(p) < 0.7
    assert np.mean(np.array(p) < 0.05) < 0.2


def test_a_first_purchase_that_differs_is_no_trend():
    transactions = purchases(0.0, 300, first=0.3)
    trend = spend_trend(transactions, clvml.summarize(transactions))
    assert trend.lower < 0 < trend.upper


def test_later_customers_who_spend_more_are_no_trend():
    """A cohort that spends twice as much joins in the last year: the customers' own amounts do not change."""
    early, late = purchases(0.0, 200, seed=1), purchases(0.0, 200, years=1, seed=2)
    tables = []
    for number, source in enumerate((early, late)):
        found = source.engine.frame(f"SELECT customer_id, period, spend FROM ({source.purchases().sql})")
        found["customer_id"] = found["customer_id"].astype(int) + 1000 * number
        found["spend"] = found["spend"].astype(float) * (1 + number)
        found["period"] += pd.Timedelta(days=730 * number)
        tables.append(found.set_axis(["customer_id", "date", "amount"], axis=1))
    transactions = clvml.read_transactions(pd.concat(tables))
    trend = spend_trend(transactions, clvml.summarize(transactions))
    assert trend.lower < 0 < trend.upper


def test_a_short_history_may_show_a_season():
    transactions = purchases(0.3, years=1)
    assert "a season cannot be told from a trend" in str(
        spend_trend(transactions, clvml.summarize(transactions))
    )


def test_few_customers_are_refused_in_words():
    transactions = purchases(0.0, 8)
    with pytest.raises(InputError, match="needs at least 10 such customers"):
        spend_trend(transactions, clvml.summarize(transactions))


def test_without_growth_it_is_the_model_of_spend(cdnow):
    flat = clvml.GammaGamma().fit(cdnow)
    still = clvml.TrendingSpend(clvml.GammaGamma(), 0.0, "12M").fit(cdnow)
    np.testing.assert_array_equal(still.expected_spend(cdnow), flat.expected_spend(cdnow))


@pytest.mark.parametrize(
    "spend",
    [clvml.GammaGamma(), clvml.GammaGamma(use_first_purchase=True), clvml.LognormalSpend()],
    ids=["gamma_gamma", "first", "lognormal"],
)
def test_growing_amounts_are_projected_without_bias(spend):
    """Spend per purchase in the fourth year of customers observed for three, at 20 % growth per year."""
    transactions = purchases(0.2, 4_000, years=4)
    split = clvml.split(transactions, "2022-12-31", "2023-12-30")
    bought = split.holdout["purchases"] > 0
    actual = split.holdout.loc[bought, "spend"].sum()
    errors = {}
    for name, model in {"flat": spend, "growing": clvml.TrendingSpend(spend, 0.2, "12M")}.items():
        expected = model.fit(split.calibration).expected_spend(split.calibration)
        errors[name] = (expected * split.holdout["purchases"])[bought].sum() / actual - 1
    assert errors["flat"] < -0.2
    assert abs(errors["growing"]) < 0.04


def test_customers_sum_to_the_density_of_amounts_as_they_were(cdnow):
    """The scale of a density: amounts multiplied by a known factor have a density divided by it."""
    model = clvml.TrendingSpend(clvml.GammaGamma(), 0.1).fit(cdnow)
    some = cdnow[cdnow["frequency"] > 0].iloc[:5]
    grid = np.linspace(0.01, 5000, 100_001)
    one = some.iloc[[0]]
    many = pd.concat([one] * grid.size, ignore_index=True).assign(monetary_value=grid)
    many.attrs = dict(cdnow.attrs)
    density = np.exp(model.log_likelihood(many))
    assert np.trapezoid(density, grid) == pytest.approx(1, abs=1e-3)


def test_a_value_with_a_trend_is_saved_scored_and_has_intervals(cdnow):
    spend = clvml.TrendingSpend(clvml.LognormalSpend(), 0.05, "12M")
    model = clvml.LifetimeValue(clvml.BGNBD(), spend, "12M", 0.1).fit(cdnow)
    again = load_model_json(dump_model(model))
    np.testing.assert_array_equal(again.predict(cdnow), model.predict(cdnow))
    some = cdnow.iloc[:40]
    interval = model.predict_interval(some, n_simulations=99)
    assert (interval["spend_lower"] <= interval["spend_upper"]).all()
    np.testing.assert_array_equal(again.predict_interval(some, n_simulations=99), interval)
    assert clvml.diagnostics.heterogeneity(model.spend_)["mean spend"].attrs["title"] == (
        "spend with a trend"
    )
    flat = clvml.LifetimeValue(clvml.BGNBD(), clvml.LognormalSpend(), "12M", 0.1).fit(cdnow)
    with_trend, without = (each.predict_total_interval(cdnow, n_simulations=99) for each in (model, flat))
    assert 1.03 < with_trend.loc["total", "spend"] / without.loc["total", "spend"] < 1.10


def test_a_model_without_simulation_has_none_with_a_trend(cdnow):
    class Flat(BaseEstimator):
        def fit(self, customers):
            self.mean_ = customers["monetary_value"].mean()
            return self

        def expected_spend(self, customers):
            return pd.Series(self.mean_, customers.index)

    spend = clvml.TrendingSpend(Flat(), 0.05).fit(cdnow)
    assert not hasattr(spend, "predict_interval")
    assert spend.expected_spend(cdnow).nunique() == 1
    model = clvml.LifetimeValue(clvml.BGNBD(), clvml.TrendingSpend(Flat(), 0.05), "12M").fit(cdnow)
    with pytest.raises(InputError, match="a prediction interval of value needs parameter_draws"):
        model.predict_interval(cdnow)


@pytest.mark.parametrize("growth", [-1.0, 1.5, float("nan"), "5%", True])
def test_an_impossible_growth_is_refused(growth, cdnow):
    with pytest.raises(InputError, match="a fraction per year"):
        clvml.TrendingSpend(clvml.GammaGamma(), growth).fit(cdnow)


def test_a_summary_without_a_time_unit_is_refused(cdnow):
    plain = cdnow.copy()
    plain.attrs.clear()
    with pytest.raises(InputError, match="needs the time unit"):
        clvml.TrendingSpend(clvml.GammaGamma(), 0.05).fit(plain)
