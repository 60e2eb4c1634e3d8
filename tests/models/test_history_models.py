"""Models of repeat purchases on CDNOW as published, what they share, and what they say when data are poor."""

from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import clvml
from clvml.distributions import History
from clvml.errors import FitError, FitWarning, InputError, TimeUnitError
from clvml.models import _purchase_predictions as purchase_predictions


class Published(NamedTuple):
    """../shared/reference/numbers.md, recomputed with an independent implementation."""

    params: tuple[float, ...]
    log_likelihood: float
    standard_errors: tuple[float, ...]
    holdout_purchases: float
    days_per_week: tuple[int, ...]  # 7 where a parameter has the unit of time


CDNOW = {
    clvml.BGNBD: Published(
        (0.2425945, 4.4136020, 0.7929219, 2.4259063),
        -9582.429207,
        (0.01256, 0.37822, 0.18573, 0.70541),
        1653.4087,
        (1, 7, 1, 1),
    ),
    clvml.MBGNBD: Published(
        (0.5248432, 6.1830859, 0.8913593, 1.6140019),
        -9582.135716,
        (0.08327, 0.69562, 0.15479, 0.53749),
        1576.7283,
        (1, 7, 1, 1),
    ),
    clvml.ParetoNBD: Published(
        (0.5532770, 10.5776828, 0.6062401, 11.6687368),
        -9594.976179,
        (0.04763, 0.84272, 0.18728, 6.21097),
        1665.5131,
        (1, 7, 1, 7),
    ),
}


@pytest.fixture(scope="module", params=CDNOW, ids=lambda kind: kind.__name__)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def fitted(kind, cdnow):
    return kind().fit(cdnow)


def test_cdnow_gives_the_published_fit(kind, fitted):
    published = CDNOW[kind]
    np.testing.assert_allclose(fitted.params_, published.params, rtol=1e-6)
    assert fitted.log_likelihood_ == pytest.approx(published.log_likelihood, abs=1e-6)
    np.testing.assert_allclose(fitted.standard_errors_, published.standard_errors, rtol=5e-4)
    assert fitted.fit_record_.converged
    assert fitted.fit_record_.messages == ()
    np.testing.assert_array_equal(fitted.covariance_, fitted.covariance_.T)


def test_cdnow_gives_the_published_holdout_forecast(kind, fitted, cdnow):
    total = fitted.expected_purchases(cdnow, 39).sum()
    assert total == pytest.approx(CDNOW[kind].holdout_purchases, abs=1e-4)


def test_pareto_nbd_forecasts_by_frequency_as_published(cdnow):
    group = cdnow["frequency"].clip(upper=7)
    forecast = clvml.ParetoNBD().fit(cdnow).expected_purchases(cdnow, 39).groupby(group).mean()
    published = (0.1384, 0.5995, 1.1958, 1.7138, 2.3983, 2.9072, 3.8186, 6.4031)
    np.testing.assert_allclose(forecast, published, atol=5.1e-5)


def test_the_fit_is_where_the_likelihood_is_flat(fitted, cdnow):
    counts = fitted.kernel.count(fitted.history(cdnow))
    gradient = fitted.params_ * fitted.kernel.objective(fitted.params_, counts)[1] / fitted.n_customers_
    assert abs(gradient).max() < 1e-11


def test_customers_are_expected_to_buy_the_same_block_by_block(fitted, cdnow, monkeypatch):
    at_once = fitted.expected_purchases(cdnow, 39)
    monkeypatch.setattr(purchase_predictions, "_CUSTOMERS", 100)
    assert (fitted.expected_purchases(cdnow, 39) == at_once).all()


def test_customers_sum_to_the_log_likelihood(fitted, cdnow):
    assert fitted.log_likelihood(cdnow).sum() == pytest.approx(fitted.log_likelihood_, rel=1e-12)


