"""Sums over many whole numbers by few points equal the sums one by one."""

import numpy as np
import pytest

from clvml.distributions._whole_sums import panels


def summed(function, start, stop):
    total, points_used = np.zeros(start.size), 0
    for rows, points, weights in panels(start, stop):
        total[rows] += (weights * function(points)).sum(axis=1)
        points_used += points.shape[1]
    return total, points_used


@pytest.mark.parametrize("power", [0.001, 0.7, 1.0, 3.2, 40.0, 3000.0])
@pytest.mark.parametrize("shift", [1e-3, 1.0, 5000.0])
@pytest.mark.parametrize("start", [0, 16, 1024])
def test_what_falls_as_a_power_is_summed_over_any_range(power, shift, start):
    stops = np.append(np.random.default_rng(0).integers(start, 40_000, 30), [start, start + 15])

    def fall(i):
        return np.exp(-power * np.log1p(i / shift))

    few, _ = summed(fall, np.full(stops.size, float(start)), stops.astype(float))
    from_the_beginning = fall(np.arange(40_000.0)).cumsum()
    before = np.append(0.0, from_the_beginning)
    each = before[stops] - before[start]
    np.testing.assert_allclose(few, each, rtol=1e-12, atol=1e-13 * from_the_beginning[-1])


def test_a_million_numbers_need_few_points():
    total, points = summed(lambda i: 1 / (i + 1), np.zeros(1), np.array([1e6]))
    assert total[0] == pytest.approx(14.392726722865724, rel=1e-14)  # the millionth harmonic number
    assert points < 600
