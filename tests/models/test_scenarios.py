"""Scenarios against customers followed one by one, models with other parameters, and exact identities."""

import pickle

import numpy as np
import pandas as pd
import pytest

import clvml
from clvml.distributions._history import alive_at
from clvml.errors import InputError

PARETO = clvml.ParetoNBD.from_params(r=0.6, alpha=6.0, s=0.6, beta=12.0)
BG = clvml.BGNBD.from_params(r=0.6, alpha=6.0, a=0.8, b=2.5)
MBG = clvml.MBGNBD.from_params(r=0.6, alpha=6.0, a=0.8, b=2.5)
BGBB = clvml.BGBB.from_params(alpha=1.2, beta=0.75, gamma=0.66, delta=2.8)
SBG = clvml.ShiftedBetaGeometric.from_params(alpha=0.7, beta=2.2)
MODELS = {"BG/NBD": BG, "MBG/NBD": MBG, "Pareto/NBD": PARETO, "BG/BB": BGBB}
HORIZON, N = 20, 200_000


def one(x, t_x, T):
    return pd.DataFrame({"frequency": [float(x)], "recency": [float(t_x)], "T": [float(T)]})


def test_new_customers_of_a_scenario_are_those_of_a_model_with_other_parameters():
    """At T = 0 nothing is known of them, so a scenario is a model of its own."""
    more, less = 1.3, 0.7
    others = {
        "BG/NBD": clvml.BGNBD.from_params(r=0.6, alpha=6 / more, a=less * 0.8, b=2.5 + 0.3 * 0.8),
        "MBG/NBD": clvml.MBGNBD.from_params(r=0.6, alpha=6 / more, a=less * 0.8, b=2.5 + 0.3 * 0.8),
        "Pareto/NBD": clvml.ParetoNBD.from_params(r=0.6, alpha=6 / more, s=0.6, beta=12 / less),
        "BG/BB": clvml.BGBB.from_params(
            alpha=more * 1.2, beta=0.75 - 0.3 * 1.2, gamma=less * 0.66, delta=2.8 + 0.3 * 0.66
        ),
    }
    new = one(0, 0, 0)
    for name, other in others.items():
        scenario = MODELS[name].with_factors({"purchase_rate": more, "dropout": less})
        # MBG/NBD: a new customer may have dropped out at once, by the fitted probability.
        alive = scenario.probability_alive(new).iloc[0] / other.probability_alive(new).iloc[0]
        found = scenario.expected_purchases(new, HORIZON).iloc[0]
        assert found == pytest.approx(alive * other.expected_purchases_new_customer(HORIZON), rel=1e-11), name
    kept = SBG.with_factors({"dropout": less}).expected_purchases(one(0, 0, 0), HORIZON).iloc[0]
    other = clvml.ShiftedBetaGeometric.from_params(alpha=less * 0.7, beta=2.2 + 0.3 * 0.7)
    assert kept == pytest.approx(other.expected_purchases_new_customer(HORIZON), rel=1e-12)


@pytest.mark.parametrize(
    "factors", [{"dropout": 1.5}, {"purchase_rate": 0.6}, {"dropout": 0.5, "purchase_rate": 1.4}]
)
def test_pareto_nbd_customers_whose_own_rates_are_multiplied_buy_as_the_scenario_expects(factors):
    """Followed from their first purchase; those still active at T go on at multiplied rates."""
    rng, T = np.random.default_rng(4), 30.0
    rate, dropout = rng.gamma(0.6, 1 / 6, N), rng.gamma(0.6, 1 / 12, N)
    active = rng.exponential(size=N) / dropout
    x = rng.poisson(rate * np.minimum(active, T)).astype(float)
    last = np.where(x > 0, np.minimum(active, T) * rng.random(N) ** (1 / np.maximum(x, 1)), 0.0)
    rest = np.where(active > T, rng.exponential(size=N) / (factors.get("dropout", 1.0) * dropout), 0.0)
    later = rng.poisson(factors.get("purchase_rate", 1.0) * rate * np.minimum(rest, HORIZON))
    seen = pd.DataFrame({"frequency": x, "recency": last, "T": T})
    expected = PARETO.with_factors(factors).expected_purchases(seen, HORIZON)
    assert expected.sum() == pytest.approx(later.sum(), rel=0.015)
    often = x >= 3
    assert expected[often].sum() == pytest.approx(later[often].sum(), rel=0.02)


