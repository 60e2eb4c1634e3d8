"""The key data.engine: what Spark reads, what it cannot use, and what it needs, said before a run starts."""

import pytest

from clvml.customers.engines import _spark_session
from clvml.errors import InputError
from clvml.workflow import load_config
from clvml.workflow.stages import _reading


class Run:
    """What a stage's check sees of a run."""

    def __init__(self, config):
        self.config = config


def source_of(tmp_path, source, engine="spark"):
    (tmp_path / "config.toml").write_text(f'[data]\nsource = "{source}"\nengine = "{engine}"\n')
    return load_config(tmp_path / "config.toml").data.source


@pytest.mark.parametrize(
    "source", ["shop.sales", "sales", "hdfs://cluster/log", "s3a://bucket/log/*.parquet"]
)
def test_tables_of_the_catalog_and_urls_keep_their_names_for_spark(tmp_path, source, monkeypatch):
    monkeypatch.setattr(_reading, "check_available", lambda: None)
    assert source_of(tmp_path, source) == source
    _reading.check(Run(load_config(tmp_path / "config.toml")))


def test_a_file_beside_the_config_is_found_whichever_engine_reads_it(tmp_path):
    (tmp_path / "sales").mkdir()
    for engine in ("spark", "duckdb"):
        assert source_of(tmp_path, "sales", engine) == str(tmp_path / "sales")
        assert source_of(tmp_path, "sales.csv", engine) == str(tmp_path / "sales.csv")
    assert source_of(tmp_path, "other", "duckdb") == str(tmp_path / "other")


def test_an_engine_given_for_one_run_decides_how_the_source_is_named(tmp_path):
    (tmp_path / "config.toml").write_text('[data]\nsource = "shop.sales"\n')
    config = load_config(tmp_path / "config.toml", {"data.engine": "spark"})
    assert (config.data.source, config.data.engine) == ("shop.sales", "spark")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"data.engine": "flink"}, "'duckdb' or 'spark'"),
        ({"data.engine": "spark", "data.memory_limit": "2GB"}, "spark.executor.memory"),
        ({"data.engine": "spark", "data.temp_directory": "/scratch"}, "spark.local.dir"),
        ({"data.engine": "spark", "data.source": "cdnow"}, "'cdnow' is built in and does not use it"),
    ],
)
def test_what_does_not_fit_the_engine_is_refused_with_the_way_out(settings, words):
    with pytest.raises(InputError, match=words):
        load_config(overrides={"data.source": "sales.csv"} | settings)


@pytest.mark.parametrize(
    ("lacking", "words"), [("pyspark", r"pip install 'clvml\[spark\]'"), ("java", "needs a Java runtime")]
)
def test_a_run_without_spark_or_java_says_so_before_it_starts(tmp_path, monkeypatch, lacking, words):
    if lacking == "pyspark":
        monkeypatch.setattr(_spark_session.importlib.util, "find_spec", lambda _: None)
    else:
        pytest.importorskip("pyspark")
        monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    (tmp_path / "sales.csv").write_text("customer_id,date,amount\na,2024-01-01,1\n")
    config = load_config(overrides={"data.source": str(tmp_path / "sales.csv"), "data.engine": "spark"})
    with pytest.raises(InputError, match=words):
        _reading.check(Run(config))


def test_a_missing_file_is_an_error_for_spark_too(tmp_path, monkeypatch):
    monkeypatch.setattr(_reading, "check_available", lambda: None)
    config = load_config(overrides={"data.source": str(tmp_path / "sales.csv"), "data.engine": "spark"})
    with pytest.raises(InputError, match="there is no file"):
        _reading.check(Run(config))
