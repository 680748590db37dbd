"""The glossary, and the links that lead to it from the pages of the weeks."""

import importlib.util
import re

import nbformat
import pytest
from docutils import nodes
from docutils.core import publish_doctree
from sphinx.testing.util import SphinxTestApp

from tests.paths import ROOT

spec = importlib.util.spec_from_file_location("glossary_links", ROOT / "_ext" / "glossary_links.py")
glossary_links = importlib.util.module_from_spec(spec)
spec.loader.exec_module(glossary_links)
Term = glossary_links.Term

GLOSSARY = (ROOT / "chapters/reference/glossary.md").read_text()
CHAPTERS = sorted(ROOT.glob("chapters/week*/*.ipynb"))


def entries(text):
    """→ [(names, definition, label or ""), …] of a page with one glossary"""
    body = re.search(r"```\{glossary\}\n(.*?)\n```", text, re.DOTALL)[1]
    found = []
    for entry in body.split("\n\n"):
        *names, line = entry.split("\n")
        definition, _, label = line.partition(" → [](#")
        found.append((names, definition.strip(), label.rstrip(")")))
    return found


def faults(text, labels):
    """What is wrong with a glossary, each entry of which leads to one of the labels."""
    found, seen, before = [], set(), ""
    for names, definition, label in entries(text):
        name = names[0]
        if not definition.endswith(".") or not 1 <= len(re.findall(r"[.](?= [A-Z]|$)", definition)) <= 2:
            found.append(f"{name}: one or two sentences")
        if label not in labels:
            found.append(f"{name}: no label is named {label!r}")
        if (key := name.casefold().replace("é", "e")) < before:
            found.append(f"{name}: out of order")
        before = key
        found += [f"{one}: twice" for one in names if one in seen]
        seen |= set(names)
    return found


def labels_of_chapters():
    text = "\n".join(cell.source for path in CHAPTERS for cell in nbformat.read(path, as_version=4).cells
                     if cell.cell_type == "markdown")
    return set(re.findall(r"^\(([\w-]+)\)=$", text, re.MULTILINE))


def test_the_glossary_is_in_order_and_each_entry_leads_to_a_section():
    assert not faults(GLOSSARY, labels_of_chapters())
    assert len(entries(GLOSSARY)) >= 120


@pytest.mark.parametrize(("entry", "fault"), [
    ("tap\n  One element of a kernel → [](#here)", "one or two sentences"),
    ("tap\n  One. Two. Three. → [](#here)", "one or two sentences"),
    ("tap\n  One element of a kernel.", "no label"),
    ("tap\n  One element of a kernel. → [](#nowhere)", "no label"),
    ("tap\n  One element of a kernel. → [](#here)\n\nbias\n  A number. → [](#here)", "out of order"),
    ("tap\n  One. → [](#here)\n\ntap\n  Two. → [](#here)", "twice"),
])
def test_a_fault_of_the_glossary_is_found(entry, fault):
    found = faults(f"```{{glossary}}\n{entry}\n```", {"here"})
    assert len(found) == 1 and fault in found[0]


@pytest.mark.parametrize("week", range(1, 6))
def test_every_week_has_its_words(week):
    home = {label: path.parent.name for path in CHAPTERS for cell in nbformat.read(path, as_version=4).cells
            for label in re.findall(r"^\(([\w-]+)\)=$", cell.source, re.MULTILINE)}
    assert sum(home.get(label, "").startswith(f"week{week}") for *_, label in entries(GLOSSARY)) >= 15


# ---- which mentions are found ----------------------------------------------------------------------------------------

TERMS = [Term("kernel", "term-kernel", "chapters/week1/why"), Term("norm", "term-norm", "chapters/week2/norms"),
         Term("batch norm", "term-batch-norm", "chapters/week2/norms"), Term("query", "term-query", ""),
         Term("matrix", "term-matrix", "chapters/week1/matrix"), Term("loss", "term-loss", "chapters/week4/gc"),
         Term("step (of training)", "term-step", "chapters/week3/training")]


def found_in(text, docname="chapters/week5/gans", terms=TERMS):
    """The mentions in a page written in reStructuredText: → [(the words, what stands before them), …]"""
    mentions = glossary_links.find_mentions(publish_doctree(text), terms, docname)
    return [(m.text[m.start:m.end], m.text[:m.start]) for m in mentions]


def test_only_the_first_mention_is_found():
    assert found_in("A kernel. Another kernel.\n\nKernels.") == [("kernel", "A ")]


@pytest.mark.parametrize(("text", "words"), [
    ("Kernels slide.", ["Kernels"]), ("Two queries.", ["queries"]), ("Matrices of losses.", ["Matrices", "losses"]),
    ("The kernel's taps.", ["kernel"]), ("A kernel, (norm).", ["kernel", "norm"]),
    ("A batch\nnorm.", ["batch\nnorm"]), ("A norm, a batch norm.", ["norm", "batch norm"]),
    ("A batch norm, a batch norm.", ["batch norm"]),
    ("A subkernel, kernel_size, kernel-wise, re-norm, KERNEL.", []), ("One step of training.", []), ("Nothing.", []),
])
def test_whole_words_in_singular_and_plural_are_found(text, words):
    assert [found for found, _ in found_in(text)] == words


