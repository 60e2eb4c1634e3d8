"""What a request means: units, dates, rows and parameters; and what it is refused or warned for."""

import datetime as dt
import math
from decimal import Decimal
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import clvml
from clvml.errors import InputError, TimeUnitError
from clvml.scoring import ModelCard, read_request, request_params, request_table, response_table, score

NAMES = ("frequency", "recency", "T", "monetary_value")
ROW = {"customer_id": "SECRET-1", "frequency": 2, "recency": 30.0, "T": 38.0, "monetary_value": 23.25}


def ask(model, table, params=None, card=None):
    request = read_request(model, table, params, card)
    return response_table(score(model, request.customers, request.params))


@pytest.fixture(scope="module")
def models(value_model, cdnow, customers_with_values):
    """The usual served models."""
    pareto = clvml.LifetimeValue(clvml.ParetoNBD(), clvml.GammaGamma(), 39, annual_discount_rate=0.1)
    groups = clvml.CustomerGroups(clvml.KMeansSegments(n_segments=3))
    return {
        "BG/NBD": value_model,
        "Pareto/NBD": pareto.fit(cdnow),
        "repeat rate": clvml.RepeatRateValue(horizon=39).fit(cdnow),
        "groups": groups.fit(customers_with_values),
    }


@pytest.fixture(scope="module")
def weeks(value_model, cdnow):
    return request_table(value_model, cdnow.iloc[::50])


@pytest.fixture(scope="module")
def days():
    """The same customers, in days."""
    split = clvml.split(clvml.load_cdnow(), "1997-09-30", "1998-06-30", time_unit="D")
    return split.calibration.iloc[::50].reset_index()[["customer_id", *NAMES]]


class TestTimeUnits:
    def test_a_parameter_a_column_and_the_models_own_unit_give_the_same_numbers_to_the_last_bit(
        self, value_model, weeks, days
    ):
        own = ask(value_model, weeks)
        by_parameter = ask(value_model, days, {"time_unit": "D"})
        pd.testing.assert_frame_equal(by_parameter, own, check_exact=True)
        pd.testing.assert_frame_equal(ask(value_model, days.assign(time_unit="D")), own, check_exact=True)
        pd.testing.assert_frame_equal(ask(value_model, weeks, {"time_unit": "W"}), own, check_exact=True)
        both = ask(value_model, days.assign(time_unit="D"), {"time_unit": "D"})
        pd.testing.assert_frame_equal(both, own, check_exact=True)

    def test_a_conversion_that_is_asked_for_is_no_warning(self, value_model, days):
        assert read_request(value_model, days, {"time_unit": "D"}).warnings == ()

    @pytest.mark.parametrize("code", ["weeks", "w", "", 7, True, ["W"], {"unit": "W"}, float("nan"), None])
    def test_another_word_for_a_unit_is_refused_without_repeating_it(self, code, value_model):
        with pytest.raises(InputError, match=r"^time_unit (must be one of D, W, M, Q, Y|has no value)"):
            read_request(value_model, pd.DataFrame([ROW]), {"time_unit": code})
        if code is not None and code == code:
            with pytest.raises(InputError, match="time_unit must be one of D, W, M, Q, Y") as caught:
                read_request(value_model, pd.DataFrame([ROW, ROW | {"customer_id": "b"}]).assign(
                    time_unit=["W", code]
                ))  # fmt: skip
            assert (caught.value.row, caught.value.column) == (1, "time_unit")

    def test_a_parameter_that_contradicts_a_row_is_refused(self, value_model, weeks):
        table = weeks.assign(time_unit="W")
        table.loc[3, "time_unit"] = "D"
        with pytest.raises(
            InputError, match="the parameter time_unit and the column time_unit differ"
        ) as caught:
            read_request(value_model, table, {"time_unit": "W"})
        assert caught.value.row == 3

    def test_empty_cells_say_nothing_beside_a_parameter(self, value_model, days, weeks):
        some = days.assign(time_unit=[None, *["D"] * (len(days) - 1)])
        pd.testing.assert_frame_equal(ask(value_model, some, {"time_unit": "D"}), ask(value_model, weeks))
        with pytest.raises(InputError, match="1 of 48 rows have no time_unit"):
            read_request(value_model, some)

    def test_days_that_do_not_say_so_are_refused_with_the_way_out_and_without_their_numbers(
        self, value_model, days
    ):
        with pytest.raises(TimeUnitError) as caught:
            read_request(value_model, days)
        assert str(caught.value) == (
            "the rows do not say their time unit, and their T is several times longer than in the fit: they"
            " appear to be in days. Say time_unit 'D' to convert them, or 'W' if they are in weeks."
        )

    def test_a_model_without_a_unit_has_none_to_convert_to(self):
        model = clvml.LifetimeValue(
            clvml.BGNBD.from_params(r=0.24, alpha=4.4, a=0.79, b=2.4),
            clvml.GammaGamma.from_params(p=6.25, q=3.74, v=15.4),
            horizon=39,
        )
        model.purchases_, model.spend_, model.time_unit_ = model.purchases, model.spend, None
        assert ask(model, pd.DataFrame([ROW]))["clv"].iloc[0] > 0
        with pytest.raises(InputError, match="no time unit to convert to: leave out time_unit"):
            read_request(model, pd.DataFrame([ROW]), {"time_unit": "W"})


