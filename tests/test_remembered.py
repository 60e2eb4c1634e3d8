"""Within a block results are remembered by content, and numbers are those of the computation."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

import clvml
from clvml import _remembered
from clvml._remembered import MANY, remembered, remembering
from clvml.distributions import History, pareto_nbd
from clvml.inference import _maximum_likelihood
from clvml.lifetime_value.learned import _trees

PARAMS = pareto_nbd.ParetoNBDParams(0.55, 10.58, 0.61, 11.67)
NUMBERS = np.arange(float(MANY))


class Counted:
    """A sum that counts how often it was computed."""

    def __init__(self, values):
        self.values, self.times = values, 0

    def __call__(self):
        self.times += 1
        return float(self.values.sum())


@pytest.fixture
def customers():
    random = np.random.default_rng(0)
    T = random.uniform(20, 40, 30_000)
    x = random.poisson(1.5, T.size).astype(float)
    return History(x, np.where(x > 0, T * random.random(T.size), 0.0), T)


def first_and_again(first, again):
    """What is remembered of calls with these arguments: whether the second one was computed."""
    with remembering():
        remembered(lambda: "first", "name", *first)
        return remembered(lambda: "computed", "name", *again)


def test_equal_content_is_computed_once_and_a_change_in_place_is_noticed():
    values = NUMBERS.copy()
    total = Counted(values)
    with remembering():
        assert remembered(total, "sum", values) == remembered(total, "sum", values.copy()) == values.sum()
        assert total.times == 1
        values[0] += 10.0
        assert remembered(total, "sum", values) == values.sum()


def test_outside_of_a_block_and_after_it_everything_is_computed():
    total = Counted(NUMBERS)
    for _ in range(2):
        remembered(total, "sum", NUMBERS)
    with remembering():
        remembered(total, "sum", NUMBERS)
    remembered(total, "sum", NUMBERS)
    with remembering():
        remembered(total, "sum", NUMBERS)
    assert total.times == 5


def test_a_block_that_fails_is_left_all_the_same():
    total = Counted(NUMBERS)
    with pytest.raises(ZeroDivisionError), remembering():
        remembered(total, "sum", NUMBERS) / 0
    remembered(total, "sum", NUMBERS)
    assert total.times == 2


def test_small_arrays_are_computed_rather_than_compared():
    total = Counted(NUMBERS[1:])
    with remembering():
        for _ in range(2):
            remembered(total, "sum", NUMBERS[1:])
    assert total.times == 2


@pytest.mark.parametrize(
    "other",
    [
        (NUMBERS, 2),
        (NUMBERS.astype(int), 1),
        (NUMBERS.reshape(2, -1), 1),
        (NUMBERS, NUMBERS, 1),
        (NUMBERS, float(np.nextafter(1.0, 2.0))),
        (NUMBERS, "1"),
        (NUMBERS[::-1], 1),
    ],
)
def test_another_type_shape_order_or_last_bit_is_another_argument(other):
    assert first_and_again((NUMBERS, 1), other) == "computed"
    assert first_and_again(other, other) == "first"


def test_an_object_whose_content_is_unknown_is_refused():
    with remembering(), pytest.raises(TypeError, match="list has no content"):
        remembered(lambda: 1, "sum", NUMBERS, [1])


def test_the_results_used_longest_ago_are_dropped_where_they_are_too_large_together(monkeypatch):
    monkeypatch.setattr(_remembered, "MOST_BYTES", 2 * NUMBERS.nbytes)
    computed = []

    def asked(name):
        remembered(lambda: computed.append(name) or NUMBERS + 1, name, NUMBERS)

    with remembering():
        for name in ("a", "b", "a", "c", "a", "b"):
            asked(name)
    assert computed == ["a", "b", "c", "b"]


def test_a_caller_who_changes_a_result_changes_it_for_nobody_else():
    with remembering():
        for _ in range(3):
            found = remembered(lambda: NUMBERS + 1, "plus", NUMBERS)
            np.testing.assert_array_equal(found, NUMBERS + 1)
            found *= 0


def test_threads_that_were_given_the_block_share_it_and_others_compute():
    total, together = Counted(NUMBERS), threading.Barrier(4, timeout=10)

    def ask():
        together.wait()
        return remembered(total, "sum", NUMBERS)

    with remembering(), ThreadPoolExecutor(4) as threads:
        remembered(total, "sum", NUMBERS)
        found = [each.result() for each in [threads.submit(copy_context().run, ask) for _ in range(4)]]
        assert total.times == 1
        found += [each.result() for each in [threads.submit(ask) for _ in range(4)]]
    assert total.times == 5
    assert set(found) == {NUMBERS.sum()}


@pytest.fixture
def within_a_run():
    with remembering():
        yield


@pytest.mark.usefixtures("within_a_run")
def test_p_alive_of_many_customers_is_that_of_each_alone_also_after_the_caller_changed_it(customers):
    first = pareto_nbd.probability_alive(customers, PARAMS)
    few = pareto_nbd.probability_alive(customers.rows(slice(0, 100)), PARAMS)
    first *= 0
    again = pareto_nbd.probability_alive(customers, PARAMS)
    np.testing.assert_allclose(again[:100], few, rtol=1e-12)
    other = pareto_nbd.probability_alive(customers, PARAMS._replace(s=2 * PARAMS.s))
    assert (other < again).any()


@pytest.mark.usefixtures("within_a_run")
def test_trees_of_many_rows_predict_what_they_predict_of_few():
    random = np.random.default_rng(1)
    rows = random.normal(size=(25_000, 3))
    boosting = HistGradientBoostingRegressor(max_iter=5, max_leaf_nodes=8)
    trees = [_trees.trees_of(boosting.fit(rows[:500], target[:500])) for target in rows.T]
    for each in trees:
        expected = np.concatenate([each.raw(part) for part in np.array_split(rows, 5)])
        for _ in range(2):
            found = each.raw(rows)
            np.testing.assert_array_equal(found, expected)
            found += 1


@pytest.mark.usefixtures("within_a_run")
def test_a_second_model_of_the_same_customers_is_not_searched_again(monkeypatch):
    random = np.random.default_rng(2)
    T = random.uniform(20, 60, 12_000)
    lived = np.minimum(T, random.exponential(20, T.size))  # customers drop out
    x = random.poisson(random.gamma(0.5, lived / 8)).astype(float)
    last = np.where(x > 0, lived * random.beta(np.maximum(x, 1), 1), 0.0)
    table = pd.DataFrame({"frequency": x, "recency": last, "T": T})
    table.attrs["time_unit"] = "W"
    evaluations = []
    newton = _maximum_likelihood._newton
    monkeypatch.setattr(
        _maximum_likelihood, "_newton", lambda *a, **k: evaluations.append(1) or newton(*a, **k)
    )
    first = clvml.BGNBD().fit(table)
    searched = len(evaluations)
    second = clvml.BGNBD(prior="auto").fit(table)  # which has no prior for so many
    assert searched > 0
    assert len(evaluations) == searched
    assert second.params_ == first.params_
    assert second.fit_record_.n_evaluations == first.fit_record_.n_evaluations
    weak = clvml.BGNBD(prior="weak").fit(table)
    assert len(evaluations) > searched
    assert weak.params_ != first.params_
    before, swapped = len(evaluations), x.copy()  # as many purchases in all, of other customers
    one, other = np.flatnonzero(x == 1)[0], np.flatnonzero(x == 3)[0]
    swapped[[one, other]] = 3.0, 1.0
    clvml.BGNBD().fit(table.assign(frequency=swapped))
    assert len(evaluations) > before
