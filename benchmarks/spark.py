"""CPU, time and memory of clvml on Spark against Spark SQL by hand for the same customers and holdout.

Usage: python benchmarks/spark.py [n_rows]

Both read one Parquet file with ``local[2]``, each in a process of its own, in turn. CPU is that of Python
and of the JVM from the first query to the last, without the start of Spark; memory is the peak of the JVM.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

MILLION = 1_000_000
ENDS = "2023-12-31", "2024-12-31"
_SALES = """
    SELECT CAST(hash(i) % {customers} AS BIGINT) AS customer_id,
           TIMESTAMP '2022-01-01' + to_seconds(CAST(hash(i + 1) % 94608000 AS BIGINT)) AS date,
           round((hash(i + 2) % 20000) / 100.0, 2)::DOUBLE AS amount
    FROM range({rows}) AS t(i)
"""
_BY_HAND = """
    WITH purchases AS (
        SELECT customer_id, date_trunc('day', date) AS day, sum(CAST(amount AS DECIMAL(18, 2))) AS spend
        FROM sales WHERE customer_id IS NOT NULL AND date IS NOT NULL AND amount >= 0 GROUP BY 1, 2),
    histories AS (
        SELECT customer_id, count(*) FILTER (WHERE day < '2024-01-01') AS n,
               min(day) FILTER (WHERE day < '2024-01-01') AS first,
               max(day) FILTER (WHERE day < '2024-01-01') AS last,
               sum(spend) FILTER (WHERE day < '2024-01-01') AS total,
               min_by(spend, day) FILTER (WHERE day < '2024-01-01') AS first_spend,
               count(*) FILTER (WHERE day >= '2024-01-01') AS purchases,
               coalesce(sum(spend) FILTER (WHERE day >= '2024-01-01'), 0) AS spend
        FROM purchases GROUP BY 1)
    SELECT customer_id, CAST(n - 1 AS DOUBLE) AS frequency,
           (unix_micros(last) - unix_micros(first)) / 604800e6 AS recency,
           (unix_micros(TIMESTAMP '2023-12-31') - unix_micros(first)) / 604800e6 AS T,
           CASE WHEN n > 1 THEN CAST(total - first_spend AS DOUBLE) / (n - 1) ELSE 0 END AS monetary_value,
           CAST(total AS DOUBLE) AS total_spend, first AS first_purchase,
           CAST(purchases AS DOUBLE) AS purchases, CAST(spend AS DOUBLE) AS spend
    FROM histories WHERE n > 0 ORDER BY customer_id
"""


def by_hand(session: Any, path: str) -> pd.DataFrame:
    session.read.parquet(path).createOrReplaceTempView("sales")
    return session.sql(_BY_HAND).toArrow().to_pandas().set_index("customer_id")


def with_clvml(session: Any, path: str) -> pd.DataFrame:  # noqa: ARG001
    import clvml

    found = clvml.split(clvml.read_transactions(path, engine="spark"), *ENDS)
    return found.calibration.join(found.holdout[["purchases", "spend"]])


WAYS = {"by hand": by_hand, "clvml": with_clvml}


def _jvm(session: Any) -> tuple[float, int]:
    """CPU seconds and peak memory in MB of the JVM."""
    pid = session.sparkContext._gateway.proc.pid
    ticks = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
    peak = Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1].split()[0]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK"), int(peak) // 1024


def work(way: str, path: str, out: str) -> None:
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.driver.memory", "3g").config("spark.sql.shuffle.partitions", "8")
    builder = builder.config("spark.sql.session.timeZone", "UTC").config("spark.log.level", "OFF")
    session = builder.config("spark.ui.showConsoleProgress", "false").getOrCreate()
    session.range(1).count()
    clock, (cpu, _), own = time.perf_counter(), _jvm(session), time.process_time()
    customers = WAYS[way](session, path)
    (after, peak), own = _jvm(session), time.process_time() - own
    elapsed = time.perf_counter() - clock
    sys.stdout.write(
        f"{way:8} {after - cpu + own:6.1f} CPU s, {elapsed:6.1f} s, {peak:,} MB,"
        f" {len(customers):,} customers\n"
    )
    customers.to_parquet(out)


def main(rows: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/sales.parquet"
        duckdb.sql(f"COPY ({_SALES.format(rows=rows, customers=rows // 10)}) TO '{path}' (FORMAT parquet)")
        for way in [*WAYS, *WAYS]:
            command = [sys.executable, __file__, "--work", way, path, f"{folder}/{way}.parquet"]
            subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        found = [pd.read_parquet(f"{folder}/{way}.parquet") for way in WAYS]
        pd.testing.assert_frame_equal(*found, rtol=1e-12, check_dtype=False, check_index_type=False)


if __name__ == "__main__":
    if "--work" in sys.argv:
        work(*sys.argv[-3:])
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 10 * MILLION)
