"""The value of new customers, from a simulated shop whose channels differ by known factors."""

import numpy as np
import pandas as pd
import pytest

import clvml
from clvml.errors import InputError
from clvml.lifetime_value.economics import mean_first_purchase
from clvml.scoring import read_request, score

N = 6000
HORIZON = 39.0


def shop(n: int = N, seed: int = 5) -> pd.DataFrame:
    """BG/NBD x Gamma-Gamma customers: those of "web" buy at twice the rate and spend half as much."""
    rng = np.random.default_rng(seed)
    web = rng.random(n) < 0.4
    rates = rng.gamma(0.8, 1 / 8, n) * np.where(web, 2.0, 1.0)
    leaves = rng.beta(0.8, 2.5, n)
    mean = 30 * 5 / rng.gamma(6.0, 1.0, n) * np.where(web, 0.5, 1.0)
    T = rng.uniform(20, 60, n)
    rows = []
    for k in range(n):
        t, dates = 0.0, []
        while rng.random() > leaves[k] if dates else True:
            t += rng.exponential(1 / rates[k])
            if t > T[k]:
                break
            dates.append(t)
        amounts = rng.gamma(6.0, mean[k] / 6.0, 1 + len(dates))
        later = amounts[1:]
        soon = later[np.array(dates) <= HORIZON].sum() if dates else 0.0
        rows.append((len(dates), dates[-1] if dates else 0.0, T[k], later.mean() if len(later) else 0.0,
                     amounts.sum(), soon))  # fmt: skip
    columns = ["frequency", "recency", "T", "monetary_value", "total_spend", "spent_later"]
    table = pd.DataFrame(rows, columns=columns).rename_axis("customer_id")
    table = table.assign(channel=np.where(web, "web", "store"))
    table.attrs["time_unit"] = "W"
    return table


@pytest.fixture(scope="module")
def customers() -> pd.DataFrame:
    return shop()


@pytest.fixture(scope="module")
def at_first(customers):
    return clvml.NewCustomerValue(HORIZON, ["channel"]).fit(customers)


@pytest.fixture(scope="module")
def before(customers):
    return clvml.NewCustomerValue(HORIZON, ["channel"], first_purchase=False).fit(customers)


def channels(**more) -> pd.DataFrame:
    return pd.DataFrame({"channel": ["store", "web"], **more}, index=["s", "w"])


def test_coefficients_are_those_of_the_simulated_channels(before):
    purchases = before.repeat_value_.purchases_.coefficients_.loc[("purchases", "channel=web")]
    assert purchases["lower"] < np.log(2.0) < purchases["upper"]
    spend = before.repeat_value_.spend_.coefficients_.iloc[0]
    assert spend["lower"] < np.log(0.5) < spend["upper"]


def test_before_the_first_order_the_value_has_the_first_purchase_that_the_channel_expects(customers, before):
    found = before.predict_factors(channels())
    first = customers["total_spend"] - customers["frequency"] * customers["monetary_value"]
    means = first.groupby(customers["channel"]).mean()
    np.testing.assert_allclose(found["expected_first_spend"], means.to_numpy(), rtol=0.002)
    later = found["discounted_purchases"] * found["expected_spend"]
    np.testing.assert_allclose(found["clv"], later + found["expected_first_spend"], rtol=1e-12)
    np.testing.assert_allclose(before.predict(channels()), found["clv"], rtol=1e-12)


def test_the_mean_prediction_is_the_mean_of_first_purchases_as_pseudo_likelihood_has_it(customers, before):
    expected = before.predict_factors(customers)["expected_first_spend"]
    assert expected.mean() == pytest.approx(mean_first_purchase(customers), rel=1e-3)


def test_a_larger_first_order_announces_larger_later_ones(at_first):
    found = at_first.predict_factors(channels(first_spend=[10.0, 10.0]))
    more = at_first.predict_factors(channels(first_spend=[60.0, 60.0]))
    assert (more["expected_spend"] > 1.5 * found["expected_spend"]).all()
    assert (more["clv"] > found["clv"]).all()


def test_the_coefficient_of_the_first_order_is_the_elasticity_of_later_spend(at_first):
    low, high = at_first.limits_
    amounts = np.array([low * 1.5, low * 3.0])
    assert amounts[1] < high
    spend = at_first.predict_factors(pd.DataFrame({"channel": ["store"] * 2, "first_spend": amounts}))[
        "expected_spend"
    ]
    elasticity = at_first.repeat_value_.spend_.coefficients_.loc[("spend", "log first_spend"), "estimate"]
    assert np.log(spend[1] / spend[0]) / np.log(amounts[1] / amounts[0]) == pytest.approx(elasticity)