@pytest.mark.parametrize("model", [*CDNOW, clvml.BGBB, clvml.ShiftedBetaGeometric])
def test_the_total_alone_is_that_of_the_objective(model, cdnow):
    kernel, params = model.kernel, model.Params(*np.linspace(0.5, 2.0, len(model.Params._fields)))
    x, t_x, T = (np.floor(cdnow[name].to_numpy()) for name in ("frequency", "recency", "T"))
    history = History(np.minimum(x, t_x), t_x, T, np.full(x.size, 2.0))
    counts = kernel.count(history)
    total = kernel.total(params, counts)
    assert total == pytest.approx(kernel.objective(params, counts)[0], rel=1e-12)
    assert total == pytest.approx(2 * kernel.log_likelihood(history, params).sum(), rel=1e-11)


def test_predictions_keep_the_index_and_the_callers_frame(fitted, cdnow):
    before = cdnow.copy()
    alive = fitted.probability_alive(cdnow)
    assert alive.index.equals(cdnow.index)
    assert alive.between(0, 1).all()
    pd.testing.assert_frame_equal(cdnow, before)


def test_the_unit_of_time_does_not_matter(kind, fitted, cdnow):
    days = clvml.convert_time_unit(cdnow, "D")
    in_days = kind().fit(days)
    np.testing.assert_allclose(
        in_days.params_, np.multiply(fitted.params_, CDNOW[kind].days_per_week), rtol=1e-7
    )
    np.testing.assert_allclose(
        in_days.expected_purchases(days, 273), fitted.expected_purchases(cdnow, 39), rtol=1e-7
    )
    with pytest.raises(TimeUnitError, match=r"in weeks, .* in days.*convert_time_unit\(customers, 'W'\)"):
        fitted.probability_alive(days)


def test_order_and_weights_of_customers_do_not_matter(kind, fitted, cdnow):
    shuffled = cdnow.sample(frac=1, random_state=0)
    weighted = kind().fit(shuffled, weights=np.full(len(cdnow), 2.0))
    np.testing.assert_allclose(weighted.params_, fitted.params_, rtol=1e-7)
    assert weighted.log_likelihood_ == pytest.approx(2 * fitted.log_likelihood_, rel=1e-12)
    twice = kind().fit(pd.concat([cdnow, cdnow.set_axis(cdnow.index + 10_000)]))
    np.testing.assert_allclose(twice.standard_errors_, weighted.standard_errors_, rtol=1e-6)


def test_customers_of_weight_zero_do_not_matter(kind, fitted, cdnow):
    more = pd.concat([cdnow, cdnow.head(500).set_axis(range(10_000, 10_500))])
    weights = np.r_[np.ones(len(cdnow)), np.zeros(500)]
    np.testing.assert_allclose(kind().fit(more, weights=weights).params_, fitted.params_, rtol=1e-8)


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
    plain = fitted.expected_purchases(cdnow, 39)
    np.testing.assert_array_equal(fitted.discounted_purchases(cdnow, 39, 0.0), plain)


def test_an_infinite_horizon_is_the_limit_of_long_horizons(fitted, cdnow):
    customers = cdnow.head(50)
    long = [fitted.discounted_purchases(customers, years, 0.10, period=0) for years in ("10Y", "300Y")]
    endless = fitted.discounted_purchases(customers, None, 0.10)
    assert (long[0] < long[1]).all()
    np.testing.assert_allclose(endless, long[1], rtol=1e-11)


def test_an_undiscounted_infinite_horizon_is_refused_where_it_diverges(kind, fitted, cdnow):
    with pytest.raises(InputError, match=r"infinite-horizon expectation diverges: .* above 0"):
        fitted.discounted_purchases(cdnow)
    third = fitted.params_._fields[2]  # a or s: what is 1 or less where it is infinite
    model = kind.from_params(**fitted.params_._asdict() | {third: fitted.params_[2] + 1})
    repeat = cdnow[cdnow["frequency"] > 0].head(20)
    endless = model.discounted_purchases(repeat)
    assert (model.expected_purchases(repeat, 1000) < endless).all()
    np.testing.assert_allclose(model.expected_purchases(repeat, 10_000_000), endless, rtol=1e-3)


