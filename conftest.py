"""Before NumPy is imported: one thread of linear algebra a process, for tests run in as many as there are cores."""

import os

for library in ("OMP", "OPENBLAS", "MKL", "BLIS", "VECLIB_MAXIMUM"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")
