"""Simulated customers: Pareto/NBD with independent spend, and worlds in which one assumption is broken.

Customers live one purchase at a time, by code of this module alone, so that no model is tested
against itself.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

import clvml

WEEKS = 104
START = pd.Timestamp("2020-01-06")
R, ALPHA = 0.8, 6.0  # of the purchase rate per week


class World(NamedTuple):
    """What differs from a Pareto/NBD with independent spend, if anything.

    Attributes
    ----------
    joining : float
        Weeks within which customers are acquired.
    customers : int
    dropout : float
        Scale of the dropout rate: half of the customers have dropped out after about 1.7 times as many weeks.
    season : float
        Amplitude of a yearly wave of the purchase rate.
    trend : float
        The rate falls from 1 + trend to 1 - trend of its mean.
    regularity : float
        Shape of the time between purchases; 1 is random timing.
    price : float
        Factor of all amounts after 70 % of the time.
    correlation : float
        A customer's mean spend is multiplied by their relative purchase rate to this power.
    """

    joining: float = 20
    customers: int = 800
    dropout: float = 14.0
    season: float = 0.0
    trend: float = 0.0
    regularity: float = 1.0
    price: float = 1.0
    correlation: float = 0.0


def simulated(world: World, seed: int) -> clvml.Transactions:
    """The purchases of all customers of a world."""
    random = np.random.default_rng(seed)
    lives = [pd.DataFrame(_life(world, random)).assign(customer_id=i) for i in range(world.customers)]
    log = pd.concat(lives, ignore_index=True)
    log["date"] = START + pd.to_timedelta(np.floor(7 * log.pop("week")), "D")
    return clvml.read_transactions(log)


def _life(world: World, random: np.random.Generator) -> dict[str, np.ndarray]:
    """Weeks and amounts of one customer's purchases; the first is never thinned."""
    start, rate = random.uniform(0, world.joining), random.gamma(R, 1 / ALPHA)
    end = min(start + random.exponential(1 / random.gamma(0.7, 1 / world.dropout)), WEEKS)
    busiest = (1 + world.season) * (1 + world.trend)
    shape = world.regularity
    gaps = random.gamma(shape, 1 / (shape * rate * busiest), int(2 * WEEKS * rate * busiest) + 40)
    week = start + np.r_[0, np.cumsum(gaps)]
    level = 1 + world.season * np.sin(2 * np.pi * week / 52)
    level *= 1 + world.trend * (1 - 2 * week / WEEKS)
    stays = (random.random(week.size) < level / busiest) & (week < end)
    stays[0] = True
    week = week[stays]
    amount = 15 * random.gamma(3.7, 1 / 2.7) * random.gamma(6, 1 / 6, week.size) + 0.01
    amount *= (rate * ALPHA / R) ** world.correlation
    return {"week": week, "amount": np.where(week > 0.7 * WEEKS, world.price, 1.0) * amount}
