"""The formulas against sums done the long way, against each other, and on input that breaks a rule."""

import logging

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clvml.errors import InputError
from clvml.lifetime_value.formulas._functions import (
    annuity,
    historic,
    repeat_purchase,
    retention,
    rule_of_thumb,
)

rates = st.floats(0.0, 1.0)
shares = st.floats(0.0, 1.0)
periods = st.integers(1, 60)


def added_up(margin, rho, r, times):
    return sum(margin * rho**t / (1 + r) ** t for t in times)


@given(rates, periods)
def test_the_annuity_is_the_sum_of_its_discounted_incomes(r, n):
    assert annuity(7.0, r, n) == pytest.approx(added_up(7.0, 1.0, r, range(1, n + 1)), rel=1e-12)


@given(shares, rates, periods)
def test_retention_is_the_sum_of_its_discounted_margins(rho, r, n):
    assert retention(7.0, rho, r, n) == pytest.approx(added_up(7.0, rho, r, range(n)), rel=1e-12)
    later = added_up(7.0, rho, r, range(1, n + 1))
    assert retention(7.0, rho, r, n, first="next") == pytest.approx(later, rel=1e-12)


def test_the_salesperson_s_customer_is_worth_the_textbook_sum():
    # 100 a purchase, twice a month, 8 % a year, 20 years: 2400 x 9.8181474 at the year's end.
    assert repeat_purchase(100, 24, 0.08, 20, first="next") == pytest.approx(23_563.55, abs=0.005)
    assert repeat_purchase(100, 24, 0.08, 20) == pytest.approx(23_563.55 * 1.08, abs=0.01)
    assert repeat_purchase(100, 2, 0, 240) == 48_000


def test_without_end_retention_has_the_published_closed_form():
    assert retention(100, 0.8, 0.1) == pytest.approx(100 * 1.1 / 0.3, rel=1e-15)
    assert retention(100, 0.8, 0.1, first="next") == pytest.approx(100 * 0.8 / 0.3, rel=1e-15)
    assert retention(100, 0.8, 0.1, n_periods=np.inf) == retention(100, 0.8, 0.1)
    assert retention(100, 0.8, 0.1, n_periods=5000) == pytest.approx(retention(100, 0.8, 0.1), rel=1e-14)


def test_who_never_leaves_is_worth_the_annuity_and_the_annuity_without_end_is_a_perpetuity():
    assert retention(5, 1, 0.08, 20, first="next") == annuity(5, 0.08, 20)
    assert annuity(5, 0.08, np.inf) == pytest.approx(5 / 0.08, rel=1e-15)


def test_nothing_is_discounted_at_a_rate_of_zero():
    assert annuity(3, 0, 7) == 21
    assert retention(3, 1, 0, 7) == 21
    assert retention(3, 0.5, 0) == 6
    assert repeat_purchase(3, 2, 0, 7) == 42


@pytest.mark.parametrize("r", [1e-300, 1e-17, 1e-12, 1e-9])
def test_a_tiny_rate_loses_no_digits(r):
    # To second order in r; the plain formula is wrong in every digit here, or divides by zero.
    n = 1000
    assert annuity(1.0, r, n) == pytest.approx(n * (1 - r * (n + 1) / 2), rel=1e-11)
    assert annuity(1.0, r, np.inf) * r == pytest.approx(1.0, rel=1e-15)


def test_who_leaves_at_once_pays_once_or_never():
    assert retention(9, 0, 0.1) == 9
    assert retention(9, 0, 0.1, 5, first="next") == 0


def test_arguments_broadcast_to_float64():
    values = retention(np.array([[1], [2]]), [0.0, 0.5, 0.9], 0, 1)
    assert values.shape == (2, 3)
    assert values.dtype == np.float64
    assert values.tolist() == [[1.0] * 3, [2.0] * 3]


def test_a_lifetime_of_one_over_the_loss_makes_the_rule_of_thumb_the_retention_formula():
    rho = np.array([0.2, 0.5, 0.95])
    thumb = rule_of_thumb(50, 3, 1 / (1 - rho), rho)
    assert thumb == pytest.approx(retention(150, rho, 0, first="next"), rel=1e-14)


def test_the_historic_value_is_spend_less_cost():
    assert historic([10.0, 3.0], cost=[0.0, 4.0]).tolist() == [10.0, -1.0]


def test_a_missing_value_stays_alone_and_is_reported(caplog):
    with caplog.at_level(logging.WARNING, logger="clvml"):
        values = annuity([10.0, np.nan], 0.0, 2)
    assert values[0] == 20
    assert np.isnan(values[1])
    assert "1 of 2 values of income are missing" in caplog.text


@pytest.mark.parametrize(
    ("compute", "sentence"),
    [
        (lambda: retention(1, 1.2, 0.1), r"retention_rate is 1.2; it must be between 0 and 1"),
        (lambda: retention(1, [0.5, -0.1], 0.1), r"retention_rate is -0.1; it must be between 0 and 1"),
        (lambda: annuity(1, -1, 5), r"discount_rate is -1; it must be finite and above -1"),
        (lambda: annuity(1, np.inf, 5), r"discount_rate is inf; it must be finite and above -1"),
        (lambda: annuity(1, 0.1, 0), r"n_periods is 0; it must be above 0"),
        (lambda: annuity(np.inf, 0.1, 1), r"income is inf; it must be finite"),
        (lambda: annuity("ten", 0.1, 1), r"income is 'ten'; it must be a number"),
        (
            lambda: repeat_purchase(1, -2, 0.1, 5),
            r"purchases_per_period is -2; it must be finite and at least 0",
        ),
        (lambda: rule_of_thumb(1, 1, -3, 0.5), r"lifetime is -3; it must be finite and at least 0"),
        (lambda: historic(1, cost=-5), r"cost is -5; it must be finite and at least 0"),
        (lambda: retention(1, 0.5, 0.1, first="later"), r"first is 'later'; it must be 'now' or 'next'"),
    ],
)
def test_an_argument_that_breaks_a_rule_is_named_with_its_value_and_the_rule(compute, sentence):
    with pytest.raises(InputError, match=sentence):
        compute()


def test_a_sum_that_never_ends_is_refused_with_the_rule():
    with pytest.raises(InputError, match=r"retention_rate is 1 and discount_rate is 0: .* diverges"):
        retention(1, [0.5, 1.0], 0)
    with pytest.raises(InputError, match=r"retention_rate < 1 \+ discount_rate"):
        retention(1, 0.9, -0.1)
    with pytest.raises(InputError, match=r"discount_rate is 0: .* needs discount_rate > 0"):
        annuity(1, 0, np.inf)
