"""How the documentation is built: ``sphinx-build -W --keep-going docs site``."""

import os
import sys
from pathlib import Path

from sphinx.application import Sphinx

import clvml

BUILD = Path(__file__).parents[1] / "build"
sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

# Kernels read no settings and startup files of whoever builds, and log errors only.
os.environ["IPYTHONDIR"] = str(BUILD / "ipython")
profile = BUILD / "ipython" / "profile_default"
profile.mkdir(parents=True, exist_ok=True)
(profile / "ipython_kernel_config.py").write_text("c = get_config()\nc.IPKernelApp.log_level = 40\n")

project = "clvml"
author = "The clvml developers"
copyright = author
version = release = clvml.__version__

extensions = [
    "sphinx.ext.autodoc",
    "numpydoc",
    "myst_nb",
    "sphinx_design",
    "sphinx_copybutton",
    "constants",
    "gallery",
    "mathml",
    "pictures",
    "public_names",
    "reference_pages",
    "repository",
    "sections",
    "tables",
]
exclude_patterns = ["_extensions", "_static", "_templates"]
default_role = "public"
nitpicky = True
nitpick_ignore_regex = [("py:class", r"clvml\.distributions\.(bgcnbd|lognormal_spend)\.\w+Params")]

# Pages with code cells are executed at every build; committed notebooks are shown as they are.
myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath", "fieldlist", "substitution"]
myst_dmath_allow_digits = False  # "$5 to $10" is money
myst_heading_anchors = 4
nb_execution_mode = "force"
nb_execution_excludepatterns = ["notebooks/*"]
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_output_stderr = "warn"
nb_merge_streams = True
nb_mime_priority_overrides = [("html", "text/html", 0)]

# Reference: numpydoc docstrings, one page a public name.
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_inherit_docstrings = True
autodoc_default_options = {"no-value": True}
python_maximum_signature_line_length = 88
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
html_math_renderer = "mathml"

html_theme = "pydata_sphinx_theme"
html_title = "clvml"
html_static_path = ["_static"]
templates_path = ["_templates"]
html_css_files = ["clvml.css"]
html_favicon = "_static/logo.svg"
html_domain_indices = False
html_show_sourcelink = False
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "logo": {"text": "clvml", "image_light": "_static/logo.svg", "image_dark": "_static/logo_dark.svg"},
    "navbar_align": "left",
    "collapse_navigation": True,
    "header_links_before_dropdown": 8,
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "show_prev_next": True,
    "footer_start": ["copyright"],
    "footer_end": [],
}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


def setup(app: Sphinx) -> None:
    """Keep what only the next build needs, and what has paths of this machine, out of the site."""
    app.doctreedir = BUILD / "doctrees"
