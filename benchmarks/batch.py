"""CPU and memory of `clvml score` of a million customers in Parquet, beside plain pandas in the same run.

Run it from the root of the repository::

    python benchmarks/batch.py

Each measurement is a process of its own. "Plain pandas" reads the file whole, asks the model and writes the
scores: no ids are checked, no row is, and all of it is in memory. The model is loaded from a folder; from a
registry (``models:/...``) the import of MLflow is added, about 2 s of CPU and 160 MB.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

import clvml
from clvml.tracking import flavor

N = 1_000_000
PLAIN = """
import sys, pandas as pd
from clvml.tracking import load
model, customers = load(sys.argv[1]), pd.read_parquet(sys.argv[2])
model.predict_factors(customers).to_parquet(sys.argv[3])
"""
LIMIT = {"CPU": 8.0, "memory": 300.0}  # s, MB


def made_up(n: int) -> pd.DataFrame:
    """Customers of two years in weeks, with text of 16 characters as ids, as a run writes them."""
    rng = np.random.default_rng(0)
    T = rng.uniform(10, 104, n)
    x = rng.poisson(rng.gamma(0.3, 1 / 8, n) * T).astype(float)
    spend = np.where(x > 0, rng.gamma(6, 6, n), 0.0).round(2)
    history = {
        "frequency": x,
        "recency": np.where(x > 0, T * rng.beta(2, 1, n), 0.0),
        "T": T,
        "monetary_value": spend,
        "total_spend": (x + 1) * np.where(x > 0, spend, 30.0),
        "first_purchase": pd.Timestamp("1998-06-30") - pd.to_timedelta((7 * T).astype(int), unit="D"),
    }
    return pd.DataFrame(history, pd.Index([f"{i:016x}" for i in rng.permutation(n)], name="customer_id"))


def save_models(folder: Path) -> None:
    """BG/NBD x Gamma-Gamma, and structure plus learning, fitted to CDNOW."""
    split = clvml.split(clvml.load_cdnow(), "1997-09-30", "1998-06-30", time_unit="W")
    structure = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), horizon=13)
    earlier = clvml.split(clvml.load_cdnow(), "1997-06-30", "1997-09-30", time_unit="W")
    learned = clvml.LearnedCorrection(horizon=13, structure=structure)
    flavor.save_model(structure.fit(split.calibration), folder / "structure")
    flavor.save_model(learned.fit_with_earlier(split.calibration, earlier), folder / "learned")


def measured(command: list[str]) -> tuple[float, float]:
    """CPU (s) and peak memory (MB) of a process."""
    code = (
        "import resource, subprocess, sys;"
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL);"
        "u = resource.getrusage(resource.RUSAGE_CHILDREN); print(u.ru_utime + u.ru_stime, u.ru_maxrss / 1024)"
    )
    said = subprocess.run([sys.executable, "-c", code, *command], check=True, capture_output=True, text=True)
    cpu, memory = map(float, said.stdout.split())
    return cpu, memory


def main() -> None:
    rows = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        made_up(N).to_parquet(folder / "customers.parquet")
        save_models(folder)
        for model in ("structure", "learned"):
            paths = [str(folder / model), str(folder / "customers.parquet"), str(folder / f"{model}.parquet")]
            rows[f"{model}, clvml score"] = measured([sys.executable, "-m", "clvml", "score", *paths])
            paths[-1] = str(folder / "plain.parquet")
            rows[f"{model}, plain pandas"] = measured([sys.executable, "-c", PLAIN, *paths])
            pd.testing.assert_frame_equal(
                pd.read_parquet(folder / f"{model}.parquet"), pd.read_parquet(paths[-1]), check_exact=True
            )
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["CPU, s", "memory, MB"])
    sys.stdout.write(f"{table.round(1).to_string()}\n")
    sys.stdout.write(
        f"limits: {LIMIT['CPU']:.0f} s, {LIMIT['memory']:.0f} MB; the scores are the same, bit for bit\n"
    )


if __name__ == "__main__":
    main()
