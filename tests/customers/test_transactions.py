"""What becomes of a table of purchases: what is read, what is doubted, what is said about it."""

import datetime as dt
import decimal
import gzip
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pytest

from clvml.customers._policy import RULES
from clvml.customers._transactions import TransactionPolicy, read_transactions
from clvml.errors import InputError

ONLINE_RETAIL = Path(__file__).parents[2] / "../shared/data/online_retail/online_retail.parquet"
DIRT = """customer_id,date,amount
00017,1997-01-01,5
00018,1997-13-01,5
,19970102,3
17,1997-01-02T10:00:00+05:00,4.5
19,1997/01/03 10:00,"12,50 pcs"
20,epoch,1
21,97-01-31,1
22,1997-01-05,1_000
23,1997-01-05,inf
 nan ,1997-01-01,3
24,2999-01-01,3
25,1997-01-01,-4
26,1997-01-01,0
"""


@pytest.fixture
def sales():
    return pd.DataFrame(
        {
            "customer_id": [1, 2, 2],
            "date": pd.to_datetime(["1997-01-01", "1997-01-02", "1997-02-02"]),
            "amount": [1.0, 2.5, 3.0],
        }
    )


def write(folder, name, text, encoding="utf-8"):
    path = folder / name
    path.write_text(text, encoding=encoding)
    return path


def rows(transactions):
    return transactions.to_pandas().to_numpy().tolist()


def test_each_doubtful_row_is_set_aside_for_the_first_reason_and_counted(tmp_path):
    transactions = read_transactions(write(tmp_path, "dirt.csv", DIRT))
    reasons = (
        transactions.set_aside().groupby("reason")["customer_id"].agg(lambda ids: sorted(ids.fillna("")))
    )
    assert reasons.to_dict() == {
        "missing_customer": ["", " nan "],
        "bad_date": ["00018", "20", "21"],
        "bad_amount": ["19", "22", "23"],
        "future_date": ["24"],
        "returns": ["25"],
    }
    report = transactions.report
    assert report["set_aside"][[rule.name for rule in RULES]].tolist() == [2, 3, 3, 1, 0, 1, 0]
    assert report["rows"].to_dict() == {
        "read": 13, "missing_customer": 2, "bad_date": 3, "bad_amount": 3, "future_date": 1,
        "duplicates": 0, "returns": 1, "zero_amount": 1, "used": 3,
    }  # fmt: skip
    assert report.loc["returns", "spend"] == -4.0
    assert len(transactions) == 3


def test_what_is_set_aside_is_said_once_in_the_log(tmp_path, caplog):
    with caplog.at_level(logging.WARNING, "clvml"):
        transactions = read_transactions(write(tmp_path, "dirt.csv", DIRT))
        transactions.to_pandas()
    (record,) = caplog.records
    assert "10 of 13 rows" in record.message
    assert "3 with an unreadable date (such as '1997-13-01'" in record.message


def test_an_evening_in_new_york_is_one_day_there(tmp_path, sales):
    # In UTC its two purchases fall into two days.
    evening = pd.to_datetime(["2024-03-09 18:30", "2024-03-09 23:30", "2024-03-10 18:30"])
    local = sales.assign(customer_id=1, date=evening.tz_localize("America/New_York"))
    polars = pl.from_pandas(local.assign(date=evening)).with_columns(
        pl.col("date").dt.replace_time_zone("America/New_York")
    )
    polars.write_parquet(tmp_path / "sales.parquet")
    text = write(
        tmp_path,
        "sales.csv",
        "customer_id,date,amount\n1,2024-03-09T18:30-05:00,1\n1,2024-03-09 23:30-05,2\n"
        "1,2024-03-10T18:30:00-0400,3\n",  # daylight saving began that morning
    )
    utc = local.assign(date=local["date"].dt.tz_convert("UTC"))
    sources = [local, polars, polars.to_arrow(), tmp_path / "sales.parquet", text]
    for transactions in (
        *map(read_transactions, sources),
        read_transactions(utc, timezone="America/New_York"),
    ):
        assert transactions.to_pandas()["date"].tolist() == evening.tolist()
    assert read_transactions(utc).first_date == pd.Timestamp("2024-03-09 23:30")
    assert read_transactions(text, timezone="UTC").first_date == pd.Timestamp("2024-03-09 23:30")
    berlin = read_transactions(text, timezone="Europe/Berlin")
    assert berlin.to_pandas()["date"].dt.hour.tolist() == [0, 5, 23]


