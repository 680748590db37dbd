"""Cells that Jupyter runs: each costs nothing here, or only the statement that cannot run."""

import contextlib

import pytest

from cnnlib.grading import marking
from cnnlib.grading.marking import mark
from cnnlib.grading.sandbox import Sandbox, SandboxUnavailable, Stopped, TrustingSandbox, check_available
from tests.grading.cells import QUESTIONS, RIGHT, notebook, passed


def costs(cells, truth, start):
    """Run cells. → the texts of their first errors, where they have any; whether an expression is true at the end."""
    with contextlib.closing(start()) as sandbox:
        errors = [sandbox.run_cell(number, source, 20) for number, source in enumerate(cells)]
        assert sandbox.run_cell(len(cells), f"def truth(): return [1] if ({truth}) else [0]", 20) is None
        array, instead, _ = sandbox.call("truth", [], 20)
        assert instead is None, instead
    return [error["text"] for error in errors if error], array.tolist() == [1]


# Name → cells, and what is true when they have run.
NOTHING = {
    "await": (["import asyncio\nawait asyncio.sleep(0)\nx = 1"], "x == 1"),
    "await of a function": (["async def f():\n    return 4\nx = await f()"], "x == 4"),
    "pip": (["%pip install -q numpy \\\n    scipy\nx = 1", "!pip install numpy \\\n    scipy\ny = 2"], "x + y == 3"),
    "prompts of Python": ([">>> def f(a):\n...     return a + 1\n"], "f(1) == 2"),
    "prompts of IPython": (["In [4]: x = 3\n   ...: y = 4\n"], "x + y == 7"),
    "help": (["x = [1]\nx[0]?\ny = 2\nlen??\n?x\nz = 3"], "y + z == 5"),
    "assigned shell": (["a = !ls\nfor line in a: print(line)\nx = 1"], "x == 1"),
    "assigned magic": (["def f():\n    return 5\nx = %time f()"], "x == 5"),
    "%time": (["%time x = 3"], "x == 3"),
    "%timeit": (["%timeit -n 10 -r 2 x = 3"], "x == 3"),
    "%%time": (["%%time\nx = 3"], "x == 3"),
    "%%timeit": (["%%timeit -n 3\nx = 3"], "x == 3"),
    "%%capture": (["%%capture out\nx = 3"], "x == 3"),
    "%%bash": (["x = 3", "%%bash\necho $((x = 4))", "%%html\n<b>"], "x == 3"),
    "autoreload": (["%load_ext autoreload\n%autoreload 2\nx = 1"], "x == 1"),
    "a magic in a block": (["if True:\n    %matplotlib inline\n    x = 1\n    !ls\n    y = !ls"], "x == 1"),
    "a line that begins with %": (["%matplotlib inline\nx = ('%d numbers'\n     % 3)"], "x == '3 numbers'"),
    "a line that begins with !=": (["%matplotlib inline\nx = (3\n     != 4)"], "x is True"),
    "a string with a line that begins with %d": (
        ["%matplotlib inline\ntext = '''\n%d\n!ls\n''' % 3"], "text == '\\n3\\n!ls\\n'"),
    "indented as a whole": (["    x = 3\n    y = 4\n"], "x + y == 7"),
    "a future import in an earlier cell": (
        ["from __future__ import annotations", "def f(x: Signal) -> torch.Tensor:\n    return 1"], "f(0) == 1"),
    "a future import behind a docstring": (
        ['"""Week 1"""\nfrom __future__ import annotations\ndef f(x: Signal):\n    return 1'], "f(0) == 1"),
    "line ends of Windows": (
        ["#@title f\r\ndef f():\r\n    return 1\r\n", "x = '''a\r\nb'''"], "f() == 1 and x == 'a\\nb'"),
    "line ends of old Macs": (["x = 1\rif x:\r    y = 2\r"], "y == 2"),
    "semicolons": (["x = 1; y = 2;"], "x + y == 3"),
    "nothing": (["", "# only a comment", "\n\n"], "True"),
    "IPython itself": (
        ["import IPython\nfrom IPython.display import HTML, display\ndisplay(HTML('x'))\nx = 1"], "x == 1"),
    "unpacked stand-ins": (["""
import matplotlib.pyplot as plt
from cnnlib import data
fig, (a, b) = plt.subplots(1, 2)
(x, y), (u, v) = data.digits()
first, *rest = plt.x
first, *rest, last = plt.x
for axis, image in zip(plt.x.flat, [1]): pass
for i, (axis, image) in enumerate(plt.x): pass
z = 1"""], "z == 1 and rest == []"),
    "stand-ins as numbers": (["""
import numpy as np
from cnnlib import data
x, y = data.digits()
u = (x[:100] / 255 - y.mean()) @ x.T
u *= 2
u[0] = 3
del u[0]
-u, 3 - u, 2 ** u, u // 2, 7 % u, abs(u), ~u, u & 1, u > 3, u == 3, 3 < u
f'{u:.3f} {u!r} {u}', '%d %s' % (u, u), float(u), int(u), range(u.shape[0]), round(u, 2)
list(u), [*u], len(u), 3 in u, sorted(u), sum(u)
z = 1"""], "z == 1"),
    "stand-ins in NumPy": (["""
import numpy as np
from cnnlib import data
x, y = data.digits()
np.mean(x), np.sin(x), np.stack([x, x]), np.float64(3) * x, np.ones(3) * x, x + np.ones(3), np.exp(x)[0]
z = 1"""], "z == 1"),
    "stand-ins as classes, decorators and contexts": (["""
import ipywidgets
import matplotlib.pyplot as plt
class Axes(plt.Axes):
    pass
@ipywidgets.interact(x=(0, 1))
def draw(x):
    return 1
@plt.style
def other(x):
    return 1
with plt.style.context('x'), plt.rc_context() as c: pass
out = ipywidgets.Output()
with out:
    display(3)
z = Axes()"""], "z is not None"),
    "rcParams": (["import matplotlib.pyplot as plt\nplt.rcParams['figure.figsize'] = (8, 4)\n"
                  "plt.rcParams.update({'font.size': 8})\nx = 1"], "x == 1"),
    "the student's check": (["from cnnlib.grading import check\ncheck(print)\nx = 1"], "x == 1"),
}


