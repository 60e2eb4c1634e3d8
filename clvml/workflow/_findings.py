"""What a stage of a run can yield: tables, figures, metrics, models and text, as plain values.

A stage yields findings, independent of where they are written. Three writers do that: the output folder
(`clvml.workflow._folder_writer`), the report (`clvml.workflow._report`) and MLflow
(`clvml.workflow._mlflow_records`). A finding names the MLflow runs that it belongs to by their keys: "served"
(the model to serve; it stands for the comparison as a whole), "segments", "compared/<id>" for a contender,
"compared" for all of these, "*" for every run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import pandas as pd

from clvml.customers._ids import CUSTOMER_ID
from clvml.scoring._card import ModelCard
from clvml.tracking._records import DatasetRecord, RunRecord
from clvml.tracking._trial import Trial
from clvml.workflow._formatting import Column, format_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

ALL = ("*",)
SERVED = ("served",)
SEGMENTS = ("segments",)
COMPARED = ("compared",)
PLACE = "{}"  # the default place of a file, by the finding's name


@dataclass(frozen=True, eq=False, kw_only=True)
class Finding:
    """A result of a stage.

    A stage yields its kinds: `Words`, `Table`, `Figure`, `Metrics`, `Steps`, `Tags`, `Dataset`, `Model`.

    Attributes
    ----------
    runs : tuple of str
        Keys of the MLflow runs that it belongs to: ``"served"``, ``"segments"``, ``"compared/<id>"`` for a
        contender, ``"compared"`` for all of these, ``"*"`` for every run. If empty, it is not in MLflow.

    See Also
    --------
    clvml.workflow.Stage : Yields findings.
    clvml.workflow.Results : Has the findings of a run.

    Examples
    --------
    >>> from clvml.workflow import Finding, Metrics
    >>> found = Metrics({"refunds": 17.0}, runs=("compared",))
    >>> isinstance(found, Finding), found.belongs_to("compared/bgnbd_gamma_gamma"), found.belongs_to("served")
    (True, True, False)
    """

    runs: tuple[str, ...] = SERVED

    def belongs_to(self, run: str) -> bool:
        """Whether it belongs to the run with this key.

        Examples
        --------
        >>> from clvml.workflow import Words
        >>> words = Words("...", runs=("compared",))
        >>> words.belongs_to("compared/bgnbd"), words.belongs_to("served")
        (True, False)
        """
        return any(key == "*" or run == key or run.startswith(f"{key}/") for key in self.runs)


@dataclass(frozen=True, eq=False)
class Words(Finding):
    """A paragraph of the report, and of the description of its MLflow runs.

    Attributes
    ----------
    text : str
        The paragraph.
    title : str
        A heading above it.
    lead : str
        In bold before the text.
    style : {"paragraph", "note"}
        A note is in small print.
    answers : {"", "worth", "who", "act", "sure", "model"}
        The question of a manager that it answers, in the box at the top of the report: what the customers
        are worth, who they are, what to do, how sure that is, which model; empty for any other paragraph.
    printed : bool
        Whether the terminal shows it too.
    runs : tuple of str
        As in `Finding`.

    See Also
    --------
    clvml.workflow.Table, clvml.workflow.Figure : Numbers and pictures beside the words.
    clvml.workflow.Stage : Yields them.

    Examples
    --------
    A sentence at the top of the report, and on the terminal:

    >>> import clvml
    >>> from clvml.workflow import Words
    >>> customers = clvml.summarize(clvml.load_cdnow())
    >>> once = (customers["frequency"] == 0).mean()
    >>> text = f"{once:.0%} of the customers bought once."
    >>> words = Words(text, lead="One-time buyers:", answers="who", printed=True)
    >>> print(words.lead, words.text)
    One-time buyers: 52% of the customers bought once.
    """

    text: str
    title: str = field(default="", kw_only=True)
    lead: str = field(default="", kw_only=True)
    style: Literal["paragraph", "note"] = field(default="paragraph", kw_only=True)
    answers: Literal["", "worth", "who", "act", "sure", "model"] = field(default="", kw_only=True)
    printed: bool = field(default=False, kw_only=True)


@dataclass(frozen=True, eq=False)
class Table(Finding):
    """A table: a file, a table of the report, a table of its MLflow runs.

    Attributes
    ----------
    name : str
        In MLflow and in the file's name.
    data : pandas.DataFrame
        Unformatted; files and MLflow keep these numbers.
    columns : mapping of str to Column, optional
        The columns to display, with headings and number formats. Default: all columns.
    display : pandas.DataFrame, optional
        Displayed instead of ``data``: fewer rows, or other index labels.
    title : str
        A heading above it.
    file : str or None
        Path in the output folder, CSV or Parquet by its ending; None for no file. Default
        ``tables/<name>.csv``.
    in_report : bool
        Whether the report shows it.
    printed : bool
        Whether the terminal shows it too, and the description of its MLflow runs.
    marked : str, optional
        The row to highlight.
    folded : str
        The summary of a collapsed table: the report shows this line until it is clicked.
    runs : tuple of str
        As in `Finding`.

    See Also
    --------
    clvml.workflow.Column : How a column is shown.
    clvml.workflow.Results : ``tables`` of a run has the numbers by name.

    Examples
    --------
    >>> import clvml
    >>> from clvml.workflow import Column, Table
    >>> customers = clvml.summarize(clvml.load_cdnow())
    >>> repeats = customers["frequency"].clip(upper=2).astype(int)
    >>> spend = customers.groupby(repeats)[["total_spend"]].mean()
    >>> shown = {"total_spend": Column("spend so far", "${:,.2f}")}
    >>> table = Table("spend_by_frequency", spend, columns=shown, title="Spend by repeat purchases")
    >>> table.path
    'tables/spend_by_frequency.csv'
    >>> table.formatted()
              spend so far
    frequency
    0               $30.59
    1               $66.84
    2              $244.42
    """

    name: str
    data: pd.DataFrame
    columns: Mapping[str, Column] | None = field(default=None, kw_only=True)
    display: pd.DataFrame | None = field(default=None, kw_only=True)
    title: str = field(default="", kw_only=True)
    file: str | None = field(default="tables/{}.csv", kw_only=True)
    in_report: bool = field(default=True, kw_only=True)
    printed: bool = field(default=False, kw_only=True)
    marked: str | None = field(default=None, kw_only=True)
    folded: str = field(default="", kw_only=True)

    @property
    def path(self) -> str | None:
        """The path in the output folder."""
        return None if self.file is None else self.file.replace(PLACE, self.name)

    def formatted(self) -> pd.DataFrame:
        """The table as formatted text, with its headings."""
        return format_table(self.data if self.display is None else self.display, self.columns)


@dataclass(frozen=True, eq=False)
class Figure(Finding):
    """A figure: an image in the folder, in the report and in its MLflow runs.

    Attributes
    ----------
    name : str
        Of the file.
    title : str
        What it shows.
    draw : callable
        Draws into the Axes given as ``ax``. If it raises `InputError`, the figure does not apply to these
        data and is left out.
    size : (float, float)
        Width and height in inches.
    file : str or None
        Path in the output folder; None for a figure in MLflow only. Default ``figures/<name>.png``.
    of_customers : bool
        Whether it names customers by id; MLflow has it only if the config asks for these.
    in_report : bool
        Whether the report shows it.
    runs : tuple of str
        As in `Finding`.

    See Also
    --------
    clvml.plots : Functions that draw on an Axes.
    clvml.workflow.Stage : Yields figures.

    Examples
    --------
    >>> from functools import partial
    >>> import clvml
    >>> from clvml.workflow import Figure
    >>> customers = clvml.summarize(clvml.load_cdnow())
    >>> draw = partial(clvml.plots.value_distribution, customers["total_spend"], top=0.2)
    >>> figure = Figure("spend", "How spend is spread over customers", draw)
    >>> figure.path
    'figures/spend.png'
    >>> len(figure.drawn().axes)
    1
    """

    name: str
    title: str
    draw: Callable[..., Axes]
    size: tuple[float, float] = (8.0, 4.8)
    file: str | None = field(default="figures/{}.png", kw_only=True)
    of_customers: bool = field(default=False, kw_only=True)
    in_report: bool = field(default=True, kw_only=True)

    @property
    def path(self) -> str | None:
        """The path in the output folder."""
        return None if self.file is None else self.file.replace(PLACE, self.name)

    def drawn(self) -> Canvas:
        """The drawn figure, without pyplot and its global state."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure as Canvas
        from matplotlib.layout_engine import ConstrainedLayoutEngine

        layout = ConstrainedLayoutEngine()
        canvas = Canvas(figsize=self.size, dpi=110, layout=layout)
        FigureCanvasAgg(canvas)
        self.draw(ax=canvas.subplots())
        layout.execute(canvas)  # else saving would draw twice, the first time only to place the Axes
        canvas.set_layout_engine(None)
        return canvas

    def save(self, path: Path) -> None:
        """Draw into a PNG file."""
        self.drawn().savefig(path, format="png")


