"""The command line: what a user sees, and that every failure is one sentence."""

import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from command_line import command_line_in

from clvml.tracking._registry import load

FILES = {
    "clvml-manifest.json",
    "config.toml",
    "data_report.csv",
    "data_notices.csv",
    "customers.parquet",
    "customer_base",
    "customer_economics.parquet",
    "economics",
    "predictions.parquet",
    "comparison.csv",
    "metrics.csv",
    "model",
    "segments.csv",
    "segment_profile.csv",
    "segment_cards.csv",
    "segment_tables",
    "tables",
    "segments",
    "figures",
    "report.html",
}


def one_sentence(result) -> str:
    assert result.exit_code == 1
    assert result.stderr.startswith("clvml: error: ")
    assert result.stderr.count("\n") == 1
    assert "Traceback" not in result.output + result.stderr
    return result.stderr


def one_price(sales):
    return sales.drop_duplicates(["customer_id", "date"]).assign(amount=9.99)


def test_a_run_writes_its_files_and_the_command_it_ends_with_scores_them(clvml, sales, tmp_path):
    result = clvml("run", "--transactions", sales, "--no-tracking", "--output", "out")
    assert result.exit_code == 0, result.stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES
    assert "\x1b" not in result.stdout  # plain lines where there is no terminal
    command = result.stdout.splitlines()[-1].split()
    scoring = ["clvml", "score", "out/model", "out/customers.parquet", "scores.parquet"]
    assert command == [*scoring, "--segments", "out/segments"]
    result = clvml(*command[1:], "--horizon", "39")
    assert result.exit_code == 0, result.stderr
    customers = pd.read_parquet(tmp_path / "out" / "customers.parquet")
    expected = load(tmp_path / "out" / "model").predict(customers, horizon=39)
    scores = pd.read_parquet(tmp_path / "scores.parquet")
    pd.testing.assert_series_equal(scores["clv"], expected, check_exact=True)
    # Another horizon changes what a customer is worth, not where they stand.
    members = pd.read_csv(tmp_path / "out" / "segments.csv", index_col=0)
    same = ["segment", "segment_name", "value_class", "stage", "reason", "treatment", "budget"]
    pd.testing.assert_frame_equal(scores[same], members[same].astype(scores[same].dtypes))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda sales: sales.rename(columns={"amount": "paid"}), "give purchases_only (--purchases-only)"),
        (lambda sales: sales.iloc[:0], "no rows"),
        (lambda sales: sales.drop_duplicates("customer_id"), "there is no revenue in the holdout"),
        (lambda sales: sales.assign(amount="much"), "unreadable amount"),
        (lambda sales: sales.assign(amount=float("inf")), "unreadable amount"),
        (lambda sales: sales.assign(date="1997-05-05"), "the holdout period is empty"),
    ],
)
def test_purchases_that_cannot_be_modelled_end_in_one_sentence(clvml, purchases, tmp_path, change, sentence):
    change(purchases).to_csv(tmp_path / "sales.csv", index=False)
    said = one_sentence(clvml("run", "--transactions", "sales.csv", "--no-tracking"))
    assert sentence in said


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "nowhere.toml"], "there is no config file 'nowhere.toml'"),
        (["run", "--transactions", "nowhere.csv"], "there is no file"),
        (["run", "--time-unit", "H"], "[split] time_unit is 'H'"),
        (["run", "--calibration-end", "1998-06-30", "--observation-end", "1998-06-30"], "leaves no holdout"),
        (["score", "nowhere", "customers.parquet", "scores.parquet"], "there is no model folder"),
        (["score", "models:/clv@champion", "customers.parquet", "s.parquet"], "there is no MLflow database"),
    ],
)
def test_a_mistake_in_the_arguments_leaves_nothing_behind(clvml, tmp_path, arguments, sentence):
    assert sentence in one_sentence(clvml(*arguments))
    assert list(tmp_path.iterdir()) == []


