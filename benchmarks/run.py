"""CPU time of `clvml run` on CDNOW, with MLflow in a new store, against the bare imports of its packages.

Usage: python benchmarks/run.py
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence

PACKAGES = "mlflow, matplotlib.pyplot, sklearn.cluster, pandas, lifetimes"
RUN = ["-m", "clvml", "run", "--quiet"]
COMMANDS = {
    f"import {PACKAGES}": ["-c", f"import {PACKAGES}"],
    "clvml run": RUN,
    "clvml run --no-tracking": [*RUN, "--no-tracking"],
    "clvml run, one origin, without learning": [
        *RUN,
        *("--no-tracking", "--set", "backtest.origins=1"),
        *(
            "--set",
            'models.contenders=["bgnbd_gamma_gamma", "pareto_nbd_gamma_gamma", "repeat_rate", "historic"]',
        ),
    ],
}


def cpu_seconds(arguments: Sequence[str]) -> float:
    """User and system time of a Python process, with its children, in an empty folder."""
    before = os.times()
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, *arguments], check=True, cwd=folder)
    after = os.times()
    return after.children_user - before.children_user + after.children_system - before.children_system


def main() -> None:
    times = {name: cpu_seconds(arguments) for name, arguments in COMMANDS.items()}
    base = next(iter(times.values()))
    for name, value in times.items():
        sys.stdout.write(f"{name:75} {value:6.1f} s CPU   {value / base:5.1f} x the imports\n")


if __name__ == "__main__":
    main()
