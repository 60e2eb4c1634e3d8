"""The gallery: every figure of ``clvml.plots``, drawn by the example in its docstring when the site is built.

A figure's example is run as a doctest; what it has drawn is shown beside its code in the gallery and in the
reference. The build fails if an example fails or draws nothing, or if a public figure is in no topic.
"""

import doctest
import hashlib
import inspect
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
from gallery_topics import TOPICS, Topic
from matplotlib import pyplot as plt
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

import clvml.plots

FOLDER = Path("gallery/figures")
THUMBNAILS = "thumbnails.inc"
SIZES = {"": 200, "-small": 90}  # dots per inch: twice those of a screen, and a thumbnail
OPTIONS = doctest.NORMALIZE_WHITESPACE
STAMP = "made_from.txt"


def check_topics() -> None:
    """Raise ExtensionError unless each public figure is in one topic."""
    listed = [name for topic in TOPICS for name in topic.figures]
    public = set(clvml.plots.__all__)
    for name in sorted(set(listed) ^ public):
        where = "is in no topic of the gallery" if name in public else "of the gallery does not exist"
        raise ExtensionError(f"clvml.plots.{name} {where}: see docs/_extensions/gallery_topics.py")
    for name in listed:
        if listed.count(name) > 1:
            raise ExtensionError(f"clvml.plots.{name} is in two topics of the gallery.")


def example_of(name: str) -> doctest.DocTest:
    """The example in the docstring of a figure."""
    docstring = inspect.getdoc(getattr(clvml.plots, name)) or ""
    return doctest.DocTestParser().get_doctest(docstring, {}, f"clvml.plots.{name}", None, 0)


def code_of(name: str) -> str:
    """The lines of a figure's example, to be pasted."""
    return "".join(example.source for example in example_of(name).examples)


def summary_of(name: str) -> str:
    """The first paragraph of a figure's docstring, in one line."""
    return " ".join((inspect.getdoc(getattr(clvml.plots, name)) or "").partition("\n\n")[0].split())


def draw(name: str, folder: Path) -> None:
    """Run the example of a figure and save what it has drawn."""
    said: list[str] = []
    test = example_of(name)
    failed = doctest.DocTestRunner(optionflags=OPTIONS).run(test, out=said.append).failed
    if failed or not plt.get_fignums():
        raise ExtensionError(f"The example of {test.name} draws no figure. " + "".join(said))
    for suffix, dpi in SIZES.items():
        plt.gcf().savefig(folder / f"{name}{suffix}.png", dpi=dpi, facecolor="white")
    plt.close("all")


def fingerprint() -> str:
    """Of the package and of this file: the figures are drawn again when it changes."""
    package = Path(str(clvml.__file__)).parent
    code = [*sorted(package.rglob("*.py")), Path(__file__)]
    return hashlib.sha256(b"".join(path.read_bytes() for path in code)).hexdigest()


def draw_all(folder: Path) -> None:
    """Draw every figure, unless all have been drawn by the same code."""
    stamp, made_from = folder / STAMP, fingerprint()
    if stamp.exists() and stamp.read_text() == made_from:
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    mpl.use("Agg")
    plt.close("all")
    for topic in TOPICS:
        for name in topic.figures:
            draw(name, folder)
    stamp.write_text(made_from)


def page(topic: Topic) -> str:
    """The source of a topic's page: each figure with its lines of code."""
    return f"# {topic.title}\n\n{topic.idea}\n\n" + "\n".join(_figure(name) for name in topic.figures)


def _figure(name: str) -> str:
    return f"""({_anchor(name)})=
## {_title(name)}

{summary_of(name)} Reference: {{func}}`clvml.plots.{name}`.

```{{image}} {name}.png
:alt: "Figure: {_plain(summary_of(name))}"
```

```{{code-block}} python
{code_of(name)}```
"""


def thumbnails() -> Iterator[str]:
    """The source of the grids of thumbnails, one per topic, as seen from the gallery's own page."""
    for topic in TOPICS:
        cards = "".join(_card(name) for name in topic.figures)
        yield f"## [{topic.title}](figures/{topic.page}.md)\n\n{topic.idea}\n\n"
        yield f"::::{{grid}} 1 2 3 3\n:gutter: 3\n\n{cards}::::\n\n"


def _card(name: str) -> str:
    return f""":::{{grid-item-card}}
:class-card: gallery-card

[![{_title(name)}](figures/{name}-small.png)](#{_anchor(name)})

[{_title(name)}](#{_anchor(name)}) · {{func}}`reference <clvml.plots.{name}>`
:::

"""


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _anchor(name: str) -> str:
    return f"figure-{name.replace('_', '-')}"


def _plain(text: str) -> str:
    return text.replace("`", "").replace('"', "'")


def write_gallery(app: Sphinx) -> None:
    """Draw the figures and write the pages before the site is read."""
    check_topics()
    folder = Path(app.srcdir) / FOLDER
    draw_all(folder)
    pages = {f"{topic.page}.md": page(topic) for topic in TOPICS}
    for name, text in {**pages, THUMBNAILS: "".join(thumbnails())}.items():
        file = folder / name
        if not file.exists() or file.read_text() != text:
            file.write_text(text)


def show_figure(app: Sphinx, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    """End the reference of a figure with what its example draws."""
    figure = name.rpartition(".")[2]
    if name.startswith("clvml.plots.") and figure in clvml.plots.__all__:
        picture = [f".. image:: /{FOLDER}/{figure}.png", f"   :alt: Figure: {_plain(summary_of(figure))}"]
        lines.extend(["", *picture, ""])


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the gallery before the build, and show each figure in its reference."""
    app.connect("builder-inited", write_gallery)
    app.connect("autodoc-process-docstring", show_figure, priority=900)  # after numpydoc
    return {"parallel_read_safe": True, "parallel_write_safe": True}
