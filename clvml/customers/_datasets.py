"""The CDNOW benchmark data: customers acquired in early 1997, observed to mid-1998.

The files are installed by the package ``lifetimes``. They are read without importing that package: its loader
needs a module that recent Python versions lack, and importing it sets a pandas option.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Literal

import pandas as pd

from clvml.customers._transactions import Transactions, read_transactions
from clvml.errors import InputError

# File name, number of header lines, and the columns in the file's order.
_CDNOW = {
    "sample": ("CDNOW_sample.txt", 0, ["master_id", "customer_id", "date", "cds", "amount"]),
    "master": ("CDNOW_master.txt", 1, ["customer_id", "date", "cds", "amount"]),
}


def load_cdnow(which: Literal["sample", "master"] = "sample") -> Transactions:
    """Load the CDNOW transactions: the 1/10 sample of 2,357 customers, or all 23,570.

    Parameters
    ----------
    which : {"sample", "master"}, default "sample"
        The sample has 6,919 rows, its customers numbered 1 to 2357; the master file has 69,659.

    Returns
    -------
    Transactions
        From 1997-01-01 to 1998-06-30; customers made their first purchase in the first quarter of 1997.

    Raises
    ------
    InputError
        If ``which`` is neither, or ``lifetimes`` is not installed.

    See Also
    --------
    clvml.read_transactions : One's own data.
    clvml.summarize, clvml.split : From transactions to customers.

    References
    ----------
    Fader, Hardie (2001), Forecasting Repeat Sales at CDNOW: A Case Study, Interfaces 31(3).

    Examples
    --------
    >>> import clvml
    >>> clvml.load_cdnow()
    Transactions(6,919 of 6,919 rows used, 1997-01-01 to 1998-06-30, from CDNOW sample)
    """
    if which not in _CDNOW:
        raise InputError(f"which is {which!r}; it must be 'sample' or 'master'.")
    name, header, columns = _CDNOW[which]
    table = pd.read_csv(_installed(name), sep=r"\s+", header=None, skiprows=header, names=columns)
    return read_transactions(table, label=f"CDNOW {which}")


def _installed(name: str) -> Path:
    """The path of a data file of ``lifetimes``; finding a top-level spec does not import the package."""
    spec = importlib.util.find_spec("lifetimes")
    folders = [] if spec is None else list(spec.submodule_search_locations or [])
    for folder in folders:
        path = Path(folder) / "datasets" / name
        if path.is_file():
            return path
    raise InputError(
        f"CDNOW is read from the package lifetimes, which lacks {name}: pip install lifetimes==0.11.3."
    )
