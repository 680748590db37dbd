"""A plugin of pytest: what nbval's run of a notebook shows goes into the book's cache, which need not run it again.

    python -m pytest -p scripts.keep_outputs --nbval-lax chapters/…/page.ipynb

A notebook is kept when all its cells have passed.
"""

import copy
import time
from pathlib import Path

import nbformat
import pytest
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from nbval.plugin import IPyNbCell

CACHE = Path(__file__).resolve().parent.parent / "_build" / ".jupyter_cache"

_began, _passed = {}, {}                                                 # of each notebook: when; its cells' outputs


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if isinstance(item, IPyNbCell) and report.when == "call":
        _began.setdefault(item.path, time.time() - report.duration)
        if report.passed:
            _passed.setdefault(item.path, {})[item.cell_num] = item.test_outputs
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item, nextitem):
    result = yield
    if isinstance(item, IPyNbCell) and (nextitem is None or nextitem.path != item.path):
        notebook = copy.deepcopy(item.parent.nb)
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        outputs = _passed.get(item.path, {})
        if len(outputs) == len(code):
            for number, cell in enumerate(code):
                cell.outputs, cell.execution_count = outputs[number], number + 1
            nbformat.validate(notebook)
            seconds = time.time() - _began[item.path]
            get_cache(str(CACHE)).cache_notebook_bundle(
                CacheBundleIn(notebook, str(item.path), data={"execution_seconds": seconds}), overwrite=True)
            print(f"{item.path.name}: {seconds:.0f} s")
    return result
