"""The recipe of the container, as far as it can be tested without a container engine."""

import json
import os
import re
import shutil
import subprocess
import tomllib

import pytest

from cnnlib.grading import sandbox
from cnnlib.grading.questions import WEEKS
from tests.grading.bare import closure, make_environment
from tests.paths import ROOT

RECIPE = (ROOT / "Containerfile").read_text()
STEPS = re.sub(r"^#.*\n|\\\n", "", RECIPE, flags=re.MULTILINE).splitlines()
GRADE = ["-m", "cnnlib.grading", "grade", "submissions", "--out", "grades"]


def steps(instruction):
    return [line.removeprefix(instruction).strip() for line in STEPS if line.startswith(f"{instruction} ")]


def installed():
    """The packages that the recipe names."""
    line, = re.findall(r"pip install (.*)", "\n".join(STEPS))
    return line.replace("--no-cache-dir", "").replace("-c /course/constraints.txt", "").split()


def test_the_packages_are_pinned_and_the_python_is_one_that_the_project_takes():
    frozen = {line.partition("==")[0].lower() for line in (ROOT / "constraints.txt").read_text().splitlines()}
    assert set(closure(installed())) <= {name.replace("_", "-") for name in frozen}
    version, = re.fullmatch(r"docker\.io/library/python:(3\.\d+)-slim", steps("FROM")[0]).groups()
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"] == f">={version}"
    assert re.search(r"apt-get install -y --no-install-recommends bubblewrap\b", RECIPE)
    assert steps("USER") == ["grader"] and json.loads(steps("ENTRYPOINT")[0]) == ["python", *GRADE[:2]]


def test_what_is_copied_is_there_and_nothing_else_is_sent_to_the_engine():
    sources = [line.split()[0] for line in steps("COPY")]
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert ignored[0] == "*" and {line[1:] for line in ignored if line.startswith("!")} == set(sources)
    assert all((ROOT / source).exists() for source in sources)


@pytest.fixture
def course(tmp_path):
    """What the container holds, with a class of one. → (python, environment, folder of the class)"""
    python = make_environment(tmp_path / "venv", closure(installed()).values())
    shutil.copytree(ROOT / "cnnlib", tmp_path / "course" / "cnnlib", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "class" / "submissions" / "Ada Lovelace").mkdir(parents=True)
    shutil.copy(ROOT / "solutions" / "week1.ipynb", tmp_path / "class" / "submissions" / "Ada Lovelace")
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path / "course"), "PYTHONDONTWRITEBYTECODE": "1"}
    return python, environment, tmp_path / "class"


def run(course, *start):
    python, environment, folder = course
    return subprocess.run([*start, python, *GRADE], cwd=folder, env=environment, capture_output=True, text=True,
                          timeout=120)


# What the options of the run line leave: namespaces may be made, by a user without any right, and /proc is whole.
ALLOWED = ["bwrap", "--unshare-user", "--uid", "1000", "--gid", "1000", "--unshare-pid", "--unshare-net",
           "--cap-drop", "ALL", "--dev-bind", "/", "/", "--proc", "/proc"]


def test_these_packages_grade_as_a_user_without_rights_in_namespaces(course):
    try:
        sandbox.check_available()
    except sandbox.SandboxUnavailable as error:
        pytest.skip(str(error))
    result = run(course, *ALLOWED)
    assert result.returncode == 0, result.stderr
    total = sum(question.points for question in WEEKS[1])
    row = (course[2] / "grades" / "grades.csv").read_text().splitlines()[1]
    assert row.startswith("Ada Lovelace,") and row.endswith(f",{total},{total},ok,")


@pytest.mark.parametrize("forbidden", [["--ro-bind", "/proc/sys", "/proc/sys"], ["--disable-userns"]],
                         ids=["a covered /proc", "no namespaces"])
def test_without_the_options_grading_refuses_and_says_why(course, forbidden):
    try:
        sandbox.check_available()
    except sandbox.SandboxUnavailable as error:
        pytest.skip(str(error))
    result = run(course, *ALLOWED, *forbidden)
    assert result.returncode == 2 and "bubblewrap does not start here" in result.stderr
    assert "Containerfile" in result.stderr and "Traceback" not in result.stderr
    assert not (course[2] / "grades" / "grades.csv").exists()
