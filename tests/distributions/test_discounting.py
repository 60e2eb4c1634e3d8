"""Discounted sums by few ends equal the sums period by period."""

import numpy as np
import pytest

from clvml.distributions._discounting import discounted_ends


def smooth(t):
    return (1 - (1 + 0.3 * t) ** -0.7) / 0.2 + np.log1p(t)


@pytest.mark.parametrize("horizon", [1, 0.5, 52, 64, 65, 100.25, 156, 1040, 12_345.5])
@pytest.mark.parametrize("rate", [1e-9, 0.0018, 0.05])
def test_the_sum_is_the_one_over_all_periods(horizon, rate):
    ends = np.append(np.arange(1.0, np.ceil(horizon)), horizon)
    increments = np.diff(np.concatenate([[0.0], smooth(ends)]))
    by_period = (increments * (1 + rate) ** -ends).sum()
    few, weights = discounted_ends(horizon, rate)
    assert weights @ smooth(few) == pytest.approx(by_period, rel=1e-12)
    assert few.size <= 64 + 18 * 8


def test_a_thousand_years_in_weeks_need_few_ends():
    ends, _ = discounted_ends(52_000, 0.0018)
    assert ends.size < 400


@pytest.mark.parametrize("horizon", [1 << 20, (1 << 20) + 2, 2_500_000.3])
def test_countless_periods_are_an_integral(horizon):
    rate = 1e-6
    ends = np.arange(1.0, np.ceil(horizon))
    after = np.append(ends[1:], horizon)
    delta = np.log1p(rate)
    weights = -np.exp(-delta * ends) * np.expm1(-delta * (after - ends))
    by_period = weights @ smooth(ends) + smooth(np.array(float(horizon))) * np.exp(-delta * horizon)
    few, summed = discounted_ends(horizon, rate)
    assert summed @ smooth(few) == pytest.approx(by_period, rel=1e-11)


def test_no_end_and_hardly_a_discount_need_few_ends_too():
    ends, weights = discounted_ends(np.inf, 1e-9)
    assert ends.size < 500
    assert weights.sum() == pytest.approx(1, rel=1e-8)
