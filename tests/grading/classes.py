"""Classes of small submissions, and the command line as instructors use it."""

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from cnnlib.grading import sandbox
from cnnlib.grading.__main__ import app
from cnnlib.grading.batch.store import DATABASE, Store
from tests.paths import ROOT

RIGHT = "def count_weights(height, width, a, b):\n    return (height * width) ** 2, a * b"
WRONG = "def count_weights(height, width, a, b):\n    return a * b, (height * width) ** 2"


def need_sandbox():
    """Skip the tests of a module where no sandbox starts."""
    try:
        sandbox.check_available()
    except sandbox.SandboxUnavailable as error:
        pytest.skip(str(error), allow_module_level=True)


def hand_in(folder, name, content, week=1):
    """Write what a student hands in. name: text, or bytes of the file system; content: bytes, or None for no file."""
    place = os.path.join(os.fsencode(folder), os.fsencode(name))
    os.makedirs(place, exist_ok=True)
    path = os.path.join(place, b"week%d.ipynb" % week)
    if content is not None:
        with open(path, "wb") as stream:
            stream.write(content)
    return path


def command(*arguments, environment=None, errors=subprocess.PIPE):
    """The command line of the grader, started. Its session is its own, so that a signal can reach all of it."""
    return subprocess.Popen(
        [sys.executable, "-m", "cnnlib.grading", *map(os.fsencode, map(str, arguments))], cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=errors, encoding="utf-8", start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),         # a shell's `&` ignores it
        env={**os.environ, "COLUMNS": "200", **(environment or {})})


def run(*arguments, status=0, environment=None):
    """Run the grader to its end. → what it wrote to standard output, and to standard error."""
    with command(*arguments, environment=environment) as process:
        output, errors = process.communicate(timeout=240)
    assert process.returncode == status, f"exit status {process.returncode}:\n{output}\n{errors}"
    assert "Traceback" not in output + errors
    return output, errors


def invoke(*arguments, status=0):
    """The same in this process, which saves a second. → what it wrote to standard output, and to standard error."""
    result = CliRunner().invoke(app, list(map(str, arguments)))
    assert result.exit_code == status, result.output
    return result.stdout, result.stderr


def rows(out):
    """The rows of the database, as dicts by name."""
    with sqlite3.connect(out / "grades.sqlite") as database:
        database.row_factory = sqlite3.Row
        found = {row["student"]: dict(row) for row in database.execute("SELECT * FROM results ORDER BY name")}
    database.close()
    return found


def count(out):
    """How many rows the database has by now."""
    try:
        return len(rows(out))
    except sqlite3.Error:
        return 0


def same_cases(done, out):
    """A database without marks and with the cases of a run that is done; → that run's grades.csv."""
    shutil.copy(done / DATABASE, out)
    with contextlib.closing(Store(out / DATABASE)) as store:
        store.keep_only([])
    return (done / "grades.csv").read_bytes()
