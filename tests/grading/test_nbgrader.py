"""The solutions are nbgrader's: its own schema and program accept them, and it gives the points that we give.

nbgrader is no part of .venv, where it would switch on its extensions in every student's JupyterLab: `make test` puts it
into _build/nbgrader.
"""

import json
import os
import sqlite3
import subprocess
import sys

import nbformat
import pytest

from cnnlib.grading.questions import WEEKS
from tests.paths import ROOT

FOLDER = ROOT / "_build" / "nbgrader"
KEYS = {"schema_version": int, "grade_id": str, "grade": bool, "locked": bool, "solution": bool, "task": bool}


@pytest.mark.parametrize("week", WEEKS)
def test_the_metadata_follows_nbgraders_schema(root, week):
    """Version 3 of https://nbgrader.readthedocs.io/en/stable/contributor_guide/metadata.html"""
    notebook = nbformat.read(root / "solutions" / f"week{week}.ipynb", as_version=4)
    nbformat.validate(notebook)
    marked = [cell for cell in notebook.cells if "nbgrader" in cell.metadata]
    names = [cell.metadata.nbgrader.grade_id for cell in marked]
    assert marked and len(set(names)) == len(names), "two cells have one grade_id"
    for cell in marked:
        data, name = cell.metadata.nbgrader, cell.metadata.nbgrader.grade_id
        assert name and all(type(data.get(key)) is kind for key, kind in KEYS.items()), name
        assert data.schema_version == 3 and not data.task, name
        assert set(data) == set(KEYS) | ({"points"} if data.grade else set()), name
        assert data.grade != data.solution, f"{name}: either the student's or the grader's"
        assert data.locked == data.grade, f"{name}: a cell that gives points is locked, an answer is not"
        if data.grade:
            assert type(data.points) in (int, float) and data.points > 0, name
        for mark, wanted in (("SOLUTION", data.solution), ("HIDDEN TESTS", data.grade)):
            assert cell.source.count(f"### BEGIN {mark}") == cell.source.count(f"### END {mark}") == wanted, name
    for cell in notebook.cells:
        assert "nbgrader" in cell.metadata or "### " not in cell.source or cell.cell_type == "markdown"


@pytest.fixture(scope="module")
def nbgrader(tmp_path_factory):
    """Runs nbgrader in a course of its own. → (function of arguments, folder of the course)"""
    if not (FOLDER / "nbgrader").is_dir():
        pytest.skip("nbgrader is not here: make test-nbgrader")
    course = tmp_path_factory.mktemp("course")
    environment = {**os.environ, "HOME": str(course), "JUPYTER_CONFIG_DIR": str(course / "jupyter"),
                   "PYTHONPATH": str(FOLDER), "PATH": f"{FOLDER / 'bin'}{os.pathsep}{os.environ['PATH']}"}

    def run(*arguments):
        result = subprocess.run([sys.executable, "-m", "nbgrader", *arguments], cwd=course, env=environment, text=True,
                                capture_output=True, timeout=300)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout + result.stderr

    for week in WEEKS:
        target = course / "source" / f"week{week}" / f"week{week}.ipynb"
        target.parent.mkdir(parents=True)
        target.write_bytes((ROOT / "solutions" / target.name).read_bytes())
    return run, course


@pytest.mark.parametrize("week", WEEKS)
def test_nbgrader_validates_the_solutions(nbgrader, week):
    run, course = nbgrader
    assert "Success! Your notebook passes all the tests." in run("validate", f"source/week{week}/week{week}.ipynb")


@pytest.mark.parametrize("week", WEEKS)
def test_nbgrader_generates_our_sheet_and_gives_our_points(nbgrader, week):
    run, course = nbgrader
    name = f"week{week}"
    run("generate_assignment", name, "--create")
    released = nbformat.read(course / "release" / name / f"{name}.ipynb", as_version=4)
    ours = nbformat.read(ROOT / "exercises" / f"{name}.ipynb", as_version=4)

    def plain(notebook):
        return [(cell.cell_type, cell.source.replace("# YOUR CODE HERE", "# your code here").strip())
                for cell in notebook.cells]
    assert plain(released) == plain(ours)

    for student, folder in (("solved", "solutions"), ("untouched", "exercises")):
        target = course / "submitted" / student / name / f"{name}.ipynb"
        target.parent.mkdir(parents=True)
        target.write_bytes((ROOT / folder / f"{name}.ipynb").read_bytes())

    def points():
        """Of each student, in all weeks."""
        with sqlite3.connect(course / "gradebook.db") as database:
            return dict(database.execute("""
                SELECT submitted_assignment.student_id, SUM(COALESCE(grade.manual_score, grade.auto_score))
                FROM grade JOIN submitted_notebook ON grade.notebook_id = submitted_notebook.id
                JOIN submitted_assignment ON submitted_notebook.assignment_id = submitted_assignment.id
                GROUP BY submitted_assignment.student_id"""))

    before = points()
    run("autograde", name, "--create")
    new = {student: count - before.get(student, 0) for student, count in points().items()}
    assert new == {"solved": sum(question.points for question in WEEKS[week]), "untouched": 0}, json.dumps(new)
