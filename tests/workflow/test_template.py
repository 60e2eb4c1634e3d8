"""``clvml init`` writes a config that says all that can be configured and changes nothing."""

import tomllib

from clvml.workflow._config import Config, load_config
from clvml.workflow._template import config_template, described_keys


def uncommented(text: str) -> str:
    """The template with every key set, those without a default left out."""
    lines = [line if line.startswith("# ") else line.removeprefix("#") for line in text.splitlines()]
    return "\n".join(line for line in lines if not line.endswith("="))


def test_the_file_as_written_is_the_built_in_comparison(tmp_path):
    (tmp_path / "clvml.toml").write_text(config_template(Config()))
    assert load_config(tmp_path / "clvml.toml") == load_config()


def test_every_key_stands_in_it_with_its_default():
    template = config_template(Config())
    written = tomllib.loads(uncommented(template))
    for key, _, default in described_keys(Config):
        part = written
        *sections, name = key.split(".")
        for section in sections:
            part = part[section]
        assert f"\n#{name} =" in template
        assert default is None or part[name] == (list(default) if isinstance(default, tuple) else default)


def test_values_that_are_not_the_default_are_set(tmp_path):
    config = Config.model_validate({"data": {"source": "sales.csv"}, "split": {"time_unit": "M"}})
    (tmp_path / "clvml.toml").write_text(config_template(config))
    read = load_config(tmp_path / "clvml.toml")
    assert read.split.time_unit == "M"
    assert read.data.source == str(tmp_path / "sales.csv")  # relative to the file
    assert read.segments == config.segments


def test_every_key_is_described():
    assert [key for key, description, _ in described_keys(Config) if not description] == []
