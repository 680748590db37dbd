"""The course in a real JupyterLab: a student solves a question, a reader moves the live figures."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import nbformat
import pytest
from playwright.sync_api import expect

from cnnlib.grading.questions import WEEKS, find
from cnnlib.grading.text import exercise_cells
from tests.paths import ROOT

WRONG = """def correlate2d_valid(x, w):
    w = w[::-1, ::-1]
    out = np.empty((x.shape[0] - w.shape[0] + 1, x.shape[1] - w.shape[1] + 1))
    for i, j in np.ndindex(*out.shape):
        out[i, j] = np.sum(x[i:i + w.shape[0], j:j + w.shape[1]] * w)
    return out"""
RIGHT = WRONG.replace("    w = w[::-1, ::-1]\n", "")
FIGURES = """import matplotlib.pyplot as plt
from cnnlib.figures import Span, sweep

def draw(slope, kind):
    fig, ax = plt.subplots(figsize=(4, 2))
    ax.plot([0, 1], [0, slope], kind)
    return fig, f"A line of slope {slope:g}, drawn {kind}."

display(sweep(draw, caption="Any number, and a menu of labels.", slope=Span(0, 1, frames=3, step=0.1),
              kind={"dashed": "--", "dotted": ":"}))
display(sweep(draw, caption="Whole numbers, and a menu.", slope=range(3), kind=["-", "--"]))
print("all figures are", "drawn")"""
MINUTE = 60_000


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A JupyterLab of its own on a copy of the sheet, and on a notebook with every kind of control."""
    folder = tmp_path_factory.mktemp("lab")
    shutil.copy(ROOT / "exercises" / "week1.ipynb", folder)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(FIGURES)])
    notebook.metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(notebook, folder / "figures.ipynb")
    notebook.cells = [nbformat.v4.new_code_cell("import numpy as np\nfrom cnnlib.grading import check"),
                      *exercise_cells(find("correlate2d_valid"))]
    nbformat.write(notebook, folder / "chapter.ipynb")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = folder / ".settings" / "@jupyterlab"
    overrides = {
        "notebook-extension/tracker.jupyterlab-settings": '{"windowingMode": "none"}',
        "apputils-extension/notification.jupyterlab-settings": '{"fetchNews": "false", "checkForUpdates": false}',
    }
    for name, text in overrides.items():
        (settings / name).parent.mkdir(parents=True, exist_ok=True)
        (settings / name).write_text(text)
    environment = {**os.environ, "JUPYTERLAB_SETTINGS_DIR": str(settings.parent), "OMP_NUM_THREADS": "1",
                   "JUPYTER_CONFIG_DIR": str(folder / ".config"), "JUPYTER_DATA_DIR": str(folder / ".data"),
                   "JUPYTERLAB_WORKSPACES_DIR": str(folder / ".workspaces")}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}",
               "--IdentityProvider.token=", f"--ServerApp.root_dir={folder}"]
    with open(folder / "lab.log", "w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(f"{url}/api", timeout=2)
            break
        except OSError:
            if server.poll() is not None or time.monotonic() > deadline:
                server.kill()
                pytest.fail(f"JupyterLab does not start:\n{(folder / 'lab.log').read_text()[-2000:]}")
            time.sleep(0.3)
    yield url
    server.terminate()
    server.wait(20)


def open_notebook(browser, lab, path):
    page = browser.new_context(viewport={"width": 1400, "height": 1000}).new_page()
    page.goto(f"{lab}/lab/tree/{path}?reset")
    page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=MINUTE)
    page.get_by_text("| Idle").wait_for(timeout=MINUTE)          # before its kernel is there, Run would ask for one
    return page


def run_all(page):
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()


def cell_with(page, text):
    return page.locator(".jp-CodeCell", has_text=text).first


