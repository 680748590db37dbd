"""Submissions that attack: each file of `hostile/` is marked, and what it costs is what it may cost.

A file says in its first lines what it tries and what must come out: `→ STATUS: NAMES` of the questions that pass. It is
put behind `hostile/sheet.py`, in which both questions are answered rightly; what is reached makes `count_weights` fail.
"""

import json
import os
import re
import socket
import time
from pathlib import Path

import pytest

from cnnlib.grading import marking
from cnnlib.grading.marking import mark
from cnnlib.grading.sandbox import Sandbox
from tests.grading.cells import HOSTILE, QUESTIONS, attack, left_in, notebook, passed, space
from tests.grading.classes import need_sandbox

need_sandbox()
ATTACKS = sorted(path.stem for path in HOSTILE.glob("*.py") if path.stem != "sheet")
SECONDS = 1.5                    # of a cell or question in attacks that end with a timeout
SECRET = "a-secret-of-the-grader-3141"


def expectation(name):
    """What the file says that must come out: status, names of the questions that pass."""
    status, names = re.search(r"^# → (\w+): (\w+)$", (HOSTILE / f"{name}.py").read_text(), re.MULTILINE).groups()
    return status, {"both": QUESTIONS, "none": []}.get(names, [names])


@pytest.fixture
def outside(tmp_path, monkeypatch):
    """What an attack could reach: listeners, another student's sheet, a secret in the environment, this repository."""
    monkeypatch.setenv("GRADERS_KEY", SECRET)
    other = tmp_path / "submissions" / "somebody else"
    other.mkdir(parents=True)
    (other / "week1.ipynb").write_text("{}")
    abstract = f"cnnlib-test-{os.getpid()}"
    inet, unix = socket.create_server(("127.0.0.1", 0)), socket.socket(socket.AF_UNIX)
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind(inet.getsockname())
    unix.bind(f"\0{abstract}")
    unix.listen()
    for listener in (inet, unix, datagrams):
        listener.setblocking(False)
    words = {"PORT": inet.getsockname()[1], "ABSTRACT": abstract, "SECRET": SECRET, "OTHER": other,
             "ROOT": Path(__file__).resolve().parents[2]}
    with inet, unix, datagrams:
        yield words, (inet.accept, unix.accept, lambda: datagrams.recv(1))


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_costs_what_it_may_cost_and_reaches_nothing(name, outside, monkeypatch):
    words, listeners = outside
    status, names = expectation(name)
    if status == "timeout":
        monkeypatch.setattr(marking, "CELL_SECONDS", SECONDS)
        monkeypatch.setattr(marking, "QUESTION_SECONDS", SECONDS)
    sandboxes, spaces = [], set()

    def start():
        sandboxes.append(Sandbox())
        spaces.add(space(sandboxes[-1]))
        return sandboxes[-1]

    before = {path: os.stat(path)[:6] for path in ("/dev/null", "/dev/zero")}
    began = time.monotonic()
    record = mark(notebook(*attack(name, **words)), 1, QUESTIONS, start)
    took = time.monotonic() - began
    told = json.dumps(record, indent=1)
    assert (record["status"], passed(record)) == (status, names), told
    assert took < 30
    _check_record(record)
    for accept in listeners:
        with pytest.raises(BlockingIOError):
            accept()
    assert SECRET not in told
    assert before == {path: os.stat(path)[:6] for path in before}
    assert all(sandbox.process.poll() is not None for sandbox in sandboxes)
    assert not left_in(spaces)


def _check_record(record):
    """Whatever a student's code says, a record is bounded, plain and without characters that do something."""
    text = json.dumps(record, allow_nan=False, ensure_ascii=False)
    assert len(text.encode()) < 100_000
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", re.sub(r"\\[nrt\"\\u]", " ", text))
    assert record["status"] in marking.STATUSES and record["max"] == 3
    assert record["total"] == sum(row["points"] for row in record["questions"] if row["status"] == "passed")
    assert len(record["reason"]) <= 500 and bool(record["reason"]) == (record["total"] < 3 or record["status"] != "ok")
    for row in record["questions"]:
        assert len(row["problem"]) <= 500 and len(row["line"]) <= 2400
