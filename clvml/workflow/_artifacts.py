"""The files of a run: each stage writes what it found before the next one starts."""

from __future__ import annotations

import pandas as pd

from clvml.customers._split import Split
from clvml.customers._transactions import Transactions
from clvml.segments.judging._segmentation_contest import Contest
from clvml.tracking._connection import quiet
from clvml.tracking.flavor import save_model
from clvml.workflow._config import Config
from clvml.workflow._output_folder import OutputFolder
from clvml.workflow._results import Comparison, Moves, Segments, Served, tables_of


def write_customers(
    folder: OutputFolder, config: Config, transactions: Transactions, customers: pd.DataFrame
) -> None:
    """The first files: what was asked, what was read, and the customers."""
    folder.text("config.toml", config.to_toml())
    folder.csv("data_report.csv", transactions.report)
    folder.parquet("customers.parquet", customers)


def write_comparison(folder: OutputFolder, comparison: Comparison, parts: Split) -> None:
    """The table, and everything that it was made from, customer by customer."""
    holdout = parts.holdout.add_prefix("holdout_")
    table = parts.calibration.join([holdout, comparison.predictions])
    table.attrs = {"time_unit": parts.time_unit}
    folder.parquet("predictions.parquet", table)
    folder.csv("comparison.csv", comparison.table)


def write_model(folder: OutputFolder, served: Served, customers: pd.DataFrame) -> None:
    """The model as a folder of readable JSON that ``clvml score`` and ``mlflow models serve`` take."""
    import mlflow  # noqa: F401 - its import sets its log levels, so it must come before the silence

    with quiet():
        folder.place("model", lambda path: save_model(served.model, path, input_example=customers))


def write_segments(
    folder: OutputFolder, segments: Segments | None, contest: Contest | None, moves: Moves | None
) -> None:
    """Who is in which segment, what the segments are, how they were judged and who moved."""
    for name, table in tables_of(segments, contest, moves).items():
        folder.csv(f"segment_tables/{name}.csv", table)
    if segments is None:
        return
    folder.csv("segments.csv", segments.members)
    folder.csv("segment_profile.csv", segments.profile)
    if segments.groups is not None:
        model, example = segments.groups.model, segments.members
        folder.csv("segment_cards.csv", segments.groups.cards)
        with quiet():
            folder.place("segments", lambda path: save_model(model, path, input_example=example))
