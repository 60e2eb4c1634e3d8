"""The chapter on the customer base: by default in a run, with the money of the run, for odd data too."""

import re

import pandas as pd
import pytest

import clvml
from clvml.workflow import _run, load_config, run
from clvml.workflow.stages import _customer_base, _reading, _splitting

FEW = (_reading.STAGE, _splitting.STAGE, _customer_base.STAGE)


@pytest.fixture
def audited(monkeypatch, tmp_path):
    """Run only what the chapter needs; gives the output folder."""
    monkeypatch.setattr(_run, "STAGES", FEW)

    def run_on(purchases, **keys):
        path = tmp_path / "sales.csv"
        purchases.to_csv(path, index=False)
        given = {"tracking.enabled": False, "data.source": str(path), "output.folder": str(tmp_path / "out")}
        run(load_config(None, {**given, **{name.replace("__", "."): value for name, value in keys.items()}}))
        return tmp_path / "out"

    return run_on


def chapter(folder) -> str:
    page = (folder / "report.html").read_text()
    parts = [part for part in page.split("<h2 ") if part.startswith('id="the-customer-base"')]
    text = re.sub(r"data:image/png;base64,[^\"]*", "", parts[0])
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))


def tables(folder) -> dict[str, pd.DataFrame]:
    return {path.stem: pd.read_csv(path) for path in (folder / "customer_base").glob("*.csv")}


def test_tables_add_up_to_the_revenue_of_the_run(audited, purchases):
    folder = audited(purchases, split__calibration_end="1997-09-30", split__observation_end="1998-06-30")
    found = tables(folder)
    total = round(purchases["amount"].sum(), 2)
    assert round(found["cohorts"]["revenue"].sum(), 2) == total
    assert round(found["base_over_time"]["revenue"].sum(), 2) == total
    bridge = found["period_comparison"].set_index("status")
    assert round(bridge.loc["total", ["revenue_before", "revenue_after"]].sum(), 2) == total
    customers = purchases["customer_id"].nunique()
    assert found["cohorts_compared"]["customers"].sum() == customers


def test_the_chapter_has_the_five_lenses_with_words_before_each_figure(audited, purchases):
    folder = audited(purchases, value__currency="$", split__calibration_end="1997-09-30")
    text = chapter(folder)
    titles = (
        "The whole base",
        "One period in depth",
        "Two periods compared",
        "One cohort as it ages",
        "Cohorts compared",
    )
    assert sorted(titles, key=text.index) == list(titles)
    assert "$ " in text
    assert {path.stem for path in (folder / "figures").glob("cohort_*.png")} >= {
        "cohort_retention",
        "cohort_revenue",
        "cohort_orders",
        "cohort_customers",
        "cohort_average_order_value",
        "cohort_cumulative_value",
    }
    assert "Orders, by cohort and age" not in text  # in the folder only
    assert "top_tenth" in (folder / "metrics.csv").read_text()


def test_no_table_names_a_customer(audited, purchases):
    folder = audited(purchases, split__calibration_end="1997-09-30")
    assert all("customer_id" not in table for table in tables(folder).values())


def test_purchases_without_amounts_have_orders_and_retention_only(audited, purchases):
    folder = audited(purchases.drop(columns="amount"), split__calibration_end="1997-09-30")
    found = tables(folder)
    assert "revenue" not in found["cohorts"]
    assert "orders" in found["cohorts"]
    assert not (folder / "figures" / "cohort_revenue.png").exists()
    assert "spend" not in chapter(folder)


def test_240_months_are_drawn_by_year_and_the_report_says_so(audited):
    starts = pd.period_range("2000-01", periods=240, freq="M").start_time
    sales = pd.concat(
        pd.DataFrame({"customer_id": range(240), "date": starts + pd.Timedelta(days=days), "amount": 2.0})
        for days in (0, 30)
    )
    sales = sales[sales["date"] <= "2019-12-31"]
    folder = audited(sales, split__time_unit="M")
    text = chapter(folder)
    assert "There are 240 months: this chapter is by year" in text
    assert len(tables(folder)["cohorts"]["cohort"].unique()) == 240
    assert len(tables(folder)["cohorts_compared"]) == 20


def test_a_month_observed_in_part_is_left_out_and_said(audited, purchases):
    early = purchases[purchases["date"] <= "1998-06-12"]
    folder = audited(early, split__calibration_end="1997-09-30")
    assert "The last month, from 1998-06-01, was observed in part and is left out" in chapter(folder)


def test_a_cohort_that_does_not_exist_is_said_and_the_run_goes_on(audited, purchases):
    folder = audited(purchases, customer_base__cohort="1999-01", split__calibration_end="1997-09-30")
    assert "There is no cohort '1999-01'" in chapter(folder).replace("&#x27;", "'")


def test_the_chapter_is_part_of_a_run_by_default():
    from clvml.workflow.stages import STAGES

    assert _customer_base.STAGE in STAGES
    assert _customer_base.STAGE.applies is None


def test_one_month_of_data_is_a_chapter_without_a_comparison(audited):
    days = pd.date_range("2024-01-01", "2024-01-31")
    sales = pd.DataFrame({"customer_id": [f"c{day.day % 9}" for day in days], "date": days, "amount": 3.0})
    text = chapter(audited(sales, split__time_unit="D", split__calibration_end="2024-01-20"))
    assert "too short a time to compare two periods" in text
    assert "Cohorts compared" in text
    assert clvml.customer_base.cohort_table(sales)["revenue"].sum() == 93.0
