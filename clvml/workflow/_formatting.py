"""What a person reads about a run, in the terminal and on the report page alike."""

from __future__ import annotations

import shlex
from pathlib import Path

import pandas as pd

from clvml.customers._policy import RULES
from clvml.customers._split import Split
from clvml.customers._time_units import horizon_in, time_unit_of
from clvml.workflow._results import Comparison, Moves

COMPARISON_FORMATS = {
    "total": ("total", "{:,.0f}"),
    "bias_pct": ("bias %", "{:+.1f}"),
    "mae": ("MAE", "{:.2f}"),
    "rmse": ("RMSE", "{:.2f}"),
    "spearman": ("Spearman", "{:.3f}"),
    "gini": ("Gini", "{:.3f}"),
    "top10_share": ("top 10 %", "{:.3f}"),
}


def comparison_in_words(table: pd.DataFrame) -> pd.DataFrame:
    """The comparison as text: short headings, no more digits than mean something."""
    shown = {"family": table["family"].astype(str)} if "family" in table else {}
    for column, (heading, pattern) in COMPARISON_FORMATS.items():
        if column in table:
            shown[heading] = table[column].map(lambda value, p=pattern: _number(value, p))
    return pd.DataFrame(shown, index=table.index.rename("model"))


def rule_in_words(comparison: Comparison) -> str:
    """The rule that chose the champion, and who could not win."""
    others = comparison.table.index.difference(comparison.champion.ranks.index, sort=False)
    return comparison.champion.rule + (f" Not eligible: {', '.join(others)}." if len(others) else "")


def _number(value: float, pattern: str) -> str:
    # Adding zero to what was rounded turns a minus zero into zero.
    return "-" if pd.isna(value) else pattern.format(round(value, 6) + 0.0)


def data_report_in_words(report: pd.DataFrame) -> pd.DataFrame:
    """The rows read and used, and between them the rules that any row met, in words."""
    says = {rule.name: rule.says for rule in RULES}
    met = report[(report["rows"] > 0) | ~report.index.isin(says)]
    return pd.DataFrame(
        {
            "policy": met["policy"],
            "rows": met["rows"].map("{:,}".format),
            "set aside": met["set_aside"].map("{:,}".format),
            "money": met["spend"].map(lambda value: _number(value, "{:,.2f}")),
        }
    ).rename(index=says)


def profile_in_words(profile: pd.DataFrame) -> pd.DataFrame:
    """The profile of the segments as text: shares in percent, medians to two digits."""
    shown = {"name": profile["name"], "customers": profile["customers"].map("{:,}".format)}
    for name in profile.columns.drop(["name", "customers"]):
        share = name.startswith("share_of_")
        heading = name.replace("_", " ") if share else f"median {name.replace('_', ' ')}"
        pattern = "{:.1%}" if share else "{:,.2f}"
        shown[heading] = profile[name].map(lambda value, p=pattern: _number(value, p))
    return pd.DataFrame(shown, index=profile.index)


def methods_in_words(ranking: pd.DataFrame) -> pd.DataFrame:
    """The ways to segment as text, the one that told best first."""
    return pd.DataFrame(
        {
            "segments": ranking["segments"].map("{:,}".format),
            "top 10 %": ranking["top10_share"].map("{:.3f}".format),
            "Gini": ranking["gini"].map("{:.3f}".format),
            "Spearman": ranking["spearman"].map("{:.3f}".format),
            "lift of the first": ranking["lift"].map("{:.2f}".format),
            "variance between": ranking["separation"].map("{:.1%}".format),
        },
        index=ranking.index,
    )


def segments_judged_in_words(by_segment: pd.DataFrame) -> pd.DataFrame:
    """Every segment of every method as text."""
    methods, numbers = (by_segment.index.get_level_values(level) for level in ("method", "segment"))
    parts = zip(methods, numbers, by_segment["name"], strict=True)
    labels = [f"{method}: {number} {name}" for method, number, name in parts]
    table = by_segment.set_axis(pd.Index(labels, name="method and segment"))
    formats = {"share_of_customers": "{:.1%}", "share_of_revenue": "{:.1%}", "lift": "{:.2f}"}
    formats |= {"predicted": "{:,.2f}", "actual": "{:,.2f}", "bias_pct": "{:+.1f}"}
    shown = {"customers": table["customers"].map("{:,}".format)}
    for name, pattern in formats.items():
        heading = {"bias_pct": "bias %"}.get(name, name.replace("_", " "))
        shown[heading] = table[name].map(lambda value, p=pattern: _number(value, p))
    return pd.DataFrame(shown)


def textbook_in_words(textbook: pd.DataFrame) -> pd.DataFrame:
    """ABC against RFM against CLV, as text."""
    measured = {"top10_share": ("top 10 %", "{:.3f}"), "gini": ("Gini", "{:.3f}")}
    measured |= {"spearman": ("Spearman", "{:.3f}"), "bias_pct": ("bias %", "{:+.1f}")}
    shown = {"ease": textbook["ease"], "cost": textbook["cost"]}
    for name, (heading, pattern) in measured.items():
        shown[heading] = textbook[name].map(lambda value, p=pattern: _number(value, p))
    return pd.DataFrame(shown)


def budgets_in_words(budgets: pd.DataFrame) -> pd.DataFrame:
    """What may be spent on each treatment, as text."""
    return pd.DataFrame(
        {
            "customers": budgets["customers"].map("{:,}".format),
            "value at risk": budgets["value_at_risk"].map("{:,.0f}".format),
            "budget": budgets["budget"].map("{:,.0f}".format),
            "share of value at risk": budgets["share_of_value_at_risk"].map(
                lambda share: _number(share, "{:.1%}")
            ),
        }
    )


