"""Satisfaction, complaints and loyalty in the run: a chapter of the report, tables, figures, key figures."""

import re
import subprocess
import sys

import mlflow
import numpy as np
import pandas as pd
import pytest

from clvml.customers import summarize
from clvml.customers._datasets import load_cdnow
from clvml.errors import InputError
from clvml.survey import made_up_survey
from clvml.workflow import load_config, run
from clvml.workflow._stage import Context
from clvml.workflow.stages import _satisfaction, _surveying


@pytest.fixture(scope="module")
def files(purchases, tmp_path_factory):
    """Answers and complaints of all CDNOW customers, and sales to every second one, with two more columns."""
    folder = tmp_path_factory.mktemp("voices")
    found = made_up_survey(summarize(load_cdnow(), "1998-06-30", "W"))
    found.satisfaction.to_csv(folder / "satisfaction.csv", index=False)
    found.complaints.to_csv(folder / "complaints.csv", index=False)
    rng = np.random.default_rng(0)
    home = rng.choice(["web", "shop"], purchases["customer_id"].max() + 1)
    at_home = rng.random(len(purchases)) < 0.6
    purchases.assign(
        genre=rng.choice(["rock", "jazz"], len(purchases), p=[0.9, 0.1]),
        retailer=np.where(
            at_home, home[purchases["customer_id"]], rng.choice(["web", "shop"], len(purchases))
        ),
    ).to_csv(folder / "sales.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def found(files):
    overrides = {
        "data.source": str(files / "sales.csv"),
        "models.contenders": ["bgnbd_gamma_gamma"],
        "tracking.uri": f"sqlite:///{files / 'mlflow.db'}",
        "output.folder": str(files / "out"),
        "survey.satisfaction": str(files / "satisfaction.csv"),
        "survey.complaints": str(files / "complaints.csv"),
        "survey.loyalty_columns": ["genre", "retailer"],
        "economics.targets": {"satisfaction": 0.85, "nps": -50.0, "complaint_rate": 0.05},
    }
    return run(load_config(overrides=overrides))


@pytest.fixture(scope="module")
def chapter(found):
    page = (found.folder / "report.html").read_text()
    start = page.index(">Satisfaction, complaints and loyalty</h2>")
    return page[start : page.index("<h2", start)]


def test_every_part_has_its_table_in_the_folder(found):
    names = {path.name for path in (found.folder / "satisfaction").iterdir()}
    assert names == {
        *("satisfaction_scores.csv", "satisfaction_by_stage.csv", "satisfaction_over_time.csv"),
        *("nonresponse.csv", "weighted_scores.csv", "complaint_rate.csv", "complaint_times.csv"),
        *("complaint_times_by_topic.csv", "complaint_checklist.csv", "complainers.csv"),
        *("loyalty_levels.csv", "loyalty_values.csv", "loyalty_customers.parquet"),
        *("value_by_satisfaction.csv", "satisfaction_holdout.csv", "satisfaction_in_models.csv"),
        "satisfaction_coefficients.csv",
    }


def test_the_chapter_has_the_words_of_a_manager_and_all_figures(chapter):
    for words in (
        "gave a score: 3.7",
        "are under 3",
        "Net promoter score",
        "Who answered",
        "possible opportunists",
        "a mark to look into, not a verdict",
        "complaints are open",
        "Loyal to what",
        "stay at the same retailer, where chance would give",
        "more than to genre",
        "detractors are worth",
        "predict the holdout beyond behaviour",
    ):
        assert words in chapter
    assert chapter.count("data:image/png;base64,") == 6


def test_only_customers_count_and_the_others_are_said(found, chapter):
    assert re.search(r"\d{3} who answered are not among the customers: left out", chapter)
    assert re.search(r"\d{3} who complained are not among the customers: left out", chapter)
    total = found.tables["satisfaction_scores"].loc["all"]
    assert total["answers"] == found.tables["nonresponse"].attrs["answered"]
    assert found.tables["complaint_rate"].loc["all", "customers"] == len(found.customers)


def test_the_key_figures_stand_beside_the_others_against_targets_and_over_time(found):
    card = found.tables["scorecard"]
    scores, rate = found.tables["satisfaction_scores"].loc["all"], found.tables["complaint_rate"]
    assert card.loc["satisfaction", "value"] == pytest.approx(scores["satisfied"])
    assert card.loc["nps", "value"] == pytest.approx(scores["nps"])
    assert card.loc["complaint_rate", "value"] == pytest.approx(rate.loc["all", "rate"])
    assert card.loc[["satisfaction", "nps", "complaint_rate"], "met"].tolist() == [False, True, False]
    past = found.tables["scorecard_over_time"]
    assert past["satisfaction"].iloc[-1] == pytest.approx(scores["satisfied"])
    assert past["complaint_rate"].is_monotonic_increasing
    page = (found.folder / "report.html").read_text()
    assert "Targets missed: satisfied (4 or 5 of 5), complained." in page


def test_late_complaints_are_in_the_first_box(found):
    page = (found.folder / "report.html").read_text()
    box = page[page.index('class="answer"') : page.index("<nav")]
    assert re.search(r"\d+ complaints are late \(\d+ without an answer\)", box)


def test_no_customer_is_in_mlflow_and_the_numbers_are(found):
    client = mlflow.MlflowClient(found.config.tracking.uri)
    experiment = client.get_experiment_by_name("sales_holdout")
    entry = client.search_runs([experiment.experiment_id], "tags.role = 'served'")[0]
    scores = found.tables["satisfaction_scores"].loc["all"]
    assert entry.data.metrics["nps"] == pytest.approx(scores["nps"])
    assert entry.data.metrics["sat_mean"] == pytest.approx(scores["mean"])
    assert entry.data.tags["loyalty_columns"] == "genre, retailer"
    stored = {file.path for file in client.list_artifacts(entry.info.run_id, "tables")}
    assert {"tables/satisfaction_scores.csv", "tables/loyalty_levels.csv"} <= stored
    assert not {path for path in stored if "checklist" in path or "complainers" in path}
    assert not {path for path in stored if "loyalty_customers" in path}


def test_the_config_of_the_folder_reads_back(found):
    assert load_config(found.folder / "config.toml").survey == found.config.survey


def checked(files, **options):
    keys = {f"survey.{name}": value for name, value in options.items()}
    config = load_config(overrides={"data.source": str(files / "sales.csv"), **keys})
    assert _satisfaction.applies(config)
    _satisfaction.check(Context(config, None))


@pytest.mark.parametrize(
    ("table", "key", "message"),
    [
        ({"customer_id": [1], "satisfaction": [7]}, "satisfaction", "off the scale from 1 to 5"),
        ({"customer_id": [1], "score": [4]}, "satisfaction", "no column 'satisfaction'"),
        ({"customer_id": [1], "closed": ["2024-01-01"]}, "complaints", "no column 'opened'"),
    ],
)
def test_an_error_in_a_table_is_found_before_the_run(table, key, message, files, tmp_path):
    pd.DataFrame(table).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(InputError, match=message):
        checked(files, **{key: str(tmp_path / "t.csv")})


def test_a_column_that_the_purchases_lack_is_refused_before_the_run(files):
    with pytest.raises(InputError, match=r"loyalty_columns names 'brand', which is no column of .*genre"):
        checked(files, loyalty_columns=["genre", "brand"])
    with pytest.raises(InputError, match="which is no column of cdnow"):
        _satisfaction.check(Context(load_config(overrides={"survey.loyalty_columns": ["brand"]}), None))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"survey.alarm": 0.3}, "gives alarm but no satisfaction: give satisfaction"),
        ({"survey.answer_within": 1, "survey.satisfaction": "s.csv"}, "but no complaints: give complaints"),
        ({"survey.brand": "us", "survey.satisfaction": "s.csv"}, "gives brand but no table of ratings"),
    ],
)
def test_a_key_without_its_table_is_refused(overrides, message):
    with pytest.raises(InputError, match=message):
        load_config(overrides=overrides)


