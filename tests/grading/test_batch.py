"""A class from the command line to the files: all that can lie in a folder, and all that can happen to a run."""

import contextlib
import csv
import fcntl
import json
import multiprocessing
import os
import signal
import sys
import time
import urllib.parse

import psutil
import pytest

from cnnlib.grading import marking
from cnnlib.grading.batch import attempt, commands, pool, reports
from cnnlib.grading.batch.attempt import BatchError
from cnnlib.grading.batch.progress import Progress
from cnnlib.grading.batch.store import DATABASE, Store
from cnnlib.grading.marking import lost, mark
from cnnlib.grading.questions import WEEKS
from cnnlib.grading.sandbox import SandboxUnavailable
from cnnlib.grading.submission import Submission
from tests.grading.cells import notebook
from tests.grading.classes import RIGHT, WRONG, command, count, hand_in, invoke, need_sandbox, rows, run, same_cases
from tests.paths import ROOT

need_sandbox()
QUESTIONS = [question.name for question in WEEKS[1]]
MOST = sum(question.points for question in WEEKS[1])
SOLUTION = (ROOT / "solutions" / "week1.ipynb").read_bytes()
NAMES = ["Doe, Jane", 'Grace "H" Hopper', "line\nbreak", "up\\..\\..", "%2e%2e%2fup", "up..", "=1+2", "+1", "-1", "@a",
         "\ttab", "<script>alert(1)<", "&amp;", "\x1b[31mred", "[red]rich[blink]", " space ", "é" * 120, "n" * 255,
         "日本", b"\xff\xfe", b"a\x80", "\u202eabc", "{{ 1 }}", "week1.ipynb", "CON", "a'b", "a;b", "$(touch x)"]


def grades(out):
    """grades.csv as a list of dicts."""
    text = (out / "grades.csv").read_text(encoding="utf-8")
    assert all(character == "\n" or character.isprintable() for character in text)
    return list(csv.DictReader(text.splitlines()))


def submission(name, *sources):
    return Submission(name.encode(), notebook(*sources))


# ---- what can lie in a folder

@pytest.fixture(scope="module")
def odd_class(tmp_path_factory):
    """A class with everything that is no plain notebook under a plain name."""
    folder = tmp_path_factory.mktemp("odd") / "sub missions"
    for name in NAMES:
        hand_in(folder, name, notebook(RIGHT))
    hand_in(folder, "z empty folder", None)
    hand_in(folder, "z not JSON", b"{]")
    hand_in(folder, "z a list", b"[1, 2]")
    hand_in(folder, "z empty file", b"")
    hand_in(folder, "z deep", b"[" * 1_000_000)
    hand_in(folder, "z not UTF-8", b'{"cells": "\xff"}')
    hand_in(folder, "z byte-order mark", b"\xef\xbb\xbf" + notebook(RIGHT))
    hand_in(folder, "z large", notebook(RIGHT, "x = '''" + "a" * (10 << 20) + "'''"))
    hand_in(folder, "z half a pair", notebook(
        RIGHT, "x = '\ud800'", "def p4_lift(x, w):\n    raise ValueError('\\ud800\\0\\x1b[2J')"))
    huge = hand_in(folder, "z huge", b"")
    os.truncate(huge, 3 << 30)
    (folder / "z directory" / "week1.ipynb").mkdir(parents=True)
    secret = hand_in(folder, ".hidden", notebook(RIGHT)).decode()
    os.makedirs(folder / "z link")
    os.symlink(secret, folder / "z link" / "week1.ipynb")
    os.symlink(folder / "z large", folder / "z linked folder")
    os.makedirs(folder / "z pipe")
    os.mkfifo(folder / "z pipe" / "week1.ipynb")
    os.makedirs(folder / "z device")
    try:
        os.mknod(folder / "z device" / "week1.ipynb", 0o600 | 0o020000, os.makedev(1, 5))        # /dev/zero
    except PermissionError:
        os.rmdir(folder / "z device")
    (folder / "loose.ipynb").write_bytes(notebook(RIGHT))
    (folder / "week1.ipynb.txt").write_text("a loose file")
    return folder


