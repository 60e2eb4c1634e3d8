"""A deviation is drawn where it is, in the colour of its status, beside the interval if nothing changed."""

import pandas as pd
import pytest
from matplotlib.colors import to_hex

from clvml import plots
from clvml.errors import InputError
from clvml.plots._style import INK, VERMILION


@pytest.fixture
def statements() -> pd.DataFrame:
    rows = [
        ("spend (€)", 1000.0, 900.0, 1100.0, 1050.0, "in order"),
        ("a name of a statement that is a good deal longer than others", 10.0, 8.0, 12.0, 15.0, "look at it"),
        ("distribution of T", 0.0, 0.0, 0.25, 0.3, "look at it"),
    ]
    return pd.DataFrame(rows, columns=["name", "expected", "lower", "upper", "observed", "status"])


def diamonds(ax) -> list[tuple[str, float, float]]:
    return [
        (to_hex(line.get_color()), float(x), float(y))
        for line in ax.lines
        if line.get_marker() == "D"
        for x, y in zip(*line.get_data(), strict=True)
    ]


def test_deviations_are_relative_and_coloured_by_their_status(statements):
    ax = plots.deviations(statements)
    (first, second) = diamonds(ax)
    assert first == (INK, pytest.approx(0.05), 0)
    assert second == (VERMILION.lower(), pytest.approx(0.5), 1)
    bar = ax.patches[0]
    assert (bar.get_x(), bar.get_x() + bar.get_width()) == (pytest.approx(-0.1), pytest.approx(0.1))
    assert [text.get_text() for text in ax.texts] == ["+5.0 %", "+50.0 %"]
    assert ax.get_title(loc="center") == "1 of 2 to look at"


def test_an_enormous_deviation_does_not_squeeze_the_others(statements):
    ax = plots.deviations(statements.assign(observed=[1050.0, 1e6, 0.3]))
    assert ax.get_xlim()[1] < 5
    assert ax.texts[1].get_text().startswith("+9,999,900")


def test_a_table_without_anything_to_draw_is_refused(statements):
    with pytest.raises(InputError, match="positive expectation"):
        plots.deviations(statements.iloc[[2]])
    with pytest.raises(InputError, match="upper"):
        plots.deviations(statements.drop(columns="upper"))
