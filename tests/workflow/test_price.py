"""The price of a purchase in the config: which models it changes, and under which names."""

import pytest

import clvml
from clvml.errors import InputError
from clvml.lifetime_value import PricedValue
from clvml.workflow._config import load_config
from clvml.workflow._console import Silent
from clvml.workflow._contenders import CONTENDERS
from clvml.workflow._stage import Context
from clvml.workflow.stages._comparing import built, compare_contenders
from clvml.workflow.stages._competing import Contenders
from clvml.workflow.stages._reading import describe_price, outcome_of

TERMS = {"horizon": 39, "annual_discount_rate": 0.0, "margin": 1.0}
IDS = ("bgnbd_gamma_gamma", "repeat_rate", "zero")


@pytest.fixture(scope="module")
def paid():
    return clvml.load_cdnow()


@pytest.fixture(scope="module")
def unpaid(paid):
    return clvml.read_transactions(paid.to_pandas()[["customer_id", "date"]])


def context_of(transactions, price=None):
    context = Context(load_config(overrides={"value.price": price}), Silent())
    context.put(transactions)
    return context


def models_of(context):
    return [built(context, CONTENDERS[name], **TERMS) for name in IDS]


def test_without_a_price_models_stay_as_they_are(paid):
    purchases, formula, zero = models_of(context_of(paid))
    assert [model.title for model in purchases.spend] == ["Gamma-Gamma", "constant spend"]
    assert isinstance(formula, clvml.RepeatRateValue)
    assert isinstance(zero, clvml.ZeroValue)
    assert describe_price(context_of(paid)) == ""


def test_beside_amounts_a_price_takes_the_place_of_the_model_of_spend_only(paid):
    context = context_of(paid, 20)
    purchases, formula, _ = models_of(context)
    assert purchases.spend.price == 20
    assert isinstance(formula, clvml.RepeatRateValue)
    assert "each purchase at the given price, 20" in describe_price(context)
    assert outcome_of(context) == "revenue"


@pytest.mark.parametrize(("price", "outcome"), [(None, "purchases"), (7.5, "revenue"), (1, "revenue")])
def test_without_amounts_every_model_has_the_price(unpaid, price, outcome):
    context = context_of(unpaid.at_price(price or 1.0), price)
    purchases, formula, zero = models_of(context)
    assert purchases.spend.price == formula.price == zero.price == (price or 1.0)
    assert isinstance(formula, PricedValue)
    assert outcome_of(context) == outcome


def test_titles_name_the_models_that_were_fitted(paid, unpaid):
    contenders = Contenders({name: CONTENDERS[name] for name in IDS})
    ends = ("1997-09-30", "1998-06-30")
    titles = {}
    for transactions, price in ((paid, None), (paid, 20), (unpaid.at_price(1), None)):
        parts = clvml.split(transactions, *ends)
        context = context_of(transactions, price)
        context.put(parts)
        found = compare_contenders(context, contenders)
        titles[transactions.has_amounts, price] = found.contenders["bgnbd_gamma_gamma"].title
    assert titles == {
        (True, None): "BG/NBD x Gamma-Gamma",
        (True, 20): "BG/NBD x constant spend",
        (False, None): "BG/NBD",
    }


@pytest.mark.parametrize("price", [0, -1])
def test_a_price_that_is_not_positive_is_refused_before_the_run(price):
    with pytest.raises(InputError, match=r"\[value\] price is"):
        load_config(overrides={"value.price": price})


VARIANTS = ("bgnbd_gamma_gamma", "bgnbd_gamma_gamma_first", "bgnbd_lognormal_first", "zero")


@pytest.mark.parametrize("price", [None, 20])
def test_variants_of_the_model_of_spend_have_titles_of_their_own(paid, price):
    """With a price they are the same model, and only one of them is named after it."""
    context = context_of(paid, price)
    context.put(clvml.split(paid, "1997-09-30", "1998-06-30"))
    found = compare_contenders(context, Contenders({name: CONTENDERS[name] for name in VARIANTS}))
    titles = [contender.title for contender in found.contenders.values()]
    assert len(set(titles)) == len(titles)
    first = "BG/NBD x Gamma-Gamma" if price is None else "BG/NBD x constant spend"
    assert titles[:2] == [first, "BG/NBD x Gamma-Gamma of all purchases"]
