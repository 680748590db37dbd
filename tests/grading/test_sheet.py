"""Sheets are made from solutions; solutions score full marks, untouched sheets none; wrong code scores nothing."""

import json

import nbformat
import pytest
from typer.testing import CliRunner

from cnnlib.grading import sheet
from cnnlib.grading.__main__ import app
from cnnlib.grading.questions import WEEKS


def test_the_exercises_are_in_step_with_the_solutions(root, tmp_path):
    sources = sorted(path.name for path in (root / "solutions").glob("*.ipynb"))
    assert sources == sorted(f"week{week}.ipynb" for week in WEEKS)
    sheet.write_sheets(root / "solutions", tmp_path)
    for name in sources:
        assert (tmp_path / name).read_text() == (root / "exercises" / name).read_text(), \
            f"exercises/{name} is not what solutions/{name} makes: run make exercises"
    assert sorted(path.name for path in (root / "exercises").glob("*.ipynb")) == sources


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


def test_the_command_line_writes_sheets(root, tmp_path):
    result = CliRunner().invoke(app, ["exercises", "--solutions", str(root / "solutions"), "--out", str(tmp_path)])
    assert result.exit_code == 0 and json.loads((tmp_path / "week1.ipynb").read_text())["cells"]
