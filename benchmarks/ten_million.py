"""CPU and memory from a Parquet file of ten million customers to both fits, P(alive) and CLV over 36 months.

Usage: python benchmarks/ten_million.py [n_customers]

The work runs in a process of its own, so that making the customers does not count. Times are in whole days.
"""

from __future__ import annotations

import os
import sys

os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import resource
import subprocess
import tempfile
import time
from pathlib import Path

import pandas as pd
import pyarrow.parquet

MILLION = 1_000_000


def make(path: Path, n: int) -> None:
    """Customers like those of CDNOW, a million at a time."""
    from against_lifetimes import simulated

    writer = None
    for _ in range(0, n, MILLION):
        rows = pyarrow.Table.from_pandas(simulated(min(n, MILLION)), preserve_index=False)
        writer = writer or pyarrow.parquet.ParquetWriter(path, rows.schema)
        writer.write_table(rows)
    assert writer is not None
    writer.close()


def work(path: str) -> None:
    import clvml

    clock, start = time.process_time, time.process_time()

    def lap(name: str) -> None:
        nonlocal start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        sys.stdout.write(f"{name:24} {clock() - start:6.2f} CPU s, {peak} MB at the peak so far\n")
        start = clock()

    names = ("frequency", "recency", "T", "monetary_value")
    columns = {name: pyarrow.parquet.read_table(path, columns=[name])[name].to_numpy() for name in names}
    customers = pd.DataFrame(columns, copy=False)
    customers.attrs["time_unit"] = "W"
    lap("read")
    value = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), "36M", 0.10).fit(customers)
    lap("both fits")
    alive = value.purchases_.probability_alive(customers)
    lap("P(alive)")
    clv = value.predict(customers)
    lap("CLV over 36 months")
    sys.stdout.write(f"{len(clv):,} customers, {alive.mean():.3f} alive, worth {clv.sum():,.0f} in all\n")
    sys.stdout.write(f"{clock():.2f} CPU s in all, imports included\n")


def main(n: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "customers.parquet"
        make(path, n)
        subprocess.run([sys.executable, __file__, "--work", str(path)], check=True)


if __name__ == "__main__":
    if "--work" in sys.argv:
        work(sys.argv[-1])
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 10 * MILLION)
