"""Execute the notebooks in place: python tests/notebooks.py [name.ipynb ...]"""

import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[1] / "notebooks"


def execute(path: Path) -> nbformat.NotebookNode:
    """The notebook, executed from top to bottom; an error in a cell is raised."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    client = NotebookClient(
        notebook, timeout=300, record_timing=False, resources={"metadata": {"path": FOLDER}}
    )
    inline = {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}  # the tests' own draws no pictures
    with tempfile.TemporaryDirectory() as sockets:
        kernel = client.create_kernel_manager()
        kernel.transport, kernel.ip = "ipc", f"{sockets}/kernel"  # a free port may be taken by another kernel
        return client.execute(env=os.environ | inline)


if __name__ == "__main__":
    for path in [FOLDER / name for name in sys.argv[1:]] or sorted(FOLDER.glob("*.ipynb")):
        nbformat.write(execute(path), path)
