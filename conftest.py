"""One thread of linear algebra a process, set before NumPy is imported: tests run in one process a core."""

import os

for library in ("OMP", "OPENBLAS", "MKL", "BLIS", "VECLIB_MAXIMUM"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")