def quality_in_words(quality: pd.DataFrame) -> pd.DataFrame:
    """Size, reach and profit of each segment, as text; without reach where no contact is known."""
    shown = {
        "customers": quality["customers"].map("{:,}".format),
        "share of customers": quality["share_of_customers"].map("{:.1%}".format),
        "mean value": quality["mean_value"].map("{:,.2f}".format),
        "can be reached": quality["reach"].map(lambda share: _number(share, "{:.1%}")),
        "value less budget": quality["profit"].map("{:,.0f}".format),
    }
    table = pd.DataFrame(shown)
    return table.drop(columns="can be reached") if quality["reach"].isna().all() else table


def moves_in_words(moves: Moves) -> str:
    """How many stayed, how stable the segments are, and what the moves were worth."""
    stayed, same, refit = (moves.stability[name] for name in ("stayed", "agreement", "refit_agreement"))
    told = (
        f"{stayed:.0%} of the customers are in the segment that they were in at the end of calibration"
        f" (adjusted Rand index {_number(same, '{:.2f}')}). Segments fitted then group the customers of today"
        f" as those of today do, by {_number(refit, '{:.2f}')} of 1."
    )
    left = moves.segments.left
    if left.empty:
        return f"{told} Nobody moved."
    said = [_move_in_words(left.index[place], left.iloc[place]) for place in (0, -1)]
    everybody = moves.segments.moves["gained"].sum()
    return (
        f"{told} Those who moved changed in value by {left['gained'].sum():+,.0f}, all customers by"
        f" {everybody:+,.0f}. The lowest and the highest change: {said[0]}; {said[1]}."
    )


def _move_in_words(move: tuple[str, str], row: pd.Series) -> str:
    return f"{row['gained']:+,.0f} by {row['customers']:,.0f} from {move[0]} to {move[1]}"


def duration_in_words(duration: float | str, time_unit: str) -> str:
    """A duration with its unit.

    Examples
    --------
    >>> duration_in_words(39.0, "W"), duration_in_words("12M", "W")
    ('39 weeks', '52 weeks')
    """
    number = horizon_in(duration, time_unit)
    return f"{number:.4g} {time_unit_of(time_unit).name}{'' if number == 1 else 's'}"


def split_in_words(split: Split) -> str:
    """Who is looked at, and over which times."""
    buyers = int((split.holdout["purchases"] > 0).sum())
    return (
        f"{len(split.calibration):,} customers until {pd.Timestamp(split.calibration_end):%Y-%m-%d};"
        f" holdout of {duration_in_words(split.duration, split.time_unit)} until"
        f" {pd.Timestamp(split.observation_end):%Y-%m-%d}: {buyers:,} of them bought again,"
        f" for {split.holdout['spend'].sum():,.2f}"
    )


def next_commands(
    *, model: str, uri: str, is_found: bool, is_here: bool, folder: Path, segments: str | None = None
) -> list[tuple[str, str]]:
    """Commands to type next, each with what it does.

    Parameters
    ----------
    model : str
        URI of the registered model.
    uri : str
        The tracking URI that the run used.
    is_found : bool
        Whether MLflow's commands look there without being told.
    is_here : bool
        Whether it is the embedded store of the current folder, where ``mlflow ui`` looks.
    folder : path
        The output folder.
    segments : str, optional
        URI of the registered segments.

    Examples
    --------
    >>> for command, what in next_commands(
    ...     model="models:/clv@champion",
    ...     uri="sqlite:////home/ann/mlflow.db",
    ...     is_found=True,
    ...     is_here=True,
    ...     folder=Path("out"),
    ... ):
    ...     print(command)
    mlflow ui
    mlflow models serve -m models:/clv@champion --env-manager local
    clvml score models:/clv@champion out/customers.parquet scores.parquet
    """
    address = uri.rstrip("/") if uri.startswith("http") else "http://127.0.0.1:5000"
    look = f"compare the runs at {address}/?workflowType=machine_learning"
    commands = _use(model, folder, segments)
    if not is_found:
        commands.insert(0, (f"export MLFLOW_TRACKING_URI={shlex.quote(uri)}", "where the registry is"))
    if uri.startswith("http"):
        return [("", look), *commands]
    ui = "mlflow ui" if is_here else f"mlflow ui --backend-store-uri {shlex.quote(uri)}"
    return [(ui, look), *commands]


def commands_for_folder(folder: Path, with_groups: bool = False) -> list[tuple[str, str]]:
    """Commands to type next after a run without MLflow."""
    return _use(str(folder / "model"), folder, str(folder / "segments") if with_groups else None)


def _use(model: str, folder: Path, segments: str | None) -> list[tuple[str, str]]:
    name, customers = shlex.quote(model), shlex.quote(str(folder / "customers.parquet"))
    groups = f" --segments {shlex.quote(segments)}" if segments else ""
    serve = f"mlflow models serve -m {name} --env-manager local"
    return [
        (serve, "serve it on port 5000 (--port 5001 while mlflow ui runs)"),
        (f"clvml score {name} {customers} scores.parquet{groups}", "score a file of customers"),
    ]


def command_lines(commands: list[tuple[str, str]]) -> list[str]:
    """Lines to copy: what each command does as a comment above it.

    Examples
    --------
    >>> command_lines([("mlflow ui", "compare the runs")])
    ['# compare the runs', 'mlflow ui']
    """
    return [line for command, what in commands for line in (f"# {what}", command) if line]