def test_where_there_is_one_price_models_of_purchases_stay_in_the_comparison(clvml, purchases, tmp_path):
    one_price(purchases).to_csv(tmp_path / "sales.csv", index=False)
    result = clvml("run", "--transactions", "sales.csv", "--no-tracking", "--output", "out")
    assert result.exit_code == 0, result.stderr
    assert "Gamma-Gamma cannot be fitted, and constant spend is used instead: all" in result.stdout
    assert "have the same average spend (9.99)" in result.stdout
    scores = pd.read_csv(tmp_path / "out" / "comparison.csv", index_col="model")
    models = [f"{title} x constant spend" for title in ("BG/NBD", "MBG/NBD", "Pareto/NBD")]
    assert set(models) <= set(scores.index)
    assert "constant spend is used instead" in (tmp_path / "out" / "report.html").read_text()
    members = pd.read_csv(tmp_path / "out" / "segments.csv")
    if_active = members["clv"] / members["probability_alive"]
    assert (members["value_at_risk"] <= if_active * (1 + 1e-9)).all()
    assert {"stage", "treatment", "budget"} <= set(members)


@pytest.mark.parametrize("arguments", [[], ["--price-per-purchase", "9.5"]])
def test_purchases_without_amounts_are_compared_served_and_scored(clvml, purchases, tmp_path, arguments):
    purchases[["customer_id", "date"]].to_csv(tmp_path / "sales.csv", index=False)
    result = clvml("run", "--transactions", "sales.csv", "--no-tracking", "--output", "out", *arguments)
    assert result.exit_code == 0, result.stderr
    price = float(arguments[1]) if arguments else 1.0
    actual = "revenue" if arguments else "purchases"
    assert f"Predicted {actual} of the holdout" in result.stdout
    report = (tmp_path / "out" / "report.html").read_text()
    assert "the purchases have no amounts" in report
    assert ("budgets are numbers of purchases" in report) == (not arguments)
    scores = pd.read_csv(tmp_path / "out" / "comparison.csv", index_col="model")
    assert {"BG/NBD", "MBG/NBD", "Pareto/NBD", "repeat rate x average order value"} <= set(scores.index)
    rows = pd.read_parquet(tmp_path / "out" / "predictions.parquet")
    np.testing.assert_allclose(rows["holdout_spend"], price * rows["holdout_purchases"])
    # the served model needs the history of purchases only
    customers = pd.read_parquet(tmp_path / "out" / "customers.parquet")
    customers[["frequency", "recency", "T"]].to_parquet(tmp_path / "history.parquet")
    result = clvml("score", "out/model", "history.parquet", "scores.parquet")
    assert result.exit_code == 0, result.stderr
    scored = pd.read_parquet(tmp_path / "scores.parquet")
    assert set(load(tmp_path / "out" / "model").required_columns) <= {"frequency", "recency", "T"}
    members = pd.read_csv(tmp_path / "out" / "segments.csv")
    np.testing.assert_allclose(members["clv"].sum(), scored["clv"].sum())


def test_a_run_for_few_regular_buyers_says_what_it_does(clvml, tmp_path):
    """120 customers who buy every four weeks, some of them no longer."""
    start, day = pd.Timestamp("2020-01-01"), pd.Timedelta(days=1)
    rows = [
        (k, start + (k % 28 + 28 * i + (k * i) % 5) * day)
        for k in range(120)
        for i in range(12 if k % 12 else 4)
    ]
    pd.DataFrame(rows, columns=["customer_id", "date"]).to_csv(tmp_path / "sales.csv", index=False)
    result = clvml("run", "--transactions", "sales.csv", "--no-tracking", "--output", "out")
    assert result.exit_code == 0, result.stderr
    assert "there are fewer than 1,000 customers" in result.stdout
    assert "regularised by a weakly informative prior" in (tmp_path / "out" / "report.html").read_text()


def test_purchases_without_amounts_are_all_that_is_read_if_the_user_says_so(clvml, purchases, tmp_path):
    purchases.to_csv(tmp_path / "sales.csv", index=False)
    said = one_sentence(
        clvml("run", "--transactions", "sales.csv", "--purchases-only", "--amount", "amount", "--no-tracking")
    )
    assert "which purchases_only leaves out" in said


