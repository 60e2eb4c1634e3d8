"""The page of the tables of a run lists every file and every column that a run writes, and nothing else."""

import re

import made_up_run
import pandas as pd
import pytest
import reference_tables
from pages import ROOT

STAGES = ROOT / "clvml" / "workflow" / "stages"
LISTED = reference_tables.tables()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The output of a run with every chapter of the report."""
    return made_up_run.run_with_everything(tmp_path_factory.mktemp("everything"))


@pytest.fixture(scope="module")
def written(folder):
    """The columns of each table in the folder."""
    tables = [path for path in folder.rglob("*") if path.suffix in (".csv", ".parquet")]
    return {path.relative_to(folder).as_posix(): columns_of(path) for path in tables}


def columns_of(path):
    if path.suffix == ".parquet":
        return list(pd.read_parquet(path).reset_index())
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    return [name or "row" for name in first.split(",")]


def test_every_table_of_a_run_is_on_the_page(written):
    assert sorted(set(written) - set(LISTED)) == []


def test_every_table_on_the_page_is_written_by_a_run_or_only_in_rare_cases(written):
    rare = {"treatments/treatment_budget.csv", "treatments/measured_treatments.csv"}
    assert set(LISTED) - set(written) == rare
    assert all(LISTED[path].is_optional for path in rare)


def test_every_column_is_on_the_page_and_every_column_on_the_page_is_in_its_table(written):
    complaints = [c for path, found in written.items() for c in LISTED[path].complaints(found)]
    assert complaints == []


def test_columns_are_listed_in_the_order_of_the_file(written):
    for path, found in written.items():
        listed = [name for column in LISTED[path].columns for name in column.names if name in found]
        assert listed == sorted(listed, key=found.index), path


def test_every_table_that_a_stage_names_is_on_the_page():
    stems = {path.rpartition("/")[2].partition(".")[0] for path in LISTED} | NOT_FILES
    for stage in STAGES.glob("*.py"):
        named = re.findall(r'(?:\bTable|times_table)\(\s*"(\w+)"', stage.read_text())
        assert set(named) - stems == set(), stage.name


# In the report or under another name.
NOT_FILES = {"cards", "outlook", "plans", "profile"}


def test_every_column_has_a_meaning_that_is_a_sentence():
    page = reference_tables.tables_page()
    for path, table in LISTED.items():
        assert f"\n{path}\n~" in page
        for column in table.columns:
            assert column.meaning.endswith((".", "`")), f"{path}: {column.name}"
            assert len(column.meaning) > 3


def test_a_column_that_is_missing_or_unknown_is_named():
    table = LISTED["segment_tables/worth.csv"]
    assert table.complaints(["segment", "mean", "lower", "upper", "surprise"]) == [
        "segment_tables/worth.csv: surprise is not listed",
        "segment_tables/worth.csv: name is listed, but not there",
    ]


def test_a_file_is_written_as_the_page_of_file_formats_says(folder):
    """UTF-8, a comma between cells, a point for decimals, ISO dates, empty cells for what is missing."""
    text = (folder / "customer_base" / "base_over_time.csv").read_bytes().decode("utf-8")
    assert text.splitlines()[1].startswith("1997-01-01,390,390,390,435,1.115")
    assert text.splitlines()[1].endswith(",True")
    first = (folder / "survey" / "performance_over_time.csv").read_text().splitlines()[1]
    assert first.endswith(",,,,,,,,")  # no change in the first period
