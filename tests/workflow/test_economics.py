"""The chapter on investment and profit, with costs and without: its tables add up, mistakes are said."""

import re

import numpy as np
import pandas as pd
import pytest

from clvml.errors import InputError
from clvml.workflow import load_config, run

FEW = {
    "tracking.enabled": False,
    "models.contenders": ["pareto_nbd_gamma_gamma"],
    "split.calibration_end": "1997-09-30",
    "split.observation_end": "1998-06-30",
}


@pytest.fixture(scope="module")
def folder(purchases, tmp_path_factory):
    folder = tmp_path_factory.mktemp("economics")
    purchases.to_csv(folder / "sales.csv", index=False)
    ids = purchases["customer_id"].drop_duplicates()
    channel = np.where(ids % 3 == 0, "web", "shop").astype(object)
    channel[:5] = "radio"
    channel[5:8] = None
    pd.DataFrame({"customer_id": ids, "channel": channel, "age": ids % 50}).to_csv(
        folder / "people.csv", index=False
    )
    (folder / "spent.csv").write_text(
        'period,channel,cost\n1997Q1,web,"$ 4,000.00"\n1997Q1,shop,"$ 90,000.00"\n1997Q1,tv,$ 100.00\n'
    )
    return folder


def configured(folder, **economics):
    given = {f"economics.{name}": value for name, value in economics.items()}
    paths = {"data.source": str(folder / "sales.csv"), "segments.attributes": str(folder / "people.csv")}
    more = {"segments.attribute_columns": ["age"], "value.margin": 0.4, "value.currency": "$"}
    return load_config(None, {**FEW, **paths, **more, **given})


@pytest.fixture(scope="module")
def costed(folder, tmp_path_factory):
    """A run with all costs."""
    config = configured(
        folder,
        acquisition=str(folder / "spent.csv"),
        channel="channel",
        service_cost=2.0,
        marketing_cost=500.0,
        selling_cost=0.25,
        acquisitions=1000.0,
        growth=0.1,
        others_lost=2.0,
        targets={"clv": 5.0, "acquisition_cost": 10.0, "satisfaction": 0.85},
    )
    place = tmp_path_factory.mktemp("costed") / "out"
    return run(config.model_copy(update={"output": config.output.model_copy(update={"folder": str(place)})}))


@pytest.fixture(scope="module")
def plain(folder, tmp_path_factory):
    """A run without any cost."""
    config = configured(folder)
    place = tmp_path_factory.mktemp("plain") / "out"
    return run(config.model_copy(update={"output": config.output.model_copy(update={"folder": str(place)})}))


def chapter(results):
    page = (results.folder / "report.html").read_text()
    text = page.split('<h2 id="investment-and-profit">')[1].split("<h2 ")[0]
    return re.sub(r"<[^>]+>", " ", re.sub(r'src="[^"]*"', "", text)), page


def test_the_chapter_stands_between_worth_and_segments(plain):
    _, page = chapter(plain)
    found = re.findall(r"<h2 id=\"([\w-]+)\"", page)
    assert found.index("the-model-to-serve") + 1 == found.index("investment-and-profit")
    assert found.index("investment-and-profit") < found.index("segments")


def test_without_costs_it_says_what_would_give_payback_and_shows_the_rest(plain):
    text, _ = chapter(plain)
    assert "with acquisition_cost = 10 in [economics]" in text
    assert "payback" not in plain.tables
    assert {"early_value", "value_parts", "equity", "revenue_by_tenure", "tornado"} <= set(plain.tables)
    assert plain.tables["value_parts"].at["marketing_cost", "all customers"] == 0


def test_channels_are_compared_with_their_costs(costed):
    table = costed.tables["channels"]
    web = table.loc["web"]
    assert web["cac"] == 4000 / web["customers"]
    assert web["clv_to_cac"] == pytest.approx(web["worth"] / web["cac"])
    assert web["worth_lower"] < web["worth"] < web["worth_upper"]
    assert np.isnan(table.at["radio", "cac"])
    text, page = chapter(costed)
    assert "no customer has the channel &#x27;tv&#x27;" in text
    assert "no cost is given for the channel &#x27;radio&#x27; (5 customers)" in text
    assert "3 of 1,178 customers have no channel" in text
    assert "Acquisition:</b> customers won through shop" in page.split("<nav")[0]  # in the first box


def test_payback_is_observed_by_channel_and_cohort(costed):
    times = costed.tables["payback"]
    assert {"all customers", "web", "shop", "1997-01", "1997-02", "1997-03"} == set(times.index)
    assert times.at["web", "kind"] == "observed"
    assert times.at["shop", "kind"] == "not yet"
    curves = costed.tables["payback_curves"].set_index(["group", "age"])
    assert set(curves["kind"]) == {"observed", "expected"}
    # The first points by hand: margin of the first purchases less the cost.
    customers = costed.customers
    first = customers["total_spend"] - customers["frequency"] * customers["monetary_value"]
    assert curves.loc[("all customers", 0), "cumulative"] == pytest.approx(0.4 * first.mean(), abs=0.005)