@dataclass(frozen=True, eq=False)
class Metrics(Finding):
    """Numbers by name: in ``metrics.csv``, in the report and as metrics of their MLflow runs.

    Attributes
    ----------
    values : mapping of str to float
        Short names: MLflow truncates them at twelve characters.
    labels : mapping of str to Column
        Labels and number formats for the report; by default their names.
    title : str
        A heading above them.
    in_report : bool
        Whether the report shows them.
    runs : tuple of str
        As in `Finding`.

    See Also
    --------
    clvml.workflow.Steps : A metric with a value per decile or week.
    clvml.workflow.Results : ``metrics`` of a run has the numbers by run.

    Examples
    --------
    >>> import clvml
    >>> from clvml.workflow import Column, Metrics
    >>> customers = clvml.summarize(clvml.load_cdnow())
    >>> found = Metrics(
    ...     {"one_time": round(float((customers["frequency"] == 0).mean()), 4)},
    ...     labels={"one_time": Column("share of one-time buyers", "{:.0%}")},
    ... )
    >>> found.values
    {'one_time': 0.5168}
    """

    values: Mapping[str, float]
    labels: Mapping[str, Column] = field(default_factory=dict, kw_only=True)
    title: str = field(default="", kw_only=True)
    in_report: bool = field(default=True, kw_only=True)


