"""Marks are fair: an answer loses for what is wrong with it, and nothing else in the sheet is lost with it."""

import itertools
import json
import re
import textwrap
import time

import nbformat
import numpy as np
import pytest

from cnnlib.grading import marking
from cnnlib.grading.marking import lost, mark
from cnnlib.grading.questions import WEEKS
from cnnlib.grading.sandbox import Sandbox
from tests.grading.alone import stand_alone
from tests.grading.cells import FIND, QUESTIONS, RIGHT, notebook, passed
from tests.grading.classes import need_sandbox

need_sandbox()
COUNT, CONVOLVE = QUESTIONS


def marked(*sources, questions=QUESTIONS):
    """The record of right answers with these cells behind them."""
    return mark(notebook(RIGHT, *map(textwrap.dedent, sources)), 1, questions)


def row(record, name=COUNT):
    return next(row for row in record["questions"] if row["name"] == name)


# ---- solutions, sheets and alternatives

def test_solutions_have_full_marks_and_untouched_sheets_none(root):
    record = mark((root / "solutions" / "week1.ipynb").read_bytes(), 1)
    assert record["status"] == "ok" and record["reason"] == ""
    assert record["total"] == record["max"] == sum(question.points for question in WEEKS[1])
    record = mark((root / "exercises" / "week1.ipynb").read_bytes(), 1)
    assert record["status"] == "ok" and record["total"] == 0
    assert {row["status"] for row in record["questions"]} == {"unanswered"}
    assert all(row["name"] in record["reason"] for row in record["questions"][:3])


def test_every_accepted_alternative_has_full_marks():
    count = 0
    for turn in itertools.count():
        cells, names = [], []
        for question in WEEKS[1]:
            functions = [stand_alone(question, function) for function in question.alternatives.values()]
            functions = [source for source in functions if source]
            assert functions, f"{question.name} has no alternative that needs only NumPy"
            if turn < len(functions):
                cells.append(functions[turn])
                names.append(question.name)
        if not names:
            break
        record = mark(notebook(*cells), 1, names)
        assert record["status"] == "ok" and passed(record) == names, record["reason"]
        count += len(names)
    assert count > len(WEEKS[1])


@pytest.mark.parametrize("value", [
    "[(h * w) ** 2, a * b]", "((h * w) ** 2, a * b)", "[float((h * w) ** 2), float(a * b)]",
    "np.array([(h * w) ** 2, a * b], np.int32)", "np.array([(h * w) ** 2, a * b], np.uint64)",
    "np.array([(h * w) ** 2, a * b], np.float32)", "np.array([(h * w) ** 2, a * b], '>f8')",
    "np.array([(h * w) ** 2, a * b], np.longdouble)", "[np.float32((h * w) ** 2), a * b]",
    "[np.array((h * w) ** 2), a * b]", "np.ma.array([(h * w) ** 2, a * b])", "np.matrix([(h * w) ** 2, a * b]).A1",
    "np.array([(h * w) ** 2, 0, a * b, 0])[::2]",
])
def test_real_numbers_of_any_kind_are_right(value):
    record = marked(f"def count_weights(h, w, a, b): return {value}")
    assert passed(record) == QUESTIONS, record["reason"]


@pytest.mark.parametrize(("value", "problem"), [
    ("[[(h * w) ** 2, a * b]]", r"shape is \(1, 2\), it should be \(2,\)"),
    ("[[(h * w) ** 2], [a * b]]", r"shape is \(2, 1\)"),
    ("[(h * w) ** 2, a * b, 0]", r"shape is \(3,\)"),
    ("(h * w) ** 2", r"shape is \(\)"),
    ("np.zeros((0, 3, 3))", r"shape is \(0, 3, 3\)"),
    ("np.zeros(10**6)", r"shape is \(1000000,\)"),
    ("[(h * w) ** 2 + 0j, a * b]", "complex"), ("[str((h * w) ** 2), str(a * b)]", "dtype <U"),
    ("np.array([(h * w) ** 2, a * b], object)", "dtype object"), ("[h > 0, True]", "dtype bool"),
    ("[(h * w) ** 2, a * b, None][:2] + [None]", "dtype object"), ("[[1], [1, 2]]", "ValueError: setting an array"),
    ("True", "returned bool"), ("None", "returned NoneType"), ("{1: 2}", "returned dict"), ("{1, 2}", "returned set"),
    ("str(h)", "returned str"), ("(n for n in (1, 2))", "returned generator"), ("1j", "returned complex"),
    ("[(h * w) ** 2, np.nan]", "1 of 2 numbers differ"), ("[np.inf, np.inf]", "2 of 2 numbers differ"),
    ("[-np.inf, a * b]", "1 of 2"), ("[(h * w) ** 2 * 1.001, a * b]", "1 of 2"), ("[2**70, 1]", "dtype object"),
])
def test_what_is_not_right_is_told(value, problem):
    record = marked(f"def count_weights(h, w, a, b): return {value}")
    assert record["status"] == "ok" and passed(record) == [CONVOLVE]
    assert re.search(problem, row(record)["problem"]), row(record)["problem"]
    json.dumps(record, allow_nan=False)


