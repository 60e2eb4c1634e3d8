"""Small surveys counted by hand, and simulated ones."""

import itertools

import numpy as np
import pandas as pd

KINDS = {"quality": "product", "staff": "personnel", "price": "money", "waiting": "time"}


def rated(scores, respondents=2, **columns):
    """A table where every respondent gives the same scores: brand -> attribute -> score."""
    rows = [
        (person, brand, attribute, score)
        for person, brand in itertools.product(range(1, respondents + 1), scores)
        for attribute, score in scores[brand].items()
    ]
    return pd.DataFrame(rows, columns=["respondent", "brand", "attribute", "score"]).assign(**columns)


def simulated(n, rng, means=(3.0, 3.0), attributes=8, halo=0.7, noise=0.8, paired=True):
    """Ratings of two brands on a fine scale from 0 to 10, whose respondents differ in leniency."""
    lenient = halo * rng.standard_normal((n, 1, 1))
    scores = np.asarray(means)[:, None] + lenient + noise * rng.standard_normal((n, 2, attributes))
    index = pd.MultiIndex.from_product(
        [range(n), ["ours", "rival"], [f"a{i}" for i in range(attributes)]],
        names=["respondent", "brand", "attribute"],
    )
    table = pd.DataFrame({"score": scores.ravel().clip(0, 10)}, index=index).reset_index()
    return table if paired else table[(table["respondent"] % 2 == 0) == (table["brand"] == "ours")]
