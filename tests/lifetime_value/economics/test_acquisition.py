"""Acquisition costs by channel and period, and what does not fit, in words."""

import pandas as pd
import pytest

from clvml.errors import InputError
from clvml.lifetime_value.economics import acquisition_costs

CUSTOMERS = pd.DataFrame(
    {"first_purchase": pd.to_datetime(["2024-01-03", "2024-01-31", "2024-02-05", "2024-02-29"])},
    index=["a", "b", "c", "d"],
)
CHANNELS = pd.Series({"a": "web", "b": "shop", "c": "web", "d": "web"})


def table(**columns):
    return pd.DataFrame(columns)


def test_cost_per_customer_is_cost_by_customers_won_in_the_same_periods():
    costs = table(
        period=["2024-01", "2024-01", "2024-02"], channel=["web", "shop", "web"], cost=[10.0, 6, 30]
    )
    found = acquisition_costs(CUSTOMERS, costs, CHANNELS)
    assert found.channels["cac"].to_dict() == {"shop": 6.0, "web": 40 / 3, "total": 46 / 4}
    assert found.periods["cac"].tolist() == [16 / 2, 30 / 2]
    assert found.channels["cost"].drop("total").sum() == found.channels.at["total", "cost"]
    assert not found.notices


def test_customers_won_may_be_given_and_quarters_and_years_are_periods_too():
    found = acquisition_costs(CUSTOMERS, table(period=["2024Q1"], cost=[100.0], customers=[5]))
    assert found.cac == 20.0
    assert acquisition_costs(CUSTOMERS, table(period=["2024"], cost=[100.0])).cac == 25.0


def test_costs_per_customer_are_taken_as_given():
    found = acquisition_costs(CUSTOMERS, {"web": 7.0, "shop": 2.0}, CHANNELS)
    assert found.by_channel.to_dict() == {"shop": 2.0, "web": 7.0}
    assert found.cac == (3 * 7 + 2) / 4
    assert acquisition_costs(CUSTOMERS, 3.5).cac == 3.5
    assert list(found.periods) == ["cost", "customers", "cac"]
    assert found.periods.empty


def test_what_does_not_fit_is_said():
    found = acquisition_costs(CUSTOMERS, {"web": 7.0, "radio": 2.0}, CHANNELS.drop("d"))
    said = " | ".join(found.notices)
    assert "no customer has the channel 'radio'" in said
    assert "no cost is given for the channel 'shop' (1 customers)" in said
    assert "1 of 4 customers have no channel" in said
    costs = table(period=["2024-01", "2024-03"], channel=["web", "web"], cost=[10.0, 5.0])
    said = " | ".join(acquisition_costs(CUSTOMERS, costs, CHANNELS).notices)
    assert "web: 5.00 was spent in 2024-03-01 to 2024-03-31 and nobody was won" in said
    assert "2 customers were won in periods without a cost" in said


@pytest.mark.parametrize(
    ("costs", "message"),
    [
        (table(period=["2024-01"]), "no column 'cost'"),
        (table(period=["2024-01"], cost=[-5.0]), r"row 1 .* cost is -5.0; it must be finite"),
        (table(period=["2024-01"], cost=["much"]), "row 1 .* cost is 'much'; it must be a number"),
        (table(period=["2024-01"], cost=[None]), "row 1 .* has no cost; write 0"),
        (table(period=["soon"], cost=[1.0]), "period is 'soon'; write a month"),
        (table(period=["2024-01", "2024Q1"], cost=[1.0, 2.0]), "periods overlap"),
        (table(period=["2024-01", "2024-01"], cost=[1.0, 2.0]), "periods overlap"),
        (table(period=["2024-01"], channel=["web"], cost=[1.0]), "the channel of each customer is not known"),
        ({"web": -1.0}, "the acquisition cost of 'web' is -1.0"),
        (-2.0, "acquisition cost is -2.0"),
        (float("inf"), "must be finite"),
    ],
)
def test_bad_input_is_named(costs, message):
    channels = CHANNELS if isinstance(costs, dict) else None
    with pytest.raises(InputError, match=message):
        acquisition_costs(CUSTOMERS, costs, channels)
