"""Tables of pandas in the pages: headings in one row, numbers right, text left, nothing lost."""

import pandas as pd
import pytest

pytest.importorskip("bs4", reason="the extra docs is not installed")

from bs4 import BeautifulSoup
from tables import tidy_tables

PARAMETERS = pd.DataFrame(
    {"estimate": [0.2426, 4.414], "share": ["12 %", "-3 %"], "meaning": ["shape", "rate " * 10]},
    index=pd.Index(["r", "alpha"], name="parameter"),
)


def tidy(table):
    return BeautifulSoup(tidy_tables(table.to_html()), "html.parser")


def texts(page, selector):
    return [cell.get_text() for cell in page.select(selector)]


def test_the_name_of_the_index_stands_beside_the_names_of_the_columns():
    page = tidy(PARAMETERS)
    assert len(page.select("thead tr")) == 1
    assert texts(page, "thead th") == ["parameter", "estimate", "share", "meaning"]


@pytest.mark.parametrize(
    "table",
    [
        PARAMETERS.rename_axis(columns="statistic"),
        PARAMETERS.set_axis(pd.MultiIndex.from_product([["a"], ["b", "c", "d"]]), axis="columns"),
    ],
    ids=["named columns", "columns of two levels"],
)
def test_headings_that_need_two_rows_keep_them(table):
    before = BeautifulSoup(table.to_html(), "html.parser")
    assert texts(tidy(table), "thead th") == texts(before, "thead th")


def test_only_columns_that_are_no_numbers_are_marked_as_text():
    page = tidy(PARAMETERS)
    assert [text.strip() for text in texts(page, ".text")] == ["meaning", "shape", ("rate " * 10).strip()]


def test_only_long_text_is_given_room():
    page = tidy(PARAMETERS.assign(meaning=["shape", "rate"]))
    assert not page.select(".long")
    assert tidy(PARAMETERS).select("td.long")


def test_all_cells_are_kept():
    before = BeautifulSoup(PARAMETERS.to_html(), "html.parser")
    assert texts(tidy(PARAMETERS), "tbody td") == texts(before, "tbody td")


def test_other_outputs_stay_as_they_are():
    html = "<p class=quoted>An unclosed paragraph"
    assert tidy_tables(html) == html
