"""Fit every contender at several origins, evaluate it on the holdout after each, and reach the verdict."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterator
from functools import partial
from typing import Any

import pandas as pd

from clvml import plots
from clvml.customers._split import Split
from clvml.customers._transactions import Transactions
from clvml.errors import FitWarning
from clvml.evaluation._backtest_result import Backtest
from clvml.evaluation._calibration import calibration_by_decile
from clvml.evaluation._model_comparison import ModelComparison
from clvml.evaluation._ranking import lift_curve
from clvml.evaluation._verdict import Verdict
from clvml.inference._prior import FEW_CUSTOMERS
from clvml.lifetime_value._priced import at_price
from clvml.lifetime_value._projection import LifetimeValue
from clvml.lifetime_value._protocol import SupportsPrice, ValueModel, title_of
from clvml.scoring._card import ModelCard
from clvml.tracking._comparison_records import ComparisonRecords
from clvml.workflow._contenders import BASELINE, CONTENDERS, Contender
from clvml.workflow._findings import (
    ALL,
    COMPARED,
    SERVED,
    Figure,
    Finding,
    Model,
    Table,
    Tags,
    Words,
)
from clvml.workflow._formatting import Column, format_duration
from clvml.workflow._stage import Context, Stage
from clvml.workflow.stages._backtesting import over_origins, run_backtest
from clvml.workflow.stages._competing import Contenders, PassedContenders, check
from clvml.workflow.stages._reading import outcome_of

FEW_NOTE = (
    f"there are fewer than {FEW_CUSTOMERS:,} customers: the parameters of models of purchases are regularised"
    " by a weakly informative prior, which predicts better for so few"
)
SHOWN = 4  # models in figures with a line for each

COLUMNS = {
    "family": Column("family"),
    "total": Column("total", "{:,.0f}"),
    "bias_pct": Column("bias %", "{:+.1f}"),
    "mae": Column("MAE", "{:.2f}"),
    "rmse": Column("RMSE", "{:.2f}"),
    "spearman": Column("Spearman", "{:.3f}"),
    "gini": Column("Gini", "{:.3f}"),
    "top10_share": Column("top 10 %", "{:.3f}"),
    "status": Column("verdict"),
    "same_as": Column("same predictions"),
}
VERDICT_COLUMNS = {
    "status": Column("verdict"),
    "score": Column("score", "{:.3f}"),
    "lower": Column("lower", "{:.3f}"),
    "upper": Column("upper", "{:.3f}"),
    "ranking": Column("ranking", "{:.3f}"),
    "totals": Column("totals", "{:.3f}"),
    "customers": Column("customers", "{:.3f}"),
    "behind": Column("behind the leader", "{:.3f}"),
    "behind_lower": Column("lower", "{:.3f}"),
    "behind_upper": Column("upper", "{:.3f}"),
    "p_best": Column("P(best)", "{:.2f}"),
}


@dataclasses.dataclass(frozen=True, eq=False)
class Comparison:
    """The contenders evaluated on the holdout, by id, with their display titles.

    Attributes
    ----------
    result : ModelComparison
        At the origin of the split, by id, with the verdict over all origins.
    contenders : Contenders
        Those that were fitted and those that were left out.
    backtest : Backtest
        The comparisons at all origins, the last of which is that of the split.
    """

    result: ModelComparison
    contenders: Contenders
    backtest: Backtest

    @property
    def titles(self) -> dict[str, str]:
        """The titles by id."""
        return self.contenders.titles

    @property
    def champion(self) -> str:
        """The title of the model to serve."""
        return self.contenders[self.result.champion].title

    @property
    def verdict(self) -> Verdict:
        """The verdict by titles."""
        return self.result.verdict.by_title(self.contenders.titles)

    @property
    def table(self) -> pd.DataFrame:
        """The table by titles, with each model's status in the verdict and the models that are the same."""
        titles = self.contenders.titles
        same = {
            name: ", ".join(titles[other] for other in twins) for name, twins in self.result.twins.items()
        }
        summary = self.result.summary
        return self.by_title(summary.assign(same_as=[same.get(str(name), "") for name in summary.index]))

    def by_title(self, table: pd.DataFrame) -> pd.DataFrame:
        """A table with one row per contender, by titles."""
        return table.rename(index=self.contenders.titles)

    def columns_by_title(self, table: pd.DataFrame) -> pd.DataFrame:
        """A table with one column per contender, by titles."""
        return table.rename(columns=self.contenders.titles)

    def shown(self) -> list[str]:
        """Contenders for figures with one line each: the champion, then the others by RMSE.

        Without baselines, and with one of those that rank customers identically, whose lines would overlap.
        """
        table = self.result.table
        table = table[table["family"] != BASELINE].sort_values("rmse", kind="stable")
        champion = self.result.champion
        ordered = table.loc[[champion, *table.index.drop(champion)]]
        ranking = ordered[["spearman", "gini", "top10_share"]].round(3)
        return [str(name) for name in ordered.index[~ranking.duplicated()]][:SHOWN]


