"""A history carries everything that belongs to its rows."""

import numpy as np
import pytest

from clvml.distributions import bgbb, bgnbd, mbgnbd, pareto_nbd
from clvml.distributions import shifted_beta_geometric as sbg
from clvml.distributions._history import History, alive_at, new_customers, params_of_rows
from clvml.distributions.bgnbd import BGNBDParams


@pytest.fixture
def history():
    x, t_x, T, weight = np.array([[0.0, 1, 3], [0, 2, 8], [9, 9, 9], [1, 2, 1]])
    return History(x, t_x, T, weight, {"purchases": np.arange(6.0).reshape(3, 2)})


@pytest.mark.parametrize("rows", [slice(1, 3), np.array([2, 0, 0])])
def test_rows_take_weights_and_covariates_along(history, rows):
    some = history.rows(rows)
    for name in ("x", "t_x", "T", "weight"):
        np.testing.assert_array_equal(getattr(some, name), getattr(history, name)[rows])
    np.testing.assert_array_equal(some.covariates["purchases"], history.covariates["purchases"][rows])
    assert some.size == some.x.size


def test_paths_over_time_are_carried_along_as_they_are(history):
    paths = np.arange(24.0).reshape(3, 2, 4)
    moved = history.with_covariates({"purchases": paths}).rows(np.array([1]))
    np.testing.assert_array_equal(moved.covariates["purchases"], paths[[1]])


def test_a_row_without_weight_is_one_customer():
    np.testing.assert_array_equal(new_customers(4).weights, np.ones(4))


def test_a_history_cannot_be_changed(history):
    with pytest.raises(AttributeError):
        history.x = history.T


@pytest.mark.parametrize("kernel", [bgnbd, mbgnbd, pareto_nbd, bgbb, sbg])
def test_when_customers_alive_bought_last_does_not_matter_for_what_is_ahead(kernel):
    kind = {bgbb: bgbb.BGBBParams, pareto_nbd: pareto_nbd.ParetoNBDParams}.get(kernel, BGNBDParams)
    params = sbg.ShiftedBetaGeometricParams(0.7, 1.2) if kernel is sbg else kind(0.7, 4.0, 0.8, 2.0)
    x, T = np.array([0.0, 2.0, 5.0]), np.array([6.0, 9.0, 9.0])
    ends = np.array([3.0]), np.ones(1)
    early = kernel.purchases_given_alive(History(x, x, T), *ends, params)
    np.testing.assert_array_equal(early, kernel.purchases_given_alive(alive_at(x, T), *ends, params))


def test_parameters_of_rows_are_everybodys_or_each_ones_own():
    params = BGNBDParams(1.0, np.array([4.0, 5.0, 6.0]), 2.0, 3.0)
    assert params_of_rows(params, slice(0, 2)).r == 1.0
    np.testing.assert_array_equal(params_of_rows(params, np.array([2, 0])).alpha, [6.0, 4.0])