def test_a_stage_that_fails_keeps_what_was_computed_and_says_where(clvml, purchases, tmp_path):
    purchases.drop_duplicates("customer_id").to_csv(tmp_path / "sales.csv", index=False)
    said = one_sentence(clvml("run", "--transactions", "sales.csv", "--no-tracking", "--output", "out"))
    assert said.endswith("What was computed before that is kept in out.unfinished.\n")
    assert not (tmp_path / "out").exists()
    assert {path.name for path in (tmp_path / "out.unfinished").iterdir()} == {
        "clvml-manifest.json",
        "config.toml",
        "data_report.csv",
        "data_notices.csv",
    }


@pytest.fixture(scope="module")
def unreachable(sales, tmp_path_factory):
    """Folder and result of a run with a table of treatments, whose tracking server is not there."""
    folder = tmp_path_factory.mktemp("unreachable")
    (folder / "conf").mkdir()
    own = "segment,stage,treatment,what_to_do,stake,share\n*,*,call,Call them,clv,0.1\n"
    (folder / "conf" / "own.csv").write_text(own)
    config = f'[data]\nsource = "{sales}"\n[segments]\ntreatments = "own.csv"\n'
    (folder / "conf" / "config.toml").write_text(config)
    arguments = ["run", "conf/config.toml", "--tracking-uri", "http://127.0.0.1:9", "--output", "out"]
    with command_line_in(folder) as clvml:
        return folder, clvml(*arguments)


def test_a_tracking_server_that_is_not_there_costs_no_result_and_is_said_at_once_and_at_the_end(unreachable):
    folder, result = unreachable
    assert result.exit_code == 3
    reason = "no MLflow server responds at http://127.0.0.1:9"
    assert result.stdout.index(reason) < result.stdout.index("Reading transactions")
    assert result.stderr.startswith("clvml: the results are complete in out, but not in MLflow: ")
    assert reason in result.stderr
    assert result.stderr.endswith("clvml track out\n")
    assert {path.name for path in (folder / "out").iterdir()} == {*FILES, "tracking"}
    assert "models:/" not in result.stdout  # no version of it is registered


def test_a_config_names_its_own_table_of_treatments_beside_it(unreachable, clvml, tmp_path):
    folder, _ = unreachable
    assert set(pd.read_csv(folder / "out" / "segments.csv")["treatment"]) == {"call"}
    config = shutil.copy(folder / "conf" / "config.toml", tmp_path)
    assert "there is no file" in one_sentence(clvml("run", config, "--no-tracking", "--output", "out"))


