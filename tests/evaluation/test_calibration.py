"""Calibration tables: every customer once, groups of the right size, nothing owed to the order of rows."""

import numpy as np
import pandas as pd
import pytest

import clvml
from clvml.errors import InputError
from clvml.evaluation._calibration import calibration_by_decile, calibration_by_frequency


def test_deciles_hold_every_customer_once_and_keep_the_totals():
    random = np.random.default_rng(4)
    actual, predicted = (pd.Series(random.exponential(10, 2357)) for _ in range(2))
    table = calibration_by_decile(actual, predicted)
    assert table.index.tolist() == list(range(1, 11))
    assert table["customers"].tolist() == [236] * 7 + [235] * 3
    assert (table["customers"] * table["predicted"]).sum() == pytest.approx(predicted.sum())
    assert (table["customers"] * table["actual"]).sum() == pytest.approx(actual.sum())
    assert table["predicted"].is_monotonic_decreasing


def test_equal_predictions_give_equal_deciles_whatever_the_order_of_rows():
    actual = pd.Series(np.arange(30.0))
    table = calibration_by_decile(actual, pd.Series(1.0, index=actual.index))
    assert table["actual"].to_numpy() == pytest.approx(np.full(10, 14.5))


def test_few_customers_make_one_group_each():
    actual = pd.Series([1.0, 2.0, 3.0])
    assert calibration_by_decile(actual, actual)["actual"].tolist() == [3.0, 2.0, 1.0]


def test_cdnow_s_holdout_purchases_by_frequency_are_the_published_ones():
    split = clvml.split(
        clvml.load_cdnow(), calibration_end="1997-09-30", observation_end="1998-06-30", time_unit="W"
    )
    expected = split.calibration["frequency"]  # any prediction: the truth is what is published
    table = calibration_by_frequency(split.calibration, split.holdout, expected)
    assert table.index.tolist() == ["0", "1", "2", "3", "4", "5", "6", "7+"]
    assert table["customers"].tolist() == [1411, 439, 214, 100, 62, 38, 29, 64]
    published = [0.2367, 0.6970, 1.3925, 1.56, 2.5323, 2.9474, 3.8621, 6.3594]
    assert table["actual"].to_numpy() == pytest.approx(np.array(published), abs=5.1e-5)
    assert table["predicted"].tolist()[:7] == list(range(7))


def test_expectations_are_matched_to_customers_by_index():
    customers = pd.DataFrame({"frequency": [0.0, 1.0]}, index=["a", "b"])
    holdout = pd.DataFrame({"purchases": [4.0, 3.0]}, index=["b", "a"])
    table = calibration_by_frequency(customers, holdout, pd.Series([9.0, 8.0], index=["b", "a"]), top=1)
    assert table.index.tolist() == ["0", "1+"]
    assert table["predicted"].tolist() == [8.0, 9.0]
    assert table["actual"].tolist() == [3.0, 4.0]


def test_a_holdout_without_purchases_column_is_refused():
    customers = pd.DataFrame({"frequency": [0.0]})
    with pytest.raises(InputError, match="lacks the column 'purchases'"):
        calibration_by_frequency(customers, pd.DataFrame({"spend": [1.0]}), pd.Series([1.0]))
