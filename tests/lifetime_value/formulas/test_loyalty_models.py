"""Models of costs, loyalty, migration and switching: neutral defaults, simulated truth, their errors."""

import numpy as np
import pandas as pd
import pytest

import clvml
from clvml import (
    AnnuityValue,
    BrandSwitchingValue,
    LoyaltyEffectsValue,
    MigrationValue,
    ProfitContributionValue,
    RetentionValue,
    TotalSpendValue,
)
from clvml.errors import FitError, InputError
from clvml.lifetime_value.formulas import estimate_retention_rate
from clvml.scoring._model_file import dump_model, load_model_json


@pytest.fixture
def customers():
    columns = {
        "frequency": [2.0, 0, 5],
        "recency": [8.0, 0, 18],
        "T": [12.0, 20, 20],
        "monetary_value": [30.0, 0, 20],
        "total_spend": [100.0, 25, 120],
        "service": [12.0, 24, 0],
    }
    table = pd.DataFrame(columns, index=pd.Index(["a", "b", "c"], name="customer_id"))
    table.attrs["time_unit"] = "M"
    return table


def histories(random, n, purchase_rate, retention_rate, longest=60.0):
    """Frequency, recency and T of customers who buy at one rate and drop out at one rate, one by one."""
    T = random.uniform(longest / 2, longest, n)
    active = np.minimum(random.exponential(-1 / np.log(retention_rate), n), T)
    x = random.poisson(purchase_rate * active).astype(float)
    return x, np.where(x > 0, active * random.random(n) ** (1 / np.maximum(x, 1)), 0.0), T


def visits(n, probability_back, n_periods, seed=0):
    """Weekly visits of customers who come again with ``probability_back[k]`` after k empty weeks."""
    random, rows = np.random.default_rng(seed), []
    for customer in range(n):
        quiet = 0
        for week in range(n_periods):
            if week == 0 or random.random() < probability_back[quiet]:
                rows.append((customer, pd.Timestamp("2020-01-01") + pd.Timedelta(weeks=week), 10.0))
                quiet = 0
            else:
                quiet += 1
            if quiet == len(probability_back):
                break
    return pd.DataFrame(rows, columns=["customer_id", "date", "amount"])


def test_without_effects_loyalty_is_the_annuity_and_effects_add_up(customers):
    annuity = AnnuityValue(24, 0.1, 0.5).fit(customers).predict(customers)
    plain = LoyaltyEffectsValue(24, 0.1, 0.5).fit(customers).predict(customers)
    pd.testing.assert_series_equal(plain, annuity)
    factors = (
        LoyaltyEffectsValue(24, 0.1, 0.5, cross_selling=0.1, referrals=0.05)
        .fit(customers)
        .predict_factors(customers)
    )
    streams = factors[["base", "cross_selling", "cost_to_serve", "referrals", "price"]]
    assert streams.sum(axis=1).tolist() == pytest.approx(factors["clv"].tolist())
    assert factors["cross_selling"].tolist() == pytest.approx((2 * factors["referrals"]).tolist())


def test_costs_come_off_after_the_margin_from_a_number_or_a_column(customers):
    free = ProfitContributionValue(12, margin=0.4, retention_rate=1).fit(customers).predict(customers)
    dear = ProfitContributionValue(12, margin=0.4, retention_rate=1, annual_service_cost="service")
    assert (free - dear.fit(customers).predict(customers)).tolist() == pytest.approx([12, 24, 0])
    flat = ProfitContributionValue(12, margin=0.4, retention_rate=1, annual_service_cost=6).fit(customers)
    assert (free - flat.predict(customers)).tolist() == pytest.approx([6, 6, 6])


def test_a_new_customer_is_worth_the_first_purchase_and_the_income_less_all_costs(customers):
    model = ProfitContributionValue(
        12, margin=0.5, retention_rate=1, acquisition_cost=7, first_purchase_cost=2, annual_service_cost=3
    ).fit(customers)
    first, income = (40 + 25 + 20) / 3, (60 + 100) / 52
    assert model.new_customer_value() == pytest.approx(-7 + 0.5 * first - 2 + 0.5 * income * 12 - 3)


def test_a_missing_column_of_costs_and_costs_without_a_time_unit_are_named(customers):
    with pytest.raises(InputError, match="lacks 'upkeep'"):
        ProfitContributionValue(12, annual_service_cost="upkeep").fit(customers)
    with pytest.raises(InputError, match="annual_service_cost is -1; it must be finite and at least 0"):
        ProfitContributionValue(12, annual_service_cost=-1).fit(customers)
    customers.attrs.clear()
    with pytest.raises(InputError, match="cross_selling is given per year, but"):
        LoyaltyEffectsValue(12, cross_selling=0.1).fit(customers)


