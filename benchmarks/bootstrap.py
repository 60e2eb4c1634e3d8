"""The paired bootstrap of metrics against a plain loop: python benchmarks/bootstrap.py

100,000 customers, 20 models, 1,000 draws, all metrics of money that have a bootstrap, on one thread: CPU
seconds, peak memory beyond the imports and the data, and the ratio to a plain loop that repeats the rows of
each draw and calls each metric (timed on a few draws of one model, in the same run). The largest difference
between the two is printed too.
"""

from __future__ import annotations

import os
import sys

os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import resource
import time

import numpy as np
import pandas as pd

from clvml.evaluation import METRICS, bootstrap_metrics, resample_counts

CUSTOMERS, MODELS, DRAWS, PLAIN_DRAWS = 100_000, 20, 1000, 3
KEYS = [key for key, metric in METRICS.items() if metric.of == "values" and metric.can_be_resampled]


def simulate(n_customers: int, n_models: int) -> tuple[pd.Series, pd.DataFrame]:
    """Money with six zeros in ten, and predictions, every other one rounded so that customers tie."""
    random = np.random.default_rng(0)
    actual = np.where(random.random(n_customers) < 0.4, random.gamma(0.5, 100, n_customers).round(2), 0.0)
    predictions = {}
    for model in range(n_models):
        predicted = actual * random.gamma(1, 1, n_customers) + random.gamma(1, 20, n_customers) + 0.01
        predictions[f"model {model}"] = predicted.round(2) if model % 2 else predicted
    return pd.Series(actual), pd.DataFrame(predictions)


def plain(actual: np.ndarray, predicted: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Metrics of the repeated rows, one draw after another."""
    rows = [np.repeat(np.arange(len(actual)), drawn) for drawn in counts]
    return np.array([[METRICS[key].value(actual[r], predicted[r]) for key in KEYS] for r in rows])


def peak() -> float:
    """Peak memory of the process in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Seconds, megabytes, the ratio and the largest relative difference."""
    actual, predictions = simulate(CUSTOMERS, MODELS)
    bootstrap_metrics(actual[:100], predictions[:100], KEYS, 2)
    before, start = peak(), time.process_time()
    draws = bootstrap_metrics(actual, predictions, KEYS, DRAWS)
    spent, used = time.process_time() - start, peak() - before
    counts = resample_counts(actual.index, PLAIN_DRAWS)
    start = time.process_time()
    slow = plain(actual.to_numpy(), predictions["model 0"].to_numpy(), counts)
    theirs = (time.process_time() - start) / PLAIN_DRAWS * DRAWS * MODELS
    off = np.max(np.abs(draws.draws[:PLAIN_DRAWS, 0] - slow) / np.maximum(1, np.abs(slow)))
    size = f"{CUSTOMERS:,} customers x {MODELS} models x {DRAWS:,} draws x {len(KEYS)} metrics"
    ratio = f"a plain loop: {theirs:,.0f} CPU s, {theirs / spent:.0f} times as much"
    sys.stdout.write(f"{size}: {spent:.1f} CPU s, {used:.0f} MB; {ratio}; largest difference {off:.0e}\n")


if __name__ == "__main__":
    main()
