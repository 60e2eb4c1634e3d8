"""A model that learns from an earlier holdout is given one in a comparison, and never the real one."""

import pandas as pd
import pytest
from sklearn.base import BaseEstimator

import clvml
from clvml.evaluation import compare_models
from clvml.lifetime_value import SupportsEarlierSplit


class Rescaled(BaseEstimator):
    """Total spend times the share that the earlier holdout was of the total before it."""

    required_columns = ("total_spend",)

    def __init__(self, horizon=1.0, annual_discount_rate=0.0, margin=1.0):
        self.horizon = horizon
        self.annual_discount_rate = annual_discount_rate
        self.margin = margin

    def fit(self, customers):
        self.time_unit_, self.share_, self.earlier_ = customers.attrs["time_unit"], 1.0, None
        return self

    def fit_with_earlier(self, customers, earlier):
        self.fit(customers)
        self.earlier_ = earlier
        self.share_ = earlier.holdout["spend"].sum() / earlier.calibration["total_spend"].sum()
        return self

    def predict(self, customers, horizon=None, annual_discount_rate=None):  # noqa: ARG002
        return (self.share_ * customers["total_spend"]).rename("clv")

    def predict_factors(self, customers, horizon=None, annual_discount_rate=None):  # noqa: ARG002
        return self.predict(customers).to_frame()


@pytest.fixture(scope="module")
def transactions():
    return clvml.load_cdnow()


def test_the_protocol_is_recognised_by_structure():
    assert isinstance(Rescaled(), SupportsEarlierSplit)
    assert not isinstance(clvml.HistoricValue(39), SupportsEarlierSplit)


def test_a_comparison_passes_the_earlier_split_of_the_calibration_data(transactions):
    split = clvml.split(transactions, "1997-12-31", "1998-06-30")
    compared = compare_models({"rescaled": Rescaled(), "historic": clvml.HistoricValue(1.0)}, split)
    earlier = compared.models["rescaled"].earlier_
    assert earlier.observation_end == pd.Timestamp("1997-12-31")
    assert earlier.duration == pytest.approx(split.duration)
    share = earlier.holdout["spend"].sum() / earlier.calibration["total_spend"].sum()
    assert compared.predictions["rescaled"].sum() == pytest.approx(
        share * split.calibration["total_spend"].sum()
    )


def test_without_an_earlier_split_the_model_is_fitted_to_the_customers_alone(transactions):
    split = clvml.split(transactions, "1997-01-02", "1998-06-30")
    compared = compare_models({"rescaled": Rescaled()}, split)
    assert compared.models["rescaled"].earlier_ is None