def test_a_number_is_no_array_of_one_number(monkeypatch):
    question = WEEKS[1][0]
    monkeypatch.setattr(question, "reference", lambda height, width, kernel_height, kernel_width: np.float64(height))
    marking._cases.cache_clear()
    try:
        for value, right in [("h", True), ("float(h)", True), ("np.array(h)", True), ("np.float32(h)", True),
                             ("[h]", False), ("np.array([h])", False), ("np.array([[h]])", False)]:
            record = marked(f"def count_weights(h, w, a, b): return {value}")
            assert (COUNT in passed(record)) == right, value
    finally:
        marking._cases.cache_clear()


def test_numbers_within_the_tolerance_are_right_and_beyond_it_wrong():
    tolerance = next(question.tolerance for question in WEEKS[1] if question.name == CONVOLVE)
    for factor, right in [(0.9, True), (1.1, False)]:
        record = marked(f"""
            def convolve1d_full(x, w):
                out = full(x.astype(float), w)
                return out + {factor * tolerance} * (1 + abs(out))""")
        assert (CONVOLVE in passed(record)) == right


# ---- inputs

def test_each_call_has_fresh_inputs():
    record = marked("""
        seen = []
        def convolve1d_full(x, w):
            seen.append((x, w))
            out = full(x, w)
            for x, w in seen[:-1]:
                x[...] = w[...] = np.nan            # inputs of earlier calls are the student's
            return out""")
    assert passed(record) == QUESTIONS


def test_a_changed_input_is_told_and_spoils_nothing_else():
    record = marked("""
        def convolve1d_full(x, w):
            out = full(x, w)
            x[0] += 1
            w.sort()
            return out""")
    assert "changes its input `x`" in row(record, CONVOLVE)["problem"] and passed(record) == [COUNT]
    record = marked("""
        def convolve1d_full(x, w):
            x *= 0
            return full(x, w)""")
    assert "numbers differ" in row(record, CONVOLVE)["problem"]


def test_state_and_views_of_a_global_buffer_are_no_matter():
    record = marked("""
        buffer, calls = np.zeros(100), 0
        def convolve1d_full(x, w):
            global calls
            calls += 1
            out = buffer[:len(x) + len(w) - 1]
            out[...] = 0
            for i in range(len(x)):
                out[i:i + len(w)] += x[i] * w
            return out""")
    assert passed(record) == QUESTIONS
    record = marked("""
        cache = {}
        def convolve1d_full(x, w):
            return cache.setdefault(len(x), full(x, w))""")
    assert passed(record) == [COUNT]


# ---- cells

def test_the_last_definition_of_a_name_wins():
    wrong = "def count_weights(*sizes): return [0, 0]"
    right = "count_weights = lambda h, w, a, b: [(h * w) ** 2, a * b]"
    assert passed(marked(wrong)) == [CONVOLVE] and passed(marked(wrong, right)) == QUESTIONS
    assert passed(marked(right, wrong)) == [CONVOLVE] and passed(marked("count_weights = 5")) == [CONVOLVE]
    assert passed(marked("del count_weights")) == [CONVOLVE]
    assert row(marked("del count_weights"))["status"] == "not defined"


