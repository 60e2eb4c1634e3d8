"""Fits from aggregates, and prediction intervals of many customers: CPU and peak memory.

    python benchmarks/aggregates.py [--customers 100000000] [--histories 3000000]

The table of distinct histories is simulated: a sample of customers of a Pareto/NBD with day-granular times,
whose counts are scaled up to the number of customers.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
import warnings

import numpy as np
import pandas as pd

import clvml


def in_days(model: clvml.ParetoNBD, n: int) -> pd.DataFrame:
    """Customers who were acquired within two years, with times in weeks of whole days."""
    rng = np.random.default_rng(1)
    customers = model.simulate(rng.integers(1, 1095, n) / 7, 1).reset_index(drop=True)
    last = np.minimum(np.ceil(7 * customers["recency"]) / 7, customers["T"])
    customers["recency"] = last.where(customers["frequency"] > 0, 0.0)
    return customers


def counts_of(n_customers: float, n_histories: int) -> pd.DataFrame:
    model = clvml.ParetoNBD.from_params(r=0.55, alpha=6.0, s=0.6, beta=11.7, time_unit="W")
    counts = clvml.count_histories(in_days(model, 2 * n_histories))
    counts["n_customers"] *= n_customers / counts["n_customers"].sum()
    return counts


def timed(work: object) -> tuple[object, float]:
    start = time.process_time()
    result = work()  # type: ignore[operator]
    return result, time.process_time() - start


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def fits(n_customers: float, n_histories: int) -> None:
    counts = counts_of(n_customers, n_histories)
    counts.attrs["time_unit"] = "W"
    say(f"{len(counts):,} distinct histories of {n_customers:,.0f} customers; {peak():,.0f} MB to make")
    for model in (clvml.BGNBD(), clvml.MBGNBD(), clvml.ParetoNBD()):
        _, cpu = timed(lambda model=model: model.fit(counts, weights=counts["n_customers"]))
        say(f"  {model.title:11s} fit {cpu:6.2f} s CPU, peak {peak():,.0f} MB")


def ratio(n: int) -> None:
    model = clvml.ParetoNBD.from_params(r=0.55, alpha=10.6, s=0.6, beta=11.7, time_unit="W")
    customers = in_days(model, n)
    cpu = {
        each.title: min(timed(lambda each=each: each.fit(customers))[1] for _ in range(3))
        for each in (clvml.BGNBD(), clvml.ParetoNBD())
    }
    say(
        f"{n:,} customers: "
        + ", ".join(f"{name} {each:.3f} s" for name, each in cpu.items())
        + f"; Pareto/NBD costs {cpu['Pareto/NBD'] / cpu['BG/NBD']:.1f} x BG/NBD"
    )


def intervals(n: int) -> None:
    truth = clvml.ParetoNBD.from_params(r=0.55, alpha=10.6, s=0.6, beta=11.7, time_unit="W")
    customers = in_days(truth, n)
    for fitted in (5_000, n):
        for model in (clvml.BGNBD(), clvml.MBGNBD(), clvml.ParetoNBD()):
            model.fit(customers.head(fitted))
            _, cpu = timed(lambda model=model: model.predict_interval(customers, 52))
            say(f"  {model.title:11s} fitted to {fitted:9,}: intervals of {n:,} customers {cpu:6.1f} s CPU")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=float, default=1e8)
    parser.add_argument("--histories", type=int, default=3_000_000)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    fits(arguments.customers, arguments.histories)
    ratio(300_000)
    intervals(1_000_000)
