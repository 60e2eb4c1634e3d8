"""A survey in the run: a chapter of the report, tables, figures, and its numbers in MLflow."""

import re
import subprocess
import sys

import mlflow
import pandas as pd
import pytest

from clvml.customers import summarize
from clvml.customers._datasets import load_cdnow
from clvml.errors import InputError
from clvml.survey import made_up_survey
from clvml.workflow import load_config, run
from clvml.workflow._stage import Context
from clvml.workflow.stages import _surveying

ORDER = [
    *("selection", "sound quality", "price", "trusted name", "staff", "returns", "delivery time"),
    *("delivery reliability", "worry about payment", "effort of ordering"),
]


@pytest.fixture(scope="module")
def survey_file(tmp_path_factory):
    """Ratings of all CDNOW customers, of whom the sales have every second one."""
    customers = summarize(load_cdnow(), "1998-06-30", "W")
    path = tmp_path_factory.mktemp("survey") / "ratings.csv"
    made_up_survey(customers).ratings.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def found(sales, survey_file, tmp_path_factory):
    folder = tmp_path_factory.mktemp("survey_run")
    overrides = {
        "data.source": str(sales),
        "models.contenders": ["bgnbd_gamma_gamma"],
        "tracking.uri": f"sqlite:///{folder / 'mlflow.db'}",
        "output.folder": str(folder / "out"),
        "survey.ratings": str(survey_file),
        "survey.overall": "overall satisfaction",
        "survey.company_order": ORDER,
        "survey.improvement_costs": {"price": 20000.0, "delivery time": 5000.0},
    }
    return run(load_config(overrides=overrides))


@pytest.fixture(scope="module")
def chapter(found):
    page = (found.folder / "report.html").read_text()
    start = page.index(">What customers value</h2>")
    return page[start : page.index("<h2", start)]


def test_every_part_has_its_table_in_the_folder(found):
    names = {path.stem for path in (found.folder / "survey").glob("*.csv")}
    assert names == {
        *("delivered_value", "delivered_value_parts", "delivered_value_gaps", "delivered_value_over_time"),
        *("step_effects", "attribute_importance", "brand_performance", "brand_comparison", "priorities"),
        *("brand_comparison_by_segment", "importance_performance", "performance_over_time", "rank_gaps"),
    }
    table = pd.read_csv(found.folder / "survey" / "delivered_value.csv", index_col="brand")
    pd.testing.assert_frame_equal(table, found.tables["delivered_value"])


def test_the_chapter_has_the_words_of_a_manager_and_all_figures(chapter):
    for words in (
        "Delivered value",
        "Importance of the attributes",
        "our shop against rival A",
        "Points of difference, ahead: selection",
        "points of parity (within 0.25 points)",
        "concentrate here",
        "possible overkill",
        "Order of improvement",
        "Customers&#x27; order and the company&#x27;s",
        "Staff has fallen by",
    ):
        assert words in chapter
    assert chapter.count("data:image/png;base64,") == 7


def test_the_first_box_says_what_to_improve(found):
    page = (found.folder / "report.html").read_text()
    box = page[page.index('class="answer"') : page.index("<nav")]
    assert re.search(
        r"Improve first what customers value: delivery time \(\d+% of importance, 0\.\d\d points behind", box
    )


def test_ids_of_no_customer_are_counted_and_segments_of_the_run_are_compared(found, chapter):
    assert re.search(r"\d{3} of 943 customer ids in the ratings are not among the customers", chapter)
    names = {key[0] for key in found.tables["brand_comparison_by_segment"].index}
    members = found.segments.members
    assert names <= set(members["segment"].astype(str) + " " + members["segment_name"])