def test_any_callable_answers():
    record = marked("""
        import functools
        class Convolve:
            def __call__(self, x, w):
                return full(x, w)
        convolve1d_full = Convolve()
        count_weights = functools.partial(count_weights)""")
    assert passed(record) == QUESTIONS
    assert passed(marked("convolve1d_full = full")) == QUESTIONS


def test_reordered_duplicated_deleted_extra_and_broken_cells_cost_nothing(root):
    solution = nbformat.read(root / "solutions" / "week1.ipynb", as_version=4)
    full = sum(question.points for question in WEEKS[1])
    extra = [{"cell_type": "code", "source": source} for source in (
        "print('x' * 10**6)", "1 / 0", "raise SystemExit", "not python", "%matplotlib inline", "input()",
        "import torch", "import cnnlib.scratch", "x = np.zeros(3)[5]", "")]
    cells = [{"cell_type": cell.cell_type, "source": cell.source} for cell in solution.cells]
    record = mark(json.dumps({"cells": extra + cells[::-1] + extra + cells}).encode(), 1)
    assert record["status"] == "ok" and record["total"] == full and record["reason"] == ""


def test_a_question_deleted_costs_only_itself(root):
    solution = nbformat.read(root / "solutions" / "week1.ipynb", as_version=4)
    name = WEEKS[1][2].name
    solution.cells = [cell for cell in solution.cells if name not in cell.source]
    record = mark(nbformat.writes(solution).encode(), 1)
    assert [row["name"] for row in record["questions"] if row["status"] != "passed"] == [name]
    assert record["status"] == "ok" and record["reason"] == f"{name}: the sheet defines no such function"
    assert record["total"] == record["max"] - WEEKS[1][2].points


@pytest.mark.parametrize("cell", [
    "%matplotlib inline\ncount_weights = good", "%%time\ncount_weights = good", "%time count_weights = good",
    "%%capture out\ncount_weights = good", "!ls\nfiles = !ls\n?good\ngood??\ncount_weights = good",
    "\n\n%%timeit -n 1\ncount_weights = good", "for i in range(3):\n    %time i\n    !ls\ncount_weights = good",
    'text = """\n%d %s\n""" % (1, 2)\ncount_weights = good'])
def test_ipythons_own_language_costs_nothing(cell):
    record = marked("good, count_weights = count_weights, None", cell)
    assert record["status"] == "ok" and passed(record) == QUESTIONS, record["reason"]


def test_line_ends_and_forms_of_sources_are_no_matter():
    sources = [RIGHT.replace("\n", "\r\n"), "x = 1\rif x:\r  y = 1", RIGHT.splitlines(keepends=True), 5, [5], None]
    cells = [{"cell_type": "code", "source": source} for source in sources]
    cells += [{"cell_type": "code"}, {"cell_type": "markdown", "source": "# def x"}, {"cell_type": 7}, "cell", None, []]
    record = mark(json.dumps({"cells": cells}).encode(), 1, QUESTIONS)
    assert record["status"] == "ok" and passed(record) == QUESTIONS


def test_a_sheet_without_cells_is_unanswered():
    record = mark(notebook(), 1)
    assert record["status"] == "ok" and record["total"] == 0 and "defines no such function" in record["reason"]


# ---- what is lost, and what is not

LOST = {
    "an exception": ("return [][3]", "ok", "error"),
    "leaving": ("raise SystemExit", "ok", "error"),
    "not implemented": ("raise NotImplementedError", "ok", "unanswered"),
    "a kind of not implemented": ("raise type('Later', (NotImplementedError,), {})", "ok", "error"),
    "wrong": ("return [1, 2]", "ok", "wrong"),
    "endless": ("\n    while True: pass", "timeout", "timeout"),
    "slow": ("time.sleep(0.2); return [(sizes[0] * sizes[1]) ** 2, sizes[2] * sizes[3]]", "timeout", "timeout"),
    "a crash": ("os.abort()", "crash", "crash"),
    "a silent exit": ("os._exit(0)", "crash", "crash"),
    "a large answer": ("return np.zeros(5 * 10**6)", "limit", "limit"),
    "killed": ("os.kill(os.getpid(), 9)", "limit", "limit"),
}