def test_dates_without_a_zone_are_the_shops_and_an_unknown_zone_is_refused(sales):
    assert read_transactions(sales, timezone="Asia/Tokyo").first_date == sales["date"].min()
    with pytest.raises(InputError, match="timezone is 'New York'; give a name of the IANA database"):
        read_transactions(sales, timezone="New York")


def test_the_calendar_that_was_used_is_said(tmp_path, sales, caplog):
    text = write(tmp_path, "a.csv", "customer_id,date,amount\n1,2024-03-09T18:30-05:00,1\n")
    berlin = sales.assign(date=sales["date"].dt.tz_localize("Europe/Berlin"))
    with caplog.at_level(logging.INFO, "clvml"):
        said = [read_transactions(text).calendar, read_transactions(text, timezone="Asia/Tokyo").calendar]
        said += [read_transactions(berlin).calendar, read_transactions(sales).calendar]
    assert said == [
        "times of purchase are local times as written, ignoring their offsets from UTC",
        "times of purchase are local times of Asia/Tokyo",
        "times of purchase are local times of Europe/Berlin",
        "",
    ]
    assert [record.message for record in caplog.records] == said[:3]


def test_numbers_of_weeks_are_dates_by_their_origin_and_unit_and_the_error_asks_for_them(tmp_path):
    path = write(tmp_path, "weeks.csv", "customer_id,date,amount\n1,6,2.8\n1,15,3.1\n1,2.5,1\n")
    with pytest.raises(InputError, match="numbers of days, weeks or months need date_unit and date_origin"):
        read_transactions(path)
    for unit, first in (("W", "2016-02-08"), ("M", "2016-06-28"), ("Q", "2017-06-28"), ("D", "2016-01-03")):
        transactions = read_transactions(path, date_unit=unit, date_origin="2015-12-28")
        assert transactions.first_date == pd.Timestamp(first)
        assert transactions.report.loc["bad_date", "rows"] == 1
    with pytest.raises(InputError, match="date_unit and date_origin go together"):
        read_transactions(path, date_unit="W")


def test_a_reversed_frame_and_every_second_row_are_read(sales):
    expected = rows(read_transactions(sales))
    assert rows(read_transactions(sales[::-1])) == expected
    assert len(read_transactions(sales[::-2])) == 2
    assert rows(read_transactions(sales[sales.columns[::-1]])) == expected


def test_a_table_without_header_and_a_wide_one_are_named_as_such(tmp_path):
    headerless = write(tmp_path, "a.csv", "761,25,2009-11-06\n861,50,2012-09-28\n")
    with pytest.raises(InputError, match="The first row looks like data"):
        read_transactions(headerless)
    wide = write(tmp_path, "b.csv", "customer,2024-01,2024-02,2024-03\n1,5,,7\n")
    with pytest.raises(InputError, match=r"one row per purchase, for example with pandas.melt"):
        read_transactions(wide)


def test_ids_of_a_csv_keep_leading_zeros_and_are_integers_without(tmp_path):
    zeros = read_transactions(
        write(tmp_path, "a.csv", "customer_id,date,amount\n00017,1997-01-01,5\n3,1997-01-01,5\n")
    )
    plain = read_transactions(
        write(tmp_path, "b.csv", "customer_id,date,amount\n17850.0,1997-01-01,5\n3,19970101,5\n")
    )
    assert zeros.to_pandas()["customer_id"].tolist() == ["00017", "3"]
    assert plain.to_pandas()["customer_id"].tolist() == [3, 17850]