@pytest.mark.parametrize("name", NOTHING)
def test_it_costs_nothing(name):
    errors, true = costs(*NOTHING[name], TrustingSandbox)
    assert not errors and true, errors


# Name → cells, what is true when they have run, and the errors.
STATEMENT = {
    "an import that is not there": (["import nowhere\nimport nowhere.signal\nimport numpy as np\nx = np.ones(3)"],
                                    "x.sum() == 3", ["ModuleNotFoundError: No module named 'nowhere'"]),
    "an assertion": (["x = 1\nassert x == 2\ny = 2"], "x + y == 3", ["AssertionError: "]),
    "a name that is not there": (["x = 1\nprint(z)\ny = 2"], "x + y == 3", ["NameError: name 'z' is not defined"]),
    "leaving": (["x = 1\nraise SystemExit\ny = 2", "exit()\nz = 3"], "x + y + z == 6", ["SystemExit: ", "NameError: "]),
    "a long await": (["import asyncio\nx = 1\nawait asyncio.sleep(1)\ny = 2"], "x + y == 3", ["RuntimeError: "]),
    "a syntax error": (["x = = 3", "y = 1"], "y == 1", ["SyntaxError: invalid syntax"]),
    "the cell of a syntax error": (["x = 1", "x = 2\nif\nx = 3"], "x == 1", ["SyntaxError: invalid syntax"]),
}


@pytest.mark.parametrize("name", STATEMENT)
def test_it_costs_only_what_cannot_run(name):
    cells, truth, wanted = STATEMENT[name]
    errors, true = costs(cells, truth, TrustingSandbox)
    assert true and len(errors) == len(wanted)
    assert all(error.startswith(start) for error, start in zip(errors, wanted, strict=True)), errors


