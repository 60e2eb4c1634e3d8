"""Equity of today's customers and those to come: simple sums, discounting, intervals by simulation."""

import numpy as np
import pandas as pd
import pytest

from clvml.errors import InputError
from clvml.lifetime_value.economics import Acquisitions, equity_projection, expected_acquisitions


def test_without_growth_and_discount_equity_is_a_simple_sum():
    table = equity_projection(500.0, 20.0, 15.0, acquisition_cost=10.0, years=4)
    assert table.at["total", "equity"] == 500 + 4 * 20 * (15 - 10)
    assert table["equity"].iloc[:-1].sum() == table.at["total", "equity"]


def test_growth_and_discount_are_those_of_the_equation():
    table = equity_projection(
        0.0, Acquisitions(100, growth=0.2), 30.0, acquisition_cost=5.0, annual_discount_rate=0.1, years=3
    )
    by_hand = sum(100 * 1.2 ** (t - 1) * 25 / 1.1**t for t in (1, 2, 3))
    assert table.at["total", "equity"] == pytest.approx(by_hand, rel=1e-14)


def test_money_scales():
    once = equity_projection(500.0, Acquisitions(20.0, n_counted=40), 15.0, present_interval=(400, 650))
    cents = equity_projection(
        50_000.0, Acquisitions(20.0, n_counted=40), 1500.0, present_interval=(40_000, 65_000)
    )
    money = ["value", "cost", "equity", "lower", "upper"]
    assert cents[money].to_numpy() == pytest.approx(100 * once[money].to_numpy())


def test_the_interval_of_today_is_the_models_and_wider_with_those_to_come():
    table = equity_projection(
        500.0, Acquisitions(20.0, n_counted=30), 15.0, first_purchase=5.0, present_interval=(400.0, 650.0)
    )
    today, total = table.loc["customers of today"], table.loc["total"]
    assert (today["lower"], today["upper"]) == (400.0, 650.0)
    assert total["upper"] - total["lower"] > 250
    assert total["lower"] < total["equity"] < total["upper"]


def test_the_interval_covers_what_is_simulated():
    """Acquisitions are Poisson with a rate estimated from 60; the model's error is common to all values."""
    rng = np.random.default_rng(0)
    plan = Acquisitions(100.0, growth=0.1, n_counted=60)
    sd = 0.1
    z = 1.6448536269514722
    table = equity_projection(
        2000.0, plan, 30.0, first_purchase=10.0, acquisition_cost=5.0, annual_discount_rate=0.1, years=3,
        present_interval=(2000 * (1 - z * sd), 2000 * (1 + z * sd)),
    )  # fmt: skip
    t = np.arange(1, 4)
    level = rng.normal(1.0, 60**-0.5, size=(40_000, 1))
    error = rng.normal(1.0, sd, size=(40_000, 1))
    won = rng.poisson(np.clip(100 * level, 1, None) * 1.1 ** (t - 1))
    later = (won * (10 - 5 + 20 * error) / 1.1**t).sum(axis=1)
    actual = 2000 * error[:, 0] + later
    total = table.loc["total"]
    covered = ((actual >= total["lower"]) & (actual <= total["upper"])).mean()
    assert covered == pytest.approx(0.9, abs=0.015)


def test_acquisitions_are_estimated_with_their_scatter():
    steady = expected_acquisitions(pd.Series([10, 10, 10]), 12)
    bursts = expected_acquisitions(pd.Series([0, 30, 0]), 12)
    assert steady.per_year == bursts.per_year == 120
    assert steady.dispersion == 1.0
    assert bursts.dispersion == pytest.approx(300 / 10)
    narrow, wide = (equity_projection(0.0, plan, 10.0).loc["total", "upper"] for plan in (steady, bursts))
    assert wide > narrow


def test_nobody_to_come_leaves_the_present():
    table = equity_projection(500.0, expected_acquisitions(pd.Series([0, 0]), 12), 15.0, acquisition_cost=3.0)
    assert table.at["total", "equity"] == 500.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"acquisitions": Acquisitions(10, growth=1.5)}, r"growth is 1.5 per year \(\+150%\)"),
        ({"acquisitions": Acquisitions(10, growth=-1)}, "above -1"),
        ({"acquisitions": -3.0}, "acquisitions per year is -3;"),
        ({"acquisition_cost": -3.0}, "acquisition_cost is -3;"),
        ({"years": 0}, "years is 0"),
        ({"present": float("nan")}, "present is nan"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(InputError, match=message):
        equity_projection(**{"present": 1.0, "acquisitions": 1.0, "new_customer_value": 1.0, **arguments})
