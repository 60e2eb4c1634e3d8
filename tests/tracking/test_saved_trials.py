"""The evidence of a challenger survives on disk: the store may be asked later, by another process."""

import shutil

import pandas as pd
import pytest

import clvml
from clvml.customers import fingerprint
from clvml.evaluation._model_comparison import fit_model, with_terms
from clvml.tracking._saved_trials import SavedTrial, read_trial, save_trial
from clvml.tracking._trial import AS_SERVED, REFITTED, SAME, Trial, incumbent_prediction, judge

LEARNED = clvml.RegressorValue(39.0)


@pytest.fixture(scope="module")
def trial(cdnow_split):
    model = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), 39.0).fit(cdnow_split.calibration)
    months = fingerprint(cdnow_split.transactions)
    predicted = model.predict(cdnow_split.calibration)
    return Trial.of(cdnow_split, model, predicted, months, max_bias=0.4, needs=("probability_alive",))


@pytest.fixture(scope="module")
def again(trial, tmp_path_factory):
    """The trial, written to a folder and read from its plain data."""
    folder = tmp_path_factory.mktemp("trial")
    saved = save_trial(trial, folder, lambda path: shutil.move(path, folder / path.name).name)
    assert sorted(path.name for path in folder.iterdir()) == sorted(saved.paths)
    return read_trial(SavedTrial.model_validate_json(saved.model_dump_json()), folder)


@pytest.mark.parametrize(
    ("incumbent", "fitted_until", "how"),
    [
        (clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), "12M"), "1998-06-30", SAME),
        (clvml.LifetimeValue(clvml.ParetoNBD(), clvml.GammaGamma(), "12M"), "1998-06-30", REFITTED),
        (clvml.LifetimeValue(clvml.ParetoNBD(), clvml.GammaGamma(), "12M"), "1997-09-30", AS_SERVED),
        (LEARNED, "1998-06-30", REFITTED),
    ],
)
def test_an_incumbent_is_judged_alike_with_the_evidence_read_from_disk(
    trial, again, cdnow_split, incumbent, fitted_until, how
):
    served = fit_model(with_terms(incumbent, "12M", 0.1, 0.3), cdnow_split.calibration, cdnow_split.earlier())
    found = [incumbent_prediction(each, served, fitted_until) for each in (trial, again)]
    assert [done for _, done in found] == [how, how]
    ours, read = (values for values, _ in found)
    assert read.to_numpy() == pytest.approx(ours.to_numpy(), rel=1e-9)
    reasons = [judge(each, lambda: served, fitted_until).decision for each in (trial, again)]
    assert reasons[0].difference == pytest.approx(reasons[1].difference, abs=1e-9)
    assert reasons[0].tie == reasons[1].tie


def test_a_served_model_is_judged_undiscounted_with_a_margin_of_one_over_the_holdout(trial, cdnow_split):
    plain = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), 39.0).fit(cdnow_split.calibration)
    served = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), "12M", 0.1, margin=0.3)
    served.fit(cdnow_split.calibration)
    predicted, _ = incumbent_prediction(trial, served, "1997-09-30")
    pd.testing.assert_series_equal(predicted, plain.predict(cdnow_split.calibration))


def test_no_id_of_a_customer_is_in_its_files(again, cdnow):
    for split in (again.split, again.earlier):
        assert isinstance(split.calibration.index, pd.RangeIndex)
        assert "customer_id" not in split.calibration
    assert len(again.split.calibration) == len(cdnow)
