"""Invented customers as the input example of a model: no row and no id of a real customer is in it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from clvml.customers._ids import CUSTOMER_ID
from clvml.errors import ClvmlError
from clvml.scoring._contract import request_table, score
from clvml.scoring._signature import INVENTED

QUANTILES = (0.1, 0.3, 0.5, 0.7, 0.9)
DIGITS = 2  # significant, of invented numbers
_COMMON = 5  # real customers who share a category that is in the example


def invented_request(model: Any, customers: pd.DataFrame) -> pd.DataFrame | None:
    """A few invented customers as a request to the model: rounded quantiles of real ones, by column.

    Parameters
    ----------
    model : estimator
        A fitted lifetime-value model or segmentation.
    customers : pandas.DataFrame
        Customers with the model's columns.

    Returns
    -------
    pandas.DataFrame or None
        As `request_table`; None if nobody can be invented whom the model scores and who is not by chance
        one of the customers: the values of a model that needs to know the customer, or a few equal customers.

    Examples
    --------
    >>> import clvml
    >>> customers = clvml.summarize(clvml.load_cdnow())
    >>> example = invented_request(clvml.HistoricValue(horizon=39).fit(customers), customers)
    >>> example["customer_id"].tolist(), example["total_spend"].tolist()
    (['example-1', 'example-2', 'example-3', 'example-4', 'example-5'], [13.0, 24.0, 43.0, 86.0, 240.0])
    """
    real = request_table(model, customers).drop(columns=CUSTOMER_ID, errors="ignore")
    repeat_buyers = real[real["frequency"] > 0] if "frequency" in real else real
    rows = pd.DataFrame({name: _invented(column) for name, column in repeat_buyers.items()})
    if rows.empty or rows.isna().any(axis=None):
        return None
    rows = _others(_possible(rows), real)
    rows.index = pd.Index([f"{INVENTED}-{place + 1}" for place in range(len(rows))], name=CUSTOMER_ID)
    rows.attrs = {key: value for key, value in customers.attrs.items() if isinstance(value, str)}
    return request_table(model, rows) if len(rows) and _are_scored(model, rows) else None


def _invented(column: pd.Series) -> pd.Series:
    """Rounded quantiles of numbers; the most common values of anything else."""
    if pd.api.types.is_bool_dtype(column) or not pd.api.types.is_numeric_dtype(column):
        counts = column.value_counts()
        common = counts.index[counts >= _COMMON][: len(QUANTILES)]
        chosen = [common[place % len(common)] for place in range(len(QUANTILES))] if len(common) else []
        return pd.Series(chosen, range(len(chosen)), dtype=column.dtype)
    values = column.dropna().to_numpy(dtype=float)
    if not values.size:
        return pd.Series(np.nan, range(len(QUANTILES)))
    quantiles = np.quantile(values, QUANTILES)
    rounded = np.array([float(f"{value:.{DIGITS}g}") for value in quantiles])
    whole = bool((values == np.round(values)).all())
    return pd.Series(np.round(rounded) if whole else rounded, dtype=column.dtype if whole else float)


def _possible(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows as histories that can be: the last purchase within the time observed."""
    if not {"recency", "T"} <= set(rows):
        return rows
    return rows.assign(recency=np.minimum(rows["recency"], rows["T"]))


def _others(rows: pd.DataFrame, real: pd.DataFrame) -> pd.DataFrame:
    """The distinct rows that are not by chance those of real customers."""
    known = set(real[real[rows.columns[0]].isin(rows.iloc[:, 0])].itertuples(index=False, name=None))
    new = [row not in known for row in rows.itertuples(index=False, name=None)]
    return rows[new].drop_duplicates(ignore_index=True)


def _are_scored(model: Any, rows: pd.DataFrame) -> bool:
    try:
        score(model, rows)
    except (ClvmlError, KeyError, ValueError):  # a user-defined model, or one that must know the customer
        return False
    return True
