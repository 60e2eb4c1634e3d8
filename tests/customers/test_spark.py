"""Spark and DuckDB make the same customer table of the same dirt: one definition, run on both."""

import gzip
import importlib.util
import os
import re
import shutil
import sys

import dirty_logs
import naive_purchases as naive
import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import clvml
from clvml.customers import data_notices, fingerprint, load_cdnow, purchases_over_time
from clvml.customers._amounts import NumberReading
from clvml.customers._cells import OFFSET
from clvml.customers.engines import DuckDB
from clvml.errors import InputError

pytestmark = [
    pytest.mark.usefixtures("spark"),
    pytest.mark.skipif(importlib.util.find_spec("pyspark") is None, reason="pyspark is not installed"),
    pytest.mark.skipif(shutil.which("java") is None, reason="there is no Java runtime for Spark"),
    pytest.mark.filterwarnings("ignore"),  # of pyspark with the current pandas and Python
]
SETTINGS = {"spark.sql.session.timeZone": "America/New_York", "spark.sql.ansi.enabled": "false"}


def examples_of(strategy, number=150):
    """Examples of a strategy, to be run at once: each query costs Spark seconds, whatever its size."""
    found = []

    @settings(max_examples=number, deadline=None, derandomize=True, database=None, phases=[Phase.generate])
    @given(strategy)
    def collect(example):
        found.append(example)

    collect()
    return found


@pytest.fixture(scope="module")
def spark(tmp_path_factory):
    """The user's session, with settings that would change every time of purchase."""
    from pyspark.sql import SparkSession

    patch = pytest.MonkeyPatch()
    patch.setenv("PYSPARK_PYTHON", sys.executable)
    patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    patch.setenv("SPARK_LOCAL_DIRS", str(tmp_path_factory.mktemp("spark")))
    patch.setenv("PYTHONPATH", os.pathsep.join([path for path in sys.path if path]))
    builder = SparkSession.builder.master("local[2, 3]").config("spark.ui.enabled", "false")
    for name, value in SETTINGS.items():
        builder = builder.config(name, value)
    session = (
        builder.config("spark.sql.shuffle.partitions", "1")
        .config("spark.log.level", "OFF")
        .config("spark.driver.memory", "1g")
        .config("spark.sql.warehouse.dir", str(tmp_path_factory.mktemp("warehouse")))
        .getOrCreate()
    )
    yield session
    assert {name: session.conf.get(name) for name in SETTINGS} == SETTINGS
    session.stop()
    patch.undo()


@pytest.fixture(scope="module")
def engines(spark):
    from clvml.customers.engines._spark import Spark

    return DuckDB(), Spark(spark)


def answers(engines, texts, sql):
    """An expression of each text, on both engines."""
    frame = pd.DataFrame({"row": range(len(texts)), "text": pd.Series(texts, dtype="str")})
    for engine in engines:
        with engine.lend("texts", frame):
            found = engine.frame(f"SELECT row, {sql(engine)} AS answer FROM texts ORDER BY row")
        yield found["answer"].astype(object).where(found["answer"].notna(), None).tolist()


def assert_same(engines, texts, sql):
    ours, theirs = answers(engines, texts, sql)
    assert [*zip(texts, theirs, strict=True)] == [*zip(texts, ours, strict=True)]


def pieces(*parts):
    """Texts put together from one of each of several lists."""
    drawn = st.tuples(*(st.sampled_from(part) for part in parts)).map("".join)
    return [text for texts in examples_of(st.lists(drawn, max_size=12)) for text in texts]


TIMES = [
    "",
    "",
    "T10:05",
    " 0:0",
    "  24:00",
    " 24:00:00",
    "\t7:8:9.5",
    " 23:59:60",
    "T10:05:06.1234567",
    " 10",
]
ZONES = ["", "", "", "Z", "+01", "+0530", "-05:00", " +01:00", " UTC", "+1", "x", "\n"]


