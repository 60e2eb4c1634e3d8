"""A whole run: its stages, its files, its report, its MLflow runs."""

import contextlib
import html
import io
import re
import shutil
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.image
import mlflow
import numpy as np
import pandas as pd
import pytest

from clvml.customers import data_notices
from clvml.errors import FitWarning, InputError
from clvml.segments.grouping._relationship_course import relationship_evidence
from clvml.tracking._registry import load, resolve
from clvml.workflow._config import load_config
from clvml.workflow._console import Terminal
from clvml.workflow._findings import Figure
from clvml.workflow._run import run
from clvml.workflow.stages._segment_moves import Moves

EXPERIMENTS = Path(__file__).parents[2] / "experiments"


@pytest.fixture(scope="module")
def cdnow(tmp_path_factory):
    """The run of experiments/cdnow_holdout, without MLflow."""
    overrides = {"tracking.enabled": False, "output.folder": str(tmp_path_factory.mktemp("cdnow"))}
    return run(load_config(EXPERIMENTS / "cdnow_holdout" / "config.toml", overrides))


def test_cdnow_gives_the_published_comparison(cdnow):
    """Rows of numbers.md, to their last printed digit."""
    rows = {
        "Pareto/NBD x Gamma-Gamma": (60_449, -14.8, 29.45, 72.18, 0.445, 0.504),
        "BG/NBD x Gamma-Gamma": (59_932, -15.6, 30.41, 72.30, 0.426, 0.502),
        "MBG/NBD x Gamma-Gamma": (57_128, -19.5, 29.71, 71.95, 0.430, 0.503),
        "repeat rate x average order value": (114_396, 61.2, 43.31, 200.01, 0.480, 0.489),
        "historic": (173_116, 143.9, 61.65, 172.07, 0.393, 0.481),
        "total / T": (207_988, 193.0, 73.02, 219.19, 0.399, 0.500),
        "zero baseline": (0, -100.0, 30.11, 91.74, 0.0, 0.10),
    }
    columns = ["total", "bias_pct", "mae", "rmse", "spearman", "top10_share"]
    for name, published in rows.items():
        found = cdnow.tables["comparison"].loc[name, columns]
        half_a_digit = [0.5, 0.05, 0.005, 0.005, 0.0005, 0.0005]
        for value, expected, tolerance in zip(found, published, half_a_digit, strict=True):
            assert value == pytest.approx(expected, abs=tolerance * 1.0001), name


def test_the_notices_of_the_data_are_in_the_report_and_a_file(cdnow):
    found = pd.read_csv(cdnow.folder / "data_notices.csv", index_col="key")
    expected = pd.DataFrame(data_notices(cdnow.transactions, cdnow.split)).set_index("key")
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)
    report = (cdnow.folder / "report.html").read_text()
    for notice in found.itertuples():
        assert html.escape(notice.sentence) in report
        assert html.escape(notice.effect) in report


def test_the_scores_in_the_experiment_are_those_of_a_run_today(cdnow):
    """Written by ``clvml run experiments/cdnow_holdout/config.toml``: its comparison.csv.

    Trees may split otherwise where a rounding error decides between equal splits.
    """
    scores = pd.read_csv(EXPERIMENTS / "cdnow_holdout" / "scores.csv", index_col="model")
    scores = scores.fillna({"same_as": ""})
    pd.testing.assert_frame_equal(cdnow.tables["comparison"], scores, rtol=1e-3, atol=1e-4)
    learned = ["structure plus learning", "gradient boosting"]
    found, known = cdnow.tables["comparison"].drop(index=learned), scores.drop(index=learned)
    pd.testing.assert_frame_equal(found, known, rtol=1e-5, atol=1e-9)


def test_the_champion_is_neither_a_baseline_nor_the_twin_of_another(cdnow):
    champion = cdnow.comparison.champion
    assert champion == cdnow.comparison.verdict.leader
    assert cdnow.comparison.families[champion] == "probabilistic"
    assert {"zero", "lifetimes"}.isdisjoint(cdnow.comparison.verdict.ranked)


