"""Loyalty effects, profit contribution, brand switching and migration, against sums written out by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clvml.errors import InputError
from clvml.lifetime_value.formulas._functions import (
    annuity,
    brand_switching,
    loyalty_effects,
    loyalty_streams,
    markov_chain,
    profit_contribution,
    retention,
)
from clvml.lifetime_value.formulas._loyalty import growing_sum

KEEP = pd.DataFrame([[0.8, 0.2], [0.1, 0.9]], index=["A", "B"], columns=["A", "B"])


@pytest.mark.parametrize("r", [-0.05, 0.0, 1e-12, 1e-6, 4e-4, 6e-4, 0.08, 1.5])
def test_a_growing_stream_is_the_sum_of_its_payments(r):
    n = 20
    by_hand = sum((t - 1) / (1 + r) ** t for t in range(1, n + 1))
    assert growing_sum(r, n) == pytest.approx(by_hand, rel=1e-12)


def test_a_growing_stream_without_end_is_one_over_the_square_of_the_rate():
    assert growing_sum(0.1, np.inf) == pytest.approx(100)


def test_each_effect_of_loyalty_is_a_stream_of_its_own_and_they_add_up():
    found = loyalty_effects(100, 0.1, 3, cross_selling=10, cost_to_serve=5, referrals=2, price=1)
    one = 1 / 1.1**2 + 2 / 1.1**3
    assert found.base == pytest.approx(annuity(100, 0.1, 3))
    assert found[1:5] == pytest.approx([10 * one, 5 * one, 2 * one, one])
    assert found.total == pytest.approx(sum(found[:5]))
    assert loyalty_effects(100, 0.1, 1, cross_selling=10).cross_selling == 0
    assert loyalty_effects(100, 0, 4, price=10).price == 10 * (0 + 1 + 2 + 3)


def test_without_costs_and_first_purchase_the_profit_is_the_annuity():
    assert profit_contribution(0, 0, 0, 2400, 0, 0.08, 20) == pytest.approx(annuity(2400, 0.08, 20))
    assert profit_contribution(50, 80, 30, 120, 20, 0, 5) == -50 + 50 + 5 * 100


def test_the_profit_and_the_annuity_differ_by_the_costs():
    profit = profit_contribution(70, 0, 0, 500, 90, 0.1, 6)
    assert annuity(500, 0.1, 6) - profit == pytest.approx(70 + annuity(90, 0.1, 6))


def test_income_grows_from_the_second_year_on():
    by_hand = sum(100 * 1.05 ** (t - 1) / 1.1**t for t in range(1, 8))
    assert profit_contribution(0, 0, 0, 100, 0, 0.1, 7, income_growth=0.05) == pytest.approx(by_hand)
    gordon = profit_contribution(0, 0, 0, 100, 0, 0.1, np.inf, income_growth=0.05)
    assert gordon == pytest.approx(100 / 0.05)


def test_brand_switching_by_hand():
    found = brand_switching([100, 50], pd.Series({"B": 0.4, "A": 0.6}), KEEP, 0.5, 0.25)
    assert found.shares.loc[1].tolist() == pytest.approx([0.6 * 0.8 + 0.4 * 0.1, 0.6 * 0.2 + 0.4 * 0.9])
    assert found.value.loc[1, "A"] == pytest.approx(50 * 0.52 * 0.5 / 1.25)
    assert found.total["A"] == pytest.approx(100 * 0.6 * 0.5 + 50 * 0.52 * 0.5 / 1.25)


def test_where_nobody_switches_the_shares_stay_and_the_value_is_the_annuity_with_the_first_money_now():
    found = brand_switching([100] * 4, [0.3, 0.7], np.eye(2), 1.0, 0.1)
    assert (found.shares == [0.3, 0.7]).all(axis=None)
    assert found.total.tolist() == pytest.approx(
        [share * (100 + annuity(100, 0.1, 3)) for share in (0.3, 0.7)]
    )


@given(st.floats(0, 1), st.floats(0.001, 2))
def test_migration_with_two_states_is_the_retention_formula(rho, r):
    value = markov_chain([[rho, 1 - rho], [0, 1]], [100, 0], r)
    assert value[0] == pytest.approx(retention(100, rho, r), rel=1e-9)
    assert value[1] == 0


def test_migration_over_a_number_of_periods_is_retention_over_as_many():
    value = markov_chain([[0.7, 0.3], [0, 1]], [10, 0], 0.1, n_periods=6)
    assert value[0] == pytest.approx(retention(10, 0.7, 0.1, 6))
    ever = markov_chain([[0.7, 0.3], [0, 1]], [10, 0], 0.1)
    assert markov_chain([[0.7, 0.3], [0, 1]], [10, 0], 0.1, n_periods=500) == pytest.approx(ever)


def test_migration_over_recency_states_is_what_simulated_customers_brought():
    # 200,000 customers; may come back after one empty period, after two they are gone.
    matrix = np.array([[0.3, 0.7, 0], [0.2, 0, 0.8], [0, 0, 1]])
    random, state, total = np.random.default_rng(0), np.zeros(200_000, dtype=int), np.zeros(200_000)
    for period in range(30):
        total += np.where(state == 0, 40.0, np.where(state == 1, -1.0, 0.0)) / 1.1**period
        steps = matrix.cumsum(axis=1)[state]
        state = (random.random(len(state))[:, None] > steps).sum(axis=1)
    error = total.std() / np.sqrt(len(total))
    assert abs(markov_chain(matrix, [40, -1, 0], 0.1)[0] - total.mean()) < 4 * error


def test_every_formula_adds_plainly_at_a_rate_of_zero():
    assert loyalty_effects(7, 0, 5).total == 35
    assert profit_contribution(1, 5, 2, 7, 3, 0, 5) == 2 + 4 * 5
    assert brand_switching([10, 10], [1, 0], KEEP, 1, 0).value.sum(axis=None) == pytest.approx(20)
    assert markov_chain([[0.5, 0.5], [0, 1]], [10, 0], 0)[0] == pytest.approx(20)


@pytest.mark.parametrize(
    ("compute", "sentence"),
    [
        (
            lambda: loyalty_effects(1, 0.1, 3, referrals=-1),
            "referrals is -1; it must be finite and at least 0",
        ),
        (lambda: loyalty_effects(1, 0.1, 0), "n_periods is 0; it must be above 0"),
        (lambda: loyalty_effects(1, 0, np.inf), "discount_rate is 0: the infinite sum diverges"),
        (lambda: profit_contribution(-5, 0, 0, 1, 0, 0.1, 2), "acquisition_cost is -5; it must be finite"),
        (lambda: profit_contribution(0, 0, 0, 1, -2, 0.1, 2), "service_cost is -2; it must be finite"),
        (
            lambda: profit_contribution(0, 0, 0, 1, 0, 0.05, np.inf, 0.05),
            "income_growth is 0.05 and discount_rate is 0.05: .* income_growth < discount_rate",
        ),
        (
            lambda: markov_chain([[0.5, 0.4], [0, 1]], [1, 0], 0.1),
            "row 0 sums to 0.9; each row must sum to 1",
        ),
        (lambda: markov_chain([[1.5, -0.5], [0, 1]], [1, 0], 0.1), r"transitions\[0, 1\] is -0.5"),
        (lambda: markov_chain([[0.5, 0.5]], [1], 0.1), r"shape \(1, 2\); it must be square"),
        (lambda: markov_chain(np.eye(2), [1, 0], 0), "discount_rate is 0: .* diverges"),
        (lambda: markov_chain(np.eye(2), [1, 0], -1), "discount_rate is -1; it must be finite and above -1"),
        (
            lambda: markov_chain(np.eye(2), [1, 0], 0.1, n_periods=0),
            "n_periods is 0; it must be finite and above 0",
        ),
        (
            lambda: markov_chain(np.eye(2), [1, 0], [0.1, 0.2]),
            "discount_rate has shape .2,.; it must be one number",
        ),
        (lambda: brand_switching([1], [0.5, 0.4], KEEP, 1, 0), "shares sums to 0.9"),
        (lambda: brand_switching([-1], [0.5, 0.5], KEEP, 1, 0), "wallet is -1; it must be finite"),
        (
            lambda: brand_switching([1], pd.Series({"A": 0.5, "C": 0.5}), KEEP, 1, 0),
            "shares has the unknown brand 'C'; the brands of transitions are 'A', 'B'",
        ),
    ],
)
def test_an_argument_that_breaks_a_rule_is_named_with_its_value_and_the_rule(compute, sentence):
    with pytest.raises(InputError, match=sentence):
        compute()


def test_a_missing_value_of_one_customer_spoils_no_other(caplog):
    values = profit_contribution(0, [10.0, np.nan], 0, 5, 0, 0.0, 2)
    assert values[0] == 20
    assert np.isnan(values[1])
    assert "1 of 2 values of first_purchase are missing" in caplog.text


def test_a_missing_wallet_makes_the_total_missing_rather_than_too_small():
    assert np.isnan(brand_switching([np.nan, 1], [1, 0], KEEP, 1, 0).total).all()


@pytest.mark.parametrize(
    "effect", ["repeat_purchases", "cross_selling", "cost_to_serve", "referrals", "price"]
)
def test_each_of_the_five_streams_is_zero_in_the_first_period_and_is_discounted_by_the_formula(effect):
    streams = loyalty_streams(100.0, 6, **{effect: 7.0})
    assert streams[effect].tolist() == [0.0, 7.0, 14.0, 21.0, 28.0, 35.0]
    assert streams["total"].iloc[0] == 100.0
    discount = 1.1 ** -streams.index.to_numpy(dtype=float)
    value = loyalty_effects(100.0, 0.1, 6, **{effect: 7.0})
    assert float(getattr(value, effect)) == pytest.approx(streams[effect] @ discount, rel=1e-12)
    assert float(value.total) == pytest.approx(streams["total"] @ discount, rel=1e-12)


@pytest.mark.parametrize("n_periods", [0, 2.5, True, float("inf")])
def test_streams_are_listed_for_a_whole_number_of_periods(n_periods):
    with pytest.raises(InputError, match="whole number"):
        loyalty_streams(100.0, n_periods)
