"""CPU of the model's own part of a request, against the arithmetic of its kernels in the same run.

A request goes through `read_request`, `score` and `response_table`; the arithmetic is that of the model's
kernels on arrays. Best of many blocks, so that a busy machine disturbs little; on one thread.

Usage: OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/one_row.py
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

import clvml
from clvml.customers._time_units import rate_per_unit
from clvml.distributions._discounting import discounted_ends
from clvml.distributions.gamma_gamma import expected_spend
from clvml.scoring import read_request, request_table, response_table, score

ROWS = (1, 10_000)
PER_BLOCK = 5
BLOCKS = {1: 400, 10_000: 10}


def cpu_milliseconds(call: Callable[[], Any], blocks: int) -> float:
    """CPU of one call, in the fastest block."""
    times = []
    for _ in range(blocks):
        start = time.process_time_ns()
        for _ in range(PER_BLOCK):
            call()
        times.append(time.process_time_ns() - start)
    return min(times) / PER_BLOCK / 1e6


def answer(model: Any, table: Any) -> pd.DataFrame:
    """All that a request costs besides its transport."""
    request = read_request(model, table)
    return response_table(score(model, request.customers, request.params))


def arithmetic(model: clvml.LifetimeValue, customers: pd.DataFrame) -> Callable[[], Any]:
    """The kernels of a `LifetimeValue` alone, on arrays."""
    purchases: Any = model.purchases_
    spend: Any = model.spend_
    history, m = purchases.history(customers), customers["monetary_value"].to_numpy()
    params, rate = purchases.customer_params(history), rate_per_unit(model.annual_discount_rate, "W")
    kernel, now, once = purchases.kernel, np.array([52.0]), np.ones(1)
    ends = discounted_ends(52.0, rate)

    def compute() -> Any:
        alive = kernel.probability_alive(history, params)
        discounted = alive * kernel.purchases_given_alive(history, *ends, params)
        expected = alive * kernel.purchases_given_alive(history, now, once, params)
        return discounted * expected_spend(history.x, m, spend.params_), expected

    return compute


def models(customers: pd.DataFrame, split: clvml.Split) -> dict[str, Any]:
    """The usual served models, fitted."""
    terms = {"horizon": "12M", "annual_discount_rate": 0.10}
    bgnbd = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), **terms).fit(customers)
    valued = customers.join(bgnbd.predict_factors(customers)[["clv", "probability_alive"]])
    return {
        "BG/NBD x Gamma-Gamma": bgnbd,
        "Pareto/NBD x Gamma-Gamma": clvml.LifetimeValue(clvml.ParetoNBD(), clvml.GammaGamma(), **terms).fit(
            customers
        ),
        "repeat rate": clvml.RepeatRateValue(**terms).fit(customers),
        "structure plus learning": clvml.LearnedCorrection(**terms).fit_with_earlier(
            customers, split.earlier()
        ),
        "K-means": clvml.KMeansSegments(n_segments=4).fit(valued),
        "customer groups": clvml.CustomerGroups(clvml.KMeansSegments(n_segments=4)).fit(valued),
    }


def main() -> None:
    split = clvml.split(clvml.load_cdnow(), "1997-09-30", "1998-06-30", time_unit="W")
    customers = split.calibration
    every = models(customers, split)
    valued = customers.join(
        every["BG/NBD x Gamma-Gamma"].predict_factors(customers).drop(columns="expected_spend")
    )
    many = pd.concat([valued] * 5).iloc[: max(ROWS)].set_axis(pd.RangeIndex(max(ROWS)))
    for name, model in every.items():
        for n_rows in ROWS:
            asked = many.iloc[-n_rows:].rename_axis("customer_id")
            asked.attrs = customers.attrs
            table = request_table(model, asked)
            columns = {
                column: table[column].tolist() if n_rows == 1 else table[column].to_numpy()
                for column in table
            }
            blocks = BLOCKS[n_rows]
            by_frame = cpu_milliseconds(lambda: answer(model, table), blocks)  # noqa: B023
            by_columns = cpu_milliseconds(lambda: answer(model, columns), blocks)  # noqa: B023
            line = f"{name:25} {n_rows:6,} rows   frame {by_frame:7.2f} ms   columns {by_columns:7.2f} ms"
            if isinstance(model, clvml.LifetimeValue):
                kernel = cpu_milliseconds(arithmetic(model, asked), blocks)
                line += f"   arithmetic {kernel:7.2f} ms   columns/arithmetic {by_columns / kernel:5.2f}"
            sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