def test_dates_in_iso_8601_and_their_offsets_are_read_alike(engines):
    years, months, days = ["2020", "1997", "0999", "97"], ["1", "02", "12", "13"], ["5", "29", "31", "32"]
    texts = pieces(["", " ", "\t"], years, "-/.", months, "-/", days, TIMES, ZONES)
    iso = [
        "2024-02-29",
        "2023-02-29",
        "2024-03-10T02:30:00-05:00",
        "2024-11-03 05:30:00Z",
        "9999-12-31 23:59",
    ]
    texts = [text for text in [*texts, *iso] if re.match(r"\s*\d{4}[-/]", text)]
    assert_same(engines, texts, lambda engine: engine.parsed_timestamp("trim(text)"))
    assert_same(engines, texts, lambda engine: engine.without("text", OFFSET))
    zoned = [text for text in texts if text[-1:].isdigit() and ("+" in text or text.count("-") > 2)]
    for zone in ("America/New_York", "Asia/Kolkata", "+02:00"):
        assert_same(
            engines, zoned, lambda engine, zone=zone: engine.local_time(engine.parsed_instant("text"), zone)
        )


FORMATS = {
    "%d/%m/%Y": [["1", "31", "029", "0"], "/", ["1", "02", "13"], "/", ["2020", "20", "0999", "20200"]],
    "%m.%d.%y %I:%M %p": [
        *(["1", "12"], ".", ["1", "31"], ".", ["68", "69", "5"], [" ", "  "]),
        *(["0", "1", "12", "13"], ":", ["5", "60"], " ", ["AM", "pm", "p"]),
    ],
    "%d %b %Y": [["1", "30"], [" ", "  ", ""], ["Jan", "FEB", "sept"], " 2020", ["", " ", "x", "\n"]],
    "%A, %d. %B %Y": [["Monday", "friday", "Mon"], ", ", ["5", "05"], ". ", ["May", "JUNE", "jun"], " 1999"],
    "%Y%m%d": [["2020", "202"], ["1", "01", "12"], ["1", "28", "30"]],
    "%d-%m-%Y %H:%M:%S.%f": [
        *("1-2-2020 ", ["0", "23", "24"], ":", ["0", "59"]),
        *(":", ["59", "60"], ".", ["1", "123456", "1234567"]),
    ],
    "%Y-%m-%dT%H:%M:%S%z": ["2020-01-02T03:04:05", ["", "+01:00", "-0530", "+01", "Z"]],
    "%b-%y": [["Jan", "Feb"], "-", ["20", "70"]],
    "(%d)%%[%m]{%Y}": [["(1)", "1"], "%[", ["1", "2"], "]{", ["2020"], "}"],
}


@pytest.mark.parametrize("form", FORMATS)
def test_a_format_of_dates_is_read_alike(engines, form):
    """All of its texts: no example is left to chance."""
    texts = [""]
    for part in FORMATS[form]:
        texts = [text + piece for text in texts for piece in ([part] if isinstance(part, str) else part)]
    assert_same(engines, texts, lambda engine: engine.parsed_date("text", (form,)))


NUMBERS = [
    "5",
    "1234",
    "00017",
    "1,5",
    "1.5",
    "1,234.50",
    "1.234,50",
    "1 234,5",
    "1'234",
    "1\u202f234",
    "inf",
]
NUMBERS += ["Infinity", "1e5", "1E-3", "1e400", "1d", "0x10", ".5", "5.", ".", "1,250", "12,34,567.8", "٣"]


def test_amounts_in_text_are_read_alike(engines):
    signs = ["", "-", "+", "+-", "(", "$", "EUR ", "\u2212"]
    texts = pieces(["", " ", "\u00a0", "\t"], signs, NUMBERS, ["", " ", ")", "-", " €", " USD", "kr.", "%"])
    assert_same(engines, texts, lambda engine: engine.trimmed("text"))
    for decimal in ".,":
        reading = NumberReading(decimal, None, False, ("$", "€", "EUR", "USD", "kr."))
        assert_same(
            engines, texts, lambda engine, reading=reading: reading.sql(engine, engine.trimmed("text"))
        )


def test_floats_are_the_same_texts(engines):
    values = [0.0, 1.5, 1e7, 12345678.25, 1e15, 1e16, 1e-4, 1e-5, 0.001, 1e22, -2.5, 17850.0, 123456.789]
    frame = pd.DataFrame({"row": range(len(values)), "value": values})
    for engine in engines:
        with engine.lend("floats", frame):
            found = engine.frame(
                f"SELECT row, {engine.text('value', 'float')} AS text FROM floats ORDER BY row"
            )
        assert found["text"].tolist() == [repr(value) for value in values]


