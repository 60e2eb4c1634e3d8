"""Input examples are invented: plausible customers, and no row and no id of a real one."""

import numpy as np
import pandas as pd
import pytest

import clvml
from clvml.scoring import score
from clvml.scoring._invented import invented_request


def rows_of(table):
    return set(table.itertuples(index=False, name=None))


@pytest.mark.parametrize(
    "make",
    [
        lambda: clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), horizon=39),
        lambda: clvml.HistoricValue(horizon=39),
        lambda: clvml.MigrationValue(horizon=39),
        lambda: clvml.RetentionValue(horizon=39),
    ],
)
def test_nobody_in_an_example_is_a_customer_and_the_model_scores_everybody(make, cdnow):
    model = make().fit(cdnow)
    example = invented_request(model, cdnow)
    columns = [name for name in example if name != "customer_id"]
    assert len(example) == 5
    assert not set(example["customer_id"]) & set(cdnow.index.astype(str))
    assert not rows_of(example[columns]) & rows_of(cdnow[columns])
    assert np.isfinite(score(model, example.set_index("customer_id"))["clv"]).all()
    for name in columns:
        assert example[name].between(cdnow[name].min(), cdnow[name].max()).all()


def test_an_invented_customer_who_is_by_chance_a_real_one_is_left_out(cdnow):
    model = clvml.HistoricValue(horizon=39).fit(cdnow)
    before = invented_request(model, cdnow)["total_spend"].tolist()
    twin = pd.concat([cdnow, cdnow.tail(1).assign(total_spend=before[2])])
    assert invented_request(model, twin)["total_spend"].tolist() == before[:2] + before[3:]


def test_equal_customers_and_models_that_must_know_the_customer_get_no_example(cdnow):
    equal = cdnow.head(1).loc[[cdnow.index[0]] * 9].assign(total_spend=20.0)
    equal.index = pd.RangeIndex(9, name="customer_id")
    model = clvml.HistoricValue(horizon=39).fit(cdnow)
    assert invented_request(model, equal) is None

    class Known(clvml.HistoricValue):
        def predict_factors(self, customers, **terms):
            if not customers.index.isin(cdnow.index).all():
                raise clvml.InputError("who is that?")
            return super().predict_factors(customers, **terms)

    assert invented_request(Known(horizon=39).fit(cdnow), cdnow) is None


def test_a_category_is_in_an_example_only_where_several_customers_share_it(cdnow):
    class Shop:
        required_columns = ("total_spend", "shop")

        def predict_factors(self, customers):
            return customers[["total_spend"]].rename(columns={"total_spend": "clv"})

    shops = np.where(np.arange(len(cdnow)) % 3, "Berlin", "Rome").astype(object)
    shops[:4] = "Jane Doe's"
    customers = cdnow.assign(shop=shops)
    example = invented_request(Shop(), customers)
    assert set(example["shop"]) == {"Berlin", "Rome"}
    unique = cdnow.assign(shop=[f"shop of {name}" for name in cdnow.index])
    assert invented_request(Shop(), unique) is None
