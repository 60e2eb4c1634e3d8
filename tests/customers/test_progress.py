"""A long query shows a progress bar on a terminal, and only there."""

import pytest
from rich.console import Console

from clvml.customers.engines import DuckDB, _progress

LONG = "SELECT count(DISTINCT hash(i)) AS n FROM range(6000000) AS t(i)"


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")


@pytest.mark.usefixtures("terminal")
def test_a_long_query_shows_how_much_is_done_and_removes_the_bar(monkeypatch, capsys):
    monkeypatch.setattr(_progress, "SECONDS", 0.01)
    assert DuckDB().frame(LONG)["n"].iloc[0] == 6_000_000
    shown = capsys.readouterr()
    assert "querying transactions" in shown.err
    assert "%" in shown.err
    assert shown.out == ""
    assert shown.err.endswith("\x1b[2K")  # erased


@pytest.mark.usefixtures("terminal")
def test_a_short_query_shows_nothing(capsys):
    DuckDB().frame("SELECT 1 AS one")
    assert capsys.readouterr() == ("", "")


def test_nothing_is_shown_where_there_is_no_terminal(monkeypatch, capsys):
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.setattr(_progress, "SECONDS", 0.01)
    DuckDB().frame(LONG)
    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("terminal")
def test_no_second_bar_is_drawn_over_a_display_that_is_shown(monkeypatch, capsys):
    monkeypatch.setattr(_progress, "SECONDS", 0.01)
    with Console(stderr=True).status("reading"):
        DuckDB().frame(LONG)
    assert "querying" not in capsys.readouterr().err
