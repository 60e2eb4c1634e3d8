"""A run from a database by its connection string: the same as from the file, and nowhere a password."""

import contextlib
import sqlite3

import pandas as pd
import pytest
from postgresql import running
from typer.testing import CliRunner

from clvml import load_cdnow, read_transactions
from clvml.__main__ import app
from clvml.errors import InputError
from clvml.workflow._config import load_config
from clvml.workflow._console import Silent
from clvml.workflow._findings import Table
from clvml.workflow._stage import Context
from clvml.workflow.stages import _reading

SECRET = "s3cret-p"


def run(folder, source, *options):
    """A run with few models, in its own folder and store."""
    store = f"sqlite:///{folder}/mlflow.db"
    command = ["run", "--transactions", source, "--output", str(folder / "out"), "--tracking-uri", store]
    few = [
        "--set",
        "models.contenders=['historic', 'bgnbd_gamma_gamma']",
        "--set",
        "experiment.name=shop",
        "--debug",
    ]
    return CliRunner().invoke(app, [*command, *few, *options])


def test_a_run_from_a_table_uses_its_rows_and_writes_its_password_nowhere(tmp_path):
    psycopg = pytest.importorskip("psycopg")
    pytest.importorskip("adbc_driver_postgresql")
    sales = load_cdnow().to_pandas()
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with running() as server:
        url = server.create("shop").replace("+psycopg", "")
        with psycopg.connect(url) as there, there.cursor() as cursor:
            cursor.execute("CREATE TABLE sales (customer_id bigint, date timestamp, amount numeric(9, 2))")
            with cursor.copy("COPY sales FROM STDIN") as copy:
                for row in sales.itertuples(index=False):
                    copy.write_row(row)
        from_table = run(tmp_path / "a", url, "--set", "data.table=sales")
        failed = run(tmp_path / "b", url, "--set", "data.table=nosuch")
    assert from_table.exit_code == 0, from_table.output
    assert failed.exit_code != 0
    assert "does not exist" in failed.output
    report = pd.read_csv(tmp_path / "a/out/data_report.csv", index_col="rule")
    assert (report["rows"]["used"], report["spend"]["used"]) == (len(sales), sales["amount"].sum().round(2))
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    shown = [output.encode() for output in (from_table.output, failed.output)]
    assert not any(SECRET.encode() in text for text in written + shown)
    assert b"postgresql://clv@127.0.0.1" in (tmp_path / "a/out/config.toml").read_bytes()


def test_a_config_keeps_the_password_for_the_run_only():
    url = "postgresql://clv:s3cret-p@db/shop"
    config = load_config(overrides={"data.source": url, "data.table": "public.sales"})
    assert config.data.source == url
    assert config.experiment.name == "public.sales_holdout"
    for text in (config.to_toml(), repr(config), str(config), str(config.model_dump()), config.data.shown):
        assert SECRET not in text
        assert "postgresql://clv@db/shop" in text


def test_a_relative_sqlite_file_is_beside_the_config(tmp_path):
    with contextlib.closing(sqlite3.connect(tmp_path / "shop.db")) as there:
        pd.DataFrame({"customer_id": ["a"], "date": ["2024-01-01"], "amount": [1.5]}).to_sql("sales", there)
    (tmp_path / "config.toml").write_text('[data]\nsource = "sqlite:///shop.db"\ntable = "sales"\n')
    data = load_config(tmp_path / "config.toml").data
    assert data.source == f"sqlite:///{tmp_path / 'shop.db'}"
    assert len(read_transactions(data.source, table=data.table)) == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--table", "nosuch"], "no such table: nosuch"),
        (["--query", "SELECT who FROM sales"], "no column 'customer_id'; it has 'who'"),
        (["--table", "sales", "--query", "SELECT 1"], "needs table or query, not both"),
        ([], "needs a table or a query"),
    ],
)
def test_a_table_or_a_query_is_named_by_an_option(tmp_path, options, said):
    with contextlib.closing(sqlite3.connect(tmp_path / "shop.db")) as there:
        pd.DataFrame({"who": ["a"], "date": ["2024-01-01"], "amount": [1.5]}).to_sql("sales", there)
    found = CliRunner().invoke(app, ["run", "--transactions", f"sqlite:///{tmp_path / 'shop.db'}", *options])
    assert found.exit_code != 0
    assert said in " ".join(found.output.split())


def test_malformed_rows_are_written_only_where_the_config_says(tmp_path):
    path, bad_rows = tmp_path / "a.csv", tmp_path / "bad.csv"
    path.write_text("customer_id,date,amount\na,2024-01-01,1.5\n=b,2024-01-01\nc,2024-01-02,2\n")
    dropped = {"data.source": str(path), "data.policy.bad_row": "drop"}
    for more in ({}, {"data.bad_rows_to": str(bad_rows)}):
        assert not bad_rows.exists()
        context = Context(load_config(overrides=dropped | more), Silent())
        report = next(each for each in _reading.find(context) if isinstance(each, Table))
        assert report.display.loc["malformed", "set_aside"] == 1
    written = pd.read_csv(bad_rows)
    assert written[["file", "line"]].to_numpy().tolist() == [[str(path), 3]]
    assert written["text"].tolist() == ["'=b,2024-01-01"]
    with pytest.raises(InputError, match="bad_rows_to, which needs"):
        load_config(overrides={"data.source": str(path), "data.bad_rows_to": str(bad_rows)})
