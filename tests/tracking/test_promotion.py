"""A challenger becomes champion by the rule, by hand or as the first, and the registry says why."""

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import mlflow
import pytest

import clvml
from clvml import tracking
from clvml.customers import fingerprint
from clvml.errors import TrackingError
from clvml.evaluation._model_comparison import fit_model, with_terms
from clvml.tracking._challenge import challenge, follow
from clvml.tracking._trial import Trial

STRUCTURE = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), horizon="12M", annual_discount_rate=0.1)
FORMULA = clvml.RepeatRateValue(horizon=39)  # ranks well, and misses the total by 61 %
HISTORIC = clvml.HistoricValue(horizon=39)  # misses the total by 144 %


@pytest.fixture(scope="session")
def source():
    return clvml.load_cdnow()


@pytest.fixture(scope="session")
def months(source):
    return fingerprint(source)


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory):
    """A database with MLflow's tables, which take seconds to create."""
    path = tmp_path_factory.mktemp("empty") / "mlflow.db"
    with tracking._connection.connected(f"sqlite:///{path}", create=True):
        return path


@pytest.fixture
def client(empty_store, tmp_path, monkeypatch):
    """An empty store in the current folder."""
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.chdir(tmp_path)
    return mlflow.MlflowClient(uri, uri)


@cache
def fitted(model, split, horizon=None):
    """A model fitted to the calibration period; over a horizon it is undiscounted, with a margin of 1."""
    terms = (
        (model.horizon, model.annual_discount_rate, model.margin) if horizon is None else (horizon, 0.0, 1.0)
    )
    return fit_model(with_terms(model, *terms), split.calibration, None)


@pytest.fixture
def nominate(client, cdnow_split, months):
    """Register a model fitted to all customers of a split, with the evidence of its holdout."""

    def register(model, name="clv", split=cdnow_split, months=months, **tags):
        challenger = fitted(model, split, split.duration)
        trial = Trial(split, challenger, challenger.predict(split.calibration), months)
        tags = {"model": type(model).__name__, "dataset": "cdnow", "customers": 2357, **tags}
        return challenge(logged(client, fitted(model, split)), name, tags, trial)

    return register


def logged(client, model):
    experiment = client.get_experiment_by_name("q")
    number = client.create_experiment("q") if experiment is None else experiment.experiment_id
    run = client.create_run(number)
    with tracking._connection.connected():
        return tracking.flavor.log_model(model, "model", run_id=run.info.run_id).model_uri


def champion(name="clv"):
    return tracking.resolve(f"models:/{name}@champion").version


def table(name="clv"):
    return tracking.models(name).set_index("version")


def test_the_first_is_champion_a_worse_one_is_not_and_a_better_one_replaces_it(nominate):
    first, worse, better = nominate(FORMULA), nominate(HISTORIC), nominate(STRUCTURE)
    assert (first.status, worse.status, better.status) == ("champion", "not promoted", "champion")
    assert (first.replaced, better.replaced) == (None, 1)
    assert "may not lead" in worse.why
    assert "its total misses by 143.9 %" in worse.why
    assert "judged against version 1 (its specification fitted to the calibration period)" in better.why
    assert champion() == 3
    found = table()
    assert found["status"].to_dict() == {3: "champion", 2: "not promoted", 1: "former champion"}
    assert found["aliases"].to_dict() == {3: "champion", 2: "", 1: ""}
    assert found.loc[3, "judged_against"].startswith("version 1, ")
    assert (found.loc[3, "fitted_until"], found.loc[3, "warranty_until"]) == ("1998-06-30", "1999-03-30")


def test_the_same_specification_on_the_same_data_is_a_tie_and_the_incumbent_stays(nominate):
    nominate(STRUCTURE)
    again = nominate(STRUCTURE)
    assert "(the same specification): a tie: their scores are equal" in again.why
    assert again.version.aliases == ("challenger",)
    assert again.version.tags["score_diff"] == "+0.000 (+0.000 to +0.000)"
    assert champion() == 1


