"""Large tables of a run are written by another library, and are the same files."""

import numpy as np
import pandas as pd
import pytest

from clvml.customers.engines import _large_csv
from clvml.workflow import _output_folder
from clvml.workflow._output_folder import OutputFolder


@pytest.fixture
def table():
    """Numbers of every size, text that needs quotes, missing values, truths, dates."""
    rng = np.random.default_rng(0)
    numbers = np.concatenate(
        [10 ** rng.uniform(-300, 300, 2_000), -(10 ** rng.uniform(-6, 20, 2_000)), rng.random(2_000).round(2)]
    )
    numbers = np.append(numbers, [0.0, -0.0, 1e15, 1e16, 5e-324, np.inf, -np.inf, np.nan])
    n = len(numbers)
    texts = ["a", "b,c", 'd"e', "f\ng", " x", "NULL", "ü", None]
    days = pd.Series(pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(n) % 700, unit="D"))
    return pd.DataFrame(
        {
            "number": numbers,
            "text": pd.Series(np.resize(texts, n), dtype="str"),
            "class": pd.Categorical(np.resize(["gold", None, "iron"], n)),
            "whole": np.arange(n),
            "true": numbers > 0,
            "day": days.where(np.arange(n) % 9 > 0),
        }
    ).set_axis(pd.Index([f"id {i}" for i in range(n)], name="customer_id"))


@pytest.mark.parametrize("later", ["0 s", "90 s", "1500 ms"])
def test_a_large_table_is_written_as_pandas_writes_it(table, later, tmp_path):
    table = table.assign(day=table["day"] + pd.to_timedelta(later) * (np.arange(len(table)) % 2))
    _large_csv.write_csv(table, tmp_path / "it's large.csv")
    assert (tmp_path / "it's large.csv").read_bytes().decode() == table.to_csv(lineterminator="\n")


def test_a_table_that_is_large_enough_is_written_that_way_with_ids_escaped(table, tmp_path, monkeypatch):
    monkeypatch.setattr(_output_folder, "MANY", 10)
    written = []
    original = _output_folder.write_csv
    monkeypatch.setattr(_output_folder, "write_csv", lambda *given: written.append(given) or original(*given))
    named = table.set_axis(pd.Index([f"=id {i}" for i in range(len(table))], name="customer_id"))
    folder = OutputFolder(tmp_path / "out")
    path = folder.csv("segments.csv", named)
    folder.csv("few.csv", named.head(9))
    folder.csv("other.csv", table.rename_axis("row"))
    assert len(written) == 1
    assert pd.read_csv(path)["customer_id"].str.startswith("'=id ").all()
    folder.complete()
