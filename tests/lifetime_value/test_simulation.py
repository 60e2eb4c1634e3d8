"""Ranges of what customers may yet do: they cover simulated holdouts, and agree with what is exact."""

import numpy as np
import pandas as pd
import pytest

import clvml
from clvml.errors import FitWarning, InputError
from clvml.lifetime_value._simulation import Discount, parameter_pairs, rank_of_bounds

PURCHASES = {"r": 0.6, "alpha": 6.0, "a": 0.8, "b": 2.5}
SPEND = {"p": 6.0, "q": 4.0, "v": 15.0}
CALIBRATION, HORIZON = 40.0, 30.0


def lives(n, rng):
    """Purchase times and amounts of customers who live by BG/NBD and spend by Gamma-Gamma, one by one."""
    for _ in range(n):
        rate, leaves = (
            rng.gamma(PURCHASES["r"]) / PURCHASES["alpha"],
            rng.beta(PURCHASES["a"], PURCHASES["b"]),
        )
        level, clock, times = rng.gamma(SPEND["q"]) / SPEND["v"], 0.0, []
        while True:
            clock += rng.exponential(1 / max(rate, 1e-300))
            if clock > CALIBRATION + HORIZON:
                break
            times.append(clock)
            if rng.random() < leaves:
                break
        yield np.array(times), rng.gamma(SPEND["p"], 1 / level, len(times))


def table(times, amounts):
    seen = times <= CALIBRATION
    x = seen.sum()
    return {
        "frequency": float(x),
        "recency": times[seen].max(initial=0.0),
        "T": CALIBRATION,
        "monetary_value": amounts[seen].mean() if x else 0.0,
        "later": float((~seen).sum()),
        "later_spend": amounts[~seen].sum(),
    }


@pytest.fixture(scope="module")
def customers():
    rng = np.random.default_rng(3)
    return pd.DataFrame([table(*life) for life in lives(4000, rng)])


@pytest.fixture(scope="module")
def value(customers):
    customers.attrs["time_unit"] = "W"
    return clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), horizon=HORIZON).fit(customers)


def test_ninety_percent_ranges_cover_ninety_percent_of_simulated_holdouts(value, customers):
    ranges = value.predict_interval(customers, coverage=0.9)
    for name, truth in (("purchases", "later"), ("spend", "later_spend"), ("clv", "later_spend")):
        inside = customers[truth].between(ranges[f"{name}_lower"], ranges[f"{name}_upper"]).mean()
        # who buys nothing falls on the bound at zero, so that both tails cannot be outside
        assert 0.89 < inside < 0.97, name
    above = (customers["later_spend"] > ranges["spend_upper"]).mean()
    assert above == pytest.approx(0.05, abs=0.012)


def test_ranges_of_groups_and_totals_hold_what_came(value, customers):
    groups = customers["frequency"].clip(upper=3)
    ranges = value.predict_total_interval(customers, groups, coverage=0.98, n_simulations=399)
    assert list(ranges.index) == [0.0, 1.0, 2.0, 3.0, "total"]
    assert ranges["customers"].tolist() == [*groups.value_counts().sort_index(), len(customers)]
    for name, truth in (("purchases", "later"), ("spend", "later_spend")):
        came = customers.groupby(groups)[truth].sum().to_numpy()
        came = np.append(came, came.sum())
        assert (ranges[f"{name}_lower"] <= came).all()
        assert (came <= ranges[f"{name}_upper"]).all()


def test_the_mean_of_the_futures_is_the_expectation(customers):
    given = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), HORIZON, 0.15, margin=0.3)
    given.purchases_ = clvml.BGNBD.from_params(**PURCHASES, time_unit="W")
    given.spend_ = clvml.GammaGamma.from_params(**SPEND)
    given.time_unit_ = "W"
    total = given.predict_total_interval(customers, n_simulations=399).loc["total"]
    assert total["clv"] == pytest.approx(given.predict(customers).sum(), rel=0.01)
    expected = given.purchases_.expected_purchases(customers, HORIZON).sum()
    assert total["purchases"] == pytest.approx(expected, rel=0.01)


