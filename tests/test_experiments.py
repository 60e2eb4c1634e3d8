"""Every experiment is typed and in the lab book, and its committed tables are those of the code today."""

import re
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from printed import differences
from pydantic import ValidationError

import clvml
from clvml.errors import InputError
from clvml.workflow import CONTENDERS
from experiments import _lab, _logs, _pages
from experiments.__main__ import main
from experiments._tracking import log_results
from experiments._worlds import World, simulated
from experiments.covariates import compare as covariates
from experiments.seasons import compare as seasons
from experiments.which_model import compare as which_model

FOLDER = _lab.FOLDER
NAMES = sorted(path.parent.name for path in FOLDER.glob("*/config.toml"))
SCRIPTS = [name for name in NAMES if (FOLDER / name / "compare.py").exists()]
BACKTESTS = [name for name in NAMES if name not in [*SCRIPTS, *_lab.MAIN_RUNS]]
pytestmark = pytest.mark.filterwarnings("ignore::clvml.errors.FitWarning")


def config_of(name):
    kind = _lab.script(name).Config if name in SCRIPTS else _lab.Config
    return kind.read(FOLDER / name)


@pytest.mark.parametrize("name", sorted({*SCRIPTS, *BACKTESTS}))
def test_every_experiment_has_a_typed_config_with_its_question_a_readme_and_a_row_in_the_lab_book(name):
    assert config_of(name).question.endswith("?")
    book = (FOLDER / "README.md").read_text()
    assert f"[{name}]({name})" in book
    page = (FOLDER / name / "README.md").read_text()
    assert page.startswith("# ")
    for part in ("**Question.**", "**Run.** `python -m experiments", "**Conclusions.**"):
        assert part in page, part
    for table in (FOLDER / name).glob("*.csv"):
        assert table.name in page, table.name


def test_the_lab_book_lists_no_experiment_that_is_not_there():
    listed = re.findall(r"^\|[^|]*\[\w+\]\((\w+)\)", (FOLDER / "README.md").read_text(), re.MULTILINE)
    assert sorted(listed) == NAMES


@pytest.mark.parametrize("name", BACKTESTS)
def test_the_table_in_the_readme_is_that_of_the_scores(name):
    table = _pages.results_table(FOLDER / name, list(config_of(name).logs))
    page = (FOLDER / name / "README.md").read_text()
    assert _pages.with_results(page, table) == page
    assert table in page


@pytest.mark.parametrize("name", BACKTESTS)
def test_the_scores_have_every_log_of_the_config_and_no_other(name):
    written = pd.read_csv(FOLDER / name / "scores.csv")
    assert set(written["log"]) == set(config_of(name).logs)
    assert set(pd.read_csv(FOLDER / name / "verdicts.csv")["log"]) == set(config_of(name).logs)


# Logs that are in the checkout, and contenders that are quick to fit: scores are by model, so that the
# others do not matter.
QUICK = {
    "broken_assumptions": ("regular timing", ["pareto_nbd_gamma_gamma", "repeat_rate", "migration", "zero"]),
    "formulas": ("CDNOW", ["pareto_nbd_gamma_gamma", "repeat_rate", "retention", "historic", "zero"]),
    "learning": ("300 customers", ["pareto_nbd_gamma_gamma", "bgnbd_gamma_gamma", "last_period", "zero"]),
}


@pytest.mark.parametrize("name", QUICK)
def test_the_committed_scores_are_those_of_the_code_today(name):
    log, contenders = QUICK[name]
    config = config_of(name).model_copy(update={"contenders": contenders})
    found = _lab.tables({log: _lab.backtest(config, log)}, by_origin=False)["scores"]
    agrees_with_written(
        name, found, ["bias_pct", "abs_bias_pct", "rmse", "spearman", "score", "lower", "upper"]
    )


def test_the_scores_by_origin_are_those_of_the_code_today():
    config = config_of("history")
    window = config.logs["CDNOW"]
    window = window.model_copy(update={"origins": window.origins[:1] + window.origins[-1:]})
    config = config.model_copy(update={"logs": {"CDNOW": window}})
    found = _lab.tables({"CDNOW": _lab.backtest(config, "CDNOW")}, by_origin=True)["scores"]
    agrees_with_written("history", found, ["bias_pct", "rmse", "spearman", "score"])


@pytest.mark.skipif(not _logs.available("Online Retail"), reason="../shared/data is not here")
def test_the_scores_of_online_retail_are_those_of_the_code_today():
    log = "Online Retail, cancellations dropped"
    update = {"contenders": ["bgnbd_gamma_gamma", "repeat_rate", "historic", "migration", "zero"]}
    config = config_of("online_retail").model_copy(update=update)
    found = _lab.tables({log: _lab.backtest(config, log)}, by_origin=False)["scores"]
    agrees_with_written("online_retail", found, ["bias_pct", "rmse", "spearman", "score"])


def agrees_with_written(name, found, columns):
    written = pd.read_csv(FOLDER / name / "scores.csv", index_col=["log", "origin", "model"])
    written = written.loc[found.index, columns]
    np.testing.assert_allclose(found[columns], written, rtol=2e-3, atol=2e-3)


