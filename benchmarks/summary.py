"""CPU and memory from a Parquet file of transactions to summary and holdout, against hand-written SQL.

Usage: python benchmarks/summary.py [n_rows] [memory_limit]      (default: 10,000,000 rows, no limit)

A tenth as many customers as rows, in chronological order over two years. Each contender runs in a process of
its own, in turn, on the same file: clvml (reading with validation, then the split), clvml writing Parquet,
the leanest SQL for the same columns on the same DuckDB, and, up to 10 million rows, the summary of lifetimes
without a holdout. CPU is that of all threads, without imports; memory is the peak resident set.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

MILLION = 1_000_000
ENDS = ("2024-04-30", "2024-12-31")
HAND_WRITTEN = """
WITH days AS (
    SELECT customer_id, CAST(date AS DATE) AS day, sum(CAST(amount AS DECIMAL(18, 2))) AS spend
    FROM '{path}' WHERE customer_id IS NOT NULL AND date IS NOT NULL AND amount >= 0 GROUP BY 1, 2),
histories AS (
    SELECT customer_id, count(*) FILTER (day < DATE '2024-05-01') AS n, min(day) AS first,
           max(day) FILTER (day < DATE '2024-05-01') AS last,
           sum(spend) FILTER (day < DATE '2024-05-01') AS total, min_by(spend, day) AS first_spend,
           count(*) FILTER (day >= DATE '2024-05-01') AS purchases,
           coalesce(sum(spend) FILTER (day >= DATE '2024-05-01'), 0) AS spend
    FROM days GROUP BY 1)
SELECT customer_id, CAST(n - 1 AS DOUBLE) AS frequency, (last - first) / 7.0 AS recency,
       (DATE '2024-04-30' - first) / 7.0 AS T,
       CASE WHEN n > 1 THEN CAST(total - first_spend AS DOUBLE) / (n - 1) ELSE 0.0 END AS monetary_value,
       CAST(total AS DOUBLE) AS total_spend, CAST(first AS TIMESTAMP) AS first_purchase,
       CAST(purchases AS DOUBLE) AS purchases, CAST(spend AS DOUBLE) AS spend
FROM histories WHERE n > 0 ORDER BY customer_id
"""


def make(path: Path, rows: int) -> None:
    """Made-up transactions, a million at a time."""
    import pyarrow as pa
    import pyarrow.parquet

    rng, writer = np.random.default_rng(0), None
    customers = max(rows // 10, 1)
    start, length = np.datetime64("2023-01-01", "us").astype(np.int64), 731 * 86_400_000_000
    for first in range(0, rows, MILLION):
        n = min(MILLION, rows - first)
        times = start + (first + n * np.sort(rng.random(n))) * (length / rows)
        who = (rng.random(n) ** 1.3 * customers).astype(np.int64) * 2_654_435_761 % customers
        amounts = np.exp(3 + 0.8 * rng.standard_normal(n)).round(2)
        dates = times.astype(np.int64).astype("datetime64[us]")
        table = pa.table({"customer_id": who, "date": dates, "amount": amounts})
        writer = writer or pyarrow.parquet.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def clvml_frames(path: str, limit: str | None) -> Callable[[], int]:
    import clvml.customers._split as splitting

    def work() -> int:
        transactions = splitting.as_transactions(_read(path, limit))
        return len(splitting.split(transactions, *ENDS).calibration)

    return work


def clvml_file(path: str, limit: str | None) -> Callable[[], int]:
    import clvml.customers._split as splitting

    return lambda: len(splitting.split(_read(path, limit), *ENDS, into=Path(path).with_name("split.parquet")))


def _read(path: str, limit: str | None) -> object:
    from clvml.customers._transactions import read_transactions

    return read_transactions(path, memory_limit=limit, temp_directory=Path(path).parent)


def hand_written(path: str, limit: str | None) -> Callable[[], int]:
    import duckdb
    import pandas  # noqa: F401

    settings = {"temp_directory": f"{path}.spill"} | ({"memory_limit": limit} if limit else {})
    connection = duckdb.connect(config=settings)
    return lambda: len(connection.execute(HAND_WRITTEN.format(path=path)).df())


def lifetimes(path: str, _limit: str | None) -> Callable[[], int]:
    import pandas as pd

    from clvml.compat.lifetimes._bridge import quiet_lifetimes

    def work() -> int:
        with quiet_lifetimes() as package:
            rows = pd.read_parquet(path)
            summary = package.utils.summary_data_from_transaction_data(
                rows, "customer_id", "date", "amount", observation_period_end=ENDS[0]
            )
        return len(summary)

    return work


CONTENDERS = {each.__name__: each for each in (hand_written, clvml_frames, clvml_file, lifetimes)}


def measure(name: str, path: str, limit: str | None) -> None:
    work = CONTENDERS[name](path, limit)
    start = time.process_time()
    customers = work()
    seconds, peak = time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    sys.stdout.write(f"{name:14} {seconds:7.2f} CPU s {peak:6,} MB  {customers:,} customers\n")


def main(rows: int, limit: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "transactions.parquet"
        make(path, rows)
        for name in CONTENDERS if rows <= 10 * MILLION else [*CONTENDERS][:-1]:
            for given in {"": None, limit: None} if name != "lifetimes" else [""]:
                sys.stdout.write(f"{given or 'no limit':10}")
                sys.stdout.flush()
                subprocess.run([sys.executable, __file__, "--work", name, str(path), given], check=True)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if "--work" in sys.argv:
        measure(sys.argv[2], sys.argv[3], sys.argv[4] or None)
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 10 * MILLION, (sys.argv[2:] or [""])[0])
