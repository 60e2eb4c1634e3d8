"""Backtest of new customers: what is known at arrival, judged a horizon later."""

import numpy as np
import pandas as pd
import pytest

import clvml
from clvml.errors import InputError

START = pd.Timestamp("2023-01-02")
ORIGIN = "2023-12-31"
WEEKS = 26.0


def log(n: int = 1500, seed: int = 3) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Customers arrive over two years; those of "web" buy twice as often."""
    rng = np.random.default_rng(seed)
    web = rng.random(n) < 0.5
    arrival = rng.integers(0, 700, n)
    rows = []
    for k in range(n):
        mean = 40 * rng.gamma(4.0, 0.25)
        day, left = arrival[k], rng.exponential(300)
        stop = min(729, day + left)
        rate = rng.gamma(1.0, (2.0 if web[k] else 1.0) / 60)
        while day <= stop:
            rows.append((k, START + pd.Timedelta(days=int(day)), round(mean * rng.gamma(4.0, 0.25), 2)))
            day += max(1, rng.exponential(1 / rate))
    sales = pd.DataFrame(rows, columns=["customer_id", "date", "amount"])
    return sales, pd.DataFrame({"channel": np.where(web, "web", "store")}, index=pd.RangeIndex(n))


@pytest.fixture(scope="module")
def world():
    return log()


def backtested(sales, attributes, *, first_purchase=True, **options):
    model = clvml.NewCustomerValue(WEEKS, ["channel"], first_purchase)
    return clvml.new_customer_backtest(
        sales, {"model": model}, [ORIGIN], WEEKS, attributes, group="channel",
        observation_end="2024-12-31", **options,
    )  # fmt: skip


def by_hand(sales, after, until, *, first_purchase):
    """Value in 182 days after each first purchase between two dates, from the rows themselves."""
    first = sales.groupby("customer_id")["date"].transform("min")
    age = (sales["date"] - first).dt.days
    arrived = (first > after) & (first <= until)
    counted = arrived & (age <= 182) & ((age > 0) if first_purchase else True)
    return sales["amount"].where(counted, 0.0)[arrived].groupby(sales["customer_id"]).sum()


@pytest.mark.parametrize("first_purchase", [True, False])
def test_outcomes_and_baselines_are_those_counted_by_hand(world, first_purchase):
    sales, attributes = world
    table = backtested(sales, attributes, first_purchase=first_purchase).loc[ORIGIN]
    end = pd.Timestamp("2024-12-31") - pd.Timedelta(days=182)
    actual = by_hand(sales, pd.Timestamp(ORIGIN), end, first_purchase=first_purchase)
    assert table["customers"].unique().tolist() == [len(actual)]
    np.testing.assert_allclose(table["actual"], actual.sum(), rtol=1e-12)
    observed = pd.Timestamp(ORIGIN) - pd.Timedelta(days=182)
    before = by_hand(sales, START - pd.Timedelta(days=1), observed, first_purchase=first_purchase)
    assert table.loc["mean of all", "total"] == pytest.approx(before.mean() * len(actual), rel=1e-12)
    means = before.groupby(attributes["channel"]).mean()
    expected = attributes.loc[actual.index, "channel"].map(means).sum()
    assert table.loc["mean by channel", "total"] == pytest.approx(expected, rel=1e-12)


def test_the_model_knows_more_than_the_mean_of_the_channel(world):
    table = backtested(*world).loc[ORIGIN]
    assert table.loc["model", "gini"] > table.loc["mean by channel", "gini"] + 0.05
    assert table.loc["model", "rmse"] < table.loc["mean of all", "rmse"]
    assert abs(table.loc["model", "bias_pct"]) < 15


def test_purchases_after_the_origin_do_not_change_predictions(world):
    sales, attributes = world
    dates = pd.to_datetime(sales["date"])
    first = dates.groupby(sales["customer_id"]).transform("min")
    late = (dates > pd.Timestamp(ORIGIN)) & (dates > first)
    changed = sales.assign(amount=sales["amount"].where(~late, 10 * sales["amount"]))
    one, other = (backtested(each, attributes).loc[ORIGIN] for each in (sales, changed))
    np.testing.assert_allclose(one["total"], other["total"], rtol=1e-9)
    assert (other["actual"] > 5 * one["actual"]).all()


def test_gains_come_with_intervals(world):
    table = backtested(*world, metrics=["gini", "rmse"], intervals=True)
    assert {"gini_lower", "gini_upper", "rmse_tied"} <= set(table)


def test_models_of_different_moments_are_not_compared(world):
    sales, attributes = world
    models = {
        "at": clvml.NewCustomerValue(WEEKS, ["channel"]),
        "before": clvml.NewCustomerValue(WEEKS, ["channel"], first_purchase=False),
    }
    with pytest.raises(InputError, match="predict different values"):
        clvml.new_customer_backtest(sales, models, [ORIGIN], WEEKS, attributes)


def test_what_cannot_be_tested_says_why(world):
    sales, attributes = world
    with pytest.raises(InputError, match="customers have no row of attributes"):
        backtested(sales, attributes.iloc[10:])
    model = {"model": clvml.NewCustomerValue(WEEKS)}
    with pytest.raises(InputError, match="no customer arrives after it and is observed"):
        clvml.new_customer_backtest(sales, model, ["2024-12-01"], WEEKS)
    with pytest.raises(InputError, match="no column 'shop', by which to take means"):
        clvml.new_customer_backtest(sales, model, [ORIGIN], WEEKS, attributes, group="shop")
    discounted = {"model": clvml.NewCustomerValue(WEEKS, annual_discount_rate=0.1)}
    with pytest.raises(InputError, match="must be undiscounted"):
        clvml.new_customer_backtest(sales, discounted, [ORIGIN], WEEKS)
