"""The worst relative error of every quantity of the models, on random inputs over a grid of extremes.

Purchases 0 to 5,000, times from 1 hour in days to 1e6, the last purchase anywhere, parameters from .001 to
10,000, those at whose value 1 formulas divide by zero often at or within 1e-16 to 1e-6 of it. Truth is
interval arithmetic; the models and their oracles are the table of tests/oracles.py.

Usage: python benchmarks/accuracy.py [--points 1000] [--seed 0] [--cases] [MODEL ...]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from oracles import MODELS, Case, Model, error


def worst(model: Model, points: int, seed: int) -> dict[str, tuple[float, Case]]:
    """Of each quantity the largest error, and where."""
    rng, found = np.random.default_rng(seed), {}
    for _ in range(points):
        case = model.draw(rng)
        for name, quantity in model.quantities.items():
            wrong = error(quantity, case)
            if name not in found or wrong > found[name][0]:
                found[name] = wrong, case
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("models", nargs="*", default=list(MODELS), metavar="MODEL", help=", ".join(MODELS))
    parser.add_argument("--points", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cases", action="store_true", help="show where errors are largest")
    chosen = parser.parse_args()
    for name in chosen.models:
        for quantity, (wrong, case) in worst(MODELS[name], chosen.points, chosen.seed).items():
            sys.stdout.write(f"{name:24}{quantity:18}{wrong:8.0e}{f'   {case}' if chosen.cases else ''}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
