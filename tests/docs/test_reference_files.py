"""The page of file formats says what is in the files that clvml writes."""

import json
import re

import pandas as pd
import pyarrow.parquet as pq
import pytest
import reference_tables
from command_line import command_line_in
from drifting_purchases import Shift, simulated_purchases, trained_model
from pages import ROOT

import clvml
from clvml.scoring import save_model_folder
from clvml.tracking._connection import quiet
from clvml.tracking.flavor import save_model
from clvml.workflow._manifest import Manifest

PAGE = (ROOT / "docs" / "reference" / "files.md").read_text()
ITEM = re.compile(r"^(\S.*)\n: ", re.MULTILINE)
HISTORY = {"frequency": [1, 1], "recency": [2, 20], "T": [10, 10], "monetary_value": [5, 5]}

GOOD = "1,2020-01-01,5\n" * 9
BAD = f"customer_id,date,amount\n{GOOD}2,2020-01-02,5,6\n{GOOD}"


def terms(title):
    """The names in code in the definition lists of a section."""
    section = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    return {name.rstrip("/") for item in ITEM.findall(section) for name in re.findall("`([^`]+)`", item)}


def text_of(title):
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


@pytest.fixture(scope="module")
def model_folder(value_model, cdnow, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "model"
    with quiet():
        save_model(value_model, folder, input_example=cdnow)
    return folder


@pytest.fixture
def command_line(tmp_path):
    with command_line_in(tmp_path) as run:
        yield run


def test_every_file_of_a_model_folder_is_on_the_page(model_folder):
    files = {path.relative_to(model_folder).as_posix() for path in model_folder.rglob("*") if path.is_file()}
    files = {name for name in files if not name.startswith("code/")} | {"code"}
    assert terms("A model folder") == files


def test_the_keys_of_a_model_file_and_its_format_are_on_the_page(model_folder):
    document = json.loads((model_folder / "data" / "model.json").read_text())
    for key in document:
        assert f"`{key}`" in text_of("A model folder")
    assert f"version of the format, now {document['clvml_model']})" in PAGE


def test_the_tables_of_the_main_folder_and_the_folders_of_a_run_are_those_of_the_page_of_tables():
    tops = {path.partition("/")[0] for path in reference_tables.tables()}
    rest = {"report.html", "config.toml", "figures", "model", "segments", "clvml-manifest.json"}
    assert terms("The folder of a run") == tops | rest


def test_the_keys_of_a_manifest_are_on_the_page(tmp_path):
    manifest = Manifest.start(tmp_path)
    with manifest.writing("a.csv") as path:
        path.write_text("a\n")
    keys = json.loads((tmp_path / "clvml-manifest.json").read_text()).keys()
    assert terms("The manifest") == set(keys)


def test_the_columns_and_metadata_of_a_summary_are_on_the_page(tmp_path):
    log = clvml.load_cdnow()
    clvml.summarize(log, "1997-09-30", into=tmp_path / "customers.parquet")
    clvml.split(log, "1997-09-30", "1998-06-30", into=tmp_path / "split.parquet")
    schemas = [pq.read_schema(tmp_path / name) for name in ("customers.parquet", "split.parquet")]
    assert terms("A customer summary") == set(schemas[0].names) | set(schemas[1].names)
    attrs = json.loads(schemas[0].metadata[b"PANDAS_ATTRS"])
    assert [key for key in attrs if f"`{key}`" not in text_of("A customer summary")] == []


def test_the_columns_and_metadata_of_a_store_are_on_the_page(tmp_path):
    store = clvml.TransactionStore(tmp_path / "store")
    store.add(clvml.load_cdnow())
    schema = pq.read_schema(tmp_path / "store" / "transactions-000001.parquet")
    assert terms("A store of transactions") == set(schema.names)
    facts = json.loads(schema.metadata[b"clvml.transactions"])
    assert [key for key in facts if f"`{key}`" not in text_of("A store of transactions")] == []
    assert f"`format` (now {facts['format']})" in PAGE


def test_scores_and_rejected_rows_have_the_columns_of_the_page(command_line, model_folder, tmp_path):
    pd.DataFrame(HISTORY, index=pd.Index(["=a", "b"], name="customer_id")).to_csv(tmp_path / "c.csv")
    done = command_line("score", model_folder, "c.csv", "scores.csv", "--on-bad-row", "skip", "--details")
    assert done.exit_code == 0, done.output
    header, row = (tmp_path / "scores.csv").read_text(encoding="utf-8").splitlines()
    shown = text_of("Scores")
    first, details = header.split(",")[:6], header.split(",")[6:]
    assert [name for name in first if f"`{name}`" not in shown] == []
    assert f"`{details[0]}` to `{details[-1]}`" in shown
    assert row.startswith("'=a,")
    rejected = (tmp_path / "scores-rejected.csv").read_text().splitlines()
    assert (
        rejected[0].split(",")[:5] == re.findall(r"`(\w+)`", shown[shown.index("beside `NAME`: ") + 14 :])[:5]
    )
    assert rejected[1].startswith("b,2,")


def test_a_folder_of_scores_has_the_parts_of_the_page(command_line, model_folder, tmp_path):
    pd.DataFrame(HISTORY, index=pd.Index([1, 2], name="customer_id")).head(1).to_csv(tmp_path / "c.csv")
    assert command_line("score", model_folder, "c.csv", "scores/").exit_code == 0
    assert [path.name for path in (tmp_path / "scores").iterdir()] == ["part-00000.parquet"]
    assert "`part-00000.parquet`" in PAGE


def test_a_check_writes_the_tables_and_the_keys_of_the_page(command_line, tmp_path):
    purchases = simulated_purchases(700, 2, Shift(spend=1.6))
    purchases.to_csv(tmp_path / "purchases.csv", index=False)
    model, card = trained_model(purchases)
    save_model_folder(model, tmp_path / "shop", card)
    done = command_line("check", "shop", "purchases.csv", "--output", "out", "--quiet")
    assert done.exit_code == 4, done.output
    tables = {f"tables/{path.name}": path for path in (tmp_path / "out" / "tables").iterdir()}
    listed = reference_tables.tables("check")
    assert set(tables) == set(listed)
    found = {name: path.read_text().partition("\n")[0].split(",") for name, path in tables.items()}
    assert [c for name, columns in found.items() for c in listed[name].complaints(columns)] == []
    document = json.loads((tmp_path / "out" / "check.json").read_text())
    assert [key for key in document if f"`{key}`" not in text_of("Other files")] == []


def test_assignments_and_malformed_rows_have_the_columns_of_the_page(command_line, tmp_path):
    pd.DataFrame({"customer_id": range(20), "tier": ["a", "b"] * 10}).to_csv(tmp_path / "c.csv", index=False)
    groups = ("--group", "control=0.5", "--group", "letter=0.5")
    assert command_line("assign", "c.csv", "test.csv", *groups, "--segment", "tier").exit_code == 0
    shown = text_of("Other files")
    for name in (tmp_path / "test.csv").read_text().partition("\n")[0].split(","):
        assert f"`{name}`" in shown
    (tmp_path / "bad.csv").write_text(BAD)
    read = clvml.read_transactions(tmp_path / "bad.csv", policy=clvml.TransactionPolicy(bad_row="drop"))
    assert [name for name in read.malformed_rows() if f"`{name}`" not in shown] == []
