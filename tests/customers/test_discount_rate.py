"""A percentage is not a rate: 10 for 10 % is refused with both readings wherever a rate is given."""

import logging

import pytest
from pydantic import ValidationError

import clvml
from clvml.lifetime_value import formulas
from clvml.workflow.stages._serving import ValueSection

BOTH = r"is 10; that is 1,000 % per (year|period|month); write 10 % as 0.1"


def lifetime_value(rate):
    return clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), 12, annual_discount_rate=rate)


@pytest.mark.parametrize(
    "model", [lifetime_value, lambda rate: formulas.HistoricValue(12, annual_discount_rate=rate)]
)
def test_a_model_refuses_ten_per_cent_written_as_ten_when_fitted(model, cdnow):
    with pytest.raises(clvml.errors.InputError, match=BOTH):
        model(10).fit(cdnow)


@pytest.mark.parametrize("rate", [10, 1.5, "10", 100])
def test_a_fitted_model_refuses_it_in_each_question(rate, cdnow):
    model = lifetime_value(0.1).fit(cdnow)
    for question in (
        model.predict,
        model.predict_factors,
        model.predict_total_interval,
        model.predict_interval,
    ):
        with pytest.raises(clvml.errors.InputError, match="% per year; write"):
            question(cdnow, annual_discount_rate=rate)
    with pytest.raises(clvml.errors.InputError, match="% per year; write"):
        model.purchases_.discounted_purchases(cdnow, 12, float(rate))


def test_the_limit_is_one_hundred_per_cent_a_year(cdnow):
    model = lifetime_value(1.0).fit(cdnow)
    assert (model.predict(cdnow) < model.predict(cdnow, annual_discount_rate=0.1)).all()


@pytest.mark.parametrize(
    "value",
    [
        lambda r: formulas.annuity(1, r, 5),
        lambda r: formulas.annuity([1, 2], [0.1, r], 5),
        lambda r: formulas.retention(1, 0.8, r),
        lambda r: formulas.repeat_purchase(1, 2, r, 5),
        lambda r: formulas.markov_chain([[0.7, 0.3], [0.0, 1.0]], [1.0, 0.0], r),
    ],
)
def test_formulas_refuse_it_and_say_what_a_rate_above_one_means(value, caplog):
    with pytest.raises(clvml.errors.InputError, match=BOTH):
        value(10)
    with caplog.at_level(logging.WARNING, logger="clvml"):
        value(1.5)
    assert "discount_rate is 1.5, that is 150 % per period" in caplog.text


def test_the_config_refuses_it():
    with pytest.raises(ValidationError, match=BOTH):
        ValueSection(annual_discount_rate=10)
    assert ValueSection(annual_discount_rate=1).annual_discount_rate == 1
