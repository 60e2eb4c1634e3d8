"""Operational time: a clock that runs at the calendar's speed."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from clvml.distributions._operational_time import OperationalClock

speeds = st.lists(st.floats(0.05, 20.0), min_size=1, max_size=60).map(np.array)
times = st.lists(st.floats(-50.0, 150.0), min_size=1, max_size=20).map(np.array)


@given(speeds, times)
def test_the_inverse_gives_the_time_back(speed, time):
    clock = OperationalClock(3, speed)
    np.testing.assert_allclose(clock.time_of(clock.at(time)), time, atol=1e-9)


@given(times)
def test_at_speed_1_operational_time_is_time(time):
    np.testing.assert_allclose(OperationalClock(3, np.ones(40)).at(time), time - 3, atol=1e-12)


def test_operational_time_is_the_integral_of_the_speed():
    clock = OperationalClock(10, np.array([1.0, 3.0, 0.5]))
    np.testing.assert_allclose(clock.at(np.array([9.0, 10.0, 11.5, 13.0, 15.0])), [-1, 0, 2.5, 4.5, 6.5])


@given(speeds, times, st.integers(0, 2**32 - 1))
def test_days_are_the_derivative_of_operational_time_in_the_speeds(speed, start, seed):
    clock, rng = OperationalClock(3, speed), np.random.default_rng(seed)
    stop, weight = start + rng.uniform(0, 30, start.size), rng.normal(size=start.size)

    def total(speeds):
        moved = OperationalClock(3, speeds)
        return weight @ (moved.at(stop) - moved.at(start))

    day = rng.integers(speed.size)
    step = 0.5 * (np.arange(speed.size) == day)
    difference = total(speed + step) - total(speed - step)  # linear in the speeds, so exact
    assert np.isclose(clock.days_of(start, stop, weight)[day], difference, atol=1e-9)
