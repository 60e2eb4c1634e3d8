"""The experiment on few customers: its table is that of the code today, and the default follows from it."""

import warnings
from pathlib import Path

import pandas as pd
import pytest

import clvml
from clvml.errors import FitWarning, InputError
from clvml.inference._prior import FEW_CUSTOMERS, is_weak
from experiments.few_customers import compare

FOLDER = Path(__file__).parents[1] / "experiments" / "few_customers"
MODELS = [clvml.BGNBD, clvml.MBGNBD, clvml.ParetoNBD]
pytestmark = pytest.mark.filterwarnings("ignore::clvml.errors.FitWarning")


@pytest.fixture(scope="module")
def written():
    return pd.read_csv(FOLDER / "scores.csv")


def test_the_experiment_holds_what_the_models_predict_today(written):
    """Written by ``python -m experiments few_customers``; the samples of 200 customers of CDNOW."""
    config = compare.Config.read(FOLDER)
    parts = clvml.split(clvml.load_cdnow("master"), "1997-09-30", "1998-06-30")
    found = compare.samples_of("CDNOW", parts.calibration, parts.holdout["purchases"], 200, config)
    before = written.query("data == 'CDNOW' and customers == 200").reset_index(drop=True)
    pd.testing.assert_frame_equal(compare.mean_errors(found), before, rtol=1e-3, check_dtype=False)


def test_a_sample_of_regular_buyers_is_that_of_the_experiment():
    config = compare.Config.read(FOLDER).regular
    one = compare.regular_fits(0.003, 2.0, 0, config.model_copy(update={"customers": 300}))
    assert one["estimated_shape"] == pytest.approx(2.0, abs=0.5)
    assert one["p_alive_pareto_nbd"] > one["alive"]


def test_the_prior_predicts_better_below_the_threshold_and_makes_no_difference_above(written):
    def errors(rows):
        return [
            (rows[f"total_error_{kind}"] * rows["fits"]).sum() / rows["fits"].sum() for kind in ("ml", "weak")
        ]

    for (_, n), rows in written.groupby(["data", "customers"]):
        ml, weak = errors(rows)
        assert weak < ml if n < FEW_CUSTOMERS else weak == pytest.approx(ml, rel=0.02)
    at_boundary = written.query("optimum == 'boundary' and customers <= 200")
    for _, rows in at_boundary.groupby(["data", "customers"]):
        ml, weak = errors(rows)
        assert weak < 0.81 * ml  # "smaller by a fifth or more", as the warning says


@pytest.mark.parametrize("model", MODELS)
def test_auto_is_the_weak_prior_for_few_customers_and_maximum_likelihood_for_many(model, cdnow):
    few = cdnow.sample(400, random_state=1)
    automatic, weak = model(prior="auto").fit(few), model(prior="weak").fit(few)
    assert automatic.params_ == weak.params_
    assert automatic.prior_ == "weak"
    automatic, plain = model(prior="auto").fit(cdnow), model().fit(cdnow)
    assert automatic.params_ == plain.params_
    assert automatic.prior_ is None


def test_customers_are_counted_by_their_weight():
    assert is_weak("auto", FEW_CUSTOMERS - 1)
    assert not is_weak("auto", FEW_CUSTOMERS)
    with pytest.raises(InputError, match="it must be None, 'weak' or 'auto'"):
        is_weak("strong")


def test_a_boundary_of_few_customers_recommends_the_prior_and_that_of_many_does_not_claim_it():
    few = clvml.summarize(clvml.read_transactions(_steady(20), purchases_only=True), "2021-01-01")
    with pytest.warns(FitWarning, match="prior='weak', which predicts better for fewer than 1,000 customers"):
        clvml.BGNBD().fit(few)
    many = clvml.summarize(clvml.read_transactions(_steady(1500), purchases_only=True), "2021-01-01")
    with pytest.warns(FitWarning, match="Predictions are usable; individual parameters are not"):
        clvml.BGNBD().fit(many)


@pytest.mark.parametrize("model", MODELS)
def test_a_summary_prints_no_limits_that_the_data_do_not_determine(model):
    customers = clvml.summarize(clvml.read_transactions(_steady(20), purchases_only=True), "2021-01-01")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)
        fitted = model().fit(customers)
    diverging = [way.split()[0] for way in fitted.fit_record_.boundary]
    assert diverging
    rows = {line.split()[0]: line for line in str(fitted.summary()).splitlines() if line[:1].isalpha()}
    for name in diverging:
        assert rows[name].count("not identified") == 3  # standard error and both limits
    assert "e-1" not in str(fitted.summary()).replace("e-10", "")


def _steady(n):
    """Customers who buy every four weeks, half a week more or less, for a year."""
    starts = pd.Timestamp("2020-01-01") + pd.to_timedelta([k % 28 for k in range(n)], unit="D")
    rows = [
        (k, start + pd.Timedelta(days=28 * i + (k * i) % 5))
        for k, start in enumerate(starts)
        for i in range(12)
    ]
    return pd.DataFrame(rows, columns=["customer_id", "date"])
