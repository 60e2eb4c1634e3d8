"""Draw control groups from a file of customers into a file that a CRM reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from clvml.customers._ids import CUSTOMER_ID, are_missing
from clvml.customers._typed_tables import ColumnType, read_typed_table
from clvml.errors import InputError
from clvml.files import check_not_there
from clvml.scoring._score_files import KINDS, ScoreWriter


def assign_file(
    customers: str | Path | pd.DataFrame | Any,
    output: str | Path,
    groups: Mapping[str, float],
    *,
    segment: str | None = None,
    customer: str = CUSTOMER_ID,
    random_state: int = 0,
    overwrite: bool = False,
) -> pd.DataFrame:
    """Draw random groups within segments, and write who is in which.

    Parameters
    ----------
    customers : path or frame
        CSV, Parquet or Excel, such as ``segments.csv`` of a run.
    output : path
        ``.csv``, ``.parquet`` or ``.xlsx``: ``customer_id, segment, group``.
    groups : mapping of str to float
        By group its share or its number of customers, as in `clvml.treatments.assign_treatments`.
    segment : str, optional
        The column with the segment. Default: one segment.
    customer : str
        The column with the id.
    random_state : int, default 0
        Seed of the draw.
    overwrite : bool
        Whether an existing file may be replaced.

    Returns
    -------
    pandas.DataFrame
        What was written, as from `clvml.treatments.assign_treatments`.

    Raises
    ------
    InputError
        If the customers cannot be read or drawn from, or the file cannot be written.

    See Also
    --------
    clvml.treatments.assign_treatments : Without files.
    clvml.treatments.plan_test : How many customers a test needs.
    clvml.treatments.read_responses : Reads the groups back, once there are outcomes.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import pandas as pd
    >>> from clvml.workflow import assign_file
    >>> segments = pd.DataFrame({"customer_id": range(1, 1001), "segment": ["A"] * 200 + ["B"] * 800})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "groups.csv"
    ...     drawn = assign_file(segments, file, {"control": 0.1, "letter": 0.2}, segment="segment")
    ...     header = file.read_text().splitlines()[0]
    >>> header
    'customer_id,segment,group'
    >>> drawn.groupby(["segment", "group"]).size().to_dict()
    {('A', 'control'): 20, ('A', 'letter'): 40, ('B', 'control'): 80, ('B', 'letter'): 160}
    """
    from clvml.treatments import assign_treatments

    path = Path(output)
    if path.suffix.lower() not in KINDS:
        raise InputError(
            f"groups cannot be written to {str(path)!r}: end the name in .csv, .parquet or .xlsx."
        )
    if not overwrite:
        check_not_there(path, "give the groups another name, or allow it (--overwrite, overwrite=True)")
    columns: dict[str, ColumnType] = {customer: "id"}
    read = read_typed_table(customers, columns | ({segment: "text"} if segment else {})).table
    lost = are_missing(read[customer])
    if lost.any():
        raise InputError(f"{int(lost.sum()):,} customers have no id: drop them or give them one.")
    table = read.set_index(customer)
    drawn = assign_treatments(table, groups, segments=segment, random_state=random_state)
    source = customers if isinstance(customers, str | Path | pd.DataFrame) else None
    with ScoreWriter(path, overwrite=overwrite, source=source) as writer:
        writer.write(drawn)
    return drawn
