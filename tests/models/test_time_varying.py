"""BG/NBD and Pareto/NBD with covariates that change over time, from logs to values."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

import clvml

END = "2011-12-31"
WEEKS = pd.date_range("2009-12-28", "2012-12-31", freq="7D")


def table_of(customers, seed=0):
    """Weekly mailings, different for each customer, summer, common to all, and a group."""
    rng = np.random.default_rng(seed)
    n, k = len(customers), len(WEEKS)
    return pd.DataFrame(
        {
            "customer_id": np.repeat(customers, k),
            "date": np.tile(WEEKS, n),
            "mailed": (rng.random(n * k) < 0.3).astype(float),
            "summer": np.tile(np.isin(WEEKS.month, [6, 7, 8]) * 1.0, n),
            "group": np.repeat(rng.integers(0, 2, n) * 1.0, k),
        }
    )


def log_of(table, n, dropout, seed=1):
    """Purchases by day: mailings multiply the rate by e**0.8, the group by e**0.5."""
    rng = np.random.default_rng(seed)
    wide = {name: table.pivot(index="customer_id", columns="date", values=name).to_numpy() for name in table}
    days = pd.date_range(WEEKS[0], END)
    week = (np.arange(days.size)) // 7
    multiple = np.exp(0.8 * wide["mailed"] - 0.4 * wide["summer"] + 0.5 * wide["group"])[:, week]
    rate = rng.gamma(1.0, 0.015, (n, 1)) * multiple
    first = rng.integers(0, 400, (n, 1))
    last = first + rng.exponential(dropout, (n, 1)) * np.exp(0.6 * wide["group"][:, :1])
    day = np.arange(days.size)
    bought = (rng.random(rate.shape) < -np.expm1(-rate)) & (day > first) & (day < last)
    bought |= day == first
    who, when = np.nonzero(bought)
    customers = table["customer_id"].drop_duplicates().to_numpy()
    amount = rng.gamma(3.0, 10.0, n)
    return pd.DataFrame(
        {
            "customer_id": customers[who],
            "date": days[when],
            "amount": amount[who] * rng.gamma(4.0, 0.25, who.size),
        }
    )


@pytest.fixture(scope="module")
def table():
    return table_of([f"c{k:05}" for k in range(1500)])


@pytest.fixture(scope="module")
def log(table):
    return log_of(table, 1500, 500.0)


@pytest.fixture(scope="module")
def customers(log):
    return clvml.summarize(log, END)


@pytest.fixture(scope="module")
def paths(table, log):
    return clvml.covariate_paths(table, log, END)


@pytest.fixture(scope="module")
def fitted(customers, paths):
    covariates = {"purchases": ["mailed", "summer", "group"], "dropout": ["group"]}
    return clvml.TimeVaryingPurchases(clvml.ParetoNBD(), covariates).with_paths(paths).fit(customers)


def test_simulated_effects_are_recovered(fitted):
    true = [0.8, -0.4, 0.5, -0.6]
    found = fitted.coefficients_
    assert (np.abs(found["estimate"] - true) < 3 * found["standard_error"]).all()
    assert (found["standard_error"][:2] < 0.06).all()
    assert fitted.likelihood_ratio_test_.p_value < 1e-20


@pytest.mark.parametrize("kind", [clvml.BGNBD, clvml.ParetoNBD])
def test_a_covariate_that_does_not_change_is_a_static_one(kind, customers, table, paths):
    group = table.groupby("customer_id")["group"].first()
    static = kind(covariates=["group"]).fit(customers.join(group))
    dynamic = clvml.TimeVaryingPurchases(kind(), ["group"]).with_paths(paths).fit(customers)
    assert dynamic.log_likelihood_ == pytest.approx(static.log_likelihood_, abs=1e-4)
    np.testing.assert_allclose(dynamic.coefficients_["estimate"], static.coefficients_["estimate"], atol=5e-3)
    np.testing.assert_allclose(
        dynamic.coefficients_["standard_error"], static.coefficients_["standard_error"], rtol=0.02
    )
    expected = static.expected_purchases(customers.join(group), 20)
    np.testing.assert_allclose(dynamic.expected_purchases(customers, 20), expected, rtol=5e-3)


def test_a_covariate_common_to_all_customers_is_a_calendar(customers, table, paths):
    kind = clvml.BGNBD
    dynamic = clvml.TimeVaryingPurchases(kind(), {"purchases": ["summer"]}).with_paths(paths).fit(customers)
    summers = table[["date", "summer"]].drop_duplicates()
    starts = summers["date"][summers["summer"] == 1]
    effect = float(dynamic.coefficients_["estimate"].iloc[0])
    events = pd.DataFrame({"event": "summer", "start": starts, "end": starts + pd.Timedelta(days=6)})
    calendar = clvml.SeasonalPurchases.from_model(
        kind.from_params(**dynamic.params_at_zero_._asdict(), time_unit="W"),
        None,
        events.assign(multiple=np.exp(effect)),
        observed_until=END,
    )
    for predict in (
        lambda model: model.probability_alive(customers),
        lambda model: model.expected_purchases(customers, 30),
        lambda model: model.discounted_purchases(customers, 30, 0.1),
    ):
        np.testing.assert_allclose(predict(dynamic), predict(calendar), rtol=1e-9)


@pytest.mark.parametrize("kind", [clvml.BGNBD, clvml.ParetoNBD])
def test_simulated_futures_are_as_expected(kind, customers, paths):
    covariates = ["mailed", "group"] if kind is clvml.ParetoNBD else {"purchases": ["mailed", "group"]}
    model = clvml.TimeVaryingPurchases(kind(), covariates).with_paths(paths).fit(customers)
    row, time = model.purchase_simulator(customers)(model.estimate_, 40, 30.0, np.random.default_rng(2))
    assert (np.diff(row) >= 0).all()
    for weeks in (5, 30):
        expected = model.expected_purchases(customers, weeks)
        each = np.bincount(row[time <= weeks] % len(customers), minlength=len(customers)) / 40
        assert each.sum() == pytest.approx(expected.sum(), rel=0.03)
        assert np.corrcoef(each, expected)[0, 1] > 0.97


def test_future_mailings_move_expected_purchases(fitted, customers, table):
    ahead = pd.to_datetime(table["date"]) > pd.Timestamp(END)

    def expected(mailed):
        future = table.assign(mailed=table["mailed"].where(~ahead, mailed))
        return fitted.with_paths(clvml.covariate_paths(future)).expected_purchases(customers, 4).sum()

    assert 1.9 < expected(1.0) / expected(0.0) < 2.5  # e**0.8, but for the days before the first week


def test_what_is_assumed_beyond_the_table_is_the_last_value_or_that_of_a_year_ago(customers, table, log):
    known = table[table["date"] <= pd.Timestamp(END)]
    paths = clvml.covariate_paths(known, log, END)
    covariates = {"purchases": ["summer"]}
    last = clvml.TimeVaryingPurchases(clvml.BGNBD(), covariates, "last").with_paths(paths).fit(customers)
    again = clvml.TimeVaryingPurchases(clvml.BGNBD(), covariates, "year_ago").with_paths(paths).fit(customers)
    full = (
        clvml.TimeVaryingPurchases(clvml.BGNBD(), covariates)
        .with_paths(clvml.covariate_paths(table, log, END))
        .fit(customers)
    )
    summer = [
        model.expected_purchases(customers, [21.5, 35]).sum().diff().iloc[1] for model in (last, again, full)
    ]
    assert summer[1] == pytest.approx(summer[2], rel=1e-3)
    assert summer[0] > 1.2 * summer[1]


def test_discounted_purchases_are_a_weighted_sum_of_expected_ones(fitted, customers):
    few = customers.iloc[:50]
    weeks = fitted.expected_purchases(few, list(range(1, 11))).to_numpy()
    by_week = np.diff(weeks, axis=1, prepend=0.0) @ (1.1 ** -(np.arange(1, 11) / 52))
    np.testing.assert_allclose(fitted.discounted_purchases(few, 10, 0.1), by_week, rtol=1e-9)


def test_lifetime_value_of_customers_with_paths(customers, paths):
    model = clvml.TimeVaryingPurchases(clvml.BGNBD(), {"purchases": ["mailed"]}).with_paths(paths)
    value = clvml.LifetimeValue(model, clvml.GammaGamma(), "6M", 0.1).fit(customers)
    factors = value.predict_factors(customers)
    assert np.isfinite(factors).all(axis=None)
    limits = value.predict_interval(customers.iloc[:60])
    assert (limits["clv_lower"] <= limits["clv_upper"]).all()
    total = value.predict_total_interval(customers.iloc[:200]).loc["total"]
    assert total["clv_lower"] < factors["clv"].iloc[:200].sum() < total["clv_upper"]


def test_a_saved_model_predicts_once_the_covariates_are_attached_again(fitted, customers, paths, tmp_path):
    clvml.scoring.save_model_folder(fitted, tmp_path / "model")
    loaded = clvml.scoring.load_model_folder(tmp_path / "model")
    with pytest.raises(clvml.InputError, match="attach them"):
        loaded.expected_purchases(customers, 10)
    expected = fitted.expected_purchases(customers, 10)
    pd.testing.assert_series_equal(loaded.with_paths(paths).expected_purchases(customers, 10), expected)
    assert "c00001" not in (tmp_path / "model" / "model.json").read_text()


def test_a_clone_keeps_the_paths(fitted, customers):
    again = clone(fitted).fit(customers)
    np.testing.assert_allclose(again.coefficients_, fitted.coefficients_)


def test_params_at_zero_are_those_of_customers_without_covariates(fitted, customers, table):
    zero = fitted.params_at_zero_
    bare = clvml.ParetoNBD.from_params(**zero._asdict(), time_unit="W")
    none = clvml.covariate_paths(table.assign(mailed=0.0, summer=0.0, group=0.0))
    found = fitted.with_paths(none).expected_purchases(customers, 15)
    np.testing.assert_allclose(found, bare.expected_purchases(customers, 15), rtol=1e-9)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda table: table.drop(columns="date"), "needs the columns"),
        (lambda table: table.assign(mailed="yes"), "not numeric"),
        (lambda table: table.assign(mailed=np.nan), "missing"),
        (lambda table: table.assign(date="soon"), "not dates"),
        (lambda table: pd.concat([table, table.iloc[:1]]), "several rows"),
        (lambda table: table[["customer_id", "date"]], "no covariate"),
        (lambda table: table[table["customer_id"] != "c00003"], "1 of 1500 customers are not in"),
        (lambda table: table[table["date"] > "2011-06-01"], "before their first date"),
    ],
)
def test_an_unusable_table_of_covariates_is_refused_in_words(change, words, table, log):
    with pytest.raises(clvml.InputError, match=words):
        clvml.covariate_paths(change(table), log, END)


def test_what_cannot_be_fitted_is_refused_in_words(customers, table, paths):
    with pytest.raises(clvml.InputError, match="must not change over time"):
        clvml.TimeVaryingPurchases(clvml.BGNBD(), ["mailed"]).with_paths(paths).fit(customers)
    with pytest.raises(clvml.InputError, match="BGNBD"):
        clvml.TimeVaryingPurchases(clvml.BGBB(), ["mailed"]).with_paths(paths).fit(customers)
    with pytest.raises(clvml.InputError, match="lacks 'price'"):
        clvml.TimeVaryingPurchases(clvml.BGNBD(), ["price"]).with_paths(paths)
    model = clvml.TimeVaryingPurchases(clvml.BGNBD(), {"purchases": ["mailed"]})
    without_purchases = model.with_paths(clvml.covariate_paths(table))
    with pytest.raises(clvml.InputError, match="give covariate_paths the transactions"):
        without_purchases.fit(customers)
    constant = table.assign(mailed=1.0)
    same = model.with_paths(clvml.covariate_paths(constant, constant[["customer_id", "date"]]))
    with pytest.raises(clvml.InputError, match="the same for all customers"):
        same.fit(customers)
