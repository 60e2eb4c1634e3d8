"""The page of config keys: each key once, each example loads, each limit is what the config allows."""

import re
import tomllib
from textwrap import indent

import config_keys
import config_types
import pytest
import reference_config
from pydantic import Field, ValidationError

from clvml.workflow import Config, load_config
from clvml.workflow._section import Section
from clvml.workflow._template import config_template, described_keys

KEYS = [name for name, _, _ in described_keys(Config)]
SECTIONS = dict(config_keys.tables_of(Config))
EXAMPLES = config_keys.examples(KEYS)
TITLE = re.compile(r"^([\w.]+)\n~+$", re.MULTILINE)


@pytest.fixture(scope="module")
def page():
    return reference_config.config_page()


def entry(page, key):
    """The part of the page on a key."""
    return page.split(f".. _config-{key}:\n")[1].split("\n.. _config-")[0]


def value_of(config, key):
    for name in key.split("."):
        config = getattr(config, name)
    return config


def test_each_key_is_on_the_page_exactly_once_in_the_order_of_the_config(page):
    assert TITLE.findall(page) == KEYS
    assert len(KEYS) > 100


def test_each_table_and_key_has_an_anchor_of_its_own(page):
    anchors = re.findall(r"^\.\. _(config-[\w.-]+):$", page, re.MULTILINE)
    assert len(anchors) == len(set(anchors))
    assert set(anchors) == {f"config-{name}" for name in [*KEYS, *SECTIONS, "keys"]}


def test_the_file_at_the_top_is_that_of_clvml_init(page):
    shown = page.partition(".. code-block:: toml\n\n")[2].partition("\nThe tables of the file")[0]
    file = "\n".join(line.removeprefix(" " * 6) for line in shown.splitlines())
    assert file.strip() == config_template(Config()).strip()


@pytest.mark.parametrize("key", KEYS)
def test_the_example_of_a_key_loads_and_sets_it_to_another_value_than_the_default(key, page, tmp_path):
    text = EXAMPLES[key]
    assert f".. code-block:: toml\n\n{indent(text, ' ' * 3)}\n" in entry(page, key)
    (tmp_path / "shop.toml").write_text(text)
    loaded = load_config(tmp_path / "shop.toml")
    assert value_of(loaded, key) != value_of(load_config(), key)


@pytest.mark.parametrize("key", KEYS)
def test_the_entry_has_the_default_of_the_config_and_the_whole_meaning(key, page):
    table, _, name = key.rpartition(".")
    default = next(default for each, _, default in described_keys(Config) if each == key)
    text = entry(page, key)
    if default not in (None, "", (), {}):
        shown = re.search(r"^:Default: ``(.*)``$", text, re.MULTILINE)[1]
        written = tomllib.loads(f"value = {shown}")["value"]
        assert written == (list(default) if isinstance(default, tuple) else default)
    else:
        assert re.search(r"^:Default: .{3,}$", text, re.MULTILINE)
    plain = re.sub(r":ref:`([^`<]+) <[^>]+>`", r"\1", text).replace("`", "")
    description = SECTIONS[table].model_fields[name].description.replace("`", "")
    assert [word for word in description.split() if word.strip(".") not in plain] == []


def test_options_on_the_page_are_those_that_set_the_key(page):
    options = reference_config.options_of_keys()
    assert set(options) <= set(KEYS)
    assert options["split.time_unit"] == "--time-unit"
    assert options["data.source"] == "--transactions"
    assert options["tracking.enabled"] == "--no-tracking"
    for key in KEYS:
        found = re.search(r"^:Option: :option:`(\S+) ", entry(page, key), re.MULTILINE)
        assert (found[1] if found else None) == options.get(key)


