"""What interval arithmetic says of the hardest inputs and of a grid, computed once.

A row of oracle_values.csv is a customer and, of each quantity of their model, the value to the last digit of
a double, as `oracles.MODELS` computes it. Write the file again (two or three minutes):

    python tests/oracle_values.py
"""

import csv
import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from flint import arb, ctx
from oracles import MODELS, PRECISION, Case

from clvml.distributions.bgbb import BGBBParams
from clvml.distributions.bgnbd import BGNBDParams
from clvml.distributions.gamma_gamma import GammaGammaParams
from clvml.distributions.mbgnbd import MBGNBDParams
from clvml.distributions.pareto_nbd import ParetoNBDParams
from clvml.distributions.shifted_beta_geometric import ShiftedBetaGeometricParams

PATH = Path(__file__).with_name("oracle_values.csv")
SEED = 20
POINTS = 60  # of the grid, a model
CERTAIN = 1e-16  # the largest relative radius of an interval
INVISIBLE = 1e-60  # the largest radius about a zero

HARDEST = {
    "BG/NBD": [
        # On which others return nan, inf or a wrong number: numbers.md
        Case(BGNBDParams(0.11, 2.24, 0.31, 0.5), 0, 0, 1, 30, 1),
        Case(BGNBDParams(0.243, 4.414, 0.793, 2.426), 500, 360, 365, 1e6, 5000),
        # 10,000 of log-likelihood cancel
        Case(BGNBDParams(1e4, 1e4, 1.0, 0.0055), 1, 0, 621_935.45, 447.1, 5),
        # Far tails: scipy's incomplete beta function is wrong in the third digit, or zero from 1e-284
        Case(BGNBDParams(36.686402271473476, 1e3, 1 + 3e-8, 0.008), 0, 0, 47_078.05, 285_355.26, 5000),
        Case(BGNBDParams(27.468082563035843, 1.0, 1.0, 1.0), 0, 0, 0, 0.339916205195545, 546),
        # One less the share of the time ahead keeps 9 digits
        Case(BGNBDParams(1e-3, 1e-3, 1.0, 1e4), 0, 0, 0, 1e6, 5000),
        Case(BGNBDParams(1.6, 0.12, 1e-3, 1e-3), 1, 0.00127, 0.1577, 0.7558, 3),
        # Gauss-Jacobi nodes that serve z = 2.25 are 2 % off
        Case(BGNBDParams(1070.0, 1370.0, 1.0, 0.0829), 0, 0, 2390, 8460, 40),
        # Hardly anybody stays
        Case(BGNBDParams(1e4, 1e-3, 1e4, 1e-3), 0, 0, 0, 1e6, 1),
        Case(BGNBDParams(0.03, 0.001, 1 - 1e-12, 1e-3), 5000, 1e6 - 1e-9, 1e6, 1 / 24, 1),
        Case(BGNBDParams(1e-3, 1e4, 1 + 2.3e-16, 1e-3), 0, 0, 1e6, 1e6, 0),
    ],
    "MBG/NBD": [
        Case(MBGNBDParams(0.525, 6.183, 0.891, 1.614), 0, 0, 38.86, 39, 2),
        Case(MBGNBDParams(0.00124, 3.2585, 1e4, 1e4), 5000, 5568.13, 19_866.1, 205.0, 0),
        Case(MBGNBDParams(1e4, 1e4, 1e-3, 1e-3), 0, 0, 1e6, 1e6, 5000),
        Case(MBGNBDParams(237.0, 0.001, 1 + 4.7e-10, 757.0), 5000, 0, 0.1226, 1.64, 5000),
    ],
    "Pareto/NBD": [
        # On which others return nan: numbers.md
        Case(ParetoNBDParams(0.5143, 2.8845, 0.2856, 14.1087), 221, 103.42857, 103.57143, 39, 50),
        # Everybody has left: the likelihood as a difference from being alive keeps 11 digits
        Case(ParetoNBDParams(1.38, 0.334, 2856.0, 0.0303), 0, 0, 415_146.76, 125_601.7, 0),
        Case(ParetoNBDParams(1e4, 1e4, 1e4, 1e-3), 0, 0, 1e6, 1e6, 5000),
        # Numbers of purchases for which two panels of 24 nodes keep 11 digits
        Case(ParetoNBDParams(60.861, 66.919, 6301.17, 0.00244), 1, 3.64e-9, 12.73, 26.85, 28),
        Case(ParetoNBDParams(0.01157, 1.138, 79.547, 0.78768), 2, 4.0306, 4.0306, 147.6, 17),
        Case(ParetoNBDParams(0.566, 732.4, 1 - 7e-7, 230.8), 789, 0.01226, 0.15093, 1393.4, 5000),
        Case(ParetoNBDParams(1e-3, 1e-3, 1.0, 1e4), 5000, 1e6, 1e6, 1e6, 4000),
        Case(ParetoNBDParams(1e4, 1e-3, 1 + 2.3e-16, 1e-3), 5000, 0, 1 / 24, 1 / 24, 5000),
        Case(ParetoNBDParams(1e4, 1e4, 1 - 1e-12, 1e4), 0, 0, 0, 1e6, 0),
    ],
    "BG/BB": [
        Case(BGBBParams(1.2035224, 0.7497164, 0.6567181, 2.7834417), 0, 0, 6, 10, 4),
        # As many chances to have left as opportunities
        Case(BGBBParams(0.001, 1e4, 1.0, 1e4), 0, 0, 10**6, 10**6, 0),
        Case(BGBBParams(1.55, 0.00191, 72.239, 8908.0), 1466, 72_867, 107_021, 2, 0),
        Case(BGBBParams(0.1097, 1794.6, 4134.7, 3131.7), 12, 12, 783, 523, 2),
        # Most purchases are made by whoever nearly always buys
        Case(BGBBParams(192.9, 0.031, 0.0222, 0.00158), 0, 0, 873, 8804, 5000),
        Case(BGBBParams(1e4, 1e-3, 1e-3, 1e4), 5000, 5000, 5000, 10**6, 5000),
        Case(BGBBParams(0.1165, 381.6, 1.0, 0.01237), 180, 180, 180, 7098, 5000),
        Case(BGBBParams(1e-3, 0.233, 1 + 2.3e-16, 40.27), 2, 2, 2, 10**6, 4944),
        Case(BGBBParams(1e4, 1e4, 1 - 1e-12, 1e-3), 0, 0, 0, 10**6, 5000),
    ],
    "shifted beta-geometric": [
        Case(ShiftedBetaGeometricParams(971.15, 564.63), 490_224, 0, 490_224, 389_756, 389_756),
        Case(ShiftedBetaGeometricParams(1e-3, 0.0026), 121, 0, 121, 10**6, 10**6),
        Case(ShiftedBetaGeometricParams(1.0, 1e4), 7, 0, 10**6, 10**6, 5),
        Case(ShiftedBetaGeometricParams(1 + 2.3e-16, 1e-3), 0, 0, 0, 10**6, 1),
    ],
    "Gamma-Gamma": [
        # p*x a million times q, and the other way round
        Case(GammaGammaParams(1e4, 1e-3, 1e-3), 5000, 0, 0, 0, m=1e6),
        Case(GammaGammaParams(1e-3, 1e4, 1e4), 1, 0, 0, 0, m=1e-3),
        Case(GammaGammaParams(8.218, 2012.66, 0.2214), 5000, 0, 0, 0, m=1.3e-3),
        Case(GammaGammaParams(0.5, 1 - 1e-12, 1.0), 1, 0, 0, 0, m=1.0),
    ],
}