@pytest.fixture(scope="module")
def odd_grades(odd_class):
    out = odd_class.parent / "out"
    output, errors = run("grade", odd_class, "--out", out, "--jobs", 2)
    assert not any(ord(character) < 32 and character != "\n" for character in output + errors)
    return out


def test_every_folder_is_a_student_and_nothing_else_is(odd_class, odd_grades):
    names = sorted(entry.name for entry in os.scandir(os.fsencode(odd_class))
                   if (entry.is_symlink() or entry.is_dir(follow_symlinks=False)) and entry.name != b".hidden")
    found = [row["name"] for row in rows(odd_grades).values()]
    assert found == names and len(grades(odd_grades)) == len(names)


def test_what_is_no_notebook_costs_only_its_student(odd_grades):
    found = rows(odd_grades)
    wanted = {"z empty folder": "missing", "z not JSON": "invalid", "z a list": "invalid", "z empty file": "invalid",
              "z deep": "invalid", "z not UTF-8": "invalid", "z huge": "invalid", "z directory": "invalid",
              "z link": "invalid", "z linked folder": "invalid", "z pipe": "invalid", "z device": "invalid"}
    for name, status in wanted.items():
        if name in found or name != "z device":
            assert (found[name]["status"], found[name]["total"]) == (status, 0), name
            assert 0 < len(found[name]["reason"]) <= 500
    for name in set(found) - set(wanted):
        assert (found[name]["status"], found[name]["total"]) == ("ok", 1), name


def test_the_table_is_inert_and_complete(odd_grades):
    table = grades(odd_grades)
    assert list(table[0]) == ["student", *QUESTIONS, "total", "max", "status", "reason"]
    for row in table:
        assert not any(row[name].startswith(("=", "+", "-", "@")) for name in ("student", "reason"))
        assert row["max"] == str(MOST) and float(row["total"]) == sum(float(row[name]) for name in QUESTIONS)
        assert row["reason"]                                             # all of them lost something
    shown = {row["student"] for row in table}
    assert {"'=1+2", "line\\x0abreak", "\\x1b[31mred", "\\xff\\xfe", "Doe, Jane", 'Grace "H" Hopper'} <= shown


def test_every_student_has_files_under_the_quoted_name(odd_class, odd_grades):
    stems = set()
    for row in rows(odd_grades).values():
        stem = urllib.parse.quote_from_bytes(row["name"], safe="")
        assert row["stem"] == stem or len(stem) > 150 and row["stem"].startswith(stem[:100])
        stems.add(row["stem"])
        assert json.loads((odd_grades / "gradescope" / f"{row['stem']}.json").read_text())["score"] == row["total"]
        assert (odd_grades / "html" / "students" / f"{row['stem']}.html").exists()
    assert len(stems) == len(os.listdir(odd_grades / "gradescope"))
    assert sorted(os.listdir(odd_grades)) == ["grades.csv", "grades.sqlite", "gradescope", "html"]


def test_one_process_gives_what_two_give(odd_class, odd_grades, tmp_path):
    run("grade", odd_class, "--out", tmp_path, "--jobs", 1)
    assert (tmp_path / "grades.csv").read_bytes() == (odd_grades / "grades.csv").read_bytes()


def test_the_table_of_results_has_the_promised_columns(odd_grades):
    row = rows(odd_grades)["Doe, Jane"]
    assert {"student", "stem", "total", "max", "status", "reason", "finished", "week", "digest", "record"} <= set(row)
    assert row["finished"].endswith("+00:00") and row["week"] == 1
    assert json.loads(row["record"])["questions"][0]["name"] == QUESTIONS[0]


