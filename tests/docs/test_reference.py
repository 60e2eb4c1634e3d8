"""The generated pages of the reference say what the code does, and nothing is missing or there twice."""

import pytest
import reference_names
from public import home_of, public_values


def test_each_public_name_is_in_exactly_one_group():
    found = reference_names.names_by_group(reference_names.read_groups())
    assert sorted(path for paths in found.values() for path in paths) == reference_names.names()


@pytest.mark.parametrize(
    ("group", "complaint"),
    [
        ({"title": "Plots", "names": ["plots.lift_curve"]}, "clvml.BGNBD is in no group"),
        ({"title": "Twice", "names": ["BGNBD", "BGNBD"]}, "clvml.BGNBD is in 2 groups"),
        ({"title": "Gone", "names": ["BGNBB"]}, "clvml.BGNBB is not a public name"),
    ],
)
def test_a_group_with_a_mistake_stops_the_build_and_says_where(group, complaint):
    with pytest.raises(ValueError, match=rf"names\.toml: .*{complaint}"):
        reference_names.names_by_group([group])


def test_every_package_that_a_group_names_has_names():
    homes = {home_of(path) for path in public_values()}
    named = {f"clvml.{p}" for group in reference_names.read_groups() for p in group.get("all_of", ())}
    assert named - homes == set()


def test_each_name_has_a_line_that_says_what_it_is():
    page = reference_names.names_page()
    assert [path for path in reference_names.names() if f":py:obj:`{path}`\n   \n" in page] == []