def test_numbers_of_purchases_have_probabilities_whose_mean_is_expected(fitted, cdnow):
    customers = cdnow.iloc[[0, 1, 2, 500]]
    chances = np.array([fitted.purchase_probability(n, 39, customers) for n in range(150)])
    np.testing.assert_allclose(chances.sum(axis=0), 1, rtol=1e-9)
    np.testing.assert_allclose(np.arange(150) @ chances, fitted.expected_purchases(customers, 39), rtol=1e-6)
    new = sum(n * fitted.purchase_probability(n, 39) for n in range(150))
    assert new == pytest.approx(fitted.expected_purchases_new_customer(39), rel=1e-3)


def test_prediction_intervals_cover_their_share_and_no_more_than_they_must(fitted, cdnow_split):
    customers, bought = cdnow_split.calibration, cdnow_split.holdout["purchases"]
    interval = fitted.predict_interval(customers, 39, coverage=0.9)
    assert interval.index.equals(customers.index)
    assert bought.between(interval["lower"], interval["upper"]).mean() > 0.9
    given = type(fitted).from_params(**fitted.params_._asdict(), time_unit="W")
    one = customers.head(1)
    upper = int(given.predict_interval(one, 39)["upper"].iloc[0])
    below = [given.purchase_probability(n, 39, one).iloc[0] for n in range(upper + 1)]
    assert sum(below[:-1]) < 0.95 <= sum(below)


def test_survival_falls_with_time(fitted, cdnow):
    now, later, much = (fitted.probability_alive(cdnow, after=after) for after in (0, "3M", 520))
    assert (now > later).all()
    assert (later > much).all()
    pd.testing.assert_series_equal(later, fitted.probability_alive(cdnow, after=13))


def test_nothing_happens_in_no_time(kind, cdnow):
    fitted = kind().fit(cdnow.head(300))
    assert (fitted.expected_purchases(cdnow, 0) == 0).all()
    assert (fitted.purchase_probability(0, 0, cdnow) == 1).all()
    assert fitted.purchase_probability(3, 0) == 0
    assert (fitted.predict_interval(cdnow, 0) == 0).all(axis=None)


@pytest.mark.parametrize("horizon", [1e-300, 1e-200, 1e-30, 1e-12])
def test_in_hardly_any_time_customers_buy_at_their_rate(fitted, cdnow, horizon):
    rate = (fitted.params_.r + cdnow["frequency"]) / (fitted.params_.alpha + cdnow["T"])
    expected = horizon * rate * fitted.probability_alive(cdnow)
    np.testing.assert_allclose(fitted.expected_purchases(cdnow, horizon), expected, rtol=1e-10)


@pytest.mark.parametrize("in_whole_weeks", [True, False])
@pytest.mark.parametrize("rate", [0.0, 0.1])
def test_a_customer_expects_the_same_in_a_crowd_as_alone(fitted, in_whole_weeks, rate):
    T = np.random.default_rng(0).uniform(20, 39, 40_000)
    crowd = fitted.simulate(np.ceil(T) if in_whole_weeks else T, random_state=1)
    few = crowd.iloc[::4000]
    among = fitted.discounted_purchases(crowd, 52, rate)[few.index]
    assert (fitted.discounted_purchases(few, 52, rate) == among).all()
    one = fitted.discounted_purchases(few.iloc[:1], 52, rate)
    assert (one == among.iloc[:1]).all()


@pytest.mark.parametrize("several", [[1.0, 2.0], np.array([1.0, 2.0]), pd.Series([1.0, 2.0])])
def test_one_horizon_at_a_time_where_a_result_is_a_column(fitted, cdnow, several):
    asked = (
        lambda: fitted.probability_alive(cdnow, after=several),
        lambda: fitted.purchase_probability(0, several),
        lambda: fitted.discounted_purchases(cdnow, 39, 0.1, period=several),
    )
    for ask in asked:
        with pytest.raises(InputError, match="it must be a number or text such as '12M'"):
            ask()


@pytest.mark.parametrize("several", [[1.0, 39.0], np.array([1.0, 39.0])])
def test_expected_purchases_of_several_horizons_are_those_of_each(fitted, cdnow, several):
    table = fitted.expected_purchases(cdnow, several)
    new = fitted.expected_purchases_new_customer(several)
    assert list(table.columns) == list(new.index) == [1.0, 39.0]
    for horizon in (1.0, 39.0):
        np.testing.assert_array_equal(table[horizon], fitted.expected_purchases(cdnow, horizon))
        assert new[horizon] == fitted.expected_purchases_new_customer(horizon)