def test_a_class_of_samples(tmp_path):
    sys.path.insert(0, str(ROOT / "scripts"))
    import sample_class

    sample_class.write(tmp_path / "class")
    first = {path: path.read_bytes() for path in tmp_path.rglob("*.ipynb")}
    sample_class.write(tmp_path / "class")
    assert first == {path: path.read_bytes() for path in tmp_path.rglob("*.ipynb")}
    run("grade", tmp_path / "class", "--out", tmp_path / "out")
    found = {row["student"].lstrip("'"): (float(row["total"]), row["status"]) for row in grades(tmp_path / "out")}
    points = {question.name: question.points for question in WEEKS[1]}
    begun = sum(points[name] for name in sample_class.BEGUN)

    def without(*names):
        return MOST - sum(points[name] for name in names)
    assert found == {
        "Ada Lovelace": (MOST, "ok"), "Emmy Noether": (MOST, "ok"), 'O"Connor, Grace': (MOST, "ok"),
        "=HYPERLINK(1)": (MOST, "ok"),
        "Carl Friedrich Gauß": (without("correlate2d_valid"), "ok"),
        "Sofja Kowalewskaja": (without("correlate2d_valid"), "ok"),
        "Srinivasa Ramanujan": (without("convolve1d_full", "im2col"), "ok"),
        "Évariste Galois": (begun, "ok"), "Kurt Gödel": (0, "ok"),
        "Alan Turing": (begun - points["toeplitz_matrix"] - points["match_template"], "ok"),
        "John Nash": (0, "missing"), "Paul Erdős": (0, "invalid"),
        "hostile: an endless loop": (without("fft_convolve2d"), "timeout"),
        "hostile: prints without end": (without("fft_convolve2d"), "timeout"),
        "hostile: forks": (without("im2col"), "ok"), "hostile: takes all memory": (without("p4_lift"), "ok"),
        "hostile: leaves": (without("p4_lift"), "crash")}


# ---- what can happen to a run

def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def larger_class(tmp_path_factory):
    """Twenty sheets, and what they come to without disturbance."""
    folder = tmp_path_factory.mktemp("larger")
    for number in range(20):
        content = (SOLUTION, notebook(WRONG), SOLUTION.replace(b"def correlate2d(", b"def another("))[number % 3]
        hand_in(folder / "class", f"student {number}", content)
    run("grade", folder / "class", "--out", folder / "out")
    return folder / "class", folder / "out"


def test_a_killed_run_leaves_no_process_and_is_resumed_to_the_same_grades(larger_class, tmp_path):
    folder, done = larger_class
    undisturbed = same_cases(done, tmp_path)
    with command("grade", folder, "--out", tmp_path, "--jobs", 2) as process:
        wait_for(lambda: count(tmp_path) >= 5)
        family = psutil.Process(process.pid).children(recursive=True)
        process.kill()
    assert len(family) >= 2
    _, alive = psutil.wait_procs(family, timeout=20)
    assert not [child for child in alive if child.status() != psutil.STATUS_ZOMBIE]
    before = rows(tmp_path)
    assert 5 <= len(before) < 20
    _, errors = run("grade", folder, "--out", tmp_path)
    assert f"{len(before)} of 20 need no marking" in errors
    after = rows(tmp_path)
    assert all(after[name] == row for name, row in before.items())
    assert (tmp_path / "grades.csv").read_bytes() == undisturbed


def test_an_interrupt_ends_a_run_and_keeps_what_is_done(larger_class, tmp_path):
    folder, done = larger_class
    undisturbed = same_cases(done, tmp_path)
    with command("grade", folder, "--out", tmp_path, "--jobs", 2) as process:
        wait_for(lambda: count(tmp_path) >= 3)
        os.killpg(process.pid, signal.SIGINT)                            # as a terminal's Ctrl-C: to all of them
        output, errors = process.communicate(timeout=30)
    assert process.returncode == 130 and "what is marked is kept" in errors and "Traceback" not in output + errors
    assert 3 <= count(tmp_path) < 20
    run("grade", folder, "--out", tmp_path)
    assert (tmp_path / "grades.csv").read_bytes() == undisturbed


