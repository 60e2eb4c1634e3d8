"""A store of transactions is one log: batches in any order give what all rows read at once give."""

import os
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import clvml
from clvml.customers import TransactionPolicy, TransactionStore, fingerprint, read_transactions
from clvml.errors import InputError

START = pd.Timestamp("2020-01-03 10:00")
COLLAPSES = ["D", "W", "M", "Q", "Y", None]


def table(*rows):
    return pd.DataFrame(rows, columns=["customer_id", "date", "amount"])


def clean(when=START, who="z", amount=1.0):
    return table((who, when, amount))


dirty_row = st.tuples(
    st.sampled_from(["a", "b", "c", "017", "17", " ", None]),
    st.one_of(st.integers(0, 800 * 24), st.none()),
    st.one_of(st.integers(-6, 9).map(lambda n: n * 5.35), st.sampled_from([None, 0.0, 1 / 3, 12_345.678])),
)


def dated(rows):
    return table(
        *((who, None if at is None else START + pd.Timedelta(hours=at), paid) for who, at, paid in rows)
    )


batches_of_dirt = st.lists(st.lists(dirty_row, max_size=8).map(dated), min_size=1, max_size=5).map(
    # A clean purchase in each batch, each at another moment: a batch can be read, and no two are the same.
    lambda parts: [
        pd.concat([part, clean(START + pd.Timedelta(days=200 * i))]) for i, part in enumerate(parts)
    ]
)
policies = st.builds(
    TransactionPolicy,
    returns=st.sampled_from(["drop", "net", "net_period", "keep"]),
    zero_amount=st.sampled_from(["keep", "drop"]),
)


def stored(parts, policy=None, **options):
    folder = tempfile.mkdtemp()
    store = TransactionStore(folder)
    for part in parts:
        store.add(read_transactions(part, policy=policy, **options))
    return store


def same(found, expected):
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    assert found.attrs == expected.attrs


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(parts=batches_of_dirt, policy=policies, collapse=st.sampled_from(COLLAPSES), data=st.data())
def test_batches_in_any_order_give_what_all_rows_give_to_the_last_bit(parts, policy, collapse, data):
    whole = read_transactions(pd.concat(parts, ignore_index=True), policy=policy, max_unreadable=1.0)
    store = stored(data.draw(st.permutations(parts)), policy, max_unreadable=1.0)
    for _ in range(data.draw(st.integers(0, 2))):
        store.compact()
    found = read_transactions(store)
    try:
        same(clvml.summarize(found, collapse=collapse), clvml.summarize(whole, collapse=collapse))
        end = START + pd.Timedelta(days=data.draw(st.integers(1, 700)))
        if whole.last_date > end + pd.Timedelta(days=370):
            split, expected = (clvml.split(log, end, collapse=collapse) for log in (store, whole))
            same(split.calibration, expected.calibration)
            same(split.holdout, expected.holdout)
            assert split.counts == expected.counts
            pd.testing.assert_series_equal(split.money, expected.money, check_exact=True)
        same(clvml.count_histories(store, collapse=collapse), clvml.count_histories(whole, collapse=collapse))
        assert fingerprint(found) == fingerprint(whole)
        pd.testing.assert_frame_equal(
            found.report.drop("duplicates"), whole.report.drop("duplicates"), rtol=1e-12
        )
    finally:
        shutil.rmtree(store.folder)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    ids=st.lists(
        st.lists(st.sampled_from(["7", "7.0", "12", "007", "a", "x y"]), min_size=1, max_size=3),
        min_size=1,
        max_size=3,
    )
)
def test_ids_of_csv_files_are_integers_only_if_those_of_all_batches_are_whole(ids):
    with tempfile.TemporaryDirectory() as folder:
        store, frames = TransactionStore(Path(folder) / "store"), []
        for number, batch in enumerate(ids):
            rows = table(*((who, f"2024-0{number + 1}-01", 1.5) for who in batch))
            rows.to_csv(Path(folder) / f"{number}.csv", index=False)
            store.add(Path(folder) / f"{number}.csv")
            frames.append(rows)
        pd.concat(frames).to_csv(Path(folder) / "all.csv", index=False)
        same(clvml.summarize(store), clvml.summarize(Path(folder) / "all.csv"))


def test_real_batches_that_arrive_late_give_the_summary_of_the_whole_log(tmp_path):
    whole = clvml.load_cdnow()
    rows = whole.to_pandas()
    store = TransactionStore(tmp_path / "store")
    for _, batch in rows.groupby(rows.index % 3):  # the months of all batches overlap
        store.add(batch)
    assert len(store) == 3
    same(clvml.summarize(store), clvml.summarize(whole))
    assert read_transactions(tmp_path / "store").to_pandas().equals(rows)