def test_the_verdict_is_in_the_report_the_tables_and_the_terminal_alike(cdnow):
    verdict = cdnow.comparison.verdict
    assert verdict.kind == "too close"
    page = (cdnow.folder / "report.html").read_text()
    answer = page.split('<div class="answer">')[1].split("</div>")[0]
    table = cdnow.tables["comparison"]
    leader = table.index[table["status"] == "leader"][0]
    assert f"Too close to call: any of these {len(verdict.tied)}, {leader}" in answer
    assert f"Serve {leader} (gives P(alive) and prediction intervals)" in answer
    tied = set(table.index[table["status"].isin(["leader", "within noise"])])
    assert tied >= {f"{name} x Gamma-Gamma" for name in ("BG/NBD", "MBG/NBD", "Pareto/NBD")}
    assert not tied & set(table.index[table["family"].isin(["formula", "baseline"])])
    assert table.loc["total / T", "same_as"] == "annuity, loyalty effects"
    assert cdnow.tables["verdict"].loc["migration", "status"] == "excluded"


def test_the_model_to_serve_has_seen_the_holdout_and_has_the_horizon_of_the_config(cdnow):
    model = load(cdnow.folder / "model")
    customers = pd.read_parquet(cdnow.folder / "customers.parquet")
    assert customers.attrs["time_unit"] == "W"
    assert customers["T"].max() == pytest.approx(545 / 7)  # 1997-01-01 to 1998-06-30
    assert (model.horizon, model.annual_discount_rate) == ("12M", 0.10)
    values = model.predict(customers)
    pd.testing.assert_series_equal(values, cdnow.served.values["clv"], check_exact=True)
    assert model.purchases_.params_ != cdnow.comparison.models["pareto_nbd_gamma_gamma"].purchases_.params_


def test_every_customer_of_the_observation_is_in_one_segment(cdnow):
    segments = pd.read_csv(cdnow.folder / "segments.csv", index_col="customer_id")
    assert segments.index.tolist() == cdnow.customers.index.tolist()
    profile = pd.read_csv(cdnow.folder / "segment_profile.csv", index_col="segment")
    assert segments["segment"].value_counts().sort_index().tolist() == profile["customers"].tolist()


def test_every_customer_has_a_stage_and_a_treatment_within_the_value_at_risk(cdnow):
    segments = pd.read_csv(cdnow.folder / "segments.csv", index_col="customer_id")
    told = segments[["value_class", "stage", "reason", "treatment", "what_to_do"]]
    assert told.notna().all(axis=None)
    assert (segments["budget"] <= segments["value_at_risk"]).all()
    cards = pd.read_csv(cdnow.folder / "segment_cards.csv", index_col="segment")
    assert cards["budget"].sum() == pytest.approx(segments["budget"].sum())
    assert cards["customers"].tolist() == cdnow.tables["profile"]["customers"].tolist()


def test_the_ways_to_segment_are_judged_on_the_holdout(cdnow):
    tables = {path.stem: pd.read_csv(path) for path in (cdnow.folder / "segment_tables").iterdir()}
    by_method = tables["methods_by_segment"].groupby("method")
    assert by_method["customers"].sum().tolist() == [len(cdnow.split.calibration)] * 5
    assert by_method["share_of_revenue"].sum().tolist() == pytest.approx([1.0] * 5)
    textbook = tables["textbook"].set_index("analysis")
    champion = cdnow.comparison.table.loc[cdnow.comparison.champion]
    assert textbook.loc["CLV", "bias_pct"] == pytest.approx(champion["bias_pct"])
    assert textbook.loc["CLV", "top10_share"] == pytest.approx(champion["top10_share"])


def test_who_moved_between_the_two_dates_adds_up_to_what_they_are_worth_now_and_were(cdnow):
    moves = cdnow[Moves]
    moved = moves.segments
    served, calibration = cdnow.served.model, cdnow.split.calibration
    then, now = served.predict(calibration).sum(), cdnow.served.values["clv"].sum()
    assert moved.customers.to_numpy().sum() == len(cdnow.customers)
    assert moved.moves["gained"].sum() == pytest.approx(now - then)
    assert moved.customers.columns.tolist()[0] == f"1 {cdnow.segments.segmenter.names_[0]}"
    assert 0 < moves.stability["stayed"] < 1
    assert 0 < moves.stability["refit_agreement"] <= 1


