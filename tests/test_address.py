"""Where the course is published: named nowhere while it is not known, and everywhere from one setting once it is."""

import re
import shutil
import tomllib

import nbformat
import pytest
import yaml

from scripts.address import published, repository, texts
from tests.paths import ROOT

URL = "https://github.com/someone/a-course"
NAMES = re.compile(r"github\.com/[\w-]+/[\w-]+|github\.io|mybinder\.org/v2|colab\.research|On Colab|\bBinder\b")


def test_the_files_say_what_the_setting_says():
    for path, text in texts(ROOT, repository(ROOT)).items():
        assert path.read_text() == text, f"{path.relative_to(ROOT)}: run scripts/address.py"


def test_an_unknown_address_is_named_nowhere():
    if repository(ROOT):
        pytest.skip("the address is known")
    patterns = ["chapters/**/*.md", "chapters/*/*.ipynb", "exercises/*.ipynb", "solutions/*.ipynb", "CITATION.cff",
                "pyproject.toml", "_config.yml"]
    for path in (path for pattern in patterns for path in ROOT.glob(pattern)):
        assert not (found := NAMES.search(path.read_text())), f"{path.relative_to(ROOT)} names {found[0]}"


@pytest.fixture
def copy(tmp_path):
    for path in texts(ROOT, ""):
        place = tmp_path / path.relative_to(ROOT)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)
    return tmp_path


def write(root, url):
    for path, text in texts(root, url).items():
        path.write_text(text)
    return {path: path.read_text() for path in texts(root, url)}


def test_a_known_address_is_named_where_it_is_needed_and_can_be_taken_out_again(copy):
    before = write(copy, "")
    named = write(copy, URL)
    assert all(text.count(URL) == 1 for text in named.values())
    for path in copy.glob("chapters/*/*.ipynb"):
        first = nbformat.reads(named[path], as_version=4).cells[0].source
        assert first.endswith(f"On Colab, first run `%pip install git+{URL}` in a cell of its own.")
    assert tomllib.loads((copy / "pyproject.toml").read_text())["project"]["urls"] == {"Repository": URL}
    assert yaml.safe_load((copy / "CITATION.cff").read_text())["repository-code"] == URL
    moved = write(copy, "https://github.com/another/place")
    assert not any(URL in text for text in moved.values())
    assert write(copy, "") == before


@pytest.mark.parametrize(("url", "page"), [
    ("", ""), (URL, "https://someone.github.io/a-course/"), ("https://codeberg.org/someone/a-course", ""),
])
def test_the_published_page_follows_from_it(url, page):
    assert published(url) == page


@pytest.mark.parametrize("url", ["http://github.com/a/b", "github.com/a/b", "https://github.com/a", "https://g.com/a/b/c"])
def test_an_address_that_is_none_is_refused(url, tmp_path):
    (tmp_path / "_config.yml").write_text(f"repository: {{url: '{url}'}}")
    with pytest.raises(ValueError, match=re.escape(url)):
        repository(tmp_path)
