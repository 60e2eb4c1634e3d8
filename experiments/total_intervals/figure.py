"""Draw totals.png: 90 % intervals of totals with and without the model's error, relative to the actual total.

    python -m experiments.total_intervals.figure

Of Pareto/NBD on the real logs, from the committed table.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from clvml.files import written_whole

HERE = Path(__file__).parent
LOGS = {
    "CDNOW": "CDNOW",
    "Online Retail, cancellations netted": "Online Retail",
    "coffee vending": "coffee vending",
}
BLUE, RED, GREY = "#0072B2", "#D55E00", "#9AA5B1"


def shown() -> pd.DataFrame:
    """The totals in the figure, relative to the actual ones, in the order of logs, horizons and origins."""
    totals = pd.read_csv(HERE / "totals.csv", parse_dates=["origin"])
    totals = totals[totals["log"].isin(LOGS) & (totals["model"] == "Pareto/NBD")].dropna(
        subset=["error_lower", "chance_lower"]
    )
    totals["log"] = pd.Categorical(totals["log"], list(LOGS))
    totals = totals.sort_values(["log", "horizon", "origin"]).reset_index(drop=True)
    ends = [f"{name}_{end}" for name in ("error", "chance") for end in ("lower", "upper")]
    totals[ends] = totals[ends].div(totals["actual"], axis=0)
    return totals


def draw(ax: Axes, totals: pd.DataFrame) -> None:
    """One column per total: a light bar with the model's error, a dark one without; red if it misses."""
    at = np.arange(len(totals)) + 1.5 * totals["log"].cat.codes.to_numpy()
    for name, width, alpha in (("error", 0.8, 0.35), ("chance", 0.34, 1.0)):
        lower, upper = totals[f"{name}_lower"], totals[f"{name}_upper"]
        covers = (lower <= 1) & (upper >= 1)
        colours = np.where(covers, BLUE if name == "chance" else GREY, RED)
        ax.bar(at, upper - lower, width, bottom=lower, color=list(colours), alpha=alpha)
    ax.axhline(1, color="black", lw=1)
    ax.set_yscale("log")
    ax.set_ylim(0.25, 6)
    ticks = [0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5]
    ax.set_yticks(ticks, [f"{each:g}" for each in ticks])
    ax.minorticks_off()
    ax.set_ylabel("interval / actual total")
    ax.set_xlabel("one bar per origin and horizon")
    middles = pd.Series(at).groupby(totals["log"].astype(str).to_numpy()).mean()
    ax.set_xticks(middles.to_numpy(), [LOGS[name] for name in middles.index])
    ax.tick_params(axis="x", length=0)
    ax.spines[["top", "right"]].set_visible(False)


def labelled(ax: Axes, totals: pd.DataFrame) -> None:
    """The title says how many totals each interval covers."""
    shares = {
        name: ((totals[f"{name}_lower"] <= 1) & (totals[f"{name}_upper"] >= 1)).sum()
        for name in ("chance", "error")
    }
    ax.set_title(
        f"90 % prediction intervals of {len(totals)} totals, Pareto/NBD x Gamma-Gamma\n"
        f"parameters and chance only cover {shares['chance']}, with the model's error {shares['error']}",
        loc="left",
        fontsize=11,
    )
    handles = [
        plt.Rectangle((0, 0), 1, 1, color=GREY, alpha=0.35),
        plt.Rectangle((0, 0), 1, 1, color=BLUE),
        plt.Rectangle((0, 0), 1, 1, color=RED),
    ]
    names = ["with the model's error", "parameters and chance only", "misses the actual total"]
    ax.legend(handles, names, frameon=False, ncols=3, loc="lower left", fontsize=9)


def main() -> None:
    """Draw and write."""
    totals = shown()
    figure, ax = plt.subplots(figsize=(8.5, 4.2), layout="constrained")
    draw(ax, totals)
    labelled(ax, totals)
    with written_whole(HERE / "totals.png") as unfinished:
        figure.savefig(unfinished, dpi=110, format="png")
    plt.close(figure)


if __name__ == "__main__":
    main()