@pytest.mark.parametrize(
    "factors", [{"dropout": 1.5}, {"purchase_rate": 0.6}, {"dropout": 0.5, "purchase_rate": 1.4}]
)
@pytest.mark.parametrize(("model", "at_first"), [(BG, 0), (MBG, 1)])
def test_bg_nbd_customers_with_other_rates_buy_as_the_scenario_expects(model, at_first, factors):
    """Customers alive with three repeat purchases in 30 weeks, followed purchase by purchase."""
    rng, multiple = np.random.default_rng(5), factors.get("dropout", 1.0)
    rate = factors.get("purchase_rate", 1.0) * rng.gamma(3.6, 1 / 36, N)
    a, b = multiple * 0.8, 2.5 + at_first + 3 + (1 - multiple) * 0.8
    leave = rng.beta(a, b, N)
    assert leave.mean() == pytest.approx(multiple * 0.8 / (3.3 + at_first + 3), rel=0.01)
    clock, bought, active = np.zeros(N), np.zeros(N), np.ones(N, dtype=bool)
    while active.any():
        clock[active] += rng.exponential(1 / rate[active])
        active &= clock <= HORIZON
        bought[active] += 1
        active &= rng.random(N) >= leave
    history, scenario = one(3, 20, 30), model.with_factors(factors)
    alive = scenario.probability_alive(history).iloc[0]
    assert alive == model.probability_alive(history).iloc[0]
    assert scenario.expected_purchases(history, HORIZON).iloc[0] == pytest.approx(
        alive * bought.mean(), rel=0.01
    )
    none = scenario.purchase_probability(0, HORIZON, history)
    assert none.iloc[0] == pytest.approx(1 - alive * (bought > 0).mean(), rel=0.01)


def test_dropout_down_by_a_tenth_is_near_what_multiplying_each_customers_probability_gives():
    """``E[(1 - (1 + cpz)**-R) / (cp)]`` is that of p at c times the horizon, divided by c."""
    history, less = one(3, 20, 30), 0.9
    before = BG.expected_purchases(history, HORIZON).iloc[0]
    exact = BG.expected_purchases(history, less * HORIZON).iloc[0] / less / before - 1
    found = BG.with_factors({"dropout": less}).expected_purchases(history, HORIZON).iloc[0] / before - 1
    assert found == pytest.approx(exact, rel=0.25)


@pytest.mark.parametrize("name", MODELS)
def test_numbers_of_purchases_in_a_scenario_have_its_mean_and_sum_to_one(name):
    history = one(3, 4, 6)
    scenario = MODELS[name].with_factors({"dropout": 1.2, "purchase_rate": 1.05})
    p = np.array([scenario.purchase_probability(n, 8, history).iloc[0] for n in range(200)])
    assert p.sum() == pytest.approx(1, abs=1e-8)
    assert p @ np.arange(200) == pytest.approx(scenario.expected_purchases(history, 8).iloc[0], rel=1e-8)


@pytest.mark.parametrize("name", MODELS)
def test_dropout_moves_survival_and_the_purchase_rate_only_where_customers_drop_out_when_they_buy(name):
    history, model = one(3, 4, 6), MODELS[name]
    fitted = model.probability_alive(history, after=8).iloc[0]
    safer = model.with_factors({"dropout": 0.8}).probability_alive(history, after=8).iloc[0]
    busier = model.with_factors({"purchase_rate": 1.05}).probability_alive(history, after=8).iloc[0]
    assert safer > fitted
    assert busier < fitted if name in ("BG/NBD", "MBG/NBD") else busier == pytest.approx(fitted, rel=1e-12)


def test_without_discount_and_horizon_purchases_of_pareto_nbd_are_inverse_to_dropout():
    model = clvml.ParetoNBD.from_params(r=0.6, alpha=6.0, s=1.6, beta=12.0)
    history = one(3, 20, 30)
    fitted = model.discounted_purchases(history).iloc[0]
    found = model.with_factors({"dropout": 0.8, "purchase_rate": 1.5}).discounted_purchases(history).iloc[0]
    assert found == pytest.approx(fitted * 1.5 / 0.8, rel=1e-12)


def test_covariates_without_effect_change_nothing_in_a_scenario(cdnow):
    """Customers with an ``a`` of their own go another way through the kernel; at one ``a`` it is the same."""
    some = cdnow.head(300)
    plain = clvml.BGNBD.from_params(**clvml.BGNBD().fit(cdnow).params_._asdict(), time_unit="W")
    factors = {"dropout": 1.3, "purchase_rate": 0.8}
    scaled = plain.with_factors(factors)
    own = plain.params_._replace(a=np.full(len(some), plain.params_.a))
    x, T = some["frequency"].to_numpy(), some["T"].to_numpy()
    ends, weights = np.array([39.0]), np.ones(1)
    found = scaled.kernel.purchases_given_alive(alive_at(x, T), ends, weights, own)
    np.testing.assert_allclose(
        found, scaled.kernel.purchases_given_alive(alive_at(x, T), ends, weights, plain.params_), rtol=1e-11
    )


