"""Payback curves: sums by hand, censoring, conservation of money, and the model's continuation."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import clvml
from clvml.errors import InputError
from clvml.lifetime_value.economics import payback_curves, payback_times

SALES = pd.DataFrame(
    {
        "customer_id": ["a", "a", "a", "b", "b", "c"],
        "date": ["2024-01-01", "2024-01-11", "2024-02-10", "2024-01-01", "2024-03-15", "2024-03-01"],
        "amount": [10.0, 4.0, 6.0, 20.0, 8.0, 30.0],
    }
)
END = "2024-03-31"  # ages: a and b 90 days (2.957 months of 30.4375 days), c 30 days (0.986)


def summary(sales=SALES, unit="W"):
    return clvml.summarize(sales, END, unit)


def test_the_curve_is_the_sum_by_hand_to_the_cent():
    curve = payback_curves(SALES, summary(), 12.0, margin=0.5).droplevel("group")
    # Month 0: all first purchases; 1: a's 4 on day 10; 2: a's 6 on day 40; c is followed for less than 1.
    assert curve["followed"].tolist() == [3, 2, 2]
    assert curve["margin"].tolist() == [0.5 * 60 / 3, 0.5 * 4 / 2, 0.5 * 6 / 2]
    assert curve["balance"].tolist() == [10 - 12, 11 - 12, 12.5 - 12]
    assert payback_times(curve_with_group(curve)).loc["g", ["payback", "kind"]].tolist() == [2.0, "observed"]


def curve_with_group(curve):
    return pd.concat({"g": curve}, names=["group", "age"])


def test_money_of_a_cohort_that_was_followed_is_conserved():
    customers = summary()
    cohort = clvml.cohorts(customers)
    early = customers[cohort == "2024-01"]
    curve = payback_curves(SALES, customers, 0.0, groups=cohort.where(cohort == "2024-01"), period="D")
    last = curve.loc["2024-01"].iloc[-1]
    assert last["cumulative"] * last["customers"] == pytest.approx(early["total_spend"].sum(), rel=1e-12)


def test_serving_costs_are_charged_per_year_of_age():
    free = payback_curves(SALES, summary(), 12.0)
    served = payback_curves(SALES, summary(), 12.0, annual_service_cost=24.0)
    assert (free["balance"] - served["balance"]).tolist() == pytest.approx([0.0, 2.0, 4.0])


def test_a_cost_without_limit_never_pays_back():
    table = payback_times(payback_curves(SALES, summary(), 1e12))
    assert np.isnan(table["payback"].iloc[0])
    assert table["kind"].tolist() == ["not yet"]


def test_no_cost_pays_back_at_once():
    assert payback_times(payback_curves(SALES, summary(), 0.0))["payback"].tolist() == [0.0]


@settings(max_examples=15, deadline=None)
@given(order=st.permutations(range(len(SALES))), scale=st.sampled_from([0.01, 100.0]))
def test_neither_the_order_of_rows_nor_the_unit_of_money_matters(order, scale):
    shuffled = SALES.iloc[order].assign(amount=lambda t: (t["amount"] * scale).round(4))
    curve = payback_curves(shuffled, summary(shuffled), 12.0 * scale)
    assert (curve["balance"] / scale).tolist() == pytest.approx(
        payback_curves(SALES, summary(), 12.0)["balance"].tolist()
    )


def test_the_time_unit_of_the_summary_does_not_matter():
    by_week, by_day = (payback_curves(SALES, summary(unit=unit), 12.0) for unit in "WD")
    pd.testing.assert_frame_equal(by_week, by_day)


def test_the_model_continues_the_curve_by_what_it_expects_of_these_customers():
    customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30", "D")
    model = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), 365, margin=0.4).fit(customers)
    curve = payback_curves(clvml.load_cdnow(), customers, 40.0, margin=0.8, model=model, n_ahead=6)
    curve = curve.droplevel("group")
    kinds = curve["kind"].tolist()
    assert kinds == ["observed"] * kinds.count("observed") + ["expected"] * 6
    # At the last age, the mean of what each has brought and is expected to bring by that age.
    last = curve.index[-1]
    ages = customers["T"] / (365.25 / 12)
    ahead = np.ceil(last - ages).astype(int)
    whole = np.floor(last - ages).astype(int)
    by_month = {h: model.predict(customers, h * 365.25 / 12, 0.0) * 2 for h in range(1, int(ahead.max()) + 1)}
    below = pd.Series([by_month[h][i] for h, i in zip(whole, customers.index, strict=True)], customers.index)
    above = pd.Series([by_month[h][i] for h, i in zip(ahead, customers.index, strict=True)], customers.index)
    rest = (last - ages) - whole
    expected = (below + rest * (above - below)).mean()
    observed = 0.8 * customers["total_spend"].mean()
    # The curve leaves out what the oldest bought beyond the last age observed of most: within a dollar.
    assert curve["cumulative"].iloc[-1] == pytest.approx(observed + expected, abs=1.0)


def test_what_is_expected_at_nine_months_is_observed_at_eighteen():
    """The curve expected of CDNOW at nine months is close to the one observed at eighteen."""
    customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30", "W")
    model = clvml.LifetimeValue(clvml.ParetoNBD(), clvml.GammaGamma(), "39W").fit(customers)
    before = payback_curves(clvml.load_cdnow(), customers, 30.0, model=model, n_ahead=8)
    later = clvml.summarize(clvml.load_cdnow(), "1998-06-30", "W")
    after = payback_curves(clvml.load_cdnow(), later, 30.0)
    both = before.join(after.add_suffix("_later"), how="inner")
    assert (both["kind_later"] == "observed").all()
    assert len(both) == 16
    assert both["cumulative"].iloc[-1] == pytest.approx(both["cumulative_later"].iloc[-1], rel=0.08)


def test_bad_input_is_named():
    customers, groups = summary(), pd.Series(["web", "web", "shop"], index=["a", "b", "c"])
    with pytest.raises(InputError, match="acquisition_cost is -1"):
        payback_curves(SALES, customers, -1.0)
    with pytest.raises(InputError, match="no cost for the group 'shop'"):
        payback_curves(SALES, customers, pd.Series({"web": 3.0}), groups=groups)
    with pytest.raises(InputError, match="no customer has a group"):
        payback_curves(SALES, customers, 3.0, groups=groups.set_axis(["x", "y", "z"]))
