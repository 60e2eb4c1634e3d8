import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from clvml.customers._time_units import convert_time_unit
from clvml.errors import InputError
from clvml.scoring._model_file import dump_model, load_model_json
from clvml.segments.acting._customer_groups import CustomerGroups
from clvml.segments.acting._treatments import read_treatments
from clvml.segments.grouping._kmeans import KMeansSegments
from clvml.segments.grouping._matrix import ValueMatrix
from clvml.segments.grouping._tables import MONEY


@pytest.fixture(scope="module")
def buyers(customers):
    return customers.drop(columns="kind").assign(total_spend=20.0 + customers["clv"])


@pytest.fixture(scope="module")
def fitted(buyers):
    return CustomerGroups(segmenter=KMeansSegments(4)).fit(buyers)


def test_each_part_says_what_it_says_alone(buyers, fitted):
    found = fitted.assign(buyers)
    pd.testing.assert_series_equal(found["segment"], KMeansSegments(4).fit_predict(buyers))
    matrix = ValueMatrix().fit(buyers)
    assert found["value_class"].tolist() == matrix.segment_names(buyers).tolist()
    assert found.notna().all(axis=None)


def test_it_saves_with_all_its_parts_and_clones(buyers, fitted):
    again = load_model_json(dump_model(fitted))
    pd.testing.assert_frame_equal(again.assign(buyers), fitted.assign(buyers))
    assert not hasattr(clone(fitted), "segmenter_")


def test_a_table_of_treatments_of_the_users_own_is_kept_and_used(buyers):
    own = read_treatments().tail(1).assign(treatment="call")
    model = CustomerGroups(segmenter=KMeansSegments(2), treatments=own).fit(buyers)
    assert set(load_model_json(dump_model(model)).assign(buyers)["treatment"]) == {"call"}


def test_neither_order_nor_currency_nor_time_unit_changes_what_is_said(buyers, fitted):
    said = ["segment", "segment_name", "value_class", "stage", "reason", "treatment"]
    expected = fitted.assign(buyers)
    money = ["monetary_value", "clv", "total_spend"]
    pounds = buyers.assign(**buyers[money] * 0.7737)
    for other in (buyers.sample(frac=1, random_state=4), pounds, convert_time_unit(buyers, "D")):
        found = CustomerGroups(segmenter=KMeansSegments(4)).fit(other).assign(other)
        pd.testing.assert_frame_equal(found[said].reindex(expected.index), expected[said])
    sterling = CustomerGroups(segmenter=KMeansSegments(4)).fit(pounds).assign(pounds)
    np.testing.assert_allclose(sterling["budget"], 0.7737 * expected["budget"])


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("clv", np.inf, "missing or infinite clv"),
        ("monetary_value", np.nan, "missing or infinite monetary_value"),
        ("probability_alive", 1.5, "above 1"),
        ("total_spend", np.nan, "missing or infinite total_spend"),
    ],
)
def test_impossible_customers_are_refused_in_the_fit_and_after_it(buyers, fitted, column, value, message):
    broken = buyers.copy()
    broken.loc["c0007", column] = value
    for ask in (CustomerGroups().fit, fitted.assign):
        with pytest.raises(InputError, match=f"{message}.*'c0007'"):
            ask(broken)


def test_fewer_customers_than_segments_are_refused(buyers):
    with pytest.raises(InputError, match="4 segments need at least 4 distinct"):
        CustomerGroups(segmenter=KMeansSegments(4)).fit(buyers.iloc[:3])


def test_new_customers_alone_are_told_the_same(buyers, fitted):
    together = fitted.assign(buyers)
    for customer in buyers.index[:10]:
        pd.testing.assert_frame_equal(fitted.assign(buyers.loc[[customer]]), together.loc[[customer]])


def test_a_loss_counts_as_zero_and_has_nothing_at_risk(buyers, fitted):
    loss = buyers.assign(**{name: buyers[name].where(buyers.index != "c0007", -9.0) for name in MONEY})
    zero = loss.assign(**{name: loss[name].clip(lower=0.0) for name in MONEY})
    pd.testing.assert_frame_equal(fitted.assign(loss), fitted.assign(zero))
    assert fitted.assign(loss).loc["c0007", ["value_at_risk", "budget"]].tolist() == [0.0, 0.0]
    again = CustomerGroups(segmenter=KMeansSegments(4)).fit(loss)
    pd.testing.assert_series_equal(again.predict(loss), again.predict(zero))


def test_more_returned_than_bought_is_no_current_value_and_missing_values_are_named(buyers, fitted):
    returned = buyers.assign(total_spend=np.where(buyers.index == "c0001", -5.0, buyers["total_spend"]))
    assert fitted.assign(returned).loc["c0001", "value_class"] in ("iron", "lead")
    with pytest.raises(InputError, match="lack 'clv'"):
        fitted.assign(buyers.drop(columns="clv"))
