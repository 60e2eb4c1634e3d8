"""A bad summary is refused with the customer, the rule and the values."""

import numpy as np
import pandas as pd
import pytest

import clvml
from clvml.customers import _summary_checks as checks
from clvml.customers._summary_checks import check_customers
from clvml.errors import FitError, InputError, LossError, TimeUnitError
from clvml.lifetime_value.formulas import HistoricValue, MigrationValue, RepeatRateValue, TotalSpendValue


@pytest.fixture
def customers():
    table = pd.DataFrame(
        {"frequency": [2, 0], "recency": [30.4, 0.0], "T": [38.9, 38.9], "monetary_value": [5.0, 0.0]},
        index=pd.Index(["00017", "00018"], name="customer_id"),
    )
    table.attrs["time_unit"] = "W"
    return table


def test_a_good_summary_comes_back_as_floats_and_the_callers_is_untouched(customers):
    before = customers.copy(deep=True)
    checked = check_customers(customers, time_unit="W")
    assert checked.columns.tolist() == ["frequency", "recency", "T"]
    assert (checked.dtypes == "float64").all()
    checked["T"] = 0.0
    pd.testing.assert_frame_equal(customers, before)


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("recency", 50.0, r"recency outside \[0, T\]; the first is '00017': frequency 2, recency 50, T 38.9"),
        ("T", -1.0, "have a negative T; the first is '00017': T -1"),
        ("T", np.nan, "missing or infinite T"),
        ("recency", np.inf, "missing or infinite recency"),
        ("frequency", 1.5, "not a whole number; the first is '00017': frequency 1.5"),
        ("frequency", 0, "no repeat purchase but a positive recency"),
        ("frequency", "two", "not numeric"),
    ],
)
def test_a_broken_rule_names_the_first_customer(customers, column, value, said):
    customers[column] = customers[column].astype(object)
    customers.loc["00017", column] = value
    with pytest.raises(InputError, match=said):
        check_customers(customers)


def test_rounding_may_carry_recency_a_hair_past_T(customers):
    customers.loc["00017", "recency"] = 38.9 * (1 + 1e-12)
    assert check_customers(customers).loc["00017", "recency"] == 38.9


def test_what_is_no_summary_is_refused(customers):
    cases = {
        "lacks 'T'; it has": customers.drop(columns="T"),
        "is empty": customers.iloc[:0],
        "duplicated id.*; the first is '00017'": pd.concat([customers, customers]),
        "not list": [1],
        "not .*odd.DataFrame": type("DataFrame", (), {"__module__": "odd"})(),
    }
    for said, table in cases.items():
        with pytest.raises(InputError, match=said):
            check_customers(table)


def test_another_time_unit_is_refused_with_the_way_to_convert(customers):
    with pytest.raises(
        TimeUnitError, match=r"in days, the customer summary in weeks: .*convert_time_unit\(customers, 'D'\)"
    ):
        check_customers(customers, time_unit="D")
    customers.attrs.clear()
    check_customers(customers, time_unit="D")


def test_the_last_block_of_customers_is_looked_at_too(monkeypatch):
    monkeypatch.setattr(checks, "_BLOCK", 2)
    customers = pd.DataFrame({"frequency": [1.0] * 5, "recency": [2.0] * 5, "T": [3.0] * 4 + [1.0]})
    with pytest.raises(InputError, match="1 of 5 customers have recency outside"):
        check_customers(customers)


def profits():
    """Profits of which some are losses: the case that lost half its customers as "returns"."""
    rows = [(1, "2016-01-01", 12.5), (1, "2016-04-01", -6.1), (2, "2016-01-01", 8.0),
            (2, "2016-07-01", -20.9), (3, "2016-04-01", 30.2), (3, "2016-07-01", 11.1)]  # fmt: skip
    sales = pd.DataFrame(rows, columns=["customer_id", "date", "amount"])
    return clvml.summarize(clvml.read_transactions(sales, policy=clvml.TransactionPolicy(returns="keep")))


def test_losses_that_the_policy_keeps_are_valued_by_every_formula_linear_in_money():
    customers = profits()
    assert customers["total_spend"].tolist() == pytest.approx([6.4, -12.9, 41.3])
    for model in (
        RepeatRateValue("12M"),
        TotalSpendValue("12M"),
        HistoricValue("12M"),
        MigrationValue("12M"),
    ):
        values = model.fit(customers).predict(customers)
        doubled = customers.assign(
            **{name: customers[name] * 2 for name in ("total_spend", "monetary_value")}
        )
        doubled.attrs = customers.attrs
        assert values[2] < 0
        assert model.fit(doubled).predict(doubled).tolist() == pytest.approx((2 * values).tolist())


def test_gamma_gamma_refuses_losses_with_the_way_out_and_as_a_model_that_cannot_be_fitted():
    said = r"2 of 3 customers have a negative monetary_value; .* Use a formula, which accepts losses"
    with pytest.raises(LossError, match=said) as raised:
        clvml.GammaGamma().fit(profits())
    assert isinstance(raised.value, FitError)  # so that a comparison leaves it out and goes on


@pytest.mark.parametrize("model", [clvml.BGNBD, clvml.MBGNBD, clvml.ParetoNBD, clvml.GammaGamma, clvml.BGBB])
def test_an_absurd_count_is_refused_with_the_customer_before_it_takes_the_machines_memory(model, cdnow):
    absurd = cdnow.copy()
    absurd.loc[absurd.index[7], "frequency"] = 2e9
    with pytest.raises(InputError, match=r"1 of 2357 customers have a frequency above 1,000,000; .* is 8"):
        model().fit(absurd)


def test_a_million_purchases_cost_little_and_count_as_a_million(cdnow):
    many = cdnow.iloc[:3].copy()
    many.iloc[0, :3] = [1e6, 38.0, 39.0]
    model = clvml.BGNBD.from_params(r=0.243, alpha=4.414, a=0.793, b=2.426, time_unit="W")
    together, alone = model.log_likelihood(many), model.log_likelihood(many.iloc[:1])
    assert together.iloc[0] == alone.iloc[0]
    np.testing.assert_array_equal(together.iloc[1:], model.log_likelihood(cdnow.iloc[1:3]))


def test_a_billion_opportunities_are_refused_too():
    customers = pd.DataFrame({"frequency": [1.0, 0.0], "recency": [2.0, 0.0], "T": [6.0, 2e9]})
    with pytest.raises(InputError, match="T above 1,000,000; the first is 1: T counts the opportunities"):
        clvml.BGBB().fit(customers)
    with pytest.raises(InputError, match="T counts the renewals"):
        clvml.ShiftedBetaGeometric().fit(customers)
