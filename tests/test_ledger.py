"""The ledger of formulas: no displayed equation without a label, and none that nothing executes."""

import nbformat
import pytest

from scripts.clean_notebooks import cleaned
from scripts.ledger import PAGE, entries, ledger, problems
from tests.paths import ROOT

CHAPTERS = sorted(ROOT.glob("chapters/week*/*.ipynb"))
TEST = "tests/test_ledger.py::test_the_committed_page_is_what_the_generator_gives"


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_every_displayed_equation_has_a_label_and_is_executed(path):
    assert not problems(nbformat.read(path, as_version=4))


def test_the_committed_page_is_what_the_generator_gives():
    text = (ROOT / PAGE).read_text()
    assert text == ledger(), "run make formulas"
    notebooks = [nbformat.read(path, as_version=4) for path in CHAPTERS]
    displayed = sum(cell.source.count("$$") // 2 for notebook in notebooks for cell in notebook.cells
                    if cell.cell_type == "markdown")
    assert text.count("$$\n\n{eq}`") == displayed > 200          # counted in another way
    assert "$$ (" not in text                                    # or a label would be there twice


# ---- on a small chapter ----------------------------------------------------------------------------------------------

EQUATIONS = "(a-sum)=\n## A sum\n\n$$\n1 + 1 = 2\n$$ (eq-two)\n\n$$\n1 + 2 = 3\n$$ (eq-three)"


def small(text=EQUATIONS, code="assert 1 + 1 == 2", tests=None, kind=nbformat.v4.new_code_cell,
          executes=("eq-two", "eq-three")):
    cells = [nbformat.v4.new_markdown_cell("# A page", id="front"),
             nbformat.v4.new_markdown_cell(text, id="text", metadata={"tests": tests} if tests else {}),
             nbformat.v4.new_markdown_cell("## Later", id="later"),
             kind(code, id="code", metadata={"equations": list(executes)})]
    return nbformat.v4.new_notebook(cells=cells)


@pytest.mark.parametrize("notebook", [
    small(), small(code="assert_close(1 + 1, 2)"), small(code="check(answer)"),
    small(executes=["eq-two"], tests={"eq-three": TEST}),
    small("It costs $x$, and `$` is a sign.\n\n" + EQUATIONS.replace("\n$$ ", "$$")),
])
def test_a_chapter_that_is_whole_has_no_problem(notebook):
    assert not problems(notebook)


@pytest.mark.parametrize(("notebook", "found"), [
    (small(EQUATIONS + "\n\n$$x = y$$"), ["cell text: no label at the equation x = y"]),
    (small(EQUATIONS + "\n\n```{math}\nx = y\n```"), ["cell text: an equation is not written $$ … $$ (label)"]),
    (small(EQUATIONS + "\n\n\\begin{align}x\\end{align}"), ["cell text: an equation is not written $$ … $$ (label)"]),
    (small(EQUATIONS + "\n\n$$x$$ (eq-two)"), ["eq-two stands twice"]),
    (small(executes=["eq-two"]), ["no cell and no test executes eq-three"]),
    (small(executes=["eq-two", "eq-three", "eq-four"]),
     ["cell code: names eq-four, which is no label of this notebook"]),
    (small(code="print(1 + 1)"), ["cell code: names equations and asserts nothing"] +
     [f"no cell and no test executes {label}" for label in ("eq-two", "eq-three")]),
    (small(kind=nbformat.v4.new_markdown_cell), ["cell code: names equations and asserts nothing"] +
     [f"no cell and no test executes {label}" for label in ("eq-two", "eq-three")]),
    (small(tests={"eq-four": TEST}), ["cell text: names a test of eq-four, which is no label of its equations"]),
    (small(executes=["eq-two"], tests={"eq-three": "tests/test_ledger.py::test_of_nothing"}),
     ["cell text: there is no test tests/test_ledger.py::test_of_nothing", "no cell and no test executes eq-three"]),
    (small(tests={"eq-two": "tests/test_nothing.py::test_x"}),
     ["cell text: there is no test tests/test_nothing.py::test_x"]),
    (small(tests={"eq-two": "tests/test_ledger.py::small"}),
     ["cell text: there is no test tests/test_ledger.py::small"]),
])
def test_what_is_broken_is_named(notebook, found):
    assert problems(notebook) == found


def test_an_entry_links_to_the_section_and_to_the_cell():
    notebook = small(executes=["eq-two"], tests={"eq-three": TEST})
    first, second = entries(notebook, "../week1/page.ipynb")
    assert first == ("$$\n1 + 1 = 2\n$$\n\n{eq}`eq-two` of [A sum](#a-sum) · executed in [Later](../week1/page.ipynb)")
    assert second.endswith("executed by a test, “the committed page is what the generator gives”, in `test_ledger.py`")


def test_the_equation_of_an_exercise_is_executed_by_its_check():
    notebook = small("## A sum\n\n$$1 + 1 = 2$$ (eq-two)", executes=["eq-two"])
    inside = [nbformat.v4.new_markdown_cell("```{exercise-start} Add\n:label: ex-add\n```\n\n$$1 + 2 = 3$$ (eq-three)"),
              nbformat.v4.new_markdown_cell("This is wrong:\n\n```python\n# no heading\n```"),
              nbformat.v4.new_code_cell("check(add)", metadata={"equations": ["eq-three"]}),
              nbformat.v4.new_markdown_cell("```{solution-end}\n```")]
    notebook.cells[2:2] = inside
    assert [entry.split("\n")[-1] for entry in entries(notebook, "page.ipynb")] == [
        "{eq}`eq-two` of [A sum](page.ipynb) · executed in [Later](page.ipynb)",
        "{eq}`eq-three` of [Add](#ex-add) · executed by its check"]


def test_cleaning_a_notebook_keeps_what_its_cells_execute():
    notebook = small(tests={"eq-three": TEST})
    cells = cleaned(notebook).cells
    assert cells[-1].metadata.equations == ["eq-two", "eq-three"] and cells[1].metadata.tests == {"eq-three": TEST}
