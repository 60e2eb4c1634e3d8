"""MBGNBD on CDNOW as published, its symmetries, and what it says when data are poor."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

import clvml
from clvml.errors import FitError, FitWarning, InputError, TimeUnitError

# ../shared/reference/numbers.md, recomputed with an independent implementation
RECOMPUTED = (0.5248432, 6.1830859, 0.8913593, 1.6140019)


@pytest.fixture(scope="module")
def fitted(cdnow):
    return clvml.MBGNBD().fit(cdnow)


def test_cdnow_gives_the_published_fit(fitted):
    np.testing.assert_allclose(fitted.params_, RECOMPUTED, rtol=1e-6)
    assert fitted.log_likelihood_ == pytest.approx(-9582.135716, abs=1e-6)
    np.testing.assert_allclose(fitted.standard_errors_, (0.08327, 0.69562, 0.15479, 0.53749), rtol=5e-4)
    assert fitted.fit_record_.converged
    assert fitted.fit_record_.messages == ()


def test_cdnow_gives_the_published_holdout_forecast(fitted, cdnow):
    assert fitted.expected_purchases(cdnow, 39).sum() == pytest.approx(1576.7283, abs=1e-4)


def test_customers_sum_to_the_log_likelihood(fitted, cdnow):
    assert fitted.log_likelihood(cdnow).sum() == pytest.approx(fitted.log_likelihood_, rel=1e-12)


def test_the_unit_of_time_does_not_matter(fitted, cdnow):
    days = clvml.convert_time_unit(cdnow, "D")
    in_days = clvml.MBGNBD().fit(days)
    np.testing.assert_allclose(in_days.params_, np.array(fitted.params_) * [1, 7, 1, 1], rtol=1e-7)
    np.testing.assert_allclose(
        in_days.expected_purchases(days, 273), fitted.expected_purchases(cdnow, 39), rtol=1e-7
    )
    with pytest.raises(TimeUnitError, match="convert_time_unit"):
        fitted.probability_alive(days)


def test_order_and_weights_of_customers_do_not_matter(fitted, cdnow):
    twice = cdnow.sample(frac=1, random_state=0)
    weighted = clvml.MBGNBD().fit(twice, weights=np.full(len(twice), 2.0))
    np.testing.assert_allclose(weighted.params_, fitted.params_, rtol=1e-7)
    assert weighted.log_likelihood_ == pytest.approx(2 * fitted.log_likelihood_, rel=1e-12)


def test_a_customers_predictions_do_not_depend_on_who_else_is_asked_for(fitted, cdnow):
    for predict in (fitted.probability_alive, lambda c: fitted.discounted_purchases(c, 39, 0.1)):
        many = predict(cdnow)
        for few in (cdnow.iloc[[5]], cdnow.iloc[1000:1003], cdnow.sample(300, random_state=1)):
            pd.testing.assert_series_equal(predict(few), many[few.index], check_exact=True)


def test_discounting_is_the_sum_over_periods(fitted, cdnow):
    until = [0.0, *(fitted.expected_purchases(cdnow, h) for h in (1, 2, 2.5))]
    rate = 1.2 ** (1 / 52)
    by_hand = sum((until[i + 1] - until[i]) / rate**h for i, h in enumerate((1, 2, 2.5)))
    np.testing.assert_allclose(fitted.discounted_purchases(cdnow, 2.5, 0.2), by_hand, rtol=1e-9)


def test_simulated_customers_give_back_their_parameters(fitted):
    customers = fitted.simulate(np.random.default_rng(0).uniform(27, 39, 50_000), seed=1)
    again = clvml.MBGNBD().fit(customers)
    assert again.time_unit_ == "W"
    assert abs((np.array(again.params_) - fitted.params_) / again.standard_errors_).max() < 4


def test_parameters_alone_predict_as_the_fit_does(fitted, cdnow):
    model = clvml.MBGNBD.from_params(**fitted.params_._asdict(), time_unit="W")
    pd.testing.assert_series_equal(model.probability_alive(cdnow), fitted.probability_alive(cdnow))
    assert clone(model).get_params() == {"covariates": (), "prior": None}


def test_a_boundary_is_said_in_words():
    customers = pd.DataFrame(
        {"frequency": [3.0, 5, 2, 4] * 20, "recency": [9.0, 10, 9.5, 9.9] * 20, "T": [10.0] * 80}
    )
    with pytest.warns(FitWarning) as said:
        model = clvml.MBGNBD().fit(customers)
    assert "the MBG/NBD likelihood has no interior maximum" in str(said[0].message)
    assert model.fit_record_.messages == tuple(str(one.message) for one in said)
    assert model.fit_record_.at_boundary
    assert np.isfinite(model.expected_purchases(customers, 10)).all()


def test_poor_data_and_parameters_are_refused(cdnow):
    nobody = pd.DataFrame({"frequency": [0.0, 0], "recency": [0.0, 0], "T": [3.0, 4]})
    with pytest.raises(FitError, match="none of the 2 customers bought again"):
        clvml.MBGNBD().fit(nobody)
    with pytest.raises(FitError, match=r"use MBGNBD.from_params"):
        clvml.MBGNBD().fit(cdnow.head(1))
    with pytest.raises(InputError, match="parameter alpha is"):
        clvml.MBGNBD.from_params(**dict.fromkeys(fitted_names(), 1.0) | {"alpha": 0.0})


def fitted_names():
    return clvml.MBGNBD.Params._fields