def find(context: Context) -> Iterator[Finding]:
    """The comparison, the verdict, and a run for each contender."""
    parts, contenders = context[Split], context[Contenders]
    comparison = compare_contenders(context, contenders)
    context.put(comparison)
    for reason, titles in left_out(comparison).items():
        context.say(f"left out: {titles}: {reason}")
    for note in fit_notes(comparison):
        context.say(note)
    yield from compared(comparison, parts, outcome_of(context))
    yield from answer(comparison)
    yield from over_origins(comparison.backtest, comparison.titles, comparison.result.champion)
    if passed := context.get(PassedContenders):
        yield Words(f"Passed as Python objects, not in config.toml: {', '.join(passed)}.", style="note")
    yield from figures(comparison, parts)
    records = ComparisonRecords(comparison.backtest, comparison.titles)
    known = ModelCard(dataset=context.config.experiment.name, currency=context.config.value.currency)
    for name in comparison.result.models:
        yield one_contender(comparison, records, name, parts, known)


def compare_contenders(context: Context, contenders: Contenders) -> Comparison:
    """Fit and evaluate every contender at each origin, and reach the verdict over all of them."""
    models = {
        name: built(context, contender, horizon=context[Split].duration, annual_discount_rate=0.0, margin=1.0)
        for name, contender in contenders.items()
    }
    with warnings.catch_warnings():  # of many models at many origins: those of the champion are shown
        warnings.simplefilter("ignore", FitWarning)
        found = run_backtest(context, contenders, models)
    titled = retitled(contenders, found.latest, context[Transactions].has_amounts)
    return Comparison(found.latest, titled, found)


def built(context: Context, contender: Contender, **terms: Any) -> ValueModel:
    """The contender's unfitted model; at a price, if one is given or the purchases have no amounts."""
    model, transactions, price = contender.build(**terms), context[Transactions], context.config.value.price
    if not transactions.has_amounts:
        return at_price(model, transactions.price or 1.0)
    return model if price is None or not isinstance(model, SupportsPrice) else model.at_price(price)


def retitled(contenders: Contenders, result: ModelComparison, has_amounts: bool) -> Contenders:
    """The contenders; titles of built-in ones name the model of spend that was fitted, if it is another one.

    A contender whose title another one has already, as variants of one model that fall back to the same,
    keeps its own.
    """
    titles = contenders.titles
    for name, model in result.models.items():
        if not isinstance(model, LifetimeValue) or CONTENDERS.get(name) is not contenders[name]:
            continue
        spend = title_of(model.spend_)
        if has_amounts and spend in titles[name]:
            continue
        title = " x ".join([title_of(model.purchases_), *([spend] if has_amounts else [])])
        titles[name] = titles[name] if title in titles.values() else title
    return Contenders(
        {name: contender._replace(title=titles[name]) for name, contender in contenders.items()}
    )


def fit_notes(comparison: Comparison) -> list[str]:
    """What could not be fitted and what is used instead, and what the champion's fit warned of; each once."""
    models = comparison.result.models.values()
    notes = [note for model in models for note in getattr(model, "fit_notes_", ())]
    champion = comparison.result.champion
    notes += [f"{comparison.champion}: {text}" for text in comparison.result.fit_warnings.get(champion, ())]
    if any(is_regularised(model) for model in models):
        notes.append(FEW_NOTE)
    return list(dict.fromkeys(notes))


def is_regularised(model: ValueModel) -> bool:
    """Whether the model's parameters of purchases have a prior because there are few customers."""
    purchases = getattr(model, "purchases_", None)
    return getattr(purchases, "prior", None) == "auto" and getattr(purchases, "prior_", None) == "weak"