def test_the_numbers_are_in_mlflow_without_a_respondent(found):
    client = mlflow.MlflowClient(found.config.tracking.uri)
    experiment = client.get_experiment_by_name("sales_holdout")
    entry = client.search_runs([experiment.experiment_id], "tags.role = 'served'")[0]
    own = found.tables["delivered_value"].loc["our shop"]
    assert entry.data.metrics["value_diff"] == pytest.approx(own["difference"])
    assert entry.data.metrics["value_ratio"] == pytest.approx(own["ratio"])
    assert entry.data.tags["survey"].endswith("ratings.csv")
    files = {file.path for file in client.list_artifacts(entry.info.run_id, "tables")}
    assert {"tables/brand_comparison.csv", "tables/priorities.csv"} <= files
    assert not any("respondent" in (*t.columns, *t.index.names) for t in found.tables.values())


def test_the_config_of_the_folder_reads_back_with_names_of_two_words(found):
    read = load_config(found.folder / "config.toml").survey
    assert read.improvement_costs == {"price": 20000.0, "delivery time": 5000.0}
    assert read == found.config.survey


def test_ratings_within_the_output_folder_are_not_lost(tmp_path):
    (tmp_path / "out").mkdir()
    small().to_csv(tmp_path / "out" / "r.csv", index=False)
    keys = {"survey.ratings": str(tmp_path / "out" / "r.csv"), "output.folder": str(tmp_path / "out")}
    with pytest.raises(InputError, match=r"ratings"):
        run(load_config(overrides=keys))
    assert (tmp_path / "out" / "r.csv").exists()


def checked(tmp_path, table, **options):
    table.to_csv(tmp_path / "r.csv", index=False)
    keys = {f"survey.{name}": value for name, value in options.items()}
    context = Context(load_config(overrides={"survey.ratings": str(tmp_path / "r.csv"), **keys}), None)
    _surveying.check(context)
    return context[_surveying.Survey]


def small(**columns):
    rows = [(i, b, a, 3) for i in (1, 2) for b in ("ours", "rival") for a in ("quality", "price")]
    table = pd.DataFrame(rows, columns=["respondent", "brand", "attribute", "score"])
    return table.assign(**columns)


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        (small(score=9), {}, "off the scale from 1 to 5"),
        (small(), {"brand": "us"}, "brand 'us' has no ratings"),
        (small(), {"competitor": "them"}, "competitor 'them' has no ratings"),
        (small(brand="ours", respondent=range(8)), {"competitor": "them"}, "only 'ours' was rated"),
        (small(), {"kinds": {"quality": "goods"}}, "kind of attribute 'quality' is 'goods'"),
        (
            small(),
            {"company_order": ["quality", "promotion"]},
            "'price' is missing from the order of company",
        ),
        (small(), {"improvement_costs": {"taste": 3.0}}, r"\[survey\] improvement_costs names 'taste'"),
        (small(), {"parity_margin": 7.0}, "margin is 7.0"),
    ],
)
def test_an_error_in_the_survey_is_found_before_the_run(table, options, message, tmp_path):
    with pytest.raises(InputError, match=message):
        checked(tmp_path, table, **options)


def test_one_brand_and_missing_kinds_are_no_errors_of_the_config(tmp_path):
    found = checked(tmp_path, small(brand="ours", respondent=range(8)))
    assert (found.brand, found.competitor) == ("ours", None)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"survey.ratings": "nowhere.csv"}, "nowhere.csv"),
        ({"survey.brand": "ours"}, "gives brand but no table of ratings: give ratings"),
        ({"survey.raitings": "r.csv"}, "did you mean 'ratings'"),
    ],
)
def test_a_section_that_cannot_be_is_refused(overrides, message):
    with pytest.raises(InputError, match=message):
        _surveying.check(Context(load_config(overrides=overrides), None))


def test_a_run_without_a_survey_has_no_such_stage_and_imports_nothing_of_it():
    assert not _surveying.applies(load_config())
    code = (
        "import sys, clvml.workflow._run;"
        "print([name for name in sys.modules if name.startswith('clvml.survey.') or 'survey_findings' in"
        " name])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
