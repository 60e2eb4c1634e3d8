"""A challenger replaces the incumbent only if it is better on the same customers."""

import numpy as np
import pandas as pd
import pytest

from clvml.errors import InputError
from clvml.evaluation import decide_promotion


@pytest.fixture(scope="module")
def actual():
    """The spend of 800 customers, most of whom do not buy."""
    random = np.random.default_rng(0)
    return pd.Series(np.where(random.random(800) < 0.4, random.gamma(1.0, 80.0, 800), 0.0))


def forecast(actual, noise, random_state=1):
    """A forecast whose error has this size, with the right total."""
    random = np.random.default_rng(random_state)
    values = np.maximum(actual + random.normal(0, noise, len(actual)), 0.0)
    return values * actual.sum() / values.sum()


def test_a_better_challenger_replaces_the_incumbent_and_a_worse_one_does_not(actual):
    good, poor = forecast(actual, 20), forecast(actual, 90)
    won, lost = decide_promotion(actual, good, poor), decide_promotion(actual, poor, good)
    assert won.promote
    assert won.lower > 0
    assert won.reason.startswith("the challenger is better: its score less the incumbent's is +0.")
    assert not lost.promote
    assert not lost.tie
    assert (lost.difference, lost.lower, lost.upper) == pytest.approx(
        (-won.difference, -won.upper, -won.lower), abs=1e-12
    )


def test_the_interval_is_that_of_the_difference_over_the_same_resamples(actual):
    """Two forecasts with nearly the same errors: the noise they share cancels."""
    first = forecast(actual, 60)
    second = first * 0.99 + actual * 0.01
    found = decide_promotion(actual, second, first)
    assert found.upper - found.lower < 0.05
    assert found.tie
    assert "below 0.02 and so negligible, and ties keep the incumbent" in found.reason


def test_a_tie_keeps_the_incumbent_unless_it_is_past_its_warranty(actual):
    first, second = forecast(actual, 60, 1), forecast(actual, 60, 2)
    kept = decide_promotion(actual, second, first)
    assert kept.tie
    assert not kept.promote
    assert kept.reason.endswith("ties keep the incumbent")
    newer = decide_promotion(actual, second, first, newer_on_tie="the incumbent is past its warranty")
    assert newer.tie
    assert newer.promote
    assert newer.reason.endswith("the incumbent is past its warranty")
    worse = decide_promotion(actual, forecast(actual, 90), first, newer_on_tie="it is past its warranty")
    assert not worse.promote


def test_a_challenger_that_may_not_lead_never_replaces_an_incumbent(actual):
    high = forecast(actual, 10) * 2.44  # a perfect ranking, but a total 144 % too high
    found = decide_promotion(actual, high, forecast(actual, 80), newer_on_tie="it is past its warranty")
    assert not found.promote
    assert "its total misses by 144.0 %" in found.reason
    assert not decide_promotion(actual, high, high).promote  # nor one that may not lead either
    assert decide_promotion(actual, forecast(actual, 80), high).promote


def test_a_need_that_only_the_challenger_meets_breaks_a_tie(actual):
    first, second = forecast(actual, 60, 1), forecast(actual, 60, 2)
    given = {"challenger": ["intervals"], "incumbent": []}
    found = decide_promotion(actual, second, first, needs=["intervals"], abilities=given)
    assert found.promote
    assert "only the challenger gives intervals" in found.reason


def test_customers_in_another_order_do_not_matter_and_other_customers_are_refused(actual):
    first, second = forecast(actual, 30), forecast(actual, 50, 2)
    shuffled = second.sample(frac=1, random_state=0)
    assert decide_promotion(actual, first, shuffled) == decide_promotion(actual, first, second)
    with pytest.raises(InputError):
        decide_promotion(actual, first, second.iloc[1:])