def compared(comparison: Comparison, parts: Split, outcome: str) -> Iterator[Finding]:
    """The comparison table, and the predictions and outcomes per customer."""
    actual = parts.holdout["spend"].sum()
    predictions = comparison.columns_by_title(comparison.result.predictions)
    rows = parts.calibration.join([parts.holdout.add_prefix("holdout_"), predictions])
    rows.attrs = {"time_unit": parts.time_unit}
    yield Words(
        f"Every model was fitted to the calibration period and predicts the {outcome} of the next"
        f" {format_duration(parts.duration, parts.time_unit)}, undiscounted and with a margin of 1."
    )
    yield Table("predictions", rows, file="predictions.parquet", in_report=False)
    yield Table(
        "comparison",
        comparison.table,
        columns=COLUMNS,
        title=f"Predicted {outcome} of the holdout; actual: {actual:,.2f}",
        file="comparison.csv",
        printed=True,
        marked=comparison.champion,
        runs=(*COMPARED, *SERVED),
    )
    yield Words(
        "bias: of the predicted total; MAE, RMSE: error per customer; Spearman, Gini: ranking of the"
        f" customers; top 10 %: share of the holdout {outcome} from the 10 % of customers with the highest"
        " predictions; verdict: the leader, the models within noise of it, those behind, and those that may"
        " not lead.",
        style="note",
    )
    for title, reason in comparison.verdict.excluded.items():
        yield Words(f"{title} may not lead: {reason}.", style="note")
    for reason, titles in left_out(comparison).items():
        yield Words(f"Left out: {titles}, because {reason}", style="note")
    for note in fit_notes(comparison):
        yield Words(note, style="note")
    yield Table("verdict", comparison.verdict.scores, columns=VERDICT_COLUMNS, title="Scores")


def left_out(comparison: Comparison) -> dict[str, str]:
    """The titles of the contenders left out, by the reason that they share."""
    found: dict[str, list[str]] = {}
    for name, reason in comparison.result.left_out.items():
        found.setdefault(reason, []).append(comparison.contenders[name].title)
    return {reason: ", ".join(titles) for reason, titles in found.items()}


def answer(comparison: Comparison) -> Iterator[Finding]:
    """The verdict in two sentences, and the rule."""
    verdict = comparison.verdict
    for sentence in verdict.sentences:
        yield Words(sentence, answers="model", printed=True)
    yield Words(format_rule(comparison), style="note", answers="model")
    yield Tags({"champion": comparison.champion, "verdict": verdict.kind}, runs=ALL)
    yield Tags({"verdict_rule": verdict.rule, "within_noise": ", ".join(verdict.tied)})
    scores = comparison.result.table.loc[comparison.result.champion].to_dict()
    reached = {f"holdout_{name}": f"{value:.6g}" for name, value in scores.items() if name != "family"}
    yield Tags({"family": scores["family"], "verdict": verdict.kind, **reached}, of_version=True)


def format_rule(comparison: Comparison) -> str:
    """The rule of the verdict, and the models that were not eligible."""
    scores = comparison.verdict.scores
    titles = [str(title) for title in scores.index[scores["status"] == "not eligible"]]
    return comparison.verdict.rule + (f" Not eligible: {', '.join(titles)}." if titles else "")


def figures(comparison: Comparison, parts: Split) -> Iterator[Finding]:
    """Figures of the comparison: total, ranking, calibration."""
    actual, table = parts.holdout["spend"], comparison.table
    shown = comparison.columns_by_title(comparison.result.predictions[comparison.shown()])
    tall = 1.8 + 0.45 * len(table)
    defined = table.dropna(axis="columns", how="all")
    different = comparison.result.draws.differences()["different"].unstack("metric")
    draw_all = partial(plots.comparison, defined, ties=comparison.by_title(~different))
    yield Figure("comparison", "Every model by every metric", draw_all, (11, tall))
    if "bias_pct" in defined:  # else losses exceed gains: no share of the revenue is defined
        draw_bias = partial(plots.bias_by_model, table)
        yield Figure("bias", "Bias of the total by model", draw_bias, (9, tall * 0.85))
        draw_lift = partial(plots.lift_curve, lift_curve(actual, shown))
        yield Figure("lift", "Share of revenue by predicted rank", draw_lift, (7.4, 5.4))
    draw_actual = partial(plots.predicted_against_actual, shown, actual)
    yield Figure("predicted_against_actual", "Predicted and actual value", draw_actual, (7.4, 5.8))
    deciles = {str(title): calibration_by_decile(actual, shown[title]) for title in shown}
    draw_deciles = partial(plots.calibration_by_decile, deciles)
    yield Figure("calibration_by_decile", "Value by decile of the prediction", draw_deciles, (9, 5))


def one_contender(
    comparison: Comparison, records: ComparisonRecords, name: str, parts: Split, known: ModelCard
) -> Model:
    """A contender's run in MLflow; its model knows of its comparison, and of the data what is ``known``."""
    model, title, record = (
        comparison.result.models[name],
        comparison.contenders[name].title,
        records.contender(name),
    )
    card = known if record.card is None else record.card.with_evidence(known)
    return Model(run_of(name), title, model, parts.calibration, record=record, card=card)


def run_of(name: str) -> str:
    """The key of a contender's run."""
    return f"{COMPARED[0]}/{name}"


STAGE = Stage(
    "Fitting the models to the calibration period and comparing their predictions with the holdout",
    find,
    "Comparison on the holdout",
    check,
)
