"""Loyal to what: staying at a value, against chance, and share of wallet."""

import numpy as np
import pandas as pd
import pytest

from clvml.errors import InputError
from clvml.survey import loyalty


def purchases(rng, n=400, repeats=4, strength=0.0, shares=(0.7, 0.2, 0.1)):
    """With probability ``strength`` a purchase repeats the one before, else it is drawn from the shares."""
    values = rng.choice(list("abc"), (n, repeats), p=shares)
    for k in range(1, repeats):
        same = rng.random(n) < strength
        values[same, k] = values[same, k - 1]
    days = np.tile(np.arange(repeats) * 10, (n, 1))
    return pd.DataFrame(
        {
            "customer_id": np.repeat(np.arange(n), repeats),
            "date": pd.Timestamp("2024-01-01") + pd.to_timedelta(days.ravel(), unit="D"),
            "amount": rng.uniform(1, 20, n * repeats),
            "brand": values.ravel(),
        }
    )


@pytest.mark.parametrize("strength", [0.0, 0.3, 0.8])
def test_loyalty_is_the_probability_of_repeating_beyond_chance(strength):
    rng, covered = np.random.default_rng(int(10 * strength)), 0
    estimates = []
    for _ in range(20):
        row = loyalty(purchases(rng, n=150, strength=strength), ["brand"]).levels.loc["brand"]
        estimates.append(row["loyalty"])
        covered += row["loyalty_lower"] <= strength <= row["loyalty_upper"]
    assert np.mean(estimates) == pytest.approx(strength, abs=0.025)
    assert covered >= 17


def test_a_dominant_brand_is_not_taken_for_loyalty():
    rng = np.random.default_rng(4)
    frame = purchases(rng, n=600, shares=(0.9, 0.05, 0.05))
    frame["shop"] = purchases(rng, n=600, strength=0.5, shares=(0.4, 0.3, 0.3))["brand"]
    found = loyalty(frame, ["brand", "shop"])
    brand, shop = found.levels.loc["brand"], found.levels.loc["shop"]
    assert brand["stay"] > shop["stay"]
    assert found.levels.index.tolist() == ["shop", "brand"]
    assert brand["loyalty_lower"] < 0 < brand["loyalty_upper"]
    assert found.differences.loc["brand", "lower"] > 0
    assert brand["share_of_wallet"] == pytest.approx(brand["wallet_by_chance"], abs=0.02)
    assert shop["share_of_wallet"] > shop["wallet_by_chance"] + 0.1


def test_shares_of_a_basket_are_counted_by_hand():
    frame = pd.DataFrame(
        {
            "customer_id": [1, 1, 1, 2, 2],
            "date": ["2024-01-01", "2024-01-01", "2024-02-01", "2024-01-01", "2024-02-01"],
            "amount": [30.0, 10.0, 60.0, 25.0, 75.0],
            "brand": ["x", "y", "x", "y", "x"],
        }
    )
    found = loyalty(frame, "brand")
    row = found.levels.loc["brand"]
    assert (row["pairs"], row["stay"]) == (2, 0.5)  # customer 1 stays with x, customer 2 leaves y
    assert row["chance"] == pytest.approx(0.5)  # others buy x only: 1 for the first, 0 for the second
    assert row["share_of_wallet"] == pytest.approx((0.9 + 0.75) / 2)
    assert row["share_of_money"] == pytest.approx((90 + 75) / 200)
    values = found.values.droplevel("level")
    assert values.loc["x", ["customers", "penetration", "share_of_spend"]].tolist() == [2, 1.0, 0.825]
    assert values.loc["y", "share_of_wallet"] == pytest.approx(35 / 200)
    assert values.loc["y", "stay"] == 0
    assert found.customers["main"].tolist() == ["x", "x"]


def test_purchases_without_a_value_are_counted_and_left_out():
    frame = purchases(np.random.default_rng(1), n=50)
    frame.loc[::4, "brand"] = None
    row = loyalty(frame, ["brand"]).levels.loc["brand"]
    assert row["unknown"] == pytest.approx(0.25)
    assert row["pairs"] == 100


def test_the_intervals_do_not_take_purchases_of_one_customer_as_independent():
    frame = purchases(np.random.default_rng(2), n=40, strength=0.5)
    copies = pd.concat(
        [frame.assign(date=frame["date"] + pd.Timedelta(days=40 * k)) for k in range(5)], ignore_index=True
    )
    rows = [loyalty(f, ["brand"]).levels.loc["brand"] for f in (frame, copies)]
    widths = [row["loyalty_upper"] - row["loyalty_lower"] for row in rows]
    assert widths[1] > 0.6 * widths[0]  # five times as many purchases of the same customers


def test_all_who_stay_have_an_interval_below_one():
    frame = purchases(np.random.default_rng(2), n=10, strength=1.0)
    row = loyalty(frame, ["brand"]).levels.loc["brand"]
    assert row["stay"] == 1
    assert 0.6 < row["stay_lower"] < 0.8


@pytest.mark.parametrize(
    ("change", "columns", "message"),
    [
        ({}, ["colour"], "colour"),
        ({"brand": None}, ["brand"], "has no value in any purchase"),
        ({"customer_id": range(40)}, ["brand"], "no customer has two purchases"),
        ({}, [], "columns is empty"),
    ],
)
def test_what_cannot_show_loyalty_is_refused(change, columns, message):
    frame = purchases(np.random.default_rng(1), n=10).assign(**change)
    with pytest.raises(InputError, match=message):
        loyalty(frame, columns)


def test_later_purchases_do_not_count():
    frame = purchases(np.random.default_rng(1), n=10)
    assert loyalty(frame, ["brand"], until="2024-01-11").levels.loc["brand", "pairs"] == 10
