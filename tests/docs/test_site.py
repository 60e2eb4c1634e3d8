"""The built site: all links lead somewhere, nothing comes from outside, no page shows where it was built.

Run with the folder of a site: ``CLVML_TEST_SITE=site pytest tests/docs``.
"""

import html
import math
import os
import re
import shutil
import socket
import subprocess
import sys
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pandas as pd
import pytest
from pages import ROOT
from public import public_values

SITE = ROOT / os.environ.get("CLVML_TEST_SITE", "not built")
pytestmark = pytest.mark.skipif(not SITE.is_dir(), reason="no site was built (CLVML_TEST_SITE)")

TARGET = re.compile(
    r'<(a|link|script|img|source|iframe|object|form)\b[^>]*?\b(?:href|src|data|action)="([^"]*)"'
)
ANCHOR = re.compile(r'\b(?:id|name)="([^"]*)"')
OUTPUT = re.compile(r'<div class="cell_output.*?(?=<div class="cell docutils|</section>|<h[1-6])', re.DOTALL)
# Questions from public trackers. The search was made with those that have no `rank_before`. The others were
# asked afterwards: `rank_before` is where the answer was then, before pages or words were added for it.
QUESTIONS = pd.read_csv(Path(__file__).parent / "questions.csv")
HELD_OUT = QUESTIONS["rank_before"].notna()


@cache
def pages():
    found = {path.relative_to(SITE).as_posix(): path.read_text() for path in sorted(SITE.rglob("*.html"))}
    return {page: text for page, text in found.items() if not page.startswith("_static/")}


@cache
def anchors(page):
    return {html.unescape(anchor) for anchor in ANCHOR.findall(pages()[page])}


def targets(page):
    return [(tag, html.unescape(target)) for tag, target in TARGET.findall(pages()[page])]


def broken(page, target):
    """Why an internal link leads nowhere, None if it leads somewhere."""
    parts = urlsplit(target)
    if parts.path.startswith("/"):
        return "begins at the root of the server"
    path = os.path.normpath(Path(page).parent / unquote(parts.path)) if parts.path else page
    if not (SITE / path).is_file():
        return "there is no such file"
    fragment = unquote(parts.fragment)
    if fragment and path.endswith(".html") and fragment not in anchors(path):
        return "there is no such anchor"
    return None


def is_internal(target):
    parts = urlsplit(target)
    return not parts.scheme and not parts.netloc and target not in ("", "#")


def test_every_link_and_anchor_within_the_site_leads_somewhere():
    found = {
        f"{page}: {target}: {reason}"
        for page in pages()
        for _, target in targets(page)
        if is_internal(target) and (reason := broken(page, target))
    }
    assert sorted(found) == []


def test_nothing_is_loaded_from_outside():
    outside = {
        f"{page}: {target}"
        for page in pages()
        for tag, target in targets(page)
        if tag != "a" and (urlsplit(target).netloc or urlsplit(target).scheme not in ("", "data"))
    }
    styles = {
        f"{path.name}: {address}"
        for path in SITE.rglob("*.css")
        for address in re.findall(r"""(?:url\(|@import )["']?((?:https?:)?//[^"')]+)""", path.read_text())
    }
    assert sorted(outside | styles) == []


def test_links_to_other_sites_are_well_formed():
    strange = {
        f"{page}: {target}"
        for page in pages()
        for _, target in targets(page)
        if urlsplit(target).scheme not in ("", "data")
        and not re.fullmatch(r"(https?://[\w.-]+\.\w{2,}\S*|mailto:\S+)", target)
    }
    assert sorted(strange) == []


def test_no_page_shows_where_it_was_built():
    folders = [str(ROOT), str(Path.home()), sys.prefix, str(Path(sys.base_prefix).parent), "/tmp"]
    places = [re.escape(folder) + "/" for folder in folders if folder.strip("/")]
    places += [rf"\b{re.escape(name)}\b" for name in [socket.gethostname()] if len(name) > 4]
    shown = {
        f"{page}: {match[0]}"
        for page, text in pages().items()
        if (match := re.search("|".join(places), text))
    }
    assert sorted(shown) == []


def test_no_page_shows_an_address_of_memory():
    shown = {
        f"{page}: {match[0]}"
        for page, text in pages().items()
        if (match := re.search(r" at 0x[0-9a-f]+", text))
    }
    assert sorted(shown) == []


def test_no_executed_cell_shows_a_warning_or_an_error():
    signs = ("Traceback (most recent call last)", "Warning: ", "Warning</span>", 'class="output stderr')
    shown = {
        f"{page}: {sign}"
        for page, text in pages().items()
        if not page.startswith("notebooks/")
        for output in OUTPUT.findall(text)
        for sign in signs
        if sign in output
    }
    assert sorted(shown) == []


def test_every_picture_says_what_it_shows():
    silent = {
        f"{page}: {picture[:120]}"
        for page, text in pages().items()
        if not page.startswith("notebooks/")
        for picture in re.findall(r"<img\b[^>]*>", text)
        if "logo__image" not in picture
        if not re.search(r'\balt="[^"]{3,}"', picture) or re.search(r'\balt="[^"]*\.(?:png|svg)"', picture)
    }
    assert sorted(silent) == []


def test_every_public_name_has_a_page():
    missing = [path for path in public_values() if f"reference/api/{path}.html" not in pages()]
    assert missing == []


@cache
def found_for_all_questions():
    result = subprocess.run(
        ["node", str(Path(__file__).parent / "ask_search.js"), str(SITE)],
        input="\n".join(QUESTIONS["question"]),
        capture_output=True,
        text=True,
        check=True,
    )
    return [line.split("\t") for line in result.stdout.splitlines()]


def rank(number):
    """The place of the first right address, infinity if there is none."""
    expected = tuple(QUESTIONS["answers"][number].split())
    found = found_for_all_questions()[number]
    return next((place for place, address in enumerate(found, 1) if address.startswith(expected)), math.inf)


needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not here")


@needs_node
@pytest.mark.parametrize("number", QUESTIONS.index[~HELD_OUT], ids=QUESTIONS["question"][~HELD_OUT].str[:60])
def test_a_question_finds_its_answer_among_the_first_five(number):
    assert rank(number) <= 5, found_for_all_questions()[number][:5]


@needs_node
def test_nearly_all_questions_asked_later_find_their_answer_among_the_first_three():
    ranks = {QUESTIONS["question"][number]: rank(number) for number in QUESTIONS.index[HELD_OUT]}
    missed = [question for question, place in ranks.items() if place > 3]
    assert len(ranks) == 30
    assert len(missed) <= 3, missed
