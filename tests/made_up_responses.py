"""Made-up tests with known effects, for simulations."""

import numpy as np
import pandas as pd

from clvml.treatments._responses import Responses


def made_up(n, rng, *, effect=0.0, control_share=0.5, treatments=1, heavy=False, rho=0.0, segments=1):
    """Responses whose money has a known lift per customer for each treatment, and a prediction.

    With ``heavy`` four of five customers buy nothing and the others a lognormal amount, so that the effect is
    a higher probability of buying; its mean lift is ``effect`` all the same.
    """
    shares = [control_share, *[(1 - control_share) / treatments] * treatments]
    names = np.array(["control", *(f"t{i}" for i in range(1, treatments + 1))])
    group = np.repeat(names, np.rint(np.array(shares) * n).astype(int))[:n]
    n = len(group)
    treated = (group != "control") * effect
    value = rng.normal(size=n)
    if heavy:
        mean = np.exp(0.5 + 1.2**2 / 2)
        bought = rng.random(n) < 0.2 + treated / mean
        money = bought * rng.lognormal(0.5, 1.2, n)
    else:
        money = 10 + rho * value + np.sqrt(1 - rho**2) * rng.normal(size=n) + treated
    table = pd.DataFrame(
        {"group": group, "segment": rng.integers(0, segments, n).astype(str), "cost": 0.0, "money": money}
    ).rename_axis("customer_id")
    return Responses(table.assign(predicted=10 + value) if rho else table, "control")
