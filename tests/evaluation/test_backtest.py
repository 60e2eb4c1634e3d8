"""A backtest is the comparison of one split, repeated at other origins with nothing of the future in it."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator

import clvml
from clvml.errors import InputError
from clvml.evaluation import Backtest

pytestmark = pytest.mark.filterwarnings("ignore::clvml.errors.FitWarning")  # eighty customers are few

DATES = ["1997-09-29", "1997-12-29"]
FORMULAS = {"repeat rate": clvml.RepeatRateValue(26), "historic": clvml.HistoricValue(26)}
MODELS = FORMULAS | {"BG/NBD": clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), 26)}
BUYERS = 80


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    """Eighty customers over two years: acquired all along, half of them buy on until the end."""
    random = np.random.default_rng(1)
    rows = []
    for customer in range(BUYERS):
        start = random.integers(0, 600)
        days = start + np.r_[0, np.cumsum(random.integers(5, 90, 12))]
        days = days[: random.integers(1, 4)] if customer % 2 else days
        rows += [
            (customer, day, amount) for day, amount in zip(days, random.integers(5, 60, 13), strict=False)
        ]
    frame = pd.DataFrame(rows, columns=["customer_id", "day", "amount"])
    frame["date"] = pd.Timestamp("2021-01-04") + pd.to_timedelta(frame.pop("day"), "D")
    frame["amount"] = frame["amount"].astype(float)
    return frame[frame["date"] <= "2022-12-31"]


@pytest.fixture(scope="module")
def cdnow_backtest() -> Backtest:
    return clvml.backtest(clvml.load_cdnow(), MODELS, origins=DATES, horizon=[26, 13])


def predictions(found: Backtest) -> pd.DataFrame:
    return pd.concat({key: each.predictions for key, each in found.comparisons.items()})


def test_with_one_origin_it_is_the_comparison_of_that_split(cdnow_split):
    found = clvml.backtest(clvml.load_cdnow(), MODELS, origins="1997-09-30", horizon=39)
    alone = clvml.compare_models(MODELS, cdnow_split)
    comparison = found.comparisons[pd.Timestamp("1997-09-30"), 39.0]
    pd.testing.assert_frame_equal(comparison.table, alone.table, check_exact=True)
    pd.testing.assert_frame_equal(comparison.predictions, alone.predictions, check_exact=True)
    assert any("one origin only" in note for note in found.notes)


def test_every_origin_is_compared_over_every_horizon(cdnow_backtest):
    expected = {(pd.Timestamp(date), horizon) for date in DATES for horizon in (26.0, 13.0)}
    assert set(cdnow_backtest.comparisons) == expected
    assert set(cdnow_backtest.scores.index.droplevel("model")) == expected
    assert (cdnow_backtest.origins["duration"].to_numpy() == [26, 13, 26, 13]).all()


def test_totals_are_sums_over_customers_and_the_actual_ones_are_in_the_file(cdnow_backtest):
    sales = clvml.load_cdnow().to_pandas()
    date = pd.Timestamp("1997-12-29")
    end = date + pd.Timedelta(days=91)
    spent = sales.loc[(sales["date"] > date) & (sales["date"] <= end), "amount"].sum()
    row = cdnow_backtest.totals.loc[(date, 13.0, "historic")]
    assert row["actual"] == pytest.approx(spent, rel=1e-12)
    assert row["bias_pct"] == pytest.approx(100 * (row["predicted"] / spent - 1), rel=1e-12)


def test_the_served_horizon_is_the_default_where_the_data_carry_it():
    found = clvml.backtest(clvml.load_cdnow(), {"historic": clvml.HistoricValue("6M")}, origins=1)
    assert found.horizons == (26.0,)
    assert [f"{origin:%Y-%m-%d}" for origin, _ in found.comparisons] == ["1997-12-30"]
    assert found.origins["observation_end"].iloc[0] == pd.Timestamp("1998-06-30")


def test_a_served_horizon_beyond_the_data_is_said_and_a_third_of_them_taken():
    found = clvml.backtest(clvml.load_cdnow(), {"historic": clvml.HistoricValue("3Y")}, origins=1)
    assert found.horizons[0] == round(545 / 3 / 7)
    assert "shorter than twice the models' horizon of 156 weeks" in found.notes[0]


def test_shuffled_rows_change_nothing(log):
    ordered = clvml.backtest(log, MODELS, origins=3, horizon=13)
    shuffled = clvml.backtest(log.sample(frac=1, random_state=5), MODELS, origins=3, horizon=13)
    pd.testing.assert_frame_equal(ordered.scores, shuffled.scores, check_exact=True)
    pd.testing.assert_frame_equal(ordered.new_customers, shuffled.new_customers, check_exact=True)


def test_one_more_model_changes_no_score_of_the_others(log):
    few = clvml.backtest(log, FORMULAS, origins=3, horizon=13)
    more = clvml.backtest(log, MODELS | {"zero": clvml.ZeroValue(13)}, origins=3, horizon=13)
    kept = more.scores[more.scores.index.get_level_values("model").isin(FORMULAS)]
    pd.testing.assert_frame_equal(few.scores, kept, check_exact=True)
    assert few.total_calibration("historic") == more.total_calibration("historic")


def test_what_follows_a_holdout_changes_nothing(log):
    dates, end = ["2021-09-30", "2021-12-31"], pd.Timestamp("2022-04-01")
    changed = log.copy()
    changed.loc[changed["date"] > end, "amount"] *= 3
    one, other = (clvml.backtest(each, MODELS, origins=dates, horizon=13) for each in (log, changed))
    assert not log["amount"].equals(changed["amount"])
    pd.testing.assert_frame_equal(one.scores, other.scores, check_exact=True)
    pd.testing.assert_frame_equal(one.origins, other.origins, check_exact=True)


def test_what_happens_in_a_holdout_changes_no_prediction(log):
    date = pd.Timestamp("2021-12-31")
    changed = log.copy()
    changed.loc[changed["date"] > date, "amount"] *= 3
    one, other = (clvml.backtest(each, MODELS, origins=date, horizon=13) for each in (log, changed))
    assert one.totals["actual"].iloc[0] * 3 == pytest.approx(other.totals["actual"].iloc[0])
    pd.testing.assert_frame_equal(predictions(one), predictions(other), check_exact=True)
    pd.testing.assert_frame_equal(
        one.new_customers.filter(like="forecast"), other.new_customers.filter(like="forecast")
    )


def test_a_model_is_fitted_anew_at_each_origin(cdnow_backtest):
    fits = [each.models["BG/NBD"].purchases_.params_ for each in cdnow_backtest.at(26).values()]
    assert fits[0] != fits[1]
    assert not hasattr(MODELS["BG/NBD"], "purchases_")


def test_overlapping_holdouts_are_said(cdnow_backtest):
    assert any("13 weeks apart with a horizon of 26 weeks" in note for note in cdnow_backtest.notes)
    assert not any("horizon of 13 weeks" in note for note in cdnow_backtest.notes if "overlap" in note)


BAD = {
    "1990-01-01": "before the first purchase, on 1997-01-01",
    "1998-06-30": "not before the end of the data, on 1998-06-30",
    "1998-03-31": "longer than what follows the origin: the data end on 1998-06-30",
}


@pytest.mark.parametrize("date", BAD)
def test_an_impossible_origin_is_left_out_with_its_reason_and_the_others_go_on(date):
    found = clvml.backtest(clvml.load_cdnow(), FORMULAS, origins=[date, "1997-09-30"], horizon=26)
    assert [origin for origin, _ in found.comparisons] == [pd.Timestamp("1997-09-30")]
    (reason,) = found.left_out["reason"]
    assert BAD[date] in reason
    assert any(reason in note for note in found.notes)


@pytest.mark.parametrize("date", BAD)
def test_where_no_origin_is_left_the_error_has_the_reasons(date):
    with pytest.raises(InputError, match=rf"no origin of the backtest could be evaluated.*{BAD[date]}"):
        clvml.backtest(clvml.load_cdnow(), FORMULAS, origins=[date], horizon=26)


def test_an_origin_before_which_nobody_bought_again_is_left_out(log):
    first = log["date"].min()
    found = clvml.backtest(log, FORMULAS, origins=[first, "2022-03-31"], horizon=13)
    assert list(found.origins.index.get_level_values("origin")) == [pd.Timestamp("2022-03-31")]
    assert "nobody bought again before the origin" in found.left_out["reason"].iloc[0]


def test_a_contender_that_fails_at_one_origin_is_evaluated_at_the_others(log):
    class Picky(clvml.TotalSpendValue):
        def fit(self, customers):
            if len(customers) < 60:
                raise RuntimeError("too few for me")
            return super().fit(customers)

    models = FORMULAS | {"picky": Picky(13)}
    found = clvml.backtest(log, models, origins=["2021-07-31", "2022-06-30"], horizon=13)
    assert found.mean_scores()["origins"].to_dict() == {"repeat rate": 2, "historic": 2, "picky": 1}
    row = found.left_out.iloc[0]
    assert (row["origin"], row["model"]) == (pd.Timestamp("2021-07-31"), "picky")
    assert "too few for me" in row["reason"]


def test_customers_with_too_little_history_are_left_out_and_counted(log):
    found = clvml.backtest(log, FORMULAS, origins="2022-03-31", horizon=13, min_history="3M")
    first = log.groupby("customer_id")["date"].min()
    cutoff = pd.Timestamp("2022-03-31") - pd.Timedelta(days=91)
    old, young = (first <= cutoff).sum(), ((first > cutoff) & (first <= "2022-03-31")).sum()
    (row,) = found.origins.to_dict("records")
    assert (row["customers"], row["customers_with_little_history"]) == (old, young)
    assert young > 0
    assert set(found.comparisons[pd.Timestamp("2022-03-31"), 13.0].actual.index) == set(
        first.index[first <= cutoff]
    )
    assert any(f"{young} customers with a shorter history" in note for note in found.notes)


def test_new_customers_are_those_whose_first_purchase_is_in_the_holdout(log):
    found = clvml.backtest(log, MODELS, origins="2022-03-31", horizon=13)
    start, end = pd.Timestamp("2022-03-31"), pd.Timestamp("2022-03-31") + pd.Timedelta(days=91)
    first = log.groupby("customer_id")["date"].min()
    new = first.index[(first > start) & (first <= end)]
    spent = log[log["customer_id"].isin(new) & (log["date"] <= end)]["amount"].sum()
    table = found.new_customers.droplevel(["origin", "horizon"])
    assert list(table.index) == ["BG/NBD", "naive forecast"]
    assert (table["customers_actual"] == len(new)).all()
    assert table["spend_actual"].to_numpy() == pytest.approx(spent)
    before = first.index[(first > start - pd.Timedelta(days=91)) & (first <= start)]
    naive = log[log["customer_id"].isin(before) & (log["date"] <= start)]["amount"].sum()
    assert table.loc["naive forecast", "spend_forecast"] == pytest.approx(naive)
    assert (table["customers_forecast"] == len(before)).all()
    assert found.budget["actual"].iloc[0] == pytest.approx(found.totals["actual"].iloc[0] + spent)


def test_a_closed_cohort_is_forecast_to_stay_closed():
    found = clvml.backtest(clvml.load_cdnow(), MODELS, origins=DATES, horizon=26)
    assert (found.new_customers["customers_forecast"] == 0).all()
    pd.testing.assert_series_equal(found.budget["predicted"], found.totals["predicted"])


def test_the_revenue_of_a_new_customer_is_averaged_over_the_day_of_acquisition():
    class Linear(BaseEstimator):
        """Spends 2 per week after the first purchase."""

        horizon, annual_discount_rate, margin, time_unit_ = 1.0, 0.0, 1.0, "W"
        required_columns = ("frequency",)

        def __sklearn_is_fitted__(self):
            return True

        def fit(self, customers):  # noqa: ARG002
            return self

        def predict(self, customers, horizon=None, annual_discount_rate=None):  # noqa: ARG002
            return pd.Series(2.0 * horizon, customers.index)

        def predict_factors(self, customers, horizon=None, annual_discount_rate=None):
            return self.predict(customers, horizon, annual_discount_rate).to_frame()

    from clvml.evaluation._new_customers import value_over

    assert value_over(Linear(), first_purchase=5.0, duration=10.0) == pytest.approx(5 + 2 * 10 / 2)


def test_progress_tells_each_step():
    steps = []
    clvml.backtest(clvml.load_cdnow(), FORMULAS, origins=DATES, horizon=26, progress=steps.append)
    assert steps == ["origin 1997-09-29, 26 weeks", "origin 1997-12-29, 26 weeks"]


def test_nothing_is_printed_without_a_terminal(capfd):
    clvml.backtest(clvml.load_cdnow(), FORMULAS, origins=DATES, horizon=26)
    assert capfd.readouterr() == ("", "")


def test_a_horizon_that_was_not_backtested_is_refused(cdnow_backtest):
    with pytest.raises(InputError, match=r"52 was not backtested; the horizons are 26, 13"):
        cdnow_backtest.at("12M")


def test_it_says_what_it_is(cdnow_backtest):
    assert repr(cdnow_backtest) == (
        "Backtest(3 models at 2 origins, 1997-09-29 to 1997-12-29; horizon 26, 13 weeks)"
    )
    assert "BG/NBD" in cdnow_backtest._repr_html_()


def test_the_verdict_is_the_rule_given_the_draws_of_all_origins(cdnow_backtest):
    verdict = clvml.decide([each.draws for each in cdnow_backtest.at(26).values()])
    assert cdnow_backtest.verdict.n_origins == 2
    assert cdnow_backtest.verdict.leader == verdict.leader == "BG/NBD"
    pd.testing.assert_frame_equal(cdnow_backtest.verdict.scores, verdict.scores)
    assert cdnow_backtest.verdict_at(13, "budget").purpose == "budget"


def test_with_one_origin_the_verdict_is_that_of_the_comparison(cdnow_split):
    found = clvml.backtest(clvml.load_cdnow(), MODELS, origins="1997-09-30", horizon=39)
    alone = clvml.compare_models(MODELS, cdnow_split).verdict
    pd.testing.assert_frame_equal(found.verdict.scores, alone.scores, check_exact=True)
    assert found.verdict.sentences == alone.sentences


def test_a_resample_has_the_same_customers_at_every_origin(log):
    """The share of resamples in which a total exceeds its mean moves together over origins."""
    found = clvml.backtest(log, FORMULAS, origins=["2022-03-31", "2022-04-30"], horizon=13, n_draws=400)
    one, other = (each.draws.draws[:, 0, 0] for each in found.comparisons.values())
    assert np.corrcoef(one, other)[0, 1] > 0.5


class Capped(clvml.HistoricValue):
    """As historic spend, but for customers known for more than a year."""

    def predict(self, customers, horizon=None, annual_discount_rate=None):
        value = super().predict(customers, horizon, annual_discount_rate)
        return value.where(customers["T"] < 52, value / 2)


def test_models_that_are_the_same_at_some_origins_only_are_compared_at_all(log):
    models = FORMULAS | {"capped": Capped(13)}
    found = clvml.backtest(log, models, origins=["2021-09-30", "2022-06-30"], horizon=13)
    same, differ = found.at(13).values()
    assert same.twins["historic"] == ("capped",)
    assert not differ.twins
    assert found.mean_scores()["origins"].to_dict() == dict.fromkeys(models, 2)
    first = found.totals.loc[pd.Timestamp("2021-09-30"), 13.0]["predicted"]
    assert first["capped"] == pytest.approx(first["historic"])
    assert set(found.verdict.scores.index) >= set(models)
    assert "not evaluated" not in " ".join(found.verdict.excluded.values())


class Cautious(clvml.TotalSpendValue):
    """Half the total spend so far, and for fewer than 60 customers that of its superclass."""

    fallback_ = ""

    def fit(self, customers):
        self.fallback_ = "too few customers" if len(customers) < 60 else ""
        return super().fit(customers)

    def predict(self, customers, horizon=None, annual_discount_rate=None):
        value = super().predict(customers, horizon, annual_discount_rate)
        return value if self.fallback_ else value / 2


def test_a_model_that_falls_back_at_one_origin_is_judged_at_all_of_them_and_it_is_said(log):
    models = FORMULAS | {"cautious": Cautious(13)}
    found = clvml.backtest(log, models, origins=["2021-07-31", "2022-06-30"], horizon=13)
    assert found.mean_scores()["origins"].to_dict() == dict.fromkeys(models, 2)
    assert found.left_out.empty
    assert "not evaluated" not in " ".join(found.verdict.excluded.values())
    total = clvml.TotalSpendValue(13).fit(found.at(13)[pd.Timestamp("2021-07-31")].split.calibration)
    pd.testing.assert_series_equal(
        found.at(13)[pd.Timestamp("2021-07-31")].predictions["cautious"],
        total.predict(found.at(13)[pd.Timestamp("2021-07-31")].split.calibration),
        check_names=False,
    )
    said = [note for note in found.notes if "cautious" in note]
    assert len(said) == 1
    assert "2021-07-31: too few customers" in said[0]


def test_a_model_that_falls_back_at_every_origin_is_left_out(log):
    models = FORMULAS | {"cautious": Cautious(13)}
    found = clvml.backtest(log, models, origins=["2021-06-30", "2021-07-31"], horizon=13)
    assert "cautious" not in found.models
    assert set(found.left_out["model"]) == {"cautious"}
    assert set(found.left_out["reason"]) == {"too few customers"}