# ---- in the sandbox

@pytest.fixture
def sandbox():
    try:
        check_available()
    except SandboxUnavailable as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("name", ["await", "pip", "%%bash", "unpacked stand-ins", "line ends of Windows"])
def test_in_the_sandbox_too(name, sandbox):
    errors, true = costs(*NOTHING[name], Sandbox)
    assert not errors and true, errors


def test_a_cell_that_is_stopped_says_at_which_statement(sandbox):
    with contextlib.closing(Sandbox()) as process, pytest.raises(Stopped) as stopped:
        process.run_cell(0, "x = 1\ny = 2\nwhile True: pass\nz = 3", 1)
    assert (stopped.value.status, stopped.value.statement) == ("timeout", 2)


def below(*lines):
    """Cells in which the answers stand above and below these lines."""
    above, under = RIGHT.split("def convolve1d_full")
    return "\n".join([above, *lines, f"def convolve1d_full{under}"])


@pytest.mark.parametrize(("line", "status"), [
    ("while True: pass", "timeout"), ("import os; os._exit(0)", "crash"), ("np.ones(10**7).tobytes() * 10**4", "ok"),
    ("import os; os.kill(os.getpid(), 9)", "limit")])
def test_a_line_that_ends_the_process_costs_only_itself(line, status, sandbox, monkeypatch):
    monkeypatch.setattr(marking, "CELL_SECONDS", 1.5)
    record = mark(notebook(below(line)), 1, QUESTIONS)
    assert record["status"] == status and passed(record) == QUESTIONS and record["total"] == record["max"]
    assert record["reasons"] == record["cells"] and len(record["cells"]) == (status != "ok")


def test_many_slow_lines_cost_neither_the_sheet_nor_what_is_defined_below_them(sandbox, monkeypatch):
    monkeypatch.setattr(marking, "CELL_SECONDS", 0.5)
    monkeypatch.setattr(marking, "TOTAL_SECONDS", 10)
    record = mark(notebook(below("import time", *["time.sleep(60)"] * 50)), 1, QUESTIONS)
    assert record["status"] == "timeout" and passed(record) == QUESTIONS
    assert record["reason"] == "cell 1: it took too long and was stopped"


class Lies(TrustingSandbox):
    """Says of each cell that it stopped at its first statement, whatever was skipped."""

    runs = []

    def run_cell(self, number, source, seconds, skip=(), rest=None):
        self.runs.append((number, list(skip)))
        if number == 0:
            stop = Stopped("timeout", "it took too long")
            stop.statement = 0
            raise stop
        return super().run_cell(number, source, seconds, skip, rest)


def test_a_cell_that_stops_twice_at_one_statement_is_left_out():
    record = mark(notebook("x = 1", RIGHT), 1, QUESTIONS, Lies)
    assert passed(record) == QUESTIONS and Lies.runs == [(0, []), (0, [0]), (1, [])]


# ---- the first error is told

def test_the_first_error_is_told_first_where_points_are_missing():
    record = mark(notebook("x = 1", "import nowhere\nprint(x)", "print(nothing)", RIGHT.split("def convolve")[0]), 1,
                  QUESTIONS, TrustingSandbox)
    first = "cell 2, line 1: import nowhere: ModuleNotFoundError: No module named 'nowhere'"
    assert record["first_error"] == first and record["reasons"][0] == first and record["reason"].startswith(first)
    assert record["reasons"][1:] == ["convolve1d_full: the sheet defines no such function"] and not record["cells"]


def test_an_error_that_costs_nothing_is_kept_but_gives_no_reason():
    record = mark(notebook("import nowhere", RIGHT), 1, QUESTIONS, TrustingSandbox)
    assert passed(record) == QUESTIONS and record["reasons"] == [] and record["reason"] == ""
    assert record["first_error"].startswith("cell 1, line 1: import nowhere: ")


def test_without_an_error_none_is_told():
    assert mark(notebook(RIGHT), 1, QUESTIONS, TrustingSandbox)["first_error"] == ""