def test_a_return_reaches_back_to_a_purchase_of_an_earlier_batch():
    store = stored(
        [table(("a", "2024-03-04", -20.0)), table(("a", "2024-01-01", 15.0), ("a", "2024-02-05", 20.0))],
        TransactionPolicy(returns="net"),
    )
    customers = clvml.summarize(store, "2024-03-31", "D")
    assert customers.loc["a", ["frequency", "total_spend"]].tolist() == [0, 15]


def test_transactions_that_were_read_before_a_batch_do_not_have_it():
    store = stored([clean()])
    before = pickle.loads(pickle.dumps(read_transactions(store)))
    store.add(clean(who="y"))
    assert (len(before), len(pickle.loads(pickle.dumps(before))), len(read_transactions(store))) == (1, 1, 2)


def test_a_batch_added_before_is_refused_in_any_order_of_rows_unless_it_is_to_count_twice():
    sales = pd.concat([clean(), clean(who="y", amount=2.0), clean(who="y", amount=3.0)])
    store = stored([sales])
    with pytest.raises(InputError, match=r"same rows as transactions-000001\.parquet.*again=True"):
        store.add(sales.iloc[::-1])
    assert len(store) == 1
    store.add(sales, again=True)
    assert clvml.summarize(store)["total_spend"].tolist() == [10.0, 2.0]
    store.add(sales.assign(amount=[1.0, 2.0, 3.01]))  # a cent more is another batch


@pytest.mark.parametrize(
    ("batch", "options", "said"),
    [
        (clean(who=17), {}, "customer ids of .* are numbers, those of .* text"),
        (clean(), {"policy": TransactionPolicy(returns="net")}, "returns='drop' there, 'net' here"),
        (clean(), {"policy": TransactionPolicy(duplicates="drop")}, "remove the duplicates first"),
        (clean(), {"purchases_only": True}, "has amounts and .* has none"),
        (clean(), {"category": "customer_id"}, "another category"),
        (clean(START.tz_localize("Asia/Tokyo")), {}, "another time zone"),
    ],
)
def test_a_batch_read_in_another_way_is_refused_and_changes_nothing(batch, options, said):
    store = stored([clean(START.tz_localize("UTC"), "y")])
    before = sorted(store.folder.iterdir())
    with pytest.raises(InputError, match=said):
        store.add(read_transactions(batch, **options))
    assert sorted(store.folder.iterdir()) == before


def test_a_policy_given_for_a_store_can_only_be_its_own(tmp_path):
    store = stored([clean()])
    assert len(read_transactions(store, policy=TransactionPolicy())) == 1
    with pytest.raises(InputError, match="returns='drop' there, 'net' here"):
        read_transactions(store.folder, policy=TransactionPolicy(returns="net"))
    with pytest.raises(InputError, match="no transactions yet"):
        clvml.summarize(TransactionStore(tmp_path))
    with pytest.raises(InputError, match="there is no folder"):
        TransactionStore(tmp_path / "a" / "b").add(clean())


def test_categories_and_purchases_without_amounts_are_stored():
    sales = clean().assign(brand="x")
    found = read_transactions(stored([sales], category="brand"))
    assert found.with_category("brand").to_pandas()["category"].tolist() == ["x"]
    with pytest.raises(InputError, match="no column 'shop'"):
        found.with_category("shop")
    counted = read_transactions(stored([sales], purchases_only=True))
    assert "total_spend" not in clvml.summarize(counted)
    assert clvml.summarize(counted.at_price(3.0))["total_spend"].tolist() == [3.0]


def test_files_that_clvml_did_not_write_stay_as_they_are_and_are_not_read():
    store = stored([clean()])
    (store.folder / "notes.parquet").write_bytes(b"mine")
    (store.folder / ".transactions-1.partial").write_bytes(b"left by a killed process")
    store.add(clean(who="y"))
    assert (store.folder / "notes.parquet").read_bytes() == b"mine"
    assert len(read_transactions(store)) == 2
    clean().to_parquet(store.folder / "transactions-000003.parquet")
    with pytest.raises(InputError, match=r"000003\.parquet is damaged, or was not written by clvml"):
        clvml.summarize(store)
    (store.folder / "transactions-000003.parquet").rename(store.folder / "transactions-000004.parquet")
    with pytest.raises(InputError, match=r"lacks transactions-000003\.parquet"):
        clvml.summarize(store)


