"""Submissions per second of the grader beside nbgrader's, on the same sheets: two processes each.

make bench-grading, or python benchmarks/grading.py [--submissions N] [--rounds N]

A third of the class hands in the solution, a third one with known mistakes, a third the untouched sheet. Whole
commands are timed, from start to end, ours and theirs in turn; what counts is each side's fastest round. nbgrader's two
processes have a course each, since they would wait for one database. It runs a submission as the instructor; ours runs
in a sandbox. nbgrader is in _build/nbgrader, where `make bench-grading` puts it.
"""

import csv
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import nbformat
import typer

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
import sample_class

PROCESSES = 2
PLACE = ROOT / "_build" / "bench-grading"
NBGRADER = ROOT / "_build" / "nbgrader"
# Who reads the grades out of nbgrader's database: id of a student, points.
TOTALS = """
from nbgrader.api import Gradebook
with Gradebook("sqlite:///gradebook.db") as gradebook:
    for submission in gradebook.assignment_submissions("week1"):
        print(submission.student.id, submission.score)
"""


def make_class(count):
    """Write the submissions, for us and for nbgrader's courses. → folder of ours, folders of the courses."""
    shutil.rmtree(PLACE, ignore_errors=True)
    solution = nbformat.read(ROOT / "solutions" / "week1.ipynb", as_version=4)
    handed_in = sample_class.students(solution)
    kinds = [handed_in[name] for name in ("Ada Lovelace", "Srinivasa Ramanujan", "Kurt Gödel")]
    courses = [PLACE / f"course{number}" for number in range(PROCESSES)]
    for course in courses:
        _write(course / "source" / "week1" / "week1.ipynb", solution)
    for number in range(count):
        notebook = kinds[number // PROCESSES % len(kinds)]
        _write(PLACE / "class" / f"student{number}" / "week1.ipynb", notebook)
        _write(courses[number % PROCESSES] / "submitted" / f"student{number}" / "week1" / "week1.ipynb", notebook)
    return PLACE / "class", courses


def _write(path, notebook):
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)


def ours(folder):
    """Mark the class. → seconds, points of each student."""
    out = PLACE / "grades"
    shutil.rmtree(out, ignore_errors=True)
    seconds = _time([[sys.executable, "-m", "cnnlib.grading", "grade", folder, "--out", out, "--jobs", str(PROCESSES)]],
                    [ROOT], {})
    with open(out / "grades.csv", newline="") as stream:
        return seconds, {row["student"]: float(row["total"]) for row in csv.DictReader(stream)}


def theirs(courses):
    """Mark the class with nbgrader, a process for each course. → seconds, points of each student."""
    environment = {"PYTHONPATH": str(NBGRADER), "PATH": f"{NBGRADER / 'bin'}{os.pathsep}{os.environ['PATH']}",
                   "HOME": str(PLACE), "JUPYTER_CONFIG_DIR": str(PLACE / "jupyter")}
    for course in courses:
        shutil.rmtree(course / "autograded", ignore_errors=True)
        (course / "gradebook.db").unlink(missing_ok=True)
        shutil.rmtree(course / "release", ignore_errors=True)
    commands = [[sys.executable, "-m", "nbgrader", *arguments] for arguments in
                (["generate_assignment", "week1", "--create"], ["autograde", "week1", "--create"])]
    _time([commands[0]] * len(courses), courses, environment)
    seconds = _time([commands[1]] * len(courses), courses, environment)
    points = {}
    for course in courses:
        result = subprocess.run([sys.executable, "-c", TOTALS], cwd=course, env={**os.environ, **environment},
                                text=True, capture_output=True, check=True)
        points.update((name, float(score)) for name, score in map(str.split, result.stdout.splitlines()))
    return seconds, points


def _time(commands, folders, environment):
    """Seconds that commands take that run at the same time."""
    began = time.perf_counter()
    running = [subprocess.Popen(list(map(str, command)), cwd=folder, env={**os.environ, **environment},
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
               for command, folder in zip(commands, folders, strict=True)]
    for process in running:
        _, errors = process.communicate()
        if process.returncode:
            raise SystemExit(f"{' '.join(process.args)} failed:\n{errors[-2000:]}")
    return time.perf_counter() - began


def main(
    submissions: Annotated[int, typer.Option(min=3, help="How many are marked.")] = 60,
    rounds: Annotated[int, typer.Option(min=1)] = 2,
):
    if not (NBGRADER / "nbgrader").is_dir():
        raise SystemExit("nbgrader is not there: run make bench-grading")
    folder, courses = make_class(submissions)
    times = {"cnnlib": [], "nbgrader": []}
    for _ in range(rounds):
        seconds, points = ours(folder)
        times["cnnlib"].append(seconds)
        seconds, others = theirs(courses)
        times["nbgrader"].append(seconds)
        if points != others:
            unlike = {name: (points.get(name), others.get(name)) for name in points if points[name] != others.get(name)}
            raise SystemExit(f"the two do not give the same points: {unlike}")
    print(f"{submissions} submissions of week 1, {PROCESSES} processes each, the same points from both")
    for name, seconds in times.items():
        print(f"{name:10} {submissions / min(seconds):6.2f} submissions per second   ({min(seconds):.1f} s)")
    print(f"ratio      {min(times['nbgrader']) / min(times['cnnlib']):6.1f}")


if __name__ == "__main__":
    typer.run(main)
