"""Score a file of customers with a model folder or a registered model."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from clvml.scoring._batches import score_batches
from clvml.scoring._contract import request_params
from clvml.scoring._customer_files import ScoreWriter, check_ids, read_batches
from clvml.tracking._registry import load


def score_batch(
    model_uri: str | Path,
    customers: str | Path | pd.DataFrame,
    out_path: str | Path,
    *,
    horizon: float | str | None = None,
    annual_discount_rate: float | None = None,
    tracking_uri: str | None = None,
    segments: str | Path | None = None,
    overwrite: bool = False,
) -> pd.DataFrame:
    """Score customers with a model and write the scores to a file, in the customers' order.

    The file appears when it is complete; if scoring fails, no file is left and an existing file
    is unchanged. Files are read in batches, so that the scores, but not the input, must fit in memory.

    Parameters
    ----------
    model_uri : str or Path
        A model URI, as in :func:`clvml.tracking.load`.
    customers : str, Path or pandas.DataFrame
        A customer summary (``.parquet``, ``.csv`` or ``.xlsx``; a folder of them; ``"-"`` for standard input)
        with the model's columns; ids in the index or in a column ``customer_id`` (in CSV read as text, so
        that ``00017`` is kept).
    out_path : str or Path
        ``.parquet``, ``.csv`` or ``.xlsx``; the ids are its first column, ``customer_id``.
    horizon : float or str, optional
        In the model's time unit, or such as ``"12M"``; None takes the model's own.
    annual_discount_rate : float, optional
        None takes the model's own.
    segments : str or Path, optional
        The registered segments (``models:/<name>-segments@champion``) or the folder ``segments`` of a run:
        adds segment, class, stage and treatment of each customer, at the model's own horizon and discount
        rate. ``customers.parquet`` of a run has the purchases in each half of the relationship; without
        these columns trends are unknown.
    overwrite : bool, default False
        Whether an existing file may be replaced; the file of the customers never is.

    Returns
    -------
    pandas.DataFrame
        The scores, indexed by customer id: ``clv`` and its factors, or the segments.

    Raises
    ------
    TrackingError
        If the store does not respond or there is no such model.
    InputError
        If the file is missing or of another type, a customer is invalid, or ``out_path`` exists or is the
        customers' file.
    TimeUnitError
        If the summary counts time in another unit than the model.
    """
    file = ScoreWriter(out_path, overwrite=overwrite, source=customers)
    model = load(model_uri, tracking_uri=tracking_uri)
    options = {"horizon": horizon, "annual_discount_rate": annual_discount_rate}
    params = request_params(model, {name: value for name, value in options.items() if value is not None})
    groups = None if segments is None else load(segments, tracking_uri=tracking_uri)
    check_ids(customers)
    written = []
    with file:
        for scores in score_batches(model, read_batches(customers), params, groups):
            file.write(scores)
            written.append(scores)
    return pd.concat(written)