ADD = """
import sys, pandas as pd, clvml
from clvml.customers import _batches
if sys.argv[2] == "killed":
    import os, signal
    real = getattr(_batches.os, sys.argv[3])
    setattr(_batches.os, sys.argv[3], lambda *args: os.kill(os.getpid(), signal.SIGKILL))
clvml.TransactionStore(sys.argv[1]).add(
    pd.DataFrame({"customer_id": [sys.argv[2]], "date": "2024-01-31", "amount": 2.5}))
"""


def adding(store, who, *more):
    return subprocess.Popen([sys.executable, "-c", ADD, str(store.folder), who, *more])


@pytest.mark.parametrize("step", ["fsync", "link"])
def test_a_killed_add_leaves_the_store_as_it_was_and_a_second_one_succeeds(step):
    store = stored([clean()])
    expected = clvml.summarize(store)
    assert adding(store, "killed", step).wait() == -signal.SIGKILL
    same(clvml.summarize(store), expected)
    store.add(clean(who="y"))
    assert len(clvml.summarize(store)) == 2


def test_batches_added_at_the_same_time_are_all_stored():
    store = stored([clean()])
    added = [adding(store, who) for who in "abc"]
    assert [process.wait() for process in added] == [0, 0, 0]
    assert list(clvml.summarize(store).index) == ["a", "b", "c", "z"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_to_is_an_error_in_words():
    store = stored([clean()])
    store.folder.chmod(0o500)
    with pytest.raises(InputError, match="cannot be written to"):
        store.add(clean(who="y"))


def test_a_full_disk_leaves_nothing(monkeypatch):
    store = stored([clean()])

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("clvml.customers._batches.os.fsync", full)
    with pytest.raises(InputError, match="No space left"):
        store.add(clean(who="y"))
    assert [path.name for path in store.folder.iterdir()] == ["transactions-000001.parquet"]


def days_later(folder):
    for path in folder.iterdir():
        os.utime(path, (time.time() - 90_000,) * 2)


def test_a_compacted_store_gives_the_same_and_takes_later_batches_and_corrections():
    policy = TransactionPolicy(returns="net")
    parts = [clean(START + pd.Timedelta(days=i), f"c{i % 7}", 1 / 3 + i) for i in range(30)]
    late = table(("c1", str(START), 4.0), ("c2", str(START + pd.Timedelta(days=60)), -2 - 1 / 3))
    store, whole = stored(parts, policy), read_transactions(pd.concat([*parts, late]), policy=policy)
    store.compact()
    store.add(late)
    assert len(store) == 31
    for _ in range(2):
        same(clvml.summarize(store), clvml.summarize(whole))
        assert fingerprint(read_transactions(store.folder)) == fingerprint(whole)
        store.compact()
    with pytest.raises(InputError, match="same rows as transactions-000001-000031"):
        store.add(parts[3])
    days_later(store.folder)
    store.add(clean(who="new"))
    files = ["transactions-000001-000031.parquet", "transactions-000032.parquet"]
    assert sorted(path.name for path in store.folder.iterdir()) == files
    assert read_transactions(store.folder).report.loc["used", "rows"] == 33


def test_transactions_that_were_read_before_their_batches_were_put_together_stay_what_they_were():
    store = stored([clean(), clean(who="y")])
    before = read_transactions(store)
    expected, pickled = clvml.summarize(before), pickle.dumps(before)
    store.add(clean(who="x"))
    store.compact()
    same(clvml.summarize(before), expected)
    days_later(store.folder)
    store.compact()
    assert [path.name for path in store.folder.iterdir()] == ["transactions-000001-000003.parquet"]
    same(clvml.summarize(pickle.loads(pickled)), expected)


COMPACT = """
import sys, os, signal, clvml
from clvml.customers import _batches
setattr(_batches.os, sys.argv[2], lambda *args: os.kill(os.getpid(), signal.SIGKILL))
clvml.TransactionStore(sys.argv[1]).compact()
"""


@pytest.mark.parametrize("step", ["fsync", "link"])
def test_a_killed_compaction_leaves_the_store_as_it_was_and_a_second_one_succeeds(step):
    store = stored([clean(), clean(who="y")])
    expected = clvml.summarize(store)
    run = subprocess.run([sys.executable, "-c", COMPACT, str(store.folder), step], check=False)
    assert run.returncode == -signal.SIGKILL
    assert not [*store.folder.glob("transactions-000001-*")]
    same(clvml.summarize(store), expected)
    store.compact()
    days_later(store.folder)
    store.compact()
    assert [path.name for path in store.folder.iterdir()] == ["transactions-000001-000002.parquet"]
    same(clvml.summarize(store), expected)
