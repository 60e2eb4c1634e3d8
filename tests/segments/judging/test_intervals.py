import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from clvml.errors import InputError
from clvml.segments.judging import _mean_intervals as intervals
from clvml.segments.judging._mean_intervals import mean_intervals


@pytest.fixture(scope="module")
def worth():
    return pd.Series(np.random.default_rng(5).lognormal(3, 1, 900))


@pytest.fixture(scope="module")
def segments():
    return pd.Series(np.repeat([1, 2, 3], 300))


def test_of_two_hundred_samples_the_interval_holds_the_true_mean_nineteen_times_in_twenty():
    rng = np.random.default_rng(1)
    samples = pd.Series(rng.gamma(2.0, 10.0, 200 * 150))
    found = mean_intervals(samples, pd.Series(np.repeat(np.arange(200), 150)))
    covered = found["lower"].le(20) & found["upper"].ge(20)
    assert 0.90 <= covered.mean() <= 0.99


def test_for_many_customers_it_is_the_normal_interval(worth):
    found = mean_intervals(worth, pd.Series(1, index=worth.index)).loc[1]
    half = 1.96 * worth.std() / np.sqrt(len(worth))
    assert found["upper"] - found["lower"] == pytest.approx(2 * half, rel=0.1)
    assert found["mean"] == pytest.approx(worth.mean())


@pytest.mark.parametrize("coverage", [0.5, 0.9, 0.95])
def test_each_end_is_where_the_normal_law_has_it(coverage):
    """Beyond each end lies half of what the interval leaves out, not more on one side."""
    rng = np.random.default_rng(3)
    value, groups = pd.Series(rng.normal(50, 10, 40 * 400)), pd.Series(np.repeat(np.arange(40), 400))
    found = mean_intervals(value, groups, coverage)
    error = value.groupby(groups).std() / np.sqrt(400)
    for end, expected in zip(
        ("lower", "upper"), norm.ppf([(1 - coverage) / 2, (1 + coverage) / 2]), strict=True
    ):
        assert ((found[end] - found["mean"]) / error).mean() == pytest.approx(expected, abs=0.2)


@pytest.mark.parametrize("coverage", [0.0, 1.0, 95, float("nan")])
def test_a_coverage_that_is_no_share_is_refused(worth, segments, coverage):
    with pytest.raises(InputError, match=r"coverage is .* between 0 and 1"):
        mean_intervals(worth, segments, coverage)


def test_blocks_of_customers_vary_as_customers_do(worth, monkeypatch):
    one = pd.Series(1, index=worth.index)
    single = mean_intervals(worth, one).loc[1]
    monkeypatch.setattr(intervals, "BLOCKS", 120)
    blocks = mean_intervals(worth, one).loc[1]
    assert blocks["upper"] - blocks["lower"] == pytest.approx(single["upper"] - single["lower"], rel=0.2)


def test_neither_the_order_of_customers_nor_the_currency_matters(worth, segments):
    found = mean_intervals(worth, segments)
    order = np.random.default_rng(2).permutation(len(worth))
    pd.testing.assert_frame_equal(mean_intervals(worth.iloc[order], segments.iloc[order]), found)
    pd.testing.assert_frame_equal(mean_intervals(worth * 131.7, segments), found * 131.7)


def test_a_single_customer_has_no_interval_and_equal_ones_have_a_point():
    found = mean_intervals(pd.Series([7.0, 3.0, 3.0]), pd.Series([1, 2, 2]))
    assert found.loc[1].isna().tolist() == [False, True, True]
    assert found.loc[2].tolist() == [3.0, 3.0, 3.0]