@dataclass(frozen=True, eq=False)
class Steps(Finding):
    """A metric of MLflow runs by whole-number step: a decile, a week.

    Attributes
    ----------
    values : mapping of str to pandas.Series
        By the metric's name its values, indexed by the step.
    runs : tuple of str
        As in `Finding`.

    See Also
    --------
    clvml.workflow.Metrics : Metrics without steps.
    clvml.purchases_over_time : Purchases by period.

    Examples
    --------
    MLflow draws the repeat purchases by month as a curve:

    >>> import clvml
    >>> from clvml.workflow import Steps
    >>> monthly = clvml.repeat_purchases_by_date(clvml.load_cdnow(), collapse="M")
    >>> steps = Steps({"repeat": monthly.set_axis(range(1, len(monthly) + 1))})
    >>> steps.values["repeat"].tail(3).to_dict()
    {15: 125, 16: 134, 17: 138}
    """

    values: Mapping[str, pd.Series]


@dataclass(frozen=True, eq=False)
class Tags(Finding):
    """Tags of MLflow runs, or of the registered versions of their models.

    Attributes
    ----------
    values : mapping of str to object
        By the tag's name what is written as text.
    of_version : bool
        Whether they are tags of the registered version instead of the run.
    runs : tuple of str
        As in `Finding`.

    See Also
    --------
    clvml.workflow.Metrics : Numbers of runs, which MLflow can sort and draw.
    clvml.tracking.models : The registered versions.

    Examples
    --------
    The version in the registry says who asked for it; MLflow's search finds it by the tag:

    >>> from clvml.workflow import Tags
    >>> tags = Tags({"team": "crm", "ticket": 4711}, of_version=True)
    >>> tags.belongs_to("served"), tags.values["team"]
    (True, 'crm')
    """

    values: Mapping[str, Any]
    of_version: bool = field(default=False, kw_only=True)


