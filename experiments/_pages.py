"""The table of results in the README of an experiment, made from its committed scores."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

BEGIN, END = "<!-- results: from scores.csv -->", "<!-- end of results -->"


def results_table(folder: Path, logs: list[str]) -> str:
    """Score and bias of the total of each model; the leader and those within noise of it are bold.

    Models by logs, or logs and origins by models where scores are by origin.
    """
    scores = pd.read_csv(folder / "scores.csv").query("model != 'zero baseline'")  # 0 everywhere
    table = scores.assign(text=cells(scores)).pivot_table(
        index="model", columns=["log", "origin"], values="text", aggfunc="first"
    )
    table = table.reindex(columns=logs, level="log").reindex(scores["model"].drop_duplicates()).fillna("")
    if (scores["origin"] == "all").all():
        return markdown(table.droplevel("origin", axis=1))
    table.columns = [f"{log}, until {origin}" for log, origin in table.columns]
    return markdown(table.T.rename_axis("log"))


def cells(scores: pd.DataFrame) -> pd.Series:
    """The text of each score: the score itself, and the bias of the total in percent.

    Where biases of several origins differ in sign, it is the mean of their absolute values.
    """
    one_sign = scores["bias_pct"].abs() > 0.999 * scores["abs_bias_pct"]
    signed, absolute = (
        scores["bias_pct"].map("{:+.0f} %".format),
        scores["abs_bias_pct"].map("±{:.0f} %".format),
    )
    score, bias = scores["score"].map("{:.2f}".format), signed.where(one_sign, absolute)
    text = score.replace("-0.00", "0.00") + " (" + bias + ")"
    bold = scores["status"].isin(["leader", "within noise"])
    return text.where(~bold, "**" + text + "**")


def markdown(table: pd.DataFrame) -> str:
    """A table in Markdown, its index first."""
    rows = [[str(table.index.name), *map(str, table.columns)], ["---"] * (1 + table.shape[1])]
    rows += [[str(name), *row] for name, row in zip(table.index, table.to_numpy(), strict=True)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def with_results(page: str, table: str) -> str:
    """The page with its table of results replaced."""
    pattern = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    return pattern.sub(lambda _: f"{BEGIN}\n\n{table}\n\n{END}", page)
