"""Scores come back with the ids they were asked for, and no file gives way unasked."""

import os
import subprocess
import sys
import uuid
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest

import clvml
from clvml.customers._ids import to_arrow
from clvml.customers.engines import _workbooks as workbooks
from clvml.errors import InputError, TimeUnitError
from clvml.scoring import _customer_files as customer_files
from clvml.scoring._model_file import save_model_folder
from clvml.scoring._score_files import ScoreWriter
from clvml.tracking import flavor, score_batch
from clvml.tracking._connection import quiet

N = 10
NAMES = ["NA", "na", "-nan", "nil", "1e5", "TRUE", "FALSE", "007", "7", "-"]
IDS = {
    "from 1": range(1, N + 1),
    "from 0": range(N),
    "gaps and negative": [-5, 8, 3, 90, 0, 2**53 + 1, 2**53 + 2, -(2**62), 12, 11],
    "names": NAMES,
    "leading zeros": [f"{i:05d}" for i in range(N)],
    "UUIDs": [str(uuid.UUID(int=i)) for i in range(N)],
    "days": pd.date_range("1997-01-01", periods=N),
    "times": pd.date_range("1997-01-01", periods=N, freq="7h"),
}


def customers_with(ids, n=N):
    """A summary in which every customer's value tells them apart."""
    spent = np.arange(1.0, n + 1)
    history = {
        "frequency": 1.0,
        "recency": 10.0,
        "T": 20.0,
        "monetary_value": spent,
        "total_spend": 2 * spent,
    }
    return pd.DataFrame(history, index=pd.Index(ids, name="customer_id"))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A folder with a model whose value of a customer is in proportion to the spend."""
    folder = tmp_path_factory.mktemp("model") / "model"
    save_model(clvml.RepeatRateValue(horizon=10).fit(customers_with(range(N))), folder)
    return folder


def save_model(model, folder):
    with quiet():  # MLflow advises an example
        flavor.save_model(model, folder)


@pytest.fixture(autouse=True)
def _in_three_batches(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(customer_files, "BATCH_ROWS", 4)


def expected_of(customers):
    return clvml.RepeatRateValue(horizon=10).fit(customers_with(range(N))).predict(customers).to_numpy()


@pytest.mark.parametrize("kind", IDS)
@pytest.mark.parametrize("form", ["as an index", "as a column", "of clvml", "frame"])
def test_scores_in_parquet_keep_the_ids_over_batches(model, kind, form):
    customers = customers_with(IDS[kind])
    source = "customers.parquet"
    if form == "as a column":
        customers.reset_index().to_parquet(source)
    elif form == "of clvml":
        with ScoreWriter(source) as file:
            file.write(customers)
    else:
        customers.to_parquet(source)
    scored = score_batch(model, customers if form == "frame" else source, "scores.parquet").read()
    expected = list(customers.index)
    assert scored.index.tolist() == expected
    np.testing.assert_allclose(scored["clv"], expected_of(customers), rtol=1e-12)
    back = pd.read_parquet("scores.parquet")
    assert back.index.tolist() == expected
    assert pl.read_parquet("scores.parquet")["customer_id"].to_list() == expected
    found = [row[0] for row in duckdb.sql("SELECT customer_id FROM 'scores.parquet'").fetchall()]
    assert list(pd.Index(found)) == expected


@pytest.mark.parametrize("kind", IDS)
def test_scores_in_csv_keep_the_ids_and_clvml_reads_them_as_they_were_written(model, kind):
    customers = customers_with(IDS[kind])
    customers.to_parquet("customers.parquet")
    with ScoreWriter("customers.csv") as file:
        file.write(customers)
    isoformat = isinstance(customers.index, pd.DatetimeIndex)
    written = [moment.isoformat() if isoformat else str(moment) for moment in customers.index]
    for source in ("customers.parquet", "customers.csv"):
        score_batch(model, source, "scores.csv", overwrite=True)
        back = pd.concat(customer_files.read_batches("scores.csv"))
        assert back.index.tolist() == written
        np.testing.assert_allclose(back["clv"], expected_of(customers), rtol=1e-12)
        in_file = ["'-nan" if name == "-nan" else name for name in written]  # a formula in a spreadsheet
        assert pl.read_csv("scores.csv", infer_schema=False).to_series(0).to_list() == in_file
        found = duckdb.sql("SELECT customer_id FROM read_csv('scores.csv', all_varchar = true)").fetchall()
        assert [row[0] for row in found] == in_file


@pytest.mark.parametrize("kind", IDS)
def test_scores_in_a_workbook_keep_the_ids_also_of_customers_in_one(model, kind):
    customers = customers_with(IDS[kind])
    with ScoreWriter("customers.xlsx") as file:
        file.write(customers)
    score_batch(model, "customers.xlsx", "scores.xlsx")
    back = pd.concat(customer_files.read_batches("scores.xlsx"))
    isoformat = isinstance(customers.index, pd.DatetimeIndex)
    expected = [moment.isoformat() if isoformat else str(moment) for moment in customers.index]
    assert [str(found) for found in back.index] == expected
    np.testing.assert_allclose(back["clv"], expected_of(customers), rtol=1e-12)


def test_customers_in_a_folder_are_scored_file_by_file(model):
    customers = customers_with(IDS["names"])
    Path("parts").mkdir()
    customers.iloc[:4].to_parquet("parts/a.parquet")
    customers.iloc[4:].to_parquet("parts/b.parquet")
    assert score_batch(model, "parts", "scores.csv").read().index.tolist() == NAMES


def test_a_workbook_without_room_leaves_no_file(model, monkeypatch):
    monkeypatch.setattr(workbooks, "MOST_ROWS", N)
    customers_with(IDS["names"]).to_parquet("customers.parquet")
    with pytest.raises(InputError, match=r"a sheet of an Excel workbook holds 9 rows"):
        score_batch(model, "customers.parquet", "scores.xlsx")
    assert [path.name for path in Path().iterdir()] == ["customers.parquet"]


MANY = 600_000
MANY_IDS = {
    "counting up": lambda: pd.RangeIndex(1, MANY + 1, name="customer_id"),
    "text": lambda: pd.Index([f"{place:07d}" for place in range(MANY)], name="customer_id"),
    "gaps": lambda: pd.Index(3 * np.arange(MANY)[::-1] + 2**62, name="customer_id"),
}


@pytest.mark.parametrize("form", ["parquet", "csv"])
@pytest.mark.parametrize("kind", MANY_IDS)
def test_600_000_customers_in_three_batches_keep_their_ids(model, monkeypatch, kind, form):
    """Each customer's value tells them apart: a join by id compares every one."""
    monkeypatch.setattr(customer_files, "BATCH_ROWS", 200_000)
    customers = customers_with(MANY_IDS[kind](), MANY)
    if form == "parquet":
        customers.to_parquet("customers.parquet")
    else:
        pl.from_pandas(customers.reset_index()).write_csv("customers.csv")
    assert score_batch(model, f"customers.{form}", f"scores.{form}").n_scored == MANY
    expected = pd.DataFrame({"customer_id": customers.index.astype(str), "value": expected_of(customers)})
    scores = "read_csv('scores.csv', all_varchar = true)" if form == "csv" else "'scores.parquet'"
    found = duckdb.sql(f"SELECT customer_id::VARCHAR AS customer_id, clv::DOUBLE AS clv FROM {scores}")
    joined = found.join(duckdb.from_df(expected), "customer_id").fetchnumpy()
    assert joined["clv"].size == MANY
    np.testing.assert_allclose(joined["clv"], joined["value"], rtol=1e-12)


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_a_missing_or_a_repeated_id_is_refused_also_in_another_batch(model, kind):
    ids = [f"c{i}" for i in range(N)]
    cases = {
        r"row 8 of customers\.\w+ repeats the id of an earlier customer, 'c1'": "c1",
        r"row 8 of customers\.\w+ has no customer_id\.": "",
    }
    for sentence, wrong in cases.items():
        table = customers_with([*ids[:7], wrong, *ids[8:]]).reset_index()
        table.to_csv("customers.csv", index=False)
        table.to_parquet("customers.parquet", index=False)
        with pytest.raises(InputError, match=sentence):
            score_batch(model, f"customers.{kind}", "scores.csv")
    assert not Path("scores.csv").exists()


