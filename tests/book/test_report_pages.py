"""The grader's pages in a real Chromium: for eyes, for a phone, and for axe-core."""

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe

from cnnlib.grading.batch.reports import Result, write
from cnnlib.grading.marking import lost
from cnnlib.grading.questions import find
from tests import marked

STUDENTS = {"wrong": "wrong", "hostile%2F%25": '<script>alert(1)</script>"><img src=x onerror=alert(1)> ' + "x" * 200,
            "right": "right", "missing": "missing"}
PAGES = ["index.html", *(f"students/{stem.replace('%', '%25')}.html" for stem in STUDENTS)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    answers = {"correlate2d_valid": marked.mistaken("correlate2d_valid", "the kernel is flipped"),
               "im2col": marked.unanswered, "binomial_kernel": marked.ended, "p4_lift": lambda x, w: x[100],
               "toeplitz_matrix": lambda w, n: np.full((2, 2), np.nan),
               "doubly_block_toeplitz": lambda *a: -10 * find("doubly_block_toeplitz").reference(*a)}
    wrong = marked.record(**answers)
    records = {"wrong": wrong, "hostile%2F%25": {**wrong, "reasons": [STUDENTS["hostile%2F%25"]] * 2,
                                                   "first_error": STUDENTS["hostile%2F%25"]},
               "right": marked.record(), "missing": lost(1, "missing", "there is no week1.ipynb")}
    for row in records["hostile%2F%25"]["questions"]:
        if row["status"] == "error":
            row.update(problem=STUDENTS["hostile%2F%25"], line=STUDENTS["hostile%2F%25"])
    folder = tmp_path_factory.mktemp("reports")
    write([Result(name, stem, records[stem], "2027-01-08") for stem, name in STUDENTS.items()], folder, 1)
    return folder / "html"


def open_page(browser, folder, name, width, scheme, **options):
    """→ (page, what it should not have done)."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, **options)
    page, wrong = context.new_page(), []
    page.on("console", lambda m: wrong.append(f"console: {m.text}"))
    page.on("pageerror", lambda e: wrong.append(f"exception: {e}"))
    page.on("dialog", lambda d: (wrong.append(f"dialog: {d.message}"), d.dismiss()))
    page.on("request", lambda r: wrong.append(f"request: {r.url}")
            if r.url != f"{folder.as_uri()}/{name}" and not r.url.startswith("data:") else None)
    page.goto(f"{folder.as_uri()}/{name}")
    return page, wrong


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_a_report_is_one_file_that_axe_finds_nothing_wrong_with(browser, folder, name, scheme):
    for width in (1280, 375):
        page, wrong = open_page(browser, folder, name, width, scheme)
        assert not wrong, wrong
        violations = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
        assert not [(v["id"], node["html"][:200]) for v in violations for node in v["nodes"][:3]]
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (ground == "rgb(255, 255, 255)") == (scheme == "light")
        page.context.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_report_does_not_scroll_sideways(browser, folder, name):
    page, _ = open_page(browser, folder, name, 375, "light")
    for width in (320, 375, 768, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.context.close()


def test_the_class_leads_to_its_students_without_scripts(browser, folder):
    page, _ = open_page(browser, folder, "index.html", 1280, "light", java_script_enabled=False)
    for stem, name in STUDENTS.items():
        with page.expect_navigation():
            page.get_by_role("region", name="All students").locator(f'a[href*="{stem.replace("%", "%25")}"]').click()
        assert name[:40] in page.locator("h1").inner_text()
        page.go_back()
    page.context.close()
