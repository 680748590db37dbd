"""A plugin of pytest: what nbval's run of a notebook shows goes into the book's cache, which need not run it again.

    python -m pytest -p scripts.keep_outputs --nbval-lax chapters/…/page.ipynb

A notebook is kept when all its cells have passed.
"""

import copy
from pathlib import Path

import nbformat
import pytest
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from nbval.plugin import IPyNbCell

CACHE = Path(__file__).resolve().parent.parent / "_build" / ".jupyter_cache"

_passed = {}                                                             # of each notebook's cells: outputs, seconds


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if isinstance(item, IPyNbCell) and report.when == "call" and report.passed:
        _passed.setdefault(item.path, {})[item.cell_num] = item.test_outputs, report.duration
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item, nextitem):
    result = yield
    if isinstance(item, IPyNbCell) and (nextitem is None or nextitem.path != item.path):
        notebook = copy.deepcopy(item.parent.nb)
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        passed = _passed.pop(item.path, {})
        if len(passed) == len(code):
            for number, cell in enumerate(code):
                cell.outputs, cell.execution_count = passed[number][0], number + 1
            nbformat.validate(notebook)
            seconds = sum(duration for _, duration in passed.values())
            get_cache(str(CACHE)).cache_notebook_bundle(
                CacheBundleIn(notebook, str(item.path), data={"execution_seconds": seconds}), overwrite=True)
    return result
