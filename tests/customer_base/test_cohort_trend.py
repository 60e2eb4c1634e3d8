"""The trend over cohorts: Armitage's, with a level that holds in simulations."""

import numpy as np
import pytest

from clvml.customer_base import cohort_trend
from clvml.errors import InputError

N = np.full(12, 400)


def test_the_slope_is_that_of_weighted_least_squares():
    customers, share = np.array([100, 300, 50, 200, 400]), np.array([0.5, 0.4, 0.42, 0.3, 0.33])
    found = cohort_trend(customers, customers * share)
    assert found.change == pytest.approx(np.polyfit(range(5), share, 1, w=np.sqrt(customers))[0])


def test_a_fall_is_found_and_a_rise_is_its_mirror():
    fall = 0.4 - 0.015 * np.arange(12)
    falls, rises = cohort_trend(N, N * fall), cohort_trend(N, N * fall[::-1])
    assert (falls.direction, rises.direction) == ("falls", "rises")
    assert rises.change == pytest.approx(-falls.change)
    assert falls.change == pytest.approx(-0.015)


@pytest.mark.parametrize("spread", [0.0, 0.05])
def test_cohorts_without_a_trend_are_said_to_have_one_in_at_most_one_of_twenty(spread):
    """Also where cohorts differ by season: there the binomial variance alone would say so far more often."""
    rng = np.random.default_rng(1)
    share = np.clip(rng.normal(0.3, spread, (800, 12)), 0, 1)
    repeaters = rng.binomial(N, share)
    false = np.mean([cohort_trend(N, row).direction != "no trend" for row in repeaters])
    assert false < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 800)


def test_gaps_between_cohorts_count():
    share = np.array([0.3, 0.29, 0.24])
    found = cohort_trend([500] * 3, 500 * share, [0, 1, 6])
    assert found.change == pytest.approx(-0.01)


@pytest.mark.parametrize(
    ("customers", "repeaters"), [([10, 10], [3, 4]), ([10] * 4, [0] * 4), ([10] * 4, [10] * 4), ([], [])]
)
def test_what_cannot_be_known_is_not_identified(customers, repeaters):
    assert cohort_trend(customers, repeaters).direction == "not identified"


def test_more_repeaters_than_customers_are_refused():
    with pytest.raises(InputError, match="between 0 and"):
        cohort_trend([10, 10, 10], [5, 11, 5])