class TestWarnings:
    def test_rows_beyond_the_longest_T_of_the_fit_are_counted(self, value_model, cdnow):
        longest = cdnow["T"].max()
        table = pd.DataFrame([ROW | {"customer_id": k, "T": T} for k, T in enumerate([longest, 40.0, 50.0])])
        assert read_request(value_model, table).warnings == (
            "2 of 3 rows have T beyond 38.86 weeks, the longest in the fit: the model extrapolates.",
        )
        card = SimpleNamespace(seen={"T": {"maximum": 45.0, "median": 30.0}}, warranty={"longest_T": 45.0})
        (sentence,) = read_request(value_model, table, card=card).warnings
        assert sentence.startswith("1 of 3 rows have T beyond 45 weeks")

    def test_T_is_compared_in_the_models_unit(self, value_model):
        row = pd.DataFrame([ROW | {"recency": 210, "T": 266}])
        assert read_request(value_model, row, {"time_unit": "D"}).warnings == ()
        assert "extrapolates" in read_request(value_model, row, {"time_unit": "W"}).warnings[0]

    @pytest.mark.parametrize(
        ("said", "warned"),
        [("1998-06-30", False), ("1998-07-01", True), (dt.date(1998, 7, 1), True), ("2999-01-01", True)],
    )
    def test_a_model_past_its_warranty_says_so(self, said, warned, value_model):
        card = SimpleNamespace(seen={}, warranty={"until": "1998-06-30"})
        by_parameter = read_request(value_model, pd.DataFrame([ROW]), {"observed_until": said}, card)
        by_column = read_request(value_model, pd.DataFrame([ROW | {"observed_until": said}]), None, card)
        expected = f"customers are observed until {said}, the model was validated until 1998-06-30"
        for request in (by_parameter, by_column):
            assert [warning.startswith(expected) for warning in request.warnings] == [True] * warned

    def test_without_a_date_customers_are_observed_until_today(self, value_model):
        tomorrow = (dt.date.today() + dt.timedelta(1)).isoformat()
        for until, count in (("1998-06-30", 1), (tomorrow, 0)):
            card = SimpleNamespace(seen={}, warranty={"until": until})
            warnings = read_request(value_model, pd.DataFrame([ROW]), None, card).warnings
            assert len(warnings) == count
            assert all("validated until 1998-06-30, which is past" in warning for warning in warnings)

    @pytest.mark.parametrize("said", ["1/2/1998", "soon", "", 5, True, [1998], None, float("inf")])
    def test_what_is_no_date_is_refused_without_repeating_it(self, said, value_model):
        with pytest.raises(InputError, match=r"^observed_until (must be a date|has no value)"):
            read_request(value_model, pd.DataFrame([ROW]), {"observed_until": said})

    def test_without_a_card_and_a_memory_of_the_fit_nothing_is_warned_of(self):
        class Stub:
            required_columns = ("T",)

        assert read_request(Stub(), {"T": [1e9]}).warnings == ()


