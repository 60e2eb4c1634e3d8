"""How the site is put together: links between the repository and the site, public names, formulas."""

import inspect

import pytest
from public import home_of, is_public, public_path, public_values

pytest.importorskip("latex2mathml", reason="the extra docs is not installed")

import repository
from mathml import mathml


def test_files_of_the_repository_have_a_page_in_the_site():
    assert repository.in_site("experiments/intervals/README.md") == "evidence/experiments/intervals/index.md"
    assert repository.in_site("docs/guide/teams.md") == "guide/teams.md"
    assert repository.in_site("CHANGELOG.md") == "changelog.md"
    assert repository.in_site("clvml/errors.py") is None


@pytest.mark.parametrize(
    ("page", "link", "expected"),
    [
        ("docs/guide/teams.md", "../../experiments/intervals", "../evidence/experiments/intervals/index.md"),
        ("docs/guide/teams.md", "../../CHANGELOG.md#a", "../changelog.md#a"),
        ("docs/guide/teams.md", "intervals.md", "intervals.md"),
        ("docs/guide/teams.md", "https://example.org/a.md", "https://example.org/a.md"),
        ("docs/guide/teams.md", "#backup", "#backup"),
        ("docs/guide/teams.md", "no_such_file.md", "no_such_file.md"),
        ("experiments/README.md", "intervals", "intervals/index.md"),
        ("experiments/intervals/README.md", "../total_intervals", "../total_intervals/index.md"),
        ("CHANGELOG.md", "docs/guide/teams.md", "guide/teams.md"),
    ],
)
def test_links_within_the_repository_lead_to_the_same_file_in_the_site(page, link, expected):
    assert repository.rewritten(f"see [there]({link}).", page) == f"see [there]({expected})."


def test_anchors_of_notebooks_are_those_of_the_site():
    assert repository.slug("3.-Continuous-time,-unobserved-churn") == "3-continuous-time-unobserved-churn"


def test_formulas_become_mathml():
    formula = mathml(r"E(M) = \frac{p \gamma}{q - 1}", "block")
    assert formula.startswith('<math class="formula"')
    assert "<mfrac>" in formula
    assert "<script" not in formula


def test_a_public_value_has_one_page_whatever_the_path_to_it():
    assert public_path("clvml.models.BGNBD") == public_path("BGNBD") == "clvml.BGNBD"
    assert public_path("fit", "clvml.BGNBD") == "clvml.BGNBD.fit"
    assert public_path("clvml.models._bgnbd.BGNBD") is None
    assert home_of("clvml.BGNBD") == "clvml.models"
    identities = [id(value) for value in public_values().values()]
    assert len(set(identities)) == len(identities)


def test_every_public_function_and_class_says_what_it_is():
    silent = [
        path for path, value in public_values().items() if callable(value) and not inspect.getdoc(value)
    ]
    assert silent == []
    assert all(is_public(path) for path in public_values())
