"""CPU time of clvml against lifetimes, on the same customers, in one process, one thread.

Usage: python benchmarks/against_lifetimes.py [n_customers ...]      (default: 2357 100000 1000000)

Customers are simulated from BG/NBD and Gamma-Gamma at the CDNOW fits, in weeks, with histories in
whole days. Each figure is the ratio of the medians of three runs, lifetimes / clvml: ratios travel
between machines, seconds do not.
"""

from __future__ import annotations

import os
import sys

os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import statistics
import time
from collections.abc import Callable

import numpy as np
import pandas as pd

import clvml
from clvml.estimators.lifetimes import _lifetimes

CDNOW = {"r": 0.2425945, "alpha": 4.413602, "a": 0.7929219, "b": 2.4259063}
SPEND = {"p": 6.2495725, "q": 3.7442248, "v": 15.4435208}


def simulated(n: int) -> pd.DataFrame:
    days = np.random.default_rng(0).integers(27 * 7, 39 * 7, n) / 7
    customers = clvml.BGNBD.from_params(**CDNOW, time_unit="W").simulate(days, seed=1)
    whole_days = np.ceil(customers["recency"] * 7) / 7
    customers["recency"] = np.minimum(whole_days, customers["T"])
    customers["monetary_value"] = clvml.GammaGamma.from_params(**SPEND).simulate(customers["frequency"], 2)
    return customers


def cpu(work: Callable[[], object], runs: int = 3) -> float:
    seconds = []
    for _ in range(runs):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return statistics.median(seconds)


def contest(n: int) -> dict[str, tuple[float, float]]:
    customers = simulated(n)
    x, t_x, T, m = (customers[c].to_numpy() for c in ("frequency", "recency", "T", "monetary_value"))
    repeat = x > 0
    ours, spend = clvml.BGNBD().fit(customers), clvml.GammaGamma().fit(customers)
    with _lifetimes() as lifetimes:
        theirs = lifetimes.BetaGeoFitter().fit(x, t_x, T)
        their_params = {name: float(value) for name, value in theirs.params_.items()}
        their_value = clvml.BGNBD.from_params(**their_params).log_likelihood(customers).sum()
        their_spend = lifetimes.GammaGammaFitter().fit(x[repeat], m[repeat])
        runs = {
            "BG/NBD fit": (
                lambda: clvml.BGNBD().fit(customers),
                lambda: lifetimes.BetaGeoFitter().fit(x, t_x, T),
            ),
            "Gamma-Gamma fit": (
                lambda: clvml.GammaGamma().fit(customers),
                lambda: lifetimes.GammaGammaFitter().fit(x[repeat], m[repeat]),
            ),
            "expected purchases": (
                lambda: ours.expected_purchases(customers, 39),
                lambda: theirs.predict(39, x, t_x, T),
            ),
            "value over 52 weeks": (
                lambda: ours.discounted_purchases(customers, 52, 0.10),
                lambda: _their_discounted(theirs, 52, 0.10, x, t_x, T),
            ),
            "P(alive)": (
                lambda: ours.probability_alive(customers),
                lambda: theirs.conditional_probability_alive(x, t_x, T),
            ),
            "expected spend": (
                lambda: spend.expected_spend(customers),
                lambda: their_spend.conditional_expected_average_profit(x, m),
            ),
        }
        figures = {name: (cpu(mine), cpu(other)) for name, (mine, other) in runs.items()}
    figures["log-likelihood, clvml - lifetimes"] = (ours.log_likelihood_ - their_value, float("nan"))
    return figures


def _their_discounted(
    model: object, horizon: int, rate: float, x: np.ndarray, t_x: np.ndarray, T: np.ndarray
) -> np.ndarray:
    """Discounted purchases period by period, as lifetimes sums its lifetime value."""
    value, before = np.zeros_like(T), np.zeros_like(T)
    for period in range(1, horizon + 1):
        until = model.predict(period, x, t_x, T)  # type: ignore[attr-defined]
        value += (until - before) * (1 + rate) ** (-period / 52)
        before = until
    return value


def main(sizes: list[int]) -> None:
    for n in sizes:
        sys.stdout.write(f"\n{n:,} customers            clvml s   lifetimes s   ratio\n")
        for name, (mine, other) in contest(n).items():
            if other == other:
                sys.stdout.write(f"{name:25} {mine:9.4f} {other:13.4f} {other / mine:7.1f}\n")
            else:
                sys.stdout.write(f"{name}: {mine:.2e}\n")


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or [2357, 100_000, 1_000_000])
