"""A build fails on a notebook's error and on a warning, and runs notebooks again when the code of cnnlib changes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup

from tests.book.test_pages import assert_buttons
from tests.paths import ROOT

EXTENSIONS = "[myst_nb, jupyter_book, sphinx_comments, sphinx_external_toc, sphinx_book_theme]"


@pytest.fixture
def small_book(tmp_path):
    """A book of one notebook that prints what cnnlib says, built by the real script."""
    for folder in ("scripts", "cnnlib", "chapters/week"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("build_book.py", "keep_outputs.py", "address.py"):
        shutil.copy(ROOT / "scripts" / name, tmp_path / "scripts")
    (tmp_path / "_config.yml").write_text(
        "title: Small\nonly_build_toc_files: true\nexecute: {execute_notebooks: cache, raise_on_error: true}\n"
        f"sphinx: {{config: {{extensions: {EXTENSIONS}}}}}\n")
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: chapters/week/page\n")
    (tmp_path / "cnnlib" / "__init__.py").write_text("VALUE = 'first'\n")
    write_notebook(tmp_path, "# Page\n\nText.", "import cnnlib\nprint('cnnlib says', cnnlib.VALUE)")
    return tmp_path


def write_notebook(folder, markdown, code):
    cells = [nbformat.v4.new_markdown_cell(markdown), nbformat.v4.new_code_cell(code)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(notebook, folder / "chapters" / "week" / "page.ipynb")


def build(folder):
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    result = subprocess.run([sys.executable, "scripts/build_book.py"], cwd=folder, env=environment,
                            capture_output=True, text=True)
    return result.returncode, result.stdout + result.stderr


def page(folder):
    return (folder / "_build" / "html" / "chapters" / "week" / "page.html").read_text()


def test_a_change_of_the_code_runs_the_notebooks_again(small_book):
    status, log = build(small_book)
    assert status == 0, log
    assert "Open" in log and "cnnlib says first" in page(small_book)

    (small_book / "cnnlib" / "__init__.py").write_text("VALUE = 'second'\n")
    status, log = build(small_book)
    assert status == 0 and "cnnlib says second" in page(small_book), log


def test_a_notebook_runs_once_to_be_tested_and_rendered_and_again_when_it_is_changed(small_book):
    count = "import pathlib\nwith pathlib.Path('runs.txt').open('a') as file:\n    print('one more', file=file)\n"
    show = "import cnnlib\nprint('run', len(pathlib.Path('runs.txt').read_text().split('\\n')) - 1)"
    write_notebook(small_book, "# Page", count + show)
    for shown in (1, 1):
        status, log = build(small_book)
        assert status == 0 and f"run {shown}" in page(small_book), log
    write_notebook(small_book, "# Page\n\nOther words alone change nothing that ran.", count + show)
    status, log = build(small_book)
    assert status == 0 and "run 1" in page(small_book) and "Other words" in page(small_book), log
    write_notebook(small_book, "# Page", count + show + "\n1 + 1")
    status, log = build(small_book)
    assert status == 0 and "run 2" in page(small_book), log


def test_a_checked_output_that_differs_fails_the_build(small_book):
    path = small_book / "chapters" / "week" / "page.ipynb"
    notebook = nbformat.read(path, as_version=4)
    cell = notebook.cells[1]
    cell.metadata["tags"], cell.execution_count = ["nbval-check-output"], 1
    for text, fails in (("cnnlib says first\n", False), ("cnnlib says nothing\n", True)):
        cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=text)]
        nbformat.write(notebook, path)
        shutil.rmtree(small_book / "_build", ignore_errors=True)
        status, log = build(small_book)
        assert bool(status) == fails, log
        assert not fails or "cnnlib says nothing" in log


def test_the_buttons_come_from_the_address_and_go_with_it(small_book):
    def links():
        status, log = build(small_book)
        assert status == 0, log
        soup = BeautifulSoup(page(small_book), "html.parser")
        return soup, {a["href"] for a in soup.select("a[href^=http]")}

    source, url = Path("chapters/week/page.ipynb"), "https://github.com/someone/a-course"
    assert_buttons(*links(), "", source)
    config = small_book / "_config.yml"
    config.write_text(config.read_text() + f"repository: {{url: {url}, branch: main}}\n")
    assert_buttons(*links(), url, source)


def test_an_error_in_a_notebook_fails_the_build_and_is_shown(small_book):
    write_notebook(small_book, "# Page", "assert 1 + 1 == 3, 'the claim does not hold'")
    status, log = build(small_book)
    assert status != 0 and "the claim does not hold" in log and "FAILED chapters/week/page.ipynb::Cell 0" in log


def test_a_warning_fails_the_build_also_the_second_time(small_book):
    write_notebook(small_book, "# Page\n\n[nowhere](nowhere.md)", "print(1)")
    for _ in range(2):
        status, log = build(small_book)
        assert status != 0 and "warnings" in log


def test_a_page_can_show_how_long_the_notebooks_ran(small_book):
    """Their seconds are those of nbval's run, which fills the cache: the page of the book's status shows them."""
    write_notebook(small_book, "# Page\n\n```{nb-exec-table}\n```", "import time\ntime.sleep(1.5)")
    status, log = build(small_book)
    assert status == 0, log
    rows = [[cell.get_text(strip=True) for cell in row.select("td")]
            for row in BeautifulSoup(page(small_book), "html.parser").select("tbody tr")]
    (name, *_, seconds, _), = rows
    assert name == "chapters/week/page" and 1.5 <= float(seconds) < 60
