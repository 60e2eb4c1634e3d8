"""Score a file of customers with a model folder or a registered model."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Self

import pandas as pd

from clvml.customers._amounts import check_separators
from clvml.customers._time_units import TIME_UNIT, as_written, time_unit_of
from clvml.errors import InputError
from clvml.scoring._bad_rows import counted, first_bad_row
from clvml.scoring._batches import BatchScorer, ScoredBatch
from clvml.scoring._contract import request_params
from clvml.scoring._customer_files import Columns, CustomerSource, read_batches
from clvml.scoring._repeated_ids import RepeatedIds
from clvml.scoring._request_time import OBSERVED_UNTIL, STATEMENTS
from clvml.scoring._score_files import ScoreWriter
from clvml.scoring._score_folder import ScoreFolder, fingerprint, is_folder_of_scores
from clvml.tracking._registry import load, load_model_with_card

Progress = Callable[[int, int | None], object]


@dataclasses.dataclass(frozen=True)
class BatchResult:
    """The scores that `score_batch` has written.

    Attributes
    ----------
    path : Path
        The file of scores.
    n_scored : int
        The number of customers in it.
    rejected : dict of str to int
        The number of rows that were not scored, by rule, the most frequent first.
    rejected_path : Path or None
        The file of these rows; None unless bad rows are skipped.
    warnings : tuple of str
        Sentences about the customers as a whole: how many have a ``T`` beyond that of the fit, that the model
        is past the date until which it was validated, or that times of a part appear to be in a longer unit.

    See Also
    --------
    clvml.tracking.score_batch : Makes it.

    Examples
    --------
    One of three rows cannot be scored; it is in a file beside the scores:

    >>> import tempfile
    >>> from pathlib import Path
    >>> import clvml
    >>> import pandas as pd
    >>> from clvml.scoring import save_model_folder
    >>> from clvml.tracking import score_batch
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> broken = customers.head(3).assign(frequency=[2.0, -1.0, 0.0])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = save_model_folder(clvml.RepeatRateValue(horizon=39).fit(customers), folder)
    ...     result = score_batch(folder, broken, Path(folder) / "scores.csv", on_bad_row="skip")
    ...     rejected = pd.read_csv(result.rejected_path)
    >>> result.n_scored, result.n_rejected, result.rejected_path.name
    (2, 1, 'scores-rejected.csv')
    >>> result.rejected
    {'has a negative frequency': 1}
    >>> rejected[["row", "column", "reason"]].to_dict("records")
    [{'row': 2, 'column': 'frequency', 'reason': 'has a negative frequency'}]
    """

    path: Path
    n_scored: int
    rejected: dict[str, int] = dataclasses.field(default_factory=dict)
    rejected_path: Path | None = None
    warnings: tuple[str, ...] = ()

    @property
    def n_rejected(self) -> int:
        """The number of rows that were not scored."""
        return sum(self.rejected.values())

    def read(self) -> pd.DataFrame:
        """The scores, indexed by customer id; they must fit in memory."""
        return pd.concat(self.read_batches())

    def read_batches(self) -> Iterator[pd.DataFrame]:
        """The scores, batch by batch."""
        return read_batches(self.path)


def score_batch(
    model_uri: str | Path,
    customers: str | Path | pd.DataFrame,
    out_path: str | Path,
    *,
    horizon: float | str | None = None,
    annual_discount_rate: float | None = None,
    time_unit: str | None = None,
    observed_until: str | None = None,
    details: bool = False,
    tracking_uri: str | None = None,
    segments: str | Path | None = None,
    overwrite: bool = False,
    on_bad_row: str = "stop",
    decimal: str | None = None,
    thousands: str | None = None,
    progress: Progress | None = None,
) -> BatchResult:
    """Score customers with a model and write the scores to a file, in the customers' order.

    The file appears when it is complete; if scoring fails, no file is left and an existing file
    is unchanged. Files are read and written in batches: neither customers nor scores need to fit in memory.

    Parameters
    ----------
    model_uri : str or Path
        A model URI, as in :func:`clvml.tracking.load`.
    customers : str, Path or pandas.DataFrame
        A customer summary (``.parquet``, ``.csv`` or ``.xlsx``; a folder of them; ``"-"`` for standard input)
        with the model's columns; ids in the index or in a column ``customer_id`` (in CSV read as text, so
        that ``00017`` is kept).
    out_path : str or Path
        ``.parquet``, ``.csv`` or ``.xlsx``, or a folder (a name without a suffix) for Parquet files of a
        million customers each, ``part-00000.parquet`` and so on: each appears when it is complete, and a run
        that was interrupted continues after the last one when it is repeated. Files in it that clvml did not
        write are never touched. The ids are the first column, ``customer_id``. In CSV, text that
        a spreadsheet would run as a formula has an apostrophe before it, which clvml removes when it reads
        the file: ``'=1+1``. Numbers, such as the id ``-5``, are left as they are.
    horizon : float or str, optional
        In the model's time unit, or such as ``"12M"``; None takes the model's own.
    annual_discount_rate : float, optional
        None takes the model's own.
    time_unit : {"D", "W", "M", "Q", "Y"}, optional
        The unit of the customers' times, which are converted to the model's. None takes that of the file: its
        column ``time_unit``, or what clvml stores in Parquet; without any, times are in the model's unit.
    observed_until : str, optional
        The date until which the customers are observed, such as ``"1998-06-30"``, to warn of a model that is
        past its warranty. None takes the column ``observed_until``, what clvml stores in Parquet, or today.
    details : bool, default False
        Whether to add P(buys), the next purchase, historic and total value, and reasons of each customer: see
        `clvml.lifetime_value.customer_outlook`. They use ``total_spend`` and ``observed_until`` of the
        customers, where these columns are.
    tracking_uri : str, optional
        The MLflow store. Default: ``MLFLOW_TRACKING_URI``, or ``mlflow.db`` in the current folder.
    segments : str or Path, optional
        The registered segments (``models:/<name>-segments@champion``) or the folder ``segments`` of a run:
        adds segment, class, stage and treatment of each customer, at the model's own horizon and discount
        rate. ``customers.parquet`` of a run has the purchases in each half of the relationship; without
        these columns trends are unknown.
    overwrite : bool, default False
        Whether existing files may be replaced; those of the customers never are. In a folder: whether parts
        of another model, other customers or other parameters may be.
    on_bad_row : {"stop", "skip"}
        What to do where a row cannot be scored: it has no id or that of an earlier row, text for a number, or
        breaks a rule of the model. "stop" raises an error that names the first one by its number in the file
        (from 1, without the header). "skip" scores the others, and writes these with row, column and reason
        to a file beside the scores, ``<name of out_path>-rejected.csv``.
    decimal : {".", ","}, optional
        Decimal separator of numbers in text. Default: a point.
    thousands : {".", ",", " ", "'", ""}, optional
        Thousands separator of numbers in text. Default: none.
    progress : callable, optional
        Called after each batch with the number of rows done and of all rows (None until it is known).

    Returns
    -------
    BatchResult
        Where the scores are, and how many rows were scored and rejected. ``read()`` returns the scores.

    Raises
    ------
    TrackingError
        If the store does not respond or there is no such model.
    InputError
        If the file is missing or of another type, a row is invalid (with "stop") or every row is, an output
        exists or would be written over or among the customers.
    TimeUnitError
        If the customers do not state their time unit, and their times appear to be in another one.

    See Also
    --------
    clvml.tracking.BatchResult : What it returns.
    clvml.scoring.score : A table in memory.
    clvml.scoring.score_spark : A Spark DataFrame.

    Examples
    --------
    From a file to a file, with a model folder; a registered model is ``"models:/shop@champion"``:

    >>> import tempfile
    >>> from pathlib import Path
    >>> import clvml
    >>> from clvml.scoring import save_model_folder
    >>> from clvml.tracking import score_batch
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = save_model_folder(clvml.RepeatRateValue(horizon=39).fit(customers), folder)
    ...     customers.to_parquet(Path(folder) / "customers.parquet")
    ...     result = score_batch(folder, Path(folder) / "customers.parquet", Path(folder) / "scores.parquet")
    ...     scores = result.read()
    >>> result.n_scored, result.n_rejected
    (2357, 0)
    >>> scores.head(2).round(2)
                   clv  purchase_rate  average_order_value
    customer_id
    1            44.85           0.05                22.34
    2            11.81           0.03                11.77
    """
    if on_bad_row not in ("stop", "skip"):
        raise InputError(f"on_bad_row is {on_bad_row!r}; it must be 'stop' or 'skip'.")
    reading, report = check_separators(decimal, thousands), progress or _no_report
    outputs = _outputs(out_path, on_bad_row, overwrite=overwrite, source=customers)
    options = {
        "horizon": horizon,
        "annual_discount_rate": annual_discount_rate,
        "details": details or None,
        TIME_UNIT: time_unit,
        OBSERVED_UNTIL: observed_until,
    }
    scorer = _scorer(model_uri, options, segments, tracking_uri)
    is_plain = decimal is None and thousands is None
    found = CustomerSource(customers, scorer.numbers, numbers_as_text=not is_plain)
    report(0, found.n_rows)
    repeated = RepeatedIds(found.ids())
    if repeated.n_ids == 0:
        raise InputError("there are no customers to score: the table is empty.")
    n_done = 0
    outputs.open(scorer, found)
    with outputs:
        for place, batch in enumerate(found.batches(Columns(scorer.columns, scorer.optional_columns))):
            if place < outputs.n_batches_done:
                repeated.are_repeated(batch.customers.index)
            else:
                outputs.write(scorer.score(batch, repeated, reading))
            n_done += len(batch.customers)
            report(n_done, repeated.n_ids)
        return outputs.result(scorer.warnings)


def rejected_path(out_path: str | Path) -> Path:
    """Where the rows that could not be scored are written: beside the scores, as CSV."""
    path = Path(out_path)
    return path.with_name(f"{path.stem}-rejected.csv")


def _outputs(out_path: str | Path, on_bad_row: str, **options: Any) -> _Outputs | _FolderOutputs:
    if not is_folder_of_scores(out_path):
        beside = rejected_path(out_path) if on_bad_row == "skip" else None
        return _Outputs(out_path, beside, **options)
    if on_bad_row == "skip":
        raise InputError(
            "rows that cannot be scored are skipped only where the scores are one file: name one"
            f" ({Path(out_path).name}.parquet), or correct the rows."
        )
    return _FolderOutputs(out_path, **options)


class _FolderOutputs(ExitStack):
    """The folder of scores; the first bad row is an error."""

    def __init__(self, scores: str | Path, **options: Any) -> None:
        super().__init__()
        self._scores = ScoreFolder(scores, **options)
        self.n_batches_done = 0

    def open(self, scorer: BatchScorer, source: CustomerSource) -> None:
        self._scorer = scorer
        self._scores.open(fingerprint(scorer.documents, source))
        self.n_batches_done = self._scores.n_batches_done
        if self._scores.counts is not None:
            scorer.restore(self._scores.counts)

    def __enter__(self) -> Self:
        self.enter_context(self._scores)
        return self

    def write(self, part: ScoredBatch) -> None:
        if len(part.rejected):
            raise first_bad_row(part.rejected)
        assert part.scores is not None
        self._scores.write(part.scores, self._scorer.counts)

    def result(self, warnings: tuple[str, ...]) -> BatchResult:
        return BatchResult(self._scores.path, self._scorer.counts["remarks"][0], warnings=warnings)


class _Outputs(ExitStack):
    """The file of scores, and that of rejected rows; without one, the first bad row is an error."""

    def __init__(
        self, scores: str | Path, rejected: Path | None, *, overwrite: bool, source: str | Path | pd.DataFrame
    ) -> None:
        super().__init__()
        writer = partial(ScoreWriter, overwrite=overwrite, source=source)
        self._scores, self._rejected = writer(scores), None if rejected is None else writer(rejected)
        self._n_scored, self._reasons = 0, Counter[str]()
        self.n_batches_done = 0  # a file is written from the start

    def open(self, scorer: BatchScorer, source: CustomerSource) -> None:
        """Nothing to continue."""

    def __enter__(self) -> Self:
        self.enter_context(self._scores)
        if self._rejected is not None:
            self.enter_context(self._rejected)
        return self

    def write(self, part: ScoredBatch) -> None:
        if self._rejected is not None:
            self._rejected.write(part.rejected)
            self._reasons.update(counted(part.rejected))
        elif len(part.rejected):
            raise first_bad_row(part.rejected)
        if part.scores is not None:
            self._scores.write(part.scores)
            self._n_scored += len(part.scores)

    def result(self, warnings: tuple[str, ...]) -> BatchResult:
        reasons = dict(self._reasons.most_common())
        if not self._n_scored:
            listed = ", ".join(f"{reason} ({count:,})" for reason, count in reasons.items())
            raise InputError(f"no row can be scored: {listed}.")
        rejected = None if self._rejected is None else self._rejected.path
        return BatchResult(self._scores.path, self._n_scored, reasons, rejected, warnings)


def _scorer(
    model_uri: str | Path,
    options: Mapping[str, Any],
    segments: str | Path | None,
    tracking_uri: str | None,
) -> BatchScorer:
    params = {name: value for name, value in options.items() if value is not None}
    if TIME_UNIT in params:
        time_unit_of(params[TIME_UNIT])
    if OBSERVED_UNTIL in params:
        as_written(params[OBSERVED_UNTIL], OBSERVED_UNTIL)
    model, card = load_model_with_card(model_uri, tracking_uri=tracking_uri)
    request_params(model, {name: value for name, value in params.items() if name not in STATEMENTS})
    groups = None if segments is None else load(segments, tracking_uri=tracking_uri)
    return BatchScorer(model, params, groups, card)


def _no_report(n_done: int, n_rows: int | None) -> None:
    """Report nothing."""
