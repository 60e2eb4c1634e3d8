"""BG/CNBD-k and MBG/CNBD-k as estimators: how k is found, and what a user does with them."""

import pickle

import numpy as np
import pandas as pd
import pytest

import clvml
from clvml.diagnostics import log_intertransaction_times
from clvml.errors import InputError
from clvml.scoring import load_model_folder, save_model_folder

TRUE = {"r": 0.85, "alpha": 1.45, "a": 0.79, "b": 2.42}  # of the tests of BTYDplus
MODELS = (clvml.BGCNBD, clvml.MBGCNBD)


def simulated(model, k, n=3000, seed=0):
    T = np.random.default_rng(seed).uniform(36, 96, n)
    return model.from_params(k=k, **TRUE, time_unit="W").simulate(T, seed)


@pytest.fixture(scope="module")
def fitted():
    return clvml.MBGCNBD().fit(simulated(clvml.MBGCNBD, 3))


@pytest.mark.parametrize("model", MODELS)
def test_the_shape_and_the_parameters_are_recovered_from_summaries(model):
    """Summaries tell the shape roughly: that of the simulation is as likely as the best, within noise."""
    customers = simulated(model, 3, n=8000)
    profile = model().fit(customers).regularity_profile_["total"]
    assert profile[3] > profile.max() - 4
    assert profile[3] > profile[1] + 50
    found = model(k=3).fit(customers)
    for name, value in TRUE.items():
        assert abs(getattr(found.params_, name) - value) < 4 * getattr(found.standard_errors_, name)


@pytest.mark.parametrize(("regular", "plain"), [(clvml.BGCNBD, clvml.BGNBD), (clvml.MBGCNBD, clvml.MBGNBD)])
def test_shape_one_is_the_model_of_purchases_at_random(regular, plain):
    customers = simulated(regular, 2, n=500)
    one, other = regular(k=1).fit(customers), plain().fit(customers)
    assert one.params_ == pytest.approx(other.params_, rel=1e-5)
    assert one.log_likelihood_ == pytest.approx(other.log_likelihood_, rel=1e-10)
    horizons = [4.0, 52.0]
    assert one.expected_purchases(customers, horizons).to_numpy() == pytest.approx(
        other.expected_purchases(customers, horizons).to_numpy(), rel=1e-4
    )


def test_the_profile_has_its_maximum_at_the_shape_that_is_used(fitted):
    profile = fitted.regularity_profile_
    assert list(profile.columns) == ["log_likelihood", "gaps", "total"]
    assert profile["total"].idxmax() == fitted.k_ == 3
    assert profile.loc[3, "log_likelihood"] == pytest.approx(fitted.log_likelihood_, abs=1e-4)
    assert "3 (by likelihood)" in str(fitted.summary())
    assert "k=3" in repr(fitted)


def made_log(k, n=400, seed=2):
    """A log of purchases at Erlang times, of customers who drop out."""
    rng, rows = np.random.default_rng(seed), []
    for customer in range(n):
        time, rate, end = 0.0, rng.gamma(2.0) / 20, rng.exponential(400)
        while time < min(end, 400):
            rows.append((customer, pd.Timestamp("2020-01-01") + pd.Timedelta(hours=round(24 * time)), 1.0))
            time += rng.standard_gamma(k) / (k * rate)
    return pd.DataFrame(rows, columns=["customer_id", "date", "amount"])


def test_the_log_of_times_between_purchases_is_that_of_the_gaps_and_tells_more_of_the_shape():
    log = made_log(2)
    customers = clvml.summarize(log)
    litt = log_intertransaction_times(log, customers)
    days = log.assign(day=log["date"].dt.normalize()).drop_duplicates(["customer_id", "day"])
    gaps = days.groupby("customer_id")["day"].diff().dt.days / 7
    by_hand = np.log(gaps.dropna()).groupby(days["customer_id"]).sum()
    assert litt[by_hand.index].to_numpy() == pytest.approx(by_hand.to_numpy(), rel=1e-9, abs=1e-9)
    assert (litt.drop(by_hand.index) == 0).all()
    short, long = (clvml.BGCNBD().fit(each) for each in (customers, customers.assign(litt=litt)))
    assert long.k_ == 2
    assert (short.regularity_profile_["gaps"] == 0).all()
    known = long.regularity_profile_
    assert known.loc[1, "gaps"] == 0
    assert known["gaps"].idxmax() == 2
    assert known["log_likelihood"].iloc[:3].to_numpy() == pytest.approx(
        short.regularity_profile_["log_likelihood"].iloc[:3].to_numpy(), abs=1e-6
    )


def test_impossible_times_between_purchases_are_refused():
    customers = simulated(clvml.MBGCNBD, 2, n=50)
    with pytest.raises(InputError, match=r"impossible litt.*log_intertransaction_times"):
        clvml.MBGCNBD().fit(customers.assign(litt=1e6))