def test_a_bad_cell_far_down_a_csv_is_counted(tmp_path):
    lines = ["1,1997-01-01,5"] * 25_000 + ["x,soon,many"]
    path = write(tmp_path, "a.csv", "customer_id,date,amount\n" + "\n".join(lines))
    assert read_transactions(path).report["rows"][["bad_date", "bad_amount", "used"]].tolist() == [
        1,
        1,
        25_000,
    ]


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ([17850.0, np.nan, 3.0], [3, 17850]),
        (np.array([17850, None, 3], dtype=object), [3, 17850]),
        (pd.array([17850, None, 3], dtype="Int64"), [3, 17850]),
        (pd.Categorical([17850, None, 3]), [3, 17850]),
        (["017", None, " 3 "], ["017", "3"]),
        (["17", "null", "3"], ["17", "3"]),
        (np.array(["x", None, 3], dtype=object), ["3", "x"]),
    ],
)
def test_ids_of_a_frame_keep_their_kind_whole_floats_are_integers(sales, ids, expected):
    assert read_transactions(sales.assign(customer_id=ids)).to_pandas()["customer_id"].tolist() == expected


@pytest.mark.parametrize(
    "dates",
    [
        ["1997-01-01", "1997-01-02 10:00", None],
        [19970101, 19970102, 5],
        [19970101.0, 19970102.0, np.nan],
        np.array([dt.date(1997, 1, 1), dt.datetime(1997, 1, 2, 5), None], dtype=object),
    ],
)
def test_dates_are_read_from_text_numbers_and_objects(sales, dates):
    transactions = read_transactions(sales.assign(date=dates))
    assert transactions.to_pandas()["date"].dt.strftime("%Y%m%d").tolist() == ["19970101", "19970102"]
    assert transactions.report["rows"]["bad_date"] == 1


def test_an_ambiguous_date_is_not_guessed_but_read_by_the_format_given(tmp_path):
    path = write(tmp_path, "us.csv", "customer_id,date,amount\n1,12/1/2010 8:26,5\n")
    with pytest.raises(InputError, match=r"none of the 1 rows .*'12/1/2010 8:26'; give date_format"):
        read_transactions(path)
    formats = ["%Y-%m-%d", "%m/%d/%Y %H:%M"]
    assert read_transactions(path, date_format=formats).first_date == pd.Timestamp("2010-12-01 08:26")
    with pytest.raises(InputError, match="%Q"):
        read_transactions(path, date_format="%Q")


def test_quantity_times_price_is_the_amount_and_a_negative_quantity_a_return(sales):
    basket = sales.assign(units=[2, -1, 3], each=[1.5, 0.0, "x"]).drop(columns="amount")
    transactions = read_transactions(basket, quantity="units", price="each")
    assert rows(transactions) == [[1, pd.Timestamp("1997-01-01"), 3.0]]
    assert transactions.report["set_aside"][["bad_amount", "returns"]].tolist() == [1, 1]


def test_decimals_of_a_database_are_amounts(sales):
    amounts = np.array([decimal.Decimal("1.10"), decimal.Decimal(2), None], dtype=object)
    assert read_transactions(sales.assign(amount=amounts)).to_pandas()["amount"].tolist() == [1.1, 2.0]


@pytest.mark.parametrize(("policy", "used"), [("keep", 4), ("drop", 2)])
def test_copies_are_rows_equal_in_every_column(sales, policy, used):
    twice = pd.concat([sales.iloc[[0, 0, 0]], sales.iloc[[0]].assign(amount=9.0)])
    transactions = read_transactions(twice, policy=TransactionPolicy(duplicates=policy))
    assert len(transactions) == used
    assert transactions.report.loc["duplicates", ["rows", "spend"]].tolist() == [2, 2.0]


@pytest.mark.parametrize("rule", [rule.name for rule in RULES])
def test_a_policy_of_error_refuses_what_it_names(tmp_path, rule):
    dirty = DIRT + "26,1997-01-01,0\n"
    with pytest.raises(InputError, match=rf"of 14 rows .*{rule}='error'"):
        read_transactions(write(tmp_path, "a.csv", dirty), policy=TransactionPolicy(**{rule: "error"}))