def test_the_range_without_end_holds_the_residual_value(value, customers):
    residual = clvml.LifetimeValue(value.purchases_, value.spend_, horizon=None, annual_discount_rate=0.1)
    residual.fit(customers)
    factors = residual.predict_factors(customers)
    assert "expected_purchases" not in factors
    total = residual.predict_total_interval(customers, coverage=0.95).loc["total"]
    assert total["clv_lower"] < factors["clv"].sum() < total["clv_upper"]
    ranges = residual.predict_interval(customers.head(200))
    assert list(ranges) == ["clv_lower", "clv_upper"]


def test_simulations_of_an_infinite_horizon_end_where_hardly_any_value_is_left(customers):
    """Their mean is the expectation; at e**-2 of what money is worth today a tenth would still be missing."""
    residual = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), None, 0.3)
    residual.purchases_ = clvml.BGNBD.from_params(**PURCHASES, time_unit="W")
    residual.spend_ = clvml.GammaGamma.from_params(**SPEND)
    residual.time_unit_ = "W"
    total = residual.predict_total_interval(customers.head(1500), n_simulations=399).loc["total"]
    assert total["clv"] == pytest.approx(residual.predict(customers.head(1500)).sum(), rel=0.01)


def test_the_same_seed_gives_the_same_ranges_and_blocks_do_not_matter(value, customers, monkeypatch):
    some = customers.head(300)
    ranges = value.predict_interval(some, random_state=5)
    pd.testing.assert_frame_equal(ranges, value.predict_interval(some, random_state=5))
    monkeypatch.setattr("clvml.lifetime_value._simulation._BLOCK", 64)
    blocks = value.predict_interval(some, random_state=5)
    np.testing.assert_array_equal(blocks["purchases_upper"], ranges["purchases_upper"])
    assert blocks["spend_upper"].mean() == pytest.approx(ranges["spend_upper"].mean(), rel=0.05)


def test_a_purchase_is_discounted_from_the_end_of_its_period_or_at_once():
    time = np.array([0.2, 1.0, 1.5, 4.9])
    np.testing.assert_allclose(Discount(4.5, 0.1, 1.0).of(time), np.exp([-0.1, -0.1, -0.2, -0.45]))
    np.testing.assert_allclose(Discount(4.5, 0.1, 0.0).of(time), np.exp(-0.1 * time))


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9, 0.95, 0.99])
def test_of_199_simulations_as_many_lie_beyond_each_bound_as_the_coverage_says(coverage):
    assert rank_of_bounds(199, coverage) / 200 == pytest.approx((1 - coverage) / 2)


def test_each_simulation_of_a_total_has_parameters_of_its_own(value):
    rates, money = zip(*parameter_pairs(value.purchases_, value.spend_, 199, 0, together=True), strict=True)
    for draws in (rates, money):
        assert len(draws) == 199
        assert len({tuple(draw) for draw in draws}) > 150  # some are likely enough to come twice


def test_of_many_customers_the_estimates_serve_for_each_but_not_for_their_total():
    many = clvml.BGNBD.from_params(**PURCHASES).simulate(np.full(20_000, CALIBRATION), random_state=0)
    rates = clvml.BGNBD().fit(many)
    given = clvml.GammaGamma.from_params(**SPEND)
    ((estimate, spend),) = parameter_pairs(rates, given, 99, 0, together=False)
    np.testing.assert_array_equal(estimate, rates.params_)
    np.testing.assert_array_equal(spend, given.params_)
    assert len(parameter_pairs(rates, given, 99, 0, together=True)) == 99


