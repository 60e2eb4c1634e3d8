"""Counting equal histories changes nothing but the work."""

from dataclasses import replace

import numpy as np

from clvml.distributions import _histories as histories
from clvml.distributions._histories import count_equal, count_histories
from clvml.distributions._history import History
from clvml.distributions.bgnbd import BGNBDParams, objective


def histories_in_days(n):
    rng = np.random.default_rng(3)
    x = rng.poisson(0.4, n).astype(float)
    T = rng.integers(10, 20, n) / 7
    return History(x, np.where(x > 0, np.minimum(rng.integers(1, 10, n) / 7, T), 0.0), T)


def test_histories_in_whole_days_are_counted_once():
    history = histories_in_days(20_000)
    counted = count_histories(history)
    assert counted.x.size < 1000
    assert counted.weight.sum() == (history.x > 0).sum()


def test_the_likelihood_of_counted_histories_is_the_one_of_all():
    plain = histories_in_days(20_000)
    weight = np.random.default_rng(4).integers(1, 4, plain.size).astype(float)
    history = replace(plain, weight=weight)
    params = BGNBDParams(0.3, 2.0, 0.7, 2.0)
    whole = objective(params, count_histories(history))
    parts = [objective(params, count_histories(history.rows(slice(i, i + 1)))) for i in range(200)]
    first = objective(params, count_histories(history.rows(slice(200))))
    np.testing.assert_allclose(first[0], sum(part[0] for part in parts), rtol=1e-12)
    repeated = plain.rows(np.repeat(np.arange(plain.size), weight.astype(int)))
    np.testing.assert_allclose(whole[0], objective(params, count_histories(repeated))[0], rtol=1e-12)


def test_real_valued_times_are_left_alone():
    times = np.random.default_rng(0).uniform(size=5000)
    keys, weights = count_equal((times,), (np.ones(5000),))
    assert keys[0] is times
    assert weights[0].sum() == 5000


def test_customers_are_counted_the_same_block_by_block(monkeypatch):
    monkeypatch.setattr(histories, "_BLOCK", 7)
    rng = np.random.default_rng(0)
    x, T, weight = (
        rng.integers(0, 9, 100).astype(float),
        rng.integers(5, 9, 100).astype(float),
        rng.random(100),
    )
    np.testing.assert_allclose(histories.count_numbers(x, weight), np.bincount(x.astype(int), weight))
    for find in (histories.distinct_rows, lambda keys: histories.group_rows(*keys)):
        one, row = find((x, T))
        assert len(set(zip(x[one], T[one], strict=True))) == one.size
        assert (x[one][row] == x).all()
        assert (T[one][row] == T).all()
