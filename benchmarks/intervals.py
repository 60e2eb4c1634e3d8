"""CPU seconds and peak memory of the intervals of a million customers: python benchmarks/intervals.py [n ...]

Customers as in against_lifetimes.py, at the CDNOW fits in whole days; a year ahead, discounted, 199
simulations, from a model fitted to the same customers. The peak is the process's, the customers (32 MB a
million) included.
"""

from __future__ import annotations

import os
import sys

os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import resource
import time

import numpy as np
import pandas as pd

import clvml

CDNOW = {"r": 0.2425945, "alpha": 4.413602, "a": 0.7929219, "b": 2.4259063}
SPEND = {"p": 6.2495725, "q": 3.7442248, "v": 15.4435208}
SIZES = (100_000, 1_000_000)


def simulated(n: int) -> pd.DataFrame:
    """The first purchase within twelve weeks, seen for 39."""
    days = np.random.default_rng(0).integers(27 * 7, 39 * 7, n) / 7
    customers = clvml.BGNBD.from_params(**CDNOW, time_unit="W").simulate(days, random_state=1)
    whole_days = np.ceil(customers["recency"] * 7) / 7
    customers["recency"] = np.minimum(whole_days, customers["T"])
    customers["monetary_value"] = clvml.GammaGamma.from_params(**SPEND).simulate(customers["frequency"], 2)
    return customers


def main() -> None:
    for n in [int(given) for given in sys.argv[1:]] or SIZES:
        customers = simulated(n)
        value = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), 52.0, 0.10).fit(customers)
        for intervals in (value.predict_interval, value.predict_total_interval):
            start = time.process_time()
            intervals(customers)
            spent = time.process_time() - start
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            sys.stdout.write(f"{n:9,} {intervals.__name__:22} {spent:5.1f} CPU s, {peak} MB peak so far\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