class Row(NamedTuple):
    """A case of a model, from the list of the hardest or drawn, and its values by quantity."""

    model: str
    kind: str
    case: Case
    truths: dict[str, float]


def truths(name: str, case: Case) -> dict[str, float]:
    """The value of each quantity, rounded to a double."""
    ctx.prec = PRECISION
    return {quantity: rounded(arb(row.truth(case))) for quantity, row in MODELS[name].quantities.items()}


def rounded(value: arb) -> float:
    """The double next to the middle of an interval that is narrow enough, or the zero within it."""
    middle, radius = float(value.mid()), float(value.rad())
    if value.contains(0) and radius < INVISIBLE:
        return 0.0
    if not math.isinf(middle) and not radius <= CERTAIN * abs(middle):
        raise ValueError(f"{value} is too wide: raise PRECISION")
    return middle


def read() -> list[Row]:
    """The rows of the committed file."""
    with PATH.open(newline="") as file:
        return [from_text(row) for row in csv.DictReader(file)]


def from_text(row: dict[str, str]) -> Row:
    """A row of the file; each model has its own kind of parameters, and a cell for each of its quantities."""
    params = type(HARDEST[row["model"]][0].params)(*map(float, row["params"].split()))
    numbers = (number(row[name]) for name in Case._fields[1:])
    found = {name: float(row[name]) for name in MODELS[row["model"]].quantities if row[name]}
    return Row(row["model"], row["kind"], Case(params, *numbers), found)


def number(text: str) -> float:
    """Opportunities are counted in whole numbers."""
    return int(text) if text.isdigit() else float(text)


def computed() -> Iterator[Row]:
    """All rows, as they are now."""
    for name, model in MODELS.items():
        rng = np.random.default_rng(SEED)
        cases = {"hardest": HARDEST[name], "grid": [model.draw(rng) for _ in range(POINTS)]}
        yield from (Row(name, kind, case, truths(name, case)) for kind in cases for case in cases[kind])


def write(rows: Iterator[Row]) -> None:
    """The file anew."""
    quantities = list(dict.fromkeys(name for model in MODELS.values() for name in model.quantities))
    with PATH.open("w", newline="") as file:
        table = csv.DictWriter(
            file, ["model", "kind", "params", *Case._fields[1:], *quantities], lineterminator="\n"
        )
        table.writeheader()
        for model, kind, case, found in rows:
            params = " ".join(repr(float(value)) for value in case.params)
            inputs = {name: plain(value) for name, value in zip(Case._fields[1:], case[1:], strict=True)}
            table.writerow({"model": model, "kind": kind, "params": params} | inputs | found)


def plain(value: float) -> str:
    """The shortest text that reads back as the same number, whole ones without a point."""
    return repr(int(value) if isinstance(value, int | np.integer) else float(value))


if __name__ == "__main__":
    write(computed())