IDS = [
    "00017",
    "17",
    "17.0",
    "José",
    "jose\u0301",
    "客户",
    " a ",
    "\u00a0a",
    "A",
    "",
    " ",
    "nan",
    "NULL",
    "NA",
    None,
]
DAYS = [
    *map(str, pd.date_range("2023-12-25", periods=40).date),
    "2024-02-29",
    "2024-02-30",
    "31.1.2024",
    "soon",
]
MOMENTS = [
    "2024-03-10 02:30:00",
    "2024-03-10T23:59:59.999999",
    "2024-01-31T23:30:00-05:00",
    "2024-02-01Z",
    None,
]
AMOUNTS = ["12.5", "0", "0.1", "0.2", "-0.3", "-12.5", "1000", "-5", "7", "", "n/a", "inf", None]


def rows(ids, dates, amounts):
    """Rows of many examples as one table."""
    row = st.tuples(st.sampled_from(ids), st.sampled_from(dates), st.sampled_from(amounts))
    drawn = [each for example in examples_of(st.lists(row, max_size=6), 100) for each in example]
    return pd.DataFrame(drawn, columns=["customer_id", "date", "amount"])


def read_on(engine, source, options):
    """The transactions, or why they cannot be read."""
    try:
        return clvml.read_transactions(source, engine=engine, label="log", max_unreadable=1, **options), ""
    except InputError as error:
        return None, str(error)


def assert_same_frame(ours, theirs):
    pd.testing.assert_frame_equal(ours, theirs, check_exact=False, rtol=1e-12, atol=0)
    for name in {"frequency", "recency", "T", "purchases", "first_purchase", "rows"} & set(ours):
        pd.testing.assert_series_equal(ours[name], theirs[name], check_exact=True)


def assert_same_tables(source, policy, collapses=("D",), **options):
    """The report, the rows and the tables of both engines, or the same error."""
    options = {"policy": clvml.TransactionPolicy(**policy), **options}
    (ours, refused), (theirs, also) = (read_on(name, source, options) for name in ("duckdb", "spark"))
    assert also == refused
    if ours is None:
        return
    assert_same_frame(ours.report, theirs.report)
    assert_same_frame(ours.to_pandas(), theirs.to_pandas())
    assert ours.calendar == theirs.calendar
    assert fingerprint(ours) == fingerprint(theirs)
    for collapse in collapses:
        assert_same_frame(*(clvml.summarize(each, collapse=collapse) for each in (ours, theirs)))
    ends = "2024-01-20", "2024-02-28"
    mine, other = (clvml.split(each, *ends, collapse="D") for each in (ours, theirs))
    assert_same_frame(mine.calibration, other.calibration)
    assert_same_frame(mine.holdout, other.holdout)
    assert mine.counts == other.counts
    pd.testing.assert_series_equal(mine.money, other.money, rtol=1e-12)
    assert_same_frame(purchases_over_time(ours, mine), purchases_over_time(theirs, other))


@pytest.mark.parametrize(
    ("policy", "collapses"),
    [
        ({}, ("Q", "Y")),
        ({"returns": "net", "duplicates": "drop"}, ("D", "W", None)),
        ({"returns": "net_period", "zero_amount": "drop"}, ("M",)),
        ({"returns": "keep", "future_date": "keep"}, (None,)),
        ({"duplicates": "error"}, ("D",)),
    ],
    ids=["drop", "net", "net_period", "keep", "error"],
)
def test_the_tables_of_dirty_text_are_the_same(policy, collapses):
    frame = rows(IDS, DAYS + MOMENTS, AMOUNTS).astype("str")
    assert_same_tables(frame, policy, collapses)


