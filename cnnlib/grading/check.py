"""`check(answer)`: run a student's function on random cases, and say what is wrong with a wrong one.

This is the student's own check, in the student's own kernel: it protects nobody from anything.
"""

import copy
import ctypes
import inspect
import linecache
import sysconfig
import threading
import traceback
from dataclasses import dataclass, field
from pathlib import Path

import jinja2
import numpy as np

from .question import Mistake, Question, close
from .questions import find

SECONDS = 20                 # no check runs longer
_HERE = Path(__file__).parent
_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_HERE), autoescape=jinja2.select_autoescape(["html.jinja"]),
    trim_blocks=True, lstrip_blocks=True,
)


@dataclass
class Case:
    """One call of the student's function: what went in, what should come out, what came."""

    inputs: dict                     # argument name → value
    expected: np.ndarray
    got: np.ndarray | None = None    # None when it gave no numbers
    problem: str | None = None       # what is wrong; None when nothing is
    where: tuple | None = None       # index of the first number that differs
    line: str | None = None          # the student's line that raised

    @property
    def size(self):
        return sum(np.size(value) for value in self.inputs.values()) + np.size(self.expected)


@dataclass
class Verdict:
    """What `check` returns; it shows itself as HTML in JupyterLab and as text elsewhere."""

    question: Question
    status: str                      # "passed", "wrong", "unanswered", "error", "timeout"
    cases: int                       # how many were run
    failed: int = 0                  # how many of them were wrong
    case: Case | None = None         # the smallest failing one
    mistake: Mistake | None = None
    note: str = ""

    @property
    def passed(self):
        return self.status == "passed"

    @property
    def headline(self):
        return {
            "passed": f"passed on {self.cases} random cases",
            "wrong": f"not yet: wrong in {self.failed} of {self.cases} random cases",
            "error": f"not yet: an exception in {self.failed} of {self.cases} random cases",
            "timeout": "stopped: not done in time",
            "unanswered": "not answered yet",
        }[self.status]

    def __repr__(self):
        return _TEMPLATES.get_template("verdict.txt.jinja").render(v=self, text=_text).rstrip()

    def _repr_html_(self):
        return _TEMPLATES.get_template("verdict.html.jinja").render(v=self, table=table)


def check(answer, seed=0, seconds=SECONDS):
    """Check one answer of an exercise sheet on random cases.

    answer: the function you defined; its name says which question it answers.  seed: draws the cases.
    seconds: when to stop, at most 20.
    Returns a Verdict, which shows itself: passed, or the smallest case that fails, the first number that differs, and
    the name of the mistake when it is a known one.  An exception in the answer is part of the verdict.
    Raises ValueError when no question has this name or seconds is out of range, TypeError when answer is no function.
    """
    if not 0 < seconds <= SECONDS:
        raise ValueError(f"check: seconds must be above 0 and at most {SECONDS}, got {seconds}")
    if not callable(answer):
        raise TypeError(f"check: answer must be the function you defined, got {type(answer).__name__}")
    question = find(_name_of(answer, inspect.currentframe().f_back))
    cases = question.draw_cases(seed)
    expected = [np.asarray(question.reference(*copy.deepcopy(case))) for case in cases]
    results = _run(answer, cases, seconds)
    names = list(inspect.signature(question.reference).parameters)
    judged = [_judge(question, names, case, want, result)
              for case, want, result in zip(cases, expected, results, strict=False)]
    return _verdict(question, cases, expected, judged, results, seconds)


def _verdict(question, cases, expected, judged, results, seconds):
    for result in results:
        if isinstance(result.error, NotImplementedError):
            return Verdict(question, "unanswered", len(judged), note=_what_is_missing(question, result.error))
    if len(judged) < len(cases):
        note = (f"After {seconds:g} seconds {len(judged)} of {len(cases)} cases were done. Is there a loop that never "
                "ends? If the kernel stays busy, restart it.")
        return Verdict(question, "timeout", len(judged), note=note)
    return summarize(question, cases, expected, judged)


def summarize(question, cases, expected, judged):
    """The Verdict on judged cases: passed, or the smallest that fails and the mistake that it looks like."""
    failing = [case for case in judged if case.problem]
    if not failing:
        return Verdict(question, "passed", len(judged))
    smallest = min(failing, key=lambda case: case.size)
    mistake = question.name_mistake(cases, [case.got for case in judged], expected)
    errors = all(case.line is not None for case in failing)
    return Verdict(question, "error" if errors else "wrong", len(judged), len(failing), smallest, mistake)


@dataclass
class _Result:
    value: object = None
    error: BaseException | None = None
    changed: list = field(default_factory=list)      # positions of the inputs that the function changed


class _Stop(BaseException):
    """Raised inside an answer that runs too long."""


def _run(answer, cases, seconds):
    """Call the answer on each case in a thread of its own; return what came within the time.

    A thread, because it works on every system and leaves the student's variables where they are: when the time is
    over the check returns at once, and the thread is asked to stop.
    """
    results = []

    def work():
        for case in cases:
            inputs = copy.deepcopy(case)
            result = _Result()
            try:
                result.value = answer(*inputs)
            except _Stop:
                return
            except BaseException as error:           # SystemExit and KeyboardInterrupt of the answer are its own affair
                result.error = error
            result.changed = [i for i, (now, before) in enumerate(zip(inputs, case, strict=True))
                              if isinstance(before, np.ndarray) and not np.array_equal(now, before)]
            results.append(result)
            if isinstance(result.error, NotImplementedError):
                return

    thread = threading.Thread(target=work, name=f"check {getattr(answer, '__name__', '')}", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(_Stop))
    return list(results)