@pytest.mark.parametrize("text", [
    "A kernel\n========\n\nText.\n\nAnother kernel\n==============\n\nText.",
    "``kernel``", "`kernel <elsewhere.html>`_", ":math:`kernel`",
    "::\n\n   kernel", ".. math::\n\n   kernel", ".. figure:: a.png\n\n   A kernel.", ".. note::\n\n   A kernel.",
    "======  ====\nkernel  norm\n======  ====\nkernel  norm\n======  ====", ".. container:: dropdown\n\n   A kernel.",
    ".. [#note] A kernel.", "kernel\n  A kernel.\n",
])
def test_no_link_stands_in_a_heading_link_code_formula_figure_table_or_box(text):
    assert found_in(text) == []
    assert [words for words, _ in found_in(f"{text}\n\nThe last kernel.")] == ["kernel"]


@pytest.mark.parametrize("text", ["- A kernel.", "1. A kernel.", "   A kernel.", "A **kernel**.", "An *odd kernel*."])
def test_lists_quotations_and_stressed_words_are_text(text):
    assert [words for words, _ in found_in(text)] == ["kernel"]


def test_a_page_does_not_link_what_it_builds_itself():
    assert [words for words, _ in found_in("A kernel, a norm.", "chapters/week1/why")] == ["norm"]


def test_two_names_of_one_entry_have_one_link():
    terms = [Term("alias", "term-alias", ""), Term("aliasing", "term-alias", "")]
    assert [words for words, _ in found_in("Aliasing makes an alias.", terms=terms)] == ["Aliasing"]


def test_of_many_mentions_the_latest_weeks_stay_in_reading_order():
    mentions = glossary_links.find_mentions(
        publish_doctree("A query, a kernel, a matrix, a norm and a loss."), TERMS, "chapters/week5/gans")
    names = [[m.term.name for m in glossary_links.choose(mentions, limit)] for limit in (2, 4, 9)]
    assert names == [["loss", "norm"], ["loss", "norm", "kernel", "matrix"],
                     ["loss", "norm", "kernel", "matrix", "query"]]


def test_links_leave_the_text_as_it_was():
    page = publish_doctree("The loss of a **kernel**, a norm; the query, the kernel.\n\nA matrix")
    before = page.astext()
    glossary_links.link(glossary_links.find_mentions(page, TERMS, "chapters/week5/gans"), "../glossary.html")
    assert page.astext() == before
    references = {node.astext(): node["refuri"] for node in page.findall(nodes.reference)}
    assert references == {name: f"../glossary.html#term-{name}"
                          for name in ("loss", "kernel", "norm", "query", "matrix")}


# ---- in a book -------------------------------------------------------------------------------------------------------

def test_a_book_links_its_weeks_to_its_glossary(tmp_path):
    files = {
        "conf.py": f"import sys\nsys.path.insert(0, {str(ROOT / '_ext')!r})\n"
                   "extensions = ['myst_parser', 'glossary_links']\nroot_doc = 'chapters/week1/one'\n"
                   "myst_enable_extensions = ['dollarmath']\n",
        "chapters/week1/one.md": "(one-tap)=\n# Taps\n\nA tap is one element of a kernel.\n\n"
                                 "```{toctree}\n../week2/two\n../reference/glossary\n../reference/other\n```\n",
        "chapters/week2/two.md": "(two-kernel)=\n# Kernels\n\nA kernel has taps. A [tap](#one-tap), and a tap.\n",
        "chapters/reference/other.md": "# Other\n\nA tap of a kernel.\n",
        "chapters/reference/glossary.md": "# Glossary\n\n```{glossary}\nkernel\n  Weights $w$. → [](#two-kernel)\n\n"
                                          "tap\n  One of them. → [](#one-tap)\n```\n"}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)

    def build():
        app = SphinxTestApp("html", srcdir=tmp_path, confoverrides={"nitpicky": True})
        app.build()
        warnings = app.warning.getvalue()
        app.cleanup()
        assert not warnings, warnings
        return {name: re.findall(r'<a class="glossary-term[^>]* href="([^"]*)">([^<]*)</a>',
                                 (tmp_path / f"_build/html/chapters/{name}.html").read_text())
                for name in ("week1/one", "week2/two", "reference/other", "reference/glossary")}

    links = {"week1/one": [("../reference/glossary.html#term-kernel", "kernel")],
             "week2/two": [("../reference/glossary.html#term-tap", "taps")],
             "reference/other": [], "reference/glossary": []}
    assert build() == links
    page = (tmp_path / "_build/html/chapters/reference/glossary.html").read_text()
    assert "Kernels</span></a>" in page, "an arrow shows the title of its section"

    path = tmp_path / "chapters/reference/glossary.md"             # a change reaches the pages that did not change
    path.write_text(path.read_text().replace("\ntap\n  One of them. → [](#one-tap)\n", ""))
    assert build() == links | {"week2/two": []}