def test_an_incumbent_past_its_warranty_loses_ties(nominate, source):
    early = clvml.split(source, "1997-06-30", "1997-09-30")
    late = clvml.split(source, "1997-09-30", "1998-06-30")
    assert nominate(STRUCTURE, split=early).status == "champion"
    found = nominate(STRUCTURE, split=late)
    assert found.status == "champion"
    assert "(as served): a tie" in found.why
    assert (
        "past its warranty (it was validated until 1997-12-31, and these data end on 1998-06-30)" in found.why
    )


def test_an_incumbent_that_has_not_seen_the_holdout_is_judged_as_it_is_served(nominate, source, cdnow_split):
    """Its own old fit is judged, not a new one: the difference of the two fits is what was gained."""
    nominate(STRUCTURE, split=clvml.split(source, "1997-03-31", "1997-09-30"))
    found = nominate(STRUCTURE, split=cdnow_split)
    assert found.version.tags["judged_against"] == "version 1, as served"
    assert found.version.tags["score_diff"] != "+0.000 (+0.000 to +0.000)"


def test_a_time_unit_of_its_own_changes_nothing_for_the_incumbent(nominate, source, cdnow_split):
    """Fitted in days, the incumbent predicts the same customers in days."""
    nominate(STRUCTURE, "weeks", split=clvml.split(source, "1997-03-31", "1997-09-30"))
    nominate(STRUCTURE, "days", split=clvml.split(source, "1997-03-31", "1997-09-30", time_unit="D"))
    weeks, days = (nominate(FORMULA, name, split=cdnow_split).version.tags for name in ("weeks", "days"))
    assert weeks["judged_against"] == days["judged_against"] == "version 1, as served"
    differences = [float(tags["score_diff"].split()[0]) for tags in (weeks, days)]
    assert differences[0] == pytest.approx(differences[1], abs=0.002)


def test_another_data_set_is_refused_with_the_way_out_and_the_same_log_grown_longer_is_not(nominate):
    nominate(STRUCTURE)
    found = nominate(STRUCTURE, months=fingerprint(clvml.load_cdnow("master")))
    assert found.version is None
    assert "0 of 18 common months agree" in found.sentence
    assert "version 1 (cdnow)" in found.sentence
    assert "tracking.registered_model=NAME" in found.sentence
    assert len(table()) == 1
    purchases = clvml.load_cdnow().engine.frame("SELECT customer_id, date, amount FROM used")
    shorter = clvml.read_transactions(purchases[purchases["date"] < "1998-04-20"])
    nominate(STRUCTURE, "growing", months=fingerprint(shorter))
    assert nominate(STRUCTURE, "growing").version.version == 2


def test_an_incumbent_of_an_earlier_release_is_judged_if_its_experiment_is_the_same(
    client, nominate, value_model
):
    uri = logged(client, value_model)
    for name, tags in (("known", {"experiment": "q", "fitted_until": "1998-06-30"}), ("unknown", {})):
        tracking.register(uri, name, tags=tags)
    known, unknown = nominate(FORMULA, "known"), nominate(FORMULA, "unknown")
    assert "judged against version 1 (its specification fitted to the calibration period)" in known.why
    assert unknown.status == "not promoted"
    assert "not known which data version 1 was trained on" in unknown.why


def test_an_incumbent_that_cannot_be_loaded_stays_and_the_challenger_is_registered(
    nominate,
):
    first = nominate(STRUCTURE).version
    folder = Path(
        mlflow.artifacts.download_artifacts(first.uri, tracking_uri=os.environ["MLFLOW_TRACKING_URI"])
    )
    (folder / "data" / "model.json").write_text("{}")
    found = nominate(FORMULA)
    assert found.status == "not promoted"
    assert "the incumbent cannot be judged, so it stays: " in found.why
    assert champion() == 1
    assert table().loc[2, "status"] == "challenger"


