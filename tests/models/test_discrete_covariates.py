"""Models of opportunities with covariates: regressions that they contain, simulated customers, symmetries."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.special import betaln, expit
from sklearn.base import clone

import clvml
from clvml.distributions import beta_discrete_weibull as bdw
from clvml.distributions import bgbb
from clvml.distributions import shifted_beta_geometric as sbg
from clvml.distributions._history import History
from clvml.errors import FitWarning

TRUE = {"purchases": {"age": 0.03, "channel=web": 0.7}, "dropout": {"age": -0.03, "channel=web": 0.8}}
MODELS = {
    clvml.BGBB: (bgbb, bgbb.BGBBParams(1.2, 0.75, 0.66, 2.8), {"purchases": "alpha", "dropout": "gamma"}),
    clvml.BetaDiscreteWeibull: (bdw, bdw.BetaDiscreteWeibullParams(0.7, 1.8, 1.4), {"dropout": "alpha"}),
    clvml.ShiftedBetaGeometric: (sbg, sbg.ShiftedBetaGeometricParams(0.7, 1.8), {"dropout": "alpha"}),
}


def simulated(kind, n, seed):
    """Customers whose odds follow the formula by hand."""
    kernel, params, moved = MODELS[kind]
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {"age": rng.normal(40, 12, n), "channel": rng.choice(["shop", "web"], n, p=[0.7, 0.3])},
        pd.RangeIndex(n, name="customer_id"),
    )
    z = {"age": table["age"] - 40, "channel=web": (table["channel"] == "web").astype(float)}
    own = {
        name: getattr(params, name) * np.exp(sum(TRUE[side][k] * z[k] for k in z)).to_numpy()
        for side, name in moved.items()
    }
    history = kernel.simulate(rng.integers(4, 12, n).astype(float), params._replace(**own), rng)
    table = table.assign(frequency=history.x, recency=history.t_x, T=history.T)
    table.attrs["time_unit"] = "Y"
    return table if kind is clvml.BGBB else table.drop(columns="frequency")


@pytest.fixture(scope="module", params=list(MODELS), ids=lambda kind: kind.__name__)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def customers(kind):
    return simulated(kind, 4000, 0)


@pytest.fixture(scope="module")
def fitted(kind, customers):
    return kind(covariates=["age", "channel"]).fit(customers)


def test_simulated_customers_give_back_their_coefficients(kind):
    model = kind(covariates=["age", "channel"]).fit(simulated(kind, 30_000, 5))
    found, sides = model.coefficients_, MODELS[kind][2]
    assert list(found.index) == [(side, term) for side in sides for term in TRUE[side]]
    true = [effect for side in sides for effect in TRUE[side].values()]
    assert (abs(found["estimate"] - true) / found["standard_error"]).max() < 3.5
    assert (abs(np.array(model.params_) - MODELS[kind][1]) / model.standard_errors_).max() < 4
    assert model.likelihood_ratio_test_.p_value < 1e-10


def test_with_one_renewal_offered_it_is_a_logistic_regression():
    """The Beta distributions of a customer seen once show in their mean alone: alpha / (alpha + beta)."""
    rng = np.random.default_rng(2)
    z = rng.normal(size=3000)
    renewed = (rng.random(3000) < expit(1.0 - 0.6 * z)).astype(float)
    table = pd.DataFrame({"recency": renewed, "T": 1.0, "z": z})
    with pytest.warns(FitWarning, match="weakly identify alpha and beta"):  # their ratio is identified
        model = clvml.ShiftedBetaGeometric(prior="weak", covariates=["z"]).fit(table)

    def logistic(b):
        return -np.log(expit(np.where(renewed == 1, -1, 1) * (b[0] + b[1] * z))).sum()

    expected = minimize(logistic, [0.0, 0.0])
    assert model.coefficients_["estimate"].iloc[0] == pytest.approx(expected.x[1], abs=0.02)
    alpha, beta = model.params_
    assert np.log(alpha / beta) - model.coefficients_["estimate"].iloc[0] * z.mean() == pytest.approx(
        expected.x[0], abs=0.02
    )


def test_it_is_the_maximum_of_a_beta_logistic_likelihood_written_by_hand():
    """Heckman, Willis (1977): ``ln alpha_i`` linear in the covariates."""
    table = simulated(clvml.ShiftedBetaGeometric, 1500, 3)
    model = clvml.ShiftedBetaGeometric(covariates=["age", "channel"]).fit(table)
    z = np.column_stack([table["age"] - table["age"].mean(), table["channel"] == "web"]).astype(float)
    d, churned = table["recency"].to_numpy(), (table["recency"] < table["T"]).to_numpy()

    def minus_log_likelihood(theta):
        alpha, beta = np.exp(theta[0] + z @ theta[2:]), np.exp(theta[1])
        return -(betaln(alpha + churned, beta + d) - betaln(alpha, beta)).sum()

    best = minimize(minus_log_likelihood, [0.0, 0.0, 0.0, 0.0], method="BFGS", options={"gtol": 1e-7})
    found = [*np.log(model.params_), *model.coefficients_["estimate"]]
    np.testing.assert_allclose(found, best.x, rtol=1e-4, atol=1e-5)
    assert model.log_likelihood_ == pytest.approx(-best.fun, abs=1e-6)


def test_a_category_lies_between_one_fit_of_all_and_separate_fits_of_each_level(kind, customers):
    together = kind(covariates=["channel"]).fit(customers).log_likelihood_
    levels = [kind().fit(part) for _, part in customers.groupby("channel")]
    assert kind().fit(customers).log_likelihood_ < together
    assert together <= sum(model.log_likelihood_ for model in levels) + 1e-9


def test_groups_that_share_the_other_parameters_are_fitted_as_if_apart():
    """Cohorts of expected sizes, whose own fits are exact: they differ in the odds of churn alone."""
    beta, tables = 1.8, []
    for name, alpha in (("monthly", 1.4), ("annual", 0.5)):
        survival = clvml.ShiftedBetaGeometric.from_params(alpha=alpha, beta=beta).survival(8)
        tables.append(clvml.customers_from_survivors(1e5 * survival).assign(plan=name))
    table = pd.concat(tables, ignore_index=True)
    weights = table["customers"]
    model = clvml.ShiftedBetaGeometric(covariates=["plan"]).fit(table, weights=weights)
    apart = [clvml.ShiftedBetaGeometric().fit(part, weights=part["customers"]) for part in tables]
    assert model.log_likelihood_ == pytest.approx(sum(one.log_likelihood_ for one in apart), rel=1e-10)
    np.testing.assert_allclose(
        model.expected_purchases(table, 5),
        pd.concat([one.expected_purchases(part, 5) for one, part in zip(apart, tables, strict=True)]),
        rtol=1e-5,
    )
    other = {"monthly": 0.5, "annual": 1.4}[model.reference_["plan"]]
    assert model.params_.alpha * np.exp(model.coefficients_["estimate"].iloc[0]) == pytest.approx(
        other, rel=1e-5
    )


def test_covariates_without_influence_pass_the_test_as_often_as_chance_says(kind, customers):
    rng = np.random.default_rng(77)
    some = customers.head(1500)
    p_values = [
        kind(covariates=["noise"])
        .fit(some.assign(noise=rng.normal(size=1500)))
        .likelihood_ratio_test_.p_value
        for _ in range(20)
    ]
    assert sum(p < 0.5 for p in p_values) in range(3, 18)
    assert min(p_values) > 1e-3


def test_the_likelihood_ratio_test_is_the_one_of_both_fits(kind, fitted, customers):
    by_hand = clvml.likelihood_ratio_test(kind().fit(customers), fitted)
    assert fitted.likelihood_ratio_test_.statistic == pytest.approx(by_hand.statistic, abs=1e-6)
    assert fitted.likelihood_ratio_test_.degrees_of_freedom == 2 * len(MODELS[kind][2])


def test_customers_sum_to_the_log_likelihood(fitted, customers):
    assert fitted.log_likelihood(customers).sum() == pytest.approx(fitted.log_likelihood_, rel=1e-12)


def test_the_unit_of_a_covariate_does_not_matter(kind, fitted, customers):
    months = customers.assign(age=12 * customers["age"])
    in_months = kind(covariates=["age", "channel"]).fit(months)
    ratio = in_months.coefficients_ / fitted.coefficients_
    np.testing.assert_allclose(ratio.xs("age", level="covariate"), 1 / 12, rtol=1e-6)
    np.testing.assert_allclose(
        in_months.expected_purchases(months, 6), fitted.expected_purchases(customers, 6), rtol=1e-7
    )


def test_each_prediction_is_that_of_a_plain_model_with_the_customers_parameters(kind, fitted, customers):
    some = customers.iloc[:12]
    asked = {
        "alive": lambda model, table: model.probability_alive(table, after=3),
        "expected": lambda model, table: model.expected_purchases(table, 6),
        "value": lambda model, table: model.discounted_purchases(table, 12, 0.1),
        "infinite horizon": lambda model, table: model.discounted_purchases(table, None, 0.1),
        "two": lambda model, table: model.purchase_probability(2, 6, table),
        "likelihood": lambda model, table: model.log_likelihood(table),
        "interval": lambda model, table: model.predict_interval(table, 6)["upper"],
    }
    certain = clone(fitted).fit(customers, weights=np.full(len(customers), 10.0))
    for name, ask in asked.items():
        many = ask(certain, some)
        for i in range(len(some)):
            params = certain.params_._asdict()
            for side, moved in MODELS[kind][2].items():
                effect = certain.coefficients_.loc[side, "estimate"]
                years = some["age"].iloc[i] - customers["age"].mean()
                web = some["channel"].iloc[i] == "web"
                params[moved] *= np.exp(effect["age"] * years + effect["channel=web"] * web)
            alone = ask(kind.from_params(**params, time_unit="Y"), some.iloc[[i]])
            assert many.iloc[i] == pytest.approx(alone.iloc[0], rel=1e-10), name


def test_weights_stand_for_customers(kind, customers):
    some = customers.head(500)
    twice = pd.concat([some, some.set_axis(some.index + 10_000)])
    doubled = kind(covariates=["age", "channel"]).fit(twice)
    weighted = kind(covariates=["age", "channel"]).fit(some, weights=np.full(500, 2.0))
    np.testing.assert_allclose(weighted.params_, doubled.params_, rtol=1e-6)
    pd.testing.assert_frame_equal(weighted.coefficients_, doubled.coefficients_, rtol=1e-6)


def test_simulation_takes_the_customers_covariates(fitted, customers):
    again = fitted.simulate(customers["T"], 1, covariates=customers)
    refitted = clone(fitted).fit(again).coefficients_
    apart = abs(refitted["estimate"] - fitted.coefficients_["estimate"]) / refitted["standard_error"]
    assert apart.max() < 4


@pytest.mark.parametrize("longest", [8, 3000])
def test_gradients_and_hessians_are_derivatives_of_each_likelihood(kind, longest):
    kernel, params, _ = MODELS[kind]
    rng = np.random.default_rng(1)
    T = rng.integers(1, longest, 40).astype(float)
    t_x = np.floor(T * rng.random(40))
    t_x[:5] = T[:5]
    history = History(np.floor((t_x + 1) * rng.random(40)) * (t_x > 0), t_x, T)
    history = History(np.where(t_x > 0, np.maximum(history.x, 1), 0.0), t_x, T)
    own = np.array(params)[:, None] * np.exp(rng.normal(0, 0.5, (len(params), 40)))
    value, slope, curve = kernel.derivatives(history, own)
    np.testing.assert_allclose(value, kernel.log_likelihood(history, type(params)(*own)), rtol=1e-12)
    for k, step in enumerate(1e-5 * np.eye(len(params))):
        up = kernel.derivatives(history, own * np.exp(step)[:, None])
        down = kernel.derivatives(history, own / np.exp(step)[:, None])
        np.testing.assert_allclose(slope[k], (up[0] - down[0]) / 2e-5, rtol=2e-6, atol=1e-5)
        np.testing.assert_allclose(curve[k], (up[1] - down[1]) / 2e-5, rtol=2e-6, atol=1e-4)