def test_a_killed_worker_loses_nothing(larger_class, tmp_path):
    folder, done = larger_class
    undisturbed = same_cases(done, tmp_path)
    with command("grade", folder, "--out", tmp_path, "--jobs", 2) as process:
        wait_for(lambda: count(tmp_path) >= 3)
        worker = next(child for child in psutil.Process(process.pid).children() if "spawn_main" in str(child.cmdline()))
        worker.kill()
        output, errors = process.communicate(timeout=120)
    assert process.returncode == 0 and "Traceback" not in output + errors
    assert (tmp_path / "grades.csv").read_bytes() == undisturbed


def dies():
    """In place of a sandbox: the end of the worker's process."""
    os.kill(os.getpid(), signal.SIGKILL)


def breaks():
    raise RuntimeError("\ud800 a fault of the grader")


def is_not_there():
    raise SandboxUnavailable("bubblewrap has gone")


@pytest.mark.parametrize("make, reason", [(dies, "the grader's own process died twice"),
                                          (breaks, "the grader failed twice: RuntimeError: ? a fault of the grader")])
def test_who_ends_the_graders_process_twice_is_given_up(make, reason):
    marks = list(pool.in_processes([submission("a", RIGHT), submission("b", RIGHT)], 1, jobs=2, make=make))
    assert sorted(submission.name for submission, _ in marks) == [b"a", b"b"]
    for _, record in marks:
        assert (record["status"], record["reason"], record["total"]) == ("crash", reason, 0)
        assert len(record["questions"]) == len(QUESTIONS)


def hangs():
    time.sleep(1000)


def test_a_worker_that_hangs_counts_as_dead(monkeypatch):
    monkeypatch.setattr(pool, "HANGS", 0.3)
    (_, record), = pool.in_processes([submission("a", RIGHT)], 1, make=hangs)
    assert record["reason"] == "the grader's own process died twice" and not multiprocessing.active_children()


def test_a_run_ends_when_no_sandbox_starts_any_more():
    with pytest.raises(BatchError, match="bubblewrap has gone"):
        list(pool.in_processes([submission("a", RIGHT)], 1, make=is_not_there))
    assert not multiprocessing.active_children()


def test_contents_are_read_when_a_process_is_free():
    taken = []

    def contents():
        for number in range(6):
            taken.append(number)
            yield submission(f"s{number}", RIGHT)

    for done, (_, record) in enumerate(pool.in_processes(contents(), 1, jobs=2)):
        assert len(taken) <= done + 2 and record["total"] == 1
    assert done == 5 and not multiprocessing.active_children()


def test_a_sandbox_that_died_while_it_waited_is_replaced_and_none_is_used_twice():
    with contextlib.closing(attempt.Warm()) as start:
        given = [start()]
        start.next.wait_ready()
        start.next.process.kill()
        start.next.process.wait()
        given += [start(), start()]
        assert mark(notebook(RIGHT), 1, start=lambda: given[1])["total"] == 1
        assert len({id(sandbox) for sandbox in given}) == 3 and start.next not in given
        for sandbox in given:
            sandbox.close()
        waiting = start.next
    assert waiting.process.poll() is not None


# ---- what is marked again, and what is not

class Counting:
    """Workers that mark nothing and remember whom they were given."""

    def __init__(self, total=0):
        self.asked, self.total = [], total

    def check(self):
        pass

    def mark(self, submissions, week, questions=None, seed=0):
        for submission in submissions:
            self.asked.append(submission.student)
            record = lost(week, "ok", "counted", questions)
            record["questions"][0]["score"] = record["total"] = self.total
            yield submission, record


@pytest.fixture
def small_class(tmp_path):
    for name in ("a", "b", "c"):
        hand_in(tmp_path / "class", name, notebook(RIGHT))
    return tmp_path / "class", tmp_path / "out"


def graded(folder, out, **options):
    """Whom a run marks, and what it says."""
    counting, lines = Counting(), []
    commands.grade(folder, out, workers=counting, say=lines.append, **options)
    return counting.asked, "\n".join(lines)


