"""Seasons, holidays and campaigns by operational time."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from sklearn.base import clone

import clvml
from clvml.models._calendar import Calendar, checked_index

FLAT = dict.fromkeys(range(1, 13), 1.0)
CHRISTMAS = FLAT | {12: 3.0}
WAVE = pd.Series(1 + 0.5 * np.cos(2 * np.pi * np.arange(12) / 12), range(1, 13))
MODELS = {
    clvml.BGNBD: {"r": 0.6, "alpha": 8.0, "a": 0.7, "b": 3.0},
    clvml.MBGNBD: {"r": 0.6, "alpha": 8.0, "a": 0.7, "b": 3.0},
    clvml.ParetoNBD: {"r": 0.6, "alpha": 8.0, "s": 0.6, "beta": 12.0},
}
PREDICTIONS = {
    "expected purchases": lambda model, customers: model.expected_purchases(customers, 39),
    "P(alive)": lambda model, customers: model.probability_alive(customers),
    "P(alive) later": lambda model, customers: model.probability_alive(customers, after=10),
    "P(buys)": lambda model, customers: model.probability_buys(customers, "30D"),
    "P(2 purchases)": lambda model, customers: model.purchase_probability(2, 8, customers),
    "next purchase": lambda model, customers: model.next_purchase_time(customers),
    "upper limits": lambda model, customers: model.predict_interval(customers, 39)["upper"],
    "discounted by week": lambda model, customers: model.discounted_purchases(customers, 39, 0.1),
    "discounted, long": lambda model, customers: model.discounted_purchases(customers, 2000, 0.1, 2.0),
    "discounted continuously": lambda model, customers: model.discounted_purchases(customers, 700, 0.1, 0),
    "infinite horizon": lambda model, customers: model.discounted_purchases(customers, None, 0.1),
    "log-likelihood": lambda model, customers: model.log_likelihood(customers),
}


@pytest.fixture(scope="module")
def everyone():
    return clvml.split(clvml.load_cdnow(), "1997-09-30", "1998-06-30").calibration


@pytest.fixture(scope="module")
def customers(everyone):
    return everyone.iloc[::4]


def given(kind, season, until="1997-09-30", events=None):
    """A model with known parameters and a known calendar."""
    plain = kind.from_params(**MODELS[kind], time_unit="W")
    return clvml.SeasonalPurchases.from_model(plain, season, events, observed_until=until)


def simulated(kind, season, n=8000, weeks=156, seed=1, until="2012-12-31", events=None):
    """Customers acquired all the time, who buy by a season."""
    T = np.random.default_rng(seed).integers(0, 7 * weeks, n) / 7
    return given(kind, season, until, events).simulate(T, seed)


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_without_a_season_all_is_as_without_a_calendar(kind, prediction, customers):
    plain, flat = kind.from_params(**MODELS[kind], time_unit="W"), given(kind, FLAT)
    predict = PREDICTIONS[prediction]
    np.testing.assert_allclose(predict(flat, customers), predict(plain, customers), rtol=1e-11)


@pytest.mark.parametrize("kind", MODELS)
def test_a_fit_without_a_season_is_that_without_a_calendar(kind, everyone):
    plain = kind().fit(everyone)
    flat = clvml.SeasonalPurchases(kind(), FLAT).fit(everyone)
    np.testing.assert_allclose(flat.purchases_.params_, plain.params_, rtol=1e-7)
    assert flat.log_likelihood_ == pytest.approx(plain.log_likelihood_, abs=1e-8)
    assert flat.aic_ == pytest.approx(plain.aic_, abs=1e-8)


@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_the_scale_of_an_index_does_not_matter(scale, customers):
    wave = given(clvml.BGNBD, WAVE * scale)
    again = given(clvml.BGNBD, WAVE)
    pd.testing.assert_series_equal(
        wave.expected_purchases(customers, 20), again.expected_purchases(customers, 20)
    )


@pytest.mark.parametrize("kind", MODELS)
def test_simulated_customers_buy_in_the_holdout_as_expected(kind):
    # The simulation knows the clock only by the times of its own purchases.
    full = simulated(kind, CHRISTMAS, n=40_000, weeks=52, until="2012-12-31")
    model = given(kind, CHRISTMAS, "2012-12-31")
    buy = model.purchase_simulator(full)
    row, time = buy(np.array(model.purchases_.params_), 1, 52.0, np.random.default_rng(3))
    for weeks in (4, 26, 52):
        expected = model.expected_purchases(full, weeks).sum()
        assert (time <= weeks).sum() == pytest.approx(expected, abs=4 * np.sqrt(3 * expected))
    assert (np.diff(row) >= 0).all()
    date = pd.Timestamp("2012-12-31") + pd.to_timedelta(np.ceil(time * 7), unit="D")
    in_december = (date.month == 12).mean()
    assert in_december > 2.0 * (date.month == 11).mean()


@pytest.mark.parametrize("kind", [clvml.BGNBD, clvml.ParetoNBD])
def test_purchases_discounted_in_calendar_time_are_an_integral_over_their_dates(kind, customers):
    model, few, delta = given(kind, CHRISTMAS), customers.iloc[:20], np.log1p(0.15) / 52
    edges = np.arange(0.0, 60.0 + 1 / 14, 1 / 7)  # the rate is constant within a day
    expected = np.array([np.zeros(20), *(model.expected_purchases(few, end).to_numpy() for end in edges[1:])])
    middle = np.exp(-delta * (edges[1:] + edges[:-1]) / 2)
    by_day = middle @ np.diff(expected, axis=0)
    np.testing.assert_allclose(
        model.discounted_purchases(few, float(edges[-1]), 0.15, period=0), by_day, rtol=1e-5
    )


def test_an_infinite_horizon_is_the_limit_of_long_ones(customers):
    model, few = given(clvml.ParetoNBD, CHRISTMAS), customers.iloc[:20]
    limit = model.discounted_purchases(few, None, 0.1)
    long = model.discounted_purchases(few, 40_000.0, 0.1, period=0)
    np.testing.assert_allclose(limit, long, rtol=1e-6)
    summed = model.discounted_purchases(few, 8000.0, 0.1, period="1D")
    np.testing.assert_allclose(summed, limit, rtol=2e-3)


def test_the_next_purchase_is_the_time_by_which_a_customer_buys_with_the_probability(customers):
    model = given(clvml.BGNBD, CHRISTMAS)
    time = model.next_purchase_time(customers, 0.3)
    for customer in time[np.isfinite(time)].index[:8]:
        one = customers.loc[[customer]]
        assert model.probability_buys(one, time[customer]).iloc[0] == pytest.approx(0.3, abs=1e-9)


def test_the_first_day_of_december_sells_three_times_the_last_of_november(customers):
    model = given(clvml.BGNBD, CHRISTMAS)
    total = model.expected_purchases(customers, [60 / 7, 61 / 7, 62 / 7]).sum()
    november, december = np.diff(total)
    assert december / november == pytest.approx(3, rel=0.01)


@pytest.mark.parametrize("kind", [clvml.BGNBD, clvml.MBGNBD])
def test_a_simulated_season_is_recovered(kind):
    customers = simulated(kind, WAVE)
    true = checked_index(WAVE)
    found = clvml.SeasonalPurchases(kind()).fit(customers)
    inside = (found.season_["lower"] <= true) & (true <= found.season_["upper"])
    assert inside.sum() >= 9  # of 12, at 95 %
    assert np.corrcoef(found.season_["index"], true)[0, 1] > 0.97
    assert found.log_likelihood_ > kind().fit(customers).log_likelihood_ + 100
    assert found.season_sd_ == pytest.approx(np.std(np.log(true)), rel=0.4)


def test_a_season_that_is_noise_is_shrunk_to_none():
    customers = simulated(clvml.BGNBD, FLAT, n=3000)
    found = clvml.SeasonalPurchases(clvml.BGNBD()).fit(customers)
    assert np.abs(np.log(found.season_["index"])).max() < 0.1
    assert found.season_sd_ < 0.1


def test_dates_of_all_purchases_tell_more_than_those_of_the_last():
    dates = pd.date_range("2009-01-01", "2011-12-31")
    rng = np.random.default_rng(5)
    rate = checked_index(WAVE).to_numpy()[dates.month - 1] * rng.gamma(1.0, 0.03, (1500, 1))
    day = np.arange(dates.size)
    first, stays = rng.integers(0, 700, (1500, 1)), rng.exponential(600, (1500, 1))
    bought = (rng.random(rate.shape) < rate) & (day > first) & (day < first + stays)
    bought |= day == first
    who, when = np.nonzero(bought)
    log = pd.DataFrame({"customer_id": who, "date": dates[when], "amount": 1.0})
    customers, counts = clvml.summarize(log, "2011-12-31"), clvml.repeat_purchases_by_date(log, "2011-12-31")
    assert counts.sum() == customers["frequency"].sum()
    without = clvml.SeasonalPurchases(clvml.ParetoNBD(prior="weak")).fit(customers)
    known = clvml.SeasonalPurchases(clvml.ParetoNBD(prior="weak")).fit(customers, repeat_purchases=counts)
    np.testing.assert_allclose(known.season_["index"], checked_index(WAVE), rtol=0.1)
    width = (known.season_["upper"] - known.season_["lower"]).mean()
    assert width < 0.7 * (without.season_["upper"] - without.season_["lower"]).mean()


def test_the_effect_of_a_campaign_is_estimated_and_applied_to_future_ones():
    past = pd.DataFrame(
        {"event": "sale", "start": ["2011-05-01", "2012-05-01"], "end": ["2011-05-14", "2012-05-14"]}
    )
    customers = simulated(clvml.BGNBD, None, n=12_000, events=past.assign(multiple=3.0))
    model = clvml.SeasonalPurchases(clvml.BGNBD(), None, past).fit(customers)
    row = model.events_.iloc[0]
    assert row["lower"] < 3.0 < row["upper"]
    assert 2.2 < row["multiple"] < 4.0
    two_weeks = model.expected_purchases(customers, 2).sum()
    ahead = pd.DataFrame({"event": ["sale"], "start": ["2013-01-01"], "end": ["2013-01-14"]})
    promoted = model.with_events(ahead).expected_purchases(customers, 2).sum()
    assert promoted / two_weeks == pytest.approx(row["multiple"], rel=0.06)
    assert model.expected_purchases(customers, 2).sum() == two_weeks


def test_a_campaign_nobody_has_seen_needs_a_multiple(customers):
    model = given(clvml.BGNBD, FLAT)
    new = pd.DataFrame({"event": ["sale"], "start": ["1997-11-01"]})
    with pytest.raises(clvml.InputError, match="effect of the event 'sale' is unknown"):
        model.with_events(new)
    more = model.with_events(new.assign(multiple=2.0)).expected_purchases(customers, 8).sum()
    assert more > model.expected_purchases(customers, 8).sum()


def test_a_yearly_season_is_not_estimated_from_a_year(customers):
    with pytest.raises(clvml.FitError, match="cannot be estimated from a year or less"):
        clvml.SeasonalPurchases(clvml.BGNBD()).fit(customers)


def test_a_season_of_less_than_two_years_is_warned_of():
    customers = simulated(clvml.BGNBD, WAVE, weeks=80)
    with pytest.warns(clvml.FitWarning, match=r"rests on 1\.5 years"):
        clvml.SeasonalPurchases(clvml.BGNBD()).fit(customers)


def test_the_end_of_observation_may_be_a_column_attrs_or_follow_from_the_first_purchase(customers):
    model = given(clvml.BGNBD, CHRISTMAS)
    expected = model.expected_purchases(customers, 13)
    bare = customers[["frequency", "recency", "T"]].copy()
    bare.attrs = {"time_unit": "W"}
    for known in (
        bare.assign(observed_until="1997-09-30"),
        bare.assign(first_purchase=customers["first_purchase"]),
        bare,  # as in the fit
    ):
        pd.testing.assert_series_equal(model.expected_purchases(known, 13), expected, rtol=1e-12)
    later = model.expected_purchases(bare.assign(observed_until="1997-12-31"), 13)
    assert later.sum() < 0.8 * expected.sum()  # Christmas is over


def test_customers_observed_until_different_dates_are_predicted_each_from_theirs(customers):
    model = given(clvml.BGNBD, CHRISTMAS)
    bare = customers[["frequency", "recency", "T"]].copy()
    bare.attrs = {"time_unit": "W"}
    until = np.where(np.arange(len(bare)) % 3 == 0, "1997-12-31", "1997-09-30")
    mixed = bare.assign(observed_until=until)
    for predict in PREDICTIONS.values():
        found = predict(model, mixed)
        assert found.index.equals(mixed.index)
        for each in set(until):
            part = until == each
            alone = predict(model, mixed[part])
            np.testing.assert_allclose(found[part], alone, rtol=1e-12)
    row, time = model.purchase_simulator(mixed)(
        np.array(model.purchases_.params_), 3, 10.0, np.random.default_rng(1)
    )
    assert (np.diff(row) >= 0).all()
    assert row.max() < 3 * len(mixed)
    assert (time <= 10).all()


def test_the_end_of_observation_must_be_known_for_a_fit(customers):
    bare = customers[["frequency", "recency", "T"]].copy()
    bare.attrs = {"time_unit": "W"}
    with pytest.raises(clvml.InputError, match="needs the end of observation"):
        clvml.SeasonalPurchases(clvml.BGNBD(), FLAT).fit(bare)


@pytest.mark.parametrize(
    ("season", "words"),
    [
        ("quarter", "'month', 'week'"),
        (dict.fromkeys(range(12), 1.0), "labelled 1 to 12"),
        ([1.0] * 7, "12 numbers"),
        (FLAT | {3: 0.0}, "positive"),
        (FLAT | {3: np.nan}, "positive"),
        (pd.Series(1.0, pd.period_range("2010-01", periods=36, freq="M")), "seasonal_index"),
    ],
)
def test_an_unusable_season_is_refused_in_words(season, words, customers):
    with pytest.raises(clvml.InputError, match=words):
        clvml.SeasonalPurchases(clvml.BGNBD(), season).fit(customers)


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ({"start": ["1997-05-01"]}, "columns event"),
        ({"event": ["a"], "start": ["1997-05-02"], "end": ["1997-05-01"]}, "ends before it starts"),
        ({"event": ["a"], "start": ["soon"]}, "start of an event"),
        ({"event": ["a"], "start": ["1997-05-01"], "multiple": [-1.0]}, "positive"),
        ({"event": ["a", "a"], "start": ["1997-05-01"] * 2, "multiple": [1.0, 2.0]}, "several multiples"),
    ],
)
def test_unusable_events_are_refused_in_words(events, words, customers):
    with pytest.raises(clvml.InputError, match=words):
        clvml.SeasonalPurchases(clvml.BGNBD(), None, pd.DataFrame(events)).fit(customers)


def test_a_model_of_opportunities_has_no_operational_time(customers):
    with pytest.raises(clvml.InputError, match="continuous time"):
        clvml.SeasonalPurchases(clvml.BGBB(), FLAT).fit(customers)


def test_a_summary_of_the_whole_log_is_not_changed(customers):
    before = customers.copy(deep=True)
    model = given(clvml.BGNBD, CHRISTMAS)
    model.expected_purchases(customers, 10)
    pd.testing.assert_frame_equal(customers, before)
    assert customers.attrs == before.attrs


def test_lifetime_value_with_a_season_is_saved_loaded_and_scored_by_date(customers, tmp_path):
    events = pd.DataFrame({"event": ["sale"], "start": ["1997-05-01"], "end": ["1997-05-14"]})
    model = clvml.LifetimeValue(
        clvml.SeasonalPurchases(clvml.BGNBD(), CHRISTMAS, events), clvml.GammaGamma(), "12M", 0.1
    ).fit(customers)
    clvml.scoring.save_model_folder(model, tmp_path / "model")
    loaded = clvml.scoring.load_model_folder(tmp_path / "model")
    pd.testing.assert_frame_equal(loaded.predict_factors(customers), model.predict_factors(customers))
    rows = {"frequency": [2, 1], "recency": [30, 1], "T": [38, 37], "monetary_value": [20.0, 15.0]}

    def clv(until):
        request = clvml.scoring.read_request(loaded, rows, {"observed_until": until, "horizon": 13})
        return clvml.scoring.score(loaded, *request)["clv"]

    assert (clv("1997-09-30") > 1.2 * clv("1997-12-31")).all()


def test_a_made_up_calendar_in_a_model_file_is_refused():
    model = given(clvml.BGNBD, CHRISTMAS)
    model.season_ = model.season_.assign(index=-1.0)
    with pytest.raises(clvml.InputError, match="positive"):
        clvml.scoring.load_model_json(clvml.scoring.dump_model(model))


def test_heterogeneity_intervals_scenarios_and_clones_work(everyone):
    model = clvml.LifetimeValue(
        clvml.SeasonalPurchases(clvml.ParetoNBD(), CHRISTMAS), clvml.GammaGamma(), "12M", 0.1
    ).fit(everyone)
    assert clvml.diagnostics.heterogeneity(model.purchases_)
    few = everyone.iloc[:40]
    limits = model.predict_interval(few)
    assert (limits["clv_lower"] <= limits["clv_upper"]).all()
    assert model.with_factors({"purchase_rate": 1.5}).predict(few).sum() > model.predict(few).sum()
    assert clone(model).fit(everyone).predict(few).equals(model.predict(few))
    assert model.purchases_.title == "Pareto/NBD with seasons"


def test_a_horizon_of_one_day_on_a_leap_day_has_the_speed_of_february(customers):
    index = FLAT | {2: 5.0}
    model = given(clvml.BGNBD, index)
    one = customers.iloc[[0]][["frequency", "recency", "T"]].copy()
    one.attrs = {"time_unit": "W"}
    speeds = [
        Calendar(checked_index(index), None, 1.0).log_speed(np.array([np.datetime64(day, "D").astype(int)]))[
            0
        ]
        for day in ("2024-02-29", "2024-03-01")
    ]
    assert speeds[0] - speeds[1] == pytest.approx(np.log(5))
    day = [
        model.expected_purchases(one.assign(observed_until=until), 1 / 7).iloc[0]
        for until in ("2024-02-28", "2024-02-29")
    ]
    assert day[0] / day[1] == pytest.approx(5, rel=0.05)


def test_the_density_of_a_summary_in_calendar_time_integrates_to_the_probability_of_its_count():
    # Over the time of the only purchase, it is the probability of one purchase.
    model, T = given(clvml.BGNBD, CHRISTMAS, "2012-12-31"), 12.0

    def density(t_x):
        one = pd.DataFrame({"frequency": [1.0], "recency": [t_x], "T": [T]})
        one.attrs = {"time_unit": "W"}
        return float(np.exp(model.log_likelihood(one).iloc[0]))

    start = pd.DataFrame({"frequency": [0.0], "recency": [0.0], "T": [0.0]})
    start.attrs = {"time_unit": "W", "observation_end": "2012-10-08", "collapse": "D"}
    assert pd.Timestamp("2012-10-08") + pd.Timedelta(weeks=12) == pd.Timestamp("2012-12-31")
    once = model.purchase_probability(1, T, start).iloc[0]
    days = np.arange(0, 85) / 7
    total = sum(quad(density, low, high)[0] for low, high in itertools.pairwise(days))
    assert total == pytest.approx(once, rel=1e-6)