def test_answers_without_ratings_are_a_survey_and_need_no_chapter_of_ratings(tmp_path):
    (tmp_path / "run.toml").write_text('[survey]\nsatisfaction = "s.csv"\nlevel = 0.9\n')
    config = load_config(tmp_path / "run.toml")
    assert _satisfaction.applies(config)
    assert not _surveying.applies(config)
    assert config.survey.satisfaction == str(tmp_path / "s.csv")


def test_answers_within_the_output_folder_are_not_lost(tmp_path):
    (tmp_path / "out").mkdir()
    pd.DataFrame({"customer_id": [1], "satisfaction": [4]}).to_csv(tmp_path / "out" / "s.csv", index=False)
    keys = {"survey.satisfaction": str(tmp_path / "out" / "s.csv"), "output.folder": str(tmp_path / "out")}
    with pytest.raises(InputError, match="answers about satisfaction"):
        run(load_config(overrides=keys))
    assert (tmp_path / "out" / "s.csv").exists()


def test_a_run_without_answers_imports_nothing_of_satisfaction():
    assert not _satisfaction.applies(load_config())
    code = (
        "import sys, clvml.workflow._run;"
        "print([name for name in sys.modules if name.startswith('clvml.survey.')"
        " or 'satisfaction_findings' in name])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