@pytest.mark.parametrize(
    ("policy", "collapse"),
    [
        ({"returns": "net", "duplicates": "drop"}, "W"),
        ({"returns": "net_period", "zero_amount": "drop"}, None),
    ],
)
def test_spark_gives_the_table_that_the_documentation_defines(policy, collapse):
    """Many dirty logs as one, against a naive computation."""
    every_cell = dirty_logs.logs(dirty_logs.TEXT_IDS, dirty_logs.AMOUNTS | dirty_logs.FINE)
    sources, meanings = zip(*examples_of(every_cell, 12), strict=True)
    policy = clvml.TransactionPolicy(**policy)
    options = {"engine": "spark", "policy": policy, "max_unreadable": 1.0}
    transactions = clvml.read_transactions(pd.concat(sources).astype("str"), **options)
    log = naive.Log(pd.concat(meanings, ignore_index=True), policy)
    dirty_logs.check(transactions, log, (60, 80), "M", collapse)


def test_ids_of_a_csv_keep_their_zeros_and_amounts_their_comma(tmp_path):
    frame = rows(["00017", "17", "3", "0"], DAYS, ["1,5", "1.234,50", "-2,25", "0", "(3,5)", "€ 7"])
    path = tmp_path / "a [log], with blanks.csv"
    frame.to_csv(path, index=False, sep=";")
    assert_same_tables(path, {"returns": "net"})
    assert (
        "00017"
        in clvml.read_transactions(path, engine="spark", max_unreadable=1).to_pandas()["customer_id"].tolist()
    )


@pytest.mark.parametrize("timezone", [None, "Asia/Kolkata"])
def test_the_tables_of_instants_and_floats_are_the_same(timezone):
    hours = pd.date_range("2024-01-15 20:00", periods=20, freq="7h", tz="America/New_York")
    clocks = pd.date_range("2024-03-09 20:00", periods=12, freq="h", tz="America/New_York")  # one is skipped
    amounts = [1.1, 2.2, 0.0, -1.1, -3.3, np.nan, np.inf, 1e14, 123456789.12]
    frame = rows([1.0, 2.0, 3.0, np.nan, np.inf], [*hours, *clocks], amounts)
    assert_same_tables(frame, {"returns": "net"}, (None, "D"), timezone=timezone)


def test_cdnow_on_spark_is_cdnow(spark):
    ours = load_cdnow()
    table = spark.createDataFrame(ours.to_pandas().assign(date=lambda rows: rows["date"].dt.date))
    theirs = clvml.read_transactions(table)
    assert repr(theirs) == repr(ours).replace(ours.source, "a Spark DataFrame")
    mine, other = (clvml.split(each, "1997-09-30") for each in (ours, theirs))
    pd.testing.assert_frame_equal(mine.calibration, other.calibration, check_exact=True)
    assert data_notices(ours, mine) == data_notices(theirs, other)


def test_a_table_of_the_catalog_is_read_by_name_and_stays_cached(spark):
    rows = "VALUES ('a', DATE'2024-01-01', 5.0, 'x'), ('A', DATE'2024-01-02', 7.0, 'y')"
    rows += " AS t(id, `the day`, `a.b`, z)"
    table = spark.sql(f"SELECT * FROM {rows}").cache()
    table.createOrReplaceTempView("sales")
    for source in ("sales", table):
        found = clvml.read_transactions(
            source, engine="spark", customer="id", date="the day", amount="a.b", category="z"
        ).to_pandas()
        assert found["customer_id"].tolist() == ["A", "a"]
    assert table.storageLevel.useMemory
    table.unpersist()
    spark.catalog.dropTempView("sales")


def test_a_summary_is_written_as_parquet_and_histories_are_counted(tmp_path):
    rows = load_cdnow().to_pandas()
    ours, theirs = clvml.read_transactions(rows), clvml.read_transactions(rows, engine="spark")
    mine = clvml.summarize(ours, into=tmp_path / "0.parquet")
    other = clvml.summarize(theirs, into=tmp_path / "1.parquet")
    assert len(mine) == len(other) == 2357
    pd.testing.assert_frame_equal(mine.to_pandas(), other.to_pandas(), check_exact=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.parquet", "1.parquet"]
    pd.testing.assert_frame_equal(*(clvml.count_histories(each) for each in (ours, theirs)), check_exact=True)


def test_instants_without_a_stated_zone_are_those_that_the_session_shows(spark):
    table = spark.sql("SELECT 'a' AS customer_id, TIMESTAMP_LTZ'2024-01-01 03:00:00Z' AS date, 1 AS amount")
    assert clvml.read_transactions(table).first_date == pd.Timestamp("2023-12-31 22:00")
    assert clvml.read_transactions(table, timezone="UTC").first_date == pd.Timestamp("2024-01-01 03:00")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"engine": "flink"}, "must be 'duckdb' or 'spark'"),
        ({"engine": "spark", "memory_limit": "2GB"}, "spark.executor.memory"),
        ({"engine": "spark", "date_format": "%d/%W/%Y"}, "'%W'"),
        ({"engine": "spark", "customer": "who"}, "has no column 'who'"),
    ],
)
def test_what_spark_cannot_do_is_an_error_in_words(options, words):
    sales = pd.DataFrame({"customer_id": ["a"], "date": ["2024-01-01"], "amount": [1.0]})
    with pytest.raises(InputError, match=words):
        clvml.read_transactions(sales, **options)


