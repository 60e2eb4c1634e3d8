"""A large run says before it starts what it will take, whether that fits, and what is sampled."""

import re

import pytest

from clvml.workflow import _estimates, load_config, run
from clvml.workflow._console import Silent
from clvml.workflow._estimates import describe, estimate, machine_memory

ROWS, CUSTOMERS = 10_000_000, 1_000_000


def config(**keys):
    return load_config(overrides={name.replace("__", "."): value for name, value in keys.items()})


class Listener(Silent):
    def __init__(self):
        self.lines = []

    def say(self, line):
        self.lines.append(line)

    def stage(self, title):
        self.lines.append(title)
        return super().stage(title)


def test_a_small_run_says_nothing():
    assert describe(config(), 900_000, 90_000) == []


def test_either_many_rows_or_many_customers_are_large():
    assert describe(config(), 1_000_000, 10)
    assert describe(config(), 150_000, 150_000)


def test_the_estimate_names_rows_customers_time_memory_and_the_stages():
    (first, *_) = describe(config(), ROWS, CUSTOMERS)
    assert first.startswith("estimate for 10,000,000 rows of 1,000,000 customers: about ")
    assert re.search(r"about \d+ minutes of CPU and \d\.\d GB of memory", first)
    assert all(stage.lower() in first for stage in _estimates.COSTS)


def test_more_of_anything_takes_longer_and_more_memory():
    small, rows, customers = (
        estimate(config(), *size)
        for size in ((ROWS, CUSTOMERS), (2 * ROWS, CUSTOMERS), (ROWS, 2 * CUSTOMERS))
    )
    assert min(rows.memory, customers.memory) > small.memory
    assert min(found.stages["cpu"].sum() for found in (rows, customers)) > small.stages["cpu"].sum()


def test_comparing_fewer_models_on_fewer_customers_takes_less():
    def comparing(**keys):
        return estimate(config(**keys), ROWS, CUSTOMERS).stages["cpu"]["Comparing models"]

    assert comparing(models__contenders=["bgnbd_gamma_gamma"]) < comparing() / 2
    assert comparing(split__max_customers=5_000) < comparing() / 2


def test_a_memory_limit_bounds_what_the_engine_adds():
    limited, without = config(data__source="a.parquet", data__memory_limit="200MB"), config()
    found = [estimate(each, 100 * ROWS, CUSTOMERS).memory for each in (limited, without)]
    beside = estimate(without, 0, CUSTOMERS).memory
    assert found[0] == pytest.approx(beside + 200 / 1024)
    assert found[1] > found[0]


@pytest.mark.parametrize(("gigabytes", "warned"), [(0.5, True), (64.0, False), (None, False)])
def test_a_machine_with_less_memory_is_warned_of_with_the_way_out(gigabytes, warned, monkeypatch):
    monkeypatch.setattr(_estimates, "machine_memory", lambda: gigabytes)
    said = " ".join(describe(config(), ROWS, CUSTOMERS))
    assert ("this may not fit: the machine has 0.5 GB" in said) == warned
    assert ("data.memory_limit" in said) == warned


def test_the_limit_of_a_container_is_its_memory(tmp_path, monkeypatch):
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(_estimates, "CGROUP_LIMITS", (str(limit),))
    without = machine_memory()
    limit.write_text("max\n")
    assert machine_memory() == without
    limit.write_text(f"{2**28}\n")
    assert machine_memory() == 0.25


def test_what_is_sampled_is_said_where_there_are_more_customers():
    assert "sampled: 50,000 customers to compare models" in describe(config(), ROWS, CUSTOMERS)[-1]
    assert "sampled" not in " ".join(describe(config(), ROWS, 40_000))


def test_a_run_says_it_after_reading_and_before_the_next_stage(tmp_path, monkeypatch):
    monkeypatch.setattr(_estimates, "LARGE", {"rows": 1_000, "customers": 1_000})
    monkeypatch.setattr("clvml.workflow.stages._reading.LARGE", {"rows": 1_000, "customers": 1_000})
    listener = Listener()
    keys = {"tracking__enabled": False, "models__contenders": ["historic"], "backtest__origins": 1}
    run(config(output__folder=str(tmp_path / "out"), **keys), listener)
    (said,) = (
        place for place, line in enumerate(listener.lines) if line.startswith("estimate for 6,919 rows")
    )
    stages = [place for place, line in enumerate(listener.lines) if line.endswith("holdout")]
    assert "of 2,357 customers" in listener.lines[said]
    assert listener.lines.index("Reading transactions") < said < min(stages)
