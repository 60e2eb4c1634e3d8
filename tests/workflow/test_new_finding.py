"""A new finding touches one file: what a stage yields is in the folder, in the report and in MLflow.

The stage below knows nothing of the three, and nothing of clvml's own stages but the type of what it reads.
"""

import re

import matplotlib.image
import mlflow
import pandas as pd
import pytest

import clvml
from clvml.errors import InputError
from clvml.workflow import Column, Figure, Metrics, Stage, Steps, Table, Tags, Words, load_config, run

WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


class Weekdays(pd.Series):
    """First purchases by weekday."""


def find_weekdays(context):
    """When customers first bought."""
    first = context[clvml.Split].calibration["first_purchase"]
    counts = Weekdays(first.dt.day_name().value_counts().reindex(WEEKDAYS, fill_value=0))
    context.put(counts)
    table = counts.to_frame("customers").rename_axis("weekday").assign(share=counts / counts.sum())
    columns = {"share": Column("share of customers", "{:.1%}")}
    weekend = float(table["share"][["Saturday", "Sunday"]].sum())
    yield Table("weekdays", table, columns=columns, title="First purchases by weekday", printed=True)
    yield Figure("weekday_bars", "First purchases, drawn", lambda ax: ax.bar(WEEKDAYS, counts))
    yield Figure("never", "Nothing to show", refuse)
    yield Metrics({"weekend": weekend}, labels={"weekend": Column("at the weekend", "{:.1%}")})
    yield Steps({"by_weekday": pd.Series(counts.to_numpy(), index=range(7))})
    yield Tags({"calendar": "Gregorian"})
    yield Words("Some <days> are better.", lead="Weekdays:", printed=True)


def find_best_weekday(context):
    """A second stage, which reads what the first found."""
    yield Words(f"The best is {context[Weekdays].idxmax()}.", style="note")


def refuse(ax):  # noqa: ARG001
    """A figure for which there are no data."""
    raise InputError("no data")


class Lines:
    """Collects what a run says."""

    def __init__(self):
        self.lines, self.tables = [], {}

    def stage(self, title):
        from contextlib import nullcontext

        self.lines.append(title)
        return nullcontext()

    def say(self, line):
        self.lines.append(line)

    def update(self, step):
        pass

    def table(self, table, title):
        self.tables[title] = table


@pytest.fixture(scope="module")
def said():
    return Lines()


@pytest.fixture(scope="module")
def found(sales, said, tmp_path_factory):
    folder = tmp_path_factory.mktemp("toy")
    overrides = {
        "data.source": str(sales),
        "models.contenders": ["repeat_rate"],
        "tracking.uri": f"sqlite:///{folder / 'mlflow.db'}",
        "output.folder": str(folder / "out"),
    }
    toys = [Stage("Counting weekdays", find_weekdays, "Days"), Stage("Best", find_best_weekday, "Days")]
    return run(load_config(overrides=overrides), said, extra_stages=toys)


@pytest.fixture(scope="module")
def served(found):
    client = mlflow.MlflowClient(found.config.tracking.uri)
    experiment = client.get_experiment_by_name("sales_holdout")
    runs = client.search_runs([experiment.experiment_id], "tags.role = 'served'")
    assert len(runs) == 1
    return client, runs[0]


def test_it_is_in_the_folder(found):
    table = pd.read_csv(found.folder / "tables" / "weekdays.csv", index_col="weekday")
    assert table["customers"].sum() == len(found.split.calibration)
    pd.testing.assert_frame_equal(table, found.tables["weekdays"])
    assert matplotlib.image.imread(found.folder / "figures" / "weekday_bars.png")[..., :3].std() > 0.02
    metrics = pd.read_csv(found.folder / "metrics.csv", index_col=["run", "metric"])["value"]
    assert metrics["served", "weekend"] == found.metrics["served"]["weekend"]


def test_it_is_in_the_report(found):
    page = (found.folder / "report.html").read_text()
    section = page[page.index(">Days</h2>") : page.index(">Next</h2>")]
    share = found.tables["weekdays"].loc["Monday", "share"]
    for shown in (
        "<h3>First purchases by weekday</h3>",
        "<th>share of customers</th>",
        f"<td>Monday</td><td>{share:.1%}</td>",
        "<figcaption>First purchases, drawn</figcaption>",
        f"<td>at the weekend</td><td>{found.metrics['served']['weekend']:.1%}</td>",
        "<b>Weekdays:</b> Some &lt;days&gt; are better.",
        "The best is ",
    ):
        assert shown in section
    assert section.count("data:image/png;base64,") == 1


def test_it_is_in_mlflow(found, served):
    client, entry = served
    assert entry.data.metrics["weekend"] == found.metrics["served"]["weekend"]
    assert entry.data.tags["calendar"] == "Gregorian"
    history = client.get_metric_history(entry.info.run_id, "by_weekday")
    assert [point.value for point in history] == found.tables["weekdays"]["customers"].tolist()
    files = {
        f.path for place in ("tables", "figures") for f in client.list_artifacts(entry.info.run_id, place)
    }
    assert {"tables/weekdays.csv", "tables/weekdays.json", "figures/weekday_bars.png"} <= files
    description = entry.data.tags["mlflow.note.content"]
    assert "**Weekdays:** Some <days> are better." in description
    assert re.search(r"\| Monday \| \d+\.\d% \|", description)


def test_it_is_said(said):
    assert "Counting weekdays" in said.lines
    assert "Weekdays: Some <days> are better." in said.lines
    assert said.tables["First purchases by weekday"].loc["Monday", "share of customers"].endswith("%")


def test_a_figure_with_nothing_to_show_is_left_out_of_all_and_named(found, served, said):
    client, entry = served
    assert "no figure 'Nothing to show': no data" in said.lines
    assert "Nothing to show" not in found.figures
    assert "Nothing to show" not in (found.folder / "report.html").read_text()
    assert not [f for f in client.list_artifacts(entry.info.run_id, "figures") if "never" in f.path]


def test_a_stage_that_asks_for_what_nobody_found_says_so(sales, tmp_path):
    overrides = {
        "data.source": str(sales),
        "models.contenders": ["repeat_rate"],
        "tracking.enabled": False,
        "output.folder": str(tmp_path / "out"),
    }
    too_early = Stage("Best", find_best_weekday, "Days")
    with pytest.raises(LookupError, match=r"no earlier stage stored a Weekdays; stored so far: "):
        run(load_config(overrides=overrides), extra_stages=[too_early])
    assert (tmp_path / "out.unfinished" / "segments.csv").exists()


def test_two_findings_cannot_take_one_file(sales, tmp_path):
    def find_again(context):
        yield Table("again", context[clvml.Split].holdout.head(), file="comparison.csv")

    overrides = {
        "data.source": str(sales),
        "models.contenders": ["repeat_rate"],
        "tracking.enabled": False,
        "output.folder": str(tmp_path / "out"),
    }
    with pytest.raises(ValueError, match=r"two findings have the path comparison\.csv"):
        run(load_config(overrides=overrides), extra_stages=[Stage("Again", find_again, "Days")])