def test_only_what_changed_is_marked_again(small_class, monkeypatch):
    folder, out = small_class
    assert graded(folder, out)[0] == ["a", "b", "c"]
    before = rows(out)
    asked, said = graded(folder, out)
    assert asked == [] and "3 of 3 need no marking" in said and rows(out) == before
    hand_in(folder, "b", notebook(WRONG))
    os.utime(hand_in(folder, "c", notebook(RIGHT)))                      # written again, but the same
    hand_in(folder, "d", notebook(RIGHT))
    hand_in(folder, "e", None)
    assert graded(folder, out)[0] == ["b", "d"]
    assert rows(out)["a"] == before["a"] and rows(out)["e"]["status"] == "missing"
    hand_in(folder, "e", notebook(RIGHT))
    assert graded(folder, out)[0] == ["e"]
    monkeypatch.setattr(WEEKS[1][0], "asks", "something else")
    assert graded(folder, out)[0] == ["a", "b", "c", "d", "e"]


def test_who_is_gone_is_taken_out(small_class):
    folder, out = small_class
    graded(folder, out)
    (folder / "b" / "week1.ipynb").unlink()
    (folder / "b").rmdir()
    asked, said = graded(folder, out)
    assert asked == [] and "1 students are no longer in" in said and said.splitlines()[0].endswith(": b")
    assert [row["student"] for row in grades(out)] == ["a", "c"] and list(rows(out)) == ["a", "c"]
    assert not (out / "gradescope" / "b.json").exists()


def test_one_question_is_marked_again_and_the_others_stay(small_class):
    folder, out = small_class
    hand_in(folder, "b", notebook(WRONG, "def p4_lift(x, w):\n    raise SystemExit"))
    hand_in(folder, "x", b"{]")
    hand_in(folder, "y", None)
    invoke("grade", folder, "--out", out)
    before = rows(out)
    for row in before.values():                                          # as if both had been marked by other questions
        record = json.loads(row["record"])
        for question in record["questions"]:
            question["score"], question["status"] = 0, "wrong"
        with contextlib.closing(Store(out / DATABASE)) as store:
            store.put(Submission(row["name"], None, ""), 1, {**record, "total": 0}, json.loads(row["versions"]))
            store.connection.execute("UPDATE results SET digest = ? WHERE stem = ?", (row["digest"], row["stem"]))
    hand_in(folder, "c", notebook(WRONG))
    output, errors = invoke("regrade", out, folder, "--question", "count_weights")
    assert "1 submissions changed since they were marked and 0 are gone" in errors
    after = {name: json.loads(row["record"]) for name, row in rows(out).items()}
    assert [after[name]["total"] for name in "abcxy"] == [1, 0, 0, 0, 0]
    assert {question["status"] for question in after["a"]["questions"][1:]} == {"wrong"}
    assert after["b"]["questions"][0]["mistake"] == "the two numbers are exchanged"
    assert after["c"] == {**json.loads(before["c"]["record"]), "questions": after["c"]["questions"], "total": 0}
    assert [row["count_weights"] for row in grades(out)] == ["1", "0", "0", "0", "0"]
    invoke("regrade", out, folder, "--question", "nothing", status=2)


def test_regrading_lifts_a_status_with_its_cause():
    old = mark(notebook("import os\ndef count_weights(*a):\n    os._exit(1)", "def im2col(*a):\n    return 3"), 1)
    new = mark(notebook(RIGHT, "def im2col(*a):\n    return 3"), 1, ["count_weights"])
    assert old["status"] == "crash" and "count_weights" in old["reason"]
    merged = commands._merged(old, new, 1)
    assert merged["status"] == "ok" and merged["total"] == 1 and "count_weights" not in merged["reason"]
    whole = mark(notebook(RIGHT, "def im2col(*a):\n    return 3"), 1)
    assert merged == whole
    assert commands._merged(whole, lost(1, "invalid", "no JSON", ["im2col"]), 1)["reason"] == "no JSON"
    stopped = {**new, "status": "timeout", "cells": ["cell 2: it took too long"]}
    assert commands._merged(old, stopped, 1)["reason"].startswith("cell 2: it took too long; correlate2d_valid: ")


