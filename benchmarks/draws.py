"""Draws of BG/NBD's parameters on CDNOW, against NUTS: python benchmarks/draws.py

4,000 draws of the parameters, by nested Laplace's approximation (clvml) and by NUTS in pymc-marketing (four
chains of 1,000 after 1,000 to tune, one after another), each log-parameter as likely as another before the
data: in NUTS, log-normal with a spread of ten e-folds. Where pymc-marketing is not installed that part
is left out.
"""

from __future__ import annotations

import os
import sys

os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import importlib.util
import time

import numpy as np
import pandas as pd

import clvml

DRAWS, CHAINS, TUNE = 4000, 4, 1000
NAMES = ["r", "alpha", "a", "b"]
EFOLDS = 10.0


def laplace(model: clvml.BGNBD) -> pd.DataFrame:
    """Draws of a normal in log-parameters, what the fit alone says."""
    estimate = np.array(model.params_)
    spread = model.covariance_ / np.outer(estimate, estimate)
    rng = np.random.default_rng(0)
    logs = rng.multivariate_normal(np.log(estimate), spread, 100 * DRAWS)
    return pd.DataFrame(np.exp(logs), columns=NAMES)


def nuts(customers: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    """Draws of pymc-marketing, and its CPU seconds with the building of the model."""
    from pymc_extras.prior import Prior
    from pymc_marketing.clv import BetaGeoModel

    priors = {name: Prior("LogNormal", mu=0, sigma=EFOLDS) for name in NAMES}
    history = customers[["frequency", "recency", "T"]].rename_axis("customer_id").reset_index()
    start = time.process_time()
    model = BetaGeoModel(model_config=priors)
    model.fit(
        data=history,
        draws=DRAWS // CHAINS,
        tune=TUNE,
        chains=CHAINS,
        cores=1,
        random_seed=1,
        progressbar=False,
        target_accept=0.9,
    )
    spent = time.process_time() - start
    return model.idata.posterior[NAMES].to_dataframe()[NAMES], spent


def main() -> None:
    """A table of means and standard deviations, and the ratio of CPU seconds."""
    customers = clvml.split(clvml.load_cdnow(), "1997-09-30", "1998-06-30", time_unit="W").calibration
    model = clvml.BGNBD().fit(customers)
    model.sample_parameters(DRAWS, random_state=0)
    start = time.process_time()
    ours = model.sample_parameters(DRAWS, random_state=1)
    spent = time.process_time() - start
    tables = {"Laplace": laplace(model), "clvml": ours}
    sys.stdout.write(f"clvml: {spent:.4f} CPU s, by {ours.attrs['method']}\n")
    if importlib.util.find_spec("pymc_marketing") is None:
        sys.stdout.write("pymc-marketing is not installed: without NUTS.\n")
    else:
        tables["NUTS"], theirs = nuts(customers)
        sys.stdout.write(f"NUTS: {theirs:.1f} CPU s, {theirs / spent:.0f} times as much\n")
    figures = {name: table.agg(["mean", "std"]).T.stack() for name, table in tables.items()}
    sys.stdout.write(pd.DataFrame(figures).to_string(float_format="%.4f") + "\n")


if __name__ == "__main__":
    main()
