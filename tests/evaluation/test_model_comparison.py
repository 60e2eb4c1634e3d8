"""Every contender fitted and judged by one call; one that misbehaves costs itself only."""

import dataclasses
import time

import numpy as np
import pandas as pd
import pytest

import clvml
from clvml.errors import FitError, InputError

ERRORS = {
    "raises": "RuntimeError: out of ideas",
    "nan": "missing or infinite for 1 of",
    "negative": "predicted revenue is negative for 1 of",
    "others": "not for the same customers",
    "array": "must be a pandas Series",
}


class Average:
    """A value model of a user's own, with nothing from clvml or scikit-learn in it."""

    required_columns = ("frequency",)

    def __init__(self, breaks: str = "", scale: float = 1.0) -> None:
        self.horizon, self.annual_discount_rate, self.margin = "3M", 0.5, 0.1
        self.breaks, self.scale = breaks, scale

    def fit(self, customers):
        if self.breaks == "raises":
            raise RuntimeError("out of\n ideas")
        self.time_unit_ = customers.attrs["time_unit"]
        return self

    def predict(self, customers, horizon=None, annual_discount_rate=None):  # noqa: ARG002
        value = self.margin * self.scale * self.horizon * (1.0 + customers["frequency"])
        value = value.rename("clv")
        if self.breaks in ("nan", "negative"):
            value.iloc[3] = np.nan if self.breaks == "nan" else -1.0
        if self.breaks == "others":
            return value.iloc[1:]
        return value.to_numpy() if self.breaks == "array" else value

    def predict_factors(self, customers, horizon=None, annual_discount_rate=None):
        return self.predict(customers, horizon, annual_discount_rate).to_frame()


def test_it_says_what_fitting_and_comparing_by_hand_says(cdnow_split):
    formulas = {"repeat": clvml.RepeatRateValue, "historic": clvml.HistoricValue, "zero": clvml.ZeroValue}
    found = clvml.compare_models(
        {
            name: build(horizon="12M", annual_discount_rate=0.2, margin=0.3)
            for name, build in formulas.items()
        },
        cdnow_split,
        families={"zero": "baseline"},
    )
    duration, customers = cdnow_split.duration, cdnow_split.calibration
    by_hand = pd.DataFrame(
        {name: build(horizon=duration).fit(customers).predict(customers) for name, build in formulas.items()}
    )
    pd.testing.assert_frame_equal(found.predictions, by_hand, check_exact=True)
    table = clvml.compare(cdnow_split.holdout["spend"], by_hand, {"zero": "baseline"})
    pd.testing.assert_frame_equal(found.table, table, check_exact=True)
    verdict = clvml.decide(table, eligible=["repeat", "historic"])  # the same, but for the noise
    assert found.champion == verdict.choice
    assert found.verdict.scores["score"].to_dict() == pytest.approx(verdict.scores["score"].to_dict())
    assert found.verdict.excluded == verdict.excluded
    assert found.left_out == {}
    assert found.twins == {}


def test_a_model_of_ones_own_competes_and_stays_as_it_was(cdnow_split):
    own = Average()
    found = clvml.compare_models({"own": own, "historic": clvml.HistoricValue(39)}, cdnow_split)
    frequency = cdnow_split.calibration["frequency"]
    assert found.table.loc["own", "total"] == pytest.approx(39 * (1 + frequency).sum())
    assert (own.horizon, own.annual_discount_rate, own.margin) == ("3M", 0.5, 0.1)
    assert not hasattr(own, "time_unit_")


@pytest.mark.parametrize("breaks", ERRORS)
def test_a_model_that_misbehaves_is_left_out_with_its_reason_and_the_others_go_on(cdnow_split, breaks):
    found = clvml.compare_models(
        {"bad": Average(breaks), "historic": clvml.HistoricValue(39)}, cdnow_split, families={"bad": "own"}
    )
    assert list(found.left_out) == ["bad"]
    assert ERRORS[breaks] in found.left_out["bad"]
    assert list(found.models) == list(found.table.index) == list(found.predictions) == ["historic"]


def test_customers_in_another_order_are_the_same_customers(cdnow_split):
    class Shuffled(Average):
        def predict(self, customers, horizon=None, annual_discount_rate=None):
            return super().predict(customers, horizon, annual_discount_rate).sample(frac=1.0, random_state=1)

    found = clvml.compare_models({"a": Average(), "b": Shuffled()}, cdnow_split)
    assert found.twins == {"a": ("b",)}


def test_the_eligible_win_unless_none_of_them_can_be_fitted(cdnow_split):
    models = {"raises": Average("raises"), "own": Average(), "historic": clvml.HistoricValue(39)}
    names = list(models)
    for eligible, winners in ((["own", "raises"], {"own"}), (["raises"], {"own", "historic"})):
        found = clvml.compare_models(models, cdnow_split, eligible=eligible)
        assert set(found.verdict.ranked) == winners, names


def test_without_a_model_that_can_be_fitted_the_reasons_are_given(cdnow_split):
    models = {"own": Average("raises"), "zero": clvml.ZeroValue(39)}
    with pytest.raises(FitError, match="own: RuntimeError: out of ideas"):
        clvml.compare_models(models, cdnow_split, families={"zero": "baseline"})


