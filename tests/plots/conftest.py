"""Figures are drawn without a screen, and none may stay open behind a test."""

import matplotlib
import pytest

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def closed_figures():
    from matplotlib import pyplot as plt

    plt.close("all")
    yield
    plt.close("all")
