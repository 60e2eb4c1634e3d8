"""CPU and peak memory of `clvml run` on made-up transactions, by stage, without MLflow.

Usage: python benchmarks/run_at_size.py [n_rows] [memory_limit]      (default: 10,000,000 rows, no limit)

A tenth as many customers as rows (see summary.py), as one Parquet file. The run is a process of its own: CPU
is that of all its threads, memory its peak resident set as the system counts it. Stages are those of the
terminal; the estimate that the run prints before them is in `clvml.workflow._estimates`.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MILLION = 1_000_000
MB = 1024  # the kernel counts kilobytes


def peak() -> int:
    """Peak resident memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // MB


def measure(path: str, folder: str, limit: str | None) -> None:
    from clvml.workflow._config import load_config
    from clvml.workflow._console import Silent
    from clvml.workflow._run import run

    class Stopwatch(Silent):
        @contextmanager
        def stage(self, title: str) -> Iterator[None]:
            start = time.process_time()
            yield
            used = time.process_time() - start
            sys.stdout.write(f"{title[:60]:60} {used:7.1f} CPU s   peak so far {peak():6,} MB\n")
            sys.stdout.flush()

        def say(self, line: str) -> None:
            if line.startswith(("estimate", "sampled", "this may not fit")):
                sys.stdout.write(f"    {line}\n")

    overrides = {
        "data.source": path,
        "data.memory_limit": limit,
        "output.folder": folder,
        "tracking.enabled": False,
    }
    run(load_config(overrides=overrides), Stopwatch())
    sys.stdout.write(
        f"{'in all, imports included':60} {time.process_time():7.1f} CPU s   peak {peak():6,} MB\n"
    )


def main(rows: int, limit: str | None) -> None:
    from summary import make

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "transactions.parquet"
        make(path, rows)
        command = [sys.executable, __file__, "--measure", str(path), str(Path(folder) / "out"), limit or ""]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    if "--measure" in sys.argv:
        path, folder, limit = sys.argv[2:5]
        measure(path, folder, limit or None)
    else:
        main(
            int(sys.argv[1]) if len(sys.argv) > 1 else 10 * MILLION,
            sys.argv[2] if len(sys.argv) > 2 else None,
        )