@pytest.mark.parametrize("k", [0, -1, 1.5, True, "2", 101])
def test_a_shape_that_is_no_whole_number_is_refused(k):
    with pytest.raises(InputError, match=r"k is .*whole number from 1"):
        clvml.MBGCNBD(k=k).fit(simulated(clvml.MBGCNBD, 2, n=50))


def test_equal_customers_counted_once_give_the_same_fit():
    customers = simulated(clvml.MBGCNBD, 2, n=1500)
    customers = customers.assign(recency=np.ceil(customers["recency"]), T=np.ceil(customers["T"]))
    counts = customers.value_counts(["frequency", "recency", "T"]).reset_index(name="n")
    counts.attrs = customers.attrs
    whole, counted = clvml.MBGCNBD().fit(customers), clvml.MBGCNBD().fit(counts, weights=counts["n"])
    assert counted.k_ == whole.k_
    assert counted.params_ == pytest.approx(whole.params_, rel=1e-6)


def test_saved_models_predict_the_same(fitted, tmp_path):
    customers = simulated(clvml.MBGCNBD, 3, n=40, seed=5)
    save_model_folder(fitted, tmp_path)
    for again in (load_model_folder(tmp_path), pickle.loads(pickle.dumps(fitted))):
        assert again.k_ == 3
        pd.testing.assert_series_equal(
            again.expected_purchases(customers, 26),
            fitted.expected_purchases(customers, 26),
            check_exact=True,
        )
        pd.testing.assert_frame_equal(
            again.predict_interval(customers, 26), fitted.predict_interval(customers, 26)
        )


def test_intervals_depend_on_the_time_since_the_last_purchase():
    """Given alive too: of customers who buy about once a week, one has just bought, another is due."""
    weekly = clvml.MBGCNBD.from_params(k=12, r=500.0, alpha=500 * 7 / 12, a=0.01, b=10.0)
    customers = pd.DataFrame({"frequency": [10.0, 10.0], "recency": [70.0, 64.0], "T": [70.0, 70.0]})
    just, due = weekly.purchase_probability(0, 3.0, customers)
    assert just > 0.9 > 0.4 > due
    both = weekly.predict_interval(customers, 3.0, coverage=0.5)
    assert both["upper"].tolist() == [0, 1]
    alone = [weekly.predict_interval(customers.iloc[[i]], 3.0, coverage=0.5).iloc[0] for i in range(2)]
    pd.testing.assert_frame_equal(both, pd.DataFrame(alone))


def test_a_scenario_of_the_fitted_model_survives_pickling(fitted):
    customers = simulated(clvml.MBGCNBD, 3, n=20, seed=5)
    more = fitted.with_factors({"purchase_rate": 1.5})
    assert (more.expected_purchases(customers, 26) > fitted.expected_purchases(customers, 26)).all()
    again = pickle.loads(pickle.dumps(more))
    assert again.expected_purchases(customers, 26).equals(more.expected_purchases(customers, 26))
    back = more.with_factors({"purchase_rate": 1.0}).expected_purchases(customers, 26)
    assert back.to_numpy() == pytest.approx(fitted.expected_purchases(customers, 26).to_numpy(), rel=1e-12)


def test_purchase_rates_are_of_purchases_rather_than_events(fitted):
    mean = fitted.trait_distributions()[0].distribution.mean()
    assert mean == pytest.approx(fitted.params_.r / (3 * fitted.params_.alpha), rel=1e-6)


def test_covariates_act_on_the_purchase_rate():
    rng = np.random.default_rng(8)
    groups = []
    for number, factor in enumerate((1.0, 2.0)):
        true = {**TRUE, "alpha": TRUE["alpha"] / factor}
        T = rng.uniform(36, 96, 3000)
        groups.append(clvml.MBGCNBD.from_params(k=2, **true).simulate(T, number).assign(club=number))
    customers = pd.concat(groups, ignore_index=True)
    model = clvml.MBGCNBD(covariates={"purchases": ["club"]}).fit(customers)
    effect = model.coefficients_.iloc[0]
    assert model.k_ == 2
    assert effect["lower"] < np.log(2) < effect["upper"]
    assert effect["lower"] > 0.4
    one = customers.iloc[[0, 3000]]
    both = model.expected_purchases(one, 26)
    assert (both > 0).all()


def test_values_in_money_come_from_it_as_from_other_models():
    calibration = clvml.split(clvml.load_cdnow(), "1997-09-30", "1998-06-30", time_unit="W").calibration
    value = clvml.LifetimeValue(clvml.MBGCNBD(k=2), clvml.GammaGamma(), "12M").fit(calibration)
    predicted = value.predict(calibration)
    assert np.isfinite(predicted).all()
    assert (predicted >= 0).all()