def test_an_unexpected_failure_is_a_sentence_too_and_debug_shows_where(clvml, sales, monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("clvml.workflow.stages._comparing.run_backtest", broken)
    said = one_sentence(clvml("run", "--transactions", sales, "--no-tracking"))
    assert "unexpected ZeroDivisionError: by zero; --debug shows the traceback." in said
    result = clvml("run", "--transactions", sales, "--no-tracking", "--debug")
    assert result.exit_code == 1
    assert result.stderr.startswith("Traceback")
    assert "ZeroDivisionError: by zero\n" in result.stderr


def test_an_output_folder_that_is_a_file_is_refused_before_anything_is_read(clvml, tmp_path):
    (tmp_path / "out").write_text("mine")
    assert "out is a file" in one_sentence(clvml("run", "--no-tracking", "--output", "out/deeper"))
    assert (tmp_path / "out").read_text() == "mine"


def test_wrong_usage_ends_with_status_2(clvml):
    assert clvml("run", "--horizn", "3").exit_code == 2


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_ends_with_the_status_of_its_signal(tmp_path, sent, status):
    run = subprocess.Popen(
        [sys.executable, "-m", "clvml", "run", "--no-tracking"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert run.stdout is not None
    run.stdout.readline()
    time.sleep(0.05)
    run.send_signal(sent)
    _, said = run.communicate(timeout=60)
    assert run.returncode == status
    assert "clvml: interrupted." in said
    assert "Traceback" not in said


def test_customers_called_na_or_null_are_trained_on_and_scored_from_csv(clvml, purchases, tmp_path):
    names = ["NA", "na", "-nan", "nil", "1e5", "TRUE", "007"]
    ids = [*names, *(f"c{i}" for i in range(purchases["customer_id"].nunique() - len(names)))]
    named = dict(zip(purchases["customer_id"].unique(), ids, strict=True))
    sales = purchases.assign(customer_id=purchases["customer_id"].map(named))
    sales.to_csv(tmp_path / "sales.csv", index=False)
    config = tmp_path / "my.toml"
    config.write_text('[models]\ncontenders = ["repeat_rate"]\n')
    result = clvml("run", config, "--transactions", "sales.csv", "--no-tracking", "--output", "out")
    assert result.exit_code == 0, result.stderr
    customers = pd.read_parquet(tmp_path / "out" / "customers.parquet")
    assert set(customers.index) == set(ids)
    customers.to_csv(tmp_path / "customers.csv")
    result = clvml("score", "out/model", "customers.csv", "scores.csv")
    assert result.exit_code == 0, result.stderr
    scores = pd.read_csv(tmp_path / "scores.csv", keep_default_na=False, dtype={"customer_id": str})
    escaped = ["'-nan" if name == "-nan" else name for name in customers.index]  # a formula in a spreadsheet
    assert scores["customer_id"].tolist() == escaped
    assert scores.columns[0] == "customer_id"
    assert "--overwrite" in one_sentence(clvml("score", "out/model", "customers.csv", "scores.csv"))
    assert clvml("score", "out/model", "customers.csv", "scores.csv", "--overwrite").exit_code == 0
    segments = pd.read_csv(tmp_path / "out" / "segments.csv", keep_default_na=False)
    assert (segments.columns[0], set(segments["customer_id"])) == ("customer_id", set(escaped))


def test_the_version_is_an_option_and_a_command(clvml):
    assert clvml("--version").stdout.split()[-1] == clvml("version").stdout.strip()


def test_init_writes_a_config_that_runs_and_never_overwrites_one(clvml, sales, tmp_path):
    result = clvml("init", "--transactions", sales)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[-1].endswith("clvml run clvml.toml")
    text = (tmp_path / "clvml.toml").read_text()
    assert "will not be overwritten" in one_sentence(clvml("init"))
    assert (tmp_path / "clvml.toml").read_text() == text
    result = clvml("run", "clvml.toml", "--no-tracking", "--set", 'models.contenders=["historic"]')
    assert result.exit_code == 0, result.stderr


def test_any_key_of_the_config_can_be_set_by_an_option_and_quiet_prints_nothing(clvml, sales, tmp_path):
    settings = ["segments.n_segments=3", 'models.contenders=["historic"]', "data.policy.zero_amount=drop"]
    options = [part for setting in settings for part in ("--set", setting)]
    result = clvml("run", "--transactions", sales, "--no-tracking", "--output", "out", "--quiet", *options)
    assert (result.exit_code, result.stdout) == (0, ""), result.stderr
    assert len(pd.read_csv(tmp_path / "out" / "segment_profile.csv")) == 3
    assert list(pd.read_csv(tmp_path / "out" / "comparison.csv")["model"]) == ["historic", "zero baseline"]


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("returns", "write KEY=VALUE"),
        ("returns=net", "with the section in the key"),
        ("data.policy.return=net", "did you mean 'returns'?"),
        ("data.policy.returns=nett", "returns"),
        ("split.time_unit.more=1", "time_unit"),
    ],
)
def test_a_setting_that_does_not_exist_is_refused_with_the_way_out(clvml, sales, setting, sentence):
    assert sentence in one_sentence(clvml("run", "--transactions", sales, "--no-tracking", "--set", setting))
