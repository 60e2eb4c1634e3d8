"""How much time and memory a run will take, said before the work that takes it.

The costs were measured with ``benchmarks/run_at_size.py`` (its README has the numbers) and are linear in rows
and customers; models are compared on a sample of a known size. They are of a machine of 2026 with two cores:
half or double is no surprise, ten times is.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

if TYPE_CHECKING:
    from clvml.workflow._config import Config

MILLION, MB, GB = 1e6, 2**20, 2**30
UNITS = {"K": 2**10, "M": MB, "G": GB, "T": 2**40}
LARGE = {"rows": 1_000_000, "customers": 100_000}  # a run of fewer says nothing
CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


class Cost(NamedTuple):
    """CPU seconds of a stage.

    Attributes
    ----------
    fixed : float
        Whatever the size, of figures and samples.
    rows, customers : float
        Per million.
    compared : float
        Per contender, with `split.max_customers` at its default.
    """

    fixed: float = 0.0
    rows: float = 0.0
    customers: float = 0.0
    compared: float = 0.0


COSTS = {
    "Reading": Cost(rows=0.4),
    "Splitting, notices": Cost(fixed=0.5, rows=0.9, customers=3.5),
    "Comparing models": Cost(fixed=2, compared=4.7),
    "Model to serve": Cost(fixed=1, customers=33),
    "Segments": Cost(fixed=10, rows=1.3, customers=24),
    "Economics": Cost(fixed=3, rows=1.2, customers=7),
    "Customer base": Cost(fixed=0.3, rows=0.8),
    "Figures, report": Cost(fixed=14, customers=4),
}
DEFAULT_SAMPLE = 50_000
MEMORY = {"fixed": 450.0, "rows": 55.0, "customers": 1550.0}  # MB; per million


class Estimate(NamedTuple):
    """What a run will take.

    Attributes
    ----------
    stages : pandas.DataFrame
        Index ``stage``; ``cpu`` in seconds.
    memory : float
        At most at one time, in GB.
    """

    stages: pd.DataFrame
    memory: float


def estimate(config: Config, rows: int, customers: int) -> Estimate:
    """CPU time by stage, and memory, of a run of so many rows and customers.

    Examples
    --------
    >>> from clvml.workflow import load_config
    >>> found = estimate(load_config(), 10_000_000, 1_000_000)
    >>> bool(found.stages["cpu"].sum() > 60), bool(1 < found.memory < 4)
    (True, True)
    """
    sample = min(customers, config.split.max_customers) / DEFAULT_SAMPLE
    contenders = len(config.models.contenders) * sample
    millions = rows / MILLION, customers / MILLION
    seconds = {
        name: cost.fixed + cost.rows * millions[0] + cost.customers * millions[1] + cost.compared * contenders
        for name, cost in COSTS.items()
    }
    engine = min(MEMORY["rows"] * millions[0] * MB, _size(config.data.memory_limit))
    beside = (MEMORY["fixed"] + MEMORY["customers"] * millions[1]) * MB
    return Estimate(pd.DataFrame({"cpu": seconds}).rename_axis("stage"), (engine + beside) / GB)


def describe(config: Config, rows: int, customers: int) -> list[str]:
    """The estimate in sentences, what is sampled, and whether memory suffices; none of a small run."""
    if rows < LARGE["rows"] and customers < LARGE["customers"]:
        return []
    found, available = estimate(config, rows, customers), machine_memory()
    parts = ", ".join(f"{str(name).lower()} {seconds:.0f} s" for name, seconds in found.stages["cpu"].items())
    total = found.stages["cpu"].sum()
    sentences = [
        f"estimate for {rows:,} rows of {customers:,} customers: about {_duration(total)} of CPU and"
        f" {found.memory:.1f} GB of memory ({parts})"
    ]
    if available is not None and found.memory > available:
        sentences.append(
            f"this may not fit: the machine has {available:.1f} GB. Set data.memory_limit, such as"
            f" {max(round(available / 3, 1), 0.5):g}GB, beyond which the engine uses the disk; beside the"
            f" engine a run needs about {MEMORY['customers']:,.0f} MB per million customers"
        )
    if customers > config.split.max_customers:
        sentences.append(
            f"sampled: {config.split.max_customers:,} customers to compare models and segmentations"
            " (split.max_customers), of these up to 10,000 to choose the number of segments; all customers"
            " are in the model to serve, in segments, economics and cohorts"
        )
    return sentences


def machine_memory() -> float | None:
    """The memory of this machine, or of its container, in GB; None if unknown."""
    known = [limit for limit in map(_limit, CGROUP_LIMITS) if limit is not None]
    if hasattr(os, "sysconf") and {"SC_PHYS_PAGES", "SC_PAGE_SIZE"} <= set(os.sysconf_names):
        known.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return min(known) / GB if known else None


def _limit(path: str) -> int | None:
    """The limit of a container in bytes; None without one."""
    try:
        text = Path(path).read_text(encoding="ascii").strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def _size(text: str | None) -> float:
    """The bytes of a size such as "2GB"; infinity without one."""
    found = re.match(r"\s*([\d.]+)\s*([KMGT])", (text or "").upper())
    return float(found[1]) * UNITS[found[2]] if found else float("inf")


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} minutes"
