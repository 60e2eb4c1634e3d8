"""Write scores.csv and regular.csv: when does the weak prior predict better, and what does regular buying do?

Samples of customers are drawn from CDNOW and from simulated customers; every model is fitted to each sample
with and without the weak prior, and predicts the sample's purchases in the holdout.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import clvml
from clvml.diagnostics import purchase_regularity
from clvml.errors import FitError
from experiments import _logs
from experiments._lab import Results, Section

HERE = Path(__file__).parent
MODELS = (clvml.BGNBD, clvml.MBGNBD, clvml.ParetoNBD)
START = pd.Timestamp("2020-01-01")


class Frequent(Section):
    """Parameters of the simulated customers, and their number."""

    r: float
    alpha: float
    s: float
    beta: float
    population: int


class Regular(Section):
    """Customers whose times between purchases are gamma with these shapes."""

    shapes: tuple[float, ...]
    customers: int
    samples: int
    dropout_rates: tuple[float, ...]
    weeks: int


class Config(Section):
    """Sizes and number of the samples, and what is simulated."""

    question: str
    customers: tuple[int, ...]
    samples: int
    holdout: float
    frequent: Frequent
    regular: Regular


def populations(config: Config) -> dict[str, tuple[pd.DataFrame, pd.Series]]:
    """Histories and purchases in the holdout, by data set."""
    parts = clvml.split(_logs.read("CDNOW, all customers"), "1997-09-30", "1998-06-30")
    return {"CDNOW": (parts.calibration, parts.holdout["purchases"]), "frequent": frequent(config)}


def frequent(config: Config) -> tuple[pd.DataFrame, pd.Series]:
    """Customers simulated from Pareto/NBD, who buy more often than CDNOW's."""
    given, rng = config.frequent, np.random.default_rng(0)
    model = clvml.ParetoNBD.from_params(
        r=given.r, alpha=given.alpha, s=given.s, beta=given.beta, time_unit="W"
    )
    customers = model.simulate(rng.uniform(26, 39, given.population), rng)
    draw = model.parameter_draws(1)[0]
    buyers, _ = model.purchase_simulator(customers)(draw, 1, config.holdout, rng)
    return customers, pd.Series(np.bincount(buyers, minlength=len(customers)), customers.index)


def samples_of(data: str, customers: pd.DataFrame, bought: pd.Series, n: int, config: Config) -> pd.DataFrame:
    """Each model's errors on samples of ``n`` customers, without and with the prior."""
    rows = []
    for number in range(config.samples):
        who = np.random.default_rng((n, number)).choice(len(customers), n, replace=False)
        for model in MODELS:
            found = dict(errors_of(model, customers.iloc[who], bought.iloc[who], config.holdout))
            rows.append({"data": data, "customers": n, "model": model.title, **found})
    return pd.DataFrame(rows).dropna()


def errors_of(
    model: Any, customers: pd.DataFrame, bought: pd.Series, horizon: float
) -> Iterator[tuple[str, Any]]:
    """Relative error of the total, RMSE per customer, and whether the fit without prior has an optimum."""
    for label, prior in (("ml", None), ("weak", "weak")):
        try:
            fitted = model(prior=prior).fit(customers)
        except FitError:  # nobody in the sample bought again
            continue
        expected = fitted.expected_purchases(customers, horizon)
        if prior is None:
            yield "optimum", "boundary" if fitted.fit_record_.at_boundary else "interior"
        yield f"total_error_{label}", abs(expected.sum() / max(bought.sum(), 1) - 1)
        yield f"rmse_{label}", float(np.sqrt(np.mean((expected - bought) ** 2)))


def scores(config: Config) -> pd.DataFrame:
    """Mean errors by data set, size, model and kind of optimum."""
    found = [
        samples_of(data, *population, n, config)
        for data, population in populations(config).items()
        for n in config.customers
    ]
    return mean_errors(pd.concat(found))


def mean_errors(samples: pd.DataFrame) -> pd.DataFrame:
    """Means over samples, with their number."""
    groups = samples.groupby(["data", "customers", "model", "optimum"])
    return groups.size().rename("fits").to_frame().join(groups.mean()).reset_index()


def regular(config: Config) -> pd.DataFrame:
    """Means over samples, by dropout rate and shape of the time between purchases."""
    given = config.regular
    rows = [
        {"dropout_rate": rate, "shape": shape, **regular_fits(rate, shape, number, given)}
        for rate in given.dropout_rates
        for shape in given.shapes
        for number in range(given.samples)
    ]
    return pd.DataFrame(rows).groupby(["dropout_rate", "shape"]).mean().reset_index()


def regular_fits(rate: float, shape: float, number: int, config: Regular) -> dict[str, float]:
    """The estimated shape, and how many customers a model believes alive, for one sample."""
    transactions, alive = regular_buyers(rate, shape, number, config)
    customers = clvml.summarize(transactions)
    found = {"estimated_shape": purchase_regularity(transactions, customers).k, "alive": alive}
    for name, model in (("bgnbd", clvml.BGNBD()), ("pareto_nbd", clvml.ParetoNBD())):
        model.fit(customers)
        found[f"p_alive_{name}"] = float(model.probability_alive(customers).mean())
        found[f"boundary_{name}"] = float(model.fit_record_.at_boundary)
    return found


def regular_buyers(
    rate: float, shape: float, number: int, config: Regular
) -> tuple[clvml.Transactions, float]:
    """Purchases of customers who buy with gamma times in between, and the share alive at the end."""
    rng = np.random.default_rng((int(10 * shape), number))
    rows, alive = [], 0
    for customer in range(config.customers):
        mean, left = 6 / rng.gamma(2.0), rng.exponential(1 / rate)
        alive += left > config.weeks
        times = np.concatenate([[0.0], np.cumsum(rng.gamma(shape, mean / shape, 400))])
        rows += [(customer, time) for time in times[times < min(left, config.weeks)]]
    table = pd.DataFrame(rows, columns=["customer_id", "week"])
    date = START + pd.to_timedelta(7 * table["week"], unit="D")
    return clvml.read_transactions(table.assign(date=date), purchases_only=True), alive / config.customers


def results(config: Config) -> Results:
    """Both tables."""
    return Results(
        {
            "scores": scores(config).set_index(["data", "customers", "model", "optimum"]),
            "regular": regular(config).set_index(["dropout_rate", "shape"]),
        }
    )
