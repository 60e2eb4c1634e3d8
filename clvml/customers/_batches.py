"""The batches of a store of transactions: one Parquet file each, whose metadata say how it was read.

A file has the rows used, with the columns ``customer_id`` (as in the source, before ids become integers),
``date``, ``amount``, ``is_return`` and ``category``. Batches are numbered without gaps. A file appears under
its name in one step, and only if no other has the name: a killed process leaves nothing but a hidden
temporary file, and of two processes that add at once one waits its turn. A file of a range of numbers has
the batches of that range in one, with their numbers as ``batch``: the longest range counts, and files within
it do not.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import json
import os
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from clvml.customers._policy import TransactionPolicy
from clvml.customers._transactions import Transactions
from clvml.customers.engines import Engine
from clvml.errors import InputError

KEY = "clvml.transactions"
KEY_OF_MANY = "clvml.transactions_of_batches"  # a JSON list of texts of facts
FORMAT = 1
_NAME = re.compile(r"transactions-(?:000001-)?(\d{6})\.parquet")
_SECONDS_TO_KEEP = 86_400.0  # of files that were replaced: processes may have opened them
_DATES = ["first_date", "last_date"]
_EXAMPLES = ["bad_date_example", "bad_amount_example"]


@dataclasses.dataclass(frozen=True)
class Facts:
    """What a store knows of a batch beside its rows.

    Attributes
    ----------
    source : str
        Name of the source in messages.
    policy : TransactionPolicy
    has_amounts : bool
    category : str or None
    calendar : str
        The sentence on the time zone in which purchases are dated.
    ids : {"file", "numbers", "text"}
        Ids of a text file have no type of their own; others do.
    digest : str
        Recognises the same rows, in any order.
    duplicates : tuple of int and float
        Duplicate rows within the batch, and their spend.
    groups : pandas.DataFrame
        Rows counted by the rules that they violate.
    """

    source: str
    policy: TransactionPolicy
    has_amounts: bool
    category: str | None
    calendar: str
    ids: str
    digest: str
    duplicates: tuple[int, float]
    groups: pd.DataFrame

    def to_json(self) -> str:
        """The facts as text; numbers are exact."""
        plain = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        groups = self.groups.drop(columns=_EXAMPLES, errors="ignore").to_dict("list")
        plain |= {"policy": dataclasses.asdict(self.policy), "groups": groups}
        return json.dumps({"format": FORMAT, **plain}, default=str)

    @classmethod
    def from_json(cls, text: str | bytes) -> Facts:
        """The facts from their text."""
        plain = json.loads(text)
        if plain.pop("format") != FORMAT:
            raise InputError("it was written by a newer clvml: install that version.")
        groups = pd.DataFrame(plain["groups"])
        groups["bad_row"] = groups.get("bad_row", False)  # of no file before clvml counted them
        groups[_DATES] = groups[_DATES].apply(pd.to_datetime).astype("datetime64[us]")
        policy, duplicates = TransactionPolicy(**plain["policy"]), tuple(plain["duplicates"])
        return cls(**plain | {"policy": policy, "groups": groups, "duplicates": duplicates})


class Batch(NamedTuple):
    """A batch of a store: its file, and what is known of it."""

    path: Path
    facts: Facts


def batches_in(folder: Path) -> list[Batch]:
    """The batches of a store in the order in which they were added; none if there is no store.

    Raises
    ------
    InputError
        If a batch is missing, damaged or not written by clvml.
    """
    together, alone = _files_in(folder)
    start = max(together, default=0)
    later = sorted(number for number in alone if number > start)
    for number, found in enumerate(later, start + 1):
        if number != found:
            raise InputError(
                f"{folder} lacks {name_of(number)}, which was added before {name_of(found)}: restore the"
                " file."
            )
    paths = [*([together[start]] if start else []), *(alone[number] for number in later)]
    return [Batch(path, facts) for path in paths for facts in _facts_in(path)]


def _files_in(folder: Path) -> tuple[dict[int, Path], dict[int, Path]]:
    """The files of several batches by the number of the last, and those of one by its number."""
    together: dict[int, Path] = {}
    alone: dict[int, Path] = {}
    for path in folder.glob("transactions-*.parquet"):
        if found := _NAME.fullmatch(path.name):
            number = int(found[1])
            (alone if path.name == name_of(number) else together)[number] = path
    return together, alone


def paths_of(batches: Iterable[Batch]) -> list[Path]:
    """The files of batches, each once, in their order."""
    return [*dict.fromkeys(batch.path for batch in batches)]


def remove_replaced(folder: Path) -> None:
    """Remove the files whose batches are in one file for a day."""
    together, alone = _files_in(folder)
    if not together or time.time() - together[max(together)].stat().st_mtime < _SECONDS_TO_KEEP:
        return
    last = max(together)
    replaced = [path for number, path in together.items() if number < last]
    for path in [*replaced, *(path for number, path in alone.items() if number <= last)]:
        path.unlink(missing_ok=True)


def is_store(source: Any) -> bool:
    """Whether the source is the path of a folder that clvml keeps transactions in."""
    if not isinstance(source, str | Path):
        return False
    with contextlib.suppress(OSError, ValueError):
        together, alone = _files_in(Path(source))
        first = next(
            iter([*together.values(), *(path for number, path in alone.items() if number == 1)]), None
        )
        return first is not None and bool({KEY.encode(), KEY_OF_MANY.encode()} & set(_metadata_of(first)))
    return False


def name_of(number: int) -> str:
    """The name of the file of a batch, counted from 1."""
    return f"transactions-{number:06d}.parquet"


def name_of_first(number: int) -> str:
    """The name of the file of this many batches from the first."""
    return f"transactions-000001-{number:06d}.parquet"


def facts_of(transactions: Transactions) -> Facts:
    """What a store has to know of transactions."""
    return Facts(
        transactions.source,
        transactions.policy,
        transactions.has_amounts,
        transactions.columns.category,
        transactions.calendar,
        transactions.ids_as_read[1],
        _digest(transactions),
        transactions.copies,
        transactions.counts_by_rule,
    )


def write_batch(engine: Engine, rows: str, facts: Facts, partial: Path) -> None:
    """Write rows (SQL) to a file that does not count yet, and wait until they are on the disk."""
    _write(engine, rows, partial, {KEY: facts.to_json()})


def write_together(engine: Engine, batches: Sequence[Batch], partial: Path) -> None:
    """Write the rows of batches, with the numbers of these, to a file that does not count yet."""
    numbers = {str(batch.path): number for number, batch in enumerate(batches, 1)}
    source = engine.open([str(path) for path in paths_of(batches)])
    cells = {name: f"c{place}" for place, name in enumerate(source.names)}
    known = cells.pop("batch", "NULL")
    columns = ", ".join(f"{cell} AS {name}" for name, cell in cells.items())
    table = pd.DataFrame({"file": [*numbers], "number": [*numbers.values()]})
    with engine.lend("numbers", table):
        rows = f"SELECT {columns}, coalesce({known}, number) AS batch FROM placed JOIN numbers USING (file)"
        texts = json.dumps([batch.facts.to_json() for batch in batches])
        _write(engine, f"{rows} ORDER BY batch", partial, {KEY_OF_MANY: texts})


def _write(engine: Engine, rows: str, partial: Path, metadata: Mapping[str, str]) -> None:
    engine.write_parquet(rows, partial, metadata)
    with partial.open("rb+") as file:
        os.fsync(file.fileno())


def check_fits(folder: Path, batches: Sequence[Batch], new: Facts, again: bool) -> None:
    """Raise if a batch cannot be added to those of a store.

    Raises
    ------
    InputError
        The message names what differs, and the way out.
    """
    for batch in batches if not again else ():
        if batch.facts.digest == new.digest:
            raise InputError(
                f"{new.source} has the same rows as {batch.path.name}, added from {batch.facts.source}: to"
                " count them twice, add them with again=True."
            )
    for batch in batches:
        _check_same_reading(folder, batch.facts, new)


def _check_same_reading(folder: Path, known: Facts, new: Facts) -> None:
    check_same_policy(folder, known.policy, new.policy)
    if {known.ids, new.ids} == {"numbers", "text"}:
        raise InputError(
            f"customer ids of {new.source} are {new.ids}, those of {known.source} in {folder} {known.ids}:"
            " give them the same type, so that customers are recognised."
        )
    if known.has_amounts != new.has_amounts:
        with_, without = (known, new) if known.has_amounts else (new, known)
        raise InputError(
            f"{with_.source} has amounts and {without.source} has none: read both with the same columns."
        )
    for name, there, here in (
        ("category", known.category, new.category),
        ("time zone", known.calendar or new.calendar, new.calendar or known.calendar),
    ):
        if there != here:
            raise InputError(
                f"{new.source} was read with another {name} than {known.source} in {folder}"
                f" ({here or 'none'}; {there or 'none'}): read it with the same one."
            )


def check_same_policy(folder: Path, known: TransactionPolicy, new: TransactionPolicy) -> None:
    """Raise if transactions were validated with another policy than those of a store.

    Raises
    ------
    InputError
        The message lists the options that differ.
    """
    pairs = zip(dataclasses.asdict(known).items(), dataclasses.asdict(new).values(), strict=True)
    differing = [f"{name}={there!r} there, {here!r} here" for (name, there), here in pairs if there != here]
    if differing:
        raise InputError(
            f"the transactions of {folder} were validated with another policy ({'; '.join(differing)}): use"
            " the policy of the store, or make a new store from all transactions."
        )


def publish(partial: Path, path: Path) -> None:
    """Give a file its name, in one step.

    Raises
    ------
    FileExistsError
        If another file has the name.
    """
    try:
        os.link(partial, path)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS):
            raise
        if path.exists():
            raise FileExistsError(path) from None
        partial.rename(path)  # a file system without links


def _facts_in(path: Path) -> list[Facts]:
    try:
        metadata = _metadata_of(path)
        several = metadata.get(KEY_OF_MANY.encode())
        texts = [metadata[KEY.encode()]] if several is None else json.loads(several)
        return [Facts.from_json(text) for text in texts]
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(
            f"{path} is damaged, or was not written by clvml: restore it, or move it to another folder."
        ) from None
    except InputError as error:
        raise InputError(f"{path} cannot be read: {error}") from None


def _metadata_of(path: Path) -> dict[bytes, bytes]:
    import pyarrow.parquet

    return dict(pyarrow.parquet.read_metadata(path).metadata or {})  # ArrowInvalid is a ValueError


def _digest(transactions: Transactions) -> str:
    """A digest of the rows used that neither their order nor the version of the engine changes."""
    found = transactions.engine.frame(
        "SELECT substr(part, 1, 3) AS part, count(*) AS rows, min(part) AS first, max(part) AS last,"
        " CAST(sum(CAST(amount AS DECIMAL(38, 8))) AS STRING) AS amount"
        " FROM (SELECT md5(concat(CAST(customer_id AS STRING), ' ', CAST(date AS STRING))) AS part, amount"
        " FROM used) GROUP BY 1 ORDER BY 1"
    )
    return hashlib.sha256(found.to_csv(index=False).encode()).hexdigest()
