"""The laws of the verdict: an order that no third contender changes, limits that hold, ties named."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clvml.errors import InputError
from clvml.evaluation import bootstrap_metrics, decide

METRICS = ["bias_pct", "rmse", "spearman", "gini", "top10_share"]
ZERO = pd.DataFrame([[-100.0, 100.0, 0.0, 0.0, 0.1]], ["zero"], METRICS)
GOOD = {"bias_pct": -10.0, "rmse": 70.0, "spearman": 0.45, "gini": 0.65, "top10_share": 0.5}


def number(lowest, highest):
    return st.floats(lowest, highest, allow_subnormal=False)


ROWS = st.tuples(number(-99, 300), number(1, 300), number(-1, 1), number(-1, 1), number(0, 1))


@st.composite
def tables(draw, fewest=1):
    """Metrics of any contenders, with the zero baseline."""
    rows = draw(st.lists(ROWS, min_size=fewest, max_size=6))
    names = [f"m{k}" for k in range(len(rows))]
    return pd.concat([pd.DataFrame(rows, names, METRICS), ZERO])


def one(**metrics):
    """A table of the zero baseline and models given as changes of a good one."""
    rows = {name: GOOD | changes for name, changes in metrics.items()}
    return pd.concat([pd.DataFrame.from_dict(rows, orient="index"), ZERO])


@given(tables(fewest=2), st.data())
def test_adding_or_dropping_contenders_changes_neither_scores_nor_limits_nor_the_order(table, data):
    names = [name for name in table.index if name != "zero"]
    kept = data.draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
    whole, part = decide(table), decide(table.loc[[*kept, "zero"]])
    order = [name for name in whole.scores.index if name in part.scores.index]
    assert part.scores.index.tolist() == order
    shared = ["score", "ranking", "totals", "customers"]
    pd.testing.assert_frame_equal(part.scores[shared], whole.scores.loc[order, shared])
    assert part.excluded == {name: why for name, why in whole.excluded.items() if name in kept}


@given(tables(), st.data())
def test_a_copy_ties_with_its_original_and_leaves_the_others_as_they_were(table, data):
    name = data.draw(st.sampled_from([name for name in table.index if name != "zero"]))
    before, after = decide(table), decide(pd.concat([table, table.loc[[name]].set_axis(["z copy"])]))
    assert (after.kind == before.kind) or (before.kind, after.kind) == ("leads", "too close")
    assert after.leader == before.leader
    assert ("z copy" in after.tied) == (name in before.tied)
    assert [other for other in after.scores.index if other != "z copy"] == before.scores.index.tolist()


@given(tables(), st.sampled_from(METRICS), number(0, 1))
def test_a_better_metric_never_lowers_a_model_nor_excludes_it(table, metric, by):
    improved = table.copy()
    value, best = table.at["m0", metric], {"bias_pct": 0.0, "rmse": 0.5}.get(metric, 1.0)
    improved.loc["m0", metric] = value + by * (best - value)
    before, after = decide(table), decide(improved)
    assert after.scores.at["m0", "score"] >= before.scores.at["m0", "score"] - 1e-12
    assert not ("m0" in after.excluded and "m0" not in before.excluded)
    assert after.scores.index.get_loc("m0") <= before.scores.index.get_loc("m0")
    if before.leader == "m0":
        assert after.leader == "m0"


@given(tables())
def test_a_uniformly_better_model_leads_whatever_the_purpose(table):
    best = {
        "bias_pct": min(table["bias_pct"].abs().min() / 2, 40.0),
        "rmse": min(table["rmse"].min(), 90.0) * 0.9,
        **{name: min(max(table[name].max(), 0.2) + 0.01, 1.0) for name in METRICS[2:]},
    }
    full = pd.concat([table, pd.DataFrame([best], ["better"])])
    for purpose in ("valuation", {"ranking": 1, "totals": 2}):
        verdict = decide(full, purpose=purpose)
        assert (verdict.leader, verdict.choice, verdict.tied[0]) == ("better", "better", "better")


@given(tables())
def test_nobody_leads_who_is_worse_than_zero_or_than_chance_or_far_from_the_total(table):
    verdict = decide(table, max_bias=0.4)
    ranking = (table["spearman"] + table["gini"] + (table["top10_share"] - 0.1) / 0.9) / 3
    bad = (table["rmse"] >= 100) | (ranking <= 0) | (table["spearman"] <= 0) | (table["bias_pct"].abs() > 40)
    assert not bad[list(verdict.tied)].any()
    assert set(bad.index[bad]) - {"zero"} <= set(verdict.excluded)
    if bad.all():
        assert verdict.leader is None
        assert verdict.kind in ("none", "no ranking")
        assert verdict.choice in verdict.excluded  # something is served, and the words say what it is worth


@given(tables(), st.randoms(), number(0.01, 1000))
def test_neither_the_order_of_rows_nor_the_currency_matters(table, random, rate):
    names = list(table.index)
    random.shuffle(names)
    other = table.loc[names].assign(rmse=table["rmse"] * rate)
    first, second = decide(table), decide(other)
    assert (first.kind, first.leader, first.choice, set(first.tied)) == (
        second.kind, second.leader, second.choice, set(second.tied),
    )  # fmt: skip
    pd.testing.assert_series_equal(first.scores["score"], second.scores["score"].loc[first.scores.index])


def test_the_zero_baseline_scores_zero_whatever_the_purpose():
    for purpose in ("valuation", "budget", "targeting"):
        assert decide(one(good={}), purpose=purpose).scores.at["zero", "score"] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"rmse": 100.0}, "its RMSE is not below that of predicting zero"),
        ({"spearman": 0.0, "gini": 0.0, "top10_share": 0.1}, "it ranks customers no better than chance"),
        ({"bias_pct": 50.1}, "its total misses by 50.1 %"),
        ({"bias_pct": -50.1}, "its total misses by 50.1 %"),
    ],
)
def test_each_limit_excludes_alone_and_says_why(changes, reason):
    verdict = decide(one(best=changes | {"rmse": changes.get("rmse", 10.0)}, other={}))
    assert verdict.excluded == {"best": reason}
    assert (verdict.kind, verdict.leader) == ("leads", "other")


def test_the_purpose_sets_what_counts():
    table = one(ranks={"spearman": 0.7, "gini": 0.8, "bias_pct": -24.0}, sums={"bias_pct": 0.0})
    assert decide(table, purpose="targeting").leader == "ranks"
    assert decide(table, purpose="budget").leader == "sums"
    assert decide(table, purpose={"ranking": 1}).leader == "ranks"
    assert decide(table, purpose={"totals": 1}).leader == "sums"
    kinds = [decide(one(only={"bias_pct": 40.0}), purpose=name).kind for name in ("budget", "valuation")]
    assert kinds == ["none", "leads"]
    assert decide(one(only={"bias_pct": 60.0})).kind == "none"
    assert decide(one(only={"bias_pct": 60.0}), max_bias=0.6).kind == "leads"


def test_where_all_are_worse_than_zero_the_best_total_is_for_budgets_only():
    verdict = decide(one(a={"rmse": 150.0, "bias_pct": 20.0}, b={"rmse": 300.0, "bias_pct": -3.0}))
    assert (verdict.kind, verdict.leader, verdict.choice) == ("none", None, "a")
    who, what = verdict.sentences
    assert who == (
        "No model leads: of 2 contenders, all have an RMSE that is not below that of predicting zero."
    )
    assert what == (
        "For a budget, take the total of a, which is 20.0 % above the actual one; use its order of the"
        " customers, not single values."
    )


def test_where_nobody_can_be_ranked_the_total_is_said_and_a_bad_rmse_is_not_served():
    chance = {"spearman": -0.02, "gini": 0.01, "top10_share": 0.1}
    verdict = decide(one(a=chance | {"bias_pct": -39.0}, b=chance | {"bias_pct": 1.0, "rmse": 200.0}))
    assert (verdict.kind, verdict.leader, verdict.tied, verdict.choice) == ("no ranking", None, (), "a")
    assert verdict.sentences == (
        "Nobody can be ranked here: no model orders the customers better than chance.",
        "Do not target customers by these values; here is the total only: take the total of a, which is"
        " 39.0 % below the actual one, so it is no more than a guess.",
    )


def test_the_incumbent_stays_while_it_is_within_noise_and_not_a_step_longer():
    table = one(new={"spearman": 0.46}, old={}, weak={"spearman": 0.1, "gini": 0.3}, far={"bias_pct": 90.0})
    assert decide(table).choice == "new"
    stays = decide(table, incumbent="old")
    assert (stays.leader, stays.choice) == ("new", "old")
    assert stays.sentences[1].startswith("Serve old (the incumbent)")
    for incumbent, why in (("weak", "is behind"), ("far", "may not lead: its total misses by 90.0 %")):
        verdict = decide(table, incumbent=incumbent)
        assert verdict.choice == "new"
        assert f"the incumbent, {incumbent}, {why}" in verdict.sentences[1].replace(": its", ": its")
    assert "the incumbent, gone, was not compared" in decide(table, incumbent="gone").sentences[1]


def test_needs_choose_among_those_within_noise_only():
    table = one(first={"spearman": 0.46}, second={}, weak={"spearman": 0.1, "gini": 0.3})
    able = {"second": {"intervals"}, "weak": {"intervals", "probability_alive"}}
    assert decide(table, needs=["intervals"], abilities=able).choice == "second"
    assert decide(table, needs=["intervals"], abilities=able, incumbent="first").choice == "second"
    unmet = decide(table, needs=["probability_alive", "intervals"], abilities=able)
    assert unmet.choice == "first"
    assert "none of these gives P(alive) and prediction intervals" in unmet.sentences[1]


def test_scores_alone_name_models_that_differ_by_less_than_two_hundredths():
    verdict = decide(one(a={}, b={"spearman": 0.48}, c={"spearman": 0.2}))
    assert (verdict.kind, verdict.tied) == ("too close", ("b", "a"))
    assert verdict.sentences[0] == (
        "Too close to call: either of these two, b and a; their scores differ by less than 0.02."
    )
    assert "The noise is unknown" in verdict.rule
    assert np.isnan(verdict.scores["p_best"]).all()


@pytest.fixture(scope="module")
def sample():
    """Customers with spend that two models predict equally well and one much less."""
    rng = np.random.default_rng(5)
    rate = rng.gamma(0.6, 50.0, 1500)
    noise = {name: rng.lognormal(0, 0.2, 1500) for name in ("a", "b")}
    actual = pd.Series(rate * rng.gamma(1.0, 1.0, 1500))
    models = {name: pd.Series(rate * each / each.mean()) for name, each in noise.items()}
    return actual, pd.DataFrame(models | {"poor": 20 + 0.2 * rate, "zero": 0.0 * rate})


def test_resamples_tell_ties_from_differences(sample):
    verdict = decide(bootstrap_metrics(*sample))
    assert verdict.kind == "too close"
    assert set(verdict.tied) == {"a", "b"}
    assert verdict.scores.at["poor", "status"] == "behind"
    assert verdict.scores.at["poor", "behind_lower"] > 0
    best = verdict.scores["p_best"].dropna()
    assert best[["a", "b"]].between(0.02, 0.98).all()
    assert best.sum() == pytest.approx(1)


def test_adding_a_contender_leaves_resampled_scores_as_they_were(sample):
    actual, models = sample
    whole, part = (
        decide(bootstrap_metrics(actual, frame)).scores for frame in (models, models.drop(columns="a"))
    )
    columns = ["score", "lower", "upper"]
    pd.testing.assert_frame_equal(part[columns], whole.loc[part.index, columns])


def test_random_predictions_of_few_customers_are_chance_and_good_ones_are_not():
    kinds = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        actual = pd.Series(rng.lognormal(3, 1, 38))
        chance = pd.DataFrame({"chance": actual.mean() * rng.uniform(0.9, 1.1, 38), "zero": np.zeros(38)})
        kinds.append(decide(bootstrap_metrics(actual, chance, n_draws=400)).kind)
        good = pd.DataFrame({"good": actual * rng.lognormal(0, 0.2, 38), "zero": np.zeros(38)})
        assert decide(bootstrap_metrics(actual, good, n_draws=400), max_bias=9).kind == "leads"
    assert kinds.count("no ranking") >= 19


def test_origins_that_disagree_make_a_difference_uncertain_and_ones_that_agree_do_not():
    better, worse = {"spearman": 0.9, "gini": 0.9}, {"spearman": 0.2, "gini": 0.3}
    agree = [one(a=better, b=worse)] * 3
    disagree = [one(a=better, b=worse), one(a=better, b=worse), one(a=worse, b=better)]
    assert decide(agree).kind == "leads"
    assert decide(disagree).kind == "too close"
    assert decide(disagree).scores.at["a", "score"] == pytest.approx(
        np.mean([decide(table).scores.at["a", "score"] for table in disagree])
    )


def test_over_origins_misses_of_opposite_sign_do_not_cancel():
    tables = [one(a={"bias_pct": 60.0}), one(a={"bias_pct": -60.0})]
    verdict = decide(tables)
    assert verdict.excluded == {"a": "its total misses by 60.0 %"}
    assert verdict.scores.at["a", "bias_pct"] == 0


def test_a_model_that_was_not_evaluated_at_every_origin_may_not_lead():
    verdict = decide([one(a={}, b={"spearman": 0.9}), one(a={})])
    assert verdict.excluded == {"b": "it was not evaluated at 1 of 2 origins"}
    assert verdict.leader == "a"


def test_losses_that_exceed_gains_leave_totals_out():
    table = one(a={}, b={"spearman": 0.1, "gini": 0.2}).assign(bias_pct=np.nan, top10_share=np.nan)
    table["total"] = [5.0, 6.0, 0.0]
    verdict = decide(table)
    assert verdict.leader == "a"
    assert "losses exceed gains" in verdict.sentences[0]
    with pytest.raises(InputError, match="no criterion with a weight is defined"):
        decide(table, purpose={"totals": 1})


def test_the_best_baseline_is_mentioned_though_it_cannot_lead():
    table = one(model={}, naive={"spearman": 0.8, "gini": 0.9})
    verdict = decide(table, eligible=["model"])
    assert verdict.leader == "model"
    assert "(naive, not eligible, has a higher score)" in verdict.sentences[0]


def test_a_single_contender_leads_as_the_only_one():
    assert (
        decide(one(a={})).sentences[0].startswith("a, the only contender, leads: its total is 10.0 % below")
    )


def test_titles_replace_names_everywhere():
    verdict = decide(one(a={}, b={"bias_pct": 90.0}), incumbent="b").by_title(
        {"a": "Model A", "b": "Model B"}
    )
    assert (verdict.leader, verdict.choice, verdict.incumbent) == ("Model A", "Model A", "Model B")
    assert "Model A" in verdict.scores.index
    assert "Model B, may not lead" in verdict.sentences[1]


@pytest.mark.parametrize(
    ("table", "arguments", "message"),
    [
        (one(a={}), {"purpose": "profit"}, "must be one of valuation, budget, targeting"),
        (one(a={}), {"purpose": {"rmse": 1.0}}, "'rmse' is not a criterion"),
        (one(a={}), {"purpose": {"totals": -1.0}}, "none negative"),
        (one(a={}), {"level": 1.0}, "level is 1.0"),
        (one(a={}), {"max_bias": 0.0}, "max_bias is 0.0"),
        (one(a={}), {"eligible": ["b"]}, "'b' is eligible, but not in the comparison"),
        (one(a={}), {"eligible": []}, "no model is eligible"),
        (ZERO, {}, "no model is eligible"),
        (ZERO.iloc[:0], {}, "no models to decide between"),
        (pd.concat([one(a={}), one(a={})]), {}, "two models of the comparison have the same name"),
        (one(a={"rmse": np.nan}), {}, "missing or infinite rmse for 'a'"),
        (one(a={}).drop(columns="rmse"), {}, "lacks the column 'rmse'"),
        ([], {}, "there are no origins"),
    ],
)
def test_what_cannot_be_decided_is_refused_with_a_sentence(table, arguments, message):
    with pytest.raises(InputError, match=message):
        decide(table, **arguments)
