"""CPU of adding one day to a store of transactions, and of its summary, against reading all rows again.

Usage: python benchmarks/store.py [n_rows]      (default: 10,000,000 rows; the last day has a 731st of them)
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import summary

import clvml

DAY = "TIMESTAMP '2024-12-31'"


def timed(name: str, work: Callable[[], Any]) -> Any:
    start = time.process_time()
    found = work()
    sys.stdout.write(f"{name:42} {time.process_time() - start:7.2f} CPU s\n")
    return found


def main(rows: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "all.parquet"
        summary.make(path, rows)
        for name, rule in {"before": f"date < {DAY}", "day": f"date >= {DAY}"}.items():
            duckdb.sql(f"COPY (FROM '{path}' WHERE {rule}) TO '{folder}/{name}.parquet' (FORMAT parquet)")
        store = clvml.TransactionStore(Path(folder) / "store")
        timed("add all days but the last", lambda: store.add(f"{folder}/before.parquet"))
        timed("add the last day", lambda: store.add(f"{folder}/day.parquet"))
        found = timed("summarize the store", lambda: clvml.summarize(store))
        expected = timed("read and summarize all rows", lambda: clvml.summarize(str(path)))
        if not found.equals(expected):
            raise SystemExit("the summary of the store is another one")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10 * summary.MILLION)