def test_ids_that_are_categories_in_the_file_come_back_as_what_they_stand_for(model):
    customers = customers_with(pd.CategoricalIndex([f"c{i}" for i in range(N)]))
    customers.reset_index().to_parquet("customers.parquet")
    scored = score_batch(model, "customers.parquet", "scores.parquet").read()
    assert scored.index.tolist() == [f"c{i}" for i in range(N)]
    assert pl.read_parquet("scores.parquet")["customer_id"].to_list() == [f"c{i}" for i in range(N)]


def test_uuids_that_a_database_wrote_are_read_as_text(model):
    customers = customers_with([str(uuid.UUID(int=i)) for i in range(N)]).reset_index()
    duckdb.sql(
        "COPY (SELECT * REPLACE (customer_id::UUID AS customer_id) FROM customers) TO 'customers.parquet'"
    )
    assert (
        score_batch(model, "customers.parquet", "s.parquet").read().index.tolist()
        == customers["customer_id"].tolist()
    )


def test_the_customers_are_never_written_over_however_they_are_called(model, tmp_path):
    customers_with(range(N)).to_parquet("customers.parquet")
    before = Path("customers.parquet").read_bytes()
    Path("link.parquet").symlink_to("customers.parquet")
    Path("hard.parquet").hardlink_to("customers.parquet")
    (tmp_path / "sub").mkdir()
    for output in ("customers.parquet", "link.parquet", "hard.parquet", "sub/../customers.parquet"):
        for overwrite in (True, False):
            with pytest.raises(InputError, match="written over the customers"):
                score_batch(model, "customers.parquet", output, overwrite=overwrite)
    assert Path("customers.parquet").read_bytes() == before
    assert Path("link.parquet").is_symlink()