def test_every_formula_of_a_run_is_in_the_experiment_on_formulas():
    formulas = {name for name, contender in CONTENDERS.items() if contender.family == "formula"}
    assert formulas <= set(config_of("formulas").contenders)


def test_a_config_with_an_unknown_key_is_refused(tmp_path):
    text = (FOLDER / "formulas" / "config.toml").read_text()
    (tmp_path / "config.toml").write_text('horizons = "26W"\n' + text)
    with pytest.raises(ValidationError, match="horizons"):
        _lab.Config.read(tmp_path)


def test_an_unknown_log_is_refused_with_the_names_of_the_others():
    with pytest.raises(KeyError, match="there is no log 'nowhere'; the logs are CDNOW"):
        _logs.available("nowhere")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nonsense"], "there is no experiment 'nonsense'; the experiments are broken_assumptions"),
        (["history", "--log", "Nowhere"], "the experiment has no log 'Nowhere'; its logs are CDNOW,"),
    ],
)
def test_a_wrong_name_is_refused_with_the_right_ones(arguments, message, capsys):
    with pytest.raises(SystemExit):
        main([*arguments, "--no-tracking"])
    assert message in capsys.readouterr().err


def test_without_the_real_data_an_experiment_on_them_says_where_they_are_read_from(monkeypatch):
    monkeypatch.setattr(_logs, "SHARED", Path("nowhere"))
    with pytest.raises(InputError, match=r"none of the logs Online Retail.* is here; they are read from"):
        _lab.chosen_logs(config_of("online_retail"), ())
    assert "Online Retail" not in _lab.chosen_logs(config_of("formulas"), ())


def test_writing_keeps_the_rows_of_logs_that_are_not_here(tmp_path):
    rows = pd.DataFrame({"log": ["CDNOW", "away"], "model": ["a", "a"], "score": [0.1, 0.2]})
    rows.to_csv(tmp_path / "scores.csv", index=False)
    _lab.write(tmp_path / "scores.csv", rows[:1].assign(score=0.3).set_index(["log", "model"]))
    after = pd.read_csv(tmp_path / "scores.csv", index_col="log")["score"]
    assert after.to_dict() == {"CDNOW": 0.3, "away": 0.2}


@pytest.mark.parametrize(
    ("broken", "claim"),
    [
        (World(price=1.3), "amounts"),
        (World(correlation=0.5), "correlation"),
        (World(regularity=3.0), "timing"),
        (World(season=0.5), "season"),
    ],
)
def test_a_world_breaks_the_assumption_that_it_names(broken, claim):
    """Each measured on the purchases, against the world with no assumption broken."""
    found, plain = (measured(simulated(world, 1))[claim] for world in (broken, World()))
    assert found > 1.15 * plain


def measured(log):
    """Late over early amounts, frequent over rare buyers, regularity, one half of a year over the next."""
    rows = log.to_pandas()
    week = (rows["date"] - rows["date"].min()).dt.days / 7
    number = rows.groupby("customer_id")["amount"].transform("size")
    customers = clvml.summarize(log)
    return {
        "amounts": rows["amount"][week > 78].mean() / rows["amount"][week < 60].mean(),
        "correlation": rows["amount"][number > 10].mean() / rows["amount"][number < 4].mean(),
        "timing": clvml.diagnostics.purchase_regularity(log, customers).k,
        "season": week.between(52, 78).sum() / week.between(78, 104).sum(),
    }


@pytest.mark.parametrize("data", ["CDNOW", "CDNOW, first quarter"])
def test_the_tables_of_which_model_are_those_of_the_code_today(data):
    each = config_of("which_model").holdouts[data]
    parts = clvml.split(_logs.read(each.log), each.calibration_end, each.observation_end)
    seen = which_model.halves(parts)
    tables = {"purchases": which_model.purchases(seen), "spend": which_model.spend(seen)}
    for name, table in tables.items():
        path = FOLDER / "which_model" / f"{name}.csv"
        before = pd.read_csv(path, index_col=["data", "model"]).loc[data]
        for written, today in zip(before["says"].fillna(""), table["says"].fillna(""), strict=True):
            assert differences(written, today) == []
        pd.testing.assert_frame_equal(
            before.drop(columns="says"), table.drop(columns="says"), rtol=1e-4, check_dtype=False
        )


def test_the_tables_of_covariates_are_those_of_the_code_today():
    data = covariates.cdnow()
    customers = data.split.calibration.join(data.known)
    model = clvml.BGNBD(covariates=list(data.known)).fit(customers)
    path = FOLDER / "covariates"
    written = pd.read_csv(path / "scores.csv", index_col=["data", "model", "covariates"])
    row = written.loc["CDNOW", "BG/NBD", "both sides"]
    for name, value in covariates.row(model, data, customers).items():
        assert value == pytest.approx(row[name], rel=1e-3), name
    keys = ["data", "model", "side", "covariate"]
    coefficients = pd.read_csv(path / "coefficients.csv", index_col=keys).sort_index()
    coefficients = coefficients.loc["CDNOW", "BG/NBD"].reindex(model.coefficients_.index)
    np.testing.assert_allclose(model.coefficients_["estimate"], coefficients["estimate"], rtol=1e-3)


