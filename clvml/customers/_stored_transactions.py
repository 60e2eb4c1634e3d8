"""Transactions read back from a store: the rows used of all batches, validated when they were added."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import pandas as pd

from clvml.customers._batches import (
    Batch,
    Facts,
    batches_in,
    check_fits,
    facts_of,
    is_store,
    name_of,
    name_of_first,
    paths_of,
    publish,
    remove_replaced,
    write_batch,
    write_together,
)
from clvml.customers._reading_options import Columns
from clvml.customers._transactions import Transactions, read_transactions
from clvml.customers.engines import DuckDB, Engine
from clvml.customers.engines._leftovers import partial_file, remove_abandoned
from clvml.errors import InputError

_PARTIAL = ".transactions-"


class TransactionStore:
    """Validated transactions in a folder, to which new ones are added; a source for every function.

    A summary of the store, ``clvml.summarize(store)``, is the summary of all transactions read in one, to the
    last bit, in whatever batches and order they were added: purchases that arrive late, corrections (negative
    amounts, under a policy that nets them) and returns of earlier purchases count from their dates. Only the
    new transactions are read and validated.

    Each batch is a Parquet file of the rows used, which appears once it is whole: a killed `add` leaves the
    store as it was, apart from a hidden file that ends in ``.partial``, which a later `add` removes. To
    take a batch back, delete the last file. After some hundred batches, `compact` puts them in one file.
    Other files in the folder are neither read nor changed.

    Parameters
    ----------
    folder : str or pathlib.Path
        Made by the first ``add``, within a folder that exists.

    Attributes
    ----------
    folder : pathlib.Path
        As given.

    Raises
    ------
    InputError
        From ``add``, if the batch is invalid, was added before, or was read under another policy.

    See Also
    --------
    clvml.read_transactions : Reads each batch, and the store itself.
    clvml.summarize : Its customers.

    Examples
    --------
    >>> import tempfile
    >>> import clvml
    >>> import pandas as pd
    >>> store = clvml.TransactionStore(tempfile.mkdtemp())
    >>> january = pd.DataFrame({"customer_id": ["a", "b"], "date": "2024-01-08", "amount": [5.0, 2.0]})
    >>> february = pd.DataFrame({"customer_id": ["a"], "date": "2024-02-05", "amount": [7.0]})
    >>> store.add(february)
    >>> store.add(january)
    >>> clvml.summarize(store)[["frequency", "recency", "T", "monetary_value"]]
                 frequency  recency    T  monetary_value
    customer_id
    a                  1.0      4.0  4.0             7.0
    b                  0.0      0.0  4.0             0.0
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def add(self, transactions: Any, *, again: bool = False) -> None:
        """Add transactions.

        Parameters
        ----------
        transactions : Transactions or source
            From `read_transactions`, or a source with the default column names, which is then read with the
            policy of the store. Rows dated in the future are set aside as of now. Ids of text files become
            integers only if those of all batches are whole numbers.
        again : bool, default False
            Add them even if a batch with the same rows was added before.

        Raises
        ------
        InputError
            If they were added before; if they were read with another policy, category or time zone than
            those in the store, or have ids of another type, or no amounts where those have; if the policy
            excludes or forbids duplicates, since rows of two batches are not compared; or if the folder
            cannot be written to. The store is then unchanged.
        """
        batch = self._read(transactions)
        if batch.policy.duplicates != "keep":
            raise InputError(
                f"duplicates={batch.policy.duplicates!r} compares rows with those of all batches, of which a"
                " store has not all columns: remove the duplicates first, and add them with"
                " duplicates='keep'."
            )
        rows = batch.rows_as_read  # refused of a store before anything is written
        if not self.folder.parent.is_dir():
            raise InputError(f"there is no folder {self.folder.parent} to make {self.folder.name} in.")
        facts = facts_of(batch)
        check_fits(self.folder, batches_in(self.folder), facts, again)
        try:
            self.folder.mkdir(exist_ok=True)
            with partial_file(self.folder, _PARTIAL) as partial:
                write_batch(batch.engine, rows, facts, partial)
                self._publish(partial, facts, again)
            remove_replaced(self.folder)
        except OSError as error:
            raise InputError(f"{self.folder} cannot be written to: {error.strerror}.") from None

    def compact(self) -> None:
        """Put the batches in one file, so that a store of many small ones is read faster.

        What the store gives stays the same, and batches can be added meanwhile. The file appears once it is
        whole. Those that it replaces are no longer read, but stay for processes that have opened them: the
        first `add` or `compact` a day later removes them. A batch in that file can no longer be taken back.

        Raises
        ------
        InputError
            If the folder cannot be written to; the store is then unchanged.
        """
        batches = batches_in(self.folder)
        try:
            remove_replaced(self.folder)
            remove_abandoned(self.folder, _PARTIAL)
            if len(paths_of(batches)) < 2:
                return
            with partial_file(self.folder, _PARTIAL) as partial:
                write_together(DuckDB(), batches, partial)
                with contextlib.suppress(FileExistsError):  # of another process
                    publish(partial, self.folder / name_of_first(len(batches)))
        except OSError as error:
            raise InputError(f"{self.folder} cannot be written to: {error.strerror}.") from None

    def __len__(self) -> int:
        """The number of batches."""
        return len(batches_in(self.folder))

    def __repr__(self) -> str:
        return f"TransactionStore({str(self.folder)!r})"

    def _read(self, transactions: Any) -> Transactions:
        if isinstance(transactions, Transactions):
            return transactions
        known = batches_in(self.folder)
        return read_transactions(transactions, policy=known[0].facts.policy if known else None)

    def _publish(self, partial: Path, facts: Facts, again: bool) -> None:
        """Name the batch with the next number; another process may have added one meanwhile."""
        while True:
            batches = batches_in(self.folder)
            check_fits(self.folder, batches, facts, again)
            with contextlib.suppress(FileExistsError):
                return publish(partial, self.folder / name_of(len(batches) + 1))


