"""CPU seconds and peak memory of the segmentations of a million customers: python benchmarks/segments.py

What dominates K-means: the choice of the number on a sample of 10,000 (K-means for each number, and again in
random halves for the stability) is a half of it and does not grow with the customers; the sort that frees
segments from the order of rows is a quarter; Lloyd's iterations over all customers are most of the rest.
Groups are K-means, matrix, stages and treatments together.
"""

import resource
import sys
import time

import numpy as np
import pandas as pd

import clvml

CUSTOMERS = 1_000_000
FEATURES = ("recency", "frequency", "T", "monetary_value", "probability_alive", "clv")


def customers(n: int) -> pd.DataFrame:
    """Four kinds of customers, in equal parts."""
    rng = np.random.default_rng(0)
    kind, T = rng.integers(0, 4, n), rng.uniform(30, 52, n)
    frequency = rng.poisson(np.array([0.3, 2, 6, 15])[kind]).astype(float)
    last = rng.beta(np.array([1, 2, 5, 9])[kind], 2)
    return pd.DataFrame(
        {
            "frequency": frequency,
            "recency": np.where(frequency > 0, T * last, 0.0),
            "T": T,
            "monetary_value": rng.lognormal(3, 0.5, n),
            "probability_alive": rng.uniform(0, 1, n),
            "clv": rng.lognormal(np.array([1, 2, 3, 5])[kind], 0.4),
            "total_spend": rng.lognormal(4, 0.5, n),
        }
    )


def main() -> None:
    table = customers(CUSTOMERS)
    models = [
        clvml.KMeansSegments(features=FEATURES),
        clvml.RFMScores(),
        clvml.ABCClasses(),
        clvml.ValueTiers(),
        clvml.ValueMatrix(),
        clvml.LifecycleStages(),
        clvml.CustomerGroups(),
    ]
    for model in models:
        before = time.process_time()
        fitted = model.fit(table)
        getattr(fitted, "assign", fitted.predict)(table)
        spent = time.process_time() - before
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        sys.stdout.write(f"{type(model).__name__:16} {spent:6.2f} CPU s, {peak} MB peak so far\n")


if __name__ == "__main__":
    main()