class TestRows:
    @pytest.mark.parametrize("kind", ["frame", "mapping"])
    def test_a_mapping_of_columns_is_a_table(self, kind, models, cdnow):
        table = request_table(models["BG/NBD"], cdnow.iloc[::100])
        columns = table if kind == "frame" else {name: table[name].tolist() for name in table}
        for name in ("BG/NBD", "Pareto/NBD"):
            expected = models[name].predict_factors(cdnow.iloc[::100])
            answers = ask(models[name], columns).set_index("customer_id")
            pd.testing.assert_frame_equal(answers, expected, check_exact=True)

    @pytest.mark.parametrize(
        ("change", "sentence", "row", "column"),
        [
            ({"frequency": [2, -1]}, "1 of 2 customers have a negative frequency", 1, "frequency"),
            ({"frequency": [2, 2.5]}, "frequency that is not a whole number", 1, "frequency"),
            ({"frequency": [1e15, 2]}, "frequency above 1,000,000", 0, "frequency"),
            ({"frequency": [2, None]}, "missing or infinite frequency", 1, "frequency"),
            (
                {"frequency": [2, True]},
                "column 'frequency' has dtype object and is not numeric",
                1,
                "frequency",
            ),
            ({"frequency": [True, True]}, "is not numeric", 0, "frequency"),
            ({"T": [38, 10**400]}, "column 'T' has dtype object and is not numeric", 1, "T"),
            ({"T": ["38", "39"]}, "is not numeric", 0, "T"),
            ({"T": [38, [38]]}, "is not numeric", 1, "T"),
            ({"T": [38, {"a": 1}]}, "is not numeric", 1, "T"),
            ({"T": [dt.date(1998, 1, 1), 38]}, "is not numeric", 0, "T"),
            ({"T": [38, math.inf]}, "missing or infinite T", 1, "T"),
            ({"T": [38, 0]}, r"recency outside \[0, T\]", 1, None),
            ({"frequency": [0, 2]}, "no repeat purchase but a positive recency", 0, None),
            ({"monetary_value": [-5, 20]}, "negative monetary_value", 0, "monetary_value"),
            ({"customer_id": ["a", None]}, "1 of 2 rows have no customer_id", 1, "customer_id"),
            ({"customer_id": ["a", " "]}, "1 of 2 rows have no customer_id", 1, "customer_id"),
            ({"customer_id": ["SECRET-1"] * 2}, "repeat the customer_id of an earlier row", 1, "customer_id"),
            ({"customer_id": ["a", ["b"]]}, "customer_id that is a list or an object", 1, "customer_id"),
            ({"customer_id": [{"a": 1}, "b"]}, "customer_id that is a list or an object", 0, "customer_id"),
            ({"monetary_value": [1e308, 1.0]}, "predicts no finite value for 1 of 2", 0, None),
        ],
    )
    @pytest.mark.parametrize("kind", ["frame", "mapping"])
    def test_an_impossible_row_is_named_by_number_and_rule(
        self, kind, change, sentence, row, column, value_model
    ):
        columns = {name: [value, value] for name, value in ROW.items()} | {"customer_id": ["SECRET-1", "x-y"]}
        columns |= change
        with pytest.raises(InputError, match=sentence) as caught, np.errstate(all="ignore"):
            ask(value_model, pd.DataFrame(columns) if kind == "frame" else columns, {"horizon": 1e7})
        message = str(caught.value)
        assert f"row {row + 1}" in message
        assert (caught.value.row, caught.value.column) == (row, column)
        assert "\n" not in message
        assert not any(text in message for text in ("SECRET", "x-y", "23.25"))

    @pytest.mark.parametrize(
        ("table", "sentence"),
        [
            (pd.DataFrame([ROW]).iloc[:0], "the request has no rows"),
            (pd.DataFrame([ROW]).drop(columns="T"), "lacks the column 'T'"),
            (pd.DataFrame([[*ROW.values(), 3.0]], columns=[*ROW, "T"]), "the column 'T' more than once"),
            (pd.DataFrame([[*ROW.values(), "b"]], columns=[*ROW, "customer_id"]), "'customer_id' more than"),
            ({name: [value] for name, value in ROW.items()} | {"T": [38.0, 39.0]}, "differ in length"),
            ({name: [] for name in ROW}, "has no rows"),
            ({}, "lacks the column"),
        ],
    )
    def test_a_table_that_is_none_is_refused(self, table, sentence, value_model):
        with pytest.raises(InputError, match=sentence):
            read_request(value_model, table)

    def test_a_column_twice_that_no_model_reads_does_not_matter(self, value_model):
        table = pd.DataFrame([[*ROW.values(), "x", "y"]], columns=[*ROW, "note", "note"])
        assert ask(value_model, table)["customer_id"].tolist() == ["SECRET-1"]

    @pytest.mark.parametrize(
        "ids",
        [
            ["007", "7", "NA"], [7, "7", 7.5], [2**63, 2**70, -1], [Decimal(1), "é\u202e", "=1+1"],
            [True, "True", 0], pd.to_datetime(["1998-01-01", "1998-01-02", "1998-01-03"]).tolist(),
        ],
        ids=str,
    )  # fmt: skip
    def test_ids_of_any_type_come_back_as_they_were(self, ids, value_model):
        columns = {name: [value] * 3 for name, value in ROW.items()} | {"customer_id": ids}
        for table in (columns, pd.DataFrame(columns)):
            answered = ask(value_model, table)["customer_id"].tolist()
            assert answered == ids
            assert list(map(type, answered)) == list(map(type, ids))