def three_champions(nominate):
    nominate(HISTORIC)
    nominate(FORMULA)
    tracking.promote("clv", 2)
    assert nominate(STRUCTURE).replaced == 2


def test_rollback_goes_back_twice_and_then_says_that_there_is_no_earlier_one(nominate):
    three_champions(nominate)
    assert tracking.rollback("clv", reason="complaints").version == 2
    assert table().loc[2, "why"] == "rolled back from version 3: complaints"
    assert tracking.rollback("clv").version == 1
    assert table()["status"].to_dict() == {3: "former champion", 2: "former champion", 1: "champion"}
    with pytest.raises(TrackingError, match=r"no earlier champion to go back to: version 1 is its first"):
        tracking.rollback("clv")
    assert champion() == 1


def test_rollback_passes_over_versions_deleted_since(client, nominate):
    three_champions(nominate)
    client.delete_model_version("clv", "2")
    assert tracking.rollback("clv").version == 1
    client.delete_model_version("clv", "1")  # the champion: its alias goes with it
    with pytest.raises(TrackingError, match="it has no champion"):
        tracking.rollback("clv")
    assert nominate(FORMULA).why == "clv had no champion"


def test_promotion_by_hand_takes_the_challenger_and_its_reason(nominate):
    nominate(STRUCTURE)
    nominate(FORMULA)
    assert tracking.promote("clv", reason="the board asked").version == 2
    found = table()
    assert found.loc[2, "why"] == "promoted by hand: the board asked"
    assert found.loc[1, "status"] == "former champion"
    with pytest.raises(TrackingError, match=r"has no challenger \(its champion is version 2\)"):
        tracking.promote("clv")
    assert tracking.promote("clv", 1).aliases == ("champion",)
    assert [tracking.rollback("clv").version for _ in range(2)] == [2, 1]  # in the order of what happened


def test_an_alias_moved_in_the_ui_is_accepted_and_rollback_knows_the_champion_before(client, nominate):
    nominate(STRUCTURE)
    nominate(FORMULA)
    client.set_registered_model_alias("clv", "champion", "2")
    found = table()
    assert found["status"].to_dict() == {2: "champion", 1: "former champion"}
    assert found.loc[2, "why"].startswith("the alias was set in MLflow")
    assert tracking.rollback("clv").version == 1
    client.delete_registered_model_alias("clv", "champion")
    assert nominate(HISTORIC).status == "champion"  # there was none


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: tracking.models("nix"), r"no registered model 'nix' \(existing: clv"),
        (lambda: tracking.promote("nix"), "no registered model 'nix'"),
        (lambda: tracking.promote("clv", 9), r"no version 9 \(existing: 1\)"),
        (lambda: tracking.rollback("nix"), "no registered model 'nix'"),
    ],
)
def test_what_does_not_exist_is_one_sentence(nominate, call, sentence):
    nominate(STRUCTURE)
    with pytest.raises(TrackingError, match=sentence):
        call()


def test_segments_are_promoted_with_their_model_or_not_at_all(client, nominate, segmenter):
    uri = logged(client, segmenter)
    results = []
    for model in (FORMULA, HISTORIC, STRUCTURE):
        found = nominate(model)
        results.append(follow(uri, "clv-segments", {}, "clv", found))
    assert [found.status for found in results] == ["champion", "not promoted", "champion"]
    assert champion("clv-segments") == 3
    tracking.rollback("clv")
    assert (champion(), champion("clv-segments")) == (1, 1)
    tracking.promote("clv", 2)
    assert (champion(), champion("clv-segments")) == (2, 2)
    with pytest.raises(TrackingError, match="clv-segments version 3 has the segments of clv version 3"):
        tracking.promote("clv-segments", 3)
    refused = nominate(STRUCTURE, months=fingerprint(clvml.load_cdnow("master")))
    assert follow(uri, "clv-segments", {}, "clv", refused).version is None