def test_a_policy_refuses_an_unknown_choice():
    with pytest.raises(InputError, match="returns is 'maybe'"):
        TransactionPolicy(returns="maybe")


def test_tomorrow_is_not_yet_but_now_is_anywhere_on_earth(sales):
    now = pd.Timestamp.now("Pacific/Kiritimati").tz_localize(None).floor("s")
    late = sales.assign(date=[now, now + pd.Timedelta(days=1), now - pd.Timedelta(days=1)])
    assert read_transactions(late).report["set_aside"]["future_date"] == 1
    assert len(read_transactions(late, policy=TransactionPolicy(future_date="keep"))) == 3


def test_every_kind_of_source_gives_the_same_rows_and_the_callers_stays_as_it_is(tmp_path, sales):
    before = sales.copy(deep=True)
    sales.to_csv(tmp_path / "sales.csv", index=False)
    sales.to_csv(tmp_path / "sales.csv.gz", index=False)
    sales.to_csv(tmp_path / "sales.tsv", index=False, sep="\t")
    sales.to_parquet(tmp_path / "sales[1].parquet")
    polars = pl.from_pandas(sales)
    frames = [polars, polars.lazy(), polars.to_arrow(), pa.RecordBatch.from_pandas(sales)]
    frames.append(pyarrow.dataset.dataset(tmp_path / "sales[1].parquet"))
    frames.append(sales.convert_dtypes(dtype_backend="pyarrow"))
    paths = [tmp_path / name for name in ("sales.csv", "sales.csv.gz", "sales.tsv", "sales[1].parquet")]
    expected = rows(read_transactions(sales))
    for source in frames + paths:
        assert rows(read_transactions(source)) == expected
    assert len(read_transactions(str(tmp_path / "*.parquet"))) == 3
    assert len(read_transactions([paths[0], paths[1]])) == 6
    pd.testing.assert_frame_equal(sales, before)


def test_columns_that_differ_in_case_only_are_told_apart(sales):
    assert len(read_transactions(sales.assign(Date="x", AMOUNT="y"))) == 3


def test_a_change_of_the_callers_frame_does_not_reach_the_transactions(sales):
    transactions = read_transactions(sales)
    sales.loc[0, "amount"] = 99.0
    assert transactions.to_pandas()["amount"].tolist() == [1.0, 2.5, 3.0]


@pytest.mark.parametrize(
    ("encoding", "name"), [("latin-1", "Windows-1252"), ("cp1252", "Windows-1252"), ("utf-16", "UTF-16")]
)
def test_a_file_in_another_encoding_is_read_and_said_so(tmp_path, caplog, encoding, name):
    path = write(
        tmp_path, "a.csv", "customer_id;date;amount\nMüller;1997-01-01;5\nMüller;1997-01-02;\n", encoding
    )
    transactions = read_transactions(path)
    assert transactions.to_pandas()["customer_id"].tolist() == ["Müller"]
    assert transactions.report["set_aside"]["bad_amount"] == 1
    assert f"read as {name}" in caplog.text


def test_amounts_that_are_no_plain_numbers_are_shown_with_the_way_out(tmp_path, caplog):
    path = write(tmp_path, "a.csv", 'customer_id,date,amount\n1,1997-01-01,5\n1,1997-01-02,"12 pcs"\n')
    read_transactions(path)
    assert "(such as '12 pcs'; write plain numbers, as in 1234.50; first in line 3)" in caplog.text


def test_a_series_is_no_table_of_transactions():
    with pytest.raises(InputError, match="a pandas Series, which is not a table"):
        read_transactions(pd.Series([1.0, 2.0]))