@pytest.mark.parametrize("name", LOST)
def test_one_lost_question_costs_only_itself(name, monkeypatch):
    body, status, question_status = LOST[name]
    if status == "timeout":
        monkeypatch.setattr(marking, "QUESTION_SECONDS", 1.5)
    record = marked("import os, time", f"def count_weights(*sizes): {body}")
    assert record["status"] == status and passed(record) == [CONVOLVE] and record["total"] == 2
    assert row(record)["status"] == question_status and record["reason"].startswith("count_weights: ")


@pytest.mark.parametrize(("cell", "status"), [
    ("while True: pass", "timeout"), ("import os; os._exit(0)", "crash"),
    ("import os; os.kill(os.getpid(), 9)", "limit")])
def test_a_cell_that_ends_the_process_costs_only_itself(cell, status, monkeypatch):
    monkeypatch.setattr(marking, "CELL_SECONDS", 1.5)
    record = mark(notebook("first = 1", cell, RIGHT, "assert first == 1", cell), 1, QUESTIONS)
    assert record["status"] == status and passed(record) == QUESTIONS and record["total"] == record["max"]
    assert "cell 2: " in record["reason"] and "cell 5: " in record["reason"]


def test_slow_and_endless_answers_do_not_take_the_time_of_others(monkeypatch):
    monkeypatch.setattr(marking, "CELL_SECONDS", 1)
    monkeypatch.setattr(marking, "QUESTION_SECONDS", 1)
    slow = "import time\ntime.sleep(0.5)"                                # below the limit of a cell: allowed each time
    record = marked(slow, "def count_weights(*sizes):\n    while True: pass", slow)
    assert record["status"] == "timeout" and passed(record) == [CONVOLVE]


def test_the_whole_submission_has_a_limit_too(monkeypatch):
    monkeypatch.setattr(marking, "TOTAL_SECONDS", 2)
    began = time.monotonic()
    record = mark(notebook(*["import time\ntime.sleep(0.5)"] * 20, RIGHT), 1, QUESTIONS)
    assert record["status"] == "timeout" and record["total"] == 0 and time.monotonic() - began < 4
    assert "took 2 seconds" in record["reason"]


def test_a_sheet_that_ends_one_sandbox_after_the_other_is_stopped(monkeypatch):
    monkeypatch.setattr(marking, "RESTARTS", 4)
    record = mark(notebook(*["import os\nos._exit(0)"] * 20, RIGHT), 1, QUESTIONS)
    assert record["status"] in ("limit", "crash") and record["total"] == 0 and "ended 4 sandboxes" in record["reason"]


def test_sandboxes_are_closed_whatever_happens():
    started = []

    def start():
        if len(started) == 2:
            raise KeyboardInterrupt
        started.append(Sandbox())
        return started[-1]

    with pytest.raises(KeyboardInterrupt):
        mark(notebook(*["import os\nos._exit(0)"] * 5), 1, QUESTIONS, start)
    assert all(sandbox.process.poll() is not None for sandbox in started)


# ---- the record

def test_a_wrong_answer_is_shown_with_the_smallest_case_and_its_mistake():
    record = marked("def convolve1d_full(x, w): return full(x, w[::-1])")
    wrong = row(record, CONVOLVE)
    assert wrong["status"] == "wrong" and wrong["mistake"] == "the kernel is not flipped" and wrong["hint"]
    case = wrong["case"]
    x, w = (np.array(case["inputs"][name]["value"]) for name in ("x", "w"))
    np.testing.assert_allclose(case["expected"]["value"], np.convolve(x, w))
    np.testing.assert_allclose(case["got"]["value"], np.convolve(x, w[::-1]))
    assert case["where"] and record["reason"].startswith("convolve1d_full: ")
    json.dumps(record, allow_nan=False)


def test_infinities_are_told_as_such():
    record = marked("def convolve1d_full(x, w): return np.full(len(x) + len(w) - 1, np.inf)")
    wrong = row(record, CONVOLVE)
    assert wrong["status"] == "wrong" and wrong["mistake"] == "some numbers are infinite or not numbers"


def test_the_line_that_raised_is_told():
    record = marked("y = 1\ndef count_weights(*sizes):\n    z = 2\n    return [][z]  # here")
    assert row(record)["line"] == "line 4: return [][z]  # here"
    assert row(record)["problem"] == "IndexError: list index out of range"