def test_where_customers_stood_then_rests_on_their_purchases_until_then(cdnow):
    calibration = cdnow.split.calibration
    then = calibration.join(relationship_evidence(cdnow.transactions, calibration))
    then = then.join(cdnow.served.model.predict_factors(calibration))
    stages = cdnow.segments.groups.assign(then)["stage"].value_counts()
    found = cdnow[Moves].stages.customers.sum(axis=1)
    assert found.to_dict() == stages.to_dict()


def test_the_early_warning_and_the_budgets_are_those_of_the_members(cdnow):
    warned, budgets = cdnow.tables["early_warning"], cdnow.tables["budgets"]
    assert warned["at_risk"].is_monotonic_decreasing
    assert "lapsed" not in set(warned["stage"])
    assert budgets.loc["(all)", "budget"] == pytest.approx(cdnow.segments.members["budget"].sum())
    assert (budgets["share_of_value_at_risk"].dropna() <= 1).all()


def test_the_folder_of_segments_is_a_model_that_mlflow_serves(cdnow):
    served = mlflow.pyfunc.load_model(str(cdnow.folder / "segments"))
    answers = served.predict(cdnow.segments.members.head(20).reset_index())
    told = ["segment", "segment_name", "value_class", "stage", "treatment"]
    expected = cdnow.segments.members[told].head(20).reset_index(drop=True)
    pd.testing.assert_frame_equal(answers[told], expected, check_dtype=False)


def test_no_figure_is_blank(cdnow):
    assert len(cdnow.figures) >= 14
    for path in cdnow.figures.values():
        assert matplotlib.image.imread(path)[..., :3].std() > 0.02, path


def test_the_report_carries_its_figures_and_asks_for_nothing_else(cdnow):
    page = (cdnow.folder / "report.html").read_text()
    shown = [
        item.finding for item in cdnow.found if isinstance(item.finding, Figure) and item.finding.in_report
    ]
    assert 14 <= len(shown) < len(cdnow.figures)
    assert page.count("data:image/png;base64,") == len(shown)
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page)
    for said in (cdnow.config.experiment.question.replace("'", "&#x27;"), "59,932", "70,976.39", "Next"):
        assert said in page


class Said(NamedTuple):
    """A run, what it printed, and its dirty purchases."""

    found: Any
    printed: str
    rows: int


@pytest.fixture(scope="module")
def dirty(purchases, tmp_path_factory):
    """A run of one formula on purchases with returns and lost dates, asked a question with markup in it."""
    folder = tmp_path_factory.mktemp("dirty")
    rows = pd.concat([purchases, purchases.head(3).assign(amount=-5.0), purchases.head(2).assign(date=None)])
    rows.to_csv(folder / "dirty.csv", index=False)
    overrides = {
        "experiment.question": "<script>alert(1)</script>",
        "data.source": str(folder / "dirty.csv"),
        "models.contenders": ["repeat_rate"],
        "tracking.enabled": False,
        "output.folder": str(folder / "out"),
    }
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        found = run(load_config(overrides=overrides), Terminal())
    return Said(found, printed.getvalue(), len(rows))


def test_text_from_outside_cannot_become_markup(dirty):
    assert "<script>" not in (dirty.found.folder / "report.html").read_text()


def test_the_default_holdout_is_the_last_third_of_the_time(dirty):
    split = dirty.found.split
    time = (split.observation_end - dirty.found.customers["first_purchase"].min()).days
    assert split.duration * 7 == pytest.approx(time / 3, abs=1)


def test_a_failing_run_does_not_mix_its_files_with_those_of_an_earlier_one(dirty, tmp_path):
    folder = Path(shutil.copytree(dirty.found.folder, tmp_path / "out"))
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    overrides = {
        "data.source": dirty.found.config.data.source,
        "models.contenders": ["historic"],
        "segments.n_segments": 1,
        "tracking.enabled": False,
        "output.folder": str(folder),
    }
    with pytest.raises(InputError):
        run(load_config(overrides=overrides))
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    names = {path.name for path in (tmp_path / "out.unfinished").iterdir()}
    assert "comparison.csv" in names
    assert names.isdisjoint({"segments.csv", "report.html", "figures"})


def test_rows_set_aside_are_counted_and_explained(dirty, purchases):
    assert f"{dirty.rows:,} rows read, {len(purchases):,} used" in dirty.printed
    assert f"excluded 5 of {dirty.rows}" in dirty.printed.replace(",", "")
    report = pd.read_csv(dirty.found.folder / "data_report.csv", index_col="rule")
    assert report.loc[["returns", "bad_date"], "set_aside"].tolist() == [3, 2]


