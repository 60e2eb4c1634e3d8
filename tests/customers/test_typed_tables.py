"""A table beside the purchases is read with typed columns, in the notations of people."""

import pandas as pd
import pytest

from clvml.customers._typed_tables import Unreadable, match_ids, read_typed_table
from clvml.errors import InputError

TYPES = {"who": "id", "score": "number"}


def read(tmp_path, text, name="t.csv", encoding="utf-8", **options):
    (tmp_path / name).write_text(text, encoding=encoding)
    return read_typed_table(tmp_path / name, TYPES, {"date": "date", "note": "text"}, **options)


def test_a_spreadsheet_of_half_of_europe_reads_like_any_other(tmp_path):
    found = read(tmp_path, "who;score;date\n17;4,5;31.01.2024\n18;3;01.02.2024\n", date_format="%d.%m.%Y")
    assert found.table["score"].tolist() == [4.5, 3.0]
    assert found.table["who"].tolist() == [17, 18]
    assert found.table["date"].tolist() == [pd.Timestamp("2024-01-31"), pd.Timestamp("2024-02-01")]


def test_ids_with_leading_zeros_stay_text_and_missing_cells_are_missing(tmp_path):
    found = read(tmp_path, "who,score,note\n00017,4,\n18,,late\n,5,n/a\n").table
    assert found["who"].tolist()[:2] == ["00017", "18"]
    assert found.isna().to_numpy().tolist() == [
        [False, False, True],
        [False, True, False],
        [True, False, True],
    ]


def test_unreadable_cells_are_missing_and_counted_with_an_example(tmp_path):
    found = read(tmp_path, "who,score\n1,4\n2,good\n3,5\n")
    assert found.unreadable == {"score": Unreadable(1, "good")}
    assert found.table["score"].isna().tolist() == [False, True, False]


@pytest.mark.parametrize("kind", ["csv", "parquet", "xlsx", "latin"])
def test_the_same_table_in_another_kind_of_file_is_the_same(kind, tmp_path):
    table = pd.DataFrame({"who": [1, 2], "score": [4.5, 3.0], "note": ["größer", None]})
    path = tmp_path / f"t.{'csv' if kind == 'latin' else kind}"
    writers = {"parquet": table.to_parquet, "xlsx": lambda p: table.to_excel(p, index=False)}
    csv = {"csv": "utf-8", "latin": "cp1252"}
    writers.get(kind, lambda p: table.to_csv(p, index=False, encoding=csv[kind]))(path)
    found = read_typed_table(path, TYPES, {"note": "text"}).table
    assert found["who"].tolist() == [1, 2]
    assert found["score"].tolist() == [4.5, 3.0]
    assert found["note"].tolist()[0] == "größer"
    assert pd.isna(found["note"].iloc[1])


def test_the_callers_frame_is_not_changed():
    given = pd.DataFrame({"who": ["1", "2"], "score": ["4,5", "3"]})
    before = given.copy()
    assert read_typed_table(given, TYPES).table["who"].tolist() == ["1", "2"]  # text in a frame stays text
    pd.testing.assert_frame_equal(given, before)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("who,points\n1,4\n", "has no column 'score'; it has 'who', 'points'"),
        ("who,scores\n1,4\n", "The closest is 'scores'"),
        ("who,score\n1,good\n2,bad\n", "no number in column 'score' .* such as 'good'"),
        ("who,score,date\n1,4,31.01.2024\n", "no date in column 'date' .* give date_format"),
    ],
)
def test_what_cannot_be_read_is_named(text, message, tmp_path):
    with pytest.raises(InputError, match=message):
        read(tmp_path, text)


def test_ids_match_customers_whatever_their_type():
    assert match_ids(pd.Series([7.0, 8.0]), pd.Index(["7", "8"])).tolist() == ["7", "8"]
    assert match_ids(pd.Series(["7", "b"]), pd.Index([7, 8])).isna().tolist() == [False, True]
