"""Purchases simulated from BG/NBD x Gamma-Gamma, whose traits change after the end of a model's data."""

import dataclasses
import warnings
from typing import Any

import numpy as np
import pandas as pd

import clvml
from clvml.customers import fingerprint
from clvml.errors import FitWarning
from clvml.scoring import ModelCard

START, TRAINED, CHECKED = pd.Timestamp("2023-01-02"), "2023-12-31", "2024-09-29"
RATE = (0.8, 8.0)  # r, alpha: 0.1 purchases per week
DROPOUT = (0.8, 3.2)  # a, b: 20 % after a purchase
SPEND = (6.0, 4.0, 15.0)  # p, q, v: 30 per purchase


@dataclasses.dataclass(frozen=True)
class Shift:
    """Multiples of the traits, of everybody, from the day after the end of the model's data."""

    rate: float = 1.0
    dropout: float = 1.0
    spend: float = 1.0


def simulated_purchases(n: int, seed: int, shift: Shift = Shift()) -> pd.DataFrame:
    """Purchases of ``n`` customers, acquired evenly until nine months after the model's data end."""
    rng = np.random.default_rng(seed)
    trained, end = ((pd.Timestamp(day) - START).days + 1.0 for day in (TRAINED, CHECKED))
    rows = []
    for customer, acquired in enumerate(np.sort(rng.uniform(0, end - 1, n))):
        rate, quit_ = rng.gamma(RATE[0], 1 / RATE[1]) / 7, rng.beta(*DROPOUT)
        scale = rng.gamma(SPEND[1], 1 / SPEND[2])
        time, draws = acquired, 0
        while time < end and draws < 5_000:
            after = time >= trained
            rows.append((customer, time, rng.gamma(SPEND[0], 1 / scale) * (shift.spend if after else 1.0)))
            draws += 1
            if draws > 1 and rng.random() < min(quit_ * (shift.dropout if after else 1.0), 1.0):
                break
            ahead = rng.exponential(1 / rate)
            if time + ahead > trained:  # the rest of the wait passes at the shifted rate
                since = max(time, trained)
                ahead = since - time + (time + ahead - since) / shift.rate
            time += ahead
    table = pd.DataFrame(rows, columns=["customer_id", "date", "amount"])
    return table.assign(date=START + pd.to_timedelta(table["date"].astype(int), unit="D"))


def trained_model(purchases: Any, until: str = TRAINED, **card: Any) -> tuple[clvml.LifetimeValue, ModelCard]:
    """The model of the simulation fitted to the purchases until a day, and a card without totals."""
    transactions = clvml.read_transactions(purchases[purchases["date"] <= until])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)  # of few customers
        model = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), horizon=39).fit(
            clvml.summarize(transactions, until)
        )
    known = {"observed_until": until, "time_unit": "W", "fingerprint": fingerprint(transactions)}
    return model, ModelCard(**{**known, **card})
