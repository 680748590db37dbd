"""Questions are written where they are shown; solutions score full marks, untouched sheets none, wrong code nothing."""

import copy
import json
import re
import shutil

import nbformat
import pytest
from typer.testing import CliRunner

from cnnlib.grading import sheet, text
from cnnlib.grading.__main__ import app
from cnnlib.grading.question import KINDS
from cnnlib.grading.questions import MODULES, WEEKS
from tests.grading import own

FOLDERS = ("chapters", "solutions", "exercises")
PARTS = [(week, part) for week, module in MODULES.items() for part in module.NOTEBOOKS]
PRACTICE = [(week, part, question) for week, part in PARTS for question in part.QUESTIONS if question.practice]


@pytest.fixture
def project(root, tmp_path):
    """A copy of the folders in which questions are shown."""
    for name in FOLDERS:
        shutil.copytree(root / name, tmp_path / name)
    return tmp_path


def chapter(root, week, part):
    """The path of a chapter's notebook."""
    path, = (root / "chapters").glob(f"week{week}_*/{part.__name__.rpartition('.')[2]}.ipynb")
    return path


# ---- what is written

def test_solutions_sheets_and_chapters_are_in_step_with_the_questions(root, project):
    written = sheet.write_exercises(project)
    assert len(written) == len(set(written)) == 2 * len(WEEKS) + len(PARTS) + 1
    for path in written:
        name = path.relative_to(project)
        assert path.read_bytes() == (root / name).read_bytes(), \
            f"{name} is not what the questions make: run make exercises"
    for folder in ("solutions", "exercises"):
        assert sorted(path.name for path in (project / folder).glob("*.ipynb")) == sorted(
            f"week{week}.ipynb" for week in WEEKS)


@pytest.mark.parametrize(("week", "part", "question"), PRACTICE, ids=[question.name for *_, question in PRACTICE])
def test_a_chapter_asks_in_the_questions_words(root, week, part, question):
    cells = nbformat.read(chapter(root, week, part), as_version=4).cells
    label = f":label: ex-{question.name.replace('_', '-')}\n"
    start, = (i for i, cell in enumerate(cells)
              if cell.source.startswith("```{exercise-start}") and label in cell.source)
    wanted = text.exercise_cells(question)
    assert [(cell.cell_type, cell.source) for cell in cells[start:start + len(wanted)]] == [
        (cell.cell_type, cell.source) for cell in wanted]
    asked = re.sub(r" \(eq-ex-[\w-]+\)", "", cells[start].source)         # but for the labels of equations
    assert text.words(question) in asked and question.asks in asked
    code = [cell for cell in cells[start:start + len(wanted)] if cell.cell_type == "code"]
    assert "raise NotImplementedError()" in code[0].source and code[1].source == f"check({question.name})"
    assert code[2].source == text.answer(question) and code[2].metadata.jupyter.source_hidden


@pytest.mark.parametrize(("week", "part"), PARTS, ids=[part.__name__.rpartition(".")[2] for _, part in PARTS])
def test_a_notebook_leads_to_three_questions_and_says_which(root, week, part):
    assert len(part.QUESTIONS) >= 3
    further, = (cell.source for cell in nbformat.read(chapter(root, week, part), as_version=4).cells
                if cell.source.startswith("## On the sheet"))
    rows = [line for line in further.splitlines() if line.startswith("| ")][1:]
    assert [row.split(" | ")[0][2:] for row in rows] == [q.title for q in part.QUESTIONS if not q.practice]


@pytest.mark.parametrize("week", WEEKS)
def test_a_week_has_all_kinds_and_little_that_stands_in_the_book(week):
    questions = WEEKS[week]
    assert {question.kind for question in questions} == set(KINDS)
    practice = sum(question.points for question in questions if question.practice)
    assert 0 < 3 * practice <= sum(question.points for question in questions)


@pytest.mark.parametrize("week", WEEKS)
def test_the_front_of_a_sheet_counts(root, week):
    questions = WEEKS[week]
    front = nbformat.read(root / "exercises" / f"week{week}.ipynb", as_version=4).cells[0].source
    count, points, hours, practice = map(int, re.search(
        r"(\d+) questions, (\d+) points, about (\d+) hours\. (\d+) of the points", front).groups())
    assert (count, points) == (len(questions), sum(question.points for question in questions))
    assert abs(hours - sum(question.minutes for question in questions) / 60) <= 0.5
    assert practice == sum(question.points for question in questions if question.practice)


# ---- fill_in, on a small chapter

def small(*sources):
    """A chapter of Markdown cells and one of code, which ends with its references."""
    cells = [nbformat.v4.new_markdown_cell(source, id=f"cell-{i}") for i, source in enumerate(sources)]
    cells.insert(1, nbformat.v4.new_code_cell("x = 1", id="code", metadata={"tags": ["hide-input"]}))
    return nbformat.v4.new_notebook(cells=[*cells, nbformat.v4.new_markdown_cell("## References", id="references")])


