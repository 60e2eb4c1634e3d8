"""Every model (plain, with covariates, with a prior, a user's own) in every function that takes a model."""

# ruff: noqa: ARG002, ARG005 - models of a user take what the protocols say, needed or not

import copy

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.base import BaseEstimator

import clvml
from clvml.diagnostics import (
    fit_by_frequency,
    fit_by_spend,
    frequency_recency_matrix,
    heterogeneity,
    probability_alive_over_time,
)
from clvml.errors import InputError
from clvml.lifetime_value import SupportsScenarios, ValueModel
from clvml.models import TraitDistribution

OPPORTUNITIES = 6.0
# Few customers are quick, and some fits hardly identify a parameter: no matter what is asked here.
pytestmark = pytest.mark.filterwarnings("ignore::clvml.errors.FitWarning")


class HalfOfThePast(BaseEstimator):
    """A user's model of value, in ten lines: half of what was spent, whatever the horizon."""

    required_columns = ("total_spend",)
    time_unit_ = None

    def __init__(self, share=0.5, horizon=1.0, annual_discount_rate=0.0, margin=1.0):
        self.share, self.horizon, self.margin = share, horizon, margin
        self.annual_discount_rate = annual_discount_rate

    def fit(self, customers):
        self.fitted_ = True
        return self

    def predict(self, customers, horizon=None, annual_discount_rate=None):
        return (self.margin * self.share * customers["total_spend"]).rename("clv")

    def predict_factors(self, customers, horizon=None, annual_discount_rate=None):
        return self.predict(customers).to_frame()

    def scenario_factors(self):
        return {"share": self.share, "margin": self.margin}

    def with_factors(self, factors):
        return HalfOfThePast(**{**self.scenario_factors(), **factors}).fit(None)


class SteadyPurchases(BaseEstimator):
    """A user's model of purchases: a Poisson process at one rate, from which nobody drops out."""

    def __init__(self, multiple=1.0):
        self.multiple = multiple

    def fit(self, customers):
        self.rate_ = customers["frequency"].sum() / customers["T"].sum()
        self.time_unit_ = customers.attrs.get("time_unit")
        return self

    def _mean(self, horizon):
        weeks = 52.0 if horizon == "12M" else 52 / 12 if horizon == "1M" else float(horizon)
        return self.multiple * self.rate_ * weeks

    def expected_purchases(self, customers, horizon):
        return pd.Series(self._mean(horizon), customers.index)

    def probability_alive(self, customers, after=0):
        return pd.Series(1.0, customers.index)

    def purchase_probability(self, n, horizon, customers):
        return pd.Series(stats.poisson(self._mean(horizon)).pmf(n), customers.index)

    def parameter_draws(self, n_draws, random_state, *, together=False):
        return [None]

    def purchase_simulator(self, customers):
        def simulate(_, n_simulations, horizon, rng):
            number = rng.poisson(self._mean(horizon), n_simulations * len(customers))
            row = np.repeat(np.arange(number.size), number)
            return row, rng.uniform(0, horizon, row.size)

        return simulate

    def scenario_factors(self):
        return {"purchase_rate": self.multiple}

    def with_factors(self, factors):
        changed = SteadyPurchases(factors["purchase_rate"])
        changed.rate_, changed.time_unit_ = self.rate_, self.time_unit_
        return changed

    def trait_distributions(self, n_draws=400, random_state=0):
        return [
            TraitDistribution("purchase rate", "per {unit}", stats.gamma(100, scale=self.rate_ / 100), None)
        ]


class FlatSpend(BaseEstimator):
    """A user's model of spend: the same money for every purchase."""

    def fit(self, customers):
        self.money_ = float(customers.loc[customers["frequency"] > 0, "monetary_value"].mean())
        return self

    def expected_spend(self, customers):
        return pd.Series(self.money_, customers.index)

    def parameter_draws(self, n_draws, random_state, *, together=False):
        return [None]

    def spend_simulator(self, customers):
        return lambda _, who, number, rng: np.full(number.sum(), self.money_)