def test_a_short_row_misses_its_last_cells_and_a_long_one_is_refused(tmp_path):
    short = write(tmp_path, "a.csv", "customer_id,date,amount\n1,1997-01-01\n2,1997-01-01,5\n")
    assert read_transactions(short).report["set_aside"]["bad_amount"] == 1
    long = write(tmp_path, "b.csv", "customer_id,date,amount\n1,1997-01-01,1,234.50\n2,1997-01-01,5\n")
    with pytest.raises(InputError, match=r"line 2 of .*more cells than the 3 column names"):
        read_transactions(long)


def test_a_source_that_cannot_be_read_is_named(tmp_path, sales):
    empty_folder = tmp_path / "folder"
    empty_folder.mkdir()
    cases = {
        "there is no file": tmp_path / "nope.csv",
        "has no .csv": empty_folder,
        "is empty": write(tmp_path, "empty.csv", ""),
        "has columns but no rows": write(tmp_path, "head.csv", "customer_id,date,amount\n"),
        "no rows": sales.iloc[:0],
        "cannot be read": write(tmp_path, "a.parquet", "this is no parquet file at all"),
        "unsupported file type": write(tmp_path, "a.xls", "x"),
        "as an Excel workbook": write(tmp_path, "a.xlsx", "x"),
        "builtins int": 5,
        "more than once": pd.concat([sales, sales["date"]], axis=1),
    }
    for said, source in cases.items():
        with pytest.raises(InputError, match=said):
            read_transactions(source)


def test_a_damaged_gzip_is_an_input_error(tmp_path):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(DIRT.encode())[:60])
    with pytest.raises(InputError, match="cannot be read"):
        read_transactions(path)


def test_a_missing_column_is_answered_with_the_closest_name(sales):
    with pytest.raises(
        InputError, match=r"no column 'amount'; it has 'customer_id', .* The closest is 'Amount'"
    ):
        read_transactions(sales.rename(columns={"amount": "Amount"}))


@pytest.mark.parametrize(
    ("money", "said"),
    [
        ({"quantity": "q"}, "quantity is given without price"),
        ({"price": "p"}, "price is given without quantity"),
        ({"amount": "a", "quantity": "q", "price": "p"}, "both given"),
    ],
)
def test_the_amount_is_given_in_one_way(sales, money, said):
    with pytest.raises(InputError, match=said):
        read_transactions(sales, **money)


def test_nothing_usable_is_an_error_that_says_why(sales):
    with pytest.raises(
        InputError, match=r"none of the 3 rows of a pandas DataFrame .* 3 without customer id"
    ):
        read_transactions(sales.assign(customer_id=None))


def test_a_memory_limit_is_honoured_or_refused_by_name(sales):
    assert len(read_transactions(sales, memory_limit="200MB")) == 3
    with pytest.raises(InputError, match="memory_limit is 'lots'"):
        read_transactions(sales, memory_limit="lots")


def test_transactions_show_themselves(sales):
    transactions = read_transactions(sales, label="till <1>")
    assert repr(transactions) == "Transactions(3 of 3 rows used, 1997-01-01 to 1997-02-02, from till <1>)"
    assert "till &lt;1&gt;" in transactions._repr_html_()
    assert "missing_customer" in transactions._repr_html_()


@pytest.mark.skipif(not ONLINE_RETAIL.exists(), reason="../shared/data/online_retail is not here")
def test_online_retail_has_the_dirt_that_its_readers_know():
    transactions = read_transactions(
        ONLINE_RETAIL,
        customer="CustomerID",
        date="InvoiceDate",
        quantity="Quantity",
        price="UnitPrice",
        policy=TransactionPolicy(duplicates="drop"),
    )
    report = transactions.report
    # 10,624 negative quantities and the 2 negative prices.
    assert report["rows"][["read", "missing_customer", "returns", "duplicates"]].tolist() == [
        541_909, 135_080, 10_626, 5_268,
    ]  # fmt: skip
    assert report["rows"]["read"] == report["rows"]["used"] + report["set_aside"][1:].sum()
    aside = transactions.set_aside()
    assert len(aside) == report["set_aside"]["read"]
    assert (aside.loc[aside["reason"] == "returns", "Quantity"] < 0).all()
