"""The ratings of a survey: who rated which brand on which attribute, read and validated.

One row is one score: ``respondent, brand, attribute, score``, and optionally ``importance`` (of the
attribute to the respondent), ``kind``, ``customer_id``, ``date`` and ``segment``. An attribute is a benefit
(product, service, personnel or image) or a cost (money, time, energy or psychic), as in Kotler's delivered
value. Scores of a cost are its size: a high score is a high cost. In **performance**, which compares
attributes with each other, high is good for all: a cost ``s`` on a scale from ``low`` to ``high`` counts as
``low + high - s``.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from clvml.customers._typed_tables import ColumnType, TypedTable, match_ids, read_typed_table
from clvml.errors import InputError

BENEFITS = ("product", "service", "personnel", "image")
COSTS = ("money", "time", "energy", "psychic")
KINDS = (*BENEFITS, *COSTS)
KEY = ["respondent", "brand", "attribute"]
_REQUIRED: dict[str, ColumnType] = {"brand": "text", "attribute": "text", "score": "number"}
_OPTIONAL: dict[str, ColumnType] = {
    "respondent": "id", "customer_id": "id", "importance": "number", "kind": "text", "date": "date",
    "segment": "text",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Ratings:
    """Validated ratings; `read_ratings` makes them.

    Attributes
    ----------
    table : pandas.DataFrame
        One row per score: ``respondent, brand, attribute, score``, and those of ``importance, customer_id,
        date, segment`` that the source has.
    kinds : pandas.Series
        By attribute: one of the four benefits or four costs; missing if not given. In the order of the
        kinds, and within a kind of the table; the overall score is not among them.
    scale : (float, float)
        The ends of the scale of scores.
    overall : str or None
        The attribute that is the overall score, such as overall satisfaction.
    report : pandas.Series
        Counts: rows read, used, and those set aside by reason.
    notes : tuple of str
        What a reader of the results should know, in sentences.

    See Also
    --------
    clvml.survey.read_ratings : Makes them.
    clvml.survey.brand_performance, clvml.survey.delivered_value : What brands deliver.
    clvml.survey.attribute_importance : What customers value.

    Examples
    --------
    >>> import clvml
    >>> from clvml.survey import made_up_survey, read_ratings
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> made_up = made_up_survey(customers)
    >>> ratings = read_ratings(made_up.ratings, overall="overall satisfaction")
    >>> len(ratings.table), ratings.kinds["price"], ratings.scale
    (29919, 'money', (1.0, 5.0))
    >>> ratings.notes
    ('rows of ratings set aside: 1,200 without a score',)
    """

    table: pd.DataFrame
    kinds: pd.Series
    scale: tuple[float, float]
    overall: str | None
    report: pd.Series
    notes: tuple[str, ...] = field(default=())

    @property
    def attributes(self) -> list[str]:
        """The rated attributes, without the overall score."""
        return [str(name) for name in self.kinds.index]

    @property
    def costs(self) -> list[str]:
        """The attributes that are costs."""
        return [str(name) for name in self.kinds.index[self.kinds.isin(COSTS)]]

    @cached_property
    def brands(self) -> list[str]:
        """The brands, in the order of the table."""
        return [str(name) for name in pd.unique(self.table["brand"])]

    @cached_property
    def respondents(self) -> pd.Index:
        """The respondents, sorted."""
        return pd.Index(pd.unique(self.table["respondent"])).sort_values()

    @cached_property
    def raters(self) -> dict[str, int]:
        """The number of respondents that rated each brand."""
        return {str(name): int(n) for name, n in self.table.groupby("brand")["respondent"].nunique().items()}

    @cached_property
    def wide(self) -> pd.DataFrame:
        """Scores by respondent (rows) and ``brand, attribute`` (columns); the mean of repeated answers."""
        return _spread(self.table, "score", ["brand", "attribute"], self.respondents)

    @cached_property
    def performance(self) -> pd.DataFrame:
        """As `wide`, with costs reversed, so that a high number is good in every column."""
        is_cost = self.wide.columns.get_level_values("attribute").isin(self.costs)
        sign, base = np.where(is_cost, -1.0, 1.0), np.where(is_cost, sum(self.scale), 0.0)
        return self.wide * sign + base

    @cached_property
    def importance(self) -> pd.DataFrame | None:
        """Stated importance by respondent (rows) and attribute, None if the survey did not ask.

        Each respondent's answers are divided by their mean, so that points of 100 and ratings of 1 to 5
        count alike, and so does a respondent who left attributes out.
        """
        if "importance" not in self.table:
            return None
        rows = self.table[self.table["attribute"].isin(self.attributes)]
        wide = _spread(rows, "importance", ["attribute"], self.respondents).reindex(columns=self.attributes)
        means = wide.mean(axis="columns")
        return wide.div(means.where(means > 0), axis="index")

    def where(self, rows: pd.Series) -> Ratings:
        """The ratings of some rows of the table, with the same attributes."""
        return replace(self, table=self.table[rows])

    def check_brand(self, brand: str | None, name: str = "brand") -> str:
        """The brand, by default the first of the table.

        Raises
        ------
        InputError
            If nobody rated it.
        """
        if brand is None:
            return self.brands[0]
        if brand not in self.brands:
            raise InputError(f"{name} {brand!r} has no ratings; rated brands: {_listed(self.brands)}.")
        return brand

    def competitor_of(self, brand: str, competitor: str | None = None) -> str:
        """The competitor, checked; by default the one with the highest mean performance.

        Raises
        ------
        InputError
            If there is no other brand, it is the brand itself, or nobody rated it.
        """
        others = [name for name in self.brands if name != brand]
        if not others:
            raise InputError(
                f"only {brand!r} was rated; a comparison needs ratings of a competitor by the same"
                " respondents or others."
            )
        if competitor is None:
            means = self.performance.mean()
            means = means[means.index.get_level_values("attribute").isin(self.attributes)]
            return str(means.groupby(level="brand").mean().reindex(others).idxmax())
        if competitor == brand:
            raise InputError(f"competitor and brand are both {brand!r}; name another brand.")
        return self.check_brand(competitor, "competitor")


def read_ratings(
    source: Any,
    *,
    kinds: Mapping[str, str] | None = None,
    scale: Sequence[float] = (1, 5),
    overall: str | None = None,
    reverse_costs: bool = False,
    no_answer: Sequence[float] = (),
    decimal: str | None = None,
    date_format: str | None = None,
    sheet: str | int | None = None,
) -> Ratings:
    """Read and validate ratings of brands on attributes.

    Parameters
    ----------
    source : path, pandas.DataFrame, or a polars or Arrow table
        One row per score with the columns ``respondent`` (or ``customer_id``), ``brand``, ``attribute`` and
        ``score``; optionally ``importance, kind, customer_id, date, segment``. A file is CSV, Parquet or
        Excel.
    kinds : mapping of str to str, optional
        From attribute to kind: a benefit ("product", "service", "personnel", "image") or a cost ("money",
        "time", "energy", "psychic"). It takes precedence over a column ``kind``.
    scale : (float, float), default (1, 5)
        The ends of the scale.
    overall : str, optional
        The attribute that holds the overall score, such as overall satisfaction.
    reverse_costs : bool, default False
        Scores of costs say how favourable they are (5 is a very low price), and are to be reversed.
    no_answer : sequence of float, optional
        Codes for "no answer", such as 99.
    decimal, date_format, sheet : optional
        Decimal separator, format of dates in text, and sheet of a workbook.

    Returns
    -------
    Ratings
        The scores that can be used, and counts of those set aside.

    Raises
    ------
    InputError
        If a column is missing (the message shows how to reshape a table with one column per attribute), a
        score is off the scale, a kind is unknown, importance is negative, or a respondent gave two scores
        for the same brand, attribute and date.

    See Also
    --------
    clvml.survey.brand_performance, clvml.survey.compare_brands : Attribute by attribute.
    clvml.survey.delivered_value : Benefits against costs.
    clvml.survey.importance_performance : Where to improve.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.survey import read_ratings
    >>> scores = {"respondent": [1, 1, 2, 2], "brand": "ours", "attribute": ["quality", "price"] * 2}
    >>> table = pd.DataFrame(scores).assign(score=[4, 2, 5, 3])
    >>> ratings = read_ratings(table, kinds={"quality": "product", "price": "money"})
    >>> ratings.performance.mean().to_dict()
    {('ours', 'quality'): 4.5, ('ours', 'price'): 3.5}
    """
    low, high = _checked_scale(scale)
    read = read_typed_table(
        source, _REQUIRED, _OPTIONAL, decimal=decimal, date_format=date_format, sheet=sheet,
        explain=_how_to_reshape,
    )  # fmt: skip
    table = _with_respondents(read)
    table = table.assign(score=table["score"].mask(table["score"].isin(list(no_answer))))
    table, report = _set_aside(table, read)
    _check_scores(table, read.label, low, high)
    _check_importance(table, read.label)
    table, report["duplicates"] = _without_duplicates(table, read.label)
    report["used"] = len(table)
    found, without_ratings = _kinds_of(table, kinds or {}, overall, read.label)
    if reverse_costs:
        is_cost = table["attribute"].isin(found.index[found.isin(COSTS)])
        table = table.assign(score=table["score"].where(~is_cost, low + high - table["score"]))
    notes = _notes(table, report, read, without_ratings, overall)
    return Ratings(
        table.drop(columns="kind", errors="ignore").reset_index(drop=True),
        found, (low, high), overall, pd.Series(report, name="rows"), tuple(notes),
    )  # fmt: skip


def count_known_customers(ratings: Ratings, customers: pd.Index) -> tuple[int, int]:
    """The number of respondents with a customer id, and how many of these ids are among the customers."""
    if "customer_id" not in ratings.table:
        return 0, 0
    ids = match_ids(ratings.table["customer_id"].dropna().drop_duplicates(), customers)
    return len(ids), int(ids.isin(customers).sum())


def _checked_scale(scale: Sequence[float]) -> tuple[float, float]:
    ends = [float(end) for end in scale]
    if len(ends) != 2 or not np.isfinite(ends).all() or ends[0] >= ends[1]:
        raise InputError(f"scale is {list(scale)!r}; give its lower and upper end, such as (1, 5).")
    return ends[0], ends[1]


def _with_respondents(read: TypedTable) -> pd.DataFrame:
    """The table with a column of respondents: customers, where it names these only."""
    if "respondent" in read.table:
        return read.table
    if "customer_id" in read.table:
        return read.table.assign(respondent=read.table["customer_id"])
    raise InputError(
        f"{read.label} has no column 'respondent' or 'customer_id': intervals need to know which scores are"
        " of the same person."
    )


def _how_to_reshape(names: Sequence[str]) -> str:
    """The line of pandas that turns one column per attribute into one row per score."""
    known = [name for name in ("respondent", "customer_id", "brand", "date", "segment") if name in names]
    others = [name for name in names if name not in known]
    if not known or len(others) < 2 or {"attribute", "score"} & set(names):
        return ""
    return (
        "A table with one column per attribute is reshaped to one row per score by"
        f' table.melt(id_vars={known!r}, var_name="attribute", value_name="score").'
    )


def _set_aside(table: pd.DataFrame, read: TypedTable) -> tuple[pd.DataFrame, dict[str, int]]:
    """The rows with a respondent, a brand, an attribute and a score, and the count of the others."""
    incomplete = table[KEY].isna().any(axis="columns")
    no_score = table["score"].isna() & ~incomplete
    unreadable = read.unreadable["score"].cells if "score" in read.unreadable else 0
    report = {
        "read": len(table),
        "used": 0,
        "without respondent, brand or attribute": int(incomplete.sum()),
        "without a score": int(no_score.sum()) - unreadable,
        "score unreadable": unreadable,
    }
    kept = table[~incomplete & ~no_score]
    if kept.empty:
        raise InputError(f"{read.label} has no row with a respondent, a brand, an attribute and a score.")
    return kept, report


def _check_scores(table: pd.DataFrame, label: str, low: float, high: float) -> None:
    off = ~table["score"].between(low, high)
    if off.any():
        first = table.index[off][0]
        raise InputError(
            f"{int(off.sum()):,} of {len(table):,} scores of {label} are off the scale from {low:g} to"
            f" {high:g}; the first is in row {first + 1}: {table.loc[first, 'score']:g}. Give the scale of"
            " the survey, or name codes such as 99 as no_answer."
        )


def _check_importance(table: pd.DataFrame, label: str) -> None:
    if "importance" not in table:
        return
    given = table["importance"].dropna()
    bad = ~np.isfinite(given) | (given < 0)
    if bad.any():
        first = bad.idxmax()
        raise InputError(
            f"importance of {label} must be 0 or more; row {first + 1} has {given[first]:g}, and so have"
            f" {int(bad.sum()) - 1:,} others."
        )
    if given.empty or not (given > 0).any():
        raise InputError(
            f"column 'importance' of {label} has no positive number: fill it in, or leave the column out."
        )


def _without_duplicates(table: pd.DataFrame, label: str) -> tuple[pd.DataFrame, int]:
    """Without repeated rows; two different scores for the same question are refused."""
    key = [*KEY, "date"] if "date" in table else KEY
    kept = table.drop_duplicates([*key, "score"])
    twice = kept[kept.duplicated(key)]
    if len(twice):
        brand, attribute = twice["brand"].iloc[0], twice["attribute"].iloc[0]
        raise InputError(
            f"{len(twice):,} scores of {label} contradict an earlier one of the same respondent, brand and"
            f" attribute; the first is in row {twice.index[0] + 1} ({brand!r}, {attribute!r}). Keep one of"
            " them, or give a column 'date' if the survey was repeated."
        )
    return kept, len(table) - len(kept)


def _kinds_of(
    table: pd.DataFrame, given: Mapping[str, str], overall: str | None, label: str
) -> tuple[pd.Series, list[str]]:
    """The kind of each rated attribute, and the attributes in ``given`` that nobody rated."""
    rated = [str(name) for name in pd.unique(table["attribute"])]
    if overall is not None and overall not in rated:
        close = difflib.get_close_matches(overall, rated, n=1)
        hint = f" did you mean {close[0]!r}?" if close else ""
        raise InputError(
            f"nobody rated the overall attribute {overall!r}; {label} has {_listed(rated)}.{hint}"
        )
    attributes = [name for name in rated if name != overall]
    if not attributes:
        raise InputError(f"{label} has the overall score {overall!r} only; rate at least one attribute.")
    known = _kinds_in_column(table, label) | {str(name): kind for name, kind in given.items()}
    kinds = {name: _checked_kind(name, known[name]) for name in attributes if name in known}
    order = sorted(attributes, key=lambda name: KINDS.index(kinds[name]) if name in kinds else len(KINDS))
    found = pd.Series([kinds.get(name) for name in order], index=order, dtype="str", name="kind")
    unrated = [name for name in given if name not in rated]
    if unrated and len(unrated) == len(given):
        raise InputError(
            f"kinds names attributes that nobody rated: {_listed(unrated)}; {label} has {_listed(rated)}."
        )
    return found.rename_axis("attribute"), unrated


def _kinds_in_column(table: pd.DataFrame, label: str) -> dict[str, str]:
    if "kind" not in table:
        return {}
    pairs = table[["attribute", "kind"]].dropna().drop_duplicates()
    twice = pairs["attribute"].duplicated()
    if twice.any():
        name = pairs.loc[twice, "attribute"].iloc[0]
        kinds = _listed(pairs.loc[pairs["attribute"] == name, "kind"])
        raise InputError(f"attribute {name!r} of {label} has more than one kind: {kinds}; give one.")
    return dict(zip(pairs["attribute"], pairs["kind"], strict=True))


def _checked_kind(attribute: str, kind: str) -> str:
    """The kind in lower case, without the words benefit and cost: "Psychic cost" is psychic."""
    plain = re.sub(r"[ _-]*(benefit|cost|value)s?$", "", str(kind).strip().lower())
    if plain not in KINDS:
        close = difflib.get_close_matches(plain, KINDS, n=1, cutoff=0.5)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise InputError(
            f"kind of attribute {attribute!r} is {kind!r}; it must be a benefit ({', '.join(BENEFITS)}) or"
            f" a cost ({', '.join(COSTS)}).{hint}"
        )
    return plain


def _notes(
    table: pd.DataFrame,
    report: Mapping[str, int],
    read: TypedTable,
    unrated: Sequence[str],
    overall: str | None,
) -> Iterable[str]:
    aside = [
        f"{rows:,} {reason}" for reason, rows in report.items() if rows and reason not in ("read", "used")
    ]
    if aside:
        example = f" (such as {read.unreadable['score'].example!r})" if "score" in read.unreadable else ""
        yield f"rows of ratings set aside: {', '.join(aside)}{example}"
    for name in ("importance", "date"):
        if name in read.unreadable:
            cells, example = read.unreadable[name]
            yield f"{cells:,} cells of {name} are unreadable, such as {example!r}, and count as missing"
    if unrated:
        yield f"nobody rated {_listed(unrated)}: left out"
    if table["respondent"].nunique() == 1:
        yield "there is one respondent: no interval and no test can be computed"
    if "importance" in table:
        rows = table[table["attribute"] != overall].drop_duplicates(["respondent", "attribute"])
        sums = rows.groupby("respondent")["importance"].sum(min_count=1).dropna()
        silent = rows.groupby("attribute")["importance"].count()
        if len(names := list(silent.index[silent == 0])):
            yield f"nobody stated the importance of {_listed(names)}: it counts as 0"
        spread = sums.max() - sums.min()
        if not np.isclose(sums.mean(), (1.0, 100.0)).any() or spread > 1e-6 * sums.mean():
            yield (
                f"stated importance sums to {sums.mean():,.4g} per respondent on average ({sums.min():,.4g}"
                f" to {sums.max():,.4g}): each respondent's answers are divided by their mean"
            )


def _spread(table: pd.DataFrame, values: str, columns: list[str], respondents: pd.Index) -> pd.DataFrame:
    wide = table.pivot_table(index="respondent", columns=columns, values=values, aggfunc="mean", sort=False)
    return wide.reindex(respondents)


def _listed(names: Iterable[Any], most: int = 12) -> str:
    all_names = [str(name) for name in names]
    more = f" and {len(all_names) - most} more" if len(all_names) > most else ""
    return ", ".join(map(repr, all_names[:most])) + more
