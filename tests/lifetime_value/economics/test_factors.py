"""All seven factors have an input on every model and formula, and move value as they should."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone

import clvml
from clvml.errors import InputError
from clvml.lifetime_value import formulas
from clvml.lifetime_value._priced import PricedValue
from clvml.lifetime_value.economics import all_factors, factor_tornado, formula_factors, what_if
from clvml.lifetime_value.economics._factors import SEVEN

TERMS = {"horizon": "12M", "annual_discount_rate": 0.1, "margin": 0.5}
MODELS = {
    "pareto": clvml.LifetimeValue(clvml.ParetoNBD(), clvml.GammaGamma(), **TERMS),
    "bgnbd": clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), **TERMS),
    "retention": clvml.RetentionValue(**TERMS),
    "annuity": clvml.AnnuityValue(**TERMS),
    "historic": clvml.HistoricValue(**TERMS),
    "priced": PricedValue(clvml.RepeatRateValue(**TERMS), 10.0),
    "learned": clvml.LearnedCorrection(**TERMS),
    "last period": clvml.LastPeriodValue(**TERMS),
}
FORMULAS = {
    formulas.annuity: {"income": 100, "discount_rate": 0.1, "n_periods": 5},
    formulas.retention: {
        "margin": 100, "retention_rate": 0.8, "discount_rate": 0.1, "n_periods": 5,
    },
    formulas.repeat_purchase: {
        "profit": 10, "purchases_per_period": 4, "discount_rate": 0.1, "n_periods": 5,
    },
    formulas.rule_of_thumb: {
        "average_purchase": 10, "purchases_per_period": 4, "lifetime": 5, "retention_rate": 0.8,
    },
    formulas.profit_contribution: {
        "acquisition_cost": 30, "first_purchase": 20, "first_purchase_cost": 5, "income": 100,
        "service_cost": 20, "discount_rate": 0.1, "n_periods": 5,
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def customers():
    return clvml.summarize(clvml.load_cdnow(), "1997-09-30", "W")


@pytest.fixture(scope="module", params=MODELS)
def model(request, customers):
    unfitted = clone(MODELS[request.param])
    if isinstance(unfitted, clvml.LearnedCorrection | clvml.LastPeriodValue):
        transactions = clvml.load_cdnow()
        earlier = clvml.split(transactions, "1997-06-30", "1997-09-30", "W")
        return unfitted.fit_with_earlier(customers, earlier)
    return unfitted.fit(customers)


def test_all_seven_are_inputs_and_at_their_levels_the_value_is_the_models(model, customers):
    value, inputs = all_factors(model, customers)
    assert set(SEVEN) <= set(inputs)
    assert value(**inputs) == float(model.predict(customers).sum())


def test_each_moves_value_in_its_direction(model, customers):
    value, inputs = all_factors(model, customers)
    up = {"horizon": 5.0, "retention_rate": 0.03, "referral_rate": 0.1, "income": 0.1, "margin": 0.1}
    down = {"annual_discount_rate": 0.05, "keeping_cost": 1.0, "marketing_cost": 100.0}
    if isinstance(model, clvml.HistoricValue):  # what was spent so far, whatever the time ahead
        del up["horizon"], up["retention_rate"], down["annual_discount_rate"]
    if isinstance(model, clvml.AnnuityValue):  # the expected lifetime is shorter than the horizon
        del up["horizon"]
    for name, by in up.items():
        assert what_if(value, inputs, **{name: by}).difference > 0, name
    for name, by in down.items():
        assert what_if(value, inputs, **{name: by}).difference < 0, name


def test_costs_are_annuities_by_hand(customers):
    value, inputs = all_factors(MODELS["historic"].fit(customers), customers)
    weeks = sum(1.1 ** (-week / 52) for week in range(1, 53)) / 52
    assert what_if(value, inputs, keeping_cost=3.0).difference == pytest.approx(-3 * len(customers) * weeks)
    assert what_if(value, inputs, marketing_cost=500.0).difference == pytest.approx(-500 * weeks)
    referred = what_if(value, inputs, referral_rate=0.2)
    assert referred.after == pytest.approx(referred.before * (1 + 0.2 * weeks))


def test_retention_of_a_formula_is_its_own_per_year(customers):
    model = MODELS["retention"].fit(customers)
    value, inputs = all_factors(model, customers)
    weekly = model.params_["retention_rate"]
    assert inputs["retention_rate"] == pytest.approx(weekly**52)
    changed = model.with_factors({"retention_rate": (weekly**52 - 0.1) ** (1 / 52)})
    assert value(**{**inputs, "retention_rate": inputs["retention_rate"] - 0.1}) == pytest.approx(
        changed.predict(customers).sum()
    )


def test_a_lower_retention_of_a_model_without_one_is_a_higher_discount(customers):
    model = clvml.RepeatRateValue(**TERMS).fit(customers)
    value, inputs = all_factors(model, customers, retention_rate=0.5)
    lower = value(**{**inputs, "retention_rate": 0.45})
    assert lower == pytest.approx(model.predict(customers, None, 1.1 / 0.9 - 1).sum(), rel=1e-12)


def test_a_higher_retention_is_the_sum_over_slices_of_time(customers):
    """Where the discount rate would be negative, the value of each slice is multiplied instead."""
    model = clvml.RepeatRateValue("12M", margin=0.5).fit(customers)
    value, inputs = all_factors(model, customers, retention_rate=0.5)
    weekly = model.predict(customers, 52, 0.0).sum() / 52
    by_week = sum(weekly * 1.2 ** (week / 52) for week in np.arange(52) + 0.5)
    assert value(**{**inputs, "retention_rate": 0.6}) == pytest.approx(by_week, rel=1e-3)


def test_the_tornado_is_sorted_with_its_step_and_says_what_it_leaves_out(model, customers):
    value, inputs = all_factors(model, customers, keeping_cost=1.0)
    table = factor_tornado(value, inputs, 0.1)
    swings = table["swing"].drop("all together")
    assert swings.is_monotonic_decreasing
    assert table.attrs["change"] == 0.1
    assert set(table.attrs["left_out"]) == {"referral_rate", "marketing_cost"}
    assert table.loc["income", "value_at_upper"] - table.attrs["today"] == pytest.approx(
        0.1 * (value(**{**inputs, "keeping_cost": 0.0})), rel=1e-9
    )


@pytest.fixture(scope="module")
def many():
    """20,000 simulated customers: purchase rates, lifetimes and spend differ widely."""
    rng, n = np.random.default_rng(7), 20_000
    observed = rng.uniform(4.0, 39.0, n)
    active = np.minimum(rng.exponential(rng.gamma(2.0, 15.0, n)), observed)
    frequency = rng.poisson(rng.gamma(0.6, 0.15, n) * active).astype(float)
    recency = np.where(frequency > 0, active * rng.random(n) ** (1 / np.maximum(frequency, 1.0)), 0.0)
    spend = rng.lognormal(3.0, 0.9, n)
    table = pd.DataFrame(
        {
            "frequency": frequency,
            "recency": recency,
            "T": observed,
            "monetary_value": np.where(frequency > 0, spend, 0.0),
            "total_spend": spend * (frequency + 1),
        },
        index=pd.RangeIndex(n, name="customer_id"),
    )
    table.attrs["time_unit"] = "W"
    return table


@pytest.fixture(scope="module")
def of_many(customers):
    costs = {"retention_rate": 0.6, "referral_rate": 0.05, "keeping_cost": 0.2, "marketing_cost": 900.0}
    return clone(MODELS["pareto"]).fit(customers), costs


def test_every_tenth_customer_moves_as_the_whole_base_does_to_within_a_percent(many, of_many):
    model, costs = of_many
    tables = [factor_tornado(*all_factors(model, many, every=every, **costs)) for every in (1, 10)]
    whole, sampled = (table.sort_index() for table in tables)
    assert list(whole.index) == list(sampled.index)
    assert_allclose(sampled[["lower", "upper"]], whole[["lower", "upper"]])
    for end in ("value_at_lower", "value_at_upper"):
        assert_allclose(sampled[end], whole[end], rtol=0.01)
    assert_allclose(sampled["swing"], whole["swing"], rtol=0.01)


def test_of_a_sample_the_value_at_the_current_levels_is_that_of_all_customers(many, of_many):
    model, costs = of_many
    values = model.predict(many).sample(frac=1.0, random_state=0)  # by customer, in any order
    sampled, levels = all_factors(model, many, every=7, values=values, **costs)
    whole, _ = all_factors(model, many, **costs)
    assert sampled(**levels) == pytest.approx(whole(**levels), rel=1e-12)
    margin = {**levels, "margin": levels["margin"] * 2}  # in proportion for each: exact
    assert sampled(**margin) == pytest.approx(whole(**margin), rel=1e-12)


def test_a_sample_of_customers_without_value_is_without_value(customers):
    model = clvml.HistoricValue(**TERMS).fit(customers.assign(monetary_value=0.0, total_spend=0.0))
    none = customers.assign(monetary_value=0.0, total_spend=0.0)
    value, levels = all_factors(model, none, every=10, marketing_cost=100.0)
    assert value(**{**levels, "marketing_cost": 0.0}) == 0.0
    assert value(**levels) < 0


@pytest.mark.parametrize("every", [0, -3, 2358])
def test_a_step_that_leaves_no_customer_is_refused(customers, every):
    model = MODELS["historic"].fit(customers)
    with pytest.raises(InputError, match=r"every is .*; it must be between 1 and 2357"):
        all_factors(model, customers, every=every)


@pytest.mark.parametrize("formula", FORMULAS, ids=lambda formula: formula.__name__)
def test_every_formula_takes_all_seven(formula):
    inputs = FORMULAS[formula]
    value, levels = formula_factors(formula, inputs)
    found = formula(**inputs)
    assert value(**levels) == pytest.approx(float(np.sum(getattr(found, "total", found))))
    assert {"retention_rate", "referral_rate", "income", "keeping_cost", "marketing_cost"} <= set(levels)
    assert {"n_periods", "lifetime"} & set(levels)
    assert what_if(value, levels, referral_rate=0.1).difference > 0
    assert what_if(value, levels, keeping_cost=1.0).difference < 0
    assert what_if(value, levels, marketing_cost=1.0).difference < 0
    assert what_if(value, levels, income=0.1).difference > 0
    assert what_if(value, levels, retention_rate=-0.1).difference < 0


def test_the_retention_of_an_annuity_is_the_retention_formula():
    value, levels = formula_factors(formulas.annuity, FORMULAS[formulas.annuity])
    expected = formulas.retention(100, 0.8, 0.1, 5, first="next")
    assert value(**{**levels, "retention_rate": 0.8}) == pytest.approx(float(expected))


def test_bad_levels_are_named(customers):
    value, inputs = all_factors(MODELS["historic"].fit(customers), customers)
    with pytest.raises(InputError, match="keeping_cost is -1"):
        what_if(value, inputs, keeping_cost=-1.0)
    with pytest.raises(InputError, match=r"retention_rate is 1\.\d+; it must be above 0 and at most 1\."):
        what_if(value, inputs, retention_rate=1.0)
    with pytest.raises(InputError, match="change is 2"):
        factor_tornado(value, inputs, 2)
    assert isinstance(factor_tornado(value, inputs), pd.DataFrame)
