"""Judging an answer's numbers and showing what is wrong with them, for the student's check and for the grader."""

import copy
import re
from dataclasses import dataclass, field
from pathlib import Path

import jinja2
import markupsafe
import numpy as np

from .general import close
from .question import Mistake, Question

LARGER, LARGER_DESIGN = 1000, 100    # an answer with so many times the numbers of the right one is not looked at

_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=jinja2.select_autoescape(["html.jinja"]),
    trim_blocks=True, lstrip_blocks=True,
)


def with_code(text):
    """A text for a page, what stands between backticks as code.  → HTML, everything else escaped"""
    return markupsafe.Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(markupsafe.escape(text))))


_TEMPLATES.filters["code"] = with_code


@dataclass
class Case:
    """One call of the student's function: what went in, what should come out, what came."""

    inputs: dict                     # argument name → value
    expected: np.ndarray             # the right numbers, or the wanted properties of a design
    got: np.ndarray | None = None    # what came; None when that was no numbers
    numbers: np.ndarray | None = None    # what is compared of it; None when there is nothing to compare
    properties: list = field(default_factory=list)   # of a design: (name, wanted, has or None, whether it is right)
    problem: str | None = None       # what is wrong; None when nothing is
    where: tuple | None = None       # index of the first number that differs
    line: str | None = None          # the student's line that raised

    @property
    def size(self):
        """How much there is to read, and of cases that are alike in this how large their numbers are."""
        numbers = [abs(value) for value in self.inputs.values() if isinstance(value, (int, float))]
        return sum(map(_count, self.inputs.values())) + np.size(self.expected), sum(numbers)


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
            "wrong": f"not yet: wrong in {self.failed} of {self.cases} random cases" if self.failed else
                     f"not yet: the numbers are right, but {self.mistake and self.mistake.name}",
            "error": f"not yet: an exception in {self.failed} of {self.cases} random cases",
            "timeout": "stopped: not done in time",
            "unanswered": "not answered yet",
        }[self.status]

    def __repr__(self):
        return _TEMPLATES.get_template("verdict.txt.jinja").render(v=self, text=_text).rstrip()

    def _repr_html_(self):
        return _TEMPLATES.get_template("verdict.html.jinja").render(v=self, table=table)


def summarize(question, cases, expected, judged, names):
    """The Verdict on judged cases: passed, or the smallest that fails and the mistake that it looks like.

    names: those that the answer uses. A rule of the question that is broken is the mistake where the numbers are right.
    """
    failing = [case for case in judged if case.problem]
    broken = question.broken_rule(names)
    if not failing:
        return Verdict(question, "wrong" if broken else "passed", len(judged), mistake=broken)
    smallest = min(failing, key=lambda case: case.size)
    mistake = question.name_mistake(cases, [case.numbers for case in judged], expected)
    errors = all(case.line is not None for case in failing)
    note = f"Whatever the numbers: {broken.name}. {broken.hint}" if broken and not errors else ""
    return Verdict(question, "error" if errors else "wrong", len(judged), len(failing), smallest, mistake, note)


def compare(question, case, changed):
    """Set what is wrong with case.got, if anything: its shape, its numbers, or that the inputs were changed."""
    if question.measure is not None:
        _measure(question, case)
    elif case.got.shape != case.expected.shape:
        case.problem = f"the shape is {case.got.shape}, it should be {case.expected.shape}"
        case.got = case.numbers = case.got if case.got.size <= LARGER * case.expected.size else None
    else:
        case.numbers = case.got
        wrong = ~close(case.numbers, case.expected, question.tolerance)
        if wrong.any():
            case.where = where = tuple(int(i) for i in np.argwhere(wrong)[0])
            numbers = f"got {float(case.got[where]):.6g}, expected {float(case.expected[where]):.6g}"
            case.problem = f"the number is wrong: {numbers}" if not where else \
                f"{int(wrong.sum())} of {wrong.size} numbers differ. The first is at {list(where)}: {numbers}."
    if not case.problem and changed:
        names = list(case.inputs)
        changed = " and ".join(f"`{names[i]}`" for i in changed)
        case.problem = f"the function changes its input {changed}. Work on a copy: the caller still needs the original."


def _measure(question, case):
    """Judge a design: set its properties, and which of them is not as wanted or why it has none."""
    arguments = tuple(case.inputs.values())
    right = np.asarray(question.reference(*copy.deepcopy(arguments)))
    wanted = question.properties(right, arguments)
    case.properties = [(name, value, None, False) for name, value in wanted.items()]
    case.problem = _cannot_be_measured(case.got, right)
    if case.problem:
        case.got = case.got if case.got.size <= LARGER_DESIGN * right.size else None
        return
    try:
        with np.errstate(all="ignore"):
            has = question.properties(case.got, arguments)
    except Exception as error:                       # a shape for which the measure was not made
        case.problem = f"what has shape {case.got.shape} cannot be judged: {short(error)}"
        return
    if list(has) != list(wanted):
        raise RuntimeError(f"{question.name}: measure gives the properties {list(has)}, and {list(wanted)} for the "
                           "reference; they must be the same")
    case.numbers = np.array(list(has.values()))
    case.properties = [(name, wanted[name], has[name], bool(close(has[name], wanted[name], question.tolerance)))
                       for name in wanted]
    wrong = [one for one in case.properties if not one[3]]
    if wrong:
        name, want, value, _ = wrong[0]
        count = f"{len(wrong)} of {len(has)} properties are not as wanted. The first is " if len(has) > 1 else ""
        value = f"got {value:.6g}" if np.isfinite(value) else f"it cannot be computed for this answer ({value})"
        case.problem = f"{count}{name}: {value}, wanted {want:.6g}"


def _cannot_be_measured(got, right):
    """Why an array is no design to be measured; None when it is one. right: the reference's."""
    if not got.size:
        return f"there are no numbers in it: the shape is {got.shape}"
    if got.size > LARGER_DESIGN * right.size:
        return f"the shape is {got.shape}, which is too large to be judged"
    if not np.isfinite(got).all():
        return f"{np.count_nonzero(~np.isfinite(got))} of {got.size} numbers are infinite or not numbers"
    return None


def as_numbers(value):
    """What an answer returned, as an array of real numbers: (array, None), or (None, what is wrong with it)."""
    if value is None:
        return None, "the function returned nothing (None). Is there a `return`?"
    if not isinstance(value, (np.ndarray, np.generic, int, float, list, tuple)) or isinstance(value, bool):
        return None, f"the function returned a {type(value).__name__}, a NumPy array or a number was asked for"
    try:
        array = np.array(value)
    except (ValueError, TypeError, OverflowError) as error:
        return None, f"what the function returned is not an array: {short(error)}"
    if array.dtype.kind == "c":
        return None, "the function returned complex numbers, real ones were asked for. Take the real part?"
    if array.dtype.kind not in "iuf":
        return None, f"the function returned dtype {array.dtype}, real numbers were asked for"
    return array, None


def _count(value):
    """How many numbers stand in an input; lists may hold lists of different lengths."""
    return sum(map(_count, value)) if isinstance(value, (tuple, list)) else np.size(value)


def short(value, limit=300):
    """The text of a value, on one line and at most so many characters."""
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
    if isinstance(value, list) and any(isinstance(row, list) for row in value):
        return [[(f"{i}: {row}", False)] for i, row in enumerate(value[:3 * rows])], f"a list of {len(value)} lists"
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