def test_customers_who_differ_in_dropout_are_each_those_of_a_model_of_their_own(cdnow):
    some, model = cdnow.head(200), clvml.BGNBD().fit(cdnow)
    x, T = some["frequency"].to_numpy(), some["T"].to_numpy()
    a = model.params_.a * np.exp(np.random.default_rng(0).normal(0, 0.5, len(some)))
    kernel = model.with_factors({"dropout": 1.2}).kernel
    ends, weights = np.array([13.0, 39.0]), np.array([0.4, 0.6])
    found = kernel.purchases_given_alive(alive_at(x, T), ends, weights, model.params_._replace(a=a))
    alone = [
        kernel.purchases_given_alive(
            alive_at(x[i : i + 1], T[i : i + 1]), ends, weights, model.params_._replace(a=a[i])
        )[0]
        for i in range(0, len(some), 10)
    ]
    np.testing.assert_allclose(found[::10], alone, rtol=1e-10)


@pytest.mark.parametrize("name", MODELS)
def test_customers_of_different_histories_are_each_simulated_by_their_own(name):
    """Rare and frequent buyers side by side, in a scenario: simulated means are the expectations of each."""
    kernel = MODELS[name].with_factors({"dropout": 1.2, "purchase_rate": 1.05}).kernel
    x, T = np.tile([0.0, 9.0], 30_000), np.tile([30.0, 10.0], 30_000)
    row, time = kernel.simulate_ahead(alive_at(x, T), HORIZON, MODELS[name].params_, np.random.default_rng(6))
    assert (time <= HORIZON).all()
    simulated = np.bincount(row, minlength=x.size).reshape(-1, 2).mean(axis=0)
    ends, weights = np.array([float(HORIZON)]), np.ones(1)
    expected = kernel.purchases_given_alive(alive_at(x[:2], T[:2]), ends, weights, MODELS[name].params_)
    np.testing.assert_allclose(simulated, expected, rtol=0.03)


def test_customers_who_would_drop_out_more_than_always_drop_out_nearly_always():
    """With covariates some customers' means are near 1: they are held there, and the others not touched."""
    a = np.array([0.5, 20.0, 0.6, 30.0, 0.7, 25.0])
    x, T = np.zeros(a.size), np.full(a.size, 10.0)
    kernel, params = BG.with_factors({"dropout": 1.5}).kernel, BG.params_._replace(a=a)
    ends, weights = np.array([30.0]), np.ones(1)
    found = kernel.purchases_given_alive(alive_at(x, T), ends, weights, params)
    for i, own in enumerate(a):
        mean = min(1.5 * own / (own + 2.5), 0.999)
        alone = BG.params_._replace(a=mean * (own + 2.5), b=(1 - mean) * (own + 2.5))
        one_by_one = BG.kernel.purchases_given_alive(alive_at(x[:1], T[:1]), ends, weights, alone)[0]
        assert found[i] == pytest.approx(one_by_one, rel=1e-9)


def test_the_best_donors_cannot_buy_more_often_than_always():
    always, never = one(6, 6, 6), one(0, 0, 6)
    doubled = BGBB.with_factors({"purchase_rate": 2.0})
    assert doubled.expected_purchases(always, 1).iloc[0] <= doubled.probability_alive(always, after=1).iloc[0]
    before = BGBB.expected_purchases(never, 5).iloc[0]
    assert doubled.expected_purchases(never, 5).iloc[0] == pytest.approx(2 * before, rel=1e-12)


def test_a_scenario_says_its_levels_survives_pickling_and_leaves_the_model_as_it_was():
    scenario = PARETO.with_factors({"dropout": 1.2})
    assert scenario.scenario_factors() == {"purchase_rate": 1.0, "dropout": 1.2}
    assert PARETO.scenario_factors() == {"purchase_rate": 1.0, "dropout": 1.0}
    assert PARETO.with_factors({"dropout": 1.0}) is PARETO
    history = one(3, 20, 30)
    again = pickle.loads(pickle.dumps(scenario))
    assert again.expected_purchases(history, 9).iloc[0] == scenario.expected_purchases(history, 9).iloc[0]
    back = scenario.with_factors({"dropout": 1.0})
    assert back.expected_purchases(history, 9).iloc[0] == pytest.approx(
        PARETO.expected_purchases(history, 9).iloc[0], rel=1e-12
    )
    with pytest.raises(InputError, match="dropout is 5; it must be above 0 and below 4"):
        BG.with_factors({"dropout": 5.0})
    with pytest.raises(InputError, match="no factor 'purchase_rate'; those of its scenarios are 'dropout'"):
        SBG.with_factors({"purchase_rate": 1.1})