@pytest.fixture
def questions():
    """One for the chapter and one for the sheet alone."""
    first, second = copy.copy(own.by_hand), copy.copy(own.by_spectrum)
    first.practice = True
    first.solution(by_hand)
    first.hints = {"It is reversed": "Flip it."}
    return [first, second]


def by_hand(x, w):
    """(N,), (K,)  →  (N + K − 1,)"""
    return x, w


def test_a_placeholder_is_replaced_and_the_rest_is_kept(questions):
    notebook = small("# A chapter", "exercise: by_hand\n", "Between.", "More.")
    before = copy.deepcopy(notebook.cells)
    text.fill_in(notebook, 1, questions)
    made = text.exercise_cells(questions[0])
    assert [cell.source for cell in notebook.cells] == [
        "# A chapter", "x = 1", *(cell.source for cell in made), "Between.", "More.", notebook.cells[-2].source,
        "## References"]
    assert [cell for cell in notebook.cells if cell in before] == [
        cell for cell in before if not cell.source.startswith("exercise:")]
    assert "| Convolution by way of the spectrum | implement | 10 | ● |" in notebook.cells[-2].source
    assert "Convolution by hand" not in notebook.cells[-2].source and "asks the one question above again" in (
        notebook.cells[-2].source)
    assert made[0].source.startswith("```{exercise-start} Convolution by hand\n:label: ex-by-hand\n```")
    assert "~~~{dropdown} It is reversed\nFlip it.\n~~~" in made[0].source
    nbformat.validate(notebook)


def test_filling_in_again_changes_nothing_and_new_words_replace_the_old(questions):
    notebook = small("# A chapter", "exercise: by_hand", "Behind.")
    text.fill_in(notebook, 1, questions)
    once = nbformat.writes(notebook)
    text.fill_in(notebook, 1, questions)
    assert nbformat.writes(notebook) == once
    questions[0].asks, questions[1].title = "Write it anew.", "Another title"
    text.fill_in(notebook, 1, questions)
    sources = "\n".join(cell.source for cell in notebook.cells)
    assert "Write it anew." in sources and "Write the full convolution" not in sources
    assert "Another title" in sources and sources.count("## On the sheet") == sources.count("Behind.") == 1


@pytest.mark.parametrize(("sources", "problem"), [
    (["# A chapter", "Nothing."], "by_hand must stand in its chapter once, and stands 0 times"),
    (["# A chapter", "exercise: by_hand", "exercise: by_hand"], "and stands 2 times"),
    (["# A chapter", "exercise: by_hand", "```{exercise-start} X\n:label: ex-by-hand\n```", "```{solution-end}\n```"],
     "and stands 2 times"),
    (["# A chapter", "```{exercise-start} X\n:label: ex-by-hand-too\n```", "```{solution-end}\n```"],
     "and stands 0 times"),
    (["# A chapter", "```{solution-end}\n```", "```{exercise-start} X\n:label: ex-by-hand\n```"],
     "by_hand has no cell that begins with ```{solution-end}"),
])
def test_a_question_that_is_missing_doubled_or_without_end_is_told(questions, sources, problem):
    with pytest.raises(ValueError, match=re.escape(problem)):
        text.fill_in(small(*sources), 1, questions)


def test_a_chapter_without_references_is_told(questions):
    notebook = small("# A chapter", "exercise: by_hand")
    del notebook.cells[-1]
    with pytest.raises(ValueError, match="no cell that begins with ## References"):
        text.fill_in(notebook, 1, questions)


def test_a_question_to_be_mended_shows_what_is_wrong():
    question = copy.copy(own.by_hand)
    question.mistakes = []

    @question.given("a product", hint="Add.")
    def _(x, w):
        return x * w
    question.kind = "mend"
    assert text.words(question).endswith("This is wrong:\n\n```python\ndef by_hand(x, w):\n    return x * w\n```")


# ---- sheets

@pytest.mark.parametrize("week", WEEKS)
def test_a_sheet_asks_every_question_and_gives_nothing_away(root, week):
    source = (root / "exercises" / f"week{week}.ipynb").read_text()
    notebook = nbformat.reads(source, as_version=4)
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    for question in WEEKS[week]:
        stubs = [cell for cell in code if f"def {question.name}(" in cell]
        assert len(stubs) == 1 and "raise NotImplementedError()" in stubs[0] and stubs[0].count("\n") <= 4
        assert f"check({question.name})" in code
    assert "BEGIN SOLUTION" not in source and "HIDDEN TESTS" not in source