@dataclass(frozen=True, eq=False)
class Dataset(Finding):
    """A table that MLflow runs used: they keep its schema, size and digest, not its rows.

    Attributes
    ----------
    record : DatasetRecord
        Its name, the frame, ``"calibration"`` or ``"holdout"``, its source and facts about it.
    runs : tuple of str
        As in `Finding`.

    See Also
    --------
    clvml.log_comparison : Logs a comparison with its datasets.
    clvml.workflow.Results : ``found`` has the datasets of a run.

    Examples
    --------
    The tables that the first two stages of a run yield, reading and splitting:

    >>> from clvml.workflow import Context, Dataset, load_config
    >>> from clvml.workflow.stages import STAGES
    >>> context = Context(load_config())
    >>> findings = [finding for stage in STAGES[:2] for finding in stage.find(context)]
    >>> for found in findings:
    ...     if isinstance(found, Dataset):
    ...         print(f"{found.record.context}: {len(found.record.frame):,} customers")
    calibration: 2,357 customers
    holdout: 2,357 customers
    observation: 2,357 customers
    """

    record: DatasetRecord


@dataclass(frozen=True, eq=False)
class Model(Finding):
    """A fitted model: a folder of readable JSON, and an MLflow run of its own.

    Attributes
    ----------
    key : str
        Key of the run, to which ``runs`` of other findings refers. Its first part is the run's role.
    name : str
        Display name of the run.
    model : estimator
        Fitted.
    customers : pandas.DataFrame
        Customers from which the input example is invented.
    folder : str, optional
        The folder's name; without one there is no file.
    params : mapping, optional
        Parameters of the run; by default the model's own.
    record : RunRecord, optional
        Of the run, to which the other findings are added.
    card : ModelCard, optional
        What is known of the model beyond itself; saved with it.
    register_as : str, optional
        Name in the MLflow model registry.
    trial : Trial, optional
        The evidence by which it is judged against the champion of that name.
    follows : str
        The registered model with which it is promoted, or not.
    runs : tuple of str
        As in `Finding`.

    See Also
    --------
    clvml.scoring.save_model_folder : What the folder holds.
    clvml.tracking.register : The registry, without a run.

    Examples
    --------
    A stage fits a second model and registers it under a name of its own:

    >>> import clvml
    >>> from clvml.workflow import Context, Model, Stage, load_config
    >>> def fit_first_year(context):
    ...     customers = context[clvml.Split].calibration
    ...     model = clvml.LifetimeValue(clvml.MBGNBD(), clvml.GammaGamma(), horizon="12M").fit(customers)
    ...     yield Model("first_year", "first year", model, customers, register_as="first_year")
    >>> stage = Stage("Fitting the first year", fit_first_year, "The first year")
    >>> context = Context(load_config())
    >>> context.put(clvml.split(clvml.load_cdnow(), "1997-09-30", "1998-06-30"))
    >>> [found] = stage.find(context)
    >>> found.register_as, f"{found.model.predict(found.customers).mean():.0f} per customer"
    ('first_year', '30 per customer')
    """

    key: str
    name: str
    model: Any
    customers: pd.DataFrame
    folder: str | None = field(default=None, kw_only=True)
    params: Mapping[str, Any] = field(default_factory=dict, kw_only=True)
    card: ModelCard | None = field(default=None, kw_only=True)
    register_as: str | None = field(default=None, kw_only=True)
    trial: Trial | None = field(default=None, kw_only=True)
    follows: str = field(default="", kw_only=True)
    record: RunRecord | None = field(default=None, kw_only=True)


def names_customers(finding: Finding) -> bool:
    """Whether it names customers by id, so that MLflow has it only if the config asks for these."""
    if isinstance(finding, Table):
        return CUSTOMER_ID in (finding.data.index.name, *finding.data.columns)
    return isinstance(finding, Figure) and finding.of_customers


class Found(NamedTuple):
    """A finding and the section of the report that it belongs to."""

    section: str
    finding: Finding
