"""The built pages as files: links, pictures, weight, buttons."""

import re
from urllib.parse import unquote, urldefrag, urlparse

import pytest
from bs4 import BeautifulSoup

from scripts.address import repository
from tests.paths import ROOT, page_names

MEBIBYTE = 2**20


@pytest.fixture(scope="module", params=page_names())
def page(request, site):
    path = site / request.param
    return path, BeautifulSoup(path.read_text(), "html.parser")


def test_every_picture_has_alt_text_that_is_a_sentence(page):
    _, soup = page
    for picture in soup.select(".bd-article img"):
        alt = picture.get("alt", "")
        assert len(alt) >= 30 and " " in alt and alt.rstrip().endswith("."), f"alt text: {alt!r}"
        assert not re.search(r"\.(png|webp|svg)|_images", alt)


def test_every_internal_link_resolves(page, site):
    path, soup = page
    anchors = {}
    for link in soup.select("a[href], img[src], script[src], link[href]"):
        target = link.get("href") or link.get("src")
        if urlparse(target).scheme or target.startswith("//"):
            continue
        file, fragment = urldefrag(target)
        file = (path.parent / unquote(file).split("?")[0]).resolve() if file else path
        assert file.exists(), f"{target} leads nowhere"
        if fragment and file.suffix == ".html":
            if file not in anchors:
                ids = BeautifulSoup(file.read_text(), "html.parser").select("[id], [name]")
                anchors[file] = {e.get("id") for e in ids} | {e.get("name") for e in ids}
            assert unquote(fragment) in anchors[file], f"{target}: no such place on that page"


def test_no_reference_is_left_open(page):
    _, soup = page
    text = soup.select_one(".bd-article").get_text()
    assert "??" not in text and "[?]" not in text
    assert not re.search(r"\{(numref|eq|ref|cite:[pt]|doc)\}", text), "a role was not rendered"
    assert not re.search(r"^:::|^```|^~~~", text, re.MULTILINE), "a directive was not rendered"


def test_a_page_with_its_pictures_weighs_at_most_3_mb(page):
    path, soup = page
    pictures = {(path.parent / e["src"]).resolve() for e in soup.select("img[src]") if not e["src"].startswith("data:")}
    weight = path.stat().st_size + sum(file.stat().st_size for file in pictures)
    assert weight <= 3 * MEBIBYTE, f"{weight / MEBIBYTE:.1f} MiB"


def test_notebooks_can_be_launched_and_edited_where_the_course_is_published_and_nowhere_else(page, site):
    path, soup = page
    name = path.relative_to(site).with_suffix("")
    source = next(p for p in (ROOT / f"{name}.ipynb", ROOT / f"{name}.md") if p.exists()).relative_to(ROOT)
    links = {a["href"] for a in soup.select("a[href^=http]")}
    assert_buttons(soup, links, repository(ROOT), source)


def assert_buttons(soup, links, url, source):
    """The buttons that lead to the repository at url are there; where url is "", none is."""
    if not url:
        assert not soup.select(".dropdown-launch-buttons, .dropdown-source-buttons")
        assert not [link for link in links if re.search(r"github\.|mybinder|colab\.research", link)]
        return
    place = url.removeprefix("https://github.com/")
    assert f"{url}/edit/main/{source}" in links
    if source.suffix == ".ipynb":
        assert f"https://colab.research.google.com/github/{place}/blob/main/{source}" in links
        assert f"https://mybinder.org/v2/gh/{place}/main?urlpath=lab/tree/{source}" in links


def test_the_status_page_has_the_seconds_of_every_notebook(site):
    soup = BeautifulSoup((site / "chapters/reference/status.html").read_text(), "html.parser")
    rows = [[cell.get_text(strip=True) for cell in row.select("td")] for row in soup.select("tbody tr")]
    seconds = {row[0]: float(row[3]) for row in rows if len(row) == 5}
    notebooks = [name.removesuffix(".html") for name in page_names()]
    assert set(seconds) == {name for name in notebooks if (ROOT / f"{name}.ipynb").exists()}
    assert all(0 < each < 3600 for each in seconds.values()), seconds


def test_figures_and_equations_are_numbered(site):
    text = (site / "chapters/week1_convolution/why_convolution.html").read_text()
    assert re.search(r'caption-number">Fig\. \d', text) and re.search(r'eqno">\(1\)', text)


def test_the_offline_mathjax_is_pruned(site):
    folder = site / "_static" / "mathjax"
    assert (folder / "tex-chtml.js").exists()
    assert sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) < 4 * MEBIBYTE
