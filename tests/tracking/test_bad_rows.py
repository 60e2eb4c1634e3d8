"""Rows that cannot be scored: the first is named by its number, or all are written to a file of their own."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import clvml
from clvml.errors import InputError, TimeUnitError
from clvml.scoring import _customer_files as customer_files
from clvml.tracking import flavor, score_batch
from clvml.tracking._connection import quiet

N = 40
GOOD = {"frequency": 2.0, "recency": 10.0, "T": 20.0, "monetary_value": 30.0, "channel": "web"}
# Where each rule is broken, counted from 1, and what is said of the row.
BAD = {
    3: ({"frequency": -1.0}, "frequency", "has a negative frequency"),
    6: ({"recency": 21.0}, "", r"has recency outside [0, T]"),
    7: ({"T": np.nan}, "T", "has a missing or infinite T"),
    11: ({"customer_id": None}, "customer_id", "has no customer_id"),
    14: ({"customer_id": "c1"}, "customer_id", "repeats the id of an earlier customer"),
    15: ({"monetary_value": "many"}, "monetary_value", "has a monetary_value that is not a number"),
    18: ({"frequency": 1.5}, "frequency", "has a frequency that is not a whole number"),
    19: ({"monetary_value": -5.0}, "monetary_value", "has a negative monetary_value"),
    22: ({"frequency": 2e6}, "frequency", "has a frequency above 1,000,000"),
    23: ({"frequency": 0.0}, "", "has no repeat purchase but a positive recency"),
    25: ({"channel": "moon"}, "channel", "has a channel not seen during fit"),
    26: ({"channel": None}, "channel", "has a missing or infinite channel"),
    30: ({"T": np.inf}, "T", "has a missing or infinite T"),
}


@pytest.fixture(scope="module")
def model(tmp_path_factory, cdnow):
    """A model of three channels, one of them the name NA, and its folder."""
    customers = cdnow.iloc[:300].assign(channel=["web", "shop", "NA"] * 100)
    fitted = clvml.LifetimeValue(clvml.BGNBD(covariates=["channel"]), clvml.GammaGamma(), horizon=10)
    folder = tmp_path_factory.mktemp("model") / "model"
    with quiet():  # MLflow advises an example
        flavor.save_model(fitted.fit(customers), folder)
    return folder


@pytest.fixture(autouse=True)
def _in_batches(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(customer_files, "BATCH_ROWS", 9)


def rows(bad=()):
    """Customers c1, c2, ... as rows of text and numbers; those at the places of ``bad`` break a rule."""
    table = [
        {"customer_id": f"c{place}"} | GOOD | (BAD[place][0] if place in bad else {})
        for place in range(1, N + 1)
    ]
    return pd.DataFrame(table)


def written(table, kind):
    name = f"customers.{kind}"
    if kind == "parquet":
        mixed = table["monetary_value"].map(type).eq(str).any()
        (table.astype({"monetary_value": str}) if mixed else table).to_parquet(name, index=False)
    elif kind == "csv":
        table.to_csv(name, index=False)
    else:
        table.to_excel(name, index=False)
    return name


@pytest.mark.parametrize("kind", ["parquet", "csv", "xlsx"])
def test_bad_rows_are_skipped_counted_by_rule_and_written_with_their_number(model, kind):
    bad = {
        place: rule for place, rule in BAD.items() if kind != "xlsx" or place != 30
    }  # no infinity in a cell
    source = written(rows(bad), kind)
    found = score_batch(model, source, "scores.csv", on_bad_row="skip")
    good = [place for place in range(1, N + 1) if place not in bad]
    assert found.read().index.tolist() == [f"c{place}" for place in good]
    assert found.n_scored == len(good)
    assert found.n_rejected == len(bad)
    rejected = pd.read_csv(found.rejected_path, dtype={"customer_id": str}, keep_default_na=False)
    assert found.rejected_path == Path("scores-rejected.csv")
    assert rejected["row"].tolist() == list(bad)
    assert set(rejected["file"]) == {source}
    assert rejected["column"].tolist() == [column for _, column, _ in bad.values()]
    for said, (_, _, reason) in zip(rejected["reason"], bad.values(), strict=True):
        assert said.startswith(reason)
    assert found.rejected["has a missing or infinite T"] == (1 if kind == "xlsx" else 2)


def test_what_was_corrected_in_the_file_of_rejected_rows_is_scored(model):
    score_batch(model, written(rows(BAD), "csv"), "scores.csv", on_bad_row="skip")
    rejected = pd.read_csv("scores-rejected.csv")
    assert rejected.loc[rejected["row"] == 15, "monetary_value"].tolist() == ["many"]
    right = rejected.assign(**GOOD, customer_id=[f"new{place}" for place in rejected["row"]])
    right.to_csv("corrected.csv", index=False)
    assert score_batch(model, "corrected.csv", "more.csv").n_scored == len(BAD)


@pytest.mark.parametrize("place", BAD)
def test_the_first_bad_row_stops_with_its_number_and_rule_and_leaves_nothing(model, place):
    """Also if a later row of the same batch breaks a rule that is checked before."""
    source = written(rows({place, *[later for later in BAD if later > place]}), "csv")
    with pytest.raises(InputError) as caught:
        score_batch(model, source, "scores.csv")
    assert str(caught.value).startswith(f"row {place} of customers.csv {BAD[place][2]}")
    assert "--on-bad-row skip" in str(caught.value)
    assert os.listdir() == ["customers.csv"]


def test_a_row_of_a_folder_is_named_with_its_file(model):
    Path("parts").mkdir()
    rows().iloc[:20].to_csv("parts/a.csv", index=False)
    rows(BAD).iloc[20:].to_csv("parts/b.csv", index=False)
    with pytest.raises(InputError, match=r"row 2 of parts/b\.csv has a frequency above"):
        score_batch(model, "parts", "scores.csv")


def test_no_row_is_left_without_a_word(model):
    bad = rows().assign(T=-1.0)
    with pytest.raises(InputError, match=r"no row can be scored: has a negative T \(40\)"):
        score_batch(model, written(bad, "csv"), "scores.csv", on_bad_row="skip")
    assert os.listdir() == ["customers.csv"]


def test_what_is_wrong_with_all_rows_stops_also_where_bad_ones_are_skipped(model):
    rows().drop(columns="recency").to_csv("customers.csv", index=False)
    with pytest.raises(InputError, match=r"lacks 'recency'.*monetary_value"):
        score_batch(model, "customers.csv", "scores.csv", on_bad_row="skip")
    rows().assign(T=2000.0).to_csv("customers.csv", index=False)
    with pytest.raises(TimeUnitError, match="convert"):
        score_batch(model, "customers.csv", "scores.csv", on_bad_row="skip")
    with pytest.raises(InputError, match="'stop' or 'skip'"):
        score_batch(model, "customers.csv", "scores.csv", on_bad_row="ignore")
    assert os.listdir() == ["customers.csv"]


def test_the_file_of_rejected_rows_is_not_written_over_another_one_or_the_customers(model):
    source = written(rows(BAD), "csv")
    Path("scores-rejected.csv").write_text("mine")
    with pytest.raises(InputError, match=r"scores-rejected\.csv already exists"):
        score_batch(model, source, "scores.csv", on_bad_row="skip")
    Path(source).rename("s-rejected.csv")
    with pytest.raises(InputError, match="over the customers"):
        score_batch(model, "s-rejected.csv", "s.csv", on_bad_row="skip", overwrite=True)
    score_batch(model, "s-rejected.csv", "scores.csv", on_bad_row="skip", overwrite=True)
    assert len(pd.read_csv("scores-rejected.csv")) == len(BAD)


def test_names_are_names_and_numbers_that_are_missing_are_missing(model):
    """NA is a channel and an id; in a column of numbers it is no number."""
    table = rows().assign(channel=["NA", "web"] * 20).astype({"T": object})
    table.loc[0, "customer_id"], table.loc[4, "T"] = "NA", "NA"
    found = score_batch(model, written(table, "csv"), "scores.csv", on_bad_row="skip")
    assert found.rejected == {"has a missing or infinite T": 1}
    scores = found.read()
    assert scores.index[0] == "NA"
    assert scores["clv"].loc["c3"] != scores["clv"].loc["c2"]  # of another channel, with the same history


def test_numbers_with_decimal_commas_are_read_where_that_is_said(model):
    table = rows().assign(monetary_value="1.234,50", T="20,0")
    table.to_csv("customers.csv", index=False, sep=";", decimal=",")
    with pytest.raises(InputError, match=r"row 1 .*frequency that is not a number.*'2,0'.*--decimal ,"):
        score_batch(model, "customers.csv", "scores.csv")
    found = score_batch(model, "customers.csv", "scores.csv", decimal=",").read()
    plain = rows().assign(monetary_value=1234.5)
    expected = score_batch(model, plain.set_index("customer_id"), "expected.csv").read()
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    table.assign(monetary_value="12.34").to_csv("customers.csv", index=False, sep=";", decimal=",")
    with pytest.raises(InputError, match=r"monetary_value '12\.34'"):  # neither 12.34 nor 1234
        score_batch(model, "customers.csv", "other.csv", decimal=",")