class TestDirtyRequests:
    """Hypothesis: whatever is sent is answered by finite numbers, or refused without repeating it."""

    dirty = st.one_of(
        st.integers(-3, 60), st.floats(), st.integers(), st.none(), st.booleans(), st.just("MARKER"),
        st.just(["MARKER"]), st.just(1e308), st.just(-0.0), st.decimals(0, 100, places=2),
    )  # fmt: skip
    clean = st.fixed_dictionaries(
        {
            "frequency": st.integers(0, 30),
            "recency": st.floats(0, 20),
            "T": st.floats(20, 39),
            "monetary_value": st.floats(0, 1e6),
            "total_spend": st.floats(0, 1e6),
            "clv": st.floats(0, 1e6),
            "probability_alive": st.floats(0, 1),
        }
    )

    @given(st.data())
    @settings(max_examples=150)
    def test_an_answer_is_finite_and_a_refusal_repeats_nothing(self, models, data):
        rows = data.draw(st.lists(self.clean, min_size=1, max_size=4))
        for row in rows:
            row["recency"] = row["recency"] if row["frequency"] else 0.0
            row["customer_id"] = data.draw(st.one_of(st.uuids().map(lambda u: f"MARKER{u}"), self.dirty))
        place = data.draw(st.integers(0, len(rows) - 1))
        rows[place][data.draw(st.sampled_from(sorted(rows[0])))] = data.draw(self.dirty)
        params = data.draw(
            st.dictionaries(
                st.sampled_from(["horizon", "annual_discount_rate", "time_unit", "observed_until", "MARKER"]),
                st.one_of(self.dirty, st.sampled_from(["W", "D", "1998-01-01", "12M", "0.1"])),
                max_size=2,
            )
        )
        model = models[data.draw(st.sampled_from(sorted(models)))]
        table = {name: [row[name] for row in rows] for name in rows[0]}
        if data.draw(st.booleans()):
            table = pd.DataFrame(table)
        refusal, answers = None, None
        try:
            with np.errstate(all="ignore"):
                answers = ask(model, table, params)
        except InputError as error:
            refusal = str(error)
        if answers is None:
            assert "MARKER" not in refusal
            assert "\n" not in refusal
        else:
            numbers = answers.drop(columns="customer_id").select_dtypes("number")
            assert np.isfinite(numbers.to_numpy()).all()
            assert answers["customer_id"].tolist() == [row["customer_id"] for row in rows]


