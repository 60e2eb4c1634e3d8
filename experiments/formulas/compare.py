"""Write scores.csv: every contender of ``clvml run`` on CDNOW, Online Retail and simulated customers.

    python experiments/formulas/compare.py

Simulated customers buy and leave as BG/NBD says and spend as Gamma-Gamma says: 4,000 of them, first
purchase within 26 weeks, fitted after 52 weeks, held out for 52 more. Purchases are kept as they happen
(weeks as real numbers), and the truth is what each one goes on to spend.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

import clvml
from clvml.errors import FitWarning
from clvml.files import written_whole
from clvml.lifetime_value import SupportsEarlierSplit
from clvml.workflow import CONTENDERS

HERE = Path(__file__).parent
RETAIL = HERE.parents[2] / "shared" / "data" / "online_retail" / "online_retail.parquet"
DROPOUT = {"low": (0.5, 9.5), "high": (1.5, 2.5)}  # a, b: 5 % and 38 % leave after a purchase
SPEND = {"alike": (40.0, 41.0, 30.0), "heterogeneous": (6.0, 2.5, 7.5)}  # p, q, v: mean 30 both
CUSTOMERS, FITTED, HELD_OUT = 4000, 52.0, 52.0


def simulated(dropout: str, spend: str, seed: int) -> tuple[pd.DataFrame, pd.Series, float]:
    """A summary after 52 weeks and the money of the 52 weeks after."""
    random = np.random.default_rng(seed)
    (a, b), (p, q, v) = DROPOUT[dropout], SPEND[spend]
    start = random.uniform(0, 26, CUSTOMERS)
    rate, leave = random.gamma(0.8, 1 / 8.0, CUSTOMERS), random.beta(a, b, CUSTOMERS)
    scale = random.gamma(q, 1 / v, CUSTOMERS)
    rows, truth = [], np.zeros(CUSTOMERS)
    for i in range(CUSTOMERS):
        when, money = purchases(start[i], rate[i], leave[i], p, scale[i], random)
        seen = when <= FITTED
        truth[i] = money[~seen].sum()
        x = int(seen.sum()) - 1
        rows.append((x, when[seen][-1] - start[i], FITTED - start[i], money[seen][1:].mean() if x else 0.0,
                     money[seen].sum()))  # fmt: skip
    columns = ["frequency", "recency", "T", "monetary_value", "total_spend"]
    table = pd.DataFrame(rows, pd.RangeIndex(CUSTOMERS, name="customer_id"), columns, dtype=float)
    table.attrs["time_unit"] = "W"
    return table, pd.Series(truth, table.index), HELD_OUT


def purchases(
    start: float, rate: float, leave: float, p: float, scale: float, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Times and money of one customer's purchases until the end or until they leave."""
    times = [start]
    while True:
        then = times[-1] + random.exponential(1 / rate)
        if then > FITTED + HELD_OUT:
            break
        times.append(then)
        if random.random() < leave:
            break
    return np.array(times), random.gamma(p, 1 / scale, len(times))


def cdnow() -> tuple[pd.DataFrame, pd.Series, float]:
    """The split of the papers."""
    split = clvml.split(clvml.load_cdnow(), "1997-09-30", "1998-06-30")
    return split.calibration, split.holdout["spend"], split.duration


def online_retail() -> tuple[pd.DataFrame, pd.Series, float]:
    """As in experiments/online_retail."""
    policy = clvml.TransactionPolicy(returns="net_period", duplicates="drop", zero_amount="drop")
    names = {"customer": "CustomerID", "date": "InvoiceDate", "quantity": "Quantity", "price": "UnitPrice"}
    sales = clvml.read_transactions(RETAIL, policy=policy, **names)
    split = clvml.split(sales, "2011-09-09", "2011-12-09")
    return split.calibration, split.holdout["spend"], split.duration


def scores(name: str, make: Callable[[], tuple[pd.DataFrame, pd.Series, float]]) -> pd.DataFrame:
    """The comparison table of one data set."""
    customers, truth, horizon = make()
    predictions, families = {}, {}
    for contender in CONTENDERS.values():
        model = contender.build(horizon=horizon, annual_discount_rate=0.0, margin=1.0)
        if contender.optional or isinstance(model, SupportsEarlierSplit):
            continue
        predictions[contender.title] = model.fit(customers).predict(customers)
        families[contender.title] = contender.family
    table = clvml.compare(truth, pd.DataFrame(predictions), families)
    table.insert(0, "actual", truth.sum())
    return pd.concat({name: table}, names=["data"])


def write(path: Path, table: pd.DataFrame) -> None:
    """Write a table; rows of data that are absent today stay as they were."""
    if path.exists():
        before = pd.read_csv(path, index_col=list(table.index.names))
        absent = ~before.index.get_level_values("data").isin(table.index.get_level_values("data"))
        table = pd.concat([table, before[absent]])
    with written_whole(path) as unfinished:
        table.to_csv(unfinished, float_format="%.6g")


def main() -> None:
    """All data sets, one table."""
    warnings.simplefilter("ignore", FitWarning)  # that they doubt their own fit is in the README
    data: dict[str, Callable[[], tuple[pd.DataFrame, pd.Series, float]]] = {"CDNOW": cdnow}
    if RETAIL.exists():
        data["Online Retail"] = online_retail
    for number, dropout in enumerate(DROPOUT):
        for other, spend in enumerate(SPEND):
            arguments = (dropout, spend, 10 * number + other)
            data[f"simulated, dropout {dropout}, spend {spend}"] = lambda given=arguments: simulated(*given)
    table = pd.concat([scores(name, make) for name, make in data.items()])
    write(HERE / "scores.csv", table)


if __name__ == "__main__":
    main()