BOTH = ["channel", "age"]
PURCHASES = {
    "BG/NBD": clvml.BGNBD(),
    "BG/NBD, covariates": clvml.BGNBD(covariates=BOTH),
    "BG/NBD, weak prior": clvml.BGNBD(prior="weak"),
    "BG/NBD, covariates and weak prior": clvml.BGNBD(prior="weak", covariates=BOTH),
    "MBG/NBD": clvml.MBGNBD(),
    "MBG/CNBD-2": clvml.MBGCNBD(k=2),
    "MBG/NBD, covariates": clvml.MBGNBD(covariates=["channel"]),
    "MBG/NBD, weak prior": clvml.MBGNBD(prior="weak"),
    "Pareto/NBD": clvml.ParetoNBD(),
    "Pareto/NBD, covariates": clvml.ParetoNBD(covariates=BOTH),
    "Pareto/NBD, weak prior": clvml.ParetoNBD(prior="weak"),
    "BG/BB": clvml.BGBB(),
    "BG/BB, covariates": clvml.BGBB(covariates=["channel"]),
    "BG/BB, weak prior": clvml.BGBB(prior="weak"),
    "shifted beta-geometric": clvml.ShiftedBetaGeometric(),
    "shifted beta-geometric, covariates": clvml.ShiftedBetaGeometric(covariates=["channel"]),
    "a user's own": SteadyPurchases(),
}
FORMULAS = {
    "repeat rate": clvml.RepeatRateValue(52),
    "total spend": clvml.TotalSpendValue(52),
    "historic": clvml.HistoricValue(52),
    "zero": clvml.ZeroValue(52),
    "annuity": clvml.AnnuityValue("12M", 0.1, 0.3),
    "retention": clvml.RetentionValue("12M", 0.1, 0.3),
    "retention given": clvml.RetentionValue("12M", 0.1, 0.3, retention_rate=0.95),
    "rule of thumb": clvml.RuleOfThumbValue(52),
    "migration": clvml.MigrationValue(52, 0.1),
    "profit contribution": clvml.ProfitContributionValue(52, 0.1, 0.3, annual_service_cost=0.5),
    "loyalty effects": clvml.LoyaltyEffectsValue(52, 0.1, 0.3, cross_selling=0.05),
    "a user's own": HalfOfThePast(),
}
DISCRETE = {name for name in PURCHASES if name.startswith(("BG/BB", "shifted"))}
TERMS = {
    "plain": {"horizon": 5},
    "discounted by month": {"horizon": "12M", "annual_discount_rate": 0.1, "margin": 0.3, "period": "1M"},
    "discounted at once": {"horizon": 30, "annual_discount_rate": 0.1, "period": 0},
    "infinite horizon": {"horizon": None, "annual_discount_rate": 0.1},
}


@pytest.fixture(scope="module")
def weeks(cdnow):
    """A third of CDNOW's customers, with covariates that have something to do with what they bought."""
    some = cdnow.iloc[::3].copy()
    rng = np.random.default_rng(0)
    some["channel"] = np.where(rng.random(len(some)) < 0.3 + 0.3 * (some["frequency"] > 0), "web", "shop")
    some["age"] = rng.normal(40, 10, len(some)) + some["frequency"]
    return some


@pytest.fixture(scope="module")
def years():
    """Customers with yearly opportunities, and subscribers who renewed or not."""
    seen = clvml.BGBB.from_params(alpha=1.2, beta=0.75, gamma=0.66, delta=2.8, time_unit="Y").simulate(
        np.full(800, OPPORTUNITIES), 1
    )
    seen["monetary_value"] = clvml.GammaGamma.from_params(p=6, q=4, v=15).simulate(seen["frequency"], 2)
    seen["total_spend"] = seen["frequency"] * seen["monetary_value"] + 20
    seen["channel"] = np.where(np.random.default_rng(3).random(len(seen)) < 0.4, "web", "shop")
    return seen


@pytest.fixture(scope="module")
def renewals(years):
    made = clvml.ShiftedBetaGeometric.from_params(alpha=0.7, beta=2.2).simulate(
        np.full(800, OPPORTUNITIES), 1
    )
    table = years.assign(recency=made["recency"].to_numpy(), frequency=made["recency"].to_numpy())
    table.attrs.update(years.attrs)
    return table


@pytest.fixture(scope="module")
def fitted(weeks, years, renewals):
    """Each model of purchases with a model of spend, fitted once, and its customers."""
    found = {}
    for name, purchases in PURCHASES.items():
        customers = renewals if name.startswith("shifted") else years if name in DISCRETE else weeks
        spend = FlatSpend() if name == "a user's own" else clvml.GammaGamma()
        value = clvml.LifetimeValue(purchases, spend, 5).fit(customers)
        # A copy has forgotten the customers of its fit and draws by Laplace's approximation: faster.
        found[name] = copy.deepcopy(value), customers
    return found


def on(terms, value, name):
    """The fitted model on other terms, those of models with opportunities in whole numbers."""
    whole = {"horizon": 5} if terms.get("horizon") is not None else {}
    whole |= {"period": 1} if "period" in terms else {}
    other = clvml.LifetimeValue(
        value.purchases, value.spend, **{**terms, **(whole if name in DISCRETE else {})}
    )
    other.purchases_, other.spend_, other.time_unit_ = value.purchases_, value.spend_, value.time_unit_
    return other


