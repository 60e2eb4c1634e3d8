"""What a customer relationship system needs per customer: next purchases, value so far, reasons."""

import numpy as np
import pandas as pd
import pytest

import clvml
from clvml.errors import InputError
from clvml.lifetime_value import OUTLOOK, customer_outlook

UNTIL = "1997-09-30"
PARAMS = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426, "time_unit": "W"}


@pytest.fixture(scope="module")
def customers():
    return clvml.summarize(clvml.load_cdnow(), UNTIL)


def fitted(purchases, customers):
    return clvml.LifetimeValue(purchases, clvml.GammaGamma(), "12M", 0.1).fit(customers)


@pytest.fixture(scope="module", params=[clvml.BGNBD, clvml.MBGNBD, clvml.ParetoNBD])
def value(request, customers):
    return fitted(request.param(), customers)


def history(x, t_x, T):
    table = pd.DataFrame({"frequency": [float(x)], "recency": [float(t_x)], "T": [float(T)]})
    table.attrs["time_unit"] = "W"
    return table


@pytest.mark.parametrize(
    "model",
    [
        clvml.BGNBD.from_params(**PARAMS),
        clvml.MBGNBD.from_params(**PARAMS),
        clvml.ParetoNBD.from_params(r=0.55, alpha=10.58, s=0.61, beta=11.67, time_unit="W"),
    ],
)
def test_as_many_simulated_customers_buy_within_a_time_and_half_by_the_median_as_predicted(model):
    one = history(7, 36, 38.86)
    many = pd.concat([one] * 40_000, ignore_index=True)
    many.attrs = one.attrs
    draws = model.purchase_simulator(many)
    median = float(model.next_purchase_time(one).iloc[0])
    for horizon in (30 / 7, 90 / 7, median):
        rows, _ = draws(model.parameter_draws(1, 0)[0], 1, horizon, np.random.default_rng(1))
        share = np.unique(rows).size / len(many)
        expected = float(model.probability_buys(one, horizon).iloc[0])
        assert abs(share - expected) < 4 * np.sqrt(expected * (1 - expected) / len(many))
    assert float(model.probability_buys(one, median).iloc[0]) == pytest.approx(0.5, abs=1e-12)


def test_no_purchase_is_expected_where_less_than_half_are_alive(value, customers):
    time = value.purchases_.next_purchase_time(customers)
    alive = value.purchases_.probability_alive(customers)
    assert np.isinf(time[alive < 0.5]).all()
    assert (alive < 0.5).sum() > 50
    assert np.isfinite(time).any()
    with pytest.raises(InputError, match="probability is 1"):
        value.purchases_.next_purchase_time(customers, 1)


def test_thirty_days_are_thirty_days_in_every_time_unit():
    sales = clvml.load_cdnow()
    for unit, days in (("D", 1.0), ("W", 7.0), ("M", 365.25 / 12)):
        here = clvml.summarize(sales, UNTIL, unit)
        model = fitted(clvml.BGNBD(), here)
        found = customer_outlook(model, here)["buys_within_30_days"]
        own = model.purchases_.probability_buys(here, 30 / days)
        pd.testing.assert_series_equal(found, own, check_names=False)


def test_dates_count_from_the_last_day_of_observation(value, customers):
    found = customer_outlook(value, customers, observed_until=UNTIL)
    weeks, date = found["next_purchase_in"], found["next_purchase_date"]
    assert date[weeks.notna()].map(type).eq(str).all()
    assert date[weeks.isna()].isna().all()
    first = weeks.idxmin()
    assert pd.Timestamp(date[first]) == pd.Timestamp(UNTIL) + pd.Timedelta(days=np.ceil(7 * weeks[first]))
    two = customers.loc[[first, weeks.idxmax()]]
    each = customer_outlook(value, two, observed_until=[UNTIL, "2020-02-28"])["next_purchase_date"]
    later = pd.Timestamp("2020-02-28") - pd.Timestamp(UNTIL)
    assert each.iloc[0] == date[first]
    assert pd.Timestamp(each.iloc[1]) - pd.Timestamp(date[weeks.idxmax()]) == later
    assert "next_purchase_date" not in customer_outlook(value, customers)