def test_both_families_stand_in_one_experiment_and_the_champion_is_registered(sales, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    uri = f"sqlite:///{tmp_path / 'runs.db'}"
    contenders = ["bgnbd_gamma_gamma", "repeat_rate"]
    overrides = {
        "data.source": str(sales),
        "models.contenders": contenders,
        "tracking.uri": uri,
        "output.folder": str(tmp_path / "out"),
    }
    found = run(load_config(overrides=overrides))
    client = mlflow.MlflowClient(uri)
    experiment = client.get_experiment_by_name("sales_holdout")
    runs = {entry.info.run_name: entry for entry in client.search_runs([experiment.experiment_id])}
    compared = {name for name, entry in runs.items() if entry.data.tags["role"] == "compared"}
    assert compared == set(found.tables["comparison"].index)
    assert all(entry.info.status == "FINISHED" for entry in runs.values())
    for name, row in found.tables["comparison"].iterrows():
        assert runs[name].data.metrics["rmse"] == row["rmse"]
        assert runs[name].data.tags["family"] == row["family"]
    served = load("models:/sales_holdout@champion", tracking_uri=uri).predict(found.customers)
    pd.testing.assert_series_equal(served, found.served.values["clv"], check_exact=True)
    version = resolve("models:/sales_holdout-segments@champion", tracking_uri=uri)
    assert {"values", "fitted_until", "holdout_gini", "stability", "stayed"} <= set(version.tags)
    told = load("models:/sales_holdout-segments@champion", tracking_uri=uri).assign(found.segments.members)
    pd.testing.assert_frame_equal(told, found.segments.members[told.columns])
    metrics = runs["segments"].data.metrics
    assert metrics["gini"] == found.tables["methods"].loc["K-means", "gini"]


LOSSES_CASE = EXPERIMENTS.parent.parent / "shared" / "data" / "cases" / "negative_profit.csv"


def losses(random):
    """Purchases of 60 customers, a fifth of them at a loss; three customers bring only losses."""
    n = 600
    who = random.integers(0, 60, n)
    amount = np.where((random.random(n) < 0.2) | (who < 3), -random.gamma(2, 6, n), random.gamma(4, 5, n))
    when = pd.Timestamp("2020-01-01") + pd.to_timedelta(random.integers(0, 365, n), "D")
    return pd.DataFrame({"customer_id": [f"c{k}" for k in who], "date": when, "amount": amount.round(2)})


@pytest.mark.parametrize("data", ["simulated", "holdout at a loss"])
def test_a_run_on_losses_compares_formulas_and_groups_customers(data, tmp_path):
    source = LOSSES_CASE if data != "simulated" else tmp_path / "losses.csv"
    if data == "simulated":
        losses(np.random.default_rng(0)).to_csv(source, index=False)
    elif not source.exists():
        pytest.skip(f"{source} is not there")
    overrides = {
        "data.source": str(source),
        "data.policy": {"returns": "keep"},
        "models.contenders": ["bgnbd_gamma_gamma", "repeat_rate", "historic"],
        "tracking.enabled": False,
        "output.folder": str(tmp_path / "out"),
    }
    with contextlib.redirect_stdout(io.StringIO()) as printed, warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)
        found = run(load_config(overrides=overrides), Terminal())
    table = found.tables["comparison"]
    assert {"historic", "repeat rate x average order value"} <= set(table.index)
    assert table["bias_pct"].isna().all() == (data != "simulated")
    members = pd.read_csv(found.folder / "segments.csv", index_col="customer_id")
    assert len(members) == len(found.customers)
    assert (members["clv"] < 0).any()
    assert (members.loc[members["clv"] < 0, ["value_at_risk", "budget"]] == 0).all(axis=None)
    said = " ".join(printed.getvalue().split())
    assert "Use a formula, which accepts losses, or another policy for returns." in said
    assert "segments take losses as 0" in said
    assert "no figure" not in said
    assert "segments take losses as 0." in (found.folder / "report.html").read_text()
    if data == "simulated":
        assert 0 < found[Moves].stability["refit_agreement"] <= 1
