"""The report as people see it: on a phone, on a screen, on paper. Needs Chromium or Chrome, else skips."""

import html
import json
import re
import shutil
import subprocess
from io import BytesIO

import pytest
from pypdf import PdfReader

from clvml.workflow import load_config, run
from clvml.workflow._contenders import CONTENDERS

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None
)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome on this machine")

# Runs in the page: how wide it is, and which elements stick out of it without a box that scrolls.
LOOK = """
addEventListener("load", () => {
  const width = document.documentElement.clientWidth;
  const out = [...document.querySelectorAll("main *")].filter(
    (e) => e.getBoundingClientRect().right > width + 1 && !e.closest(".scroll") && !e.closest("pre"));
  const first = [...document.querySelectorAll(".scroll")].map((box) => {
    box.scrollLeft = 1e6;
    return box.querySelector("tbody td").getBoundingClientRect().left - box.getBoundingClientRect().left;
  });
  const tiny = [...document.querySelectorAll("main *")].filter(
    (e) => e.children.length == 0 && e.textContent.trim() && parseFloat(getComputedStyle(e).fontSize) < 11);
  document.body.innerHTML = "<pre id=seen>" + JSON.stringify({
    width, scroll: document.documentElement.scrollWidth, out: out.map((e) => e.outerHTML.slice(0, 80)),
    moved: first.filter((left) => Math.abs(left) > 1).length, tiny: tiny.length,
    images: [...document.images].filter((i) => !i.naturalWidth).length }) + "</pre>";
  parent.postMessage(document.getElementById("seen").textContent, "*");
});
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The report of the built-in comparison, but for the contenders that take longest."""
    folder = tmp_path_factory.mktemp("report")
    overrides = {
        "output.folder": str(folder / "out"),
        "tracking.enabled": False,
        "models.contenders": [name for name in CONTENDERS if name not in ("learned_correction", "lifetimes")],
    }
    run(load_config(overrides=overrides))
    return folder / "out" / "report.html"


def chromium(folder, *options):
    command = [
        *(BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"),
        *(
            "--disable-background-networking",
            "--disable-component-update",
            f"--user-data-dir={folder}/browser",
        ),
        *("--virtual-time-budget=10000", "--allow-file-access-from-files", *options),
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


def seen_at(page, width, folder):
    """What the script saw in a window of this width: a frame, since a window has a least width."""
    looked_at = page.with_name("looked_at.html")
    text = page.read_text(encoding="utf-8").replace("</body>", f"<script>{LOOK}</script></body>")
    looked_at.write_text(text, encoding="utf-8")
    frame = folder / f"frame_{width}.html"
    frame.write_text(
        f'<iframe src="{looked_at.as_uri()}" style="width:{width}px;height:900px;border:0"></iframe>'
        '<pre id="said"></pre><script>addEventListener("message", (e) => {'
        'document.getElementById("said").textContent = e.data })</script>'
    )
    try:
        dom = chromium(folder, "--dump-dom", f"--window-size={max(width, 600)},1000", frame.as_uri())
    finally:
        looked_at.unlink()
    return json.loads(html.unescape(re.search(r'<pre id="said">(.*?)</pre>', dom, re.DOTALL)[1]))


@pytest.mark.parametrize("width", [390, 1400])
def test_nothing_sticks_out_of_the_page_and_first_columns_stay(page, tmp_path, width):
    seen = seen_at(page, width, tmp_path)
    assert seen["width"] == pytest.approx(width, abs=20)
    assert seen["scroll"] <= seen["width"] + 1
    assert (seen["out"], seen["moved"], seen["tiny"], seen["images"]) == ([], 0, 0, 0)


def test_on_paper_no_column_is_cut_and_nothing_is_shrunk_to_fit(page, tmp_path):
    paper = tmp_path / "report.pdf"
    chromium(tmp_path, f"--print-to-pdf={paper}", "--no-pdf-header-footer", page.as_uri())
    beyond, scales = [], set()
    for sheet in PdfReader(BytesIO(paper.read_bytes())).pages:
        width = float(sheet.mediabox.width)
        assert width == pytest.approx(595, abs=2)  # A4

        def note(text, user, place, _font, _size, width=width):
            if text.strip():
                scales.add(round(user[0], 2))
                if place[4] * user[0] + user[4] > width - 28:  # begins within half the margin
                    beyond.append(text)

        sheet.extract_text(visitor_text=note)
    assert beyond == []
    assert scales == {0.75}  # points per pixel; a page with too wide a table is printed smaller as a whole