def test_simulated_customers_give_back_their_parameters(kind, fitted):
    customers = fitted.simulate(np.random.default_rng(0).uniform(27, 39, 50_000), random_state=1)
    again = kind().fit(customers)
    assert again.time_unit_ == "W"
    assert abs((np.array(again.params_) - fitted.params_) / again.standard_errors_).max() < 4


def test_parameters_alone_predict_as_the_fit_does(kind, fitted, cdnow):
    model = kind.from_params(**fitted.params_._asdict(), time_unit="W")
    pd.testing.assert_series_equal(model.probability_alive(cdnow), fitted.probability_alive(cdnow))


def test_it_is_a_scikit_learn_estimator(kind, cdnow):
    model = kind(prior="weak")
    assert clone(model).get_params() == {"covariates": (), "prior": "weak"}
    with pytest.raises(NotFittedError):
        model.probability_alive(cdnow)


def test_a_boundary_is_reported_in_words(kind):
    customers = pd.DataFrame(
        {"frequency": [3.0, 5, 2, 4] * 20, "recency": [9.0, 10, 9.5, 9.9] * 20, "T": [10.0] * 80}
    )
    with pytest.warns(FitWarning) as said:
        model = kind().fit(customers)
    assert f"the {kind.title} likelihood has no interior maximum" in str(said[0].message)
    assert model.fit_record_.messages == tuple(str(one.message) for one in said)
    assert model.fit_record_.at_boundary
    assert np.isfinite(model.expected_purchases(customers, 10)).all()


@pytest.mark.parametrize(
    ("customers", "message"),
    [
        ({"frequency": [0.0, 0], "recency": [0.0, 0], "T": [3.0, 4]}, "none of the 2 customers bought again"),
        ({"frequency": [2.0], "recency": [2.0], "T": [3.0]}, r"only one customer.*\.from_params"),
        ({"frequency": [1.0, 0], "recency": [0.0, 0], "T": [0.0, 0]}, "every customer has T = 0"),
    ],
)
def test_data_without_information_are_refused(kind, customers, message):
    with pytest.raises(FitError, match=message):
        kind().fit(pd.DataFrame(customers))


@pytest.mark.parametrize("value", [0, -1.0, float("nan"), float("inf"), "1"])
def test_parameters_must_be_positive(kind, value):
    with pytest.raises(InputError, match="parameter alpha is"):
        kind.from_params(**dict.fromkeys(kind.Params._fields, 1.0) | {"alpha": value})


@pytest.mark.parametrize("weights", [[1.0], [-1.0] * 2357, [float("nan")] * 2357, [0.0] * 2357, "many"])
def test_weights_are_checked(kind, cdnow, weights):
    with pytest.raises(InputError, match="weights"):
        kind().fit(cdnow, weights=weights)


def test_weights_of_the_same_customers_in_another_order_are_refused(kind, cdnow):
    with pytest.raises(InputError, match="in another order"):
        kind().fit(cdnow, weights=pd.Series(1.0, cdnow.index[::-1]))


@pytest.mark.parametrize("start", [[1.0], [1.0] * 5, "abcd", 1.0, [1.0, -1.0, 1.0, 1.0]])
def test_a_start_is_a_positive_number_for_each_parameter(kind, cdnow, start):
    with pytest.raises(InputError, match=r"start is|parameter alpha is"):
        kind().fit(cdnow, start=start)


@pytest.mark.parametrize("n", [-1, 1.5, True, "1"])
def test_a_number_of_purchases_is_whole(fitted, n):
    with pytest.raises(InputError, match="n is"):
        fitted.purchase_probability(n, 39)


@pytest.mark.parametrize("coverage", [0, 1, 90])
def test_coverage_is_a_share(fitted, cdnow, coverage):
    with pytest.raises(InputError, match="coverage is"):
        fitted.predict_interval(cdnow, 39, coverage)