@pytest.mark.parametrize("week", WEEKS)
def test_solutions_carry_nbgraders_metadata_and_the_points_of_the_questions(root, week):
    notebook = nbformat.read(root / "solutions" / f"week{week}.ipynb", as_version=4)
    metadata = {cell.metadata.nbgrader.grade_id: (cell.metadata.nbgrader, cell.source)
                for cell in notebook.cells if "nbgrader" in cell.metadata}
    for question in WEEKS[week]:
        answer, source = metadata[question.name]
        assert answer.solution and not answer.grade and "### BEGIN SOLUTION" in source
        test, source = metadata[f"check_{question.name}"]
        assert test.grade and test.locked and test.points == question.points
        assert f"assert check({question.name}).passed" in source, "nbgrader would give full points to a wrong answer"
    assert len(metadata) == 2 * len(WEEKS[week])


def test_solutions_score_full_marks_and_untouched_sheets_none(root):
    solved = sheet.mark_sheet(root / "solutions" / "week1.ipynb")
    assert all(row["passed"] for row in solved) and len(solved) == len(WEEKS[1])
    untouched = sheet.mark_sheet(root / "exercises" / "week1.ipynb")
    assert not any(row["passed"] for row in untouched)
    assert {row["verdict"] for row in untouched} == {"not answered yet"}


def answered(root, tmp_path, **answers):
    """The sheet with some functions replaced by other source code."""
    notebook = nbformat.read(root / "exercises" / "week1.ipynb", as_version=4)
    for cell in notebook.cells:
        for name, source in answers.items():
            if f"def {name}(" in cell.source:
                cell.source = source
    path = tmp_path / "week1.ipynb"
    nbformat.write(notebook, path)
    return path


def test_a_sheet_with_wrong_right_broken_and_missing_answers(root, tmp_path):
    path = answered(
        root, tmp_path,
        count_weights="count_weights = lambda h, w, a, b: ((h * w) ** 2, a * b)",
        correlate2d_valid="def correlate2d_valid(x, w):\n    return np.zeros((3, 3))[5]",
        convolve1d_full="def convolve1d_full(x, w):\n    return np.convolve(x, w[::-1])",
        match_template="1 / 0", correlate2d="import sys; sys.exit()", toeplitz_matrix="correlate = 3",
    )
    rows = {row["question"]: row for row in sheet.mark_sheet(path)}
    assert rows["count_weights"]["passed"]
    assert "IndexError" in rows["correlate2d_valid"]["note"]
    assert rows["convolve1d_full"]["note"] == "the kernel is not flipped"
    assert rows["match_template"]["verdict"] == "not defined"
    assert [name for name, row in rows.items() if row["passed"]] == ["count_weights"]


def test_the_command_line_prints_points_and_names_bad_files(root, tmp_path):
    path = answered(root, tmp_path, count_weights="def count_weights(h, w, a, b):\n    return (h * w) ** 2, a * b")
    broken = tmp_path / "broken" / "week1.ipynb"
    broken.parent.mkdir()
    broken.write_text("{]")
    result = CliRunner().invoke(app, ["check", str(path), str(broken), str(tmp_path / "other.ipynb")])
    total = sum(question.points for question in WEEKS[1])
    assert f"1 of {total} points" in result.output and result.exit_code == 2
    assert "cannot be read as a notebook" in result.output and "one of week1.ipynb" in result.output


def test_the_command_line_writes_what_shows_questions(project):
    for folder in ("solutions", "exercises"):
        (project / folder / "week1.ipynb").unlink()
    result = CliRunner().invoke(app, ["exercises", "--root", str(project)])
    assert result.exit_code == 0, result.output
    for folder in ("solutions", "exercises"):
        path = project / folder / "week1.ipynb"
        assert str(path) in result.output and json.loads(path.read_text())["cells"]


@pytest.mark.parametrize("there", [[], ["chapters"], ["solutions"], ["exercises"]])
def test_exercises_are_written_into_the_project_only(tmp_path, there):
    for name in there:
        (tmp_path / name).mkdir()
    result = CliRunner().invoke(app, ["exercises", "--root", str(tmp_path)])
    assert result.exit_code == 2 and result.exception.code == 2
    assert "root must be the project's folder; there is no " in result.output and str(tmp_path) in result.output
    assert sorted(path.name for path in tmp_path.rglob("*")) == there


def test_nothing_is_written_when_a_chapter_lacks_a_question(project, monkeypatch):
    module = next(iter(MODULES.values()))
    lost = copy.copy(own.by_hand)
    lost.practice, lost.answer = True, by_hand
    monkeypatch.setattr(module.NOTEBOOKS[0], "QUESTIONS", [*module.NOTEBOOKS[0].QUESTIONS, lost])
    before = {path: path.read_bytes() for path in project.rglob("*.ipynb")}
    result = CliRunner().invoke(app, ["exercises", "--root", str(project)])
    assert result.exit_code == 2 and "by_hand must stand in its chapter once" in result.output
    assert before == {path: path.read_bytes() for path in project.rglob("*.ipynb")}