def test_parts_of_value_are_those_of_the_customers_and_add_up(costed):
    table = costed.tables["value_parts"]["all customers"]
    customers = costed.tables["customer_economics"]
    assert table["total"] == pytest.approx(table.drop("total").sum())
    assert table["historic"] == pytest.approx(0.4 * costed.customers["total_spend"].sum())
    assert table["predicted"] + table["discount"] == pytest.approx(costed.served.values["clv"].sum())
    acquisition = 94_000.0  # of web and shop; those without a channel or a cost have none
    years = costed.customers["T"].sum() / 52
    orders = (costed.customers["frequency"] + 1).sum()
    marketing = 500 * costed.customers["T"].max() / 52
    assert -table["marketing_cost"] == pytest.approx(acquisition + 2 * years + marketing + 0.25 * orders)
    assert customers["profit"].sum() == pytest.approx(table["historic"] + table["marketing_cost"])


def test_equity_and_revenue_add_up(costed):
    equity, steps = costed.tables["equity"], costed.tables["revenue_to_equity"]["amount"]
    assert equity["equity"].iloc[:-1].sum() == pytest.approx(equity.at["total", "equity"])
    assert steps.iloc[:3].sum() == pytest.approx(steps["= value of today's customers"])
    assert steps.iloc[3:5].sum() == pytest.approx(steps["= customer equity"])
    assert equity.at["total", "lower"] < equity.at["total", "equity"] < equity.at["total", "upper"]
    compared = costed.tables["revenue_expected"]
    assert compared.iloc[:2].sum().drop("change").to_numpy() == pytest.approx(
        compared.loc["revenue"].drop("change").to_numpy()
    )
    by_month = costed.tables["revenue_by_tenure"]
    assert by_month["revenue"].sum() == pytest.approx(costed.customers["total_spend"].sum())


def test_figures_stand_against_targets_now_and_over_time(costed):
    card = costed.tables["scorecard"]
    assert card.at["clv", "target"] == 5.0
    assert card.at["acquisition_cost", "met"] is False
    past = costed.tables["scorecard_over_time"]
    assert past["clv"].iloc[-1] == pytest.approx(card.at["clv", "value"])
    text, _ = chapter(costed)
    assert "No satisfaction in this run" in text


def test_the_tornado_is_sorted_and_has_all_factors(costed):
    table = costed.tables["tornado"]
    assert {
        "horizon",
        "annual_discount_rate",
        "retention_rate",
        "income",
        "keeping_cost",
        "marketing_cost",
    } <= set(table.index)
    assert table["swing"].drop("all together").is_monotonic_decreasing
    text, _ = chapter(costed)
    assert "each factor 10% lower and higher" in text
    assert "not moved by a relative step: referral rate" in text


def test_customers_are_in_a_file_and_not_in_mlflow(costed):
    table = pd.read_parquet(costed.folder / "customer_economics.parquet")
    assert table.index.name == "customer_id"
    assert {"historic", "predicted", "discount", "marketing_cost", "total", "profit", "payback"} <= set(table)


@pytest.mark.parametrize(
    ("economics", "message"),
    [
        ({"acquisition_cost": -1.0}, "must not be negative"),
        ({"acquisition_cost": {"web": -1.0}, "channel": "channel"}, "'web' is -1"),
        ({"acquisition_cost": {"web": 1.0}}, "name the column of attributes"),
        ({"acquisition_cost": 1.0, "acquisition": "x.csv"}, "give one of them"),
        ({"growth": 1.5}, "less than or equal to 1"),
        ({"targets": {"clw": 3.0}}, "has 'clw'; the figures are clv, new_customer_value"),
        ({"service_cost": -1.0}, "greater than or equal to 0"),
    ],
)
def test_a_mistake_in_the_config_is_said_at_once(folder, economics, message):
    with pytest.raises(InputError, match=message):
        configured(folder, **economics)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("period,channel,cost\n1997Q1,web,$ 10\n1997Q1,shop,10 EUR\n", "several currencies"),
        ("period,channel,cost\n1997Q1,web,10 EUR\n", r"are in EUR, but \[value\] currency is '\$'"),
        ("period,channel,cost\n1997Q1,web,-10\n", "cost is -10.*not negative"),
        ("period,channel,cost\n1997Q1,web,10\n1997-02,web,10\n", "periods overlap"),
        ("period,channel,cost\n1997Q1,web,plenty\n", "cost is 'plenty'; it must be a number"),
        ("period,channel,cost\n1997-14,web,1\n", "period is '1997-14'; write a month"),
        ("month,cost\n1997-01,1\n", "no column 'period'"),
        ("period,costs\n1997-01,1\n", "no column 'cost'"),
    ],
)
def test_a_mistake_in_the_costs_is_said_before_the_run(folder, tmp_path, text, message):
    (tmp_path / "costs.csv").write_text(text)
    config = configured(folder, acquisition=str(tmp_path / "costs.csv"), channel="channel")
    config = config.model_copy(
        update={"output": config.output.model_copy(update={"folder": str(tmp_path / "o")})}
    )
    with pytest.raises(InputError, match=message):
        run(config)


def test_a_missing_file_or_column_of_the_costs_is_named(folder, tmp_path):
    for economics, message in (
        ({"acquisition": str(tmp_path / "none.csv")}, "there is no file"),
        ({"acquisition_cost": 3.0, "channel": "chanel"}, "has no column 'chanel'"),
    ):
        config = configured(folder, **economics)
        place = config.output.model_copy(update={"folder": str(tmp_path / "o")})
        with pytest.raises(InputError, match=message):
            run(config.model_copy(update={"output": place}))