def test_where_nobody_leaves_ranges_hold_what_came_though_the_fit_runs_off():
    rng, n = np.random.default_rng(5), 2000
    rate = rng.gamma(0.7, 1 / 9.5, n)
    x, later = rng.poisson(rate * CALIBRATION), rng.poisson(rate * HORIZON)
    recency = np.where(x > 0, CALIBRATION * rng.random(n) ** (1 / np.maximum(x, 1)), 0.0)
    customers = pd.DataFrame({"frequency": x.astype(float), "recency": recency, "T": CALIBRATION})
    customers["monetary_value"] = clvml.GammaGamma.from_params(**SPEND).simulate(customers["frequency"], 0)
    value = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), HORIZON)
    with pytest.warns(FitWarning, match="no interior maximum"):
        value.fit(customers)
    ranges = value.predict_interval(customers, 0.9)
    assert (later > ranges["purchases_upper"]).mean() == pytest.approx(0.03, abs=0.02)
    total = value.predict_total_interval(customers, coverage=0.98).loc["total"]
    assert total["purchases_lower"] < later.sum() < total["purchases_upper"]
    assert total["purchases_upper"] < 1.2 * total["purchases_lower"]


def test_parameters_and_futures_are_drawn_from_streams_of_their_own(value, customers, monkeypatch):
    made, make = [], np.random.default_rng

    def noted(seed):
        made.append(make(seed).random())
        return make(seed)

    monkeypatch.setattr(np.random, "default_rng", noted)
    value.predict_total_interval(customers.head(10), n_simulations=19, random_state=4)
    assert len(made) == len(set(made)) == 3


def test_what_cannot_be_simulated_is_refused_in_words(value, customers):
    with pytest.raises(InputError, match="coverage is 90"):
        value.predict_interval(customers, coverage=90)
    with pytest.raises(InputError, match="n_simulations is 0"):
        value.predict_interval(customers, n_simulations=0)
    with pytest.raises(InputError, match=r"a coverage of .* needs an integer of at least 39"):
        value.predict_total_interval(customers, coverage=0.95, n_simulations=38)
    with pytest.raises(InputError, match="groups lacks some customers"):
        value.predict_total_interval(customers, pd.Series(1, index=[-1]))
    residual = clvml.LifetimeValue(value.purchases_, value.spend_, horizon=None).fit(customers)
    with pytest.raises(InputError, match="annual_discount_rate above 0"):
        residual.predict_interval(customers)


@pytest.mark.parametrize("kind", [clvml.BGNBD, clvml.MBGNBD, clvml.ParetoNBD])
def test_ranges_at_a_boundary_are_those_of_what_the_data_hold(kind):
    """Nobody leaves and all prices are nearly alike: each model has parameters without a maximum."""
    rng, n = np.random.default_rng(1), 2000
    rate = rng.gamma(2.0, 1 / 10, n)
    x, later = rng.poisson(rate * CALIBRATION), rng.poisson(rate * HORIZON)
    last = np.where(x > 0, CALIBRATION * rng.random(n) ** (1 / np.maximum(x, 1)), 0.0)
    spent = np.where(x > 0, 10 * np.exp(0.01 * rng.standard_normal(n)), 0.0)
    alike = pd.DataFrame({"frequency": x, "recency": last, "T": CALIBRATION, "monetary_value": spent})
    with pytest.warns(FitWarning, match="no interior maximum"):
        value = clvml.LifetimeValue(kind(), clvml.GammaGamma(), HORIZON).fit(alike)
    assert value.purchases_.fit_record_.at_boundary
    assert value.spend_.fit_record_.at_boundary
    total = value.predict_total_interval(alike, n_simulations=199).loc["total"]
    assert total["purchases_lower"] < later.sum() < total["purchases_upper"]
    assert total["purchases_upper"] < 1.1 * total["purchases_lower"]
    assert total["spend"] == pytest.approx(10 * total["purchases"], rel=0.01)
    each = value.predict_interval(alike.head(200), n_simulations=199)
    assert np.isfinite(each.to_numpy()).all()
