"""Spark scores as pandas does, to the last bit: through mlflow.pyfunc.spark_udf on a real local Spark."""

import importlib.util
import os
import shutil
import sys

import mlflow
import pandas as pd
import pytest

import clvml
from clvml.tracking import flavor
from clvml.tracking._connection import quiet

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("pyspark") is None, reason="pyspark is not installed"),
    pytest.mark.skipif(shutil.which("java") is None, reason="there is no Java runtime for Spark"),
    # Of pyspark with the current pandas and Python, in this process and in the workers.
    pytest.mark.filterwarnings("ignore"),
]
NUMBERS = ["frequency", "recency", "T", "monetary_value"]
N = 300


@pytest.fixture(scope="module")
def spark(tmp_path_factory):
    from pyspark.sql import SparkSession

    patch = pytest.MonkeyPatch()
    patch.setenv("PYSPARK_PYTHON", sys.executable)
    patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    patch.setenv("SPARK_LOCAL_DIRS", str(tmp_path_factory.mktemp("spark")))
    # The workers find clvml where this process does.
    patch.setenv("PYTHONPATH", os.pathsep.join([path for path in sys.path if path]))
    session = (
        SparkSession.builder.master("local[1]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.sql.execution.arrow.maxRecordsPerBatch", "70")  # several batches in a partition
        .config("spark.log.level", "OFF")
        .config("spark.driver.memory", "1g")
        .config("spark.python.worker.reuse", "true")  # each imports MLflow
        .getOrCreate()
    )
    yield session
    session.stop()
    patch.undo()


@pytest.fixture(scope="module")
def folder(tmp_path_factory, value_model, segmenter, covariate_model):
    folder = tmp_path_factory.mktemp("models")
    models = {"value": value_model, "segments": segmenter, "covariates": covariate_model}
    with quiet():  # MLflow advises an example
        for name, model in models.items():
            flavor.save_model(model, folder / name)
    return folder


@pytest.fixture(scope="module")
def customers(cdnow):
    channel = ["web", "shop", "NA"]
    return cdnow.iloc[:N].assign(channel=[channel[place % 3] for place in range(N)])


@pytest.fixture(scope="module")
def covariate_model(customers):
    model = clvml.LifetimeValue(clvml.BGNBD(covariates=["channel"]), clvml.GammaGamma(), horizon="12M")
    return model.fit(customers)


def udf_of(spark, path, **options):
    return mlflow.pyfunc.spark_udf(spark, str(path), env_manager="local", **options)


def scored(table, udf, columns):
    """The answers of a function of a struct, one column each, by customer."""
    from pyspark.sql import functions as f

    answers = table.withColumn("answer", udf(f.struct(*columns))).select("customer_id", "answer.*").toPandas()
    return answers.set_index("customer_id")


def in_spark(spark, customers, **types):
    """The customers in two partitions, ids as text."""
    frame = customers.reset_index()[["customer_id", *NUMBERS, "channel"]]
    frame = frame.astype({"customer_id": str} | types)
    return spark.createDataFrame(frame).repartition(2)


@pytest.mark.parametrize("whole", [False, True], ids=["double", "bigint"])
def test_all_factors_are_those_of_pandas_to_the_last_bit(spark, folder, value_model, customers, whole):
    types = {"frequency": "int64"} | (dict.fromkeys(NUMBERS, "int64") if whole else {})
    history = customers.astype(types)
    answers = scored(
        in_spark(spark, history, **types), udf_of(spark, folder / "value"), ["customer_id", *NUMBERS]
    )
    expected = value_model.predict_factors(history.astype(dict.fromkeys(NUMBERS, float)))
    expected.index = expected.index.astype(str)
    pd.testing.assert_frame_equal(
        answers.loc[expected.index], expected, check_exact=True, check_names=False, check_index_type=False
    )


def test_a_result_type_gives_money_alone(spark, folder, value_model, customers):
    """By position in the order of the signature; parameters are those of the function."""
    udf = udf_of(spark, folder / "value", result_type="double", params={"horizon": 26.0})
    table = in_spark(spark, customers, frequency="int32").withColumn("clv", udf("customer_id", *NUMBERS))
    found = table.select("customer_id", "clv").toPandas().set_index("customer_id")["clv"]
    expected = value_model.predict(customers, horizon=26.0)
    assert found.loc[expected.index.astype(str)].tolist() == expected.tolist()


def test_ids_that_are_numbers_and_customers_without_an_id_are_scored_too(
    spark, folder, value_model, customers
):
    table = in_spark(spark, customers, customer_id="int64")
    expected = value_model.predict_factors(customers)
    for columns in (["customer_id", *NUMBERS], NUMBERS):
        answers = scored(table, udf_of(spark, folder / "value"), columns)
        assert answers["clv"].loc[expected.index].tolist() == expected["clv"].tolist()


def test_categories_are_covariates_and_na_is_one_of_them(spark, folder, covariate_model, customers):
    answers = scored(in_spark(spark, customers), udf_of(spark, folder / "covariates"), [*NUMBERS, "channel"])
    expected = covariate_model.predict_factors(customers)
    assert answers["clv"].loc[expected.index.astype(str)].tolist() == expected["clv"].tolist()


def test_segments_come_with_numbers_and_names(spark, folder, segmenter, customers_with_values):
    frame = customers_with_values.iloc[:N]
    columns = list(segmenter.required_columns)
    table = spark.createDataFrame(frame.reset_index()[["customer_id", *columns]])
    answers = scored(table, udf_of(spark, folder / "segments"), columns).loc[frame.index]
    assert answers["segment"].tolist() == segmenter.predict(frame).tolist()
    assert answers["segment_name"].tolist() == segmenter.segment_names(frame).tolist()


@pytest.mark.parametrize("column", ["monetary_value", "customer_id"])
def test_a_null_is_an_error_in_words_that_names_no_customer(spark, folder, customers, column):
    from pyspark.sql import functions as f

    table = in_spark(
        spark, customers.iloc[:20].set_axis([f"SECRET{i}" for i in range(20)]).rename_axis("customer_id")
    )
    gap = f.when(f.col("customer_id") == "SECRET7", None).otherwise(f.col(column))
    sentence = "no customer_id" if column == "customer_id" else f"missing or infinite {column}"
    with pytest.raises(Exception, match=rf"1 of \d+ \w+ have (a )?{sentence}") as caught:
        scored(table.withColumn(column, gap), udf_of(spark, folder / "value"), ["customer_id", *NUMBERS])
    assert "SECRET7" not in str(caught.value)