class StoredTransactions(Transactions):
    """The transactions of a `clvml.TransactionStore`, as if its batches had been read in one.

    Batches added later do not enter.

    Parameters
    ----------
    folder : pathlib.Path
    engine : Engine
    label : str, optional
        Name of the source in messages. Default: the folder.
    number : int, optional
        The number of batches to read. Default: all.

    Raises
    ------
    InputError
        If there is no store, or a file of it is missing or damaged.
    """

    def __init__(
        self, folder: Path, engine: Engine | None = None, label: str | None = None, number: int | None = None
    ) -> None:
        self.batches: list[Batch] = batches_in(folder)[:number]
        if not self.batches:
            raise InputError(f"{folder} has no transactions yet: add a batch to the store first.")
        first = self.batches[0].facts
        self.policy, self.source = first.policy, label or str(folder)
        self.engine = DuckDB() if engine is None else engine
        self._stored = (folder, self.engine, label, len(self.batches))
        self.columns = Columns(
            "customer_id", "date", "amount" if first.has_amounts else None, category=first.category
        )
        self._groups = pd.concat([batch.facts.groups for batch in self.batches], ignore_index=True)
        self._used = self._groups[self._groups["used"]]
        self._source = self.engine.open([str(path) for path in paths_of(self.batches)])
        self._create_used()
        self._describe_dates()

    @property
    def calendar(self) -> str:
        return next(filter(None, (batch.facts.calendar for batch in self.batches)), "")

    def set_aside(self) -> pd.DataFrame:
        """Not available: a store has the rows used only.

        Raises
        ------
        InputError
            Always.
        """
        raise InputError(
            f"{self.source} stores the rows used only: call set_aside() on the transactions of a batch"
            " before they are added."
        )

    def with_category(self, column: str) -> Self:
        """The same transactions, if the batches were read with this category.

        Raises
        ------
        InputError
            If they were not.
        """
        if column != self.columns.category:
            raise InputError(
                f"{self.source} has no column {column!r}: a store has the category with which its batches"
                f" were read ({self.columns.category or 'none'})."
            )
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as its folder and number of batches."""
        return StoredTransactions, self._stored, None if self.price is None else {"price": self.price}

    def _create_used(self) -> None:
        places = {name: f"c{place}" for place, name in enumerate(self._source.names)}
        who = self._source.columns[self._source.names.index("customer_id")]
        identity = f"CAST({places['customer_id']} AS STRING)"
        if self._has_whole_ids:
            number = places["customer_id"] if who.kind != "text" else f"split_part({identity}, '.', 1)"
            identity = f"CAST({number} AS BIGINT)"
        category = f", {places['category']} AS category" if self.columns.category else ""
        self.engine.create_view(
            "used",
            f"SELECT {identity} AS customer_id, {places['date']} AS date, {places['amount']} AS amount,"
            f" {places['is_return']} AS is_return{category} FROM source{self._earlier(places)}",
        )

    def _earlier(self, places: Mapping[str, str]) -> str:
        """The SQL that leaves out batches beyond these, which may be in one file with them."""
        return f" WHERE coalesce({places['batch']}, 0) <= {len(self.batches)}" if "batch" in places else ""

    @cached_property
    def _duplicates(self) -> tuple[int, float]:
        """Within batches; of rows in two batches a store cannot tell."""
        rows, spend = zip(*(batch.facts.duplicates for batch in self.batches), strict=True)
        return sum(rows), sum(spend)

    def _warn_of_ambiguous_days(self) -> None:
        """Nothing: that was said when the batches were read."""

    @property
    def rows_as_read(self) -> str:
        """Not available: ids as read are in the files.

        Raises
        ------
        InputError
            Always.
        """
        raise InputError(
            f"{self.source} is a store already: add the transactions of its batches, or copy the folder."
        )


def folder_of_store(source: Any) -> Path | None:
    """The folder of a `TransactionStore`, or a path to one; None if the source is something else."""
    if isinstance(source, TransactionStore):
        return source.folder
    return Path(source) if is_store(source) else None