def is_accepted(key, value):
    """Whether the config takes another value in the example of a key."""
    config = tomllib.loads(EXAMPLES[key])
    table = config
    *tables, name = key.split(".")
    for part in tables:
        table = table[part]
    table[name] = value
    try:
        Config.model_validate(config)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    ("key", "inside", "outside"),
    [
        ("data.max_unreadable", [0, 1], [-0.01, 1.01]),
        ("split.max_customers", [1000], [999]),
        ("value.annual_discount_rate", [0, 1], [-0.01, 1.01]),
        ("value.margin", [1e-9], [0]),
        ("value.currency", ["x" * 12], ["x" * 13]),
        ("value.horizon", ["52W", "1.5Y", 3], [0, "52X", "52 weeks"]),
        ("backtest.min_repeat_buyers", [1], [0]),
        ("comparison.purpose", ["valuation", "budget", "targeting"], ["value"]),
        ("comparison.weights", [{"ranking": 1.0, "totals": 0.0}], [{"rank": 1.0}, {"totals": 0.0}]),
        ("comparison.needs", [["probability_alive"], ["intervals"]], [["quantiles"]]),
        ("comparison.n_draws", [100], [99]),
        ("economics.growth", [1, -0.99], [-1, 1.01]),
        ("economics.years", [1, 30], [0, 31]),
        ("economics.step", [0.01, 0.99], [0, 1]),
        ("economics.acquisition_cost", [0.0, 4.0], [-1.0]),
        ("economics.targets", [{"clv": 1.0}, {"nps": 1.0}], [{"value": 1.0}]),
        ("customer_base.age", [0], [-1]),
        ("experiment.name", ["a b-c_d.1"], ["a/b", "é:"]),
        ("tracking.registered_model", ["shop.value"], ["a/b", "a:b"]),
    ],
)
def test_what_the_page_says_is_allowed_is_accepted_and_the_rest_refused(key, inside, outside, page):
    assert ":Allowed: " in entry(page, key)
    assert [value for value in inside if not is_accepted(key, value)] == []
    assert [value for value in outside if is_accepted(key, value)] == []


def choices_on(page, key):
    """The choices that the type of a key on the page consists of."""
    stated = re.search(r"^:Type: (.*)$", entry(page, key), re.MULTILINE)[1]
    parts = re.split(r", | or ", stated)
    quoted = [re.fullmatch(r'``"(.*)"``', part) for part in parts]
    return [match[1] for match in quoted] if all(quoted) else []


def test_the_choices_on_the_page_are_accepted_and_no_other(page):
    choices = {
        key: choices_on(page, key) for key in KEYS if choices_on(page, key) and key != "data.thousands"
    }
    assert len(choices) > 25
    refused = [(key, each) for key, found in choices.items() for each in found if not is_accepted(key, each)]
    assert refused == []
    assert [key for key in choices if is_accepted(key, "no such choice")] == []


class Silent(Section):
    """A table with a key without a docstring."""

    colour: str = "red"


class Needy(Section):
    """A table with a key without a default."""

    colour: str
    """The colour."""


class Odd(Section):
    """A table with a key whose type has no words."""

    colour: complex = 1j
    """The colour."""


class Stepped(Section):
    """A table with a limit that has no words."""

    colour: int = Field(default=2, multiple_of=2)
    """The colour."""


class OfSilent(Section):
    """A config with such a table."""

    shop: Silent = Silent()


class OfNeedy(Section):
    """A config with such a table."""

    shop: Needy = Needy(colour="red")


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        (OfSilent, r"test_reference_config\.Silent\.colour has no docstring"),
        (OfNeedy, r"test_reference_config\.Needy\.colour has no default"),
    ],
)
def test_a_key_that_is_not_described_stops_the_build_and_says_where(config, complaint):
    with pytest.raises(ValueError, match=complaint):
        reference_config.config_page(config)


def test_a_key_without_an_example_and_an_example_without_a_key_stop_the_build():
    with pytest.raises(ValueError, match=r"config_examples\.toml: data\.colour has no example"):
        config_keys.examples([*KEYS, "data.colour"])
    with pytest.raises(ValueError, match=r"config_examples\.toml: data\.table is no key of the config"):
        config_keys.examples([key for key in KEYS if key != "data.table"])


def test_a_type_or_a_limit_without_words_stops_the_build_and_says_where_they_are_written():
    with pytest.raises(TypeError, match=r"complex.*config_types\.py"):
        config_types.type_in_words(Odd.model_fields["colour"].annotation)
    with pytest.raises(TypeError, match=r"multiple_of.*config_types\.py"):
        config_types.limits_in_words(Stepped.model_fields["colour"].metadata)