def test_another_file_gives_way_only_where_that_is_asked_for(model):
    customers_with(range(N)).to_parquet("customers.parquet")
    Path("scores.csv").write_text("mine")
    with pytest.raises(InputError, match=r"scores\.csv already exists.*--overwrite"):
        score_batch("no such model", "customers.parquet", "scores.csv")  # before the model is looked for
    assert Path("scores.csv").read_text() == "mine"
    score_batch(model, "customers.parquet", "scores.csv", overwrite=True)
    assert len(pd.read_csv("scores.csv")) == N
    assert sorted(os.listdir()) == ["customers.parquet", "scores.csv"]
    Path("folder.csv").mkdir()
    with pytest.raises(InputError, match="it is a folder"):
        score_batch(model, "customers.parquet", "folder.csv", overwrite=True)


def test_a_file_that_comes_while_scores_are_computed_is_kept():
    file = ScoreWriter("scores.csv")
    file.write(customers_with(range(N)))
    Path("scores.csv").write_text("mine")
    with pytest.raises(InputError, match="already exists"):
        file.__exit__(None, None, None)
    assert Path("scores.csv").read_text() == "mine"
    assert os.listdir() == ["scores.csv"]


KILLED = """
import os, signal, sys, pandas as pd
from clvml.scoring._score_files import ScoreWriter
file = ScoreWriter("scores.csv")
file.write(pd.DataFrame({"clv": [1.0]}, index=pd.Index([1], name="customer_id")))
print("writing", flush=True)
sys.stdin.read()
"""