@pytest.mark.parametrize(
    ("models", "arguments", "message"),
    [
        ({}, {}, "no models to compare"),
        ({"a": Average()}, {"families": {"b": "formula"}}, "a family is given for 'b'"),
        ({"a": Average()}, {"eligible": ["b"]}, "eligible names 'b'"),
        ({"a": Average()}, {"incumbent": "b"}, "the incumbent is 'b'"),
        ({"a": Average()}, {"needs": ["love"]}, "needs contains 'love'; it may contain 'probability_alive'"),
        ({"a": Average()}, {"max_seconds": 0}, "max_seconds is 0"),
    ],
)
def test_names_that_do_not_fit_are_refused(cdnow_split, models, arguments, message):
    with pytest.raises(InputError, match=message):
        clvml.compare_models(models, cdnow_split, **arguments)


def test_models_may_predict_losses_where_customers_brought_losses():
    rows = pd.DataFrame(
        {
            "customer_id": [*"aabbccdd", *"abcd"],
            "date": pd.to_datetime(["2020-01-01", "2020-03-01"] * 4 + ["2020-05-01"] * 4),
            "amount": [5.0, 6.0, 3.0, -20.0, 8.0, 2.0, 4.0, 4.0, 3.0, -10.0, 5.0, 1.0],
        }
    )
    bought = clvml.read_transactions(rows, policy=clvml.TransactionPolicy(returns="keep"))
    split = clvml.split(bought, "2020-03-31", "2020-05-31")
    found = clvml.compare_models(
        {"historic": clvml.HistoricValue(9), "repeat": clvml.RepeatRateValue(9)}, split
    )
    assert found.left_out == {}
    assert (found.predictions.loc["b"] < 0).all()
    assert np.isnan(found.table["bias_pct"]).all()  # the holdout sums to a loss
    assert found.table["rmse"].notna().all()


def test_models_with_the_same_predictions_are_one_row_that_names_them(cdnow_split):
    models = {
        "total": clvml.TotalSpendValue(39),
        "annuity": clvml.AnnuityValue(39),
        "own": Average(),
        "loyalty": clvml.LoyaltyEffectsValue(39),
    }
    found = clvml.compare_models(models, cdnow_split)
    assert found.twins == {"total": ("annuity", "loyalty")}
    assert list(found.models) == list(found.table.index) == list(found.predictions) == ["total", "own"]
    assert found.summary["same_as"].to_dict() == {"total": "annuity, loyalty", "own": ""}
    assert list(clvml.compare_models(models, cdnow_split, incumbent="loyalty").models) == ["loyalty", "own"]
    kept = clvml.compare_models(models, cdnow_split, eligible=["annuity", "own"])
    assert list(kept.models) == ["annuity", "own"]


class Endless(Average):
    """Fits until somebody ends it."""

    is_running = False

    def fit(self, customers):
        type(self).is_running = True
        try:
            while True:
                len(customers)
        finally:
            type(self).is_running = False


def test_a_model_that_takes_too_long_is_left_out_and_ended(cdnow_split):
    found = clvml.compare_models({"slow": Endless(), "own": Average()}, cdnow_split, max_seconds=0.5)
    assert found.left_out == {"slow": "it took longer than max_seconds = 0.5."}
    assert list(found.models) == ["own"]
    for _ in range(100):
        if not Endless.is_running:
            break
        time.sleep(0.05)
    assert not Endless.is_running


def test_a_time_limit_changes_nothing_for_models_that_keep_it(cdnow_split):
    models = {"own": Average(), "raises": Average("raises")}
    free, limited = (clvml.compare_models(models, cdnow_split, max_seconds=seconds) for seconds in (None, 60))
    pd.testing.assert_frame_equal(free.predictions, limited.predictions, check_exact=True)
    assert free.left_out == limited.left_out


def test_the_model_to_serve_gives_what_the_user_needs(cdnow_split):
    scaled = Average(scale=0.22)  # as good in total as BG/NBD
    models = {"own": scaled, "bgnbd": clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), 39)}
    verdict = clvml.compare_models(models, cdnow_split, needs=["probability_alive", "intervals"]).verdict
    assert verdict.gives == {"own": frozenset(), "bgnbd": {"probability_alive", "intervals"}}
    assert verdict.choice == "bgnbd"


def test_an_all_zero_holdout_is_refused_with_the_way_out(cdnow_split):
    nobody = cdnow_split.holdout.assign(spend=0.0)
    with pytest.raises(InputError, match="no revenue in the holdout to compare with"):
        clvml.compare_models({"own": Average()}, dataclasses.replace(cdnow_split, holdout=nobody))


@pytest.mark.filterwarnings("ignore::clvml.errors.FitWarning")
def test_few_customers_get_a_verdict():
    rows = clvml.load_cdnow().to_pandas()
    few = rows[rows["customer_id"].isin(sorted(rows["customer_id"].unique())[::62])]
    split = clvml.split(clvml.read_transactions(few), "1997-09-30", "1998-06-11")
    found = clvml.compare_models(
        {"bgnbd": clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), 39), "zero": clvml.ZeroValue(39)},
        split,
        families={"zero": "baseline"},
    )
    assert len(found.actual) == 39
    assert found.verdict.kind in ("leads", "none", "no ranking")
    assert found.verdict.scores.at["bgnbd", "upper"] - found.verdict.scores.at["bgnbd", "lower"] > 0.1
