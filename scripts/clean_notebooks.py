"""Bring notebooks into the form in which they are committed: no outputs but those of cells tagged nbval-check-output.

python scripts/clean_notebooks.py [--execute] [NOTEBOOK …]     default: all chapters and solutions
"""

from pathlib import Path
from typing import Annotated

import nbclient
import nbformat
import typer

from cnnlib.grading.text import METADATA

ROOT = Path(__file__).resolve().parent.parent
CHECKED = "nbval-check-output"
KEPT = ("tags", "mystnb", "nbgrader", "jupyter", "equations")          # of the metadata of code cells


def cleaned(notebook):
    """Remove outputs (but those of tagged cells), execution counts and what an editor left in the metadata."""
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        checked = CHECKED in cell.metadata.get("tags", [])
        cell.execution_count = 1 if checked else None        # nbval refuses outputs of a cell that has no number
        if not checked:
            cell.outputs = []
        cell.metadata = nbformat.from_dict({key: value for key, value in cell.metadata.items() if key in KEPT})
    return notebook


def main(
    notebooks: Annotated[list[Path] | None, typer.Argument(help="Default: all of chapters/ and solutions/.")] = None,
    execute: Annotated[bool, typer.Option(help="Run them first, to renew the outputs that are kept.")] = False,
):
    for path in notebooks or sorted([*ROOT.glob("chapters/*/*.ipynb"), *ROOT.glob("solutions/*.ipynb")]):
        notebook = nbformat.read(path, as_version=4)
        if execute:
            nbclient.NotebookClient(notebook, resources={"metadata": {"path": str(path.parent)}}).execute()
        nbformat.write(cleaned(notebook), path)
        print(path)


if __name__ == "__main__":
    typer.run(main)
