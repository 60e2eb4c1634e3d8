"""Segmentation methods evaluated on the holdout.

The methods use segments and values of the calibration period, unlike the segments of all customers, which are
fitted until the end of observation.
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from clvml.customers._split import Split
from clvml.errors import InputError
from clvml.lifetime_value.formulas import HistoricValue
from clvml.segments.judging._segmentation_comparison import (
    KMEANS,
    SegmentationComparison,
    compare_segmentations,
)
from clvml.segments.judging._textbook import describe_ratings
from clvml.workflow._findings import SEGMENTS, Finding, Metrics, Table, Tags, Words
from clvml.workflow._formatting import Column
from clvml.workflow._stage import Context, Stage
from clvml.workflow.stages._segmenting import FILES, SECTION, CalibrationSegments, Segments, segmenter_for
from clvml.workflow.stages._segmenting import KMEANS as CLUSTERER_KMEANS
from clvml.workflow.stages._splitting import Customers

MEASURES = {
    "top10_share": Column("top 10 %", "{:.3f}"),
    "gini": Column("Gini", "{:.3f}"),
    "spearman": Column("Spearman", "{:.3f}"),
}
RANKING_COLUMNS = {
    "segments": Column("segments", "{:,}"),
    **MEASURES,
    "lift": Column("lift of segment 1", "{:.2f}"),
    "separation": Column("variance between segments", "{:.1%}"),
}
TEXTBOOK_COLUMNS = {
    "ease": Column("ease (textbook)"),
    "cost": Column("cost (textbook)"),
    "accuracy": Column("accuracy (textbook)"),
    **MEASURES,
    "bias_pct": Column("bias %", "{:+.1f}"),
    "measured": Column("accuracy rating, measured"),
    "needs": Column("needs"),
}
SEGMENT_COLUMNS = {
    "customers": Column("customers", "{:,}"),
    "share_of_customers": Column("share of customers", "{:.1%}"),
    "share_of_revenue": Column("share of revenue", "{:.1%}"),
    "lift": Column("lift", "{:.2f}"),
    "predicted": Column("predicted", "{:,.2f}"),
    "actual": Column("actual", "{:,.2f}"),
    "bias_pct": Column("bias %", "{:+.1f}"),
}


def find(context: Context) -> Iterator[Finding]:
    """The ranking of the segmentation methods; nothing if these customers cannot be segmented."""
    try:
        found = judge(context)
    except InputError as error:
        context.say(f"segmentations not compared: {error}")
        return
    context.put(found)
    ranking = found.ranking
    context.say(f"best segmentation by holdout Gini: {ranking.index[0]} ({ranking['gini'].iloc[0]:.3f})")
    in_report = context.get(Segments) is not None
    if in_report:
        yield Words(
            "Each method is fitted to the calibration period and evaluated on the holdout, by which the"
            " number of segments of K-means was chosen too.",
            title="Segmentation methods compared on the holdout",
            runs=SEGMENTS,
        )
    yield Table("methods", ranking, file=FILES, columns=RANKING_COLUMNS, in_report=in_report, runs=SEGMENTS)
    if in_report:
        yield Words(
            "The three textbook analyses, as textbooks rate them and as measured; for ABC and RFM the"
            " prediction is the naive forecast, past spend carried forward."
            f" {describe_ratings(found.ratings)}",
            runs=SEGMENTS,
        )
    yield Table(
        "textbook", found.textbook, file=FILES, columns=TEXTBOOK_COLUMNS, in_report=in_report, runs=SEGMENTS
    )
    yield Table(
        "methods_by_segment",
        found.by_segment,
        file=FILES,
        columns=SEGMENT_COLUMNS,
        display=labelled(found.by_segment),
        folded="Every segment of every method",
        in_report=in_report,
        runs=SEGMENTS,
    )
    kmeans = ranking.loc[served_title(context)].to_dict()
    names = ("gini", "top10_share", "lift", "separation")
    yield Metrics({name: float(kmeans[name]) for name in names}, in_report=False, runs=SEGMENTS)
    reached = {f"holdout_{name}": f"{value:.6g}" for name, value in kmeans.items()}
    yield Tags(reached, of_version=True, runs=SEGMENTS)


def judge(context: Context) -> SegmentationComparison:
    """Each method fitted to the calibration period, with the holdout revenue of its segments."""
    parts, calibrated = context[Split], context[CalibrationSegments]
    customers, attributes = calibrated.customers, context[Customers].attributes
    section = context.config.segments
    names = dict.fromkeys((section.clusterer, *section.compare_with))
    made = {
        name: segmenter_for(
            context,
            customers,
            attributes,
            calibrated.segmenter if name == section.clusterer else None,
            name,
        )
        for name in dict.fromkeys((CLUSTERER_KMEANS, *names))
    }
    kmeans = made.pop(CLUSTERER_KMEANS)
    others = {title_of(name): model for name, model in made.items()}
    naive = HistoricValue(parts.duration).fit(parts.calibration).predict(parts.calibration)
    actual = parts.holdout["spend"]
    try:
        return compare_segmentations(customers, actual, naive, kmeans, others)
    except InputError as error:
        if not section.compare_with:
            raise
        context.say(f"clusterers not compared: {error}")
        served = {name: model for name, model in others.items() if name == served_title(context)}
        return compare_segmentations(customers, actual, naive, kmeans, served)


def title_of(clusterer: str) -> str:
    """The name of a clusterer in the comparison."""
    return KMEANS if clusterer == CLUSTERER_KMEANS else clusterer


def served_title(context: Context) -> str:
    """The method in the comparison that the served segments are made by."""
    return title_of(context.config.segments.clusterer)


def labelled(by_segment: pd.DataFrame) -> pd.DataFrame:
    """The segments of all methods, with one label each."""
    methods, numbers = (by_segment.index.get_level_values(level) for level in ("method", "segment"))
    parts = zip(methods, numbers, by_segment["name"], strict=True)
    labels = [f"{method}: {number} {name}" for method, number, name in parts]
    return by_segment.set_axis(pd.Index(labels, name="method and segment"))


STAGE = Stage("Evaluating segmentations on the holdout", find, SECTION)
