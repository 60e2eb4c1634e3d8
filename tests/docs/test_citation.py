"""CITATION.cff names the version that is here."""

import yaml
from pages import ROOT

import clvml

CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text())


def test_the_citation_has_what_its_format_requires_and_the_version_that_is_here():
    assert {"cff-version", "message", "title", "authors"} <= set(CITATION)
    assert CITATION["version"] == clvml.__version__
    assert CITATION["license"] == "MIT"
    assert all(author["name"] for author in CITATION["authors"])
