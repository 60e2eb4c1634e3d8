"""The built site on a phone: nothing is wider than 390 px. Needs a site (CLVML_TEST_SITE) and Chromium."""

import html
import json
import os
import re
import shutil
import subprocess

import pytest
from pages import ROOT

SITE = ROOT / os.environ.get("CLVML_TEST_SITE", "not built")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.skipif(not SITE.is_dir(), reason="no site was built (CLVML_TEST_SITE)"),
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not here"),
]
OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--allow-file-access-from-files"),
    *("--virtual-time-budget=600000", "--dump-dom"),
)
FRAME = """<!doctype html><iframe id="phone" width="390" height="800" frameborder="0"></iframe>
<pre id="wide"></pre>
<script>
const pages = PAGES, wide = {}, phone = document.getElementById("phone");
function next() {
  const page = pages.shift();
  if (!page) { document.getElementById("wide").textContent = JSON.stringify(wide) + " end"; return; }
  phone.onload = () => {
    const inside = phone.contentDocument;
    for (const part of [inside.documentElement, inside.querySelector(".bd-article-container")])
      if (part && part.scrollWidth > Math.max(part.clientWidth, 1)) wide[page] = part.scrollWidth;
    next();
  };
  phone.src = page;
}
next();
</script>"""


def sample():
    """All pages that are written, and each twelfth of the reference."""
    found = [path for path in sorted(SITE.rglob("*.html")) if "_static" not in path.parts]
    reference = [path for path in found if path.parent.name == "api"]
    return [path for path in found if path.parent.name != "api"] + reference[::12]


def too_wide(pages, folder):
    """The widths of those pages whose content is wider than the window, as a browser lays them out."""
    frame = folder / "phone.html"
    frame.write_text(FRAME.replace("PAGES", json.dumps([page.as_uri() for page in pages])))
    printed = subprocess.run(
        [CHROMIUM, *OPTIONS, f"--user-data-dir={folder / 'profile'}", frame.as_uri()],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    ).stdout
    (text,) = re.findall(r'<pre id="wide">(.*) end</pre>', printed, re.DOTALL)
    return json.loads(html.unescape(text))


def test_no_page_is_wider_than_a_phone(tmp_path):
    assert too_wide(sample(), tmp_path) == {}


def test_a_page_that_is_wider_is_found(tmp_path):
    page = tmp_path / "wide.html"
    page.write_text("<!doctype html><p style='width: 500px'>wide</p>")
    assert too_wide([page], tmp_path) != {}