def replace_and_run(page, cell, source):
    """As a student does it: click into the cell, type, Shift+Enter; then run the check below."""
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+A" if sys.platform != "darwin" else "Meta+A")
    page.keyboard.insert_text(source)
    page.keyboard.press("Shift+Enter")
    page.keyboard.press("Shift+Enter")


def test_a_student_is_told_the_mistake_and_then_passes(browser, lab):
    page = open_notebook(browser, lab, "week1.ipynb")
    run_all(page)
    verdict = cell_with(page, "check(fft_convolve2d)").locator(".verdict")      # the last one
    verdict.get_by_text("not answered yet").wait_for(timeout=MINUTE)
    expect(page.locator(".verdict-unanswered")).to_have_count(len(WEEKS[1]), timeout=MINUTE)    # drawn in any order
    expect(page.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.stderr']")).to_have_count(0)

    answer, verdict = cell_with(page, "def correlate2d_valid"), cell_with(page, "check(correlate2d_valid)")
    replace_and_run(page, answer, WRONG)
    verdict.get_by_text("The mistake: the kernel is flipped.").wait_for(timeout=MINUTE)
    box = verdict.locator(".verdict").bounding_box()
    assert box["width"] > 400 and box["height"] > 200, "the verdict is not laid out"
    expect(verdict.locator("table")).to_have_count(4, timeout=MINUTE)

    replace_and_run(page, answer, RIGHT)
    verdict.get_by_text("passed on 20 random cases").wait_for(timeout=MINUTE)
    expect(verdict.get_by_text("The mistake")).to_have_count(0)
    page.context.close()


def test_every_kind_of_control_is_live_in_jupyterlab(browser, lab):
    page = open_notebook(browser, lab, "figures.ipynb")
    run_all(page)
    page.get_by_text("all figures are drawn").wait_for(timeout=MINUTE)
    figures = page.locator(".jp-OutputArea-output .widget-vbox:has(.widget-html-content img)")
    expect(figures).to_have_count(2, timeout=MINUTE)
    assert page.locator("figure.sweep").count() == 0, "JupyterLab shows the live face"
    for figure in figures.all():
        figure.scroll_into_view_if_needed()
        picture, controls = figure.locator("img"), figure.locator(".noUi-handle")
        expect(controls).to_have_count(2, timeout=MINUTE)
        for control in controls.all():
            before, told = picture.get_attribute("src"), picture.get_attribute("alt")
            control.focus()
            page.keyboard.press("ArrowRight")
            deadline = time.monotonic() + 30
            while picture.get_attribute("src") == before and time.monotonic() < deadline:
                page.wait_for_timeout(50)
            assert picture.get_attribute("src") != before, "the picture does not follow the control"
            assert picture.get_attribute("alt") != told
    # The first step of a Span lies between two frames of the page: only a kernel can have drawn it.
    assert "slope 0.1," in figures.first.locator("img").get_attribute("alt")
    page.context.close()


def test_an_exercise_of_a_chapter_is_rendered_and_its_answer_is_folded(browser, lab):
    page = open_notebook(browser, lab, "chapter.ipynb")
    question = find("correlate2d_valid")
    exercise = page.locator(".jp-MarkdownCell aside", has_text=question.title).first
    exercise.wait_for(timeout=MINUTE)
    hints = exercise.locator("details")
    expect(hints).to_have_count(len(question.hints), timeout=MINUTE)
    assert not hints.first.evaluate("d => d.open") and hints.first.locator("summary").text_content() in question.hints
    expect(page.locator(".jp-CodeCell .jp-InputPlaceholder")).to_have_count(2, timeout=MINUTE)    # answer and check
    expect(page.locator(".jp-CodeCell .cm-content", has_text="raise NotImplementedError()")).to_have_count(1)
    run_all(page)
    page.get_by_text("passed on 20 random cases").wait_for(timeout=MINUTE)
    expect(page.locator(".verdict-unanswered")).to_have_count(1, timeout=MINUTE)
    page.context.close()