def test_historic_and_predicted_value_add_up_to_the_total_with_the_first_purchase(value, customers):
    value = value.with_factors({"margin": 0.3})
    found, spent = customer_outlook(value, customers), customers["total_spend"]
    assert (0.3 * spent - found["historic_value"]).abs().max() < 1e-9
    total = found["historic_value"] + value.predict(customers)
    assert (total - found["total_value"]).abs().max() < 0.005
    parts = clvml.lifetime_value.economics.value_parts(value, customers)
    assert (parts["historic"] - found["historic_value"]).abs().max() < 0.005


def test_reasons_are_the_factors_that_differ_most_from_the_typical_customer(value, customers):
    factors = value.predict_factors(customers)
    found = customer_outlook(value, customers)["reasons"]
    silent = customers[(customers["frequency"] > 3) & (factors["probability_alive"] < 0.05)].index
    assert len(silent) > 5
    assert found[silent].str.contains("long silence (", regex=False).all()
    bought = customers["frequency"].nlargest(10).index
    assert found[bought].str.contains("many purchases").all()
    spend = factors["expected_spend"].nlargest(5).index
    assert found[spend].str.contains("high spend per purchase").all()
    assert found.str.count(";").max() <= 2


def test_the_typical_customer_has_no_reason(value, customers):
    medians = customers[["frequency", "recency", "T", "monetary_value"]].median()
    typical = medians.to_frame().T
    typical.attrs["time_unit"] = "W"
    assert customer_outlook(value, typical)["reasons"].tolist() == ["like the typical customer"]


def test_a_formula_has_no_probabilities_and_no_reasons_but_historic_value(customers):
    found = customer_outlook(clvml.RepeatRateValue("12M").fit(customers), customers)
    assert list(found) == ["historic_value", "total_value"]


def test_a_learned_correction_predicts_next_purchases_by_its_structure_and_is_a_reason_itself(customers):
    split = clvml.split(clvml.load_cdnow(), UNTIL, "1998-06-30")
    model = clvml.LearnedCorrection("12M").fit_with_earlier(split.calibration, split.earlier())
    found = customer_outlook(model, customers, observed_until=UNTIL)
    assert list(found) == list(OUTLOOK)
    own = model.structure_.purchases_.probability_buys(customers, 90 / 7)
    assert found["buys_within_90_days"].tolist() == own.tolist()


def test_a_mean_of_models_has_the_mean_probability_and_its_median(customers):
    model, some = clvml.MeanValue("12M").fit(customers), customers.head(60)
    each = [part.purchases_.probability_buys(some, 30 / 7) for part in model.models_.values()]
    found = customer_outlook(model, some)
    assert found["buys_within_30_days"].tolist() == pytest.approx(np.mean(each, axis=0), rel=1e-12)
    first = found["next_purchase_in"].idxmin()
    time = float(found.loc[first, "next_purchase_in"])
    assert float(model.probability_buys(some.loc[[first]], time).iloc[0]) == pytest.approx(0.5, abs=1e-9)


def test_opportunities_are_whole_and_a_month_has_one():
    model = clvml.LifetimeValue(clvml.BGBB(), clvml.ConstantSpend(10.0), 12)
    table = pd.DataFrame({"frequency": [1.0, 3.0, 0.0, 2.0], "recency": [1.0, 6.0, 0.0, 5.0], "T": [6.0] * 4})
    table["monetary_value"] = 10.0
    table.attrs["time_unit"] = "M"
    many = pd.concat([table] * 30, ignore_index=True)
    many.attrs = table.attrs
    model.purchases = clvml.BGBB(prior="weak")
    found = customer_outlook(model.fit(many), table)
    one = model.purchases_.purchase_probability(1, 1, table)
    assert found["buys_within_30_days"].tolist() == pytest.approx(one.tolist())
    assert (found["next_purchase_in"].dropna() % 1 == 0).all()