def test_a_run_killed_before_the_judgement_leaves_a_version_that_says_so(nominate, monkeypatch):
    nominate(STRUCTURE)
    with monkeypatch.context() as patch:
        patch.setattr(tracking._challenge, "judge", _killed)
        with pytest.raises(KeyboardInterrupt):
            nominate(FORMULA)
    assert champion() == 1
    assert table().loc[2, ["status", "aliases"]].tolist() == ["not judged yet", "challenger"]
    assert "its run ended before it was judged: run again, or 'clvml promote clv 2'" in table().loc[2, "why"]
    assert nominate(FORMULA).version.version == 3


def _killed(*_, **__):
    raise KeyboardInterrupt


def test_one_whose_incumbent_changed_meanwhile_is_judged_again(nominate, monkeypatch):
    """While version 2 is judged against version 1, version 3 becomes champion."""
    nominate(HISTORIC)
    judged = tracking._challenge.judge
    calls = []

    def and_meanwhile(*args, **kwargs):
        calls.append(args)
        found = judged(*args, **kwargs)
        if len(calls) == 1:
            assert nominate(STRUCTURE).replaced == 1
        return found

    monkeypatch.setattr(tracking._challenge, "judge", and_meanwhile)
    found = nominate(FORMULA)
    assert found.version.version == 2
    assert found.status == "not promoted"
    assert found.version.tags["judged_against"].startswith("version 3, ")
    assert champion() == 3


def test_a_description_by_a_person_stays_and_those_of_clvml_tell_the_champion_and_why(client, nominate):
    nominate(FORMULA)
    client.update_model_version("clv", "1", "Do not touch.")
    nominate(STRUCTURE)
    assert client.get_model_version("clv", "1").description == "Do not touch."
    second = client.get_model_version("clv", "2").description
    assert second.startswith("Champion since 2")
    assert "Judged against version 1" in second
    assert "LifetimeValue, trained on 2,357 customers of cdnow until 1998-06-30" in second
    whole = client.get_registered_model("clv").description
    assert whole.startswith("**Champion: version 2.** LifetimeValue, trained on 2,357 customers of cdnow")
    assert "Champions so far: versions 1, 2." in whole
    client.update_registered_model("clv", "Ours.")
    nominate(STRUCTURE)
    assert client.get_registered_model("clv").description == "Ours."


def test_nothing_of_a_customer_is_in_tags_or_descriptions(nominate, cdnow):
    version = nominate(STRUCTURE).version
    assert max(len(text) for text in version.tags.values()) < 1000
    assert not set(map(str, cdnow.index[:50])) & set(" ".join(version.tags.values()).split())


def test_two_processes_at_once_both_land_and_the_later_is_judged_against_the_earlier(nominate, tmp_path):
    nominate(HISTORIC)
    script = tmp_path / "register.py"
    script.write_text(PROCESS)
    processes = [
        subprocess.Popen(
            [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=300) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    found = table()
    assert list(found.index) == [3, 2, 1]
    assert sorted(found["status"]) == ["challenger", "champion", "former champion"]
    against = sorted(found["judged_against"].str.split(",").str[0])
    assert against == ["", "version 1", f"version {champion()}"]


PROCESS = """
import warnings
warnings.simplefilter("ignore")
import mlflow
import clvml
from clvml import tracking
from clvml.customers import fingerprint
from clvml.tracking._challenge import challenge
from clvml.tracking._connection import connected
from clvml.tracking._trial import Trial

source = clvml.load_cdnow()
split = clvml.split(source, "1997-09-30", "1998-06-30")
model = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), split.duration).fit(split.calibration)
trial = Trial(split, model, model.predict(split.calibration), fingerprint(source))
with connected():
    client = mlflow.MlflowClient()
    run = client.create_run(client.get_experiment_by_name("q").experiment_id)
    uri = tracking.flavor.log_model(model, "model", run_id=run.info.run_id).model_uri
print(challenge(uri, "clv", {}, trial).sentence)
"""