def _judge(question, names, inputs, expected, result):
    case = Case(dict(zip(names, inputs, strict=False)), expected)
    if result.error is not None:
        case.problem = f"{type(result.error).__name__}: {_short(result.error)}"
        case.line = _student_line(result.error)
        return case
    case.got, case.problem = as_numbers(result.value)
    if case.problem:
        return case
    compare(question, case, result.changed)
    return case


def compare(question, case, changed):
    """Set what is wrong with case.got, if anything: its shape, its numbers, or that the inputs were changed."""
    if case.got.shape != case.expected.shape:
        case.problem = f"the shape is {case.got.shape}, it should be {case.expected.shape}"
    else:
        wrong = ~close(case.got, case.expected, question.tolerance)
        if wrong.any():
            case.where = tuple(int(i) for i in np.argwhere(wrong)[0])
            got, want = float(case.got[case.where]), float(case.expected[case.where])
            numbers = f"got {got:.6g}, expected {want:.6g}"
            case.problem = f"the number is wrong: {numbers}" if not case.where else \
                f"{int(wrong.sum())} of {wrong.size} numbers differ. The first is at {list(case.where)}: {numbers}."
    if not case.problem and changed:
        names = list(case.inputs)
        changed = " and ".join(f"`{names[i]}`" for i in changed)
        case.problem = f"the function changes its input {changed}. Work on a copy: the caller still needs the original."


def as_numbers(value):
    """What an answer returned, as an array of real numbers: (array, None), or (None, what is wrong with it)."""
    if value is None:
        return None, "the function returned nothing (None). Is there a `return`?"
    if not isinstance(value, (np.ndarray, np.generic, int, float, list, tuple)) or isinstance(value, bool):
        return None, f"the function returned a {type(value).__name__}, a NumPy array or a number was asked for"
    try:
        array = np.array(value)
    except (ValueError, TypeError, OverflowError) as error:
        return None, f"what the function returned is no array: {_short(error)}"
    if array.dtype.kind == "c":
        return None, "the function returned complex numbers, real ones were asked for. Take the real part?"
    if array.dtype.kind not in "iuf":
        return None, f"the function returned dtype {array.dtype}, real numbers were asked for"
    return array, None


def _name_of(answer, frame):
    """The name of the question: the function's own, or for a lambda the name it goes by where check was called."""
    name = getattr(answer, "__name__", "")
    if find(name, missing=None) is None:
        for alias, value in frame.f_globals.items():
            if value is answer and find(alias, missing=None) is not None:
                return alias
    return name


def _what_is_missing(question, error):
    """An answer may call an earlier one that is not there yet: say which."""
    inner = traceback.extract_tb(error.__traceback__)[-1].name
    other = find(inner, missing=None)
    return f"It calls `{inner}`, which is not answered yet." if other and other is not question else ""


def _student_line(error):
    """The last line of the student's own code in the traceback, such as `line 3: out[i] = x[i + 1]`."""
    ours = (str(_HERE.parent), sysconfig.get_paths()["stdlib"], sysconfig.get_paths()["purelib"], "<frozen", "<__array")
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith(ours)]
    if not frames:
        return ""
    frame = frames[-1]
    return f"line {frame.lineno}: {(frame.line or linecache.getline(frame.filename, frame.lineno)).strip()}"


def _short(value, limit=300):
    try:
        text = " ".join(str(value).split())
    except Exception as error:                       # a hostile or broken __str__
        text = f"(its text cannot be shown: {type(error).__name__})"
    return text if len(text) <= limit else text[:limit] + " …"


def _text(value):
    if isinstance(value, np.ndarray):
        return np.array2string(value, precision=4, suppress_small=True, threshold=120, edgeitems=4, max_line_width=100)
    return repr(value)


def table(value, where=None, rows=9, columns=9):
    """An array as rows of cells for the HTML verdict: (cells, note); each cell (text, is it the first that differs)."""
    array = np.asarray(value)
    if not array.size:
        array = array.reshape(0, 0)                  # a shape and no numbers
    at = where
    lead = ()
    while array.ndim > 2:                            # show the plane in which the first difference lies
        index = at[0] if at else 0
        lead, array, at = (*lead, index), array[index], at[1:] if at else None
    plane = np.atleast_2d(array)
    at = None if at is None else (0,) * (2 - len(at)) + tuple(at)
    # a window of the plane that holds the first difference
    top = min(max(0, at[0] - rows + 2), max(0, plane.shape[0] - rows)) if at else 0
    left = min(max(0, at[1] - columns + 2), max(0, plane.shape[1] - columns)) if at else 0
    form = "d" if array.dtype.kind in "iu" else ".4g"
    cells = [[(format(number, form), (i + top, j + left) == at) for j, number in enumerate(row)]
             for i, row in enumerate(plane[top:top + rows, left:left + columns])]
    shape = "a number" if np.ndim(value) == 0 else f"shape {np.shape(value)}"
    notes = [f"{shape}, {np.asarray(value).dtype}"]
    if lead:
        notes.append(f"shown: plane [{', '.join(map(str, lead))}]")
    if plane.shape[0] > rows or plane.shape[1] > columns:
        notes.append(f"rows from {top}, columns from {left}")
    return cells, "; ".join(notes)
