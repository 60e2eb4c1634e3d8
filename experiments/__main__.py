"""``python -m experiments [NAME ...] [--log LOG] [--no-tracking]``."""

from __future__ import annotations

import argparse
import os
import sys

if __name__ == "__main__":  # before NumPy is loaded
    os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

from clvml.errors import ClvmlError
from experiments._lab import FOLDER, run


def main(arguments: list[str] | None = None) -> None:
    """List the experiments, or run those named."""
    names = sorted(path.parent.name for path in FOLDER.glob("*/config.toml"))
    parser = argparse.ArgumentParser(prog="python -m experiments", description="Run experiments.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names))
    parser.add_argument("--log", action="append", default=[], help="only this log (may be repeated)")
    parser.add_argument("--no-tracking", action="store_true", help="do not log to MLflow")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in names]
    if unknown:
        parser.error(f"there is no experiment {unknown[0]!r}; the experiments are {', '.join(names)}.")
    try:
        for name in options.names:
            run(name, options.log, track=not options.no_tracking)
    except ClvmlError as error:
        parser.error(str(error))
    if not options.names:
        sys.stdout.write("\n".join(names) + "\n")


if __name__ == "__main__":
    main()