def test_a_csv_with_a_cell_too_many_is_an_error_that_names_the_file_and_the_line(tmp_path):
    path = tmp_path / "37.csv"
    path.write_text("customer_id,date,amount\na,2024-01-01,5\nSECRET,2024-01-02,7,8\n")
    with pytest.raises(InputError, match="cannot be read with Spark") as caught:
        clvml.read_transactions(path, engine="spark")
    assert "SECRET" not in str(caught.value)
    assert "37.csv" in str(caught.value)
    assert "line 3 has more cells than the 3 column names" in str(caught.value)


CELLS = [
    *[
        "a",
        "",
        "2024-01-05",
        "5",
        " x ",
        '"b,c"',
        '"d""e"',
        '""',
        ' "f" ',
        '"g" "h"',
        'i"j',
        '"k"l',
        '"m"n"o',
    ],
    *["'p", "\\", '"q\\"', "2024-02-30", "7,", "Ü"],
]
DROPPED = clvml.TransactionPolicy(bad_row="drop")


def csv_lines(delimiter):
    """Lines of a CSV file: some right, then some with too many or too few cells, or misplaced quotes."""
    cells = st.lists(st.sampled_from(CELLS), min_size=1, max_size=5).map(delimiter.join)
    given = [line for lines in examples_of(st.lists(cells, max_size=4), 60) for line in lines]
    header = [delimiter.join(["customer_id", "date", "amount"])]
    right = [delimiter.join([f"c{i}", f"2024-01-{i % 28 + 1:02}", f"{i}.5"]) for i in range(60)]
    return [*header, *right, *given, "", header[0]]


def without_malformed(source, engine):
    found = clvml.read_transactions(source, policy=DROPPED, max_unreadable=1, engine=engine)
    return found.report, found.malformed_rows(), found.to_pandas(), found.set_aside()["reason"].value_counts()


def test_malformed_rows_are_set_aside_as_on_duckdb(tmp_path):
    (tmp_path / "1 [é].csv").write_text("\n".join(csv_lines(",")), encoding="utf-8")
    (tmp_path / "2.csv").write_text("\r\n".join(csv_lines(";")), encoding="utf-8", newline="")
    (tmp_path / "3.csv.gz").write_bytes(gzip.compress(b"amount,date,customer_id\n5,2024-01-09,z\n4\n"))
    (report, malformed, rows, reasons), theirs = (
        without_malformed(tmp_path, engine) for engine in ("duckdb", "spark")
    )
    assert report.loc["bad_row", "rows"] == len(malformed) > 100
    assert malformed["reason"].str.extract("^(more|fewer|a quote)")[0].value_counts().min() > 5
    pd.testing.assert_frame_equal(theirs[0], report)
    pd.testing.assert_frame_equal(theirs[1], malformed, check_dtype=False)
    pd.testing.assert_frame_equal(theirs[2], rows)
    assert theirs[3].to_dict() == reasons.to_dict()


