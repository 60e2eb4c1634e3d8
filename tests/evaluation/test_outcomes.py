"""What customers are expected to do next: spend, purchases and who purchases, with intervals of totals."""

import numpy as np
import pandas as pd
import pytest

import clvml
from clvml.errors import InputError
from clvml.evaluation._outcomes import OUTCOMES, actual_outcomes, predicted_outcome, predicted_totals

MODELS = {
    "BG/NBD": clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), horizon=26, margin=0.4),
    "repeat rate": clvml.RepeatRateValue(horizon=26),
}


@pytest.fixture(scope="module")
def found():
    families = {"BG/NBD": "probabilistic", "repeat rate": "formula"}
    return clvml.backtest(
        clvml.load_cdnow(), MODELS, origins=2, horizon=26, families=families, n_draws=50, progress=False
    )


def test_outcomes_are_undiscounted_revenue_purchases_and_the_chance_of_any(value_model, cdnow):
    purchases = value_model.purchases_
    expected = {
        "spend": purchases.expected_purchases(cdnow, 39.0) * value_model.spend_.expected_spend(cdnow),
        "purchases": purchases.expected_purchases(cdnow, 39.0),
        "active_customers": 1 - purchases.purchase_probability(0, 39.0, cdnow),
    }
    for outcome, values in expected.items():
        found = predicted_outcome(value_model, cdnow, outcome, 39.0)
        np.testing.assert_allclose(found, values, rtol=1e-12, atol=1e-15)


def test_nobody_is_active_without_a_purchase_nor_more_than_once(cdnow_split):
    log = clvml.load_cdnow().to_pandas()
    later = log[(log["date"] > "1997-09-30") & log["customer_id"].isin(cdnow_split.holdout.index)]
    actual = actual_outcomes(cdnow_split.holdout)
    assert (actual["active_customers"] <= actual["purchases"]).all()
    assert actual["active_customers"].sum() == later["customer_id"].nunique()
    assert actual[["purchases", "spend"]].sum().tolist() == pytest.approx([1882, 70976.39], rel=1e-6)


def test_a_formula_predicts_spend_only(cdnow, found):
    model = clvml.RepeatRateValue(horizon=26).fit(cdnow)
    for outcome in ("purchases", "active_customers"):
        with pytest.raises(InputError, match=f"does not predict {outcome.replace('_', ' ')}"):
            predicted_outcome(model, cdnow, outcome, 26.0)
    table = found.expected_totals("repeat rate", model, cdnow, [26])
    assert set(table.index.get_level_values("outcome")) == {"spend"}


def test_totals_grow_with_the_horizon_and_lie_within_intervals_that_widen(found, cdnow, value_model):
    table = found.expected_totals("BG/NBD", value_model, cdnow, [6.5, 13, 26])
    assert set(table.index.get_level_values("outcome")) == set(OUTCOMES)
    assert (table["lower"] < table["value"]).all()
    assert (table["value"] < table["upper"]).all()
    for outcome in OUTCOMES:
        rows = table.loc[outcome]
        assert rows["value"].is_monotonic_increasing
        assert (rows["upper"] / rows["lower"]).is_monotonic_increasing


def test_the_spend_is_that_of_the_total_interval(found, cdnow, value_model):
    spend = found.expected_totals("BG/NBD", value_model, cdnow, [26]).loc[("spend", 26.0)]
    same = found.total_interval("BG/NBD", value_model, cdnow, horizon=26).loc["total"]
    assert spend.tolist() == pytest.approx(same[["spend", "spend_lower", "spend_upper"]].tolist())


def test_errors_of_purchases_are_those_at_the_origins(found):
    errors = []
    for comparison in found.at().values():
        model = comparison.models["BG/NBD"].purchases_
        predicted = model.expected_purchases(comparison.split.calibration, 26.0).sum()
        errors.append(float(np.log(comparison.split.holdout["purchases"].sum() / predicted)))
    calibration = found.total_calibration("BG/NBD", outcome="purchases")
    assert calibration.n_origins == len(errors) == 2
    worse = found.total_calibration("BG/NBD", outcome="purchases", typical_error=0.9)
    assert worse.model_error > calibration.model_error
    assert calibration.model_error < max(0.3, *np.abs(errors))


def test_an_unknown_outcome_is_refused(found):
    with pytest.raises(InputError, match="smiles"):
        found.total_calibration("BG/NBD", outcome="smiles")


def test_expectations_are_the_means_of_simulated_customers():
    truth = clvml.BGNBD.from_params(r=0.8, alpha=6.0, a=0.8, b=3.0, time_unit="W")
    model = clvml.LifetimeValue(truth, clvml.ConstantSpend(5.0), horizon=13)
    history = pd.DataFrame({"frequency": 2.0, "recency": 20.0, "T": 30.0}, range(500))
    history.attrs["time_unit"] = "W"
    model.purchases_, model.spend_, model.time_unit_ = truth, clvml.ConstantSpend(5.0).fit(history), "W"
    n_simulations = 400
    who, _ = truth.purchase_simulator(history)(
        np.array(truth.params_), n_simulations, 13.0, np.random.default_rng(3)
    )
    simulated = {"purchases": who.size, "active_customers": np.unique(who).size}
    for outcome, count in simulated.items():
        expected = predicted_outcome(model, history, outcome, 13.0).sum()
        assert count / n_simulations == pytest.approx(expected, rel=0.02)


def test_what_horizons_share_is_predicted_once_and_the_totals_are_the_same(cdnow, cdnow_split, monkeypatch):
    learned = clvml.LearnedCorrection("12M", margin=0.3).fit_with_earlier(
        cdnow_split.calibration, cdnow_split.earlier()
    )
    corrected = []
    correct = type(learned)._corrections
    monkeypatch.setattr(type(learned), "_corrections", lambda *args: corrected.append(1) or correct(*args))
    found = predicted_totals(learned, cdnow, ["spend", "purchases"], [13.0, 26.0])
    assert len(corrected) == 1
    for (outcome, horizon), total in found.items():
        assert total == pytest.approx(predicted_outcome(learned, cdnow, outcome, horizon).sum(), rel=1e-12)
