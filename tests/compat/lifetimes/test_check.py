"""The check against lifetimes: what it must notice, and that it does not fail when lifetimes does."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

import clvml
from clvml.compat.lifetimes._bridge import quiet_lifetimes
from clvml.errors import FitWarning, InputError


@pytest.fixture(scope="module")
def check(cdnow):
    return clvml.check_against_lifetimes(cdnow)


def fitted(name, customers, **options):
    columns = [customers[column] for column in ("frequency", "recency", "T")]
    with quiet_lifetimes() as lifetimes:
        return getattr(lifetimes, name)(**options).fit(*columns)


def said(check, *words):
    return any(all(word in finding for word in words) for finding in check.findings)


def test_on_cdnow_the_two_agree(check):
    assert abs(check.parameters["in_standard_errors"]).max() < 0.001
    assert check.log_likelihood["gain"].tolist() == [0, 0]
    assert said(check, "BG/NBD: both find the same optimum, log-likelihood -9,582.4292")
    assert said(check, "expected_purchases, probability_alive, expected_spend, clv: the same")


def test_the_log_likelihood_is_that_of_the_customers_as_given(check, cdnow):
    theirs = clvml.BGNBD.from_params(**check.parameters["lifetimes"]["BG/NBD"])
    total = theirs.log_likelihood(cdnow).sum()
    assert check.log_likelihood["lifetimes"]["BG/NBD"] == pytest.approx(total, rel=1e-12)
    # What lifetimes stores: the mean, and time divided by the longest T.
    stored = -check.log_likelihood["stored"]["BG/NBD"] * len(cdnow)
    scale = cdnow["frequency"].sum() * np.log(cdnow["T"].max())
    assert stored - scale == pytest.approx(total, rel=1e-9)


def test_values_are_those_of_lifetimes_own_call(check, cdnow):
    purchases = fitted("BetaGeoFitter", cdnow)
    spenders = cdnow[cdnow["frequency"] > 0]
    columns = [cdnow[name] for name in ("frequency", "recency", "T", "monetary_value")]
    with quiet_lifetimes() as lifetimes:
        spend = lifetimes.GammaGammaFitter().fit(spenders["frequency"], spenders["monetary_value"])
        weekly = spend.customer_lifetime_value(purchases, *columns, time=12, discount_rate=0.01, freq="W")
        daily = spend.customer_lifetime_value(purchases, *columns, time=12, discount_rate=0.01)
        longer = spend.customer_lifetime_value(purchases, *columns, time=52, discount_rate=0.01, freq="W")
    np.testing.assert_allclose(check.customers["lifetimes", "clv"], weekly, rtol=1e-12)
    np.testing.assert_allclose(check.customers["at_lifetimes_parameters", "clv"], weekly, rtol=1e-9)
    mistaken = check.conventions["value"].iloc[[3, 4]]
    np.testing.assert_allclose(mistaken, [daily.sum(), longer.sum()], rtol=1e-9)


def test_clvmls_own_convention_is_that_of_lifetime_value(check, cdnow):
    value = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), "12M", 1.01**12 - 1)
    assert check.conventions["value"].iloc[2] == pytest.approx(value.fit(cdnow).predict(cdnow).sum())


def test_a_penalty_is_named_and_its_price_given(cdnow):
    check = clvml.check_against_lifetimes(cdnow, fitted("BetaGeoFitter", cdnow, penalizer_coef=0.1))
    assert check.log_likelihood["gain"]["BG/NBD"] == pytest.approx(44.508, abs=1e-3)
    assert said(check, "the parameters of clvml are better", "a is 3.58 standard errors off")
    assert said(check, "penalizer_coef=0.1 pulls lifetimes' parameters towards 0")
    assert said(
        check, "expected_purchases: in total 2,843.08 by lifetimes, 2,093.88 by clvml", "customer 1516"
    )


def test_a_fit_without_one_time_buyers_is_found_out(cdnow):
    repeaters = cdnow[cdnow["frequency"] > 0]
    check = clvml.check_against_lifetimes(cdnow, fitted("BetaGeoFitter", repeaters))
    assert said(check, "was fitted to 946 customers, not to these 2,357")
    assert said(check, "fitted without those who bought once")
    same = check.habits.loc[["lifetimes", "frequency 0 left out"]].to_numpy()
    np.testing.assert_allclose(same[0], same[1], rtol=1e-4)


@pytest.mark.parametrize("name", ["ModifiedBetaGeoFitter", "ParetoNBDFitter"])
def test_other_models_of_purchases_are_checked_too(name, cdnow):
    check = clvml.check_against_lifetimes(cdnow, fitted(name, cdnow))
    assert said(check, "both find the same optimum")
    np.testing.assert_allclose(
        check.predictions["lifetimes"], check.predictions["at_lifetimes_parameters"], rtol=1e-9
    )


def test_opportunities_are_checked_too():
    model = clvml.BGBB.from_params(alpha=1.204, beta=0.750, gamma=0.657, delta=2.783, time_unit="Y")
    donors = model.simulate(np.full(5_000, 6), random_state=0)
    counted = donors.value_counts().rename("donors").reset_index()
    check = clvml.check_against_lifetimes(
        counted, clvml.to_lifetimes(model), months=24, time_unit="Y", weights=counted["donors"]
    )
    assert check.title.startswith("5,000 customers")
    assert check.log_likelihood["gain"]["BG/BB"] > 0
    np.testing.assert_allclose(
        check.predictions["lifetimes"], check.predictions["at_lifetimes_parameters"], rtol=1e-9
    )
    assert not said(check, "all times are whole years")


def test_customers_for_whom_lifetimes_gives_nan_are_named():
    model = clvml.BGNBD.from_params(r=0.11, alpha=2.24, a=0.31, b=0.50, time_unit="W")
    customers = model.simulate(np.linspace(1, 60, 4_000), random_state=1)
    check = clvml.check_against_lifetimes(customers, clvml.to_lifetimes(model), months=60)
    lost = check.predictions["not_a_number"]["expected_purchases"]
    assert 500 < lost <= (customers["frequency"] == 0).sum()
    assert said(
        check, f"expected_purchases: lifetimes gives nan or infinity for {lost:,} of 4,000", "first 1;"
    )
    assert np.isfinite(check.customers["clvml"]).all(axis=None)


def test_a_formula_that_loses_digits_in_lifetimes_is_named():
    model = clvml.BGNBD.from_params(r=0.243, alpha=4.414, a=1 + 1e-10, b=2.426, time_unit="W")
    customers = model.simulate(np.full(500, 39.0), random_state=0)
    check = clvml.check_against_lifetimes(customers, clvml.to_lifetimes(model))
    assert said(check, "expected_purchases: with the same parameters lifetimes' formula gives customer")


def test_what_lifetimes_cannot_fit_is_said_and_not_raised(cdnow):
    same = cdnow.assign(frequency=1.0, recency=cdnow["T"] / 2, monetary_value=10.0)
    with pytest.warns(FitWarning, match="no interior maximum"):
        check = clvml.check_against_lifetimes(same)
    assert said(check, "lifetimes could not fit a BetaGeoFitter to these customers (ConvergenceError")
    assert said(check, "Gamma-Gamma: all 2357 customers have the same average spend")
    assert check.parameters["lifetimes"].isna().all()
    assert "lifetimes could not fit" in str(check)


def test_times_in_whole_weeks_are_noticed():
    weekly = clvml.split(clvml.load_cdnow(), "1997-09-30", "1998-06-30", collapse="W").calibration
    assert said(clvml.check_against_lifetimes(weekly), "all times are whole weeks", "summarise by the day")


def test_days_are_days(cdnow):
    days = clvml.convert_time_unit(cdnow, "D")
    days.attrs.clear()
    check = clvml.check_against_lifetimes(days, time_unit="D")
    assert list(check.habits.index) == [
        "clvml",
        "lifetimes",
        "lifetimes, penalizer_coef=0.01",
        "frequency 0 left out",
    ]
    assert said(check, "a month of lifetimes is 30 days")
    with pytest.raises(InputError, match="have no time unit"):
        clvml.check_against_lifetimes(days)


def test_the_report_reads_as_text_and_as_html_and_is_frozen(check):
    for heading in ("Parameters", "Log-likelihood of these customers", "What customary steps do to the fit"):
        assert heading in repr(check)
        assert heading in check._repr_html_()
    assert all(finding in str(check) for finding in check.findings)
    with pytest.raises(dataclasses.FrozenInstanceError):
        check.title = "another"


def test_the_callers_frame_and_index_stay(check, cdnow):
    before = cdnow.copy()
    assert check.customers.index.equals(cdnow.index)
    pd.testing.assert_frame_equal(cdnow, before)


def test_fitters_in_the_wrong_place_and_bad_terms_are_refused(cdnow):
    with quiet_lifetimes() as lifetimes:
        spend, purchases = lifetimes.GammaGammaFitter(), lifetimes.BetaGeoFitter()
    with pytest.raises(InputError, match="give it as spend"):
        clvml.check_against_lifetimes(cdnow, spend)
    with pytest.raises(InputError, match="give it as purchases"):
        clvml.check_against_lifetimes(cdnow, spend=purchases)
    with pytest.raises(InputError, match=r"months is 1\.5"):
        clvml.check_against_lifetimes(cdnow, months=1.5)
    with pytest.raises(InputError, match="monthly_discount_rate is -1"):
        clvml.check_against_lifetimes(cdnow, monthly_discount_rate=-1)
