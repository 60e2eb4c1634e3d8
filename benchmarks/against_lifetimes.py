"""CPU time of clvml against lifetimes, on the same customers, in one process, one thread.

Usage: python benchmarks/against_lifetimes.py [n_customers ...]      (default: 2357 100000 1000000)

Customers are simulated from BG/NBD and Gamma-Gamma at the CDNOW fits, in weeks, with histories in
whole days. Each figure is the ratio of the medians of several runs, lifetimes / clvml: ratios travel
between machines, seconds do not. clvml gets the DataFrame, lifetimes its columns, as its documentation
has it; a second figure gives lifetimes bare arrays, its fastest way in, where it takes them.
"""

from __future__ import annotations

import os
import sys

os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

import clvml
from clvml.compat.lifetimes._bridge import quiet_lifetimes

CDNOW = {"r": 0.2425945, "alpha": 4.413602, "a": 0.7929219, "b": 2.4259063}
SPEND = {"p": 6.2495725, "q": 3.7442248, "v": 15.4435208}
HISTORY = ("frequency", "recency", "T")
FEW = 10_000  # customers, up to which work is timed more often


def simulated(n: int) -> pd.DataFrame:
    days = np.random.default_rng(0).integers(27 * 7, 39 * 7, n) / 7
    customers = clvml.BGNBD.from_params(**CDNOW, time_unit="W").simulate(days, random_state=1)
    whole_days = np.ceil(customers["recency"] * 7) / 7
    customers["recency"] = np.minimum(whole_days, customers["T"])
    customers["monetary_value"] = clvml.GammaGamma.from_params(**SPEND).simulate(customers["frequency"], 2)
    return customers


def cpu(work: Callable[[], object], runs: int) -> float:
    work()
    seconds = []
    for _ in range(runs):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return statistics.median(seconds)


def contest(n: int) -> tuple[dict[str, list[float]], float]:
    """Seconds of clvml, of lifetimes from columns and from arrays; and our log-likelihood less theirs."""
    customers = simulated(n)
    with quiet_lifetimes() as lifetimes:
        theirs, their_spend, works = _fitted(lifetimes, customers)
        works |= _predictions(theirs, their_spend, customers)
        runs = 41 if n <= FEW else 3
        seconds = {name: [cpu(work, runs) for work in contenders] for name, contenders in works.items()}
    their_params = {name: float(value) for name, value in theirs.params_.items()}
    their_value = clvml.BGNBD.from_params(**their_params).log_likelihood(customers).sum()
    return seconds, clvml.BGNBD().fit(customers).log_likelihood_ - their_value


Works = dict[str, list[Callable[[], object]]]


def _fitted(lifetimes: Any, customers: pd.DataFrame) -> tuple[Any, Any, Works]:
    columns = [customers[name] for name in HISTORY]
    repeat = customers[customers["frequency"] > 0]
    spent = [repeat[name] for name in ("frequency", "monetary_value")]
    works: Works = {
        "BG/NBD fit": [
            lambda: clvml.BGNBD().fit(customers),
            lambda: lifetimes.BetaGeoFitter().fit(*columns),
        ],
        "Gamma-Gamma fit": [
            lambda: clvml.GammaGamma().fit(customers),
            lambda: lifetimes.GammaGammaFitter().fit(*spent),
        ],
    }
    return lifetimes.BetaGeoFitter().fit(*columns), lifetimes.GammaGammaFitter().fit(*spent), works


def _predictions(theirs: Any, their_spend: Any, customers: pd.DataFrame) -> Works:
    columns = [customers[name] for name in HISTORY]
    arrays = [column.to_numpy() for column in columns]
    money = customers["monetary_value"]
    purchases = clvml.BGNBD.from_params(**theirs.params_, time_unit="W")

    def their_value(months: int) -> Callable[[], object]:
        return lambda: their_spend.customer_lifetime_value(
            theirs, *columns, money, time=months, discount_rate=0.01, freq="W"
        )

    def our_value(months: int) -> Callable[[], object]:
        value = clvml.LifetimeValue(
            clvml.BGNBD(), clvml.GammaGamma(), months * 4.345, 1.01**12 - 1, period=4.345
        )
        value.purchases_ = purchases
        value.spend_ = clvml.GammaGamma.from_params(**their_spend.params_)
        value.time_unit_ = "W"
        return lambda: value.predict(customers)

    works: Works = {
        f"CLV over {months} months": [our_value(months), their_value(months)] for months in (12, 36)
    }
    works["expected purchases"] = [
        lambda: purchases.expected_purchases(customers, 39),
        lambda: theirs.predict(39, *columns),
        lambda: theirs.predict(39, *arrays),
    ]
    works["P(alive)"] = [
        lambda: purchases.probability_alive(customers),
        lambda: theirs.conditional_probability_alive(*columns),
        lambda: theirs.conditional_probability_alive(*arrays),
    ]
    return works


def main(sizes: list[int]) -> None:
    for n in sizes:
        seconds, better = contest(n)
        sys.stdout.write(f"\n{n:,} customers            clvml s   lifetimes s   ratio   with arrays\n")
        for name, (mine, *other) in seconds.items():
            ratios = "".join(f"{value / mine:14.1f}" for value in other)
            sys.stdout.write(f"{name:25} {mine:9.5f} {other[0]:13.4f}{ratios}\n")
        sys.stdout.write(f"log-likelihood, clvml - lifetimes: {better:.2e}\n")


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or [2357, 100_000, 1_000_000])
