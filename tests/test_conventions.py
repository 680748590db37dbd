"""The page of conventions: each row of its table leads to a section that asserts it, and each section has a row."""

import copy
import re

import nbformat
import pytest

from tests.paths import ROOT

PAGE = nbformat.read(ROOT / "chapters" / "reference" / "conventions.ipynb", as_version=4)
TABLES = {"conventions-table", "conventions-sources"}                    # what has a label and asserts nothing
ABSENT = ["tensorflow", "keras", "jax", "flax", "optax"]


def faults(notebook):
    """What is missing or left over on a page of conventions.  → a list of sentences"""
    sections, here = {}, None                                            # label → its code
    for cell in notebook.cells:
        if cell.cell_type == "code":
            if here:
                sections[here] += "\n" + cell.source
        else:
            for here in re.findall(r"^\((conventions-[\w-]+)\)=$", cell.source, re.MULTILINE):
                sections[here] = ""
    text = next(cell.source for cell in notebook.cells if cell.source.startswith("(conventions-table)="))
    rows = [line.strip("| ").split(" | ") for line in text.split("\n") if line.startswith("| ")][1:]
    linked = [re.fullmatch(r"\[[^]]+\]\(#(conventions-[\w-]+)\)", row[-1]) for row in rows]
    named = {link[1] for link in linked if link}
    found = [f"{row[0]}: has {len(row)} columns" for row in rows if len(row) != 4 or not all(row)]
    found += [f"{row[0]}: has no link to a section" for row, link in zip(rows, linked, strict=True) if not link]
    found += [f"{label} is linked and not there" for label in named - set(sections)]
    found += [f"{label} stands in no row" for label in set(sections) - named - TABLES]
    found += [f"{label} asserts nothing" for label in set(sections) - TABLES
              if not re.search(r"^\s*assert(_close\(| )", sections[label], re.MULTILINE)]
    return found


def test_every_convention_is_in_the_table_and_asserted():
    assert faults(PAGE) == []


def row_of(label):
    return rf"\n\|[^\n]*#conventions-{label}\) \|"


@pytest.mark.parametrize(("place", "pattern", "put", "fault"), [
    ("table", row_of("gelu"), "", "conventions-gelu stands in no row"),
    ("table", r"#conventions-flip", "#conventions-flap", "conventions-flap is linked and not there"),
    ("table", r"\[same\]\(#conventions-same\)", "same", "has no link to a section"),
    ("table", r"\| refused; one writes `padding=k//2` ", "", "has 3 columns"),
    ("s-numbers", r"\(conventions-round\)=\n", "", "conventions-round is linked and not there"),
    ("c-round", r"assert", "print", "conventions-round asserts nothing"),
    ("c-mean", r"(?m)^assert", "# assert", "conventions-mean asserts nothing"),
])
def test_a_broken_page_is_noticed(place, pattern, put, fault):
    page = copy.deepcopy(PAGE)
    cell = next(cell for cell in page.cells if cell.id == f"conventions-{place}")
    cell.source, count = re.subn(pattern, put, cell.source)
    assert count and any(fault in each for each in faults(page)), faults(page)


def test_what_is_said_not_to_be_installed_is_not():
    frozen = (ROOT / "constraints.txt").read_text().lower()
    assert not re.search(rf"^({'|'.join(ABSENT)})\b", frozen, re.MULTILINE)
