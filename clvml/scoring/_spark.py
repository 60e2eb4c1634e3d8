"""Score a Spark DataFrame of customers where it is: vectorised, in batches, by the executors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from clvml.customers._ids import CUSTOMER_ID
from clvml.errors import InputError
from clvml.scoring._contract import read_request, response_table, score


def score_spark(model: Any, customers: Any, params: Mapping[str, Any] | None = None) -> Any:
    """Score the customers of a Spark DataFrame.

    Nothing is collected. Spark repeats a task that fails, or whose executor is lost; write the result with
    ``scores.write.parquet(path)``, which shows no file until all tasks have ended. The executors need clvml.

    Parameters
    ----------
    model : estimator
        A fitted lifetime-value model or segmentation.
    customers : pyspark.sql.DataFrame
        One row per customer: ``customer_id`` and the model's columns.
    params : mapping, optional
        ``horizon``, ``annual_discount_rate`` and ``details``, as in `score`.

    Returns
    -------
    pyspark.sql.DataFrame
        Lazy: ``customer_id``, of the same type, and the columns of `score`.

    Raises
    ------
    InputError
        If there is no column ``customer_id``, there are no customers, or the first of them or a parameter is
        invalid. An invalid customer elsewhere ends Spark's job with the same sentence.

    See Also
    --------
    clvml.scoring.score : A pandas DataFrame.
    clvml.tracking.score_batch : Files of any size, without Spark.

    Examples
    --------
    In a session of Spark whose executors have clvml, from a table of the catalog to Parquet:

    >>> import clvml
    >>> from clvml.scoring import score_spark
    >>> from pyspark.sql import SparkSession  # doctest: +SKIP
    >>> spark = SparkSession.builder.getOrCreate()  # doctest: +SKIP
    >>> customers = clvml.summarize(clvml.load_cdnow())
    >>> model = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), horizon="12M").fit(customers)
    >>> table = spark.createDataFrame(customers.reset_index())  # doctest: +SKIP
    >>> scores = score_spark(model, table, {"horizon": "6M"})  # doctest: +SKIP
    >>> scores.write.parquet("scores")  # doctest: +SKIP
    """
    if CUSTOMER_ID not in customers.columns:
        raise InputError(
            f"the customers have no column {CUSTOMER_ID!r}: rename the column of their ids,"
            f" customers.withColumnRenamed(..., {CUSTOMER_ID!r})."
        )
    said = dict(params or {})
    sample = customers.limit(1).toArrow().to_pandas()
    if sample.empty:
        raise InputError("the Spark DataFrame has no customers to score.")
    columns = _scored(model, sample, said).drop(columns=CUSTOMER_ID)

    def scored(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for batch in batches:
            yield _scored(model, batch, said)

    return customers.mapInPandas(scored, _schema(customers, columns))


def _scored(model: Any, batch: pd.DataFrame, params: Mapping[str, Any]) -> pd.DataFrame:
    """The scores of a batch, with the ids as they were."""
    request = read_request(model, batch, params)
    table = response_table(score(model, request.customers, request.params))
    return pd.concat(
        [batch[CUSTOMER_ID].reset_index(drop=True), table.drop(columns=CUSTOMER_ID, errors="ignore")], axis=1
    )


def _schema(customers: Any, columns: pd.DataFrame) -> Any:
    """Types of Spark: that of the ids, and those of the scores."""
    from pyspark.sql import types

    kinds = {"f": types.DoubleType(), "i": types.LongType(), "b": types.BooleanType()}
    kinds["M"] = types.TimestampNTZType()
    fields = [
        types.StructField(str(name), kinds.get(dtype.kind, types.StringType()))
        for name, dtype in columns.dtypes.items()
    ]
    return types.StructType([customers.schema[CUSTOMER_ID], *fields])