def test_what_a_killed_run_left_behind_is_removed_by_the_next_and_another_run_is_left_alone(model):
    runs = [
        subprocess.Popen([sys.executable, "-c", KILLED], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    for run in runs:
        assert run.stdout.readline() == b"writing\n"
    assert len(os.listdir()) == 2
    runs[0].kill()
    runs[0].wait()
    assert len(os.listdir()) == 2
    assert not Path("scores.csv").exists()  # no half file that looks whole
    score_batch(model, customers_with(range(N)), "scores.csv")
    assert len(pd.read_csv("scores.csv")) == N
    assert len(os.listdir()) == 2  # the scores, and the file that the other run still writes
    for run in runs:
        run.kill()
        run.communicate()


def test_a_link_to_the_scores_stays_a_link(model):
    Path("real.csv").write_text("older")
    Path("latest.csv").symlink_to("real.csv")
    score_batch(model, customers_with(range(N)), "latest.csv", overwrite=True)
    assert Path("latest.csv").is_symlink()
    assert len(pd.read_csv("real.csv")) == N


@pytest.mark.parametrize("save", [save_model, save_model_folder])
def test_a_model_is_not_saved_over_what_is_in_a_folder(tmp_path, save):
    fitted = clvml.ZeroValue(horizon=3).fit(customers_with(range(N)))
    save(fitted, tmp_path / "model")
    before = {path: path.read_bytes() for path in (tmp_path / "model").rglob("*") if path.is_file()}
    with pytest.raises(InputError, match=r"already exists and will not be .*: save the model in another"):
        save(clvml.ZeroValue(horizon=4).fit(customers_with(range(N))), tmp_path / "model")
    assert {path: path.read_bytes() for path in (tmp_path / "model").rglob("*") if path.is_file()} == before
    (tmp_path / "empty").mkdir()
    save(fitted, tmp_path / "empty")
    assert sorted(os.listdir(tmp_path)) == ["empty", "model"]


def test_a_model_that_cannot_be_saved_leaves_nothing(tmp_path, monkeypatch):
    def broken(*_, **__):
        raise OSError("the disk is full")

    monkeypatch.setattr("mlflow.pyfunc.save_model", broken)
    with pytest.raises(OSError, match="full"):
        save_model(clvml.ZeroValue(horizon=3).fit(customers_with(range(N))), tmp_path / "model")
    assert os.listdir(tmp_path) == []


def test_the_time_unit_of_a_customers_file_survives_duckdb_polars_and_csv(tmp_path):
    """In Parquet it is in pandas' metadata and in a column; other programs keep the column only."""
    customers = customers_with(range(N))
    customers.attrs["time_unit"] = "D"
    pq.write_table(to_arrow(customers), tmp_path / "customers.parquet")
    duckdb.sql(f"COPY (FROM '{tmp_path / 'customers.parquet'}') TO '{tmp_path / 'duckdb.csv'}'")
    pl.read_parquet(tmp_path / "customers.parquet").write_csv(tmp_path / "polars.csv")
    weekly = clvml.RepeatRateValue(horizon=10).fit(clvml.convert_time_unit(customers, "W"))
    daily = clvml.RepeatRateValue(horizon=70).fit(customers)
    for name in ("customers.parquet", "duckdb.csv", "polars.csv"):
        batch = next(customer_files.read_batches(tmp_path / name))
        assert clvml.RepeatRateValue(horizon=10).fit(batch).time_unit_ == "D"
        assert daily.predict(batch).tolist() == daily.predict(customers.iloc[: len(batch)]).tolist()
        with pytest.raises(TimeUnitError, match=r"clvml.convert_time_unit\(customers, 'W'\)"):
            weekly.predict(batch)


def test_scores_have_no_time_unit(tmp_path, model):
    customers_with(range(N)).assign(time_unit="W").to_csv(tmp_path / "customers.csv")
    scores = score_batch(model, tmp_path / "customers.csv", tmp_path / "scores.csv")
    assert scores.n_scored == N
    assert "time_unit" not in pd.read_csv(tmp_path / "scores.csv")