@pytest.mark.parametrize("terms", TERMS)
@pytest.mark.parametrize("name", PURCHASES)
def test_the_total_of_a_models_factors_is_what_it_predicts_to_twelve_digits(fitted, name, terms):
    """Issue 10.2: 72,141 for 29,759 with covariates, 72,205 for 72,429 with a period of a month."""
    value, customers = fitted[name]
    value = on(TERMS[terms], value, name)
    if name == "a user's own" and terms == "infinite horizon":
        assert np.isfinite(value.predict(customers)).all()
    function, today = clvml.model_value(value, customers)
    assert function(**today) == pytest.approx(value.predict(customers).sum(), rel=1e-12)
    assert ("horizon" in today) == (value.horizon is not None)


@pytest.mark.parametrize("name", PURCHASES)
def test_sensitivity_takes_every_model_of_purchases(fitted, name):
    value, customers = fitted[name]
    function, today = clvml.model_value(value, customers)
    table = clvml.elasticities(function, today)["elasticity"]
    assert table["income"] == pytest.approx(1, rel=1e-6)
    assert table["margin"] == pytest.approx(1, rel=1e-6)
    assert table["horizon"] > 0
    if "dropout" in today:
        assert table["dropout"] < 0
        assert clvml.what_if(function, today, dropout=-0.1).difference > 0
    if "purchase_rate" in today:
        assert 0 < table["purchase_rate"] < 1 + 1e-6
    bars = clvml.tornado(function, today)
    assert set(bars.index) == {*today, "all together"} - {"annual_discount_rate"}
    assert (bars["value_at_lower"] <= bars["value_at_upper"]).drop("dropout", errors="ignore").all()
    cells = clvml.two_way(function, today, {"income": [1.0, 2.0]}, {"horizon": [2, 5]})
    assert cells.loc[1.0, 5] == pytest.approx(bars.attrs["today"])
    assert cells.loc[2.0, 2] == pytest.approx(2 * cells.loc[1.0, 2])


@pytest.mark.parametrize("name", FORMULAS)
def test_sensitivity_takes_every_formula(weeks, name):
    model = FORMULAS[name].fit(weeks)
    assert isinstance(model, ValueModel)
    assert isinstance(model, SupportsScenarios)
    function, today = clvml.model_value(model, weeks)
    assert function(**today) == pytest.approx(model.predict(weeks).sum(), rel=1e-12)
    table = clvml.elasticities(function, today)["elasticity"]
    if name != "zero":
        assert table["margin"] > 0
    for factor in {"retention_rate", "share", "cross_selling"} & set(today):
        assert table[factor] > 0
        assert clvml.what_if(function, today, **{factor: -0.01}).difference < 0
    clvml.tornado(function, today, {"margin": (0.2, 0.4)})


@pytest.mark.parametrize("name", PURCHASES)
def test_prediction_intervals_hold_the_expectation_of_every_model(fitted, name):
    value, customers = fitted[name]
    some = customers.head(60)
    total = value.predict_total_interval(some, coverage=0.9).loc["total"]
    assert total["purchases_lower"] < total["purchases"] < total["purchases_upper"]
    assert total["clv_lower"] < value.predict(some).sum() < total["clv_upper"]
    each = value.predict_interval(some)
    assert list(each) == [
        f"{what}_{end}" for what in ("purchases", "spend", "clv") for end in ("lower", "upper")
    ]
    assert (each["clv_lower"] <= each["clv_upper"]).all()


@pytest.mark.parametrize("name", PURCHASES)
def test_a_scenarios_intervals_and_expectations_agree(fitted, name):
    """A scenario is a model like any other: what it simulates is what it expects."""
    value, customers = fitted[name]
    some, today = customers.head(200), value.scenario_factors()
    multiples = {factor: 1.2 for factor in ("dropout", "purchase_rate", "income") if factor in today}
    scenario = value.with_factors(multiples)
    given = clvml.LifetimeValue(value.purchases, value.spend, 5)
    given.purchases_, given.spend_, given.time_unit_ = scenario.purchases_, scenario.spend_, value.time_unit_
    total = scenario.predict_total_interval(some, coverage=0.99, n_simulations=399).loc["total"]
    assert total["clv_lower"] < scenario.predict(some).sum() < total["clv_upper"]
    assert total["purchases"] == pytest.approx(given.purchases_.expected_purchases(some, 5).sum(), rel=0.1)
    assert total["spend"] == pytest.approx(scenario.predict(some).sum(), rel=0.1)
    pd.testing.assert_series_equal(value.predict(some), value.with_factors(today).predict(some))