def test_malformed_rows_beside_cells_with_line_breaks_are_named_by_line(tmp_path, caplog):
    right = "".join(f"c{i},2024-01-{i % 28 + 1:02},{i}.5\n" for i in range(60))
    text = 'a,2024\n"b\nb",2024-01-05,5\n"x"y,1,2\n\n"d\n\nd",2024-01-06,"7"\n1,2,3,4\n'
    path = tmp_path / "a.csv"
    path.write_text(("customer_id,date,amount\n" + right + text + right).replace("\n", "\r\n"), newline="")
    theirs, ours = (without_malformed(path, engine) for engine in ("spark", "duckdb"))
    assert theirs[1]["line"].tolist() == [62, 65, 70]  # as an editor counts them
    assert "line 62 of" in caplog.text
    assert theirs[1].drop(columns="line").equals(ours[1].drop(columns="line"))
    pd.testing.assert_frame_equal(theirs[0], ours[0])
    pd.testing.assert_frame_equal(theirs[2], ours[2])


@pytest.mark.parametrize("row", ['a,2024-01-01,"5', '"a\nb"x,2024-01-01,5', '"a\nb",2024-01-01'])
def test_a_malformed_row_that_hides_others_is_refused(tmp_path, row):
    path = tmp_path / "a.csv"
    path.write_text("customer_id,date,amount\n" + "b,2024-01-01,5\n" * 60 + row + "\nc,2024-01-02,4\n")
    with pytest.raises(InputError, match=r"line 62 of .*a\.csv is malformed and hides the rows after it"):
        without_malformed(path, "spark")


class FailsOnce:
    """A model that fails on its first batch in an executor, as one that is lost."""

    def __init__(self, model, marker):
        self.__dict__.update(model.__dict__)
        self._model, self._marker = model, marker

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._model, name)

    def predict_factors(self, *args, **options):
        from pyspark import TaskContext

        if TaskContext.get() is not None and not self._marker.exists():
            self._marker.touch()
            raise ConnectionError("the executor is lost")
        return self._model.predict_factors(*args, **options)


@pytest.mark.parametrize("fails", [False, True])
def test_customers_are_scored_where_they_are_to_the_last_bit(spark, cdnow, value_model, tmp_path, fails):
    frame = cdnow.iloc[:100].reset_index().astype({"customer_id": str})
    frame["customer_id"] = "000" + frame["customer_id"]
    table = spark.createDataFrame(frame.drop(columns="first_purchase")).repartition(3)
    model = FailsOnce(value_model, tmp_path / "failed") if fails else value_model
    clvml.scoring.score_spark(model, table, {"horizon": 26.0}).write.parquet(str(tmp_path / "scores"))
    assert (tmp_path / "failed").exists() == fails
    found = pd.read_parquet(tmp_path / "scores").set_index("customer_id").loc[frame["customer_id"]]
    expected = clvml.scoring.score(value_model, cdnow.iloc[:100], {"horizon": 26.0})
    assert list(found) == list(expected)
    np.testing.assert_array_equal(found.to_numpy(), expected.to_numpy())


def test_customers_without_ids_are_refused(spark, value_model):
    with pytest.raises(InputError, match="withColumnRenamed"):
        clvml.scoring.score_spark(value_model, spark.sql("SELECT 1.0 AS frequency"))


def test_spark_reads_counts_and_scores_as_duckdb_does_from_end_to_end(spark, tmp_path):
    path = tmp_path / "purchases.parquet"
    load_cdnow().to_pandas().to_parquet(path)
    totals = {}
    for engine in ("spark", "duckdb"):
        transactions = clvml.read_transactions(path, engine=engine)
        stored = clvml.summarize(transactions, into=tmp_path / f"{engine}.parquet")
        histories = clvml.count_histories(transactions)
        model = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), horizon=26.0)
        model.fit(tmp_path / f"{engine}.parquet")
        counted = clvml.BGNBD().fit(histories, weights=histories["n_customers"])
        assert counted.params_ == pytest.approx(model.purchases_.params_, rel=1e-6)
        if engine == "spark":
            table = spark.read.parquet(str(tmp_path / "spark.parquet"))
            clvml.scoring.score_spark(model, table).write.parquet(str(tmp_path / "scores"))
            scores = pd.read_parquet(tmp_path / "scores")
        else:
            scores = clvml.scoring.score(model, stored.to_pandas())
        totals[engine] = scores[["expected_purchases", "clv"]].sum()
        assert len(scores) == 2357
    pd.testing.assert_series_equal(totals["spark"], totals["duckdb"], rtol=1e-12)