def test_rows_in_another_order_and_in_parts_get_the_same_answers_to_the_last_bit(models, cdnow):
    some = cdnow.iloc[::20].assign(clv=50.0, probability_alive=0.5)
    rng = np.random.default_rng(0)
    for model in models.values():
        table = request_table(model, some)
        whole = ask(model, table)
        order = rng.permutation(len(table))
        permuted = ask(model, table.iloc[order])
        pd.testing.assert_frame_equal(permuted, whole.iloc[order].reset_index(drop=True), check_exact=True)
        parts = [ask(model, table.iloc[start : start + 1]) for start in range(0, len(table), 10)]
        alone = whole.iloc[::10].reset_index(drop=True)
        pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), alone, check_exact=True)


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"MARKER": 1}, "1 of the parameters do not exist; there are horizon"),
        ({"discount_rate": 0.1}, "did you mean 'annual_discount_rate'"),
        ({"horizon": "MARKER"}, "horizon must be positive"),
        ({"horizon": ""}, "horizon must be positive"),
        ({"horizon": -1}, "horizon must be positive"),
        ({"horizon": 1e9}, "at most 10,000,000"),
        ({"horizon": 10**400}, "horizon must be positive"),
        ({"horizon": math.nan}, "horizon must be positive"),
        ({"horizon": math.inf}, "horizon must be positive"),
        ({"horizon": True}, "horizon must be positive"),
        ({"horizon": [[1]]}, "horizon must be positive"),
        ({"horizon": {"MARKER": 1}}, "horizon must be positive"),
        ({"horizon": None}, "horizon has no value"),
        ({"annual_discount_rate": 12}, "1,200 % per year; write 12 % as 0.12"),
        ({"annual_discount_rate": "MARKER"}, "annual_discount_rate must be a number"),
        ({"annual_discount_rate": [0.1]}, "annual_discount_rate must be a number"),
        ({"annual_discount_rate": math.inf}, "above -1"),
        ([1, 2], "the parameters must be names with values"),
        ("MARKER", "the parameters must be names with values"),
    ],
)
def test_an_absurd_parameter_is_refused_without_repeating_it(params, sentence, value_model):
    with pytest.raises(InputError, match=sentence) as caught:
        ask(value_model, pd.DataFrame([ROW]), params)
    assert "MARKER" not in str(caught.value)


def test_dates_of_details_count_from_the_end_of_the_models_data_unless_the_request_says_another_day(
    value_model, cdnow
):
    table = request_table(value_model, cdnow.loc[[6]])
    card = ModelCard(observed_until="1997-09-30")
    asked, other = {"details": True}, {"details": True, "observed_until": "1997-10-07"}
    known, later = (
        score(value_model, *read_request(value_model, table, params, card))["next_purchase_date"].iloc[0]
        for params in (asked, other)
    )
    assert pd.Timestamp(later) - pd.Timestamp(known) == pd.Timedelta(days=7)
    assert "next_purchase_date" not in score(value_model, *read_request(value_model, table, asked))


def test_details_are_true_or_false_and_no_parameter_of_segments(value_model, segmenter, cdnow):
    with pytest.raises(InputError, match="details must be true or false"):
        read_request(value_model, request_table(value_model, cdnow), {"details": "yes"})
    with pytest.raises(InputError, match="leave out details"):
        request_params(segmenter, {"details": True})