def test_the_table_of_models_of_spend_is_that_of_the_code_today():
    module, config = _lab.script("spend"), config_of("spend")
    log = config.logs["CDNOW, all customers"]
    split = clvml.split(_logs.read("CDNOW, all customers"), log.origins[1], "1998-03-31", time_unit="W")
    found = module.measured(split, log.weeks, config.model_copy(update={"n_draws": 2}))
    written = pd.read_csv(FOLDER / "spend" / "spend.csv", index_col=["log", "origin", "model"])
    written = written.loc["CDNOW, all customers", "1997-09-30"]
    same = [name for name in found if not name.endswith(("lower", "upper"))]
    np.testing.assert_allclose(found.loc[written.index, same], written[same], rtol=1e-3)


def test_the_table_of_groups_is_that_of_the_code_today():
    module, config = _lab.script("groups"), config_of("groups")
    grouping = config.groupings[0]
    split = clvml.split(_logs.read(grouping.log), grouping.origin, "1998-03-31", time_unit="W")
    found = module.measured(grouping, split, config)
    written = pd.read_csv(
        FOLDER / "groups" / "groups.csv", index_col=["log", "group", "model", "pooling"]
    ).sort_index()
    np.testing.assert_allclose(
        found.sort_index()[written.columns], written.loc["CDNOW, all customers", "cohort"], rtol=1e-3
    )


@pytest.mark.filterwarnings("ignore::clvml.errors.FitWarning")
def test_the_table_of_new_customers_is_that_of_the_code_today():
    module, config = _lab.script("new_customers"), config_of("new_customers")
    log = config.logs["simulated"]
    log = log.model_copy(update={"origins": log.origins[:1]})
    found = pd.concat(module.compared(module.simulated(), log, config))
    keys = ["log", "moment", "origin", "model"]
    written = pd.read_csv(FOLDER / "new_customers" / "arrivals.csv", index_col=keys).loc["simulated"]
    same = ["customers", "actual", *module.METRICS]
    np.testing.assert_allclose(found[same], written.reindex(found.index)[same], rtol=1e-3, atol=1e-4)


def test_values_of_customers_with_attributes_are_those_of_a_model_fitted_to_both():
    data = covariates.cdnow()
    model = covariates.WithAttributes(clvml.BGNBD(covariates=list(data.known)), data.known)
    found = model.fit(data.split.calibration).predict(data.split.calibration)
    customers = data.split.calibration.join(data.known)
    value = clvml.LifetimeValue(clvml.BGNBD(covariates=list(data.known)), clvml.GammaGamma(), 26, 0.0)
    pd.testing.assert_series_equal(found, value.fit(customers).predict(customers))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of MLflow's own calls of SQLAlchemy
def test_an_experiment_is_logged_to_mlflow_with_its_question_config_tables_and_backtests(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.chdir(tmp_path)
    log, contenders = "300 customers", ["bgnbd_gamma_gamma", "repeat_rate"]
    config = config_of("learning").model_copy(update={"contenders": contenders, "n_draws": 100})
    found = {log: _lab.backtest(config, log)}
    try:
        log_results("learning", config, _lab.Results(_lab.tables(found, by_origin=False), found))
        runs = mlflow.search_runs(experiment_names=["learning"], output_format="list")
        by_name = {run.info.run_name: run for run in runs}
        whole, backtest = by_name["learning"], by_name[log]
        assert whole.data.tags["mlflow.note.content"] == config.question
        assert whole.data.params[f"logs.{log}.horizon"] == "26W"
        assert whole.data.params["contenders"] == str(contenders)
        tables = mlflow.artifacts.list_artifacts(run_id=whole.info.run_id, artifact_path="tables")
        assert {Path(each.path).name for each in tables} == {"scores.csv", "verdicts.csv"}
        assert found[log].verdict.sentences[0] in backtest.data.tags["mlflow.note.content"]
        children = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == backtest.info.run_id]
        assert {run.info.run_name for run in children} == set(found[log].models)
    finally:
        mlflow.set_tracking_uri(before)


def test_the_gains_by_a_season_are_those_of_the_code_today():
    log, origin = "season", seasons.Config.read(seasons.HERE).logs["season"].origins[1]
    holdouts = seasons.Config.read(seasons.HERE).logs[log]
    (found,) = seasons.forecasts(seasons.read(log), holdouts, origin)
    written = pd.read_csv(seasons.HERE / "gains.csv", index_col=["log", "origin", "model"])
    row = written.loc[(log, str(origin), found["model"])]
    for column in ("season_sd", "purchases", "bias_pct", "bias_pct_season", "log_likelihood_gain"):
        assert found[column] == pytest.approx(row[column], rel=5e-3, abs=1e-2)
    assert seasons.rmse_ratio(*found["arrays"]) == pytest.approx(row["rmse_ratio"], rel=2e-3)