def test_the_coefficient_of_a_numeric_attribute_is_per_standard_deviation(customers):
    age = pd.Series(np.random.default_rng(3).normal(40.0, 12.0, len(customers)), customers.index)
    model = clvml.NewCustomerValue(HORIZON, ["age"]).fit(customers.assign(age=age))
    later = model.predict_factors(pd.DataFrame({"age": [40.0, 40.0 + age.std(ddof=0)], "first_spend": 30.0}))[
        "expected_spend"
    ]
    estimate = model.repeat_value_.spend_.coefficients_.loc[("spend", "age"), "estimate"]
    assert np.log(later[1] / later[0]) == pytest.approx(estimate)


def test_beyond_the_percentiles_of_the_fit_the_amount_says_no_more(at_first):
    low, high = at_first.limits_
    edge = at_first.predict(channels(first_spend=[low, high]))
    beyond = at_first.predict(channels(first_spend=[0.0, high * 1e6]))
    pd.testing.assert_series_equal(edge, beyond)


def test_the_first_order_in_a_summary_is_total_less_repeat_spend(customers, at_first):
    some = customers.head(50)
    first = some["total_spend"] - some["frequency"] * some["monetary_value"]
    alone = some[["channel"]].assign(first_spend=first)
    pd.testing.assert_series_equal(at_first.predict(some), at_first.predict(alone))


def test_history_after_the_first_order_does_not_change_the_value_at_it(customers, at_first):
    some = customers.head(50)
    alone = some.assign(first_spend=20.0)
    later = alone.assign(frequency=alone["frequency"] + 3, recency=alone["T"])
    pd.testing.assert_series_equal(at_first.predict(alone), at_first.predict(later))


def test_margin_multiplies_and_discounting_lowers(customers, before):
    half = clvml.NewCustomerValue(HORIZON, ["channel"], first_purchase=False, margin=0.5).fit(customers)
    np.testing.assert_allclose(half.predict(channels()), 0.5 * before.predict(channels()), rtol=1e-9)
    assert (before.predict(channels(), None, 0.2) < before.predict(channels())).all()


def test_an_unseen_or_missing_channel_is_valued_as_the_most_frequent_one(before):
    unknown = pd.DataFrame({"channel": ["store", "phone", None]})
    found = before.predict(unknown)
    assert found.nunique() == 1


def test_a_level_with_few_customers_has_no_coefficient(customers):
    rare = customers.assign(channel=customers["channel"].where(np.arange(N) >= 5, "kiosk"))
    model = clvml.NewCustomerValue(HORIZON, ["channel"], first_purchase=False).fit(rare)
    assert "channel=kiosk" not in model.repeat_value_.purchases_.coefficients_.index.get_level_values(1)


def test_intervals_of_new_customers_cover_what_they_spend(customers, at_first):
    observed = customers[customers["T"] >= HORIZON]
    interval = at_first.predict_interval(observed)
    actual = observed["spent_later"]
    inside = (actual >= interval["clv_lower"] - 1e-9) & (actual <= interval["clv_upper"])
    assert inside.mean() > 0.9 - 0.01
    assert (actual > interval["clv_upper"]).mean() == pytest.approx(0.05, abs=0.012)


def test_the_total_of_new_customers_is_what_they_spend(customers, at_first):
    observed = customers[customers["T"] >= HORIZON]
    assert at_first.predict(observed).sum() == pytest.approx(observed["spent_later"].sum(), rel=0.06)


def test_an_unfitted_kind_of_prediction_names_the_way_out(before, customers):
    with pytest.raises(InputError, match="first_purchase=True for prediction intervals"):
        before.predict_interval(channels())
    with pytest.raises(InputError, match="known by attributes or by the first purchase"):
        clvml.NewCustomerValue(HORIZON, first_purchase=False).fit(customers)
    with pytest.raises(InputError, match="'recency' cannot be an attribute"):
        clvml.NewCustomerValue(HORIZON, ["recency"]).fit(customers)
    with pytest.raises(InputError, match=r"write \['channel'\]"):
        clvml.NewCustomerValue(HORIZON, "channel").fit(customers)


def test_a_row_without_the_first_order_is_told_how_to_be_valued(at_first):
    with pytest.raises(InputError, match="without it, use first_purchase=False"):
        at_first.predict(channels())


def test_a_saved_model_scores_a_row_of_attributes_alone(before, at_first, tmp_path):
    for model, rows in ((before, channels()), (at_first, channels(first_spend=[10.0, 40.0]))):
        path = clvml.scoring.save_model_folder(model, tmp_path / str(model.first_purchase))
        loaded = clvml.scoring.load_model_folder(path)
        pd.testing.assert_series_equal(loaded.predict(rows), model.predict(rows))
        request = read_request(loaded, rows.to_dict("list"), {"horizon": 13})
        np.testing.assert_allclose(score(loaded, *request)["clv"], model.predict(rows, 13.0), rtol=1e-12)


def test_a_new_customer_has_a_signature_to_be_served_by(before, at_first):
    for model in (before, at_first):
        names = [column.name for column in clvml.scoring.signature(model).inputs]
        assert set(model.required_columns) <= set(names)
        assert "frequency" not in names
