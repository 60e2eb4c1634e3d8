"""What many tests share: CDNOW, as published, and models fitted to it."""

import os

os.environ.setdefault("MPLBACKEND", "Agg")

import hypothesis
import pandas as pd
import pytest

import clvml

# A busy machine is no counterexample, and a run that passed passes again.
hypothesis.settings.register_profile("clvml", deadline=None, derandomize=True)
hypothesis.settings.load_profile("clvml")

collect_ignore_glob = ["golden/make_*.py"]  # each runs with the code of its release


@pytest.fixture(scope="session")
def cdnow_split() -> clvml.Split:
    """The split of the papers: 39 weeks of calibration, 39 of holdout."""
    return clvml.split(clvml.load_cdnow(), "1997-09-30", "1998-06-30", time_unit="W")


@pytest.fixture(scope="session")
def cdnow(cdnow_split: clvml.Split) -> pd.DataFrame:
    """The calibration summary in weeks: frequency, recency, T, monetary_value."""
    return cdnow_split.calibration


@pytest.fixture(scope="session")
def value_model(cdnow: pd.DataFrame) -> clvml.LifetimeValue:
    """BG/NBD x Gamma-Gamma over a year at 10 %."""
    model = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), horizon="12M", annual_discount_rate=0.10)
    return model.fit(cdnow)


@pytest.fixture(scope="session")
def customers_with_values(cdnow: pd.DataFrame, value_model: clvml.LifetimeValue) -> pd.DataFrame:
    return cdnow.join(value_model.predict_factors(cdnow)[["clv", "probability_alive"]])


@pytest.fixture(scope="session")
def segmenter(customers_with_values: pd.DataFrame) -> clvml.KMeansSegments:
    return clvml.KMeansSegments(n_segments=4).fit(customers_with_values)