def test_reports_are_written_anew_and_a_mark_is_explained(small_class):
    folder, out = small_class
    hand_in(folder, "b", notebook(WRONG))
    invoke("grade", folder, "--out", out)
    before = (out / "grades.csv").read_bytes()
    (out / "grades.csv").unlink()
    output, _ = invoke("export", out)
    assert (out / "grades.csv").read_bytes() == before and "3 submissions" in output
    output, _ = invoke("explain", out, "b", "count_weights")
    assert "the two numbers are exchanged" in output and "got = count_weights(" in output
    assert "nobody" in invoke("explain", out, "nobody", "count_weights", status=2)[1]
    assert "p9" in invoke("explain", out, "b", "p9", status=2)[1]


# ---- what stops a run

def test_what_cannot_be_is_said_in_a_line(small_class, tmp_path):
    folder, out = small_class
    occupied = tmp_path / "file"
    occupied.write_text("no folder")
    cases = {
        ("grade", tmp_path / "nowhere", "--out", out): "nowhere cannot be read: No such file",
        ("grade", occupied, "--out", out): "file cannot be read: Not a directory",
        ("grade", folder, "--out", occupied): "file is no folder that can be written",
        ("grade", folder, "--out", occupied / "below"): "is no folder that can be written",
        ("grade", folder, "--out", folder / "grades"): "lies in the folder of submissions",
        ("grade", folder, "--out", out, "--week", 9): f"--week must be one of {', '.join(map(str, WEEKS))}; got 9",
        ("grade", folder, "--out", out, "--no-sandbox"): "--i-trust-these-submissions",
        ("grade", folder, "--out", out, "--scheduler", "nonsense"): "must be an address",
        ("export", tmp_path): "there is no grades.sqlite",
        ("regrade", tmp_path, folder, "--question", "im2col"): "there is no grades.sqlite",
    }
    for arguments, text in cases.items():
        output, errors = invoke(*arguments, status=2)
        assert text in errors and errors.count("\n") == 1 + ("need no marking" in errors) and not output, errors
    out.mkdir(exist_ok=True)
    (out / "grades.sqlite").write_bytes(b"no database" * 1000)
    assert "grades.sqlite cannot be used: file is not a database" in invoke("grade", folder, "--out", out, status=2)[1]


def test_without_bubblewrap_it_refuses_unless_the_submissions_are_trusted(small_class, tmp_path):
    folder, out = small_class
    nothing = {"PATH": str(tmp_path)}
    errors = run("grade", folder, "--out", out, status=2, environment=nothing)[1]
    assert "bubblewrap (bwrap) is not installed" in errors and errors.count("\n") == 1
    hand_in(folder, "b", notebook(WRONG, "open('mine.txt', 'w').write('x')"))
    output, errors = run("grade", folder, "--out", out, "--no-sandbox", "--i-trust-these-submissions",
                         environment=nothing)
    assert "warning: no sandbox" in errors and [row["total"] for row in grades(out)] == ["1", "0", "1"]
    assert not list(folder.rglob("mine.txt")) and not (ROOT / "mine.txt").exists()


def test_weeks_are_told_apart(small_class, monkeypatch):
    folder, out = small_class
    monkeypatch.setattr(commands, "WEEKS", {1: WEEKS[1], 2: WEEKS[1][:1]})
    assert commands._week(folder, None) == 1 and commands._week(folder, 2) == 2
    hand_in(folder, "a", notebook(RIGHT), week=2)
    hand_in(folder, "a", notebook(RIGHT), week=77)
    with pytest.raises(BatchError, match="weeks 1, 2 were handed in: say which"):
        commands._week(folder, None)
    graded(folder, out, week=1)
    with pytest.raises(BatchError, match="holds marks of week 1: give week 2 a folder of its own"):
        graded(folder, out, week=2)
    empty = folder.parent / "empty"
    empty.mkdir()
    with pytest.raises(BatchError, match="say which with --week"):
        commands._week(empty, None)
    monkeypatch.delitem(commands.WEEKS, 2)
    assert commands._week(empty, None) == 1


