"""``clvml check`` as a scheduler calls it: exit status, page, JSON, MLflow, and user files that stay."""

import json

import pandas as pd
import pytest
from drifting_purchases import CHECKED, TRAINED, Shift, simulated_purchases, trained_model

from clvml.scoring import ModelCard, save_model_folder
from clvml.tracking._connection import connected
from clvml.tracking._records import Registration, RunRecord
from clvml.tracking._runs import write_records

LOOK, ERROR = 4, 1


@pytest.fixture(scope="module")
def drifted() -> pd.DataFrame:
    return simulated_purchases(700, 2, Shift(spend=1.6))


@pytest.fixture(scope="module")
def steady() -> pd.DataFrame:
    return simulated_purchases(700, 1)


@pytest.fixture
def shop(clvml, tmp_path, drifted, steady):
    """The command line in a folder with both files of purchases, and the model of each in a folder."""
    for name, table in {"drifted": drifted, "steady": steady}.items():
        table.to_csv(tmp_path / f"{name}.csv", index=False)
        model, card = trained_model(table, currency="€")
        save_model_folder(model, tmp_path / f"{name}_model", card)
    return clvml


@pytest.fixture
def registered(shop, tmp_path, drifted):
    """The same with the model of the drifted purchases in an MLflow store of the folder."""
    model, card = trained_model(drifted)
    store = f"sqlite:///{tmp_path / 'mlflow.db'}"
    record = RunRecord("trained", model=model, card=card, registration=Registration("shop"))
    written = write_records([record], experiment="shop_runs", tracking_uri=store)["trained"]
    assert written.errors == []
    with connected(store):
        import mlflow

        yield shop, mlflow.MlflowClient(), store


def test_the_status_of_a_model_in_order_is_zero(shop, tmp_path):
    result = shop("check", tmp_path / "steady_model", tmp_path / "steady.csv", "--output", "out")
    assert result.exit_code == 0, result.output
    assert "all in order" in result.output
    document = json.loads((tmp_path / "out" / "check.json").read_text())
    assert (document["status"], document["checked_until"]) == ("in order", CHECKED)
    assert (tmp_path / "out" / "clvml-manifest.json").exists()


def test_a_shift_of_spend_is_named_on_the_terminal_and_on_the_page_with_a_figure(shop, tmp_path):
    result = shop("check", tmp_path / "drifted_model", tmp_path / "drifted.csv", "--output", "out")
    assert result.exit_code == LOOK, result.output
    assert "average order value (€)" in result.output
    assert "Next: " in result.output
    page = (tmp_path / "out" / "report.html").read_text()
    assert "average order value (€)" in page
    assert "What to do?" in page
    assert page.count("<img") >= 4


def test_quiet_says_where_to_look_on_standard_error_only(shop, tmp_path):
    result = shop("check", tmp_path / "drifted_model", tmp_path / "drifted.csv", "--quiet", "--output", "out")
    assert result.exit_code == LOOK
    assert result.stdout == ""
    assert "report.html" in result.stderr


def test_the_options_of_the_data_are_those_of_a_run_or_of_its_config(shop, tmp_path, steady):
    renamed = steady.rename(columns={"customer_id": "client", "date": "day", "amount": "paid"})
    renamed.to_csv(tmp_path / "renamed.csv", index=False)
    options = ("--customer", "client", "--date", "day", "--amount", "paid")
    model = tmp_path / "steady_model"
    assert shop("check", model, tmp_path / "renamed.csv", *options, "--output", "one").exit_code == 0
    config = '[data]\nsource = "renamed.csv"\ncustomer = "client"\ndate = "day"\namount = "paid"\n'
    (tmp_path / "shop.toml").write_text(config + '[output]\nfolder = "of_the_run"\n')
    assert shop("check", model, "--config", "shop.toml", "--output", "two").exit_code == 0
    one, two = (json.loads((tmp_path / name / "check.json").read_text()) for name in ("one", "two"))
    assert one["statements"] == two["statements"]
    assert not (tmp_path / "of_the_run").exists()


def test_a_registered_model_gets_a_run_in_its_experiment_and_tags(registered, tmp_path):
    shop, client, store = registered
    result = shop("check", "shop@champion", tmp_path / "drifted.csv", "--tracking-uri", store)
    assert result.exit_code == LOOK, result.output
    tags = client.get_model_version("shop", "1").tags
    assert (tags["last_checked"], tags["last_check"]) == (CHECKED, "look at it")
    run = client.get_run(tags["last_check_run"])
    assert client.get_experiment(run.info.experiment_id).name == "shop_runs"
    assert run.info.status == "FINISHED"
    assert run.data.metrics["aov_dev"] == pytest.approx(0.6, abs=0.15)
    assert run.data.tags["checked_model"] == "models:/shop/1"
    assert run.inputs.model_inputs[0].model_id == client.get_model_version("shop", "1").source.split("/")[-1]
    assert (tmp_path / "clvml-output" / "shop_check" / "report.html").exists()
    again = shop(
        "check", "models:/shop/1", tmp_path / "drifted.csv", "--tracking-uri", store, "--no-tracking"
    )
    assert again.exit_code == LOOK
    assert client.get_model_version("shop", "1").tags["last_check_run"] == run.info.run_id


def test_a_model_that_is_not_registered_is_an_error_that_lists_those_that_are(registered, tmp_path):
    shop, _, store = registered
    result = shop("check", "nobody@champion", tmp_path / "drifted.csv", "--tracking-uri", store)
    assert result.exit_code == ERROR
    assert "existing: shop" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("steady_model",), "name the purchases"),
        (("steady_model", "drifted.csv"), "not those that the model was trained on"),
        (("steady_model", "steady.csv", "--until", TRAINED), "no purchases since the model"),
        (("steady_model", "steady.csv", "--set", "value.currency=$"), "trained on amounts in €"),
        (("steady_model", "nowhere.csv"), "nowhere.csv"),
        (("steady_model", "steady.csv", "--output", "steady_model"), "contains the model of this run"),
    ],
)
def test_an_error_is_a_sentence_and_status_one(shop, arguments, sentence):
    result = shop("check", *arguments)
    assert result.exit_code == ERROR, result.output
    assert sentence in result.stderr


def test_a_model_without_a_card_is_checked_with_the_day_given(shop, tmp_path, steady):
    model, _ = trained_model(steady)
    save_model_folder(model, tmp_path / "bare", ModelCard())
    bare = ("check", "bare", "steady.csv", "--output", "out")
    refused = shop(*bare)
    assert refused.exit_code == ERROR
    assert "--observed-until" in refused.stderr
    assert shop(*bare, "--observed-until", TRAINED).exit_code == 0


def test_the_help_explains_the_exit_status(clvml):
    shown = " ".join(clvml("check", "--help").output.split())
    assert "4 look at it" in shown
