"""Customer summaries from polars and Arrow, as the pandas tables that the models compute with."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from clvml.customers._ids import CUSTOMER_ID, without_uuids
from clvml.errors import InputError


def as_customers(customers: Any) -> Any:
    """A polars or Arrow table as a DataFrame; anything else unchanged, to be judged by the caller.

    Parameters
    ----------
    customers : polars.DataFrame, polars.LazyFrame, pyarrow.Table or any table with the Arrow stream protocol
        One row per customer. A column ``customer_id`` becomes the index; without one, rows are numbered.
        ``attrs`` that pandas stored in the table, such as the time unit, are restored.

    Raises
    ------
    InputError
        If it cannot be converted.
    """
    if isinstance(customers, pd.DataFrame):
        return customers
    if hasattr(customers, "collect") and hasattr(customers, "lazy"):
        customers = customers.collect()
    if not hasattr(customers, "__arrow_c_stream__") or isinstance(customers, pd.Series):
        return customers
    import pyarrow as pa

    try:
        table = pa.table(customers)
        frame = without_uuids(table).to_pandas()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, TypeError, ValueError) as error:
        raise InputError(f"the customers cannot be converted to pandas: {error}") from None
    frame.attrs.update(json.loads((table.schema.metadata or {}).get(b"PANDAS_ATTRS", b"{}")))
    return frame.set_index(CUSTOMER_ID) if CUSTOMER_ID in frame else frame
