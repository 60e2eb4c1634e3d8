"""Sizes of tests against textbooks and simulation; moments against the sample."""

import numpy as np
import pandas as pd
import pytest
from made_up_responses import made_up

from clvml import BGNBD, GammaGamma, LifetimeValue
from clvml.customers import load_cdnow, split
from clvml.errors import InputError
from clvml.treatments import measure_lift, observed_moments, plan_test, predicted_moments

MOMENTS = pd.DataFrame(
    {"customers": [900, 60, 0], "mean": [10.0, 5.0, 1.0], "std": [4.0, 4.0, 4.0]}, ["a", "b", "c"]
)


def test_a_test_of_the_planned_size_detects_the_lift_with_the_planned_power():
    plan = plan_test(MOMENTS.head(1).assign(std=1.0), cost=0.1, margin=0.5).iloc[0]
    assert plan["pays"] == pytest.approx(0.2)
    rng, found = np.random.default_rng(0), []
    for _ in range(300):
        lift = measure_lift(made_up(int(plan["needed"]), rng, effect=0.2), by_segment=False)
        found.append(lift["p"].iloc[0] < 0.05)
    assert np.mean(found) == pytest.approx(0.8, abs=0.07)


def test_what_a_segment_cannot_detect_is_said_and_what_all_its_customers_detect():
    plan = plan_test(MOMENTS, cost=0.5)
    assert plan["enough"].tolist() == [False, False, False]
    assert plan.loc["b", "says"].startswith(
        "lifts below 2.89 per customer (58% of the mean) cannot be detected"
    )
    assert plan.loc["c", "says"] == "no customers: nothing can be measured"
    again = plan_test(MOMENTS.head(2), cost=float(plan.loc["b", "detectable"]))
    assert again.loc["b", "needed"] == 60


def test_predictions_that_explain_half_of_the_variance_halve_the_test():
    explained = plan_test(MOMENTS.assign(explained=0.5), cost=0.5)["needed"]
    np.testing.assert_allclose(explained, plan_test(MOMENTS, cost=0.5)["needed"] / 2, rtol=0.01)


def test_the_control_of_several_treatments_is_larger_by_the_root_of_their_number():
    plan = plan_test(MOMENTS, cost=0.5, treatments=4).loc["a"]
    assert plan["control"] / plan["per_treatment"] == pytest.approx(2, rel=0.01)


def test_moments_of_the_model_are_near_those_of_the_holdout():
    parts = split(load_cdnow(), "1997-09-30", "1998-06-30")
    model = LifetimeValue(BGNBD(), GammaGamma(), horizon="39W").fit(parts.calibration)
    repeat = pd.Series(
        np.where(parts.calibration["frequency"] > 0, "repeat", "once"), parts.calibration.index
    )
    predicted = predicted_moments(model, parts.calibration, parts.duration, repeat, n_simulations=60)
    expected = model.predict(parts.calibration, horizon=parts.duration, annual_discount_rate=0.0)
    observed = observed_moments(parts.holdout["spend"], expected, repeat)
    assert predicted.index.tolist() == observed.index.tolist() == ["once", "repeat", "(all)"]
    assert predicted.loc["(all)", "mean"] == pytest.approx(expected.mean(), rel=0.03)
    np.testing.assert_allclose(predicted["std"], observed["std"], rtol=0.3)
    assert predicted.loc["(all)", "explained"] == pytest.approx(observed.loc["(all)", "explained"], abs=0.2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cost": -1}, "cost is -1"),
        ({"cost": 1, "margin": 0}, "margin is 0"),
        ({"cost": 1, "treatments": 0}, "treatments is 0"),
        ({"cost": 1, "control_share": 1.0}, "control_share is 1.0"),
        ({"cost": 1, "power": 80}, "power is 80"),
        ({"cost": 1, "level": 95}, "level is 95"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        plan_test(MOMENTS, **options)


def test_a_treatment_without_cost_pays_by_any_lift_which_no_test_detects():
    plan = plan_test(MOMENTS.head(2), cost=0.0)
    assert not plan["enough"].any()
    with pytest.raises(InputError, match="lack 'std'"):
        plan_test(MOMENTS.drop(columns="std"), cost=1.0)
    with pytest.raises(InputError, match="observed_moments"):
        predicted_moments(object(), MOMENTS, 13)
