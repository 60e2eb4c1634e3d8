"""Intervals of shares, means and net promoter scores: their coverage, also in surveys of ten answers."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from clvml.errors import InputError
from clvml.survey.satisfaction import mean_interval, nps_interval, share_interval
from clvml.survey.satisfaction._intervals import _score, change_interval

CLASSES = [(0.5, 0.3), (0.7, 0.1), (0.2, 0.6), (0.34, 0.33), (0.1, 0.05)]  # promoters, detractors


def coverage_of_nps(interval, n, promoter, detractor):
    """The exact probability that the interval covers, over all outcomes of the multinomial."""
    true, covered = 100 * (promoter - detractor), 0.0
    chances = stats.multinomial(n, [promoter, detractor, 1 - promoter - detractor])
    for ups, downs in itertools.product(range(n + 1), repeat=2):
        if ups + downs <= n:
            lower, upper = interval(ups, downs, n)
            covered += chances.pmf([ups, downs, n - ups - downs]) * (lower <= true <= upper)
    return covered


def wald(promoters, detractors, n):
    score = (promoters - detractors) / n
    half = 1.96 * math.sqrt(((promoters + detractors) / n - score**2) / n)
    return 100 * (score - half), 100 * (score + half)


@pytest.mark.parametrize(("promoter", "detractor"), CLASSES)
@pytest.mark.parametrize("n", [5, 10, 30])
def test_the_interval_of_a_net_promoter_score_covers_in_small_samples(n, promoter, detractor):
    assert 0.91 <= coverage_of_nps(nps_interval, n, promoter, detractor) <= 1


def test_on_average_its_coverage_is_nominal_where_walds_is_too_low():
    means = [
        np.mean([coverage_of_nps(method, 10, *classes) for classes in CLASSES])
        for method in (nps_interval, wald)
    ]
    assert 0.94 <= means[0] <= 0.975
    assert means[1] < 0.9


def test_the_ends_are_the_scores_that_a_score_test_just_rejects():
    lower, upper = nps_interval(12, 3, 20)
    z = stats.norm.ppf(0.975)
    assert _score(lower / 100, 12, 3, 20) == pytest.approx(z)
    assert _score(upper / 100, 12, 3, 20) == pytest.approx(-z)


@pytest.mark.parametrize(("ups", "downs", "n"), [(3, 0, 3), (0, 3, 3), (0, 0, 4), (1, 0, 1), (2, 2, 4)])
def test_it_has_width_and_contains_the_estimate_where_all_answers_agree(ups, downs, n):
    lower, upper = nps_interval(ups, downs, n)
    assert -100 <= lower <= 100 * (ups - downs) / n <= upper <= 100
    assert upper - lower > 10


def test_exchanging_promoters_and_detractors_turns_the_interval_over():
    lower, upper = nps_interval(9, 2, 17)
    assert nps_interval(2, 9, 17) == pytest.approx((-upper, -lower))


def test_in_large_samples_it_is_walds_interval():
    assert nps_interval(50_000, 20_000, 100_000) == pytest.approx(wald(50_000, 20_000, 100_000), abs=0.02)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("n", [10, 40])
def test_the_interval_of_a_share_covers(n, share):
    counts = np.arange(n + 1)
    ends = [share_interval(k, n) for k in counts]
    covered = np.array([lower <= share <= upper for lower, upper in ends])
    assert stats.binom.pmf(counts, n, share) @ covered >= 0.91


@pytest.mark.parametrize(
    "chances", [(0.02, 0.05, 0.13, 0.4, 0.4), (0.3, 0.1, 0.1, 0.1, 0.4), (0, 0, 0, 0.1, 0.9)]
)
@pytest.mark.parametrize("n", [3, 8, 25])
def test_the_interval_of_a_mean_covers_on_a_scale_of_five(n, chances):
    rng, points = np.random.default_rng(1), np.arange(1, 6)
    samples = rng.choice(points, (3000, n), p=chances).astype(float)
    ends = np.array([mean_interval(sample) for sample in samples])
    true = float(points @ np.array(chances))
    assert ((ends[:, 0] <= true) & (true <= ends[:, 1])).mean() >= 0.93


def test_the_extra_answer_in_the_variance_fades():
    answers = np.tile([2.0, 3.0, 4.0, 5.0], 5000)
    half = stats.t.ppf(0.975, len(answers) - 1) * answers.std(ddof=1) / math.sqrt(len(answers))
    assert mean_interval(answers) == pytest.approx((3.5 - half, 3.5 + half), abs=1e-4)


def test_one_answer_leaves_the_whole_scale_open():
    assert mean_interval(np.array([4.0])) == (1.0, 5.0)


def test_without_answers_nothing_is_known():
    assert np.isnan([*nps_interval(0, 0, 0), *share_interval(0, 0), *mean_interval(np.array([]))]).all()


def test_the_interval_of_a_change_covers_it():
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(2000):
        estimates = []
        for share in (0.2, 0.45):
            k = rng.binomial(25, share)
            estimates.append((k / 25, *share_interval(k, 25)))
        _, lower, upper = change_interval(*estimates)
        covered += lower <= 0.25 <= upper
    assert 0.93 <= covered / 2000 <= 0.975


def test_a_level_off_its_range_is_refused():
    with pytest.raises(InputError, match="level is 95"):
        nps_interval(1, 1, 3, level=95)