@pytest.mark.parametrize(("files", "told"), [
    (["Ada L_1_assignsubmission_file_week1.ipynb", "benb_LATE_2_3_week1.ipynb"], "LATE_2_3_week1.ipynb. Each student"),
    (["Ada.zip"], "Ada.zip. Unpack"), (["inner/ada/week1.ipynb", "inner/kurt/week1.ipynb"], "class/inner"),
    (None, "Not a directory")])
def test_a_class_that_would_be_marked_as_nothing_is_refused(tmp_path, files, told):
    folder = tmp_path / "class"
    for name in files or ():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(notebook(RIGHT))
    if files is None:
        folder.write_bytes(notebook(RIGHT))
    output, errors = invoke("grade", folder, "--out", tmp_path / "out", status=2)
    assert told in errors and errors.count("\n") == 1 and not output and not (tmp_path / "out").exists()


def test_a_class_with_what_systems_and_students_leave(tmp_path):
    """Each folder of a student has its row and reason; a name is found however its letters are composed."""
    folder, out = tmp_path / "class", tmp_path / "out"
    hand_in(folder, "Go\u0308del", notebook(RIGHT))
    for name in ("Gödel 2/Week1.ipynb", "Ada/week1.ipynb", "Ada/week1-Copy1.ipynb", "__MACOSX/Ada/._week1.ipynb",
                 "__pycache__/x.pyc", "lost+found/x", "Emmy.zip"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(notebook(RIGHT))
    (folder / "Kurt").symlink_to(folder / "Ada")
    _, errors = invoke("grade", folder, "--out", out, "--jobs", 1)
    assert all(part in errors for part in ("week1.ipynb is marked", "Ada (week1-Copy1.ipynb)", "not marked: Emmy.zip"))
    found = {row["student"]: (row["total"], row["status"]) for row in grades(out)}
    assert found == {"Gödel": ("1", "ok"), "Gödel 2": ("0", "missing"), "Ada": ("1", "ok"), "Kurt": ("0", "invalid")}
    reasons = {row["student"]: row["reason"] for row in grades(out)}
    assert "there is Week1.ipynb: rename it" in reasons["Gödel 2"] and "the folder is a link" in reasons["Kurt"]
    texts = {invoke("explain", out, name, "count_weights")[0]
             for name in ("Gödel", "Go\u0308del", "Go%CC%88del")}
    assert len(texts) == 1 and "Gödel" in texts.pop()


def test_a_name_that_two_students_have_is_asked_for(tmp_path):
    folder, out = tmp_path / "class", tmp_path / "out"
    for name in (b"\\xff", b"\xff"):
        hand_in(folder, name, None)
    invoke("grade", folder, "--out", out, "--week", 1)
    errors = invoke("explain", out, "\\xff", "count_weights", status=2)[1]
    assert "2 students" in errors and "%5Cxff or %FF" in errors
    assert invoke("explain", out, "%FF", "count_weights")[0]


def test_an_empty_class_has_reports_too(tmp_path):
    (tmp_path / "class").mkdir()
    assert "say which with --week" in invoke("grade", tmp_path / "class", "--out", tmp_path / "out", status=2)[1]
    assert "nothing lies there" in invoke("grade", tmp_path / "class", "--out", tmp_path / "out", "--week", 1)[1]
    assert grades(tmp_path / "out") == [] and (tmp_path / "out" / "html" / "index.html").exists()


def test_two_runs_do_not_write_to_one_place(small_class):
    folder, out = small_class
    out.mkdir()
    lock = os.open(out, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    with pytest.raises(BatchError, match="another run is writing to"):
        graded(folder, out)
    os.close(lock)
    assert graded(folder, out)[0] == ["a", "b", "c"]


def test_a_full_disk_and_a_fault_of_ours_are_said_in_a_line(small_class, monkeypatch):
    folder, out = small_class

    def full(*_):
        raise OSError(28, "No space left on device")

    def wrong(*_):
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(commands, "in_processes", lambda submissions, week, *_: Counting().mark(submissions, week))
    monkeypatch.setattr(reports, "write", full)
    errors = invoke("grade", folder, "--out", out, status=2)[1]
    assert "the marks are in" in errors and "No space left" in errors and errors.count("\n") == 2
    monkeypatch.setattr(reports, "write", wrong)
    errors = invoke("grade", folder, "--out", out, status=2)[1]
    assert "a fault of the grader: ZeroDivisionError: oh" in errors and errors.count("\n") == 2
    assert len(rows(out)) == 3


def test_progress_tells_counts_and_the_time_left(monkeypatch):
    lines = []
    progress = Progress(4, 1, {"missing": 1}, lines.append, seconds=0)
    with progress:
        for status in ("ok", "timeout", "ok"):
            progress.add(status)
    assert lines[0].startswith("2 of 4 done (1 ok, 1 missing), about ") and lines[0].endswith(" s left")
    assert lines[-1] == "4 of 4 done (2 ok, 1 timeout, 1 missing), about 0 s left"


def test_the_progress_bar_on_a_terminal(small_class):
    import pty

    folder, out = small_class
    ours, theirs = pty.openpty()
    process = command("grade", folder, "--out", out, errors=theirs, environment={"TERM": "xterm"})
    os.close(theirs)
    written = b""
    with contextlib.suppress(OSError):                                   # the other end is closed
        while part := os.read(ours, 4096):
            written += part
    assert process.wait(timeout=30) == 0
    process.stdout.close()
    os.close(ours)
    assert "3/3" in written.decode() and "3 ok" in written.decode()


def test_versions_follow_everything_that_decides_a_mark(monkeypatch):
    before = attempt.versions(1)
    question = WEEKS[1][0]
    for name, value in (("points", 7), ("tolerance", 0.5), ("reference", lambda *a: 1), ("cases", lambda rng: (1,)),
                        ("mistakes", [])):
        with monkeypatch.context() as changed:
            changed.setattr(question, name, value)
            after = attempt.versions(1)
        assert [name for name in before if before[name] != after[name]] == [question.name]
    assert attempt.versions(1) == before



def answers_by_heart(seed):
    """A sheet that knows the answers for the cases of a seed, and nothing else."""
    cases, expected, _ = marking._cases("count_weights", 1, seed)
    table = {tuple(case): want.tolist() for case, want in zip(cases, expected, strict=True)}
    return notebook(f"table = {table!r}\ndef count_weights(*sizes):\n    return table[sizes]")


def test_no_answers_can_be_learnt_by_heart(tmp_path):
    folder, out = tmp_path / "class", tmp_path / "out"
    hand_in(folder, "known", answers_by_heart(0))
    hand_in(folder, "right", notebook(RIGHT))
    seeds = []
    for again in ("first", "second"):
        invoke("grade", folder, "--out", out / again)
        marks = {row["stem"]: row["total"] for row in rows(out / again).values()}
        assert sorted(marks.values()) == [0, 1]
        with contextlib.closing(Store(out / again / DATABASE)) as store:
            seeds.append(store.seed)
    assert len({0, *seeds}) == 3
    for seed, points in ((seeds[0], 1), (seeds[1], 0)):                  # whoever knew the seed would pass
        assert mark(answers_by_heart(seeds[0]), 1, ["count_weights"], seed=seed)["total"] == points


def test_a_run_that_goes_on_has_the_cases_it_began_with(small_class):
    folder, out = small_class
    invoke("grade", folder, "--out", out)
    with contextlib.closing(Store(out / DATABASE)) as store:
        seed = store.seed
    hand_in(folder, "b", answers_by_heart(seed))
    invoke("grade", folder, "--out", out)
    invoke("regrade", out, folder, "--question", "count_weights")
    assert {row["total"] for row in rows(out).values()} == {1}