def test_migration_finds_the_probabilities_that_simulated_customers_had_and_says_how_sure_it_is():
    truth = [0.6, 0.3, 0.1]
    sales = visits(3000, truth, 12)
    table = clvml.summarize(sales, "2020-03-18")
    model = MigrationValue(12, n_states=4, period=1).fit(table, sales)
    found, error = np.array(list(model.params_.values())), np.array(list(model.standard_errors_.values()))
    assert (abs(found - truth) < 4 * error).all()
    assert (error < 0.02).all()


def test_migration_values_a_simulated_cohort_near_what_it_went_on_to_spend():
    sales = visits(4000, [0.7, 0.3, 0.1], 12)
    split = clvml.split(sales, "2020-02-12", "2020-03-18")
    for given in (None, sales):
        model = MigrationValue(split.duration, n_states=4, period=1).fit(split.calibration, given)
        assert model.predict(split.calibration).sum() == pytest.approx(split.holdout["spend"].sum(), rel=0.08)


def test_who_bought_last_long_ago_is_worth_less_and_who_left_nothing(customers):
    now = pd.DataFrame(
        {"frequency": 2.0, "recency": [10.0, 8.0, 6.0], "T": 10.0, "total_spend": 90.0}, index=list("abc")
    )
    now.attrs["time_unit"] = "M"
    values = MigrationValue(6, n_states=4).fit(customers).predict(now)
    assert values["a"] > values["b"] > values["c"] == 0


def test_the_transition_matrix_has_rows_that_sum_to_one_and_nobody_returns_who_left(customers):
    matrix = MigrationValue(6, n_states=5).fit(customers).transitions
    assert matrix.sum(axis=1).tolist() == pytest.approx([1.0] * 5)
    assert matrix.loc["left", "left"] == 1


def test_migration_refuses_what_it_cannot_use(customers):
    with pytest.raises(InputError, match="n_states is 1; it must be an integer of at least 2"):
        MigrationValue(6, n_states=1).fit(customers)
    with pytest.raises(FitError, match="no customer was observed for a whole period"):
        MigrationValue(6, period=50).fit(customers)


def test_switching_is_found_again_in_simulated_purchases():
    truth, random, rows = np.array([[0.8, 0.2], [0.3, 0.7]]), np.random.default_rng(1), []
    for customer in range(800):
        brand = 0
        for week in range(10):
            rows.append((customer, pd.Timestamp("2024-01-01") + pd.Timedelta(weeks=week), 5.0, "AB"[brand]))
            brand = int(random.random() > truth[brand, 0])
    sales = pd.DataFrame(rows, columns=["customer_id", "date", "amount", "brand"])
    model = BrandSwitchingValue(horizon=8, brand="A", margin=0.5).fit(sales)
    assert model.period_ == 1
    assert (abs(model.transitions_ - truth) < 4 * model.standard_errors_).all(axis=None)
    factors = model.predict_factors(sales)
    of_all = factors[["value_of_A", "value_of_B"]].sum(axis=1)
    assert of_all.tolist() == pytest.approx((factors["wallet"] * 8 * 0.5).tolist())
    assert (factors["clv"] == factors["value_of_A"]).all()


def test_switching_names_unknown_brands_and_missing_columns():
    sales = pd.DataFrame(
        {"customer_id": [1, 1], "date": ["2024-01-01", "2024-01-08"], "amount": 1.0, "brand": ["A", "B"]}
    )
    with pytest.raises(InputError, match="brand is 'C'; the data contain 'A', 'B'"):
        BrandSwitchingValue(4, brand="C").fit(sales)
    with pytest.raises(InputError, match="has no column 'retailer'"):
        BrandSwitchingValue(4, brand="A", brand_column="retailer").fit(sales)
    with pytest.raises(InputError, match=r"2 of 2 rows with a return .* returns='error' forbids"):
        BrandSwitchingValue(4, brand="A").fit(sales.assign(amount=-1.0))
    model = BrandSwitchingValue(4, brand="A").fit(sales)
    with pytest.raises(InputError, match="customer 1 bought the unknown brand 'Z'"):
        model.predict(sales.assign(brand="Z"))


