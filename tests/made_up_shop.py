"""A made-up shop, and its cohorts by hand: customers who come, stay and lapse."""

import numpy as np
import pandas as pd


def shop(seed: int = 0, n_customers: int = 120, n_months: int = 14, losses: bool = False) -> pd.DataFrame:
    """Purchases of customers won over the first months, with cents that floats cannot add exactly."""
    rng = np.random.default_rng(seed)
    rows = []
    for customer in range(n_customers):
        first = int(rng.integers(0, 30 * (n_months - 3)))
        days = first + np.concatenate([[0], np.cumsum(rng.integers(1, 70, rng.poisson(3)))])
        for day in days[days < 30 * n_months]:
            low = -30 if losses else 1
            rows.append((f"c{customer}", day, round(float(rng.uniform(low, 60)), 2)))
    table = pd.DataFrame(rows, columns=["customer_id", "day", "amount"])
    dates = pd.Timestamp("2023-11-01") + pd.to_timedelta(table.pop("day"), unit="D")
    return table.assign(date=dates)[["customer_id", "date", "amount"]]


def by_hand(sales: pd.DataFrame, period: str = "M") -> pd.DataFrame:
    """Customers, orders and revenue by cohort and calendar period, in plain pandas."""
    orders = sales.groupby(["customer_id", sales["date"].dt.normalize()], as_index=False)["amount"].sum()
    orders["period"] = orders["date"].dt.to_period(period)
    orders["cohort"] = orders.groupby("customer_id")["period"].transform("min")
    cells = orders.groupby(["cohort", "period"])
    return pd.DataFrame(
        {
            "customers": cells["customer_id"].nunique(),
            "orders": cells.size(),
            "revenue": cells["amount"].sum(),
        }
    )
