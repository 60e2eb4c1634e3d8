"""A run as records for MLflow, and the stage that writes them.

One run a compared model, at the top level of one experiment, so that both families stand in one
list; beside them one run for the model to serve, which holds the figures and tables that belong to
the whole comparison, and one for the segments. The last two are registered.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd

from clvml import plots
from clvml.errors import TrackingError
from clvml.evaluation._calibration import calibration_by_decile
from clvml.segments.grouping._kmeans import KMeansSegments
from clvml.segments.judging._segmentation_comparison import KMEANS
from clvml.tracking._records import DatasetRecord, RunRecord, comparison_records, parameters_of
from clvml.tracking._runs import WrittenRun, write_records
from clvml.workflow._config import Config
from clvml.workflow._console import Progress
from clvml.workflow._figures import Figure, purchases_shown
from clvml.workflow._results import Results

PURCHASE_FIGURES = ("cumulative_purchases", "calibration_by_frequency", "probability_alive")
# What the names of the files begin with.
SEGMENT_FIGURES = ("segment_", "stage_", "value_matrix", "lifecycle", "relationship_shapes")
SEGMENT_METRICS = ("silhouette", "inertia", "stability", "smallest_share")


def track(results: Results, tell: Progress) -> dict[str, WrittenRun]:
    """Write all runs, register the model to serve and the segmenter.

    Raises
    ------
    TrackingError
        If the store is away, or a part of a run could not be written; what could be, is.
    """
    tracking = results.config.tracking
    write = partial(
        write_records,
        experiment=tracking.experiment,
        tracking_uri=tracking.uri,
        on_progress=tell.update,
    )
    served = served_record(results)
    written = write(
        [*compared_records(results), served],
        registered_model_name=tracking.registered_model,
        champion=served.name,
        champion_tags=holdout_tags(results),
    )
    segments = segment_record(results)
    if segments is not None:
        written |= write(
            [segments],
            registered_model_name=segments_name(results.config),
            champion=segments.name,
            champion_tags=segment_tags(results),
        )
    tell_written(results, written, tell)
    return written


def tell_written(results: Results, written: dict[str, WrittenRun], tell: Progress) -> None:
    """Say what is in MLflow now; raise if something is missing there."""
    errors = [f"{name}: {error}" for name, run in written.items() for error in run.errors]
    tell.say(f"{len(written)} runs in the experiment {results.config.tracking.experiment!r}")
    for run in written.values():
        if run.registered is not None:
            aliases = ", ".join(f"@{alias}" for alias in run.registered.aliases)
            before = " (earlier versions stay, without it)" if int(run.registered.version) > 1 else ""
            tell.say(f"registered: {run.registered.uri} {aliases}{before}")
    if errors:
        raise TrackingError(
            f"{len(errors)} parts of the MLflow runs could not be written, the first is {errors[0]}"
        )


def compared_records(results: Results) -> list[RunRecord]:
    """One record a compared model, each fitted on the calibration period."""
    comparison, actual = results.comparison, results.split.holdout["spend"]
    predictions = comparison.predictions
    deciles = {name: calibration_by_decile(actual, predictions[name]) for name in comparison.models}
    return comparison_records(
        comparison.table,
        comparison.models,
        constants={**constants_of(results), "role": "compared"},
        datasets=datasets_of(results),
        deciles=deciles,
        figures={name: _figures_of(results, name, table) for name, table in deciles.items()},
        input_example=results.split.calibration.head(5),
    )


def served_record(results: Results) -> RunRecord:
    """The model to serve, with what belongs to the comparison as a whole."""
    served = results.served
    clv = served.values["clv"]
    return RunRecord(
        name=f"to serve: {served.title}",
        tags={**constants_of(results), "role": "served", "champion_rule": results.comparison.champion.rule},
        params=parameters_of(served.model),
        metrics={"equity": float(clv.sum()), "mean_clv": float(clv.mean()), "customers": float(len(clv))},
        tables={
            "comparison": results.comparison.table,
            "champion_ranks": results.comparison.champion.ranks,
            "data_report": results.transactions.report,
        },
        figures={
            path.stem: path for path in results.figures.values() if not path.stem.startswith(SEGMENT_FIGURES)
        },
        datasets=[observation_of(results)],
        model=served.model,
        input_example=results.customers.head(5),
    )


def segments_name(config: Config) -> str:
    """What the segments are registered as."""
    return f"{config.tracking.registered_model}-segments"


def segment_record(results: Results) -> RunRecord | None:
    """The segments, if there are any: with stage and treatment where the model gives P(alive)."""
    found = results.segments
    if found is None:
        return None
    segmenter = found.segmenter
    cards = {} if found.groups is None else {"cards": found.groups.cards}
    return RunRecord(
        name="segments",
        tags={**constants_of(results), "role": "segments", "why": segmenter.selection_.attrs["why"]},
        params={**parameters_of(segmenter), "features": ", ".join(segmenter.features_)},
        metrics=segment_metrics(results, segmenter),
        tables={"profile": found.profile, **cards, **results.segment_tables()},
        figures={
            path.stem: path for path in results.figures.values() if path.stem.startswith(SEGMENT_FIGURES)
        },
        datasets=[observation_of(results)],
        model=segmenter if found.groups is None else found.groups.model,
        input_example=found.members.head(5),
    )


def segment_metrics(results: Results, segmenter: KMeansSegments) -> dict[str, float]:
    """How good the segments are: by themselves, on the holdout, and from one date to the other."""
    chosen = segmenter.selection_[segmenter.selection_["chosen"]].iloc[0]
    metrics = {name: float(chosen[name]) for name in SEGMENT_METRICS}
    metrics["segments"] = float(len(segmenter.names_))
    if results.contest is not None:
        judged = results.contest.ranking
        names = ("gini", "top10_share", "lift", "separation")
        metrics |= {name: float(judged[name].to_dict()[KMEANS]) for name in names}
    if results.moves is not None:
        metrics |= results.moves.stability
        metrics["gained"] = float(results.moves.segments.left["gained"].sum())
    return metrics


def segment_tags(results: Results) -> dict[str, str]:
    """What the registered segments rest on, and how K-means did on the holdout."""
    found = results.contest
    judged = {} if found is None else found.ranking.loc[KMEANS].to_dict()
    return {
        "values": results.served.title,
        "fitted_until": f"{results.split.observation_end:%Y-%m-%d}",
        "experiment": results.config.tracking.experiment,
        **{f"holdout_{name}": f"{value:.6g}" for name, value in judged.items()},
    }


def constants_of(results: Results) -> dict[str, Any]:
    """What is the same for all runs of this comparison."""
    split = results.split
    return {
        "question": results.config.experiment.question,
        "source": results.config.data.source,
        "calibration_end": f"{split.calibration_end:%Y-%m-%d}",
        "observation_end": f"{split.observation_end:%Y-%m-%d}",
        "time_unit": split.time_unit,
        "collapse": split.collapse or "none",
        "horizon": f"{split.duration:g}",
        "champion": results.comparison.champion.name,
        "actual_total": f"{split.holdout['spend'].sum():.2f}",
    }


def datasets_of(results: Results) -> list[DatasetRecord]:
    """Calibration and holdout, with how many rows the policy met and set aside."""
    name, source, facts = results.config.experiment.name, results.config.data.source, policy_counts(results)
    return [
        DatasetRecord(f"{name}_calibration", results.split.calibration, "calibration", source, facts),
        DatasetRecord(f"{name}_holdout", results.split.holdout, "holdout", source, facts),
    ]


def observation_of(results: Results) -> DatasetRecord:
    """All customers until the end of observation."""
    return DatasetRecord(
        f"{results.config.experiment.name}_observation",
        results.customers,
        context="observation",
        source=results.config.data.source,
        facts={"observation_end": f"{results.split.observation_end:%Y-%m-%d}", **policy_counts(results)},
    )


def policy_counts(results: Results) -> dict[str, str]:
    """Rows read and used, and for every rule that a row met how many it set aside."""
    report = results.transactions.report
    met = report[report["rows"] > 0]
    rows = {f"rows_{rule}": f"{count}" for rule, count in met["rows"].items()}
    set_aside = met.loc[met["set_aside"] > 0, "set_aside"].drop("read", errors="ignore")
    return rows | {f"set_aside_{rule}": f"{count}" for rule, count in set_aside.items()}


def holdout_tags(results: Results) -> dict[str, str]:
    """What the champion reached on the holdout, for the registered version."""
    comparison = results.comparison
    row = comparison.table.loc[comparison.champion.name]
    metrics = {str(name): f"{value:.6g}" for name, value in row.items() if name != "family"}
    return {
        "family": str(row["family"]),
        "fitted_until": f"{results.split.observation_end:%Y-%m-%d}",
        "experiment": results.config.tracking.experiment,
        **{f"holdout_{name}": value for name, value in metrics.items()},
    }


def _figures_of(results: Results, name: str, deciles: pd.DataFrame) -> dict[str, Any]:
    draw: Callable[..., Any] = partial(plots.calibration_by_decile, {name: deciles})
    figures: dict[str, Any] = {"deciles": Figure("deciles", "Value by decile", draw).drawn}
    if name == purchases_shown(results.comparison):
        paths = {path.stem: path for path in results.figures.values()}
        figures |= {stem: paths[stem] for stem in PURCHASE_FIGURES if stem in paths}
    return figures