def test_the_error_of_the_retention_rate_is_its_spread_over_samples():
    random = np.random.default_rng(2)
    found = [estimate_retention_rate(*histories(random, 400, 0.2, 0.96)) for _ in range(100)]
    rates, errors = zip(*found, strict=True)
    assert np.mean(errors) == pytest.approx(np.std(rates), rel=0.2)


def test_retention_does_not_depend_on_how_often_customers_buy():
    """True retention is 35 % a year; counting recent buyers reads 15 % of who buy .1 times a week."""
    truth = 0.35 ** (1 / 52)
    for purchase_rate in (0.03, 0.1, 0.5, 3.0):
        seeds = [np.random.default_rng(seed) for seed in range(6)]
        found = [
            estimate_retention_rate(*histories(seed, 3000, purchase_rate, truth, 80.0)) for seed in seeds
        ]
        per_year = np.mean([one.rate for one in found]) ** 52
        assert per_year == pytest.approx(0.35, abs=0.015), purchase_rate


def test_retention_of_customers_who_differ_is_the_share_still_active_after_the_time_observed():
    """In a Pareto/NBD world, where rates of purchase and of dropout both vary."""
    truth = clvml.ParetoNBD.from_params(r=0.6, alpha=4.0, s=0.6, beta=12.0)
    T = np.random.default_rng(1).uniform(20, 60, 20_000)
    seen = truth.simulate(T, 3)
    found = estimate_retention_rate(*(seen[name].to_numpy() for name in ("frequency", "recency", "T")))
    mu = np.random.default_rng(2).gamma(0.6, 1 / 12, 400_000)
    assert found.rate ** T.mean() == pytest.approx(np.exp(-mu * T.mean()).mean(), abs=0.02)


def test_migration_of_few_customers_takes_the_estimate_of_the_state_before_as_one_more_customer():
    """By hand: one gap of 1, then 3 periods without a purchase; a state without exits keeps its estimate."""
    table = pd.DataFrame({"frequency": [1.0], "recency": [1.0], "T": [4.0], "total_spend": [9.0]})
    found = MigrationValue(2, n_states=4, period=1).fit(table).params_
    overall = 1 / 4  # of states 1 (twice), 2 and 3, one was left by buying
    first = (1 + overall) / (2 + 1)
    second = (0 + first) / (1 + 1)
    assert list(found.values()) == pytest.approx([first, second, (0 + second) / (1 + 1)])


def test_every_estimate_has_a_standard_error(customers):
    for model in (TotalSpendValue, RetentionValue, MigrationValue, ProfitContributionValue):
        fitted = model(horizon=12).fit(customers)
        assert fitted.standard_errors_.keys() == fitted.params_.keys()
        assert all(error >= 0 for error in fitted.standard_errors_.values())
    assert RetentionValue(12, retention_rate=0.9).fit(customers).standard_errors_["retention_rate"] == 0


@pytest.mark.parametrize("model", [MigrationValue, LoyaltyEffectsValue, ProfitContributionValue])
def test_the_new_models_are_saved_and_read_again(model, customers):
    fitted = model(horizon=12).fit(customers)
    again = load_model_json(dump_model(fitted))
    pd.testing.assert_series_equal(again.predict(customers), fitted.predict(customers))


def test_brand_switching_is_saved_and_read_again():
    sales = pd.DataFrame(
        {
            "customer_id": [1, 1, 1],
            "date": ["2024-01-01", "2024-01-08", "2024-01-09"],
            "amount": 1.0,
            "brand": list("ABA"),
        }
    )
    fitted = BrandSwitchingValue(4, brand="A").fit(sales)
    again = load_model_json(dump_model(fitted))
    pd.testing.assert_series_equal(again.predict(sales), fitted.predict(sales))


def test_repeat_purchases_that_grow_are_a_stream_beside_the_other_four(customers):
    plain = LoyaltyEffectsValue("5Y", 0.1, 0.4, retention_rate=0.99).fit(customers)
    growing = LoyaltyEffectsValue("5Y", 0.1, 0.4, retention_rate=0.99, repeat_purchases=0.1).fit(customers)
    crossing = LoyaltyEffectsValue("5Y", 0.1, 0.4, retention_rate=0.99, cross_selling=0.1).fit(customers)
    factors = growing.predict_factors(customers)
    more = growing.predict(customers) - plain.predict(customers)
    np.testing.assert_allclose(factors["repeat_purchases"], more, rtol=1e-9)
    np.testing.assert_allclose(more, crossing.predict_factors(customers)["cross_selling"], rtol=1e-12)
    assert (more > 0).all()