def test_the_record_of_what_cannot_be_marked():
    record = lost(1, "missing", "there is no week1.ipynb")
    assert (record["status"], record["total"], record["max"]) == ("missing", 0, sum(q.points for q in WEEKS[1]))
    assert record["reason"] == "there is no week1.ipynb" and len(record["questions"]) == len(WEEKS[1])
    record = mark(b"\xff\xfe{}", 1, QUESTIONS)
    assert record["status"] == "invalid" and record["max"] == 3 and "UTF-8" in record["reason"]


def test_the_same_submission_has_the_same_record():
    sources = ["def count_weights(*sizes): return sizes[:2]", "def convolve1d_full(x, w): return hash('x') * x"]
    assert marked(*sources) == marked(*sources)


# ---- an answer must not be found inside

SCAN = """
def found():
    # How often the two numbers stand one behind the other in the memory of this process. A sum of their products is
    # looked for, so that they never stand there because they are looked for.
    import numpy as np
    count, one, other = 0, np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)
    memory = open("/proc/self/mem", "rb", buffering=0)
    for line in open("/proc/self/maps"):
        start, end = (int(number, 16) for number in line.split()[0].split("-"))
        if "r" not in line.split()[1] or line.rstrip().endswith(("[vvar]", "[vsyscall]", "[vvar_vclock]")):
            continue
        for at in range(start, end, 1 << 22):
            try:
                memory.seek(at)
                words = np.frombuffer(memory.read(min((1 << 22) + 8, end - at)), np.uint64)
            except (OSError, ValueError):
                continue
            count += int(np.sum(words[:-1] * one + words[1:] * other == np.uint64(TARGET)))
    return count
"""


def test_no_expected_value_is_anywhere_in_the_process_of_a_student():
    name = "match_template"
    _, expected, _ = marking._cases(name, 1, 0)
    first, second = np.ascontiguousarray(expected[0], np.float64).view(np.uint64).ravel()[:2]
    with np.errstate(over="ignore"):
        target = first * np.uint64(0x9E3779B97F4A7C15) + second * np.uint64(0xC2B2AE3D27D4EB4F)
    answers = """
times, counts = 0, []
def match_template(image, template):
    global times
    times += 1
    if times in (1, 20):
        counts.append(found())
def convolve1d_full(x, w):
    if len(counts) == 2:
        counts.append(found())
    raise RuntimeError(counts)
"""
    scan, names = SCAN.replace("TARGET", str(int(target))), [name, CONVOLVE]
    record = mark(notebook(scan, answers), 1, names)
    assert row(record, CONVOLVE)["problem"] == "RuntimeError: [0, 0, 0]"
    planted = f"import numpy as np\nplanted = np.array({expected[0].ravel()[:2].tolist()})"
    record = mark(notebook(planted, scan, answers), 1, names)
    assert re.fullmatch(r"RuntimeError: \[[1-9]\d*(, [1-9]\d*){2}\]", row(record, CONVOLVE)["problem"]), \
        "the scan finds what is there"


def test_nothing_that_is_sent_in_tells_how_a_call_was_judged():
    """A right and a wrong answer are told the same: the calls differ in nothing."""
    said = {}
    for factor in (1, 0):
        messages = []

        class Listening(Sandbox):
            def _send(self, header, data, deadline, messages=messages):
                messages.append((json.dumps(header), data if "call" in header else b""))
                super()._send(header, data, deadline)

        answer = f"def convolve1d_full(x, w): return {factor} * full(x, w)"
        record = mark(notebook(RIGHT, answer), 1, QUESTIONS, Listening)
        assert (CONVOLVE in passed(record)) == bool(factor)
        said[factor] = messages
    rules = sum(bool(question.forbids or question.needs) for question in WEEKS[1] if question.name in QUESTIONS)
    assert said[0] == said[1] and len(said[0]) == 2 + 2 * 20 + rules


def test_the_process_inside_imports_nothing_of_the_course():
    record = marked(FIND + """
import sys
names = sorted(name for name in sys.modules if name.startswith("cnnlib"))
def count_weights(*sizes):
    raise RuntimeError(f"{names} {sys.path}")
""")
    problem = row(record)["problem"]
    assert problem.startswith("RuntimeError: [] ") and "site-packages" not in problem
