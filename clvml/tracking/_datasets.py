"""The datasets of a comparison, with digests and the counts of the transaction policy; tags of its split."""

from __future__ import annotations

from clvml.customers._split import Split
from clvml.customers._transactions import Transactions
from clvml.tracking._records import DatasetRecord


def datasets_of(split: Split, name: str, source: str | None = None) -> list[DatasetRecord]:
    """Calibration and holdout.

    Parameters
    ----------
    split : Split
    name : str
        Of the data; ``_calibration`` and ``_holdout`` are added.
    source : str, optional
        Where the purchases came from. Default: as they say, if the split still has them.
    """
    transactions = split.transactions
    if source is None and transactions is not None:
        source = transactions.source
    facts = {} if transactions is None else policy_counts(transactions)
    return [
        DatasetRecord(f"{name}_{part}", frame, part, source, facts)
        for part, frame in (("calibration", split.calibration), ("holdout", split.holdout))
    ]


def policy_counts(transactions: Transactions) -> dict[str, str]:
    """Rows read and used, and the number of rows set aside by each rule that applied."""
    report = transactions.report
    met = report[report["rows"] > 0]
    rows = {f"rows_{rule}": f"{count}" for rule, count in met["rows"].items()}
    set_aside = met.loc[met["set_aside"] > 0, "set_aside"].drop("read", errors="ignore")
    return rows | {f"set_aside_{rule}": f"{count}" for rule, count in set_aside.items()}


def split_tags(split: Split) -> dict[str, str]:
    """Tags common to all runs of a comparison."""
    return {
        "calibration_end": f"{split.calibration_end:%Y-%m-%d}",
        "observation_end": f"{split.observation_end:%Y-%m-%d}",
        "time_unit": split.time_unit,
        "collapse": split.collapse or "none",
        "horizon": f"{split.duration:g}",
        "actual_total": f"{split.holdout['spend'].sum():.2f}",
    }
