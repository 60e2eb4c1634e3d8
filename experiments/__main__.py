"""``python -m experiments [NAME ...] [--log LOG] [--no-tracking]``."""

from __future__ import annotations

import argparse
import os
import sys

os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

from experiments._lab import FOLDER, run


def main() -> None:
    """List the experiments, or run those named."""
    names = sorted(path.parent.name for path in FOLDER.glob("*/config.toml"))
    parser = argparse.ArgumentParser(prog="python -m experiments", description="Run experiments.")
    parser.add_argument("names", nargs="*", choices=[[], *names], metavar="NAME", help=", ".join(names))
    parser.add_argument("--log", action="append", default=[], help="only this log")
    parser.add_argument("--no-tracking", action="store_true", help="do not log to MLflow")
    options = parser.parse_args()
    for name in options.names:
        run(name, options.log, track=not options.no_tracking)
    if not options.names:
        sys.stdout.write("\n".join(names) + "\n")


if __name__ == "__main__":
    main()