@pytest.mark.parametrize("name", [name for name in PURCHASES if not name.startswith("shifted")])
def test_diagnostics_take_every_model(fitted, name):
    value, customers = fitted[name]
    model = value.purchases_
    table = fit_by_frequency(customers, model)
    assert table["expected"].sum() == pytest.approx(len(customers))
    tables = heterogeneity(model)
    assert all(len(table) for table in tables.values())
    assert "purchase rate" in tables or "purchase probability" in tables
    covariates = getattr(model, "reference_", {})
    purchases, today = ([0, 2, 3], 5) if name in DISCRETE else ([0, 2.5, 3.5], 9.5)
    path = probability_alive_over_time(model, purchases, today, horizon=2, covariates=covariates)
    assert path["probability_alive"].between(0, 1).all()
    if not covariates and name not in DISCRETE:
        for quantity in ("probability_alive", "expected_purchases"):
            assert len(frequency_recency_matrix(model, 20, quantity, horizon=4, max_frequency=3))


@pytest.mark.parametrize("name", [name for name in PURCHASES if name not in DISCRETE])
def test_the_trend_and_the_value_of_a_new_customer_take_every_model(fitted, name):
    value, customers = fitted[name]
    columns = [column for column in BOTH if column in value.required_columns]
    sales = clvml.load_cdnow().to_pandas()
    sales = sales[sales["customer_id"].isin(customers.index)]
    table = clvml.value_over_time(sales, model=value, covariates=customers[columns])
    ahead = table.iloc[-1]
    now = clvml.summarize(sales).join(customers[columns])
    assert ahead["purchases"] == pytest.approx(
        value.purchases_.expected_purchases(now, "1M").sum(), rel=1e-12
    )
    assert 0 < ahead["retention"] < 1
    assert clvml.new_customer_value(value, 30.0) > 30


def test_a_model_of_spend_of_ones_own_is_asked_for_what_it_lacks(fitted, weeks):
    value, _ = fitted["a user's own"]
    with pytest.raises(
        InputError, match="the fit by spend needs average_spend_cdf, which FlatSpend does not have"
    ):
        fit_by_spend(weeks, value.spend_)
    assert len(fit_by_spend(weeks, clvml.GammaGamma().fit(weeks)))


class OnlyExpects(BaseEstimator):
    """A user's model of purchases with the two members that `PurchaseModel` asks for."""

    def fit(self, customers):
        self.rate_ = 0.05
        return self

    def expected_purchases(self, customers, horizon):
        return pd.Series(self.rate_ * float(horizon), customers.index)


def test_a_model_that_only_expects_is_valued_and_says_what_it_lacks_for_more(weeks):
    value = clvml.LifetimeValue(OnlyExpects(), FlatSpend(), 10, 0.1).fit(weeks)
    # Constant income, so the discounted sum is the annuity.
    per_week = 0.05 * value.spend_.money_
    worth = clvml.lifetime_value.formulas.annuity(per_week, 1.1 ** (1 / 52) - 1, 10)
    assert value.predict(weeks).to_numpy() == pytest.approx(np.full(len(weeks), worth))
    assert "probability_alive" not in value.predict_factors(weeks)
    assert set(value.scenario_factors()) == {"horizon", "annual_discount_rate", "margin", "income"}
    for ask, missing in (
        (lambda: value.predict_interval(weeks), "parameter_draws and purchase_simulator"),
        (lambda: value.predict_total_interval(weeks), "parameter_draws and purchase_simulator"),
        (lambda: heterogeneity(value.purchases_), "trait_distributions"),
        (lambda: fit_by_frequency(weeks, value.purchases_), "purchase_probability"),
        (lambda: frequency_recency_matrix(value.purchases_, 20), "probability_alive"),
        (lambda: probability_alive_over_time(value.purchases_, [0, 1], 2), "probability_alive"),
        (lambda: clvml.model_value(OnlyExpects().fit(weeks), weeks), "scenario_factors and with_factors"),
    ):
        with pytest.raises(
            InputError, match=f"{missing}, which OnlyExpects does not have: .*or add .* as in clvml"
        ):
            ask()


def test_a_factor_that_a_model_does_not_know_is_named_with_those_it_knows(fitted):
    value, _ = fitted["Pareto/NBD"]
    with pytest.raises(InputError, match="'loyalty' is not a factor of this model; they are 'horizon', "):
        value.with_factors({"loyalty": 1.0})
    with pytest.raises(InputError, match="Pareto/NBD has no factor 'price'; those of its scenarios are"):
        value.purchases_.with_factors({"price": 1.0})
    with pytest.raises(InputError, match="dropout is 0; it must be positive and finite"):
        value.with_factors({"dropout": 0.0})
