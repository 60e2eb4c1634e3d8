"""The made-up survey among CDNOW's customers."""

import pytest

from clvml.survey import made_up_survey, read_ratings


@pytest.fixture(scope="session")
def made_up(cdnow, cdnow_split):
    return made_up_survey(cdnow, later=cdnow_split.holdout["purchases"])


@pytest.fixture(scope="session")
def ratings(made_up):
    return read_ratings(made_up.ratings, overall="overall satisfaction")
